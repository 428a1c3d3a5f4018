//! Credentials: made, changed, reported lost, deleted.

use std::collections::HashSet;
use std::sync::Arc;

use super::common::{check_external_id, close_grants};
use super::person::check_forgettable;
use crate::draft::{Changed, Draft, open, set};
use crate::ids::{CredentialNumber, GrantNumber, Noun};
use crate::noun::CloseReason;
use crate::noun::card::CardPart;
use crate::noun::credential::{Credential, CredentialEdit, CredentialKind, CredentialState};
use crate::refusal::{Flaws, MOST_NAME, Refusal};
use crate::retention::holds;
use crate::state::PlaceState;
use crate::time::Window;

/// The most parts of one card.
pub const MOST_PARTS: usize = 4;

/// Makes a credential of a kind; `header_id` lets the caller seal digits to the id beforehand.
///
/// # Errors
/// Every wrong field, or a card or code that is another's.
pub fn create(
    draft: &mut Draft,
    kind: CredentialKind,
    header_id: crate::ids::Id,
    edit: &CredentialEdit,
) -> Result<Arc<Credential>, Refusal> {
    let mut header = draft.header(Noun::Credential, None)?;
    header.id = header_id;
    let credential = Credential {
        header,
        person: None,
        kind,
        label: None,
        parts: Vec::new(),
        code: None,
        pin: None,
        public_key: None,
        valid: Window::ALWAYS,
        state: CredentialState::Active,
        session: None,
        is_admin: false,
        priority: 0,
        contact: None,
    };
    write(draft, credential, edit, "create")
}

/// Changes a credential.
///
/// # Errors
/// As [`create`]; not found; it is to be another's while its person is on hold.
pub fn edit(
    draft: &mut Draft,
    number: CredentialNumber,
    edit: &CredentialEdit,
) -> Result<Arc<Credential>, Refusal> {
    let credential = open(find(&draft.state, number)?);
    let is_passed_on = edit.person.is_some_and(|person| person != credential.person);
    let holder = credential.person.filter(|_| is_passed_on);
    let holder = holder.and_then(|it| draft.state.people.get(it));
    if holder.is_some_and(|person| holds(person.held_until, draft.now)) {
        let detail = "what its person has is held, and stays theirs until then";
        return Err(Refusal::InUse(detail.to_owned()));
    }
    write(draft, credential, edit, "update")
}

/// Sets the public key by which a phone, or a card that can sign, proves who it is.
///
/// # Errors
/// Not found; a code.
pub fn enrol(
    draft: &mut Draft,
    number: CredentialNumber,
    key: Vec<u8>,
) -> Result<Arc<Credential>, Refusal> {
    let mut credential = open(find(&draft.state, number)?);
    if credential.kind == CredentialKind::Code {
        let detail = "must be a phone or a card: nothing else can sign";
        return Err(Refusal::field("/credential_id", "bad_kind", detail));
    }
    let fields = vec![Changed::hidden("public_key")];
    draft.note("enrol", Noun::Credential, Some(credential.header.id), fields);
    credential.public_key = Some(key);
    draft.put(credential);
    find(&draft.state, number).cloned()
}

/// Marks a credential as lost.
///
/// # Errors
/// Not found.
pub fn report_lost(
    draft: &mut Draft,
    number: CredentialNumber,
) -> Result<Arc<Credential>, Refusal> {
    let mut credential = open(find(&draft.state, number)?);
    let fields = vec![Changed::shown("state", "lost")];
    draft.note("report_lost", Noun::Credential, Some(credential.header.id), fields);
    credential.state = CredentialState::Lost;
    draft.put(credential);
    find(&draft.state, number).cloned()
}

/// Deletes a credential: closes its own grants and erases what it held.
///
/// # Errors
/// Not found; a hold on its person or the place.
pub fn delete(draft: &mut Draft, number: CredentialNumber) -> Result<(), Refusal> {
    let mut credential = open(find(&draft.state, number)?);
    check_forgettable(&draft.state, credential.person, draft.now)?;
    draft.note("delete", Noun::Credential, Some(credential.header.id), Vec::new());
    let grants: Vec<GrantNumber> =
        draft.state.credential_reach(number).iter().map(|reach| reach.grant()).collect();
    close_grants(draft, grants, CloseReason::SubjectDeleted);
    credential.person = None;
    credential.label = None;
    credential.parts.clear();
    credential.code = None;
    credential.pin = None;
    credential.public_key = None;
    credential.contact = None;
    draft.delete(credential);
    Ok(())
}

/// Deletes a credential; while what it held must be kept, takes it out of use instead: its own
/// grants close and it is disabled, unless it is out of use already. For programs that know no
/// other way to take a right back.
///
/// # Errors
/// Not found.
pub fn retire(draft: &mut Draft, number: CredentialNumber) -> Result<(), Refusal> {
    let mut credential = open(find(&draft.state, number)?);
    if check_forgettable(&draft.state, credential.person, draft.now).is_ok() {
        return delete(draft, number);
    }
    let is_used = credential.state == CredentialState::Active;
    let fields = is_used.then(|| Changed::shown("state", "disabled")).into_iter().collect();
    draft.note("update", Noun::Credential, Some(credential.header.id), fields);
    let grants: Vec<GrantNumber> =
        draft.state.credential_reach(number).iter().map(|reach| reach.grant()).collect();
    close_grants(draft, grants, CloseReason::Revoked);
    if is_used {
        credential.state = CredentialState::Disabled;
    }
    draft.put(credential);
    Ok(())
}

/// The credential with that number.
///
/// # Errors
/// Not found.
pub fn find(state: &PlaceState, number: CredentialNumber) -> Result<&Arc<Credential>, Refusal> {
    state.credentials.get(number).ok_or(Refusal::NotFound(Noun::Credential))
}

