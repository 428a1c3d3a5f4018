//! Levels: listed once under one system; those of a key are replaced as a whole, and only its own.

use serde_json::{Value, json};

use super::{Intserv, NOBODYS, proximity, refused};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn a_level_stands_once_under_its_lowest_numbered_system() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let one = it.made("/controllers", json!({ "name": "One" })).await;
        let two = json!({ "name": "Two", "external_id": "abc123-001" });
        let two = it.made("/controllers", two).await;
        let lock = async |name: &str, controller: Value| {
            it.made("/locks", json!({ "name": name, "controller_id": controller })).await
        };
        let of_one = lock("a", one["id"].clone()).await;
        let of_two = lock("b", two["id"].clone()).await;
        let alone = lock("c", Value::Null).await;
        let mut wanted = Vec::new();
        for (name, locks, system) in [
            ("two", vec![&of_two], "abc123-001"),
            ("both", vec![&of_two, &of_one], "1"),
            ("all", vec![&of_two, &of_one, &alone], "builtin"),
            ("none", vec![], "builtin"),
        ] {
            let level = it.level(name, &locks).await;
            wanted.push(json!({ "id": level["id"], "name": name, "system_id": system }));
        }
        for path in ["/accesslevels/list", "/accesslevels/get_levels", "/accesslevels/list/"] {
            let path = format!("/compat/intserv/v1{path}");
            for body in [None, Some("{}"), Some("")] {
                let body = body.map(str::to_owned);
                let headers: &[(&str, &str)] =
                    if body.is_some() { &[("content-type", "text/plain")] } else { &[] };
                let answer = program.actor.send("POST", &path, headers, body).await;
                assert_eq!(answer.expect(200), json!({ "levels": wanted }), "{path}");
            }
        }
        let other = Intserv::of(&world, it.neighbour("Next door").await).await;
        let none = other.post("/accesslevels/list", json!({})).await.expect(200);
        assert_eq!(none, json!({ "levels": [] }));
    })
    .await;
}

#[tokio::test]
async fn the_levels_of_a_key_are_replaced_and_nobody_elses() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let (a, b, c) =
            (it.level("a", &[]).await, it.level("b", &[]).await, it.level("c", &[]).await);
        let key = program.opening("EM:1", &[&b, &a, &b]).await;
        assert_eq!(key["access_levels"], json!([a["id"], b["id"]]));
        // What the person has, another of their keys, and somebody else.
        let other = json!({
            "key": proximity("EM:2"), "person": { "id": key["person"]["id"] },
            "access_levels": [a["id"], c["id"]],
        });
        let other = program.add(other).await;
        it.level_grant(&key["person"], &c).await;
        let former = it.list(&format!("/grants?credential_id={}", id(&key))).await;
        let changed = program.opening("EM:1", &[&c, &a]).await;
        assert_eq!(changed["access_levels"], json!([a["id"], c["id"]]));
        let grants = it.list(&format!("/grants?credential_id={}", id(&key))).await;
        assert!(grants.contains(&former[0]), "what stays is not made anew: {grants:?}");
        let closed = it.get(&format!("/grants/{}", id(&former[1]))).await;
        assert_eq!(
            (&closed["state"], &closed["target"]["access_level_id"]),
            (&json!("revoked"), &b["id"])
        );
        program.add(json!({ "id": key["id"], "access_levels": [] })).await;
        assert_eq!(program.native_levels(&key).await, Vec::<Value>::new());
        assert_eq!(program.native_levels(&other).await.len(), 2);
        let persons = it.list(&format!("/grants?person_id={}", id(&key["person"]))).await;
        assert_eq!(persons.len(), 1, "{persons:?}");
    })
    .await;
}

#[tokio::test]
async fn a_right_that_cannot_be_said_is_not_shown_and_goes_with_the_rest() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let (door, a) = (it.lock("Door").await, it.level("a", &[]).await);
        let key = program.card("EM:1").await;
        let give = async |target: Value, until: Value| {
            let subject = json!({ "credential_id": key["id"] });
            let body = json!({ "subject": subject, "target": target, "valid_until": until });
            it.made("/grants", body).await
        };
        let until = json!("2099-01-01T00:00:00Z");
        give(json!({ "access_level_id": a["id"] }), until).await;
        give(json!({ "lock_id": door["id"] }), Value::Null).await;
        assert_eq!(program.card("EM:1").await["access_levels"], json!([]), "shown narrower");
        // Wanted without an end, it is given beside the other.
        assert_eq!(program.opening("EM:1", &[&a]).await["access_levels"], json!([a["id"]]));
        assert_eq!(
            program.native_levels(&key).await,
            json!([a["id"], null, a["id"]]).as_array().unwrap()[..]
        );
        program.opening("EM:1", &[]).await;
        assert_eq!(program.native_levels(&key).await, [Value::Null], "the lock's stays");
        // One given natively without an end is shown, and taken like any other.
        give(json!({ "access_level_id": a["id"] }), Value::Null).await;
        assert_eq!(program.card("EM:1").await["access_levels"], json!([a["id"]]));
        program.opening("EM:1", &[]).await;
        assert_eq!(program.native_levels(&key).await, [Value::Null]);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_names_a_level_that_is_not_there_makes_nothing() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let level = program.it.level("a", &[]).await;
        let other = program.it.neighbour("Next door").await;
        let theirs = other.level("theirs", &[]).await;
        let key = program.opening("EM:1", &[&level]).await;
        let before = world.revisions().await;
        for unknown in [json!(NOBODYS), theirs["id"].clone()] {
            for mut body in [
                json!({ "key": proximity("EM:9"), "person": { "first_name": "Ann" } }),
                json!({ "key": { "type": "code" } }),
                json!({ "id": key["id"], "pin": "1234" }),
            ] {
                body["access_levels"] = json!([level["id"], unknown]);
                let answer = program.post("/accesskeys/add", body).await;
                refused(&answer, 404, "AccessLevelNotFound", &["access_levels.1"]);
            }
        }
        assert_eq!(world.revisions().await, before);
        assert_eq!(program.native(&key).await["has_pin"], false);
    })
    .await;
}
