//! Grants: given, changed, taken back. Taking back closes; nothing is erased.

use std::sync::Arc;

use super::common::{check_external_id, check_schedule, close_grants};
use super::person;
use crate::draft::{Changed, Draft, open, set};
use crate::ids::{GrantNumber, LockNumber, Noun, PersonNumber};
use crate::noun::CloseReason;
use crate::noun::credential::CredentialKind;
use crate::noun::grant::{Grant, GrantEdit, Right, Source, Subject, Target};
use crate::noun::person::{Identity, PersonEdit};
use crate::noun::schedule::ScheduleRef;
use crate::refusal::{Flaws, Refusal};
use crate::state::{IdentityKey, PlaceState};
use crate::text::{is_email, is_phone};
use crate::time::{Instant, Window};

/// Who is to be given a right; an address or identity nobody has yet makes a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Receiver {
    /// One who is known.
    Known(Subject),
    /// Whoever has this e-mail address.
    Email(String),
    /// Whoever has this phone number.
    Phone(String),
    /// Whoever an identity provider knows so.
    Identity(Identity),
}

impl Receiver {
    /// Whom it names already; nobody where a person is still to be made.
    #[must_use]
    pub fn known(&self, state: &PlaceState) -> Option<Subject> {
        match self {
            Receiver::Known(subject) => Some(*subject),
            Receiver::Email(email) => state.person_by_email(email).map(Subject::Person),
            Receiver::Phone(phone) => state.person_by_phone(phone).map(Subject::Person),
            Receiver::Identity(identity) => holder(state, identity).map(Subject::Person),
        }
    }

