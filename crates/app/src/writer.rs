//! The one task that changes anything: it takes all wishes that wait, decides each on working
//! copies, commits them in one transaction and publishes what came of it.
//!
//! A wish is a function of a [`Work`], run again from the start if another node was faster.

mod batch;
mod trail;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use claviger_domain::draft::Draft;
use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::noun::Actor;
use claviger_domain::offline::{AtLock, LockKey, Touched};
use claviger_domain::provision::{AtList, List, ListKey, Revocation, Taken};
use claviger_domain::state::{Directory, PlaceState, Working};
use claviger_domain::time::Instant;
use claviger_store::{
    Commit, Committed, Head, ListWrite, NewMail, OfflineWrite, Part, Reason, Store, StoreError,
    WaitingMail,
};
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::context::{Keep, Left};
use crate::error::Error;
use crate::idempotency;
use crate::mail::{Mail, Outbox, Words};
use crate::offline::{About, Places, Signers, renew_as_agreed, take_back};
use crate::outbox;
use crate::provision::{self, Kept, TakenBack};
use crate::random;
use crate::work::{Source, Work, revision_after};
use crate::world::World;

use self::batch::Batch;
use self::trail::{link, reason_of};

/// The most wishes that share a transaction.
const MOST_WISHES: usize = 512;
/// How often a batch is decided again after a lost race.
const MOST_RACES: usize = 20;
/// The directory's number among the parts of a commit.
const DIRECTORY: PlaceNumber = PlaceNumber(0);

type Value = Box<dyn Any + Send>;
pub(crate) type Wish = Box<dyn Fn(&mut Work) -> Result<Value, Error> + Send>;

/// What became of a wish.
pub(crate) struct Done {
    pub(crate) value: Value,
    /// The revision of the place the wish was about.
    pub(crate) revision: u64,
    /// That place after the wish; none where it was about the directory.
    pub(crate) state: Option<Box<PlaceState>>,
    /// The rights it took back at lists and at locks with no network.
    pub(crate) taken_back: Option<Box<TakenBack>>,
    /// What goes out once it is durable.
    mails: Vec<(WaitingMail, Words)>,
}

pub(crate) struct Job {
    /// The place whose revision is answered; none for the directory.
    pub(crate) place: Option<PlaceNumber>,
    pub(crate) actor: Actor,
    pub(crate) wish: Wish,
    pub(crate) keep: Option<Keep>,
    pub(crate) answer: oneshot::Sender<Result<Done, Error>>,
}

/// Where wishes go.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the task. It ends when every handle is gone.
    pub(crate) fn start(
        store: Store,
        world: Arc<World>,
        clock: Clock,
        heads: HashMap<PlaceNumber, Head>,
        signers: Arc<Signers>,
        outbox: Outbox,
    ) -> Writer {
        let (jobs, waiting) = mpsc::channel(4096);
        tokio::spawn(Task { signers, outbox, store, world, clock, heads }.run(waiting));
        Writer { jobs }
    }

    pub(crate) async fn submit(&self, job: Job) -> Result<(), Error> {
        self.jobs.send(job).await.map_err(|_| Error::Unavailable)
    }
}

struct Task {
    signers: Arc<Signers>,
    outbox: Outbox,
    store: Store,
    world: Arc<World>,
    clock: Clock,
    heads: HashMap<PlaceNumber, Head>,
}

