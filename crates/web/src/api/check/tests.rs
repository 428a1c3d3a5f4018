//! Every kind of bad input is named with where it is, a code, and what would be right.

use serde_json::{Value, json};

use super::*;
use crate::api::shapes::access_level::{ACCESS_LEVEL, MODIFY};
use crate::api::shapes::account::{RESET, TOKEN_REQUEST};
use crate::api::shapes::client::CLIENT;
use crate::api::shapes::credential::CREDENTIAL;
use crate::api::shapes::decision::QUESTION;
use crate::api::shapes::grant::{BATCH, GRANT};
use crate::api::shapes::lock::{LOCK, POSTURE};
use crate::api::shapes::person::PERSON;
use crate::api::shapes::place::PLACE;
use crate::api::shapes::schedule::SCHEDULE;
use crate::api::shapes::webhook::WEBHOOK;

const ID: &str = "018bcfe5-6800-7000-8000-000000000001";

/// What is wrong, as `pointer code` lines.
fn flaws(shape: &'static Shape, body: &Value, usage: Use) -> Vec<String> {
    let errors = check(shape, body, usage);
    assert!(errors.iter().all(|error| error.detail.len() > 4), "{errors:?}");
    errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
}

#[track_caller]
fn wrong(shape: &'static Shape, body: Value, expected: &[&str]) {
    assert_eq!(flaws(shape, &body, Use::Create), expected, "{body}");
}

#[track_caller]
fn right(shape: &'static Shape, body: Value) {
    wrong(shape, body, &[]);
}

#[test]
fn every_bad_field_is_reported_at_once() {
    let body = json!({
        "first_name": 1,
        "email": "ann",
        "phone": "+46 70 123 45 67",
        "language": "klingon",
        "tags": ["a", "", "a"],
        "role": null,
        "identity": { "provider": "", "nick": 1 },
        "metadata": [],
        "nickname": "x",
        "id": ID,
        "a/b~c": 1,
    });
    wrong(
        &PERSON,
        body,
        &[
            "/first_name wrong_type",
            "/email bad_format",
            "/phone bad_format",
            "/identity/provider too_short",
            "/identity/nick unknown_field",
            "/language not_a_choice",
            "/tags/1 too_short",
            "/tags/2 duplicate",
            "/role wrong_type",
            "/metadata wrong_type",
            "/a~1b~0c unknown_field",
            "/id read_only",
            "/nickname unknown_field",
        ],
    );
}

#[test]
fn details_say_what_would_be_right() {
    let of = |body: Value| check(&PERSON, &body, Use::Create).remove(0).detail;
    assert!(of(json!({ "phone": "070-1" })).contains("+46701234567"));
    assert!(of(json!({ "language": "de" })).contains("en, sv"));
    assert!(of(json!({ "emial": "a@b" })).contains("email"));
    assert_eq!(of(json!([])), "must be an object, not a list");
}

#[test]
fn the_verbs_differ_in_what_may_be_absent_null_or_changed() {
    right(&PERSON, json!({ "first_name": null, "email": "åsa@exempel.se" }));
    wrong(&LOCK, json!({}), &["/name required"]);
    wrong(&LOCK, json!({ "name": null }), &["/name wrong_type"]);
    assert!(flaws(&LOCK, &json!({}), Use::Patch).is_empty());
    assert_eq!(flaws(&LOCK, &json!({ "name": null }), Use::Patch), ["/name wrong_type"]);
    assert_eq!(flaws(&GRANT, &json!({ "right": "open" }), Use::Patch), ["/right fixed"]);
    assert_eq!(flaws(&GRANT, &json!({ "state": "active" }), Use::Patch), ["/state read_only"]);
    // What stands inside is whole even in a PATCH.
    let identity = json!({ "identity": { "subject": "x" } });
    assert_eq!(flaws(&PERSON, &identity, Use::Patch), ["/identity/provider required"]);
}

#[test]
fn texts() {
    let name = |name: &str| json!({ "name": name });
    right(&LOCK, name("Å 门 🚪"));
    for (text, code) in [
        ("", "too_short"),
        (" \u{a0}", "bad_format"),
        ("a\nb", "bad_format"),
        ("a\0", "bad_format"),
        (&"é".repeat(201), "too_long"),
    ] {
        wrong(&LOCK, name(text), &[&format!("/name {code}")]);
    }
    right(&LOCK, name(&"é".repeat(200)));
    right(&LOCK, json!({ "name": "a", "description": "one\n\ttwo" }));
    wrong(&LOCK, json!({ "name": "a", "description": "\u{7}" }), &["/description bad_format"]);
}

