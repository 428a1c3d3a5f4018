//! Webhooks of a project, and what they are sent.

use serde_json::{Value, json};

use super::log::guest;
use super::{NOBODYS, Unloc, phone, refused};
use crate::kit::{field, one};
use crate::support::{id, on_each_engine};
use crate::webhooks::{Endpoint, body, deliver, header, signature};

const URL: &str = "https://hooks.example.org/unloc";

async fn made(program: &Unloc, body: Value) -> Value {
    program.post("/webhooks", body).await.expect(201)["webhook"].clone()
}

#[tokio::test]
async fn webhooks_are_made_listed_and_deleted() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let other = world.here().neighbour("Next door").await;
        let theirs = other.lock("Theirs").await;
        let native = program.it.made("/webhooks", json!({ "url": URL })).await;
        let all = made(&program, json!({ "trigger": "accessEvent", "url": URL })).await;
        let wanted = json!({ "trigger": "accessEvent", "url": URL, "lockId": id(&door) });
        let mut own = made(&program, wanted.clone()).await;
        let secret = own.as_object_mut().unwrap().remove("secret").unwrap();
        assert!(secret.as_str().unwrap().starts_with("whsec_"));
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(own[name], *value);
        }
        assert_eq!(all["lockId"], json!(null));
        let listed = program.get("/webhooks").await.expect(200);
        let listed = listed["webhooks"].as_array().unwrap();
        assert_eq!(field(listed, "id"), [&all["id"], &own["id"]]);
        let all_shown = &listed[0];
        assert!(!json!(listed).to_string().contains("whsec_"));
        let page = program.get("/webhooks?limit=1").await.expect(200);
        assert_eq!(page["webhooks"], json!([listed[0]]));
        let page = program.get(&format!("/webhooks?startAfterId={}", id(&all))).await.expect(200);
        assert_eq!(page["webhooks"], json!([own]));
        let path = format!("/webhooks/{}", id(&own));
        assert_eq!(program.get(&path).await.expect(200)["webhook"], own);

        let shown = program.it.list("/webhooks").await;
        assert_eq!(json!(field(&shown, "format")), json!(["standard", "unloc", "unloc"]));
        assert_eq!(shown[2]["events"], json!(["access_granted"]));
        let before = world.revisions().await;
        for (body, names) in [
            (json!({}), vec!["trigger", "url"]),
            (json!({ "trigger": "keyEvent", "url": URL }), vec!["trigger"]),
            (json!({ "trigger": "accessEvent", "url": "ftp://example.org" }), vec!["url"]),
            (json!({ "trigger": "accessEvent", "url": "https://a:b@example.org" }), vec!["url"]),
            (json!({ "trigger": "accessEvent", "url": null }), vec!["url"]),
            (json!({ "trigger": "accessEvent", "webhookUrl": URL }), vec!["webhookUrl", "url"]),
            (json!({ "trigger": "accessEvent", "url": URL, "lockId": "x" }), vec!["lockId"]),
            (json!({ "trigger": "accessEvent", "url": URL, "lockId": null }), vec!["lockId"]),
            (json!({ "trigger": "accessEvent", "url": URL, "lockId": NOBODYS }), vec!["lockId"]),
            (
                json!({ "trigger": "accessEvent", "url": URL, "lockId": id(&theirs) }),
                vec!["lockId"],
            ),
        ] {
            refused(&program.post("/webhooks", body).await, 400, &names);
        }
        for unknown in [NOBODYS, "x", id(&native)] {
            refused(&program.get(&format!("/webhooks/{unknown}")).await, 404, &[]);
            refused(&program.delete(&format!("/webhooks/{unknown}")).await, 404, &[]);
        }
        assert_eq!(world.revisions().await, before);
        // One that was for a lock that is gone is not one for all locks.
        program.it.delete(&one("/locks", &door)).await.expect(204);
        assert_eq!(program.get(&path).await.expect(200)["webhook"], own);
        let listed = program.get("/webhooks").await.expect(200);
        assert_eq!(listed["webhooks"], json!([all_shown, own]));
        program.delete(&path).await.expect(204);
        refused(&program.get(&path).await, 404, &[]);
        refused(&program.delete(&path).await, 404, &[]);
        let base = format!("/compat/unloc/v2/subprojects/{}/webhooks", program.it.place);
        refused(&program.actor.get(&base).await, 404, &[]);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_the_bare_access_event_as_the_log_shows_it() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let it = &program.it;
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let ann = guest(it, "Ann", 1, "a1").await;
        it.grant(&ann, &door).await;
        program.group("Staff", &[id(&gate)], &[&phone(1)]).await;
        let all = made(&program, json!({ "trigger": "accessEvent", "url": URL })).await;
        let of_gate = json!({ "trigger": "accessEvent", "url": URL, "lockId": id(&gate) });
        let of_gate = made(&program, of_gate).await;
        for (policy, lock) in
            [("public", &door), ("public", &gate), ("anonymized", &gate), ("private", &gate)]
        {
            program.policy(lock, policy).await;
            it.present(lock, "a1").await;
            // Nobody hears of one who was kept out.
            it.present(lock, "b7").await;
        }
        it.patch(&one("/locks", &gate), json!({ "privacy": "none" })).await.expect(200);
        it.present(&gate, "a1").await;
        // Nor of what is no opening.
        let posture = json!({ "lock_ids": [id(&door)], "posture": "free_access" });
        it.post("/posture", posture).await.expect(200);

        let endpoint = Endpoint::answering(200);
        deliver(&world, &endpoint, &all, 3).await;
        deliver(&world, &endpoint, &of_gate, 2).await;
        let sent = endpoint.take();
        let log = program.log("", 100).await;
        assert_eq!((sent.len(), log.len()), (5, 3));
        for event in &log {
            let told: Vec<Value> =
                sent.iter().map(body).filter(|told| told["id"] == event["id"]).collect();
            let hooks = if event["lockId"] == gate["id"] { 2 } else { 1 };
            assert_eq!(told, vec![event.clone(); hooks]);
        }
        assert_eq!(json!(field(&log, "appUserId")), json!([null, phone(1), phone(1)]));
        assert_eq!(log[0]["keyId"], json!(null));
        let secrets = [&all, &of_gate].map(|hook| hook["secret"].as_str().unwrap());
        for request in &sent {
            assert_eq!(
                (request.url.as_str(), header(request, "content-type")),
                (URL, "application/json")
            );
            let own = header(request, "webhook-signature");
            assert!(secrets.iter().any(|secret| signature(secret, request) == own));
        }
    })
    .await;
}

#[tokio::test]
async fn a_delivery_that_fails_is_tried_again_as_it_was() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let program = Unloc::at(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        let ann = guest(it, "Ann", 1, "a1").await;
        it.grant(&ann, &door).await;
        let hook = made(&program, json!({ "trigger": "accessEvent", "url": URL })).await;
        it.present(&door, "a1").await;
        let endpoint = Endpoint::answering(500);
        deliver(&world, &endpoint, &hook, 1).await;
        let first = endpoint.take();
        let world = world.later(10).await;
        let endpoint = Endpoint::answering(200);
        deliver(&world, &endpoint, &hook, 2).await;
        let second = endpoint.take();
        assert_eq!((first.len(), second.len()), (1, 1));
        assert_eq!(body(&first[0]), body(&second[0]));
        assert_eq!(header(&first[0], "webhook-id"), header(&second[0], "webhook-id"));
        let deliveries =
            world.here().list(&format!("{}/deliveries", one("/webhooks", &hook))).await;
        assert_eq!(deliveries[0]["state"], "delivered");
    })
    .await;
}
