//! The program for Unloc's API against a stand-in that keeps who has which key, or fails to.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::{Json, response::IntoResponse, response::Response};
use claviger_sim::{ClientError, Login, Options, SimError, Tally, run};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What the stand-in does otherwise than an honest server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Who leaves a group keeps the key.
    LeaversStay,
    /// The keys of a doorbell stay when it is deleted.
    BellsStay,
    /// Locks that the vendor took away stay.
    LocksStay,
    /// The job of a connection names none.
    NoConnection,
    /// The connection has fewer locks than were asked for.
    FewLocks,
}

/// Phone and lock.
type Pair = (String, String);

#[derive(Default)]
struct Kept {
    /// Every phone that was ever named, in order.
    users: Vec<String>,
    locks: Vec<String>,
    /// The group's people and locks.
    group: Option<(BTreeSet<String>, BTreeSet<String>)>,
    /// Of the one key and the one doorbell.
    key: Option<Pair>,
    bell: Option<Pair>,
    is_emptied: bool,
}

impl Kept {
    fn opens(&self, pair: &Pair) -> bool {
        let in_group = self
            .group
            .as_ref()
            .is_some_and(|(people, locks)| people.contains(&pair.0) && locks.contains(&pair.1));
        in_group || self.key.as_ref() == Some(pair) || self.bell.as_ref() == Some(pair)
    }

    fn know(&mut self, phone: &Value) -> String {
        let phone = phone.as_str().unwrap().to_owned();
        if !self.users.contains(&phone) {
            self.users.push(phone.clone());
        }
        phone
    }

    fn know_all(&mut self, phones: &Value) -> Vec<String> {
        phones.as_array().unwrap().iter().map(|phone| self.know(phone)).collect()
    }
}

struct Fake {
    fault: Fault,
    kept: Mutex<Kept>,
}

