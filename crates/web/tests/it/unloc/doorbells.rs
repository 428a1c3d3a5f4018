//! Doorbells: keys come and go with the users of a list.

use serde_json::{Value, json};

use super::{NOBODYS, Unloc, phone, refused};
use crate::kit::one;
use crate::support::{id, on_each_engine};

fn user(number: usize, name: &str) -> Value {
    json!({ "appUserId": phone(number), "name": name })
}

/// A doorbell with one list of these users.
async fn doorbell(program: &Unloc, lock: &Value, users: &[Value]) -> Value {
    let list = json!({ "name": "Residents", "doorbellUsers": users });
    let body = json!({
        "name": "Main entrance", "lockId": id(lock), "doorbellUserLists": [list],
    });
    program.post("/doorbells/", body).await.expect(201)["doorbell"].clone()
}

fn list(doorbell: &Value) -> &Value {
    &doorbell["doorbellUserLists"][0]
}

fn users(doorbell: &Value) -> &Vec<Value> {
    list(doorbell)["doorbellUsers"].as_array().unwrap()
}

fn of_list(doorbell: &Value) -> String {
    format!("/doorbells/{}/lists/{}", id(doorbell), id(list(doorbell)))
}

async fn opens(program: &Unloc, lock: &Value, number: usize) -> bool {
    let people = program.it.list(&format!("/people?phone=%2B{}", &phone(number)[1..])).await;
    let Some(person) = people.first() else { return false };
    let question = json!({ "lock_id": id(lock), "person_id": id(person) });
    program.it.decide(question).await["result"] == "granted"
}

#[tokio::test]
async fn users_of_a_list_have_keys_while_they_are_on_it() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let made =
            doorbell(&program, &door, &[user(1, "Berg"), user(2, "Dahl"), user(1, "X")]).await;
        assert_eq!((&made["name"], &made["lockId"]), (&json!("Main entrance"), &door["id"]));
        assert_eq!(users(&made).len(), 2, "a number that stands twice counts once");
        assert_eq!(
            (&users(&made)[0]["appUserId"], &users(&made)[0]["name"]),
            (&json!(phone(1)), &json!("Berg"))
        );
        let managed = program.get("/managed-users").await.expect(200);
        assert_eq!(managed["managedUsers"].as_array().unwrap().len(), 2);
        assert_eq!(managed["managedUsers"][0]["metadata"], json!({}));
        let keys = program.keys("", 10).await;
        assert_eq!(keys.len(), 2);
        for (key, user) in keys.iter().zip(users(&made)) {
            assert_eq!(key["doorbell"], json!({ "id": made["id"], "name": "Main entrance" }));
            assert_eq!((&key["id"], &key["state"]), (&user["keyId"], &json!("active")));
            assert_eq!(key["metadata"], json!({}));
        }
        let native = program.it.get(&format!("/grants/{}", id(&keys[0]))).await;
        assert_eq!(native["source"], json!({ "kind": "doorbell", "via": "unloc" }));
        assert!(opens(&program, &door, 1).await && opens(&program, &door, 2).await);

        // Out of reach of whoever takes keys back.
        refused(&program.delete(&format!("/keys/{}", id(&keys[0]))).await, 409, &[]);
        assert_eq!(program.delete("/keys").await.expect(200), json!({ "revokedKeys": 0 }));
        assert_eq!(program.keys("&excludeStates=revoked", 10).await, keys);

        let span = json!({ "weekday": "mon", "startHour": 8, "startMinute": 0, "endHour": 17,
            "endMinute": 0 });
        let hours = json!({ "timeSpans": [span] });
        let change = json!({
            "name": "Everybody", "openingHours": hours,
            "doorbellUsersToAdd": [user(3, "Ek"), user(2, "Other")],
            "doorbellUserIdsToRemove": [users(&made)[0]["id"], NOBODYS],
            "doorbellUsersToUpdate": [{ "id": users(&made)[1]["id"], "name": "Dahl-Holm" }],
        });
        let changed = program.patch(&of_list(&made), change).await.expect(200)["doorbell"].clone();
        assert_eq!(
            (&list(&changed)["name"], &list(&changed)["openingHours"]),
            (&json!("Everybody"), &hours)
        );
        let names: Vec<&Value> = users(&changed).iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["Dahl-Holm", "Ek"]);
        assert_eq!(users(&changed)[0]["id"], users(&made)[1]["id"]);
        assert!(!opens(&program, &door, 1).await && opens(&program, &door, 3).await);
        let states: Vec<Value> =
            program.keys("", 10).await.iter().map(|key| key["state"].clone()).collect();
        assert_eq!(states, ["revoked", "active", "active"]);
        let path = format!("/doorbells/{}", id(&made));
        assert_eq!(program.get(&path).await.expect(200)["doorbell"], changed);
    })
    .await;
}

