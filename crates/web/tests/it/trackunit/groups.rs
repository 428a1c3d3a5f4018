//! Groups: made, changed, deleted, and the same natively.

use serde_json::{Value, json};

use super::{Trackunit, made, number, refused};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn groups_hold_units() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let mut units = Vec::new();
        for name in ["Lift", "Digger", "Crane"] {
            units.push(number(&site.lock(name).await));
        }
        let body = json!({ "name": "Site", "units": [units[0], units[1]] });
        let group = made(program.call("POST", "/CreateGroup", body).await);
        let empty = made(program.call("POST", "/api/CreateGroup", json!({ "name": "Yard" })).await);
        let shown = |answer: Value| answer["list"].clone();
        let all = shown(program.get("/group").await.expect(200));
        let first = json!({ "id": group, "name": "Site", "units": [units[0], units[1]] });
        assert_eq!(all, json!([first, { "id": empty, "name": "Yard", "units": [] }]));
        assert_eq!(
            shown(program.get(&format!("/Group/{group}")).await.expect(200)),
            json!([first])
        );
        let by_unit = format!("/GetGroup?unitId={}", units[1]);
        assert_eq!(shown(program.get(&by_unit).await.expect(200)), json!([first]));
        let none = format!("/GetGroup?unitId={}", units[2]);
        assert_eq!(shown(program.get(&none).await.expect(200)), json!([]));
        for (change, name, left) in [
            (json!({ "name": "Town" }), "Town", &units[..2]),
            (json!({ "addUnits": units[2], "removeUnits": units[0] }), "Town", &units[1..]),
            (json!({ "addUnits": [units[2]], "removeUnits": ["999"] }), "Town", &units[1..]),
            (json!({ "clear": true, "addUnits": [units[2]], "name": "Hill" }), "Hill", &units[2..]),
            (json!({ "clear": true }), "Hill", &units[..0]),
        ] {
            let path = format!("/Group/{group}");
            let done = program.call("PUT", &path, change.clone()).await.expect(200);
            assert_eq!(done, json!({}));
            let now = shown(program.get(&path).await.expect(200));
            assert_eq!(now, json!([{ "id": group, "name": name, "units": left }]), "{change}");
        }
        let levels = site.list("/access-levels").await;
        let native: Vec<&str> = levels.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(native, ["Hill", "Yard"]);
        let locks = site.list("/locks").await;
        let level = format!("/access-levels/{}", id(&levels[0]));
        site.patch(&level, json!({ "lock_ids": [id(&locks[0])] })).await.expect(200);
        let now = shown(program.get(&format!("/Group/{group}")).await.expect(200));
        assert_eq!(now[0]["units"], json!([units[0]]));
        let key = program.key("Ann", "0012", json!({ "groups": [group] })).await;
        program.call("DELETE", &format!("/Group/{group}"), Value::Null).await.expect(200);
        assert_eq!(program.shown(&key).await["groups"], json!([]));
        refused(&program.get(&format!("/Group/{group}")).await, 404, "groupNotFound", &["id"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_group_is_named() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let unit = number(&program.it.lock("Lift").await);
        let body = json!({ "name": "Site", "units": [unit] });
        let group = made(program.call("POST", "/Group", body).await);
        let before = world.revisions().await;
        let (create, update) = (("POST", "/Group".to_owned()), ("PUT", format!("/Group/{group}")));
        for ((method, path), body, status, code, field) in [
            (&create, json!({}), 400, "invalidParameter", "name"),
            (&create, json!({ "name": " " }), 400, "invalidParameter", "name"),
            (&create, json!({ "name": "A", "units": ["x"] }), 400, "invalidParameter", "units"),
            (&create, json!({ "name": "A", "units": ["999"] }), 404, "unitNotFound", "units"),
            (&update, json!({ "name": "x".repeat(201) }), 400, "invalidParameter", "name"),
            (&update, json!({ "name": "A", "addUnits": 999 }), 404, "unitNotFound", "addUnits"),
            (
                &update,
                json!({ "clear": true, "removeUnits": [unit] }),
                400,
                "invalidParameter",
                "removeUnits",
            ),
            (
                &update,
                json!({ "addUnits": [unit], "removeUnits": [unit] }),
                400,
                "invalidParameter",
                "addUnits",
            ),
            (&update, json!({ "id": "999" }), 400, "invalidParameter", "id"),
        ] {
            refused(&program.call(method, path, body).await, status, code, &[field]);
        }
        for method in ["GET", "PUT", "DELETE"] {
            let answer = program.call(method, "/Group/999", Value::Null).await;
            refused(&answer, 404, "groupNotFound", &["id"]);
        }
        let answer = program.get("/Group?unitId=999").await;
        refused(&answer, 404, "unitNotFound", &["unitId"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}
