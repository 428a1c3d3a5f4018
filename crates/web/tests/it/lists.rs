//! Lists that controllers keep: what they are sent, when, and what happens when they refuse, drift,
//! fill up or fall silent.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use claviger_app::{Clock, Settings};
use serde_json::{Value, json};

use crate::kit::{Site, in_seconds, one, person_to_lock};
use crate::panel::{Panel, Scene, said, with_card};
use crate::support::{id, on_each_engine};

/// What comes of something well before a call that is held would end by itself.
async fn soon<T>(of: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), of).await.expect("it was woken")
}

/// The names of what an answer changes, in order.
fn names(changes: &[Value]) -> Vec<&'static str> {
    changes.iter().map(|change| said(change).0).collect()
}

#[tokio::test]
async fn a_list_follows_the_grants() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        assert_eq!(panel.status(&it).await["state"], "offline");
        let (gate, door) = (panel.lock(&it, "Gate").await, panel.lock(&it, "Door").await);
        let online = it.lock("Elsewhere").await;
        let (ann, bea) = (it.person("Ann").await, it.person("Bea").await);
        let (a, b) = (it.card(&ann, "a1").await, it.card(&bea, "b1").await);
        it.card(&it.person("Cid").await, "c1").await;
        let level = it.level("Both", &[&gate, &door, &online]).await;
        it.level_grant(&ann, &level).await;
        let mut hours = person_to_lock(&bea, &door);
        let weekly = json!([{"days": ["mon"], "from": "08:00", "to": "17:00"}]);
        hours["schedule"] = json!({"time_zone": null, "weekly": weekly, "exceptions": []});
        hours["valid_until"] = json!("2090-01-01T00:00:00Z");
        it.made("/grants", hours.clone()).await;

        let changes = panel.settle().await;
        let wanted = ["schedule", "lock", "lock", "credential", "credential"];
        assert_eq!(names(&changes), wanted, "{changes:?}");
        let numbers = json!([gate["number"], door["number"]]);
        let way = json!({
            "locks": numbers, "valid_from": null, "valid_until": null, "schedules": [],
            "override_lockdown": false,
        });
        assert_eq!(panel.credential(&a).unwrap()["access"], json!([way]));
        let stored = panel.credential(&b).unwrap();
        assert_eq!(stored["cards"], b["cards"]);
        let schedule = panel.stored("schedule")[0];
        assert_eq!(schedule["schedule"], hours["schedule"]);
        assert_eq!(stored["access"][0]["schedules"], json!([schedule["id"]]));
        assert_eq!(stored["access"][0]["valid_until"], hours["valid_until"]);
        let status = panel.status(&it).await;
        let counts = (&status["state"], &status["pending"], &status["stored"]);
        assert_eq!(counts, (&json!("ok"), &json!(0), &json!(2)), "{status}");
        assert_eq!(panel.settle().await, Vec::<Value>::new());

        it.acted(&format!("/people/{}/suspend", id(&ann))).await;
        assert_eq!(names(&panel.settle().await), ["remove"]);
        assert!(panel.credential(&a).is_none());
        it.acted(&format!("/people/{}/resume", id(&ann))).await;
        it.post("/posture", json!({"posture": "lockdown", "all": true})).await.expect(200);
        assert_eq!(names(&panel.settle().await), ["lock", "lock", "credential"]);
        assert!(panel.stored("lock").iter().all(|lock| lock["posture"] == "lockdown"));
        it.patch(&one("/locks", &door), json!({"mode": "online"})).await.expect(200);
        let changes = panel.settle().await;
        assert_eq!(said(&changes[0]), ("remove", &json!({"kind": "lock", "id": door["id"]})));
        assert_eq!((panel.stored("lock").len(), panel.stored("schedule").len()), (1, 0));
        assert!(panel.credential(&b).is_none());
    })
    .await;
}

