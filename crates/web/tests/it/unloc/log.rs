//! The access log and the privacy policies of locks.

use claviger_domain::time::DAY;
use serde_json::{Value, json};

use super::{NOBODYS, Unloc, phone, refused};
use crate::kit::{Site, field, one};
use crate::retention::work_until;
use crate::support::{World, id, on_each_engine};

impl Unloc {
    /// Every entry of the access log, page by page.
    pub(crate) async fn log(&self, query: &str, limit: usize) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        loop {
            let after = found.last().map(|event| format!("&startAfterId={}", id(event)));
            let path = format!("/logs/access?limit={limit}{query}{}", after.unwrap_or_default());
            let page = self.get(&path).await.expect(200);
            let page = page["accessEvents"].as_array().unwrap();
            assert!(page.len() <= limit);
            found.extend(page.iter().cloned());
            if page.len() < limit {
                return found;
            }
        }
    }

    pub(crate) async fn policy(&self, lock: &Value, policy: &str) {
        let path = format!("/locks/{}", id(lock));
        let set = self.patch(&path, json!({ "privacyPolicy": policy })).await.expect(200);
        assert_eq!(set["lock"]["privacyPolicy"], policy.to_lowercase());
    }
}

/// A person with a phone number and a card.
pub(crate) async fn guest(it: &Site, name: &str, number: usize, card: &str) -> Value {
    let person = json!({ "display_name": name, "phone": phone(number) });
    let person = it.made("/people", person).await;
    it.card(&person, card).await;
    person
}

/// Gives one key and answers it.
async fn key(program: &Unloc, door: &Value, number: usize) -> Value {
    let keys = json!({ "keys": [{ "lockId": id(door), "appUserId": phone(number) }] });
    program.post("/keys", keys).await.expect(202);
    let query = format!("&lockId={}&appUserId={}", id(door), phone(number).replace('+', "%2B"));
    program.keys(&query, 100).await.pop().unwrap()
}

async fn open(it: &Site, door: &Value, card: &str) {
    assert_eq!(it.present(door, card).await["result"], "granted");
}

/// A place below the first, with a lock of the first's.
async fn below(program: &Unloc, door: &Value) -> Site {
    let it = &program.it;
    let body = json!({ "name": "Below", "parent_id": it.place });
    let place = it.actor.post("/api/v1/places", body).await.expect(201);
    let below = Site { actor: it.actor.clone(), place: id(&place).to_owned() };
    let shares = format!("{}/shares", one("/locks", door));
    it.made(&shares, json!({ "place_id": below.place })).await;
    below.post(&format!("/shared-locks/{}/accept", id(door)), json!({})).await;
    below
}

#[tokio::test]
async fn who_was_let_in_stands_newest_first_with_the_key() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let it = &program.it;
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let bo = guest(it, "Bo", 2, "b2").await;
        guest(it, "Ann", 1, "a1").await;
        let own = key(&program, &door, 1).await;
        program.group("Staff", &[id(&gate)], &[&phone(1), &phone(2)]).await;
        let query = format!("&lockId={}&appUserId={}", id(&gate), phone(2).replace('+', "%2B"));
        let level_key = program.keys(&query, 9).await.pop().unwrap();
        assert!(level_key["accessGroup"].is_object());
        open(it, &door, "a1").await;
        it.present(&door, "b2").await;
        open(it, &gate, "b2").await;
        // On the caller's own authority, by nobody's key.
        it.acted(&format!("{}/unlock", one("/locks", &door))).await;

        let native = it.list("/events").await;
        let log = program.log("", 100).await;
        let shown = json!([
            {
                "id": native[3]["id"], "action": "unlocked", "created": log[0]["created"],
                "keyId": null, "lockId": door["id"], "lockName": "Door", "appUserId": null,
                "userName": "",
            },
            {
                "id": native[2]["id"], "action": "unlocked", "created": log[1]["created"],
                "keyId": level_key["id"], "lockId": gate["id"], "lockName": "Gate",
                "appUserId": phone(2), "userName": "Bo",
            },
            {
                "id": native[0]["id"], "action": "unlocked", "created": log[2]["created"],
                "keyId": own["id"], "lockId": door["id"], "lockName": "Door",
                "appUserId": phone(1), "userName": "Ann",
            },
        ]);
        assert_eq!(json!(log), shown);
        let at = native[0]["occurred_at"].as_str().unwrap();
        assert_eq!(log[2]["created"].as_str().unwrap()[..23], at[..23]);
        for (query, wanted) in [
            (format!("&lockId={}", id(&door)), vec![0, 2]),
            (format!("&appUserId={}", phone(1).replace('+', "%2B")), vec![2]),
            (format!("&appUserId={}", phone(2)), vec![1]),
            (format!("&appUserId={}&lockId={}", phone(2), id(&door)), vec![]),
            (format!("&appUserId={}", phone(9)), vec![]),
            ("&excludeSubprojectEvents=true".to_owned(), vec![0, 1, 2]),
        ] {
            let found = program.log(&query, 1).await;
            let wanted: Vec<Value> = wanted.iter().map(|at: &usize| log[*at].clone()).collect();
            assert_eq!(found, wanted, "{query}");
        }
        // What is taken back and taken out afterwards was the key when it happened.
        program.delete(&format!("/keys/{}", id(&own))).await.expect(200);
        it.delete(&one("/locks", &gate)).await.expect(204);
        assert_eq!(program.log("", 2).await, log);
        it.delete(&one("/people", &bo)).await.expect(204);
        let forgotten = &program.log("", 100).await[1];
        assert_eq!(
            (&forgotten["appUserId"], &forgotten["keyId"], &forgotten["userName"]),
            (&json!(null), &json!(null), &json!(""))
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_named() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let other = world.here().neighbour("Next door").await;
        let theirs = other.lock("Theirs").await;
        for (query, name) in [
            ("limit=0".to_owned(), "limit"),
            ("startAfterId=x".to_owned(), "startAfterId"),
            (format!("startAfterId={NOBODYS}"), "startAfterId"),
            ("appUserId=1".to_owned(), "appUserId"),
            (format!("lockId={NOBODYS}"), "lockId"),
            (format!("lockId={}", id(&theirs)), "lockId"),
            ("excludeSubprojectEvents=yes".to_owned(), "excludeSubprojectEvents"),
            ("lock=x".to_owned(), "lock"),
        ] {
            refused(&program.get(&format!("/logs/access?{query}")).await, 400, &[name]);
        }
        assert_eq!(program.log("", 2500).await, Vec::<Value>::new());
    })
    .await;
}

