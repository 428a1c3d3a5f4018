//! Doorbells: lists of users at a lock, each with a key that comes and goes with the list.

use std::collections::HashSet;
use std::sync::Arc;

use claviger_app::doorbell::{self, Doorbell, DoorbellEdit, List, ListEdit, NewUser};
use claviger_app::{Context, Error, Id, Written, controller};
use claviger_domain::ids::Noun;
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::schedule::Timetable;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use claviger_domain::text::is_phone;
use serde_json::{Value, json};

use super::{Answered, at_place, by, fields_of, named, nothing, object, page_of, written};
use crate::compat::fields::{Fields, Given, Wrongs};
use crate::compat::serve::Call;
use crate::compat::unloc::error::{Failure, refuse};
use crate::compat::unloc::map;

/// The most lists of one doorbell.
const MOST_LISTS: usize = 20;
/// The most users that one list gets in one call.
const MOST_USERS: usize = 500;

fn shown(controller: &Controller, state: &PlaceState) -> Value {
    let Some(doorbell) = doorbell::read(controller) else { return Value::Null };
    let users = doorbell::users(state, controller);
    let on = |list: Id| -> Vec<Value> {
        let users = users.iter().filter(|user| user.list == list);
        let shown = users.map(|user| {
            let details = state.people.get(user.person).map(|person| &person.details);
            let own = || details.map(map::person_name).unwrap_or_default();
            let id = user.grant.header.id.to_string();
            json!({
                "id": id,
                "appUserId": details.and_then(|details| details.phone.as_deref()),
                "name": user.name.clone().unwrap_or_else(own),
                "keyId": id,
            })
        });
        shown.collect()
    };
    let list = |list: &List| {
        json!({
            "id": list.id.to_string(),
            "name": list.name,
            "openingHours": list.opening_hours.as_deref().map(map::spans),
            "doorbellUsers": on(list.id),
        })
    };
    json!({
        "id": controller.header.id.to_string(),
        "name": doorbell.name,
        "lockId": doorbell.lock.to_string(),
        "visitorInstructions": doorbell.instructions,
        "stickerUuid": doorbell.sticker,
        "doorbellUserLists": doorbell.lists.iter().map(list).collect::<Vec<_>>(),
        "created": map::time(controller.header.created_at),
    })
}

fn answer(status: u16, made: Written<Arc<Controller>>) -> Answered {
    written(status, "doorbell", made, shown)
}

/// The words of a refusal where what is missing is the doorbell.
fn missing(error: Error) -> Failure {
    match error {
        Error::Refused(claviger_app::Refusal::NotFound(Noun::Controller)) => {
            Failure::not_found("doorbell")
        }
        other => other.into(),
    }
}

fn find(call: &Call) -> Result<(Context, Id, Id, Doorbell), Failure> {
    let (ctx, place) = at_place(call)?;
    let id = object(call, "doorbell", "doorbell")?;
    let (_, doorbell) = doorbell::get(&ctx, place, id).map_err(missing)?;
    Ok((ctx, place, id, doorbell))
}

/// What a doorbell says of itself.
const DATA: [&str; 3] = ["name", "visitorInstructions", "stickerUuid"];

fn data(body: &Fields<'_>, wrongs: &mut Wrongs) -> DoorbellEdit {
    let name = body.text("name", wrongs).map(str::to_owned);
    body.sized("name", 5, 256, wrongs);
    let instructions = body.may_clear("visitorInstructions", wrongs);
    body.sized("visitorInstructions", 0, 2048, wrongs);
    let sticker = body.may_clear("stickerUuid", wrongs);
    if let Some(Some(text)) = sticker {
        wrongs.check(Id::parse(text).is_some(), "stickerUuid", map::UUID);
    }
    let owned = |it: Given<&str>| it.map(|it| it.map(str::to_owned));
    DoorbellEdit { name, instructions: owned(instructions), sticker: owned(sticker) }
}