#[tokio::test]
async fn a_call_waits_until_there_is_something() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.settle().await;
        let quiet = tokio::time::Instant::now();
        assert_eq!(panel.call(json!({"wait_s": 1})).await["changes"], json!([]));
        assert!(quiet.elapsed() >= Duration::from_secs(1));
        let ann = it.person("Ann").await;
        it.card(&ann, "a1").await;
        let later = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            it.grant(&ann, &gate).await
        };
        let (answer, _) =
            soon(async { tokio::join!(panel.call(json!({"wait_s": 50})), later) }).await;
        assert_eq!(names(answer["changes"].as_array().unwrap()), ["credential"]);
        panel.store(&answer);
        panel.settle().await;

        let commanded = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            it.post(&format!("/locks/{}/unlock", id(&gate)), json!({})).await.expect(200)
        };
        let waiting = async { tokio::join!(panel.call(json!({"wait_s": 50})), commanded) };
        let (answer, _) = soon(waiting).await;
        let command = &answer["commands"][0];
        let wanted = (&json!("unlock"), &gate["number"]);
        assert_eq!((&command["kind"], &command["lock"]), wanted, "{answer}");
        let done = json!([{"id": command["id"], "result": "ok"}]);
        assert_eq!(panel.call(json!({"commands": done})).await["commands"], json!([]));

        // The end of the server is not held up.
        let end = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.app.end_waiting();
        };
        let waiting = async { tokio::join!(panel.call(json!({"wait_s": 50})), end) };
        let (answer, ()) = soon(waiting).await;
        assert_eq!(answer["stale"], json!(false));
    })
    .await;
}

