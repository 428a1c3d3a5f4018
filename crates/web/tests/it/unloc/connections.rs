//! Lock connections: the virtual vendor's locks come, and go with every right on them.

use serde_json::{Value, json};

use super::{NOBODYS, Unloc, phone, refused};
use crate::kit::Site;
use crate::support::{Actor, id, on_each_engine};

/// The job a reference leads to.
async fn job(program: &Unloc, answer: Value) -> Value {
    let url = answer["jobRef"]["jobStatusUrl"].as_str().unwrap();
    let path = url.strip_prefix("http://localhost:8080").unwrap();
    let job = program.actor.get(path).await.expect(200)["job"].clone();
    assert_eq!((&job["id"], &job["type"]), (&answer["jobRef"]["id"], &answer["jobRef"]["jobType"]));
    job
}

/// Connects virtual locks; the connection and the ids of its locks.
async fn connect(program: &Unloc, locks: u64) -> (Value, Vec<String>) {
    let body = json!({ "locksToCreate": locks, "name": "Test wall", "metadata": { "a": "1" } });
    let started = program.post("/lock-connections/virtual", body).await.expect(202);
    assert_eq!(started["jobRef"]["jobType"], "createLockConnection");
    let job = job(program, started).await;
    assert_eq!(job["status"], "succeeded");
    let connection = job["resultData"]["lockConnection"].clone();
    assert_eq!(job["resultData"]["onboardedLockIds"], connection["lockIds"]);
    let ids = connection["lockIds"].as_array().unwrap();
    let ids = ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    (connection, ids)
}

fn native(connection: &Value) -> String {
    format!("/controllers/{}", id(connection))
}

fn refresh(connection: &Value) -> String {
    format!("/lock-connections/{}/refresh", id(connection))
}

async fn refreshed(program: &Unloc, connection: &Value) -> Value {
    let path = program.path(&refresh(connection));
    let started = program.actor.put(&path, json!({})).await.expect(202);
    assert_eq!(started["jobRef"]["jobType"], "refreshLockConnection");
    job(program, started).await
}

/// Plays the vendor: changes the settings natively.
async fn at_the_vendor(program: &Unloc, connection: &Value, change: impl Fn(&mut Value)) {
    let mut settings = program.it.get(&native(connection)).await["settings"].clone();
    change(&mut settings);
    let body = json!({ "settings": settings });
    program.it.patch(&native(connection), body).await.expect(200);
}

/// By how much each place that moved has moved.
fn moves(before: &[(u32, u64)], after: &[(u32, u64)]) -> Vec<u64> {
    assert_eq!(before.len(), after.len());
    let by = before.iter().zip(after).map(|(before, after)| after.1 - before.1);
    by.filter(|by| *by > 0).collect()
}