#[tokio::test]
async fn a_policy_governs_what_happens_under_it_and_nothing_before() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        guest(it, "Ann", 1, "a1").await;
        key(&program, &door, 1).await;
        let shown = program.get(&format!("/locks/{}", id(&door))).await.expect(200);
        assert_eq!(shown["lock"]["privacyPolicy"], "public");
        for policy in ["public", "ANONYMIZED", "Private", "public"] {
            program.policy(&door, policy).await;
            open(it, &door, "a1").await;
        }
        let log = program.log("", 100).await;
        assert_eq!(json!(field(&log, "appUserId")), json!([phone(1), null, phone(1)]));
        assert_eq!(json!(field(&log, "userName")), json!(["Ann", "", "Ann"]));
        assert_eq!(log[1]["keyId"], json!(null));
        assert_eq!((&log[1]["lockId"], &log[1]["lockName"]), (&door["id"], &json!("Door")));
        assert_eq!(program.log(&format!("&appUserId={}", phone(1)), 100).await.len(), 2);
        let path = format!("/locks/{}", id(&door));
        for bad in [json!("secret"), json!(null), json!(1)] {
            let names: &[&str] = &["privacyPolicy"];
            refused(&program.patch(&path, json!({ "privacyPolicy": bad })).await, 400, names);
        }
        // Two that only the native API sets.
        for (native, word) in [("none", "private"), ("hidden", "private")] {
            it.patch(&one("/locks", &door), json!({ "privacy": native })).await.expect(200);
            let shown = program.get(&path).await.expect(200);
            assert_eq!(shown["lock"]["privacyPolicy"], word);
        }
    })
    .await;
}

#[tokio::test]
async fn a_default_policy_is_for_new_locks_and_for_all_where_that_is_said() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let former = program.it.lock("Former").await;
        let default =
            async || program.get("").await.expect(200)["project"]["defaultPrivacyPolicy"].clone();
        let policies = async || {
            let locks = program.get("/locks").await.expect(200);
            json!(field(locks["locks"].as_array().unwrap(), "privacyPolicy"))
        };
        assert_eq!(default().await, "public");
        let set = json!({ "defaultPrivacyPolicy": "Anonymized" });
        let set = program.patch("", set).await.expect(200);
        assert_eq!(set["project"]["defaultPrivacyPolicy"], "anonymized");
        program.it.lock("Next").await;
        assert_eq!(policies().await, json!(["public", "anonymized"]));
        let before = world.revisions().await;
        for (body, name) in [
            (json!({ "defaultPrivacyPolicy": "none" }), "defaultPrivacyPolicy"),
            (json!({ "applyToAllLocks": true }), "defaultPrivacyPolicy"),
            (json!({ "applyToAllLocks": "yes" }), "applyToAllLocks"),
        ] {
            refused(&program.patch("", body).await, 400, &[name]);
        }
        assert_eq!(world.revisions().await, before);
        let all = json!({ "defaultPrivacyPolicy": "private", "applyToAllLocks": true });
        program.patch("", all).await.expect(200);
        assert_eq!(policies().await, json!(["private", "private"]));
        let native = program.it.get(&one("/locks", &former)).await;
        assert_eq!(native["privacy"], "hidden");
        let one_only = json!({ "defaultPrivacyPolicy": "public", "applyToAllLocks": false });
        program.patch("", one_only).await.expect(200);
        assert_eq!(
            (default().await, policies().await),
            (json!("public"), json!(["private", "private"]))
        );
    })
    .await;
}

