//! Routes of locks: settings, posture, opening from afar, sharing, who can open.

use std::sync::Arc;

use claviger_app::decision::{of_lock, unlock as open_from_afar};
use claviger_app::lock::{self as app, LockWish, PostureOutcome};
use claviger_app::{Context, place};
use claviger_domain::ids::{Id, Noun, Ref};
use claviger_domain::noun::lock::{Lock, Posture, Share};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use super::common::{
    After, Answered, Request, Row, Shared, at_place, external, object, page, page_of, paging,
    problem, reason, upserted, write,
};
use super::person::{AT, access_page};
use super::schedule;
use crate::api::call::run;
use crate::api::decode::{Fields, lock as decode};
use crate::api::encode::{self, LockView, ids_of};
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Param, Route};
use crate::api::shapes::{self, access, decision, lock as shape};

const LIST: &str = "/api/v1/places/{place}/locks";
const ONE: &str = "/api/v1/places/{place}/locks/{id}";
const SHARES: &str = "/api/v1/places/{place}/locks/{id}/shares";

const WITH: &[Param] = &[Param::must("place_id", shapes::REF, "The place it is taken back from.")];

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::LocksRead, Scope::LocksWrite);
    let shape = &shape::LOCK;
    let rows = vec![
        Route::get(LIST, "list_locks", "List locks", Answer::Page(shape), run!(list)).scope(read),
        Route::post(LIST, "create_lock", "Make a lock", Answer::Created(shape), run!(create))
            .scope(write)
            .body(shape),
        Route::get(ONE, "get_lock", "Read a lock", Answer::Object(shape), run!(get)).scope(read),
        Route::put(ONE, "put_lock", "Make or replace a lock", shape, run!(put))
            .scope(write)
            .dry_run(),
        Route::patch(ONE, "change_lock", "Change a lock", shape, run!(change))
            .scope(write)
            .dry_run()
            .doc("Another time zone moves the schedules that name none."),
        Route::delete(ONE, "delete_lock", "Delete a lock", run!(delete)).scope(write).dry_run(),
        Route::post(
            "/api/v1/places/{place}/locks/{id}/unlock",
            "unlock",
            "Open a lock from afar",
            Answer::Object(&decision::DECISION),
            run!(unlock),
        )
        .scope(Scope::LocksOperate)
        .body(&shape::UNLOCK)
        .if_match()
        .doc("For a person, or on the caller's own authority, where only the posture counts."),
        Route::get(
            "/api/v1/places/{place}/locks/{id}/access",
            "lock_access",
            "Everyone with a right at a lock",
            Answer::Page(&access::ACCESS),
            run!(access),
        )
        .scope(Scope::GrantsRead)
        .query(AT),
        Route::post(
            "/api/v1/places/{place}/posture",
            "set_posture",
            "Put locks in a posture",
            Answer::Object(&shape::POSTURE_REPORT),
            run!(posture),
        )
        .scope(Scope::LocksOperate)
        .body(&shape::POSTURE),
        Route::get(
            SHARES,
            "list_shares",
            "To whom a lock is shared",
            Answer::Page(&shape::SHARE),
            run!(shares),
        )
        .scope(read),
        Route::post(
            SHARES,
            "share_lock",
            "Offer a lock to a place",
            Answer::Created(&shape::SHARE),
            run!(share),
        )
        .scope(write)
        .body(&shape::SHARE)
        .doc("Accepted at once where the caller administers both places."),
        Route::delete(SHARES, "unshare_lock", "Take a lock back from a place", run!(unshare))
            .scope(write)
            .query(WITH)
            .dry_run()
            .doc(
                "The rights of that place on the lock close. A place gives back what it borrows by \
                 its own id.",
            ),
        Route::get(
            "/api/v1/places/{place}/shared-locks",
            "list_shared_locks",
            "Locks other places offer or share",
            Answer::Page(&shape::SHARED_LOCK),
            run!(shared_locks),
        )
        .scope(read),
        Route::post(
            "/api/v1/places/{place}/shared-locks/{id}/accept",
            "accept_shared_lock",
            "Take an offered lock in",
            Answer::Object(shape),
            run!(accept),
        )
        .scope(write)
        .only_ids(),
    ];
    rows.into_iter().map(|row| row.tag("locks")).collect()
}

fn wish(fields: Fields<'_>) -> Result<LockWish, Problem> {
    Ok(LockWish {
        edit: decode::edit(fields),
        pin_schedule: schedule::wish(fields.schedule("pin_schedule"), "/pin_schedule")?,
        unlock_schedule: schedule::wish(fields.schedule("unlock_schedule"), "/unlock_schedule")?,
        controller: fields.reference("controller_id"),
    })
}

/// A lock as an answer; a borrowed one with its owner's settings.
fn shown(ctx: &Context, lock: &Lock, state: &PlaceState) -> Value {
    let owner = app::owner(ctx, lock);
    let view = match &owner {
        Some((owner, settings)) => LockView { row: lock, settings, owner },
        None => LockView { row: lock, settings: lock, owner: state },
    };
    encode::lock(view, &ids_of(state))
}

