//! Wrong PINs and unknown codes: five are free, then entry is locked out, also after a restart.

use serde_json::{Value, json};

use crate::kit::{Site, one, reasons};
use crate::support::{id, on_each_engine};

/// A door that asks for PINs, and somebody with a card with the PIN 1234, the code 246810, and
/// access.
async fn door(it: &Site) -> Value {
    let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
    it.grant(&ann, &door).await;
    for (value, pin) in [("a1", "1234"), ("a2", "5678")] {
        let card = json!({"bits": 56, "value": value});
        let body = json!({"kind": "card", "person_id": id(&ann), "card": card, "pin": pin});
        it.made("/credentials", body).await;
    }
    let code = json!({"kind": "code", "person_id": id(&ann), "code": "246810"});
    it.made("/credentials", code).await;
    it.patch(&one("/locks", &door), json!({"pin": "if_set"})).await.expect(200);
    door
}

async fn pin(it: &Site, door: &Value, card: &str, pin: &str) -> Value {
    let card = json!({"bits": 56, "value": card});
    it.decide(json!({"lock_id": id(door), "card": card, "pin": pin})).await
}

async fn code(it: &Site, door: &Value, code: &str) -> Value {
    it.decide(json!({"lock_id": id(door), "code": code})).await
}

#[tokio::test]
async fn wrong_pins_lock_their_credential_out_and_a_restart_does_not_help() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let door = door(&it).await;
        for _ in 0..4 {
            assert_eq!(reasons(&pin(&it, &door, "a1", "9999").await), ["pin_wrong"]);
        }
        assert_eq!(pin(&it, &door, "a1", "1234").await["result"], "granted", "and ends the count");
        for _ in 0..5 {
            assert_eq!(reasons(&pin(&it, &door, "a1", "9999").await), ["pin_wrong"]);
        }
        let locked = pin(&it, &door, "a1", "1234").await;
        assert_eq!(
            (reasons(&locked), &locked["hint"]),
            (vec!["pin_locked_out"], &json!("wait, then enter it again"))
        );
        assert_eq!(
            pin(&it, &door, "a2", "5678").await["result"],
            "granted",
            "another card is free"
        );
        assert_eq!(code(&it, &door, "246810").await["result"], "granted", "and so are codes");

        let world = world.restarted().await;
        assert_eq!(reasons(&pin(&world.here(), &door, "a1", "1234").await), ["pin_locked_out"]);
        let world = world.later(31).await;
        let it = world.here();
        assert_eq!(
            reasons(&pin(&it, &door, "a1", "9999").await),
            ["pin_wrong"],
            "one more, then 60 s"
        );
        assert_eq!(reasons(&pin(&it, &door, "a1", "1234").await), ["pin_locked_out"]);
        let world = world.later(62).await;
        assert_eq!(reasons(&pin(&world.here(), &door, "a1", "1234").await), ["pin_locked_out"]);
        let world = world.later(93).await;
        assert_eq!(pin(&world.here(), &door, "a1", "1234").await["result"], "granted");
    })
    .await;
}

#[tokio::test]
async fn unknown_codes_lock_the_code_entry_of_their_lock_out() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let door = door(&it).await;
        let gate = it.lock("Gate").await;
        for number in 0..5 {
            let decision = code(&it, &door, &format!("10000{number}")).await;
            assert_eq!(reasons(&decision), ["credential_unknown"]);
        }
        // Known or not: the answer does not tell.
        for entered in ["246810", "999999"] {
            let locked = code(&it, &door, entered).await;
            assert_eq!((reasons(&locked), &locked["by"]), (vec!["pin_locked_out"], &json!([])));
        }
        assert_eq!(it.list("/events").await.last().unwrap()["person_id"], json!(null));
        assert_eq!(
            pin(&it, &door, "a1", "1234").await["result"],
            "granted",
            "cards are unaffected"
        );
        assert_eq!(reasons(&code(&it, &gate, "246810").await), ["no_grant"], "and other locks");
        let world = world.restarted().await;
        assert_eq!(reasons(&code(&world.here(), &door, "246810").await), ["pin_locked_out"]);
        let world = world.later(31).await;
        assert_eq!(code(&world.here(), &door, "246810").await["result"], "granted");
        for number in 0..4 {
            let decision = code(&world.here(), &door, &format!("20000{number}")).await;
            assert_eq!(reasons(&decision), ["credential_unknown"], "the count began anew");
        }
    })
    .await;
}

#[tokio::test]
async fn tries_that_are_sent_again_count_once_and_those_sent_at_once_each() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = door(&it).await;
        let ask = |key: usize| {
            let (it, door) = (it.clone(), door.clone());
            async move {
                let card = json!({"bits": 56, "value": "a1"});
                let body = json!({"lock_id": id(&door), "card": card, "pin": "9999"});
                let (path, key) = (it.at("/decisions"), key.to_string());
                let headers = [("idempotency-key", key.as_str())];
                it.actor.send("POST", &path, &headers, Some(body.to_string())).await.expect(200)
            }
        };
        for _ in 0..8 {
            assert_eq!(reasons(&ask(0).await), ["pin_wrong"], "the answer that was kept");
        }
        let tries: Vec<_> = (1..12).map(|key| tokio::spawn(ask(key))).collect();
        let mut wrong = 0;
        for tried in tries {
            wrong += usize::from(reasons(&tried.await.unwrap()) == ["pin_wrong"]);
        }
        assert_eq!(wrong, 4, "five in all, then none is looked at");
        assert_eq!(reasons(&pin(&it, &door, "a1", "1234").await), ["pin_locked_out"]);
    })
    .await;
}

#[tokio::test]
async fn a_preview_counts_nothing() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = door(&it).await;
        for _ in 0..10 {
            let card = json!({"bits": 56, "value": "a1"});
            it.decide(json!({"lock_id": id(&door), "card": card, "record": false})).await;
            it.decide(json!({"lock_id": id(&door), "card": {"bits": 56, "value": "ff"}})).await;
        }
        assert_eq!(pin(&it, &door, "a1", "1234").await["result"], "granted");
        assert_eq!(code(&it, &door, "246810").await["result"], "granted");
    })
    .await;
}

#[tokio::test]
async fn a_door_without_pin_does_not_end_the_count() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let door = door(&it).await;
        let ann = it.list("/people").await.remove(0);
        let lobby = it.lock("Lobby").await;
        it.grant(&ann, &lobby).await;
        for _ in 0..5 {
            pin(&it, &door, "a1", "9999").await;
        }
        // Whoever found the card could else try on for ever.
        assert_eq!(it.present(&lobby, "a1").await["result"], "granted");
        assert_eq!(reasons(&pin(&it, &door, "a1", "1234").await), ["pin_locked_out"]);
        // Nor does it tell which PIN is the right one.
        for tried in ["0000", "1234"] {
            assert_eq!(pin(&it, &lobby, "a1", tried).await["result"], "granted");
            assert_eq!(reasons(&pin(&it, &door, "a1", "1234").await), ["pin_locked_out"]);
        }
        let world = world.restarted().await;
        assert_eq!(reasons(&pin(&world.here(), &door, "a1", "1234").await), ["pin_locked_out"]);
    })
    .await;
}
