//! The event of a decision: durable before the answer, or what the lock wants where it cannot be.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_domain::ids::{Id, LockNumber, Noun, PlaceNumber};
use claviger_domain::noun::event::{Event, EventKind, EventSubject};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::lock::{Privacy, WhenUnrecorded};
use claviger_domain::retention::is_forgotten;
use claviger_domain::time::{Instant, SECOND};
use claviger_store::EventBatch;

use super::{Decided, Outcome, Side, Sides, hide};
use crate::context::{Caller, Context};
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
    let waiting = guard(app.waiting());
    let begun = guard(&app.recording().0).keys().next().copied();
    let waiting = waiting.iter().filter(|batch| batch.place == place);
    let waiting = waiting.flat_map(|batch| &batch.events).map(|event| event.occurred_at).min();
    [begun, waiting].into_iter().flatten().fold(now, Instant::min)
}

/// Returns once nothing that had happened at locks by this call, as far as this server had heard of
/// it, is on its way to the store any more: it is there, or waits for storage to come back and is
/// received only then. Whoever is then told of what was received from an instant on, and asks the
/// next time from the instant of this call, misses nothing.
///
/// # Errors
/// It lasts too long: storage is slow, or away.
pub(crate) async fn settled(app: &App, place: PlaceNumber) -> Result<(), Error> {
    let called = app.now();
    // The writer takes one wish after the other: what was wished before this one is stored by then.
    let system = Context::new(app.clone(), Caller::System, Via::Native);
    system.commit(Some(place), |_| Ok(())).await?;
    for _ in 0..MOST_LOOKS {
        let begun = guard(&app.recording().0).keys().next().copied();
        if app.now() >= called.plus(NOTED_WITHIN) && begun.is_none_or(|at| at > called) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(Error::Unavailable)
}

/// How often, and how many times, it is looked whether what was on its way is stored.
const LOOK_EVERY: Duration = Duration::from_millis(2);
const MOST_LOOKS: u32 = 1000;

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

/// Stores events that waited; called while the server runs and when it ends. Each is seen to wait
/// until it is stored, and is received only then: whoever reads by that instant has read up to now.
pub(crate) async fn drain(app: &App) {
    loop {
        let waiting = guard(app.waiting()).front().cloned();
        let Some(batch) = waiting else { return };
        // Whoever asks when all that was heard of is stored waits for this too.
        let now = app.now();
        let _begun = Recording::begin(app, now);
        if app.store().record_batches(vec![received(app, batch, now)]).await.is_err() {
            return;
        }
        guard(app.waiting()).pop_front();
    }
}

/// A batch that is received at that moment, and told so.
fn received(app: &App, mut batch: EventBatch, now: Instant) -> EventBatch {
    batch.events.iter_mut().for_each(|event| event.received_at = now);
    if let Ok(state) = app.state(batch.place) {
        // Nobody is made known again who was forgotten while it waited.
        for event in &mut batch.events {
            let person = event.subject.person.and_then(|it| state.people.get(it));
            if person.is_some_and(|it| is_forgotten(it, event.occurred_at)) {
                event.subject = EventSubject::default();
            }
        }
        let told = |event| outbox::deliveries(app.world(), &state, event, now);
        batch.deliveries = batch.events.iter().flat_map(told).collect();
    }
    batch
}

/// A live decision that the writer makes, so that what goes with it is stored together with the
/// event: the answer, for the request sent again, and where `act` names it the caller's act. The
/// trail, which forgets nothing, says of that no more than the lock's privacy lets an event say.
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
            let (draft, keeps) = (work.place(place)?, sides.privacy());
            let lock = draft.state.locks.get(lock).map(|lock| lock.header.id);
            let lock = lock.filter(|_| keeps != Privacy::None);
            draft.note_act(act, Noun::Lock, lock, Vec::new());
            if keeps != Privacy::Full {
                draft.note_nobody();
            }
        }
        hide(&ctx2, place, &mut decided);
        Ok(decided)
    })
    .await
}
