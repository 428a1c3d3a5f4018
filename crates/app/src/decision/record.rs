//! The event of a decision: durable before the answer, or what the lock wants where it cannot be.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use claviger_domain::ids::{Id, LockNumber, Noun, PlaceNumber};
use claviger_domain::noun::event::{Event, EventKind, EventSubject};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::lock::{Privacy, WhenUnrecorded};
use claviger_domain::retention::is_forgotten;
use claviger_domain::time::Instant;
use claviger_store::EventBatch;

use super::recorder::Recordable;
use super::{Decided, Outcome, Side, Sides, hide};
use crate::clock::Clock;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::world::guard;
use crate::{App, outbox, privacy, random};

/// Events that wait in memory for storage to come back.
pub(crate) type Waiting = Mutex<VecDeque<EventBatch>>;

/// The instants of decisions whose events are being made durable at this moment, each with how many
/// there are.
#[derive(Debug, Default)]
pub(crate) struct Recording(Arc<Mutex<BTreeMap<Instant, usize>>>);

impl Recording {
    /// Notes a decision of this moment until what is answered is dropped. The clock is read while
    /// nobody else looks, so that whoever looks before this sees an instant that is no later.
    pub(super) fn begin(app: &App) -> Begun {
        let recording = app.recording();
        let (mut begun, at) = recording.look(app.settings().clock);
        *begun.entry(at).or_default() += 1;
        drop(begun);
        Begun { recording: recording.0.clone(), at }
    }

    /// What is noted at this moment, and when that is: what is noted later is not before it.
    fn look(&self, clock: Clock) -> (MutexGuard<'_, BTreeMap<Instant, usize>>, Instant) {
        let begun = guard(&self.0);
        (begun, clock.now())
    }

    /// The first of what is noted, and when it was looked.
    fn first(app: &App) -> (Option<Instant>, Instant) {
        let (begun, now) = app.recording().look(app.settings().clock);
        (begun.keys().next().copied(), now)
    }
}

/// A decision whose event is being made durable. It goes with the event: whoever asked may have
/// gone before that is stored.
pub(super) struct Begun {
    recording: Arc<Mutex<BTreeMap<Instant, usize>>>,
    at: Instant,
}

impl Begun {
    /// When it was begun.
    pub(super) fn at(&self) -> Instant {
        self.at
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut begun = guard(&self.recording);
        if let Some(count) = begun.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                begun.remove(&self.at);
            }
        }
    }
}

/// Up to which instant every decision of this server about a place is in the store, where the store
/// is asked after this.
pub(crate) fn recorded_until(app: &App, place: PlaceNumber) -> Instant {
    let waiting = guard(app.waiting());
    let (begun, now) = Recording::first(app);
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
    let (_, called) = Recording::first(app);
    // The writer takes one wish after the other: what was wished before this one is stored by then.
    let system = Context::new(app.clone(), Caller::System, Via::Native);
    system.commit(Some(place), |_| Ok(())).await?;
    for _ in 0..MOST_LOOKS {
        if Recording::first(app).0.is_none_or(|at| at > called) {
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

/// Makes the outcome's events durable, which are of when that was begun.
pub(super) async fn record(
    app: &App,
    sides: &Sides,
    outcome: Outcome,
    begun: Begun,
) -> Result<Decided, Error> {
    let now = begun.at();
    let id = random::ids(now).next_id();
    let events = events(app, sides, &outcome, id, now);
    // The caller is told of an event only where it can be read.
    let told = told(&events, sides.own.place());
    let mut decided = outcome.decided;
    decided.event = told;
    if events.is_empty() {
        return Ok(decided);
    }
    let lock = sides.owner.state.locks.get(sides.owner.lock);
    let refuses = lock.is_some_and(|it| it.when_unrecorded == WhenUnrecorded::Refuse);
    // Who is not let in for want of an event has made none.
    let waits = !(decided.granted && refuses);
    let end = app.recorder().record(Recordable { events, waits, begun }).await;
    match end {
        Err(error) if !waits => return Err(error.into()),
        end => decided.recorded = end.is_ok(),
    }
    Ok(decided)
}

/// Stores events that waited; called while the server runs and when it ends. Each is seen to wait
/// until it is stored, and is received only then: whoever reads by that instant has read up to now.
pub(crate) async fn drain(app: &App) {
    loop {
        let waiting = guard(app.waiting()).front().cloned();
        let Some(batch) = waiting else { return };
        // Whoever asks when all that was heard of is stored waits for this too.
        let begun = Recording::begin(app);
        if app.store().record_batches(vec![received(app, batch, begun.at())]).await.is_err() {
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
    let begun = Recording::begin(&ctx.app);
    ctx.commit(Some(place), move |work| {
        // The writer keeps this until it has published what it stored, whoever has gone by then; it
        // decides no earlier than this was begun.
        let now = work.now.max(begun.at());
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