#[test]
fn numbers_are_whole_and_in_range() {
    let place = |days: Value| json!({ "name": "P", "retention_days": days });
    right(&PLACE, place(json!(90)));
    for (days, code) in [
        (json!(0), "out_of_range"),
        (json!(3651), "out_of_range"),
        (json!(u64::MAX), "out_of_range"),
        (json!(30.5), "wrong_type"),
        (json!("30"), "wrong_type"),
    ] {
        wrong(&PLACE, place(days), &[&format!("/retention_days {code}")]);
    }
    wrong(&PLACE, place(json!(91)), &["/retention_reason required"]);
    right(
        &PLACE,
        json!({ "name": "P", "retention_days": 91, "retention_reason": "An insurer asks." }),
    );
    wrong(
        &PLACE,
        json!({ "name": "P", "time_zone": "Europe/Stokholm" }),
        &["/time_zone bad_format"],
    );
}

#[test]
fn ids_of_the_wrong_form_are_refused() {
    let level = |id: Value| json!({ "name": "L", "lock_ids": [id] });
    right(&ACCESS_LEVEL, level(json!(ID)));
    right(&ACCESS_LEVEL, level(json!("external:door-1")));
    wrong(&ACCESS_LEVEL, level(json!("door-1")), &["/lock_ids/0 bad_format"]);
    wrong(&ACCESS_LEVEL, level(json!(7)), &["/lock_ids/0 wrong_type"]);
    right(&MODIFY, json!({ "add_people": [ID, "external:a", "ann@example.org", "+46701234567"] }));
    wrong(&MODIFY, json!({ "add_people": ["ann"] }), &["/add_people/0 bad_format"]);
    wrong(&MODIFY, json!({}), &[" required"]);
}

#[test]
fn windows_that_end_before_they_start() {
    let grant = |from: &str, until: &str| {
        json!({
            "subject": { "person_id": ID },
            "target": { "lock_id": ID },
            "valid_from": from,
            "valid_until": until,
        })
    };
    right(&GRANT, grant("2026-03-01T08:00:00Z", "2026-03-01T08:00:00.000001Z"));
    // The same instant written with another offset.
    let flaw = ["/valid_until ends_before_start"];
    wrong(&GRANT, grant("2026-03-01T08:00:00Z", "2026-03-01T09:00:00+01:00"), &flaw);
    let batch = json!({ "create": [grant("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z")] });
    wrong(&BATCH, batch, &["/create/0/valid_until ends_before_start"]);
}

#[test]
fn subjects_and_targets_are_exactly_one() {
    let grant = |subject: Value| json!({ "subject": subject, "target": { "lock_id": ID } });
    right(&GRANT, grant(json!({ "email": "ann@example.org" })));
    wrong(&GRANT, grant(json!({})), &["/subject required"]);
    let two = json!({ "person_id": ID, "credential_id": ID });
    wrong(&GRANT, grant(two), &["/subject conflict"]);
    wrong(&GRANT, grant(json!({ "person_id": null })), &["/subject/person_id wrong_type"]);
}

#[test]
fn cards_are_exact() {
    let card = |bits: Value, value: &str| {
        let part = json!({ "bits": bits, "value": value });
        json!({ "kind": "card", "card": part })
    };
    right(&CREDENTIAL, card(json!(40), "00ffffffffff"));
    wrong(&CREDENTIAL, card(json!(40), "10000000000"), &["/card/value too_long"]);
    wrong(&CREDENTIAL, card(json!(40), "0xff"), &["/card/value bad_format"]);
    wrong(&CREDENTIAL, card(json!(0), "1"), &["/card/bits out_of_range"]);
    wrong(&CREDENTIAL, card(json!(4e1), "1"), &["/card/bits wrong_type"]);
}

#[test]
fn credentials_hold_what_their_kind_needs() {
    let part = json!({ "bits": 8, "value": "1" });
    right(&CREDENTIAL, json!({ "kind": "code", "code": "0123", "pin": null }));
    right(&CREDENTIAL, json!({ "kind": "card", "cards": [part, part], "pin": "12345678" }));
    wrong(&CREDENTIAL, json!({ "kind": "card" }), &["/card required"]);
    wrong(
        &CREDENTIAL,
        json!({ "kind": "code", "code": "1234", "card": part }),
        &["/card conflict"],
    );
    wrong(&CREDENTIAL, json!({ "kind": "card", "card": part, "cards": [part] }), &[" conflict"]);
    wrong(
        &CREDENTIAL,
        json!({ "kind": "code", "code": "12345678901234567", "pin": "12a4" }),
        &["/code bad_format", "/pin bad_format"],
    );
    assert_eq!(
        flaws(&CREDENTIAL, &json!({ "card": part, "cards": [part] }), Use::Patch),
        [" conflict"]
    );
}

