//! The main job from end to end: set-up, place, person, card, lock, grant, decision, event, and the
//! right taken back.

use serde_json::json;

use crate::support::{id, on_each_engine};

#[tokio::test]
async fn a_right_is_given_used_and_taken_back() {
    on_each_engine(|world| async move {
        let person = json!({"first_name": "Ann", "email": "ann@example.org"});
        let ann = world.made("/people", person).await;
        let card = json!({"technology": "mifare_desfire", "bits": 56, "value": "04a1b2c3"});
        let credential = world
            .made("/credentials", json!({"kind": "card", "person_id": id(&ann), "card": card}))
            .await;
        assert_eq!(credential["cards"][0]["value"], "00000004a1b2c3");
        let lock = world.made("/locks", json!({"name": "Front door"})).await;
        let shown = json!({"technology": "opaque", "bits": 56, "value": "4A1B2C3"});
        let ask = json!({"lock_id": id(&lock), "card": shown});
        let decisions = world.at("/decisions");

        let denied = world.admin.post(&decisions, ask.clone()).await.expect(200);
        assert_eq!(denied["result"], "denied");
        assert_eq!(denied["reasons"][0]["code"], "no_grant");
        assert_eq!(denied["hint"], "grant Ann at Front door");

        let wish = json!({"subject": {"person_id": id(&ann)}, "target": {"lock_id": id(&lock)}});
        let grant = world.made("/grants", wish).await;
        assert_eq!(grant["state"], "active");
        assert_eq!(grant["source"]["via"], "native");

        let granted = world.admin.post(&decisions, ask.clone()).await.expect(200);
        assert_eq!(granted["result"], "granted");
        assert_eq!(granted["method"], "card");
        assert_eq!(granted["by"], json!([id(&grant)]));

        let revoke = format!("{}/{}/revoke", world.at("/grants"), id(&grant));
        let revoked = world.admin.post(&revoke, json!({"reason": "moved out"})).await.expect(200);
        assert_eq!(revoked["state"], "revoked");
        assert_eq!(revoked["closed_reason"], "revoked");

        let world = world.restarted().await;
        let denied = world.admin.post(&decisions, ask).await.expect(200);
        assert_eq!(denied["reasons"][0]["code"], "no_grant");

        let events = world.admin.get(&world.at("/events")).await.expect(200);
        let items = events["items"].as_array().unwrap();
        let kinds: Vec<_> = items.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["access_denied", "access_granted", "access_denied"]);
        assert_eq!(events["items"][1]["id"], granted["event_id"]);
        assert_eq!(events["items"][1]["person_id"], ann["id"]);
        assert_eq!(events["items"][1]["grant_id"], grant["id"]);
    })
    .await;
}
