//! Small buildings made by hand, where what must be answered can be seen at a glance.

use super::expect;
use crate::building::{
    Bearer, Building, Card, Credential, CredentialState, Grant, Lock, Person, PinRule, Subject,
    Target, Window,
};
use crate::visit::{Pin, Presented, Visit};
use crate::wire::{Decision, Reason};

const CARD: Card = Card { technology: "em", bits: 40, value: 7 };

/// Ann with a card and PIN 1234, and one lock she may open.
fn building() -> Building {
    let text = str::to_owned;
    Building {
        tag: text("test"),
        people: vec![Person {
            external_id: text("ann"),
            first_name: text("Ann"),
            last_name: text("Berg"),
            email: text("ann@example.org"),
            phone: None,
            employee_number: None,
            suspended: false,
        }],
        credentials: vec![Credential {
            external_id: text("card"),
            person: Some(0),
            label: text("Card"),
            bearer: Bearer::Card(vec![CARD]),
            pin: Some(text("1234")),
            window: Window::default(),
            state: CredentialState::Active,
        }],
        locks: vec![Lock {
            external_id: text("door"),
            name: text("Door"),
            pin: PinRule::Never,
            pin_schedule: None,
            unlock_schedule: None,
            wiegand: false,
        }],
        schedules: Vec::new(),
        levels: Vec::new(),
        grants: vec![Grant {
            external_id: text("grant"),
            subject: Subject::Person(0),
            target: Target::Lock(0),
            window: Window::default(),
            schedule: None,
        }],
    }
}

fn visit(pin: Option<bool>) -> Visit {
    let pin = pin.map(|right| Pin { digits: "1234".to_owned(), right });
    Visit { lock: 0, presented: Presented::Card { card: CARD, of: Some(0) }, pin, preview: false }
}

fn decision(method: &str, reasons: &[&str]) -> Decision {
    Decision {
        result: if reasons.is_empty() { "granted" } else { "denied" }.to_owned(),
        method: Some(method.to_owned()),
        reasons: reasons.iter().map(|code| Reason { code: (*code).to_owned() }).collect(),
        event_id: Some("event".to_owned()),
        recorded: None,
        session: None,
    }
}

/// Whether this answer to this visit is in order, and if not, why.
fn judge(building: &Building, visit: &Visit, reasons: &[&str]) -> Result<(), &'static str> {
    expect(building, visit, 0).judge(&decision("card", reasons))
}

#[test]
fn a_certain_right_opens_and_nothing_else_will_do() {
    let made = building();
    assert_eq!(judge(&made, &visit(None), &[]), Ok(()));
    assert_eq!(judge(&made, &visit(None), &["no_grant"]), Err("a reason does not apply"));
    assert_eq!(judge(&made, &visit(None), &["moon_phase"]), Err("a reason does not apply"));
    assert_eq!(judge(&made, &visit(None), &["lockdown"]), Ok(()));
    assert_eq!(expect(&made, &visit(None), 0).to_string(), "granted by card or card_and_pin");
}

#[test]
fn every_condition_that_fails_is_demanded_in_order() {
    let mut made = building();
    made.people[0].suspended = true;
    made.credentials[0].state = CredentialState::Lost;
    made.grants.clear();
    let all = ["credential_lost", "person_suspended", "no_grant"];
    assert_eq!(judge(&made, &visit(None), &all), Ok(()));
    assert_eq!(judge(&made, &visit(None), &all[..2]), Err("a reason is missing"));
    assert_eq!(judge(&made, &visit(None), &[]), Err("a reason is missing"));
    let mixed = ["person_suspended", "credential_lost", "no_grant"];
    assert_eq!(judge(&made, &visit(None), &mixed), Err("reasons are out of order"));
}

#[test]
fn a_remote_unlock_asks_nothing_of_credentials() {
    let mut made = building();
    made.credentials[0].state = CredentialState::Lost;
    let remote = Visit { presented: Presented::Person(0), ..visit(None) };
    let expected = expect(&made, &remote, 0);
    assert_eq!(expected.judge(&decision("remote", &[])), Ok(()));
    let wrong = Err("the method is not what was presented");
    assert_eq!(expected.judge(&decision("card", &[])), wrong);
}

