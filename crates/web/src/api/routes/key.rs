//! Routes of keys, which are derived and never stored.

use claviger_app::Gone;
use claviger_app::key::{self as app, KeyFilter, KeyRow};
use claviger_domain::ids::{Id, Noun};
use claviger_domain::noun::grant::{RightState, Subject};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use super::common::{Answered, Request, Row, Shared, at_place, ids_with, problem};
use crate::api::call::run;
use crate::api::encode::maybe_at;
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Param, Route};
use crate::api::shape::Kind;
use crate::api::shapes::{self, grant as shape};

const FILTERS: &[Param] = &[
    Param::may("lock_id", shapes::REF, "Only those at this lock."),
    Param::may("person_id", shapes::REF, "Only those of this person."),
    Param::may("access_level_id", shapes::REF, "Only those through this level."),
    Param::may("state", Kind::Enum(RightState::WORDS), "Only those in this state."),
];

pub(super) fn table() -> Vec<Row> {
    let rows = vec![
        Route::get(
            "/api/v1/places/{place}/keys",
            "list_keys",
            "List keys, open and closed",
            Answer::Page(&shape::KEY),
            run!(list),
        )
        .query(FILTERS),
        Route::get(
            "/api/v1/places/{place}/keys/{id}",
            "get_key",
            "Read a key",
            Answer::Object(&shape::KEY),
            run!(get),
        )
        .only_ids(),
    ];
    rows.into_iter().map(|row| row.tag("keys").scope(Scope::GrantsRead)).collect()
}

fn shown(row: &KeyRow, state: &PlaceState, gone: &Gone) -> Value {
    let ids = ids_with(state, gone);
    let id = |noun, number: u32| ids(noun, number).map(|id| id.to_string());
    let (person, credential) = match row.key.subject {
        Subject::Person(number) => (id(Noun::Person, number.0), None),
        Subject::Credential(number) => (None, id(Noun::Credential, number.0)),
    };
    json!({
        "id": row.key.id.to_string(),
        "lock_id": id(Noun::Lock, row.key.lock.0),
        "person_id": person,
        "credential_id": credential,
        "grant_id": row.grant.header.id.to_string(),
        "access_level_id": row.key.level.and_then(|level| id(Noun::AccessLevel, level.0)),
        "state": row.key.state.as_str(),
        "valid_from": maybe_at(row.key.window.from),
        "valid_until": maybe_at(row.key.window.until),
    })
}

/// Where a page goes on: `<grant>.<membership>`.
fn position(text: &str) -> Option<(u32, u32)> {
    let (grant, membership) = text.split_once('.')?;
    Some((grant.parse().ok()?, membership.parse().ok()?))
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let filter = KeyFilter {
        lock: call.query_reference("lock_id"),
        person: call.query_reference("person_id"),
        level: call.query_reference("access_level_id"),
        state: call.word("state", RightState::parse),
    };
    let paging = call.paging()?;
    let after = paging.after.as_deref().map_or(Some((0, 0)), position);
    let foreign = || Problem::field("?after", "bad_cursor", "is not a cursor of this list");
    let after = after.ok_or_else(foreign)?;
    let found = app::list(&ctx, place, after, paging.limit, &filter).await.map_err(problem)?;
    let items = found.items.iter().map(|row| shown(row, &found.state, &found.gone)).collect();
    let next = found.next.map(|(grant, membership)| format!("{grant}.{membership}"));
    Ok(Reply::page(paging.answer(items, next.as_deref())))
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let id = Id::parse(call.path("id")).ok_or_else(Problem::not_found)?;
    let (seen, gone) = app::get(&ctx, place, id).await.map_err(problem)?;
    Ok(Reply::plain(shown(&seen.value, &seen.state, &gone)))
}
