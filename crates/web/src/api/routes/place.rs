//! Routes of places, and of who the caller is.

use std::sync::Arc;

use claviger_app::{Caller, Context, client, place as app, session};
use claviger_domain::ids::{Id, Noun};
use claviger_domain::noun::place::Place;
use claviger_domain::noun::scope::Scope;
use serde_json::{Value, json};

use super::common::{
    After, Answered, Request, Row, Shared, at_place, context, page, paging, problem, write,
};
use crate::api::call::run;
use crate::api::decode::place as decode;
use crate::api::encode;
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::place as shape;

const ONE: &str = "/api/v1/places/{place}";

pub(super) fn table() -> Vec<Row> {
    let shape = &shape::PLACE;
    let rows = vec![
        Route::get("/api/v1/me", "me", "Who calls", Answer::Object(&shape::ME), run!(me)),
        Route::get("/api/v1/places", "list_places", "List places", Answer::Page(shape), run!(list)),
        Route::post(
            "/api/v1/places",
            "create_place",
            "Make a place",
            Answer::Created(shape),
            run!(create),
        )
        .scope(Scope::PlacesWrite)
        .body(shape)
        .doc("A program is bound to the places it makes; a human becomes their owner."),
        Route::get(ONE, "get_place", "Read a place", Answer::Object(shape), run!(get))
            .scope(Scope::PlacesRead),
        Route::patch(ONE, "change_place", "Change a place", shape, run!(change))
            .scope(Scope::PlacesWrite)
            .dry_run()
            .doc("Another time zone moves the schedules that name none, at locks that have none."),
    ];
    rows.into_iter().map(|row| row.tag("places")).collect()
}

/// A place as an answer.
pub(super) fn shown(ctx: &Context, place: &Place) -> Value {
    let ids = |noun, number: u32| match noun {
        Noun::Place => app::id_of(ctx, number.into()),
        _ => None,
    };
    encode::place(place, &ids)
}

async fn me(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let roles = |places: Vec<(Id, Option<&'static str>)>| -> Vec<Value> {
        let row =
            |(id, role): (Id, Option<&str>)| json!({"place_id": id.to_string(), "role": role});
        places.into_iter().map(row).collect()
    };
    let body = match &ctx.caller {
        Caller::Client { id, scopes, places, .. } => {
            let own = client::own(&ctx).map_err(problem)?;
            let places = places.iter().filter_map(|it| app::id_of(&ctx, *it)).map(|id| (id, None));
            json!({
                "kind": "client",
                "id": id.to_string(),
                "name": own.client.name,
                "organization": encode::organization(&own.organization),
                "scopes": scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
                "places": roles(places.collect()),
            })
        }
        Caller::Account { number, id, .. } => {
            // Who they are can be told all the same.
            if let Err(error) = session::accept(&ctx).await {
                tracing::warn!(%error, "an invitation could not be accepted");
            }
            let places = session::places(&ctx, *number).into_iter();
            json!({
                "kind": "account",
                "id": id.to_string(),
                "name": null,
                "organization": null,
                "scopes": [],
                "places": roles(places.map(|(id, role)| (id, Some(role.as_str()))).collect()),
            })
        }
        Caller::System | Caller::Operator | Caller::Device { .. } => {
            return Err(Problem::not_found());
        }
    };
    Ok(Reply::plain(body))
}

async fn list(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let (items, next) = app::list(&ctx, paging(&call)?, |_| true).map_err(problem)?;
    page(&call, items.iter().map(|it| shown(&ctx, it)).collect(), next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let fields = call.fields();
    let edit = decode::edit(fields);
    let parent = match fields.reference("parent_id").flatten() {
        None => None,
        Some(reference) => Some(
            app::resolve(&ctx, &reference)
                .map_err(|_| Problem::field("/parent_id", "not_found", "there is no such place"))?,
        ),
    };
    let ctx2 = ctx.clone();
    let encode = move |it: &Arc<Place>, after: &After| {
        // The new place's revision: the one a read of it can ask for.
        let reply = Reply::created(shown(&ctx2, it), after.location(it.header.id));
        reply.revision(it.header.revision)
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, parent, edit).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place).map_err(problem)?;
    Ok(Reply::object(shown(&ctx, &seen.value)))
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (edit, ctx2) = (decode::edit(call.fields()), ctx.clone());
    let encode = move |it: &Arc<Place>, _: &After| Reply::object(shown(&ctx2, it));
    write(ctx, &call, encode, |ctx| async move { app::edit(&ctx, place, edit).await }).await
}
