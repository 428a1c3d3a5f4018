//! Events of a place: read in the order they were stored, and watched.

use std::collections::{BTreeSet, HashMap};
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

/// A page of events.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The events, in the order they were stored.
    pub events: Vec<Event>,
    /// Whether more follow.
    pub more: bool,
    /// The public ids of closed and deleted records the events speak of.
    pub gone: HashMap<(Noun, u32), Id>,
    /// The place as it was read.
    pub state: Arc<PlaceState>,
}

/// Events after `after` in the order they were stored.
///
/// # Errors
/// No such place; a filter that names what is not there.
pub async fn list(
    ctx: &Context,
    place: Id,
    after: u64,
    limit: usize,
    wish: &EventWish,
) -> Result<EventPage, Error> {
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
    let gone = gone(ctx, &state, &events).await?;
    Ok(EventPage { events, more, gone, state })
}

/// The public ids of closed and deleted records that events speak of: they are not in memory.
async fn gone(
    ctx: &Context,
    state: &PlaceState,
    events: &[Event],
) -> Result<HashMap<(Noun, u32), Id>, Error> {
    let mut wanted = BTreeSet::new();
    for event in events {
        let subject = &event.subject;
        let named = [
            Some((Noun::Lock, event.lock.0)),
            subject.person.map(|it| (Noun::Person, it.0)),
            subject.credential.map(|it| (Noun::Credential, it.0)),
            subject.grant.map(|it| (Noun::Grant, it.0)),
        ];
        let missing = |(noun, number): &(Noun, u32)| state.record(*noun, *number).is_none();
        wanted.extend(named.into_iter().flatten().filter(missing));
    }
    let place = state.place.number();
    let mut found = HashMap::new();
    for (noun, number) in wanted {
        if let Some(record) = ctx.app.store().record(place, noun, number).await? {
            found.insert((noun, number), record.header().id);
        }
    }
    Ok(found)
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
