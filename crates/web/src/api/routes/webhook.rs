//! Routes of webhooks and their deliveries.

use std::sync::Arc;

use claviger_app::credential::Digits;
use claviger_app::webhook::{self as app, Delivery, DeliveryState, MadeWebhook, WebhookWish};
use claviger_domain::ids::Id;
use claviger_domain::noun::event::EventKind;
use claviger_domain::noun::scope::Scope;
use claviger_domain::noun::webhook::{Webhook, WebhookEdit};
use serde_json::{Value, json};

use super::common::{
    After, Answered, Request, Row, Shared, at_place, object, page, paging, problem, with_ids, write,
};
use crate::api::call::run;
use crate::api::decode::Fields;
use crate::api::encode::{self, ids_of};
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::{ACTION, webhook as shape};

const LIST: &str = "/api/v1/places/{place}/webhooks";
const ONE: &str = "/api/v1/places/{place}/webhooks/{id}";

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::WebhooksRead, Scope::WebhooksWrite);
    let shape = &shape::WEBHOOK;
    let rows = vec![
        Route::get(LIST, "list_webhooks", "List webhooks", Answer::Page(shape), run!(list))
            .scope(read),
        Route::post(LIST, "create_webhook", "Make a webhook", Answer::Created(shape), run!(create))
            .scope(write)
            .body(shape),
        Route::get(ONE, "get_webhook", "Read a webhook", Answer::Object(shape), run!(get))
            .scope(read),
        Route::patch(ONE, "change_webhook", "Change a webhook", shape, run!(change)).scope(write),
        Route::delete(ONE, "delete_webhook", "Delete a webhook", run!(delete)).scope(write),
        Route::get(
            "/api/v1/places/{place}/webhooks/{id}/deliveries",
            "list_deliveries",
            "List the newest deliveries of a webhook",
            Answer::Page(&shape::DELIVERY),
            run!(deliveries),
        )
        .scope(read),
        Route::post(
            "/api/v1/places/{place}/webhooks/{id}/test",
            "test_webhook",
            "Send a test",
            Answer::Accepted(None),
            run!(test),
        )
        .scope(write)
        .if_match()
        .body(&ACTION),
        Route::post(
            "/api/v1/places/{place}/webhooks/{id}/replay",
            "replay_delivery",
            "Send a delivery again",
            Answer::Accepted(None),
            run!(replay),
        )
        .scope(write)
        .if_match()
        .body(&shape::REPLAY),
    ];
    rows.into_iter().map(|row| row.tag("webhooks")).collect()
}

fn wish(fields: Fields<'_>) -> WebhookWish {
    WebhookWish {
        edit: WebhookEdit {
            external_id: fields.text("external_id"),
            name: fields.text("name"),
            url: fields.must_text("url"),
            events: fields.words("events", EventKind::parse),
            format: fields.must_text("format"),
            told_within_s: fields.int("told_within_s"),
            failures_only: fields.bool("failures_only", false),
            ..WebhookEdit::default()
        },
        locks: fields.references("lock_ids"),
        secret: fields.str("secret").map(|text| Digits(text.to_owned())),
        headers: None,
    }
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::list(&ctx, place, paging(&call)?).map_err(problem)?;
    let ids = ids_of(&found.state);
    page(&call, found.items.iter().map(|it| encode::webhook(it, &ids)).collect(), found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let wish = wish(call.fields());
    let encode = |made: &MadeWebhook, after: &After| {
        let mut shown = with_ids(after, |ids| encode::webhook(&made.webhook, ids));
        shown["secret"] = made.secret.as_str().into();
        Reply::created(shown, after.location(made.webhook.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, place, wish).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).map_err(problem)?;
    Ok(Reply::object(encode::webhook(&seen.value, &ids_of(&seen.state))))
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (webhook, wish) = (object(&call)?, wish(call.fields()));
    let encode = |it: &Arc<Webhook>, after: &After| {
        Reply::object(with_ids(after, |ids| encode::webhook(it, ids)))
    };
    let run = |ctx| async move { app::edit(&ctx, place, webhook, wish).await };
    write(ctx, &call, encode, run).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let webhook = object(&call)?;
    let run = |ctx| async move { app::delete(&ctx, place, webhook).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}

fn shown(delivery: &Delivery) -> Value {
    let attempts = delivery.attempts.iter();
    let waiting = delivery.state == DeliveryState::Waiting;
    json!({
        "id": delivery.id.to_string(),
        "event_id": delivery.event.map(|id| id.to_string()),
        "state": match delivery.state {
            DeliveryState::Waiting => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "failed",
        },
        "attempts": attempts
            .map(|it| json!({
                "at": encode::at(it.at),
                "status": it.status,
                "error": it.error,
            }))
            .collect::<Vec<_>>(),
        "next_at": encode::maybe_at(waiting.then_some(delivery.next_at)),
    })
}

async fn deliveries(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let paging = call.paging()?;
    let before = paging.after.as_deref().and_then(Id::parse);
    let webhook = object(&call)?;
    let found = app::deliveries(&ctx, place, &webhook, before, paging.limit + 1).await;
    let mut found = found.map_err(problem)?;
    let more = found.len() > paging.limit;
    found.truncate(paging.limit);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Reply::page(paging.answer(found.iter().map(shown).collect(), next.as_deref())))
}

async fn test(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let webhook = object(&call)?;
    let run = |ctx| async move { app::test(&ctx, place, webhook).await };
    write(ctx, &call, |(): &(), _| Reply::accepted(None), run).await
}

async fn replay(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let delivery = call.fields().str("delivery_id").and_then(Id::parse);
    let delivery =
        delivery.ok_or_else(|| Problem::field("/delivery_id", "required", "is required"))?;
    let webhook = object(&call)?;
    let run = |ctx| async move { app::replay(&ctx, place, webhook, delivery).await };
    write(ctx, &call, |(): &(), _| Reply::accepted(None), run).await
}
