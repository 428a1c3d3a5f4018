//! What stands at a lock, brought and read by programs: receipts, events, the list it should have.

use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_domain::ids::{CredentialNumber, Id, LockNumber, Noun, PlaceNumber, Ref};
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{LockKey, OfflineLock, Told};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, SECOND};

use super::heard::{EventsFrom, events_from, events_in, past_of};
use super::owed;
use super::sync::{owned, receipts_in};
use super::taken::reads_keys;
use crate::App;
use crate::context::Context;
use crate::error::Error;
use crate::work::Work;
use crate::world::World;

/// The list of a lock, and what the lock has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentList {
    /// Its epoch.
    pub epoch: u16,
    /// Its version.
    pub version: u32,
    /// When it was made.
    pub made_at: Instant,
    /// It, signed.
    pub list: Vec<u8>,
    /// Who signed it.
    pub issuer: Vec<u8>,
    /// The root's word that its epoch has begun; none in the first.
    pub epoch_certificate: Option<Vec<u8>>,
    /// What the lock has shown to hold.
    pub told: Option<Told>,
}

/// How far the list of a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListAt {
    /// Its version.
    pub version: u32,
    /// When it was made.
    pub made_at: Instant,
    /// What the lock has shown to hold.
    pub told: Option<Told>,
}

/// What came of what was brought from a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// For the lock: up to which number its events have arrived.
    pub acknowledgements: Vec<Vec<u8>>,
    /// From which events on it is to be asked.
    pub events_from: Vec<EventsFrom>,
}

/// How far the list of a lock is, by its number in a place that owns or has borrowed it; none where
/// it was never commissioned.
#[must_use]
pub fn how_far(app: &App, state: &PlaceState, lock: LockNumber) -> Option<ListAt> {
    let lists = app.world().lists();
    let lock = lists.offline.get(&owned(state, lock)?)?;
    Some(ListAt { version: lock.version, made_at: made_at(lock), told: lock.told })
}

fn made_at(lock: &OfflineLock) -> Instant {
    Instant(lock.iat.saturating_mul(SECOND))
}

/// A lock with no network that a place owns, owned or has borrowed; nothing where it was never
/// commissioned. One that was deleted hangs at its door all the same, and may let in until it was
/// told.
fn find(ctx: &Context, place: Id, lock: &Ref, scope: Scope) -> Result<Arc<OfflineLock>, Error> {
    let (state, lists) = (ctx.read(place, scope)?, ctx.app.world().lists());
    let key = match (state.resolve(Noun::Lock, lock), lock) {
        (Some(number), _) => owned(&state, LockNumber(number)),
        (None, Ref::Id(id)) => ctx.app.world().offline_key(*id),
        (None, Ref::External(_)) => None,
    };
    let is_own = |key: &LockKey| {
        key.place == state.place.number() || state.resolve(Noun::Lock, lock).is_some()
    };
    let key = key.filter(is_own).ok_or(Error::not_found(Noun::Lock))?;
    lists.offline.get(&key).cloned().ok_or(Error::not_found(Noun::Lock))
}

/// The locks that read no keys any more, or are no more, and may let in by a device's keys until
/// they are told: nobody has a right there who would bring their lists, so these devices do.
pub(super) fn left_behind(
    work: &Work<'_>,
    world: &World,
    (place, device): (PlaceNumber, CredentialNumber),
    now_s: i64,
) -> BTreeSet<LockKey> {
    let lists = world.lists();
    let may_open = |lock: &OfflineLock| {
        let is_told = !lock.list_due && lock.has_shown(lock.epoch, lock.refusing);
        !is_told && lock.keys_for(place, device).any(|key| key.exp > now_s)
    };
    let is_left = |key: &LockKey| {
        work.before(key.place).is_some_and(|owner| reads_keys(&owner, key.lock).is_none())
    };
    let known = lists.offline.values().filter(|lock| may_open(lock)).map(|lock| lock.key);
    known.filter(is_left).collect()
}

/// The list that a lock should have, made anew where it is owed or too old.
///
/// # Errors
/// Not found; never commissioned.
pub async fn current(ctx: &Context, place: Id, lock: &Ref) -> Result<CurrentList, Error> {
    owed::freshen_at(&ctx.app, &*find(ctx, place, lock, Scope::LocksRead)?).await;
    let lock = find(ctx, place, lock, Scope::LocksRead)?;
    let owner = ctx.app.state(lock.key.place)?;
    Ok(CurrentList {
        epoch: lock.epoch,
        version: lock.version,
        made_at: made_at(&lock),
        list: lock.list.clone(),
        issuer: ctx.app.signers().issuer(&owner.place)?.certificate.clone(),
        epoch_certificate: Some(lock.certificate.clone()).filter(|it| !it.is_empty()),
        told: lock.told,
    })
}

/// Takes in what a lock has shown and what happened there; what the lock is to be told of it.
///
/// # Errors
/// Not found; never commissioned.
pub async fn bring(
    ctx: &Context,
    place: Id,
    lock: Ref,
    receipts: Vec<Vec<u8>>,
    events: Vec<Vec<u8>>,
) -> Result<Taken, Error> {
    let number = ctx.authorize(place, Scope::DevicesSync)?;
    let key = find(ctx, place, &lock, Scope::DevicesSync)?.key;
    let app = ctx.app.clone();
    let past = past_of(&app, &events).await?;
    ctx.commit(Some(number), move |work| {
        receipts_in(&app, work, &receipts, None)?;
        let acknowledgements = events_in(&app, work, (&events, &past), None)?;
        let events_from = work.offline(key).map(|lock| events_from(&lock)).unwrap_or_default();
        Ok(Taken { acknowledgements, events_from })
    })
    .await
}
