//! Decisions of a place in the order they happened, at the locks of some controllers; and up to
//! which instant that is all there is.
//!
//! An event of a controller that keeps its own list comes in when the controller dials in, and then
//! takes its place in this order: whoever reads on from where they were misses it, and is told so
//! by the instant.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use claviger_domain::ids::{ControllerNumber, Id, LockNumber};
use claviger_domain::noun::event::Event;
use claviger_domain::noun::scope::Scope;
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window};
use claviger_store::EventFilter;

use super::{complete, speak_of};
use crate::context::Context;
use crate::error::Error;
use crate::read::{Gone, bounded};

/// How many events are looked at for one page, at most; a page may be short of that.
const MOST_LOOKED_AT: usize = 50_000;
/// The fewest events that are read at a time.
const FEWEST: usize = 200;

/// A place in the order: the instant of an event, and its number.
pub type Moment = (Instant, u64);

/// Which decisions are wanted.
#[derive(Clone, Debug, Default)]
pub struct HistoryWish {
    /// That happened within.
    pub occurred: Window,
    /// Those that let somebody in, or those that kept somebody out.
    pub granted: Option<bool>,
    /// At the locks of these controllers only; none among them: at locks without one.
    pub controllers: Option<Vec<Option<ControllerNumber>>>,
    /// After this one.
    pub after: Option<Moment>,
}

/// A page of decisions.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The events, each with the controller of its lock.
    pub events: Vec<(Event, Option<ControllerNumber>)>,
    /// Where to go on; none where there is no more.
    pub next: Option<Moment>,
    /// Up to this instant everything that happened at the wanted locks is known.
    pub complete_until: Instant,
    /// Deleted records that the events speak of.
    pub gone: Gone,
    /// The place as it was read.
    pub state: Arc<PlaceState>,
}

/// Decisions in the order they happened, at most `limit`.
///
/// # Errors
/// No such place.
pub async fn history(
    ctx: &Context,
    place: Id,
    limit: usize,
    wish: &HistoryWish,
) -> Result<HistoryPage, Error> {
    let state = ctx.read(place, Scope::EventsRead)?;
    let wanted = |controller: &Option<ControllerNumber>| {
        wish.controllers.as_ref().is_none_or(|only| only.contains(controller))
    };
    let complete_until = complete::of_controllers(&ctx.app, &state, wanted).await?;
    let mut filter = EventFilter {
        occurred: wish.occurred,
        granted: wish.granted,
        decisions: true,
        after_moment: wish.after,
        by_time: true,
        ..EventFilter::default()
    };
    let chunk = limit.saturating_add(1).max(FEWEST);
    let mut controllers: HashMap<LockNumber, Option<ControllerNumber>> = HashMap::new();
    let (mut events, mut next, mut looked_at) = (Vec::new(), None, 0);
    'reading: loop {
        let found = ctx.app.store().events(state.place.number(), &filter, bounded(chunk)).await?;
        let more = found.len() == chunk;
        looked_at += found.len();
        learn(ctx, &state, &found, &mut controllers).await?;
        for event in found {
            let at = (event.occurred_at, event.seq);
            let controller = controllers.get(&event.lock).copied().flatten();
            if wanted(&controller) {
                if events.len() == limit {
                    next = filter.after_moment;
                    break 'reading;
                }
                events.push((event, controller));
            }
            filter.after_moment = Some(at);
        }
        if !more {
            break;
        }
        if looked_at >= MOST_LOOKED_AT {
            next = filter.after_moment;
            break;
        }
    }
    let alone: Vec<Event> = events.iter().map(|(event, _)| event.clone()).collect();
    let gone = speak_of(ctx, &state, &alone).await?;
    Ok(HistoryPage { events, next, complete_until, gone, state })
}

/// Learns which controllers connect the locks of some events, deleted locks too.
async fn learn(
    ctx: &Context,
    state: &PlaceState,
    events: &[Event],
    known: &mut HashMap<LockNumber, Option<ControllerNumber>>,
) -> Result<(), Error> {
    let mut missing = BTreeSet::new();
    for event in events {
        match state.locks.get(event.lock) {
            Some(lock) => {
                known.insert(event.lock, lock.controller);
            }
            None if known.contains_key(&event.lock) => {}
            None => {
                missing.insert((claviger_domain::ids::Noun::Lock, event.lock.0));
            }
        }
    }
    for ((_, number), record) in crate::read::gone(ctx, state, missing).await? {
        if let Record::Lock(lock) = record {
            known.insert(LockNumber(number), lock.controller);
        }
    }
    Ok(())
}