#[tokio::test]
async fn a_command_is_over_with_the_server() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.settle().await;
        it.post(&format!("/locks/{}/unlock", id(&gate)), json!({})).await.expect(200);
        let world = world.restarted().await;
        let mut panel = panel.over(&world);
        assert_eq!(panel.call(json!({})).await["commands"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn only_its_own_client_may_call_and_late_calls_do_nothing() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let other = Panel::at(&it, json!({"name": "Other"})).await;
        let gate = panel.lock(&it, "Gate").await;
        let ann = it.person("Ann").await;
        let pin = json!({
            "kind": "card", "person_id": id(&ann), "card": {"bits": 32, "value": "1"},
            "pin": "4711",
        });
        let card = it.made("/credentials", pin).await;
        let code = it.made("/credentials", json!({"kind": "code", "code": "987654"})).await;
        it.grant(&ann, &gate).await;
        let subject = json!({"credential_id": id(&code)});
        let body = json!({"subject": subject, "target": {"lock_id": id(&gate)}});
        it.made("/grants", body).await;
        for actor in [&it.actor, &other.actor] {
            let refused = actor.post(&panel.path, json!({"seq": 1})).await;
            refused.problem(403, "escalation");
        }
        panel.settle().await;
        // A lock that never asks for it need not know it.
        assert_eq!(panel.credential(&card).unwrap()["pin"], json!(null));
        assert_eq!(panel.credential(&code).unwrap()["code"], json!("987654"));
        it.patch(&one("/locks", &gate), json!({"pin": "if_set"})).await.expect(200);
        panel.settle().await;
        assert_eq!(panel.credential(&card).unwrap()["pin"], json!("4711"));

        let late = panel.actor.post(&panel.path, json!({"seq": 1, "inventory": []})).await;
        let late = late.expect(200);
        assert_eq!(late["stale"], json!(true));
        assert!(late["seq"].as_u64().unwrap() > 1);
        assert_eq!(panel.settle().await, Vec::<Value>::new());
        let older = panel.actor.clone();
        let (seq, path) = (late["seq"].as_u64().unwrap() + 10, panel.path.clone());
        let newer = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            panel.actor.post(&path, json!({"seq": seq + 1})).await.expect(200)
        };
        let older = older.post(&path, json!({"seq": seq, "wait_s": 50}));
        let (older, newer) = soon(async { tokio::join!(older, newer) }).await;
        assert_eq!(older.expect(200)["stale"], json!(true));
        assert_eq!(newer["stale"], json!(false));
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_is_tried_again_later_and_shown() {
    on_each_engine(|world| async move {
        let mut world = world.lasting().await;
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.settle().await;
        let ann = it.person("Ann").await;
        let card = it.card(&ann, "a1").await;
        let grant = it.grant(&ann, &gate).await;
        let mut ahead = 0;
        for (pause, state) in [(10, "ok"), (20, "ok"), (40, "failing")] {
            let answer = panel.call(json!({})).await;
            assert_eq!(names(answer["changes"].as_array().unwrap()), ["credential"]);
            panel.refuse(&answer, "card_unsupported");
            assert_eq!(panel.call(json!({})).await["changes"], json!([]));
            assert_eq!(panel.status(&world.here()).await["state"], state);
            ahead += pause - 2;
            world = world.later(ahead).await;
            panel = panel.over(&world);
            assert_eq!(panel.call(json!({})).await["changes"], json!([]), "not before {pause} s");
            ahead += 4;
            world = world.later(ahead).await;
            panel = panel.over(&world);
        }
        // What is not wanted any more fails no more.
        let it = world.here();
        panel.call(json!({})).await;
        assert_eq!(panel.status(&it).await["state"], "failing");
        it.acted(&format!("/grants/{}/revoke", id(&grant))).await;
        assert_eq!(panel.status(&it).await["state"], "ok");
        it.grant(&ann, &gate).await;
        assert_eq!(panel.status(&it).await["state"], "failing");
        // Something else under that id is tried at once.
        let path = one("/credentials", &card);
        world.here().patch(&path, json!({"card": {"bits": 56, "value": "a2"}})).await.expect(200);
        panel.settle().await;
        assert_eq!(panel.status(&world.here()).await["state"], "ok");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_was_lost_is_sent_again() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        panel.lock(&it, "Gate").await;
        let lost = panel.call(json!({})).await;
        assert_eq!(lost["changes"].as_array().unwrap().len(), 1);
        // It was received and is being worked on.
        assert_eq!(panel.call(json!({"received": 1})).await["changes"], json!([]));
        let again = panel.call(json!({"received": 0})).await;
        assert_eq!(again["changes"], lost["changes"], "as the same version");
        let world = world.later(31).await;
        let mut panel = panel.over(&world);
        assert_eq!(panel.call(json!({})).await["changes"], lost["changes"]);
        panel.store(&lost);
        assert_eq!(panel.settle().await, Vec::<Value>::new());
    })
    .await;
}

#[tokio::test]
async fn drift_is_found_and_repaired() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        for (name, card) in [("Ann", "a1"), ("Bea", "b1"), ("Cid", "c1")] {
            let person = it.person(name).await;
            it.card(&person, card).await;
            it.grant(&person, &gate).await;
        }
        panel.settle().await;
        let right = panel.items.clone();
        assert_eq!(panel.call(json!({"digest": panel.digest()})).await["ask"], json!([]));
        let keys: Vec<_> = right.keys().filter(|(kind, _)| kind == "credential").cloned().collect();
        // One is lost, one is of another version, and one was never sent.
        panel.items.remove(&keys[0]);
        panel.items.get_mut(&keys[1]).unwrap().0 += 1000;
        let stranger = ("credential".to_owned(), id(&gate).to_owned());
        panel.items.insert(stranger.clone(), (5, json!({})));
        let answer = panel.call(json!({"digest": panel.digest()})).await;
        let told = (&answer["ask"], &answer["changes"]);
        assert_eq!(told, (&json!(["inventory"]), &json!([])));
        // Until it is told, nothing is sent.
        assert_eq!(panel.call(json!({})).await["ask"], json!(["inventory"]));
        let answer = panel.call(json!({"inventory": panel.inventory()})).await;
        panel.store(&answer);
        assert_eq!(answer["changes"].as_array().unwrap().len(), 3, "{answer}");
        panel.settle().await;
        assert!(!panel.items.contains_key(&stranger));
        let values = |items: &std::collections::BTreeMap<(String, String), (u64, Value)>| {
            items.iter().map(|(key, (_, it))| (key.clone(), it.clone())).collect::<Vec<_>>()
        };
        assert_eq!(values(&panel.items), values(&right));
        assert_eq!(panel.call(json!({"digest": panel.digest()})).await["ask"], json!([]));

        // A wiped one says so.
        panel.items.clear();
        let answer = panel.call(json!({"inventory": []})).await;
        panel.store(&answer);
        panel.settle().await;
        assert_eq!(values(&panel.items), values(&right));
    })
    .await;
}

