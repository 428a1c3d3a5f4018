//! Machines by their own clock, with answers made by hand.

use super::*;
use crate::wire::Reason;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn granted(event: &str, session: Option<(u32, u32)>) -> Decision {
    Decision {
        result: "granted".to_owned(),
        method: Some("card".to_owned()),
        reasons: Vec::new(),
        event_id: Some(event.to_owned()),
        recorded: None,
        session: session
            .map(|(start_within_s, log_off_after_s)| Session { start_within_s, log_off_after_s }),
    }
}

fn denied(reasons: &[&str]) -> Decision {
    let reasons = reasons.iter().map(|code| Reason { code: (*code).to_owned() }).collect();
    Decision { result: "denied".to_owned(), reasons, ..granted("e", None) }
}

#[test]
fn whoever_is_logged_on_starts_in_time() {
    let mut machine = Machine::default();
    assert!(!machine.switch_on(at(0)), "nobody is logged on");
    assert_eq!(machine.heard(at(10), &granted("e", Some((30, 120)))), Shown::LoggedOn);
    assert!(machine.may_start(at(39)) && !machine.may_start(at(40)));
    assert!(!machine.clone().switch_on(at(40)));
    assert!(machine.switch_on(at(39)));
    assert!(!machine.reads_keys() && !machine.may_start(at(39)));
    machine.switch_off(at(1000));
    assert!(machine.may_start(at(1119)) && !machine.may_start(at(1120)));
    assert!(machine.switch_on(at(1119)), "without a key while logged in");
    machine.switch_off(at(2000));
    assert!(machine.may_start(at(2119)), "each time anew");
    assert!(!machine.switch_on(at(2120)));
}

#[test]
fn hints_count_and_their_want_has_a_default() {
    let mut machine = Machine::default();
    machine.heard(at(0), &granted("e", Some((30, 0))));
    assert!(machine.switch_on(at(0)));
    machine.switch_off(at(1));
    assert!(!machine.may_start(at(1)), "logged off at once");
    machine.heard(at(100), &granted("e", None));
    assert!(machine.may_start(at(159)) && !machine.may_start(at(160)));
    assert!(machine.switch_on(at(159)));
    machine.switch_off(at(200));
    assert!(machine.may_start(at(799)) && !machine.may_start(at(800)));
}

#[test]
fn a_key_that_is_refused_changes_nothing() {
    let mut machine = Machine::default();
    assert_eq!(machine.heard(at(0), &denied(&["no_grant"])), Shown::Refused);
    assert!(!machine.may_start(at(0)));
    machine.heard(at(0), &granted("e", Some((60, 0))));
    assert_eq!(machine.heard(at(1), &denied(&["credential_unknown"])), Shown::Refused);
    assert!(machine.may_start(at(59)), "who was logged on is so still");
}

#[test]
fn one_key_within_a_minute_is_enrolled() {
    let mut machine = Machine::default();
    let stranger = denied(&["no_grant"]);
    machine.heard(at(0), &granted("first", None));
    assert_eq!(machine.heard(at(1), &denied(&["credential_lost", "no_grant"])), Shown::Refused);
    assert_eq!(machine.heard(at(59), &stranger), Shown::Enrol("first".to_owned()));
    assert_eq!(machine.heard(at(59), &stranger), Shown::Refused, "the next one only");
    machine.heard(at(100), &granted("second", None));
    assert_eq!(machine.heard(at(160), &stranger), Shown::Refused, "too late");
    assert_eq!(machine.heard(at(101), &stranger), Shown::Refused, "and over");
}

#[test]
fn modes_beat_keys() {
    let mut machine = Machine::default();
    machine.heard(at(0), &granted("e", Some((90, 600))));
    machine.set_mode(Mode::LockedForAll);
    assert!(!machine.reads_keys() && !machine.switch_on(at(1)));
    machine.set_mode(Mode::ByKey);
    assert!(!machine.switch_on(at(2)), "logged off by it");
    machine.set_mode(Mode::UnlockedForAll);
    assert!(machine.switch_on(at(3)));
    machine.switch_off(at(4));
    machine.set_mode(Mode::ByKey);
    assert!(!machine.switch_on(at(5)), "nobody has logged on");
    machine.heard(at(6), &granted("e", Some((90, 600))));
    assert!(machine.switch_on(at(7)));
    machine.set_mode(Mode::LockedForAll);
    assert!(machine.is_running(), "what runs is not stopped");
    machine.switch_off(at(8));
    machine.set_mode(Mode::ByKey);
    assert!(!machine.may_start(at(9)));
    let free = Decision { method: Some("free_access".to_owned()), ..granted("e", None) };
    assert_eq!(machine.heard(at(10), &free), Shown::Refused, "no key was looked at");
    for (posture, mode) in [
        ("normal", Mode::ByKey),
        ("lockdown", Mode::ByKey),
        ("disabled", Mode::LockedForAll),
        ("free_access", Mode::UnlockedForAll),
    ] {
        assert_eq!(Mode::of(posture), mode);
    }
}
