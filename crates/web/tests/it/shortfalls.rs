//! Lists that fall short of what they should hold: a lock that was refused, a machine that is full
//! beside one with room, things in a store that are not the server's, numbers out of all bounds.

use serde_json::{Value, json};

use crate::kit::{Site, one};
use crate::panel::{Panel, said};
use crate::support::{Actor, id, on_each_engine};

/// How far a credential has got, as a native program sees it.
async fn status(it: &Site, credential: &Value) -> Value {
    it.get(&format!("/credentials/{}/status", id(credential))).await
}

/// A card with a grant of its own at each of some locks.
async fn key(it: &Site, locks: &[&Value], at: u32, priority: u8) -> Value {
    let card = json!({"bits": 56, "value": format!("{at:x}")});
    let body = json!({"kind": "card", "card": card, "priority": priority});
    let card = it.made("/credentials", body).await;
    for lock in locks {
        let subject = json!({"credential_id": id(&card)});
        it.made("/grants", json!({"subject": subject, "target": {"lock_id": id(lock)}})).await;
    }
    card
}

/// Stores the changes of an answer but those of a kind, which it refuses.
fn store_but(panel: &mut Panel, answer: &Value, kind: &str, code: &str) {
    let changes = answer["changes"].as_array().unwrap().iter().cloned();
    let (refused, stored) = changes.partition::<Vec<Value>, _>(|change| said(change).0 == kind);
    panel.refuse(&json!({"changes": refused}), code);
    panel.store(&json!({"changes": stored}));
}

#[tokio::test]
async fn a_door_whose_lock_was_refused_is_not_applied() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let card = key(&it, &[&gate], 1, 0).await;
        let answer = panel.call(json!({})).await;
        // Stored, while nothing has been heard of the lock yet.
        let changes = answer["changes"].as_array().unwrap().iter().cloned();
        let stored = changes.filter(|change| said(change).0 == "credential").collect::<Vec<_>>();
        panel.store(&json!({"changes": stored}));
        panel.call(json!({})).await;
        assert_eq!(status(&it, &card).await["status"], "pending");
        let locks = answer["changes"].as_array().unwrap().iter().cloned();
        let locks = locks.filter(|change| said(change).0 == "lock").collect::<Vec<_>>();
        panel.refuse(&json!({"changes": locks}), "pin_unsupported");
        panel.call(json!({})).await;
        let refused = status(&it, &card).await;
        let at = &refused["systems"][0];
        assert_eq!(refused["status"], "failed");
        assert_eq!((&at["status"], &at["code"]), (&json!("failed"), &json!("pin_unsupported")));
        assert_eq!(at["lock_ids"], json!([gate["id"]]));
        // What was stored before stays in force where a change of it is refused.
        it.patch(&one("/locks", &gate), json!({"name": "Main gate"})).await.expect(200);
        panel.settle().await;
        assert_eq!(status(&it, &card).await["status"], "applied");
        it.patch(&one("/locks", &gate), json!({"pin": "always"})).await.expect(200);
        let answer = panel.call(json!({})).await;
        store_but(&mut panel, &answer, "lock", "pin_unsupported");
        panel.call(json!({})).await;
        assert_eq!(status(&it, &card).await["status"], "applied");
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_full_is_told_beside_one_with_room() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let small = json!({
            "name": "Digger", "mode": "allow_list", "controller_id": id(&panel.controller),
            "capacity": {"credentials": 1},
        });
        let (small, wide) = (it.made("/locks", small).await, panel.lock(&it, "Lift").await);
        let first = key(&it, &[&small, &wide], 1, 0).await;
        let second = key(&it, &[&small, &wide], 2, 0).await;
        panel.settle().await;
        assert_eq!(panel.credential(&second).unwrap()["access"][0]["locks"], json!([2]));
        let whole = status(&it, &first).await;
        assert_eq!(
            (&whole["status"], whole["systems"].as_array().unwrap().len()),
            (&json!("applied"), 1)
        );
        let part = status(&it, &second).await;
        let controller = &panel.controller["id"];
        let told: Vec<Value> = part["systems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|system| {
                assert_eq!(&system["controller_id"], controller);
                json!([system["status"], system["lock_ids"]])
            })
            .collect();
        let wanted = [json!(["applied", [wide["id"]]]), json!(["not_stored", [small["id"]]])];
        assert_eq!((&part["status"], told), (&json!("failed"), wanted.to_vec()), "{part}");
        let counted = panel.status(&it).await;
        assert_eq!((&counted["stored"], &counted["not_stored"]), (&json!(2), &json!(1)));
        // Pushed out of the small one, it is there until the controller has let go of it.
        it.patch(&one("/credentials", &second), json!({"priority": 5})).await.expect(200);
        let told = status(&it, &first).await["systems"].clone();
        assert_eq!((&told[0]["status"], told.as_array().unwrap().len()), (&json!("pending"), 1));
        panel.settle().await;
        let told = status(&it, &first).await;
        assert_eq!(
            (&told["status"], &told["systems"][1]["lock_ids"]),
            (&json!("failed"), &json!([small["id"]]))
        );
        assert_eq!(status(&it, &second).await["status"], "applied");
    })
    .await;
}