#[tokio::test]
async fn subprojects_are_in_the_log_once_and_in_one_order() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        guest(it, "Ann", 1, "a1").await;
        it.made(
            "/grants",
            json!({ "subject": { "phone": phone(1) },
            "target": { "lock_id": id(&door) } }),
        )
        .await;
        let below = below(&program, &door).await;
        let tenant = guest(&below, "Tenant", 2, "b2").await;
        below.grant(&tenant, &door).await;
        for _ in 0..3 {
            open(it, &door, "a1").await;
            open(&below, &door, "b2").await;
        }
        let all = program.log("", 100).await;
        let names = json!(field(&all, "userName"));
        assert_eq!(names, json!(["Tenant", "Ann", "Tenant", "Ann", "Tenant", "Ann"]));
        assert!(all.iter().all(|it| it["keyId"].is_string()), "each with a key of its project");
        let own = program.log("&excludeSubprojectEvents=true", 2).await;
        assert_eq!(json!(field(&own, "userName")), json!(["Ann", "Ann", "Ann"]));
        assert_eq!(program.log(&format!("&lockId={}", id(&door)), 2).await, all);
        assert_eq!(program.log(&format!("&appUserId={}", phone(2)), 1).await.len(), 3);
        let path = format!("/compat/unloc/v2/subprojects/{}/logs/access", below.place);
        let theirs = program.actor.get(&path).await.expect(200);
        assert_eq!(
            json!(field(theirs["accessEvents"].as_array().unwrap(), "userName")),
            json!(["Tenant", "Tenant", "Tenant"])
        );
        // While new events come in, pages neither repeat nor leave out what was there.
        for limit in [1, 2, 3, 4] {
            let mut seen: Vec<Value> = Vec::new();
            loop {
                let after = seen.last().map(|it| format!("&startAfterId={}", id(it)));
                let query = format!("/logs/access?limit={limit}{}", after.unwrap_or_default());
                let page = program.get(&query).await.expect(200);
                let page = page["accessEvents"].as_array().unwrap().clone();
                let full = page.len() == limit;
                seen.extend(page);
                open(it, &door, "a1").await;
                open(&below, &door, "b2").await;
                if !full {
                    break;
                }
            }
            let known = program.log("", 100).await;
            let begin = known.iter().position(|it| it["id"] == seen[0]["id"]).unwrap();
            assert_eq!(seen, known[begin..]);
        }
    })
    .await;
}

#[tokio::test]
async fn the_log_goes_back_sixty_days_and_whom_it_was_as_far_as_the_place_keeps_it() {
    on_each_engine(|world: World| async move {
        let mut world = world.lasting().await;
        let mut program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        guest(&program.it, "Ann", 1, "a1").await;
        key(&program, &door, 1).await;
        open(&program.it, &door, "a1").await;
        let (all, retention) = (program.log("", 10).await, program.it.get("").await);
        assert_eq!(retention["retention_days"], 30);
        let of_ann = format!("&appUserId={}", phone(1).replace('+', "%2B"));
        let days = |days: i64| days * DAY / 1_000_000;
        for (later, whole, bare) in [(29, 1, 0), (31, 0, 1), (59, 0, 1), (61, 0, 0)] {
            world = world.later(days(later)).await;
            program.it = world.here();
            program.actor = world.admin.with(None);
            let token = program.token("/compat/unloc/v2/auth/token").await.expect(200);
            let token = token["access_token"].as_str().unwrap().to_owned();
            program.actor = program.actor.with(Some(token));
            // The background work forgets whom events were about; until it has, they are shown.
            let forgotten = || async { program.log(&of_ann, 10).await.len() == whole };
            work_until(&world, forgotten).await;
            let log = program.log("", 10).await;
            assert_eq!(log.len(), whole + bare, "{later}");
            let wanted = |mut row: Value| {
                if bare == 1 {
                    (row["appUserId"], row["keyId"]) = (Value::Null, Value::Null);
                    row["userName"] = json!("");
                }
                row
            };
            let wanted: Vec<Value> = all.iter().take(log.len()).cloned().map(wanted).collect();
            assert_eq!(log, wanted, "{later}");
        }
    })
    .await;
}
