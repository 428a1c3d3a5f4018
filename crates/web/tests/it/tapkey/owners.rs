//! Owner accounts and permissions.

use serde_json::{Value, json};

use super::{NOBODYS, Tapkey, refused};
use crate::kit::one;
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn an_owner_account_is_the_place() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let owner = program.get("").await.expect(200);
        assert_eq!((&owner["id"], &owner["active"]), (&json!(world.place), &json!(true)));
        for path in ["/compat/tapkey/api/v1/Owners", "/compat/tapkey/API/v1/owners/"] {
            assert_eq!(program.actor.get(path).await.expect(200), json!([owner]));
        }
        let patched = program.call("PATCH", "", json!({ "name": "Acme" })).await.expect(200);
        assert_eq!(patched, json!({ "id": world.place, "name": "Acme", "active": true }));
        assert_eq!(world.admin.get(&world.at("")).await.expect(200)["name"], "Acme");
        let answer =
            program.actor.put("/compat/tapkey/api/v1/owners", json!({ "name": "B" })).await;
        refused(&answer, 403, "Forbidden", &["service account"]);
    })
    .await;
}

#[tokio::test]
async fn a_permission_is_a_role() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let ann = program.contact("ann@example.org").await;
        let path = format!("/permissions/{}", id(&ann));
        for method in ["GET", "DELETE"] {
            let answer = program.call(method, &path, Value::Null).await;
            refused(&answer, 404, "NotFound", &["permission"]);
        }
        let body = json!({ "contactId": id(&ann), "role": "Admin" });
        let given = program.call("PUT", "/permissions", body.clone()).await.expect(200);
        let wanted = json!({
            "id": ann["id"], "ownerAccountId": world.place, "contactId": ann["id"],
            "role": "Admin",
        });
        assert_eq!(given, wanted);
        assert_eq!(program.call("PUT", "/permissions", body).await.expect(200), wanted);
        assert_eq!(program.get(&path).await.expect(200), wanted);
        assert_eq!(program.it.get(&one("/people", &ann)).await["role"], "administrator");
        let body = json!({ "email": "boss@example.org", "role": "owner" });
        let boss = program.it.seen_by(&program.it.full_key().await).made("/people", body).await;
        let owners = program.list("/permissions", "$filter=role eq 'Owner'").await;
        let [owner] = owners.as_slice() else { panic!("{owners:?}") };
        assert_eq!(owner["contactId"], boss["id"]);
        assert_eq!(program.list("/permissions", "").await.len(), 3, "and the service account");

        let before = world.revisions().await;
        for (method, path, body) in [
            ("PUT", "/permissions".to_owned(), json!({ "contactId": id(&ann), "role": "Owner" })),
            ("PUT", "/permissions".to_owned(), json!({ "contactId": id(owner), "role": "Admin" })),
            ("DELETE", format!("/permissions/{}", id(owner)), Value::Null),
        ] {
            refused(&program.call(method, &path, body).await, 403, "Forbidden", &["role"]);
        }
        assert_eq!(world.revisions().await, before);
        program.call("DELETE", &path, Value::Null).await.expect(204);
        assert_eq!(program.it.get(&one("/people", &ann)).await["role"], "guest");
        program.shown(&ann).await;
    })
    .await;
}

#[tokio::test]
async fn a_permission_needs_a_contact_and_a_role() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let ann = program.contact("ann@example.org").await;
        let before = world.revisions().await;
        for (body, named) in [
            (json!({}), &["contactId is required", "role is required"][..]),
            (json!({ "contactId": NOBODYS, "role": "Admin" }), &["contactId"]),
            (json!({ "contactId": "x", "role": "Admin" }), &["contactId"]),
            (json!({ "contactId": id(&ann), "role": "admin" }), &["role must be"]),
            (json!({ "contactId": id(&ann), "role": "Guest" }), &["role must be"]),
            (json!({ "contactId": id(&ann), "role": null }), &["role must be"]),
            (json!({ "contactId": id(&ann), "role": "Admin", "x": 1 }), &["x is not"]),
        ] {
            let answer = program.call("PUT", "/permissions", body).await;
            refused(&answer, 400, "InvalidRequest", named);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}
