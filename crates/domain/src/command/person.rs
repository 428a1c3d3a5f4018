//! People of a place: made, changed, suspended, resumed, deleted.

use std::sync::Arc;

use super::common::{check_external_id, check_hold, close_grants};
use super::credential;
use crate::draft::{Changed, Draft, open, set};
use crate::ids::{CredentialNumber, GrantNumber, Id, Noun, PersonNumber};
use crate::noun::CloseReason;
use crate::noun::person::{Person, PersonDetails, PersonEdit, PersonState};
use crate::noun::role::Role;
use crate::refusal::{Flaws, MOST_NAME, MOST_TEXT, Refusal};
use crate::retention::holds;
use crate::state::{IdentityKey, PlaceState};
use crate::text::{folded, is_email, is_phone};
use crate::time::Instant;

/// Of how many people of a place holds can be in force.
const MOST_HELD: usize = 1000;

/// Makes a person.
///
/// # Errors
/// Every wrong field, or values that are another person's.
pub fn create(draft: &mut Draft, edit: &PersonEdit) -> Result<Arc<Person>, Refusal> {
    let person = Person {
        header: draft.header(Noun::Person, None)?,
        details: PersonDetails::default(),
        role: Role::Guest,
        state: PersonState::Active,
        account: None,
        held_until: None,
        had_phone: false,
        forgotten_at: None,
        invited_at: None,
    };
    write(draft, person, edit, "create")
}

/// Changes a person. With another e-mail address they have no account until they prove it.
///
/// # Errors
/// As [`create`]; not found.
pub fn edit(
    draft: &mut Draft,
    number: PersonNumber,
    edit: &PersonEdit,
) -> Result<Arc<Person>, Refusal> {
    let person = open(find(&draft.state, number)?);
    write(draft, person, edit, "update")
}

/// Suspends or resumes a person.
///
/// # Errors
/// Not found.
pub fn set_state(
    draft: &mut Draft,
    number: PersonNumber,
    state: PersonState,
) -> Result<Arc<Person>, Refusal> {
    let mut person = open(find(&draft.state, number)?);
    let verb = if state == PersonState::Suspended { "suspend" } else { "resume" };
    let fields = vec![Changed::shown("state", state.as_str())];
    draft.note(verb, Noun::Person, Some(person.header.id), fields);
    person.state = state;
    draft.put(person);
    find(&draft.state, number).cloned()
}

/// Keeps everything about a person until an instant, whatever the place's retention, or no longer
/// where that is none.
///
/// # Errors
/// Not found; an instant that is over or too far away; too many people on hold.
pub fn hold(
    draft: &mut Draft,
    number: PersonNumber,
    until: Option<Instant>,
) -> Result<Arc<Person>, Refusal> {
    let mut person = open(find(&draft.state, number)?);
    check_hold(draft.now, until)?;
    if until.is_some() && others_held(&draft.state, number, draft.now) >= MOST_HELD {
        let detail = "this place holds what it knows of 1000 people already; hold the place";
        return Err(Refusal::InUse(detail.to_owned()));
    }
    let verb = if until.is_some() { "hold" } else { "release" };
    let fields = until.map(|until| Changed::shown("held_until", until)).into_iter().collect();
    draft.note(verb, Noun::Person, Some(person.header.id), fields);
    person.held_until = until;
    draft.put(person);
    find(&draft.state, number).cloned()
}

fn others_held(state: &PlaceState, number: PersonNumber, now: Instant) -> usize {
    let people = state.held().iter().filter_map(|held| state.people.get(held));
    people.filter(|it| it.number() != number && holds(it.held_until, now)).count()
}

/// Refuses to forget what is known of somebody, or of nobody by name, while nothing of them or of
/// their place is to be forgotten.
///
/// # Errors
/// There is a hold.
pub fn check_forgettable(
    state: &PlaceState,
    number: Option<PersonNumber>,
    now: Instant,
) -> Result<(), Refusal> {
    let own = number.and_then(|it| state.people.get(it)).and_then(|person| person.held_until);
    let until = [own, state.place.held_until].into_iter().filter(|it| holds(*it, now)).max();
    match until.flatten() {
        None => Ok(()),
        Some(until) => Err(Refusal::InUse(format!(
            "what is known of this person, or in this place, is held until {until} and must not be \
             erased before"
        ))),
    }
}

/// Says that events are to forget that they concerned a person, who may be deleted. What is stored
/// of that is no record's.
///
/// # Errors
/// A hold on the person or the place.
pub fn forget_events(draft: &mut Draft, number: PersonNumber, id: Id) -> Result<(), Refusal> {
    check_forgettable(&draft.state, Some(number), draft.now)?;
    let Some(mut person) = draft.state.people.get(number).map(open) else {
        draft.note_act("forget", Noun::Person, Some(id), Vec::new());
        return Ok(());
    };
    draft.note("forget", Noun::Person, Some(id), Vec::new());
    person.forgotten_at = Some(draft.now);
    // By this record the reason is found with the person, and goes with them.
    draft.put(person);
    Ok(())
}

