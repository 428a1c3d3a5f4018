//! Nobody gets in without a secret that is good: every route of the router's own table.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes};
use axum::http::Request;
use claviger_web::Listed;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{Actor, Answer, World, id, on_each_engine};
use crate::tour::revisions;

/// The routes anybody may call, each for a reason: to ask how the server is, to read how to call
/// it, to prove who one is. At most ten.
const OPEN: &[&str] = &[
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /docs",
    "GET /api/v1/openapi.json",
    "POST /oauth/token",
    "POST /api/v1/session",
    "POST /api/v1/account/password-reset",
    "POST /api/v1/account/invitation",
];

const SOME_ID: &str = "0198c0de-0000-7000-8000-000000000000";

fn name(route: &Listed) -> String {
    format!("{} {}", route.method, route.path)
}

fn path(route: &Listed, world: &World) -> String {
    route.path.replace("{place}", &world.place).replace("{id}", SOME_ID)
}

#[track_caller]
fn refused(answer: Answer, what: &str) {
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"claviger\"", "{what}");
    assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    let body = answer.problem(401, "unauthorized");
    assert_eq!((&body["status"], &body["errors"]), (&json!(401), &json!([])), "{what}");
    assert!(body["request_id"].as_str().is_some_and(|it| it.len() > 4), "{what}");
}

#[test]
fn at_most_ten_routes_are_open_and_each_is_named() {
    let mut open: Vec<String> =
        claviger_web::routes().iter().filter(|it| it.open).map(name).collect();
    let mut allowed: Vec<&str> = OPEN.to_vec();
    open.sort();
    allowed.sort_unstable();
    assert_eq!(open, allowed);
    assert!(OPEN.len() <= 10);
    assert!(claviger_web::routes().len() > 80, "the table is the whole one");
}

#[test]
fn every_operation_of_the_document_is_in_the_table_and_the_other_way_round() {
    let document = claviger_web::openapi();
    let mut described: Vec<String> = Vec::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        for (verb, operation) in verbs.as_object().unwrap() {
            let listed = format!("{} {path}", verb.to_uppercase());
            let open = operation["security"].as_array().is_some_and(Vec::is_empty);
            assert_eq!(open, OPEN.contains(&listed.as_str()), "{listed} says who may call it");
            described.push(listed);
        }
    }
    let mut listed: Vec<String> = claviger_web::routes().iter().map(name).collect();
    listed
        .retain(|it| !["/healthz", "/readyz", "/metrics", "/docs"].iter().any(|p| it.ends_with(p)));
    listed.retain(|it| !it.ends_with("/openapi.json"));
    described.sort();
    listed.sort();
    assert_eq!(described, listed);
}

#[tokio::test]
async fn without_a_token_every_other_route_answers_401_before_the_body_is_read() {
    on_each_engine(|world| async move {
        let before = revisions(&world).await;
        let mut walked = 0;
        for route in claviger_web::routes().iter().filter(|it| !it.open) {
            let was_read = Arc::new(AtomicBool::new(false));
            let flag = was_read.clone();
            let body = futures_util::stream::once(async move {
                flag.store(true, Ordering::SeqCst);
                Ok::<_, std::convert::Infallible>(Bytes::from_static(b"{ malformed"))
            });
            let request = Request::builder()
                .method(route.method)
                .uri(path(route, &world))
                .header("content-type", "application/json")
                .header("content-length", "999999999999")
                .header("idempotency-key", "not read")
                .body(Body::from_stream(body))
                .unwrap();
            let response = world.router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 401, "{}", name(route));
            assert!(!was_read.load(Ordering::SeqCst), "{}: the body was read", name(route));

            let nobody = world.nobody();
            let url = path(route, &world);
            for headers in [
                &[][..],
                &[("authorization", "Bearer")],
                &[("authorization", "Bearer nonsense")],
                &[("authorization", "Bearer clvk_000000000000000000000000000000000000")],
                &[("authorization", "Basic YTpi")],
                &[("authorization", "nonsense")],
                &[("cookie", "__Host-claviger=clvs_000000000000000000000000000000000000")],
            ] {
                let answer =
                    nobody.send(route.method, &url, headers, Some("{ malformed".into())).await;
                refused(answer, &format!("{} with {headers:?}", name(route)));
            }
            // A path that names nothing says no more than one that names something.
            let garbage = route.path.replace("{place}", "no-place").replace("{id}", "%20");
            refused(nobody.send(route.method, &garbage, &[], None).await, &garbage);
            if route.method == "GET" {
                let head = nobody.send("HEAD", &url, &[], None).await;
                assert_eq!((head.status, head.text.as_str()), (401, ""), "HEAD {url}");
            }
            walked += 1;
        }
        assert!(walked > 80, "{walked} routes were walked");
        assert_eq!(revisions(&world).await, before, "nothing was stored");
    })
    .await;
}

