//! Managed users, and locks as this API shows them.

use serde_json::{Value, json};

use super::{NOBODYS, Unloc, phone, refused};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn managed_users_are_the_people_with_phones() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let body = json!({ "appUserId": phone(1), "firstName": "Ann", "lastName": "Berg",
            "metadata": { "flat": "12" } });
        let made = program.post("/managed-users", body.clone()).await.expect(201);
        let user = &made["managedUser"];
        assert_eq!((&user["appUserId"], &user["name"]), (&json!(phone(1)), &json!("Ann Berg")));
        refused(&program.post("/managed-users", body).await, 409, &["appUserId"]);
        assert_eq!(user["id"], phone(1), "people are known by their numbers");
        let uuid = user["uuid"].as_str().unwrap();
        let native = program.it.get(&format!("/people/{uuid}")).await;
        assert_eq!((&native["first_name"], &native["phone"]), (&json!("Ann"), &json!(phone(1))));
        let without = program.it.person("Bo").await;
        let listed = program.get("/managed-users").await.expect(200);
        assert_eq!(listed["managedUsers"], json!([user]));
        refused(&program.get(&format!("/managed-users/{}", id(&without))).await, 404, &[]);

        let by_phone = format!("/managed-users/{}", phone(1).replace('+', "%2B"));
        let by_id = format!("/managed-users/{uuid}");
        for path in [&by_phone, &by_id, &format!("/managed-users/{}", phone(1))] {
            assert_eq!(program.get(path).await.expect(200)["managedUser"], *user);
        }
        let change = json!({ "lastName": null, "metadata": { "floor": "3", "flat": null } });
        let changed = program.patch(&by_phone, change).await.expect(200);
        let changed = &changed["managedUser"];
        assert_eq!(
            (&changed["name"], &changed["metadata"]),
            (&json!("Ann"), &json!({ "floor": "3" }))
        );
        for (body, name) in [
            (json!({ "appUserId": "12" }), "appUserId"),
            (json!({ "phone": phone(2) }), "phone"),
            (json!({ "firstName": 7 }), "firstName"),
            (json!({ "metadata": { "k": "v".repeat(257) } }), "metadata.k"),
        ] {
            refused(&program.patch(&by_id, body).await, 400, &[name]);
        }
        refused(&program.post("/managed-users", json!({})).await, 400, &["appUserId"]);

        let door = program.it.lock("Door").await;
        program.group("Staff", &[id(&door)], &[&phone(1)]).await;
        program.delete(&by_phone).await.expect(204);
        refused(&program.get(&by_id).await, 404, &[]);
        let keys = program.keys("", 10).await;
        assert_eq!(keys.len(), 1);
        assert_eq!((&keys[0]["state"], &keys[0]["appUser"]), (&json!("revoked"), &Value::Null));
        let groups = program.get("/access-groups").await.expect(200);
        assert_eq!(groups["accessGroups"][0]["appUserIds"], json!([]));
        for unknown in [NOBODYS, "abc", "%2B4799999999"] {
            refused(&program.delete(&format!("/managed-users/{unknown}")).await, 404, &[]);
        }
    })
    .await;
}

#[tokio::test]
async fn pages_of_users_go_on_by_number_and_past_who_was_deleted_by_uuid() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let mut made = Vec::new();
        for user in 1..=3 {
            let body = json!({ "appUserId": phone(user) });
            made.push(
                program.post("/managed-users", body).await.expect(201)["managedUser"].clone(),
            );
        }
        let after = |value: &Value| {
            let path = format!("/managed-users?limit=1&startAfterId={}", value.as_str().unwrap());
            let program = &program;
            async move { program.get(&path).await }
        };
        for cursor in ["id", "uuid"] {
            let page = after(&made[0][cursor]).await.expect(200);
            assert_eq!(page["managedUsers"], json!([made[1]]));
        }
        program.delete(&format!("/managed-users/{}", phone(2))).await.expect(204);
        assert_eq!(after(&made[1]["uuid"]).await.expect(200)["managedUsers"], json!([made[2]]));
        // The number is erased with the person.
        refused(&after(&made[1]["id"]).await, 400, &["startAfterId"]);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_set_here_is_the_one_that_is_shown() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let person = json!({ "phone": phone(1), "display_name": "Old Name" });
        let person = program.it.made("/people", person).await;
        program.it.grant(&person, &door).await;
        let path = format!("/managed-users/{}", phone(1));
        let one = program.patch(&path, json!({ "metadata": { "flat": "1" } })).await.expect(200);
        assert_eq!(one["managedUser"]["name"], "Old Name", "nothing was said of a name");
        let name = json!({ "firstName": "Anna", "lastName": "Berg" });
        let one = program.patch(&path, name).await.expect(200);
        assert_eq!(one["managedUser"]["name"], "Anna Berg");
        assert_eq!(program.keys("", 10).await[0]["appUser"]["name"], "Anna Berg");
    })
    .await;
}