/// Deletes a person: erases personal fields, closes the person's grants, deletes the person's
/// credentials. The emptied row stays.
///
/// # Errors
/// Not found; a hold on the person or the place.
pub fn delete(draft: &mut Draft, number: PersonNumber) -> Result<(), Refusal> {
    let mut person = open(find(&draft.state, number)?);
    check_forgettable(&draft.state, Some(number), draft.now)?;
    draft.note("delete", Noun::Person, Some(person.header.id), Vec::new());
    let grants: Vec<GrantNumber> =
        draft.state.person_reach(number).iter().map(|reach| reach.grant()).collect();
    close_grants(draft, grants, CloseReason::SubjectDeleted);
    let credentials: Vec<u32> = draft.state.person_credentials(number).iter().collect();
    for credential in credentials {
        credential::delete(draft, CredentialNumber(credential))?;
    }
    person.had_phone = person.details.phone.is_some();
    person.details = PersonDetails::default();
    person.role = Role::Guest;
    person.account = None;
    person.held_until = None;
    person.invited_at = None;
    draft.delete(person);
    Ok(())
}

/// The person with that number.
///
/// # Errors
/// Not found.
pub fn find(state: &PlaceState, number: PersonNumber) -> Result<&Arc<Person>, Refusal> {
    state.people.get(number).ok_or(Refusal::NotFound(Noun::Person))
}

fn write(
    draft: &mut Draft,
    mut person: Person,
    edit: &PersonEdit,
    verb: &'static str,
) -> Result<Arc<Person>, Refusal> {
    check(&draft.state, person.number(), edit)?;
    let mut changed = Vec::new();
    if readdressed(&person, edit) {
        person.invited_at = None;
        if person.account.take().is_some() {
            changed.push(Changed::hidden("account"));
        }
    }
    let details = &mut person.details;
    set!(changed, person.header.external_id, edit.external_id);
    set!(changed, details.first_name, edit.first_name);
    set!(changed, details.last_name, edit.last_name);
    set!(changed, details.display_name, edit.display_name);
    set!(changed, details.email, edit.email);
    set!(changed, details.phone, edit.phone);
    set!(changed, details.identity, edit.identity);
    set!(changed, details.employee_number, edit.employee_number);
    set!(changed, details.language, edit.language);
    set!(changed, details.tags, edit.tags);
    set!(changed, details.note, edit.note);
    set!(changed, details.metadata, edit.metadata);
    set!(changed, person.role, edit.role as |role: &Role| role.as_str());
    draft.note(verb, Noun::Person, Some(person.header.id), changed);
    let number = person.number();
    draft.put(person);
    find(&draft.state, number).cloned()
}

/// Whether an edit gives a person another e-mail address. Whoever has proved that the former one is
/// theirs is nobody here then: another address is another human until that is proven.
#[must_use]
pub fn readdressed(person: &Person, edit: &PersonEdit) -> bool {
    let told = |email: &Option<String>| email.as_deref().map(folded);
    edit.email.as_ref().is_some_and(|email| told(email) != told(&person.details.email))
}

fn check(state: &PlaceState, number: PersonNumber, edit: &PersonEdit) -> Result<(), Refusal> {
    let mut flaws = Flaws::default();
    check_external_id(&mut flaws, state, Noun::Person, number.0, edit.external_id.as_ref());
    for (text, pointer) in [
        (&edit.first_name, "/first_name"),
        (&edit.last_name, "/last_name"),
        (&edit.display_name, "/display_name"),
        (&edit.employee_number, "/employee_number"),
    ] {
        flaws.line(text.as_ref().and_then(Option::as_ref), pointer, MOST_NAME);
    }
    flaws.prose(edit.note.as_ref().and_then(Option::as_ref), "/note", MOST_TEXT);
    if let Some(Some(language)) = &edit.language {
        let known = ["en", "sv"].contains(&language.as_str());
        flaws.check(known, "/language", "bad_language", "must be en or sv");
    }
    if let Some(tags) = &edit.tags {
        tags.iter().for_each(|tag| flaws.line(Some(tag), "/tags", MOST_NAME));
        flaws.check(tags.len() <= 100, "/tags", "too_many", "at most 100 tags");
    }
    check_identity(&mut flaws, state, number, edit);
    flaws.refuse()
}

fn check_identity(flaws: &mut Flaws, state: &PlaceState, number: PersonNumber, edit: &PersonEdit) {
    let other = |found: Option<PersonNumber>| found.is_some_and(|found| found != number);
    if let Some(Some(email)) = &edit.email {
        if !is_email(email) {
            flaws.invalid("/email", "bad_email", "must be one address such as ann@example.org");
        } else if other(state.person_by_email(email)) {
            flaws.taken("/email", "another person has this e-mail address");
        }
    }
    if let Some(Some(phone)) = &edit.phone {
        if !is_phone(phone) {
            let detail = "must be E.164 such as +46701234567, without spaces";
            flaws.invalid("/phone", "bad_phone", detail);
        } else if other(state.person_by_phone(phone)) {
            flaws.taken("/phone", "another person has this phone number");
        }
    }
    if let Some(Some(identity)) = &edit.identity {
        let named = identity.subject.is_some() || identity.identifier.is_some();
        flaws.check(
            named && !identity.provider.is_empty(),
            "/identity",
            "bad_identity",
            "must have a provider, and a subject or an identifier",
        );
        for text in
            [Some(&identity.provider), identity.subject.as_ref(), identity.identifier.as_ref()]
        {
            flaws.line(text, "/identity", 255);
        }
        if IdentityKey::of(identity).any(|key| other(state.person_by_identity(&key))) {
            flaws.taken("/identity", "another person has this identity");
        }
    }
}
