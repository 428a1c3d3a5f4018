//! A day in a house whose locks have no network, told by the simulator against a server.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use claviger_sim::Login;
use claviger_sim::offline::{OfflineTally, Size};
use claviger_store::Location;
use claviger_store::testing::engines;
use serde_json::{Value, json};

use crate::client::Client;
use crate::run::{Ended, Temporary, claviger, get};

/// The lines of a story without the times in them.
fn story(ended: &Ended) -> Vec<String> {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let timeless = |line: &str| {
        let line = line.split_once("  ").map_or(line, |it| it.1);
        let moments = ["latest possible use", "that ends at"];
        let end = moments.iter().filter_map(|it| line.find(it)).min().unwrap_or(line.len());
        line[..end].to_owned()
    };
    ended.out.lines().map(timeless).collect()
}

#[test]
fn a_day_is_told_and_holds_on_both_engines() {
    let temporary = Temporary::new();
    let mut stories = Vec::new();
    for location in engines() {
        let (data, url) = match &location {
            Location::Sqlite(_) => (temporary.data("sqlite"), None),
            Location::Postgres(url) => (temporary.data("postgres"), Some(url.clone())),
        };
        let database = url.iter().flat_map(|url| ["--database-url", url]).collect::<Vec<_>>();
        let server = data.serve_with(&database);
        let setup = ["setup", "--organization", "Org", "--place", "House", "--json"];
        let made = data.run(&[&setup[..], &database].concat()).json();
        let (place, id) = (get(&made, "/place/id"), get(&made, "/client/id"));
        let secret = get(&made, "/client/secret");
        let login = ["--place", &place, "--client-id", &id, "--client-secret", &secret];
        let fixed = ["sim", "--url", &server.url, "--offline", "--seed", "3"];
        let told = claviger(&[&fixed[..], &login].concat());
        for what in ["moves out", "0 of 5 locks know", "5 of 5 locks know; revoked everywhere"] {
            assert!(told.out.contains(what), "{what}: {told:?}");
        }
        assert!(told.out.contains("latest possible use "), "{told:?}");
        stories.push(story(&told));
        // Nothing of the house is left, and the same seed tells the same again.
        let client = Client::new(&server.url, &made);
        for noun in ["/people", "/locks", "/access-levels"] {
            assert_eq!(client.list(noun), Vec::<Value>::new(), "{noun}");
        }
        let again = claviger(&[&fixed[..], &login].concat());
        stories.push(story(&again));
        let tally = claviger(&[&fixed[..], &login, &["--json"]].concat()).json();
        assert_eq!(tally["surprises"], 0, "{tally}");
        for what in ["opened", "refused", "lists", "receipts", "attacks", "failures", "checks"] {
            assert!(tally[what].as_u64() > Some(0), "{what}: {tally}");
        }
        server.stop();
    }
    assert!(stories.windows(2).all(|pair| pair[0] == pair[1]), "{stories:#?}");
}

/// Changes an answer to a request.
type Lie = fn(&Method, &str, &mut Value);

/// The address of somebody between a server and its clients who changes answers.
async fn liar(server: String, lie: Lie) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let between = move |request: Request| passed(http.clone(), server.clone(), lie, request);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(between);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn passed(http: reqwest::Client, server: String, lie: Lie, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut sent = http.request(head.method.clone(), format!("{server}{}", head.uri)).body(body);
    for name in ["authorization", "content-type"] {
        if let Some(value) = head.headers.get(name) {
            sent = sent.header(name, value);
        }
    }
    let answer = sent.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    let Ok(mut value) = serde_json::from_str::<Value>(&text) else { return status.into_response() };
    if status == StatusCode::OK {
        lie(&head.method, head.uri.path(), &mut value);
    }
    (status, Json(value)).into_response()
}

/// The parts of a page or an answer under a name.
fn emptied(value: &mut Value, name: &str) {
    value[name] = json!([]);
}

/// What a server may say against the truth; each must be noticed.
const LIES: [(&str, Lie); 8] = [
    ("all locks know", |_, path, value| {
        if path.contains("/revocations/") {
            value["locks_confirmed"] = value["locks_total"].clone();
        }
    }),
    ("it is over soon", |_, path, value| {
        if path.contains("/revocations/") && value["latest_possible_use"].is_string() {
            value["latest_possible_use"] = json!("2026-01-01T00:00:00Z");
        }
    }),
    ("the right is over at once", |_, path, value| {
        if path.ends_with("/revoke") && value["state"].is_string() {
            value["state"] = json!("revoked");
        }
    }),
    ("the right is never over", |method, path, value| {
        if method == Method::GET && path.contains("/grants/") {
            value["state"] = json!("revocation_pending");
        }
    }),
    ("nobody else is hit", |_, _, value| {
        if value["plan"].is_object() {
            emptied(&mut value["plan"], "side_effects");
        }
    }),
    ("there is no list", |_, path, value| {
        if path.ends_with("/devices/sync") {
            emptied(value, "lists");
        }
    }),
    ("there are no keys", |_, path, value| {
        if path.ends_with("/devices/sync") {
            emptied(value, "keys");
        }
    }),
    ("nobody was here", |method, path, value| {
        if method == Method::GET && path.ends_with("/events") {
            value["items"].as_array_mut().unwrap().pop();
        }
    }),
];

#[test]
fn a_server_that_lies_is_found_out() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let made = data.setup();
    let size = Size { fails: false, ..Size::WHOLE };
    let told = |lie: Lie| -> OfflineTally {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let url = liar(server.url.clone(), lie).await;
            let (id, secret) = (get(&made, "/client/id"), get(&made, "/client/secret"));
            let login = Login::Client { id, secret };
            let client = claviger_sim::Client::new(&url, &get(&made, "/place/id"), login).unwrap();
            claviger_sim::offline::run(&client, 1, size, |_| {}).await.unwrap()
        })
    };
    let honest = told(|_, _, _| {});
    assert_eq!((honest.surprises, honest.taken_back), (0, 3), "{honest}");
    for (what, lie) in LIES {
        let tally = told(lie);
        assert!(tally.surprises > 0, "{what}: {tally}");
    }
    server.stop();
}
