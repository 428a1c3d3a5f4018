//! Events of a place: read in the order they were stored, and watched.

use std::sync::Arc;

use claviger_domain::ids::{Id, LockNumber, Noun, PersonNumber, PlaceNumber, Ref};
use claviger_domain::noun::event::Event;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Window;
use claviger_store::EventFilter;
use tokio::sync::watch;

use crate::context::Context;
use crate::error::Error;
use crate::read::{bounded, resolve};

/// Which events are wanted; every filter given must hold.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct EventWish {
    pub occurred: Window,
    pub received: Window,
    pub lock: Option<Ref>,
    pub person: Option<Ref>,
    pub granted: Option<bool>,
}

/// Events after `after` in the order they were stored, whether more follow, and the place.
///
/// # Errors
/// No such place; a filter that names what is not there.
pub async fn list(
    ctx: &Context,
    place: Id,
    after: u64,
    limit: usize,
    wish: &EventWish,
) -> Result<(Vec<Event>, bool, Arc<PlaceState>), Error> {
    let state = ctx.read(place, Scope::EventsRead)?;
    let lock: Option<LockNumber> =
        wish.lock.as_ref().map(|lock| resolve(&state, Noun::Lock, lock)).transpose()?;
    let person: Option<PersonNumber> =
        wish.person.as_ref().map(|person| resolve(&state, Noun::Person, person)).transpose()?;
    let filter = EventFilter {
        after_seq: after,
        occurred: wish.occurred,
        received: wish.received,
        lock,
        person,
        granted: wish.granted,
        ..EventFilter::default()
    };
    let store = ctx.app.store();
    let mut events = store.events(state.place.number(), &filter, bounded(limit + 1)).await?;
    let more = events.len() > limit;
    events.truncate(limit);
    Ok((events, more, state))
}

/// Something to wait on: it changes whenever the place's events or state do.
///
/// # Errors
/// No such place.
pub fn watch(ctx: &Context, place: Id) -> Result<watch::Receiver<u64>, Error> {
    let place: PlaceNumber = ctx.authorize(place, Scope::EventsRead)?;
    let cell = ctx.app.world().cell(place).ok_or(Error::not_found(Noun::Place))?;
    Ok(cell.moved.subscribe())
}

/// The number of the last event of a place.
///
/// # Errors
/// No such place.
pub async fn last_seq(ctx: &Context, place: Id) -> Result<u64, Error> {
    let place = ctx.authorize(place, Scope::EventsRead)?;
    Ok(ctx.app.store().last_seq(place).await?)
}
