//! What a place has to forget when, whom it does not, and what events keep from the beginning.

use claviger_domain::command::{credential, lock, person, place as rules};
use claviger_domain::draft::{Draft, TrailEntry};
use claviger_domain::ids::{CredentialNumber, GrantNumber, Id, LockNumber, Noun, PersonNumber};
use claviger_domain::noun::card::CardValue;
use claviger_domain::noun::event::{Event, EventKind, EventSubject, StandIn};
use claviger_domain::noun::lock::{LockEdit, Posture, Privacy};
use claviger_domain::noun::person::{PersonEdit, PersonState};
use claviger_domain::noun::place::{PlaceEdit, PlaceUse};
use claviger_domain::refusal::Refusal;
use claviger_domain::retention::{due, holds, still_explains};
use claviger_domain::time::{DAY, Instant};

use super::commands::{fresh, next, wrong};

fn somebody(draft: &mut Draft) -> PersonNumber {
    person::create(draft, &PersonEdit::default()).unwrap().number()
}

fn told(draft: &Draft) -> &TrailEntry {
    draft.trail().unwrap()
}

#[test]
fn a_place_forgets_what_is_older_than_its_days_but_of_whom_is_held() {
    let mut draft = fresh();
    let (ann, bo) = (somebody(&mut draft), somebody(&mut draft));
    let mut draft = next(draft);
    let now = draft.now;
    person::hold(&mut draft, ann, Some(now.plus(10 * DAY))).unwrap();
    assert_eq!((told(&draft).verb, told(&draft).noun), ("hold", Noun::Person));
    assert_eq!(told(&draft).fields[0].value, Some(now.plus(10 * DAY).to_string()));
    let state = &draft.state;
    // The place of these tests keeps 90 days.
    let of = |at: Instant| due(state, at).unwrap();
    let held = of(now.plus(DAY));
    assert_eq!((held.before, held.held), (now.plus(-89 * DAY), vec![ann]));
    assert_eq!(of(now.plus(10 * DAY - 1)).held, [ann], "to the last instant");
    assert_eq!(of(now.plus(10 * DAY)).held, [], "it ends by itself");
    assert!(matches!(person::delete(&mut draft, ann), Err(Refusal::InUse(_))));
    person::delete(&mut draft, bo).unwrap();
    let mut draft = next(draft);
    person::hold(&mut draft, ann, None).unwrap();
    assert_eq!((told(&draft).verb, told(&draft).fields.len()), ("release", 0));
    person::delete(&mut draft, ann).unwrap();
    assert_eq!(due(&draft.state, now).unwrap().held, []);
}

#[test]
fn what_is_told_late_keeps_what_both_privacies_do() {
    let stand_in = |_, _| StandIn([7; 16]);
    let all =
        [Privacy::Full, Privacy::Pseudonym, Privacy::Anonymous, Privacy::Hidden, Privacy::None];
    // What is kept of whom, and whether it is shown: the less of the two, in each.
    let of = |event: Option<Event>| {
        let least = event.map(|event| {
            let whom = event.subject.person.map(|_| 2).or(event.subject.stand_in.map(|_| 1));
            (whom.unwrap_or(0), !event.hidden)
        });
        least.unwrap_or((-1, false))
    };
    let person = Some(PersonNumber(1));
    let event = Event {
        subject: EventSubject { person, ..EventSubject::default() },
        ..Event::at(LockNumber(1), EventKind::AccessGranted, Id([1; 16]), Instant(0))
    };
    for then in all {
        for now in all {
            let (one, other) =
                (of(event.clone().kept(then, stand_in)), of(event.clone().kept(now, stand_in)));
            let wanted = (one.0.min(other.0), one.1 && other.1);
            let both = of(event.clone().kept_late((then, now), stand_in));
            assert_eq!(both, wanted, "{then:?} {now:?}");
        }
    }
}

#[test]
fn a_place_on_hold_has_nothing_to_forget() {
    let mut draft = fresh();
    let ann = somebody(&mut draft);
    let mut draft = next(draft);
    let until = draft.now.plus(DAY);
    rules::hold(&mut draft, Some(until)).unwrap();
    assert_eq!(due(&draft.state, until.plus(-1)), None);
    assert!(due(&draft.state, until).is_some());
    assert!(matches!(person::delete(&mut draft, ann), Err(Refusal::InUse(_))));
    let forgettable = |at| person::check_forgettable(&draft.state, Some(ann), at);
    assert!(forgettable(until.plus(-1)).is_err() && forgettable(until).is_ok());
    assert!(holds(Some(until), draft.now) && !holds(Some(until), until) && !holds(None, until));
}

