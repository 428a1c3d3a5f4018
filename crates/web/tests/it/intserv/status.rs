//! How far a key has got at each system.

use serde_json::{Value, json};

use super::{Intserv, NOBODYS, refused};
use crate::support::{id, on_each_engine};

fn is_recent(time: &Value) -> bool {
    let time = time.as_str().unwrap();
    time.len() == "2020-09-01T00:00:00Z".len() && time.ends_with('Z')
}

#[tokio::test]
async fn a_system_that_asks_applies_at_once_and_one_with_a_list_is_waited_for() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let panel = json!({ "name": "Panel", "external_id": "abc123-001" });
        let panel = it.made("/controllers", panel).await;
        let door = it.lock("Door").await;
        let listed = json!({ "name": "Gate", "controller_id": panel["id"], "mode": "allow_list" });
        let listed = it.made("/locks", listed).await;
        let (direct, by_list) =
            (it.level("Direct", &[&door]).await, it.level("Listed", &[&listed]).await);
        let none = program.card("EM:1").await;
        let empty = json!({
            "id": none["id"], "status": "NotApplied", "systems_where_applied": [],
            "systems_where_pending": [], "systems_where_failed": [],
        });
        assert_eq!(program.status(&none).await, empty);
        let applied = program.status(&program.opening("EM:2", &[&direct]).await).await;
        assert_eq!(applied["status"], "Applied");
        let at = &applied["systems_where_applied"][0];
        assert!(at["system_id"] == "builtin" && is_recent(&at["applied_at"]), "{applied}");
        assert_eq!(applied["systems_where_pending"], json!([]));
        let pending = program.status(&program.opening("EM:3", &[&by_list]).await).await;
        assert_eq!(pending["status"], "Pending");
        assert_eq!(pending["systems_where_pending"], json!([{ "system_id": "abc123-001" }]));
        assert_eq!(pending["systems_where_failed"], json!([]));
        let both = program.status(&program.opening("EM:4", &[&by_list, &direct]).await).await;
        assert_eq!(both["status"], "PartiallyApplied");
        let lists = [&both["systems_where_applied"], &both["systems_where_pending"]];
        assert_eq!(lists.map(|list| list.as_array().unwrap().len()), [1, 1]);
    })
    .await;
}

#[tokio::test]
async fn the_status_is_of_a_key_by_its_id_alone() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let key = program.card("EM:1").await;
        let ask = async |body: Value| program.post("/accesskeys/status", body).await;
        for body in [json!({}), json!({ "id": null }), json!({ "id": "x" }), json!({ "id": 1 })] {
            refused(&ask(body).await, 400, "InvalidRequest", &["id"]);
        }
        refused(&ask(json!({ "key": key["key"] })).await, 400, "InvalidRequest", &["key", "id"]);
        refused(&ask(json!({ "id": NOBODYS })).await, 404, "AccessKeyNotFound", &[]);
        let other = Intserv::of(&world, program.it.neighbour("Next door").await).await;
        let theirs = other.post("/accesskeys/status", json!({ "id": id(&key) })).await;
        refused(&theirs, 404, "AccessKeyNotFound", &[]);
    })
    .await;
}
