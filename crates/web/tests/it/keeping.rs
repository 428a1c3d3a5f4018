//! What is kept for longer than the retention, and what is forgotten sooner.

use claviger_domain::time::Instant;
use claviger_store::{Statement, StoredAnswer};
use serde_json::{Value, json};

use crate::kit::{Site, field, in_seconds, invalid, one};
use crate::login::mails;
use crate::retention::work_until;
use crate::support::{World, id, on_each_engine};

const DAY_S: i64 = 24 * 3600;

/// Whom the events of a place concern, in their order.
async fn whom(it: &Site) -> Vec<Value> {
    field(&it.list("/events").await, "person_id").into_iter().cloned().collect()
}

/// The same server so many days later, its background work done once: each part of it has found
/// something old.
pub(crate) async fn days_later(world: World, days: i64) -> World {
    let world = world.later(days * DAY_S).await;
    std::fs::create_dir_all(&world.outbox).unwrap();
    let mail = world.outbox.join("018bcfe5-6800-7000-8000-000000000001.eml");
    std::fs::write(&mail, "old").unwrap();
    let answer = StoredAnswer {
        scope: "old".to_owned(),
        key: "old".to_owned(),
        request_hash: [0; 32],
        status: 200,
        headers: Vec::new(),
        body: Vec::new(),
        created_at: Instant(0),
    };
    world.app.storage().keep_answer(&answer).await.unwrap();
    let done = async || {
        let answer = world.app.storage().find_answer("old", "old").await.unwrap();
        answer.is_none() && !mail.exists()
    };
    work_until(&world, done).await;
    world
}

/// A place where Ann and Bo have been at the door.
async fn house(it: &Site) -> (Value, Value, Value) {
    let (ann, bo, door) = (it.person("Ann").await, it.person("Bo").await, it.lock("Door").await);
    for (person, card) in [(&ann, "a1"), (&bo, "b1")] {
        it.card(person, card).await;
        it.present(&door, card).await;
    }
    (ann, bo, door)
}

