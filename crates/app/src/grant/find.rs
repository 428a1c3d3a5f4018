//! Wishes for rights with their references as numbers. Must not decide whether one may be given.

use claviger_domain::command::grant::{NewGrant, Receiver};
use claviger_domain::ids::{
    AccessLevelNumber, CredentialNumber, GrantNumber, LockNumber, Noun, PersonNumber, Ref,
};
use claviger_domain::noun::grant::{Source, SourceKind, Subject, Target, Via};
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;

use super::{GrantWish, SubjectWish, TargetWish};
use crate::error::Error;
use crate::schedule::find_wish;

/// References as numbers, where they name something of the place; the others are noted.
struct Finder<'s> {
    state: &'s PlaceState,
    missing: Vec<FieldError>,
}

impl Finder<'_> {
    /// The number; any number where there is no such thing.
    fn find(&mut self, noun: Noun, reference: &Ref, pointer: &str, what: &str) -> u32 {
        let found = self.state.resolve(noun, reference);
        found.unwrap_or_else(|| {
            let detail = format!("there is no such {what} in this place");
            self.missing.push(FieldError::new(pointer, "not_found", detail));
            0
        })
    }
}

pub(crate) fn prepare(state: &PlaceState, wish: &GrantWish, via: Via) -> Result<NewGrant, Error> {
    let mut finder = Finder { state, missing: Vec::new() };
    let receiver = match &wish.subject {
        SubjectWish::Person(person) => {
            let number = finder.find(Noun::Person, person, "/subject/person_id", "person");
            Receiver::Known(Subject::Person(PersonNumber(number)))
        }
        SubjectWish::Credential(credential) => {
            let pointer = "/subject/credential_id";
            let number = finder.find(Noun::Credential, credential, pointer, "credential");
            Receiver::Known(Subject::Credential(CredentialNumber(number)))
        }
        SubjectWish::Email(email) => Receiver::Email(email.clone()),
        SubjectWish::Phone(phone) => Receiver::Phone(phone.clone()),
        SubjectWish::Identity(identity) => Receiver::Identity(identity.clone()),
    };
    let target = match &wish.target {
        TargetWish::Lock(lock) => {
            Target::Lock(LockNumber(finder.find(Noun::Lock, lock, "/target/lock_id", "lock")))
        }
        TargetWish::AccessLevel(level) => {
            let pointer = "/target/access_level_id";
            let number = finder.find(Noun::AccessLevel, level, pointer, "access level");
            Target::AccessLevel(AccessLevelNumber(number))
        }
    };
    let issued_under = wish.issued_under.as_ref().map(|issuer| {
        GrantNumber(finder.find(Noun::Grant, issuer, "/issued_under", "open right to share"))
    });
    let mut edit = wish.edit.clone();
    match find_wish(state, wish.schedule.as_ref().map(Option::as_ref), "/schedule") {
        Ok(schedule) => edit.schedule = schedule,
        Err(Error::Refused(Refusal::Invalid(errors))) => finder.missing.extend(errors),
        Err(other) => return Err(other),
    }
    if !finder.missing.is_empty() {
        return Err(Refusal::Invalid(finder.missing).into());
    }
    let kind = if issued_under.is_some() { SourceKind::Sharing } else { SourceKind::Direct };
    let source = Source { kind, via };
    Ok(NewGrant { receiver, target, right: wish.right, source, issued_under, edit })
}
