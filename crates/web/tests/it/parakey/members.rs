//! Users and members: added and invited, given roles, removed with their keys.

use serde_json::{Value, json};

use super::{Parakey, item, refused};
use crate::login::{PASSWORD, log_in, mails, secret_of};
use crate::support::{World, id, on_each_engine};

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

#[tokio::test]
async fn who_is_removed_keeps_the_account_and_comes_back_by_it() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let program = Parakey::at(&world).await;
        let wish = json!({"email": "ann@example.org"});
        let ann = program.call("POST", "/members", wish.clone()).await.expect(201);
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        let body = json!({"secret": secret, "password": PASSWORD});
        let account =
            world.nobody().post("/api/v1/account/invitation", body).await.expect(201)["account_id"]
                .clone();
        let path = format!("/members/{}", id(&ann));
        program.call("DELETE", &path, Value::Null).await.expect(204);
        let session = log_in(&world, "ann@example.org", PASSWORD).await.expect(201);
        assert_eq!((&session["account_id"], &session["places"]), (&account, &json!([])));

        // Added again she is another member, by the account she has: no password goes by mail.
        let again = program.call("POST", "/members", wish).await.expect(201);
        assert_ne!(again["id"], ann["id"]);
        let told = mails(&world, 2).await;
        assert_eq!(told.iter().filter(|it| it.contains("clvo_")).count(), 1, "{told:?}");
        let session = log_in(&world, "ann@example.org", PASSWORD).await.expect(201);
        assert_eq!(session["account_id"], account);
        assert_eq!(session["places"], json!([{"place_id": world.place, "role": "guest"}]));
    })
    .await;
}

#[tokio::test]
async fn nobody_signs_up() {
    on_each_engine(|world: World| async move {
        let program = Parakey::at(&world).await;
        let before = world.revisions().await;
        for (method, path) in
            [("POST", "/users"), ("PUT", "/users/1"), ("PATCH", "/users/1"), ("DELETE", "/users/1")]
        {
            let body = json!({"email": "eve@example.org", "password": PASSWORD});
            let answer = program.call(method, path, body).await;
            refused(&answer, 405, "methodNotAllowed", &[]);
        }
        // And of all that anybody may call, nothing makes an account.
        let mut walked = Vec::new();
        for route in claviger_web::routes().into_iter().chain(claviger_web::vendor_routes()) {
            if !route.open || !route.body {
                continue;
            }
            for body in [
                json!({"email": "eve@example.org", "password": PASSWORD}),
                json!({"email": "eve@example.org"}),
                json!({"secret": "clvo_000000000000000000000000000000000000",
                    "password": PASSWORD}),
            ] {
                let body = Some(body.to_string());
                let answer = world.nobody().send(route.method, route.path, &[], body).await;
                assert!(
                    ![200, 201, 204].contains(&answer.status),
                    "{}: {}",
                    route.path,
                    answer.text
                );
            }
            walked.push(route.path);
        }
        assert!(walked.len() >= 4, "{walked:?}");
        log_in(&world, "eve@example.org", PASSWORD).await.problem(401, "unauthorized");
        assert_eq!(world.revisions().await, before);
        mails(&world, 0).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_null_is_not_there_and_a_language_without_words_is_the_domains() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        world.admin.patch(&world.at(""), json!({"language": "sv"})).await.expect(200);
        let wish = json!({"email": "ann@example.org", "language": "nb-NO", "tags": ["a"]});
        let ann = program.call("POST", "/members", wish).await.expect(201);
        assert_eq!(ann["user"]["language"], Value::Null);
        assert!(mails(&world, 1).await[0].contains("har bjudit in dig"));
        let path = format!("/members/{}", id(&ann));
        let wish = json!({"roles": ["installer"], "tags": null});
        let changed = program.call("PATCH", &path, wish).await.expect(200);
        assert_eq!((&changed["roles"], &changed["tags"]), (&json!(["installer"]), &json!(["a"])));
        // A password is looked at where it is used.
        let access = program.access("Gym").await;
        let mut known = item(&access, "ann@example.org", [None, None]);
        known["user"]["password"] = "short".into();
        program.manage(json!({"insert": [known]})).await.expect(200);
    })
    .await;
}
