//! What controllers tell late: of keys that are removed by then, of locks that no list serves, of
//! places that no longer share a lock.

use serde_json::{Value, json};

use super::{Intserv, proximity};
use crate::kit::{Site, field, in_seconds, one, texts};
use crate::panel::{Panel, Scene, with_card};
use crate::support::{World, id, on_each_engine};

fn rows(page: &Value) -> &Vec<Value> {
    page["events"].as_array().unwrap()
}

/// A card that was let in a minute ago.
fn let_in(world: &World, seq: u64, lock: &Value, key: &Value) -> Value {
    json!({
        "seq": seq, "kind": "access_granted", "lock": lock["number"], "method": "card",
        "occurred_at": in_seconds(world, -60), "credential_id": key["id"], "reasons": [],
    })
}

#[tokio::test]
async fn what_a_removed_key_did_is_its_own() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let mut panel = Panel::at(&program.it, json!({ "external_id": "p1" })).await;
        let gate = panel.lock(&program.it, "Gate").await;
        let level = program.it.level("Gate", &[&gate]).await;
        let mut keys = Vec::new();
        for card in ["EM:1", "EM:2", "EM:3", "EM:4"] {
            keys.push(program.opening(card, &[&level]).await);
        }
        panel.settle().await;
        // Told in time.
        let event = let_in(&world, 1, &gate, &keys[0]);
        panel.call(json!({ "events": [event] })).await;
        for key in &keys {
            assert_eq!(program.remove(json!({ "id": key["id"] })).await.status, 204);
        }
        // Told before the controller has heard of it, with the acknowledgement, and long after.
        let event = let_in(&world, 2, &gate, &keys[1]);
        let answer = panel.call(json!({ "events": [event] })).await;
        panel.store(&answer);
        let event = let_in(&world, 3, &gate, &keys[2]);
        panel.call(json!({ "events": [event] })).await;
        panel.settle().await;
        // Its card is somebody else's by now.
        program.opening("EM:4", &[&level]).await;
        let mut with_card = let_in(&world, 4, &gate, &keys[3]);
        with_card["card"] = json!({ "bits": 40, "value": "4" });
        panel.call(json!({ "events": [with_card] })).await;
        let page = program.events(json!({})).await;
        assert_eq!(field(rows(&page), "key_id"), field(&keys, "id"));
        assert_eq!(field(rows(&page), "person"), field(&keys, "person"));
        assert_eq!(json!(field(rows(&page), "type")), json!([102, 102, 102, 102]));
        // The parts of a card are forgotten with it, but for what was told.
        let wanted = json!([proximity("0000000000001"), null, null, proximity("0000000000004")]);
        assert_eq!(json!(field(rows(&page), "key")), wanted);
        let native = program.it.list("/events").await;
        assert_eq!(field(&native, "credential_id"), field(&keys, "id"));
        let people: Vec<&Value> = keys.iter().map(|key| &key["person"]["id"]).collect();
        assert_eq!(field(&native, "person_id"), people);
    })
    .await;
}

#[tokio::test]
async fn what_a_passed_on_key_did_is_its_former_holders() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let Scene { mut panel, gate, ann, card, grant } = with_card(it).await;
        let bob = it.person("Bob").await;
        let his_grant = it.grant(&bob, &gate).await;
        panel.settle().await;
        let now = || world.app.now().to_string();
        let mut events = Vec::new();
        let mut did = |at: String, named: bool| {
            let mut event = let_in(&world, events.len() as u64 + 1, &gate, &card);
            event["occurred_at"] = json!(at);
            if !named {
                event["card"] = json!({ "bits": 56, "value": "a1" });
                event["credential_id"].take();
            }
            events.push(event);
        };
        let holders = [&ann["id"], &bob["id"], &Value::Null, &bob["id"], &ann["id"]];
        for (at, holder) in holders.into_iter().enumerate() {
            if at > 0 {
                let pass = json!({ "person_id": holder });
                it.patch(&one("/credentials", &card), pass).await.expect(200);
            }
            did(now(), true);
            did(now(), false);
        }
        panel.call(json!({ "events": events })).await;
        let native = it.list("/events").await;
        let wanted: Vec<&Value> = holders.into_iter().flat_map(|holder| [holder; 2]).collect();
        assert_eq!(field(&native, "person_id"), wanted);
        assert_eq!(field(&native, "credential_id"), [&card["id"]; 10]);
        // By which grant it was can be told only while it is in the same hands.
        let none = &Value::Null;
        let hers = &grant["id"];
        let grants = [hers, hers, none, none, none, none, none, none, hers, hers];
        assert_eq!(field(&native, "grant_id"), grants, "{}", his_grant["id"]);
        let page = program.events(json!({})).await;
        let people: Vec<&Value> = rows(&page).iter().map(|row| &row["person"]["id"]).collect();
        assert_eq!(people, wanted);
        let export = it.get(&format!("{}/export", one("/people", &bob))).await;
        assert_eq!(export["events"].as_array().unwrap().len(), 4, "{export}");
    })
    .await;
}