/// The credential that has all these parts; none where nobody has any of them.
///
/// # Errors
/// Some parts are of one credential and others are not: each that is somebody's is taken.
pub fn by_parts(
    state: &PlaceState,
    parts: &[CardPart],
) -> Result<Option<CredentialNumber>, Refusal> {
    let owners: Vec<_> = parts.iter().map(|part| state.credential_by_card(part.card)).collect();
    let first = owners.first().copied().flatten();
    if owners.iter().all(|owner| *owner == first) {
        return Ok(first);
    }
    let mut flaws = Flaws::default();
    for (at, _) in owners.iter().enumerate().filter(|(_, owner)| owner.is_some()) {
        flaws.taken(&format!("/cards/{at}"), "another credential has this card");
    }
    flaws.refuse()?;
    Ok(None)
}

fn write(
    draft: &mut Draft,
    mut credential: Credential,
    edit: &CredentialEdit,
    verb: &'static str,
) -> Result<Arc<Credential>, Refusal> {
    check(&draft.state, &credential, edit)?;
    let mut changed = Vec::new();
    set!(changed, credential.header.external_id, edit.external_id);
    set!(changed, credential.person, edit.person);
    set!(changed, credential.label, edit.label);
    set!(changed, credential.parts, edit.parts);
    set!(changed, credential.pin, edit.pin);
    let valid = edit.valid.of(credential.valid);
    if valid != credential.valid {
        credential.valid = valid;
        changed.push(Changed::hidden("valid"));
    }
    set!(changed, credential.state, edit.state as |it: &CredentialState| it.as_str());
    set!(changed, credential.session, edit.session);
    set!(changed, credential.is_admin, edit.is_admin as bool::to_string);
    set!(changed, credential.priority, edit.priority as u8::to_string);
    set!(changed, credential.contact, edit.contact);
    if let Some(code) = &edit.code {
        credential.code = Some(code.clone());
        changed.push(Changed::hidden("code"));
    }
    if let Some(key) = &edit.public_key {
        credential.public_key = Some(key.clone());
        changed.push(Changed::hidden("phone"));
    }
    draft.note(verb, Noun::Credential, Some(credential.header.id), changed);
    let number = credential.number();
    draft.put(credential);
    find(&draft.state, number).cloned()
}

fn check(
    state: &PlaceState,
    credential: &Credential,
    edit: &CredentialEdit,
) -> Result<(), Refusal> {
    let mut flaws = Flaws::default();
    let number = credential.number();
    check_external_id(&mut flaws, state, Noun::Credential, number.0, edit.external_id.as_ref());
    flaws.line(edit.label.as_ref().and_then(Option::as_ref), "/label", MOST_NAME);
    if let Some(Some(person)) = edit.person
        && state.people.get(person).is_none()
    {
        flaws.invalid("/person_id", "not_found", "there is no such person in this place");
    }
    let valid = edit.valid.of(credential.valid);
    let detail = "must be after valid_from";
    flaws.check(!valid.is_empty(), "/valid_until", "bad_window", detail);
    check_kind(&mut flaws, credential, edit);
    check_card(&mut flaws, state, credential, edit);
    if let Some(code) = &edit.code
        && state.credential_by_code(code.tag).is_some_and(|other| other != number)
    {
        flaws.taken("/code", "another credential has this code");
    }
    let by_text = |card| state.credential_by_text(card).is_some_and(|other| other != number);
    if edit.code_as_card.is_some_and(by_text) {
        flaws.taken("/code", "another credential has an opaque card whose text is this code");
    }
    flaws.refuse()
}

/// Each kind has its own way of being presented, and only that.
fn check_kind(flaws: &mut Flaws, credential: &Credential, edit: &CredentialEdit) {
    let kind = credential.kind;
    let card = !credential.parts.is_empty() || edit.parts.is_some();
    let code = credential.code.is_some() || edit.code.is_some();
    // A card that signs has its key by enrolment, not as a field of its own.
    let own = kind == CredentialKind::Phone && credential.public_key.is_some();
    let phone = own || edit.public_key.is_some();
    for (own, there, pointer) in [
        (CredentialKind::Card, card, "/cards"),
        (CredentialKind::Code, code, "/code"),
        (CredentialKind::Phone, phone, "/phone"),
    ] {
        if (kind == own) != there {
            let verb = if there { "must not have" } else { "must have" };
            let what = own.as_str();
            let detail = format!("a credential of kind {} {verb} a {what}", kind.as_str());
            flaws.invalid(pointer, if there { "not_allowed" } else { "required" }, detail);
        }
    }
}

fn check_card(
    flaws: &mut Flaws,
    state: &PlaceState,
    credential: &Credential,
    edit: &CredentialEdit,
) {
    let Some(parts) = &edit.parts else { return };
    let number = credential.number();
    if credential.kind == CredentialKind::Card {
        let right = (1..=MOST_PARTS).contains(&parts.len());
        flaws.check(right, "/cards", "bad_count", "must be 1 to 4 parts");
    }
    let mut seen = HashSet::new();
    for (at, part) in parts.iter().enumerate() {
        let pointer = format!("/cards/{at}");
        if !seen.insert(part.card) {
            flaws.invalid(&pointer, "duplicate", "the same part stands here twice");
        }
        if state.credential_by_card(part.card).is_some_and(|other| other != number) {
            flaws.taken(&pointer, "another credential has this card");
        }
        let typed = edit.parts_as_codes.get(at).copied().flatten();
        let code = typed.and_then(|tag| state.credential_by_code(tag));
        if code.is_some_and(|other| other != number) {
            flaws.taken(&pointer, "another credential has the text of this card as its code");
        }
    }
}
