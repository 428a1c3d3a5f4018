//! Locks: made, changed, deleted, put in a posture; offered to other places and taken back.

use std::sync::Arc;

use super::access_level::close_memberships;
use super::common::{check_external_id, check_schedule, close_grants};
use crate::draft::{Changed, Draft, open, set};
use crate::ids::{AccessLevelNumber, GrantNumber, Id, LockNumber, Noun, PlaceNumber, ShareNumber};
use crate::noun::lock::{
    Health, Lock, LockEdit, LockMode, PinRule, Posture, Privacy, Share, ShareState, WhenUnrecorded,
};
use crate::noun::{CloseReason, Header};
use crate::refusal::{Flaws, MOST_NAME, MOST_TEXT, Refusal};
use crate::state::PlaceState;

/// Makes a lock.
///
/// # Errors
/// Every wrong field.
pub fn create(draft: &mut Draft, edit: &LockEdit) -> Result<Arc<Lock>, Refusal> {
    let header = draft.header(Noun::Lock, None)?;
    let lock = Lock { privacy: draft.state.place.default_privacy, ..blank(header) };
    write(draft, lock, edit, "create")
}

fn blank(header: Header) -> Lock {
    Lock {
        header,
        borrowed: None,
        name: String::new(),
        description: None,
        model: None,
        mode: LockMode::Online,
        posture: Posture::Normal,
        pin: PinRule::Never,
        pin_schedule: None,
        unlock_schedule: None,
        privacy: Privacy::Full,
        when_unrecorded: WhenUnrecorded::Allow,
        zone: None,
        controller: None,
        capacity: None,
        capabilities: None,
        metadata: None,
        health: Health::default(),
    }
}

/// Changes a lock.
///
/// # Errors
/// As [`create`]; not found; another place's lock.
pub fn edit(draft: &mut Draft, number: LockNumber, edit: &LockEdit) -> Result<Arc<Lock>, Refusal> {
    let lock = open(find_own(&draft.state, number)?);
    write(draft, lock, edit, "update")
}

/// Gives every lock the place owns a privacy; says how many had another.
pub fn set_privacy(draft: &mut Draft, privacy: Privacy) -> usize {
    let others = |lock: &&Arc<Lock>| lock.borrowed.is_none() && lock.privacy != privacy;
    let locks: Vec<Arc<Lock>> = draft.state.locks.iter().filter(others).cloned().collect();
    if !locks.is_empty() {
        let fields = vec![Changed::shown("privacy", privacy.as_str())];
        draft.note("update", Noun::Lock, None, fields);
    }
    for lock in &locks {
        draft.put(Lock { privacy, ..open(lock) });
    }
    locks.len()
}

/// Puts a lock in a posture.
///
/// # Errors
/// Not found; another place's lock.
pub fn set_posture(
    draft: &mut Draft,
    number: LockNumber,
    posture: Posture,
) -> Result<Arc<Lock>, Refusal> {
    let mut lock = open(find_own(&draft.state, number)?);
    let fields = vec![Changed::shown("posture", posture.as_str())];
    draft.note("set_posture", Noun::Lock, Some(lock.header.id), fields);
    lock.posture = posture;
    draft.put(lock);
    find(&draft.state, number).cloned()
}

/// Notes how a lock was heard to be. Nobody's command: the change trail does not tell of it.
///
/// # Errors
/// Not found; another place's lock.
pub fn set_health(draft: &mut Draft, number: LockNumber, health: Health) -> Result<(), Refusal> {
    let mut lock = open(find_own(&draft.state, number)?);
    lock.health = health;
    draft.put(lock);
    Ok(())
}

/// Deletes a lock: rights on it close, it leaves its levels; its name stays for closed keys. A lock
/// that other places have must be taken back from them first.
///
/// # Errors
/// Not found; another place's lock; shared.
pub fn delete(draft: &mut Draft, number: LockNumber) -> Result<(), Refusal> {
    let lock = open(find_own(&draft.state, number)?);
    if !draft.state.lock_shares(number).is_empty() {
        return Err(Refusal::InUse("the lock is shared; take the shares back first".to_owned()));
    }
    draft.note("delete", Noun::Lock, Some(lock.header.id), Vec::new());
    close_rights(draft, number, CloseReason::TargetDeleted);
    draft.delete(lock);
    Ok(())
}

