//! Lock connections: controllers, and the locks their vendor lists. Only the virtual vendor is
//! built; its list stands in the controller's settings, where whoever plays the vendor changes it.

use std::collections::HashSet;

use claviger_app::controller::{self, ListedLock};
use claviger_app::{Context, Error, Expected, Id, doorbell};
use claviger_domain::ids::Noun;
use claviger_domain::noun::Json;
use claviger_domain::noun::controller::{Controller, ControllerEdit};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use serde_json::{Map, Value, json};

use super::{Answered, at_place, by, expect, fields_of, job, named, object, page_of, written};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;
use crate::compat::unloc::error::{Failure, refuse};
use crate::compat::unloc::map;

/// The one vendor with a path to connect by; also the model of its locks.
const VIRTUAL: &str = "virtual";
/// Where in the settings the virtual vendor's list stands: objects with `id` and `name`.
const LISTED: &str = "virtual_locks";
/// The most locks of one connection.
const MOST_LOCKS: u64 = 100;
/// How a connection may stand; the virtual vendor's settings may say so under `state`.
const STATES: [&str; 4] = ["connected", "connecting", "error", "disconnected"];

fn settings(controller: &Controller) -> Map<String, Value> {
    map::object(controller.settings.as_ref())
}

/// The vendor's list as it stands; an error where nobody can say what it means.
fn listed(value: &Value) -> Result<Vec<ListedLock>, String> {
    let wrong = |at: usize| format!("{LISTED}.{at} must be an id and a name, each id once");
    let list = value.as_array().ok_or_else(|| format!("{LISTED} must be a list"))?;
    if list.len() as u64 > MOST_LOCKS {
        return Err(format!("{LISTED} must have at most {MOST_LOCKS} locks"));
    }
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (at, one) in list.iter().enumerate() {
        let id = one["id"].as_str().filter(|id| is_vendor_id(id)).ok_or_else(|| wrong(at))?;
        let name = one["name"].as_str().filter(|name| is_name(name)).ok_or_else(|| wrong(at))?;
        if !seen.insert(id) {
            return Err(wrong(at));
        }
        found.push(ListedLock { id: id.to_owned(), name: name.to_owned() });
    }
    Ok(found)
}

fn is_vendor_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(fits)
}

fn is_name(name: &str) -> bool {
    (1..=200).contains(&name.chars().count())
        && !name.trim().is_empty()
        && !name.chars().any(char::is_control)
}

/// How a connection stands: as its vendor says, and in error where its list cannot be read.
fn state(settings: &Map<String, Value>) -> &'static str {
    if settings.get(LISTED).is_some_and(|list| listed(list).is_err()) {
        return "error";
    }
    let said = settings.get("state").and_then(Value::as_str);
    STATES.into_iter().find(|state| Some(*state) == said).unwrap_or(STATES[0])
}

fn kept_metadata(settings: &Map<String, Value>) -> Option<Json> {
    settings.get("metadata").map(|kept| Json(kept.to_string()))
}

fn shown(controller: &Controller, place: &PlaceState) -> Value {
    let settings = settings(controller);
    let locks = place.locks.iter().filter(|it| it.controller == Some(controller.number()));
    json!({
        "id": controller.header.id.to_string(),
        "name": controller.name,
        "vendor": if settings.contains_key(LISTED) { VIRTUAL } else { "claviger" },
        "state": state(&settings),
        "created": map::time(controller.header.created_at),
        "metadata": map::metadata(kept_metadata(&settings).as_ref()),
        "lockIds": locks.map(|lock| lock.header.id.to_string()).collect::<Vec<_>>(),
    })
}

/// `POST …/lock-connections/{vendor}`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    if call.path.get("connection") != Some(VIRTUAL) {
        let detail = "Only the vendor virtual is built: POST …/lock-connections/virtual.";
        return Err(Failure::new(400, "Bad Request", detail));
    }
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["locksToCreate", "name", "metadata"], &mut wrongs);
    let count = body.get("locksToCreate").and_then(Value::as_u64);
    let count = count.filter(|count| (1..=MOST_LOCKS).contains(count));
    let reason = format!("must be a whole number from 1 to {MOST_LOCKS}");
    wrongs.check(count.is_some(), "locksToCreate", &reason);
    let name = name(&body, &mut wrongs);
    let metadata = map::metadata_edit(&body, None, &mut wrongs);
    refuse(wrongs)?;
    let one =
        |number| ListedLock { id: format!("{number}"), name: format!("Virtual Lock {number}") };
    let locks: Vec<ListedLock> = (1..=count.unwrap_or(1)).map(one).collect();
    let list = locks.iter().map(|lock| json!({ "id": lock.id, "name": lock.name }));
    let mut settings = json!({ LISTED: list.collect::<Vec<_>>() });
    put_metadata(&mut settings, metadata.flatten());
    let edit = ControllerEdit {
        name: Some(name.unwrap_or("Virtual locks").to_owned()),
        settings: Some(Some(Json(settings.to_string()))),
        ..ControllerEdit::default()
    };
    let made = controller::connect(&ctx, place, edit, VIRTUAL, locks).await?;
    Ok(job::started(&call, &made.done().ok_or(Error::Internal)?))
}