#[tokio::test]
async fn a_right_that_begins_when_its_credential_is_over_waits_for_nothing() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let ann = it.person("Ann").await;
        let card = it.card(&ann, "a1").await;
        it.patch(&one("/credentials", &card), json!({"valid_until": "2090-01-01T00:00:00Z"}))
            .await
            .expect(200);
        let mut grant = crate::kit::person_to_lock(&ann, &gate);
        grant["valid_from"] = json!("2091-01-01T00:00:00Z");
        it.made("/grants", grant).await;
        panel.settle().await;
        assert!(panel.credential(&card).is_none());
        assert_eq!(status(&it, &card).await, json!({"status": "not_applied", "systems": []}));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_the_servers_goes_whatever_its_id() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.settle().await;
        let strange = ["17".to_owned(), "x".repeat(100), "é".repeat(128)];
        for name in &strange {
            panel.items.insert(("credential".to_owned(), name.clone()), (1, json!({})));
        }
        let card = key(&it, &[&gate], 1, 0).await;
        let answer = panel.call(json!({"digest": panel.digest()})).await;
        assert_eq!(answer["ask"], json!(["inventory"]));
        let answer = panel.call(json!({"inventory": panel.inventory()})).await;
        panel.store(&answer);
        panel.settle().await;
        assert_eq!(panel.items.len(), 2, "{:?}", panel.items);
        assert!(panel.credential(&card).is_some());
        assert_eq!(panel.call(json!({"digest": panel.digest()})).await["ask"], json!([]));
        for wrong in ["", "a\nb", &"x".repeat(129)] {
            let items = json!([{"kind": "credential", "id": wrong, "version": 1}]);
            let refused = panel.answer(json!({"inventory": items})).await;
            assert_eq!(refused.status, 422, "{}", refused.text);
            assert!(refused.text.contains("/inventory/0/id"), "{}", refused.text);
        }
    })
    .await;
}

#[tokio::test]
async fn drift_is_found_while_something_is_on_its_way() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let cards = [key(&it, &[&gate], 1, 0).await, key(&it, &[&gate], 2, 0).await];
        panel.settle().await;
        let third = key(&it, &[&gate], 3, 0).await;
        // The power goes with this answer, and with a part of what was stored.
        assert_eq!(panel.call(json!({})).await["changes"].as_array().unwrap().len(), 1);
        let lost = ("credential".to_owned(), id(&cards[0]).to_owned());
        panel.items.remove(&lost);
        let answer = panel.call(json!({"received": 0, "digest": panel.digest()})).await;
        assert_eq!((&answer["ask"], &answer["changes"]), (&json!(["inventory"]), &json!([])));
        let answer = panel.call(json!({"inventory": panel.inventory()})).await;
        panel.store(&answer);
        panel.settle().await;
        assert!(panel.items.contains_key(&lost) && panel.credential(&third).is_some());
        assert_eq!(panel.call(json!({"digest": panel.digest()})).await["ask"], json!([]));
        // Where nothing is amiss, what is on its way is not taken for drift.
        key(&it, &[&gate], 4, 0).await;
        let sent = panel.call(json!({})).await;
        let again = panel.call(json!({"received": 0, "digest": panel.digest()})).await;
        assert_eq!((&again["ask"], &again["changes"]), (&json!([]), &sent["changes"]));
        // Nor is what it does not let go of, which the server knows of.
        panel.store(&again);
        panel.settle().await;
        panel.items.insert(("credential".to_owned(), "17".to_owned()), (1, json!({})));
        panel.call(json!({"digest": panel.digest()})).await;
        let answer = panel.call(json!({"inventory": panel.inventory()})).await;
        panel.refuse(&answer, "in_use");
        assert_eq!(panel.call(json!({"digest": panel.digest()})).await["ask"], json!([]));
        panel.items.remove(&lost);
        let answer = panel.call(json!({"digest": panel.digest()})).await;
        assert_eq!(answer["ask"], json!(["inventory"]));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_not_looked_at_ends_none_and_reports_nothing() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.settle().await;
        let seq = panel.call(json!({})).await["seq"].as_u64().unwrap() + 1;
        let (actor, path): (Actor, String) = (panel.actor.clone(), panel.path.clone());
        let repeated = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            // A proxy sends the call that waits once more.
            let again = actor.post(&path, json!({"seq": seq, "wait_s": 50})).await.expect(200);
            assert_eq!((&again["stale"], &again["seq"]), (&json!(true), &json!(seq)));
            it.post(&format!("/locks/{}/unlock", id(&gate)), json!({})).await.expect(200)
        };
        let waiting = panel.actor.post(&path, json!({"seq": seq, "wait_s": 50}));
        let (answer, _) = tokio::join!(waiting, repeated);
        let answer = answer.expect(200);
        assert_eq!(answer["stale"], json!(false), "{answer}");
        let done = json!([{"id": answer["commands"][0]["id"], "result": "ok"}]);
        let stale = actor.post(&path, json!({"seq": seq, "commands": done})).await.expect(200);
        assert_eq!(stale["stale"], json!(true));
        let next = actor.post(&path, json!({"seq": seq + 1})).await.expect(200);
        assert_eq!(next["commands"], answer["commands"], "it is not done yet");
    })
    .await;
}

#[tokio::test]
async fn a_number_that_nothing_could_follow_is_refused() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.settle().await;
        let huge = json!({"seq": i64::MAX});
        let refused = panel.actor.post(&panel.path, huge).await;
        assert!(refused.status == 422 && refused.text.contains("/seq"), "{}", refused.text);
        let event = json!({
            "seq": i64::MAX, "kind": "tamper", "lock": gate["number"],
            "occurred_at": "2026-01-01T00:00:00Z",
        });
        let refused = panel.answer(json!({"events": [event]})).await;
        let named = refused.text.contains("/events/0/seq");
        assert!(refused.status == 422 && named, "{}", refused.text);
        assert_eq!(panel.call(json!({})).await["event_seq"], json!(0));
    })
    .await;
}
