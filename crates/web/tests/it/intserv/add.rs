//! Keys of cards: made, found again in any notation, changed, taken away; the same natively and
//! here.

use claviger_web::IntservOptions;
use serde_json::{Value, json};

use super::{Intserv, NOBODYS, proximity, refused};
use crate::kit::{field, one, reasons};
use crate::support::{Actor, World, id, on_each_engine};

/// The same program with a server that is set so.
fn with_settings(world: &World, program: &Intserv, intserv: IntservOptions) -> Intserv {
    let options = claviger_web::Options { intserv, ..Default::default() };
    let router = claviger_web::router(world.app.clone(), &options);
    let actor = Actor::of(router, program.actor.token.clone());
    Intserv { it: program.it.clone(), actor }
}

#[tokio::test]
async fn one_card_is_one_key_in_whatever_notation() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let made = program.card("0x00499602d2").await;
        assert_eq!(made["key"], proximity("0001234567890"));
        for same in ["0001234567890", "EM:1234567890", "em:0x499602d2", " EM : 0X00499602D2"] {
            assert_eq!(program.card(same).await, made, "{same}");
        }
        for (other, shown) in [
            ("1234567890", "1234567890"),
            ("MD:1234567890", "00000001234567890"),
            ("0xfffffffffffffd", "72057594037927933"),
        ] {
            let key = program.card(other).await;
            assert_ne!(key["id"], made["id"], "{other}");
            assert_eq!(key["key"], proximity(shown));
        }
        let native = program.native(&made).await;
        let part = json!({ "technology": "em", "bits": 40, "value": "00499602d2" });
        assert_eq!(native["cards"], json!([part]));

        // One made natively, under another label, is the same key here.
        let card = json!({ "bits": 32, "value": "FF", "technology": "opaque" });
        let body = json!({ "kind": "card", "card": card });
        let native = program.it.made("/credentials", body).await;
        let found = program.card("MC:255").await;
        assert_eq!((&found["id"], &found["person"]), (&native["id"], &Value::Null));
        assert_eq!(found["key"], proximity("0000000255"));
    })
    .await;
}

#[tokio::test]
async fn a_card_of_several_parts_is_one_key_known_by_each() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let made = program.card("MD:3|EM:1 | MC:2").await;
        let shown = "0000000000001|0000000002|00000000000000003";
        assert_eq!(made["key"], proximity(shown));
        for same in [shown, "EM:1", "MC:2|EM:1", "0x00000000000003"] {
            assert_eq!(program.card(same).await, made, "{same}");
        }
        let cards = program.native(&made).await["cards"].clone();
        let bits = json!(field(cards.as_array().unwrap(), "bits"));
        assert_eq!(bits, json!([40, 32, 56]));
        let other = program.card("EM:7").await;
        let before = world.revisions().await;
        for both in ["EM:1|MC:9", "EM:7|MC:2", "MC:9|EM:7", "EM:1|EM:7"] {
            let answer = program.post("/accesskeys/add", json!({ "key": proximity(both) })).await;
            refused(&answer, 400, "KeyAlreadyInUse", &["key.identification"]);
        }
        // It takes all parts that are named to be one key's.
        for both in ["EM:1|MC:9", "EM:7|MC:2"] {
            let answer = program.remove(json!({ "key": proximity(both) })).await;
            refused(&answer, 404, "AccessKeyNotFound", &[]);
        }
        assert_eq!(world.revisions().await, before);
        assert_eq!(program.remove(json!({ "key": proximity("MC:2") })).await.status, 204);
        assert_ne!(program.card("EM:1").await["id"], made["id"]);
        assert_eq!(program.card("EM:7").await, other);
    })
    .await;
}

