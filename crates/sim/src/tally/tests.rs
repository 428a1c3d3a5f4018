//! The table and the JSON form.

use std::time::Duration;

use super::{Surprise, Tally};
use crate::wire::{Decision, Reason};

fn tally() -> Tally {
    let decision = |result: &str, reasons: &[&str]| Decision {
        result: result.to_owned(),
        method: Some("card".to_owned()),
        reasons: reasons.iter().map(|code| Reason { code: (*code).to_owned() }).collect(),
        event_id: None,
        recorded: None,
        session: None,
    };
    let mut tally = Tally { elapsed_s: 2.0, ..Tally::default() };
    let took = Duration::from_millis(1);
    tally.answered("card", &decision("granted", &[]), took);
    tally.answered("card", &decision("denied", &["no_grant", "person_suspended"]), took);
    tally.answered("card", &decision("denied", &["no_grant"]), took);
    tally.unanswered("code", "503 stale");
    tally.hostile("cut JSON", 400, "400");
    tally.hostile("no token", 401, "200");
    tally.surprise(Surprise {
        visit: "card x".to_owned(),
        wrong: "a reason is missing".to_owned(),
        expected: "denied with credential_lost by card".to_owned(),
        got: "denied with no_grant by card".to_owned(),
        event_id: None,
    });
    tally
}

#[test]
fn the_table_says_it_all_in_few_lines() {
    let expected = "\
visits 4  (2.0/s, 2 s)   granted 1   denied 2   unanswered 1   surprises 1
latency  median 0.99 ms   p99 0.99 ms   max 1.00 ms
presented                      method                         reason
  card                     3     card                     3     no_grant                 2
  code                     1                                    person_suspended         1
unanswered  503 stale (1)
hostile  2 sent, 1 answered as they deserve
hostile  no token: 200 instead of 401 (1)
surprise  card x: a reason is missing; expected denied with credential_lost by card; \
got denied with no_grant by card
";
    assert_eq!(tally().to_string(), expected);
}

#[test]
fn while_furnishing_only_that_is_shown() {
    let tally = Tally { furnished: 3, to_furnish: 10, ..Tally::default() };
    assert_eq!(tally.to_string(), "furnishing  3 of 10\n");
}

#[test]
fn the_json_form_has_the_same_numbers() {
    let json = serde_json::to_value(tally()).unwrap();
    assert_eq!(json["visits"], 4);
    assert_eq!(json["reasons"]["no_grant"], 2);
    assert_eq!(json["latency"]["max_ms"], 1.0);
    assert_eq!(json["hostile"]["otherwise"]["no token: 200 instead of 401"], 1);
    assert_eq!(json["details"][0]["event_id"], serde_json::Value::Null);
}
