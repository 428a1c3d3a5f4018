//! Requests through the router: who is let in, what is refused and how, in which order.

use std::convert::Infallible;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::api::demo::{Caller, table};

const ID: &str = "018bcfe5-6800-7000-8000-000000000001";
const PEOPLE: &str = "/api/v1/places/external:hq/people";
const JSON: (&str, &str) = ("content-type", "application/json");
const ANN: (&str, &str) = ("authorization", "Bearer ann");

fn authenticate<'a>(
    _: &'a (),
    parts: &'a Parts,
    route: &'a Route<Handler<(), Caller>>,
    _: &'a [(String, String)],
) -> Boxed<'a, Result<Caller, Problem>> {
    Box::pin(async move {
        let known = request::header(&parts.headers, "authorization");
        match known.and_then(|header| header.strip_prefix("Bearer ")) {
            Some("guest") if matches!(route.access, Access::Scope(_)) => {
                Err(Problem::new(Code::ForbiddenScope, "A guest may not."))
            }
            Some(name) => Ok(name.to_owned()),
            None => Err(Problem::new(Code::Unauthorized, "Send a bearer token.")),
        }
    })
}

fn app() -> Router {
    let ids = RequestIds::new("t".to_owned());
    let fallback = ids.clone();
    let counted: Counted = Arc::new(|_, _, _| ());
    let server = Server { state: Arc::new(()), authenticate, ids, counted };
    router(server, &table()).fallback(move || async move { nothing_here(&fallback) })
}

async fn send(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app().oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

async fn body(response: Response<Body>) -> Value {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() }
}

/// Sends and expects a problem of that code; returns it.
async fn refused(
    code: Code,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    sent: impl Into<Body>,
) -> Value {
    let response = send(method, path, headers, sent).await;
    assert_eq!(response.status().as_u16(), code.status(), "{method} {path}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem = body(response).await;
    assert_eq!(problem["code"], code.as_str(), "{problem}");
    assert_eq!(problem["request_id"], id.as_str());
    assert_eq!(problem["status"], code.status());
    problem
}

#[tokio::test]
async fn nobody_is_let_in_before_the_body_is_read() {
    for route in table().iter().filter(|route| route.access != Access::Open) {
        let path = route.path.replace("{place}", "nonsense").replace("{id}", ID);
        // The body never ends: only a refusal that does not read it can come.
        let endless =
            Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
        let response = send(route.method.as_str(), &path, &[JSON], endless).await;
        assert_eq!(response.status(), 401, "{}", route.operation_id);
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"claviger\"");
    }
    let guest = ("authorization", "Bearer guest");
    refused(Code::ForbiddenScope, "POST", PEOPLE, &[guest, JSON], "{").await;
}

#[tokio::test]
async fn paths_and_methods() {
    refused(Code::NotFound, "GET", "/api/v1/nothing", &[ANN], "").await;
    refused(Code::NotFound, "GET", &format!("{PEOPLE}/"), &[ANN], "").await;
    let problem = refused(Code::NotFound, "GET", "/api/v1/places/hq/people", &[ANN], "").await;
    assert!(problem["detail"].as_str().unwrap().starts_with("place in the path must be an id"));
    refused(Code::NotFound, "GET", &format!("{PEOPLE}/%ff"), &[ANN], "").await;
    // What is put is named by the caller's own id; other routes may take UUIDs only.
    refused(Code::NotFound, "PUT", &format!("{PEOPLE}/{ID}"), &[ANN, JSON], "{}").await;
    let own = "/api/v1/places/external:hq/schedules/external:x/occurrences";
    refused(Code::NotFound, "GET", own, &[ANN], "").await;

    let response = send("POST", &format!("{PEOPLE}/{ID}"), &[ANN], "").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, PATCH, PUT, DELETE, HEAD");
    refused(Code::MethodNotAllowed, "TRACE", PEOPLE, &[], "").await;
    assert_eq!(send("HEAD", PEOPLE, &[ANN], "").await.status(), 200);
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let long = format!("{{\"note\":\"{}\"}}", "x".repeat(5000));
    refused(Code::TooLarge, "POST", PEOPLE, &[ANN, JSON], long.clone()).await;
    let chunks = futures_util::stream::iter(
        long.into_bytes()
            .chunks(700)
            .map(|chunk| Ok::<_, Infallible>(chunk.to_vec()))
            .collect::<Vec<_>>(),
    );
    refused(Code::TooLarge, "POST", PEOPLE, &[ANN, JSON], Body::from_stream(chunks)).await;
    for media in ["text/plain", "application/json; charset=latin1", "", "application/xml"] {
        let media = ("content-type", media);
        refused(Code::UnsupportedMediaType, "POST", PEOPLE, &[ANN, media], "{}").await;
    }
    refused(Code::UnsupportedMediaType, "POST", PEOPLE, &[ANN], "{}").await;
    for bad in ["", "{", "{} {}", "{\"note\":1,\"note\":2}", "\u{0}"] {
        refused(Code::MalformedJson, "POST", PEOPLE, &[ANN, JSON], bad).await;
    }
    let broken = Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(
        std::io::Error::other("gone"),
    )]));
    refused(Code::MalformedRequest, "POST", PEOPLE, &[ANN, JSON], broken).await;
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let path = format!("{PEOPLE}?dry_run=true&x=1");
    let key = ("idempotency-key", "has space");
    let sent = json!({ "phone": "070 1", "nick": 1 }).to_string();
    let problem = refused(Code::Invalid, "POST", &path, &[ANN, JSON, key], sent).await;
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["?dry_run", "?x", "/phone", "/nick", "Idempotency-Key:"]);

    for (query, pointer, code) in [
        ("limit=0", "?limit", "out_of_range"),
        ("limit=1001", "?limit", "out_of_range"),
        ("limit=+1", "?limit", "wrong_type"),
        ("limit=1&limit=1", "?limit", "duplicate"),
        ("email=ann", "?email", "bad_format"),
        ("state=gone", "?state", "not_a_choice"),
        ("after=abc", "?after", "bad_cursor"),
        ("after=", "?after", "too_short"),
        ("=", "?", "unknown_parameter"),
    ] {
        let path = format!("{PEOPLE}?{query}");
        let problem = refused(Code::Invalid, "GET", &path, &[ANN], "").await;
        let error = &problem["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{query}");
    }
    let path = format!("/api/v1/places/{ID}/schedules/{ID}/occurrences?from=2026-01-01T00:00:00Z");
    let problem = refused(Code::Invalid, "GET", &path, &[ANN], "").await;
    assert_eq!(problem["errors"][0]["pointer"], "?until");
    let stale = [ANN, ("claviger-at-least", "-1")];
    refused(Code::Invalid, "GET", PEOPLE, &stale, "").await;
}

