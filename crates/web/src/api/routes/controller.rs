//! Routes of controllers.

use std::sync::Arc;

use claviger_app::provision::{self, ControllerStatus};
use claviger_app::{Context, Error, controller as app};
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use serde_json::Value;

use super::common::{
    After, Answered, Request, Row, Shared, at_place, object, page, paging, problem, write,
};
use crate::api::call::run;
use crate::api::decode::{controller as decode, sync as decode_sync};
use crate::api::encode;
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, BATCH_BODY, Param, Route};
use crate::api::shape::Kind;
use crate::api::shapes::{controller as shape, sync};

const LIST: &str = "/api/v1/places/{place}/controllers";
const ONE: &str = "/api/v1/places/{place}/controllers/{id}";

const GIVE_UP: &[Param] = &[Param::may(
    "give_up",
    Kind::Bool,
    "Whether what it may still hold is given up: for hardware that is destroyed or lost.",
)];

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::ControllersRead, Scope::ControllersWrite);
    let shape = &shape::CONTROLLER;
    let rows = vec![
        Route::get(LIST, "list_controllers", "List controllers", Answer::Page(shape), run!(list))
            .scope(read),
        Route::post(
            LIST,
            "create_controller",
            "Make a controller",
            Answer::Created(shape),
            run!(create),
        )
        .scope(write)
        .body(shape),
        Route::get(ONE, "get_controller", "Read a controller", Answer::Object(shape), run!(get))
            .scope(read),
        Route::patch(ONE, "change_controller", "Change a controller", shape, run!(change))
            .scope(write),
        Route::delete(ONE, "delete_controller", "Delete a controller", run!(delete))
            .scope(write)
            .query(GIVE_UP)
            .doc(
                "Refused (409) while locks hang on it, and while it may still let in by its list: \
                 it has to call until nothing is left. One that will never call again is deleted \
                 with `give_up=true`: what it may still hold stays for ever as it is, and the \
                 revocations that waited for it say `given_up`.",
            ),
        Route::post(
            "/api/v1/places/{place}/controllers/{id}/sync",
            "sync_controller",
            "The call of a controller",
            Answer::Object(&sync::SYNCED),
            run!(call_in),
        )
        .scope(Scope::LocksOperate)
        .body(&sync::SYNC)
        .body_limit(BATCH_BODY)
        .not_idempotent()
        .doc(
            "For a client that is bound to this controller: acknowledgements, events and status \
             come in, changes of its list and commands go out. The protocol is described in \
             docs/controllers.md.",
        ),
    ];
    rows.into_iter().map(|row| row.tag("controllers")).collect()
}

/// A controller with how it stands.
fn shown(ctx: &Context, controller: &Controller, state: &PlaceState) -> Value {
    let status = provision::of_controller(ctx, state, controller.number());
    let status = status.map(|status| encode::controller_status(&status));
    encode::controller(controller, status.unwrap_or_default())
}

/// Controllers that are read, with how they stand. How much each has still to be sent may have to
/// be worked out: that is done off the async threads.
async fn all_shown(
    ctx: Context,
    controllers: Vec<Arc<Controller>>,
    state: Arc<PlaceState>,
) -> Result<Vec<Value>, Problem> {
    let all = move || controllers.iter().map(|it| shown(&ctx, it, &state)).collect();
    tokio::task::spawn_blocking(all).await.map_err(|_| problem(Error::Internal))
}

/// One that was changed. Not for what is kept for a retry: the writer encodes that, before the list
/// can be worked out of what it wrote.
fn after_change(ctx: &Context, controller: &Controller, after: &After) -> Value {
    after.state.map_or(Value::Null, |state| shown(ctx, controller, state))
}

async fn call_in(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (controller, wish) = (object(&call)?, decode_sync::wish(call.fields()));
    let answer = provision::sync(&ctx, place, controller, wish).await.map_err(problem)?;
    Ok(Reply::plain(encode::sync(&answer)))
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::list(&ctx, place, paging(&call)?).map_err(problem)?;
    let items = all_shown(ctx, found.items, found.state).await?;
    page(&call, items, found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let edit = decode::edit(call.fields());
    let encode = |it: &Arc<Controller>, after: &After| {
        let status = encode::controller_status(&ControllerStatus::NEW);
        Reply::created(encode::controller(it, status), after.location(it.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, place, edit).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).map_err(problem)?;
    let shown = all_shown(ctx, vec![seen.value], seen.state).await?;
    Ok(Reply::object(shown.into_iter().next().unwrap_or_default()))
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (controller, edit) = (object(&call)?, decode::edit(call.fields()));
    let run = |ctx| async move { app::edit(&ctx, place, controller, edit).await };
    let ctx2 = ctx.clone();
    let encode =
        move |it: &Arc<Controller>, after: &After| Reply::object(after_change(&ctx2, it, after));
    write(ctx, &call, encode, run).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (controller, give_up) = (object(&call)?, call.flag("give_up"));
    let run = |ctx| async move { app::delete(&ctx, place, controller, give_up).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}