#[tokio::test]
async fn what_is_left_out_of_an_update_stays_and_null_clears() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let level = program.it.level("Doors", &[]).await;
        let made = program
            .add(json!({
                "key": proximity("EM:1"), "pin": "0123", "access_levels": [level["id"]],
                "valid_from_date": "2020-09-01T02:00:00+02:00",
                "valid_to_date": "2099-10-01T14:00:00.75Z",
            }))
            .await;
        assert_eq!(made["valid_from_date"], "2020-09-01T00:00:00Z");
        assert_eq!(made["valid_to_date"], "2099-10-01T14:00:00Z");
        assert!(made.get("pin").is_none(), "{made}");
        let by_id = json!({ "id": made["id"] });
        assert_eq!(program.add(by_id.clone()).await, made);
        assert_eq!(program.card("EM:1").await, made);
        // Beside an id the specification says nothing.
        let beside = json!({ "id": made["id"], "key": proximity("EM:2") });
        assert_eq!(program.add(beside).await, made);
        // Nulls for what a program does not set are as if they were not there.
        let nulls = json!({ "id": made["id"], "key": null, "person": null });
        assert_eq!(program.add(nulls).await, made);
        assert_eq!(program.native(&made).await["has_pin"], true);
        let cleared = json!({ "id": made["id"], "valid_to_date": null, "pin": null });
        let cleared = program.add(cleared).await;
        assert_eq!(cleared["valid_from_date"], made["valid_from_date"]);
        assert_eq!(cleared["valid_to_date"], Value::Null);
        assert_eq!(cleared["access_levels"], made["access_levels"]);
        assert_eq!(program.native(&made).await["has_pin"], false);
        let cleared = json!({ "key": proximity("EM:1"), "valid_from_date": null });
        assert_eq!(program.add(cleared).await["valid_from_date"], Value::Null);
        let none = json!({ "id": made["id"], "access_levels": [] });
        assert_eq!(program.add(none).await["access_levels"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn omitted_dates_reset_takes_dates_away_that_are_left_out_and_nothing_else() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let level = program.it.level("Doors", &[]).await;
        let settings = IntservOptions { omitted_dates_reset: true, ..Default::default() };
        let resetting = with_settings(&world, &program, settings);
        let dates = json!({
            "key": proximity("EM:1"), "pin": "0123", "access_levels": [level["id"]],
            "valid_from_date": "2020-09-01T00:00:00Z", "valid_to_date": "2099-10-01T14:00:00Z",
        });
        let made = resetting.add(dates.clone()).await;
        assert_eq!(made["valid_to_date"], "2099-10-01T14:00:00Z");
        let body = json!({ "id": made["id"], "valid_from_date": "2021-01-01T00:00:00Z" });
        let changed = resetting.add(body).await;
        assert_eq!(changed["valid_from_date"], "2021-01-01T00:00:00Z");
        assert_eq!(changed["valid_to_date"], Value::Null);
        assert_eq!(changed["access_levels"], json!([level["id"]]));
        assert_eq!(program.native(&made).await["has_pin"], true);
        program.add(dates).await;
        let changed = resetting.card("EM:1").await;
        assert_eq!(
            (&changed["valid_from_date"], &changed["valid_to_date"]),
            (&json!(null), &json!(null))
        );
    })
    .await;
}

#[tokio::test]
async fn ignore_unknown_passes_over_what_it_does_not_know_and_nothing_else() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let settings = IntservOptions { ignore_unknown: true, ..Default::default() };
        let easy = with_settings(&world, &program, settings);
        let body = json!({
            "key": { "identification": "EM:1", "type": "proximity", "colour": "red" },
            "valid_to": "2020-01-01T00:00:00Z", "person": { "name": "Ann" },
        });
        let answer = program.post("/accesskeys/add", body.clone()).await;
        refused(&answer, 400, "InvalidRequest", &["valid_to ", "key.colour", "person.name"]);
        let made = easy.add(body).await;
        assert_eq!(made["valid_to_date"], Value::Null);
        easy.events(json!({ "from": 1 })).await;
        let wrong = easy.post("/accesskeys/add", json!({ "key": proximity("1"), "x": 1 })).await;
        refused(&wrong, 400, "InvalidRequest", &["key.identification"]);
    })
    .await;
}

#[tokio::test]
async fn a_key_made_here_opens_natively_and_one_made_natively_here() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let level = it.level("Doors", &[&door]).await;
        let made = program.opening("EM:161", &[&level]).await;
        let present = async |lock: &Value, bits: u8, value: &str| {
            let card = json!({ "bits": bits, "value": value });
            it.decide(json!({ "lock_id": id(lock), "card": card })).await
        };
        assert_eq!(present(&door, 40, "a1").await["result"], "granted");
        assert_eq!(reasons(&present(&gate, 40, "a1").await), ["no_grant"]);
        assert_eq!(reasons(&present(&door, 32, "a1").await), ["credential_unknown"]);
        let grant = &it.list(&format!("/grants?credential_id={}", id(&made))).await[0];
        assert_eq!(grant["source"], json!({ "kind": "direct", "via": "intserv" }));

        // Made natively: with a right of its own at the gate.
        let card = json!({ "bits": 56, "value": "b2", "technology": "wiegand" });
        let own = it.made("/credentials", json!({ "kind": "card", "card": card })).await;
        let right = json!({
            "subject": { "credential_id": own["id"] }, "target": { "lock_id": gate["id"] },
        });
        it.made("/grants", right).await;
        let shown = program.opening("MD:178", &[&level]).await;
        assert_eq!((&shown["id"], &shown["access_levels"]), (&own["id"], &json!([level["id"]])));
        for lock in [&door, &gate] {
            assert_eq!(present(lock, 56, "b2").await["result"], "granted");
        }
        // Its validity and its end here hold there.
        program.add(json!({ "id": made["id"], "valid_to_date": "2020-01-01T00:00:00Z" })).await;
        assert_eq!(reasons(&present(&door, 40, "a1").await), ["credential_expired"]);
        it.patch(&one("/credentials", &made), json!({ "valid_until": null })).await.expect(200);
        assert_eq!(program.card("EM:161").await["valid_to_date"], Value::Null);
        assert_eq!(present(&door, 40, "a1").await["result"], "granted");
        it.acted(&format!("{}/report-lost", one("/credentials", &made))).await;
        program.card("EM:161").await;
        assert_eq!(reasons(&present(&door, 40, "a1").await), ["credential_lost"]);
        assert_eq!(program.remove(json!({ "id": own["id"] })).await.status, 204);
        it.missing(&one("/credentials", &own)).await;
        assert_eq!(reasons(&present(&gate, 56, "b2").await), ["credential_unknown"]);
    })
    .await;
}

