//! The change trail: one entry per command, nothing personal in it, and tampering is found.

use std::collections::{BTreeMap, BTreeSet};

use claviger_store::{Batch, Row, Statement, Value as Cell};
use serde_json::{Value, json};

use crate::kit::{Site, field, one, person_to_lock};
use crate::support::{World, id, on_each_engine};
use crate::tour::{furnish, rank, samples};

/// Texts that say something about a person, or are secret.
const PERSONAL: &[&str] = &[
    "Greta",
    "Garbo",
    "Diva",
    "greta@",
    "+46709998877",
    "entra-subject",
    "entra-login",
    "00991",
    "likes quiet",
    "night-shift",
    "c0ffee77",
    "13579",
    "86420",
    "their label",
    "sealed-contact",
    "new-mail@",
    "+46701112233",
    "whsec_",
    "clvk_",
];

/// Commands with personal and secret values, each with the verb and noun its entry has.
async fn commands(world: &World, it: &Site) -> Vec<(&'static str, &'static str)> {
    let mut wanted = Vec::new();
    let person = json!({
        "first_name": "Greta", "last_name": "Garbo", "display_name": "Diva",
        "email": "greta@example.org", "phone": "+46709998877", "employee_number": "00991",
        "identity": {"provider": "entra", "subject": "entra-subject", "identifier": "entra-login"},
        "note": "likes quiet", "tags": ["night-shift"], "metadata": {"k": "likes quiet"},
    });
    let greta = it.made("/people", person).await;
    wanted.push(("create", "person"));
    let path = one("/people", &greta);
    it.patch(&path, json!({"note": "likes quiet a lot"})).await.expect(200);
    wanted.push(("update", "person"));
    let card = json!({
        "kind": "card", "person_id": id(&greta), "card": {"bits": 56, "value": "c0ffee77"},
        "pin": "13579", "label": "their label", "contact": {"x": "sealed-contact"},
    });
    let card = it.made("/credentials", card).await;
    wanted.push(("create", "credential"));
    let code = json!({"kind": "code", "code": "86420864", "person_id": id(&greta)});
    it.made("/credentials", code).await;
    wanted.push(("create", "credential"));
    let door = it.lock("Front door").await;
    wanted.push(("create", "lock"));
    let grant = it.grant(&greta, &door).await;
    wanted.push(("create", "grant"));
    let by_mail =
        json!({"subject": {"email": "new-mail@example.org"}, "target": {"lock_id": id(&door)}});
    it.made("/grants", by_mail.clone()).await;
    wanted.push(("create", "grant"));
    let level = it.level("Staff", &[&door]).await;
    wanted.push(("create", "access_level"));
    let modify = json!({"add_people": ["+46701112233", "greta@example.org"]});
    let modified = it.post(&format!("{}/modify", one("/access-levels", &level)), modify).await;
    modified.expect(200);
    wanted.push(("modify", "access_level"));
    let batch = json!({"create": vec![person_to_lock(&greta, &door); 3], "revoke": [id(&grant)]});
    it.post("/grants/batch", batch).await.expect(200);
    wanted.push(("batch", "grant"));
    it.post(&format!("{path}/suspend"), json!({"reason": "rent"})).await.expect(200);
    wanted.push(("suspend", "person"));
    it.post(&format!("{path}/resume"), json!({})).await.expect(200);
    wanted.push(("resume", "person"));
    it.post(&format!("{}/report-lost", one("/credentials", &card)), json!({})).await.expect(200);
    wanted.push(("report_lost", "credential"));
    it.made("/webhooks", json!({"url": "https://example.org"})).await;
    wanted.push(("create", "webhook"));
    let posture = json!({"posture": "lockdown", "all": true});
    it.post("/posture", posture).await.expect(200);
    wanted.push(("set_posture", "lock"));
    // What changes nothing of rights and what fails makes no entry.
    it.present(&door, "c0ffee77").await;
    it.post("/people", json!({"email": "greta@example.org"})).await.problem(409, "taken");
    it.post("/grants?dry_run=true", by_mail).await.expect(200);
    it.delete(&path).await.expect(204);
    wanted.push(("delete", "person"));
    assert!(!world.place.is_empty());
    wanted
}

