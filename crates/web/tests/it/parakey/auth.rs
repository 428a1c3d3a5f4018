//! Who is let in: an access token for one domain, in either header.

use serde_json::{Value, json};

use super::{Parakey, refused};
use crate::support::{id, on_each_engine};

const KEYS: &str = "/compat/parakey/access-keys";

#[tokio::test]
async fn a_token_works_in_a_header_of_its_own_and_as_a_bearer() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let (nobody, token) = (world.nobody(), program.token.as_str());
        let bearer = format!("Bearer {token}");
        for header in [("access-token", token), ("authorization", bearer.as_str())] {
            assert_eq!(nobody.send("GET", KEYS, &[header], None).await.expect(200), json!([]));
        }
        let wrong = "0".repeat(32);
        let native = program.it.full_key().await.token.unwrap();
        for headers in [
            &[][..],
            &[("access-token", "")],
            &[("access-token", wrong.as_str())],
            &[("access-token", native.as_str())],
            &[("authorization", "Bearer")],
            &[("authorization", token)],
            // A header that is wrong is not made good by the other.
            &[("access-token", wrong.as_str()), ("authorization", bearer.as_str())],
        ] {
            let answer = nobody.send("GET", KEYS, headers, None).await;
            refused(&answer, 401, "unauthorized", &[]);
            assert!(answer.header("www-authenticate").starts_with("Bearer "));
        }
        let path = format!("/api/v1/places/{}/people", program.it.place);
        let natively = program.actor.with(Some(program.token.clone()));
        natively.get(&path).await.problem(401, "unauthorized");
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_from_the_client_is_taken_from_the_token() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let own = &Parakey::client(&world).await;
        let path = format!("/api/v1/clients/{}", id(own));
        let scopes = json!({"scopes": ["people:read", "grants:read"]});
        world.admin.patch(&path, scopes).await.expect(200);
        let wish = json!({"insert": [super::item(&access, "ann@example.org", [None, None])]});
        refused(&program.manage(wish).await, 403, "forbidden", &[]);
        for path in ["/devices", "/accesses", "/eventLogs", "/domains"] {
            refused(&program.call("GET", path, Value::Null).await, 403, "forbidden", &[]);
        }
        program.get("/access-keys").await;
        // A token of several domains is for none.
        let other = world.admin.post("/api/v1/places", json!({"name": "Annex"})).await.expect(201);
        let places = json!({"place_ids": [program.it.place, id(&other)]});
        world.admin.patch(&path, places).await.expect(200);
        let answer = program.call("GET", "/access-keys", Value::Null).await;
        refused(&answer, 403, "forbidden", &[]);
        assert!(answer.body["message"].as_str().unwrap().contains("exactly one"));
        world.admin.delete(&path).await.expect(204);
        let answer = program.call("GET", "/access-keys", Value::Null).await;
        refused(&answer, 401, "unauthorized", &[]);
    })
    .await;
}

#[tokio::test]
async fn nobody_learns_anything_without_a_token() {
    on_each_engine(|world| async move {
        let revisions = world.revisions().await;
        let mut walked = 0;
        for route in claviger_web::vendor_routes() {
            if !route.path.starts_with("/compat/parakey/") {
                continue;
            }
            let path = route.path.replace("{id}", "1");
            let body = Some("{not json".to_owned());
            let answer = world.nobody().send(route.method, &path, &[], body).await;
            refused(&answer, 401, "unauthorized", &[]);
            walked += 1;
        }
        assert!(walked > 20, "{walked}");
        assert_eq!(world.revisions().await, revisions);
        for path in ["", "/", "/nothing", "/access-keys/1/2", "/eventLog"] {
            let path = format!("/compat/parakey{path}");
            let answer = world.nobody().send("GET", &path, &[], None).await;
            refused(&answer, 404, "notFound", &[]);
        }
        let answer = world.nobody().send("PATCH", KEYS, &[], None).await;
        refused(&answer, 405, "methodNotAllowed", &[]);
        assert!(answer.header("allow").contains("POST"));
    })
    .await;
}

#[tokio::test]
async fn a_new_secret_is_one_that_programs_can_send_and_the_native_api_takes_neither() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let own = &Parakey::client(&world).await;
        assert_eq!(own["kind"], "plain_token");
        let path = format!("/api/v1/clients/{}/rotate", id(own));
        let rotated = world.admin.post(&path, json!({})).await.expect(200);
        let fresh = rotated["secret"].as_str().unwrap().to_owned();
        assert!(fresh.len() == 32 && fresh != program.token, "{fresh}");
        let (nobody, native) = (world.nobody(), "/api/v1/me");
        for token in [&fresh, &program.token] {
            let headers = [("access-token", token.as_str())];
            assert_eq!(nobody.send("GET", KEYS, &headers, None).await.expect(200), json!([]));
            nobody.with(Some(token.clone())).get(native).await.problem(401, "unauthorized");
        }
        // Nobody makes such a client but the command line.
        let wish = json!({
            "name": "x", "kind": "plain_token", "scopes": ["people:read"],
            "place_ids": [program.it.place],
        });
        let refused = world.admin.post("/api/v1/clients", wish).await.problem(422, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], "/kind");
    })
    .await;
}
