//! Access groups: every user of one has a key to every lock of it.

use claviger_app::access_level::{self, AccessLevelWish, ModificationWish, Most, PersonWish};
use claviger_app::schedule::ScheduleWish;
use claviger_app::{Context, Id};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::Json;
use claviger_domain::noun::access_level::AccessLevelEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::text::is_phone;
use serde_json::Value;
use std::collections::HashSet;
use std::hash::Hash;

use super::{Answered, at_place, by, expect, fields_of, named, nothing, object, page_of, written};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;
use crate::compat::unloc::error::{Failure, refuse};
use crate::compat::unloc::{map, wire};

/// The most keys of a group: its people times its locks.
const MOST_KEYS: usize = 100_000;
/// The most keys that one call of update-accesses may make and take back.
const MOST_CHANGES: usize = 10_000;

/// One of a group changes at a time; who comes second is told at once.
fn alone(call: &Call) -> Result<(Context, Id), Failure> {
    let (mut ctx, place) = at_place(call)?;
    ctx.exclusive = true;
    Ok((ctx, place))
}

fn group(call: &Call) -> Result<Id, Failure> {
    object(call, "group", "access group")
}

/// `POST …/access-groups`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&[DATA, &["lockIds", "appUserIds"]].concat(), &mut wrongs);
    let name = body.must("name", &mut wrongs);
    body.sized("name", 4, 128, &mut wrongs);
    let (mut edit, schedule) = data(&body, None, &mut wrongs);
    edit.name = name.map(str::to_owned);
    not_both(&edit, schedule.as_ref(), (false, false), &mut wrongs);
    for field in ["lockIds", "appUserIds"] {
        wrongs.check(body.has(field), field, "is required; it may be empty");
    }
    let locks = ids(&body, "lockIds", &mut wrongs);
    let people = phones(&body, "appUserIds", &mut wrongs);
    known_users((&call, &ctx, place), (&body, "appUserIds"), &people, &mut wrongs)?;
    refuse(wrongs)?;
    let wish = AccessLevelWish {
        edit,
        schedule,
        locks: Some(locks),
        people: people.into_iter().map(PersonWish::Phone).collect(),
        most_keys: Some(MOST_KEYS),
    };
    let made = access_level::create(&ctx, place, wish).await?;
    answer(&call, 201, made)
}

/// What a group says of itself.
const DATA: &[&str] = &["name", "description", "recurrence", "allowKeySharing", "metadata"];

type Data = (AccessLevelEdit, Option<Option<ScheduleWish>>);

fn data(body: &Fields<'_>, former: Option<&Json>, wrongs: &mut Wrongs) -> Data {
    body.sized("description", 4, 1024, wrongs);
    let description = body.may_clear("description", wrongs).map(|it| it.map(str::to_owned));
    let schedule = body.get("recurrence").map(|value| match value {
        Value::Null => None,
        value => map::timetable(value, body.name("recurrence"), wrongs).map(ScheduleWish::Inline),
    });
    let edit = AccessLevelEdit {
        description,
        allow_sharing: sharing(body, wrongs),
        metadata: map::metadata_edit(body, former, wrongs),
        ..AccessLevelEdit::default()
    };
    (edit, schedule)
}

/// A group has a recurrence or lets keys be shared; `former` says which of sharing and recurrence
/// it had.
fn not_both(
    edit: &AccessLevelEdit,
    schedule: Option<&Option<ScheduleWish>>,
    former: (bool, bool),
    wrongs: &mut Wrongs,
) {
    let sharing = edit.allow_sharing.unwrap_or(former.0);
    let recurs = schedule.map_or(former.1, Option::is_some);
    let touched = edit.allow_sharing.is_some() || schedule.is_some();
    let name = if edit.allow_sharing == Some(true) { "allowKeySharing" } else { "recurrence" };
    let reason = "a group with a recurrence cannot let keys be shared";
    wrongs.check(!(touched && sharing && recurs), name, reason);
}

/// Whether keys may be shared: documented as a text, sent as a boolean by most.
fn sharing(body: &Fields<'_>, wrongs: &mut Wrongs) -> Option<bool> {
    match body.get("allowKeySharing")? {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => {
            wrongs.add(body.name("allowKeySharing"), "must be true or false");
            None
        }
    }
}

/// The ids of a list, each where it stands there: one that stands twice means no more than once,
/// and what is wrong is named by its place in the body.
pub(super) fn ids(body: &Fields<'_>, field: &str, wrongs: &mut Wrongs) -> Vec<Ref> {
    let texts = body.texts(field, wrongs).unwrap_or_default().into_iter();
    let ids = texts.filter_map(|(at, text)| {
        let id = Id::parse(text);
        wrongs.check(id.is_some(), &body.item(field, at), map::UUID);
        id.map(by)
    });
    ids.collect()
}

