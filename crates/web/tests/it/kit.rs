//! What the tests of the native API make again and again.

use serde_json::{Value, json};

use crate::support::{Actor, Answer, World, id};

/// Somebody at one place.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) actor: Actor,
    pub(crate) place: String,
}

impl World {
    /// The set-up client at the first place.
    pub(crate) fn here(&self) -> Site {
        Site { actor: self.admin.clone(), place: self.place.clone() }
    }

    /// The same by a key that does not expire while clocks are moved.
    pub(crate) async fn lasting(mut self) -> World {
        self.admin = self.here().full_key().await;
        self
    }

    /// The revision of every place and of the directory: the same while nothing is stored.
    pub(crate) async fn revisions(&self) -> Vec<(u32, u64)> {
        let mut all = self.app.storage().revisions().await.unwrap();
        all.sort_unstable_by_key(|(place, _)| place.0);
        all.into_iter().map(|(place, revision)| (place.0, revision)).collect()
    }
}

impl Site {
    pub(crate) fn at(&self, path: &str) -> String {
        format!("/api/v1/places/{}{path}", self.place)
    }

    /// The same place, seen by another.
    pub(crate) fn seen_by(&self, actor: &Actor) -> Site {
        Site { actor: actor.clone(), place: self.place.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.actor.get(&self.at(path)).await.expect(200)
    }

    pub(crate) async fn missing(&self, path: &str) {
        self.actor.get(&self.at(path)).await.problem(404, "not_found");
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.actor.post(&self.at(path), body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.actor.put(&self.at(path), body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.actor.patch(&self.at(path), body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.actor.delete(&self.at(path)).await
    }

    /// Sends with an `If-Match`.
    pub(crate) async fn matching(
        &self,
        method: &str,
        path: &str,
        tag: &str,
        body: Option<Value>,
    ) -> Answer {
        let body = body.map(|body| body.to_string());
        self.actor.send(method, &self.at(path), &[("if-match", tag)], body).await
    }

    pub(crate) async fn made(&self, path: &str, body: Value) -> Value {
        self.post(path, body).await.expect(201)
    }

    /// An action on an object: 200 with it.
    pub(crate) async fn acted(&self, path: &str) -> Value {
        self.post(path, json!({})).await.expect(200)
    }

    /// Every item of a list, taken page by page.
    pub(crate) async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}{mark}limit={limit}{after}")).await;
            let found = page["items"].as_array().unwrap();
            assert!(found.len() <= limit, "{page}");
            items.extend(found.iter().cloned());
            assert_eq!(page["has_more"].as_bool(), Some(page["next"].is_string()), "{page}");
            let Some(next) = page["next"].as_str() else { return items };
            assert_eq!(found.len(), limit, "only the last page may be short");
            after = format!("&after={next}");
        }
    }

    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        self.all(path, 1000).await
    }

    /// A person with that first name and an address made of it.
    pub(crate) async fn person(&self, name: &str) -> Value {
        let email = format!("{}@example.org", name.to_lowercase());
        self.made("/people", json!({"first_name": name, "email": email})).await
    }

    pub(crate) async fn lock(&self, name: &str) -> Value {
        self.made("/locks", json!({"name": name})).await
    }

    pub(crate) async fn level(&self, name: &str, locks: &[&Value]) -> Value {
        let locks: Vec<&str> = locks.iter().map(|lock| id(lock)).collect();
        self.made("/access-levels", json!({"name": name, "lock_ids": locks})).await
    }

    /// A card of 56 bits.
    pub(crate) async fn card(&self, person: &Value, value: &str) -> Value {
        let card = json!({"bits": 56, "value": value});
        let body = json!({"kind": "card", "person_id": id(person), "card": card});
        self.made("/credentials", body).await
    }

    pub(crate) async fn grant(&self, person: &Value, lock: &Value) -> Value {
        self.made("/grants", person_to_lock(person, lock)).await
    }

