//! One task stores the events of decisions: all that wait go into one batch, which costs one turn
//! of the place's sequence, one sync of the disk and one answer of the store. Whoever asked may go
//! meanwhile: what becomes of an event does not hang on it.
//!
//! Must not decide whether an event may wait for storage.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_domain::ids::PlaceNumber;
use claviger_domain::noun::event::Event;
use claviger_store::{EventBatch, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::record::{Begun, Waiting};
use crate::outbox;
use crate::world::{World, guard};

/// The most decisions whose events share a batch.
const MOST_TOGETHER: usize = 512;
/// How many events wait in memory for storage to come back.
const MOST_WAITING: usize = 10_000;

/// The events of one decision, on their way to the store.
pub(super) struct Recordable {
    /// Each with the place it is for.
    pub(super) events: Vec<(PlaceNumber, Event)>,
    /// Whether they wait for storage to come back where they cannot be stored.
    pub(super) waits: bool,
    /// Seen until they are stored, or seen to wait.
    pub(super) begun: Begun,
}

struct Job {
    it: Recordable,
    batches: Vec<EventBatch>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

/// Where events of decisions go.
pub(crate) struct Recorder {
    durable: Durable,
    jobs: mpsc::Sender<Job>,
}

/// Where events become durable, and who is told.
#[derive(Clone)]
struct Durable {
    store: Store,
    world: Arc<World>,
    waiting: Arc<Waiting>,
}

impl Recorder {
    /// Starts the task. It ends when the recorder is gone.
    pub(crate) fn start(store: Store, world: Arc<World>, waiting: Arc<Waiting>) -> Recorder {
        let (jobs, incoming) = mpsc::channel(4096);
        let durable = Durable { store, world, waiting };
        tokio::spawn(durable.clone().run(incoming));
        Recorder { durable, jobs }
    }

    /// Stores events; what is answered as stored is on the disk, and what is not waits where it
    /// may.
    pub(super) async fn record(&self, it: Recordable) -> Result<(), StoreError> {
        let gone = || StoreError::Unavailable { reason: "events are stored no longer".to_owned() };
        let (answer, answered) = oneshot::channel();
        let batches = batches(&self.durable.world, &it);
        if let Err(unsent) = self.jobs.send(Job { it, batches, answer }).await {
            self.durable.put_off(&unsent.0.it, &gone());
            return Err(gone());
        }
        answered.await.map_err(|_| gone())?
    }
}

/// The events of a decision with what others are told of them.
fn batches(world: &World, it: &Recordable) -> Vec<EventBatch> {
    let batch = |(place, event): &(PlaceNumber, Event)| {
        let cell = world.cell(*place);
        let told = |state: &_| outbox::deliveries(world, state, event, it.begun.at());
        let deliveries = cell.map(|cell| told(&cell.state())).unwrap_or_default();
        EventBatch { place: *place, events: vec![event.clone()], deliveries }
    };
    it.events.iter().map(batch).collect()
}

/// Whether the error may come of one event, so that the others can be stored without it.
fn is_of_one(error: &StoreError) -> bool {
    use StoreError::{CommitUnknown, Full, Unavailable};
    !matches!(error, Unavailable { .. } | Full | CommitUnknown)
}

impl Durable {
    async fn run(self, mut incoming: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while incoming.recv_many(&mut jobs, MOST_TOGETHER).await > 0 {
            // Nobody is waited for: the disk would stand still, and who asks meanwhile has the next
            // batch together.
            self.store_together(std::mem::take(&mut jobs)).await;
        }
    }

    async fn store_together(&self, jobs: Vec<Job>) {
        let mut together: BTreeMap<PlaceNumber, EventBatch> = BTreeMap::new();
        let mut stored = Vec::with_capacity(jobs.len());
        for Job { it, batches, answer } in jobs {
            stored.push((it, answer));
            for batch in batches {
                let place = batch.place;
                let none = || EventBatch { place, events: Vec::new(), deliveries: Vec::new() };
                let all = together.entry(place).or_insert_with(none);
                all.events.extend(batch.events);
                all.deliveries.extend(batch.deliveries);
            }
        }
        let end = self.store(together.into_values().collect()).await;
        for (it, answer) in stored {
            match &end {
                Err(error) if is_of_one(error) => {
                    tokio::spawn(self.clone().store_alone(it, answer));
                }
                end => self.over(it, answer, end.clone()),
            }
        }
    }

    /// Stores the events of one decision without those of others.
    async fn store_alone(self, it: Recordable, answer: oneshot::Sender<Result<(), StoreError>>) {
        let end = self.store(batches(&self.world, &it)).await;
        self.over(it, answer, end);
    }

    /// Says what became of the events of a decision.
    fn over(
        &self,
        it: Recordable,
        answer: oneshot::Sender<Result<(), StoreError>>,
        end: Result<(), StoreError>,
    ) {
        if let Err(error) = &end {
            self.put_off(&it, error);
        }
        // What waits is seen to wait before it is no longer seen to be on its way.
        drop(it);
        // A caller who went away is told nothing; the event stays.
        let _ = answer.send(end);
    }

    /// Lets events wait that cannot be stored, where they may.
    fn put_off(&self, it: &Recordable, error: &StoreError) {
        tracing::error!(%error, "an event cannot be stored");
        if !it.waits {
            return;
        }
        let batches = batches(&self.world, it);
        let mut waiting = guard(&self.waiting);
        if waiting.len() < MOST_WAITING {
            waiting.extend(batches);
        } else {
            tracing::error!("the queue of events that wait for storage is full: events are lost");
        }
    }

    async fn store(&self, batches: Vec<EventBatch>) -> Result<(), StoreError> {
        for batch in self.store.record_batches(batches).await? {
            self.world.cell(batch.place).into_iter().for_each(|cell| cell.nudge());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use claviger_domain::ids::LockNumber;
    use claviger_domain::noun::event::{Event, EventKind};
    use claviger_domain::time::Instant;
    use claviger_store::EventFilter;

    use super::*;
    use crate::decision::record::{Recording, recorded_until};
    use crate::testing::app;
    use crate::{App, random};

    /// A decision of this moment, with its event.
    fn decision(app: &App, place: u32) -> Recordable {
        let begun = Recording::begin(app);
        let id = random::ids(begun.at()).next_id();
        let event = Event::at(LockNumber(1), EventKind::AccessGranted, id, begun.at());
        Recordable { events: vec![(PlaceNumber(place), event)], waits: true, begun }
    }

    fn batch(app: &App, place: u32) -> Vec<EventBatch> {
        batches(app.world(), &decision(app, place))
    }

    async fn pause() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }

    #[tokio::test]
    async fn what_is_on_its_way_or_waits_is_not_said_to_be_known() {
        let app = app().await;
        let (place, other) = (PlaceNumber(1), PlaceNumber(2));
        let before = recorded_until(&app, place);
        let first = Recording::begin(&app);
        let second = Recording::begin(&app);
        let begun = first.at();
        assert!(before <= begun && begun <= second.at());
        drop(second);
        pause().await;
        assert_eq!(recorded_until(&app, place), begun);
        drop(first);
        assert!(recorded_until(&app, place) > begun);
        let batches = batch(&app, 1);
        let at = batches[0].events[0].occurred_at;
        guard(app.waiting()).extend(batches);
        pause().await;
        assert_eq!(recorded_until(&app, place), at);
        assert!(recorded_until(&app, other) > at);
    }

    #[tokio::test]
    async fn what_waits_is_seen_to_wait_until_it_is_stored_and_is_received_then() {
        use crate::decision::drain;
        let app = app().await;
        // One of a place that is not there cannot be stored.
        let waits = batch(&app, 99);
        let at = waits[0].events[0].occurred_at;
        guard(app.waiting()).extend(waits);
        pause().await;
        let mut asked = 0;
        // A store that answers at once is asked again.
        for _ in 0..100 {
            let drains = tokio::spawn({
                let app = app.clone();
                async move { drain(&app).await }
            });
            asked = 0;
            while !drains.is_finished() {
                assert_eq!(recorded_until(&app, PlaceNumber(99)), at);
                asked += 1;
                tokio::task::yield_now().await;
            }
            if asked > 1 {
                break;
            }
        }
        assert!(asked > 1, "it was asked while the store was");
        guard(app.waiting()).clear();

        let waits = batch(&app, 1);
        let made = waits[0].events[0].clone();
        guard(app.waiting()).extend(waits);
        pause().await;
        let back = app.now();
        drain(&app).await;
        let stored = app.store().events(PlaceNumber(1), &EventFilter::default(), 10).await.unwrap();
        assert_eq!((stored[0].id, stored[0].occurred_at), (made.id, made.occurred_at));
        assert!(stored[0].received_at >= back, "who reads by that has read up to now");
        assert!(recorded_until(&app, PlaceNumber(1)) > made.occurred_at);
    }

    #[tokio::test]
    async fn who_reads_on_from_when_they_asked_misses_nothing_that_was_on_its_way() {
        use crate::decision::{drain, settled};
        let app = app().await;
        let begun = Recording::begin(&app);
        let asked = tokio::spawn({
            let app = app.clone();
            async move { settled(&app, PlaceNumber(1)).await.is_ok() }
        });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(!asked.is_finished());
        drop(begun);
        assert!(asked.await.unwrap());
        // What could not be stored was not there to be read: it comes as if it were heard of now.
        let batches = batch(&app, 1);
        guard(app.waiting()).extend(batches.clone());
        pause().await;
        let before = app.now();
        drain(&app).await;
        let stored = app.store().events(PlaceNumber(1), &EventFilter::default(), 10).await.unwrap();
        assert_eq!(stored[0].occurred_at, batches[0].events[0].occurred_at);
        assert!(stored[0].received_at >= before && stored[0].occurred_at < before);
    }

    #[tokio::test]
    async fn one_that_cannot_be_stored_takes_no_other_with_it() {
        let app = app().await;
        // The third is about a place that is not there.
        let places = [1, 1, 99, 1, 1];
        let tasks = places.map(|place| {
            let app = app.clone();
            let decision = decision(&app, place);
            tokio::spawn(async move { app.recorder().record(decision).await.is_ok() })
        });
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.await.unwrap());
        }
        assert_eq!(ends, [true, true, false, true, true]);
        let stored = app.store().events(PlaceNumber(1), &EventFilter::default(), 10).await.unwrap();
        assert_eq!(stored.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    /// The instants of what is stored of the first place.
    async fn stored(app: &App) -> Vec<Instant> {
        let all = app.store().events(PlaceNumber(1), &EventFilter::default(), 1000).await.unwrap();
        all.into_iter().map(|event| event.occurred_at).collect()
    }

    #[tokio::test]
    async fn what_was_said_to_be_known_is_however_long_a_decision_takes() {
        let app = app().await;
        let tasks = (0..20).map(|_| {
            let app = app.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let decision = decision(&app, 1);
                    pause().await;
                    app.recorder().record(decision).await.unwrap();
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut said = Vec::new();
        while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
            let until = recorded_until(&app, PlaceNumber(1));
            said.push((until, stored(&app).await.len()));
        }
        let all = stored(&app).await;
        assert!(said.len() > 20 && all.len() == 200, "{} {}", said.len(), all.len());
        for (until, seen) in said {
            assert!(all[seen..].iter().all(|at| *at >= until), "{until} with {seen}");
        }
    }

    #[tokio::test]
    async fn a_caller_who_goes_takes_nothing_along() {
        use std::task::{Context, Poll, Waker};
        let app = app().await;
        // Two are stored; one cannot be, and waits.
        for (place, is_stored) in [(1, true), (99, false), (1, true)] {
            let decision = decision(&app, place);
            let at = decision.begun.at();
            let mut asked = Box::pin(app.recorder().record(decision));
            let polled = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending));
            drop(asked);
            pause().await;
            let seen = |stored: &[Instant]| stored.contains(&at);
            let waits = || {
                let waiting = guard(app.waiting());
                waiting.iter().any(|it| it.events[0].occurred_at == at)
            };
            let mut tries = 0;
            while !seen(&stored(&app).await) && !waits() {
                let until = recorded_until(&app, PlaceNumber(place));
                assert!(until <= at || seen(&stored(&app).await) || waits());
                tries += 1;
                assert!(tries < 1000, "it is neither stored nor does it wait");
                pause().await;
            }
            assert_eq!(seen(&stored(&app).await), is_stored);
            assert_eq!(waits(), !is_stored);
        }
    }
}
