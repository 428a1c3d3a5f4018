//! The log as JSON: what a program that reads it relies on, and what never stands in it.

use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::run::{Temporary, get};

const PASSWORD: &str = "correct horse battery";

/// What a person would not want to read in a log.
const PERSONAL: [&str; 8] = [
    "Grunhilda",
    "Grunwald",
    "grunhilda@",
    "46709998877",
    "likes quiet",
    "c0ffee77",
    "13579",
    "86420864",
];

/// Does what touches names, secrets and digits, well and badly.
fn busy(url: &str, made: &Value) -> Vec<String> {
    let client = Client::new(url, made);
    let person = json!({
        "first_name": "Grunhilda", "last_name": "Grunwald", "email": "grunhilda@example.org",
        "phone": "+46709998877", "note": "likes quiet",
    });
    let person = client.make("/people", person);
    let door = client.make("/locks", json!({"name": "Door", "pin": "always"}));
    let card = json!({"bits": 56, "value": "c0ffee77"});
    let badge = json!({"kind": "card", "person_id": person, "card": card, "pin": "13579"});
    client.make("/credentials", badge);
    let code = json!({"kind": "code", "person_id": person, "code": "86420864"});
    client.make("/credentials", code);
    let grant = json!({"subject": {"person_id": person}, "target": {"lock_id": door}});
    client.make("/grants", grant.clone());
    for pin in ["13579", "24680"] {
        let question = json!({"lock_id": door, "card": card, "pin": pin});
        assert_eq!(client.send("POST", "/decisions", question).0, 200);
    }
    let code = json!({"lock_id": door, "code": "86420864"});
    assert_eq!(client.send("POST", "/decisions", code).0, 200);
    let taken = json!({"first_name": "Grunhilda", "email": "grunhilda@example.org"});
    assert_eq!(client.send("POST", "/people", taken).0, 409);
    let setup_code = get(made, "/admin/setup_code");
    let redeem = json!({"setup_code": setup_code, "password": PASSWORD});
    assert_eq!(send(url, "POST", "/api/v1/account/invitation", "", &redeem).0, 201);
    for (password, status) in [(PASSWORD, 201), ("wrong horse battery", 401)] {
        let body = json!({"email": "admin@localhost", "password": password});
        assert_eq!(send(url, "POST", "/api/v1/session", "", &body).0, status);
    }
    let mail = json!({"email": "admin@localhost"});
    assert_eq!(send(url, "POST", "/api/v1/account/password-reset", "", &mail).0, 202);
    assert_eq!(client.send("DELETE", &format!("/people/{person}"), Value::Null).0, 204);
    let secret = get(made, "/client/secret");
    let others = PERSONAL.iter().map(|it| (*it).to_owned());
    others.chain([setup_code, secret, client.token.clone(), PASSWORD.to_owned()]).collect()
}

#[test]
fn every_line_is_json_and_none_says_who_or_what_is_secret() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    // All that can be logged of our own; statements hold no values at any level.
    let config = temporary.write("claviger.toml", "log = \"trace\"\n");
    let server = data.serve_with(&["--config", &config, "--log-format", "json"]);
    let made = data.setup();
    let rows = temporary.write("rows.csv", "external_id,first_name\nx,Grunhilda\n");
    let place = get(&made, "/place/id");
    assert_eq!(data.run(&["import", "people", &rows, "--place", &place]).code, Some(0));
    let unspeakable = busy(&server.url, &made);
    server.signal("-TERM");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");

    let mut messages = Vec::new();
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|it| panic!("{it}: {line}"));
        let time = get(&entry, "/timestamp");
        // RFC 3339 in UTC.
        assert!(time.len() >= 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{line}");
        let level = get(&entry, "/level");
        assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level.as_str()), "{line}");
        assert!(!get(&entry, "/target").is_empty(), "{line}");
        messages.push((level, get(&entry, "/fields/message")));
    }
    let said = |level: &str, part: &str| {
        messages.iter().any(|(own, message)| own == level && message.contains(part))
    };
    assert!(said("INFO", "ended"), "{log}");
    assert!(messages.len() > 3, "{log}");
    for text in unspeakable {
        assert!(!log.contains(&text), "{text} stands in the log");
    }
}