impl Task {
    async fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while waiting.recv_many(&mut jobs, MOST_WISHES).await > 0 {
            self.batch(std::mem::take(&mut jobs)).await;
        }
    }

    /// Commits a batch. What the store refuses as a whole is tried one by one, so that one wish's
    /// misfortune is its own; unless the store is not there for any of them.
    async fn batch(&mut self, jobs: Vec<Job>) {
        let jobs = match self.attempt(jobs).await {
            Ok(()) => return,
            Err((jobs, error))
                if jobs.len() == 1 || matches!(error, StoreError::Unavailable { .. }) =>
            {
                let error = Error::from(error);
                for job in jobs {
                    let again = match &error {
                        Error::Full => Error::Full,
                        Error::Answered => Error::Answered,
                        Error::Busy => Error::Busy,
                        Error::Unavailable => Error::Unavailable,
                        _ => Error::Internal,
                    };
                    let _ = job.answer.send(Err(again));
                }
                return;
            }
            Err((jobs, _)) => jobs,
        };
        for job in jobs {
            Box::pin(self.batch(vec![job])).await;
        }
    }

    async fn attempt(&mut self, jobs: Vec<Job>) -> Result<(), (Vec<Job>, StoreError)> {
        for _ in 0..MOST_RACES {
            let now = self.clock.now();
            let world = self.world.clone();
            let mut batch = Batch::new(&world);
            let results: Vec<Result<Done, Error>> =
                jobs.iter().map(|job| self.decide(&mut batch, job, now)).collect();
            self.offline(&mut batch);
            let commit = Commit {
                id: random::ids(now).next_id(),
                at: now,
                parts: std::mem::take(&mut batch.parts).into_values().collect(),
                answers: std::mem::take(&mut batch.answers),
            };
            let heads: Vec<(PlaceNumber, Head)> =
                commit.parts.iter().map(|part| (part.place, part.after)).collect();
            if !commit.parts.is_empty() || !commit.answers.is_empty() {
                match self.store.commit(commit).await {
                    Ok(Committed::Done) => {}
                    Ok(Committed::RaceLost(place)) => {
                        tracing::warn!(%place, "another node was faster");
                        if let Err(error) = self.catch_up(place).await {
                            return Err((jobs, error));
                        }
                        continue;
                    }
                    Err(error) => return Err((jobs, error)),
                }
            }
            self.heads.extend(heads);
            let Batch { places, directory, lists, dropped, offline, .. } = batch;
            let (devices, revocations) = (batch.devices, batch.revocations);
            let is_changed = !lists.is_empty() || !dropped.is_empty() || !offline.is_empty();
            if is_changed || !revocations.is_empty() {
                let offline = offline.into_values();
                world.publish_lists(lists.into_values(), &dropped, offline, revocations);
            }
            world.enrol(devices);
            world.tell(batch.alarms, now);
            places.into_values().for_each(|state| self.world.publish(state));
            directory.into_iter().for_each(|state| self.world.publish_directory(state));
            for (job, mut result) in jobs.into_iter().zip(results) {
                if let Ok(done) = &mut result {
                    self.outbox.post_all(std::mem::take(&mut done.mails));
                }
                // A caller who went away is told nothing; what was committed stays.
                let _ = job.answer.send(result);
            }
            return Ok(());
        }
        let reason = "another node keeps changing the same place".to_owned();
        Err((jobs, StoreError::Unavailable { reason }))
    }

    /// Takes in what another node wrote to a place.
    async fn catch_up(&mut self, place: PlaceNumber) -> Result<(), StoreError> {
        let behind = || StoreError::Unavailable { reason: "too far behind; start anew".to_owned() };
        let revision = self.heads.get(&place).map_or(0, |head| head.revision);
        let caught_up = self.store.catch_up(place, revision).await?.ok_or_else(behind)?;
        if place == DIRECTORY {
            let mut directory = Directory::clone(&self.world.directory());
            caught_up.records.iter().for_each(|record| directory.apply(record));
            directory.advance(caught_up.head.revision);
            self.world.publish_directory(directory);
        } else {
            let cell = self.world.cell(place).ok_or_else(behind)?;
            let mut state = PlaceState::clone(&cell.state());
            caught_up.records.iter().for_each(|record| state.apply(record));
            state.advance(caught_up.head.revision);
            self.world.publish(state);
        }
        self.heads.insert(place, caught_up.head);
        Ok(())
    }

    fn decide(&self, batch: &mut Batch, job: &Job, now: Instant) -> Result<Done, Error> {
        let mut work = Work::new(&*batch, now, job.actor, self.store.secrets().clone());
        let value = (job.wish)(&mut work)?;
        let revision = match job.place {
            Some(place) => revision_after(work.place(place)?),
            None => revision_after(work.directory()),
        };
        let draft = job.place.and_then(|place| work.places.get(&place));
        let state = draft.map(|draft| Box::new(draft.state.clone()));
        let Work { places, directory, events, operations, deliveries, mails, reason, .. } = work;
        // What can go wrong does before anything is added to the batch.
        let sealed = mails.into_iter().map(|mail| {
            let stored = mail.sealed(self.store.secrets(), random::ids(now).next_id(), now)?;
            Ok((mail, stored))
        });
        let mails: Vec<(Mail, NewMail)> = sealed.collect::<Result<_, Error>>()?;
        let (lists, dropped, settled) = (work.lists, work.dropped, work.settled);
        let (compares_keys, agreed_at) = (work.compares_keys, work.agreed_at);
        let (offline, enrolled) = (work.offline, work.devices);
        let alarms = work.alarms;
        self.lists(batch, lists, settled);
        batch.offline.extend(offline);
        for device in enrolled {
            self.open_part(batch, device.place).devices.push(device);
            batch.devices.push(device);
        }
        let drafts: Vec<provision::Written> = provision::written(batch, &places, compares_keys);
        if let Some(draft) = directory {
            let (state, revision) = self.part(batch, DIRECTORY, draft, now, job.actor, None);
            batch.directory = Some(state).filter(|_| revision).or(batch.directory.take());
        }
        for (number, draft) in places {
            let why = reason.as_deref().filter(|_| job.place == Some(number));
            let why = why.and_then(|words| reason_of(&draft, words));
            let (state, wrote) = self.part(batch, number, draft, now, job.actor, why);
            if wrote {
                batch.places.insert(number, state);
            }
        }
        let taken_back = self.take_back(batch, drafts, job.place, (now, agreed_at)).map(Box::new);
        dropped.into_iter().for_each(|key| self.drop_list(batch, key, now));
        for (place, event) in events {
            let state = batch.place(place).ok_or(Error::not_found(Noun::Place))?;
            let part = self.open_part(batch, place);
            part.deliveries.extend(outbox::deliveries(&self.world, &state, &event, now));
            part.events.push(event);
        }
        batch.alarms.extend(alarms);
        for (place, operation) in operations {
            let state = batch.place(place).ok_or(Error::not_found(Noun::Place))?;
            let part = self.open_part(batch, place);
            part.deliveries.extend(outbox::of_result(&self.world, &state, &operation, now));
            part.operations.push(operation);
        }
        for (place, delivery) in deliveries {
            self.open_part(batch, place).deliveries.push(delivery);
        }
        let left = Left { state: state.as_deref(), revision, taken_back: taken_back.as_deref() };
        let keep = job.keep.as_ref();
        batch.answers.extend(keep.and_then(|keep| idempotency::answer(keep, &*value, left, now)));
        let mails = mails.into_iter().map(|it| self.mail(batch, it)).collect();
        Ok(Done { value, revision, state, taken_back, mails })
    }

    /// Adds a mail; says what is to be written once that is stored.
    fn mail(&self, batch: &mut Batch, (mail, stored): (Mail, NewMail)) -> (WaitingMail, Words) {
        let (id, place) = (stored.id, mail.place);
        let (next_at, good_until) = (stored.next_at, stored.good_until);
        self.open_part(batch, place).mails.push(stored);
        let waiting = WaitingMail { place, id, sealed: Vec::new(), tries: 0, next_at, good_until };
        (waiting, mail.words)
    }

    /// Adds what a command did to lists.
    fn lists(&self, batch: &mut Batch, lists: BTreeMap<ListKey, List>, settled: Vec<Revocation>) {
        for (key, mut list) in lists {
            let changed = list.take_changed().into_iter().collect();
            let written = ListWrite { list: list.clone(), changed };
            self.open_part(batch, key.place).lists.push(written);
            batch.lists.insert(key, list);
        }
        settled.into_iter().for_each(|revocation| self.revocation(batch, revocation));
    }

    /// Notes what a command took back at lists and at locks with no network; says what in the place
    /// it is about. What somebody agreed to is judged and planned as of then.
    fn take_back(
        &self,
        batch: &mut Batch,
        written: Vec<provision::Written>,
        about: Option<PlaceNumber>,
        (now, agreed_at): (Instant, Option<Instant>),
    ) -> Option<TakenBack> {
        let touched = written.iter().map(|it| (it.place, it.touched.clone())).collect();
        let mut all = Vec::with_capacity(written.len());
        for it in &written {
            let mut taken = provision::taken(batch, it, &written, now);
            taken.locks = self.refuse(batch, it, &touched, agreed_at.unwrap_or(now));
            for at in &taken.lists {
                let Some(mut list) = batch.list(at.key) else { continue };
                list.doubt(at.items.iter().copied(), at.after);
                batch.lists.insert(at.key, list);
            }
            all.push(taken);
        }
        let locks: BTreeSet<LockKey> =
            all.iter().flat_map(|taken| &taken.locks).map(|at| at.key).collect();
        locks.into_iter().for_each(|key| self.renew(batch, key, (now, agreed_at)));
        let mut answered = None;
        for (it, taken) in written.into_iter().zip(all) {
            if taken == Taken::default() {
                continue;
            }
            let is_over = taken.locks.is_empty() && taken.lists.iter().all(AtList::is_over);
            let revocation = Revocation {
                id: random::ids(now).next_id(),
                place: it.place,
                revision: it.revision,
                at: now,
                cause: it.cause,
                taken,
                settled_at: is_over.then_some(now),
            };
            if about == Some(it.place) {
                answered = Some(TakenBack::new(revocation.clone(), batch, self.signers.sure(now)));
            }
            self.revocation(batch, revocation);
        }
        answered
    }

    fn revocation(&self, batch: &mut Batch, revocation: Revocation) {
        self.open_part(batch, revocation.place).revocations.push(revocation.clone());
        batch.revocations.push(revocation);
    }

    /// Forgets a list whose controller is no more: what it may still let in is given up.
    fn drop_list(&self, batch: &mut Batch, key: ListKey, now: Instant) {
        let Some(gone) = batch.list(key) else { return };
        let mut open: BTreeMap<_, Revocation> = BTreeMap::new();
        let published = batch.world.lists();
        let known = published.revocations.values().map(|it| &**it).chain(&batch.revocations);
        open.extend(known.map(|it| ((it.place, it.revision), it.clone())));
        open.retain(|_, it| it.settled_at.is_none());
        open.retain(|_, it| it.taken.lists.iter().any(|at| at.key == key));
        batch.lists.remove(&key);
        batch.dropped.insert(key);
        self.open_part(batch, key.place).dropped.push(key.controller);
        let others = Kept::of(open.values(), batch);
        for revocation in open.into_values() {
            let left = revocation.without(&gone, &others, now);
            self.revocation(batch, left);
        }
    }

    /// Marks the keys that a command leaves with more than is right at locks with no network.
    fn refuse(
        &self,
        batch: &mut Batch,
        it: &provision::Written,
        written: &BTreeMap<PlaceNumber, Touched>,
        at: Instant,
    ) -> Vec<AtLock> {
        let mut changed = Vec::new();
        let find = |place| batch.place(place);
        let (mut places, sure) = (Places::new(&find), self.signers.sure(at));
        let after = batch.place(it.place);
        let deleted: Vec<_> = after.iter().flat_map(|after| it.touched.deleted(after)).collect();
        for key in &it.offline {
            let Some(mut lock) = batch.offline(*key) else { continue };
            let about = About { place: it.place, written, closed: &it.closed };
            let taken = take_back(&mut lock, about, &mut places, sure);
            let is_told_less = deleted.iter().filter(|it| lock.forget_device(about.place, **it));
            if taken.is_some() || is_told_less.count() > 0 {
                changed.push((lock, taken));
            }
        }
        let mut all = Vec::with_capacity(changed.len());
        for (lock, taken) in changed {
            batch.offline.insert(lock.key, lock);
            all.extend(taken);
        }
        all
    }

    /// Makes the list of a lock where one is owed: one, whatever was taken back in how many places.
    fn renew(&self, batch: &mut Batch, key: LockKey, at: (Instant, Option<Instant>)) {
        let Some(mut lock) = batch.offline(key).filter(|lock| lock.list_due) else { return };
        let Some(owner) = batch.place(key.place) else { return };
        match renew_as_agreed((&self.signers, &self.world), &owner, &mut lock, at) {
            // It stays owed, and the revocation open, until one can be signed.
            Err(error) => tracing::error!(lock = %lock.id, %error, "a list could not be made"),
            Ok(()) => {
                batch.offline.insert(key, lock);
            }
        }
    }

    /// Adds what became of locks with no network.
    fn offline(&self, batch: &mut Batch) {
        let mut offline = std::mem::take(&mut batch.offline);
        for (key, lock) in &mut offline {
            let changed = lock.take_changed();
            let written = OfflineWrite { lock: lock.clone(), changed };
            self.open_part(batch, key.place).offline.push(written);
        }
        batch.offline = offline;
    }

    /// The part of the commit that a place has, begun if there is none.
    fn open_part<'b>(&self, batch: &'b mut Batch, place: PlaceNumber) -> &'b mut Part {
        batch.parts.entry(place).or_insert_with(|| {
            let head = self.heads.get(&place).copied().unwrap_or_default();
            Part::new(place, head)
        })
    }

    /// Adds a draft to the commit; says whether it wrote anything.
    fn part<S: Working>(
        &self,
        batch: &mut Batch,
        place: PlaceNumber,
        draft: Draft<S>,
        now: Instant,
        actor: Actor,
        reason: Option<Reason>,
    ) -> (S, bool) {
        let revision = draft.revision();
        let (state, writes, trail) = draft.finish();
        if writes.is_empty() && trail.is_none() {
            return (state, false);
        }
        let part = self.open_part(batch, place);
        part.writes.extend(writes);
        part.after.revision = revision;
        if let Some(entry) = trail {
            let row = link(place, &part.after, entry, revision, now, actor);
            part.after.trail_seq = row.seq;
            part.after.trail_hash = row.hash;
            part.reasons.extend(reason.map(|reason| Reason { seq: row.seq, ..reason }));
            part.trail.push(row);
        }
        (state, true)
    }
}
