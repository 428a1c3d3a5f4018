//! What the events of a lock keep of who they concern: stamped when they happen, never after.

use claviger_store::Statement;
use serde_json::{Value, json};

use crate::kit::{Site, field, in_seconds, one, person_to_lock, reasons};
use crate::login::owner;
use crate::panel::{Scene, with_card};
use crate::support::{World, id, on_each_engine};

const URL: &str = "https://hooks.example.org/in";

async fn keep(it: &Site, lock: &Value, privacy: &str) {
    let changed = it.patch(&one("/locks", lock), json!({"privacy": privacy})).await.expect(200);
    assert_eq!(changed["privacy"], privacy);
}

/// A door that Ann's card opens.
async fn door(it: &Site) -> (Value, Value) {
    let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
    it.card(&ann, "a1").await;
    it.grant(&ann, &door).await;
    (ann, door)
}

#[tokio::test]
async fn each_event_keeps_what_the_lock_said_when_it_happened() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = door(&it).await;
        let hook = it.made("/webhooks", json!({"url": URL})).await;
        let mut told = Vec::new();
        for privacy in ["full", "anonymous", "hidden", "none", "full"] {
            keep(&it, &door, privacy).await;
            let granted = it.present(&door, "a1").await;
            assert_eq!(
                (&granted["result"], &granted["recorded"]),
                (&json!("granted"), &json!(null))
            );
            assert_eq!(granted["by"].as_array().unwrap().len(), 1, "the answer says who may");
            assert_eq!(reasons(&it.present(&door, "b7").await), ["credential_unknown"]);
            told.push(granted["event_id"].clone());
        }
        assert_eq!((&told[2], &told[3]), (&json!(null), &json!(null)));
        let events = it.list("/events").await;
        let shown: Vec<&Value> = field(&events, "id").into_iter().step_by(2).collect();
        assert_eq!(shown, [&told[0], &told[1], &told[4]]);
        let known = [true, true, false, false, true, true];
        for (event, known) in events.iter().zip(known) {
            assert_eq!(event["card"] != json!(null), known, "{event}");
        }
        for name in ["person_id", "credential_id", "grant_id"] {
            let known: Vec<bool> = field(&events, name).iter().map(|it| !it.is_null()).collect();
            assert_eq!(known, [true, false, false, false, true, false], "{name}");
        }
        // Whoever looks for the person finds what names the person and nothing else.
        assert_eq!(it.list(&format!("/events?person_id={}", id(&ann))).await.len(), 2);
        let export = it.get(&format!("{}/export", one("/people", &ann))).await;
        // Her export has the hidden one besides: it is hers.
        assert_eq!(export["events"].as_array().unwrap().len(), 3, "{export}");
        let deliveries = it.list(&format!("{}/deliveries", one("/webhooks", &hook))).await;
        let mut told_of: Vec<&Value> = field(&deliveries, "event_id");
        told_of.reverse();
        let told_of: Vec<&Value> = told_of.into_iter().step_by(2).collect();
        assert_eq!(told_of, shown);
    })
    .await;
}

