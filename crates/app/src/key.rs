//! Keys: derived from grants and memberships, listed in the order of their numbers.
//!
//! Open ones come from memory, closed ones from storage; nothing here is stored.

mod across;

use std::collections::HashSet;
use std::sync::Arc;

use claviger_domain::ids::{
    AccessLevelNumber, GrantNumber, Id, LockNumber, MembershipNumber, Noun, PersonNumber,
    PlaceNumber, Ref,
};
use claviger_domain::key::{Key, KeyNumbers, key};
use claviger_domain::noun::access_level::Membership;
use claviger_domain::noun::grant::{Grant, RightState, Subject, Target};
use claviger_domain::noun::scope::Scope;
use claviger_domain::record::Record;
use claviger_domain::state::{PlaceState, Reach};
use claviger_store::ClosedGrants;

pub use self::across::{Search, across, get_within, is_by_phone, of_grants, revoke, revoke_all};
pub(crate) use self::across::{begin, known, numbers, places};
use crate::context::Context;
use crate::error::Error;
use crate::provision::{self, ListedKeys, Unconfirmed};
use crate::read::{Gone, Seen, bounded, gone, resolve};

/// Which keys are wanted.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Of this lock.
    pub lock: Option<Ref>,
    /// Of this person.
    pub person: Option<Ref>,
    /// Through this level.
    pub level: Option<Ref>,
    /// In this state.
    pub state: Option<RightState>,
}

/// A key with the grant behind it.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// The key.
    pub key: Key,
    /// The grant.
    pub grant: Arc<Grant>,
    /// Why it does not open by the list of its lock, where lists were asked.
    pub unconfirmed: Option<Unconfirmed>,
}

impl KeyRow {
    /// How the key stands at its lock.
    #[must_use]
    pub fn state(&self) -> KeyState {
        self.unconfirmed.map_or(KeyState::Right(self.key.state), KeyState::Unconfirmed)
    }
}

/// How a key stands at its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// As the right that it is.
    Right(RightState),
    /// The list that serves the lock does not let in by it.
    Unconfirmed(Unconfirmed),
}

/// A page of keys.
#[derive(Clone, Debug)]
pub struct KeyPage {
    /// The keys, in order.
    pub items: Vec<KeyRow>,
    /// The numbers to go on after; none where this is the last page.
    pub next: Option<(u32, u32)>,
    /// The public ids of deleted records the keys speak of.
    pub gone: Gone,
    /// The place as it was read.
    pub state: Arc<PlaceState>,
}

/// The filter with references found.
#[derive(Default)]
struct Wanted {
    lock: Option<LockNumber>,
    person: Option<PersonNumber>,
    level: Option<AccessLevelNumber>,
    state: Option<RightState>,
    /// In none of these states.
    without: Vec<KeyState>,
    /// Only of people with a phone number, and of people who had one when they were deleted.
    with_phone: bool,
    /// Whether the lists that serve locks are asked.
    at_lists: bool,
}

/// How many grants are read at first: with a few keys each they fill most pages.
const FIRST_CHUNK: usize = 32;
/// How many grants are read at a time where more are needed.
const CHUNK: usize = 512;

/// A page of keys after the key with grant and membership number `after`.
///
/// # Errors
/// No such place; a filter that names what is not there.
pub async fn list(
    ctx: &Context,
    place: Id,
    after: (u32, u32),
    limit: usize,
    filter: &KeyFilter,
) -> Result<KeyPage, Error> {
    let state = ctx.read(place, Scope::GrantsRead)?;
    let wanted = Wanted {
        lock: filter.lock.as_ref().map(|it| resolve(&state, Noun::Lock, it)).transpose()?,
        person: filter.person.as_ref().map(|it| resolve(&state, Noun::Person, it)).transpose()?,
        level: filter
            .level
            .as_ref()
            .map(|it| resolve(&state, Noun::AccessLevel, it))
            .transpose()?,
        state: filter.state,
        ..Wanted::default()
    };
    within(ctx, state, after, limit, &wanted).await
}

