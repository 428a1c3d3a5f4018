//! What a seeded building must have, whatever the seed.

use std::collections::HashSet;

use super::{Bearer, Building, CredentialState, PinRule, Schedule, Standing, Subject, Window};

fn building() -> Building {
    Building::seeded(7, 300, 40, 12)
}

#[test]
fn a_seed_is_one_building_and_another_is_another() {
    assert_eq!(building(), building());
    assert_ne!(building(), Building::seeded(8, 300, 40, 12));
    assert_ne!(building().tag, Building::seeded(7, 300, 40, 11).tag);
}

#[test]
fn sizes_are_as_asked_even_when_tiny() {
    for (people, locks, levels) in [(300, 40, 12), (1, 1, 0), (0, 1, 1), (40, 0, 3), (9, 60, 30)] {
        let made = Building::seeded(1, people, locks, levels);
        assert_eq!(made.people.len(), people);
        assert_eq!(made.locks.len(), locks);
        assert_eq!(made.levels.len(), levels);
        assert!(made.levels.iter().all(|level| level.locks.iter().all(|lock| *lock < locks)));
    }
}

#[test]
fn what_must_be_unique_is() {
    let made = Building::seeded(3, 2000, 40, 12);
    let mut seen = HashSet::new();
    for person in &made.people {
        assert!(seen.insert(person.email.clone()), "{}", person.email);
        assert!(person.email.is_ascii(), "{}", person.email);
        assert!(person.phone.iter().all(|phone| seen.insert(phone.clone())));
        assert!(seen.insert(person.external_id.clone()));
    }
    let ids = made.credentials.iter().map(|credential| &credential.external_id);
    let ids = ids.chain(made.grants.iter().map(|grant| &grant.external_id));
    let ids = ids.chain(made.locks.iter().map(|lock| &lock.external_id));
    for id in ids.chain(made.levels.iter().map(|level| &level.external_id)) {
        assert!(seen.insert(id.clone()), "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }
    for credential in &made.credentials {
        match &credential.bearer {
            Bearer::Code(code) => assert!(seen.insert(code.clone())),
            Bearer::Card(parts) => {
                for part in parts {
                    assert!(seen.insert(format!("{}/{:x}", part.bits, part.value)));
                    assert!(part.value >> part.bits == 0);
                }
            }
        }
    }
}

#[test]
fn a_person_has_a_target_once() {
    let made = building();
    let mut seen = HashSet::new();
    for grant in &made.grants {
        let key = format!("{:?} {:?}", grant.subject, grant.target);
        assert!(seen.insert(key.clone()), "{key}");
    }
}

#[test]
fn every_kind_of_case_is_there() {
    let made = building();
    let credentials = &made.credentials;
    for state in [CredentialState::Active, CredentialState::Disabled, CredentialState::Lost] {
        assert!(credentials.iter().any(|credential| credential.state == state));
    }
    for standing in [Standing::Inside, Standing::Past, Standing::NotYet] {
        assert!(credentials.iter().any(|credential| credential.window.standing(0) == standing));
        assert!(made.grants.iter().any(|grant| made.standing(grant, 0) == standing));
    }
    assert!(credentials.iter().any(|credential| credential.pin.is_some()));
    assert!(credentials.iter().any(|credential| credential.person.is_none()));
    assert!(credentials.iter().any(|one| matches!(&one.bearer, Bearer::Card(p) if p.len() == 2)));
    assert!(credentials.iter().any(|one| matches!(one.bearer, Bearer::Code(_))));
    for technology in ["em", "mifare_classic", "mifare_desfire"] {
        let has = |bearer: &Bearer| match bearer {
            Bearer::Card(parts) => parts.iter().any(|part| part.technology == technology),
            Bearer::Code(_) => false,
        };
        assert!(credentials.iter().any(|credential| has(&credential.bearer)), "{technology}");
    }
    for rule in [PinRule::Never, PinRule::IfSet, PinRule::Always] {
        assert!(made.locks.iter().any(|lock| lock.pin == rule));
    }
    assert!(made.schedules.iter().any(|named| matches!(named.schedule, Schedule::Ical(_))));
    assert!(made.people.iter().any(|person| person.suspended));
    assert!(made.grants.iter().any(|grant| matches!(grant.subject, Subject::Credential(_))));
    assert!(made.grants.iter().any(|grant| grant.schedule.is_some()));
}

#[test]
fn a_building_stays_as_meant_for_a_month() {
    let made = building();
    for grant in &made.grants {
        let windows = (0..=28).map(|day| grant.window.standing(day)).collect::<Vec<_>>();
        assert!(windows.iter().all(|standing| *standing == windows[0]), "{:?}", grant.window);
        assert_ne!(windows[0], Standing::Unsure);
    }
}

#[test]
fn bounds_close_to_today_are_left_open() {
    let window = |from, until| Window { from_day: from, until_day: until };
    assert_eq!(window(Some(5), None).standing(3), Standing::NotYet);
    assert_eq!(window(Some(4), None).standing(3), Standing::Unsure);
    assert_eq!(window(Some(3), None).standing(3), Standing::Unsure);
    assert_eq!(window(Some(2), None).standing(3), Standing::Inside);
    assert_eq!(window(None, Some(5)).standing(3), Standing::Inside);
    assert_eq!(window(None, Some(4)).standing(3), Standing::Unsure);
    assert_eq!(window(None, Some(3)).standing(3), Standing::Unsure);
    assert_eq!(window(None, Some(2)).standing(3), Standing::Past);
}
