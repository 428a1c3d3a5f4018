//! A stand-in for the server: keeps what is put as JSON and decides from that JSON, slowly.
//!
//! It knows no schedules (all hold, or with a fault none does) and compares times to a few days,
//! which is less than any window of a building lies from today.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

/// What the stand-in does otherwise than an honest server in good health.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// No schedule ever holds.
    SchedulesClosed,
    /// Every unlock schedule holds its door open.
    DoorsOpen,
    /// Every 500th request finds its token expired.
    TokensExpire,
    /// Every 7th request is answered 503.
    BusyAtTimes,
    /// A lost card is as good as any.
    LostOpens,
    /// Any PIN is right.
    AnyPin,
    /// Decisions name no event.
    NoEvents,
    /// Decisions name no method.
    MethodMissing,
}

/// A running stand-in.
pub(crate) struct Fake {
    pub(crate) url: String,
    world: Arc<World>,
}

struct World {
    fault: Fault,
    /// By noun and id; an id is `noun.external id`.
    things: Mutex<HashMap<String, Value>>,
    requests: AtomicU64,
    tokens: AtomicU64,
}

type Answer = (StatusCode, Json<Value>);

impl Fake {
    pub(crate) async fn start(fault: Fault) -> Fake {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(World {
            fault,
            things: Mutex::default(),
            requests: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/oauth/token", post(token))
            .route("/api/v1/places/place-1/decisions", post(decide))
            .route("/api/v1/places/place-1/{noun}/{id}", put(upsert))
            .route("/api/v1/places/place-1/people/{id}/{verb}", post(act))
            .with_state(world.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Fake { url, world }
    }

    /// How many things were put.
    pub(crate) fn count(&self) -> usize {
        self.world.things.lock().unwrap().len()
    }

    /// How many tokens were given out.
    pub(crate) fn tokens(&self) -> u64 {
        self.world.tokens.load(Relaxed)
    }
}

fn problem(status: u16, code: &str) -> Answer {
    let body = json!({"status": status, "code": code, "detail": "no", "errors": []});
    (StatusCode::from_u16(status).unwrap(), Json(body))
}

impl World {
    /// What comes before the body is looked at.
    fn guard(&self, headers: &HeaderMap) -> Result<(), Answer> {
        let at = self.requests.fetch_add(1, Relaxed) + 1;
        if self.fault == Fault::BusyAtTimes && at.is_multiple_of(7) {
            return Err(problem(503, "busy"));
        }
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        let right = match self.fault {
            Fault::TokensExpire if at.is_multiple_of(500) => {
                self.tokens.fetch_add(1, Relaxed);
                return Err(problem(401, "unauthorized"));
            }
            Fault::TokensExpire => format!("Bearer token-{}", self.tokens.load(Relaxed)),
            _ => "Bearer secret".to_owned(),
        };
        if given == Some(&*right) { Ok(()) } else { Err(problem(401, "unauthorized")) }
    }
}

async fn token(State(world): State<Arc<World>>, Json(body): Json<Value>) -> Answer {
    if body["grant_type"] != "client_credentials" || body["client_secret"] != "secret" {
        return problem(401, "invalid_client");
    }
    let number = world.tokens.fetch_add(1, Relaxed) + 1;
    let token = format!("token-{number}");
    let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600});
    (StatusCode::OK, Json(answer))
}

async fn upsert(
    State(world): State<Arc<World>>,
    Path((noun, id)): Path<(String, String)>,
    headers: HeaderMap,
    Json(mut body): Json<Value>,
) -> Answer {
    if let Err(answer) = world.guard(&headers) {
        return answer;
    }
    let Some(external) = id.strip_prefix("external:") else { return problem(404, "not_found") };
    let key = format!("{noun}.{external}");
    let mut things = world.things.lock().unwrap();
    if noun == "people" {
        let kept = things.get(&key).map(|former| former["state"].clone());
        body["state"] = kept.unwrap_or_else(|| json!("active"));
    }
    body["id"] = json!(key);
    body["external_id"] = json!(external);
    let status = if things.contains_key(&key) { StatusCode::OK } else { StatusCode::CREATED };
    things.insert(key, body.clone());
    (status, Json(body))
}

async fn act(
    State(world): State<Arc<World>>,
    Path((id, verb)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    if let Err(answer) = world.guard(&headers) {
        return answer;
    }
    let mut things = world.things.lock().unwrap();
    let Some(person) = things.get_mut(&id) else {
        return problem(404, "not_found");
    };
    person["state"] = json!(if verb == "suspend" { "suspended" } else { "active" });
    (StatusCode::OK, Json(person.clone()))
}

async fn decide(State(world): State<Arc<World>>, headers: HeaderMap, body: String) -> Answer {
    if let Err(answer) = world.guard(&headers) {
        return answer;
    }
    let Ok(body) = serde_json::from_str::<Value>(&body) else {
        return problem(400, "malformed");
    };
    let fields = body.as_object().unwrap();
    let known = ["lock_id", "credential_id", "person_id", "card", "code", "pin", "record"];
    let presented = known[1..5].iter().filter(|field| fields.contains_key(**field)).count();
    if presented != 1 || fields.keys().any(|field| !known.contains(&field.as_str())) {
        return problem(422, "invalid");
    }
    let preview = body["record"] == false;
    if preview && (fields.contains_key("pin") || fields.contains_key("code")) {
        return problem(422, "invalid");
    }
    let things = world.things.lock().unwrap();
    let asked = Asked { things: &things, body: &body, fault: world.fault, preview };
    let Some((method, reasons)) = asked.answer() else { return problem(404, "not_found") };
    let no_event = preview || world.fault == Fault::NoEvents;
    let reasons = reasons.iter().map(|code| json!({"code": code, "detail": ""}));
    let reasons = reasons.collect::<Vec<_>>();
    let answer = json!({
        "result": if reasons.is_empty() { "granted" } else { "denied" },
        "method": if world.fault == Fault::MethodMissing { None } else { Some(method) },
        "reasons": reasons,
        "by": [], "opens_at": null, "hint": null, "session": null, "revision": 1,
        "event_id": if no_event { None } else { Some("event") },
    });
    (StatusCode::OK, Json(answer))
}

struct Asked<'a> {
    things: &'a HashMap<String, Value>,
    body: &'a Value,
    fault: Fault,
    preview: bool,
}

impl<'a> Asked<'a> {
    fn find(&self, noun: &str, id: &Value) -> Option<&'a Value> {
        let id = id.as_str()?;
        match id.strip_prefix("external:") {
            Some(external) => self.things.get(&format!("{noun}.{external}")),
            None => self.things.get(id).filter(|_| id.starts_with(noun)),
        }
    }

