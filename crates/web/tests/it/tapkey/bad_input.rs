//! Whatever is wrong is named, all of it, in this API's form, and nothing is stored.

use serde_json::{Value, json};

use super::{Tapkey, refused};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn each_wrong_property_of_a_contact_is_named_and_nothing_is_stored() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let ann = program.contact("ann@example.org").await;
        let before = world.revisions().await;
        let good = json!({ "ipId": "tapkey", "identifier": "bo@example.org" });
        for (field, value, named) in [
            ("identifier", Value::Null, "identifier is required"),
            ("identifier", json!(""), "identifier must be one line"),
            ("identifier", json!("bo"), "identifier must be an e-mail address"),
            ("identifier", json!("0701234567"), "identifier must be an e-mail address"),
            ("identifier", json!(5), "identifier must be of type string"),
            ("identifier", json!("x".repeat(300)), "identifier must"),
            ("email", json!("other@example.org"), "email must be the same"),
            ("ipId", json!("okta"), "ipId is no identity provider"),
            ("ipId", json!(1), "ipId must be of type string"),
            ("ipUserId", json!("1"), "ipUserId must not be passed beside identifier"),
            ("title", json!("x".repeat(201)), "title must"),
            ("title", json!("a\u{7}"), "title must not"),
            ("title", json!(1), "title must be of type string"),
            ("comment", json!("x".repeat(100_000)), "comment must"),
            ("comment", json!(["x"]), "comment must be of type string"),
            ("name", json!("Bo"), "name is not a property"),
        ] {
            let mut body = good.clone();
            body[field] = value;
            let answer = program.call("PUT", "/contacts", body).await;
            refused(&answer, 400, "InvalidRequest", &[named]);
        }
        for (body, named) in [
            (json!({}), &["identifier is required"][..]),
            (json!([]), &["body must"]),
            (json!({ "ipUserId": "1" }), &["ipUserId must come with"]),
            (json!({ "ipId": "tapkey", "ipUserId": "1" }), &["ipUserId must come with"]),
            (json!({ "ipId": "x", "ipUserId": "" }), &["ipUserId must be one line"]),
            (
                json!({ "identifier": "x", "title": 1, "y": 2 }),
                &["identifier", "title", "y is not"],
            ),
        ] {
            let answer = program.call("PUT", "/contacts", body).await;
            refused(&answer, 400, "InvalidRequest", named);
        }
        let path = format!("/contacts/{}", id(&ann));
        for (body, named) in [
            (json!({ "identifier": "new@example.org" }), "identifier never changes"),
            (json!({ "ipId": "tapkey" }), "ipId never changes"),
            (json!({ "id": "1" }), "id never changes"),
            (json!({ "title": 5 }), "title must be of type string"),
            (json!({ "titel": "x" }), "titel is not a property"),
            (json!("x"), "body must"),
        ] {
            let answer = program.call("PATCH", &path, body).await;
            refused(&answer, 400, "InvalidRequest", &[named]);
        }
        for body in [json!({ "name": "" }), json!({ "name": null }), json!({ "title": "x" })] {
            refused(&program.call("PATCH", "", body).await, 400, "InvalidRequest", &[]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_the_same_form() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let actor = &program.actor;
        let contacts = program.at_owner("/contacts");
        let send = async |method: &str, path: &str, kind: &str, body: &str| {
            let headers = [("content-type", kind)];
            actor.send(method, path, &headers, Some(body.to_owned())).await
        };
        let json = "application/json";
        let answer = send("PUT", &contacts, json, "{\"identifier\":").await;
        refused(&answer, 400, "InvalidRequest", &["JSON"]);
        let twice = "{\"identifier\":\"a@b\",\"identifier\":\"b@c\"}";
        refused(&send("PUT", &contacts, json, twice).await, 400, "InvalidRequest", &[]);
        let answer = send("PUT", &contacts, "text/plain", "{}").await;
        refused(&answer, 415, "UnsupportedMediaType", &[]);
        let large = format!("\"{}\"", "x".repeat(2 << 20));
        refused(&send("PUT", &contacts, json, &large).await, 413, "RequestTooLarge", &[]);
        let answer = send("DELETE", &contacts, json, "").await;
        refused(&answer, 405, "MethodNotAllowed", &["GET", "PUT"]);
        assert!(answer.header("allow").contains("PUT"));
        for path in ["/compat/tapkey/", "/compat/tapkey/api/v2/owners", "/compat/tapkey/api/v1/x"] {
            refused(&actor.get(path).await, 404, "NotFound", &["path"]);
        }
    })
    .await;
}

#[tokio::test]
async fn properties_that_are_not_known_are_passed_over_where_that_is_set() {
    on_each_engine(|world| async move {
        let mut options = claviger_web::Options::default();
        options.tapkey.ignore_unknown = true;
        let router = claviger_web::router(world.app.clone(), &options);
        let strict = Tapkey::at(&world).await;
        let actor = crate::support::Actor::of(router, strict.actor.token.clone());
        let program = Tapkey { it: strict.it, actor, credentials: strict.credentials };
        let body = json!({ "identifier": "ann@example.org", "language": "en" });
        let ann = program.call("PUT", "/contacts", body).await.expect(200);
        let path = format!("/contacts/{}", id(&ann));
        let body = json!({ "title": "Ann", "identifier": "other@example.org" });
        refused(&program.call("PATCH", &path, body).await, 400, "InvalidRequest", &["identifier"]);
        refused(&program.get("/contacts?filter=x").await, 400, "InvalidRequest", &["filter"]);
    })
    .await;
}