async fn within(
    ctx: &Context,
    state: Arc<PlaceState>,
    after: (u32, u32),
    limit: usize,
    wanted: &Wanted,
) -> Result<KeyPage, Error> {
    let mut items: Vec<KeyRow> = Vec::new();
    let mut memberships = Memberships::new(ctx, &state);
    let mut lists = ListedKeys::new(ctx, &state);
    let (mut at, mut chunk) = (after, FIRST_CHUNK);
    'pages: loop {
        let (grants, edge) = next_grants(ctx, &state, wanted, at, chunk).await?;
        chunk = (4 * chunk).min(CHUNK);
        for grant in &grants {
            let number = grant.header.number;
            let from = if number == after.0 { after.1 } else { 0 };
            let members = match grant.target {
                Target::Lock(_) if number == after.0 => continue,
                Target::Lock(_) => vec![None],
                Target::AccessLevel(level) => {
                    memberships.of(level).await?.iter().cloned().map(Some).collect()
                }
            };
            for member in members {
                if member.as_ref().is_some_and(|member| member.header.number <= from) {
                    continue;
                }
                let at_other = |lock| match (&member, grant.target) {
                    (Some(member), _) => member.lock != lock,
                    (None, target) => target != Target::Lock(lock),
                };
                if wanted.lock.is_some_and(at_other) {
                    continue;
                }
                let key = stands(ctx, &state, grant, member.as_deref());
                let Some(key) = key else { continue };
                if wanted.lock.is_some_and(|lock| key.lock != lock)
                    || wanted.state.is_some_and(|state| key.state != state)
                {
                    continue;
                }
                let asked = wanted.at_lists.then(|| lists.unconfirmed(&key, grant));
                let row = KeyRow { key, grant: grant.clone(), unconfirmed: asked.flatten() };
                if wanted.without.contains(&row.state()) {
                    continue;
                }
                items.push(row);
                if items.len() > limit {
                    break 'pages;
                }
            }
        }
        match edge {
            Some(edge) => at = (edge, u32::MAX),
            None => break,
        }
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items
        .last()
        .filter(|_| more)
        .map(|row| (row.key.numbers.grant.0, row.key.numbers.membership.0));
    let gone = speak_of(ctx, &state, &items).await?;
    Ok(KeyPage { items, next, gone, state })
}

/// The ids of what closed keys speak of.
async fn speak_of(ctx: &Context, state: &PlaceState, rows: &[KeyRow]) -> Result<Gone, Error> {
    let named = rows.iter().flat_map(|row| {
        let subject = match row.key.subject {
            Subject::Person(number) => (Noun::Person, number.0),
            Subject::Credential(number) => (Noun::Credential, number.0),
        };
        let level = row.key.level.map(|level| (Noun::AccessLevel, level.0));
        let issuer = row.grant.issued_under.map(|issuer| (Noun::Grant, issuer.0));
        [Some(subject), Some((Noun::Lock, row.key.lock.0)), level, issuer]
    });
    gone(ctx, state, named.flatten().collect()).await
}

/// The next grants, open and closed, whose keys may come after `at`, in order of number, and the
/// last number that was looked at where more may follow. The grant `at` itself is among them while
/// its memberships may not be done.
async fn next_grants(
    ctx: &Context,
    state: &PlaceState,
    wanted: &Wanted,
    at: (u32, u32),
    chunk: usize,
) -> Result<(Vec<Arc<Grant>>, Option<u32>), Error> {
    let start = if at.1 == u32::MAX { at.0.saturating_add(1) } else { at.0.max(1) };
    let fits = |grant: &Grant| {
        wanted.person.is_none_or(|person| grant.subject == Subject::Person(person))
            && wanted.level.is_none_or(|level| grant.target == Target::AccessLevel(level))
            && match (wanted.lock, grant.target) {
                (Some(lock), Target::Lock(own)) => own == lock,
                _ => true,
            }
    };
    let filter = match (wanted.level, wanted.person) {
        (Some(level), _) => ClosedGrants::ToLevel(level),
        (None, Some(person)) => ClosedGrants::Of(Subject::Person(person)),
        (None, None) => ClosedGrants::All,
    };
    let place = state.place.number();
    let store = ctx.app.store();
    let after = GrantNumber(start - 1);
    let closed = store.closed_grants(place, filter, after, bounded(chunk)).await?;
    // Beyond the last closed grant of a full chunk there may be others: stop there.
    let edge = if closed.len() == chunk {
        closed.last().map_or(u32::MAX, |grant| grant.header.number)
    } else {
        u32::MAX
    };
    let open: Box<dyn Iterator<Item = &Arc<Grant>> + Send> = match (wanted.level, wanted.person) {
        (Some(level), _) => Box::new(
            state.level_grants(level).iter_from(start).filter_map(|it| state.grants.get(it)),
        ),
        (None, Some(person)) => {
            let theirs = state.person_reach(person).iter().map(Reach::grant);
            Box::new(theirs.filter(move |it| it.0 >= start).filter_map(|it| state.grants.get(it)))
        }
        (None, None) => Box::new(state.grants.iter_from(start)),
    };
    let mut grants: Vec<Arc<Grant>> = open
        .take_while(|grant| grant.header.number <= edge)
        .filter(|grant| fits(grant))
        .filter(|grant| !wanted.with_phone || across::is_by_phone(state, grant.subject))
        .take(chunk)
        .cloned()
        .collect();
    let edge = if grants.len() == chunk {
        grants.last().map_or(edge, |grant| grant.header.number)
    } else {
        edge
    };
    let hidden = match wanted.with_phone {
        true => across::without_phone(ctx, state, &closed).await?,
        false => HashSet::new(),
    };
    let closed = closed.into_iter().filter(|grant| grant.header.number <= edge && fits(grant));
    grants.extend(closed.filter(|grant| !hidden.contains(&grant.subject)));
    grants.sort_by_key(|grant| grant.header.number);
    // One that was closed after the place was read stands in both; as it was read it is open.
    grants.dedup_by_key(|grant| grant.header.number);
    Ok((grants, (edge != u32::MAX).then_some(edge)))
}

