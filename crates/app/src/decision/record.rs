//! The event of a decision: durable before the answer, or what the lock wants where it cannot be.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use claviger_domain::ids::{Id, LockNumber, Noun, PlaceNumber};
use claviger_domain::noun::event::{Event, EventKind, EventSubject};
use claviger_domain::noun::lock::{Privacy, WhenUnrecorded};
use claviger_domain::time::{Instant, SECOND};
use claviger_store::EventBatch;

use super::{Decided, Outcome, Side, Sides, hide};
use crate::context::Context;
use crate::error::Error;
use crate::world::guard;
use crate::{App, outbox, privacy, random};

/// How many events wait in memory for storage to come back.
const MOST_WAITING: usize = 10_000;

/// Events that wait in memory for storage to come back.
pub(crate) type Waiting = Mutex<VecDeque<EventBatch>>;

/// The instants of decisions whose events are being made durable at this moment, each with how many
/// there are.
#[derive(Debug, Default)]
pub(crate) struct Recording(Mutex<BTreeMap<Instant, usize>>);

impl Recording {
    /// Notes a decision until what is answered is dropped.
    pub(super) fn begin(app: &App, at: Instant) -> Begun {
        *guard(&app.recording().0).entry(at).or_default() += 1;
        Begun { app: app.clone(), at }
    }
}

/// A decision whose event is being made durable.
pub(super) struct Begun {
    app: App,
    at: Instant,
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut begun = guard(&self.app.recording().0);
        if let Some(count) = begun.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                begun.remove(&self.at);
            }
        }
    }
}

/// Longer than it takes from reading the clock for a decision to noting it in [`Recording`].
const NOTED_WITHIN: i64 = SECOND / 1000;

/// Up to which instant every decision of this server about a place is in the store, where the store
/// is asked after this.
pub(crate) fn recorded_until(app: &App, place: PlaceNumber) -> Instant {
    let now = app.now().plus(-NOTED_WITHIN);
    let begun = guard(&app.recording().0).keys().next().copied();
    let waiting = guard(app.waiting());
    let waiting = waiting.iter().filter(|batch| batch.place == place);
    let waiting = waiting.flat_map(|batch| &batch.events).map(|event| event.occurred_at).min();
    [begun, waiting].into_iter().flatten().fold(now, Instant::min)
}

/// The events of an outcome: a full one where the people are, one without subject at the owner; of
/// both what the lock's privacy keeps.
fn events(
    app: &App,
    sides: &Sides,
    outcome: &Outcome,
    id: Id,
    now: Instant,
) -> Vec<(PlaceNumber, Event)> {
    let decided = &outcome.decided;
    let keeps = sides.privacy();
    let kind = if decided.granted { EventKind::AccessGranted } else { EventKind::AccessDenied };
    let event = |lock: LockNumber, subject: EventSubject| Event {
        method: Some(decided.method),
        reasons: decided.reasons,
        subject,
        ..Event::at(lock, kind, id, now)
    };
    let (place, lock, subject) = outcome.at;
    let whole = [
        Some((place, lock, subject)),
        outcome.owner.map(|(owner, lock)| (owner, lock, EventSubject::default())),
    ];
    let kept = whole.into_iter().flatten().filter_map(|(place, lock, subject)| {
        Some((place, privacy::kept(app.secrets(), place, event(lock, subject), keeps)?))
    });
    kept.collect()
}

/// The id of the event that a place can be told of: one that it can read.
fn told(events: &[(PlaceNumber, Event)], place: PlaceNumber) -> Option<Id> {
    events.iter().find(|(at, event)| *at == place && !event.hidden).map(|(_, event)| event.id)
}

/// Makes the outcome's events durable.
pub(super) async fn record(
    app: &App,
    sides: &Sides,
    outcome: Outcome,
    now: Instant,
) -> Result<Decided, Error> {
    let id = random::ids(now).next_id();
    let events = events(app, sides, &outcome, id, now);
    // The caller is told of an event only where it can be read.
    let told = told(&events, sides.own.place());
    let mut decided = outcome.decided;
    decided.event = told;
    if events.is_empty() {
        return Ok(decided);
    }
    let batches = || -> Vec<EventBatch> {
        let batch = |(place, event): (PlaceNumber, Event)| {
            let deliveries = app
                .state(place)
                .map(|state| outbox::deliveries(app.world(), &state, &event, now))
                .unwrap_or_default();
            EventBatch { place, events: vec![event], deliveries }
        };
        events.iter().cloned().map(batch).collect()
    };
    let begun = Recording::begin(app, now);
    let end = app.recorder().record(&batches).await;
    if let Err(error) = end {
        let lock = sides.owner.state.locks.get(sides.owner.lock);
        let refuses = lock.is_some_and(|it| it.when_unrecorded == WhenUnrecorded::Refuse);
        tracing::error!(%error, "an event cannot be stored");
        if decided.granted && refuses {
            return Err(error.into());
        }
        let batches = batches();
        let mut waiting = guard(app.waiting());
        if waiting.len() < MOST_WAITING {
            waiting.extend(batches);
        } else {
            tracing::error!("the queue of events that wait for storage is full: events are lost");
        }
        decided.recorded = false;
    }
    // What waits is seen to wait before it is no longer seen to be on its way.
    drop(begun);
    Ok(decided)
}

/// Stores events that waited; called while the server runs and when it ends.
pub(crate) async fn drain(app: &App) {
    loop {
        let batch = guard(app.waiting()).pop_front();
        let Some(batch) = batch else { return };
        if app.store().record_batches(vec![batch.clone()]).await.is_err() {
            guard(app.waiting()).push_front(batch);
            return;
        }
    }
}

/// A live decision that the writer makes, so that what goes with it is stored together with the
/// event: the answer, for the request sent again, and where `act` names it the caller's act.
pub(super) async fn written(
    ctx: &Context,
    place: PlaceNumber,
    lock: LockNumber,
    act: Option<&'static str>,
    ask: impl Fn(&App, Side, Instant) -> Result<(Sides, Outcome), Error> + Send + 'static,
) -> Result<Decided, Error> {
    let ctx2 = ctx.clone();
    let _begun = Recording::begin(&ctx.app, ctx.app.now());
    ctx.commit(Some(place), move |work| {
        let now = work.now;
        let state = Arc::new(work.place(place)?.state.clone());
        let (sides, outcome) = ask(&ctx2.app, Side { state, lock }, now)?;
        let id = work.next_id();
        let events = events(&ctx2.app, &sides, &outcome, id, now);
        let mut decided = outcome.decided;
        decided.event = told(&events, place);
        if ctx2.keep.is_some() && sides.privacy() != Privacy::Full {
            // The answer is kept; it must not say what the event does not.
            decided.by.clear();
            decided.hint = None;
        }
        events.into_iter().for_each(|(at, event)| work.event(at, event));
        if let Some(act) = act.filter(|_| decided.granted) {
            let draft = work.place(place)?;
            let lock = draft.state.locks.get(lock).map(|lock| lock.header.id);
            draft.note_act(act, Noun::Lock, lock, Vec::new());
        }
        hide(&ctx2, place, &mut decided);
        Ok(decided)
    })
    .await
}
