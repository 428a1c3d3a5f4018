//! An admin key at a machine lets the key presented after it in, for a minute.

use serde_json::{Value, json};

use crate::kit::{Site, one, reasons};
use crate::support::{Actor, Answer, World, id, on_each_engine};

/// A machine at a panel, the panel's program, and an admin key that may start the machine.
struct Scene {
    it: Site,
    panel: Actor,
    machine: Value,
    admin: Value,
}

async fn scene(world: &World) -> Scene {
    let it = world.here();
    let controller = it.made("/controllers", json!({"name": "Panel"})).await;
    let body = json!({"name": "Lift", "controller_id": id(&controller),
        "capacity": {"credentials": 90}});
    let machine = it.made("/locks", body).await;
    let admin = key(&it, "aa", true).await;
    let body =
        json!({"subject": {"credential_id": id(&admin)}, "target": {"lock_id": id(&machine)}});
    it.made("/grants", body).await;
    let body = json!({"name": "panel", "kind": "api_key", "scopes": ["decisions:make"],
        "place_ids": [it.place], "controller_id": id(&controller)});
    let made = it.actor.post("/api/v1/clients", body).await.expect(201);
    let panel = it.actor.with(Some(made["secret"].as_str().unwrap().to_owned()));
    Scene { it, panel, machine, admin }
}

async fn key(it: &Site, value: &str, is_admin: bool) -> Value {
    let card = json!({"bits": 8, "value": value});
    it.made("/credentials", json!({"kind": "card", "card": card, "is_admin": is_admin})).await
}

impl Scene {
    /// The panel's view of the place.
    fn panel(&self) -> Site {
        self.it.seen_by(&self.panel)
    }

    async fn present(&self, lock: &Value, value: &str) -> Value {
        let card = json!({"bits": 8, "value": value});
        self.panel().decide(json!({"lock_id": id(lock), "card": card})).await
    }

    async fn enrol(&self, event: &Value, value: &str) -> Answer {
        let body = json!({"event_id": event, "card": {"bits": 8, "value": value}});
        let path = format!("{}/enrol", one("/locks", &self.machine));
        self.panel().post(&path, body).await
    }

    async fn enrol_code(&self, let_in: &Value, code: &str, query: &str) -> Answer {
        let body = json!({"event_id": let_in["event_id"], "code": code});
        let path = format!("{}/enrol{query}", one("/locks", &self.machine));
        self.panel().post(&path, body).await
    }
}

#[tokio::test]
async fn an_admin_key_lets_the_next_key_in() {
    on_each_engine(|world| async move {
        let scene = scene(&world).await;
        let bob = key(&scene.it, "bb", false).await;
        assert_eq!(reasons(&scene.present(&scene.machine, "bb").await), ["no_grant"]);
        let let_in = scene.present(&scene.machine, "aa").await;
        assert_eq!(let_in["result"], "granted");
        let grant = scene.enrol(&let_in["event_id"], "bb").await.expect(200);
        assert_eq!(grant["subject"], json!({"credential_id": id(&bob)}));
        assert_eq!(grant["target"], json!({"lock_id": id(&scene.machine)}));
        assert_eq!(scene.present(&scene.machine, "bb").await["result"], "granted");
        let again = scene.enrol(&let_in["event_id"], "bb").await.expect(200);
        assert_eq!(again["id"], grant["id"], "a right that is there stays");
        let changes = scene.it.list("/changes").await;
        let told = changes.iter().filter(|it| it["noun"] == "grant" && it["verb"] == "create");
        assert_eq!(told.count(), 2, "the admin's own and the one enrolled");
    })
    .await;
}

