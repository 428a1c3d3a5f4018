//! Up to which instant all that happened at locks is known here: events come late from controllers
//! that keep their own lists, and from locks with no network when somebody brings them.
//!
//! Whoever reads up to that instant, by when things happened, misses nothing that comes later.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use claviger_domain::ids::{ControllerNumber, Id, LockNumber, Noun, PlaceNumber, Ref};
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::lock::{Lock, LockMode};
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::LockKey;
use claviger_domain::provision::{Holdings, ListKey, is_listed};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, SECOND};

use crate::App;
use crate::context::Context;
use crate::decision::recorded_until;
use crate::error::Error;
use crate::read::resolve;

/// How long a controller's call may have been under way: what happened meanwhile is not in it.
const UNDER_WAY: i64 = 10 * SECOND;

/// A lock of which less is known than this server decided itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The lock.
    pub lock: Id,
    /// Up to when what happened there is known; none where nobody can tell.
    pub until: Option<Instant>,
    /// Since when some of its events have been missing before others that arrived.
    pub missing_since: Option<Instant>,
}

/// How far the events of a place, or of one lock, are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    /// Up to when all of them are known; none where nobody can tell of some lock.
    pub until: Option<Instant>,
    /// The locks that keep it from being now, in order of their numbers.
    pub behind: Vec<Behind>,
}

/// How far the events of a place are known, or of one of its locks.
///
/// # Errors
/// No such place; no such lock.
pub async fn complete(ctx: &Context, place: Id, lock: Option<&Ref>) -> Result<Complete, Error> {
    let state = ctx.read(place, Scope::EventsRead)?;
    let only: Option<LockNumber> =
        lock.map(|lock| resolve(&state, Noun::Lock, lock)).transpose()?;
    let recorded = recorded_until(&ctx.app, state.place.number());
    let left = left(&ctx.app, &state).await?;
    let locks = state.locks.iter().filter(|lock| only.is_none_or(|only| lock.number() == only));
    let behind: Vec<Behind> = locks
        .filter_map(|lock| earlier(known(&ctx.app, &state, lock), left.get(&lock.number())))
        .filter(|behind| behind.until.is_none_or(|until| until < recorded))
        .collect();
    // `None` is less than any instant.
    let until = behind.iter().map(|it| it.until).fold(Some(recorded), Option::min);
    Ok(Complete { until, behind })
}

/// Of two words about one lock the one that knows less.
fn earlier(known: Option<Behind>, left: Option<&Behind>) -> Option<Behind> {
    known.into_iter().chain(left.copied()).min_by_key(|behind| behind.until)
}

/// The locks of a place, those included that others lend it, that have left a controller which has
/// not called since.
async fn left(app: &App, state: &PlaceState) -> Result<BTreeMap<LockNumber, Behind>, Error> {
    let mut left = left_behind(app, state).await?;
    let mut lent: BTreeMap<PlaceNumber, BTreeMap<LockNumber, Behind>> = BTreeMap::new();
    for lock in state.locks.iter() {
        let Some((place, number)) = lock.borrowed else { continue };
        if let Entry::Vacant(unknown) = lent.entry(place) {
            let Ok(owner) = app.state(place) else { continue };
            unknown.insert(left_behind(app, &owner).await?);
        }
        let there = lent.get(&place).and_then(|locks| locks.get(&number));
        left.extend(there.map(|behind| (lock.number(), *behind)));
    }
    Ok(left)
}

/// The own locks of a place that have left a controller which has not called since: what happened
/// there before is still to come, until it is deleted.
async fn left_behind(app: &App, state: &PlaceState) -> Result<BTreeMap<LockNumber, Behind>, Error> {
    let lists = app.world().lists();
    let told = state.controllers.iter().filter_map(|controller| {
        let key = ListKey { place: state.place.number(), controller: controller.number() };
        let list = lists.list(key).filter(|list| list.seen_at.is_some())?;
        let made = controller.header.created_at;
        Some((controller.number(), list.told_at.map_or(made, |at| at.plus(-UNDER_WAY).max(made))))
    });
    let told: BTreeMap<ControllerNumber, Instant> = told.collect();
    drop(lists);
    let Some(first) = told.values().min().copied() else { return Ok(BTreeMap::new()) };
    let mut left = BTreeMap::new();
    for past in app.store().past_locks(state.place.number(), None, first).await? {
        let Some(lock) = state.locks.get(past.number) else { continue };
        let former = past.controller.filter(|former| lock.controller != Some(*former));
        let Some(until) = former.and_then(|former| told.get(&former).copied()) else { continue };
        if until < past.replaced_at {
            let behind = Behind { lock: lock.header.id, until: Some(until), missing_since: None };
            let known = left.entry(past.number).or_insert(behind);
            known.until = known.until.min(behind.until);
        }
    }
    Ok(left)
}

