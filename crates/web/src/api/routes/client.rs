//! Routes of API clients.

use std::sync::Arc;

use claviger_app::client::{self as app, ClientWish, MadeClient, Rotated};
use claviger_app::{Context, place};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::scope::{Scope, Scopes};
use serde_json::{Value, json};

use super::common::{
    After, Answered, Request, Row, Shared, context, object, page, paging, problem, write,
};
use crate::api::call::run;
use crate::api::encode;
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::{ACTION, client as shape};

const LIST: &str = "/api/v1/clients";
const ONE: &str = "/api/v1/clients/{id}";

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::ClientsRead, Scope::ClientsWrite);
    let shape = &shape::CLIENT;
    let rows = vec![
        Route::get(LIST, "list_clients", "List API clients", Answer::Page(shape), run!(list))
            .scope(read),
        Route::post(
            LIST,
            "create_client",
            "Make an API client",
            Answer::Created(shape),
            run!(create),
        )
        .scope(write)
        .body(shape),
        Route::get(ONE, "get_client", "Read an API client", Answer::Object(shape), run!(get))
            .scope(read),
        Route::patch(ONE, "change_client", "Change an API client", shape, run!(change))
            .scope(write),
        Route::delete(ONE, "delete_client", "Delete an API client", run!(delete)).scope(write),
        Route::post(
            "/api/v1/clients/{id}/rotate",
            "rotate_client",
            "Give an API client a new secret",
            Answer::Object(&shape::ROTATED),
            run!(rotate),
        )
        .scope(write)
        .body(&ACTION)
        .if_match()
        .doc("The former secret works for another day. A public client has none: 409."),
    ];
    rows.into_iter().map(|row| row.tag("clients")).collect()
}

fn wish(ctx: &Context, call: &Request) -> Result<ClientWish, Problem> {
    let fields = call.fields();
    let mut places = None;
    if let Some(references) = fields.references("place_ids") {
        let find = |(at, reference): (usize, &Ref)| {
            place::resolve(ctx, reference).map_err(|_| {
                Problem::field(format!("/place_ids/{at}"), "not_found", "there is no such place")
            })
        };
        places = Some(references.iter().enumerate().map(find).collect::<Result<Vec<_>, _>>()?);
    }
    let scopes = fields.has("scopes").then(|| {
        let scopes = fields.words("scopes", Scope::parse).unwrap_or_default();
        scopes.into_iter().collect::<Scopes>()
    });
    Ok(ClientWish {
        external_id: fields.text("external_id"),
        name: fields.must_text("name"),
        scopes,
        places,
        controller: fields
            .has("controller_id")
            .then(|| fields.reference("controller_id").flatten()),
        expires_at: fields.instant("expires_at"),
        redirect_uris: fields.texts("redirect_uris"),
    })
}

fn shown(ctx: &Context, client: &Client) -> Value {
    let ids = |noun, number: u32| match noun {
        Noun::Place => place::id_of(ctx, number.into()),
        _ => None,
    };
    encode::client(client, &ids, app::controller_id(ctx, client))
}

async fn list(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let (items, next) = app::list(&ctx, paging(&call)?).map_err(problem)?;
    page(&call, items.iter().map(|it| shown(&ctx, it)).collect(), next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let wish = wish(&ctx, &call)?;
    let kind = call.fields().str("kind").and_then(ClientKind::parse).unwrap_or(ClientKind::Oauth2);
    let ctx2 = ctx.clone();
    let encode = move |made: &MadeClient, after: &After| {
        let mut value = shown(&ctx2, &made.client);
        value["secret"] = made.secret.as_deref().into();
        Reply::created(value, after.location(made.client.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, kind, wish).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let client = app::get(&ctx, &object(&call)?).map_err(problem)?;
    Ok(Reply::object(shown(&ctx, &client)))
}

async fn change(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let (client, wish, ctx2) = (object(&call)?, wish(&ctx, &call)?, ctx.clone());
    let encode = move |it: &Arc<Client>, _: &After| Reply::object(shown(&ctx2, it));
    write(ctx, &call, encode, |ctx| async move { app::edit(&ctx, &client, wish).await }).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, client) = (context(&server, &call)?, object(&call)?);
    let run = |ctx| async move { app::delete(&ctx, &client).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}

async fn rotate(server: Shared, call: Request) -> Answered {
    let (ctx, client) = (context(&server, &call)?, object(&call)?);
    let encode = |rotated: &Rotated, _: &After| {
        Reply::plain(json!({
            "secret": rotated.secret,
            "previous_valid_until": encode::at(rotated.previous_valid_until),
        }))
    };
    write(ctx, &call, encode, |ctx| async move { app::rotate(&ctx, &client).await }).await
}
