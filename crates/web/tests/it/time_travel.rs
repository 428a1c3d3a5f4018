//! Who could open what at an instant gone by: asked later, the answer is the one given then.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{Site, in_seconds, one, person_to_lock, pointers};
use crate::support::{World, id, on_each_engine};

/// What was answered live, and when.
struct Then {
    what: &'static str,
    at: String,
    access: Vec<Vec<Value>>,
    decisions: Vec<Value>,
}

fn told(decision: &Value) -> Value {
    json!([decision["result"], decision["method"], decision["reasons"], decision["by"]])
}

struct Watch {
    doors: Vec<Value>,
    cards: Vec<&'static str>,
    people: Vec<Value>,
    log: Vec<Then>,
}

impl Watch {
    /// Every access list and every decision, live or as of `at`.
    async fn answers(&self, it: &Site, at: Option<&str>) -> (Vec<Vec<Value>>, Vec<Value>) {
        let query = at.map(|at| format!("?at={at}")).unwrap_or_default();
        let mut access = Vec::new();
        for door in &self.doors {
            access.push(it.list(&format!("{}/access{query}", one("/locks", door))).await);
        }
        for person in &self.people {
            access.push(it.list(&format!("{}/access{query}", one("/people", person))).await);
        }
        let mut decisions = Vec::new();
        for door in &self.doors {
            let mut asks: Vec<Value> = self
                .cards
                .iter()
                .map(|card| json!({"lock_id": id(door), "card": {"bits": 56, "value": card}}))
                .collect();
            asks.extend(
                self.people.iter().map(|it| json!({"lock_id": id(door), "person_id": id(it)})),
            );
            for mut ask in asks {
                match at {
                    Some(at) => ask["at"] = json!(at),
                    None => ask["record"] = json!(false),
                }
                decisions.push(told(&it.decide(ask).await));
            }
        }
        (access, decisions)
    }

    async fn note(&mut self, world: &World, what: &'static str) {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let at = in_seconds(world, 0);
        tokio::time::sleep(Duration::from_millis(3)).await;
        let (access, decisions) = self.answers(&world.here(), None).await;
        self.log.push(Then { what, at, access, decisions });
    }

    async fn compare(&self, it: &Site) {
        for then in &self.log {
            let (access, decisions) = self.answers(it, Some(&then.at)).await;
            for (at, (now, was)) in access.iter().zip(&then.access).enumerate() {
                assert_eq!(now, was, "access {at} after: {}", then.what);
            }
            for (at, (now, was)) in decisions.iter().zip(&then.decisions).enumerate() {
                assert_eq!(now, was, "decision {at} after: {}", then.what);
            }
        }
    }
}

fn week(days: &[&str]) -> Value {
    json!([{"days": days, "from": "00:00", "to": "24:00"}])
}

const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What the longest test works with.
struct House {
    door: Value,
    gate: Value,
    ann: Value,
    bo: Value,
    badge: Value,
    schedule: Value,
    level: Value,
    direct: Value,
    through: Value,
    timed: Vec<Value>,
}

/// Three people with a card each, two doors; rights of every kind.
async fn house(world: &World) -> (House, Watch) {
    let it = world.here();
    let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
    let (ann, bo, cleo) = (it.person("Ann").await, it.person("Bo").await, it.person("Cleo").await);
    let badge = it.card(&ann, "a1").await;
    it.card(&bo, "b1").await;
    it.card(&cleo, "c1").await;
    let mut watch = Watch {
        doors: vec![door.clone(), gate.clone()],
        cards: vec!["a1", "b1", "c1"],
        people: vec![ann.clone(), bo.clone(), cleo.clone()],
        log: Vec::new(),
    };
    watch.note(world, "people without rights").await;
    let schedule = it.made("/schedules", json!({"name": "S", "weekly": week(DAYS)})).await;
    let level = it.level("Staff", &[&door]).await;
    let direct = it.grant(&ann, &door).await;
    let mut timed = Vec::new();
    for person in [&ann, &bo] {
        let mut body = person_to_lock(person, &gate);
        body["schedule"] = json!({"id": id(&schedule)});
        timed.push(it.made("/grants", body).await);
    }
    let through = it.level_grant(&cleo, &level).await;
    watch.note(world, "grants given").await;
    (House { door, gate, ann, bo, badge, schedule, level, direct, through, timed }, watch)
}

