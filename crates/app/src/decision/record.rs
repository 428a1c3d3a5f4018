//! The event of a decision: durable before the answer, or what the lock wants where it cannot be.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use claviger_domain::ids::{Id, LockNumber, PlaceNumber};
use claviger_domain::noun::event::{Event, EventKind, EventSubject};
use claviger_domain::noun::lock::WhenUnrecorded;
use claviger_domain::time::Instant;
use claviger_store::EventBatch;

use super::{Decided, Outcome, Side, Sides, hide};
use crate::context::Context;
use crate::error::Error;
use crate::world::guard;
use crate::{App, outbox, random};

/// How many events wait in memory for storage to come back.
const MOST_WAITING: usize = 10_000;

/// Events that wait in memory for storage to come back.
pub(crate) type Waiting = Mutex<VecDeque<EventBatch>>;

/// The events of an outcome: a full one where the people are, one without subject at the owner.
fn events(outcome: &Outcome, id: Id, now: Instant) -> Vec<(PlaceNumber, Event)> {
    let decided = &outcome.decided;
    let event = |lock: LockNumber, subject: EventSubject| Event {
        id,
        seq: 0,
        kind: if decided.granted { EventKind::AccessGranted } else { EventKind::AccessDenied },
        lock,
        occurred_at: now,
        received_at: now,
        method: Some(decided.method),
        reasons: decided.reasons,
        subject,
    };
    let (place, lock, subject) = outcome.at;
    let mut events = vec![(place, event(lock, subject))];
    if let Some((owner, lock)) = outcome.owner {
        events.push((owner, event(lock, EventSubject::default())));
    }
    events
}

/// Makes the outcome's events durable.
pub(super) async fn record(
    app: &App,
    sides: &Sides,
    outcome: Outcome,
    now: Instant,
) -> Result<Decided, Error> {
    let id = random::ids(now).next_id();
    let batches = || -> Vec<EventBatch> {
        let batch = |(place, event): (PlaceNumber, Event)| {
            let state = app.state(place);
            let deliveries =
                state.map(|state| outbox::deliveries(&state, &event, now)).unwrap_or_default();
            EventBatch { place, events: vec![event], deliveries }
        };
        events(&outcome, id, now).into_iter().map(batch).collect()
    };
    let end = app.recorder().record(batches).await;
    // The caller is told of an event only where it can be read.
    let own = sides.own.place();
    let told = outcome.at.0 == own || outcome.owner.is_some_and(|(owner, _)| owner == own);
    let waits = end.is_err().then(batches);
    let mut decided = outcome.decided;
    decided.event = told.then_some(id);
    match end {
        Ok(()) => {}
        Err(error) => {
            let lock = sides.owner.state.locks.get(sides.owner.lock);
            let refuses = lock.is_some_and(|it| it.when_unrecorded == WhenUnrecorded::Refuse);
            tracing::error!(%error, "an event cannot be stored");
            if decided.granted && refuses {
                return Err(error.into());
            }
            let mut waiting = guard(app.waiting());
            if waiting.len() < MOST_WAITING {
                waiting.extend(waits.into_iter().flatten());
            } else {
                tracing::error!(
                    "the queue of events that wait for storage is full: events are lost"
                );
            }
            decided.recorded = false;
        }
    }
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

/// A live decision whose answer is kept for the request sent again: decided by the writer, so that
/// event and answer are stored together.
pub(super) async fn kept(
    ctx: &Context,
    place: PlaceNumber,
    lock: LockNumber,
    ask: impl Fn(&App, Side, Instant) -> Result<(Sides, Outcome), Error> + Send + 'static,
) -> Result<Decided, Error> {
    let ctx2 = ctx.clone();
    ctx.commit(Some(place), move |work| {
        let now = work.now;
        let state = Arc::new(work.place(place)?.state.clone());
        let (_, outcome) = ask(&ctx2.app, Side { state, lock }, now)?;
        let id = work.next_id();
        let events = events(&outcome, id, now);
        let mut decided = outcome.decided;
        let mine = events.iter().any(|(at, _)| *at == place);
        decided.event = mine.then_some(id);
        events.into_iter().for_each(|(at, event)| work.event(at, event));
        hide(&ctx2, place, &mut decided);
        Ok(decided)
    })
    .await
}
