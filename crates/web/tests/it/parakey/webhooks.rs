//! Webhooks: who is told of unlocks and of batches, in which version, and who no more.

use serde_json::{Value, json};

use super::event_logs::unlock;
use super::{Parakey, item, refused};
use crate::kit::{field, in_seconds, one};
use crate::support::{id, on_each_engine};
use crate::webhooks::{Endpoint, body, deliver, header, signature};

const URL: &str = "https://hooks.example.org/parakey";
const OTHER: &str = "https://other.example.org/parakey";

impl Parakey {
    async fn hook(&self, body: Value) -> Value {
        self.call("POST", "/webhooks", body).await.expect(201)
    }
}

fn at(hook: &Value) -> String {
    format!("/webhooks/{}", id(hook))
}

#[tokio::test]
async fn webhooks_are_made_changed_listed_and_deleted() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let door = program.it.lock("Door").await;
        let native = program.it.made("/webhooks", json!({"url": URL})).await;
        let mut all = program.hook(json!({"url": URL})).await;
        let secret = all.as_object_mut().unwrap().remove("secret").unwrap();
        assert!(secret.as_str().unwrap().starts_with("whsec_"));
        let place = program.it.place.as_str();
        let mut wanted = json!({
            "type": "unlockEvent", "name": "Mine", "url": URL, "domains": [{"id": place}],
            "autoSyncDomains": false, "payloadApiVersion": "1.0",
            "headers": {"Authorization": "Bearer s3cret", "X-Site": "north"},
            "devices": [id(&door)], "allowedOffsetMinutes": 30, "onlyOnItemFailures": false,
        });
        let mut own = program.hook(wanted.clone()).await;
        own.as_object_mut().unwrap().remove("secret");
        wanted["domains"] = json!([{"id": place, "name": "Main house"}]);
        wanted["headers"] = json!({"Authorization": null, "X-Site": null});
        wanted["devices"] = json!([{"id": door["id"], "name": "Door"}]);
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(own[name], *value, "{name}");
        }
        assert_eq!((&own["disabledAt"], &own["disabledReason"]), (&Value::Null, &Value::Null));
        assert_eq!((&all["payloadApiVersion"], &all["devices"]), (&json!("1.2"), &json!([])));
        assert_eq!(program.get("/webhooks").await, json!([all, own]));
        assert_eq!(program.get("/webhooks?orderBy=createdAt:DESC&limit=1").await, json!([own]));
        assert_eq!(program.get(&at(&own)).await, own);

        // Natively they are webhooks like others.
        let shown = program.it.list("/webhooks").await;
        let formats = json!(field(&shown, "format"));
        assert_eq!(formats, json!(["standard", "parakey-1.2", "parakey-1.0"]));
        assert_eq!(shown[2]["lock_ids"], json!([door["id"]]));
        assert_eq!((&shown[2]["name"], &shown[2]["told_within_s"]), (&json!("Mine"), &json!(1800)));
        assert_eq!(json!(field(&shown, "has_headers")), json!([false, false, true]));
        assert!(!json!([shown, own]).to_string().contains("s3cret"));

        // One for a device that is gone is not one for all.
        program.it.delete(&one("/locks", &door)).await.expect(204);
        let deaf = program.get(&at(&own)).await;
        assert_eq!(deaf["devices"], json!([{"id": door["id"], "name": null}]));
        assert_eq!(deaf["disabledReason"], "devicesGone");
        program.call("DELETE", &at(&own), Value::Null).await.expect(204);
        refused(&program.call("GET", &at(&own), Value::Null).await, 404, "webhookNotFound", &[]);
        for method in ["GET", "PATCH", "DELETE"] {
            let answer = program.call(method, &at(&native), json!({})).await;
            refused(&answer, 404, "webhookNotFound", &[]);
        }
        assert_eq!(program.it.list("/webhooks").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_answered_can_be_sent_back_and_what_is_not_named_stays() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let door = program.it.lock("Door").await;
        let made = json!({
            "name": "Mine", "url": URL, "payloadApiVersion": "1.0", "devices": [id(&door)],
            "headers": {"Authorization": "Bearer s3cret"}, "allowedOffsetMinutes": 30,
        });
        let mut own = program.hook(made).await;
        own.as_object_mut().unwrap().remove("secret");
        let before = world.revisions().await;
        assert_eq!(program.call("PUT", &at(&own), own.clone()).await.expect(200)["name"], "Mine");
        assert_eq!(program.it.list("/webhooks").await[0]["has_headers"], true);
        let change =
            json!({"payloadApiVersion": "1.2", "allowedOffsetMinutes": null, "name": null});
        let changed = program.call("PATCH", &at(&own), change).await.expect(200);
        assert_eq!(changed["payloadApiVersion"], "1.2");
        let cleared = (&changed["allowedOffsetMinutes"], &changed["name"]);
        assert_eq!(cleared, (&Value::Null, &Value::Null));
        assert_eq!((&changed["devices"], &changed["headers"]), (&own["devices"], &own["headers"]));
        assert_ne!(world.revisions().await, before);
        let kept = program.call("PATCH", &at(&own), json!({"name": "Mine"})).await.expect(200);
        assert_eq!(kept["payloadApiVersion"], "1.2", "pinned until somebody says otherwise");
    })
    .await;
}

