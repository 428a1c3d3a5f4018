//! Keys at a lock, natively: the card in any notation, the serial number typed, one live credential
//! for each.

use serde_json::{Value, json};

use super::{Trackunit, number, refused};
use crate::kit::{field, reasons};
use crate::panel::Panel;
use crate::support::{Answer, id, on_each_engine};

/// A card of those bits, as a lock asks natively.
fn card(lock: &Value, bits: u32, value: &str) -> Value {
    json!({ "lock_id": id(lock), "card": { "technology": "em", "bits": bits, "value": value } })
}

fn code(lock: &Value, digits: &str) -> Value {
    json!({ "lock_id": id(lock), "code": digits })
}

#[tokio::test]
async fn a_key_opens_its_units_by_card_and_by_code() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let (lift, crane) = (site.lock("Lift").await, site.lock("Crane").await);
        let level = site.level("Site", &[&crane]).await;
        let more = json!({ "units": [number(&lift)], "keyValid": "90sec", "keyExpire": "2min" });
        let key = program.key("Ann", "00123456", more).await;
        for question in
            [card(&lift, 32, "123456"), card(&lift, 32, "00123456"), code(&lift, "00123456")]
        {
            let decision = site.decide(question.clone()).await;
            assert_eq!(decision["result"], "granted", "{question}: {decision}");
            let typed = question.get("code").is_some();
            assert_eq!(decision["method"], if typed { "code" } else { "card" });
            let session = json!({ "start_within_s": 90, "log_off_after_s": 120 });
            assert_eq!(decision["session"], session);
        }
        for question in [
            card(&lift, 24, "123456"),
            card(&lift, 31, "123456"),
            code(&lift, "123456"),
            code(&lift, "0123456"),
        ] {
            assert_eq!(reasons(&site.decide(question).await), ["credential_unknown"]);
        }
        for question in [card(&crane, 32, "123456"), code(&crane, "00123456")] {
            assert_eq!(reasons(&site.decide(question).await), ["no_grant"]);
        }
        let into = json!({ "addGroups": [number(&level)] });
        program.update(&key, into).await.expect(200);
        assert_eq!(site.decide(code(&crane, "00123456")).await["result"], "granted");
        program.update(&key, json!({ "expirationDate": "2014-06-30T22:00:00" })).await.expect(200);
        let over = site.decide(card(&lift, 32, "123456")).await;
        assert_eq!(reasons(&over), ["credential_expired"]);
        // A key with neither units nor groups opens nothing.
        program.key("Bob", "AB", json!({})).await;
        assert_eq!(reasons(&site.decide(card(&lift, 8, "ab")).await), ["no_grant"]);
        let events = site.list("/events").await;
        let typed =
            events.iter().find(|it| it["method"] == "code" && !it["credential_id"].is_null());
        assert!(typed.unwrap()["card"].is_null(), "typed digits are not kept");
        // The serial number of a key that was made natively and given to a unit.
        let body = json!({ "kind": "card", "card": { "bits": 56, "value": "4f1a2b" } });
        let native = site.made("/credentials", body).await;
        program.update(&number(&native), json!({ "addUnits": number(&lift) })).await.expect(200);
        assert_eq!(program.shown(&number(&native)).await["serialNumber"], "000000004F1A2B");
        assert!(site.opens(&lift, "4f1a2b").await);
    })
    .await;
}

#[tokio::test]
async fn a_key_stands_in_the_list_of_its_machine_as_it_was_made() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let mut panel = Panel::at(site, json!({})).await;
        let crane = panel.lock(site, "Crane").await;
        let more = json!({
            "units": [number(&crane)], "keyValid": "90sec", "keyExpire": "2min", "isAdmin": true,
        });
        let key = program.key("Ann", "00471200", more).await;
        panel.settle().await;
        let stored = panel.stored("credential");
        assert_eq!(stored.len(), 1, "{stored:?}");
        let wanted = [
            ("kind", json!("card")),
            ("cards", json!([{ "technology": "opaque", "bits": 32, "value": "00471200" }])),
            ("code", Value::Null),
            ("pin", Value::Null),
            ("session", json!({ "start_within_s": 90, "log_off_after_s": 120 })),
            ("is_admin", json!(true)),
        ];
        for (name, wanted) in wanted {
            assert_eq!(stored[0][name], wanted, "{name}: {}", stored[0]);
        }
        let access = stored[0]["access"].as_array().unwrap();
        assert_eq!(field(access, "locks"), [&json!([crane["number"]])]);
        assert_eq!(field(access, "valid_until"), [&Value::Null]);
        let expires = json!({ "isAdmin": false, "expirationDate": "2094-06-30T22:00:00" });
        program.update(&key, expires).await.expect(200);
        panel.settle().await;
        let stored = panel.stored("credential");
        assert_eq!(stored[0]["is_admin"], false);
        assert_eq!(stored[0]["access"][0]["valid_until"], "2094-06-30T22:00:00Z");
        assert_eq!(program.call("DELETE", &format!("/Key/{key}"), Value::Null).await.status, 200);
        panel.settle().await;
        assert!(panel.stored("credential").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_short_serial_number_is_typed_too() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let lift = site.lock("Lift").await;
        for serial in ["7", "12", "0123456789012345"] {
            program.key("Ann", serial, json!({ "units": [number(&lift)] })).await;
            let decision = site.decide(code(&lift, serial)).await;
            assert_eq!(
                (&decision["result"], &decision["method"]),
                (&json!("granted"), &json!("code"))
            );
        }
        assert_eq!(reasons(&site.decide(code(&lift, "012")).await), ["credential_unknown"]);
        for wrong in ["", "12345678901234567", "1a"] {
            let answer = site.post("/decisions", code(&lift, wrong)).await;
            assert_eq!(answer.status, 422, "{wrong}: {}", answer.text);
        }
    })
    .await;
}