#[tokio::test]
async fn nothing_else_lets_a_key_in() {
    on_each_engine(|world| async move {
        let scene = scene(&world).await;
        let it = &scene.it;
        let (plain, bob) = (key(it, "cc", false).await, key(it, "bb", false).await);
        let grant = json!({"subject": {"credential_id": id(&plain)},
            "target": {"lock_id": id(&scene.machine)}});
        it.made("/grants", grant).await;
        let elsewhere = it.lock("Crane").await;
        let refused = scene.present(&scene.machine, "bb").await;
        let ordinary = scene.present(&scene.machine, "cc").await;
        let let_in = scene.present(&scene.machine, "aa").await;
        let before = it.list("/grants").await;
        for event in [&refused, &ordinary] {
            scene.enrol(&event["event_id"], "bb").await.problem(409, "in_use");
        }
        let unknown = scene.enrol(&let_in["event_id"], "ee").await.problem(404, "not_found");
        assert_eq!(unknown["errors"][0]["pointer"], "/card");
        let nobodys = json!("01890000-0000-7000-8000-000000000000");
        let missing = scene.enrol(&nobodys, "bb").await.problem(404, "not_found");
        assert_eq!(missing["errors"][0]["pointer"], "/event_id");
        // Of another machine, or by a panel that has not this one.
        let path = format!("{}/enrol", one("/locks", &elsewhere));
        let body = json!({"event_id": let_in["event_id"], "credential_id": id(&bob)});
        it.post(&path, body.clone()).await.problem(404, "not_found");
        scene.panel().post(&path, body.clone()).await.problem(404, "not_found");
        // Where a machine stands free, or is shut, nobody is enrolled.
        for posture in ["free_access", "disabled"] {
            let body_ = json!({"posture": posture, "all": true, "reason": "test"});
            it.post("/posture", body_).await.expect(200);
            scene.enrol(&let_in["event_id"], "bb").await.problem(409, "in_use");
        }
        let normal = json!({"posture": "normal", "all": true, "reason": "test"});
        it.post("/posture", normal).await.expect(200);
        let admin = one("/credentials", &scene.admin);
        it.patch(&admin, json!({"is_admin": false})).await.expect(200);
        scene.enrol(&let_in["event_id"], "bb").await.problem(409, "in_use");
        it.patch(&admin, json!({"is_admin": true})).await.expect(200);
        it.acted(&format!("{admin}/report-lost")).await;
        scene.enrol(&let_in["event_id"], "bb").await.problem(409, "in_use");
        it.patch(&admin, json!({"state": "active"})).await.expect(200);
        assert_eq!(it.list("/grants").await, before);

        let world = world.later(61).await;
        let token = scene.panel.token.clone();
        let later = Scene { it: world.here(), panel: world.admin.with(token), ..scene };
        later.enrol(&let_in["event_id"], "bb").await.problem(409, "in_use");
        let let_in = later.present(&later.machine, "aa").await;
        later.enrol(&let_in["event_id"], "bb").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_right_in_another_place_lets_nobody_in_here() {
    on_each_engine(|world| async move {
        let scene = scene(&world).await;
        let (it, lock) = (&scene.it, id(&scene.machine));
        let tenant = it.neighbour("Tenant").await;
        let shares = format!("{}/shares", one("/locks", &scene.machine));
        it.made(&shares, json!({"place_id": tenant.place})).await;
        let theirs = key(&tenant, "aa", true).await;
        let grant = json!({"subject": {"credential_id": id(&theirs)}, "target": {"lock_id": lock}});
        tenant.made("/grants", grant).await;
        key(it, "bb", false).await;
        let let_in = scene.present(&scene.machine, "aa").await;
        assert_eq!(let_in["result"], "granted");
        let own = it.list("/grants").await.remove(0);
        it.acted(&format!("{}/revoke", one("/grants", &own))).await;
        let before = it.list("/grants").await;
        assert_eq!(scene.present(&scene.machine, "aa").await["result"], "granted", "by theirs");
        scene.enrol(&let_in["event_id"], "bb").await.problem(409, "in_use");
        assert_eq!(it.list("/grants").await, before);
        let back =
            json!({"subject": {"credential_id": id(&scene.admin)}, "target": {"lock_id": lock}});
        it.made("/grants", back).await;
        scene.enrol(&let_in["event_id"], "bb").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn codes_are_guessed_at_no_faster_than_at_the_door() {
    on_each_engine(|world| async move {
        let scene = scene(&world).await;
        scene.it.made("/credentials", json!({"kind": "code", "code": "246810"})).await;
        let let_in = scene.present(&scene.machine, "aa").await;
        let grants = scene.it.list("/grants").await;
        for number in 0..5 {
            let query = if number % 2 == 0 { "" } else { "?dry_run=true" };
            let tried = scene.enrol_code(&let_in, &format!("10000{number}"), query).await;
            assert_eq!(tried.problem(404, "not_found")["errors"][0]["pointer"], "/code");
        }
        // Known or not: the answer does not tell.
        for (entered, query) in [("246810", ""), ("999999", ""), ("246810", "?dry_run=true")] {
            let locked = scene.enrol_code(&let_in, entered, query).await;
            let wait = locked.header("retry-after").parse::<u32>().unwrap();
            assert!((1..=31).contains(&wait), "{wait}");
            locked.problem(429, "too_many_requests");
        }
        let question = json!({"lock_id": id(&scene.machine), "code": "246810"});
        let at_the_door = scene.panel().decide(question).await;
        assert_eq!(reasons(&at_the_door), ["pin_locked_out"], "it is one count");
        assert_eq!(scene.it.list("/grants").await, grants);
        // Cards are unaffected.
        key(&scene.it, "bb", false).await;
        scene.enrol(&let_in["event_id"], "bb").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_lock_out_of_codes_at_the_door_holds_for_enrolment_until_it_is_over() {
    on_each_engine(|world| async move {
        let scene = scene(&world).await;
        scene.it.made("/credentials", json!({"kind": "code", "code": "246810"})).await;
        for number in 0..5 {
            let question = json!({"lock_id": id(&scene.machine), "code": format!("10000{number}")});
            assert_eq!(reasons(&scene.panel().decide(question).await), ["credential_unknown"]);
        }
        let let_in = scene.present(&scene.machine, "aa").await;
        for entered in ["246810", "999999"] {
            scene.enrol_code(&let_in, entered, "").await.problem(429, "too_many_requests");
        }
        let world = world.later(31).await;
        let token = scene.panel.token.clone();
        let later = Scene { it: world.here(), panel: world.admin.with(token), ..scene };
        later.enrol_code(&let_in, "246810", "").await.expect(200);
    })
    .await;
}
