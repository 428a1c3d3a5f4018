//! Events: in the order they happened, by system and category, page by page.

use serde_json::{Value, json};

use super::{Intserv, code, proximity, refused};
use crate::kit::{Site, field, in_seconds, one};
use crate::offline::door::Door;
use crate::panel::Panel;
use crate::retention::work_until;
use crate::support::{World, id, on_each_engine};

/// A decision on a card of 40 bits.
async fn present(it: &Site, lock: &Value, value: &str) {
    let card = json!({ "bits": 40, "value": value });
    it.decide(json!({ "lock_id": id(lock), "card": card })).await;
}

fn rows(page: &Value) -> &Vec<Value> {
    page["events"].as_array().unwrap()
}

/// Every event the filter lets through, page by page.
async fn all(program: &Intserv, filter: &Value, limit: usize) -> Vec<Value> {
    let mut body = filter.clone();
    body["limit"] = json!(limit);
    let mut found = Vec::new();
    loop {
        let page = program.events(body).await;
        found.extend(rows(&page).iter().cloned());
        assert_eq!(page["has_more"], json!(page["continuation_key"].is_string()), "{page}");
        assert!(rows(&page).len() <= limit);
        if page["has_more"] == false {
            return found;
        }
        assert_eq!(rows(&page).len(), limit, "only the last page is short");
        // With the key and nothing else.
        body = json!({ "continuation_key": page["continuation_key"] });
    }
}

/// One of each: let in by card, by code, by card and PIN, from afar; kept out with an unknown card,
/// and with one that has no notation here.
async fn happen(it: &Site, door: &Value, gate: &Value) {
    present(it, door, "a1").await;
    it.decide(json!({ "lock_id": id(door), "code": "778899" })).await;
    let card = json!({ "bits": 40, "value": "b2" });
    it.decide(json!({ "lock_id": id(gate), "card": card, "pin": "1234" })).await;
    it.acted(&format!("{}/unlock", one("/locks", door))).await;
    present(it, door, "c3").await;
    let wiegand = json!({ "bits": 26, "value": "1" });
    it.decide(json!({ "lock_id": id(door), "card": wiegand })).await;
}

#[tokio::test]
async fn an_event_says_what_happened_where_and_whose_key_it_was() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let panel = json!({ "name": "Panel", "external_id": "abc123-001" });
        let panel = it.made("/controllers", panel).await;
        let gate = json!({ "name": "Gate", "controller_id": panel["id"], "pin": "if_set" });
        let gate = it.made("/locks", gate).await;
        let door = it.lock("Door").await;
        let level = it.level("All", &[&door, &gate]).await;
        let key = program.opening("EM:161|MC:7", &[&level]).await;
        let spoken = json!({ "key": code("778899"), "access_levels": [level["id"]] });
        let spoken = program.add(spoken).await;
        let pinned = json!({
            "key": proximity("EM:178"), "pin": "1234", "access_levels": [level["id"]],
        });
        let pinned = program.add(pinned).await;
        let begun = program.events(json!({})).await;
        assert_eq!(begun["events"], json!([]));
        happen(it, &door, &gate).await;
        let page = program.events(json!({})).await;
        let native = it.list("/events").await;
        let shown = |at: usize, event: Value| {
            let mut whole = json!({
                "event_time": rows(&page)[at]["event_time"], "category": "accessgranted",
                "sequence_id": native[at]["seq"], "system_id": "builtin", "door_name": "Door",
                "key_id": null, "key": null, "person": null, "subject": null,
            });
            let fields = event.as_object().unwrap().clone();
            whole.as_object_mut().unwrap().extend(fields);
            let begin = &native[at]["occurred_at"].as_str().unwrap()[..19];
            assert_eq!(rows(&page)[at]["event_time"], format!("{begin}Z"));
            whole
        };
        let of = |key: &Value| {
            json!({ "key_id": key["id"], "key": key["key"], "person": key["person"] })
        };
        let with = |mut fields: Value, kind: u16| {
            fields["type"] = json!(kind);
            fields
        };
        let mut at_gate = with(of(&pinned), 103);
        at_gate["system_id"] = json!("abc123-001");
        at_gate["door_name"] = json!("Gate");
        let denied = |key: Value| json!({ "type": 201, "category": "accessdenied", "key": key });
        let wanted = [
            shown(0, with(of(&key), 102)),
            shown(1, with(of(&spoken), 101)),
            shown(2, at_gate),
            shown(3, json!({ "type": 100 })),
            shown(4, denied(proximity("0000000000195"))),
            shown(5, denied(Value::Null)),
        ];
        assert_eq!(page["events"], json!(wanted));
        assert_eq!((&page["has_more"], &page["continuation_key"]), (&json!(false), &json!(null)));
        // What is deleted and forgotten since.
        it.delete(&one("/people", &key["person"])).await.expect(204);
        it.delete(&one("/locks", &door)).await.expect(204);
        let later = program.events(json!({})).await;
        let first = &rows(&later)[0];
        assert_eq!((&first["person"], &first["door_name"]), (&Value::Null, &json!("Door")));
        assert_eq!(rows(&later)[1], wanted[1]);
    })
    .await;
}