/// Offers a lock to another place.
///
/// # Errors
/// Not found; another place's lock; offered already; one's own place.
pub fn offer(
    draft: &mut Draft,
    number: LockNumber,
    place: PlaceNumber,
) -> Result<Arc<Share>, Refusal> {
    let lock = find_own(&draft.state, number)?.clone();
    if place == draft.state.place.number() {
        return Err(Refusal::field("/place_id", "own_place", "must be another place"));
    }
    if share_with(&draft.state, number, place).is_some() {
        return Err(Refusal::InUse("the lock is shared to this place already".to_owned()));
    }
    draft.note("share", Noun::Lock, Some(lock.header.id), vec![Changed::shown("place", place)]);
    let header = draft.header(Noun::Share, None)?;
    let number_of_share = ShareNumber(header.number);
    let state = ShareState::Offered;
    draft.put(Share { header, lock: number, place, state, as_lock: None, closed: None });
    draft.state.shares.get(number_of_share).cloned().ok_or(Refusal::NotFound(Noun::Share))
}

/// Takes an offered lock in: `owner` is the owner's draft, `draft` the other place's. The lock
/// stands there under the same id.
///
/// # Errors
/// Not offered to this place.
pub fn accept(
    owner: &mut Draft,
    draft: &mut Draft,
    number: LockNumber,
) -> Result<Arc<Lock>, Refusal> {
    accept_again(owner, draft, number, None)
}

/// As [`accept`], where the other place had the lock before it was taken back: `before` is the
/// header of the row it has of that, which it gets again, as the id is the same.
///
/// # Errors
/// As [`accept`].
pub fn accept_again(
    owner: &mut Draft,
    draft: &mut Draft,
    number: LockNumber,
    before: Option<Header>,
) -> Result<Arc<Lock>, Refusal> {
    let place = draft.state.place.number();
    let lock = find_own(&owner.state, number)?.clone();
    let share = share_with(&owner.state, number, place).ok_or(Refusal::NotFound(Noun::Lock))?;
    if share.state == ShareState::Accepted {
        return Err(Refusal::InUse("the lock was accepted already".to_owned()));
    }
    let mut share = open(share);
    let header = match before {
        Some(before) => Header { deleted_at: None, external_id: None, ..before },
        None => Header { id: lock.header.id, ..draft.header(Noun::Lock, None)? },
    };
    let mut own = blank(header);
    own.name = lock.name.clone();
    own.borrowed = Some((owner.state.place.number(), number));
    let as_lock = own.number();
    draft.note("accept", Noun::Lock, Some(lock.header.id), Vec::new());
    owner.note("accept", Noun::Lock, Some(lock.header.id), vec![Changed::shown("place", place)]);
    draft.put(own);
    share.state = ShareState::Accepted;
    share.as_lock = Some(as_lock);
    owner.put(share);
    find(&draft.state, as_lock).cloned()
}

/// Takes a lock back from another place: that place's rights on it close. `other` is the other
/// place's draft where the share was accepted.
///
/// # Errors
/// Not shared to that place.
pub fn unshare(
    owner: &mut Draft,
    other: Option<&mut Draft>,
    number: LockNumber,
    place: PlaceNumber,
) -> Result<(), Refusal> {
    let id: Id = find_own(&owner.state, number)?.header.id;
    let share = share_with(&owner.state, number, place).ok_or(Refusal::NotFound(Noun::Share))?;
    let mut share = open(share);
    owner.note("unshare", Noun::Lock, Some(id), vec![Changed::shown("place", place)]);
    share.closed = Some(owner.closing(CloseReason::Unshared));
    let as_lock = share.as_lock;
    if as_lock.is_some() && other.is_none() {
        let detail = "the lock was accepted; that place's rights must close with it";
        return Err(Refusal::InUse(detail.to_owned()));
    }
    owner.put(share);
    if let (Some(as_lock), Some(other)) = (as_lock, other) {
        other.note("unshared", Noun::Lock, Some(id), Vec::new());
        close_rights(other, as_lock, CloseReason::Unshared);
        if let Some(lock) = other.state.locks.get(as_lock) {
            let lock = open(lock);
            other.delete(lock);
        }
    }
    Ok(())
}

