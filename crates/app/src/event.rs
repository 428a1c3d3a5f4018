//! Events of a place: read in the order they were stored, and watched.

mod complete;
mod history;
mod log;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use claviger_domain::ids::{
    CredentialNumber, Id, IdSource, LockNumber, Noun, PersonNumber, PlaceNumber, Ref,
};
use claviger_domain::noun::event::Event;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window};
use claviger_store::EventFilter;
use tokio::sync::watch;

pub use self::complete::{Behind, Complete, complete, settled};
pub use self::history::{HistoryPage, HistoryWish, Moment, history};
pub use self::log::{LogRow, LogWish, log};
use crate::context::Context;
use crate::error::Error;
use crate::read::{Gone, bounded, gone, resolve};

/// How many events are read at once where all are wanted.
const CHUNK: u32 = 1000;

/// Which events are wanted; every filter given must hold.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct EventWish {
    pub occurred: Window,
    pub received: Window,
    pub lock: Option<Ref>,
    pub person: Option<Ref>,
    pub credential: Option<Ref>,
    pub granted: Option<bool>,
    /// Decisions only.
    pub decisions: bool,
    /// Stored before this one.
    pub before_seq: Option<u64>,
    /// How many of them are passed over first.
    pub skip: u64,
    /// The last first, and then from the last on.
    pub newest_first: bool,
    /// In the order they happened rather than that in which they were stored.
    pub by_time: bool,
}

/// A page of events.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The events, in the order they were stored.
    pub events: Vec<Event>,
    /// Whether more follow.
    pub more: bool,
    /// The public ids of closed and deleted records the events speak of.
    pub gone: Gone,
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
    let credential = match &wish.credential {
        // What one that is deleted did can be asked for as long as it is kept.
        Some(Ref::Id(id)) => {
            let number = ctx.number_of(&state, Noun::Credential, *id).await?;
            Some(CredentialNumber(number.ok_or(Error::not_found(Noun::Credential))?))
        }
        Some(named) => Some(resolve(&state, Noun::Credential, named)?),
        None => None,
    };
    let filter = EventFilter {
        after_seq: after,
        before_seq: wish.before_seq,
        occurred: wish.occurred,
        received: wish.received,
        lock,
        person,
        credential,
        granted: wish.granted,
        decisions: wish.decisions,
        skip: wish.skip,
        newest_first: wish.newest_first,
        by_time: wish.by_time,
        ..EventFilter::default()
    };
    let store = ctx.app.store();
    let mut events = store.events(state.place.number(), &filter, bounded(limit + 1)).await?;
    let more = events.len() > limit;
    events.truncate(limit);
    let gone = speak_of(ctx, &state, &events).await?;
    Ok(EventPage { events, more, gone, state })
}

/// The event with an id; none where there is no such event, or a hidden one.
///
/// # Errors
/// No such place.
pub async fn get(ctx: &Context, place: Id, id: Id) -> Result<Option<EventPage>, Error> {
    let state = ctx.read(place, Scope::EventsRead)?;
    let filter = EventFilter { from_id: Some(id), by_id: true, ..EventFilter::default() };
    let mut events = ctx.app.store().events(state.place.number(), &filter, 1).await?;
    events.retain(|event| event.id == id);
    if events.is_empty() {
        return Ok(None);
    }
    let gone = speak_of(ctx, &state, &events).await?;
    Ok(Some(EventPage { events, more: false, gone, state }))
}

/// The decision that let somebody in last at each lock, of those made since an instant.
///
/// # Errors
/// No such place.
pub async fn last_let_in(
    ctx: &Context,
    place: Id,
    since: Instant,
) -> Result<HashMap<LockNumber, Event>, Error> {
    let state = ctx.read(place, Scope::EventsRead)?;
    let mut filter = EventFilter {
        granted: Some(true),
        // An id begins with the instant at which the event was made.
        from_id: Some(IdSource::new(since, [0; 16]).next_id()),
        by_id: true,
        newest_first: true,
        ..EventFilter::default()
    };
    let mut found = HashMap::new();
    loop {
        let events = ctx.app.store().events(state.place.number(), &filter, CHUNK).await?;
        let whole = events.len() == CHUNK as usize;
        filter.before_id = events.last().map(|event| event.id);
        for event in events {
            found.entry(event.lock).or_insert(event);
        }
        if !whole {
            return Ok(found);
        }
    }
}

/// The public ids of the closed and deleted records that events speak of.
pub(crate) async fn speak_of(
    ctx: &Context,
    state: &PlaceState,
    events: &[Event],
) -> Result<Gone, Error> {
    gone(ctx, state, named(events)).await
}

/// What events speak of.
fn named(events: &[Event]) -> BTreeSet<(Noun, u32)> {
    let named = events.iter().flat_map(|event| {
        let subject = &event.subject;
        let named = [
            Some((Noun::Lock, event.lock.0)),
            subject.person.map(|it| (Noun::Person, it.0)),
            subject.credential.map(|it| (Noun::Credential, it.0)),
            subject.grant.map(|it| (Noun::Grant, it.0)),
        ];
        named.into_iter().flatten()
    });
    named.collect()
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
