//! What a batch of commands has changed so far, over what is published. Must not publish anything.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::ids::PlaceNumber;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::provision::{Holdings, List, ListKey, Revocation};
use claviger_domain::state::{Directory, PlaceState};
use claviger_domain::time::Instant;
use claviger_store::{Device, Part, StoredAnswer};

use crate::offline::Cause;
use crate::work::Source;
use crate::world::World;

/// The working copies of a batch.
pub(super) struct Batch<'w> {
    pub(super) world: &'w World,
    pub(super) places: BTreeMap<PlaceNumber, PlaceState>,
    pub(super) directory: Option<Directory>,
    pub(super) parts: BTreeMap<PlaceNumber, Part>,
    pub(super) answers: Vec<StoredAnswer>,
    pub(super) lists: BTreeMap<ListKey, List>,
    pub(super) dropped: BTreeSet<ListKey>,
    pub(super) offline: BTreeMap<LockKey, OfflineLock>,
    pub(super) devices: Vec<Device>,
    pub(super) alarms: Vec<Cause>,
    pub(super) revocations: Vec<Revocation>,
}

impl<'w> Batch<'w> {
    pub(super) fn new(world: &'w World) -> Batch<'w> {
        Batch {
            world,
            places: BTreeMap::new(),
            directory: None,
            parts: BTreeMap::new(),
            answers: Vec::new(),
            lists: BTreeMap::new(),
            dropped: BTreeSet::new(),
            offline: BTreeMap::new(),
            devices: Vec::new(),
            alarms: Vec::new(),
            revocations: Vec::new(),
        }
    }
}

impl Source for Batch<'_> {
    fn place(&self, number: PlaceNumber) -> Option<PlaceState> {
        let published = || self.world.cell(number).map(|cell| PlaceState::clone(&cell.state()));
        self.places.get(&number).cloned().or_else(published)
    }

    fn directory(&self) -> Directory {
        self.directory.clone().unwrap_or_else(|| Directory::clone(&self.world.directory()))
    }

    fn list(&self, key: ListKey) -> Option<List> {
        let published = || self.world.list(key).filter(|_| !self.dropped.contains(&key));
        self.lists.get(&key).cloned().or_else(published)
    }

    fn offline(&self, key: LockKey) -> Option<OfflineLock> {
        self.offline.get(&key).cloned().or_else(|| self.world.lists().lock(key).cloned())
    }

    fn offline_at(&self, place: PlaceNumber) -> Vec<LockKey> {
        let mut keys = self.world.offline_at(place);
        let more = self.offline.values().filter(|lock| lock.concerns(place)).map(|lock| lock.key);
        keys.extend(more);
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn each_open(&self, place: PlaceNumber, each: &mut dyn FnMut(&Revocation)) {
        self.world.each_open(place, each);
        self.revocations.iter().filter(|it| it.place == place).for_each(each);
    }

    fn has_told(&self, cause: Cause, now: Instant) -> bool {
        self.alarms.contains(&cause) || self.world.was_told(cause, now)
    }

    fn concerned(&self, place: PlaceNumber) -> Vec<ListKey> {
        let mut keys = self.world.concerned(place);
        let more = self.lists.values().filter(|list| list.concerns(place)).map(|list| list.key);
        keys.extend(more);
        keys.retain(|key| !self.dropped.contains(key));
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}