/// Says where to look for what was done.
fn job(id: &str) -> Response {
    answer(202, json!({ "jobRef": { "id": id } }))
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn answer(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

async fn serve(
    State(fake): State<Arc<Fake>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let open = uri.path() == "/oauth/token" || uri.path() == "/compat/unloc/v2/auth/token/";
    let bearer = headers.get("authorization").and_then(|it| it.to_str().ok());
    if open {
        assert_eq!(body["client_secret"], "secret", "{uri}");
        return answer(
            200,
            json!({ "access_token": "t", "token_type": "bearer", "expires_in": 9 }),
        );
    }
    assert_eq!(bearer, Some("Bearer t"), "{uri}");
    let path = uri.path();
    match path.strip_prefix("/compat/unloc/v2/projects/place-1/") {
        Some(path) => fake.vendor(&method, path, uri.query().unwrap_or_default(), &body),
        None => fake.native(&method, path, &body),
    }
}

impl Fake {
    fn vendor(&self, method: &Method, path: &str, query: &str, body: &Value) -> Response {
        let mut kept = self.kept.lock().unwrap();
        let asked = (method.as_str(), path);
        let found = self.connection(&mut kept, asked, body);
        let found = found.or_else(|| self.group(&mut kept, asked, body));
        let found = found.or_else(|| self.others(&mut kept, asked, body));
        found.or_else(|| users(&mut kept, asked, query)).expect(path)
    }

    fn connection(&self, kept: &mut Kept, asked: (&str, &str), body: &Value) -> Option<Response> {
        Some(match asked {
            ("POST", "lock-connections/virtual") => {
                let count = body["locksToCreate"].as_u64().unwrap();
                let count = if self.fault == Fault::FewLocks { count - 1 } else { count };
                kept.locks = (0..count).map(|number| format!("lock-{number}")).collect();
                job("connect")
            }
            ("PUT", "lock-connections/c/refresh") => {
                if kept.is_emptied && self.fault != Fault::LocksStay {
                    kept.locks.clear();
                }
                job("connect")
            }
            ("GET", "jobs/connect") => {
                let connection = json!({ "id": "c", "lockIds": kept.locks });
                let result = match self.fault {
                    Fault::NoConnection => json!({}),
                    _ => json!({ "lockConnection": connection }),
                };
                answer(200, json!({ "job": { "status": "succeeded", "resultData": result } }))
            }
            _ => return None,
        })
    }

    fn group(&self, kept: &mut Kept, asked: (&str, &str), body: &Value) -> Option<Response> {
        Some(match asked {
            ("POST", "access-groups") => {
                let people = kept.know_all(&body["appUserIds"]).into_iter().collect();
                kept.group = Some((people, texts(&body["lockIds"]).into_iter().collect()));
                answer(201, json!({ "accessGroup": { "id": "g" } }))
            }
            ("POST", "access-groups/g/update-accesses") => {
                let add = kept.know_all(&body["appUserIdsToAdd"]);
                let (people, locks) = kept.group.as_mut().unwrap();
                people.extend(add);
                locks.extend(texts(&body["lockIdsToAdd"]));
                if self.fault != Fault::LeaversStay {
                    let gone = texts(&body["appUserIdsToRemove"]);
                    people.retain(|it| !gone.contains(it));
                }
                let gone = texts(&body["lockIdsToRemove"]);
                locks.retain(|it| !gone.contains(it));
                answer(200, json!({ "accessGroup": { "id": "g" } }))
            }
            ("DELETE", "access-groups/g") => {
                kept.group = None;
                answer(204, Value::Null)
            }
            _ => return None,
        })
    }

    /// The key and the doorbell.
    fn others(&self, kept: &mut Kept, asked: (&str, &str), body: &Value) -> Option<Response> {
        Some(match asked {
            ("POST", "keys") => {
                let wish = &body["keys"][0];
                let lock = wish["lockId"].as_str().unwrap().to_owned();
                kept.key = Some((kept.know(&wish["appUserId"]), lock));
                job("key")
            }
            ("GET", "jobs/key") => {
                let result = json!({ "createdKeys": [{ "id": "k" }] });
                answer(200, json!({ "job": { "status": "succeeded", "resultData": result } }))
            }
            ("DELETE", "keys/k") => {
                kept.key = None;
                answer(200, json!({ "key": { "id": "k" } }))
            }
            ("POST", "doorbells/") => {
                let user = &body["doorbellUserLists"][0]["doorbellUsers"][0]["appUserId"];
                let lock = body["lockId"].as_str().unwrap().to_owned();
                kept.bell = Some((kept.know(user), lock));
                answer(201, json!({ "doorbell": { "id": "b" } }))
            }
            ("DELETE", "doorbells/b") => {
                if self.fault != Fault::BellsStay {
                    kept.bell = None;
                }
                answer(204, Value::Null)
            }
            _ => return None,
        })
    }

    fn native(&self, method: &Method, path: &str, body: &Value) -> Response {
        let mut kept = self.kept.lock().unwrap();
        match (method.as_str(), path.strip_prefix("/api/v1/places/place-1/").unwrap()) {
            ("POST", "decisions") => {
                let text = |field: &str| body[field].as_str().unwrap().to_owned();
                let granted = kept.opens(&(text("person_id"), text("lock_id")));
                answer(
                    200,
                    json!({
                        "result": if granted { "granted" } else { "denied" }, "method": "remote",
                        "reasons": [], "by": [], "opens_at": null, "hint": null, "session": null,
                        "revision": 1, "event_id": "e",
                    }),
                )
            }
            ("PATCH", "controllers/c") => {
                kept.is_emptied = body["settings"]["virtual_locks"] == json!([]);
                answer(200, json!({}))
            }
            other => {
                assert_eq!(other, ("DELETE", "controllers/c"));
                answer(204, Value::Null)
            }
        }
    }
}

fn users(kept: &mut Kept, asked: (&str, &str), query: &str) -> Option<Response> {
    Some(match asked {
        ("GET", "managed-users") => {
            let phone = query.strip_prefix("appUserId=%2B").map(|rest| format!("+{rest}"));
            let known = phone.filter(|phone| kept.users.contains(phone));
            let users: Vec<Value> =
                known.iter().map(|it| json!({ "id": it, "uuid": it, "appUserId": it })).collect();
            answer(200, json!({ "managedUsers": users }))
        }
        ("DELETE", _) if asked.1.starts_with("managed-users/") => {
            kept.users.retain(|user| !asked.1.ends_with(user.as_str()));
            answer(204, Value::Null)
        }
        _ => return None,
    })
}

/// A run of nothing but the program; what the stand-in has left of it.
async fn program(fault: Fault) -> (Result<Tally, SimError>, Arc<Fake>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let fake = Arc::new(Fake { fault, kept: Mutex::default() });
    let router = Router::new().fallback(serve).with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let login = Login::Client { id: "sim".to_owned(), secret: "secret".to_owned() };
    let mut options = Options::new(&url, "place-1", login);
    (options.unloc, options.furnish, options.visits) = (true, false, Some(0));
    let (_stop, stopped) = watch::channel(false);
    (run(options, stopped, |_| {}).await, fake)
}

#[tokio::test]
async fn an_honest_server_surprises_no_program_and_keeps_nothing_of_it() {
    let (tally, fake) = program(Fault::None).await;
    let tally = tally.unwrap();
    assert_eq!(tally.details, [], "{tally}");
    assert_eq!(
        tally.checks,
        5 * 4 * 4 + 1,
        "five times every phone at every lock, and the refresh"
    );
    let kept = fake.kept.lock().unwrap();
    assert!(kept.users.is_empty() && kept.locks.is_empty() && kept.is_emptied);
}

#[tokio::test]
async fn a_server_that_does_not_follow_the_program_is_found_out() {
    for (fault, count, wrong) in [
        // The one who left opens the two locks of the group, in three checks.
        (Fault::LeaversStay, 6, "the lock does not follow the Unloc program"),
        // The doorbell's user opens its lock, in two checks.
        (Fault::BellsStay, 2, "the lock does not follow the Unloc program"),
        (Fault::LocksStay, 1, "a refresh left locks"),
    ] {
        let (tally, _) = program(fault).await;
        let tally = tally.unwrap();
        assert_eq!(tally.surprises, count, "{fault:?}\n{tally}");
        assert!(tally.details.iter().all(|one| one.wrong == wrong), "{fault:?}\n{tally}");
    }
}

#[tokio::test]
async fn what_the_program_cannot_work_with_ends_it() {
    for (fault, why) in
        [(Fault::NoConnection, "names no connection"), (Fault::FewLocks, "too few locks")]
    {
        let (done, fake) = program(fault).await;
        let error = done.unwrap_err();
        assert!(
            matches!(&error, SimError::Client(ClientError::Refused { code, detail, .. })
                if code == "unexpected" && detail.contains(why)),
            "{error}"
        );
        let is_cleared = fake.kept.lock().unwrap().is_emptied;
        assert_eq!(is_cleared, fault == Fault::FewLocks, "what it knows of goes");
    }
}