#[tokio::test]
async fn a_doorbell_is_changed_listed_and_deleted_with_its_keys() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let made = doorbell(&program, &door, &[user(2, "Dahl"), user(3, "Ek")]).await;
        let path = format!("/doorbells/{}", id(&made));
        let change = json!({ "name": "Back entrance", "visitorInstructions": "Ring twice",
            "stickerUuid": NOBODYS });
        let renamed = program.patch(&path, change).await.expect(200)["doorbell"].clone();
        assert_eq!(renamed["visitorInstructions"], "Ring twice");
        assert_eq!(renamed["doorbellUserLists"], made["doorbellUserLists"]);
        let second = doorbell(&program, &door, &[user(2, "D")]).await;
        assert_eq!(program.keys("&excludeStates=revoked", 10).await.len(), 3);
        let listed = program.get("/doorbells").await.expect(200);
        assert_eq!(listed["doorbells"], json!([renamed, second]));
        let after = format!("/doorbells?limit=1&startAfterId={}", id(&made));
        assert_eq!(program.get(&after).await.expect(200)["doorbells"], json!([second]));
        let connections = program.get("/lock-connections").await.expect(200);
        assert_eq!(connections["lockConnections"], json!([]));
        program.delete(&path).await.expect(204);
        refused(&program.get(&path).await, 404, &[]);
        assert!(!opens(&program, &door, 3).await && opens(&program, &door, 2).await);
        // Deleted natively it takes its keys along as well.
        program.it.delete(&one("/controllers", &second)).await.expect(204);
        assert!(!opens(&program, &door, 2).await);
        assert!(program.keys("&excludeStates=revoked", 10).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_people_are_called_at_the_door_goes_with_them() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let made = doorbell(&program, &door, &[user(1, "Secretname"), user(2, "Dahl")]).await;
        let second = doorbell(&program, &door, &[user(1, "Othername")]).await;
        let person = program.it.list("/people").await[0].clone();
        let shown = program.it.get(&one("/people", &person)).await;
        assert!(shown.to_string().contains("Secretname"), "who asks what is stored is told");
        // Other metadata stays beside it, and so does this beside other changes of it.
        let path = format!("/managed-users/{}", id(&person));
        for pairs in [
            json!({ "metadata": { "flat": "12", "doorbells": "by the stairs" } }),
            json!({ "metadata": { "doorbells": null, "flat": null } }),
            json!({ "metadata": { "doorbells": "two" } }),
        ] {
            program.patch(&path, pairs).await.expect(200);
        }
        let seen = program.get(&format!("/doorbells/{}", id(&made))).await.expect(200);
        assert_eq!(users(&seen["doorbell"])[0]["name"], "Secretname");
        let off = json!({ "doorbellUserIdsToRemove": [users(&second)[0]["id"]] });
        program.post(&of_list(&second), off).await.expect(200);
        let shown = program.it.get(&one("/people", &person)).await.to_string();
        assert!(!shown.contains("Othername") && shown.contains("Secretname"), "{shown}");
        let kept = program.get(&path).await.expect(200)["managedUser"]["metadata"].clone();
        assert_eq!(kept, json!({ "doorbells": "two" }), "a change at a door leaves pairs alone");

        program.delete(&path).await.expect(204);
        let seen = program.get(&format!("/doorbells/{}", id(&made))).await.expect(200);
        let left = users(&seen["doorbell"]);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0]["appUserId"], phone(2));
        let everything = [
            program.it.list("/controllers").await,
            program.it.list("/grants").await,
            program.it.list("/changes").await,
            program.keys("", 10).await,
        ];
        let everything = json!(everything).to_string();
        assert!(!everything.contains("name\":\"Secret") && !everything.contains("Secretname"));
    })
    .await;
}