#[tokio::test]
async fn virtual_locks_are_made_with_their_connection() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let before = world.revisions().await;
        let (connection, ids) = connect(&program, 3).await;
        assert_eq!(moves(&before, &world.revisions().await), [1], "one transaction");
        assert_eq!(
            (&connection["vendor"], &connection["state"]),
            (&json!("virtual"), &json!("connected"))
        );
        assert_eq!(
            (&connection["name"], &connection["metadata"]),
            (&json!("Test wall"), &json!({ "a": "1" }))
        );
        assert_eq!(ids.len(), 3);
        let locks = program.get("/locks").await.expect(200)["locks"].clone();
        for (at, lock) in locks.as_array().unwrap().iter().enumerate() {
            assert_eq!(lock["name"], format!("Virtual Lock {}", at + 1));
            assert_eq!(
                (&lock["vendor"], &lock["lockConnectionId"]),
                (&json!("virtual"), &connection["id"])
            );
            assert_eq!(lock["id"], ids[at]);
        }
        let body = json!({ "locksToCreate": 100 });
        let second = program.post("/lock-connections/virtual/", body).await.expect(202);
        let second = job(&program, second).await["resultData"]["lockConnection"].clone();
        assert_eq!(second["lockIds"].as_array().unwrap().len(), 100);
        let listed = program.get("/lock-connections").await.expect(200);
        assert_eq!(listed["lockConnections"], json!([connection, second]));
        let after = format!("/lock-connections?limit=1&startAfterId={}", id(&connection));
        assert_eq!(program.get(&after).await.expect(200)["lockConnections"], json!([second]));

        let path = format!("/lock-connections/{}", id(&connection));
        let change = json!({ "metadata": { "b": "2", "a": null } });
        let changed = program.patch(&path, change).await.expect(200);
        assert_eq!(changed["lockConnection"]["metadata"], json!({ "b": "2" }));
        let bare =
            program.patch(&format!("{path}/metadata"), json!({ "c": "3" })).await.expect(200);
        assert_eq!(bare["lockConnection"]["metadata"], json!({ "b": "2", "c": "3" }));
        let wrapped = json!({ "metadata": null });
        let cleared = program.patch(&format!("{path}/metadata"), wrapped).await.expect(200);
        assert_eq!(cleared["lockConnection"]["metadata"], json!({}));
        assert_eq!(cleared["lockConnection"]["lockIds"], connection["lockIds"]);

        let before = world.revisions().await;
        for (body, name) in [
            (json!({}), "locksToCreate"),
            (json!({ "locksToCreate": 0 }), "locksToCreate"),
            (json!({ "locksToCreate": 101 }), "locksToCreate"),
            (json!({ "locksToCreate": "3" }), "locksToCreate"),
            (json!({ "locksToCreate": 1, "name": "" }), "name"),
            (json!({ "locksToCreate": 1, "metadata": { "k": 1 } }), "metadata.k"),
            (json!({ "locksToCreate": 1, "lock": 1 }), "lock"),
        ] {
            refused(&program.post("/lock-connections/virtual", body).await, 400, &[name]);
        }
        for vendor in ["danalock", "masterLock", "parqio", "arx"] {
            let body = json!({ "locksToCreate": 1 });
            let answer = program.post(&format!("/lock-connections/{vendor}"), body).await;
            refused(&answer, 400, &[]);
            assert!(answer.text.contains("virtual"), "{}", answer.text);
        }
        refused(&program.get(&format!("/lock-connections/{NOBODYS}")).await, 404, &[]);
        refused(&program.patch(&path, json!({ "state": "error" })).await, 400, &["state"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

/// A doorbell at a lock with one user.
async fn bell_at(program: &Unloc, lock: &str) -> Value {
    let list = json!({ "name": "Flat", "doorbellUsers": [{ "appUserId": phone(3), "name": "C" }] });
    let bell = json!({ "name": "Front bell", "lockId": lock, "doorbellUserLists": [list] });
    program.post("/doorbells/", bell).await.expect(201)["doorbell"].clone()
}

/// A place below that has these locks, with a person with a key to each.
async fn place_below(program: &Unloc, locks: &[&str]) -> Site {
    let sub = json!({ "name": "Floor 2", "parent_id": program.it.place });
    let sub = program.it.actor.post("/api/v1/places", sub).await.expect(201);
    let sub = Site { actor: program.it.actor.clone(), place: id(&sub).to_owned() };
    for (number, lock) in locks.iter().enumerate() {
        let share = json!({ "place_id": sub.place });
        program.it.post(&format!("/locks/{lock}/shares"), share).await.expect(201);
        let person = sub.made("/people", json!({ "phone": phone(11 + number) })).await;
        sub.grant(&person, &sub.get(&format!("/locks/{lock}")).await).await;
    }
    sub
}

#[tokio::test]
async fn a_lock_gone_at_the_vendor_takes_every_key_with_it() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (connection, ids) = connect(&program, 2).await;
        let (gone, kept) = (ids[0].as_str(), ids[1].as_str());
        let key = |lock: &str| json!({ "lockId": lock, "appUserId": phone(1) });
        program.post("/keys", json!({ "keys": [key(gone), key(kept)] })).await.expect(202);
        let group = program.group("Staff", &[gone, kept], &[&phone(1), &phone(2)]).await;
        let bell = bell_at(&program, gone).await;
        let sub = place_below(&program, &[gone, kept]).await;
        // Another lock of the controller that never was the vendor's.
        let own = json!({ "name": "Wired", "controller_id": id(&connection) });
        let own = program.it.made("/locks", own).await;
        let states = async |lock: &str| {
            let keys = program.keys(&format!("&lockId={lock}"), 100).await;
            let states: Vec<String> =
                keys.iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect();
            states
        };
        assert_eq!(states(gone).await, ["active"; 5]);

        let unchanged = refreshed(&program, &connection).await;
        assert_eq!(unchanged["resultData"]["offboardedLockIds"], json!([]));
        at_the_vendor(&program, &connection, |settings| {
            let list = settings["virtual_locks"].as_array_mut().unwrap();
            list.remove(0);
            list.push(json!({ "id": "side", "name": "Side door" }));
        })
        .await;
        let before = world.revisions().await;
        let done = refreshed(&program, &connection).await;
        assert_eq!(moves(&before, &world.revisions().await), [1, 1], "one transaction");
        assert_eq!(done["status"], "succeeded");
        let result = &done["resultData"];
        assert_eq!(result["offboardedLockIds"], json!([gone]));
        assert_eq!(result["onboardedLockIds"].as_array().unwrap().len(), 1);
        let side = result["onboardedLockIds"][0].as_str().unwrap();
        let now = result["lockConnection"]["lockIds"].as_array().unwrap();
        assert_eq!(*now, [json!(kept), own["id"].clone(), json!(side)]);

        assert_eq!(states(kept).await, ["active"; 4]);
        let all = program.keys("", 100).await;
        assert_eq!(all.iter().filter(|key| key["lockId"] == gone).count(), 5);
        assert_eq!(states(gone).await, ["revoked"; 5], "who looks for the lock finds them all");
        refused(&program.delete(&format!("/keys?lockId={gone}")).await, 400, &["lockId"]);
        let group = program.get(&format!("/access-groups/{}", id(&group))).await.expect(200);
        assert_eq!(group["accessGroup"]["lockIds"], json!([kept]));
        let bell = program.get(&format!("/doorbells/{}", id(&bell))).await.expect(200);
        assert_eq!(bell["doorbell"]["doorbellUserLists"][0]["doorbellUsers"], json!([]));
        refused(&program.get(&format!("/locks/{gone}")).await, 404, &[]);
        sub.missing(&format!("/locks/{gone}")).await;
        sub.get(&format!("/locks/{kept}")).await;
        let side = program.get(&format!("/locks/{side}")).await.expect(200);
        assert_eq!(
            (&side["lock"]["name"], &side["lock"]["vendor"]),
            (&json!("Side door"), &json!("virtual"))
        );
        // A lock that comes back is another.
        at_the_vendor(&program, &connection, |settings| {
            let list = settings["virtual_locks"].as_array_mut().unwrap();
            list.push(json!({ "id": "1", "name": "Virtual Lock 1" }));
        })
        .await;
        let back = refreshed(&program, &connection).await;
        let back = back["resultData"]["onboardedLockIds"][0].as_str().unwrap().to_owned();
        assert_ne!(back, gone);
        assert_eq!(states(&back).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_list_nobody_can_read_changes_nothing() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (connection, ids) = connect(&program, 2).await;
        let path = format!("/lock-connections/{}", id(&connection));
        let twice = json!({ "id": "1", "name": "A" });
        for list in [
            json!({}),
            json!(null),
            json!([{ "id": "1" }]),
            json!([{ "id": "a b", "name": "A" }]),
            json!([{ "id": "1", "name": "" }]),
            json!([twice, twice]),
            Value::Array((0..101).map(|it| json!({ "id": it.to_string(), "name": "A" })).collect()),
        ] {
            at_the_vendor(&program, &connection, |all| all["virtual_locks"] = list.clone()).await;
            let seen = program.get(&path).await.expect(200);
            assert_eq!(seen["lockConnection"]["state"], "error", "{list}");
            let job = refreshed(&program, &connection).await;
            assert_eq!(job["status"], "failedJob", "{list}");
            assert!(job["failureReason"].as_str().unwrap().starts_with("virtual_locks"));
            let seen = program.get(&path).await.expect(200);
            assert_eq!(seen["lockConnection"]["lockIds"], json!(ids));
        }
        let list = json!([{ "id": "1", "name": "A" }]);
        at_the_vendor(&program, &connection, |all| all["virtual_locks"] = list.clone()).await;
        for state in ["connecting", "disconnected"] {
            at_the_vendor(&program, &connection, |all| all["state"] = json!(state)).await;
            let seen = program.get(&path).await.expect(200);
            assert_eq!(seen["lockConnection"]["state"], state);
            let answer = program.actor.put(&program.path(&refresh(&connection)), json!({})).await;
            refused(&answer, 409, &[]);
        }
        at_the_vendor(&program, &connection, |all| all["state"] = json!("error")).await;
        let done = refreshed(&program, &connection).await;
        assert_eq!(done["resultData"]["offboardedLockIds"], json!([ids[1]]));
        // A controller that no vendor lists locks for is never compared with anything.
        program.it.patch(&native(&connection), json!({ "settings": {} })).await.expect(200);
        let seen = program.get(&path).await.expect(200);
        assert_eq!(seen["lockConnection"]["vendor"], "claviger");
        let answer = program.actor.put(&program.path(&refresh(&connection)), json!({})).await;
        refused(&answer, 409, &[]);
        assert_eq!(seen["lockConnection"]["lockIds"], json!([ids[0]]));
    })
    .await;
}