#[test]
fn a_hold_ends_within_a_year_and_there_are_not_too_many() {
    let mut draft = fresh();
    let now = draft.now;
    for until in [now, now.plus(-1), now.plus(366 * DAY + 1)] {
        assert_eq!(wrong(rules::hold(&mut draft, Some(until))), ["/until"]);
    }
    let people: Vec<PersonNumber> = (0..1001).map(|_| somebody(&mut draft)).collect();
    let mut draft = next(draft);
    let until = Some(draft.now.plus(DAY));
    for one in &people[..1000] {
        person::hold(&mut draft, *one, until).unwrap();
    }
    let later = until.map(|until| until.plus(DAY));
    person::hold(&mut draft, people[0], later).unwrap();
    let many = person::hold(&mut draft, people[1000], until);
    assert!(matches!(many, Err(Refusal::InUse(_))), "{many:?}");
    person::hold(&mut draft, people[7], None).unwrap();
    person::hold(&mut draft, people[1000], until).unwrap();
}

#[test]
fn what_a_place_is_used_for_says_its_days_unless_they_are_said() {
    let mut draft = fresh();
    let used_for = |used_for| PlaceEdit { used_for: Some(used_for), ..PlaceEdit::default() };
    for one in [PlaceUse::Housing, PlaceUse::Workplace, PlaceUse::Lodging, PlaceUse::Equipment] {
        let made = rules::edit(&mut draft, &used_for(Some(one))).unwrap();
        assert_eq!((made.used_for, made.retention_days), (Some(one), one.retention_days()));
        assert!((1..=rules::FREE_RETENTION_DAYS).contains(&made.retention_days), "no reason asked");
    }
    let both = PlaceEdit { retention_days: Some(5), ..used_for(Some(PlaceUse::Members)) };
    assert_eq!(rules::edit(&mut draft, &both).unwrap().retention_days, 5);
    assert_eq!(rules::edit(&mut draft, &used_for(None)).unwrap().retention_days, 5);
}

#[test]
fn a_reason_explains_as_long_as_things_are_as_it_says() {
    let mut draft = fresh();
    let ann = somebody(&mut draft);
    let door = LockEdit { name: Some("Door".to_owned()), ..LockEdit::default() };
    let door = lock::create(&mut draft, &door).unwrap().number();
    let explains =
        |draft: &Draft, noun, number: u32| still_explains(&draft.state, noun, number, draft.now);
    assert!(!explains(&draft, Noun::Person, ann.0) && !explains(&draft, Noun::Lock, door.0));
    person::set_state(&mut draft, ann, PersonState::Suspended).unwrap();
    lock::set_posture(&mut draft, door, Posture::Lockdown).unwrap();
    assert!(explains(&draft, Noun::Person, ann.0) && explains(&draft, Noun::Lock, door.0));
    person::set_state(&mut draft, ann, PersonState::Active).unwrap();
    lock::set_posture(&mut draft, door, Posture::Normal).unwrap();
    assert!(!explains(&draft, Noun::Person, ann.0) && !explains(&draft, Noun::Lock, door.0));
    let until = draft.now.plus(DAY);
    person::hold(&mut draft, ann, Some(until)).unwrap();
    assert!(explains(&draft, Noun::Person, ann.0));
    assert!(!still_explains(&draft.state, Noun::Person, ann.0, until), "a hold ends by itself");
    assert!(!explains(&draft, Noun::Grant, 1), "what is over stays so, whatever the reason was");
    assert!(credential::find(&draft.state, CredentialNumber(1)).is_err());
    assert!(!explains(&draft, Noun::Credential, 1), "nor what is gone");
}

#[test]
fn an_event_keeps_what_the_privacy_says() {
    let card = CardValue::parse(8, "7").ok();
    let subject = EventSubject {
        person: Some(PersonNumber(3)),
        credential: Some(CredentialNumber(4)),
        grant: Some(GrantNumber(5)),
        card,
        stand_in: None,
    };
    let event = |subject| Event {
        subject,
        ..Event::at(LockNumber(1), EventKind::AccessGranted, Id([1; 16]), Instant(9))
    };
    let stand_in = |noun: Noun, number: u32| StandIn([noun as u8 + number as u8; 16]);
    let kept = |subject, privacy| event(subject).kept(privacy, stand_in);
    assert_eq!(kept(subject, Privacy::Full), Some(event(subject)));
    assert_eq!(kept(subject, Privacy::Anonymous), Some(event(EventSubject::default())));
    assert_eq!(kept(subject, Privacy::None), None);
    let hidden = kept(subject, Privacy::Hidden).unwrap();
    assert!(hidden.hidden && hidden.subject == subject);
    let of = |subject| kept(subject, Privacy::Pseudonym).unwrap().subject;
    let only = |stand_in| EventSubject { stand_in: Some(stand_in), ..EventSubject::default() };
    assert_eq!(of(subject), only(stand_in(Noun::Person, 3)));
    let nobodys = EventSubject { person: None, ..subject };
    assert_eq!(of(nobodys), only(stand_in(Noun::Credential, 4)));
    let unknown = EventSubject { card, ..EventSubject::default() };
    assert!(of(unknown).is_empty(), "nobody stands for a card that nobody knows");
}
