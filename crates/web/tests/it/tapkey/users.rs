//! Users of identity providers, and the contacts that are made of them.

use serde_json::{Value, json};

use super::contacts::BELOW;
use super::{NOBODYS, Tapkey, refused};
use crate::kit::one;
use crate::support::{World, id, on_each_engine};

const USERS: &str = "/IdentityProviders/okta/Users";

/// A program whose owner account has the provider `okta`.
async fn program(world: &World) -> Tapkey {
    let program = Tapkey::at(world).await;
    let providers = json!({ "metadata": { "tapkey": { "identity_providers": ["okta", "x"] } } });
    program.it.patch("", providers).await.expect(200);
    program
}

#[tokio::test]
async fn users_are_made_and_found_by_their_id_there() {
    on_each_engine(|world| async move {
        let program = program(&world).await;
        let body = json!({ "ipUserId": "u1" });
        let made = program.call("PUT", USERS, body.clone()).await.expect(200);
        let wanted = json!({
            "id": made["id"], "ipId": "okta", "ipUserId": "u1", "identifier": null,
            "status": "Normal",
        });
        assert_eq!(made, wanted);
        let full = json!({ "ipId": "okta", "ipUserId": "u2" });
        let second = program.call("PUT", USERS, full).await.expect(200);
        refused(&program.call("PUT", USERS, body).await, 409, "Duplicate", &["already exists"]);
        assert_eq!(program.list(USERS, "").await, [made.clone(), second.clone()]);
        let picked = program.list(USERS, "$filter=ipUserId eq 'u2'&$select=id").await;
        assert_eq!(picked, [json!({ "id": second["id"] })]);
        // By their id there it is one object, no list.
        let found = program.get(&format!("{USERS}?ipUserId=u1")).await.expect(200);
        assert_eq!(found, made);
        let path = format!("{USERS}/{}", id(&made));
        assert_eq!(program.get(&path).await.expect(200), made);
        let other = format!("/identityproviders/x/users/{}", id(&made));
        let ann = program.contact("ann@example.org").await;
        let theirs = Tapkey::of(&world, program.it.neighbour("Next door").await).await;
        for path in [
            format!("{USERS}?ipUserId=u3"),
            other,
            format!("{USERS}/{NOBODYS}"),
            format!("{USERS}/x"),
            format!("{USERS}/{}", id(&ann)),
        ] {
            refused(&program.get(&path).await, 404, "NotFound", &["no such user"]);
        }
        for provider in ["unknown", "tapkey", ""] {
            let path = format!("/identityproviders/{provider}/users");
            let answer = program.get(&path).await;
            assert_eq!(answer.status, 404, "{}", answer.text);
        }
        // Another account does not know the provider, nor the user where it does.
        refused(&theirs.get(&path).await, 404, "NotFound", &["provider"]);
        let providers = json!({ "metadata": { "tapkey": { "identity_providers": ["okta"] } } });
        theirs.it.patch("", providers).await.expect(200);
        refused(&theirs.get(&path).await, 404, "NotFound", &["user"]);
        theirs.call("PUT", USERS, json!({ "ipUserId": "u1" })).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_user_is_a_contact_once_somebody_makes_one() {
    on_each_engine(|world| async move {
        let program = program(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        let mut users = Vec::new();
        for name in ["u1", "u2"] {
            users.push(program.call("PUT", USERS, json!({ "ipUserId": name })).await.expect(200));
        }
        let service = program.list("/contacts", "").await.len();
        assert_eq!(service, 1, "the service account alone");
        for (method, below) in BELOW {
            let body = if method == "PATCH" { json!({}) } else { Value::Null };
            let path = format!("/contacts/{}{below}", id(&users[0]));
            refused(&program.call(method, &path, body).await, 404, "NotFound", &["contact"]);
        }
        let body = json!({ "contactId": id(&users[0]), "boundLockId": id(&door) });
        let answer = program.call("PUT", "/grants", body).await;
        refused(&answer, 400, "InvalidRequest", &["contactId is no contact"]);

        let body = json!({ "ipId": "okta", "ipUserId": "u1", "title": "Una" });
        let made = program.call("PUT", "/contacts", body.clone()).await.expect(200);
        assert_eq!((&made["id"], &made["title"]), (&users[0]["id"], &json!("Una")));
        assert_eq!(it.get(&one("/people", &made)).await["metadata"], Value::Null);
        refused(&program.call("PUT", "/contacts", body).await, 400, "Duplicate", &[]);
        // A grant makes a contact of its user.
        let contact = json!({ "ipId": "okta", "ipUserId": "u2" });
        let body = json!({ "contact": contact, "boundLockId": id(&door) });
        let grant = program.call("PUT", "/grants", body).await.expect(200);
        assert_eq!(grant["contactId"], users[1]["id"]);
        assert_eq!(program.list("/contacts", "").await.len(), 3);
        // A contact that was made first is a user as well.
        let body = json!({ "ipId": "okta", "ipUserId": "u3" });
        program.call("PUT", "/contacts", body.clone()).await.expect(200);
        refused(&program.call("PUT", USERS, body).await, 409, "Duplicate", &[]);
        assert_eq!(program.list(USERS, "").await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn each_wrong_property_of_a_user_is_named() {
    on_each_engine(|world| async move {
        let program = program(&world).await;
        let before = world.revisions().await;
        for (body, named) in [
            (json!({}), "ipUserId is required"),
            (json!({ "ipUserId": "" }), "ipUserId must be one line"),
            (json!({ "ipUserId": null }), "ipUserId must be of type string"),
            (json!({ "ipUserId": "x".repeat(256) }), "ipUserId must be one line"),
            (json!({ "ipUserId": "a\nb" }), "ipUserId must be one line"),
            (json!({ "ipUserId": "u", "ipId": "x" }), "ipId must be the identity provider"),
            (json!({ "ipUserId": "u", "identifier": "y" }), "identifier is not"),
            (json!([]), "body must"),
        ] {
            let answer = program.call("PUT", USERS, body).await;
            refused(&answer, 400, "InvalidRequest", &[named]);
        }
        for query in ["ipUserId=a&ipUserId=b", "ipUserId=a&$top=1", "userId=a", "$filter=x eq 1"] {
            let answer = program.get(&format!("{USERS}?{}", query.replace(' ', "%20"))).await;
            refused(&answer, 400, "InvalidRequest", &[]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_user_is_made_a_contact_once_and_by_nothing_that_is_refused() {
    on_each_engine(|world| async move {
        let program = program(&world).await;
        let it = &program.it;
        let user = program.call("PUT", USERS, json!({ "ipUserId": "u1" })).await.expect(200);
        let door = it.lock("Door").await;
        let before = world.revisions().await;
        let role = json!({ "contactId": id(&user), "role": "Admin" });
        let answer = program.call("PUT", "/permissions", role.clone()).await;
        refused(&answer, 400, "InvalidRequest", &["contactId is no contact"]);
        let named = json!({ "ipId": "okta", "ipUserId": "u1" });
        let mut wrong = json!({ "contact": named, "boundLockId": id(&door) });
        wrong["validFrom"] = json!("2030-01-02T00:00:00Z");
        wrong["validBefore"] = json!("2030-01-01T00:00:00Z");
        refused(&program.call("PUT", "/grants", wrong).await, 400, "InvalidRequest", &[]);
        assert_eq!(world.revisions().await, before, "nothing is stored");
        assert_eq!(program.get(&format!("/contacts/{}", id(&user))).await.status, 404);

        let make = async |title: &str| {
            let body = json!({ "ipId": "okta", "ipUserId": "u1", "title": title });
            program.call("PUT", "/contacts", body).await
        };
        let (one, other) = tokio::join!(make("One"), make("Other"));
        let (made, twice) = if one.status == 200 { (one, other) } else { (other, one) };
        assert_eq!(made.expect(200)["id"], user["id"]);
        refused(&twice, 400, "Duplicate", &["already exists"]);
        program.call("PUT", "/permissions", role).await.expect(200);
    })
    .await;
}