#[tokio::test]
async fn each_reason_has_its_type() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let always = json!({ "name": "Vault", "pin": "always" });
        let (door, vault) = (it.lock("Door").await, it.made("/locks", always).await);
        let level = it.level("Doors", &[&door, &vault]).await;
        let key = program.opening("EM:161", &[&level]).await;
        let closed = json!({ "weekly": [
            { "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00",
              "to": "24:00" },
        ], "exceptions": (-1..=1).map(|day| {
            json!({ "date": in_seconds(&world, day * 86_400)[..10], "windows": [] })
        }).collect::<Value>() });
        let never = json!({ "name": "Never", "lock_ids": [door["id"]], "schedule": closed });
        let never = it.made("/access-levels", never).await;
        let path = one("/credentials", &key);
        let mut types = Vec::new();
        let mut say = async |lock: &Value, kind: u16| {
            present(it, lock, "a1").await;
            types.push(kind);
        };
        say(&door, 102).await;
        say(&vault, 205).await;
        let dates = |from: &str, to: &str| {
            json!({ "id": key["id"], "valid_from_date": from, "valid_to_date": to })
        };
        program.add(dates("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z")).await;
        say(&door, 202).await;
        program.add(dates("2098-01-01T00:00:00Z", "2099-02-01T00:00:00Z")).await;
        say(&door, 202).await;
        let none = json!({ "id": key["id"], "valid_from_date": null, "valid_to_date": null });
        program.add(none).await;
        program.opening("EM:161", &[]).await;
        say(&door, 206).await;
        program.opening("EM:161", &[&never]).await;
        say(&door, 207).await;
        it.patch(&path, json!({ "state": "disabled" })).await.expect(200);
        say(&door, 204).await;
        it.patch(&path, json!({ "state": "lost" })).await.expect(200);
        say(&door, 203).await;
        let body = json!({ "posture": "lockdown", "lock_ids": [door["id"]] });
        it.post("/posture", body).await.expect(200);
        say(&door, 200).await;
        program.remove(json!({ "id": key["id"] })).await;
        say(&vault, 201).await;
        let page = program.events(json!({})).await;
        assert_eq!(json!(field(rows(&page), "type")), json!(types));
    })
    .await;
}

/// Events at three systems, each at its own second.
async fn several(program: &Intserv) -> [Value; 3] {
    let it = &program.it;
    let mut locks = [Value::Null, Value::Null, Value::Null];
    for (at, name) in [None, Some("p1"), Some("p2")].into_iter().enumerate() {
        let mut lock = json!({ "name": format!("Door {at}") });
        if let Some(name) = name {
            let panel = json!({ "name": name, "external_id": name });
            lock["controller_id"] = it.made("/controllers", panel).await["id"].clone();
        }
        locks[at] = it.made("/locks", lock).await;
    }
    let level = it.level("Some", &[&locks[0], &locks[1]]).await;
    program.opening("EM:161", &[&level]).await;
    for _ in 0..2 {
        for lock in &locks {
            present(it, lock, "a1").await;
            present(it, lock, "ff").await;
        }
    }
    locks
}