    fn of(&self, noun: &'a str) -> impl Iterator<Item = &'a Value> {
        let things = self.things.iter();
        things.filter(move |(key, _)| key.starts_with(noun)).map(|(_, thing)| thing)
    }

    fn answer(&self) -> Option<(&'static str, Vec<&'static str>)> {
        let lock = self.find("locks", &self.body["lock_id"])?;
        let mut reasons = Vec::new();
        let open = self.fault == Fault::DoorsOpen && lock["unlock_schedule"].is_object();
        let (credential, method) = self.presented()?;
        if open {
            return Some(("free_access", reasons));
        }
        let person = match (&credential, self.body.get("person_id")) {
            (_, Some(id)) => Some(self.find("people", id)?),
            (None, None) => return Some((method, vec!["credential_unknown"])),
            (Some(credential), None) => {
                match credential["state"].as_str() {
                    Some("lost") if self.fault != Fault::LostOpens => {
                        reasons.push("credential_lost");
                    }
                    Some("disabled") => reasons.push("credential_disabled"),
                    _ => {}
                }
                match times(credential) {
                    Some("ahead") => reasons.push("credential_not_yet_valid"),
                    Some(_) => reasons.push("credential_expired"),
                    None => {}
                }
                self.find("people", &credential["person_id"])
            }
        };
        if person.is_some_and(|person| person["state"] == "suspended") {
            reasons.push("person_suspended");
        }
        reasons.extend(credential.and_then(|one| self.pin(lock, one)));
        reasons.extend(self.rights(lock, person, credential));
        Some((method, reasons))
    }

    /// The credential presented, and how; no credential for a person or an unknown one.
    fn presented(&self) -> Option<(Option<&'a Value>, &'static str)> {
        let body = self.body;
        let method = |one: &Value| if one["kind"] == "code" { "code" } else { "card" };
        if let Some(id) = body.get("credential_id") {
            let credential = self.find("credentials", id)?;
            Some((Some(credential), method(credential)))
        } else if let Some(code) = body.get("code") {
            Some((self.of("credentials").find(|one| &one["code"] == code), "code"))
        } else if let Some(card) = body.get("card") {
            let value = |card: &Value| u128::from_str_radix(card["value"].as_str()?, 16).ok();
            let same = |part: &Value| part["bits"] == card["bits"] && value(part) == value(card);
            let credential = self.of("credentials").find(|one| {
                same(&one["card"])
                    || one["cards"].as_array().is_some_and(|parts| parts.iter().any(same))
            });
            Some((credential, if body["pin"].is_null() { "card" } else { "card_and_pin" }))
        } else {
            Some((None, "remote"))
        }
    }

    fn pin(&self, lock: &Value, credential: &Value) -> Option<&'static str> {
        let has_pin = credential["pin"].is_string();
        match lock["pin"].as_str() {
            Some("always") => {}
            Some("if_set") if has_pin => {}
            _ => return None,
        }
        let given = &self.body["pin"];
        if !has_pin {
            Some("pin_not_set")
        } else if self.preview || self.fault == Fault::AnyPin {
            None
        } else if given.is_null() {
            Some("pin_missing")
        } else {
            (given != &credential["pin"]).then_some("pin_wrong")
        }
    }

