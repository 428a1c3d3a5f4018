//! Programs that run in a browser, on a page of another origin than the server: which of them may
//! read what is answered, and what they are told before they call.

use std::collections::BTreeMap;

use claviger_app::Settings;
use serde_json::{Value, json};

use super::super::{Tapkey, refused};
use super::{AUTHORIZE, BACK, TOKEN, VERIFIER, account, form, holder, registered};
use crate::support::{Actor, Answer, World, on_each_engine};

/// Where the page of a program is that people are sent back to at [`BACK`].
const PAGE: &str = "https://app.example.org";
const DISCOVERY: &str = "/compat/tapkey/.well-known/openid-configuration";
const OWNERS: &str = "/compat/tapkey/api/v1/owners";
const ALLOWED: &str = "access-control-allow-origin";

/// What a browser asks before a page of an origin calls.
async fn asks(actor: &Actor, path: &str, origin: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("origin", origin), ("access-control-request-method", "GET")];
    headers.extend(more);
    actor.send("OPTIONS", path, &headers, None).await
}

/// A call by a page of an origin.
async fn calls(actor: &Actor, method: &str, path: &str, origin: &str, body: Value) -> Answer {
    let sent = (!body.is_null()).then(|| body.to_string());
    actor.send(method, path, &[("origin", origin)], sent).await
}

