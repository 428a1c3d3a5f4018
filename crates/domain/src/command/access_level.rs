//! Access levels: made, changed, deleted; locks and people put in and taken out.

use std::collections::HashSet;
use std::sync::Arc;

use super::common::{check_external_id, check_schedule, close_grants, close_issued};
use super::grant::{self, NewGrant, Receiver};
use crate::draft::{Changed, Draft, open, set};
use crate::ids::{
    AccessLevelNumber, GrantNumber, LockNumber, MembershipNumber, Noun, PersonNumber,
};
use crate::noun::CloseReason;
use crate::noun::access_level::{AccessLevel, AccessLevelEdit, Membership};
use crate::noun::grant::{Grant, Right, Source, SourceKind, Subject, Target, Via};
use crate::noun::schedule::ScheduleRef;
use crate::refusal::{Flaws, MOST_TEXT, Refusal};
use crate::state::PlaceState;
use crate::text::{is_email, is_phone};
use crate::time::Instant;

/// What goes in and out of a level in one command.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Modification {
    pub add_people: Vec<Receiver>,
    pub remove_people: Vec<Subject>,
    pub add_locks: Vec<LockNumber>,
    pub remove_locks: Vec<LockNumber>,
}

/// Makes a level with its locks.
///
/// # Errors
/// Every wrong field.
pub fn create(
    draft: &mut Draft,
    edit: &AccessLevelEdit,
    locks: &[LockNumber],
) -> Result<Arc<AccessLevel>, Refusal> {
    let level = AccessLevel {
        header: draft.header(Noun::AccessLevel, None)?,
        name: String::new(),
        description: None,
        schedule: None,
        api_enabled: false,
        allow_sharing: false,
        metadata: None,
    };
    let level = write(draft, level, edit, locks, "create")?;
    add_locks(draft, level.number(), locks)?;
    find(&draft.state, level.number()).cloned()
}

/// Changes a level; `locks`, where given, becomes exactly its set of locks.
///
/// # Errors
/// As [`create`]; not found.
pub fn edit(
    draft: &mut Draft,
    number: AccessLevelNumber,
    edit: &AccessLevelEdit,
    locks: Option<&[LockNumber]>,
) -> Result<Arc<AccessLevel>, Refusal> {
    let level = open(find(&draft.state, number)?);
    write(draft, level, edit, locks.unwrap_or_default(), "update")?;
    if let Some(locks) = locks {
        let wanted: HashSet<LockNumber> = locks.iter().copied().collect();
        let gone: Vec<LockNumber> = draft
            .state
            .level_locks(number)
            .map(|membership| membership.lock)
            .filter(|lock| !wanted.contains(lock))
            .collect();
        remove_locks(draft, number, &gone);
        add_locks(draft, number, locks)?;
    }
    find(&draft.state, number).cloned()
}

/// Puts people and locks in and takes them out, in one command. Who has an open grant without a
/// window already is left alone; taking a person out closes all of the person's grants to the
/// level.
///
/// # Errors
/// Every person or lock to add that is not there, or that stands in both lists. Who is not in the
/// level is taken out without an error.
pub fn modify(
    draft: &mut Draft,
    number: AccessLevelNumber,
    wish: &Modification,
    via: Via,
) -> Result<Arc<AccessLevel>, Refusal> {
    let id = find(&draft.state, number)?.header.id;
    let count = |field, len: usize| (len > 0).then(|| Changed::shown(field, len));
    let fields = [
        count("add_people", wish.add_people.len()),
        count("remove_people", wish.remove_people.len()),
        count("add_locks", wish.add_locks.len()),
        count("remove_locks", wish.remove_locks.len()),
    ];
    draft.note("modify", Noun::AccessLevel, Some(id), fields.into_iter().flatten().collect());
    check_modification(&draft.state, wish)?;
    let target = Target::AccessLevel(number);
    let leaving = wish.remove_people.iter();
    let leaving = leaving.flat_map(|subject| draft.state.grants_between(*subject, target));
    let leaving: Vec<GrantNumber> = leaving.map(|grant| grant.number()).collect();
    close_grants(draft, leaving, CloseReason::Removed);
    remove_locks(draft, number, &wish.remove_locks);
    add_locks(draft, number, &wish.add_locks)?;
    for receiver in &wish.add_people {
        add_person(draft, number, receiver, via)?;
    }
    let level = open(find(&draft.state, number)?);
    draft.put(level);
    find(&draft.state, number).cloned()
}

/// Deletes a level: its grants and memberships close; its name stays for closed keys.
///
/// # Errors
/// Not found.
pub fn delete(draft: &mut Draft, number: AccessLevelNumber) -> Result<(), Refusal> {
    let level = open(find(&draft.state, number)?);
    draft.note("delete", Noun::AccessLevel, Some(level.header.id), Vec::new());
    let grants: Vec<GrantNumber> =
        draft.state.level_grants(number).iter().map(GrantNumber).collect();
    close_grants(draft, grants, CloseReason::TargetDeleted);
    let locks: Vec<LockNumber> =
        draft.state.level_locks(number).map(|membership| membership.lock).collect();
    close_memberships(draft, number, &locks, CloseReason::TargetDeleted);
    draft.delete(level);
    Ok(())
}

