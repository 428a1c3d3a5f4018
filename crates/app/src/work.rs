//! One command at work: the drafts of the places it touches, and what else goes with its commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_domain::draft::Draft;
use claviger_domain::ids::{Id, IdSource, Noun, PlaceNumber};
use claviger_domain::noun::Actor;
use claviger_domain::noun::event::Event;
use claviger_domain::noun::lock::Privacy;
use claviger_domain::noun::place::Place;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::provision::{List, ListKey, Revocation};
use claviger_domain::state::{Directory, PlaceState, Working};
use claviger_domain::time::Instant;
use claviger_store::{Device, NewDelivery, Operation, Secrets};

use crate::error::Error;
use crate::mail::Mail;
use crate::offline::Cause;
use crate::{privacy, random};

/// Working copies of what a batch of commands has changed so far, over what is published.
pub(crate) trait Source {
    /// The place as the batch has it.
    fn place(&self, number: PlaceNumber) -> Option<PlaceState>;
    /// The directory as the batch has it.
    fn directory(&self) -> Directory;
    /// A list as the batch has it; none of which nothing is known.
    fn list(&self, key: ListKey) -> Option<List>;
    /// The lists that concern a place.
    fn concerned(&self, place: PlaceNumber) -> Vec<ListKey>;
    /// A lock with no network as the batch has it.
    fn offline(&self, key: LockKey) -> Option<OfflineLock>;
    /// The locks with no network that what happens in a place may concern.
    fn offline_at(&self, place: PlaceNumber) -> Vec<LockKey>;
    /// Shows the revocations of a place that have not come to their end.
    fn each_open(&self, place: PlaceNumber, each: &mut dyn FnMut(&Revocation));
    /// Whether somebody was told of a cause within the hour before an instant.
    fn has_told(&self, cause: Cause, now: Instant) -> bool;
}

/// What a command works on.
pub struct Work<'s> {
    source: &'s (dyn Source + 's),
    /// When it happens.
    pub now: Instant,
    /// Who commands.
    pub actor: Actor,
    secrets: Arc<Secrets>,
    pub(crate) places: BTreeMap<PlaceNumber, Draft>,
    pub(crate) directory: Option<Draft<Directory>>,
    pub(crate) events: Vec<(PlaceNumber, Event)>,
    pub(crate) operations: Vec<(PlaceNumber, Operation)>,
    pub(crate) deliveries: Vec<(PlaceNumber, NewDelivery)>,
    /// Lists as the command leaves them.
    pub(crate) lists: BTreeMap<ListKey, List>,
    /// Lists whose controllers are no more.
    pub(crate) dropped: Vec<ListKey>,
    /// Locks with no network as the command leaves them.
    pub(crate) offline: BTreeMap<LockKey, OfflineLock>,
    /// Devices that it enrols.
    pub(crate) devices: Vec<Device>,
    /// What it tells that somebody must look at.
    pub(crate) alarms: Vec<Cause>,
    /// Whether all keys of the places it is about are compared with what is right.
    pub(crate) compares_keys: bool,
    /// As of when its lists were planned, where somebody agreed to their plan.
    pub(crate) agreed_at: Option<Instant>,
    /// Revocations that have come to their end.
    pub(crate) settled: Vec<Revocation>,
    /// Mails that go out once it is durable.
    pub(crate) mails: Vec<Mail>,
    /// Why, of what is changed in the place the command is about.
    pub(crate) reason: Option<String>,
}

