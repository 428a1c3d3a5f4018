//! One task stores the events of decisions: all that wait go into one batch, which costs one turn
//! of the place's sequence, one sync of the disk and one answer of the store.
//!
//! Must not decide what becomes of an event that cannot be stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_domain::ids::PlaceNumber;
use claviger_store::{EventBatch, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::world::World;

/// The most decisions whose events share a batch.
const MOST_TOGETHER: usize = 512;

struct Job {
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
}

impl Recorder {
    /// Starts the task. It ends when the recorder is gone.
    pub(crate) fn start(store: Store, world: Arc<World>) -> Recorder {
        let (jobs, waiting) = mpsc::channel(4096);
        let durable = Durable { store, world };
        tokio::spawn(durable.clone().run(waiting));
        Recorder { durable, jobs }
    }

    /// Stores events; what is answered as stored is on the disk. `make` is called again where the
    /// events are to be stored without those of others.
    pub(super) async fn record(
        &self,
        make: impl Fn() -> Vec<EventBatch>,
    ) -> Result<(), StoreError> {
        let gone = || StoreError::Unavailable { reason: "events are stored no longer".to_owned() };
        let (answer, answered) = oneshot::channel();
        let job = Job { batches: make(), answer };
        self.jobs.send(job).await.map_err(|_| gone())?;
        match answered.await.map_err(|_| gone())? {
            Err(error) if is_of_one(&error) => self.durable.store(make()).await,
            answer => answer,
        }
    }
}

/// Whether the error may come of one event, so that the others can be stored without it.
fn is_of_one(error: &StoreError) -> bool {
    use StoreError::{CommitUnknown, Full, Unavailable};
    !matches!(error, Unavailable { .. } | Full | CommitUnknown)
}

impl Durable {
    async fn run(self, mut waiting: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while waiting.recv_many(&mut jobs, MOST_TOGETHER).await > 0 {
            // Nobody is waited for: the disk would stand still, and who asks meanwhile has the next
            // batch together.
            self.store_together(std::mem::take(&mut jobs)).await;
        }
    }

    async fn store_together(&self, jobs: Vec<Job>) {
        let mut together: BTreeMap<PlaceNumber, EventBatch> = BTreeMap::new();
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            answers.push(job.answer);
            for batch in job.batches {
                let place = batch.place;
                let none = || EventBatch { place, events: Vec::new(), deliveries: Vec::new() };
                let all = together.entry(place).or_insert_with(none);
                all.events.extend(batch.events);
                all.deliveries.extend(batch.deliveries);
            }
        }
        let end = self.store(together.into_values().collect()).await;
        for answer in answers {
            // A caller who went away is told nothing; the event stays.
            let _ = answer.send(end.clone());
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
    use claviger_domain::time::Zone;
    use claviger_store::testing::{folder, sqlite};
    use claviger_store::{EventFilter, Secrets};

    use super::*;
    use crate::{App, Clock, Settings, random, setup};

    /// A server with one place, whose number is 1.
    async fn app() -> App {
        let secrets = Secrets::load_or_create(&folder().join("secrets"), false).unwrap();
        let store = Store::open(&sqlite(), Arc::new(secrets)).await.unwrap();
        let settings = Settings {
            outbox: folder(),
            public_url: "http://localhost".into(),
            clock: Clock::default(),
            rate_per_client: None,
            smtp: None,
            epochs: None,
            waits_for_clock: false,
        };
        let app = App::start(store, settings).await.unwrap();
        let wish = setup::Wish {
            organization: "Hus AB".into(),
            place: "Hus".into(),
            admin_email: "admin@localhost".into(),
            time_zone: Zone::parse("Europe/Stockholm").unwrap(),
        };
        setup::run(&app, wish).await.unwrap();
        app
    }

    fn batch(app: &App, place: u32) -> Vec<EventBatch> {
        let now = app.now();
        let id = random::ids(now).next_id();
        let event = Event::at(LockNumber(1), EventKind::AccessGranted, id, now);
        let place = PlaceNumber(place);
        vec![EventBatch { place, events: vec![event], deliveries: Vec::new() }]
    }

    #[tokio::test]
    async fn what_is_on_its_way_or_waits_is_not_said_to_be_known() {
        use crate::decision::record::{Recording, recorded_until};
        let app = app().await;
        let (place, other) = (PlaceNumber(1), PlaceNumber(2));
        let begun = app.now();
        assert!(recorded_until(&app, place) <= begun);
        let first = Recording::begin(&app, begun);
        let second = Recording::begin(&app, begun);
        drop(second);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(recorded_until(&app, place), begun);
        drop(first);
        assert!(recorded_until(&app, place) > begun);
        let batches = batch(&app, 1);
        let at = batches[0].events[0].occurred_at;
        crate::world::guard(app.waiting()).extend(batches);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(recorded_until(&app, place), at);
        assert!(recorded_until(&app, other) > at);
    }

    #[tokio::test]
    async fn what_waits_is_seen_to_wait_until_it_is_stored_and_is_received_then() {
        use crate::decision::drain;
        use crate::decision::record::recorded_until;
        let app = app().await;
        // One of a place that is not there cannot be stored.
        let waits = batch(&app, 99);
        let at = waits[0].events[0].occurred_at;
        crate::world::guard(app.waiting()).extend(waits);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let drains = tokio::spawn({
            let app = app.clone();
            async move { drain(&app).await }
        });
        let mut asked = 0;
        while !drains.is_finished() {
            assert_eq!(recorded_until(&app, PlaceNumber(99)), at);
            asked += 1;
            tokio::task::yield_now().await;
        }
        assert!(asked > 1, "it was asked while the store was");
        crate::world::guard(app.waiting()).clear();

        let waits = batch(&app, 1);
        let made = waits[0].events[0].clone();
        crate::world::guard(app.waiting()).extend(waits);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let back = app.now();
        drain(&app).await;
        let stored = app.store().events(PlaceNumber(1), &EventFilter::default(), 10).await.unwrap();
        assert_eq!((stored[0].id, stored[0].occurred_at), (made.id, made.occurred_at));
        assert!(stored[0].received_at >= back, "who reads by that has read up to now");
        assert!(recorded_until(&app, PlaceNumber(1)) > made.occurred_at);
    }

    #[tokio::test]
    async fn who_reads_on_from_when_they_asked_misses_nothing_that_was_on_its_way() {
        use crate::decision::record::{Recording, drain, settled};
        let app = app().await;
        let begun = Recording::begin(&app, app.now());
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
        crate::world::guard(app.waiting()).extend(batches.clone());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
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
            tokio::spawn(async move { app.recorder().record(|| batch(&app, place)).await.is_ok() })
        });
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.await.unwrap());
        }
        assert_eq!(ends, [true, true, false, true, true]);
        let stored = app.store().events(PlaceNumber(1), &EventFilter::default(), 10).await.unwrap();
        assert_eq!(stored.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