/// The answer may be read by that page, and names what may be read of its head.
#[track_caller]
fn readable(answer: &Answer) {
    assert_eq!(answer.header(ALLOWED), PAGE, "{} {}", answer.status, answer.text);
    assert_eq!(answer.header("vary"), "Origin");
    let exposed = answer.header("access-control-expose-headers");
    for name in ["X-Total-Count", "Retry-After", "WWW-Authenticate", "RateLimit-Policy"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    never_by_cookie(answer);
}

/// Nothing of the answer is for pages of other origins.
#[track_caller]
fn unreadable(answer: &Answer) {
    let names = answer.headers.keys().map(|name| name.as_str());
    let said: Vec<&str> = names.filter(|name| name.starts_with("access-control-")).collect();
    assert!(said.is_empty(), "{} {said:?}", answer.status);
}

#[track_caller]
fn never_by_cookie(answer: &Answer) {
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
}

fn filled(path: &str) -> String {
    let part = |part: &str| match part.starts_with('{') {
        true => "x".to_owned(),
        false => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_page_is_told_what_it_may_call_without_a_token() {
    on_each_engine(|world| async move {
        registered(&world, "public").await;
        let before = world.revisions().await;
        let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for route in claviger_web::vendor_routes() {
            methods.entry(route.path).or_default().push(route.method);
        }
        let nobody = world.nobody();
        let is_ours = |path: &&&str| path.starts_with("/compat/tapkey/");
        assert!(methods.keys().filter(is_ours).count() > 25);
        for (path, methods) in methods {
            let asked = [("access-control-request-headers", "authorization,x-odd")];
            let answer = asks(&nobody, &filled(path), PAGE, &asked).await;
            if !path.starts_with("/compat/tapkey/") || path == AUTHORIZE {
                assert!([404, 405].contains(&answer.status), "{path}");
                unreadable(&answer);
                continue;
            }
            assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
            assert_eq!(answer.header(ALLOWED), PAGE);
            assert_eq!(answer.header("access-control-allow-methods"), methods.join(", "));
            assert_eq!(answer.header("access-control-allow-headers"), "authorization,x-odd");
            assert_eq!(answer.header("access-control-max-age"), "600");
            for name in
                ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"]
            {
                assert!(answer.header("vary").split(", ").any(|it| it == name));
            }
            never_by_cookie(&answer);
        }
        for asked in ["", "a b", "x:y", &"x".repeat(1025)] {
            let asked = [("access-control-request-headers", asked)];
            let answer = asks(&nobody, OWNERS, PAGE, &asked).await;
            let usual = "Authorization, Content-Type";
            assert_eq!(answer.header("access-control-allow-headers"), usual);
        }
        // As before where no page asks, and where nothing is.
        for headers in [&[("origin", PAGE)][..], &[("access-control-request-method", "GET")]] {
            let answer = nobody.send("OPTIONS", OWNERS, headers, None).await;
            assert_eq!(answer.header("allow"), "GET, PUT, HEAD");
            refused(&answer, 405, "MethodNotAllowed", &[]);
        }
        let answer = asks(&nobody, "/compat/tapkey/api/v1/nothing", PAGE, &[]).await;
        refused(&answer, 404, "NotFound", &[]);
        // Natively there are no pages of others.
        let answer = asks(&nobody, "/api/v1/places", PAGE, &[]).await;
        assert_eq!(answer.status, 405);
        unreadable(&answer);
        assert_eq!(world.revisions().await, before, "and nothing is stored");
    })
    .await;
}

#[tokio::test]
async fn every_answer_may_be_read_by_a_programs_page_and_none_by_another() {
    on_each_engine(|world| async move {
        account(&world).await;
        let page = registered(&world, "public").await;
        let code = page.code(&world, "read:core:entities write:grants read:logs").await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
            ("client_id", &page.id),
        ];
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let headers = [kind, ("origin", PAGE)];
        let nobody = world.nobody();
        let answer = nobody.send("POST", TOKEN, &headers, Some(form(&fields))).await;
        readable(&answer);
        assert_eq!(answer.header("cache-control"), "no-store");
        let tokens = answer.expect(200);
        let answer = nobody.send("POST", TOKEN, &headers, Some(form(&fields))).await;
        readable(&answer);
        assert_eq!(answer.expect(400)["error"], "invalid_grant");

        let actor = holder(&world, &page.tokens(&world, "read:logs read:core:entities").await);
        assert_ne!(actor.token.as_deref(), tokens["access_token"].as_str());
        let own = format!("{OWNERS}/{}", world.place);
        let missing = format!("{own}/contacts/{}", super::super::NOBODYS);
        for (actor, method, path, status) in [
            (&nobody, "GET", DISCOVERY, 200),
            (&nobody, "GET", &*format!("{DISCOVERY}/jwks"), 200),
            (&nobody, "HEAD", DISCOVERY, 200),
            (&nobody, "POST", TOKEN, 400),
            (&nobody, "GET", OWNERS, 401),
            (&nobody, "GET", "/compat/tapkey/api/v1/nothing", 404),
            (&actor, "GET", &*format!("{own}/contacts?$count=true"), 200),
            (&actor, "GET", &*format!("{own}/LogEntries"), 200),
            (&actor, "GET", &*format!("{own}/contacts?filter=x"), 400),
            (&actor, "GET", OWNERS, 403),
            (&actor, "GET", &*missing, 404),
            (&actor, "DELETE", OWNERS, 405),
        ] {
            let answer = calls(actor, method, path, PAGE, Value::Null).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
            readable(&answer);
            // As from anybody, it runs; the browser keeps the answer from the page.
            for origin in ["https://evil.example", "null"] {
                let answer = calls(actor, method, path, origin, Value::Null).await;
                assert_eq!((answer.status, answer.header("vary")), (status, "Origin"), "{path}");
                unreadable(&answer);
            }
            let answer = actor.send(method, path, &[], None).await;
            assert_eq!((answer.status, answer.header("vary")), (status, "Origin"), "{path}");
            unreadable(&answer);
        }
        // People go to the pages; no page reads them.
        let shown = format!("{AUTHORIZE}?{}", form(&page.asks(&[("scope", "read:logs")])));
        for (method, path) in [("GET", &*shown), ("POST", AUTHORIZE)] {
            unreadable(&calls(&nobody, method, path, PAGE, Value::Null).await);
        }
        unreadable(&calls(&world.admin, "GET", "/api/v1/places", PAGE, Value::Null).await);
    })
    .await;
}

#[tokio::test]
async fn a_page_that_asks_too_often_reads_when_to_come_again() {
    on_each_engine(|world| async move {
        registered(&world, "public").await;
        let program = Tapkey::at(&world).await;
        let limit = |it| Settings { rate_per_client: Some(2), ..it };
        let world = world.reopened(0, limit).await;
        let actor = world.again(&program.actor);
        for _ in 0..5 {
            assert_eq!(asks(&actor, OWNERS, PAGE, &[]).await.status, 204, "none is counted");
        }
        for status in [200, 200, 429] {
            let answer = calls(&actor, "GET", OWNERS, PAGE, Value::Null).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("retry-after").is_empty(), status == 200);
            readable(&answer);
        }
    })
    .await;
}

/// Whether a page of that origin may read, before it calls and when it does.
async fn may_read(world: &World, origin: &str) -> bool {
    let nobody = world.nobody();
    let asked = asks(&nobody, OWNERS, origin, &[]).await;
    let called = calls(&nobody, "GET", DISCOVERY, origin, Value::Null).await;
    assert_eq!(called.status, 200);
    match called.headers.contains_key(ALLOWED) {
        true => {
            assert_eq!((asked.status, asked.header(ALLOWED)), (204, origin));
            assert_eq!(called.header(ALLOWED), origin);
            true
        }
        false => {
            refused(&asked, 403, "Forbidden", &["redirect_uri"]);
            unreadable(&asked);
            unreadable(&called);
            false
        }
    }
}

async fn makes(world: &World, kind: &str, addresses: &[&str]) -> String {
    let body = json!({
        "name": "Page", "kind": kind, "scopes": [], "place_ids": [world.place],
        "redirect_uris": addresses,
    });
    let made = world.admin.post("/api/v1/clients", body).await.expect(201);
    format!("/api/v1/clients/{}", crate::support::id(&made))
}

#[tokio::test]
async fn an_origin_is_known_while_a_program_has_a_redirect_address_there() {
    on_each_engine(|world| async move {
        assert!(!may_read(&world, PAGE).await, "nobody is there yet");
        let addresses = ["https://App.Example.org:443/done", "org.example.app:/done"];
        let path = makes(&world, "public", &addresses).await;
        makes(&world, "oauth2", &["http://[::1]:5000/", "http://localhost/x"]).await;
        for origin in [PAGE, "http://[::1]:5000", "http://localhost"] {
            assert!(may_read(&world, origin).await, "{origin}");
        }
        for origin in [
            "null",
            "",
            "*",
            "http://app.example.org",
            "https://app.example.org:8443",
            "https://app.example.org:443",
            "https://app.example.org/",
            "https://app.example.org/done",
            "https://App.example.org",
            "https://app.example.org.evil.example",
            "https://evil.app.example.org",
            "https://app.example.org, https://app.example.org",
            "org.example.app:",
            "org.example.app:/done",
            "http://[::1]",
            "http://localhost:8080",
        ] {
            assert!(!may_read(&world, origin).await, "{origin}");
        }
        let twice = [("origin", PAGE), ("origin", PAGE)];
        unreadable(&world.nobody().send("GET", DISCOVERY, &twice, None).await);

        let elsewhere = json!({ "redirect_uris": ["https://b.example.org/"] });
        world.admin.patch(&path, elsewhere).await.expect(200);
        assert!(!may_read(&world, PAGE).await);
        assert!(may_read(&world, "https://b.example.org").await);
        let other = makes(&world, "public", &["https://b.example.org/too"]).await;
        world.admin.delete(&other).await.expect(204);
        assert!(may_read(&world, "https://b.example.org").await, "the first is there still");
        let ends = world.app.now().plus(1_800_000_000).to_string();
        world.admin.patch(&path, json!({ "expires_at": ends })).await.expect(200);
        assert!(may_read(&world, "https://b.example.org").await);
        let world = world.later(1801).await;
        assert!(!may_read(&world, "https://b.example.org").await);
        let admin = world.admin.clone();
        let gone = makes(&world, "public", &["https://c.example.org/"]).await;
        assert!(may_read(&world, "https://c.example.org").await);
        admin.delete(&gone).await.expect(204);
        assert!(!may_read(&world, "https://c.example.org").await);
    })
    .await;
}
