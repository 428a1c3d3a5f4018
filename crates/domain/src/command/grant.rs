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
use crate::text::{is_email, is_phone};
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
/// Every wrong field; a subject, target or sharing right that is not there.
pub fn create(draft: &mut Draft, wish: &NewGrant) -> Result<Arc<Grant>, Refusal> {
    let header = draft.header(Noun::Grant, None)?;
    let mut flaws = check(draft, header.number, Window::ALWAYS, &wish.edit);
    check_receiver(&mut flaws, &draft.state, &wish.receiver);
    check_target(&mut flaws, &draft.state, wish.target);
    check_issuer(&mut flaws, &draft.state, wish.issued_under);
    flaws.refuse()?;
    // The command is the grant's, whoever is made for it.
    let fields = wish.edit.window.of(Window::ALWAYS);
    draft.note("create", Noun::Grant, Some(header.id), shown_window(fields));
    let subject = match &wish.receiver {
        Receiver::Known(subject) => *subject,
        Receiver::Email(email) => Subject::Person(by_email(draft, email)?),
        Receiver::Phone(phone) => Subject::Person(by_phone(draft, phone)?),
    };
    let grant = Grant {
        header,
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

/// Closes grants that ended by themselves before an instant, at most `most` of them; nobody
/// notices, as they stay what they were: expired.
pub fn retire(draft: &mut Draft, before: crate::time::Instant, most: usize) -> usize {
    let over: Vec<GrantNumber> = draft
        .state
        .grants
        .iter()
        .filter(|grant| grant.window.until.is_some_and(|until| until < before))
        .take(most)
        .map(|grant| grant.number())
        .collect();
    draft.note("retire", Noun::Grant, None, vec![Changed::shown("grants", over.len())]);
    close_grants(draft, over, CloseReason::Expired)
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

fn check_receiver(flaws: &mut Flaws, state: &PlaceState, receiver: &Receiver) {
    let missing = "there is no such subject in this place";
    match receiver {
        Receiver::Known(Subject::Person(person)) => {
            let there = state.people.get(*person).is_some();
            flaws.check(there, "/subject/person_id", "not_found", missing);
        }
        Receiver::Known(Subject::Credential(credential)) => {
            let there = state.credentials.get(*credential).is_some();
            flaws.check(there, "/subject/credential_id", "not_found", missing);
        }
        Receiver::Email(email) => {
            let detail = "must be one address such as ann@example.org";
            flaws.check(is_email(email), "/subject/email", "bad_email", detail);
        }
        Receiver::Phone(phone) => {
            let detail = "must be E.164 such as +46701234567, without spaces";
            flaws.check(is_phone(phone), "/subject/phone", "bad_phone", detail);
        }
    }
}

fn check_target(flaws: &mut Flaws, state: &PlaceState, target: Target) {
    let (there, pointer) = match target {
        Target::Lock(lock) => (state.locks.get(lock).is_some(), "/target/lock_id"),
        Target::AccessLevel(level) => {
            (state.levels.get(level).is_some(), "/target/access_level_id")
        }
    };
    flaws.check(there, pointer, "not_found", "there is no such target in this place");
}

/// What a grant is issued under must be an open right to share, so that it can fall with it.
fn check_issuer(flaws: &mut Flaws, state: &PlaceState, issuer: Option<GrantNumber>) {
    let shares = |number| state.grants.get(number).is_some_and(|it| it.right == Right::Share);
    let detail = "there is no such open right to share in this place";
    flaws.check(issuer.is_none_or(shares), "/issued_under", "not_found", detail);
}

fn check(draft: &Draft, number: u32, former: Window, edit: &GrantEdit) -> Flaws {
    let mut flaws = Flaws::default();
    let external_id = edit.external_id.as_ref();
    check_external_id(&mut flaws, &draft.state, Noun::Grant, number, external_id);
    let window = edit.window.of(former);
    flaws.check(!window.is_empty(), "/valid_until", "bad_window", "must be after valid_from");
    check_schedule(&mut flaws, &draft.state, "/schedule", edit.schedule.as_ref());
    flaws
}

/// A window as the change trail shows it; nothing where it has no bound.
fn shown_window(window: Window) -> Vec<Changed> {
    let text = |at: Option<crate::time::Instant>| at.map_or("-".to_owned(), |at| at.to_string());
    if window == Window::ALWAYS {
        return Vec::new();
    }
    vec![
        Changed::shown("valid_from", text(window.from)),
        Changed::shown("valid_until", text(window.until)),
    ]
}

fn write(
    draft: &mut Draft,
    mut grant: Grant,
    edit: &GrantEdit,
    verb: &'static str,
) -> Result<Arc<Grant>, Refusal> {
    let (noun, number) = (Noun::Grant, grant.number());
    check(draft, number.0, grant.window, edit).refuse()?;
    let mut changed = Vec::new();
    set!(changed, grant.header.external_id, edit.external_id);
    let window = edit.window.of(grant.window);
    if window != grant.window {
        changed.extend(shown_window(window));
        grant.window = window;
    }
    set!(changed, grant.schedule, edit.schedule);
    set!(changed, grant.override_lockdown, edit.override_lockdown as bool::to_string);
    set!(changed, grant.metadata, edit.metadata);
    draft.note(verb, noun, Some(grant.header.id), changed);
    draft.put(grant);
    find(&draft.state, number).cloned()
}
