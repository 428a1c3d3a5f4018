//! Keys at locks that keep their own lists: not there before the controller has said so.

use serde_json::{Value, json};

use super::{Unloc, phone};
use crate::kit::one;
use crate::panel::Panel;
use crate::support::{World, id, on_each_engine};

/// A program, and a panel of its project with a lock.
async fn scene(world: &World, fields: Value) -> (Unloc, Panel, Value) {
    let program = Unloc::at(world).await;
    let panel = Panel::at(&program.it, fields).await;
    let gate = panel.lock(&program.it, "Gate").await;
    (program, panel, gate)
}

/// A person with that number and a card.
async fn holder(program: &Unloc, number: usize) -> Value {
    let body = json!({ "display_name": "Ann", "phone": phone(number) });
    let person = program.it.made("/people", body).await;
    program.it.card(&person, &format!("a{number}")).await;
    person
}

/// Asks for keys and answers where to look for the job.
async fn asked(program: &Unloc, keys: Value) -> String {
    let answer = program.post("/keys", json!({ "keys": keys })).await.expect(202);
    format!("/jobs/{}", id(&answer["jobRef"]))
}

/// The states of all keys, in their order.
async fn states(program: &Unloc) -> Vec<String> {
    let keys = program.keys("", 100).await;
    for key in &keys {
        let alone = program.get(&format!("/keys/{}", id(key))).await.expect(200);
        assert_eq!(alone["key"], *key);
    }
    keys.iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_key_is_creating_until_the_list_has_it() {
    on_each_engine(|world| async move {
        let (program, mut panel, gate) = scene(&world, json!({})).await;
        let door = program.it.lock("Door").await;
        let ann = holder(&program, 1).await;
        let (gate, door) = (id(&gate), id(&door));
        let job = asked(
            &program,
            json!([
                { "lockId": gate, "appUserId": phone(1) },
                { "lockId": gate, "appUserId": phone(1), "start": "2089-01-01T00:00:00Z" },
                { "lockId": door, "appUserId": phone(1) },
                { "lockId": gate, "appUserId": phone(2) },
            ]),
        )
        .await;
        assert_eq!(states(&program).await, ["creating", "creating", "active", "creating"]);
        let shown = program.get(&job).await.expect(200)["job"].clone();
        let sorted = |shown: &Value| -> [usize; 3] {
            let count = |name: &str| shown["resultData"][name].as_array().unwrap().len();
            [count("createdKeys"), count("creatingKeys"), count("failedKeys")]
        };
        assert_eq!((&shown["status"], sorted(&shown)), (&json!("succeeded"), [1, 3, 0]));

        // Sent is not stored.
        let answer = panel.call(json!({})).await;
        assert_eq!(states(&program).await[0], "creating");
        panel.store(&answer);
        panel.settle().await;
        // Who has nothing to present is let in by no list.
        assert_eq!(states(&program).await, ["active", "scheduled", "active", "creating"]);
        let shown = program.get(&job).await.expect(200)["job"].clone();
        assert_eq!(sorted(&shown), [3, 1, 0]);
        for (query, count) in [
            ("&excludeStates=creating", 3),
            ("&excludeStates=active", 2),
            ("&excludeStates=active,creating&excludeStates=scheduled", 0),
            ("&excludeStates=error,inactive", 4),
        ] {
            for limit in [1, 100] {
                assert_eq!(program.keys(query, limit).await.len(), count, "{query}");
            }
        }
        let person = one("/people", &ann);
        program.it.acted(&format!("{person}/suspend")).await;
        assert_eq!(states(&program).await, ["inactive", "scheduled", "inactive", "creating"]);
        program.it.acted(&format!("{person}/resume")).await;
        panel.settle().await;

        // Times that the list does not have yet are not confirmed; more people are nobody's matter.
        let first = id(&program.keys("", 1).await[0]).to_owned();
        let until = json!({ "valid_until": "2090-01-01T00:00:00Z" });
        program.it.patch(&format!("/grants/{first}"), until).await.expect(200);
        holder(&program, 3).await;
        assert_eq!(states(&program).await, ["creating", "scheduled", "active", "creating"]);
        panel.settle().await;
        assert_eq!(states(&program).await[0], "active");
        program.delete(&format!("/keys/{first}")).await.expect(200);
        assert_eq!(states(&program).await[0], "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_lock_shows_the_battery_its_controller_tells_of() {
    on_each_engine(|world| async move {
        let (program, mut panel, gate) = scene(&world, json!({})).await;
        let told = json!([{ "lock": gate["number"], "battery_percent": 81 }]);
        panel.call(json!({ "locks": told })).await;
        let shown = program.get(&format!("/locks/{}", id(&gate))).await.expect(200);
        assert_eq!(shown["lock"]["batteryStatus"], json!({ "batteryLevel": "81" }));
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_refused_is_in_error_until_it_is_taken() {
    on_each_engine(|world| async move {
        let (program, mut panel, gate) = scene(&world, json!({})).await;
        panel.settle().await;
        let ann = holder(&program, 1).await;
        let job = asked(&program, json!([{ "lockId": id(&gate), "appUserId": phone(1) }])).await;
        let answer = panel.call(json!({})).await;
        panel.refuse(&answer, "card_unsupported");
        panel.call(json!({})).await;
        assert_eq!(states(&program).await, ["error"]);
        assert_eq!(program.keys("&excludeStates=error", 10).await, [] as [Value; 0]);
        let shown = program.get(&job).await.expect(200)["job"].clone();
        let failed = &shown["resultData"]["failedKeys"][0];
        assert_eq!((&failed["lockId"], &failed["appUserId"]), (&gate["id"], &json!(phone(1))));
        assert!(failed["reason"].as_str().is_some_and(|it| !it.is_empty()), "{failed}");

        // Something else to store has not been refused.
        program.it.card(&ann, "b1").await;
        assert_eq!(states(&program).await, ["creating"]);
        panel.settle().await;
        // One card that opens is enough.
        assert_eq!(states(&program).await, ["active"]);

        // The lock itself, too, must be taken.
        let porch = panel.lock(&program.it, "Porch").await;
        asked(&program, json!([{ "lockId": id(&porch), "appUserId": phone(1) }])).await;
        let answer = panel.call(json!({})).await;
        panel.refuse(&answer, "list_full");
        panel.call(json!({})).await;
        assert_eq!(states(&program).await, ["active", "error"]);
    })
    .await;
}

#[tokio::test]
async fn a_key_without_room_is_in_error() {
    on_each_engine(|world| async move {
        let (program, mut panel, gate) = scene(&world, json!({ "capacity": 1 })).await;
        for number in [1, 2] {
            holder(&program, number).await;
        }
        let group = program.group("Staff", &[id(&gate)], &[&phone(1), &phone(2)]).await;
        assert_eq!(states(&program).await, ["creating", "creating"]);
        panel.settle().await;
        assert_eq!(states(&program).await, ["active", "error"]);
        let path = format!("/access-groups/{}/update-accesses", id(&group));
        let body = json!({ "appUserIdsToRemove": [phone(1)] });
        program.post(&path, body).await.expect(200);
        panel.settle().await;
        assert_eq!(states(&program).await, ["revoked", "active"]);
    })
    .await;
}

#[tokio::test]
async fn keys_of_groups_and_subprojects_follow_the_list_of_their_lock() {
    on_each_engine(|world| async move {
        let (program, mut panel, gate) = scene(&world, json!({})).await;
        let door = program.it.lock("Door").await;
        let both = [id(&gate), id(&door)];
        for number in [1, 2] {
            holder(&program, number).await;
        }
        let group = program.group("Staff", &both, &[&phone(1), &phone(2)]).await;
        let below = json!({ "name": "Second floor", "lockIds": both });
        let below = program.post("/subprojects", below).await.expect(201)["subproject"].clone();
        let floor = crate::kit::Site { place: id(&below).to_owned(), ..program.it.clone() };
        let ben = floor.made("/people", json!({ "display_name": "Ben", "phone": phone(3) })).await;
        floor.card(&ben, "c3").await;
        let path = format!("/compat/unloc/v2/subprojects/{}/access-groups", id(&below));
        let body = json!({ "name": "Guests", "lockIds": both, "appUserIds": [phone(3)] });
        program.actor.post(&path, body).await.expect(201);
        let all = |first: &'static str| [first, "active"].repeat(3);
        assert_eq!(states(&program).await, all("creating"));
        panel.settle().await;
        assert_eq!(states(&program).await, all("active"));

        // One more lock of the list, for all.
        let porch = panel.lock(&program.it, "Porch").await;
        let path = format!("/access-groups/{}/update-accesses", id(&group));
        program.post(&path, json!({ "lockIdsToAdd": [id(&porch)] })).await.expect(200);
        let own = program.keys("&excludeSubprojectKeys=true", 2).await;
        let own: Vec<&str> = own.iter().map(|key| key["state"].as_str().unwrap()).collect();
        assert_eq!(own, ["active", "active", "creating"].repeat(2));
        panel.settle().await;
        assert!(states(&program).await.iter().all(|state| state == "active"));
    })
    .await;
}

#[tokio::test]
async fn an_opening_by_a_list_names_the_key() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let (mut program, panel, gate) = scene(&world, json!({})).await;
        // The panel has been there for a day.
        let world = world.later(86_400).await;
        let mut panel = panel.over(&world);
        (program.it, program.actor) = (world.here(), world.nobody());
        let token = program.token("/compat/unloc/v2/auth/token").await.expect(200);
        program.actor = program.actor.with(token["access_token"].as_str().map(str::to_owned));
        let ann = holder(&program, 1).await;
        let card = program.it.list(&format!("/credentials?person_id={}", id(&ann))).await.remove(0);
        program.it.grant(&ann, &gate).await;
        panel.settle().await;
        let key = program.keys("", 10).await.remove(0);
        let opening = |seq: u64, occurred_at: String| {
            json!({
                "seq": seq, "kind": "access_granted", "method": "card", "lock": gate["number"],
                "credential_id": card["id"], "occurred_at": occurred_at,
            })
        };
        let now = world.app.now();
        // The second by a clock that was behind: the key was not there then.
        let events = [now, now.plus(-3_600_000_000)].map(|at| at.to_string());
        let [first, second] = events;
        let events = json!([opening(1, first), opening(2, second)]);
        panel.call(json!({ "events": events })).await;
        let log = program.get("/logs/access").await.expect(200);
        let mut rows = log["accessEvents"].as_array().unwrap().clone();
        rows.sort_by_key(|row| row["created"].as_str().map(str::to_owned));
        let keys: Vec<&Value> = rows.iter().map(|row| &row["keyId"]).collect();
        assert_eq!(keys, [&Value::Null, &key["id"]], "{rows:?}");
        assert!(rows.iter().all(|row| row["appUserId"] == phone(1).as_str()), "{rows:?}");
    })
    .await;
}