#[tokio::test]
async fn what_is_of_no_form_of_ours_is_drift_too() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.settle().await;
        let right = panel.items.clone();
        let upper = id(&gate).to_uppercase();
        let strange = ["of-some-maker-not-of-the-server-at-all", &upper];
        for (kind, name) in ["credential", "lock"].into_iter().zip(strange) {
            panel.items.insert((kind.to_owned(), name.to_owned()), (1, json!({})));
        }
        let asked = async |panel: &mut Panel| {
            let digest = panel.digest();
            panel.call(json!({"digest": digest})).await["ask"] == json!(["inventory"])
        };
        assert!(asked(&mut panel).await);
        let answer = panel.call(json!({"inventory": panel.inventory()})).await;
        assert_eq!(names(answer["changes"].as_array().unwrap()), ["remove", "remove"]);
        assert_eq!(panel.status(&it).await["pending"], 2);
        // The answer was lost; a server that starts anew finds it again.
        assert_eq!(panel.call(json!({})).await["changes"], json!([]));
        let world = world.restarted().await;
        let (it, mut panel) = (world.here(), panel.over(&world));
        assert!(asked(&mut panel).await);
        let answer = panel.call(json!({"inventory": panel.inventory()})).await;
        panel.refuse(&answer, "in_use");
        assert_eq!(panel.call(json!({})).await["changes"], json!([]));
        assert_eq!(panel.status(&it).await["pending"], 2, "it is still there");
        panel.store(&answer);
        panel.settle().await;
        assert_eq!((panel.items.len(), panel.items == right), (1, true), "{:?}", panel.items);
        assert_eq!(panel.status(&it).await["pending"], 0);
        assert!(!asked(&mut panel).await);
    })
    .await;
}

#[tokio::test]
async fn a_full_lock_keeps_the_first_and_those_with_priority() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let machine = json!({
            "name": "Digger", "mode": "allow_list", "controller_id": id(&panel.controller),
            "capacity": {"credentials": 90},
        });
        let machine = it.made("/locks", machine).await;
        let mut cards = Vec::new();
        for at in 0..93 {
            cards.push(key(&it, &machine, at, 0).await);
        }
        panel.settle().await;
        let stored = |panel: &Panel| -> Vec<u64> {
            let all = panel.stored("credential");
            let mut numbers: Vec<u64> =
                all.iter().map(|it| it["number"].as_u64().unwrap()).collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(stored(&panel), (1..=90).collect::<Vec<_>>());
        let status = panel.status(&it).await;
        assert_eq!((&status["stored"], &status["not_stored"]), (&json!(90), &json!(3)));
        // The others are let in when the machine asks.
        assert_eq!(it.present(&machine, "5c").await["result"], "granted");

        let boss = key(&it, &machine, 200, 5).await;
        let changes = panel.settle().await;
        assert_eq!(names(&changes), ["remove", "credential"], "room is made first");
        assert!(panel.credential(&boss).is_some() && panel.credential(&cards[89]).is_none());
        // Who gives way comes back when there is room, and nobody else is moved.
        it.delete(&one("/credentials", &cards[0])).await.expect(204);
        assert_eq!(names(&panel.settle().await), ["remove", "credential"]);
        assert!(panel.credential(&cards[89]).is_some());
        let before = stored(&panel);
        key(&it, &machine, 300, 0).await;
        assert_eq!(panel.settle().await, Vec::<Value>::new());
        assert_eq!(stored(&panel), before);
    })
    .await;
}

