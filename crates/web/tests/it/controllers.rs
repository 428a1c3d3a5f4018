//! Controllers: made, changed, deleted while no lock needs them.

use serde_json::{Value, json};

use crate::kit::{field, invalid, one, pointers};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn a_controller_is_made_changed_used_and_deleted() {
    on_each_engine(|world| async move {
        let it = world.here();
        let body = json!({
            "name": "Panel", "external_id": "p1", "capacity": 500, "settings": {"port": [1, 2]},
        });
        let made = it.made("/controllers", body.clone()).await;
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        let path = one("/controllers", &made);
        assert_eq!(it.get("/controllers/external:p1").await, made);
        assert_eq!(field(&it.list("/controllers").await, "id"), [&made["id"]]);
        let changed = it.patch(&path, json!({"capacity": null, "name": "Gate"})).await.expect(200);
        assert_eq!((&changed["capacity"], &changed["name"]), (&json!(null), &json!("Gate")));
        assert_eq!(changed["settings"], body["settings"]);
        let stale = format!("\"r{}-x\"", made["revision"]);
        let gone = it.matching("DELETE", &path, &stale, None).await;
        gone.problem(412, "stale");

        let lock = json!({"name": "Front door", "controller_id": "external:p1"});
        let lock = it.made("/locks", lock).await;
        assert_eq!(lock["controller_id"], made["id"]);
        it.delete(&path).await.problem(409, "in_use");
        it.patch(&one("/locks", &lock), json!({"controller_id": null})).await.expect(200);
        it.delete(&path).await.expect(204);
        it.missing(&path).await;
        assert_eq!(it.list("/controllers").await, Vec::<Value>::new());
        it.made("/controllers", json!({"name": "Another", "external_id": "p1"})).await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_is_told_how_the_controller_stood_when_it_was_made() {
    on_each_engine(|world| async move {
        let (it, key) = (world.here(), [("idempotency-key", "c-1")]);
        let body = json!({"name": "Panel"}).to_string();
        let path = it.at("/controllers");
        let first = it.actor.send("POST", &path, &key, Some(body.clone())).await.expect(201);
        assert_eq!(first["status"]["state"], "offline");
        assert_eq!(it.get(&one("/controllers", &first)).await, first);
        let again = it.actor.send("POST", &path, &key, Some(body)).await.expect(201);
        assert_eq!(again, first);
    })
    .await;
}

#[tokio::test]
async fn wrong_controllers_are_refused_with_their_fields() {
    on_each_engine(|world| async move {
        let it = world.here();
        it.made("/controllers", json!({"name": "Panel", "external_id": "p1"})).await;
        let before = world.revisions().await;
        invalid(it.post("/controllers", json!({})).await, &["/name"]);
        let many = json!({"name": " ", "capacity": 0, "settings": [], "port": 1});
        let wanted = ["/name", "/capacity", "/settings", "/port"];
        let problem = it.post("/controllers", many).await.problem(422, "invalid");
        let mut found = pointers(&problem);
        found.sort_unstable();
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{problem}");
        let taken = it.post("/controllers", json!({"name": "x", "external_id": "p1"})).await;
        assert_eq!(pointers(&taken.problem(409, "taken")), ["/external_id"]);
        let lock = it.post("/locks", json!({"name": "x", "controller_id": "external:p2"})).await;
        invalid(lock, &["/controller_id"]);
        assert_eq!(world.revisions().await, before);
        let person = it.person("Ann").await;
        it.missing(&format!("/controllers/{}", id(&person))).await;
    })
    .await;
}
