//! Rights to share: given and taken back by whoever administers a place, used by whoever holds one
//! to give keys, which fall with it.
//!
//! Those that come through a level are derived from its grants and locks, and never stored.

use std::sync::Arc;

use claviger_domain::command::grant::{self as rules, NewGrant};
use claviger_domain::draft::{Changed, Draft};
use claviger_domain::ids::{
    AccessLevelNumber, GrantNumber, Id, LockNumber, Noun, PersonNumber, PlaceNumber,
};
use claviger_domain::key::key_id;
use claviger_domain::noun::grant::{Grant, Right, SourceKind, Subject, Target};
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Flaws, Refusal};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use crate::Written;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::grant::{GrantWish, MOST_ITEMS, prepare};
use crate::key::{Search, begin, is_by_phone, known, numbers, places};

/// A person's right to share keys to one lock.
#[derive(Clone, Debug)]
pub struct SharingRight {
    /// The grant's id, or the packed id of the grant and the lock's membership in the level.
    pub id: Id,
    /// The lock.
    pub lock: LockNumber,
    /// The level it comes through.
    pub level: Option<AccessLevelNumber>,
    /// Since when it has been there.
    pub created_at: Instant,
    /// The grant behind it.
    pub grant: Arc<Grant>,
}

/// The right to share that a grant to a lock is.
#[must_use]
pub fn direct(grant: &Arc<Grant>) -> Option<SharingRight> {
    let Target::Lock(lock) = grant.target else { return None };
    let (id, created_at) = (grant.header.id, grant.header.created_at);
    Some(SharingRight { id, lock, level: None, created_at, grant: grant.clone() })
}

/// Rights to share of one place.
#[derive(Clone, Debug)]
pub struct SharingPage {
    /// The rights, in order.
    pub items: Vec<SharingRight>,
    /// The place as it was read.
    pub state: Arc<PlaceState>,
}

/// The open rights to share after the one with the id `after`, at most `limit`, each page of one
/// place.
///
/// # Errors
/// No such place; a lock or a right to go on after that is not there.
pub async fn across(
    ctx: &Context,
    place: Id,
    after: Option<Id>,
    limit: usize,
    search: &Search,
) -> Result<Vec<SharingPage>, Error> {
    let missing = "there is no such right to share in this place";
    let (places, mut from) = begin(ctx, place, after, search, missing).await?;
    let mut pages = Vec::new();
    let mut left = limit;
    for number in places {
        let state = ctx.app.state(number)?;
        let items = within(&state, std::mem::take(&mut from), left, search, ctx.app.now());
        left -= items.len();
        pages.push(SharingPage { items, state });
        if left == 0 {
            break;
        }
    }
    Ok(pages)
}

fn within(
    state: &PlaceState,
    after: (u32, u32),
    limit: usize,
    search: &Search,
    now: Instant,
) -> Vec<SharingRight> {
    let Some((person, lock)) = numbers(state, search) else { return Vec::new() };
    let of_person = |grant: &Grant| match (person, grant.subject) {
        (None, subject) => is_by_phone(state, subject),
        (Some(person), subject) => subject == Subject::Person(person),
    };
    let grants = state
        .grants
        .iter_from(after.0.max(1))
        .filter(|grant| of_person(grant) && !grant.window.past(now) && rules::shares(state, grant));
    let rights = grants.flat_map(|grant| {
        let from = if grant.header.number == after.0 { Some(after.1) } else { None };
        rights_of(state, grant, from)
    });
    rights.filter(|right| lock.is_none_or(|lock| right.lock == lock)).take(limit).collect()
}