/// The level with that number.
///
/// # Errors
/// Not found.
pub fn find(state: &PlaceState, number: AccessLevelNumber) -> Result<&Arc<AccessLevel>, Refusal> {
    state.levels.get(number).ok_or(Refusal::NotFound(Noun::AccessLevel))
}

/// Everybody with such an open grant to a level, by a credential of theirs too.
#[must_use]
pub fn people(
    state: &PlaceState,
    level: AccessLevelNumber,
    such: impl Fn(&Grant) -> bool,
) -> HashSet<PersonNumber> {
    let grants = state.level_grants(level).iter().filter_map(|number| state.grants.get(number));
    let grants = grants.filter(|grant| such(grant));
    let owner = |it| state.credentials.get(it).and_then(|credential| credential.person);
    grants
        .filter_map(|grant| match grant.subject {
            Subject::Person(person) => Some(person),
            Subject::Credential(credential) => owner(credential),
        })
        .collect()
}

/// What a modification comes to, in pairs of a person and a lock. What changes nothing does not
/// count, whoever stands twice counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Pairs the level has after it.
    pub keys: usize,
    /// Pairs it has then and had not before.
    pub created: usize,
    /// Pairs it had before and has no more.
    pub revoked: usize,
}

/// What a modification of a level would come to, for those it lets in now or later.
#[must_use]
pub fn effect(
    state: &PlaceState,
    level: AccessLevelNumber,
    wish: &Modification,
    now: Instant,
) -> Effect {
    let people = people(state, level, |grant| grant.lives(now));
    let locks: HashSet<LockNumber> = state.level_locks(level).map(|it| it.lock).collect();
    let known = |receiver: &Receiver| receiver.known(state);
    let is_in = |subject: Subject| matches!(subject, Subject::Person(it) if people.contains(&it));
    let unknown: HashSet<&Receiver> =
        wish.add_people.iter().filter(|receiver| known(receiver).is_none()).collect();
    let added: HashSet<Subject> =
        wish.add_people.iter().filter_map(known).filter(|subject| !is_in(*subject)).collect();
    let removed: HashSet<Subject> =
        wish.remove_people.iter().copied().filter(|subject| is_in(*subject)).collect();
    let locks_in: HashSet<LockNumber> =
        wish.add_locks.iter().copied().filter(|lock| !locks.contains(lock)).collect();
    let locks_out: HashSet<LockNumber> =
        wish.remove_locks.iter().copied().filter(|lock| locks.contains(lock)).collect();
    let people_stay = people.len() - removed.len();
    let locks_stay = locks.len() - locks_out.len();
    let stay = people_stay * locks_stay;
    let keys = (people_stay + added.len() + unknown.len()) * (locks_stay + locks_in.len());
    Effect { keys, created: keys - stay, revoked: people.len() * locks.len() - stay }
}

fn check_modification(state: &PlaceState, wish: &Modification) -> Result<(), Refusal> {
    let mut flaws = Flaws::default();
    check_locks(&mut flaws, state, &wish.add_locks, "/add_locks");
    let gone: HashSet<LockNumber> = wish.remove_locks.iter().copied().collect();
    for (at, lock) in wish.add_locks.iter().enumerate() {
        let pointer = format!("/add_locks/{at}");
        let detail = "stands in add_locks and in remove_locks";
        flaws.check(!gone.contains(lock), &pointer, "contradiction", detail);
    }
    let gone: HashSet<Subject> = wish.remove_people.iter().copied().collect();
    for (at, receiver) in wish.add_people.iter().enumerate() {
        let known = receiver.known(state);
        let pointer = format!("/add_people/{at}");
        let there = match receiver {
            Receiver::Known(Subject::Person(person)) => state.people.get(*person).is_some(),
            Receiver::Known(Subject::Credential(it)) => state.credentials.get(*it).is_some(),
            Receiver::Email(email) => is_email(email),
            Receiver::Phone(phone) => is_phone(phone),
            Receiver::Identity(_) => true,
        };
        let detail = "must be somebody of this place, an e-mail address or a phone number";
        flaws.check(there, &pointer, "not_found", detail);
        let detail = "stands in add_people and in remove_people";
        let twice = known.is_some_and(|subject| gone.contains(&subject));
        flaws.check(!twice, &pointer, "contradiction", detail);
    }
    flaws.refuse()
}

fn add_person(
    draft: &mut Draft,
    number: AccessLevelNumber,
    receiver: &Receiver,
    via: Via,
) -> Result<(), Refusal> {
    let subject = receiver.made(draft)?;
    let target = Target::AccessLevel(number);
    if draft.state.grants_between(subject, target).any(|grant| grant.is_plain()) {
        return Ok(());
    }
    let source = Source { kind: SourceKind::AccessLevel, via };
    grant::create(draft, &NewGrant::plain(subject, target, source)).map(|_| ())
}

