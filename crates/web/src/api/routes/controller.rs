//! Routes of controllers.

use std::sync::Arc;

use claviger_app::controller as app;
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::scope::Scope;

use super::common::{
    After, Answered, Request, Row, Shared, at_place, object, page, paging, problem, write,
};
use crate::api::call::run;
use crate::api::decode::controller as decode;
use crate::api::encode;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::controller as shape;

const LIST: &str = "/api/v1/places/{place}/controllers";
const ONE: &str = "/api/v1/places/{place}/controllers/{id}";

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
        Route::delete(ONE, "delete_controller", "Delete a controller", run!(delete)).scope(write),
    ];
    rows.into_iter().map(|row| row.tag("controllers")).collect()
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::list(&ctx, place, paging(&call)?).map_err(problem)?;
    page(&call, found.items.iter().map(|it| encode::controller(it)).collect(), found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let edit = decode::edit(call.fields());
    let encode = |it: &Arc<Controller>, after: &After| {
        Reply::created(encode::controller(it), after.location(it.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, place, edit).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).map_err(problem)?;
    Ok(Reply::object(encode::controller(&seen.value)))
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (controller, edit) = (object(&call)?, decode::edit(call.fields()));
    let run = |ctx| async move { app::edit(&ctx, place, controller, edit).await };
    write(ctx, &call, |it: &Arc<Controller>, _| Reply::object(encode::controller(it)), run).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let controller = object(&call)?;
    let run = |ctx| async move { app::delete(&ctx, place, controller).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}