    /// Whom it names, made if there is nobody.
    pub(super) fn made(&self, draft: &mut Draft) -> Result<Subject, Refusal> {
        Ok(match self {
            Receiver::Known(subject) => *subject,
            Receiver::Email(email) => Subject::Person(by_email(draft, email)?),
            Receiver::Phone(phone) => Subject::Person(by_phone(draft, phone)?),
            Receiver::Identity(identity) => Subject::Person(by_identity(draft, identity)?),
        })
    }
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

impl NewGrant {
    /// The right to open at any time.
    #[must_use]
    pub fn plain(subject: Subject, target: Target, source: Source) -> NewGrant {
        NewGrant {
            receiver: Receiver::Known(subject),
            target,
            right: Right::Open,
            source,
            issued_under: None,
            edit: GrantEdit::default(),
        }
    }
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
    check_issued(&mut flaws, draft, wish);
    flaws.refuse()?;
    // The command is the grant's, whoever is made for it.
    let fields = wish.edit.window.of(Window::ALWAYS);
    draft.note("create", Noun::Grant, Some(header.id), shown_window(fields));
    let subject = wish.receiver.made(draft)?;
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

/// Changes an open grant; its subject, target and right never change. What was issued under a right
/// to share and does not lie within it any longer falls.
///
/// # Errors
/// Every wrong field; closed already; not found.
pub fn edit(
    draft: &mut Draft,
    number: GrantNumber,
    edit: &GrantEdit,
) -> Result<Arc<Grant>, Refusal> {
    let grant = open(find(&draft.state, number)?);
    let window = edit.window.of(grant.window);
    let schedule = edit.schedule.as_ref().unwrap_or(&grant.schedule).as_ref();
    let overrides = edit.override_lockdown.unwrap_or(grant.override_lockdown);
    if let Some(issuer) = grant.issued_under.and_then(|it| draft.state.grants.get(it)) {
        let mut flaws = Flaws::default();
        check_within(&mut flaws, draft, issuer, (window, schedule));
        check_override(&mut flaws, overrides);
        flaws.refuse()?;
    }
    let former = (grant.window, grant.schedule.clone());
    let grant = write(draft, grant, edit, "update")?;
    if (grant.window, grant.schedule.clone()) != former && shares(&draft.state, &grant) {
        close_outside(draft, &grant);
    }
    Ok(grant)
}

/// Closes what was issued under a right and does not lie within it.
fn close_outside(draft: &mut Draft, issuer: &Grant) {
    let issued = draft.state.grants.iter();
    let outside: Vec<GrantNumber> = issued
        .filter(|grant| grant.issued_under == Some(issuer.number()))
        .filter(|grant| {
            let mut flaws = Flaws::default();
            check_within(&mut flaws, draft, issuer, (grant.window, grant.schedule.as_ref()));
            flaws.refuse().is_err()
        })
        .map(|grant| grant.number())
        .collect();
    close_grants(draft, outside, CloseReason::IssuerClosed);
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

/// Takes the right of a card back and leaves its keys to the card, which is at hand: they are
/// erased when it is next written, and locks with no network are not told.
///
/// # Errors
/// Not found among the open grants; not the right of a card to open.
pub fn leave_to_card(draft: &mut Draft, number: GrantNumber) -> Result<(), Refusal> {
    let grant = find(&draft.state, number)?;
    let card = match grant.subject {
        Subject::Credential(number) => draft.state.credentials.get(number),
        Subject::Person(_) => None,
    };
    if grant.right != Right::Open || card.is_none_or(|card| card.kind != CredentialKind::Card) {
        let detail = "must be left out: this is no right of a card to open";
        return Err(Refusal::field("/leave_to_card", "not_of_card", detail));
    }
    draft.note("leave_to_card", Noun::Grant, Some(grant.header.id), Vec::new());
    close_grants(draft, [number], CloseReason::LeftToCard);
    Ok(())
}

/// Takes many rights back; says how many.
pub fn revoke_all(draft: &mut Draft, numbers: &[GrantNumber]) -> usize {
    let there = |number: &GrantNumber| draft.state.grants.get(*number).is_some();
    let open: Vec<GrantNumber> = numbers.iter().copied().filter(there).collect();
    let fields = vec![Changed::shown("revoke", open.len())];
    draft.note("batch", Noun::Grant, None, fields);
    let count = open.len();
    close_grants(draft, open, CloseReason::Revoked);
    count
}

/// Closes grants that ended by themselves before an instant, at most `most` of them; nobody
/// notices, as they stay what they were: expired.
pub fn retire(draft: &mut Draft, before: Instant, most: usize) -> usize {
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
fn by_email(draft: &mut Draft, email: &str) -> Result<PersonNumber, Refusal> {
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
fn by_phone(draft: &mut Draft, phone: &str) -> Result<PersonNumber, Refusal> {
    if let Some(number) = draft.state.person_by_phone(phone) {
        return Ok(number);
    }
    let edit = PersonEdit { phone: Some(Some(phone.to_owned())), ..PersonEdit::default() };
    made(person::create(draft, &edit), "/subject/phone")
}

fn holder(state: &PlaceState, identity: &Identity) -> Option<PersonNumber> {
    IdentityKey::of(identity).find_map(|key| state.person_by_identity(&key))
}

/// The person that an identity provider knows so, made if there is none.
///
/// # Errors
/// Where the identity is malformed.
fn by_identity(draft: &mut Draft, identity: &Identity) -> Result<PersonNumber, Refusal> {
    if let Some(number) = holder(&draft.state, identity) {
        return Ok(number);
    }
    let edit = PersonEdit { identity: Some(Some(identity.clone())), ..PersonEdit::default() };
    made(person::create(draft, &edit), "/subject/identity")
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
        // Who is made by it is checked as everybody.
        Receiver::Identity(_) => {}
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

/// Whether keys may be issued under a grant: a right to share, or one to a level that lets its
/// people share.
#[must_use]
pub fn shares(state: &PlaceState, grant: &Grant) -> bool {
    match grant.target {
        _ if grant.right == Right::Share => true,
        Target::AccessLevel(level) => state.levels.get(level).is_some_and(|it| it.allow_sharing),
        Target::Lock(_) => false,
    }
}

/// Whether keys to a lock may be issued under a grant.
#[must_use]
pub fn shares_lock(state: &PlaceState, grant: &Grant, lock: LockNumber) -> bool {
    let reaches = match grant.target {
        Target::Lock(own) => own == lock,
        Target::AccessLevel(level) => state.membership(level, lock).is_some(),
    };
    reaches && shares(state, grant)
}

/// Whether a person holds a right to open a lock at least whenever a right to share there holds:
/// who hands out keys has one that lasts. A right to share that has no end and no hours of its own
/// asks for such a key; one through a level is such a key itself.
#[must_use]
pub fn holds_what_is_shared(
    state: &PlaceState,
    person: PersonNumber,
    (shared, lock): (&Grant, LockNumber),
    now: Instant,
) -> bool {
    let hours = |grant: &Grant| -> Vec<ScheduleRef> {
        let level = match grant.target {
            Target::AccessLevel(level) => state.levels.get(level),
            Target::Lock(_) => None,
        };
        let of_level = level.and_then(|level| level.schedule.clone());
        grant.schedule.clone().into_iter().chain(of_level).collect()
    };
    let of_right = hours(shared);
    let reaches = |grant: &Grant| match grant.target {
        Target::Lock(own) => own == lock,
        Target::AccessLevel(level) => state.membership(level, lock).is_some(),
    };
    let own = state.person_reach(person).iter();
    own.filter_map(|reach| state.grants.get(reach.grant())).any(|grant| {
        grant.right == Right::Open
            && reaches(grant)
            && window_within(grant, shared.window, now) == (true, true)
            && hours(grant).iter().all(|schedule| of_right.contains(schedule))
    })
}

/// What a grant is issued under must be open and let keys be issued, so that it can fall with it,
/// and it must reach no further.
fn check_issued(flaws: &mut Flaws, draft: &Draft, wish: &NewGrant) {
    let Some(issuer) = wish.issued_under else { return };
    let state = &draft.state;
    let issuer = state.grants.get(issuer).filter(|grant| shares(state, grant));
    let Some(issuer) = issuer else {
        let detail = "there is no such open right to share in this place";
        return flaws.invalid("/issued_under", "not_found", detail);
    };
    let reached = matches!(wish.target, Target::Lock(lock) if shares_lock(state, issuer, lock));
    let detail = "must be a lock that the right to share reaches";
    flaws.check(reached, "/target", "not_shared", detail);
    let schedule = wish.edit.schedule.as_ref().and_then(Option::as_ref);
    check_within(flaws, draft, issuer, (wish.edit.window.of(Window::ALWAYS), schedule));
    check_override(flaws, wish.edit.override_lockdown == Some(true));
}

/// What is issued never opens in lockdown.
fn check_override(flaws: &mut Flaws, overrides: bool) {
    let detail = "must be false, as it is issued under a right to share";
    flaws.check(!overrides, "/override_lockdown", "not_shared", detail);
}

/// Whether what is issued at `now` for a window begins, and whether it ends, within the window of
/// what it is issued under.
#[must_use]
pub fn window_within(issuer: &Grant, window: Window, now: Instant) -> (bool, bool) {
    let begins = issuer.window.from.is_none_or(|from| window.from.unwrap_or(now) >= from);
    let until = |own| window.until.is_some_and(|until| until <= own);
    (begins, issuer.window.until.is_none_or(until))
}

/// What is issued holds at no time at which the right to share does not.
fn check_within(
    flaws: &mut Flaws,
    draft: &Draft,
    issuer: &Grant,
    (window, schedule): (Window, Option<&ScheduleRef>),
) {
    let (begins, ends) = window_within(issuer, window, draft.now);
    let detail = "must not be before the right to share begins";
    flaws.check(begins, "/valid_from", "outside_sharing", detail);
    let detail = "must not be after the right to share ends";
    flaws.check(ends, "/valid_until", "outside_sharing", detail);
    let level = match issuer.target {
        Target::AccessLevel(level) => draft.state.levels.get(level),
        Target::Lock(_) => None,
    };
    let of_level = level.and_then(|level| level.schedule.as_ref());
    let own = issuer.schedule.as_ref().into_iter().chain(of_level);
    let detail = "must be the schedule of the right to share";
    let same = own.into_iter().all(|own| Some(own) == schedule);
    flaws.check(same, "/schedule", "outside_sharing", detail);
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
    let text = |at: Option<Instant>| at.map_or("-".to_owned(), |at| at.to_string());
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
