//! An account holds its own keys, units and groups only, whichever operation is asked.

use serde_json::{Value, json};

use super::{Trackunit, made, number, refused};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn another_accounts_ids_are_nothing_here() {
    on_each_engine(|world| async move {
        let here = Trackunit::at(&world).await;
        let theirs = Trackunit::of(&world, here.it.neighbour("Next door").await).await;
        // Numbers are counted in each account: theirs has more of everything.
        let mut units = Vec::new();
        for name in ["One", "Two"] {
            theirs.key(name, if name == "One" { "0012" } else { "0013" }, json!({})).await;
            units.push(theirs.it.lock(name).await);
            made(theirs.call("POST", "/Group", json!({ "name": name })).await);
        }
        let key = here.key("Ann", "0012", json!({})).await;
        let unit = number(&here.it.lock("Lift").await);
        let group = made(here.call("POST", "/Group", json!({ "name": "Site" })).await);
        assert_eq!([key.as_str(), &unit, &group], ["1"; 3], "the same ids are others there");
        let before = (world.revisions().await, theirs.keys().await);
        for (method, path, body, code) in [
            ("GET", "/Key/2", Value::Null, "keyNotFound"),
            ("PUT", "/Key/2", json!({ "name": "X" }), "keyNotFound"),
            ("DELETE", "/Key/2", Value::Null, "keyNotFound"),
            ("POST", "/DeleteKey", json!({ "id": 2 }), "keyNotFound"),
            ("PUT", "/Key/1", json!({ "addUnits": ["2"] }), "unitNotFound"),
            ("PUT", "/Key/1", json!({ "addGroups": ["2"] }), "groupNotFound"),
            (
                "POST",
                "/Key",
                json!({ "name": "X", "serialNumber": "1", "units": "2" }),
                "unitNotFound",
            ),
            (
                "POST",
                "/Key",
                json!({ "name": "X", "serialNumber": "1", "groups": "2" }),
                "groupNotFound",
            ),
            ("GET", "/Unit/2", Value::Null, "unitNotFound"),
            ("GET", "/Unit?groupId=2", Value::Null, "groupNotFound"),
            ("GET", "/Group/2", Value::Null, "groupNotFound"),
            ("GET", "/Group?unitId=2", Value::Null, "unitNotFound"),
            ("PUT", "/Group/2", json!({ "name": "X" }), "groupNotFound"),
            ("PUT", "/Group/1", json!({ "addUnits": ["2"] }), "unitNotFound"),
            ("DELETE", "/Group/2", Value::Null, "groupNotFound"),
            (
                "GET",
                "/Report/KeyHistory?keyId=2&from=2024-01-01&to=2024-01-02",
                Value::Null,
                "keyNotFound",
            ),
            (
                "GET",
                "/Report/UnitHistory?unitId=2&from=2024-01-01&to=2024-01-02",
                Value::Null,
                "unitNotFound",
            ),
        ] {
            let answer = here.call(method, path, body).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            assert_eq!(answer.body["responseStatus"]["errorCode"], code, "{method} {path}");
        }
        assert_eq!((world.revisions().await, theirs.keys().await), before);
        // The same card in another account is another credential, and opens nothing of theirs.
        here.update(&key, json!({ "addUnits": [unit] })).await.expect(200);
        let card = json!({ "bits": 16, "value": "0012" });
        let question = json!({ "lock_id": id(&units[0]), "card": card });
        assert_eq!(theirs.it.decide(question).await["result"], "denied");
        here.call("DELETE", "/Key/1", Value::Null).await.expect(200);
        assert_eq!(theirs.keys().await, before.1);
    })
    .await;
}

#[tokio::test]
async fn a_token_of_several_places_is_for_none() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let other =
            world.admin.post("/api/v1/places", json!({ "name": "Annex" })).await.expect(201);
        let clients = world.admin.get("/api/v1/clients?limit=1000").await.expect(200);
        let own = clients["items"].as_array().unwrap().iter();
        let own = own.clone().find(|it| it["name"] == "Trackunit client").unwrap();
        let places = json!({ "place_ids": [program.it.place, id(&other)] });
        let path = format!("/api/v1/clients/{}", id(own));
        world.admin.patch(&path, places).await.expect(200);
        refused(&program.get("/Key").await, 401, "unauthorized", &[]);
    })
    .await;
}
