//! Who was let in, newest first, in a place and the places below it.
//!
//! The order is that of the events' ids, which begin with the instant and which all places share:
//! it does not move while events come in. A decision about a shared lock is an event in two places
//! and stands here once, as the place has it whose people it was about.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use claviger_domain::ids::{
    AccessLevelNumber, Id, IdSource, LockNumber, Noun, PersonNumber, PlaceNumber,
};
use claviger_domain::key::key_id;
use claviger_domain::noun::access_level::Membership;
use claviger_domain::noun::event::Event;
use claviger_domain::noun::grant::{Grant, Target};
use claviger_domain::noun::scope::Scope;
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use claviger_store::EventFilter;

use super::speak_of;
use crate::context::Context;
use crate::error::Error;
use crate::key::{is_by_phone, places};
use crate::not_here;
use crate::read::{Gone, bounded};

/// The fewest events that are read from one place at a time.
const FEWEST: usize = 64;

/// Which events are wanted.
#[derive(Clone, Debug)]
pub struct LogWish {
    /// That happened at this instant or after it.
    pub since: Instant,
    /// Before the event with this id.
    pub after: Option<Id>,
    /// About the person with this phone number.
    pub phone: Option<String>,
    /// At this lock.
    pub lock: Option<Id>,
    /// Whether decisions for the people of places below are wanted too.
    pub below: bool,
}

/// One event with what it speaks of.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// The event.
    pub event: Event,
    /// The id of the key that let in, where a person's grant did.
    pub key: Option<Id>,
    /// The closed and deleted records the event speaks of.
    pub gone: Arc<Gone>,
    /// The place whose event it is.
    pub state: Arc<PlaceState>,
}

/// What one place has, read as it is needed.
struct Source {
    state: Arc<PlaceState>,
    filter: EventFilter,
    waiting: VecDeque<Event>,
    more: bool,
}

impl Source {
    async fn fill(&mut self, ctx: &Context, chunk: usize) -> Result<(), Error> {
        if !self.waiting.is_empty() || !self.more {
            return Ok(());
        }
        let place = self.state.place.number();
        let found = ctx.app.store().events(place, &self.filter, bounded(chunk)).await?;
        self.more = found.len() == chunk;
        self.filter.before_id = found.last().map(|event| event.id).or(self.filter.before_id);
        self.waiting = found.into();
        Ok(())
    }

    /// The first event if it has that id.
    fn take(&mut self, id: Id) -> Option<Event> {
        self.waiting.pop_front_if(|event| event.id == id)
    }
}

/// Who was let in, at most `limit` rows; fewer only where there are no more.
///
/// # Errors
/// No such place; a lock or an event to go on after that is not there.
pub async fn log(
    ctx: &Context,
    place: Id,
    limit: usize,
    wish: &LogWish,
) -> Result<Vec<LogRow>, Error> {
    let places = places(ctx, place, Scope::EventsRead, true)?;
    known_event(ctx, &places, wish.after).await?;
    let mut sources = sources(ctx, &places, wish).await?;
    let own = places.first().copied();
    let chunk = (limit / sources.len().max(1)).max(FEWEST);
    let mut events = Vec::new();
    while events.len() < limit {
        for source in &mut sources {
            source.fill(ctx, chunk).await?;
        }
        let fronts = sources.iter().filter_map(|source| source.waiting.front());
        let Some(id) = fronts.map(|event| event.id).max() else { break };
        let mut found: Option<(Event, Arc<PlaceState>)> = None;
        let mut below = false;
        for source in &mut sources {
            let Some(event) = source.take(id) else { continue };
            below |= Some(source.state.place.number()) != own;
            if found.as_ref().is_none_or(|(known, _)| known.subject.is_empty()) {
                found = Some((event, source.state.clone()));
            }
        }
        events.extend(found.filter(|_| wish.below || !below));
    }
    rows(ctx, events).await
}

async fn known_event(
    ctx: &Context,
    places: &[PlaceNumber],
    after: Option<Id>,
) -> Result<(), Error> {
    let Some(after) = after else { return Ok(()) };
    for place in places {
        let found = ctx.app.store().event(*place, after).await?;
        if found.is_some_and(|event| !event.hidden) {
            return Ok(());
        }
    }
    Err(not_here("/after", "there is no such event in this place"))
}