#[tokio::test]
async fn two_who_change_different_fields_of_one_user_do_not_collide() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        program.post("/managed-users", json!({ "appUserId": phone(1) })).await.expect(201);
        let door = program.it.lock("Door").await;
        let path = format!("/managed-users/{}", phone(1));
        let (first, last) = tokio::join!(
            program.patch(&path, json!({ "firstName": "Anna" })),
            program.patch(&path, json!({ "lastName": "Berg" })),
        );
        first.expect(200);
        assert_eq!(last.expect(200)["managedUser"]["name"], "Anna Berg");
        let lock = format!("/locks/{}", id(&door));
        let (name, privacy) = tokio::join!(
            program.patch(&lock, json!({ "name": "Gate" })),
            program.patch(&lock, json!({ "privacyPolicy": "private" })),
        );
        name.expect(200);
        assert_eq!(privacy.expect(200)["lock"]["name"], "Gate");
        let project = json!({ "name": "The house" });
        let policy = json!({ "defaultPrivacyPolicy": "private" });
        let (name, policy) = tokio::join!(program.patch("", project), program.patch("", policy));
        name.expect(200);
        assert_eq!(policy.expect(200)["project"]["name"], "The house");
        // Pairs are merged with those that were there: who comes second looks again.
        let (one, two) = tokio::join!(
            program.patch(&path, json!({ "metadata": { "a": "1" } })),
            program.patch(&path, json!({ "metadata": { "b": "2" } })),
        );
        one.expect(200);
        refused(&two, 409, &[]);
        assert_eq!(two.header("retry-after"), "1");
    })
    .await;
}

#[tokio::test]
async fn who_never_had_a_phone_is_not_shown_once_deleted_either() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        let level = it.level("Staff", &[&door]).await;
        let with = it.made("/people", json!({ "phone": phone(1) })).await;
        let without = it.made("/people", json!({ "email": "bo@example.org" })).await;
        let mut grants = Vec::new();
        for person in [&with, &without] {
            grants.push(it.grant(person, &door).await);
            it.level_grant(person, &level).await;
        }
        assert_eq!(program.keys("", 1).await.len(), 2);
        for person in [&with, &without] {
            it.delete(&format!("/people/{}", id(person))).await.expect(204);
        }
        let keys = program.keys("", 1).await;
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert!(keys.iter().all(|key| key["state"] == "revoked" && key["appUser"].is_null()));
        assert_eq!(
            program.get(&format!("/keys?lockId={}", id(&door))).await.expect(200)["keys"],
            json!(keys)
        );
        program.get(&format!("/keys/{}", id(&grants[0]))).await.expect(200);
        refused(&program.get(&format!("/keys/{}", id(&grants[1]))).await, 404, &[]);
        refused(&program.delete(&format!("/keys/{}", id(&grants[1]))).await, 404, &[]);
    })
    .await;
}

#[tokio::test]
async fn pairs_have_any_name_and_touch_nothing_that_is_kept_beside_them() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let path = format!("/locks/{}", id(&door));
        let address = json!({ "street": "Storgata 1", "visitorInstructions": "Ring" });
        program.patch(&path, json!({ "address": address })).await.expect(200);
        for (pairs, shown) in [
            (json!({ "address": "Building 4" }), json!({ "address": "Building 4" })),
            (json!({ "address": null, "unloc": null, "unlocSync": "7" }), json!({})),
        ] {
            let changed = program.patch(&path, json!({ "metadata": pairs })).await.expect(200);
            assert_eq!(changed["lock"]["address"], address);
            assert_eq!(changed["lock"]["metadata"], shown);
        }
        let both = json!({ "address": { "street": "New" }, "metadata": { "address": "5" } });
        let changed = program.patch(&path, both).await.expect(200);
        assert_eq!(changed["lock"]["address"], json!({ "street": "New" }));
        assert_eq!(changed["lock"]["metadata"], json!({ "address": "5" }));
        program.patch(&path, json!({ "metadata": null })).await.expect(200);
        let bare = program.patch(&path, json!({ "address": null })).await.expect(200);
        assert_eq!(
            (&bare["lock"]["address"], &bare["lock"]["metadata"]),
            (&json!(null), &json!({}))
        );

        // One that was kept where natives write it is read, and moves when it is changed.
        let natively = json!({ "metadata": { "address": { "street": "Old" }, "count": 3 } });
        let native = format!("/locks/{}", id(&door));
        program.it.patch(&native, natively).await.expect(200);
        let seen = program.get(&path).await.expect(200);
        assert_eq!(seen["lock"]["address"], json!({ "street": "Old" }));
        let pair = json!({ "metadata": { "address": "6" } });
        let changed = program.patch(&path, pair).await.expect(200);
        assert_eq!(changed["lock"]["address"], json!({ "street": "Old" }));
        assert_eq!(changed["lock"]["metadata"], json!({ "address": "6" }));
        // What others keep under a name is no pair: nothing is written over it.
        let taken = program.patch(&path, json!({ "metadata": { "count": "4" } })).await;
        refused(&taken, 400, &["metadata.count"]);
        program.patch(&path, json!({ "metadata": { "count": null } })).await.expect(200);
        assert_eq!(program.it.get(&native).await["metadata"]["count"], 3);
    })
    .await;
}