#[tokio::test]
async fn an_installer_refreshes_and_does_nothing_else() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (connection, ids) = connect(&program, 1).await;
        let key = json!({ "keys": [{ "lockId": ids[0], "appUserId": phone(1) }] });
        let keys = program.post("/keys", key.clone()).await.expect(202);
        let body = json!({
            "grant_type": "client_credentials", "client_id": program.client_id,
            "client_secret": program.client_secret, "scope": "project.installer",
            "project_id": program.it.place,
        });
        let path = "/compat/unloc/v2/auth/token/";
        let token = world.nobody().post(path, body).await.expect(200);
        assert_eq!(token["scope"], json!(["project.installer"]));
        let token = token["access_token"].as_str().unwrap().to_owned();
        let installer: Actor = program.actor.with(Some(token));
        let at = |path: &str| program.path(path);
        let started = installer.put(&at(&refresh(&connection)), json!({})).await.expect(202);
        let one = format!("/jobs/{}", id(&started["jobRef"]));
        assert_eq!(installer.get(&at(&one)).await.expect(200)["job"]["status"], "succeeded");
        let seen = format!("/lock-connections/{}", id(&connection));
        installer.get(&at(&seen)).await.expect(200);
        let before = world.revisions().await;
        refused(&installer.patch(&at(&seen), json!({ "metadata": {} })).await, 403, &[]);
        let body = json!({ "locksToCreate": 1 });
        refused(&installer.post(&at("/lock-connections/virtual"), body).await, 403, &[]);
        for path in ["", "/locks", "/keys", "/managed-users", "/access-groups", "/doorbells"] {
            refused(&installer.get(&at(path)).await, 403, &[]);
        }
        refused(&installer.post(&at("/keys"), key).await, 403, &[]);
        refused(&installer.delete(&at("/keys")).await, 403, &[]);
        // The job that made keys is the same program's, and shows keys.
        let job = format!("/jobs/{}", id(&keys["jobRef"]));
        refused(&installer.get(&at(&job)).await, 403, &[]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}
