//! Whose a key is: somebody known, somebody named, or somebody made up; never changed by an update.

use serde_json::{Value, json};

use super::{Intserv, NOBODYS, proximity, refused};
use crate::kit::one;
use crate::support::on_each_engine;

fn is_made_up(name: &Value, length: usize) -> bool {
    let name = name.as_str().unwrap();
    let right = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    name.len() == length && name.bytes().all(right)
}

#[tokio::test]
async fn a_missing_name_is_made_up() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let of = async |card: u32, person: Value| {
            let body = json!({ "key": proximity(&format!("EM:{card}")), "person": person });
            program.add(body).await["person"].clone()
        };
        let nobody = of(1, Value::Null).await;
        assert!(is_made_up(&nobody["first_name"], 7) && is_made_up(&nobody["last_name"], 6));
        let half = of(2, json!({ "first_name": " Åsa " })).await;
        assert!(half["first_name"] == "Åsa" && is_made_up(&half["last_name"], 6), "{half}");
        let other = of(3, json!({ "last_name": "Ek", "first_name": "", "id": null })).await;
        assert!(other["last_name"] == "Ek" && is_made_up(&other["first_name"], 7), "{other}");
        let long = "å".repeat(32);
        let person = of(4, json!({ "first_name": long, "last_name": long })).await;
        assert_eq!(person["first_name"], json!(long));
        let native = program.it.get(&one("/people", &person)).await;
        assert_eq!((&native["last_name"], &native["role"]), (&json!(long), &json!("guest")));
        assert_ne!(nobody["id"], half["id"]);
    })
    .await;
}

#[tokio::test]
async fn a_known_person_keeps_name_and_keys() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let ann = program.it.person("Ann").await;
        let of = |card: &str, person: Value| {
            json!({ "key": proximity(card), "person": { "id": person, "first_name": "Bo" } })
        };
        let first = program.add(of("EM:1", ann["id"].clone())).await;
        let person = json!({ "id": ann["id"], "first_name": "Ann", "last_name": null });
        assert_eq!(first["person"], person);
        let second = program.add(of("EM:2", ann["id"].clone())).await;
        assert_eq!(second["person"], person);
        // An update passes over whose it is, whoever is named.
        let cy = program.it.person("Cy").await;
        for named in [cy["id"].clone(), json!(NOBODYS)] {
            assert_eq!(program.add(of("EM:1", named.clone())).await, first);
            let by_id = json!({ "id": first["id"], "person": { "id": named } });
            assert_eq!(program.add(by_id).await, first);
        }
        assert_eq!(program.it.get(&one("/people", &ann)).await["first_name"], "Ann");
        let before = world.revisions().await;
        let nobodys = program.post("/accesskeys/add", of("EM:3", json!(NOBODYS))).await;
        refused(&nobodys, 404, "PersonNotFound", &["person.id"]);
        assert_eq!(world.revisions().await, before);
        // Natively erased, the person's keys go too.
        program.it.delete(&one("/people", &ann)).await.expect(204);
        let gone = program.remove(json!({ "id": first["id"] })).await;
        refused(&gone, 404, "AccessKeyNotFound", &[]);
    })
    .await;
}

#[tokio::test]
async fn a_call_is_one_entry_in_the_trail_that_tells_no_digits() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let level = program.it.level("Doors", &[]).await;
        let before = program.it.list("/changes").await.len();
        let body = json!({
            "key": proximity("EM:1099511627775"), "pin": "9173", "access_levels": [level["id"]],
        });
        let key = program.add(body).await;
        program.add(json!({ "id": key["id"], "pin": null, "access_levels": [] })).await;
        let all = program.it.list("/changes").await;
        let [made, changed] = &all[before..] else { panic!("{all:?}") };
        for (change, verb, count) in [(made, "create", "1"), (changed, "update", "0")] {
            assert_eq!(
                (&change["verb"], &change["noun"], &change["object_id"]),
                (&json!(verb), &json!("credential"), &key["id"])
            );
            assert_eq!(change["actor"]["kind"], "client");
            assert_eq!(change["values"]["access_levels"], count, "{change}");
            assert!(change["fields"].as_array().unwrap().contains(&json!("pin")), "{change}");
            for secret in ["9173", "ffffffffff", "1099511627775"] {
                assert!(!change.to_string().contains(secret), "{change}");
            }
        }
    })
    .await;
}
