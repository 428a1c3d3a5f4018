//! Keys that are codes: given or made up, echoed, cut for a system that takes fewer digits.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Intserv, code, refused};
use crate::kit::{Site, one, reasons};
use crate::panel::Panel;
use crate::support::on_each_engine;

fn digits(key: &Value) -> String {
    assert_eq!(key["key"]["type"], "code");
    let digits = key["key"]["identification"].as_str().unwrap().to_owned();
    assert!(digits.bytes().all(|it| it.is_ascii_digit()), "{digits}");
    digits
}

#[tokio::test]
async fn a_code_is_made_up_where_none_is_given() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let door = program.it.lock("Door").await;
        let level = program.it.level("Doors", &[&door]).await;
        let mut seen = BTreeSet::new();
        for key in [
            json!({ "type": "code" }),
            json!({ "type": "code", "identification": null }),
            json!({ "type": "code", "identification": "" }),
            json!({ "type": "code", "identification": " " }),
        ] {
            let body = json!({ "key": key, "access_levels": [level["id"]], "pin": null });
            let made = program.add(body).await;
            let digits = digits(&made);
            assert_eq!(digits.len(), 6);
            let question = json!({ "lock_id": door["id"], "code": digits });
            assert_eq!(program.it.decide(question).await["result"], "granted");
            // By its digits it is the same key; without any there is another each time.
            assert_eq!(program.add(json!({ "key": code(&digits) })).await, made);
            assert_eq!(program.add(json!({ "id": made["id"] })).await, made);
            assert!(seen.insert(digits));
        }
        let first = seen.first().unwrap();
        let removed = program.remove(json!({ "key": code(first) })).await;
        assert_eq!(removed.status, 204);
        let question = json!({ "lock_id": door["id"], "code": first });
        assert_eq!(reasons(&program.it.decide(question).await), ["credential_unknown"]);
    })
    .await;
}

#[tokio::test]
async fn a_made_up_code_is_no_text_of_a_card() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let narrow = json!({ "name": "Panel", "settings": { "code_digits": 4 } });
        program.it.made("/controllers", narrow).await;
        // A fifth of what has four digits: of forty codes some would be drawn that are cards.
        let texts = 0..2000;
        let cards: Vec<Value> = texts
            .map(|number| {
                json!({ "technology": "opaque", "bits": 16, "value": format!("{number:04}") })
            })
            .collect();
        for four in cards.chunks(4) {
            program.it.made("/credentials", json!({ "kind": "card", "cards": four })).await;
        }
        for _ in 0..40 {
            let made = program.add(json!({ "key": { "type": "code" } })).await;
            assert_eq!(digits(&made).len(), 4);
        }
    })
    .await;
}

#[tokio::test]
async fn a_made_up_code_is_no_others_where_it_is_cut() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        for (name, digits) in [("Narrow", 4), ("Wider", 5)] {
            let panel = json!({ "name": name, "settings": { "code_digits": digits } });
            program.it.made("/controllers", panel).await;
        }
        // A twentieth of all ends: of sixty codes some would be drawn that end as another.
        for number in 0..500 {
            let code = format!("{:06}", 770_000 + 20 * number);
            program.it.made("/credentials", json!({ "kind": "code", "code": code })).await;
        }
        let mut ends: BTreeSet<String> = (0..500).map(|it| format!("{:04}", 20 * it)).collect();
        for _ in 0..60 {
            let code = digits(&program.add(json!({ "key": { "type": "code" } })).await);
            assert!(ends.insert(code[code.len() - 4..].to_owned()), "{code} ends as another");
        }
    })
    .await;
}

