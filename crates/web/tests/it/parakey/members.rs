//! Users and members: added and invited, given roles, removed with their keys.

use serde_json::{Value, json};

use super::{Parakey, item, refused};
use crate::login::mails;
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn a_member_is_added_changed_and_removed_with_the_keys() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let wish = json!({
            "user": {"email": "ann@example.org", "firstName": "Ann"},
            "roles": ["Guest Manager"], "tags": ["north"],
        });
        let ann = program.call("POST", "/members", wish.clone()).await.expect(201);
        assert_eq!((&ann["roles"], &ann["tags"]), (&json!(["guestManager"]), &json!(["north"])));
        assert_eq!(ann["user"]["firstName"], "Ann");
        mails(&world, 1).await;
        // Added again she stays as she is, and is not mailed.
        let again = json!({"email": "ANN@example.org", "firstName": "Eve", "roles": ["guest"]});
        assert_eq!(program.call("POST", "/members", again).await.expect(200), ann);
        mails(&world, 1).await;
        assert_eq!(program.get("/members").await, json!([ann]));
        let user = program.get(&format!("/users/{}", id(&ann))).await;
        assert_eq!((&user, &program.get("/users").await[0]), (&ann["user"], &user));

        let path = format!("/members/{}", id(&ann));
        for method in ["PATCH", "PUT"] {
            let wish = json!({"roles": ["installer"], "tags": ["south"]});
            let changed = program.call(method, &path, wish).await.expect(200);
            assert_eq!(
                (&changed["roles"], &changed["tags"]),
                (&json!(["installer"]), &json!(["south"]))
            );
        }
        let native = program.it.get(&format!("/people/{}", id(&ann))).await;
        assert_eq!(native["role"], "installer");
        for (wish, status, code) in [
            (json!({"roles": ["owner"]}), 403, "escalation"),
            (json!({"roles": []}), 422, "invalid"),
            (json!({"roles": ["guest", "installer"]}), 422, "invalid"),
        ] {
            refused(&program.call("PATCH", &path, wish).await, status, code, &[]);
        }
        let keys = json!({"insert": [item(&access, "ann@example.org", [None, None])]});
        program.manage(keys).await.expect(200);
        program.call("DELETE", &path, Value::Null).await.expect(204);
        for path in ["/members", "/users", "/access-keys"] {
            assert_eq!(program.get(path).await, json!([]), "{path}");
        }
        let gone = program.call("DELETE", &path, Value::Null).await;
        refused(&gone, 404, "memberNotFound", &[]);
    })
    .await;
}

#[tokio::test]
async fn an_owner_is_beyond_a_program_and_who_has_no_address_is_no_user() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let owner = json!({"email": "olga@example.org", "role": "owner"});
        let owner = program.it.made("/people", owner).await;
        program.it.made("/people", json!({"first_name": "Bo", "phone": "+46701234567"})).await;
        assert_eq!(program.ids("/members").await, [id(&owner)]);
        let path = format!("/members/{}", id(&owner));
        let wish = json!({"roles": ["guest"]});
        refused(&program.call("PATCH", &path, wish).await, 403, "escalation", &[]);
        refused(&program.call("DELETE", &path, Value::Null).await, 403, "escalation", &[]);
        assert_eq!(program.get(&path).await["roles"], json!(["owner"]));
    })
    .await;
}
