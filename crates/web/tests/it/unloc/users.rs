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
        let native = program.it.get(&format!("/people/{}", id(user))).await;
        assert_eq!((&native["first_name"], &native["phone"]), (&json!("Ann"), &json!(phone(1))));
        let without = program.it.person("Bo").await;
        let listed = program.get("/managed-users").await.expect(200);
        assert_eq!(listed["managedUsers"], json!([user]));
        refused(&program.get(&format!("/managed-users/{}", id(&without))).await, 404, &[]);

        let by_phone = format!("/managed-users/{}", phone(1).replace('+', "%2B"));
        let by_id = format!("/managed-users/{}", id(user));
        for path in [&by_phone, &by_id] {
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