fn after(ctx: &Context, lock: &Lock, after: &After) -> Value {
    after.state.map_or(Value::Null, |state| shown(ctx, lock, state))
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::list(&ctx, place, paging(&call)?).map_err(problem)?;
    let items = found.items.iter().map(|lock| shown(&ctx, lock, &found.state)).collect();
    page(&call, items, found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (wish, ctx2) = (wish(call.fields())?, ctx.clone());
    let encode = move |it: &Arc<Lock>, done: &After| {
        Reply::created(after(&ctx2, it, done), done.location(it.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, place, wish).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).map_err(problem)?;
    Ok(Reply::object(shown(&ctx, &seen.value, &seen.state)))
}

async fn put(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (external_id, wish, ctx2) = (external(&call)?, wish(call.fields())?, ctx.clone());
    let encode = move |put: &claviger_app::Put<Arc<Lock>>, done: &After| {
        upserted(put, done, |it, done| after(&ctx2, it, done))
    };
    let run = |ctx| async move { app::put(&ctx, place, external_id, wish).await };
    write(ctx, &call, encode, run).await
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (lock, wish, ctx2) = (object(&call)?, wish(call.fields())?, ctx.clone());
    let encode = move |it: &Arc<Lock>, done: &After| Reply::object(after(&ctx2, it, done));
    write(ctx, &call, encode, |ctx| async move { app::edit(&ctx, place, lock, wish).await }).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let lock = object(&call)?;
    let run = |ctx| async move { app::delete(&ctx, place, lock).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}

async fn unlock(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let person = call.fields().reference("person_id").flatten();
    let lock = object(&call)?;
    let run = |ctx| async move { open_from_afar(&ctx, place, lock, person).await };
    super::decision::once(ctx, &call, run).await
}

async fn access(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let rows = of_lock(&ctx, place, &object(&call)?, call.instant("at")).await;
    access_page(&call, &rows.map_err(problem)?)
}

async fn posture(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let fields = call.fields();
    let posture = fields.str("posture").and_then(Posture::parse).unwrap_or(Posture::Normal);
    let locks = fields.has("lock_ids").then(|| fields.references("lock_ids").unwrap_or_default());
    let encode = |outcome: &PostureOutcome, _: &After| {
        let ids = |ids: &[Id]| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>();
        Reply::plain(json!({
            "obeyed": ids(&outcome.obeyed),
            "pending": ids(&outcome.pending),
            "unreachable": ids(&outcome.unreachable),
        }))
    };
    let ctx = ctx.because(reason(&call));
    let run = |ctx| async move { app::set_posture(&ctx, place, posture, locks).await };
    write(ctx, &call, encode, run).await
}

/// A share as an answer; the id of the other place comes from all places.
fn share_shown(ctx: &Context, share: &Share, state: &PlaceState) -> Value {
    let own = ids_of(state);
    encode::share(share, &|noun, number| match noun {
        Noun::Place => place::id_of(ctx, number.into()),
        _ => own(noun, number),
    })
}

async fn shares(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::shares(&ctx, place, &object(&call)?).map_err(problem)?;
    let shown = |it: &Arc<Share>| share_shown(&ctx, it, &seen.state);
    page_of(&call, &seen.value, |it| [it.header.number, 0, 0], shown)
}

/// The other place of a share, as the body or the query names it.
fn other(ctx: &Context, reference: Option<Ref>, pointer: &str) -> Result<Id, Problem> {
    let missing = || Problem::field(pointer, "not_found", "there is no such place");
    place::resolve(ctx, &reference.ok_or_else(missing)?).map_err(|_| missing())
}

async fn share(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let with = other(&ctx, call.fields().reference("place_id").flatten(), "/place_id")?;
    let (lock, ctx2) = (object(&call)?, ctx.clone());
    let encode = move |it: &Arc<Share>, done: &After| {
        let shown = done.state.map_or(Value::Null, |state| share_shown(&ctx2, it, state));
        Reply::created(shown, done.path.to_owned())
    };
    write(ctx, &call, encode, |ctx| async move { app::share(&ctx, place, lock, with).await }).await
}

async fn unshare(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let with = call.query_reference("place_id").ok_or_else(Problem::not_found)?;
    let with = place::resolve(&ctx, &with).map_err(problem)?;
    let lock = object(&call)?;
    let run = |ctx| async move { app::unshare(&ctx, place, lock, with).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}

async fn shared_locks(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::shared_with(&ctx, place).map_err(problem)?;
    let row = |it: &app::SharedLock| {
        json!({
            "lock_id": it.lock.header.id.to_string(),
            "name": it.lock.name,
            "owner_place_id": it.owner.to_string(),
            "state": it.state.as_str(),
        })
    };
    page_of(&call, &found, |it| [it.number.0, it.number.1, 0], row)
}

async fn accept(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let lock = Id::parse(call.path("id")).ok_or_else(Problem::not_found)?;
    let ctx2 = ctx.clone();
    let encode = move |it: &Arc<Lock>, done: &After| Reply::object(after(&ctx2, it, done));
    write(ctx, &call, encode, |ctx| async move { app::accept(&ctx, place, lock).await }).await
}
