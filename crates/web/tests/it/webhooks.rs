//! Webhooks: made and changed, deliveries signed as Standard Webhooks says, tried again, given up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_app::delivery::{Outgoing, Send};
use claviger_app::jobs;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::kit::{Site, field, in_seconds, invalid, one, pointers};
use crate::panel::Panel;
use crate::support::{World, id, on_each_engine};

const URL: &str = "https://hooks.example.org/in";
const TWO: &str = "https://two.example.org/";
const THREE: &str = "https://three.example.org/";
const SECOND: i64 = 1_000_000;

/// What was sent, and what is answered: a status, or 0 for no answer at all.
#[derive(Clone, Default)]
pub(crate) struct Endpoint {
    sent: Arc<Mutex<Vec<Outgoing>>>,
    status: Arc<Mutex<u16>>,
}

impl Endpoint {
    pub(crate) fn answering(status: u16) -> Endpoint {
        let endpoint = Endpoint::default();
        *endpoint.status.lock().unwrap() = status;
        endpoint
    }

    fn send(&self) -> Send {
        let endpoint = self.clone();
        Arc::new(move |request| {
            endpoint.sent.lock().unwrap().push(request);
            let status = *endpoint.status.lock().unwrap();
            Box::pin(async move { if status == 0 { Err("no route".into()) } else { Ok(status) } })
        })
    }

    pub(crate) fn take(&self) -> Vec<Outgoing> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

pub(crate) fn header<'a>(request: &'a Outgoing, name: &str) -> &'a str {
    request.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

pub(crate) fn body(request: &Outgoing) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