/// `POST …/doorbells`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&[&DATA[..], &["lockId", "doorbellUserLists"]].concat(), &mut wrongs);
    wrongs.check(body.has("name"), "name", "is required");
    let edit = data(&body, &mut wrongs);
    let lock = body.must("lockId", &mut wrongs).and_then(|text| {
        let id = Id::parse(text);
        wrongs.check(id.is_some(), "lockId", map::UUID);
        id
    });
    let (lists, users) = new_lists(&ctx, &body, &mut wrongs);
    refuse(wrongs)?;
    let doorbell = Doorbell {
        name: edit.name.unwrap_or_default(),
        lock: lock.ok_or(Error::Internal)?,
        instructions: edit.instructions.flatten(),
        sticker: edit.sticker.flatten(),
        lists,
    };
    answer(201, doorbell::create(&ctx, place, doorbell, users).await?)
}

/// The lists a doorbell is made with, and who is on which.
fn new_lists(
    ctx: &Context,
    body: &Fields<'_>,
    wrongs: &mut Wrongs,
) -> (Vec<List>, Vec<(Id, NewUser)>) {
    let given = body.list("doorbellUserLists", wrongs).unwrap_or_default();
    let reason = format!("must be a list of 1 to {MOST_LISTS} lists");
    wrongs.check((1..=MOST_LISTS).contains(&given.len()), "doorbellUserLists", &reason);
    let (mut lists, mut users) = (Vec::new(), Vec::new());
    for (at, value) in given.iter().take(MOST_LISTS).enumerate() {
        let fields = Fields::at(value, body.item("doorbellUserLists", at), wrongs);
        fields.only(&["name", "openingHours", "doorbellUsers"], wrongs);
        let id = doorbell::new_list(ctx);
        let name = fields.must("name", wrongs).unwrap_or_default().to_owned();
        fields.sized("name", 1, 256, wrongs);
        let opening_hours = hours(&fields, wrongs).flatten();
        lists.push(List { id, name, opening_hours });
        let on = new_users(&fields, "doorbellUsers", wrongs);
        users.extend(on.into_iter().map(|user| (id, user)));
    }
    (lists, users)
}

/// When the users of a list may be called: as a recurrence is written.
fn hours(fields: &Fields<'_>, wrongs: &mut Wrongs) -> Given<Arc<Timetable>> {
    match fields.get("openingHours")? {
        Value::Null => Some(None),
        value => Some(Some(map::timetable(value, fields.name("openingHours"), wrongs)?)),
    }
}

/// Users to be put on a list, each where it stands there.
fn new_users(fields: &Fields<'_>, field: &str, wrongs: &mut Wrongs) -> Vec<NewUser> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let given = fields.list(field, wrongs).unwrap_or_default();
    for (at, value) in given.iter().enumerate() {
        let user = Fields::at(value, fields.item(field, at), wrongs);
        user.only(&["appUserId", "name"], wrongs);
        let (phone, name) = (user.must("appUserId", wrongs), user.must("name", wrongs));
        user.sized("name", 1, 256, wrongs);
        let (Some(phone), Some(name)) = (phone, name) else { continue };
        wrongs.check(is_phone(phone), &user.name("appUserId"), map::PHONE);
        seen.insert(phone);
        found.push(NewUser { phone: phone.to_owned(), name: name.to_owned() });
    }
    few(fields, field, seen.len(), wrongs);
    found
}

/// Notes a list of too many users; whoever stands twice counts once.
fn few(fields: &Fields<'_>, field: &str, distinct: usize, wrongs: &mut Wrongs) {
    let reason = format!("must have at most {MOST_USERS} users");
    wrongs.check(distinct <= MOST_USERS, &fields.name(field), &reason);
}

/// `GET …/doorbells`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let paging = page_of(&call, &ctx, place, Scope::ControllersRead, Noun::Controller).await?;
    let page = doorbell::list(&ctx, place, paging)?;
    let found = page.items.iter().map(|it| shown(it, &page.state));
    Ok(named("doorbells", found.collect()))
}