#[tokio::test]
async fn where_every_end_is_taken_no_code_is_made_up() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let mut panel = Panel::at(it, json!({ "settings": { "code_digits": 1 } })).await;
        let gate = panel.lock(it, "Gate").await;
        let level = it.level("Gate", &[&gate]).await;
        let mut ends = BTreeSet::new();
        for _ in 0..10 {
            let body = json!({ "key": { "type": "code" }, "access_levels": [level["id"]] });
            let made = program.add(body).await;
            panel.settle().await;
            let held = panel.credential(&made).unwrap()["code"].as_str().unwrap().to_owned();
            assert_eq!(digits(&made)[3..], held);
            assert!(ends.insert(held));
        }
        let none = program.post("/accesskeys/add", json!({ "key": { "type": "code" } })).await;
        refused(&none, 409, "Conflict", &[]);
    })
    .await;
}

#[tokio::test]
async fn a_given_code_is_digits_and_takes_no_pin() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let short = program.add(json!({ "key": code("0042") })).await;
        assert_eq!(short["key"], code("0042"));
        let long = program.add(json!({ "key": code(" 1234567890123456 ") })).await;
        assert_eq!(long["key"], code("1234567890123456"));
        let padded = program.add(json!({ "key": code("00042") })).await;
        assert_ne!(padded["id"], short["id"], "leading zeros count");
        // One made natively is known here.
        let body = json!({ "kind": "code", "code": "778899" });
        let native = program.it.made("/credentials", body).await;
        let found = program.add(json!({ "key": code("778899") })).await;
        assert_eq!(found["id"], native["id"]);
        let before = world.revisions().await;
        for digits in ["123", "12345678901234567", "12a4", "EM:1234", "0x1234", "12 34"] {
            let answer = program.post("/accesskeys/add", json!({ "key": code(digits) })).await;
            refused(&answer, 400, "InvalidRequest", &["key.identification"]);
        }
        for body in [
            json!({ "key": code("5555"), "pin": "1234" }),
            json!({ "key": { "type": "code" }, "pin": "1234" }),
            json!({ "key": code("0042"), "pin": "1234" }),
            json!({ "id": short["id"], "pin": "1234" }),
        ] {
            refused(&program.post("/accesskeys/add", body).await, 400, "InvalidRequest", &["pin"]);
        }
        let none = program.remove(json!({ "key": { "type": "code" } })).await;
        refused(&none, 400, "InvalidRequest", &["key.identification"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_made_up_code_is_no_longer_than_every_system_takes() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let panel = async |digits: Value| {
            let body = json!({ "name": "Panel", "settings": { "code_digits": digits } });
            program.it.made("/controllers", body).await
        };
        let made_up = async || digits(&program.add(json!({ "key": { "type": "code" } })).await);
        panel(json!(8)).await;
        panel(json!("4")).await;
        assert_eq!(made_up().await.len(), 6);
        let narrow = panel(json!(5)).await;
        assert_eq!(made_up().await.len(), 5);
        let least = panel(json!(2)).await;
        assert_eq!(made_up().await.len(), 4);
        program.it.patch(&one("/controllers", &narrow), json!({ "settings": null })).await;
        // So do those of locks that another place shares.
        let theirs = program.it.neighbour("Annexe").await.place;
        let theirs = Site { place: theirs, ..program.it.clone() };
        let small = json!({ "name": "Panel", "settings": { "code_digits": 5 } });
        let small = theirs.made("/controllers", small).await;
        let gate = json!({ "name": "Gate", "controller_id": small["id"], "mode": "allow_list" });
        let gate = theirs.made("/locks", gate).await;
        program.it.delete(&one("/controllers", &least)).await.expect(204);
        assert_eq!(made_up().await.len(), 6);
        let shares = format!("{}/shares", one("/locks", &gate));
        theirs.post(&shares, json!({ "place_id": program.it.place })).await.expect(201);
        assert_eq!(made_up().await.len(), 5);
        // A code that is given is kept as it is; a system takes the digits at its end.
        let given = program.add(json!({ "key": code("123456") })).await;
        assert_eq!(given["key"], code("123456"));
    })
    .await;
}