/// Changes of people, schedules, windows and credentials.
async fn first_changes(world: &World, house: &House, watch: &mut Watch) {
    let it = world.here();
    let modify = format!("{}/modify", one("/access-levels", &house.level));
    let body = json!({"add_locks": [id(&house.gate)], "add_people": [id(&house.bo)]});
    it.post(&modify, body).await.expect(200);
    watch.note(world, "level grown").await;
    it.acted(&format!("{}/suspend", one("/people", &house.ann))).await;
    watch.note(world, "Ann suspended").await;
    it.acted(&format!("{}/resume", one("/people", &house.ann))).await;
    watch.note(world, "Ann resumed").await;
    let closed = |day: i64| {
        let date = in_seconds(world, day * 86_400)[..10].to_owned();
        json!({"date": date, "windows": []})
    };
    let narrow = json!({"exceptions": [closed(-1), closed(0), closed(1)]});
    it.patch(&one("/schedules", &house.schedule), narrow).await.expect(200);
    watch.note(world, "schedule narrowed").await;
    let (past, direct) = (in_seconds(world, -3600), one("/grants", &house.direct));
    it.patch(&direct, json!({"valid_until": past})).await.expect(200);
    watch.note(world, "window moved into the past").await;
    it.patch(&direct, json!({"valid_until": null})).await.expect(200);
    let badge = one("/credentials", &house.badge);
    it.patch(&badge, json!({"valid_until": past})).await.expect(200);
    watch.note(world, "card expired").await;
    it.patch(&badge, json!({"valid_until": null})).await.expect(200);
    it.acted(&format!("{badge}/report-lost")).await;
    watch.note(world, "card lost").await;
    it.patch(&badge, json!({"state": "active"})).await.expect(200);
}

/// Changes of locks and levels, and ends.
async fn last_changes(world: &World, house: &House, watch: &mut Watch) {
    let it = world.here();
    let (door, level) = (one("/locks", &house.door), one("/access-levels", &house.level));
    let moved = json!({"remove_locks": [id(&house.door)], "remove_people": [id(&house.bo)]});
    it.post(&format!("{level}/modify"), moved).await.expect(200);
    watch.note(world, "level shrunk").await;
    let down = json!({"posture": "lockdown", "lock_ids": [id(&house.gate)]});
    it.post("/posture", down).await.expect(200);
    it.patch(&door, json!({"pin": "always"})).await.expect(200);
    watch.note(world, "lockdown and PINs").await;
    it.post("/posture", json!({"posture": "normal", "all": true})).await.expect(200);
    let held = json!({"pin": "never", "unlock_schedule": {"weekly": week(DAYS)}});
    it.patch(&door, held).await.expect(200);
    watch.note(world, "door held open").await;
    it.patch(&door, json!({"unlock_schedule": null})).await.expect(200);
    let narrow = json!({"schedule": {"id": id(&house.schedule)}});
    it.patch(&level, narrow).await.expect(200);
    watch.note(world, "level under the schedule").await;
    for grant in [&house.direct, &house.through] {
        it.acted(&format!("{}/revoke", one("/grants", grant))).await;
    }
    watch.note(world, "grants closed").await;
    let handed = json!({"person_id": id(&house.bo)});
    it.patch(&one("/credentials", &house.badge), handed).await.expect(200);
    for grant in &house.timed {
        it.patch(&one("/grants", grant), json!({"schedule": null})).await.expect(200);
    }
    watch.note(world, "the card is Bo's").await;
    it.delete(&level).await.expect(204);
    it.delete(&one("/schedules", &house.schedule)).await.expect(204);
    watch.note(world, "level and schedule deleted").await;
}

#[tokio::test]
async fn the_past_answers_as_it_did_when_it_was_the_present() {
    on_each_engine(|world| async move {
        let (house, mut watch) = house(&world).await;
        first_changes(&world, &house, &mut watch).await;
        last_changes(&world, &house, &mut watch).await;
        let opened = |what: &str| {
            let then = watch.log.iter().find(|then| then.what == what).unwrap();
            then.decisions.iter().filter(|it| it[0] == "granted").count()
        };
        // The live answers differ, or comparing them would show nothing.
        assert_eq!(opened("people without rights"), 0);
        assert!(opened("level grown") > opened("Ann suspended"));
        assert!(opened("schedule narrowed") < opened("Ann resumed"));
        assert!(opened("door held open") > opened("level shrunk"));
        assert!(opened("grants closed") < opened("the card is Bo's"));
        watch.compare(&world.here()).await;
        let world = world.restarted().await;
        watch.compare(&world.here()).await;
    })
    .await;
}

#[tokio::test]
async fn who_was_deleted_since_is_listed_as_one_who_could_open() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let badge = it.card(&ann, "a1").await;
        let grant = it.grant(&ann, &door).await;
        let own =
            json!({"subject": {"credential_id": id(&badge)}, "target": {"lock_id": id(&door)}});
        let own = it.made("/grants", own).await;
        let mut watch =
            Watch { doors: vec![door.clone()], cards: vec![], people: vec![], log: Vec::new() };
        watch.note(&world, "both open").await;
        assert_eq!(watch.log[0].access[0].len(), 2);
        it.delete(&one("/people", &ann)).await.expect(204);
        watch.note(&world, "deleted").await;
        assert_eq!(watch.log[1].access[0], Vec::<Value>::new());
        watch.compare(&it).await;
        let rows = &watch.log[0].access[0];
        assert_eq!(
            (&rows[0]["person_id"], &rows[0]["grant_ids"]),
            (&ann["id"], &json!([grant["id"]]))
        );
        assert_eq!(
            (&rows[1]["credential_id"], &rows[1]["grant_ids"]),
            (&badge["id"], &json!([own["id"]]))
        );
    })
    .await;
}

