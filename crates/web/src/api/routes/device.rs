//! Routes of locks with no network: their commissioning, and the devices that carry keys and lists.

use claviger_app::offline::{self as app, Commissioned, Enrolled, Whose};
use claviger_domain::noun::scope::Scope;
use serde_json::json;

use super::common::{
    After, Answered, Request, Row, Shared, at_place, object, page, paging, problem, write,
};
use crate::api::call::run;
use crate::api::decode::{bytes, device as decode};
use crate::api::encode;
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, BATCH_BODY, Route};
use crate::api::shapes::device as shape;

pub(super) fn table() -> Vec<Row> {
    let rows = [devices(), locks()].concat();
    rows.into_iter().map(|row| row.tag("devices")).collect()
}

fn devices() -> Vec<Row> {
    vec![
        Route::post(
            "/api/v1/places/{place}/devices/enrol",
            "enrol_device",
            "Enrol a device that holds keys",
            Answer::Object(&shape::ENROLLED),
            run!(enrol),
        )
        .scope(Scope::DevicesSync)
        .body(&shape::ENROLMENT)
        .doc(
            "A phone for a person, or another key for a device that is there, also needs \
             credentials:write. A card that can sign is enrolled by its credential_id.",
        ),
        Route::post(
            "/api/v1/places/{place}/devices/sync",
            "sync_device",
            "The call of a device",
            Answer::Object(&shape::SYNCED),
            run!(sync),
        )
        .scope(Scope::DevicesSync)
        .body(&shape::SYNC)
        .body_limit(BATCH_BODY)
        .not_idempotent()
        .doc(
            "What locks have shown comes in; keys, lists and certificates go out. With the \
             device's own token, or for the device that is named: an encoder names a card, and \
             acknowledges what it has written. A card that cannot sign is card_cannot_sign.",
        ),
        Route::get(
            "/api/v1/places/{place}/devices/tasks",
            "list_card_tasks",
            "List cards that must be brought to an updater",
            Answer::Page(&shape::CARD_TASK),
            run!(tasks),
        )
        .scope(Scope::CredentialsRead),
    ]
}

fn locks() -> Vec<Row> {
    vec![
        Route::post(
            "/api/v1/places/{place}/locks/{id}/commission",
            "commission_lock",
            "Tell a lock with no network whose it is",
            Answer::Object(&shape::RECORD),
            run!(commission),
        )
        .scope(Scope::LocksWrite)
        .body(&shape::COMMISSION)
        .doc("Once; with recommission the lock gets another secret and epoch."),
        Route::get(
            "/api/v1/places/{place}/locks/{id}/revocation-list",
            "get_revocation_list",
            "The list that a lock should have",
            Answer::Object(&shape::CURRENT),
            run!(current),
        )
        .scope(Scope::LocksRead),
        Route::post(
            "/api/v1/places/{place}/locks/{id}/receipts",
            "bring_receipts",
            "Bring what a lock has shown",
            Answer::Object(&shape::BROUGHT),
            run!(receipts),
        )
        .scope(Scope::DevicesSync)
        .body(&shape::RECEIPTS)
        .not_idempotent()
        .doc("The same receipt may come as often as it likes."),
        Route::post(
            "/api/v1/places/{place}/locks/{id}/events",
            "bring_events",
            "Bring what happened at a lock",
            Answer::Object(&shape::BROUGHT),
            run!(events),
        )
        .scope(Scope::DevicesSync)
        .body(&shape::EVENTS)
        .body_limit(BATCH_BODY)
        .not_idempotent()
        .doc("Each event is stored once, however often it is brought."),
    ]
}

fn key(call: &Request) -> Result<Vec<u8>, Problem> {
    let key = call.fields().value("public_key").and_then(bytes);
    key.ok_or_else(|| Problem::field("/public_key", "required", "must be a COSE_Key"))
}

async fn commission(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (lock, key) = (object(&call)?, key(&call)?);
    let again = call.fields().bool("recommission", false).unwrap_or(false);
    let encode =
        |it: &Commissioned, _: &After| Reply::plain(json!({"record": encode::base64(&it.record)}));
    let run = |ctx| async move { app::commission(&ctx, place, lock, key, again).await };
    write(ctx, &call, encode, run).await
}

async fn enrol(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (fields, key) = (call.fields(), key(&call)?);
    let person = fields.reference("person_id").flatten().map(Whose::Person);
    let whose =
        person.or_else(|| fields.reference("credential_id").flatten().map(Whose::Credential));
    let whose = whose.ok_or_else(|| Problem::field("/person_id", "required", "must be named"))?;
    let encode = |it: &Enrolled, _: &After| {
        Reply::plain(json!({"device_id": it.device.to_string(), "token": it.token}))
    };
    let run = |ctx| async move { app::enrol(&ctx, place, whose, key).await };
    write(ctx, &call, encode, run).await
}

async fn sync(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let answer = app::sync(&ctx, place, decode::wish(call.fields())).await.map_err(problem)?;
    Ok(Reply::plain(encode::carried(&answer)))
}

async fn tasks(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::tasks(&ctx, place, paging(&call)?).map_err(problem)?;
    page(&call, found.items.iter().map(encode::card_task).collect(), found.next)
}

async fn current(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::current(&ctx, place, &object(&call)?).await.map_err(problem)?;
    Ok(Reply::plain(encode::current_list(&found)))
}

async fn receipts(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (lock, brought) = (object(&call)?, call.fields().list("receipts", bytes));
    let brought = brought.unwrap_or_default();
    let told = app::bring(&ctx, place, lock, brought, Vec::new()).await.map_err(problem)?;
    Ok(Reply::plain(encode::brought(&told)))
}

async fn events(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (lock, brought) = (object(&call)?, call.fields().list("events", bytes));
    let brought = brought.unwrap_or_default();
    let told = app::bring(&ctx, place, lock, Vec::new(), brought).await.map_err(problem)?;
    Ok(Reply::plain(encode::brought(&told)))
}
