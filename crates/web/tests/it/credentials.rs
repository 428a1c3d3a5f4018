//! Credentials: cards, codes, phones; PINs that are never shown; conflicts and validity.

use serde_json::{Value, json};

use crate::kit::{field, in_seconds, invalid, one, pointers, reasons};
use crate::panel::Panel;
use crate::support::{id, on_each_engine};

fn card(bits: u32, value: &str) -> Value {
    json!({"bits": bits, "value": value})
}

#[tokio::test]
async fn cards_are_exact_whatever_their_notation() {
    on_each_engine(|world| async move {
        let it = world.here();
        let notations = [
            (56, "04A1b2C3", "00000004a1b2c3"),
            (26, "0000000003FFFFFF", "3ffffff"),
            (37, "1fFFFFFFFF", "1fffffffff"),
            (128, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "ffffffffffffffffffffffffffffffff"),
            (1, "01", "1"),
            (64, "0", "0000000000000000"),
            (56, "20000000000001", "20000000000001"),
        ];
        let mut ids = Vec::new();
        for (bits, value, wanted) in notations {
            let made = it.made("/credentials", json!({"kind": "card", "card": card(bits, value)}));
            let made = made.await;
            let part = json!({"technology": "opaque", "bits": bits, "value": wanted});
            assert_eq!(made["cards"], json!([part]));
            assert_eq!(made.get("card"), None, "answers always say cards");
            ids.push(made["id"].clone());
        }
        // 2^53 + 1 and 2^53 are the same number as floats.
        it.made("/credentials", json!({"kind": "card", "card": card(56, "20000000000000")})).await;
        // The same value with other bits is another card; other zeros, case and label are not.
        it.made("/credentials", json!({"kind": "card", "card": card(57, "04a1b2c3")})).await;
        let mut same = card(56, "00004a1b2c3");
        same["technology"] = json!("em");
        let taken = it.post("/credentials", json!({"kind": "card", "card": same})).await;
        assert_eq!(pointers(&taken.problem(409, "taken")), ["/cards/0"]);
    })
    .await;
}