/// The lock with that number, own or borrowed.
///
/// # Errors
/// Not found.
pub fn find(state: &PlaceState, number: LockNumber) -> Result<&Arc<Lock>, Refusal> {
    state.locks.get(number).ok_or(Refusal::NotFound(Noun::Lock))
}

/// The open share of a lock with a place.
#[must_use]
pub fn share_with(state: &PlaceState, lock: LockNumber, place: PlaceNumber) -> Option<&Arc<Share>> {
    let shares = state.lock_shares(lock);
    shares.iter().filter_map(|it| state.shares.get(it)).find(|share| share.place == place)
}

fn find_own(state: &PlaceState, number: LockNumber) -> Result<&Arc<Lock>, Refusal> {
    let lock = find(state, number)?;
    if lock.borrowed.is_some() {
        let detail = "the lock is another place's; its owner sets this";
        return Err(Refusal::InUse(detail.to_owned()));
    }
    Ok(lock)
}

/// Closes every right of this place on a lock and takes it out of every level.
fn close_rights(draft: &mut Draft, number: LockNumber, reason: CloseReason) {
    let grants: Vec<GrantNumber> =
        draft.state.lock_grants(number).iter().map(GrantNumber).collect();
    close_grants(draft, grants, reason);
    let levels: Vec<AccessLevelNumber> = draft.state.lock_levels(number).iter().collect();
    for level in levels {
        close_memberships(draft, level, &[number], reason);
    }
}

fn write(
    draft: &mut Draft,
    mut lock: Lock,
    edit: &LockEdit,
    verb: &'static str,
) -> Result<Arc<Lock>, Refusal> {
    check(&draft.state, &lock, edit)?;
    let mut changed = Vec::new();
    set!(changed, lock.header.external_id, edit.external_id);
    set!(changed, lock.name, edit.name as String::to_string);
    set!(changed, lock.description, edit.description);
    set!(changed, lock.model, edit.model);
    set!(changed, lock.mode, edit.mode as |it: &LockMode| it.as_str());
    set!(changed, lock.posture, edit.posture as |it: &Posture| it.as_str());
    set!(changed, lock.pin, edit.pin as |it: &PinRule| it.as_str());
    set!(changed, lock.pin_schedule, edit.pin_schedule);
    set!(changed, lock.unlock_schedule, edit.unlock_schedule);
    set!(changed, lock.privacy, edit.privacy as |it: &Privacy| it.as_str());
    set!(changed, lock.when_unrecorded, edit.when_unrecorded as |it: &WhenUnrecorded| it.as_str());
    set!(changed, lock.zone, edit.zone);
    set!(changed, lock.controller, edit.controller);
    set!(changed, lock.capacity, edit.capacity);
    set!(changed, lock.capabilities, edit.capabilities);
    set!(changed, lock.metadata, edit.metadata);
    draft.note(verb, Noun::Lock, Some(lock.header.id), changed);
    let number = lock.number();
    draft.put(lock);
    find(&draft.state, number).cloned()
}

fn check(state: &PlaceState, lock: &Lock, edit: &LockEdit) -> Result<(), Refusal> {
    let mut flaws = Flaws::default();
    let number = lock.number().0;
    check_external_id(&mut flaws, state, Noun::Lock, number, edit.external_id.as_ref());
    flaws.name(edit.name.as_ref().unwrap_or(&lock.name));
    flaws.prose(edit.description.as_ref().and_then(Option::as_ref), "/description", MOST_TEXT);
    flaws.line(edit.model.as_ref().and_then(Option::as_ref), "/model", MOST_NAME);
    check_schedule(&mut flaws, state, "/pin_schedule", edit.pin_schedule.as_ref());
    check_schedule(&mut flaws, state, "/unlock_schedule", edit.unlock_schedule.as_ref());
    if let Some(Some(controller)) = edit.controller
        && state.controllers.get(controller).is_none()
    {
        let detail = "there is no such controller in this place";
        flaws.invalid("/controller_id", "not_found", detail);
    }
    flaws.refuse()
}