#[tokio::test]
async fn filters_and_pages_leave_nothing_out_and_repeat_nothing() {
    on_each_engine(|world: World| async move {
        let program = Intserv::at(&world).await;
        several(&program).await;
        let whole = all(&program, &json!({}), 1000).await;
        assert_eq!(whole.len(), 12);
        let keeps = |keep: &dyn Fn(&Value) -> bool| {
            whole.iter().filter(|it| keep(it)).cloned().collect::<Vec<_>>()
        };
        let granted = |it: &Value| it["category"] == "accessgranted";
        let at = |name: &'static str| move |it: &Value| it["system_id"] == name;
        let (yes, no) = (json!(true), json!(false));
        for (filter, wanted) in [
            (json!({ "include_access_granted": yes }), keeps(&granted)),
            (json!({ "include_access_denied": yes }), keeps(&|it| !granted(it))),
            (json!({ "include_access_granted": yes, "include_access_denied": yes }), whole.clone()),
            (json!({ "include_access_granted": no, "include_access_denied": no }), whole.clone()),
            (json!({ "include_access_granted": no, "include_access_denied": yes }),
                keeps(&|it| !granted(it))),
            (json!({ "systems": [] }), whole.clone()),
            (json!({ "systems": ["builtin"] }), keeps(&at("builtin"))),
            (json!({ "systems": ["p2"] }), keeps(&at("p2"))),
            (json!({ "systems": ["p1", "builtin", "p1"] }), keeps(&|it| it["system_id"] != "p2")),
            (json!({ "systems": ["p1"], "include_access_granted": yes }),
                keeps(&|it| granted(it) && it["system_id"] == "p1")),
            (json!({ "to_date": "2021-01-01T00:00:00Z", "from_date": "2020-01-01T00:00:00Z" }),
                Vec::new()),
            (json!({ "from_date": in_seconds(&world, -3600), "to_date": in_seconds(&world, 60) }),
                whole.clone()),
        ] {
            for limit in [1, 2, 5, 1000] {
                assert_eq!(all(&program, &filter, limit).await, wanted, "{filter}");
            }
        }
        let order: Vec<(&str, i64)> = whole
            .iter()
            .map(|it| (it["event_time"].as_str().unwrap(), it["sequence_id"].as_i64().unwrap()))
            .collect();
        assert!(order.is_sorted() && order.windows(2).all(|pair| pair[0].1 < pair[1].1));
    })
    .await;
}