#[tokio::test]
async fn every_command_leaves_one_entry_and_nothing_personal() {
    on_each_engine(|world| async move {
        let it = world.here();
        let start = it.list("/changes").await.len();
        let wanted = commands(&world, &it).await;
        let changes = it.all("/changes", 4).await;
        let found: Vec<(&str, &str)> = changes[start..]
            .iter()
            .map(|it| (it["verb"].as_str().unwrap(), it["noun"].as_str().unwrap()))
            .collect();
        assert_eq!(found, wanted);
        let seqs: Vec<u64> = changes.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
        let all: Vec<u64> = (1..=changes.len() as u64).collect();
        assert_eq!(seqs, all);
        let me = it.actor.get("/api/v1/me").await.expect(200);
        for change in &changes[start..] {
            assert_eq!(change["actor"], json!({"kind": "client", "id": me["id"]}), "{change}");
            let fields: Vec<&str> = change["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it.as_str().unwrap())
                .collect();
            for name in change["values"].as_object().unwrap().keys() {
                assert!(fields.contains(&name.as_str()), "{change}");
            }
        }
        let first = &changes[start];
        for name in ["first_name", "email", "phone", "note"] {
            assert!(first["fields"].as_array().unwrap().contains(&json!(name)), "{first}");
            assert_eq!(first["values"].get(name), None, "{first}");
        }
        let text = Value::from(changes.clone()).to_string();
        for personal in PERSONAL {
            assert!(!text.contains(personal), "{personal} stands in the trail");
        }
        // Nor anywhere else in the stored trail.
        let rows = world
            .app
            .storage()
            .db()
            .read(Statement::new("select fields, detail from trail", vec![]))
            .await;
        for row in rows.unwrap() {
            let row = format!("{} {}", row.text(0).unwrap(), row.text(1).unwrap());
            assert!(PERSONAL.iter().all(|it| !row.contains(it)), "{row}");
        }
        let posture = changes.iter().find(|it| it["verb"] == "set_posture").unwrap();
        assert_eq!(posture["values"]["posture"], "lockdown");
        let revisions: Vec<u64> =
            changes.iter().map(|it| it["revision"].as_u64().unwrap()).collect();
        assert!(revisions.windows(2).all(|it| it[0] < it[1]), "{revisions:?}");
        let verified = it.get("/changes/verify").await;
        assert_eq!(verified, json!({"ok": true, "checked": changes.len(), "first_broken": null}));
        let world = world.restarted().await;
        assert_eq!(world.here().get("/changes/verify").await["ok"], true);
        assert_eq!(world.here().all("/changes", 100).await, changes);
    })
    .await;
}

/// Mutations that are no command, each with what it leaves instead of an entry.
const NO_COMMAND: &[(&str, &str)] = &[
    ("token", "a token, which is no record of a place"),
    ("log_in", "a session"),
    ("log_out", "a session less"),
    ("log_out_everywhere", "sessions less"),
    ("change_password", "for people; their account's own trail is the directory's"),
    ("reset_password", "a mail"),
    ("redeem_invitation", "needs the set-up code"),
    ("decide", "an event"),
    ("test_webhook", "a delivery"),
    ("replay_delivery", "a delivery"),
    ("sync_controller", "events, and how far lists are"),
    ("sync_device", "events, and how far lists are"),
    ("bring_receipts", "how far lists are"),
    ("bring_events", "events"),
];

/// What takes something away, what makes another for it, and what that is called: by then the first
/// is in use by others, or gone.
const AFRESH: &[(&str, &str, &str)] = &[
    ("revoke_grant", "create_grant", "grant"),
    ("delete_lock", "create_lock", "lock"),
    ("delete_schedule", "create_schedule", "schedule"),
    ("delete_controller", "create_controller", "controller"),
];

/// Place and number of every entry of every place and of the directory; verb, noun, and the rest.
async fn trail(world: &World) -> BTreeMap<(i64, i64), [String; 3]> {
    let sql = "select place, seq, verb, noun, fields, detail from trail";
    let rows = world.app.storage().db().read(Statement::new(sql, vec![])).await.unwrap();
    let text = |row: &Row, at| row.text(at).unwrap().to_owned();
    let entry = |row: &Row| {
        let rest = format!("{} {}", text(row, 4), text(row, 5));
        ((row.int(0).unwrap(), row.int(1).unwrap()), [text(row, 2), text(row, 3), rest])
    };
    rows.iter().map(entry).collect()
}

fn route_of(operation: &str) -> claviger_web::Listed {
    claviger_web::routes().into_iter().find(|it| it.operation == operation).unwrap()
}

#[tokio::test]
async fn every_mutation_of_the_route_table_leaves_one_entry() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        let mut routes = claviger_web::routes();
        routes.retain(|it| it.method != "GET");
        // The admin key that lets another in must not have been reported lost.
        routes.sort_by_key(|it| (it.operation != "enrol", rank(it)));
        let (mut nouns, mut verbs) = (BTreeSet::new(), BTreeSet::new());
        for (turn, route) in routes.iter().enumerate() {
            let name = route.operation;
            if NO_COMMAND.iter().any(|(own, _)| *own == name) {
                continue;
            }
            if name == "set_posture" {
                // What is so already leaves no entry, and the sample makes it normal.
                let lockdown = json!({"posture": "lockdown", "lock_ids": [things.at("lock")]});
                world.admin.post(&things.path("/posture"), lockdown).await.expect(200);
            }
            let mut things = things.clone();
            if let Some((_, making, noun)) = AFRESH.iter().find(|(own, ..)| *own == name) {
                let made = samples(&route_of(making), &things, turn).remove(0);
                things = things.with(noun, &made.send(&world.admin).await.expect(201));
            }
            let before = trail(&world).await;
            let sample = samples(route, &things, turn).remove(0);
            let done = sample.send(&world.admin).await;
            assert!((200..300).contains(&done.status), "{name}: {}", done.text);
            let mut fresh = trail(&world).await;
            fresh.retain(|at, _| !before.contains_key(at));
            let places: BTreeSet<i64> = fresh.keys().map(|(place, _)| *place).collect();
            assert!(!fresh.is_empty(), "{name} left no entry");
            assert_eq!(places.len(), fresh.len(), "{name}: more than one in a place: {fresh:?}");
            for [verb, noun, rest] in fresh.into_values() {
                assert!(!verb.is_empty(), "{name}");
                for personal in ["mine@example.org", "0badcafe", "Bo", "clvk_", "whsec_"] {
                    assert!(!rest.contains(personal), "{name}: {rest}");
                }
                nouns.insert(noun);
                verbs.insert(verb);
            }
        }
        let wanted = [
            "access_level",
            "account",
            "client",
            "controller",
            "credential",
            "grant",
            "lock",
            "person",
            "place",
            "schedule",
            "webhook",
        ];
        assert_eq!(nouns.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
        // A share is told as what becomes of the lock.
        for verb in ["share", "accept", "unshare", "set_posture", "revoke", "rotate"] {
            assert!(verbs.contains(verb), "{verb}: {verbs:?}");
        }
        assert_eq!(world.here().get("/changes/verify").await["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn who_opened_a_door_from_afar_and_who_made_a_client_is_on_record() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        let start = it.list("/changes").await.len();
        let key = it.seen_by(&it.full_key().await);
        let me = key.actor.get("/api/v1/me").await.expect(200);
        let unlock = format!("{}/unlock", one("/locks", &door));
        key.post(&unlock, json!({})).await.expect(200);
        let client = format!("/api/v1/clients/{}", id(&me));
        let less = json!({"scopes": ["locks:read", "people:write"]});
        it.actor.patch(&client, less).await.expect(200);
        it.actor.delete(&client).await.expect(204);
        let changes = it.list("/changes").await;
        let told: Vec<_> = changes[start..]
            .iter()
            .map(|it| (it["verb"].as_str().unwrap(), &it["object_id"], &it["actor"]["id"]))
            .collect();
        let admin = it.actor.get("/api/v1/me").await.expect(200);
        let (own, other) = (&me["id"], &admin["id"]);
        assert_eq!(
            told,
            [
                ("create", own, other),
                ("unlock", &door["id"], own),
                ("update", own, other),
                ("delete", own, other)
            ]
        );
        let values: Vec<&Value> = changes[start..].iter().map(|it| &it["values"]).collect();
        assert!(values[0]["scopes"].as_str().unwrap().contains("locks:operate"), "{values:?}");
        assert_eq!(values[0]["place_ids"], world.place.as_str());
        assert_eq!(values[2]["scopes"], "people:write locks:read");
        // What an act leaves is stored with it, and nothing is counted twice.
        it.person("Ann").await;
        assert_eq!(it.get("/changes/verify").await["ok"], true);
        let world = world.restarted().await;
        world.here().person("Bo").await;
        assert_eq!(world.here().get("/changes/verify").await["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn entries_name_the_object_and_chain_by_hashes() {
    on_each_engine(|world| async move {
        let it = world.here();
        let ann = it.person("Ann").await;
        let path = one("/people", &ann);
        it.patch(&path, json!({"note": "x"})).await.expect(200);
        let changes = it.list("/changes").await;
        let last: Vec<&Value> = changes.iter().rev().take(2).collect();
        assert!(last.iter().all(|it| it["object_id"] == ann["id"]), "{last:?}");
        assert_eq!(last[0]["fields"], json!(["note"]));
        let now = it.get(&path).await;
        assert_eq!(last[0]["revision"], now["revision"]);
        let mut hashes = field(&changes, "hash");
        assert!(hashes.iter().all(|it| it.as_str().unwrap().len() == 64));
        hashes.sort_by_key(|it| it.to_string());
        hashes.dedup();
        assert_eq!(hashes.len(), changes.len());
    })
    .await;
}

async fn tamper(world: &World, sql: &'static str, seq: i64) {
    let place = world.here().get("").await["number"].as_i64().unwrap();
    let mut batch = Batch::new();
    batch.run(sql, vec![Cell::Int(place), Cell::Int(seq)]);
    world.app.storage().db().write(batch).await.unwrap();
}

#[tokio::test]
async fn a_tampered_entry_is_found() {
    on_each_engine(|world| async move {
        let it = world.here();
        commands(&world, &it).await;
        let count = it.list("/changes").await.len() as u64;
        let whole = json!({"ok": true, "checked": count, "first_broken": null});
        assert_eq!(it.get("/changes/verify").await, whole);
        // From the end towards the beginning, so that each one is the first that is broken.
        for (seq, sql) in [
            (9, "update trail set verb = 'delete' where place = ?1 and seq = ?2"),
            (8, "update trail set at = at + 1 where place = ?1 and seq = ?2"),
            (7, "update trail set fields = '' where place = ?1 and seq = ?2"),
            (6, "update trail set detail = '{\"name\":\"x\"}' where place = ?1 and seq = ?2"),
            (5, "update trail set revision = revision + 1 where place = ?1 and seq = ?2"),
            (4, "update trail set actor_id = null where place = ?1 and seq = ?2"),
            (3, "update trail set object_id = null where place = ?1 and seq = ?2"),
        ] {
            tamper(&world, sql, seq).await;
            let verified = it.get("/changes/verify").await;
            assert_eq!(verified["ok"], false, "{sql}");
            assert_eq!(verified["first_broken"], seq, "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn entries_taken_out_are_found() {
    on_each_engine(|world| async move {
        let it = world.here();
        commands(&world, &it).await;
        let last = it.list("/changes").await.len() as i64;
        tamper(&world, "delete from trail where place = ?1 and seq = ?2", last).await;
        let cut = it.get("/changes/verify").await;
        assert_eq!(cut["ok"], false, "the end was cut off: {cut}");
        tamper(&world, "delete from trail where place = ?1 and seq = ?2", 4).await;
        let hole = it.get("/changes/verify").await;
        assert_eq!(hole["ok"], false);
        let broken = hole["first_broken"].as_u64();
        assert!(broken.is_some_and(|seq| seq <= 5), "{hole}");
    })
    .await;
}