#[tokio::test]
async fn what_a_key_did_before_its_holder_was_forgotten_is_nobodys_whoever_has_it_then() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let Scene { mut panel, gate, ann, card, .. } = with_card(it).await;
        let bob = it.person("Bob").await;
        panel.settle().await;
        let named = let_in(&world, 1, &gate, &card);
        let mut shown = let_in(&world, 2, &gate, &card);
        shown["card"] = json!({ "bits": 56, "value": "a1" });
        shown["credential_id"].take();
        let pass = json!({ "person_id": bob["id"] });
        it.patch(&one("/credentials", &card), pass).await.expect(200);
        it.post(&format!("{}/forget", one("/people", &ann)), json!({})).await.expect(200);
        // It is his by now, whatever became of her.
        let mut his = let_in(&world, 3, &gate, &card);
        his["occurred_at"] = json!(world.app.now().to_string());
        it.delete(&one("/people", &ann)).await.expect(204);
        panel.call(json!({ "events": [named, shown, his] })).await;
        let native = it.list("/events").await;
        let (none, bob, card) = (&Value::Null, &bob["id"], &card["id"]);
        assert_eq!(field(&native, "person_id"), [none, none, bob]);
        assert_eq!(field(&native, "credential_id"), [none, none, card]);
        assert_eq!(field(&native, "card")[..2], [none, none]);
    })
    .await;
}

#[tokio::test]
async fn what_somebody_did_who_is_gone_names_nobody() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let mut panel = Panel::at(&program.it, json!({ "external_id": "p1" })).await;
        let gate = panel.lock(&program.it, "Gate").await;
        let level = program.it.level("Gate", &[&gate]).await;
        let key = program.opening("EM:1", &[&level]).await;
        panel.settle().await;
        program.it.delete(&one("/people", &key["person"])).await.expect(204);
        let event = let_in(&world, 1, &gate, &key);
        let unknown = let_in(&world, 2, &gate, &json!({ "id": super::NOBODYS }));
        panel.call(json!({ "events": [event, unknown] })).await;
        let page = program.events(json!({})).await;
        assert_eq!(json!(field(rows(&page), "key_id")), json!([key["id"], null]));
        assert_eq!(json!(field(rows(&page), "person")), json!([null, null]));
    })
    .await;
}

#[tokio::test]
async fn what_happened_before_a_share_ended_is_its_places() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let theirs = it.neighbour("Annexe").await;
        let shares = format!("/locks/{}/shares", id(&gate));
        it.post(&shares, json!({ "place_id": theirs.place })).await.expect(201);
        let theirs = Site { place: theirs.place.clone(), ..it.seen_by(&it.actor) };
        let bea = theirs.person("Bea").await;
        let card = theirs.card(&bea, "b1").await;
        theirs.grant(&bea, &gate).await;
        let there = theirs.list("/locks").await[0].clone();
        panel.settle().await;
        it.delete(&format!("{shares}?place_id={}", theirs.place)).await.expect(204);
        let event = let_in(&world, 1, &gate, &card);
        panel.call(json!({ "events": [event] })).await;
        let (own, full) = (it.list("/events").await, theirs.list("/events").await);
        assert_eq!((own.len(), &own[0]["person_id"]), (1, &Value::Null));
        assert_eq!(full.len(), 1, "{full:?}");
        assert_eq!((&full[0]["person_id"], &full[0]["lock_id"]), (&bea["id"], &there["id"]));
    })
    .await;
}

