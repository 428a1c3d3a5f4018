//! `kill -9` in the middle of mixed writes: what was acknowledged is there exactly once after the
//! restart, what was not is there whole or not at all.
//!
//! 40 kills on SQLite and 10 on PostgreSQL; `CLAVIGER_LONG=1` makes it 4 000 and 500.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_store::testing::{folder, postgresql};
use serde_json::{Value, json};

use crate::server::{Server, set_up, token as token_of};

const WRITERS: usize = 6;

/// What the writers were told is stored.
#[derive(Default)]
struct Acknowledged {
    people: BTreeSet<String>,
    events: BTreeSet<String>,
    /// Batches of three grants, by the external id of their person.
    batches: BTreeSet<String>,
    revoked: BTreeSet<String>,
}

struct Writer {
    http: reqwest::Client,
    base: String,
    token: String,
    lock: String,
    next: Arc<AtomicU64>,
    done: Arc<Mutex<Acknowledged>>,
    stop: Arc<AtomicBool>,
}

impl Writer {
    async fn send(&self, method: reqwest::Method, path: &str, body: Value) -> Option<Value> {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let answer = request.bearer_auth(&self.token).json(&body).send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        assert!(status.is_success(), "{path}: {status} {text}");
        Some(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Writes until the server is gone: a person, a batch of grants, a recorded decision, a
    /// revocation, over and over.
    async fn run(self) {
        use reqwest::Method;
        while !self.stop.load(Ordering::Relaxed) {
            let name = format!("p{}", self.next.fetch_add(1, Ordering::Relaxed));
            let person = format!("/people/external:{name}");
            if self.send(Method::PUT, &person, json!({"first_name": "A"})).await.is_none() {
                return;
            }
            self.done.lock().unwrap().people.insert(name.clone());
            let grant = |n: u32| {
                json!({
                    "external_id": format!("{name}-{n}"),
                    "subject": {"person_id": format!("external:{name}")},
                    "target": {"lock_id": self.lock},
                })
            };
            let batch = json!({"create": [grant(1), grant(2), grant(3)]});
            if self.send(Method::POST, "/grants/batch", batch).await.is_none() {
                return;
            }
            self.done.lock().unwrap().batches.insert(name.clone());
            let question = json!({"lock_id": self.lock, "person_id": format!("external:{name}")});
            let Some(decision) = self.send(Method::POST, "/decisions", question).await else {
                return;
            };
            assert_eq!(decision["result"], "granted", "{decision}");
            let event = decision["event_id"].as_str().unwrap().to_owned();
            self.done.lock().unwrap().events.insert(event);
            let revoke = format!("/grants/external:{name}-1/revoke");
            if self.send(Method::POST, &revoke, json!({})).await.is_none() {
                return;
            }
            self.done.lock().unwrap().revoked.insert(name);
        }
    }
}

/// All items of a list.
async fn all(http: &reqwest::Client, base: &str, token: &str, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!("{base}{path}?limit=1000{after}");
        let page: Value =
            http.get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

/// Every acknowledged write is there once, and nothing is half there.
async fn check(http: &reqwest::Client, base: &str, token: &str, done: &Acknowledged) {
    let count = |items: &[Value], field: &str| -> BTreeMap<String, usize> {
        items.iter().filter_map(|it| it[field].as_str()).fold(BTreeMap::new(), |mut counts, it| {
            *counts.entry(it.to_owned()).or_default() += 1;
            counts
        })
    };
    let people = count(&all(http, base, token, "/people").await, "external_id");
    for person in &done.people {
        assert_eq!(people.get(person), Some(&1), "person {person}");
    }
    let events = count(&all(http, base, token, "/events").await, "id");
    for event in &done.events {
        assert_eq!(events.get(event), Some(&1), "event {event}");
    }
    let open = count(&all(http, base, token, "/grants").await, "external_id");
    for person in people.keys() {
        let there: Vec<bool> =
            (1..=3).map(|n| open.contains_key(&format!("{person}-{n}"))).collect();
        let whole = matches!(there[..], [true, true, true] | [false, true, true]);
        if done.batches.contains(person) {
            assert!(whole, "batch of {person}: {there:?}");
        } else {
            assert!(whole || there == [false; 3], "half a batch of {person}: {there:?}");
        }
        if done.revoked.contains(person) {
            assert!(!there[0], "revoked grant of {person} is open");
        }
    }
    let changes = all(http, base, token, "/changes").await;
    let seqs: Vec<u64> = changes.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "the change trail has gaps");
    let verified: Value = http
        .get(format!("{base}/changes/verify"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(verified["ok"], true, "{verified}");
}

async fn kills(database: Option<&str>, times: u64) {
    let home = folder();
    let made = set_up(&home.join("data"), database);
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let place = made["place"]["id"].as_str().unwrap();
    let (next, done) = (Arc::new(AtomicU64::new(1)), Arc::new(Mutex::new(Acknowledged::default())));
    let mut lock = None;
    let mut token = String::new();
    for round in 0..=times {
        let mut server = Server::start(&home.join("data"), database);
        let base = format!("{}/api/v1/places/{place}", server.url);
        if token.is_empty() {
            token = token_of(&http, &server.url, &made).await;
        }
        if lock.is_none() {
            let request = http.post(format!("{base}/locks")).bearer_auth(&token);
            let made: Value =
                request.json(&json!({"name": "L"})).send().await.unwrap().json().await.unwrap();
            lock = made["id"].as_str().map(str::to_owned);
        }
        if round % 10 == 0 || round == times {
            let done = std::mem::take(&mut *done.lock().unwrap());
            if round > 0 {
                let kinds = [&done.people, &done.batches, &done.events, &done.revoked];
                assert!(kinds.iter().all(|kind| !kind.is_empty()), "nothing of a kind was stored");
            }
            check(&http, &base, &token, &done).await;
            println!(
                "after {round} kills: {} people, {} events acknowledged and there",
                done.people.len(),
                done.events.len()
            );
        }
        if round == times {
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let writer = Writer {
                    http: http.clone(),
                    base: base.clone(),
                    token: token.clone(),
                    lock: lock.clone().unwrap(),
                    next: next.clone(),
                    done: done.clone(),
                    stop: stop.clone(),
                };
                tokio::spawn(writer.run())
            })
            .collect();
        // Spread over a second, differently each round, without a source of randomness.
        tokio::time::sleep(Duration::from_millis(60 + round * 7919 % 300)).await;
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.expect("no writer met an error but the server's end");
        }
    }
}

/// How many rounds: few at each change, many where that is asked for.
pub(crate) fn times(short: u64, long: u64) -> u64 {
    if std::env::var_os("CLAVIGER_LONG").is_some() { long } else { short }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sqlite_acknowledged_survives_kill_9() {
    kills(None, times(40, 4000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgresql_acknowledged_survives_kill_9() {
    let Some(url) = postgresql() else { return };
    kills(Some(&url), times(10, 500)).await;
}