/// The places where what is wanted can be.
async fn sources(
    ctx: &Context,
    places: &[PlaceNumber],
    wish: &LogWish,
) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    let mut known = false;
    for place in places {
        let state = ctx.app.state(*place)?;
        let lock = match wish.lock {
            None => None,
            Some(id) => match ctx.number_of(&state, Noun::Lock, id).await? {
                None => continue,
                number => number.map(LockNumber),
            },
        };
        known = true;
        let person: Option<PersonNumber> = match &wish.phone {
            None => None,
            Some(phone) => match state.person_by_phone(phone) {
                None => continue,
                number => number,
            },
        };
        // An id begins with the instant at which the event was made.
        let from_id = IdSource::new(wish.since, [0; 16]).next_id();
        let mut filter = EventFilter {
            lock,
            person,
            granted: Some(true),
            before_id: wish.after,
            from_id: Some(from_id),
            by_id: true,
            newest_first: true,
            ..EventFilter::default()
        };
        filter.occurred.from = Some(wish.since);
        sources.push(Source { state, filter, waiting: VecDeque::new(), more: true });
    }
    if known { Ok(sources) } else { Err(not_here("/lock_id", "there is no such lock")) }
}

/// The rows of events, with what they speak of: looked up once for each place.
async fn rows(ctx: &Context, events: Vec<(Event, Arc<PlaceState>)>) -> Result<Vec<LogRow>, Error> {
    let mut spoken_of: HashMap<PlaceNumber, (Arc<PlaceState>, Vec<Event>)> = HashMap::new();
    for (event, state) in &events {
        let entry = spoken_of.entry(state.place.number());
        entry.or_insert_with(|| (state.clone(), Vec::new())).1.push(event.clone());
    }
    let mut known: HashMap<PlaceNumber, Arc<Gone>> = HashMap::new();
    for (place, (state, events)) in spoken_of {
        known.insert(place, Arc::new(speak_of(ctx, &state, &events).await?));
    }
    let mut levels = Levels::new();
    let mut rows = Vec::with_capacity(events.len());
    for (event, state) in events {
        let gone = known.get(&state.place.number()).cloned().unwrap_or_default();
        let key = key(ctx, &event, &state, &gone, &mut levels).await?;
        rows.push(LogRow { event, key, gone, state });
    }
    Ok(rows)
}

/// The memberships of levels, open and closed, as they were needed.
type Levels = HashMap<(PlaceNumber, AccessLevelNumber), Vec<Arc<Membership>>>;

/// The key by which the event's grant reached its lock, when it happened.
async fn key(
    ctx: &Context,
    event: &Event,
    state: &PlaceState,
    gone: &Gone,
    levels: &mut Levels,
) -> Result<Option<Id>, Error> {
    let Some(number) = event.subject.grant else { return Ok(None) };
    let grant: &Grant = match (state.grants.get(number), gone.get(&(Noun::Grant, number.0))) {
        (Some(grant), _) | (None, Some(Record::Grant(grant))) => grant,
        _ => return Ok(None),
    };
    if !is_by_phone(state, grant.subject) {
        return Ok(None);
    }
    let Target::AccessLevel(level) = grant.target else { return Ok(Some(grant.header.id)) };
    let at = event.occurred_at;
    let open = state.membership(level, event.lock).filter(|it| it.header.created_at <= at);
    if let Some(membership) = open {
        return Ok(Some(key_id(state, grant, Some(membership))));
    }
    let place = state.place.number();
    let all = match levels.entry((place, level)) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => {
            let store = ctx.app.store();
            new.insert(store.memberships_of(place, level, 0.into(), u32::MAX).await?)
        }
    };
    let then = all.iter().find(|it| {
        it.lock == event.lock
            && it.header.created_at <= at
            && it.closed.is_none_or(|closed| at < closed.at)
    });
    Ok(then.map(|membership| key_id(state, grant, Some(membership))))
}