#[tokio::test]
async fn a_pseudonym_is_the_same_in_all_events_of_one_place_and_nobodys_name() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let tenant = world.here().neighbour("Tenant").await;
        let it = world.here();
        let (ann, door) = door(&it).await;
        let (bo, gate) = (it.person("Bo").await, it.lock("Gate").await);
        it.card(&bo, "b1").await;
        let body = json!({"kind": "card", "card": {"bits": 56, "value": "c1"}});
        let loose = it.made("/credentials", body).await;
        it.card(&ann, "a2").await;
        let hook = it.made("/webhooks", json!({"url": URL})).await;
        keep(&it, &door, "pseudonym").await;
        keep(&it, &gate, "pseudonym").await;
        for (lock, card) in
            [(&door, "a1"), (&gate, "a2"), (&door, "b1"), (&door, "c1"), (&door, "ff")]
        {
            it.present(lock, card).await;
        }
        it.decide(json!({"lock_id": id(&gate), "person_id": id(&ann)})).await;
        let world = world.restarted().await;
        let it = world.here();
        it.present(&gate, "a1").await;
        let events = it.list("/events").await;
        let names: Vec<Option<&str>> = events.iter().map(|it| it["pseudonym"].as_str()).collect();
        let [ann_is, bo_is, loose_is] = [names[0], names[2], names[3]];
        assert_eq!(names, [ann_is, ann_is, bo_is, loose_is, None, ann_is, ann_is]);
        assert!(ann_is.is_some_and(|it| it.len() == 32), "{ann_is:?}");
        assert!(ann_is != bo_is && bo_is != loose_is && loose_is.is_some());
        for name in ["person_id", "credential_id", "grant_id", "card"] {
            assert!(field(&events, name).iter().all(|it| it.is_null()), "{name}");
        }
        // Nobody is told whose it is by asking for the person.
        assert!(it.list(&format!("/events?person_id={}", id(&ann))).await.is_empty());
        // But with everything that is kept about her.
        let export = it.get(&format!("{}/export", one("/people", &ann))).await;
        let hers = field(export["events"].as_array().unwrap(), "pseudonym");
        assert_eq!(hers, vec![&json!(ann_is); 4]);
        for thing in [&ann, &loose] {
            assert!(!json!(events).to_string().contains(id(thing)));
        }
        let path = one("/webhooks", &hook);
        let delivered = it.list(&format!("{path}/deliveries")).await;
        assert_eq!(delivered.len(), events.len());
        let sql = "select body from deliveries order by id";
        let rows = world.app.storage().db().read(Statement::new(sql, vec![])).await.unwrap();
        for (row, event) in rows.iter().zip(&events) {
            let body: Value = serde_json::from_str(row.text(0).unwrap()).unwrap();
            assert_eq!(body["data"]["pseudonym"], event["pseudonym"]);
            assert_eq!(body["data"]["person_id"], json!(null));
        }

        // Another place has other names, and an owner learns none.
        let shares = format!("{}/shares", one("/locks", &gate));
        it.made(&shares, json!({"place_id": tenant.place})).await;
        let tenant = tenant.seen_by(&it.actor);
        let guest = tenant.person("Ann").await;
        tenant.card(&guest, "d1").await;
        tenant.grant(&guest, &gate).await;
        tenant.present(&gate, "d1").await;
        let theirs = tenant.list("/events").await.remove(0);
        assert!(theirs["pseudonym"].is_string() && theirs["pseudonym"].as_str() != ann_is);
        let ours = it.list("/events").await.pop().unwrap();
        assert_eq!((&ours["id"], &ours["pseudonym"]), (&theirs["id"], &json!(null)));
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_kept_says_no_more_than_the_event() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (_, door) = door(&it).await;
        let path = it.at("/decisions");
        let card = json!({"bits": 56, "value": "a1"});
        let body = json!({"lock_id": id(&door), "card": card}).to_string();
        for (privacy, by, has_event) in [
            ("full", 1, true),
            ("pseudonym", 0, true),
            ("anonymous", 0, true),
            ("hidden", 0, false),
            ("none", 0, false),
        ] {
            keep(&it, &door, privacy).await;
            let key = [("idempotency-key", privacy)];
            let first = it.actor.send("POST", &path, &key, Some(body.clone())).await.expect(200);
            assert_eq!(first["result"], "granted");
            assert_eq!(first["by"].as_array().unwrap().len(), by, "{privacy}");
            assert_eq!(first["event_id"].is_string(), has_event, "{privacy}");
            let again = it.actor.send("POST", &path, &key, Some(body.clone())).await.expect(200);
            assert_eq!(again, first);
        }
        let events = it.list("/events").await;
        let known: Vec<bool> = field(&events, "person_id").iter().map(|it| !it.is_null()).collect();
        assert_eq!(known, [true, false, false]);
    })
    .await;
}

