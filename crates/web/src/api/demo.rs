//! A table of a few routes for tests: one of each sort, with handlers that answer what they were
//! given.

use std::sync::Arc;

use claviger_domain::noun::scope::Scope;
use serde_json::json;

use super::call::{Call, Handler, run};
use super::format::Format;
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::route::{Answer, Param, Route};
use super::shape::{Kind, Shape};
use super::shapes::*;

/// Who calls: the text after `Bearer`.
pub(crate) type Caller = String;
type Row = Route<Handler<(), Caller>>;

const FILTERS: &[Param] = &[
    Param::may("email", Kind::Is(Format::Email), "Only the person with this address."),
    Param::may("state", Kind::Enum(&["active", "suspended"]), "Only people in this state."),
];
const SPAN: &[Param] = &[
    Param::must("from", super::shapes::INSTANT, "From when."),
    Param::must("until", super::shapes::INSTANT, "Until when."),
];

const PEOPLE: &str = "/api/v1/places/{place}/people";
const PERSON: &str = "/api/v1/places/{place}/people/{id}";
const GRANTS: &str = "/api/v1/places/{place}/grants";
const CREDENTIALS: &str = "/api/v1/places/{place}/credentials";
const OCCURRENCES: &str = "/api/v1/places/{place}/schedules/{id}/occurrences";

/// The table.
pub(crate) fn table() -> Vec<Row> {
    let show: Handler<(), Caller> = run!(show);
    vec![
        Route::get(PEOPLE, "list_people", "List people", Answer::Page(&person::PERSON), run!(list))
            .tag("people")
            .scope(Scope::PeopleRead)
            .query(FILTERS),
        Route::post(PEOPLE, "create_person", "Make one", Answer::Created(&person::PERSON), show)
            .tag("people")
            .scope(Scope::PeopleWrite)
            .body(&person::PERSON)
            .body_limit(4096),
        Route::get(PERSON, "get_person", "Read one", Answer::Object(&person::PERSON), run!(get))
            .tag("people")
            .scope(Scope::PeopleRead),
        Route::patch(PERSON, "change_person", "Change one", &person::PERSON, run!(change))
            .tag("people")
            .scope(Scope::PeopleWrite),
        Route::put(PERSON, "put_person", "Make or replace one", &person::PERSON, show)
            .tag("people")
            .scope(Scope::PeopleWrite),
        Route::delete(PERSON, "delete_person", "Delete one", run!(fail))
            .tag("people")
            .scope(Scope::PeopleWrite)
            .dry_run(),
        Route::post(GRANTS, "create_grant", "Make one", Answer::Created(&grant::GRANT), show)
            .tag("grants")
            .scope(Scope::GrantsWrite)
            .body(&grant::GRANT)
            .dry_run(),
        Route::post(
            CREDENTIALS,
            "create_credential",
            "Make one",
            Answer::Created(&credential::CREDENTIAL),
            show,
        )
        .tag("credentials")
        .scope(Scope::CredentialsWrite)
        .body(&credential::CREDENTIAL),
        Route::get(OCCURRENCES, "occurrences", "When", Answer::Page(&schedule::OCCURRENCE), show)
            .tag("schedules")
            .query(SPAN)
            .only_ids(),
        Route::post("/oauth/token", "token", "A token", Answer::Object(&account::TOKEN), show)
            .tag("clients")
            .open()
            .oauth()
            .body(&account::TOKEN_REQUEST),
        Route::post("/api/v1/act", "act", "Do it", Answer::Accepted(None), show)
            .tag("act")
            .body(&ACTION),
    ]
}

async fn show(_: Arc<()>, call: Call<Caller>) -> Result<Reply, Problem> {
    let seen = json!({
        "caller": call.caller,
        "path": call.path("id"),
        "query": call.query,
        "body": call.body,
        "key": call.idempotency_key,
        "dry_run": call.dry_run,
        "revision": 7,
    });
    Ok(Reply::created(seen, "/there".to_owned()).revision(7))
}

async fn list(_: Arc<()>, call: Call<Caller>) -> Result<Reply, Problem> {
    let paging = call.paging()?;
    let after = paging.after_number()?;
    let found: Vec<u64> = (after + 1..=250).take(paging.limit).collect();
    let next = found.last().filter(|last| **last < 250).map(u64::to_string);
    let items = found.into_iter().map(|n| json!(n)).collect();
    Ok(Reply::page(paging.answer(items, next.as_deref())))
}

async fn get(_: Arc<()>, _: Call<Caller>) -> Result<Reply, Problem> {
    Ok(Reply::object(json!({ "revision": 7, "name": "Ann" })))
}

async fn change(_: Arc<()>, call: Call<Caller>) -> Result<Reply, Problem> {
    if call.if_match.as_ref().is_some_and(|it| !it.any && !it.revisions.contains(&7)) {
        return Err(super::call::stale());
    }
    Ok(Reply::object(json!({ "revision": 8 })).revision(8))
}

async fn fail(_: Arc<()>, call: Call<Caller>) -> Result<Reply, Problem> {
    if call.dry_run {
        return Ok(Reply::plan(json!({ "plan": {}, "digest": "plan-0a" })));
    }
    match call.if_match.as_ref().and_then(|it| it.plan.as_deref()) {
        Some("plan-0a") => Ok(Reply::empty()),
        Some(_) => Err(Problem::new(Code::Stale, "The plan is another by now.")),
        None => panic!("a slip in a handler"),
    }
}

/// Every shape there is, the outer ones.
pub(crate) fn shapes() -> Vec<&'static Shape> {
    vec![
        &ACTION,
        &access::ACCESS,
        &access_level::ACCESS_LEVEL,
        &access_level::MODIFY,
        &account::TOKEN_REQUEST,
        &account::TOKEN,
        &account::LOG_IN,
        &account::SESSION,
        &account::SESSION_ROW,
        &account::PASSWORD,
        &account::RESET,
        &account::INVITATION,
        &change::CHANGE,
        &change::VERIFIED,
        &client::CLIENT,
        &client::ROTATED,
        &controller::CONTROLLER,
        &credential::CREDENTIAL,
        &decision::QUESTION,
        &decision::DECISION,
        &event::EVENT,
        &grant::GRANT,
        &grant::BATCH,
        &grant::OPERATION,
        &grant::KEY,
        &lock::LOCK,
        &lock::UNLOCK,
        &lock::POSTURE,
        &lock::POSTURE_REPORT,
        &lock::SHARE,
        &person::PERSON,
        &person::EXPORT,
        &place::PLACE,
        &place::ME,
        &plan::PLAN,
        &problem::PROBLEM,
        &problem::OAUTH_PROBLEM,
        &revocation::REVOCATION,
        &schedule::SCHEDULE,
        &schedule::OCCURRENCE,
        &webhook::WEBHOOK,
        &webhook::DELIVERY,
        &webhook::REPLAY,
    ]
}
