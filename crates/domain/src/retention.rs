//! What a place forgets of people, and when: whom events concerned, and why things were done.
//!
//! Must not touch what is stored; that follows what is said here.

use crate::ids::{CredentialNumber, Noun, PersonNumber};
use crate::noun::credential::CredentialState;
use crate::noun::lock::Posture;
use crate::noun::person::{Person, PersonState};
use crate::state::PlaceState;
use crate::time::{DAY, Instant};

/// Whether a hold is in force.
#[must_use]
pub fn holds(until: Option<Instant>, now: Instant) -> bool {
    until.is_some_and(|until| now < until)
}

/// Whether what happened at an instant is not to be told of a person, who asked since to be
/// forgotten.
#[must_use]
pub fn is_forgotten(person: &Person, at: Instant) -> bool {
    person.forgotten_at.is_some_and(|forgotten_at| at <= forgotten_at)
}

/// What is to be forgotten in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Everything older than this.
    pub before: Instant,
    /// But what concerns these people, of whom nothing is to be forgotten yet.
    pub held: Vec<PersonNumber>,
}

/// What a place has to forget at an instant; nothing while all of it is held.
#[must_use]
pub fn due(state: &PlaceState, now: Instant) -> Option<Due> {
    let place = &state.place;
    if holds(place.held_until, now) {
        return None;
    }
    let before = now.plus(-i64::from(place.retention_days) * DAY);
    let people = state.held().iter().map(PersonNumber);
    let is_held = |number: &PersonNumber| {
        state.people.get(*number).is_some_and(|person| holds(person.held_until, now))
    };
    Some(Due { before, held: people.filter(is_held).collect() })
}

/// Whether the reason why something was done to an object is still the reason why it is as it is.
/// Such a reason is kept however old it is.
#[must_use]
pub fn still_explains(state: &PlaceState, noun: Noun, number: u32, now: Instant) -> bool {
    match noun {
        Noun::Person => {
            let person = state.people.get(number);
            person.is_some_and(|it| it.state == PersonState::Suspended || holds(it.held_until, now))
        }
        Noun::Credential => {
            let credential = state.credentials.get(CredentialNumber(number));
            credential.is_some_and(|it| it.state != CredentialState::Active)
        }
        Noun::Lock => {
            let lock = state.locks.get(number);
            lock.is_some_and(|it| it.posture != Posture::Normal)
        }
        Noun::Place => holds(state.place.held_until, now),
        _ => false,
    }
}