#[tokio::test]
async fn keys_that_change_places_between_full_machines_lose_what_was_taken_at_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let machine = async |name: &str| {
            let full = json!({
                "name": name, "mode": "allow_list", "controller_id": id(&panel.controller),
                "capacity": {"credentials": 1},
            });
            it.made("/locks", full).await
        };
        let (digger, crane) = (machine("Digger").await, machine("Crane").await);
        let (x, y) = (key(&it, &digger, 1, 0).await, key(&it, &crane, 2, 0).await);
        panel.settle().await;
        for (card, to) in [(&x, &crane), (&y, &digger)] {
            let grants = it.list(&format!("/grants?credential_id={}", id(card))).await;
            it.acted(&format!("{}/revoke", one("/grants", &grants[0]))).await;
            let subject = json!({"credential_id": id(card)});
            let body = json!({"subject": subject, "target": {"lock_id": id(to)}});
            it.made("/grants", body).await;
        }
        let answer = panel.call(json!({})).await;
        let access: Vec<&Value> =
            answer["changes"].as_array().unwrap().iter().map(|it| &said(it).1["access"]).collect();
        assert_eq!(access, [&json!([]), &json!([])], "{answer}");
        panel.store(&answer);
        assert_eq!(names(&panel.settle().await), ["credential", "credential"]);
        for (card, at) in [(&x, &crane), (&y, &digger)] {
            let locks = &panel.credential(card).unwrap()["access"][0]["locks"];
            assert_eq!(*locks, json!([at["number"]]));
        }
        let status = panel.status(&it).await;
        assert_eq!((&status["pending"], &status["not_stored"]), (&json!(0), &json!(0)));
        let told = it.list("/revocations").await;
        assert!(told.iter().all(|it| it["locks"][0]["state"] == "told"), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_refused_keeps_the_schedule_it_had() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let hours = |to: &str| json!({"weekly": [{"days": ["mon"], "from": "01:00", "to": to}]});
        let gate = json!({
            "name": "Gate", "mode": "allow_list", "controller_id": id(&panel.controller),
            "pin": "always", "pin_schedule": hours("05:00"),
        });
        let gate = it.made("/locks", gate).await;
        panel.settle().await;
        it.patch(&one("/locks", &gate), json!({"pin_schedule": hours("06:00")})).await.expect(200);
        let answer = panel.call(json!({})).await;
        assert_eq!(names(answer["changes"].as_array().unwrap()), ["schedule", "lock"]);
        panel.refuse(&answer, "schedule_unsupported");
        assert_eq!(
            panel.call(json!({})).await["changes"],
            json!([]),
            "what is in force stays whole"
        );
        it.patch(&one("/locks", &gate), json!({"pin_schedule": null})).await.expect(200);
        assert_eq!(names(&panel.settle().await), ["lock", "remove"]);
        assert_eq!(panel.status(&it).await["pending"], json!(0));
    })
    .await;
}

static AHEAD: AtomicI64 = AtomicI64::new(0);

#[tokio::test]
async fn what_ended_by_a_clock_that_was_ahead_comes_back_when_it_is_put_right() {
    let wrong = |it| Settings { clock: Clock::wrong_by(&AHEAD), ..it };
    on_each_engine(|world| async move {
        AHEAD.store(0, Ordering::Relaxed);
        let world = world.lasting().await.reopened(0, wrong).await;
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let card = json!({
            "kind": "card", "card": {"bits": 56, "value": "a1"},
            "valid_until": in_seconds(&world, 3600),
        });
        let card = it.made("/credentials", card).await;
        let subject = json!({"credential_id": id(&card)});
        it.made("/grants", json!({"subject": subject, "target": {"lock_id": id(&gate)}})).await;
        panel.settle().await;
        AHEAD.store(7200 * 1_000_000, Ordering::Relaxed);
        assert_eq!(names(&panel.settle().await), ["remove"]);
        AHEAD.store(0, Ordering::Relaxed);
        assert_eq!(panel.status(&it).await["pending"], json!(1));
        assert_eq!(names(&panel.settle().await), ["credential"]);
        let status = panel.status(&it).await;
        assert_eq!((&status["pending"], &status["state"]), (&json!(0), &json!("ok")), "{status}");
    })
    .await;
}