/// The rights a grant gives: one, or one at each lock of its level after the membership `after`.
fn rights_of(state: &PlaceState, grant: &Arc<Grant>, after: Option<u32>) -> Vec<SharingRight> {
    let Target::AccessLevel(level) = grant.target else {
        return direct(grant).filter(|_| after.is_none()).into_iter().collect();
    };
    let roster = state.level_memberships(level);
    let memberships = roster.iter_from(after.map_or(1, |after| after.saturating_add(1)));
    memberships
        .filter_map(|number| state.memberships.get(number))
        .map(|membership| SharingRight {
            id: key_id(state, grant, Some(membership)),
            lock: membership.lock,
            level: Some(level),
            created_at: grant.header.created_at.max(membership.header.created_at),
            grant: grant.clone(),
        })
        .collect()
}

/// Gives rights to share, all or none: one for each person and lock.
///
/// # Errors
/// Every one that is wrong; else every one that is there already.
pub async fn give(
    ctx: &Context,
    place: Id,
    wishes: Vec<GrantWish>,
) -> Result<Written<Vec<Arc<Grant>>>, Error> {
    let place = ctx.authorize(place, Scope::GrantsWrite)?;
    if wishes.len() > MOST_ITEMS {
        let detail = format!("at most {MOST_ITEMS} items in a batch");
        return Err(Refusal::field("/sharing_rights", "too_many", detail).into());
    }
    let via = ctx.via;
    ctx.write(Some(place), move |work| {
        let now = work.now;
        let draft = work.place(place)?;
        let fields = vec![Changed::shown("create", wishes.len())];
        draft.note("batch", Noun::Grant, None, fields);
        let (mut wrong, mut taken, mut made) = (Vec::new(), Vec::new(), Vec::new());
        for (at, wish) in wishes.iter().enumerate() {
            let pointer = format!("/sharing_rights/{at}");
            let given = prepare(&draft.state, wish, via).and_then(|new| {
                if is_given(&draft.state, &new, now) {
                    let detail = "the person has the right to share keys to the lock already";
                    taken.push(FieldError::new(pointer.clone(), "taken", detail));
                    return Ok(None);
                }
                Ok(Some(rules::create(draft, &new)?))
            });
            match given {
                Ok(grant) => made.extend(grant),
                Err(Error::Refused(Refusal::Invalid(errors) | Refusal::Taken(errors))) => {
                    wrong.extend(errors.into_iter().map(|error| FieldError {
                        pointer: format!("{pointer}{}", error.pointer),
                        ..error
                    }));
                }
                Err(other) => return Err(other),
            }
        }
        match (wrong.is_empty(), taken.is_empty()) {
            (true, true) => Ok(made),
            (false, _) => Err(Refusal::Invalid(wrong).into()),
            (true, false) => Err(Refusal::Taken(taken).into()),
        }
    })
    .await
}

/// Whether somebody has a right at a target already, not through a level.
fn is_given(state: &PlaceState, new: &NewGrant, now: Instant) -> bool {
    let subject = new.receiver.known(state);
    let mut there = subject.into_iter().flat_map(|it| state.grants_between(it, new.target));
    there.any(|grant| grant.right == new.right && !grant.window.past(now))
}

/// Takes back every right to share that is meant and does not come through a level, all or none;
/// says how many. The keys shared under them fall with them.
///
/// # Errors
/// No such place; a lock or a phone number that is not there.
pub async fn take_back(ctx: &Context, place: Id, search: Search) -> Result<Written<usize>, Error> {
    let places = places(ctx, place, Scope::GrantsWrite, search.below)?;
    known(ctx, &places, &search)?;
    let own = places.first().copied().ok_or(Error::not_found(Noun::Place))?;
    ctx.write(Some(own), move |work| {
        let now = work.now;
        let mut count = 0;
        for place in &places {
            let draft = work.place(*place)?;
            let rights = within(&draft.state, (0, 0), usize::MAX, &search, now);
            let rights: Vec<GrantNumber> = rights
                .iter()
                .filter(|right| right.level.is_none())
                .map(|right| right.grant.number())
                .collect();
            if !rights.is_empty() {
                count += rules::revoke_all(draft, &rights);
            }
        }
        Ok(count)
    })
    .await
}

