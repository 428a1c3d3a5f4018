//! Every operation once, as a program would call it, with the whole exchange kept in `golden.txt`.

use serde_json::{Value, json};

use super::Parakey;
use crate::golden::Exchanges;
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn every_exchange_is_as_it_was() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let mut kept = Exchanges::with("parakey");
        let mut call = async |method: &'static str, path: String, body: Value| -> Value {
            exchange(&program, &mut kept, method, &path, body).await
        };
        let get = || Value::Null;
        let by = |list: &str, it: &Value| format!("/{list}/{}", id(it));
        call("GET", "/domains".to_owned(), get()).await;
        call("GET", format!("/domains/{}", program.it.place), get()).await;
        call("GET", "/accesses?orderBy=name:ASC".to_owned(), get()).await;
        call("GET", by("accesses", &access), get()).await;
        let devices = call("GET", "/devices".to_owned(), get()).await;
        call("GET", by("devices", &devices[0]), get()).await;
        call("GET", "/event-configurations".to_owned(), get()).await;
        call("GET", by("event-configurations", &devices[0]), get()).await;
        let wish = json!({
            "insert": [{
                "access": {"aliasId": "Parakey-Gym"},
                "user": {"email": "ann@example.org", "firstName": "Ann", "lastName": "Berg"},
                "startDate": "2019-01-01T07:30:00.000Z", "expirationDate": null,
            }, {
                "access": {"id": access["id"]},
                "user": {"email": "bo@example.org", "roles": ["guest"], "language": "sv"},
            }],
            "sendPush": false,
        });
        let made = call("POST", "/access-keys".to_owned(), wish).await;
        let wish = json!({"insert": [
            {"access": {"aliasId": "Parakey-Nothing"}, "user": {"email": "bo@example.org"}},
            {"access": {"id": access["id"]}, "user": {"email": "bo@example.org"}},
        ]});
        let batch = call("POST", "/batches".to_owned(), wish).await;
        call("GET", by("batches", &batch), get()).await;
        let path = format!("/access-keys?domainId={}", program.it.place);
        call("GET", path, get()).await;
        call("GET", by("access-keys", &made["insert"][0]), get()).await;
        let users = call("GET", "/users".to_owned(), get()).await;
        call("GET", by("users", &users[0]), get()).await;
        let wish = json!({"user": {"email": "eve@example.org"}, "roles": ["installer"]});
        let eve = call("POST", "/members".to_owned(), wish).await;
        call("GET", "/members?limit=1".to_owned(), get()).await;
        call("GET", by("members", &eve), get()).await;
        call("PATCH", by("members", &eve), json!({"tags": ["north"]})).await;
        call("PUT", by("members", &eve), json!({"roles": ["guest"], "tags": []})).await;
        call("DELETE", by("members", &eve), get()).await;
        let ask = json!({"lock_id": devices[0]["id"], "person_id": users[0]["id"]});
        program.it.decide(ask).await;
        let logs = call("GET", "/event-logs?limit=1".to_owned(), get()).await;
        call("GET", by("event-logs", &logs[0]), get()).await;
        call("GET", by("event-logs", &logs[0]) + "?apiVersion=1.0", get()).await;
        let wish = json!({"delete": [{
            "access": {"id": access["id"]}, "user": {"email": "bo@example.org"},
        }]});
        call("POST", "/access-keys".to_owned(), wish).await;
        webhooks(&program, &mut kept, &devices[0]).await;
        kept.compare(&[]);
    })
    .await;
}

/// One call and what it was answered, without the secret.
async fn exchange(
    program: &Parakey,
    kept: &mut Exchanges,
    method: &str,
    path: &str,
    body: Value,
) -> Value {
    let mut answer = program.call(method, path, body.clone()).await;
    if let Some(secret) = answer.body.get_mut("secret") {
        *secret = json!("<secret>");
    }
    kept.keep(method, path, &body, &answer);
    answer.body
}

/// Every operation on webhooks.
async fn webhooks(program: &Parakey, kept: &mut Exchanges, device: &Value) {
    let mut call = async |method: &str, path: &str, body: Value| {
        exchange(program, kept, method, path, body).await
    };
    let hook = json!({
        "name": "Visits", "url": "https://hooks.example.org/visits",
        "domains": [program.it.place], "payloadApiVersion": "1.2",
        "headers": {"Authorization": "Bearer receiver"},
        "devices": [device["id"]], "allowedOffsetMinutes": 60,
    });
    let hook = call("POST", "/webhooks", hook).await;
    let one = format!("/webhooks/{}", id(&hook));
    let batches = json!({
        "type": "batchCompleted", "name": "Batches", "url": "https://hooks.example.org/batches",
        "onlyOnItemFailures": true,
    });
    call("POST", "/webhooks", batches).await;
    call("GET", "/webhooks", Value::Null).await;
    call("GET", &one, Value::Null).await;
    call("PATCH", &one, json!({"payloadApiVersion": "1.0"})).await;
    let wish = json!({"url": "https://hooks.example.org/all", "devices": []});
    call("PUT", &one, wish).await;
    call("DELETE", &one, Value::Null).await;
}