/// A card with a grant of its own at a lock.
async fn key(it: &Site, lock: &Value, at: u32, priority: u8) -> Value {
    let card = json!({"bits": 56, "value": format!("{at:x}")});
    let body = json!({"kind": "card", "card": card, "priority": priority});
    let card = it.made("/credentials", body).await;
    let subject = json!({"credential_id": id(&card)});
    it.made("/grants", json!({"subject": subject, "target": {"lock_id": id(lock)}})).await;
    card
}

#[tokio::test]
async fn events_of_controllers_are_stored_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let foreign = it.lock("Not its own").await;
        let ann = it.person("Ann").await;
        let card = it.card(&ann, "a1").await;
        it.grant(&ann, &gate).await;
        panel.settle().await;
        let at = in_seconds(&world, -60);
        let event = |seq: u64, lock: &Value, kind: &str| {
            json!({"seq": seq, "kind": kind, "lock": lock["number"], "occurred_at": at})
        };
        let mut granted = event(1, &gate, "access_granted");
        granted["method"] = json!("card");
        granted["credential_id"] = card["id"].clone();
        let mut denied = event(2, &gate, "access_denied");
        denied["reasons"] = json!(["credential_unknown"]);
        denied["card"] = json!({"bits": 56, "value": "ff"});
        let mut ahead = event(9, &gate, "tamper");
        ahead["occurred_at"] = json!("2090-01-01T00:00:00Z");
        // By a clock that lost its power.
        let mut early = event(10, &gate, "door_forced");
        early["occurred_at"] = json!("1970-01-01T00:01:00Z");
        let events = json!([granted, denied, event(3, &foreign, "door_forced"), ahead, early]);
        let answer = panel.call(json!({"events": events})).await;
        assert_eq!(answer["event_seq"], json!(10));
        assert_eq!(panel.call(json!({"events": events})).await["event_seq"], json!(10));
        let found = it.list("/events").await;
        let kinds: Vec<&str> = found.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        let told = ["access_granted", "access_denied", "tamper", "clock_wrong"];
        assert_eq!(kinds, [&told[..], &["door_forced", "clock_wrong"]].concat());
        assert_eq!(found[0]["person_id"], ann["id"]);
        assert_eq!(found[0]["occurred_at"], at);
        assert_eq!(found[1]["reasons"], json!(["credential_unknown"]));
        for wrong in [2, 4] {
            assert_eq!(found[wrong]["occurred_at"], found[wrong]["received_at"]);
        }

        let lock = gate["number"].clone();
        panel.call(json!({"locks": [{"lock": lock, "battery_percent": 42}]})).await;
        let health = &it.get(&one("/locks", &gate)).await["health"];
        assert_eq!(health["battery_percent"], json!(42));
        assert!(health["last_seen_at"].is_string());
    })
    .await;
}

#[tokio::test]
async fn a_list_is_as_it_was_after_a_restart() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let Scene { mut panel, card, grant, .. } = with_card(&it).await;
        panel.settle().await;
        it.acted(&format!("/grants/{}/revoke", id(&grant))).await;
        let world = world.restarted().await;
        let mut panel = panel.over(&world);
        let it = world.here();
        let path = one("/grants", &grant);
        assert_eq!(it.get(&path).await["state"], "revocation_pending");
        assert_eq!(panel.call(json!({"digest": panel.digest()})).await["ask"], json!([]));
        assert_eq!(
            names(&panel.call(json!({"received": 0})).await["changes"].as_array().unwrap().clone()),
            ["remove"]
        );
        // The answer was lost, and the server stopped: the removal is sent again.
        let world = world.restarted().await;
        let mut panel = panel.over(&world);
        let answer = panel.call(json!({"received": 0})).await;
        assert_eq!(names(answer["changes"].as_array().unwrap()), ["remove"]);
        panel.store(&answer);
        panel.settle().await;
        assert!(panel.credential(&card).is_none());
        assert_eq!(world.here().get(&path).await["state"], "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_posture_says_which_locks_will_hear_of_it() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let silent = Panel::at(&it, json!({"name": "Silent"})).await;
        let (gate, cellar) = (panel.lock(&it, "Gate").await, silent.lock(&it, "Cellar").await);
        panel.settle().await;
        let all = json!({"posture": "lockdown", "all": true});
        let report = it.post("/posture", all).await.expect(200);
        let wanted = json!({"obeyed": [], "pending": [gate["id"]], "unreachable": [cellar["id"]]});
        assert_eq!(report, wanted);
    })
    .await;
}