#[tokio::test]
async fn what_comes_over_a_controller_is_waited_for_whoever_decides() {
    on_each_engine(|mut world: World| async move {
        let program = Intserv::at(&world).await;
        let mut panel = Panel::at(&program.it, json!({ "external_id": "p1" })).await;
        let door = json!({ "name": "Door", "controller_id": id(&panel.controller) });
        let door = program.it.made("/locks", door).await;
        panel.call(json!({})).await;
        world.admin = program.it.full_key().await;
        world = world.later(3600).await;
        let program = Intserv { it: world.here(), actor: world.admin.with(program.actor.token) };
        let mut panel = panel.over(&world);
        let least = async |systems: Value| least(&program, systems).await;
        // It has an exit button, and was heard of last an hour ago.
        assert!(least(json!(["p1"])).await < in_seconds(&world, -3500));
        assert!(least(json!(["builtin"])).await > in_seconds(&world, -60));
        let from = least(json!([])).await;
        let pressed = json!({
            "seq": 1, "kind": "access_granted", "lock": door["number"], "method": "exit_button",
            "occurred_at": in_seconds(&world, -1800),
        });
        panel.call(json!({ "events": [pressed] })).await;
        let found = program.events(json!({ "from_date": from })).await;
        assert_eq!(json!(field(rows(&found), "type")), json!([104]));
        assert!(least(json!(["p1"])).await > in_seconds(&world, -60));
    })
    .await;
}

/// Up to when everything is known at some systems of a program's place.
async fn least(program: &Intserv, systems: Value) -> String {
    let page = program.events(json!({ "systems": systems })).await;
    page["least_sync_time"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_happened_before_a_lock_left_its_controller_is_waited_for_where_the_lock_is() {
    on_each_engine(|mut world: World| async move {
        let it = world.here();
        let theirs = it.neighbour("Annexe").await;
        let mut panel = Panel::at(&it, json!({ "external_id": "p1" })).await;
        let mut next = Panel::at(&it, json!({ "external_id": "p2" })).await;
        let (gate, door) = (panel.lock(&it, "Gate").await, panel.lock(&it, "Door").await);
        let shares = format!("/locks/{}/shares", id(&gate));
        it.post(&shares, json!({ "place_id": theirs.place })).await.expect(201);
        let theirs = Site { place: theirs.place.clone(), ..it.seen_by(&it.actor) };
        let bea = theirs.person("Bea").await;
        let card = theirs.card(&bea, "b1").await;
        theirs.grant(&bea, &gate).await;
        panel.settle().await;
        next.settle().await;
        let me = it.actor.get("/api/v1/me").await.expect(200);
        let places = [&*it.place, &*theirs.place];
        world.admin = it.actor.makes_key(&texts(&me["scopes"]), &places).await;
        world = world.later(3600).await;
        let theirs = Site { actor: world.admin.clone(), place: theirs.place };
        let their_program = Intserv::of(&world, theirs.clone()).await;
        let program = Intserv::at(&world).await;
        let it = &program.it;
        let (mut panel, mut next) = (panel.over(&world), next.over(&world));
        let online = json!({ "mode": "online", "controller_id": null });
        it.patch(&one("/locks", &gate), online).await.expect(200);
        let moved = json!({ "controller_id": id(&next.controller) });
        it.patch(&one("/locks", &door), moved).await.expect(200);
        next.call(json!({})).await;
        let (long_ago, just_now) = (in_seconds(&world, -3500), in_seconds(&world, -60));
        for systems in [json!([]), json!(["builtin"]), json!(["p2"])] {
            assert!(least(&program, systems.clone()).await < long_ago, "{systems}");
        }
        let from = least(&their_program, json!([])).await;
        assert!(from < long_ago, "{from}");
        let known = theirs.get("/events/complete").await;
        assert!(known["complete_until"].as_str().unwrap() < &*long_ago, "{known}");
        assert_eq!(field(known["behind"].as_array().unwrap(), "lock_id"), [&gate["id"]]);
        let mut event = let_in(&world, 1, &gate, &card);
        event["occurred_at"] = json!(in_seconds(&world, -1800));
        panel.call(json!({ "events": [event] })).await;
        let page = their_program.events(json!({ "from_date": from })).await;
        assert_eq!(json!(field(rows(&page), "key_id")), json!([card["id"]]));
        for systems in [json!([]), json!(["builtin"]), json!(["p2"])] {
            assert!(least(&program, systems.clone()).await > just_now, "{systems}");
        }
        assert!(least(&their_program, json!([])).await > just_now);
        let known = theirs.get("/events/complete").await;
        assert!(known["complete_until"].as_str().unwrap() > &*just_now, "{known}");
    })
    .await;
}