#[tokio::test]
async fn only_opaque_cards_are_typed_and_wrong_tries_count() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let lift = site.lock("Lift").await;
        program.key("Ann", "12345678", json!({ "units": [number(&lift)] })).await;
        let body = json!({ "kind": "card",
            "card": { "technology": "em", "bits": 32, "value": "87654321" } });
        let em = site.made("/credentials", body).await;
        program.update(&number(&em), json!({ "addUnits": [number(&lift)] })).await.expect(200);
        assert_eq!(site.decide(card(&lift, 32, "87654321")).await["result"], "granted");
        let typed = site.decide(code(&lift, "87654321")).await;
        assert_eq!(reasons(&typed), ["credential_unknown"]);
        for _ in 0..4 {
            site.decide(code(&lift, "1111")).await;
        }
        // Known or not, the answer does not tell; cards are not locked out.
        for digits in ["12345678", "1111"] {
            let locked = site.decide(code(&lift, digits)).await;
            assert_eq!(reasons(&locked), ["pin_locked_out"], "{digits}");
            let hint = locked["hint"].as_str().unwrap_or_default();
            assert!(!hint.starts_with("register it"), "{locked}");
        }
        assert_eq!(site.decide(card(&lift, 32, "12345678")).await["result"], "granted");
    })
    .await;
}

#[tokio::test]
async fn one_live_credential_for_each_card_and_code() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let taken = |answer: &Answer| {
            refused(answer, 409, "serialNumberAlreadyExists", &["serialNumber"]);
        };
        let create = |serial: &str| json!({ "name": "Ann", "serialNumber": serial });
        let native_card = |technology: &str, value: &str| {
            json!({ "kind": "card", "card": { "technology": technology,
                "bits": value.len() * 4, "value": value } })
        };
        let native_code = |digits: &str| json!({ "kind": "code", "code": digits });
        let key = program.key("Ann", "00ab12", json!({})).await;
        taken(&program.call("POST", "/Key", create("00AB12")).await);
        // Another width is another card.
        program.key("Ann", "AB12", json!({})).await;
        let path = "/credentials";
        site.post(path, native_card("em", "00AB12")).await.problem(409, "taken");
        let made = site.made(path, native_card("wiegand", "cd34")).await;
        taken(&program.call("POST", "/Key", create("CD34")).await);
        taken(&program.update(&key, json!({ "serialNumber": "cd34" })).await);

        // A code natively, the same digits as a serial number, and the other way round.
        let code = site.made(path, native_code("004712")).await;
        taken(&program.call("POST", "/Key", create("004712")).await);
        taken(&program.update(&key, json!({ "serialNumber": "004712" })).await);
        site.post(path, native_card("opaque", "004712")).await.problem(409, "taken");
        // A card that is not opaque is never typed.
        site.made(path, native_card("em", "004712")).await;
        program.key("Ann", "004713", json!({})).await;
        site.post(path, native_code("004713")).await.problem(409, "taken");
        let code_path = format!("{path}/{}", id(&code));
        let body = json!({ "code": "004713" });
        site.patch(&code_path, body).await.problem(409, "taken");
        taken(&program.update(&number(&code), json!({ "serialNumber": "004713" })).await);
        let card_path = format!("{path}/{}", id(&made));
        let opaque = native_card("opaque", "004714");
        site.patch(&card_path, json!({ "card": opaque["card"] })).await.expect(200);
        site.post(path, native_code("004714")).await.problem(409, "taken");
        // What is deleted is free.
        site.delete(&code_path).await.expect(204);
        let freed = program.call("POST", "/Key", create("004712")).await;
        taken(&freed); // The card that is not opaque has these bits still.
        site.made(path, native_code("004712")).await;
    })
    .await;
}
