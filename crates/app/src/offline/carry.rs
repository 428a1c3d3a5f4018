//! What stands at a lock, brought and read by programs: receipts, events, the list it should have.

use std::sync::Arc;

use claviger_domain::ids::{Id, LockNumber, Noun, Ref};
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{OfflineLock, Told};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, SECOND};

use super::sync::{events_in, owned, past_of, receipts_in};
use crate::App;
use crate::context::Context;
use crate::error::Error;
use crate::read::resolve;

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

/// A lock with no network that a place owns or has borrowed; nothing where it was never
/// commissioned.
fn find(ctx: &Context, place: Id, lock: &Ref, scope: Scope) -> Result<Arc<OfflineLock>, Error> {
    let state = ctx.read(place, scope)?;
    let number: LockNumber = resolve(&state, Noun::Lock, lock)?;
    let key = owned(&state, number).ok_or(Error::not_found(Noun::Lock))?;
    ctx.app.world().lists().offline.get(&key).cloned().ok_or(Error::not_found(Noun::Lock))
}

/// The list that a lock should have.
///
/// # Errors
/// Not found; never commissioned.
pub fn current(ctx: &Context, place: Id, lock: &Ref) -> Result<CurrentList, Error> {
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
) -> Result<Vec<Vec<u8>>, Error> {
    let number = ctx.authorize(place, Scope::DevicesSync)?;
    find(ctx, place, &lock, Scope::DevicesSync)?;
    let app = ctx.app.clone();
    let past = past_of(&app, &events).await?;
    ctx.commit(Some(number), move |work| {
        receipts_in(&app, work, &receipts, None)?;
        events_in(&app, work, (&events, &past), None)
    })
    .await
}