#[tokio::test]
async fn one_bit_too_long_is_refused() {
    on_each_engine(|world| async move {
        let it = world.here();
        let before = world.revisions().await;
        for (part, pointer) in [
            (card(26, "4000000"), "/card/value"),
            (card(1, "2"), "/card/value"),
            (card(128, "100000000000000000000000000000000"), "/card/value"),
            (card(0, "0"), "/card/bits"),
            (card(129, "0"), "/card/bits"),
            (card(26, "0x12"), "/card/value"),
            (card(26, "12 34"), "/card/value"),
            (card(26, ""), "/card/value"),
            (json!({"bits": 26.0, "value": "1"}), "/card/bits"),
            (json!({"bits": "26", "value": "1"}), "/card/bits"),
            (json!({"bits": 26, "value": 1}), "/card/value"),
        ] {
            let body = json!({"kind": "card", "card": part});
            invalid(it.post("/credentials", body).await, &[pointer]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_card_has_up_to_four_parts_any_of_which_identifies_it() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.grant(&ann, &door).await;
        let mut parts = vec![
            json!({"technology": "em", "bits": 40, "value": "a1"}),
            json!({"technology": "mifare_classic", "bits": 32, "value": "a1"}),
            json!({"technology": "mifare_desfire", "bits": 56, "value": "a1"}),
            json!({"technology": "wiegand", "bits": 26, "value": "a1"}),
        ];
        let body = json!({"kind": "card", "person_id": id(&ann), "cards": parts});
        let made = it.made("/credentials", body).await;
        for bits in [40, 32, 56, 26] {
            let ask = json!({"lock_id": id(&door), "card": card(bits, "0A1")});
            let decision = it.decide(ask).await;
            assert_eq!(
                (&decision["result"], &decision["method"]),
                (&json!("granted"), &json!("card"))
            );
        }
        parts.push(card(8, "a1"));
        let five = it.post("/credentials", json!({"kind": "card", "cards": parts})).await;
        invalid(five, &["/cards"]);
        invalid(it.post("/credentials", json!({"kind": "card", "cards": []})).await, &["/cards"]);
        let twice = json!({"kind": "card", "cards": [card(16, "1"), card(16, "01")]});
        assert_eq!(
            pointers(&it.post("/credentials", twice).await.problem(422, "invalid")),
            ["/cards/1"]
        );
        let both = json!({"kind": "card", "card": card(16, "1"), "cards": [card(16, "2")]});
        it.post("/credentials", both).await.problem(422, "invalid");
        // One part that is taken makes the whole a conflict that names it.
        let mixed = json!({"kind": "card", "cards": [card(16, "1"), card(26, "a1")]});
        let taken = it.post("/credentials", mixed).await.problem(409, "taken");
        assert_eq!(pointers(&taken), ["/cards/1"]);
        // A part that was taken out is free.
        let path = one("/credentials", &made);
        it.patch(&path, json!({"cards": [card(40, "a1")]})).await.expect(200);
        it.made("/credentials", json!({"kind": "card", "card": card(26, "a1")})).await;
    })
    .await;
}

#[tokio::test]
async fn a_code_is_shown_once_and_identifies_by_itself() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.grant(&ann, &door).await;
        let body = json!({"kind": "code", "person_id": id(&ann), "code": "004711"});
        let made = it.made("/credentials", body.clone()).await;
        assert_eq!((&made["code"], &made["cards"]), (&json!("004711"), &json!([])));
        let path = one("/credentials", &made);
        let changed = it.patch(&path, json!({"label": "Ann's"})).await.expect(200);
        for shown in [it.get(&path).await, changed, it.get("/credentials").await] {
            assert!(!shown.to_string().contains("4711"), "{shown}");
        }
        let ask = |code: &str| json!({"lock_id": id(&door), "code": code});
        let granted = it.decide(ask("004711")).await;
        assert_eq!((&granted["result"], &granted["method"]), (&json!("granted"), &json!("code")));
        assert_eq!(reasons(&it.decide(ask("4711")).await), ["credential_unknown"], "zeros count");
        assert_eq!(pointers(&it.post("/credentials", body).await.problem(409, "taken")), ["/code"]);
        for code in ["471", "12345678901234567", "47 11", "４７１１"] {
            let wrong = it.post("/credentials", json!({"kind": "code", "code": code})).await;
            // Its request is named by any digits.
            let text = format!("{} {}", wrong.body["detail"], wrong.body["errors"]);
            invalid(wrong, &["/code"]);
            assert!(!text.contains(code), "a refused code is not repeated");
        }
        it.patch(&path, json!({"code": "9999"})).await.expect(200);
        assert_eq!(it.decide(ask("9999")).await["result"], "granted");
        it.made("/credentials", json!({"kind": "code", "code": "004711"})).await;
    })
    .await;
}

#[tokio::test]
async fn put_keeps_pin_and_code_and_null_clears_the_pin() {
    on_each_engine(|world| async move {
        let it = world.here();
        let path = "/credentials/external:c1";
        let body = json!({"kind": "card", "card": card(32, "c1"), "pin": "1234", "label": "x"});
        let made = it.put(path, body).await.expect(201);
        assert_eq!((&made["has_pin"], &made["label"]), (&json!(true), &json!("x")));
        assert_eq!(made.get("pin"), None);
        let kept = it.put(path, json!({"kind": "card", "card": card(32, "c1")})).await.expect(200);
        assert_eq!((&kept["has_pin"], &kept["label"]), (&json!(true), &json!(null)));
        assert_eq!(it.patch(path, json!({"label": "y"})).await.expect(200)["has_pin"], true);
        let cleared = json!({"kind": "card", "card": card(32, "c1"), "pin": null});
        assert_eq!(it.put(path, cleared).await.expect(200)["has_pin"], false);
        assert_eq!(it.patch(path, json!({"pin": "87654321"})).await.expect(200)["has_pin"], true);
        assert_eq!(it.patch(path, json!({"pin": null})).await.expect(200)["has_pin"], false);
        for pin in ["123", "123456789", "12a4", ""] {
            invalid(it.patch(path, json!({"pin": pin})).await, &["/pin"]);
        }
        let code = "/credentials/external:code";
        it.put(code, json!({"kind": "code", "code": "246810"})).await.expect(201);
        it.put(code, json!({"kind": "code", "label": "kept"})).await.expect(200);
        let door = it.lock("Front door").await;
        let ask = json!({"lock_id": id(&door), "code": "246810"});
        assert_eq!(reasons(&it.decide(ask).await), ["no_grant"], "the code is still known");
        it.put("/credentials/external:new", json!({"kind": "code"})).await.problem(422, "invalid");
        let other = it.put(path, json!({"kind": "code", "code": "1111"})).await;
        assert_eq!(other.status, 409, "a card does not become a code: {}", other.text);
    })
    .await;
}