/// What cannot be said of a webhook for unlocks, and how the message begins.
fn wrong() -> Vec<(&'static str, Value)> {
    let many: serde_json::Map<String, Value> =
        (0..21).map(|at| (format!("x{at}"), json!("v"))).collect();
    vec![
        ("url", json!({"url": "ftp://example.org"})),
        ("url", json!({"url": "https://a:b@example.org"})),
        ("type", json!({"type": "keyEvent"})),
        ("name", json!({"name": "a\nb"})),
        ("payloadApiVersion", json!({"payloadApiVersion": "1.1"})),
        ("payloadApiVersion", json!({"payloadApiVersion": 1.2})),
        ("autoSyncDomains", json!({"autoSyncDomains": true})),
        ("autoSyncDomains", json!({"autoSyncDomains": "no"})),
        ("domains", json!({"domains": []})),
        ("allowedOffsetMinutes", json!({"allowedOffsetMinutes": -1})),
        ("allowedOffsetMinutes", json!({"allowedOffsetMinutes": 1.5})),
        ("allowedOffsetMinutes", json!({"allowedOffsetMinutes": 600_000})),
        ("onlyOnItemFailures", json!({"onlyOnItemFailures": true})),
        ("headers", json!({"headers": ["a"]})),
        ("headers.a", json!({"headers": {"a": 1}})),
        ("headers/Host", json!({"headers": {"Host": "example.org"}})),
        ("headers/content-length", json!({"headers": {"content-length": "1"}})),
        ("headers/Webhook-Id", json!({"headers": {"Webhook-Id": "1"}})),
        ("headers/a b", json!({"headers": {"a b": "1"}})),
        ("headers/a", json!({"headers": {"a": "1\r\nhost: b"}})),
        ("headers/a", json!({"headers": {"a": null}})),
        ("headers", json!({"headers": many})),
    ]
}

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_named_and_nothing_is_done() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let theirs = Parakey::of(&world, program.it.neighbour("Next door").await).await;
        let their_lock = theirs.it.lock("Theirs").await;
        let their_hook = theirs.hook(json!({"url": URL})).await;
        let secret = json!({"Authorization": "Bearer s3cret"});
        let own = program.hook(json!({"url": URL, "headers": secret})).await;
        let batches = program.hook(json!({"url": URL, "type": "batchCompleted"})).await;
        let before = world.revisions().await;
        for (field, body) in wrong() {
            let mut made = json!({"url": URL});
            made.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            for answer in [
                program.call("POST", "/webhooks", made).await,
                program.call("PATCH", &at(&own), body.clone()).await,
            ] {
                refused(&answer, 422, "invalid", &[]);
                let message = answer.body["message"].as_str().unwrap();
                assert!(message.starts_with(field), "{body}: {message}");
            }
        }
        for (list, body) in
            [("domains", json!({"domains": [7]})), ("devices", json!({"devices": [{}]}))]
        {
            let answer = program.call("PATCH", &at(&own), body).await;
            refused(&answer, 422, "invalid", &[(list, 0, "invalid")]);
        }
        for body in [
            json!({"devices": [their_lock["id"]]}),
            json!({"allowedOffsetMinutes": 5}),
            json!({"type": "unlockEvent"}),
        ] {
            let answer = program.call("PATCH", &at(&batches), body).await;
            refused(&answer, 422, "invalid", &[]);
        }
        refused(&program.call("POST", "/webhooks", json!({})).await, 422, "invalid", &[]);
        for (body, code) in [
            (json!({"url": URL, "devices": [their_lock["id"]]}), "deviceNotFound"),
            (json!({"url": URL, "devices": ["aaaaaaaaaa"]}), "deviceNotFound"),
            (json!({"url": URL, "domains": [theirs.it.place]}), "domainNotFound"),
            (json!({"url": URL, "domains": [program.it.place, "aaaaaaaaaa"]}), "domainNotFound"),
        ] {
            refused(&program.call("POST", "/webhooks", body).await, 404, code, &[]);
        }
        for method in ["GET", "PATCH", "PUT", "DELETE"] {
            let answer = program.call(method, &at(&their_hook), json!({"name": "Ours"})).await;
            refused(&answer, 404, "webhookNotFound", &[]);
        }
        // What is secret between a webhook and its host goes to no other.
        let moved = json!({"url": OTHER, "headers": {"Authorization": null}});
        refused(&program.call("PATCH", &at(&own), moved).await, 422, "invalid", &[]);
        assert_eq!(world.revisions().await, before);
        let moved = program.call("PATCH", &at(&own), json!({"url": OTHER})).await.expect(200);
        assert_eq!((&moved["url"], &moved["headers"]), (&json!(OTHER), &json!({})));
    })
    .await;
}