/// The memberships of levels, open and closed, read once per level.
struct Memberships<'c> {
    ctx: &'c Context,
    state: &'c PlaceState,
    known: Vec<(AccessLevelNumber, Vec<Arc<Membership>>)>,
}

impl<'c> Memberships<'c> {
    fn new(ctx: &'c Context, state: &'c PlaceState) -> Memberships<'c> {
        Memberships { ctx, state, known: Vec::new() }
    }

    async fn all(
        &self,
        place: PlaceNumber,
        level: AccessLevelNumber,
    ) -> Result<Vec<Arc<Membership>>, Error> {
        let store = self.ctx.app.store();
        Ok(store.memberships_of(place, level, MembershipNumber(0), u32::MAX).await?)
    }

    async fn of(&mut self, level: AccessLevelNumber) -> Result<&[Arc<Membership>], Error> {
        let at = match self.known.iter().position(|(known, _)| *known == level) {
            Some(at) => at,
            None => {
                let place = self.state.place.number();
                let all = self.all(place, level).await?;
                self.known.push((level, all));
                self.known.len() - 1
            }
        };
        Ok(&self.known[at].1)
    }
}

/// The key of a grant at a lock as it stands at this moment: one that was taken back and that some
/// list may still let in is not revoked yet.
fn stands(
    ctx: &Context,
    state: &PlaceState,
    grant: &Grant,
    membership: Option<&Membership>,
) -> Option<Key> {
    let zone_of = |lock| crate::lock::zone(&ctx.app, state, lock);
    let mut key = key(state, grant, membership, ctx.app.now(), &zone_of)?;
    if key.state == RightState::Revoked
        && provision::is_pending_at(&ctx.app, state, grant, membership, key.lock)
    {
        key.state = RightState::RevocationPending;
    }
    Some(key)
}

/// One key by its id: a direct grant's, or the packed id of a level key.
///
/// # Errors
/// Not found.
pub async fn get(ctx: &Context, place: Id, id: Id) -> Result<(Seen<KeyRow>, Gone), Error> {
    let state = ctx.read(place, Scope::GrantsRead)?;
    let missing = || Error::not_found(Noun::Grant);
    let number = state.place.number();
    let store = ctx.app.store();
    let (grant, membership) = match KeyNumbers::of(id) {
        Some(numbers) if numbers.place == number => {
            let grant = match state.grants.get(numbers.grant) {
                Some(grant) => Some(grant.clone()),
                None => closed_grant(store.record(number, Noun::Grant, numbers.grant.0).await?),
            };
            let membership = match state.memberships.get(numbers.membership) {
                Some(membership) => Some(membership.clone()),
                None => closed_membership(
                    store.record(number, Noun::Membership, numbers.membership.0).await?,
                ),
            };
            (grant.ok_or_else(missing)?, Some(membership.ok_or_else(missing)?))
        }
        Some(_) => return Err(missing()),
        None => {
            let grant = match state.resolve(Noun::Grant, &Ref::Id(id)) {
                Some(grant) => state.grants.get(grant).cloned(),
                None => closed_grant(store.record_by_id(number, Noun::Grant, id).await?),
            };
            (grant.ok_or_else(missing)?, None)
        }
    };
    let key = stands(ctx, &state, &grant, membership.as_deref()).ok_or_else(missing)?;
    let value = KeyRow { key, grant, unconfirmed: None };
    let gone = speak_of(ctx, &state, std::slice::from_ref(&value)).await?;
    Ok((Seen { value, state }, gone))
}

fn closed_grant(record: Option<Record>) -> Option<Arc<Grant>> {
    match record {
        Some(Record::Grant(grant)) => Some(grant),
        _ => None,
    }
}

fn closed_membership(record: Option<Record>) -> Option<Arc<Membership>> {
    match record {
        Some(Record::Membership(membership)) => Some(membership),
        _ => None,
    }
}
