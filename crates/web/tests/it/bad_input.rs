//! Bad input gets a specific error that names the field and what would be right; nothing is stored.

use serde_json::{Value, json};

use crate::kit::{Site, one, person_to_lock, pointers, status_of_flaws};
use crate::support::{Answer, World, id, on_each_engine};

/// The pointers of all bad fields, each with a word of its detail.
type Wanted = &'static [(&'static str, &'static str)];

fn post(path: &str, body: Value, wanted: Wanted) -> Case {
    ("POST", path.to_owned(), body, wanted)
}

/// What a case must be told: a status, and for each bad field a pointer and a word of the detail.
type Case = (&'static str, String, Value, Wanted);

/// What is missing of what a refusal must say.
fn flaws(answer: &Answer, wanted: &[(&str, &str)]) -> Vec<String> {
    let right = status_of_flaws(&answer.body).0;
    if answer.status != right || answer.header("content-type") != "application/problem+json" {
        return vec![format!("{} {}", answer.status, answer.text)];
    }
    let mut found = pointers(&answer.body);
    found.sort_unstable();
    let mut names: Vec<&str> = wanted.iter().map(|(pointer, _)| *pointer).collect();
    names.sort_unstable();
    let mut flaws = Vec::new();
    if found != names {
        flaws.push(format!("names {found:?}, not {names:?}"));
    }
    for error in answer.body["errors"].as_array().unwrap() {
        let (pointer, detail) = (error["pointer"].as_str(), error["detail"].as_str().unwrap());
        let says =
            wanted.iter().any(|(name, word)| Some(*name) == pointer && detail.contains(word));
        if !says {
            flaws.push(format!("{error} does not say what would be right"));
        }
    }
    flaws
}

#[track_caller]
fn told(answer: &Answer, wanted: &[(&str, &str)], case: &str) {
    assert_eq!(flaws(answer, wanted), Vec::<String>::new(), "{case}");
    assert!(answer.body["detail"].as_str().unwrap().len() > 5);
    assert!(answer.body["request_id"].as_str().is_some_and(|it| !it.is_empty()));
}

async fn refused(world: &World, it: &Site, cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for (method, path, body, wanted) in cases {
        let before = world.revisions().await;
        let answer = it.actor.send(method, &it.at(&path), &[], Some(body.to_string())).await;
        let found = flaws(&answer, wanted);
        if !found.is_empty() {
            wrong.push(format!("{method} {path} {body}: {found:?}"));
        }
        assert_eq!(world.revisions().await, before, "{method} {path} {body} stored something");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    on_each_engine(|world| async move {
        let it = world.here();
        let path = it.at("/people");
        let before = world.revisions().await;
        for text in [
            "",
            "{",
            "{\"first_name\": }",
            "{'first_name': 'x'}",
            "{} {}",
            "\u{feff}{}",
            "{\"note\": \"a\", \"note\": \"b\"}",
            "{\"note\": \"\\ud800\"}",
            "nul",
            "{\"a\":1,}",
        ] {
            let answer = it.actor.send("POST", &path, &[], Some(text.to_owned())).await;
            let problem = answer.problem(400, "malformed_json");
            assert!(problem["detail"].as_str().unwrap().len() > 10, "{text:?} {problem}");
        }
        for body in [json!([]), json!(null), json!("x"), json!(1)] {
            let answer = it.actor.post(&path, body.clone()).await;
            told(&answer, &[("", "object")], &body.to_string());
        }
        let nested = format!("{{\"metadata\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let deep = it.actor.send("POST", &path, &[], Some(nested)).await;
        assert!(matches!(deep.status, 400 | 422), "{}", deep.text);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn wrong_media_types_and_sizes() {
    on_each_engine(|world| async move {
        let it = world.here();
        let path = it.at("/people");
        let before = world.revisions().await;
        for media in [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
            "json",
            "multipart/form-data",
        ] {
            let body = Some("{\"first_name\": \"x\"}".to_owned());
            let answer = it.actor.send("POST", &path, &[("content-type", media)], body).await;
            let problem = answer.problem(415, "unsupported_media_type");
            assert!(problem["detail"].as_str().unwrap().contains("application/json"), "{media}");
        }
        let big = |bytes: usize| format!("{{\"note\": \"{}\"}}", "x".repeat(bytes));
        let answer = it.actor.send("POST", &path, &[], Some(big(10 << 20))).await;
        let problem = answer.problem(413, "too_large");
        assert!(problem["detail"].as_str().unwrap().contains("1048576"), "{problem}");
        // With the length told beforehand, and one byte too long.
        let exact = "x".repeat((1 << 20) - big(0).len());
        let length = [("content-length", "10485760")];
        it.actor.send("POST", &path, &length, Some("{}".into())).await.problem(413, "too_large");
        let one_more = big(exact.len() + 1);
        assert_eq!(one_more.len(), (1 << 20) + 1);
        it.actor.send("POST", &path, &[], Some(one_more)).await.problem(413, "too_large");
        let fits = it.actor.send("POST", &path, &[], Some(big(exact.len()))).await;
        told(&fits, &[("/note", "4000")], "exactly 1 MiB is read");
        assert_eq!(world.revisions().await, before);
        // Batches take more, and have an end too.
        let batch = it.at("/grants/batch");
        let padded = |bytes: usize| Some(format!("{{\"create\": []{}}}", " ".repeat(bytes)));
        let taken = it.actor.send("POST", &batch, &[], padded(10 << 20)).await;
        assert_ne!(taken.status, 413, "{}", taken.text);
        it.actor.send("POST", &batch, &[], padded(17 << 20)).await.problem(413, "too_large");
        assert_eq!(it.list("/people").await, Vec::<Value>::new());
    })
    .await;
}

#[tokio::test]
async fn grants_that_are_almost_right() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let base = person_to_lock(&ann, &door);
        let grant = |name: &str, value: Value| {
            let mut body = base.clone();
            body[name] = value;
            body
        };

        let backwards = {
            let mut body = grant("valid_from", json!("2031-01-02T00:00:00Z"));
            body["valid_until"] = json!("2031-01-01T00:00:00Z");
            body
        };
        let (person, lock, level) = (id(&ann), id(&door), id(&door));
        let cases: Vec<Case> = vec![
            post("/grants", backwards, &[("/valid_until", "after valid_from")]),
            post(
                "/grants",
                grant("valid_from", json!("2031-01-01")),
                &[("/valid_from", "RFC 3339")],
            ),
            post(
                "/grants",
                grant("valid_from", json!("2031-01-01T00:00:00")),
                &[("/valid_from", "offset")],
            ),
            post(
                "/grants",
                grant("valid_from", json!("2031-02-29T00:00:00Z")),
                &[("/valid_from", "RFC 3339")],
            ),
            post(
                "/grants",
                grant("subject", json!({"person_id": lock})),
                &[("/subject/person_id", "no such person")],
            ),
            post(
                "/grants",
                json!({
                    "subject": {"credential_id": lock}, "target": {"access_level_id": person},
                    "issued_under": lock, "schedule": {"id": lock},
                }),
                &[
                    ("/subject/credential_id", "no such credential"),
                    ("/target/access_level_id", "no such access level"),
                    ("/issued_under", "no such open right to share"),
                    ("/schedule", "no such schedule"),
                ],
            ),
            post(
                "/grants",
                grant("target", json!({"lock_id": person})),
                &[("/target/lock_id", "no such lock")],
            ),
            post(
                "/grants",
                grant("target", json!({"access_level_id": level})),
                &[("/target/access_level_id", "no such access level")],
            ),
            post("/grants", grant("subject", json!({})), &[("/subject", "person_id")]),
            post(
                "/grants",
                grant("subject", json!({"person_id": person, "email": "a@example.org"})),
                &[("/subject", "only one")],
            ),
            post(
                "/grants",
                grant("subject", json!({"person_id": "7"})),
                &[("/subject/person_id", "UUID")],
            ),
            post(
                "/grants",
                grant("schedule", json!({"id": lock})),
                &[("/schedule", "no such schedule")],
            ),
            post(
                "/grants",
                grant("schedule", json!({"weekly": []})),
                &[("/schedule/weekly", "at least 1")],
            ),
            post("/grants", grant("schedule", json!({"name": "x"})), &[("/schedule", "weekly")]),
            post("/grants", grant("right", json!("enter")), &[("/right", "share")]),
        ];
        refused(&world, &it, cases).await;
    })
    .await;
}

#[tokio::test]
async fn people_cards_and_locks_that_are_almost_right() {
    on_each_engine(|world| async move {
        let it = world.here();
        let ann = it.person("Ann").await;
        let long = |count: usize| json!("x".repeat(count));
        let rows: Vec<(&str, Value, Wanted)> = vec![
            ("phone", json!("+46 70 123 45 67"), &[("/phone", "E.164")]),
            ("phone", json!("0701234567"), &[("/phone", "+46701234567")]),
            ("phone", json!(46_701_234_567_i64), &[("/phone", "text")]),
            ("email", json!("ann"), &[("/email", "ann@example.org")]),
            ("email", json!("a b@example.org"), &[("/email", "address")]),
            ("firstname", json!("A"), &[("/firstname", "first_name")]),
            ("state", json!("suspended"), &[("/state", "server")]),
            ("id", json!(id(&ann)), &[("/id", "server")]),
            ("role", json!("boss"), &[("/role", "administrator")]),
            ("language", json!("de"), &[("/language", "sv")]),
            ("tags", json!(["a", "a"]), &[("/tags/1", "already")]),
            ("tags", json!("a"), &[("/tags", "list")]),
            ("first_name", json!("a\nb"), &[("/first_name", "line")]),
            ("first_name", long(201), &[("/first_name", "200")]),
            ("external_id", json!("a b"), &[("/external_id", "A-Z")]),
            ("external_id", long(129), &[("/external_id", "128")]),
            ("identity", json!({"provider": "x"}), &[("/identity", "subject")]),
            ("identity", json!({"subject": "x"}), &[("/identity/provider", "required")]),
            ("metadata", json!([1]), &[("/metadata", "object")]),
            ("metadata", json!({"x": long(17_000)}), &[("/metadata", "16384")]),
        ];
        let mut cases: Vec<Case> = rows
            .into_iter()
            .map(|(name, value, wanted)| post("/people", json!({ name: value }), wanted))
            .collect();
        let card = json!({"kind": "card", "card": {"bits": 26, "value": "4000000"}});
        cases.push(post("/credentials", card, &[("/card/value", "27 bits")]));
        let code = json!({"kind": "code", "code": "12a4"});
        cases.push(post("/credentials", code, &[("/code", "digits")]));
        let zone = json!({"name": "x", "time_zone": "Europe/Gothenburg"});
        cases.push(post("/locks", zone, &[("/time_zone", "Europe/Stockholm")]));
        let slots = json!({"name": "x", "capacity": {"slots": 1}});
        cases.push(post("/locks", slots, &[("/capacity/slots", "entries")]));
        let none = json!({"name": "x", "capacity": {}});
        cases.push(post("/locks", none, &[("/capacity", "entries")]));
        let late = json!([{"days": ["mon"], "from": "24:00", "to": "25:00"}]);
        let late = json!({"name": "x", "weekly": late});
        let wanted = &[("/weekly/0/from", "23:59"), ("/weekly/0/to", "24:00")];
        cases.push(post("/schedules", late, wanted));
        let nameless =
            ("PATCH", one("/people", &ann), json!({"tags": null}), &[("/tags", "list")][..]);
        cases.push(nameless);
        refused(&world, &it, cases).await;
    })
    .await;
}

#[tokio::test]
async fn all_bad_fields_are_reported_at_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let cases: Vec<Case> = vec![
            (
                "POST",
                "/people".to_owned(),
                json!({
                    "email": "x", "phone": "1", "role": "x", "tags": ["ok", 1, ""], "nope": 1,
                    "identity": {"subject": 1, "extra": 2}, "language": 3, "note": "a\u{7}b",
                }),
                &[
                    ("/email", "address"),
                    ("/phone", "E.164"),
                    ("/role", "one of"),
                    ("/tags/1", "text"),
                    ("/tags/2", ""),
                    ("/nope", "fields are"),
                    ("/identity/provider", "required"),
                    ("/identity/subject", "text"),
                    ("/identity/extra", "fields are"),
                    ("/language", "text"),
                    ("/note", ""),
                ],
            ),
            (
                "POST",
                "/locks".to_owned(),
                json!({
                    "mode": "x", "pin": 1, "time_zone": "x", "capacity": {"entries": "x"},
                    "pin_schedule": {"weekly": [{"days": [], "from": "x", "to": 1}]},
                }),
                &[
                    ("/name", "required"),
                    ("/mode", "one of"),
                    ("/pin", "text"),
                    ("/time_zone", "IANA"),
                    ("/capacity/entries", "whole number"),
                    ("/pin_schedule/weekly/0/days", "at least 1"),
                    ("/pin_schedule/weekly/0/from", "23:59"),
                    ("/pin_schedule/weekly/0/to", "text"),
                ],
            ),
            (
                "POST",
                "/people?frist=1&dry_run=1".to_owned(),
                json!({"email": 1}),
                &[
                    ("?frist", "not a query parameter"),
                    ("?dry_run", "not a query parameter"),
                    ("/email", "text"),
                ],
            ),
        ];
        refused(&world, &it, cases).await;
        let headers = [("idempotency-key", "with space"), ("claviger-at-least", "x")];
        let body = Some(json!({"email": 1}).to_string());
        let answer = it.actor.send("POST", &it.at("/people"), &headers, body).await;
        told(
            &answer,
            &[
                ("Idempotency-Key:", "ASCII"),
                ("Claviger-At-Least:", "whole number"),
                ("/email", "text"),
            ],
            "headers",
        );
    })
    .await;
}