#[tokio::test]
async fn whoever_may_not_read_logs_makes_no_webhook() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let hook = program.hook(json!({"url": URL})).await;
        let own = &Parakey::client(&world).await;
        let path = format!("/api/v1/clients/{}", id(own));
        let may = |scopes: &[&str]| world.admin.patch(&path, json!({"scopes": scopes}));
        may(&["webhooks:write"]).await.expect(200);
        for (method, path) in [("POST", "/webhooks"), ("PATCH", &at(&hook))] {
            let answer = program.call(method, path, json!({"url": URL})).await;
            refused(&answer, 403, "forbidden", &[]);
        }
        program.get("/webhooks").await;
        may(&["webhooks:read", "events:read"]).await.expect(200);
        for method in ["PATCH", "DELETE"] {
            let answer = program.call(method, &at(&hook), json!({"name": "x"})).await;
            refused(&answer, 403, "forbidden", &[]);
        }
        may(&["events:read"]).await.expect(200);
        for path in ["/webhooks", &at(&hook)] {
            refused(&program.call("GET", path, Value::Null).await, 403, "forbidden", &[]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_the_log_as_the_pinned_version_shows_it() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let (gym, pool) = (program.access("Gym").await, program.access("Pool").await);
        let ann = program.it.person("Ann").await;
        let keys = [item(&gym, "ann@example.org", [None, None])];
        program.manage(json!({"insert": keys})).await.expect(200);
        let wish = |path: &str, version: &str| {
            let url = format!("https://hooks.example.org/{path}");
            json!({
                "url": url, "payloadApiVersion": version,
                "headers": {"Authorization": format!("Bearer {path}")},
            })
        };
        let new = program.hook(wish("new", "1.2")).await;
        let old = program.hook(wish("old", "1.0")).await;
        let mut of_pool = wish("pool", "1.2");
        of_pool["devices"] = pool["lock_ids"].clone();
        let of_pool = program.hook(of_pool).await;
        unlock(&program, &gym, &ann).await;
        // Who was kept out is told to nobody.
        let denied = json!({"lock_id": pool["lock_ids"][0], "person_id": id(&ann)});
        assert_eq!(program.it.decide(denied).await["result"], "denied");

        let endpoint = Endpoint::answering(204);
        deliver(&world, &endpoint, &new, 1).await;
        deliver(&world, &endpoint, &old, 1).await;
        let sent = endpoint.take();
        assert_eq!(sent.len(), 2, "{sent:?}");
        let path = one("/webhooks", &of_pool);
        assert!(program.it.list(&format!("{path}/deliveries")).await.is_empty());
        let logs = program.get("/eventLogs").await;
        assert_eq!(logs.as_array().unwrap().len(), 1);
        let worker = concat!("Parakey-WebhookWorker/", env!("CARGO_PKG_VERSION"));
        for (name, version, hook) in [("new", "1.2", &new), ("old", "1.0", &old)] {
            let request = sent.iter().find(|it| it.url.ends_with(name)).unwrap();
            let path = format!("/eventLogs/{}", id(&logs[0]));
            let log = program.get(&format!("{path}?apiVersion={version}")).await;
            assert_eq!(body(request), log);
            let asked = [("api-version", version)];
            let asked = program.send("GET", &path, &asked, None).await.expect(200);
            assert_eq!(asked, log);
            assert_eq!(log["eventConfiguration"]["id"], gym["lock_ids"][0]);
            assert_eq!(log.get("device").is_some(), version == "1.2");
            assert_eq!(log["user"]["email"], "ann@example.org");
            assert_eq!(header(request, "content-type"), "application/json");
            assert_eq!(header(request, "user-agent"), worker);
            assert_eq!(header(request, "Authorization"), format!("Bearer {name}"));
            let secret = hook["secret"].as_str().unwrap();
            assert_eq!(header(request, "webhook-signature"), signature(secret, request));
        }
        assert_eq!(program.get("/eventLogs?apiVersion=9.9").await, logs, "the latest");
    })
    .await;
}