#[tokio::test]
async fn who_is_on_hold_is_forgotten_when_the_hold_ends_and_not_before() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let (ann, bo, door) = house(&it).await;
        it.patch(&one("/locks", &door), json!({"privacy": "pseudonym"})).await.expect(200);
        it.present(&door, "a1").await;
        it.present(&door, "b1").await;
        let until = in_seconds(&world, 50 * DAY_S);
        let body = json!({"until": until, "reason": "A claim of 14 March"});
        let path = one("/people", &ann);
        let held = it.post(&format!("{path}/hold"), body).await.expect(200);
        assert_eq!(held["held_until"], json!(until));
        it.actor.delete(&it.at(&path)).await.problem(409, "in_use");
        it.post(&format!("{path}/forget"), json!({})).await.problem(409, "in_use");

        let world = days_later(world, 31).await;
        let it = world.here();
        assert_eq!(whom(&it).await, [ann["id"].clone(), Value::Null, Value::Null, Value::Null]);
        let names = it.list("/events").await;
        let known: Vec<bool> = field(&names, "pseudonym").iter().map(|it| !it.is_null()).collect();
        assert_eq!(known, [false, false, true, false]);
        assert_eq!(it.list(&format!("/events?person_id={}", id(&ann))).await.len(), 1);
        it.delete(&one("/people", &bo)).await.expect(204);

        // It ends by itself, and nothing was written for that.
        let before = world.revisions().await;
        let world = days_later(world, 51).await;
        let it = world.here();
        assert_eq!(whom(&it).await, vec![Value::Null; 4]);
        let mut after = world.revisions().await;
        // Tickets that are over are the directory's.
        after[0] = before[0];
        assert_eq!(after, before);
        let changes = it.list(&format!("/changes?object_id={}", id(&ann))).await;
        let hold = changes.iter().find(|change| change["verb"] == "hold").unwrap();
        assert_eq!(hold["values"]["held_until"], json!(until));
        it.delete(&path).await.expect(204);
        assert_eq!(it.get("/changes/verify").await["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn a_place_on_hold_forgets_nothing_until_it_is_released() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let (ann, bo, _) = house(&it).await;
        let until = in_seconds(&world, 300 * DAY_S);
        let body = json!({"until": until, "reason": "An inquiry"});
        let held = it.post("/hold", body).await.expect(200);
        assert_eq!(held["held_until"], json!(until));
        it.actor.delete(&it.at(&one("/people", &ann))).await.problem(409, "in_use");
        let world = days_later(world, 40).await;
        let it = world.here();
        assert_eq!(whom(&it).await, [ann["id"].clone(), bo["id"].clone()]);
        let changes = it.list("/changes").await;
        assert_eq!(changes.last().unwrap()["reason"], "An inquiry", "kept as long as the hold");
        let released = it.post("/release", json!({"reason": "Closed"})).await.expect(200);
        assert_eq!(released["held_until"], json!(null));
        let gone = async || whom(&it).await == [Value::Null, Value::Null];
        work_until(&world, gone).await;
        it.delete(&one("/people", &ann)).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn a_hold_has_an_end_that_can_be_thought_of() {
    on_each_engine(|world| async move {
        let it = world.here();
        let ann = it.person("Ann").await;
        let path = format!("{}/hold", one("/people", &ann));
        let before = world.revisions().await;
        for (path, seconds) in [
            (path.as_str(), -1),
            (path.as_str(), 367 * DAY_S),
            ("/hold", -1),
            ("/hold", 367 * DAY_S),
        ] {
            let body = json!({"until": in_seconds(&world, seconds), "reason": "x"});
            invalid(it.post(path, body).await, &["/until"]);
        }
        invalid(it.post(&path, json!({})).await, &["/until", "/reason"]);
        assert_eq!(world.revisions().await, before);
        for (days, what) in [(2, "begun"), (1, "shortened"), (300, "made longer")] {
            let until = in_seconds(&world, days * DAY_S);
            let body = json!({"until": until, "reason": what});
            let held = it.post(&path, body).await.expect(200);
            assert_eq!(held["held_until"], json!(until), "{what}");
        }
        let free = it.post(&format!("{}/release", one("/people", &ann)), json!({})).await;
        assert_eq!(free.expect(200)["held_until"], json!(null));
    })
    .await;
}

#[tokio::test]
async fn whoever_is_forgotten_is_forgotten_at_once_and_only_they() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo, door) = house(&it).await;
        it.made("/webhooks", json!({"url": "https://hooks.example.org/in"})).await;
        it.patch(&one("/locks", &door), json!({"privacy": "pseudonym"})).await.expect(200);
        it.present(&door, "a1").await;
        it.present(&door, "b1").await;
        let forget = |person: &Value| format!("{}/forget", one("/people", person));
        let told = it.post(&forget(&ann), json!({"reason": "She asked"})).await.expect(200);
        assert_eq!(told, json!({"events": 2}));
        assert_eq!(it.post(&forget(&ann), json!({})).await.expect(200), json!({"events": 0}));
        let events = it.list("/events").await;
        let known = |name| field(&events, name).iter().map(|it| !it.is_null()).collect::<Vec<_>>();
        assert_eq!(known("person_id"), [false, true, false, false]);
        assert_eq!(known("card"), [false, true, false, false]);
        assert_eq!(known("pseudonym"), [false, false, false, true]);
        let sql = "select count(*) from deliveries";
        let rows = world.app.storage().db().read(Statement::new(sql, vec![])).await.unwrap();
        assert_eq!(rows[0].int(0).unwrap(), 1, "what is to be told of her is not told");
        let changes = it.list(&format!("/changes?object_id={}", id(&ann))).await;
        assert_eq!(changes.iter().filter(|change| change["verb"] == "forget").count(), 2);

        // Whoever is deleted can still be forgotten: both together are erasure.
        it.delete(&one("/people", &bo)).await.expect(204);
        assert_eq!(whom(&it).await[1], bo["id"], "that somebody was there is still known");
        assert_eq!(it.post(&forget(&bo), json!({})).await.expect(200), json!({"events": 2}));
        assert_eq!(whom(&it).await, vec![Value::Null; 4]);
        let nobody = json!({"id": "0190a1b2-0000-7000-8000-000000000000"});
        it.post(&forget(&nobody), json!({})).await.problem(404, "not_found");
        assert_eq!(it.get("/changes/verify").await["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn reasons_are_forgotten_but_for_those_that_still_explain_something() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let (ann, bo, _) = house(&it).await;
        let act = async |person: &Value, verb: &str, reason: &str| {
            let path = format!("{}/{verb}", one("/people", person));
            it.post(&path, json!({"reason": reason})).await.expect(200);
        };
        act(&ann, "suspend", "first").await;
        act(&ann, "resume", "second").await;
        act(&ann, "suspend", "third").await;
        act(&bo, "suspend", "fourth").await;
        act(&bo, "resume", "fifth").await;
        let kept = async |world: &World| -> Vec<String> {
            let changes = world.here().list("/changes").await;
            let reasons = field(&changes, "reason").into_iter();
            reasons.filter_map(|it| it.as_str().map(str::to_owned)).collect()
        };
        assert_eq!(kept(&world).await.len(), 5);
        let world = days_later(world, 29).await;
        assert_eq!(kept(&world).await.len(), 5, "a day too early");
        let world = days_later(world, 31).await;
        assert_eq!(kept(&world).await, ["third"], "she is suspended still");
        assert_eq!(world.here().get("/changes/verify").await["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn words_of_callers_about_rights_go_with_the_person() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo, door) = house(&it).await;
        let right = |person: &Value, name: &str| {
            json!({
                "subject": {"person_id": id(person)}, "target": {"lock_id": id(&door)},
                "external_id": name, "metadata": {"booked_by": name},
            })
        };
        let over = it.made("/grants", right(&ann, "over")).await;
        it.post(&format!("{}/revoke", one("/grants", &over)), json!({})).await.expect(200);
        let open = it.made("/grants", right(&ann, "open")).await;
        let other = it.made("/grants", right(&bo, "other")).await;
        it.delete(&one("/people", &ann)).await.expect(204);
        for grant in [&over, &open] {
            let left = it.get(&one("/grants", grant)).await;
            assert_eq!((&left["metadata"], &left["external_id"]), (&json!(null), &json!(null)));
            assert!(left["closed_at"].is_string());
        }
        assert_eq!(it.get(&one("/grants", &other)).await["metadata"]["booked_by"], "other");
    })
    .await;
}

#[tokio::test]
async fn what_a_place_is_used_for_says_how_long_it_remembers() {
    on_each_engine(|world| async move {
        let it = world.here();
        let made = async |body: Value| {
            let place = it.actor.post("/api/v1/places", body).await.expect(201);
            (place["used_for"].clone(), place["retention_days"].as_u64().unwrap())
        };
        for (used_for, days) in
            [("housing", 14), ("workplace", 30), ("members", 30), ("lodging", 7), ("equipment", 90)]
        {
            let body = json!({"name": used_for, "used_for": used_for});
            assert_eq!(made(body).await, (json!(used_for), days));
            let body = json!({"name": used_for, "used_for": used_for, "retention_days": 3});
            assert_eq!(made(body).await, (json!(used_for), 3), "what is said stands");
            let changed = it.patch("", json!({"used_for": used_for})).await.expect(200);
            assert_eq!(changed["retention_days"], days);
        }
        assert_eq!(made(json!({"name": "Plain"})).await, (json!(null), 30));
        let stays = it.patch("", json!({"used_for": null})).await.expect(200);
        assert_eq!((&stays["used_for"], &stays["retention_days"]), (&json!(null), &json!(90)));
        it.patch("", json!({"name": "Same"})).await.expect(200);
        assert_eq!(it.get("").await["retention_days"], 90);
        invalid(it.patch("", json!({"used_for": "prison"})).await, &["/used_for"]);
    })
    .await;
}

#[tokio::test]
async fn copies_go_in_their_time_while_a_place_is_on_hold() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let (ann, bo, door) = house(&it).await;
        let days = json!({"retention_days": 90, "retention_reason": "House rules"});
        it.patch("", days).await.expect(200);
        let cy = it.made("/people", json!({"email": "cy@example.org", "invite": true})).await;
        let told = async |it: &Site| it.get(&format!("{}/invitation", one("/people", &cy))).await;
        mails(&world, 1).await;
        let create = json!({"subject": {"person_id": id(&ann)}, "target": {"lock_id": id(&door)}});
        let batch = it.post("/grants/batch", json!({"create": [create]})).await.expect(200);
        let operation = format!("/operations/{}", id(&batch));
        it.get(&operation).await;
        let until = in_seconds(&world, 300 * DAY_S);
        it.post("/hold", json!({"until": until, "reason": "An inquiry"})).await.expect(200);

        let world = days_later(world, 31).await;
        let it = world.here();
        work_until(&world, async || told(&it).await["state"].is_null()).await;
        it.missing(&operation).await;
        assert_eq!(whom(&it).await, [ann["id"].clone(), bo["id"].clone()]);
    })
    .await;
}