#[tokio::test]
async fn paths_that_name_nothing() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        for path in [
            "/people/7",
            "/people/external:",
            "/people/external:none",
            "/persons",
            &format!("/people/{}", id(&door)),
            "/keys/external:x",
            "/operations/x",
            "/people/",
        ] {
            let answer = it.actor.get(&it.at(path)).await;
            answer.problem(404, "not_found");
        }
        it.actor.get("/api/v1/places/7").await.problem(404, "not_found");
        it.actor.get("/api/v1/places/external:none/people").await.problem(404, "not_found");
        let answer = it.actor.delete(&it.at("/people")).await;
        let allowed = answer.header("allow").to_owned();
        answer.problem(405, "method_not_allowed");
        assert_eq!(allowed, "GET, POST, HEAD");
        for bad in ["%ff", "a%00b", "..%2f..", "%E2%82"] {
            let answer = it.actor.get(&it.at(&format!("/people/{bad}"))).await;
            assert_eq!(answer.status, 404, "{bad} {}", answer.text);
        }
        for query in ["limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "after=x", "after="] {
            let answer = it.actor.get(&it.at(&format!("/people?{query}"))).await;
            let problem = answer.problem(422, "invalid");
            let name = if query.starts_with('l') { "?limit" } else { "?after" };
            assert_eq!(pointers(&problem), [name], "{query}");
        }
    })
    .await;
}