#[tokio::test]
async fn wrong_pins_count_whatever_is_kept() {
    on_each_engine(|world| async move {
        let it = world.here();
        for (at, privacy) in ["pseudonym", "anonymous", "hidden", "none"].into_iter().enumerate() {
            let person = it.person(privacy).await;
            let body = json!({"name": privacy, "pin": "always", "privacy": privacy});
            let door = it.made("/locks", body).await;
            it.made("/grants", person_to_lock(&person, &door)).await;
            let value = format!("{:x}", 0xc0 + at);
            let card = json!({"bits": 56, "value": value});
            let body = json!({"kind": "card", "person_id": id(&person), "card": card,
                "pin": "1234"});
            it.made("/credentials", body).await;
            let ask = |pin: &'static str| {
                let question = json!({"lock_id": id(&door), "card": card, "pin": pin});
                let it = it.clone();
                async move { it.decide(question).await }
            };
            assert_eq!(ask("1234").await["result"], "granted");
            for _ in 0..5 {
                assert_eq!(reasons(&ask("9999").await), ["pin_wrong"], "{privacy}");
            }
            assert_eq!(reasons(&ask("1234").await), ["pin_locked_out"], "{privacy}");
            for _ in 0..5 {
                let unknown = json!({"lock_id": id(&door), "code": "123456"});
                assert_eq!(reasons(&it.decide(unknown).await), ["credential_unknown"]);
            }
            let unknown = json!({"lock_id": id(&door), "code": "654321"});
            assert_eq!(reasons(&it.decide(unknown).await), ["pin_locked_out"], "{privacy}");
        }
    })
    .await;
}

#[tokio::test]
async fn hidden_wrong_pins_count_after_a_restart_too() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let ann = it.person("Ann").await;
        let body = json!({"name": "Door", "pin": "always", "privacy": "hidden"});
        let door = it.made("/locks", body).await;
        it.grant(&ann, &door).await;
        let card = json!({"bits": 56, "value": "a1"});
        let body = json!({"kind": "card", "person_id": id(&ann), "card": card, "pin": "1234"});
        it.made("/credentials", body).await;
        for _ in 0..5 {
            it.decide(json!({"lock_id": id(&door), "card": card, "pin": "9999"})).await;
        }
        let world = world.later(1).await;
        let question = json!({"lock_id": id(&door), "card": card, "pin": "1234"});
        let locked = world.here().decide(question).await;
        assert_eq!(reasons(&locked), ["pin_locked_out"]);
    })
    .await;
}

#[tokio::test]
async fn the_owner_of_a_shared_lock_says_what_is_kept() {
    on_each_engine(|world| async move {
        let tenant = world.here().neighbour("Tenant").await;
        let owner = world.here();
        let gate = owner.lock("Gate").await;
        let shares = format!("{}/shares", one("/locks", &gate));
        owner.made(&shares, json!({"place_id": tenant.place})).await;
        let ann = tenant.person("Ann").await;
        tenant.card(&ann, "a1").await;
        tenant.grant(&ann, &gate).await;
        tenant
            .patch(&one("/locks", &gate), json!({"privacy": "none"}))
            .await
            .problem(409, "in_use");
        let mut counts = Vec::new();
        for privacy in ["full", "anonymous", "hidden", "none"] {
            keep(&owner, &gate, privacy).await;
            assert_eq!(tenant.get(&one("/locks", &gate)).await["privacy"], privacy);
            assert_eq!(tenant.present(&gate, "a1").await["result"], "granted");
            assert_eq!(owner.present(&gate, "a1").await["result"], "granted");
            counts.push((tenant.list("/events").await.len(), owner.list("/events").await.len()));
        }
        assert_eq!(counts, [(2, 2), (4, 4), (4, 4), (4, 4)]);
        let people: Vec<bool> = field(&tenant.list("/events").await, "person_id")
            .iter()
            .map(|it| !it.is_null())
            .collect();
        assert_eq!(people, [true, true, false, false]);
    })
    .await;
}

#[tokio::test]
async fn locks_made_later_take_the_default_of_the_place() {
    on_each_engine(|world| async move {
        let it = world.here();
        let former = it.lock("Former").await;
        assert_eq!(it.get("").await["default_privacy"], "full");
        let set = it.patch("", json!({"default_privacy": "anonymous"})).await.expect(200);
        assert_eq!(set["default_privacy"], "anonymous");
        let shown = async |path: &str| it.get(path).await["privacy"].clone();
        assert_eq!(shown(&one("/locks", &former)).await, "full");
        assert_eq!(it.lock("Next").await["privacy"], "anonymous");
        let own = it.made("/locks", json!({"name": "Own", "privacy": "hidden"})).await;
        assert_eq!(own["privacy"], "hidden");
        let put = it.put("/locks/external:p", json!({"name": "Put"})).await.expect(201);
        assert_eq!(put["privacy"], "anonymous");
        let loud = json!({"name": "Put", "privacy": "full"});
        assert_eq!(it.put("/locks/external:p", loud).await.expect(200)["privacy"], "full");
        let again = it.put("/locks/external:p", json!({"name": "Put"})).await.expect(200);
        assert_eq!(again["privacy"], "anonymous", "what is left out is the default again");
        let renamed = it.patch(&one("/locks", &own), json!({"name": "X"})).await.expect(200);
        assert_eq!(renamed["privacy"], "hidden");
    })
    .await;
}