#[tokio::test]
async fn open_routes_do_their_work_for_nobody_and_tell_nothing_of_a_place() {
    on_each_engine(|world| async move {
        let nobody = world.nobody();
        for route in OPEN {
            let (method, path) = route.split_once(' ').unwrap();
            let answer = nobody.send(method, path, &[], None).await;
            let wanted = if method == "GET" { 200 } else { 400 };
            assert_eq!(answer.status, wanted, "{route}: {}", answer.text);
            assert!(!answer.text.contains(&world.place), "{route}");
            assert!(!answer.text.contains("Main house"), "{route}");
        }
        let docs = nobody.get("/docs").await;
        assert!(docs.header("content-security-policy").contains("script-src 'sha256-"));
        for gone in ["/docs/docs.css", "/docs/docs.js", "/docs/", "/api/v1", "/", "/api/v1/people"]
        {
            assert_eq!(nobody.get(gone).await.status, 404, "{gone}");
        }
        nobody.send("TRACE", "/api/v1/places", &[], None).await.problem(405, "method_not_allowed");
    })
    .await;
}

/// The text with the character at `at` changed to another of its alphabet.
fn with_typo(secret: &str, at: usize) -> String {
    let mut bytes = secret.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
    String::from_utf8(bytes).unwrap()
}

async fn me(actor: &Actor) -> Answer {
    actor.get("/api/v1/me").await
}