/// Returns once every event that this server had heard of when it was asked can be read, or waits
/// for storage to come back and is received only then.
///
/// # Errors
/// No such place; storage is slow, or away.
pub async fn settled(ctx: &Context, place: Id) -> Result<(), Error> {
    let place = ctx.authorize(place, Scope::EventsRead)?;
    crate::decision::settled(&ctx.app, place).await
}

/// How far it is known what happened at a lock that does not ask this server about everything; none
/// for one that does.
fn known(app: &App, state: &PlaceState, lock: &Lock) -> Option<Behind> {
    // Another place's lock tells that place first.
    let owner = match lock.borrowed {
        Some((place, _)) => &*app.state(place).ok()?,
        None => state,
    };
    let number = lock.borrowed.map_or(lock.number(), |(_, number)| number);
    let own = owner.locks.get(number)?;
    if own.mode == LockMode::OfflineKeys {
        return carried(app, owner, own);
    }
    let controller = owner.controllers.get(own.controller?)?;
    let until = told_until(app, owner, controller)?;
    Some(Behind { lock: own.header.id, until: Some(until), missing_since: None })
}

/// How far it is known what happened at a lock with no network of a place.
fn carried(app: &App, owner: &PlaceState, lock: &Lock) -> Option<Behind> {
    let key = LockKey { place: owner.place.number(), lock: lock.number() };
    let lists = app.world().lists();
    // Before it had its secret it could open to nobody.
    let known = lists.lock(key)?;
    let (until, missing_since) = (known.known_until(), known.gap_since);
    Some(Behind { lock: lock.header.id, until, missing_since })
}

/// Up to which instant all decisions at the locks of some controllers, or of none, are known here.
/// Of a lock with no network that nobody can tell of all is known before it was made.
pub(super) async fn of_controllers(
    app: &App,
    state: &PlaceState,
    wanted: impl Fn(&Option<ControllerNumber>) -> bool,
) -> Result<Instant, Error> {
    let recorded = recorded_until(app, state.place.number());
    let controllers = state.controllers.iter().filter(|it| wanted(&Some(it.number())));
    let own = controllers.filter_map(|it| told_until(app, state, it));
    let locks = state.locks.iter().filter(|lock| wanted(&lock.controller));
    let others = locks.filter_map(|lock| {
        let Some((place, number)) = lock.borrowed else { return untold(app, state, lock) };
        let owner = app.state(place).ok()?;
        let there = owner.locks.get(number)?;
        // Another place's lock may hang on a controller there.
        let controller = there.controller.and_then(|it| owner.controllers.get(it));
        let told = controller.and_then(|it| told_until(app, &owner, it));
        told.into_iter().chain(untold(app, &owner, there)).min()
    });
    let known = own.chain(others).fold(recorded, Instant::min);
    let left = left(app, state).await?;
    let left = left.iter().filter_map(|(number, behind)| {
        let lock = state.locks.get(*number).filter(|lock| wanted(&lock.controller));
        lock.and(behind.until)
    });
    Ok(left.fold(known, Instant::min))
}

/// Up to when it is known what happened at a lock with no network; none for others.
fn untold(app: &App, owner: &PlaceState, lock: &Lock) -> Option<Instant> {
    if lock.mode != LockMode::OfflineKeys {
        return None;
    }
    let known = carried(app, owner, lock)?;
    Some(known.until.unwrap_or(lock.header.created_at))
}

/// Up to which instant a controller has told what happened at its locks; none where nothing comes
/// over it: it has no locks, or has never called and need not, as its list serves none of them.
fn told_until(app: &App, state: &PlaceState, controller: &Controller) -> Option<Instant> {
    let key = ListKey { place: state.place.number(), controller: controller.number() };
    let lists = app.world().lists();
    let list = lists.list(key);
    let calls = list.is_some_and(|list| list.seen_at.is_some());
    // Locks that ask the server have buttons and common codes that only the controller knows of.
    let own = |lock: &&Arc<Lock>| {
        let hangs = lock.borrowed.is_none() && lock.controller == Some(controller.number());
        hangs && (calls || is_listed(lock))
    };
    state.locks.iter().find(own)?;
    let told = list.and_then(|list| list.told_at);
    // Before it was there nothing happened at it.
    let made = controller.header.created_at;
    Some(told.map_or(made, |at| at.plus(-UNDER_WAY).max(made)))
}
