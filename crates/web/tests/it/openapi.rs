//! The document: kept as a snapshot, and every answer of every test held against it.
//!
//! The check is stricter than the document, which leaves room for more: an answer may hold no field
//! that the document does not name.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::support::{Answer, on_each_engine};

/// The document, made once.
fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(claviger_web::openapi)
}

/// The operation a request is for; none where the document has none.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    let paths = document()["paths"].as_object().unwrap();
    let fits = |template: &str| -> Option<usize> {
        let template: Vec<&str> = template.split('/').collect();
        let same = template.len() == parts.len()
            && template.iter().zip(&parts).all(|(a, b)| a.starts_with('{') || a == b);
        same.then(|| template.iter().filter(|part| !part.starts_with('{')).count())
    };
    let best = paths.iter().filter_map(|(template, row)| Some((fits(template)?, row)));
    let (_, row) = best.max_by_key(|(literal, _)| *literal)?;
    row.get(method.to_ascii_lowercase())
}

fn resolved(schema: &'static Value) -> &'static Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let found = document().pointer(reference.trim_start_matches('#'));
            resolved(found.unwrap_or_else(|| panic!("{reference} is not in the document")))
        }
        None => schema,
    }
}

/// Panics where an answer is not what the document says of it.
pub(crate) fn conforms(method: &str, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else { return };
    let said = || format!("{method} {path} {} {}", answer.status, answer.text);
    let Some(response) = operation["responses"].get(answer.status.to_string()) else {
        panic!("the document knows no such status: {}", said());
    };
    let content = &resolved(response)["content"];
    if answer.text.is_empty() {
        assert!(content.is_null() || answer.status == 304, "a body is missing: {}", said());
        return;
    }
    let media = answer.header("content-type");
    let Some(media) = content.get(media) else {
        panic!("the document knows no such media type {media:?}: {}", said());
    };
    let flaws = check(&media["schema"], &answer.body, "");
    assert!(flaws.is_empty(), "not as the document says: {flaws:?}: {}", said());
}

/// What is wrong with a value; a sound part of JSON Schema 2020-12, with closed objects.
fn check(schema: &'static Value, value: &Value, at: &str) -> Vec<String> {
    let schema = resolved(schema);
    let mut flaws = Vec::new();
    for (keyword, exactly) in [("anyOf", false), ("oneOf", true)] {
        if let Some(choices) = schema[keyword].as_array() {
            let tries: Vec<_> = choices.iter().map(|choice| check(choice, value, at)).collect();
            let good = tries.iter().filter(|it| it.is_empty()).count();
            if good == 0 || exactly && good > 1 {
                flaws.push(format!("{at}: {good} of {keyword} hold: {tries:?}"));
            }
        }
    }
    if let Some(types) = schema.get("type") {
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let right = match types {
            Value::Array(types) => types.iter().any(|it| it == is),
            one => one == is,
        };
        if !right {
            flaws.push(format!("{at}: is {is}, not {types}"));
            return flaws;
        }
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        flaws.push(format!("{at}: {value} is none of {words:?}"));
    }
    match value {
        Value::Object(fields) => flaws.extend(check_object(schema, fields, at)),
        Value::Array(items) if schema["items"].is_object() => {
            for (index, item) in items.iter().enumerate() {
                flaws.extend(check(&schema["items"], item, &format!("{at}/{index}")));
            }
        }
        Value::String(text) => {
            if let Some(format) = schema["format"].as_str()
                && !has_format(format, text)
            {
                flaws.push(format!("{at}: {text:?} is no {format}"));
            }
        }
        _ => {}
    }
    flaws
}

fn check_object(schema: &'static Value, fields: &Map<String, Value>, at: &str) -> Vec<String> {
    let mut flaws = Vec::new();
    for name in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            flaws.push(format!("{at}: {name} is missing"));
        }
    }
    // An object without properties is a free one.
    let Some(properties) = schema["properties"].as_object() else { return flaws };
    for (name, value) in fields {
        match properties.get(name) {
            Some(schema) => flaws.extend(check(schema, value, &format!("{at}/{name}"))),
            None => flaws.push(format!("{at}: {name} is not in the document")),
        }
    }
    flaws
}