#[tokio::test]
async fn a_device_of_another_domain_is_told_by_the_name_its_owner_gives_it() {
    on_each_engine(|world| async move {
        let tenant = Parakey::at(&world).await;
        let owner = tenant.it.neighbour("Next door").await;
        let gate = owner.lock("Gate").await;
        let shares = format!("{}/shares", one("/locks", &gate));
        owner.made(&shares, json!({"place_id": tenant.it.place})).await;
        let accept = format!("/shared-locks/{}/accept", id(&gate));
        tenant.it.post(&accept, json!({})).await.expect(200);
        owner.patch(&one("/locks", &gate), json!({"name": "North gate"})).await.expect(200);
        let level = json!({"name": "Gate", "lock_ids": [id(&gate)], "api_enabled": true});
        let level = tenant.it.made("/access-levels", level).await;
        let keys = json!({"insert": [item(&level, "ann@example.org", [None, None])]});
        tenant.manage(keys).await.expect(200);
        let ann = tenant.it.list("/people").await.remove(0);
        let hook = tenant.hook(json!({"url": URL, "devices": [id(&gate)]})).await;
        assert_eq!(hook["devices"][0]["name"], "North gate");
        unlock(&tenant, &level, &ann).await;
        let endpoint = Endpoint::answering(200);
        deliver(&world, &endpoint, &hook, 1).await;
        let log = tenant.get("/eventLogs").await[0].clone();
        assert_eq!(log["device"]["name"], "North gate");
        assert_eq!(body(&endpoint.take()[0]), log);
    })
    .await;
}