#[tokio::test]
async fn phones_hints_contact_and_kinds() {
    on_each_engine(|world| async move {
        let it = world.here();
        let body = json!({
            "kind": "phone", "phone": {"public_key": "pAECAyYgASFYIA=="}, "is_admin": true,
            "session": {"start_within_s": 60, "log_off_after_s": 0},
            "contact": {"email": "Some Text", "n": 1}, "label": "Ann's phone",
        });
        let made = it.made("/credentials", body.clone()).await;
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        assert_eq!((&made["person_id"], &made["state"]), (&json!(null), &json!("active")));
        let path = one("/credentials", &made);
        assert_eq!(it.get(&path).await, made);
        assert_eq!(it.list("/people").await.len(), 0, "a contact is matched to nobody");
        let cleared = it.patch(&path, json!({"session": null, "contact": null})).await.expect(200);
        assert_eq!((&cleared["session"], &cleared["contact"]), (&json!(null), &json!(null)));
        invalid(it.patch(&path, json!({"kind": "card"})).await, &["/kind"]);
        invalid(it.patch(&path, json!({"card": card(26, "1")})).await, &["/cards"]);
        for (body, pointer) in [
            (json!({"kind": "phone"}), "/phone"),
            (json!({"kind": "phone", "phone": {"public_key": "a b"}}), "/phone/public_key"),
            (json!({"kind": "card"}), "/card"),
            (json!({"kind": "code", "card": card(26, "1"), "code": "1234"}), "/card"),
            (json!({"kind": "fob"}), "/kind"),
            (json!({"card": card(26, "1")}), "/kind"),
        ] {
            invalid(it.post("/credentials", body).await, &[pointer]);
        }
        let session = json!({"kind": "phone", "phone": {"public_key": "aGk="},
            "session": {"start_within_s": -1, "log_off_after_s": 604_801}});
        let wanted = ["/session/start_within_s", "/session/log_off_after_s"];
        invalid(it.post("/credentials", session).await, &wanted);
    })
    .await;
}

#[tokio::test]
async fn session_hints_come_with_a_granted_decision() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Crane").await);
        let hints = json!({"start_within_s": 90, "log_off_after_s": 600});
        let mut body = json!({"kind": "card", "person_id": id(&ann), "card": card(56, "a1")});
        body["session"] = hints.clone();
        it.made("/credentials", body).await;
        assert_eq!(it.present(&door, "a1").await["session"], json!(null), "not when refused");
        it.grant(&ann, &door).await;
        assert_eq!(it.present(&door, "a1").await["session"], hints);
    })
    .await;
}

#[tokio::test]
async fn validity_states_and_loss_are_seen_at_the_door() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.grant(&ann, &door).await;
        let made = it.card(&ann, "a1").await;
        let path = one("/credentials", &made);
        let (past, soon, later) =
            (in_seconds(&world, -60), in_seconds(&world, 600), in_seconds(&world, 1200));
        let cases = [
            (json!({"valid_from": soon}), vec!["credential_not_yet_valid"]),
            (json!({"valid_from": null, "valid_until": past}), vec!["credential_expired"]),
            (json!({"state": "disabled"}), vec!["credential_disabled", "credential_expired"]),
            (json!({"valid_until": later, "state": "active"}), vec![]),
            (json!({"state": "lost"}), vec!["credential_lost"]),
            (json!({"state": "active"}), vec![]),
        ];
        for (change, wanted) in cases {
            it.patch(&path, change.clone()).await.expect(200);
            let decision = it.present(&door, "a1").await;
            assert_eq!(reasons(&decision), wanted, "{change}");
            assert_eq!(decision["result"] == "granted", wanted.is_empty());
        }
        // One end of the window is checked against the other that stands already.
        invalid(it.patch(&path, json!({"valid_from": later})).await, &["/valid_until"]);
        let lost = it.acted(&format!("{path}/report-lost")).await;
        assert_eq!(lost["state"], "lost");
        assert_eq!(reasons(&it.present(&door, "a1").await), ["credential_lost"]);
    })
    .await;
}