#[test]
fn schedules() {
    let weekly = |windows: Value| json!({ "name": "S", "weekly": windows });
    let window = json!({ "days": ["mon", "fri"], "from": "22:00", "to": "06:00" });
    right(&SCHEDULE, weekly(json!([window])));
    wrong(&SCHEDULE, weekly(json!([])), &["/weekly too_few"]);
    wrong(&SCHEDULE, json!({ "name": "S" }), &[" required"]);
    wrong(
        &SCHEDULE,
        weekly(json!([{ "days": [], "from": "24:00", "to": "24:01" }])),
        &["/weekly/0/days too_few", "/weekly/0/from bad_format", "/weekly/0/to bad_format"],
    );
    let both = json!({ "name": "S", "weekly": [window], "ical": "x" });
    wrong(&SCHEDULE, both, &[" conflict"]);
    let closed = json!({ "date": "2026-12-24", "windows": [] });
    let twice = json!({
        "name": "S",
        "weekly": [window],
        "exceptions": [closed, closed],
    });
    wrong(&SCHEDULE, twice, &["/exceptions/1/date duplicate_date"]);
    let ical = flaws(&SCHEDULE, &json!({ "name": "S", "ical": "BEGIN:NOTHING" }), Use::Create);
    assert!(!ical.is_empty() && ical.iter().all(|flaw| flaw.starts_with("/ical ")), "{ical:?}");
    // Inside another body, by id, and none of the three forms.
    let level = |schedule: Value| json!({ "name": "L", "schedule": schedule });
    right(&ACCESS_LEVEL, level(json!({ "id": "external:days" })));
    right(&ACCESS_LEVEL, level(json!({ "time_zone": null, "weekly": [window] })));
    wrong(&ACCESS_LEVEL, level(json!({ "weekly": [] })), &["/schedule/weekly too_few"]);
    wrong(&ACCESS_LEVEL, level(json!({ "zone": "x" })), &["/schedule required"]);
    wrong(&ACCESS_LEVEL, level(json!({ "id": ID, "x": 1 })), &["/schedule/x unknown_field"]);
}

#[test]
fn questions() {
    let ask = |more: Value| {
        let mut body = json!({ "lock_id": ID });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    right(&QUESTION, ask(json!({ "card": { "bits": 26, "value": "1ff" }, "pin": "1234" })));
    wrong(&QUESTION, ask(json!({})), &[" required"]);
    wrong(&QUESTION, ask(json!({ "code": "1234", "person_id": ID })), &[" conflict"]);
    let at = "2026-03-01T08:00:00Z";
    let pin = json!({ "credential_id": ID, "pin": "1234", "at": at });
    wrong(&QUESTION, ask(pin), &["/pin conflict"]);
    let recorded = json!({ "credential_id": ID, "at": at, "record": true });
    wrong(&QUESTION, ask(recorded), &["/record conflict"]);
    let oracle = json!({ "code": "1234", "record": false });
    wrong(&QUESTION, ask(oracle), &["/code conflict"]);
}

#[test]
fn the_rest_of_the_rules() {
    wrong(&POSTURE, json!({ "posture": "lockdown", "all": false }), &["/all not_a_choice"]);
    wrong(&POSTURE, json!({ "posture": "lockdown" }), &[" required"]);
    right(&RESET, json!({ "email": "ann@example.org" }));
    wrong(&RESET, json!({ "secret": "x" }), &["/password required"]);
    wrong(
        &CLIENT,
        json!({ "name": "C", "kind": "api_key", "scopes": ["people:all"] }),
        &["/scopes/0 not_a_choice"],
    );
    wrong(&WEBHOOK, json!({ "url": "ftp://example.org" }), &["/url bad_format"]);
    right(&TOKEN_REQUEST, json!({ "grant_type": "client_credentials", "resource": "x" }));
}

#[test]
fn free_objects_are_finite() {
    let with = |value: Value| json!({ "metadata": value });
    right(&PERSON, with(json!({ "a": { "b": [1.5, null, "å\u{0}"] } })));
    wrong(&PERSON, with(json!({ "a": "x".repeat(17_000) })), &["/metadata too_long"]);
    let deep = (0..17).fold(json!({}), |inner, _| json!({ "a": inner }));
    wrong(&PERSON, with(deep), &["/metadata too_deep"]);
    let wide: Map<String, Value> = (0..257).map(|n| (n.to_string(), json!(n))).collect();
    wrong(&PERSON, with(Value::Object(wide)), &["/metadata too_many"]);
}

#[test]
fn no_answer_lists_errors_without_end() {
    let body = json!({ "create": vec![json!(1); 10_000] });
    assert_eq!(check(&BATCH, &body, Use::Create).len(), MAX_ERRORS);
    let body = json!({ "revoke": vec![json!("x"); 10_001] });
    wrong(&BATCH, body, &["/revoke too_many"]);
}
