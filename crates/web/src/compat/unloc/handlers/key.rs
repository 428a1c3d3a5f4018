//! Keys: given as a job, found, taken back.

use claviger_app::grant::{self, GrantWish, SubjectWish, TargetWish};
use claviger_app::key::{self, KeyPage, Search};
use claviger_app::{Context, Error, Id};
use claviger_domain::ids::Noun;
use claviger_domain::noun::grant::{GrantEdit, Right};
use claviger_domain::time::{HOUR, Instant, WindowEdit};
use serde_json::Value;

use super::{Answered, Query, at_place, by, fields_of, named, object};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;
use crate::compat::unloc::error::{Failure, refuse};
use crate::compat::unloc::{map, wire};

/// How long ago a key may begin.
const LATEST_START: i64 = HOUR;

/// The parameter that leaves out what the subprojects have.
const EXCLUDE: &str = "excludeSubprojectKeys";

fn shown(page: &KeyPage) -> Vec<Value> {
    page.items.iter().map(|row| wire::key(row, &page.state, &page.gone)).collect()
}

/// The one key of a page.
fn one(page: &KeyPage) -> Result<Value, Failure> {
    shown(page).pop().ok_or_else(|| Failure::not_found("key"))
}

/// `POST …/keys`: all or none; answered with a job, which is done. A lock that keeps its own list
/// is told afterwards.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let now = call.app.now();
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["keys"], &mut wrongs);
    let keys = body.list("keys", &mut wrongs);
    match keys.map(<[Value]>::len) {
        Some(1..=grant::MOST_ITEMS) => {}
        _ => {
            let reason = format!("must be a list of 1 to {} keys", grant::MOST_ITEMS);
            wrongs.add("keys", reason);
        }
    }
    let mut wishes = Vec::new();
    for (at, value) in keys.unwrap_or_default().iter().enumerate() {
        let fields = Fields::at(value, body.item("keys", at), &mut wrongs);
        wishes.extend(wish(&fields, now, &mut wrongs));
    }
    refuse(wrongs)?;
    let made = grant::batch(&ctx, place, wishes, Vec::new()).await?.done();
    let job = made.ok_or(Error::Internal)?;
    Ok(super::job::started(&call, &job))
}

fn wish(fields: &Fields<'_>, now: Instant, wrongs: &mut Wrongs) -> Option<GrantWish> {
    let known = ["lockId", "appUserId", "start", "end", "recurrence", "metadata"];
    fields.only(&known, wrongs);
    let whose = map::holder(fields, wrongs);
    let (from, until) = (instant(fields, "start", wrongs), instant(fields, "end", wrongs));
    if from.is_some_and(|from| from < now.plus(-LATEST_START)) {
        wrongs.add(fields.name("start"), "must not be more than an hour in the past");
    }
    if until.is_some_and(|until| until <= from.unwrap_or(now).max(now)) {
        wrongs.add(fields.name("end"), "must be after the start, and not past");
    }
    let schedule = fields
        .get("recurrence")
        .and_then(|value| map::timetable(value, fields.name("recurrence"), wrongs));
    let metadata = map::metadata_edit(fields, None, wrongs);
    let (phone, lock) = whose?;
    Some(GrantWish {
        subject: SubjectWish::Phone(phone),
        target: TargetWish::Lock(by(lock)),
        right: Right::Open,
        schedule: schedule.map(|it| Some(claviger_app::schedule::ScheduleWish::Inline(it))),
        issued_under: None,
        invite: false,
        edit: GrantEdit {
            window: WindowEdit { from: from.map(Some), until: until.map(Some) },
            metadata,
            ..GrantEdit::default()
        },
    })
}

fn instant(fields: &Fields<'_>, name: &str, wrongs: &mut Wrongs) -> Option<Instant> {
    let text = fields.text(name, wrongs)?;
    let instant = Instant::parse(text);
    let reason = "must be an instant such as 2024-01-01T08:00:00.000Z";
    wrongs.check(instant.is_some(), &fields.name(name), reason);
    instant
}

