//! Storage that refuses for a while, because its disk does not sync or somebody else has it locked:
//! a clear answer in time, nothing half done, and work goes on afterwards.
//!
//! 20 refusals each; `CLAVIGER_LONG=1` makes it 500.

use std::path::Path;
use std::time::{Duration, Instant};

use claviger_store::testing::{folder, postgresql};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::server::{Server, claviger, set_up, token};

/// A place of a server that runs.
struct Site {
    http: reqwest::Client,
    people: String,
    token: String,
    /// The names of the people that were acknowledged, in order.
    stored: Vec<String>,
    next: u32,
}

impl Site {
    async fn new(server: &Server, made: &Value) -> Site {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        let token = token(&http, &server.url, made).await;
        let place = made["place"]["id"].as_str().unwrap();
        let people = format!("{}/api/v1/places/{place}/people", server.url);
        Site { http, people, token, stored: Vec::new(), next: 0 }
    }

    async fn make(&self, name: &str) -> (u16, Value) {
        let request = self.http.post(&self.people).bearer_auth(&self.token);
        let answer = request.json(&json!({ "first_name": name })).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// So many at once; the answers.
    async fn make_many(&mut self, count: u32) -> Vec<(String, u16, Value)> {
        let names: Vec<String> = (0..count).map(|n| format!("P{}", self.next + n)).collect();
        self.next += count;
        let answers = join_all(names.iter().map(|name| self.make(name))).await;
        names.into_iter().zip(answers).map(|(name, (status, it))| (name, status, it)).collect()
    }

    async fn stores(&mut self, count: u32) {
        for (name, status, answer) in self.make_many(count).await {
            assert_eq!(status, 201, "{answer}");
            self.stored.push(name);
        }
    }

    /// All are refused, at once and clearly.
    async fn refuses(&mut self, count: u32) {
        let begun = Instant::now();
        for (_, status, problem) in self.make_many(count).await {
            assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
        }
        assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    }

    /// What was acknowledged is there, and nothing else.
    async fn check(&self) {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let url = format!("{}?limit=1000{after}", self.people);
            let request = self.http.get(url).bearer_auth(&self.token);
            let page: Value = request.send().await.unwrap().json().await.unwrap();
            let items = page["items"].as_array().unwrap();
            found.extend(items.iter().map(|it| it["first_name"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        found.sort();
        let mut stored = self.stored.clone();
        stored.sort();
        assert_eq!(found, stored);
    }
}

/// How many writes each fault refuses.
pub(crate) fn refusals() -> u32 {
    if std::env::var_os("CLAVIGER_LONG").is_some() { 500 } else { 20 }
}

/// After a kill the database alone tells what is there.
async fn starts_again(data: &Path, database: Option<&str>, made: &Value, site: Site) {
    let server = Server::start(data, database);
    let again = Site { stored: site.stored, next: site.next, ..Site::new(&server, made).await };
    again.check().await;
    drop(server);
    let verified = claviger(data, database).arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[tokio::test]
async fn a_disk_that_does_not_sync_is_answered_clearly_and_got_over() {
    let home = folder();
    let (disk, data) = (Disk::new(&home), home.join("data"));
    let made = set_up(&data, None);
    let server = Server::start_with(&data, None, &disk.env());
    let mut site = Site::new(&server, &made).await;
    site.stores(20).await;
    for _ in 0..4 {
        disk.break_it();
        site.refuses(refusals() / 4).await;
        site.check().await;
        disk.mend();
        site.stores(3).await;
        site.check().await;
    }
    // What a failed commit left in the log must not come back with a kill.
    disk.break_it();
    site.refuses(1).await;
    drop(server);
    starts_again(&data, None, &made, site).await;
}

#[tokio::test]
async fn a_sqlite_file_that_another_has_locked_is_waited_for_and_then_given_up() {
    let data = folder().join("data");
    let made = set_up(&data, None);
    let server = Server::start(&data, None);
    let mut site = Site::new(&server, &made).await;
    site.stores(3).await;
    let other = rusqlite::Connection::open(data.join("claviger.db")).unwrap();
    // For a moment: the write waits.
    other.execute_batch("begin immediate").unwrap();
    let (made_meanwhile, ()) = tokio::join!(site.make("Patient"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.execute_batch("rollback").unwrap();
    });
    assert_eq!(made_meanwhile.0, 201, "{}", made_meanwhile.1);
    site.stored.push("Patient".to_owned());
    // For longer than anybody waits.
    other.execute_batch("begin immediate").unwrap();
    site.refuses(refusals()).await;
    site.check().await;
    other.execute_batch("rollback").unwrap();
    site.stores(3).await;
    site.check().await;
    drop(server);
    starts_again(&data, None, &made, site).await;
}

#[tokio::test]
async fn a_postgresql_table_that_another_has_locked_is_waited_for_and_then_given_up() {
    let Some(url) = postgresql() else { return };
    let data = folder().join("data");
    let made = set_up(&data, Some(&url));
    let server = Server::start(&data, Some(&url));
    let mut site = Site::new(&server, &made).await;
    site.stores(3).await;
    let (other, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let lock = "begin; lock table heads in exclusive mode";
    other.batch_execute(lock).await.unwrap();
    let (made_meanwhile, ()) = tokio::join!(site.make("Patient"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.batch_execute("rollback").await.unwrap();
    });
    assert_eq!(made_meanwhile.0, 201, "{}", made_meanwhile.1);
    site.stored.push("Patient".to_owned());
    other.batch_execute(lock).await.unwrap();
    site.refuses(refusals()).await;
    site.check().await;
    other.batch_execute("rollback").await.unwrap();
    site.stores(3).await;
    site.check().await;
    drop(server);
    starts_again(&data, Some(&url), &made, site).await;
}