#[tokio::test]
async fn a_pin_set_here_is_asked_for_at_the_door() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let door = it.made("/locks", json!({ "name": "Door", "pin": "always" })).await;
        let level = it.level("Doors", &[&door]).await;
        let key = program.opening("EM:161", &[&level]).await;
        let decide = async |pin: Value| {
            let card = json!({ "bits": 40, "value": "a1" });
            let mut question = json!({ "lock_id": door["id"], "card": card });
            if pin.is_string() {
                question["pin"] = pin;
            }
            it.decide(question).await
        };
        assert_eq!(reasons(&decide(Value::Null).await), ["pin_not_set"]);
        program.add(json!({ "id": key["id"], "pin": "0042" })).await;
        assert_eq!(reasons(&decide(json!("4200")).await), ["pin_wrong"]);
        assert_eq!(decide(json!("0042")).await["result"], "granted");
        program.add(json!({ "id": key["id"] })).await;
        assert_eq!(decide(json!("0042")).await["method"], "card_and_pin");
        program.add(json!({ "id": key["id"], "pin": null })).await;
        assert_eq!(reasons(&decide(json!("0042")).await), ["pin_not_set"]);
    })
    .await;
}

#[tokio::test]
async fn a_removed_key_is_gone_and_its_person_stays() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let level = program.it.level("Doors", &[]).await;
        let made = program.opening("EM:1", &[&level]).await;
        let gone = program.remove(json!({ "id": made["id"], "key": proximity("EM:2") })).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        for body in [
            json!({ "id": made["id"] }),
            json!({ "key": proximity("EM:1") }),
            json!({ "id": NOBODYS }),
        ] {
            refused(&program.remove(body).await, 404, "AccessKeyNotFound", &[]);
        }
        let by_id = program.post("/accesskeys/add", json!({ "id": made["id"] })).await;
        refused(&by_id, 404, "AccessKeyNotFound", &[]);
        let status = program.post("/accesskeys/status", json!({ "id": made["id"] })).await;
        refused(&status, 404, "AccessKeyNotFound", &[]);
        let person = program.it.get(&one("/people", &made["person"])).await;
        assert_eq!(person["first_name"], made["person"]["first_name"]);
        let again = program.card("EM:1").await;
        assert_ne!(again["id"], made["id"]);
        assert_eq!(again["access_levels"], json!([]));
        assert_ne!(again["person"]["id"], made["person"]["id"]);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_said_here_is_no_key() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let card = json!({ "bits": 26, "value": "1" });
        let wiegand =
            program.it.made("/credentials", json!({ "kind": "card", "card": card })).await;
        let both = json!({ "kind": "card", "cards": [
            { "bits": 26, "value": "2" }, { "bits": 40, "value": "3" },
        ] });
        let both = program.it.made("/credentials", both).await;
        let before = world.revisions().await;
        let of = json!({ "id": wiegand["id"] });
        for path in ["/accesskeys/add", "/accesskeys/remove", "/accesskeys/status"] {
            refused(&program.post(path, of.clone()).await, 404, "AccessKeyNotFound", &[]);
        }
        assert_eq!(world.revisions().await, before);
        let seen = program.add(json!({ "id": both["id"] })).await;
        assert_eq!(seen["key"], proximity("0000000000003"));
        let native = program.native(&both).await;
        assert_eq!(native["cards"].as_array().unwrap().len(), 2, "what is not shown is kept");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_must_be_kept_is_out_of_use_once_it_is_removed() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let door = program.it.lock("Door").await;
        let level = program.it.level("Doors", &[&door]).await;
        let made = program.opening("EM:1", &[&level]).await;
        let until = crate::kit::in_seconds(&world, 86_400);
        let hold = json!({ "until": until, "reason": "A claim" });
        program.it.post("/hold", hold).await.expect(200);
        let native = one("/credentials", &made);
        assert_eq!(program.it.get(&native).await["state"], "active");
        assert_eq!(program.remove(json!({ "id": made["id"] })).await.status, 204);
        assert_eq!(program.it.get(&native).await["state"], "disabled");
        let asked = json!({ "lock_id": id(&door), "credential_id": made["id"] });
        assert_eq!(program.it.decide(asked).await["result"], "denied");
    })
    .await;
}
