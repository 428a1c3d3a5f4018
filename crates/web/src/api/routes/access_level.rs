//! Routes of access levels.

use std::sync::Arc;

use claviger_app::access_level::{self as app, AccessLevelWish, ModificationWish, PersonWish};
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use serde_json::Value;

use super::common::{
    After, Answered, Request, Row, Shared, at_place, external, object, page, paging, problem,
    upserted, write,
};
use super::{grant, schedule};
use crate::api::call::run;
use crate::api::decode::{Fields, Who, access_level as decode};
use crate::api::encode::{self, LockView, ids_of};
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, BATCH_BODY, Route};
use crate::api::shapes::{access_level as shape, grant as grant_shape, lock as lock_shape};

const LIST: &str = "/api/v1/places/{place}/access-levels";
const ONE: &str = "/api/v1/places/{place}/access-levels/{id}";

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::AccessLevelsRead, Scope::AccessLevelsWrite);
    let shape = &shape::ACCESS_LEVEL;
    let rows = vec![
        Route::get(
            LIST,
            "list_access_levels",
            "List access levels",
            Answer::Page(shape),
            run!(list),
        )
        .scope(read),
        Route::post(
            LIST,
            "create_access_level",
            "Make an access level",
            Answer::Created(shape),
            run!(create),
        )
        .scope(write)
        .body(shape),
        Route::get(
            ONE,
            "get_access_level",
            "Read an access level",
            Answer::Object(shape),
            run!(get),
        )
        .scope(read),
        Route::put(ONE, "put_access_level", "Make or replace an access level", shape, run!(put))
            .scope(write)
            .dry_run(),
        Route::patch(ONE, "change_access_level", "Change an access level", shape, run!(change))
            .scope(write)
            .dry_run(),
        Route::delete(ONE, "delete_access_level", "Delete an access level", run!(delete))
            .scope(write)
            .dry_run(),
        Route::post(
            "/api/v1/places/{place}/access-levels/{id}/modify",
            "modify_access_level",
            "Put people and locks in and take them out",
            Answer::Object(shape),
            run!(modify),
        )
        .scope(write)
        .body(&shape::MODIFY)
        .body_limit(BATCH_BODY)
        .dry_run()
        .doc("All or nothing; people need grants:write too."),
        Route::get(
            "/api/v1/places/{place}/access-levels/{id}/locks",
            "access_level_locks",
            "The locks of an access level",
            Answer::Page(&lock_shape::LOCK),
            run!(locks),
        )
        .scope(read),
        Route::get(
            "/api/v1/places/{place}/access-levels/{id}/grants",
            "access_level_grants",
            "The open grants to an access level",
            Answer::Page(&grant_shape::GRANT),
            run!(grants),
        )
        .scope(Scope::GrantsRead),
    ];
    rows.into_iter().map(|row| row.tag("access levels")).collect()
}

fn wish(fields: Fields<'_>) -> Result<AccessLevelWish, Problem> {
    Ok(AccessLevelWish {
        edit: decode::edit(fields),
        schedule: schedule::wish(fields.schedule("schedule"), "/schedule")?,
        locks: fields.references("lock_ids"),
        ..AccessLevelWish::default()
    })
}

fn shown(level: &AccessLevel, state: &PlaceState) -> Value {
    let people = app::people_count(state, level.number());
    encode::access_level(level, state, &ids_of(state), people)
}

fn after(level: &AccessLevel, after: &After) -> Value {
    after.state.map_or(Value::Null, |state| shown(level, state))
}

fn reply(level: &Arc<AccessLevel>, done: &After) -> Reply {
    Reply::object(after(level, done))
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::list(&ctx, place, paging(&call)?).map_err(problem)?;
    page(&call, found.items.iter().map(|it| shown(it, &found.state)).collect(), found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let wish = wish(call.fields())?;
    let encode = |it: &Arc<AccessLevel>, done: &After| {
        Reply::created(after(it, done), done.location(it.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, place, wish).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).map_err(problem)?;
    Ok(Reply::object(shown(&seen.value, &seen.state)))
}

async fn put(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (external_id, wish) = (external(&call)?, wish(call.fields())?);
    let encode =
        |put: &claviger_app::Put<Arc<AccessLevel>>, done: &After| upserted(put, done, after);
    let run = |ctx| async move { app::put(&ctx, place, external_id, wish).await };
    write(ctx, &call, encode, run).await
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (level, wish) = (object(&call)?, wish(call.fields())?);
    let run = |ctx| async move { app::edit(&ctx, place, level, wish).await };
    write(ctx, &call, reply, run).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let level = object(&call)?;
    let run = |ctx| async move { app::delete(&ctx, place, level).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}

fn people(people: Vec<Who>) -> Vec<PersonWish> {
    let one = |who| match who {
        Who::Ref(reference) => PersonWish::Ref(reference),
        Who::Email(email) => PersonWish::Email(email),
        Who::Phone(phone) => PersonWish::Phone(phone),
    };
    people.into_iter().map(one).collect()
}

async fn modify(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let read = decode::modify(call.fields());
    let wish = ModificationWish {
        add_people: people(read.add_people),
        remove_people: people(read.remove_people),
        add_locks: read.add_locks,
        remove_locks: read.remove_locks,
        ..ModificationWish::default()
    };
    let level = object(&call)?;
    let run = |ctx| async move { app::modify(&ctx, place, level, wish).await };
    write(ctx, &call, reply, run).await
}

async fn locks(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::locks(&ctx, place, &object(&call)?, paging(&call)?).map_err(problem)?;
    let ids = ids_of(&found.state);
    let row = |lock: &Arc<claviger_domain::noun::lock::Lock>| {
        let owner = claviger_app::lock::owner(&ctx, lock);
        let view = match &owner {
            Some((owner, settings)) => LockView { row: lock, settings, owner },
            None => LockView { row: lock, settings: lock, owner: &found.state },
        };
        encode::lock(view, &ids)
    };
    page(&call, found.items.iter().map(row).collect(), found.next)
}

async fn grants(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::grants(&ctx, place, &object(&call)?, paging(&call)?).map_err(problem)?;
    let rows = found.items.iter().map(|it| grant::shown(it, &found.state, &server.app)).collect();
    page(&call, rows, found.next)
}