fn check_locks(flaws: &mut Flaws, state: &PlaceState, locks: &[LockNumber], pointer: &str) {
    for (at, lock) in locks.iter().enumerate() {
        let there = state.locks.get(*lock).is_some();
        let detail = "there is no such lock in this place";
        flaws.check(there, &format!("{pointer}/{at}"), "not_found", detail);
    }
}

/// Puts locks in that are known to be there; those in the level already stay as they are.
fn add_locks(
    draft: &mut Draft,
    number: AccessLevelNumber,
    locks: &[LockNumber],
) -> Result<(), Refusal> {
    let mut there: HashSet<LockNumber> =
        draft.state.level_locks(number).map(|membership| membership.lock).collect();
    for lock in locks {
        if there.insert(*lock) {
            let header = draft.header(Noun::Membership, None)?;
            draft.put(Membership { header, level: number, lock: *lock, closed: None });
        }
    }
    Ok(())
}

fn remove_locks(draft: &mut Draft, number: AccessLevelNumber, locks: &[LockNumber]) {
    close_memberships(draft, number, locks, CloseReason::Removed);
}

/// Closes the memberships of some locks in a level, and the keys to them that its people shared.
pub(super) fn close_memberships(
    draft: &mut Draft,
    number: AccessLevelNumber,
    locks: &[LockNumber],
    reason: CloseReason,
) {
    let gone: HashSet<LockNumber> = locks.iter().copied().collect();
    let memberships: Vec<MembershipNumber> = draft
        .state
        .level_locks(number)
        .filter(|membership| gone.contains(&membership.lock))
        .map(|membership| membership.number())
        .collect();
    for number in memberships {
        let Some(membership) = draft.state.memberships.get(number) else { continue };
        let mut membership = open(membership);
        membership.closed = Some(draft.closing(reason));
        draft.put(membership);
    }
    let state = &draft.state;
    let through = |grant: &Grant| {
        let issuer = grant.issued_under.and_then(|it| state.grants.get(it));
        issuer.is_some_and(|issuer| issuer.target == Target::AccessLevel(number))
    };
    let there = locks.iter().flat_map(|lock| state.lock_grants(*lock).iter());
    let shared: Vec<GrantNumber> = there
        .map(GrantNumber)
        .filter(|it| state.grants.get(*it).is_some_and(|grant| through(grant)))
        .collect();
    close_grants(draft, shared, CloseReason::IssuerClosed);
}

fn write(
    draft: &mut Draft,
    mut level: AccessLevel,
    edit: &AccessLevelEdit,
    locks: &[LockNumber],
    verb: &'static str,
) -> Result<Arc<AccessLevel>, Refusal> {
    let mut flaws = Flaws::default();
    let (noun, number) = (Noun::AccessLevel, level.number());
    check_external_id(&mut flaws, &draft.state, noun, number.0, edit.external_id.as_ref());
    flaws.name(edit.name.as_ref().unwrap_or(&level.name));
    flaws.prose(edit.description.as_ref().and_then(Option::as_ref), "/description", MOST_TEXT);
    check_schedule(&mut flaws, &draft.state, "/schedule", edit.schedule.as_ref());
    check_locks(&mut flaws, &draft.state, locks, "/lock_ids");
    flaws.refuse()?;
    let (shared, former) = (level.allow_sharing, level.schedule.clone());
    let mut changed = Vec::new();
    set!(changed, level.header.external_id, edit.external_id);
    set!(changed, level.name, edit.name as String::to_string);
    set!(changed, level.description, edit.description);
    set!(changed, level.schedule, edit.schedule as shown_schedule);
    set!(changed, level.api_enabled, edit.api_enabled as bool::to_string);
    set!(changed, level.allow_sharing, edit.allow_sharing as bool::to_string);
    set!(changed, level.metadata, edit.metadata);
    draft.note(verb, noun, Some(level.header.id), changed);
    let stops = shared && (!level.allow_sharing || level.schedule != former);
    draft.put(level);
    if stops {
        close_shared(draft, number);
    }
    find(&draft.state, number).cloned()
}

/// Closes what was shared by the people of a level: they may no longer, or not at these times.
fn close_shared(draft: &mut Draft, number: AccessLevelNumber) {
    let state = &draft.state;
    let grants = state.level_grants(number).iter().filter_map(|it| state.grants.get(it));
    let opens: HashSet<GrantNumber> =
        grants.filter(|grant| grant.right == Right::Open).map(|grant| grant.number()).collect();
    close_issued(draft, &opens);
}

fn shown_schedule(schedule: &Option<ScheduleRef>) -> String {
    match schedule {
        None => "none".to_owned(),
        Some(ScheduleRef::Named(number)) => format!("schedule {number}"),
        Some(ScheduleRef::Inline(_)) => "inline".to_owned(),
    }
}
