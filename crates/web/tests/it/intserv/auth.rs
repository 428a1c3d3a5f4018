//! The one key of an integration, and who is refused what.

use claviger_app::Settings;
use serde_json::{Value, json};

use super::{Intserv, credentials, proximity, refused};
use crate::kit::field;
use crate::support::{World, id, on_each_engine};

const ADD: &str = "/compat/intserv/v1/accesskeys/add";

#[tokio::test]
async fn a_second_key_ends_the_first_at_once() {
    on_each_engine(|world| async move {
        let first = Intserv::at(&world).await;
        let key = first.card("EM:1").await;
        let clients = async || {
            let all = world.admin.get("/api/v1/clients").await.expect(200);
            let named = |it: &&Value| it["name"] == "IntServ integration";
            all["items"].as_array().unwrap().iter().filter(named).cloned().collect::<Vec<_>>()
        };
        let one = clients().await;
        let second = Intserv::at(&world).await;
        assert_eq!((one.len(), clients().await.len()), (1, 1), "one client, with another secret");
        assert_eq!(clients().await[0]["id"], one[0]["id"]);
        assert_ne!(first.actor.token, second.actor.token);
        let body = json!({ "id": key["id"] });
        let old = first.post("/accesskeys/add", body.clone()).await;
        refused(&old, 401, "Unauthorized", &[]);
        assert_eq!(old.header("www-authenticate"), "Bearer");
        first.actor.get("/api/v1/me").await.problem(401, "unauthorized");
        assert_eq!(second.add(body.clone()).await, key);
        // Other places have theirs.
        let other = Intserv::of(&world, world.here().neighbour("Next door").await).await;
        refused(&other.post("/accesskeys/add", body.clone()).await, 404, "AccessKeyNotFound", &[]);
        assert_eq!(second.add(body).await, key);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_made_again_works_whatever_was_made_of_it_since() {
    on_each_engine(|world| async move {
        let first = Intserv::at(&world).await;
        let key = first.card("EM:1").await;
        let all = world.admin.get("/api/v1/clients").await.expect(200);
        let named = |it: &&Value| it["name"] == "IntServ integration";
        let client = all["items"].as_array().unwrap().iter().find(named).unwrap().clone();
        let path = format!("/api/v1/clients/{}", id(&client));
        let narrow = json!({ "scopes": ["events:read"], "expires_at": "2999-01-01T00:00:00Z" });
        world.admin.patch(&path, narrow).await.expect(200);
        let body = json!({ "id": key["id"] });
        assert_eq!(first.post("/accesskeys/add", body.clone()).await.status, 403);
        let second = Intserv::at(&world).await;
        assert_eq!(second.add(body).await, key);
        let again = world.admin.get(&path).await.expect(200);
        assert_eq!(
            (&again["scopes"], &again["expires_at"]),
            (&client["scopes"], &Value::Null),
            "{again}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_key_lets_its_holder_do_no_more_than_this_api_does() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let me = program.actor.get("/api/v1/me").await.expect(200);
        let scopes = json!([
            "people:write",
            "credentials:write",
            "access_levels:read",
            "grants:write",
            "events:read",
        ]);
        assert_eq!(me["scopes"], scopes, "{me}");
        let it = program.it.seen_by(&program.actor);
        it.post("/locks", json!({ "name": "Door" })).await.problem(403, "forbidden_scope");
        program.actor.get("/api/v1/clients").await.problem(403, "forbidden_scope");
    })
    .await;
}

#[tokio::test]
async fn whoever_shows_no_key_of_an_integration_is_refused() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        // Whoever is known by another kind of key.
        let native = world.here().full_key().await;
        let before = world.revisions().await;
        let body = json!({ "key": proximity("EM:1") });
        for token in [None, Some("x"), Some("clvk_x"), Some("")] {
            let actor = world.nobody().with(token.map(str::to_owned));
            let answer = actor.post(ADD, body.clone()).await;
            refused(&answer, 401, "Unauthorized", &[]);
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        let key = program.actor.token.clone().unwrap();
        let basic = [("authorization", format!("Basic {key}"))];
        let basic = [(basic[0].0, basic[0].1.as_str())];
        let answer = world.nobody().send("POST", ADD, &basic, Some(body.to_string())).await;
        refused(&answer, 401, "Unauthorized", &[]);
        for actor in [&world.admin, &native] {
            refused(&actor.post(ADD, body.clone()).await, 403, "Forbidden", &["integration"]);
        }
        assert_eq!(world.revisions().await, before, "nothing was stored");
        // In either case of letters, with spaces.
        let spaced = [("authorization", format!("bearer  {key} "))];
        let spaced = [(spaced[0].0, spaced[0].1.as_str())];
        let answer = world.nobody().send("POST", ADD, &spaced, Some(body.to_string())).await;
        answer.expect(200);
    })
    .await;
}

#[tokio::test]
async fn every_path_needs_a_key_and_takes_post_alone() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let before = world.revisions().await;
        let mut rows = 0;
        for route in claviger_web::vendor_routes() {
            if !route.path.starts_with("/compat/intserv/") {
                continue;
            }
            rows += 1;
            assert!(!route.open && route.ids.is_empty(), "{}", route.path);
            for path in [route.path.to_owned(), format!("{}/", route.path)] {
                let body = Some("{}".to_owned());
                let answer = world.nobody().send("POST", &path, &[], body).await;
                refused(&answer, 401, "Unauthorized", &[]);
                let answer = program.actor.get(&path).await;
                refused(&answer, 405, "MethodNotAllowed", &["POST"]);
                assert_eq!(answer.header("allow"), "POST");
            }
        }
        assert_eq!(rows, 6);
        let nowhere = program.post("/appflows/auth_integration", json!({})).await;
        refused(&nowhere, 404, "PathNotFound", &[]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_lost_a_right_natively_is_told_which() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let root = &world.admin;
        let all = root.get("/api/v1/clients").await.expect(200);
        let all = all["items"].as_array().unwrap().clone();
        let own = all.iter().find(|it| it["name"] == "IntServ integration").unwrap();
        assert_eq!(own["external_id"], format!("intserv:{}", world.place));
        let path = format!("/api/v1/clients/{}", id(own));
        let scopes = json!({ "scopes": ["credentials:write", "people:write"] });
        root.patch(&path, scopes).await.expect(200);
        program.card("EM:1").await;
        let body = json!({ "key": proximity("EM:1"), "access_levels": [] });
        let answer = program.post("/accesskeys/add", body).await;
        refused(&answer, 403, "Forbidden", &["grants:write"]);
        // Deleted there it is unknown here; the next one is another client.
        root.delete(&path).await.expect(204);
        refused(&program.post("/accesslevels/list", json!({})).await, 401, "Unauthorized", &[]);
        credentials(&world, &world.place).await;
        let names = root.get("/api/v1/clients").await.expect(200);
        assert!(field(names["items"].as_array().unwrap(), "name").contains(&&own["name"]));
    })
    .await;
}

#[tokio::test]
async fn a_program_that_asks_too_often_is_told_when_to_come_back() {
    on_each_engine(|world: World| async move {
        let token = Intserv::at(&world).await.actor.token;
        let world = world.reopened(0, |it| Settings { rate_per_client: Some(3), ..it }).await;
        let program = Intserv { it: world.here(), actor: world.admin.with(token) };
        for _ in 0..3 {
            let answer = program.post("/accesslevels/list", json!({})).await;
            assert_eq!(answer.header("ratelimit-policy"), "\"client\";q=3;w=60");
            answer.expect(200);
        }
        let answer = program.post("/accesslevels/list", json!({})).await;
        refused(&answer, 429, "TooManyRequests", &[]);
        let wait: u32 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    })
    .await;
}