#[tokio::test]
async fn a_continuation_key_carries_the_filter_and_outlives_the_server() {
    on_each_engine(|world: World| async move {
        let program = Intserv::at(&world).await;
        let locks = several(&program).await;
        let filter = json!({ "systems": ["builtin", "p1"], "limit": 3 });
        let whole = all(&program, &filter, 1000).await;
        let first = program.events(filter.clone()).await;
        let key = first["continuation_key"].clone();
        // What happens afterwards is not in this walk.
        present(&program.it, &locks[0], "a1").await;
        let token = program.actor.token.clone();
        let world = world.restarted().await;
        let program = Intserv { it: world.here(), actor: world.admin.with(token) };
        let mut with = filter.clone();
        with["continuation_key"] = key.clone();
        for body in [
            json!({ "continuation_key": key }),
            with,
            // The filter it was begun with holds.
            json!({ "continuation_key": key, "systems": ["p2"], "include_access_denied": true }),
        ] {
            let next = program.events(body).await;
            assert_eq!(rows(&next)[..], whole[3..6]);
        }
        let body = json!({ "continuation_key": key, "limit": 1000 });
        let rest = program.events(body).await;
        assert_eq!(rows(&rest)[..], whole[3..]);
        assert_eq!(rest["continuation_key"], Value::Null);
        // Another place's program may send it, and sees its own events only.
        let other = Intserv::of(&world, world.here().neighbour("Next door").await).await;
        let theirs = other.events(json!({ "continuation_key": key })).await;
        assert_eq!(theirs["events"], json!([]));
        for bad in [json!("x"), json!(""), json!(7), json!(format!("{}A", key.as_str().unwrap()))] {
            let answer = program.post("/events/list", json!({ "continuation_key": bad })).await;
            refused(&answer, 400, "InvalidRequest", &["continuation_key"]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_known_to_be_complete_is_said_of_the_systems_in_scope() {
    on_each_engine(|world: World| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let panel = json!({ "name": "Panel", "external_id": "p1" });
        let panel = it.made("/controllers", panel).await;
        let before = in_seconds(&world, -2);
        let page = program.events(json!({})).await;
        let least = |page: &Value| page["least_sync_time"].as_str().unwrap().to_owned();
        assert!(least(&page).as_str() >= &before[..19], "{page}");
        // One that keeps its own list has told nothing yet.
        let gate = json!({ "name": "Gate", "controller_id": panel["id"], "mode": "allow_list" });
        it.made("/locks", gate).await;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let made = &panel["created_at"].as_str().unwrap()[..19];
        for filter in [json!({}), json!({ "systems": ["p1"] })] {
            let page = program.events(filter).await;
            assert_eq!(least(&page), format!("{made}Z"));
        }
        let direct = program.events(json!({ "systems": ["builtin"] })).await;
        assert!(least(&direct) > format!("{made}Z"), "{direct}");
    })
    .await;
}

#[tokio::test]
async fn a_door_with_no_network_is_known_as_far_as_it_was_heard() {
    on_each_engine(|world: World| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        it.made("/controllers", json!({ "name": "Panel", "external_id": "p1" })).await;
        let shed = Door::at(it, "Shed", 71).await.shown;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let made = format!("{}Z", &shed["created_at"].as_str().unwrap()[..19]);
        let least = async |filter: Value| program.events(filter).await["least_sync_time"].clone();
        assert_eq!(it.get("/events/complete").await["until"], Value::Null);
        for filter in [json!({}), json!({ "systems": ["builtin"] })] {
            assert_eq!(least(filter).await, json!(made));
        }
        assert!(least(json!({ "systems": ["p1"] })).await.as_str() > Some(&made));
        // No card and no code is told to it.
        let level = it.level("Shed", &[&shed]).await;
        let key = program.opening("EM:9", &[&level]).await;
        assert_eq!(program.status(&key).await["status"], "NotApplied");
        let native = it.get(&format!("/credentials/{}/status", id(&key))).await;
        assert_eq!(native["systems"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_controller_that_calls_has_told_what_happened_until_then() {
    on_each_engine(|mut world: World| async move {
        let mut program = Intserv::at(&world).await;
        let mut panel = Panel::at(&program.it, json!({ "external_id": "p1" })).await;
        let gate = panel.lock(&program.it, "Gate").await;
        let level = program.it.level("Gate", &[&gate]).await;
        let key = program.opening("EM:161", &[&level]).await;
        world.admin = program.it.full_key().await;
        world = world.later(3600).await;
        program = Intserv { it: world.here(), actor: world.admin.with(program.actor.token) };
        panel = panel.over(&world);
        let made = panel.controller["created_at"].as_str().unwrap()[..19].to_owned();
        let page = program.events(json!({ "systems": ["p1"] })).await;
        assert_eq!(page["least_sync_time"], format!("{made}Z"));
        let at = in_seconds(&world, -1800);
        let event = json!({
            "seq": 1, "kind": "access_granted", "lock": gate["number"], "occurred_at": at,
            "method": "card", "credential_id": key["id"], "reasons": [],
        });
        panel.call(json!({ "events": [event] })).await;
        let page = program.events(json!({ "systems": ["p1"] })).await;
        let told = page["least_sync_time"].as_str().unwrap().to_owned();
        assert!(told > in_seconds(&world, -60) && told < in_seconds(&world, -5), "{told}");
        let [event] = &rows(&page)[..] else { panic!("{page}") };
        assert_eq!(event["event_time"], format!("{}Z", &at[..19]));
        assert_eq!((&event["type"], &event["system_id"]), (&json!(102), &json!("p1")));
        assert_eq!((&event["key_id"], &event["person"]), (&key["id"], &key["person"]));
    })
    .await;
}

#[tokio::test]
async fn a_controller_that_has_more_to_tell_is_not_complete() {
    on_each_engine(|mut world: World| async move {
        let program = Intserv::at(&world).await;
        let panel = Panel::at(&program.it, json!({ "external_id": "p1" })).await;
        let gate = panel.lock(&program.it, "Gate").await;
        world.admin = program.it.full_key().await;
        world = world.later(3600).await;
        let program = Intserv { it: world.here(), actor: world.admin.with(program.actor.token) };
        let mut panel = panel.over(&world);
        let made = panel.controller["created_at"].as_str().unwrap()[..19].to_owned();
        let at = in_seconds(&world, -1800);
        let events = |from: u64, count: u64| -> Value {
            let event = |seq: u64| {
                json!({
                    "seq": seq, "kind": "access_denied", "lock": gate["number"], "occurred_at": at,
                    "reasons": ["credential_unknown"],
                })
            };
            json!({ "events": (from..from + count).map(event).collect::<Vec<_>>() })
        };
        // As many as one call brings: there may be others; so there may after a loss of memory.
        for call in [json!({ "received": 0 }), events(1, 1000)] {
            panel.call(call).await;
            let page = program.events(json!({ "systems": ["p1"] })).await;
            assert_eq!(page["least_sync_time"], format!("{made}Z"));
        }
        panel.call(events(1001, 1)).await;
        let page = program.events(json!({ "systems": ["p1"] })).await;
        assert!(page["least_sync_time"].as_str().unwrap() > in_seconds(&world, -60).as_str());
    })
    .await;
}

#[tokio::test]
async fn what_is_complete_does_not_rise_along_a_list() {
    on_each_engine(|mut world: World| async move {
        let program = Intserv::at(&world).await;
        let panel = Panel::at(&program.it, json!({ "external_id": "p1" })).await;
        panel.lock(&program.it, "Gate").await;
        let door = program.it.lock("Door").await;
        world.admin = program.it.full_key().await;
        world = world.later(3600).await;
        let program = Intserv { it: world.here(), actor: world.admin.with(program.actor.token) };
        let mut panel = panel.over(&world);
        for _ in 0..3 {
            present(&program.it, &door, "ff").await;
        }
        let made = panel.controller["created_at"].as_str().unwrap()[..19].to_owned();
        let first = program.events(json!({ "limit": 1 })).await;
        assert_eq!(first["least_sync_time"], format!("{made}Z"));
        // It has told everything since, some of which belongs before what the first page showed.
        panel.call(json!({})).await;
        let mut page = first;
        for more in [true, false] {
            page = program.events(json!({ "continuation_key": page["continuation_key"] })).await;
            assert_eq!((rows(&page).len(), &page["has_more"]), (1, &json!(more)));
            assert_eq!(page["least_sync_time"], format!("{made}Z"));
        }
        let anew = program.events(json!({})).await;
        assert!(anew["least_sync_time"].as_str().unwrap() > in_seconds(&world, -60).as_str());
    })
    .await;
}

#[tokio::test]
async fn an_event_goes_back_seven_days_unless_more_is_asked() {
    on_each_engine(|world: World| async move {
        let program = Intserv::at(&world).await;
        let door = program.it.lock("Door").await;
        present(&program.it, &door, "a1").await;
        let token = program.actor.token.clone();
        let from = in_seconds(&world, -60);
        let mut world = world;
        for (days, count) in [(6, 1), (8, 0)] {
            world = world.later(days * 86_400).await;
            let program = Intserv { it: world.here(), actor: world.admin.with(token.clone()) };
            assert_eq!(rows(&program.events(json!({})).await).len(), count, "{days}");
            let asked = program.events(json!({ "from_date": from })).await;
            assert_eq!(rows(&asked).len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_place_forgets_and_hides_is_not_shown() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        let level = it.level("Doors", &[&door]).await;
        program.opening("EM:161", &[&level]).await;
        for privacy in ["full", "anonymous", "hidden", "none"] {
            it.patch(&one("/locks", &door), json!({ "privacy": privacy })).await.expect(200);
            present(it, &door, "a1").await;
        }
        let page = program.events(json!({})).await;
        let known: Vec<bool> =
            field(rows(&page), "key_id").iter().map(|it| it.is_string()).collect();
        assert_eq!(known, [true, false]);
        let anonymous = &rows(&page)[1];
        assert_eq!((&anonymous["key"], &anonymous["person"]), (&Value::Null, &Value::Null));
        assert_eq!(anonymous["type"], 102);
        // The event stays when the place has forgotten whom it is about.
        let token = program.actor.token.clone();
        let from = in_seconds(&world, -60);
        let mut world = world;
        world.admin = it.full_key().await;
        let world = world.later(31 * 86_400).await;
        let program = Intserv { it: world.here(), actor: world.admin.with(token) };
        let asked = async || program.events(json!({ "from_date": from })).await;
        work_until(&world, || async { rows(&asked().await)[0]["key_id"].is_null() }).await;
        let page = asked().await;
        let first = &rows(&page)[0];
        assert_eq!((rows(&page).len(), &first["type"]), (2, &json!(102)));
        assert_eq!((&first["key"], &first["person"]), (&Value::Null, &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_named() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        for (field, value) in [
            ("from_date", json!("yesterday")),
            ("to_date", json!(5)),
            ("systems", json!("builtin")),
            ("systems", json!(["builtin", "p9"])),
            ("systems", json!([1])),
            ("include_access_granted", json!("true")),
            ("include_access_denied", json!(1)),
            ("limit", json!(0)),
            ("limit", json!(1001)),
            ("limit", json!(-1)),
            ("limit", json!(1.5)),
            ("limit", json!("10")),
            ("continuation", json!("x")),
        ] {
            let mut body = json!({});
            body[field] = value;
            let answer = program.post("/events/list", body).await;
            refused(&answer, 400, "InvalidRequest", &[field]);
        }
        let turned = json!({
            "from_date": "2020-02-01T00:00:00Z", "to_date": "2020-01-01T00:00:00Z",
        });
        let turned = program.post("/events/list", turned).await;
        refused(&turned, 400, "InvalidRequest", &["to_date"]);
        let nulls = json!({
            "from_date": null, "to_date": null, "systems": null, "limit": null,
            "include_access_granted": null, "include_access_denied": null,
            "continuation_key": null,
        });
        assert_eq!(program.events(nulls).await["events"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn exit_buttons_and_common_codes_are_nobodys() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let mut panel = Panel::at(it, json!({"external_id": "abc123-001"})).await;
        let gate = panel.lock(it, "Gate").await;
        let level = it.level("All", &[&gate]).await;
        let key = program.opening("EM:161", &[&level]).await;
        let card = json!({ "technology": "opaque", "bits": 40, "value": "a1" });
        let event = |seq: u64, kind: &str, method: &str, with: Value| {
            let mut event = json!({
                "seq": seq, "kind": kind, "lock": gate["number"], "method": method,
                "occurred_at": in_seconds(&world, 0),
            });
            event.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
            event
        };
        let denied = json!({ "reasons": ["outside_schedule"] });
        let events = json!([
            event(1, "access_granted", "exit_button", json!({})),
            event(2, "access_granted", "common_code", json!({})),
            event(3, "access_denied", "common_code", denied),
            event(4, "access_granted", "exit_button", json!({ "credential_id": key["id"] })),
            event(5, "access_granted", "common_code", json!({ "card": card })),
            event(6, "access_granted", "card", json!({ "credential_id": key["id"] })),
        ]);
        assert_eq!(panel.call(json!({ "events": events })).await["event_seq"], json!(6));
        let page = program.events(json!({})).await;
        assert_eq!(json!(field(rows(&page), "type")), json!([104, 105, 207, 104, 105, 102]));
        let whose = json!([null, null, null, null, null, key["id"]]);
        assert_eq!(json!(field(rows(&page), "key_id")), whose);
        for event in &rows(&page)[..5] {
            assert_eq!((&event["key"], &event["person"]), (&Value::Null, &Value::Null), "{event}");
            assert_eq!(event["system_id"], "abc123-001");
        }
        let native = it.list("/events").await;
        assert_eq!(native[0]["method"], "exit_button");
        assert_eq!(
            (&native[1]["method"], &native[1]["person_id"]),
            (&json!("common_code"), &json!(null))
        );
    })
    .await;
}
