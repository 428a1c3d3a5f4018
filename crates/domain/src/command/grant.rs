//! Grants: given, changed, taken back. Taking back closes; nothing is erased.

use std::sync::Arc;

use super::common::{check_external_id, check_schedule, close_grants};
use super::person;
use crate::draft::{Changed, Draft, open, set};
use crate::ids::{GrantNumber, Noun, PersonNumber};
use crate::noun::CloseReason;
use crate::noun::grant::{Grant, GrantEdit, Right, Source, Subject, Target};
use crate::noun::person::PersonEdit;
use crate::refusal::{Flaws, Refusal};
use crate::state::PlaceState;
use crate::time::Window;

/// Who is to be given a right; an address nobody has yet makes a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Receiver {
    /// One who is known.
    Known(Subject),
    /// Whoever has this e-mail address.
    Email(String),
    /// Whoever has this phone number.
    Phone(String),
}

/// A right to be given.
#[derive(Clone, Debug, PartialEq)]
pub struct NewGrant {
    /// To whom.
    pub receiver: Receiver,
    /// Where.
    pub target: Target,
    /// What for.
    pub right: Right,
    /// Through what.
    pub source: Source,
    /// The sharing right it is made under.
    pub issued_under: Option<GrantNumber>,
    /// When, and the rest.
    pub edit: GrantEdit,
}

/// Gives a right.
///
/// # Errors
/// Every wrong field; a subject or target that is not there.
pub fn create(draft: &mut Draft, wish: &NewGrant) -> Result<Arc<Grant>, Refusal> {
    let subject = match &wish.receiver {
        Receiver::Known(subject) => *subject,
        Receiver::Email(email) => Subject::Person(by_email(draft, email)?),
        Receiver::Phone(phone) => Subject::Person(by_phone(draft, phone)?),
    };
    check_ends(&draft.state, subject, wish.target)?;
    let grant = Grant {
        header: draft.header(Noun::Grant, None)?,
        subject,
        target: wish.target,
        right: wish.right,
        window: Window::ALWAYS,
        schedule: None,
        override_lockdown: false,
        source: wish.source,
        issued_under: wish.issued_under,
        metadata: None,
        closed: None,
    };
    write(draft, grant, &wish.edit, "create")
}

/// Changes an open grant; its subject, target and right never change.
///
/// # Errors
/// Every wrong field; closed already; not found.
pub fn edit(
    draft: &mut Draft,
    number: GrantNumber,
    edit: &GrantEdit,
) -> Result<Arc<Grant>, Refusal> {
    let grant = open(find(&draft.state, number)?);
    write(draft, grant, edit, "update")
}

/// Takes a right back.
///
/// # Errors
/// Not found among the open grants.
pub fn revoke(draft: &mut Draft, number: GrantNumber) -> Result<(), Refusal> {
    let id = find(&draft.state, number)?.header.id;
    draft.note("revoke", Noun::Grant, Some(id), Vec::new());
    close_grants(draft, [number], CloseReason::Revoked);
    Ok(())
}

/// The person with an e-mail address, made if there is none.
///
/// # Errors
/// Where the address is malformed.
pub fn by_email(draft: &mut Draft, email: &str) -> Result<PersonNumber, Refusal> {
    if let Some(number) = draft.state.person_by_email(email) {
        return Ok(number);
    }
    let edit = PersonEdit { email: Some(Some(email.to_owned())), ..PersonEdit::default() };
    made(person::create(draft, &edit), "/subject/email")
}

/// The person with a phone number, made if there is none.
///
/// # Errors
/// Where the number is malformed.
pub fn by_phone(draft: &mut Draft, phone: &str) -> Result<PersonNumber, Refusal> {
    if let Some(number) = draft.state.person_by_phone(phone) {
        return Ok(number);
    }
    let edit = PersonEdit { phone: Some(Some(phone.to_owned())), ..PersonEdit::default() };
    made(person::create(draft, &edit), "/subject/phone")
}

fn made(
    person: Result<Arc<crate::noun::person::Person>, Refusal>,
    pointer: &str,
) -> Result<PersonNumber, Refusal> {
    match person {
        Ok(person) => Ok(person.number()),
        Err(Refusal::Invalid(mut errors)) => {
            errors.iter_mut().for_each(|error| error.pointer = pointer.to_owned());
            Err(Refusal::Invalid(errors))
        }
        Err(other) => Err(other),
    }
}

/// The open grant with that number.
///
/// # Errors
/// Not found.
pub fn find(state: &PlaceState, number: GrantNumber) -> Result<&Arc<Grant>, Refusal> {
    state.grants.get(number).ok_or(Refusal::NotFound(Noun::Grant))
}

fn check_ends(state: &PlaceState, subject: Subject, target: Target) -> Result<(), Refusal> {
    let mut flaws = Flaws::default();
    let (there, pointer) = match subject {
        Subject::Person(person) => (state.people.get(person).is_some(), "/subject/person_id"),
        Subject::Credential(credential) => {
            (state.credentials.get(credential).is_some(), "/subject/credential_id")
        }
    };
    flaws.check(there, pointer, "not_found", "there is no such subject in this place");
    let (there, pointer) = match target {
        Target::Lock(lock) => (state.locks.get(lock).is_some(), "/target/lock_id"),
        Target::AccessLevel(level) => {
            (state.levels.get(level).is_some(), "/target/access_level_id")
        }
    };
    flaws.check(there, pointer, "not_found", "there is no such target in this place");
    flaws.refuse()
}

fn write(
    draft: &mut Draft,
    mut grant: Grant,
    edit: &GrantEdit,
    verb: &'static str,
) -> Result<Arc<Grant>, Refusal> {
    let mut flaws = Flaws::default();
    let (noun, number) = (Noun::Grant, grant.number());
    check_external_id(&mut flaws, &draft.state, noun, number.0, edit.external_id.as_ref());
    let window = edit.window.of(grant.window);
    flaws.check(!window.is_empty(), "/valid_until", "bad_window", "must be after valid_from");
    check_schedule(&mut flaws, &draft.state, "/schedule", edit.schedule.as_ref());
    flaws.refuse()?;
    let mut changed = Vec::new();
    set!(changed, grant.header.external_id, edit.external_id);
    if window != grant.window {
        let text =
            |at: Option<crate::time::Instant>| at.map_or("-".to_owned(), |at| at.to_string());
        changed.push(Changed::shown("valid_from", text(window.from)));
        changed.push(Changed::shown("valid_until", text(window.until)));
        grant.window = window;
    }
    set!(changed, grant.schedule, edit.schedule);
    set!(changed, grant.override_lockdown, edit.override_lockdown as bool::to_string);
    set!(changed, grant.metadata, edit.metadata);
    draft.note(verb, noun, Some(grant.header.id), changed);
    draft.put(grant);
    find(&draft.state, number).cloned()
}
