//! How far a key has got at each system.

use serde_json::{Value, json};

use super::{Intserv, NOBODYS, code, proximity, refused};
use crate::kit::{in_seconds, one};
use crate::panel::Panel;
use crate::support::{World, id, on_each_engine};

fn is_recent(world: &World, time: &Value) -> bool {
    let time = time.as_str().unwrap();
    let whole = time.len() == "2020-09-01T00:00:00Z".len() && time.ends_with('Z');
    whole && time > in_seconds(world, -60).as_str() && time < in_seconds(world, 60).as_str()
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
        assert!(at["system_id"] == "builtin" && is_recent(&world, &at["applied_at"]), "{applied}");
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
async fn a_status_follows_what_the_controller_says() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let mut panel = Panel::at(it, json!({ "external_id": "p1", "capacity": 2 })).await;
        let gate = panel.lock(it, "Gate").await;
        let level = it.level("Gate", &[&gate]).await;
        panel.settle().await;
        let key = program.opening("EM:1", &[&level]).await;
        let word = async |key: &Value| program.status(key).await["status"].clone();
        assert_eq!(word(&key).await, "Pending");
        panel.settle().await;
        let applied = program.status(&key).await;
        assert_eq!(applied["status"], "Applied");
        assert_eq!(applied["systems_where_applied"][0]["system_id"], "p1");
        assert_eq!(panel.credential(&key).unwrap()["cards"][0]["value"], "0000000001");
        // The latest change counts.
        let end = json!({ "id": key["id"], "valid_to_date": "2099-01-01T00:00:00Z" });
        program.add(end).await;
        assert_eq!(word(&key).await, "Pending");
        panel.settle().await;
        assert_eq!(word(&key).await, "Applied");
        // One that it does not take.
        let spoken = json!({ "key": code("4711"), "access_levels": [level["id"]] });
        let spoken = program.add(spoken).await;
        let answer = panel.call(json!({})).await;
        panel.refuse(&answer, "code_unsupported");
        panel.call(json!({})).await;
        let failed = program.status(&spoken).await;
        let why = json!([{ "system_id": "p1", "error_type": "CodeNotEnabled" }]);
        assert_eq!((&failed["status"], &failed["systems_where_failed"]), (&json!("Failed"), &why));
        // One for which there is no room.
        let third = program.opening("EM:3", &[&level]).await;
        panel.settle().await;
        let full = program.status(&third).await;
        let why = json!([{ "system_id": "p1", "error_type": "SystemFull" }]);
        assert_eq!((&full["status"], &full["systems_where_failed"]), (&json!("Failed"), &why));
        // Without levels it waits until the system has let go of it.
        program.opening("EM:1", &[]).await;
        assert_eq!(word(&key).await, "Pending");
        panel.settle().await;
        assert_eq!(word(&key).await, "NotApplied");
        program.remove(json!({ "key": proximity("EM:3") })).await;
        panel.settle().await;
        assert!(panel.credential(&third).is_none() && panel.credential(&key).is_none());
    })
    .await;
}

#[tokio::test]
async fn a_machine_that_is_full_is_told_beside_one_with_room() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let mut panel = Panel::at(it, json!({ "external_id": "p1" })).await;
        let small = json!({
            "name": "Digger", "mode": "allow_list", "controller_id": id(&panel.controller),
            "capacity": { "credentials": 1 },
        });
        let (small, wide) = (it.made("/locks", small).await, panel.lock(it, "Lift").await);
        let level = it.level("Machines", &[&small, &wide]).await;
        let first = program.opening("EM:1", &[&level]).await;
        let second = program.opening("EM:2", &[&level]).await;
        panel.settle().await;
        assert_eq!(program.status(&first).await["status"], "Applied");
        let full = program.status(&second).await;
        let why = json!([{ "system_id": "p1", "error_type": "SystemFull" }]);
        assert_eq!((&full["status"], &full["systems_where_failed"]), (&json!("Failed"), &why));
        assert_eq!(full["systems_where_applied"], json!([]), "a system stands once");
    })
    .await;
}

#[tokio::test]
async fn a_door_that_the_system_refused_is_not_applied() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let mut panel = Panel::at(it, json!({ "external_id": "p1" })).await;
        let gate = panel.lock(it, "Gate").await;
        let level = it.level("Gate", &[&gate]).await;
        let answer = panel.call(json!({})).await;
        panel.refuse(&answer, "schedule_missing");
        let key = program.opening("EM:1", &[&level]).await;
        let answer = panel.call(json!({})).await;
        panel.store(&answer);
        panel.call(json!({})).await;
        assert!(panel.credential(&key).is_some());
        let failed = program.status(&key).await;
        let why = json!([{ "system_id": "p1", "error_type": "ScheduleNotSupported" }]);
        assert_eq!((&failed["status"], &failed["systems_where_failed"]), (&json!("Failed"), &why));
    })
    .await;
}

#[tokio::test]
async fn a_narrow_system_gets_the_digits_at_the_end_of_a_code() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let settings = |digits: u32| json!({ "settings": { "code_digits": digits } });
        let mut narrow = Panel::at(it, settings(4)).await;
        let mut wide = Panel::at(it, json!({})).await;
        let locks = [narrow.lock(it, "Gate").await, wide.lock(it, "Door").await];
        let level = it.level("Both", &[&locks[0], &locks[1]]).await;
        let key = json!({ "key": code("123456"), "access_levels": [level["id"]] });
        let key = program.add(key).await;
        assert_eq!(key["key"], code("123456"));
        narrow.settle().await;
        wide.settle().await;
        let held = |panel: &Panel| panel.credential(&key).unwrap()["code"].clone();
        assert_eq!((held(&narrow), held(&wide)), (json!("3456"), json!("123456")));
        assert_eq!(program.status(&key).await["status"], "Applied");
        // Set otherwise, it is told anew.
        let path = one("/controllers", &narrow.controller);
        it.patch(&path, settings(5)).await.expect(200);
        assert_eq!(program.status(&key).await["status"], "PartiallyApplied");
        narrow.settle().await;
        assert_eq!(
            (held(&narrow), program.status(&key).await["status"].clone()),
            (json!("23456"), json!("Applied"))
        );
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