#[tokio::test]
async fn what_is_right_reaches_the_handler() {
    let sent = json!({ "first_name": "Ann" });
    let key = ("idempotency-key", "k-1");
    let response = send("POST", PEOPLE, &[ANN, JSON, key], sent.to_string()).await;
    assert_eq!(response.status(), 201);
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!((header("location"), header("claviger-revision")), ("/there", "7"));
    assert_eq!(
        (header("cache-control"), header("x-content-type-options")),
        ("no-store", "nosniff")
    );
    assert!(header("etag").starts_with("\"r7-"));
    let seen = body(response).await;
    assert_eq!((&seen["body"], &seen["caller"]), (&sent, &json!("ann")));
    assert_eq!(seen["key"], "k-1");

    let path = format!("{PEOPLE}/external:a%2Db");
    let put = json!({ "external_id": "a-b" }).to_string();
    let seen = body(send("PUT", &path, &[ANN, JSON], put).await).await;
    assert_eq!(seen["path"], "external:a-b");
    let other = json!({ "external_id": "other" }).to_string();
    refused(Code::Invalid, "PUT", &path, &[ANN, JSON], other).await;

    // An action's body may be left out altogether.
    assert_eq!(send("POST", "/api/v1/act", &[ANN], "").await.status(), 201);
    let charset = ("content-type", "application/json;charset=UTF-8");
    assert_eq!(send("POST", "/api/v1/act", &[ANN, charset], "{}").await.status(), 201);
    refused(Code::Invalid, "POST", "/api/v1/act", &[ANN, JSON], "[]").await;
}

#[tokio::test]
async fn pages_follow_their_cursors() {
    let mut path = format!("{PEOPLE}?limit=100");
    let mut seen = Vec::new();
    loop {
        let page = body(send("GET", &path, &[ANN], "").await).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item.as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{PEOPLE}?limit=100&after={next}");
    }
    assert!(seen.into_iter().eq(1..=250));
    let cursor = path.rsplit('=').next().unwrap();
    let elsewhere = format!("/api/v1/places/{ID}/people?after={cursor}");
    refused(Code::Invalid, "GET", &elsewhere, &[ANN], "").await;
}

#[tokio::test]
async fn tags_of_reads_and_writes() {
    let path = format!("{PEOPLE}/{ID}");
    let response = send("GET", &path, &[ANN], "").await;
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let again = send("GET", &path, &[ANN, ("if-none-match", &tag)], "").await;
    assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, &*tag));
    assert_eq!(body(again).await, Value::Null);
    let page = send("GET", PEOPLE, &[ANN], "").await;
    assert!(page.headers()["etag"].to_str().unwrap().starts_with("\"h-"));

    let fresh = [ANN, JSON, ("if-match", &*tag)];
    assert_eq!(send("PATCH", &path, &fresh, "{}").await.status(), 200);
    let stale = [ANN, JSON, ("if-match", "\"r6-0\"")];
    refused(Code::Stale, "PATCH", &path, &stale, "{}").await;

    let plan = send("DELETE", &format!("{path}?dry_run=true"), &[ANN], "").await;
    assert_eq!(plan.headers()["etag"], "\"plan-0a\"");
    let demand = [ANN, ("if-match", "\"plan-0a\"")];
    assert_eq!(send("DELETE", &path, &demand, "").await.status(), 204);
    let demand = [ANN, ("if-match", "\"plan-0b\"")];
    refused(Code::Stale, "DELETE", &path, &demand, "").await;
}

#[tokio::test]
async fn a_panic_reaches_nobody() {
    let problem = refused(Code::Internal, "DELETE", &format!("{PEOPLE}/{ID}"), &[ANN], "").await;
    assert!(!problem.to_string().contains("slip"));
}

#[tokio::test]
async fn the_token_route_speaks_as_rfc_6749_says() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let sent = "grant_type=client_credentials&scope=people%3Aread+locks%3Aread&resource=x";
    let seen = body(send("POST", "/oauth/token", &[form], sent).await).await;
    assert_eq!(seen["body"]["scope"], "people:read locks:read");
    for (sent, error) in [
        ("grant_type=password", "unsupported_grant_type"),
        ("", "invalid_request"),
        ("grant_type=client_credentials&scope=+", "invalid_scope"),
        ("grant_type=client_credentials&scope=a&scope=b", "invalid_request"),
    ] {
        let response = send("POST", "/oauth/token", &[form], sent).await;
        assert_eq!(response.status(), 400, "{sent}");
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(body(response).await["error"], error, "{sent}");
    }
    // No other route takes a form.
    refused(Code::UnsupportedMediaType, "POST", PEOPLE, &[ANN, form], "a=b").await;
}