/// `GET …/doorbells/{doorbell}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let id = object(&call, "doorbell", "doorbell")?;
    let (seen, _) = doorbell::get(&ctx, place, id).map_err(missing)?;
    Ok(named("doorbell", shown(&seen.value, &seen.state)))
}

/// `PATCH …/doorbells/{doorbell}`.
pub(crate) async fn update(call: Call) -> Answered {
    let (ctx, place, id, _) = find(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&DATA, &mut wrongs);
    let edit = data(&body, &mut wrongs);
    refuse(wrongs)?;
    answer(200, doorbell::edit(&ctx, place, id, edit).await.map_err(missing)?)
}

/// `DELETE …/doorbells/{doorbell}`: with the keys of its users.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, place, id, _) = find(&call)?;
    controller::delete(&ctx, place, by(id), false).await.map_err(missing)?;
    Ok(nothing())
}

/// `PATCH …/doorbells/{doorbell}/lists/{list}`.
pub(crate) async fn update_list(call: Call) -> Answered {
    let (ctx, place, id, doorbell) = find(&call)?;
    let list = object(&call, "list", "doorbell list")?;
    if !doorbell.lists.iter().any(|it| it.id == list) {
        return Err(Failure::not_found("doorbell list"));
    }
    let (body, mut wrongs) = fields_of(&call);
    let [add, remove, update] = CHANGES;
    body.only(&["name", "openingHours", add, remove, update], &mut wrongs);
    let name = body.text("name", &mut wrongs).map(str::to_owned);
    body.sized("name", 1, 256, &mut wrongs);
    let remove_users = user_ids(&body, remove, &mut wrongs);
    let update_users = renamed(&body, update, &remove_users, &mut wrongs);
    let edit = ListEdit {
        name,
        opening_hours: hours(&body, &mut wrongs),
        add_users: new_users(&body, add, &mut wrongs),
        remove_users: remove_users.into_iter().collect(),
        update_users,
    };
    refuse(wrongs)?;
    answer(200, doorbell::edit_list(&ctx, place, id, list, edit).await.map_err(missing)?)
}

/// What changes who is on a list.
const CHANGES: [&str; 3] =
    ["doorbellUsersToAdd", "doorbellUserIdsToRemove", "doorbellUsersToUpdate"];

/// The ids of users in a list of a body.
fn user_ids(body: &Fields<'_>, field: &str, wrongs: &mut Wrongs) -> HashSet<Id> {
    let mut found = HashSet::new();
    for (at, text) in body.texts(field, wrongs).unwrap_or_default() {
        match Id::parse(text) {
            Some(id) => drop(found.insert(id)),
            None => wrongs.add(body.item(field, at), map::UUID),
        }
    }
    found
}

/// Users who are to be called otherwise; none of them may be among those to be removed.
fn renamed(
    body: &Fields<'_>,
    field: &str,
    removed: &HashSet<Id>,
    wrongs: &mut Wrongs,
) -> Vec<(Id, String)> {
    let mut found = Vec::new();
    let given = body.list(field, wrongs).unwrap_or_default();
    for (at, value) in given.iter().enumerate() {
        let user = Fields::at(value, body.item(field, at), wrongs);
        user.only(&["id", "name"], wrongs);
        let (id, name) = (user.must("id", wrongs), user.must("name", wrongs));
        user.sized("name", 1, 256, wrongs);
        let (Some(id), Some(name)) = (id, name) else { continue };
        match Id::parse(id) {
            None => wrongs.add(user.name("id"), map::UUID),
            Some(id) if removed.contains(&id) => {
                wrongs.add(user.name("id"), "is to be removed too")
            }
            Some(id) => found.push((id, name.to_owned())),
        }
    }
    let distinct: HashSet<Id> = found.iter().map(|(id, _)| *id).collect();
    few(body, field, distinct.len(), wrongs);
    found
}