#[test]
fn unknown_things_are_unknown_and_no_more() {
    let made = building();
    let card = Visit { presented: Presented::Card { card: CARD, of: None }, ..visit(None) };
    assert_eq!(judge(&made, &card, &["credential_unknown"]), Ok(()));
    let both = ["credential_unknown", "no_grant"];
    assert_eq!(judge(&made, &card, &both), Err("a reason does not apply"));
    let presented = Presented::Code { code: "123456789012".to_owned(), of: None };
    let code = expect(&made, &Visit { presented, ..visit(None) }, 0);
    assert_eq!(code.judge(&decision("code", &["credential_unknown"])), Ok(()));
    assert_eq!(code.judge(&decision("code", &["pin_locked_out"])), Ok(()));
    assert!(code.judge(&decision("code", &["pin_wrong"])).is_err());
}

#[test]
fn pins_follow_the_rule_of_the_lock() {
    let mut made = building();
    made.locks[0].pin = PinRule::IfSet;
    assert_eq!(judge(&made, &visit(Some(true)), &[]), Ok(()));
    assert_eq!(judge(&made, &visit(Some(true)), &["pin_locked_out"]), Ok(()));
    assert_eq!(judge(&made, &visit(Some(false)), &["pin_wrong"]), Ok(()));
    assert_eq!(judge(&made, &visit(Some(false)), &["pin_locked_out"]), Ok(()));
    assert_eq!(judge(&made, &visit(Some(false)), &[]), Err("a reason is missing"));
    assert_eq!(judge(&made, &visit(None), &["pin_missing"]), Ok(()));
    let preview = Visit { preview: true, ..visit(None) };
    let mut answer = decision("card", &[]);
    assert_eq!(expect(&made, &preview, 0).judge(&answer), Err("a preview made an event"));
    answer.event_id = None;
    assert_eq!(expect(&made, &preview, 0).judge(&answer), Ok(()));
    assert_eq!(expect(&made, &visit(Some(true)), 0).judge(&answer), Err("it names no event"));
    made.credentials[0].pin = None;
    assert_eq!(judge(&made, &visit(None), &[]), Ok(()));
    made.locks[0].pin = PinRule::Always;
    assert_eq!(judge(&made, &visit(None), &["pin_not_set"]), Ok(()));
    assert!(judge(&made, &visit(None), &[]).is_err());
}

#[test]
fn times_are_certain_only_away_from_their_bounds() {
    let mut made = building();
    let from = |day| Window { from_day: Some(day), until_day: None };
    let until = |day| Window { from_day: None, until_day: Some(day) };
    made.grants[0].window = until(-30);
    assert_eq!(judge(&made, &visit(None), &["grant_expired"]), Ok(()));
    assert!(judge(&made, &visit(None), &[]).is_err());
    made.grants[0].window = from(1);
    assert_eq!(judge(&made, &visit(None), &[]), Ok(()));
    assert_eq!(judge(&made, &visit(None), &["grant_not_yet_valid"]), Ok(()));
    made.grants[0].window = from(30);
    assert!(judge(&made, &visit(None), &[]).is_err());
    let mut second = made.grants[0].clone();
    second.window = until(-30);
    made.grants.push(second);
    assert_eq!(judge(&made, &visit(None), &["grant_not_yet_valid", "grant_expired"]), Ok(()));
    assert_eq!(judge(&made, &visit(None), &["grant_expired"]), Ok(()));
    made.grants[1].window = Window::default();
    assert_eq!(judge(&made, &visit(None), &[]), Ok(()));
    assert!(judge(&made, &visit(None), &["grant_not_yet_valid"]).is_err());
}

#[test]
fn an_open_door_and_a_contradiction() {
    let mut made = building();
    made.grants.clear();
    let expected = expect(&made, &visit(None), 0);
    assert_eq!(expected.judge(&decision("free_access", &[])), Ok(()));
    let mut both = decision("card", &["no_grant"]);
    both.result = "granted".to_owned();
    assert_eq!(expected.judge(&both), Err("result and reasons contradict each other"));
    both.result = "perhaps".to_owned();
    assert_eq!(expected.judge(&both), Err("the result is neither granted nor denied"));
}