async fn make_client(world: &World, kind: &str, more: Value) -> Value {
    let mut body = json!({
        "name": "a program", "kind": kind, "scopes": ["people:write", "locks:read"],
        "place_ids": [world.place],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.admin.post("/api/v1/clients", body).await.expect(201)
}

#[tokio::test]
async fn a_key_with_a_typo_is_refused_wherever_the_typo_is() {
    on_each_engine(|world| async move {
        let made = make_client(&world, "api_key", json!({})).await;
        let key = made["secret"].as_str().unwrap();
        assert!(key.starts_with("clvk_") && key.len() == 41, "{key}");
        let actor = |secret: &str| world.admin.with(Some(secret.to_owned()));
        assert_eq!(me(&actor(key)).await.expect(200)["id"], made["id"]);
        for at in 0..key.len() {
            refused(me(&actor(&with_typo(key, at))).await, &format!("a typo at {at}"));
        }
        refused(me(&actor(&key[..40])).await, "a key cut short");
        refused(me(&actor(&format!("{key}a"))).await, "a key with more");
        refused(me(&actor(&key.to_uppercase())).await, "a key in capitals");
        let shown = world.admin.get(&format!("/api/v1/clients/{}", id(&made))).await.expect(200);
        assert!(!shown.to_string().contains(key), "a secret is shown once");
    })
    .await;
}

#[tokio::test]
async fn one_kind_of_secret_is_not_taken_for_another() {
    on_each_engine(|world| async move {
        let actor = |secret: &str| world.admin.with(Some(secret.to_owned()));
        let oauth = make_client(&world, "oauth2", json!({})).await;
        let secret = oauth["secret"].as_str().unwrap();
        refused(me(&actor(secret)).await, "an OAuth2 secret is no bearer");
        let token = world.nobody().exchanged(id(&oauth), secret).await;
        assert_eq!(me(&token).await.expect(200)["id"], oauth["id"]);

        let key = make_client(&world, "api_key", json!({})).await;
        let exchange = json!({
            "grant_type": "client_credentials", "client_id": id(&key),
            "client_secret": key["secret"],
        });
        let answer = world.nobody().post("/oauth/token", exchange).await;
        assert_eq!(answer.expect(401)["error"], "invalid_client");

        refused(me(&actor(&world.setup_code)).await, "a set-up code is no bearer");
        let as_cookie = format!("__Host-claviger={}", token.token.as_deref().unwrap());
        for cookie in [as_cookie, format!("__Host-claviger={}", key["secret"].as_str().unwrap())] {
            let answer =
                world.nobody().send("GET", "/api/v1/me", &[("cookie", &cookie)], None).await;
            refused(answer, "a bearer secret is no session");
        }
        let redeem = json!({"setup_code": world.setup_code, "password": "correct horse battery"});
        let session = world.nobody().post("/api/v1/account/invitation", redeem).await;
        let cookie = session.header("set-cookie").to_owned();
        let session = cookie.split([';', '=']).nth(1).unwrap();
        refused(me(&actor(session)).await, "a session is no bearer");
        // A bearer that is wrong is not made good by a cookie that is right.
        let both = [("cookie", cookie.split(';').next().unwrap())];
        refused(actor("clvk_x").send("GET", "/api/v1/me", &both, None).await, "wrong bearer");
    })
    .await;
}

#[tokio::test]
async fn an_access_token_ends_after_an_hour_and_a_client_when_it_says() {
    on_each_engine(|world| async move {
        let expires_at = world.app.now().plus(1800 * 1_000_000).to_string();
        let brief = make_client(&world, "api_key", json!({"expires_at": expires_at})).await;
        let key = brief["secret"].as_str().unwrap().to_owned();
        let oauth = make_client(&world, "oauth2", json!({"expires_at": expires_at})).await;
        let oauth_secret = oauth["secret"].as_str().unwrap().to_owned();
        let token = world.nobody().exchanged(id(&oauth), &oauth_secret).await.token;
        let past = json!({
            "name": "late", "kind": "api_key", "scopes": ["people:read"],
            "place_ids": [world.place], "expires_at": "2001-01-01T00:00:00Z",
        });
        let late = world.admin.post("/api/v1/clients", past).await.problem(422, "invalid");
        assert_eq!(late["errors"][0]["pointer"], "/expires_at");
        me(&world.admin.with(Some(key.clone()))).await.expect(200);
        me(&world.admin.with(token.clone())).await.expect(200);

        let world = world.later(1700).await;
        me(&world.admin.with(Some(key.clone()))).await.expect(200);
        let world = world.later(1900).await;
        refused(me(&world.admin.with(Some(key))).await, "a client past its end");
        refused(me(&world.admin.with(token)).await, "a token of a client past its end");
        let exchange = json!({
            "grant_type": "client_credentials", "client_id": id(&oauth),
            "client_secret": oauth_secret,
        });
        let answer = world.nobody().post("/oauth/token", exchange).await;
        assert_eq!(answer.expect(401)["error"], "invalid_client");
        me(&world.admin).await.expect(200);

        let world = world.later(3500).await;
        me(&world.admin).await.expect(200);
        let world = world.later(3601).await;
        refused(me(&world.admin).await, "a token past its hour");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_deleted_or_narrowed_loses_it_at_once() {
    on_each_engine(|world| async move {
        let oauth = make_client(&world, "oauth2", json!({})).await;
        let secret = oauth["secret"].as_str().unwrap();
        let token = world.nobody().exchanged(id(&oauth), secret).await;
        let key = make_client(&world, "api_key", json!({})).await;
        let by_key = world.admin.with(Some(key["secret"].as_str().unwrap().to_owned()));
        let people = world.at("/people");
        for actor in [&token, &by_key] {
            actor.post(&people, json!({"first_name": "Ann"})).await.expect(201);
        }
        for client in [&oauth, &key] {
            let one = format!("/api/v1/clients/{}", id(client));
            let narrow = json!({"scopes": ["locks:read"]});
            world.admin.patch(&one, narrow).await.expect(200);
        }
        for actor in [&token, &by_key] {
            let answer = actor.post(&people, json!({"first_name": "Bo"})).await;
            answer.problem(403, "forbidden_scope");
            actor.get(&people).await.problem(403, "forbidden_scope");
            actor.get(&world.at("/locks")).await.expect(200);
        }
        for client in [&oauth, &key] {
            let one = format!("/api/v1/clients/{}", id(client));
            world.admin.delete(&one).await.expect(204);
            world.admin.get(&one).await.problem(404, "not_found");
        }
        refused(token.get(&people).await, "a token of a deleted client");
        refused(by_key.get(&people).await, "a deleted key");
        let people = world.admin.get(&people).await.expect(200);
        assert_eq!(people["items"].as_array().unwrap().len(), 2, "{people}");
    })
    .await;
}

#[tokio::test]
async fn a_rotated_secret_works_for_another_day() {
    on_each_engine(|world| async move {
        let key = make_client(&world, "api_key", json!({})).await;
        let rotate = format!("/api/v1/clients/{}/rotate", id(&key));
        let rotated = world.admin.post(&rotate, json!({})).await.expect(200);
        let (old, new) = (
            key["secret"].as_str().unwrap().to_owned(),
            rotated["secret"].as_str().unwrap().to_owned(),
        );
        assert_ne!(old, new);
        let holds = |world: &World, secret: &str| world.admin.with(Some(secret.to_owned()));
        me(&holds(&world, &old)).await.expect(200);
        me(&holds(&world, &new)).await.expect(200);
        let world = world.later(24 * 3600 + 1).await;
        refused(me(&holds(&world, &old)).await, "the former secret after a day");
        me(&holds(&world, &new)).await.expect(200);
    })
    .await;
}