fn has_format(format: &str, text: &str) -> bool {
    let shaped = |shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, wants)| match wants {
                b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
                b'0' => byte.is_ascii_digit(),
                wants => byte == wants,
            })
    };
    match format {
        "uuid" => shaped("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        // Whole seconds have no fraction, all others six digits.
        "date-time" => {
            let fraction = shaped("0000-00-00T00:00:00.000000Z") && !text.ends_with(".000000Z");
            shaped("0000-00-00T00:00:00Z") || fraction
        }
        "date" => shaped("0000-00-00"),
        _ => false,
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let (get, path) = ("GET", "/api/v1/places/external:x/people/external:y");
    let operation = operation(get, path).unwrap();
    assert_eq!(operation["operationId"], "get_person");
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let mut person = json!({
        "id": "018bcfe5-6800-7000-8000-000000000001", "number": 1, "external_id": null,
        "created_at": "2031-01-01T00:00:00Z", "updated_at": "2031-01-01T00:00:00.000001Z",
        "revision": 1, "first_name": "A", "last_name": null, "display_name": null,
        "email": null, "phone": null, "employee_number": null, "language": "sv", "tags": [],
        "identity": {"provider": "x", "subject": null, "identifier": "y"},
        "note": null, "role": "guest", "metadata": {"any": ["thing"]}, "state": "active",
        "held_until": null,
    });
    assert_eq!(check(schema, &person, ""), Vec::<String>::new());
    for (name, value) in [
        ("id", json!("1")),
        ("number", json!(1.5)),
        ("created_at", json!("2031-01-01T00:00:00.5Z")),
        ("created_at", json!("2031-01-01T02:00:00+02:00")),
        ("role", json!("king")),
        ("identity", json!({"provider": "x", "subject": 1, "identifier": null})),
        ("tags", json!([1])),
        ("state", json!(null)),
        ("pin", json!("1234")),
    ] {
        let former = person.get(name).cloned();
        person[name] = value.clone();
        assert_eq!(check(schema, &person, "").len(), 1, "{name} {value}");
        match former {
            Some(former) => person[name] = former,
            None => drop(person.as_object_mut().unwrap().remove(name)),
        }
    }
    person.as_object_mut().unwrap().remove("note");
    assert_eq!(check(schema, &person, ""), [": \"note\" is missing"]);
}

#[test]
fn the_document_is_the_one_that_was_agreed_on() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openapi.json");
    let made = format!("{}\n", serde_json::to_string_pretty(document()).unwrap());
    if std::env::var("UPDATE_SNAPSHOTS").as_deref() == Ok("1") {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).enumerate().find(|(_, (a, b))| a != b);
    assert!(kept == made, "not the snapshot; UPDATE_SNAPSHOTS=1 renews it. First: {differs:?}");
}

/// The API, of what this version has built; `P` is a place.
const ROUTES: &[&str] = &[
    "GET me",
    "GET POST places",
    "GET PATCH P",
    "GET POST P/people",
    "GET PUT PATCH DELETE P/people/{id}",
    "POST P/people/{id}/suspend",
    "POST P/people/{id}/resume",
    "GET P/people/{id}/access",
    "GET P/people/{id}/export",
    "POST P/people/{id}/hold",
    "POST P/people/{id}/release",
    "POST P/people/{id}/forget",
    "POST P/hold",
    "POST P/release",
    "GET POST P/credentials",
    "GET PUT PATCH DELETE P/credentials/{id}",
    "POST P/credentials/{id}/report-lost",
    "GET POST P/locks",
    "GET PUT PATCH DELETE P/locks/{id}",
    "POST P/locks/{id}/unlock",
    "POST P/posture",
    "POST DELETE P/locks/{id}/shares",
    "GET P/shared-locks",
    "POST P/shared-locks/{id}/accept",
    "GET P/locks/{id}/access",
    "GET POST P/controllers",
    "GET PATCH DELETE P/controllers/{id}",
    "GET POST P/access-levels",
    "GET PUT PATCH DELETE P/access-levels/{id}",
    "POST P/access-levels/{id}/modify",
    "GET P/access-levels/{id}/locks",
    "GET P/access-levels/{id}/grants",
    "GET POST P/grants",
    "POST P/grants/batch",
    "GET PUT PATCH P/grants/{id}",
    "POST P/grants/{id}/revoke",
    "GET P/keys",
    "GET P/keys/{id}",
    "GET POST P/schedules",
    "GET PUT PATCH DELETE P/schedules/{id}",
    "GET P/schedules/{id}/occurrences",
    "POST P/decisions",
    "POST P/locks/{id}/commission",
    "GET P/locks/{id}/revocation-list",
    "POST P/locks/{id}/receipts",
    "POST P/locks/{id}/events",
    "POST P/devices/enrol",
    "POST P/devices/sync",
    "GET P/events",
    "GET P/events/stream",
    "GET P/events/complete",
    "GET P/changes",
    "GET P/changes/verify",
    "GET POST P/webhooks",
    "GET PATCH DELETE P/webhooks/{id}",
    "GET P/webhooks/{id}/deliveries",
    "POST P/webhooks/{id}/test",
    "POST P/webhooks/{id}/replay",
    "GET POST clients",
    "GET PATCH DELETE clients/{id}",
    "POST clients/{id}/rotate",
    "GET P/revocations",
    "GET P/revocations/{id}",
    "GET P/operations/{id}",
    "POST DELETE session",
    "GET DELETE sessions",
    "POST account/password",
    "POST account/password-reset",
    "POST account/invitation",
];

#[tokio::test]
async fn the_document_is_served_and_every_route_of_the_specification_is_in_it() {
    on_each_engine(|world| async move {
        let served = world.nobody().get("/api/v1/openapi.json").await.expect(200);
        assert_eq!(served, *document());
        assert_eq!(served["openapi"], "3.1.0");
        for route in ROUTES {
            let mut words: Vec<&str> = route.split(' ').collect();
            let path = words.pop().unwrap();
            let path = match path.strip_prefix('P') {
                Some(rest) => format!("/api/v1/places/{{place}}{rest}"),
                None => format!("/api/v1/{path}"),
            };
            for method in words {
                let found = &served["paths"][&path][method.to_ascii_lowercase()];
                assert!(found.is_object(), "{method} {path}");
            }
        }
        let page = world.nobody().get("/docs").await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    })
    .await;
}