impl<'s> Work<'s> {
    pub(crate) fn new(
        source: &'s (dyn Source + 's),
        now: Instant,
        actor: Actor,
        secrets: Arc<Secrets>,
    ) -> Work<'s> {
        Work {
            source,
            now,
            actor,
            secrets,
            places: BTreeMap::new(),
            directory: None,
            events: Vec::new(),
            operations: Vec::new(),
            deliveries: Vec::new(),
            lists: BTreeMap::new(),
            dropped: Vec::new(),
            offline: BTreeMap::new(),
            devices: Vec::new(),
            alarms: Vec::new(),
            compares_keys: false,
            agreed_at: None,
            settled: Vec::new(),
            mails: Vec::new(),
            reason: None,
        }
    }

    fn ids(&self) -> IdSource {
        random::ids(self.now)
    }

    /// The draft of a place.
    ///
    /// # Errors
    /// There is no such place.
    pub fn place(&mut self, number: PlaceNumber) -> Result<&mut Draft, Error> {
        let (now, actor, ids) = (self.now, self.actor, self.ids());
        match self.places.entry(number) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let state = self.source.place(number).ok_or(Error::not_found(Noun::Place))?;
                Ok(entry.insert(Draft::new(state, now, actor, ids)))
            }
        }
    }

    /// A place as it was before this command; none for a new one.
    pub(crate) fn before(&self, number: PlaceNumber) -> Option<PlaceState> {
        self.source.place(number)
    }

    /// The drafts of two different places.
    ///
    /// # Errors
    /// There is no such place, or it is the same one.
    pub fn two(
        &mut self,
        one: PlaceNumber,
        other: PlaceNumber,
    ) -> Result<(&mut Draft, &mut Draft), Error> {
        self.place(one)?;
        self.place(other)?;
        let mut found = (None, None);
        for (number, draft) in &mut self.places {
            if *number == one {
                found.0 = Some(draft);
            } else if *number == other {
                found.1 = Some(draft);
            }
        }
        match found {
            (Some(one), Some(other)) => Ok((one, other)),
            _ => Err(Error::not_found(Noun::Place)),
        }
    }

    /// The draft of the directory.
    pub fn directory(&mut self) -> &mut Draft<Directory> {
        let ids = self.ids();
        self.directory
            .get_or_insert_with(|| Draft::new(self.source.directory(), self.now, self.actor, ids))
    }

    /// The draft of a new place, whose number the directory gives; `place` gets its number and id.
    ///
    /// # Errors
    /// No number is left.
    pub fn new_place(&mut self, mut place: Place) -> Result<&mut Draft, Error> {
        let header = self.directory().header(Noun::Place, None)?;
        let number = PlaceNumber(header.number);
        place.header = header;
        place.header.revision = 0;
        let state = PlaceState::new(Arc::new(place));
        let draft = Draft::new(state, self.now, self.actor, self.ids());
        Ok(self.places.entry(number).or_insert(draft))
    }

    /// A list, to be changed.
    pub(crate) fn list(&mut self, key: ListKey) -> &mut List {
        let source = self.source;
        self.lists.entry(key).or_insert_with(|| source.list(key).unwrap_or_else(|| List::new(key)))
    }

    /// A list as it is; none of which nothing is known.
    pub(crate) fn list_before(&self, key: ListKey) -> Option<List> {
        self.lists.get(&key).cloned().or_else(|| self.source.list(key))
    }

    /// A lock with no network as the command has it so far; none that was never commissioned.
    pub(crate) fn offline(&self, key: LockKey) -> Option<OfflineLock> {
        self.offline.get(&key).cloned().or_else(|| self.source.offline(key))
    }

    /// Shows the revocations of a place that have not come to their end.
    pub(crate) fn each_open(&self, place: PlaceNumber, each: &mut dyn FnMut(&Revocation)) {
        self.source.each_open(place, each);
    }

    /// Such locks that what happens in a place may concern.
    pub(crate) fn offline_at(&self, place: PlaceNumber) -> Vec<OfflineLock> {
        let keys = self.source.offline_at(place);
        keys.into_iter().filter_map(|key| self.offline(key)).collect()
    }

    /// Sets such a lock; what leaves it as it was writes nothing.
    pub(crate) fn put_offline(&mut self, lock: OfflineLock) {
        if self.offline(lock.key).as_ref() != Some(&lock) {
            self.offline.insert(lock.key, lock);
        }
    }

    /// Whether nobody was told of a cause within an hour; it is told with the commit.
    pub(crate) fn is_news(&mut self, cause: Cause) -> bool {
        let is_news = !self.alarms.contains(&cause) && !self.source.has_told(cause, self.now);
        if is_news {
            self.alarms.push(cause);
        }
        is_news
    }

    /// Adds an event to the commit.
    pub fn event(&mut self, place: PlaceNumber, event: Event) {
        self.events.push((place, event));
    }

    /// Adds what is kept of an event at a lock with this privacy.
    pub(crate) fn keep(&mut self, place: PlaceNumber, event: Event, privacy: Privacy) {
        let kept = privacy::kept(&self.secrets, place, event, privacy);
        kept.into_iter().for_each(|event| self.event(place, event));
    }

    /// The same of an event that is told late, by its lock's privacy then and now.
    pub(crate) fn keep_late(
        &mut self,
        place: PlaceNumber,
        event: Event,
        privacy: (Privacy, Privacy),
    ) {
        let kept = privacy::kept_late(&self.secrets, place, event, privacy);
        kept.into_iter().for_each(|event| self.event(place, event));
    }

    /// Adds a stored result to the commit.
    pub fn operation(&mut self, place: PlaceNumber, operation: Operation) {
        self.operations.push((place, operation));
    }

    /// Adds a delivery to the commit.
    pub fn delivery(&mut self, place: PlaceNumber, delivery: NewDelivery) {
        self.deliveries.push((place, delivery));
    }

    /// A fresh id that belongs to no draft.
    pub fn next_id(&mut self) -> Id {
        self.ids().next_id()
    }
}

/// The revision a place has after a command: the draft's where it wrote, else the one it had.
pub(crate) fn revision_after<S: Working>(draft: &Draft<S>) -> u64 {
    if draft.writes().is_empty() { draft.state.revision() } else { draft.revision() }
}