#[tokio::test]
async fn a_shared_lock_has_the_credentials_of_both_places() {
    on_each_engine(|world| async move {
        let it = world.here();
        let other = it.neighbour("Annexe").await;
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let shares = format!("/locks/{}/shares", id(&gate));
        it.post(&shares, json!({"place_id": other.place})).await.expect(201);
        let theirs = it.seen_by(&it.actor);
        let theirs = Site { place: other.place.clone(), ..theirs };
        let bea = theirs.person("Bea").await;
        let card = theirs.card(&bea, "b1").await;
        let grant = theirs.grant(&bea, &gate).await;
        panel.settle().await;
        let stored = panel.credential(&card).expect("it is in the owner's list");
        assert_eq!(stored["access"][0]["locks"], json!([gate["number"]]));
        let event = json!([{
            "seq": 1, "kind": "access_granted", "lock": gate["number"], "method": "card",
            "occurred_at": in_seconds(&world, -60), "credential_id": card["id"],
        }]);
        panel.call(json!({"events": event})).await;
        let (own, full) = (it.list("/events").await, theirs.list("/events").await);
        assert_eq!((&own[0]["person_id"], &full[0]["person_id"]), (&json!(null), &bea["id"]));

        let path = format!("{shares}?place_id={}", other.place);
        it.delete(&path).await.expect(204);
        let taken = theirs.list("/revocations").await;
        assert_eq!(taken[0]["locks"][0]["state"], "pending", "{taken:?}");
        assert_eq!(theirs.get(&one("/grants", &grant)).await["state"], "revocation_pending");
        panel.settle().await;
        assert!(panel.credential(&card).is_none());
        assert_eq!(theirs.list("/revocations").await[0]["locks"][0]["state"], "told");
        assert_eq!(theirs.get(&one("/grants", &grant)).await["state"], "revoked");
    })
    .await;
}

#[tokio::test]
async fn an_event_is_of_another_place_only_at_a_lock_it_shares() {
    on_each_engine(|world| async move {
        let it = world.here();
        let other = it.neighbour("Annexe").await;
        let mut panel = Panel::at(&it, json!({})).await;
        let (gate, cellar) = (panel.lock(&it, "Gate").await, panel.lock(&it, "Cellar").await);
        let shares = format!("/locks/{}/shares", id(&gate));
        it.post(&shares, json!({"place_id": other.place})).await.expect(201);
        let theirs = Site { place: other.place.clone(), ..it.seen_by(&it.actor) };
        let own = theirs.lock("Its own").await;
        assert_eq!(own["number"], cellar["number"], "another lock of the same number");
        let bea = theirs.person("Bea").await;
        let card = theirs.card(&bea, "b1").await;
        theirs.grant(&bea, &gate).await;
        panel.settle().await;
        let event = json!([{
            "seq": 1, "kind": "access_denied", "lock": cellar["number"], "method": "card",
            "occurred_at": in_seconds(&world, -60), "credential_id": card["id"],
            "reasons": ["no_grant"],
        }]);
        panel.call(json!({"events": event})).await;
        assert_eq!(theirs.list("/events").await, Vec::<Value>::new());
        let found = it.list("/events").await;
        let said = (found.len(), &found[0]["lock_id"], &found[0]["person_id"]);
        assert_eq!(said, (1, &cellar["id"], &json!(null)), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn a_version_out_of_all_bounds_is_replaced() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        panel.lock(&it, "Gate").await;
        panel.settle().await;
        let mut inventory = panel.inventory();
        inventory[0]["version"] = json!(i64::MAX);
        let answer = panel.call(json!({"inventory": inventory})).await;
        assert_eq!(names(answer["changes"].as_array().unwrap()), ["lock"]);
        panel.store(&answer);
        panel.settle().await;
        assert_eq!(panel.call(json!({"digest": panel.digest()})).await["ask"], json!([]));
    })
    .await;
}