#[tokio::test]
async fn before_there_was_anything_nobody_could() {
    on_each_engine(|world| async move {
        let it = world.here();
        let start = in_seconds(&world, 0);
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        it.grant(&ann, &door).await;
        let path = one("/locks", &door);
        for at in [start.as_str(), "1999-01-01T00:00:00Z"] {
            assert_eq!(it.list(&format!("{path}/access?at={at}")).await, Vec::<Value>::new());
        }
        let later = it.list(&format!("{path}/access?at=2040-01-01T00:00:00Z")).await;
        assert_eq!(later[0]["opens"], true);
        let wrong = it.actor.get(&it.at(&format!("{path}/access?at=monday"))).await;
        wrong.problem(422, "invalid");
    })
    .await;
}

#[tokio::test]
async fn older_than_the_records_is_refused_rather_than_answered() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.grant(&ann, &door).await;
        let day = |days: i64| in_seconds(&world, days * 24 * 3600);
        let (asked, kept) = (day(1), day(20));
        let path = format!("{}/access?at=", one("/locks", &door));
        let world = world.later(410 * 24 * 3600).await;
        let it = world.here();
        let refused = it.actor.get(&it.at(&format!("{path}{asked}"))).await;
        let refused = refused.problem(422, "invalid");
        let error = &refused["errors"][0];
        assert_eq!((&error["code"], &error["pointer"]), (&json!("before_records"), &json!("?at")));
        let ask = json!({"lock_id": id(&door), "person_id": id(&ann), "at": asked});
        let refused = it.post("/decisions", ask).await.problem(422, "invalid");
        assert_eq!(pointers(&refused), ["/at"]);
        assert_eq!(it.list(&format!("{path}{kept}")).await[0]["opens"], true);
    })
    .await;
}

#[tokio::test]
async fn a_borrowed_lock_answers_with_its_owners_posture_of_then() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        let place = it.actor.post("/api/v1/places", json!({"name": "Tenant"})).await.expect(201);
        let tenant = Site { actor: it.actor.clone(), place: id(&place).to_owned() };
        it.made(&format!("{}/shares", one("/locks", &door)), json!({"place_id": id(&place)})).await;
        let ann = tenant.person("Ann").await;
        tenant.card(&ann, "a1").await;
        tenant.grant(&ann, &door).await;
        let mut watch = Watch {
            doors: vec![door.clone()],
            cards: vec!["a1"],
            people: vec![ann],
            log: Vec::new(),
        };
        let ahead = World { place: tenant.place.clone(), ..world };
        watch.note(&ahead, "normal").await;
        it.post("/posture", json!({"posture": "lockdown", "all": true})).await.expect(200);
        watch.note(&ahead, "lockdown").await;
        it.post("/posture", json!({"posture": "normal", "all": true})).await.expect(200);
        let results: Vec<&Value> = watch.log.iter().map(|it| &it.decisions[0][0]).collect();
        assert_eq!(results, ["granted", "denied"]);
        watch.compare(&tenant).await;
    })
    .await;
}

#[tokio::test]
async fn a_lock_taken_back_and_lent_again_was_not_there_between() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        let place = it.actor.post("/api/v1/places", json!({"name": "Tenant"})).await.expect(201);
        let tenant = Site { actor: it.actor.clone(), place: id(&place).to_owned() };
        let shares = format!("{}/shares", one("/locks", &door));
        let moment = async || {
            tokio::time::sleep(Duration::from_millis(3)).await;
            let at = in_seconds(&world, 0);
            tokio::time::sleep(Duration::from_millis(3)).await;
            at
        };
        let lend = async || it.made(&shares, json!({"place_id": id(&place)})).await;
        lend().await;
        // The owner lets her in; asked at the tenant's, which has the door, that is an answer too.
        let bo = it.person("Bo").await;
        it.card(&bo, "b1").await;
        it.grant(&bo, &door).await;
        let first = moment().await;
        it.delete(&format!("{shares}?place_id={}", tenant.place)).await.expect(204);
        let between = moment().await;
        lend().await;
        let last = moment().await;
        for (at, status) in [(&first, 200), (&between, 404), (&last, 200)] {
            let ask = json!({"lock_id": id(&door), "card": {"bits": 56, "value": "b1"}, "at": at});
            let answer = tenant.post("/decisions", ask).await.expect(status);
            if status == 200 {
                assert_eq!(answer["result"], "granted", "{answer}");
            }
        }
    })
    .await;
}
