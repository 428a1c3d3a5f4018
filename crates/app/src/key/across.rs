//! Keys of a place and of the places below it, in one order: found, and taken back.
//!
//! The order is that of the places' numbers, the place itself first, and in each that of its keys.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use claviger_domain::command::grant as rules;
use claviger_domain::draft::Draft;
use claviger_domain::ids::{GrantNumber, Id, LockNumber, Noun, PersonNumber, PlaceNumber, Ref};
use claviger_domain::key::KeyNumbers;
use claviger_domain::noun::grant::{Grant, Right, RightState, SourceKind, Subject, Target};
use claviger_domain::noun::scope::Scope;
use claviger_domain::record::Record;
use claviger_domain::refusal::{Flaws, Refusal};
use claviger_domain::state::PlaceState;

use super::{KeyPage, KeyRow, KeyState, Wanted};
use crate::context::Context;
use crate::error::Error;
use crate::provision::ListedKeys;
use crate::read::Seen;
use crate::{Written, not_here};

/// Which keys of a place and of those below it are meant: of people with a phone number.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Of the person with this phone number; for shared keys, of those who shared them.
    pub phone: Option<String>,
    /// Of this lock.
    pub lock: Option<Id>,
    /// In none of these states; read when keys are listed.
    pub without: Vec<KeyState>,
    /// Whether the places below are meant too.
    pub below: bool,
    /// Whether the keys are meant that people made under a right to share, rather than those that
    /// were given. Read when keys are taken back.
    pub shared: bool,
}

/// Whether a subject is a person with a phone number who is not deleted.
#[must_use]
pub fn is_by_phone(state: &PlaceState, subject: Subject) -> bool {
    match subject {
        Subject::Credential(_) => false,
        Subject::Person(number) => {
            state.people.get(number).is_some_and(|person| person.details.phone.is_some())
        }
    }
}

impl KeyPage {
    /// Whether every key is of a person with a phone number, or of one who had it when deleted.
    #[must_use]
    pub fn is_by_phone(&self) -> bool {
        let had = |subject| match subject {
            Subject::Credential(_) => false,
            Subject::Person(number) => match self.gone.get(&(Noun::Person, number.0)) {
                Some(Record::Person(person)) => person.had_phone,
                _ => is_by_phone(&self.state, subject),
            },
        };
        self.items.iter().all(|row| had(row.key.subject))
    }
}

/// Of the subjects of closed grants, those who never were people with a phone number as far as is
/// known: whoever is deleted left no more than whether there was one.
pub(super) async fn without_phone(
    ctx: &Context,
    state: &PlaceState,
    closed: &[Arc<Grant>],
) -> Result<HashSet<Subject>, Error> {
    let (mut without, mut deleted) = (HashSet::new(), Vec::new());
    for subject in closed.iter().map(|grant| grant.subject) {
        match subject {
            Subject::Person(number) if state.people.get(number).is_none() => deleted.push(number),
            _ if is_by_phone(state, subject) => {}
            _ => drop(without.insert(subject)),
        }
    }
    if let (Some(first), Some(last)) = (deleted.iter().min(), deleted.iter().max()) {
        let place = state.place.number();
        let found = ctx.app.store().deleted_without_phone(place, (*first, *last)).await?;
        without.extend(found.into_iter().map(Subject::Person));
    }
    Ok(without)
}

/// The places meant, in order; the place itself first.
pub(crate) fn places(
    ctx: &Context,
    place: Id,
    scope: Scope,
    below: bool,
) -> Result<Vec<PlaceNumber>, Error> {
    let own = ctx.authorize(place, scope)?;
    let mut places = vec![own];
    if below {
        let world = ctx.app.world();
        let others = world.places().into_iter().map(|cell| cell.state().place.number());
        // They come in the order of their numbers.
        places.extend(others.filter(|it| *it != own && world.is_within(*it, own)));
    }
    Ok(places)
}

/// The places that are still to be gone through after the key with the id `after`, and the numbers
/// of its grant and membership in the first of them.
pub(crate) async fn begin(
    ctx: &Context,
    place: Id,
    after: Option<Id>,
    search: &Search,
    missing: &'static str,
) -> Result<(Vec<PlaceNumber>, (u32, u32)), Error> {
    let mut places = places(ctx, place, Scope::GrantsRead, search.below)?;
    once_known_lock(ctx, &places, search.lock).await?;
    let Some(after) = after else { return Ok((places, (0, 0))) };
    let found = find(ctx, &places, after).await?;
    let (at, numbers) = found.ok_or_else(|| not_here("/after", missing))?;
    places.drain(..at);
    Ok((places, (numbers.grant.0, numbers.membership.0)))
}