#[tokio::test]
async fn the_file_of_events_leaves_hidden_ones_out() {
    on_each_engine(|world: World| async move {
        let it = world.here();
        let (_, door) = door(&it).await;
        it.present(&door, "a1").await;
        keep(&it, &door, "hidden").await;
        it.present(&door, "a1").await;
        let ctx = claviger_app::Context::new(
            world.app.clone(),
            claviger_app::Caller::Operator,
            claviger_app::Via::Native,
        );
        let place = claviger_app::Id::parse(&it.place).unwrap();
        let (table, next) = claviger_app::export::events(&ctx, place, 0).await.unwrap();
        assert_eq!((table.rows, next), (1, None));
    })
    .await;
}

#[tokio::test]
async fn what_is_told_late_keeps_no_more_than_the_lock_said_when_it_happened() {
    on_each_engine(|world| async move {
        let mut world = world.lasting().await;
        let it = world.here();
        let Scene { mut panel, gate, card, .. } = with_card(&it).await;
        panel.settle().await;
        for (hour, privacy) in ["none", "anonymous", "pseudonym", "full"].into_iter().enumerate() {
            world = world.later(3600 * hour as i64).await;
            keep(&world.here(), &gate, privacy).await;
        }
        let world = world.later(5 * 3600).await;
        let (it, mut panel) = (world.here(), panel.over(&world));
        let opened = |seq: i64, half_hours: i64| {
            json!({
                "seq": seq, "kind": "access_granted", "lock": gate["number"], "method": "card",
                "occurred_at": in_seconds(&world, (half_hours - 10) * 1800),
                "credential_id": card["id"],
            })
        };
        let events = [opened(1, 1), opened(2, 3), opened(3, 5), opened(4, 7)];
        panel.call(json!({"events": events})).await;
        keep(&it, &gate, "anonymous").await;
        // Nor does it keep more than the lock says by now.
        panel.call(json!({"events": [opened(5, 8)]})).await;
        let events = it.list("/events").await;
        let known = |name| field(&events, name).iter().map(|it| !it.is_null()).collect::<Vec<_>>();
        assert_eq!(known("person_id"), [false, false, true, false], "{events:?}");
        assert_eq!(known("pseudonym"), [false, true, false, false]);
        assert_eq!(known("card"), [false, false, true, false]);
    })
    .await;
}

#[tokio::test]
async fn the_trail_says_who_opened_from_afar_only_where_events_do() {
    on_each_engine(|world| async move {
        let (it, browser) = (world.here(), owner(&world).await);
        let door = it.lock("Door").await;
        let path = format!("{}/unlock", one("/locks", &door));
        for privacy in ["full", "pseudonym", "anonymous", "hidden", "none"] {
            keep(&it, &door, privacy).await;
            browser.send("POST", &it.at(&path), Some(json!({}))).await.expect(200);
        }
        // A program is nobody.
        it.post(&path, json!({})).await.expect(200);
        let mut changes = it.list("/changes").await;
        changes.retain(|change| change["verb"] == "unlock");
        let actor = |name: &str| -> Vec<Value> {
            changes.iter().map(|change| change["actor"][name].clone()).collect()
        };
        let known: Vec<bool> = actor("id").iter().map(|it| !it.is_null()).collect();
        assert_eq!(known, [true, false, false, false, false, true]);
        let account = json!("account");
        assert_eq!(actor("kind")[..5], [(); 5].map(|()| account.clone()));
        let (there, none) = (&door["id"], &Value::Null);
        assert_eq!(field(&changes, "object_id"), [there, there, there, there, none, none]);
        assert_eq!(it.get("/changes/verify").await["ok"], true);
        let world = world.restarted().await;
        world.here().person("Ann").await;
        assert_eq!(world.here().get("/changes/verify").await["ok"], true);
    })
    .await;
}