/// Notes what stands in both lists, where it is to be added.
pub(super) fn not_in_both<T: Eq + Hash>(
    body: &Fields<'_>,
    field: &str,
    (add, remove): (&[T], &[T]),
    wrongs: &mut Wrongs,
) {
    let gone: HashSet<&T> = remove.iter().collect();
    for (at, _) in add.iter().enumerate().filter(|(_, it)| gone.contains(it)) {
        wrongs.add(body.item(field, at), "is to be removed too");
    }
}

/// The phone numbers of a list, each where it stands there.
fn phones(body: &Fields<'_>, field: &str, wrongs: &mut Wrongs) -> Vec<String> {
    let texts = body.texts(field, wrongs).unwrap_or_default().into_iter();
    let phones = texts.filter_map(|(at, text)| {
        wrongs.check(is_phone(text), &body.item(field, at), map::PHONE);
        is_phone(text).then(|| text.to_owned())
    });
    phones.collect()
}

/// Where only known users may be added: notes all others.
fn known_users(
    (call, ctx, place): (&Call, &Context, Id),
    (body, field): (&Fields<'_>, &str),
    people: &[String],
    wrongs: &mut Wrongs,
) -> Result<(), Failure> {
    if !call.options.unloc.strict_users || people.is_empty() {
        return Ok(());
    }
    let seen = claviger_app::place::get(ctx, place)?;
    for (at, phone) in people.iter().enumerate() {
        let known = seen.state.person_by_phone(phone).is_some();
        wrongs.check(known, &body.item(field, at), "is no app user of this project");
    }
    Ok(())
}

/// `GET …/access-groups`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let scope = Scope::AccessLevelsRead;
    let paging = page_of(&call, &ctx, place, scope, Noun::AccessLevel).await?;
    let page = access_level::list(&ctx, place, paging)?;
    let now = call.app.now();
    let shown = page.items.iter().map(|level| wire::access_group(level, &page.state, now));
    Ok(named("accessGroups", shown.collect()))
}

/// `GET …/access-groups/{group}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let seen = access_level::get(&ctx, place, &by(group(&call)?))?;
    Ok(named("accessGroup", wire::access_group(&seen.value, &seen.state, call.app.now())))
}

/// `PATCH …/access-groups/{group}`.
pub(crate) async fn update(call: Call) -> Answered {
    let (mut ctx, place) = alone(&call)?;
    let id = by(group(&call)?);
    let seen = access_level::get(&ctx, place, &id)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(DATA, &mut wrongs);
    let name = body.text("name", &mut wrongs);
    body.sized("name", 4, 64, &mut wrongs);
    let (mut edit, schedule) = data(&body, seen.value.metadata.as_ref(), &mut wrongs);
    let former = (seen.value.allow_sharing, seen.value.schedule.is_some());
    not_both(&edit, schedule.as_ref(), former, &mut wrongs);
    refuse(wrongs)?;
    edit.name = name.map(str::to_owned);
    let merged = ["metadata", "recurrence", "allowKeySharing"];
    expect(&mut ctx, &body, &merged, &seen.value.header);
    let wish = AccessLevelWish { edit, schedule, ..AccessLevelWish::default() };
    answer(&call, 200, access_level::edit(&ctx, place, id, wish).await?)
}

/// `POST …/access-groups/{group}/update-accesses`.
pub(crate) async fn update_accesses(call: Call) -> Answered {
    let (ctx, place) = alone(&call)?;
    let id = by(group(&call)?);
    let (body, mut wrongs) = fields_of(&call);
    let known = ["appUserIdsToAdd", "appUserIdsToRemove", "lockIdsToAdd", "lockIdsToRemove"];
    body.only(&known, &mut wrongs);
    if !known.iter().any(|field| body.has(field)) {
        wrongs.add("body", format!("must have at least one of {}", known.join(", ")));
    }
    let add = phones(&body, known[0], &mut wrongs);
    let remove = phones(&body, known[1], &mut wrongs);
    not_in_both(&body, known[0], (&add, &remove), &mut wrongs);
    known_users((&call, &ctx, place), (&body, known[0]), &add, &mut wrongs)?;
    let wish = ModificationWish {
        add_people: add.into_iter().map(PersonWish::Phone).collect(),
        remove_people: remove.into_iter().map(PersonWish::Phone).collect(),
        add_locks: ids(&body, known[2], &mut wrongs),
        remove_locks: ids(&body, known[3], &mut wrongs),
        lenient: true,
        most: Some(Most { keys: MOST_KEYS, changes: MOST_CHANGES }),
    };
    not_in_both(&body, known[2], (&wish.add_locks, &wish.remove_locks), &mut wrongs);
    refuse(wrongs)?;
    answer(&call, 200, access_level::modify(&ctx, place, id, wish).await?)
}

/// `DELETE …/access-groups/{group}`.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, place) = alone(&call)?;
    access_level::delete(&ctx, place, by(group(&call)?)).await?;
    Ok(nothing())
}

type Made = claviger_app::Written<std::sync::Arc<claviger_domain::noun::access_level::AccessLevel>>;

fn answer(call: &Call, status: u16, made: Made) -> Answered {
    let now = call.app.now();
    written(status, "accessGroup", made, |level, state| wire::access_group(level, state, now))
}