/// The signature by the specification of Standard Webhooks, computed here.
pub(crate) fn signature(secret: &str, request: &Outgoing) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (id, at) = (header(request, "webhook-id"), header(request, "webhook-timestamp"));
    let signed = format!("{id}.{at}.{}", request.body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

/// Runs the background work until `until` holds.
async fn run(world: &World, endpoint: &Endpoint, what: &str, until: impl AsyncFn() -> bool) {
    let (stop, stopped) = watch::channel(false);
    let work = tokio::spawn(jobs::run(world.app.clone(), endpoint.send(), stopped));
    let mut tries = 0;
    while !until().await {
        tries += 1;
        assert!(tries < 400, "it never came to pass: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    stop.send(true).unwrap();
    work.await.unwrap();
}

/// Runs the background work until nothing is due any more.
pub(crate) async fn deliver(world: &World, endpoint: &Endpoint, hook: &Value, attempts: usize) {
    let it = world.here();
    let path = format!("{}/deliveries", one("/webhooks", hook));
    run(world, endpoint, "deliveries", async || {
        let list = it.list(&path).await;
        list.iter().map(|it| it["attempts"].as_array().unwrap().len()).sum::<usize>() >= attempts
    })
    .await;
}

async fn ahead(world: World, seconds: i64) -> World {
    world.later(seconds).await
}

#[tokio::test]
async fn a_webhook_shows_its_secret_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Front door").await;
        let made = it.made("/webhooks", json!({"url": URL})).await;
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("whsec_"), "{secret}");
        assert_eq!((&made["events"], &made["lock_ids"]), (&json!([]), &json!([])));
        assert_eq!((&made["format"], &made["disabled_at"]), (&json!("standard"), &json!(null)));
        let path = one("/webhooks", &made);
        let body =
            json!({"events": ["access_denied"], "lock_ids": [id(&door)], "external_id": "w"});
        let changed = it.patch(&path, body.clone()).await.expect(200);
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(changed[name], *value, "{name}");
        }
        for shown in [changed, it.get(&path).await, it.get("/webhooks").await] {
            assert!(!shown.to_string().contains("whsec_"), "{shown}");
        }
        let own = format!("whsec_{}", STANDARD.encode([7; 32]));
        let second = it.made("/webhooks", json!({"url": URL, "secret": own})).await;
        assert_eq!(second["secret"], own.as_str());
        let before = world.revisions().await;
        for (body, pointer) in [
            (json!({}), "/url"),
            (json!({"url": "ftp://example.org"}), "/url"),
            (json!({"url": "https://u:p@example.org"}), "/url"),
            (json!({"url": URL, "events": ["access"]}), "/events/0"),
            (json!({"url": URL, "lock_ids": ["external:none"]}), "/lock_ids/0"),
            (json!({"url": URL, "format": "xml"}), "/format"),
            (json!({"url": URL, "secret": "short"}), "/secret"),
            (json!({"url": URL, "secret": format!("whsec_{}", "å".repeat(24))}), "/secret"),
            (
                json!({"url": URL, "secret": format!("whsec_{}", STANDARD.encode([1; 23]))}),
                "/secret",
            ),
            (json!({"url": URL, "disabled_at": null}), "/disabled_at"),
        ] {
            invalid(it.post("/webhooks", body).await, &[pointer]);
        }
        assert_eq!(world.revisions().await, before);
        it.delete(&path).await.expect(204);
        it.missing(&path).await;
        it.missing(&format!("{path}/deliveries")).await;
        assert_eq!(field(&it.list("/webhooks").await, "id"), [&second["id"]]);
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_signed_and_chosen_by_kind_and_lock() {
    on_each_engine(|world| async move {
        let it = world.here();
        let ann = it.person("Ann").await;
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        it.card(&ann, "a1").await;
        let grant = it.grant(&ann, &door).await;
        let all = it.made("/webhooks", json!({"url": URL})).await;
        let kinds = ["access_denied", "posture_changed"];
        let denied = json!({"url": TWO, "events": kinds});
        let denied = it.made("/webhooks", denied).await;
        let gates = json!({"url": THREE, "lock_ids": [id(&gate)]});
        let gates = it.made("/webhooks", gates).await;
        let granted = it.present(&door, "a1").await;
        let refused = it.present(&gate, "a1").await;
        it.opens(&door, "a1").await;
        let posture = json!({"posture": "lockdown", "lock_ids": [id(&door)]});
        it.post("/posture", posture).await.expect(200);

        let endpoint = Endpoint::answering(204);
        let six = async || endpoint.sent.lock().unwrap().len() >= 6;
        run(&world, &endpoint, "six are sent", six).await;
        let sent = endpoint.take();
        let to = |url: &str| -> Vec<String> {
            let own = sent.iter().filter(|it| it.url == url);
            let mut kinds: Vec<String> =
                own.map(|it| body(it)["type"].as_str().unwrap().to_owned()).collect();
            kinds.sort();
            kinds
        };
        assert_eq!(to(URL), ["access_denied", "access_granted", "posture_changed"]);
        assert_eq!(to(TWO), ["access_denied", "posture_changed"]);
        assert_eq!(to(THREE), ["access_denied"]);
        assert_eq!(sent.len(), 6);
        for request in &sent {
            let hook = [(&all, URL), (&denied, TWO), (&gates, THREE)];
            let (hook, _) = hook.into_iter().find(|(_, url)| *url == request.url).unwrap();
            let secret = hook["secret"].as_str().unwrap();
            assert_eq!(header(request, "webhook-signature"), signature(secret, request));
            let at: i64 = header(request, "webhook-timestamp").parse().unwrap();
            assert!((world.app.now().seconds() - at).abs() < 30);
            assert_eq!(header(request, "content-type"), "application/json");
        }
        let first = sent.iter().find(|it| it.url == URL && body(it)["type"] == "access_granted");
        let first = first.unwrap();
        let data = &body(first)["data"];
        assert_eq!((&data["id"], &data["lock_id"]), (&granted["event_id"], &door["id"]));
        assert_eq!((&data["person_id"], &data["grant_id"]), (&ann["id"], &grant["id"]));
        let list = it.list(&format!("{}/deliveries", one("/webhooks", &gates))).await;
        assert_eq!((list.len(), &list[0]["state"]), (1, &json!("delivered")));
        assert_eq!(list[0]["event_id"], refused["event_id"]);
        assert_eq!(list[0]["next_at"], json!(null));
        let attempt = &list[0]["attempts"][0];
        assert_eq!((&attempt["status"], &attempt["error"]), (&json!(204), &json!(null)));
    })
    .await;
}

#[tokio::test]
async fn a_test_a_replay_and_two_secrets_during_rotation() {
    on_each_engine(|world| async move {
        let it = world.here();
        let made = it.made("/webhooks", json!({"url": URL, "events": ["tamper"]})).await;
        let path = one("/webhooks", &made);
        let former = made["secret"].as_str().unwrap().to_owned();
        assert_eq!(it.post(&format!("{path}/test"), json!({})).await.status, 202);
        let endpoint = Endpoint::answering(200);
        deliver(&world, &endpoint, &made, 1).await;
        let sent = endpoint.take();
        assert_eq!((sent.len(), &body(&sent[0])["type"]), (1, &json!("webhook.test")));
        assert_eq!(header(&sent[0], "webhook-signature"), signature(&former, &sent[0]));

        let secret = format!("whsec_{}", STANDARD.encode([9; 24]));
        let rotated = it.patch(&path, json!({"secret": secret})).await.expect(200);
        assert_eq!(rotated.get("secret"), None);
        let delivery = it.list(&format!("{path}/deliveries")).await.remove(0);
        assert_eq!(
            (&delivery["event_id"], &delivery["state"]),
            (&json!(null), &json!("delivered"))
        );
        let replay =
            it.post(&format!("{path}/replay"), json!({"delivery_id": id(&delivery)})).await;
        assert_eq!((replay.status, replay.text.as_str()), (202, ""));
        deliver(&world, &endpoint, &made, 2).await;
        let again = endpoint.take();
        assert_eq!((again.len(), &again[0].body), (1, &sent[0].body));
        let both = [signature(&secret, &again[0]), signature(&former, &again[0])];
        let signed: Vec<&str> = header(&again[0], "webhook-signature").split(' ').collect();
        assert_eq!(signed, both, "the new one and the former one");
        let other = it.made("/webhooks", json!({"url": URL})).await;
        let foreign = format!("{}/replay", one("/webhooks", &other));
        let foreign = it.post(&foreign, json!({"delivery_id": id(&delivery)})).await;
        assert_eq!(pointers(&foreign.problem(404, "not_found")), ["/delivery_id"]);

        // A day later the former secret signs no more.
        let world = ahead(world.lasting().await, 25 * 3600).await;
        let it = world.here();
        it.post(&format!("{path}/test"), json!({})).await.expect(202);
        deliver(&world, &endpoint, &made, 3).await;
        let alone = endpoint.take();
        assert_eq!(header(&alone[0], "webhook-signature"), signature(&secret, &alone[0]));
    })
    .await;
}

async fn only_delivery(it: &Site, hook: &Value) -> Value {
    let mut list = it.list(&format!("{}/deliveries", one("/webhooks", hook))).await;
    assert_eq!(list.len(), 1);
    list.remove(0)
}

#[tokio::test]
async fn failures_are_tried_again_at_their_times_and_then_given_up() {
    on_each_engine(|world| async move {
        let mut world = world.lasting().await;
        let it = world.here();
        let door = it.lock("Door").await;
        let hook = it.made("/webhooks", json!({"url": URL})).await;
        it.present(&door, "a1").await;
        let endpoint = Endpoint::answering(500);
        let waits = [5, 300, 1800, 7200, 18_000, 36_000, 36_000];
        let (mut clock, mut ids) = (0, Vec::new());
        for (tries, wait) in waits.into_iter().enumerate() {
            if tries == 2 {
                *endpoint.status.lock().unwrap() = 0;
            }
            deliver(&world, &endpoint, &hook, tries + 1).await;
            let delivery = only_delivery(&world.here(), &hook).await;
            assert_eq!(delivery["state"], "pending");
            let attempts = delivery["attempts"].as_array().unwrap();
            let last = attempts.last().unwrap();
            assert!(last["error"].is_string(), "{last}");
            let status = if tries < 2 { json!(500) } else { json!(null) };
            assert_eq!(last["status"], status);
            let at =
                |value: &Value| claviger_app::Instant::parse(value.as_str().unwrap()).unwrap().0;
            let waited = (at(&delivery["next_at"]) - at(&last["at"])) / SECOND;
            assert!((wait..=wait * 11 / 10 + 1).contains(&waited), "{waited} after {tries} tries");
            // Not before its time.
            let sent = endpoint.take();
            assert_eq!(sent.len(), 1, "each once");
            ids.push(header(&sent[0], "webhook-id").to_owned());
            clock += wait * 11 / 10 + 2;
            world = ahead(world, clock).await;
        }
        deliver(&world, &endpoint, &hook, 8).await;
        let delivery = only_delivery(&world.here(), &hook).await;
        assert_eq!((&delivery["state"], &delivery["next_at"]), (&json!("failed"), &json!(null)));
        ids.dedup();
        assert_eq!(ids.len(), 1, "one id for all tries");
        let shown = world.here().get(&one("/webhooks", &hook)).await;
        assert!(shown["failing_since"].is_string(), "{shown}");
        assert_eq!(shown["disabled_at"], json!(null), "that was less than five days");

        // Success ends the count.
        *endpoint.status.lock().unwrap() = 200;
        world.here().present(&door, "a1").await;
        deliver(&world, &endpoint, &hook, 9).await;
        let hook_path = one("/webhooks", &hook);
        run(&world, &endpoint, "healthy again", async || {
            world.here().get(&hook_path).await["failing_since"] == json!(null)
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_never_answers_holds_up_no_other() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        it.made("/webhooks", json!({"url": TWO})).await;
        for _ in 0..70 {
            it.present(&door, "a1").await;
        }
        let hook = it.made("/webhooks", json!({"url": URL})).await;
        it.present(&door, "a1").await;
        let answers = Endpoint::answering(204).send();
        let send: Send = Arc::new(move |request| match request.url.as_str() {
            TWO => Box::pin(std::future::pending()),
            _ => answers(request),
        });
        let (_stop, stopped) = watch::channel(false);
        let work = tokio::spawn(jobs::run(world.app.clone(), send, stopped));
        for tries in 0.. {
            if only_delivery(&it, &hook).await["state"] == "delivered" {
                break;
            }
            assert!(tries < 400, "it was never told");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        work.abort();
    })
    .await;
}

#[tokio::test]
async fn five_days_of_only_failures_disable_an_endpoint() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let door = it.lock("Door").await;
        let hook = it.made("/webhooks", json!({"url": URL})).await;
        let path = one("/webhooks", &hook);
        it.present(&door, "a1").await;
        let endpoint = Endpoint::answering(503);
        deliver(&world, &endpoint, &hook, 1).await;
        let world = ahead(world, 5 * 86_400 + 60).await;
        let it = world.here();
        it.present(&door, "a1").await;
        run(&world, &endpoint, "disabled", async || it.get(&path).await["disabled_at"].is_string())
            .await;
        endpoint.take();
        it.present(&door, "a1").await;
        let before = it.list(&format!("{path}/deliveries")).await.len();
        assert_eq!(before, 2, "no more deliveries are made");
        // Another address puts it to work again.
        let moved = it.patch(&path, json!({"url": "https://new.example.org/"})).await.expect(200);
        assert_eq!((&moved["disabled_at"], &moved["failing_since"]), (&json!(null), &json!(null)));
        *endpoint.status.lock().unwrap() = 200;
        it.present(&door, "a1").await;
        run(&world, &endpoint, "sent to the new address", async || {
            endpoint.sent.lock().unwrap().iter().any(|it| it.url == "https://new.example.org/")
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_says_it_is_gone_is_disabled_at_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        let hook = it.made("/webhooks", json!({"url": URL})).await;
        let other = it.made("/webhooks", json!({"url": TWO, "events": ["tamper"]})).await;
        let path = one("/webhooks", &hook);
        it.present(&door, "a1").await;
        let endpoint = Endpoint::answering(410);
        run(&world, &endpoint, "disabled", async || it.get(&path).await["disabled_at"].is_string())
            .await;
        assert_eq!(endpoint.take().len(), 1, "it is not tried again");
        let shown = it.get(&path).await;
        assert_eq!(shown["disabled_reason"], "gone");
        let delivery = only_delivery(&it, &hook).await;
        assert_eq!((&delivery["state"], &delivery["next_at"]), (&json!("failed"), &json!(null)));
        assert_eq!(delivery["attempts"][0]["status"], 410);
        it.present(&door, "a1").await;
        only_delivery(&it, &hook).await;
        assert_eq!(it.get(&one("/webhooks", &other)).await["disabled_at"], json!(null));
        let moved = it.patch(&path, json!({"url": THREE})).await.expect(200);
        assert_eq!(
            (&moved["disabled_at"], &moved["disabled_reason"]),
            (&json!(null), &json!(null))
        );
    })
    .await;
}

#[tokio::test]
async fn a_webhook_is_not_told_of_what_came_in_too_late() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.settle().await;
        let hook = json!({"url": URL, "name": "Tamper", "told_within_s": 60});
        let hook = it.made("/webhooks", hook).await;
        assert_eq!((&hook["name"], &hook["has_headers"]), (&json!("Tamper"), &json!(false)));
        let event = |seq: u64, seconds: i64| {
            json!({
                "seq": seq, "kind": "tamper", "lock": gate["number"],
                "occurred_at": in_seconds(&world, seconds),
            })
        };
        panel.call(json!({"events": [event(1, -90), event(2, -10)]})).await;
        let events = it.list("/events").await;
        assert_eq!(events.len(), 2);
        assert_eq!(only_delivery(&it, &hook).await["event_id"], events[1]["id"]);
        for wrong in [json!(-1), json!(366 * 86_400 + 1), json!("60")] {
            let body = json!({"url": URL, "told_within_s": wrong});
            invalid(it.post("/webhooks", body).await, &["/told_within_s"]);
        }
        let path = one("/webhooks", &hook);
        let all = it.patch(&path, json!({"told_within_s": null})).await.expect(200);
        assert_eq!(all["told_within_s"], json!(null));
        panel.call(json!({"events": [event(3, -90)]})).await;
        assert_eq!(it.list(&format!("{path}/deliveries")).await.len(), 2);
    })
    .await;
}