    fn rights(
        &self,
        lock: &Value,
        person: Option<&Value>,
        credential: Option<&Value>,
    ) -> Vec<&'static str> {
        let same = |id: &Value, thing: Option<&Value>| thing.is_some_and(|it| &it["id"] == id);
        let mut reasons = Vec::new();
        let mut reached = false;
        for grant in self.of("grants") {
            let subject = &grant["subject"];
            let level = self.find("access-levels", &grant["target"]["access_level_id"]);
            let in_level = level.and_then(|level| level["lock_ids"].as_array());
            let covers = grant["target"]["lock_id"] == lock["id"]
                || in_level.is_some_and(|locks| locks.contains(&lock["id"]));
            let theirs =
                same(&subject["person_id"], person) || same(&subject["credential_id"], credential);
            if !covers || !theirs {
                continue;
            }
            reached = true;
            let scheduled = grant["schedule"].is_object()
                || level.is_some_and(|level| level["schedule"].is_object());
            reasons.push(match times(grant) {
                Some("ahead") => "grant_not_yet_valid",
                Some(_) => "grant_expired",
                None if scheduled && self.fault == Fault::SchedulesClosed => "outside_schedule",
                None => return Vec::new(),
            });
        }
        if !reached {
            return vec!["no_grant"];
        }
        let order = ["grant_not_yet_valid", "grant_expired", "outside_schedule"];
        reasons.sort_by_key(|code| order.iter().position(|each| each == code));
        reasons.dedup();
        reasons
    }
}

/// `ahead` or `over` when the window of this thing does not hold.
fn times(thing: &Value) -> Option<&'static str> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let today = now.as_secs_f64() / 86_400.0;
    // Good to about two days.
    let day = |text: &Value| {
        let text = text.as_str()?;
        assert!(text.ends_with("T00:00:00Z"), "{text}");
        let part = |span: std::ops::Range<usize>| text[span].parse::<f64>().unwrap();
        Some((part(0..4) - 1970.0) * 365.2425 + (part(5..7) - 1.0) * 30.437 + part(8..10) - 1.0)
    };
    if day(&thing["valid_from"]).is_some_and(|from| from > today) {
        Some("ahead")
    } else if day(&thing["valid_until"]).is_some_and(|until| until <= today) {
        Some("over")
    } else {
        None
    }
}