#[tokio::test]
async fn wrong_doorbells_are_refused_whole() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let offline = json!({ "name": "Shed", "mode": "offline_keys" });
        let offline = program.it.made("/locks", offline).await;
        let foreign = world.here().neighbour("Next door").await.lock("Theirs").await;
        let before = world.revisions().await;
        let good = json!({
            "name": "Other entrance", "lockId": id(&door),
            "doorbellUserLists": [{ "name": "All", "doorbellUsers": [user(1, "Berg")] }],
        });
        let many: Vec<Value> = (0..501).map(|number| user(number, "N")).collect();
        for (pointer, value, name) in [
            ("/name", json!("Four"), "name"),
            ("/name", json!("x".repeat(257)), "name"),
            ("/lockId", json!("door"), "lockId"),
            ("/lockId", json!(NOBODYS), "lockId"),
            ("/lockId", foreign["id"].clone(), "lockId"),
            ("/lockId", offline["id"].clone(), "lockId"),
            ("/doorbellUserLists", json!([]), "doorbellUserLists"),
            ("/doorbellUserLists/0/name", json!(null), "doorbellUserLists.0.name"),
            (
                "/doorbellUserLists/0/doorbellUsers",
                json!(many),
                "doorbellUserLists.0.doorbellUsers",
            ),
            (
                "/doorbellUserLists/0/doorbellUsers/0/appUserId",
                json!("0047"),
                "doorbellUserLists.0.doorbellUsers.0.appUserId",
            ),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            refused(&program.post("/doorbells", bad).await, 400, &[name]);
        }
        for (field, value) in [
            ("visitorInstructions", json!("x".repeat(2049))),
            ("stickerUuid", json!("7")),
            ("locks", json!([])),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            refused(&program.post("/doorbells", bad).await, 400, &[field]);
        }
        refused(
            &program.post("/doorbells", json!({})).await,
            400,
            &["name", "lockId", "doorbellUserLists"],
        );
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn who_stands_twice_counts_once_against_the_cap_as_well() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let mut many: Vec<Value> = (0..500).map(|number| user(number, "N")).collect();
        many.push(user(0, "Again"));
        let made = doorbell(&program, &door, &many).await;
        assert_eq!(users(&made).len(), 500);
        let mut more: Vec<Value> = (500..1000).map(|number| user(number, "N")).collect();
        more.push(user(999, "Again"));
        let add = json!({ "doorbellUsersToAdd": more });
        let changed = program.patch(&of_list(&made), add).await.expect(200)["doorbell"].clone();
        assert_eq!(users(&changed).len(), 1000);
        let call = |number: usize, name: &str| {
            json!({ "id": users(&changed)[number]["id"], "name": name })
        };
        let mut named: Vec<Value> = (0..500).map(|number| call(number, "First")).collect();
        named.push(call(0, "Last"));
        let again = json!({ "doorbellUsersToUpdate": named });
        let again = program.patch(&of_list(&made), again).await.expect(200)["doorbell"].clone();
        assert_eq!(users(&again)[0]["name"], "Last");
        assert_eq!(users(&again)[1]["name"], "First");
        // Everything that is wrong in a list that is too long is named beside that.
        more.extend([user(1, "N"), json!({ "appUserId": "0047", "name": "N" })]);
        let answer = program.patch(&of_list(&made), json!({ "doorbellUsersToAdd": more })).await;
        refused(&answer, 400, &["doorbellUsersToAdd.502.appUserId", "doorbellUsersToAdd"]);
    })
    .await;
}

#[tokio::test]
async fn wrong_changes_of_doorbells_are_refused_whole() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let made = doorbell(&program, &door, &[user(1, "Berg")]).await;
        let panel = program.it.made("/controllers", json!({ "name": "A panel" })).await;
        let before = world.revisions().await;
        let many: Vec<Value> = (0..501).map(|number| user(number, "N")).collect();
        let berg = &users(&made)[0]["id"];
        for (body, name) in [
            (json!({ "doorbellUsersToAdd": many }), "doorbellUsersToAdd"),
            (json!({ "doorbellUsersToAdd": [{ "name": "A" }] }), "doorbellUsersToAdd.0.appUserId"),
            (json!({ "doorbellUserIdsToRemove": ["x"] }), "doorbellUserIdsToRemove.0"),
            (
                json!({ "doorbellUsersToUpdate": [{ "id": NOBODYS, "name": "A" }] }),
                "doorbellUsersToUpdate.0.id",
            ),
            (
                json!({ "doorbellUserIdsToRemove": [berg],
                    "doorbellUsersToUpdate": [{ "id": berg, "name": "A" }] }),
                "doorbellUsersToUpdate.0.id",
            ),
            (
                json!({ "doorbellUserIdsToRemove": [berg], "doorbellUsersToAdd": [user(1, "B")] }),
                "doorbellUsersToAdd.0.appUserId",
            ),
            (
                json!({ "doorbellUserIdsToRemove": [berg],
                    "doorbellUsersToAdd": [user(2, "A"), user(2, "A"), user(1, "B")] }),
                "doorbellUsersToAdd.2.appUserId",
            ),
            (json!({ "openingHours": "always" }), "openingHours"),
            (json!({ "users": [] }), "users"),
        ] {
            let answer = program.patch(&of_list(&made), body.clone()).await;
            refused(&answer, 400, &[name]);
        }
        let path = format!("/doorbells/{}", id(&made));
        refused(&program.patch(&path, json!({ "lockId": id(&door) })).await, 400, &["lockId"]);
        for path in [
            format!("/doorbells/{NOBODYS}"),
            format!("/doorbells/{}", id(&panel)),
            format!("{path}/lists/{NOBODYS}"),
        ] {
            refused(&program.patch(&path, json!({})).await, 404, &[]);
        }
        refused(&program.get(&format!("/lock-connections/{}", id(&made))).await, 404, &[]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn keys_of_what_is_no_doorbell_any_more_can_be_taken_back() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let made = doorbell(&program, &door, &[user(1, "Berg")]).await;
        let key = format!("/keys/{}", id(&program.keys("", 10).await[0]));
        refused(&program.delete(&key).await, 409, &[]);
        let native = format!("/controllers/{}", id(&made));
        program.it.patch(&native, json!({ "settings": {} })).await.expect(200);
        refused(&program.get(&format!("/doorbells/{}", id(&made))).await, 404, &[]);
        assert!(opens(&program, &door, 1).await);
        program.delete(&key).await.expect(200);
        assert!(!opens(&program, &door, 1).await);
    })
    .await;
}