    pub(crate) async fn level_grant(&self, person: &Value, level: &Value) -> Value {
        let subject = json!({"person_id": id(person)});
        let body = json!({"subject": subject, "target": {"access_level_id": id(level)}});
        self.made("/grants", body).await
    }

    pub(crate) async fn decide(&self, question: Value) -> Value {
        self.post("/decisions", question).await.expect(200)
    }

    /// A live decision on a card of 56 bits.
    pub(crate) async fn present(&self, lock: &Value, card: &str) -> Value {
        self.decide(json!({"lock_id": id(lock), "card": {"bits": 56, "value": card}})).await
    }

    /// Whether a card of 56 bits would open now, without an event.
    pub(crate) async fn opens(&self, lock: &Value, card: &str) -> bool {
        let card = json!({"bits": 56, "value": card});
        let question = json!({"lock_id": id(lock), "card": card, "record": false});
        self.decide(question).await["result"] == "granted"
    }

    /// An API key for this place alone.
    pub(crate) async fn key(&self, scopes: &[&str]) -> Actor {
        let body = json!({
            "name": "a program", "kind": "api_key", "scopes": scopes, "place_ids": [self.place],
        });
        let made = self.actor.post("/api/v1/clients", body).await.expect(201);
        self.actor.with(Some(made["secret"].as_str().unwrap().to_owned()))
    }

    /// An API key for this place alone with all scopes of the one that makes it.
    pub(crate) async fn full_key(&self) -> Actor {
        let me = self.actor.get("/api/v1/me").await.expect(200);
        let scopes: Vec<&str> = texts(&me["scopes"]);
        self.key(&scopes).await
    }

    /// Another place of the same organization, with a client that has all scopes there and none
    /// elsewhere.
    pub(crate) async fn neighbour(&self, name: &str) -> Site {
        let place = self.actor.post("/api/v1/places", json!({"name": name})).await.expect(201);
        let shared = Site { actor: self.actor.clone(), place: id(&place).to_owned() };
        shared.seen_by(&shared.full_key().await)
    }
}

pub(crate) fn person_to_lock(person: &Value, lock: &Value) -> Value {
    json!({"subject": {"person_id": id(person)}, "target": {"lock_id": id(lock)}})
}

/// An id that nothing has.
pub(crate) const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

/// The path of one object.
pub(crate) fn one(list: &str, object: &Value) -> String {
    format!("{list}/{}", id(object))
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
}

/// One field of every item.
pub(crate) fn field<'a>(items: &'a [Value], name: &str) -> Vec<&'a Value> {
    items.iter().map(|item| &item[name]).collect()
}

/// The codes of a decision's reasons.
pub(crate) fn reasons(decision: &Value) -> Vec<&str> {
    decision["reasons"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect()
}

/// The pointers of a problem's errors.
pub(crate) fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect()
}

/// Refused fields: 422, each with a detail.
#[track_caller]
pub(crate) fn invalid(answer: Answer, wanted: &[&str]) {
    let (status, code) = status_of_flaws(&answer.body);
    let problem = answer.problem(status, code);
    assert_eq!(pointers(&problem), wanted, "{problem}");
    for error in problem["errors"].as_array().unwrap() {
        assert!(error["detail"].as_str().unwrap().len() > 5, "{error}");
        assert!(!error["code"].as_str().unwrap().is_empty(), "{error}");
    }
}

/// What an answer that names wrong fields must be: a 404 where all that is wrong is that they name
/// what is not there, else a 422.
pub(crate) fn status_of_flaws(body: &Value) -> (u16, &'static str) {
    let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let missing = !errors.is_empty() && errors.iter().all(|it| it["code"] == "not_found");
    if missing { (404, "not_found") } else { (422, "invalid") }
}

/// The instant it is by the machine's clock, moved by so many seconds, as RFC 3339.
pub(crate) fn in_seconds(world: &World, seconds: i64) -> String {
    world.app.now().plus(seconds * 1_000_000).to_string()
}