#[tokio::test]
async fn what_comes_in_late_is_polled_and_not_told() {
    on_each_engine(|world| async move {
        let (world, program, mut panel, gate) = Parakey::beside_a_panel(world).await;
        let it = &program.it;
        let ann = it.person("Ann").await;
        let card = it.card(&ann, "a1").await;
        it.grant(&ann, &gate).await;
        panel.settle().await;
        let all = program.hook(json!({"url": URL})).await;
        let timely = program.hook(json!({"url": OTHER, "allowedOffsetMinutes": 10})).await;
        let event = |seq: u64, seconds: i64| {
            json!({
                "seq": seq, "kind": "access_granted", "lock": gate["number"], "method": "card",
                "occurred_at": in_seconds(&world, seconds), "credential_id": card["id"],
            })
        };
        panel.call(json!({"events": [event(1, -1200), event(2, -300)]})).await;
        let endpoint = Endpoint::answering(200);
        deliver(&world, &endpoint, &all, 2).await;
        deliver(&world, &endpoint, &timely, 1).await;
        let sent = endpoint.take();
        let told = |url: &str| -> Vec<Value> {
            let own = sent.iter().filter(|it| it.url == url).map(body);
            let mut own: Vec<Value> = own.collect();
            own.sort_by_key(|log| log["timestamp"].as_str().unwrap().to_owned());
            own
        };
        let polled = program.get("/eventLogs?orderBy=timestamp:ASC").await;
        assert_eq!(json!(told(URL)), polled, "both, however late");
        assert_eq!(told(OTHER), [polled[1].clone()]);
        let deliveries = it.list(&format!("{}/deliveries", one("/webhooks", &timely))).await;
        assert_eq!(deliveries.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_told_once_to_whoever_made_it() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let gym = program.access("Gym").await;
        let batches = |url: &str, only: bool| {
            json!({"url": url, "type": "batchCompleted", "onlyOnItemFailures": only})
        };
        let all = program.hook(batches(URL, false)).await;
        let failures = program.hook(batches(OTHER, true)).await;
        let unlocks = program.hook(json!({"url": URL})).await;
        let other = Parakey::at(&world).await;
        let others = other.hook(batches("https://third.example.org/", false)).await;
        assert_eq!(&all["type"], "batchCompleted");

        let none = [None, None];
        let good = json!({"insert": [
            item(&gym, "ann@example.org", none), item(&gym, "bo@example.org", none),
        ]});
        let good = program.call("POST", "/batches", good).await.expect(201);
        let bad = json!({"insert": [
            item(&gym, "eve@example.org", none),
            item(&json!({"id": "aaaaaaaaaa"}), "bo@example.org", none),
        ]});
        let bad = program.call("POST", "/batches", bad).await.expect(201);
        // What is done all or nothing is no batch.
        let manage = json!({"insert": [item(&gym, "dan@example.org", none)]});
        program.manage(manage).await.expect(200);

        let endpoint = Endpoint::answering(200);
        deliver(&world, &endpoint, &all, 2).await;
        deliver(&world, &endpoint, &failures, 1).await;
        let sent = endpoint.take();
        assert_eq!(sent.len(), 3, "each once");
        for (batch, hooks) in [(&good, 1), (&bad, 2)] {
            let read = program.get(&format!("/batches/{}", id(batch))).await;
            assert_eq!(read, *batch);
            let told = sent.iter().map(body).filter(|it| it["id"] == batch["id"]);
            let told: Vec<Value> = told.collect();
            assert_eq!(told, vec![read; hooks]);
        }
        let failed: Vec<Value> = sent.iter().filter(|it| it.url == OTHER).map(body).collect();
        assert_eq!(failed, std::slice::from_ref(&bad));
        for silent in [&unlocks, &others] {
            let path = format!("{}/deliveries", one("/webhooks", silent));
            assert!(program.it.list(&path).await.is_empty());
        }
        for request in &sent {
            assert!(header(request, "user-agent").starts_with("Parakey-WebhookWorker/"));
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_is_gone_is_told_nothing_more_and_says_so() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let gym = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let keys = [item(&gym, "ann@example.org", [None, None])];
        program.manage(json!({"insert": keys})).await.expect(200);
        let hook = program.hook(json!({"url": URL})).await;
        unlock(&program, &gym, &ann).await;
        let endpoint = Endpoint::answering(410);
        deliver(&world, &endpoint, &hook, 1).await;
        assert_eq!(endpoint.take().len(), 1);
        let shown = program.get(&at(&hook)).await;
        assert_eq!(shown["disabledReason"], "gone");
        assert!(shown["disabledAt"].is_string(), "{shown}");
        unlock(&program, &gym, &ann).await;
        let path = format!("{}/deliveries", one("/webhooks", &hook));
        let deliveries = program.it.list(&path).await;
        assert_eq!((deliveries.len(), &deliveries[0]["state"]), (1, &json!("failed")));

        // The same address is as gone as before; another one is not.
        let same = program.call("PATCH", &at(&hook), json!({"url": URL})).await.expect(200);
        assert_eq!(same["disabledReason"], "gone");
        let moved = program.call("PATCH", &at(&hook), json!({"url": OTHER})).await.expect(200);
        assert_eq!((&moved["disabledAt"], &moved["disabledReason"]), (&Value::Null, &Value::Null));
        unlock(&program, &gym, &ann).await;
        let endpoint = Endpoint::answering(200);
        deliver(&world, &endpoint, &hook, 2).await;
        assert_eq!(endpoint.take()[0].url, OTHER);
    })
    .await;
}