fn name<'v>(body: &Fields<'v>, wrongs: &mut Wrongs) -> Option<&'v str> {
    body.sized("name", 1, 200, wrongs);
    body.text("name", wrongs)
}

fn put_metadata(settings: &mut Value, metadata: Option<Json>) {
    let kept = metadata.and_then(|it| serde_json::from_str::<Value>(&it.0).ok());
    settings["metadata"] = kept.unwrap_or_else(|| json!({}));
}

/// `GET …/lock-connections`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let paging = page_of(&call, &ctx, place, Scope::ControllersRead, Noun::Controller).await?;
    let page = controller::list_where(&ctx, place, paging, |it| !doorbell::is_one(it))?;
    let found = page.items.iter().map(|it| shown(it, &page.state));
    Ok(named("lockConnections", found.collect()))
}

type Found = claviger_app::Seen<std::sync::Arc<Controller>>;

fn find(call: &Call, ctx: &Context, place: Id) -> Result<Found, Failure> {
    let what = map::noun(Noun::Controller);
    let seen = controller::get(ctx, place, &by(object(call, "connection", what)?))?;
    if doorbell::is_one(&seen.value) { Err(Failure::not_found(what)) } else { Ok(seen) }
}

/// `GET …/lock-connections/{connection}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let seen = find(&call, &ctx, place)?;
    Ok(named("lockConnection", shown(&seen.value, &seen.state)))
}

/// `PUT …/lock-connections/{connection}/refresh`.
pub(crate) async fn refresh(call: Call) -> Answered {
    let (mut ctx, place) = at_place(&call)?;
    let seen = find(&call, &ctx, place)?;
    let settings = settings(&seen.value);
    let Some(list) = settings.get(LISTED) else {
        return Err(Failure::conflict("No vendor lists the locks of this connection."));
    };
    let state = state(&settings);
    if !["connected", "error"].contains(&state) {
        return Err(Failure::conflict(format!("The lock connection is {state}.")));
    }
    // What is compared is the list that was read.
    ctx.expected = Some(Expected::Revisions(vec![seen.value.header.revision]));
    let id = by(seen.value.header.id);
    let done = controller::refresh(&ctx, place, id, VIRTUAL, listed(list)).await?;
    Ok(job::started(&call, &done.done().ok_or(Error::Internal)?))
}

/// `PATCH …/lock-connections/{connection}`.
pub(crate) async fn update(call: Call) -> Answered {
    let (body, wrongs) = fields_of(&call);
    change(&call, &body, &["name", "metadata"], wrongs).await
}

/// `PATCH …/lock-connections/{connection}/metadata`: the pairs, alone or as `metadata`.
pub(crate) async fn update_metadata(call: Call) -> Answered {
    let wrapped = call.body.get("metadata").is_some_and(|it| !it.is_string());
    let whole = if wrapped { call.body.clone() } else { json!({ "metadata": call.body }) };
    let mut wrongs = Wrongs::default();
    let body = Fields::of(&whole, &mut wrongs);
    change(&call, &body, &["metadata"], wrongs).await
}

async fn change(call: &Call, body: &Fields<'_>, known: &[&str], mut wrongs: Wrongs) -> Answered {
    let (mut ctx, place) = at_place(call)?;
    let seen = find(call, &ctx, place)?;
    body.only(known, &mut wrongs);
    let name = name(body, &mut wrongs).map(str::to_owned);
    let mut settings = Value::Object(settings(&seen.value));
    let kept = settings.as_object().and_then(kept_metadata);
    let metadata = map::metadata_edit(body, kept.as_ref(), &mut wrongs);
    refuse(wrongs)?;
    let settings = metadata.map(|metadata| {
        put_metadata(&mut settings, metadata);
        Some(Json(settings.to_string()))
    });
    expect(&mut ctx, body, &["metadata"], &seen.value.header);
    let edit = ControllerEdit { name, settings, ..ControllerEdit::default() };
    let id = by(seen.value.header.id);
    let made = controller::edit(&ctx, place, id, edit).await?;
    written(200, "lockConnection", made, shown)
}

/// What a job about a connection made: the connection as it is at present, null once it is
/// deleted, and the locks that came and went.
pub(crate) fn result(ctx: &Context, place: Id, results: &[(u64, Id)]) -> Result<Value, Failure> {
    let Some(((_, id), locks)) = results.split_first() else { return Ok(Value::Null) };
    let connection = match controller::get(ctx, place, &by(*id)) {
        Ok(seen) => shown(&seen.value, &seen.state),
        Err(Error::Refused(_)) => Value::Null,
        Err(other) => return Err(other.into()),
    };
    let with = |wanted: u64| -> Vec<String> {
        let found = locks.iter().filter(|(status, _)| *status == wanted);
        found.map(|(_, id)| id.to_string()).collect()
    };
    Ok(json!({
        "lockConnectionId": id.to_string(),
        "lockConnection": connection,
        "onboardedLockIds": with(201),
        "offboardedLockIds": with(204),
    }))
}