/// `GET …/keys`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let mut query = Query::of(
        &call,
        &["appUserId", "lockId", "excludeStates", EXCLUDE, "limit", "startAfterId"],
    );
    let mut search = filters(&mut query, EXCLUDE, &call);
    for word in query.several("excludeStates") {
        let before = search.without.len();
        search.without.extend(map::states(word));
        let reason = "must be of creating, scheduled, active, inactive, expired, revoked, error";
        query.wrongs.check(search.without.len() > before, "excludeStates", reason);
    }
    let (limit, after) = (query.limit(), query.id("startAfterId"));
    query.refuse()?;
    let pages = key::across(&ctx, place, after, limit, &search).await?;
    Ok(named("keys", pages.iter().flat_map(shown).collect()))
}

/// Whose and what is meant. A project's subprojects are meant too, unless they are excluded; a
/// subproject stands for itself.
pub(super) fn filters(query: &mut Query<'_>, exclude: &str, call: &Call) -> Search {
    Search {
        phone: query.phone("appUserId"),
        lock: query.id("lockId"),
        below: !query.flag(exclude) && call.path.get("project").is_some(),
        ..Search::default()
    }
}

/// `GET …/keys/{key}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let page = key::get_within(&ctx, place, object(&call, "key", "key")?).await?;
    Ok(named("key", one(&by_phone(page)?)?))
}

/// Only keys of people are seen here.
fn by_phone(page: KeyPage) -> Result<KeyPage, Failure> {
    if page.is_by_phone() { Ok(page) } else { Err(Failure::not_found(map::noun(Noun::Grant))) }
}

/// `DELETE …/keys/{key}`.
pub(crate) async fn revoke(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    notify(&mut Query::of(&call, &NOTIFY))?;
    let id = object(&call, "key", "key")?;
    by_phone(key::get_within(&ctx, place, id).await?)?;
    let page = key::revoke(&ctx, place, id).await?;
    Ok(named("key", one(&page)?))
}

/// Whether the holder is told: said by programs under several names. Nobody is told by us.
pub(super) const NOTIFY: [&str; 3] = ["notify", "notifyInvitee", "sendNotification"];

pub(super) fn notify(query: &mut Query<'_>) -> Result<(), Failure> {
    for name in NOTIFY {
        query.flag(name);
    }
    query.refuse()
}

/// Refuses a body that says anything: filters that stand there instead of in the query would be
/// passed over, and everything taken back.
pub(super) fn no_filters_in_body(call: &Call, query: &mut Query<'_>) {
    let is_empty = call.body.as_object().is_some_and(serde_json::Map::is_empty);
    query.wrongs.check(is_empty, "body", "must be left out; filters stand in the query");
}

/// `DELETE …/keys`: every key given to one person at one lock that the filters let through.
pub(crate) async fn revoke_all(call: Call) -> Answered {
    revoke_many(call, false).await
}

/// `DELETE …/shared-keys`: the keys that people made from their phones; `appUserId` is who made
/// them.
pub(crate) async fn revoke_shared(call: Call) -> Answered {
    revoke_many(call, true).await
}

async fn revoke_many(call: Call, shared: bool) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let known = ["appUserId", "lockId", EXCLUDE];
    let mut query = Query::of(&call, &[&known[..], &NOTIFY[..]].concat());
    let search = Search { shared, ..filters(&mut query, EXCLUDE, &call) };
    no_filters_in_body(&call, &mut query);
    notify(&mut query)?;
    let count = revoked(&ctx, place, search).await?;
    Ok(named("revokedKeys", count.into()))
}

async fn revoked(ctx: &Context, place: Id, search: Search) -> Result<usize, Failure> {
    Ok(key::revoke_all(ctx, place, search).await?.done().ok_or(Error::Internal)?)
}