/// The keys after the one with the id `after`, at most `limit`, each page of one place; with how
/// they stand by the lists that serve locks.
///
/// # Errors
/// No such place; a lock or a key to go on after that is not there.
pub async fn across(
    ctx: &Context,
    place: Id,
    after: Option<Id>,
    limit: usize,
    search: &Search,
) -> Result<Vec<KeyPage>, Error> {
    let missing = "there is no such key in this place";
    let (places, mut from) = begin(ctx, place, after, search, missing).await?;
    let mut pages = Vec::new();
    let mut left = limit;
    for number in places {
        let begin = std::mem::take(&mut from);
        if left == 0 {
            break;
        }
        let state = ctx.app.state(number)?;
        let Some(person) = person(&state, search) else { continue };
        let lock = match search.lock {
            None => None,
            Some(lock) => match ctx.number_of(&state, Noun::Lock, lock).await? {
                None => continue,
                number => number.map(LockNumber),
            },
        };
        let without = search.without.clone();
        let of_phones = Wanted { with_phone: true, at_lists: true, ..Wanted::default() };
        let wanted = Wanted { person, lock, without, ..of_phones };
        let page = super::within(ctx, state, begin, left, &wanted).await?;
        left -= page.items.len();
        pages.push(page);
    }
    Ok(pages)
}

/// Whom a search means in one place; none where nobody there can be meant.
fn person(state: &PlaceState, search: &Search) -> Option<Option<PersonNumber>> {
    match &search.phone {
        None => Some(None),
        Some(phone) => state.person_by_phone(phone).map(Some),
    }
}

/// Whom and what a search means in one place as it is; none where nothing there can be meant.
pub(crate) fn numbers(
    state: &PlaceState,
    search: &Search,
) -> Option<(Option<PersonNumber>, Option<LockNumber>)> {
    let person = person(state, search)?;
    let lock = match search.lock {
        None => None,
        Some(lock) => Some(LockNumber(state.resolve(Noun::Lock, &Ref::Id(lock))?)),
    };
    Some((person, lock))
}

/// Refuses whom and what a search names and none of the places knows: who takes back the keys of
/// a mistyped number must not believe that they are gone.
pub(crate) fn known(ctx: &Context, places: &[PlaceNumber], search: &Search) -> Result<(), Error> {
    let (mut no_lock, mut nobody) = (search.lock.is_some(), search.phone.is_some());
    for place in places {
        let state = ctx.app.state(*place)?;
        no_lock &= search.lock.is_some_and(|it| state.resolve(Noun::Lock, &Ref::Id(it)).is_none());
        nobody &= person(&state, search).is_none();
    }
    let mut flaws = Flaws::default();
    flaws.check(!no_lock, "/lock_id", "not_found", "there is no such lock in this place");
    flaws.check(!nobody, "/phone", "not_found", "nobody in this place has that phone number");
    Ok(flaws.refuse()?)
}

/// Refuses a lock that none of the places ever had: closed keys speak of those that are gone.
async fn once_known_lock(
    ctx: &Context,
    places: &[PlaceNumber],
    lock: Option<Id>,
) -> Result<(), Error> {
    let Some(lock) = lock else { return Ok(()) };
    for place in places {
        let state = ctx.app.state(*place)?;
        if ctx.number_of(&state, Noun::Lock, lock).await?.is_some() {
            return Ok(());
        }
    }
    Err(not_here("/lock_id", "there is no such lock in this place"))
}

/// In which of the places a key is, and its numbers.
pub(crate) async fn find(
    ctx: &Context,
    places: &[PlaceNumber],
    id: Id,
) -> Result<Option<(usize, KeyNumbers)>, Error> {
    if let Some(numbers) = KeyNumbers::of(id) {
        let at = places.iter().position(|place| *place == numbers.place);
        return Ok(at.map(|at| (at, numbers)));
    }
    for (at, place) in places.iter().enumerate() {
        let open = ctx.app.state(*place)?.resolve(Noun::Grant, &Ref::Id(id));
        let number = match open {
            Some(number) => Some(number),
            None => {
                let closed = ctx.app.store().record_by_id(*place, Noun::Grant, id).await?;
                closed.map(|record| record.header().number)
            }
        };
        if let Some(number) = number {
            let (grant, membership) = (GrantNumber(number), 0.into());
            return Ok(Some((at, KeyNumbers { place: *place, grant, membership })));
        }
    }
    Ok(None)
}

/// One key of a place or of those below it, with how it stands by the list that serves its lock.
///
/// # Errors
/// Not found.
pub async fn get_within(ctx: &Context, place: Id, id: Id) -> Result<KeyPage, Error> {
    let places = places(ctx, place, Scope::GrantsRead, true)?;
    let missing = || Error::not_found(Noun::Grant);
    let (_, numbers) = find(ctx, &places, id).await?.ok_or_else(missing)?;
    let owner = ctx.app.state(numbers.place)?.place.header.id;
    let (Seen { value: mut row, state }, gone) = super::get(ctx, owner, id).await?;
    row.unconfirmed = ListedKeys::new(ctx, &state).unconfirmed(&row.key, &row.grant);
    Ok(KeyPage { items: vec![row], next: None, gone, state })
}