/// The place with that id, if the person who calls holds a right to share there and so does without
/// a scope.
///
/// # Errors
/// Not found; no right to share.
pub fn authorize(ctx: &Context, place: Id, instead_of: Scope) -> Result<PlaceNumber, Error> {
    let number = ctx.app.world().by_id(place).ok_or(Error::not_found(Noun::Place))?;
    let state = ctx.app.state(number)?;
    let holds = caller_in(ctx, &state).is_some_and(|person| {
        let mut held = held(&state, person);
        held.any(|grant| !grant.window.past(ctx.app.now()))
    });
    if holds { Ok(number) } else { Err(Error::Forbidden(instead_of)) }
}

/// Who the caller is among the people of a place; nobody who is suspended.
fn caller_in(ctx: &Context, state: &PlaceState) -> Option<PersonNumber> {
    let Caller::Account { number, through: None, .. } = &ctx.caller else { return None };
    let person = state.people.get(state.person_by_account(*number)?)?;
    (person.state == PersonState::Active).then(|| person.number())
}

/// Whether a grant is a key that the caller shared under a right of their own.
pub(crate) fn is_own(ctx: &Context, state: &PlaceState, grant: &Grant) -> bool {
    let under = grant.issued_under.and_then(|right| state.grants.get(right));
    grant.source.kind == SourceKind::Sharing
        && under
            .zip(caller_in(ctx, state))
            .is_some_and(|(right, caller)| right.subject == Subject::Person(caller))
}

/// The grants under which a person may share keys.
fn held(state: &PlaceState, person: PersonNumber) -> impl Iterator<Item = &Arc<Grant>> {
    let grants = state.person_reach(person).iter();
    let grants = grants.filter_map(|reach| state.grants.get(reach.grant()));
    grants.filter(|grant| rules::shares(state, grant))
}

/// Makes a wish of somebody who may not give rights one for a key under their own right to share.
///
/// # Errors
/// Anything but a right to open one lock; no right to share keys to that lock; no key of their own
/// that lasts as that right does.
pub(crate) fn issue(ctx: &Context, draft: &Draft, new: &mut NewGrant) -> Result<(), Error> {
    let state = &draft.state;
    let forbidden = || Error::Forbidden(Scope::GrantsWrite);
    let person = caller_in(ctx, state).ok_or_else(forbidden)?;
    let mut flaws = Flaws::default();
    let detail = "must be open, as it is given under a right to share";
    flaws.check(new.right == Right::Open, "/right", "not_shared", detail);
    flaws.refuse()?;
    let Target::Lock(lock) = new.target else { return Err(forbidden()) };
    let window = new.edit.window.of(claviger_domain::time::Window::ALWAYS);
    let fits = |grant: &Grant| rules::window_within(grant, window, draft.now) == (true, true);
    let named = |grant: &Grant| new.issued_under.is_none_or(|named| named == grant.number());
    let usable: Vec<&Arc<Grant>> = held(state, person)
        .filter(|grant| !grant.window.past(draft.now) && rules::shares_lock(state, grant, lock))
        .filter(|grant| named(grant))
        .collect();
    let holds =
        |grant: &Grant| rules::holds_what_is_shared(state, person, (grant, lock), draft.now);
    // One that covers the whole window, else one whose bounds the refusal can name.
    let best = usable.iter().find(|grant| fits(grant) && holds(grant));
    let best = best.or_else(|| usable.iter().find(|grant| fits(grant))).or(usable.first());
    let best = best.ok_or_else(forbidden)?;
    if fits(best) && !holds(best) {
        let detail =
            "who shares keys to a lock must hold one that lasts as the right to share does";
        return Err(Refusal::field("/target", "not_shared", detail).into());
    }
    new.issued_under = Some(best.number());
    new.source.kind = SourceKind::Sharing;
    Ok(())
}
