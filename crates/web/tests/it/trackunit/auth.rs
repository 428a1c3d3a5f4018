//! Tokens: both ways to send one, and what is no token.

use serde_json::{Value, json};

use super::{Trackunit, basic, refused};
use crate::support::{id, on_each_engine};

const KEYS: &str = "/compat/trackunit/public/Key";

#[tokio::test]
async fn a_token_is_sent_as_a_password_or_in_the_query() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let token = &program.token;
        assert_eq!(token.len(), 32);
        assert!(token.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let nobody = &program.actor;
        for query in [format!("?token={token}"), format!("?TOKEN={token}&format=json")] {
            nobody.get(&format!("{KEYS}{query}")).await.expect(200);
        }
        let good = basic("API", token);
        let lower = good.replacen("Basic", "basic", 1);
        for header in [&good, &lower] {
            nobody.send("GET", KEYS, &[("authorization", header)], None).await.expect(200);
        }
        let wrong = "0".repeat(32);
        for query in ["", "?token=", &format!("?token={wrong}"), &format!("?token={token}&token=")]
        {
            refused(&nobody.get(&format!("{KEYS}{query}")).await, 401, "unauthorized", &[]);
        }
        for header in [
            basic("API", &wrong),
            basic("api", token),
            basic("", token),
            basic("API", ""),
            basic("API", &token.to_uppercase()),
            format!("Bearer {token}"),
            "Basic".to_owned(),
            "Basic %%%".to_owned(),
        ] {
            // A header that is wrong is not made good by a query.
            let path = format!("{KEYS}?token={token}");
            let answer = nobody.send("GET", &path, &[("authorization", &header)], None).await;
            refused(&answer, 401, "unauthorized", &[]);
            assert!(answer.header("www-authenticate").starts_with("Basic "));
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_here_is_none_natively_and_the_other_way_round() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let bearer = program.actor.with(Some(program.token.clone()));
        let path = format!("/api/v1/places/{}/credentials", program.it.place);
        bearer.get(&path).await.problem(401, "unauthorized");
        let native = program.it.full_key().await.token.unwrap();
        for path in [format!("{KEYS}?token={native}"), KEYS.to_owned()] {
            let header = basic("API", &native);
            let header = [("authorization", header.as_str())];
            let answer = program.actor.send("GET", &path, &header, None).await;
            refused(&answer, 401, "unauthorized", &[]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_from_the_client_is_taken_from_the_token() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let clients = world.admin.get("/api/v1/clients?limit=1000").await.expect(200);
        let own = clients["items"].as_array().unwrap().iter();
        let own = own.filter(|it| it["name"] == "Trackunit client").collect::<Vec<_>>();
        let [own] = own.as_slice() else { panic!("{clients}") };
        let path = format!("/api/v1/clients/{}", id(own));
        let scopes = json!({ "scopes": ["credentials:read", "grants:read"] });
        world.admin.patch(&path, scopes).await.expect(200);
        let body = json!({ "name": "Ann", "serialNumber": "AB" });
        refused(&program.call("POST", "/Key", body).await, 403, "forbidden", &[]);
        program.get("/Key").await.expect(200);
        refused(&program.get("/Unit").await, 403, "forbidden", &[]);
        world.admin.delete(&path).await.expect(204);
        refused(&program.get("/Key").await, 401, "unauthorized", &[]);
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_with_its_client_and_a_day_after_it_was_rotated() {
    on_each_engine(|world| async move {
        let one = Trackunit::at(&world).await;
        let two = Trackunit::at(&world).await;
        assert_ne!(one.token, two.token);
        one.get("/Key").await.expect(200);
        two.get("/Key").await.expect(200);
        let clients = world.admin.get("/api/v1/clients?limit=1000").await.expect(200);
        let own = clients["items"].as_array().unwrap().iter();
        let mut own = own.filter(|it| it["name"] == "Trackunit client").map(id);
        let (first, second) = (own.next().unwrap(), own.next().unwrap());
        assert_eq!(own.next(), None);
        let rotate = format!("/api/v1/clients/{first}/rotate");
        let rotated = world.admin.post(&rotate, json!({})).await.expect(200);
        let header = basic("API", rotated["secret"].as_str().unwrap());
        let fresh = one.actor.send("GET", KEYS, &[("authorization", &header)], None).await;
        fresh.expect(200);
        world.admin.delete(&format!("/api/v1/clients/{second}")).await.expect(204);
        refused(&two.get("/Key").await, 401, "unauthorized", &[]);
        one.get("/Key").await.expect(200);
        let world = world.later(86_300).await;
        let one = one.on(&world);
        one.get("/Key").await.expect(200);
        let world = world.later(86_410).await;
        refused(&one.on(&world).get("/Key").await, 401, "unauthorized", &[]);
    })
    .await;
}

#[tokio::test]
async fn nobody_learns_anything_without_a_token() {
    on_each_engine(|world| async move {
        let revisions = world.revisions().await;
        for route in claviger_web::vendor_routes() {
            if !route.path.starts_with("/compat/trackunit/") {
                continue;
            }
            let path = route.path.replace("{id}", "1");
            let body = Some("{not json".to_owned());
            let answer = world.nobody().send(route.method, &path, &[], body).await;
            refused(&answer, 401, "unauthorized", &[]);
        }
        assert_eq!(world.revisions().await, revisions);
        for path in ["", "/", "/public", "/public/Nothing", "/public/Key/1/2", "/private/Login"] {
            let path = format!("/compat/trackunit{path}");
            let answer = world.nobody().send("GET", &path, &[], None).await;
            assert!(answer.text.contains("responseStatus"), "{path}: {}", answer.text);
            refused(&answer, 404, "notFound", &[]);
        }
        let path = format!("{KEYS}?format=xml");
        let answer = world.nobody().send("PATCH", &path, &[], None).await;
        refused(&answer, 404, "notFound", &[]);
        assert!(answer.header("allow").contains("GET"));
        assert_eq!(answer.body["responseStatus"]["stackTrace"], Value::Null);
    })
    .await;
}