#[tokio::test]
async fn lists_filter_and_deletion_frees_the_card() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let first = it.card(&ann, "a1").await;
        let second = it.card(&bo, "b1").await;
        let code = json!({"kind": "code", "code": "135790", "person_id": id(&ann)});
        let code = it.made("/credentials", code).await;
        it.acted(&format!("{}/report-lost", one("/credentials", &second))).await;
        for (filter, wanted) in [
            (format!("person_id={}", id(&ann)), vec![&first, &code]),
            ("kind=card".to_owned(), vec![&first, &second]),
            ("state=lost".to_owned(), vec![&second]),
            (format!("kind=code&person_id={}", id(&bo)), vec![]),
        ] {
            let found = it.list(&format!("/credentials?{filter}")).await;
            let wanted: Vec<&Value> = wanted.into_iter().map(|it| &it["id"]).collect();
            assert_eq!(field(&found, "id"), wanted, "{filter}");
        }
        it.delete(&one("/credentials", &first)).await.expect(204);
        it.missing(&one("/credentials", &first)).await;
        let again = it.card(&bo, "a1").await;
        assert_eq!(again["number"], 4);
        let nobody = json!({"kind": "card", "card": card(26, "1"), "person_id": id(&first)});
        invalid(it.post("/credentials", nobody).await, &["/person_id"]);
    })
    .await;
}

#[tokio::test]
async fn a_credential_says_how_far_it_has_got_at_each_system() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({"capacity": 2})).await;
        let (door, gate) = (it.lock("Door").await, panel.lock(&it, "Gate").await);
        panel.settle().await;
        let ann = it.person("Ann").await;
        let card = it.card(&ann, "a1").await;
        let path = format!("{}/status", one("/credentials", &card));
        let nowhere = json!({"status": "not_applied", "systems": []});
        assert_eq!(it.get(&path).await, nowhere);
        it.grant(&ann, &door).await;
        let applied = it.get(&path).await;
        assert_eq!(applied["status"], "applied");
        let system = &applied["systems"][0];
        let at = |system: &Value| [system["controller_id"].clone(), system["lock_ids"].clone()];
        assert_eq!(at(system), [Value::Null, json!([door["id"]])]);
        assert_eq!((&system["status"], &system["code"]), (&json!("applied"), &Value::Null));
        assert!(system["since"].is_string(), "{system}");
        it.grant(&ann, &gate).await;
        let partly = it.get(&path).await;
        assert_eq!(partly["status"], "partially_applied");
        let listed = &partly["systems"][1];
        assert_eq!(at(listed), [panel.controller["id"].clone(), json!([gate["id"]])]);
        assert_eq!((&listed["status"], &listed["since"]), (&json!("pending"), &Value::Null));
        let answer = panel.call(json!({})).await;
        panel.refuse(&answer, "card_unsupported");
        panel.call(json!({})).await;
        let failed = it.get(&path).await;
        let listed = &failed["systems"][1];
        let word = (&failed["status"], &listed["status"], &listed["code"]);
        assert_eq!(word, (&json!("failed"), &json!("failed"), &json!("card_unsupported")));
        // Two others with more priority take the room that there is.
        for (name, value) in [("Bo", "b1"), ("Cy", "b2")] {
            let bo = it.person(name).await;
            let card = json!({"kind": "card", "person_id": bo["id"], "priority": 9,
                "card": {"bits": 32, "value": value}});
            it.made("/credentials", card).await;
            it.grant(&bo, &gate).await;
        }
        panel.settle().await;
        let full = it.get(&path).await;
        assert_eq!(full["systems"][1]["status"], "not_stored", "{full}");
        // One that is gone has no status.
        it.delete(&one("/credentials", &card)).await.expect(204);
        it.missing(&path).await;
    })
    .await;
}