#[tokio::test]
async fn twenty_pairs_are_the_most_that_anything_has() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let group = program.group("Staff", &[], &[]).await;
        let pairs = |from: usize, to: usize, value: Value| -> Value {
            (from..to)
                .map(|it| (format!("k{it}"), value.clone()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let connection = json!({ "locksToCreate": 1 });
        program.post("/lock-connections/virtual", connection).await.expect(202);
        let connection = program.get("/lock-connections").await.expect(200);
        let below = json!({ "name": "Below" });
        let below = program.post("/subprojects", below).await.expect(201);
        program.post("/managed-users", json!({ "appUserId": phone(1) })).await.expect(201);
        let door = program.it.lock("Door").await;
        for path in [
            String::new(),
            format!("/access-groups/{}", id(&group)),
            format!("/lock-connections/{}", id(&connection["lockConnections"][0])),
            format!("/subprojects/{}", id(&below["subproject"])),
            format!("/managed-users/{}", phone(1)),
            format!("/locks/{}", id(&door)),
        ] {
            let set = |pairs: Value| {
                let (program, path) = (&program, &path);
                async move { program.patch(path, json!({ "metadata": pairs })).await }
            };
            set(pairs(0, 20, json!("v"))).await.expect(200);
            refused(&set(pairs(20, 21, json!("v"))).await, 400, &["metadata"]);
            set(pairs(10, 20, json!("w"))).await.expect(200);
            let mut swap = pairs(20, 40, json!("v"));
            swap.as_object_mut()
                .unwrap()
                .extend(pairs(0, 20, Value::Null).as_object().unwrap().clone());
            set(swap).await.expect(200);
            set(pairs(0, 60, Value::Null)).await.expect(200);
            let many = set(pairs(0, 21, json!("v"))).await;
            refused(&many, 400, &["metadata"]);
        }
    })
    .await;
}

#[tokio::test]
async fn locks_are_listed_page_by_page_and_described() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let mut made = Vec::new();
        for name in ["A", "B", "C"] {
            made.push(program.it.lock(name).await);
        }
        let page = program.get("/locks?limit=2").await.expect(200);
        let locks = page["locks"].as_array().unwrap();
        assert_eq!(locks.len(), 2);
        assert_eq!(locks[0]["name"], "A");
        assert_eq!(
            (&locks[0]["address"], &locks[0]["batteryStatus"]),
            (&Value::Null, &Value::Null)
        );
        // The page goes on after a lock that was deleted in between.
        let next = format!("/locks?limit=2&startAfterId={}", id(&locks[1]));
        program.it.delete(&format!("/locks/{}", id(&made[1]))).await.expect(204);
        let page = program.get(&next).await.expect(200);
        assert_eq!(page["locks"].as_array().unwrap().len(), 1);
        assert_eq!(id(&page["locks"][0]), id(&made[2]));
        let path = format!("/locks/{}", id(&made[0]));
        let address =
            json!({ "street": "Storgata 1", "floor": "2", "visitorInstructions": "Ring" });
        let change = json!({ "name": "Main", "address": address, "metadata": { "k": "v" } });
        let changed = program.patch(&path, change).await.expect(200);
        assert_eq!(changed["lock"]["address"], address);
        assert_eq!(
            (&changed["lock"]["name"], &changed["lock"]["metadata"]),
            (&json!("Main"), &json!({ "k": "v" }))
        );
        let bare = program.patch(&path, json!({ "address": null })).await.expect(200);
        assert_eq!(
            (&bare["lock"]["address"], &bare["lock"]["metadata"]),
            (&Value::Null, &json!({ "k": "v" }))
        );
        refused(&program.patch(&path, json!({ "adress": {} })).await, 400, &["adress"]);
        let code = format!("/vendor-operations/locks/{}/temporary-code", id(&made[0]));
        refused(&program.get(&code).await, 400, &[]);
        refused(&program.get(&format!("/locks/{NOBODYS}")).await, 404, &[]);
    })
    .await;
}