/// The keys of a place that direct grants with these ids are, in that order, with how they stand by
/// the lists that serve their locks; ids of no such grant are passed over.
///
/// # Errors
/// No such place.
pub async fn of_grants(ctx: &Context, place: Id, ids: &[Id]) -> Result<KeyPage, Error> {
    let state = ctx.read(place, Scope::GrantsRead)?;
    let open = |id: Id| {
        let number = state.resolve(Noun::Grant, &Ref::Id(id))?;
        state.grants.get(GrantNumber(number)).cloned()
    };
    let mut found: HashMap<Id, Arc<Grant>> =
        ids.iter().filter_map(|id| Some((*id, open(*id)?))).collect();
    let missing = || ids.iter().filter(|id| !found.contains_key(id));
    if let (Some(first), Some(last)) = (missing().min(), missing().max()) {
        let place = state.place.number();
        let closed = ctx.app.store().closed_grants_between(place, (*first, *last)).await?;
        found.extend(closed.into_iter().map(|grant| (grant.header.id, grant)));
    }
    let mut lists = ListedKeys::new(ctx, &state);
    let mut items = Vec::with_capacity(ids.len());
    for grant in ids.iter().filter_map(|id| found.get(id)) {
        let Some(key) = super::stands(ctx, &state, grant, None) else { continue };
        let unconfirmed = lists.unconfirmed(&key, grant);
        items.push(KeyRow { key, grant: grant.clone(), unconfirmed });
    }
    drop(lists);
    let gone = super::speak_of(ctx, &state, &items).await?;
    Ok(KeyPage { items, next: None, gone, state })
}

/// Takes one key back; one that was taken back already stays as it is.
///
/// # Errors
/// Not found; the key is part of a level, which it leaves with its person or lock only, or a
/// doorbell's; it is past its end.
pub async fn revoke(ctx: &Context, place: Id, id: Id) -> Result<KeyPage, Error> {
    let page = get_within(ctx, place, id).await?;
    let own = ctx.authorize(page.state.place.header.id, Scope::GrantsWrite)?;
    let Some(KeyRow { key, grant, .. }) = page.items.first() else {
        return Err(Error::not_found(Noun::Grant));
    };
    if key.level.is_some() {
        let detail = "the key is part of an access level; take its person or lock out of that";
        return Err(Refusal::InUse(detail.to_owned()).into());
    }
    if let Some((_, Some(_))) = crate::doorbell::named_by(&page.state, grant) {
        let detail = "the key is a doorbell's; take its person off the doorbell's list";
        return Err(Refusal::InUse(detail.to_owned()).into());
    }
    if key.state == RightState::Expired {
        return Err(Refusal::InUse("the key is past its end".to_owned()).into());
    }
    if key.revoked_at.is_some() {
        return Ok(page);
    }
    let number = grant.number();
    ctx.commit(Some(own), move |work| {
        let draft = work.place(own)?;
        // Another may have been faster; then the key is taken back already.
        if draft.state.grants.get(number).is_some() {
            rules::revoke(draft, number)?;
        }
        Ok(())
    })
    .await?;
    get_within(ctx, place, id).await
}

/// Takes back every key that is meant and was given to one person at one lock, all or none; says
/// how many. Keys that come through a level or a doorbell, and those past their end, stay.
///
/// # Errors
/// No such place; a lock or a phone number that is not there.
pub async fn revoke_all(ctx: &Context, place: Id, search: Search) -> Result<Written<usize>, Error> {
    let places = places(ctx, place, Scope::GrantsWrite, search.below)?;
    known(ctx, &places, &search)?;
    let own = places.first().copied().ok_or(Error::not_found(Noun::Place))?;
    ctx.write(Some(own), move |work| {
        let now = work.now;
        let mut count = 0;
        for place in &places {
            let draft = work.place(*place)?;
            let meant: Vec<Arc<Grant>> =
                meant(draft, &search).into_iter().filter(|grant| !grant.window.past(now)).collect();
            if meant.is_empty() {
                continue;
            }
            let numbers: Vec<GrantNumber> = meant.iter().map(|grant| grant.number()).collect();
            count += rules::revoke_all(draft, &numbers);
        }
        Ok(count)
    })
    .await
}

fn meant(draft: &Draft, search: &Search) -> Vec<Arc<Grant>> {
    let state = &draft.state;
    let Some((person, lock)) = numbers(state, search) else { return Vec::new() };
    let issuer = |grant: &Grant| {
        let under = grant.issued_under.and_then(|number| state.grants.get(number));
        under.map(|under| under.subject)
    };
    let fits = |grant: &Grant| {
        let shared = grant.source.kind == SourceKind::Sharing;
        let whose = if search.shared { issuer(grant) } else { Some(grant.subject) };
        grant.right == Right::Open
            && matches!(grant.target, Target::Lock(own) if lock.is_none_or(|it| it == own))
            && shared == search.shared
            && grant.source.kind != SourceKind::Doorbell
            && person.is_none_or(|it| whose == Some(Subject::Person(it)))
            && whose.is_some_and(|it| is_by_phone(state, it))
    };
    state.grants.iter().filter(|grant| fits(grant)).cloned().collect()
}
