//! A decision whose event cannot be stored: the lock's `when_unrecorded` says whether a grant still
//! opens, and what was let through is stored once storage is back, once.

use std::time::Duration;

use claviger_store::testing::{folder, postgresql};
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::server::{Server, claviger, set_up, token};

/// A place of a running server, with a person who may open two locks.
struct Site {
    http: reqwest::Client,
    base: String,
    token: String,
    person: String,
    /// By what each does when an event cannot be stored.
    allows: String,
    refuses: String,
}

fn base(server: &Server, made: &Value) -> String {
    format!("{}/api/v1/places/{}", server.url, made["place"]["id"].as_str().unwrap())
}

impl Site {
    async fn new(server: &Server, made: &Value) -> Site {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        let token = token(&http, &server.url, made).await;
        let base = base(server, made);
        let [person, allows, refuses] = [const { String::new() }; 3];
        let mut site = Site { http, base, token, person, allows, refuses };
        site.person = site.make("/people", json!({"first_name": "Ann"})).await;
        // `allow` is what a lock does unless told otherwise.
        site.allows = site.make("/locks", json!({"name": "Front"})).await;
        let strict = json!({"name": "Vault", "when_unrecorded": "refuse"});
        site.refuses = site.make("/locks", strict).await;
        for lock in [&site.allows, &site.refuses] {
            let grant = json!({"subject": {"person_id": site.person}, "target": {"lock_id": lock}});
            site.make("/grants", grant).await;
        }
        site
    }

    /// The same place of a server that was started anew.
    fn at(self, server: &Server, made: &Value) -> Site {
        Site { base: base(server, made), ..self }
    }

    async fn make(&self, path: &str, body: Value) -> String {
        let (status, made) = self.post(path, body).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(path, body, None).await
    }

    async fn send(&self, path: &str, body: Value, key: Option<&str>) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = key.into_iter().fold(request, |it, key| it.header("idempotency-key", key));
        let answer = request.json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// A live decision about the person that may be sent again under this key.
    async fn decide_once(&self, lock: &str, key: &str) -> (u16, Value) {
        let question = json!({"lock_id": lock, "person_id": self.person});
        self.send("/decisions", question, Some(key)).await
    }

    /// A live decision; a card that nobody has where no person is given.
    async fn decide(&self, lock: &str, person: bool) -> (u16, Value) {
        let mut question = json!({"lock_id": lock});
        if person {
            question["person_id"] = json!(self.person);
        } else {
            question["card"] = json!({"bits": 32, "value": "0badcafe"});
        }
        self.post("/decisions", question).await
    }

    /// The ids of all stored events.
    async fn events(&self) -> Vec<String> {
        let url = format!("{}/events?limit=1000", self.base);
        let request = self.http.get(url).bearer_auth(&self.token);
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        let items = page["items"].as_array().unwrap();
        items.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }

    /// While storage refuses: what each lock does. Returns the events that wait.
    async fn while_refused(&self) -> Vec<String> {
        let (allowed, refused, denied, once, refused_once) = tokio::join!(
            self.decide(&self.allows, true),
            self.decide(&self.refuses, true),
            self.decide(&self.refuses, false),
            self.decide_once(&self.allows, "once"),
            self.decide_once(&self.refuses, "refused-once"),
        );
        let mut waiting = Vec::new();
        let opened = [(allowed, "granted"), (denied, "denied"), (once, "granted")];
        for ((status, decision), result) in opened {
            assert_eq!((status, &decision["result"]), (200, &json!(result)), "{decision}");
            assert_eq!(decision["recorded"], false, "{decision}");
            waiting.push(decision["event_id"].as_str().unwrap().to_owned());
        }
        for (status, problem) in [refused, refused_once] {
            assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
        }
        waiting
    }

    /// While storage works: both open, and it is on record at once.
    async fn while_stored(&self) -> Vec<String> {
        let mut stored = Vec::new();
        for lock in [&self.allows, &self.refuses] {
            let (status, decision) = self.decide(lock, true).await;
            assert_eq!((status, &decision["result"]), (200, &json!("granted")), "{decision}");
            assert_eq!(decision.get("recorded"), None, "{decision}");
            stored.push(decision["event_id"].as_str().unwrap().to_owned());
        }
        assert!(stored.iter().all(|id| !id.is_empty()));
        stored
    }

    /// Waits until exactly these events are stored, each once.
    async fn holds(&self, wanted: &[String]) {
        let mut wanted = wanted.to_vec();
        wanted.sort();
        let mut found = Vec::new();
        for _ in 0..100 {
            found = self.events().await;
            found.sort();
            if found.len() >= wanted.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // A twin would come after.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let later = self.events().await.len();
        assert_eq!((found, later), (wanted.clone(), wanted.len()));
    }
}

#[tokio::test]
async fn at_a_broken_disk_a_lock_opens_or_not_as_it_says_and_the_event_comes_later_once() {
    let home = folder();
    let (disk, data) = (Disk::new(&home), home.join("data"));
    let made = set_up(&data, None);
    let server = Server::start_with(&data, None, &disk.env());
    let site = Site::new(&server, &made).await;
    let mut events = site.while_stored().await;
    disk.break_it();
    events.extend(site.while_refused().await);
    // Those that work on storage in the background find it broken more than once.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    events.extend(site.while_refused().await);
    disk.mend();
    site.holds(&events).await;
    events.extend(site.while_stored().await);
    site.holds(&events).await;

    // What waits when the server ends in good order is stored before it ends.
    disk.break_it();
    events.extend(site.while_refused().await);
    disk.mend();
    server.end();
    let server = Server::start(&data, None);
    let site = site.at(&server, &made);
    site.holds(&events).await;
    drop(server);
    let verified = claviger(&data, None).arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[tokio::test]
async fn at_a_locked_table_of_postgresql_it_is_the_same() {
    let Some(url) = postgresql() else { return };
    let data = folder().join("data");
    let made = set_up(&data, Some(&url));
    let server = Server::start(&data, Some(&url));
    let site = Site::new(&server, &made).await;
    let mut events = site.while_stored().await;
    let (other, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    other.batch_execute("begin; lock table heads in exclusive mode").await.unwrap();
    events.extend(site.while_refused().await);
    other.batch_execute("rollback").await.unwrap();
    site.holds(&events).await;
    events.extend(site.while_stored().await);
    site.holds(&events).await;
}