/// A webhook for locks that are all gone hears nothing and says so; it does not read as one for
/// all.
#[tokio::test]
async fn a_webhook_whose_locks_are_gone_says_that_it_hears_nothing() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let body = json!({"url": "https://example.org/h", "lock_ids": [id(&door), id(&gate)]});
        let made = it.made("/webhooks", body).await;
        let path = one("/webhooks", &made);
        let stands = async || {
            let it = it.get(&path).await;
            (it["lock_ids"].clone(), it["disabled_reason"].clone())
        };
        it.delete(&one("/locks", &door)).await.expect(204);
        assert_eq!(stands().await, (json!([id(&gate)]), Value::Null));
        it.delete(&one("/locks", &gate)).await.expect(204);
        assert_eq!(stands().await, (json!([]), json!("locks_gone")));
        // Another address does not make it one for all.
        it.patch(&path, json!({"url": "https://example.org/i"})).await.expect(200);
        assert_eq!(stands().await, (json!([]), json!("locks_gone")));
        let shed = it.lock("Shed").await;
        it.post("/posture", json!({"posture": "lockdown", "all": true})).await.expect(200);
        assert!(it.list(&format!("{path}/deliveries")).await.is_empty());
        it.patch(&path, json!({"lock_ids": [id(&shed)]})).await.expect(200);
        assert_eq!(stands().await, (json!([id(&shed)]), Value::Null));
        it.post("/posture", json!({"posture": "normal", "all": true})).await.expect(200);
        assert_eq!(it.list(&format!("{path}/deliveries")).await.len(), 1);
        it.patch(&path, json!({"lock_ids": []})).await.expect(200);
        assert_eq!(stands().await, (json!([]), Value::Null));
    })
    .await;
}
