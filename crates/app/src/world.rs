//! What is published: every place's working set and the directory, as readers see them.
//!
//! Readers never wait; the writer is the only one who publishes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::{ArcSwap, Guard};
use claviger_domain::decision::Attempts;
use claviger_domain::ids::{CredentialNumber, GrantNumber, Id, LockNumber, PlaceNumber};
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::provision::{Holdings, List, ListKey, Revocation};
use claviger_domain::state::{Directory, PlaceState};
use claviger_domain::time::{HOUR, Instant};
use claviger_store::Device;
use tokio::sync::watch;

use crate::offline::Cause;
use crate::outbox::Format;

/// One place as it is published.
#[derive(Debug)]
pub(crate) struct PlaceCell {
    state: ArcSwap<PlaceState>,
    /// Moves whenever the place's state or events do.
    pub(crate) moved: watch::Sender<u64>,
    /// Wrong PINs by credential.
    pub(crate) pins: Mutex<HashMap<CredentialNumber, Attempts>>,
    /// Unknown codes by lock.
    pub(crate) codes: Mutex<HashMap<LockNumber, Attempts>>,
}

impl PlaceCell {
    fn new(state: PlaceState) -> PlaceCell {
        PlaceCell {
            state: ArcSwap::from_pointee(state),
            moved: watch::Sender::new(0),
            pins: Mutex::default(),
            codes: Mutex::default(),
        }
    }

    /// The place as it is.
    pub(crate) fn state(&self) -> Guard<Arc<PlaceState>> {
        self.state.load()
    }

    /// Wakes whoever waits for the place to move.
    pub(crate) fn nudge(&self) {
        self.moved.send_modify(|count| *count += 1);
    }
}

/// Everything that is published.
#[derive(Debug)]
pub(crate) struct World {
    directory: ArcSwap<Directory>,
    places: ArcSwap<HashMap<PlaceNumber, Arc<PlaceCell>>>,
    by_id: ArcSwap<HashMap<Id, PlaceNumber>>,
    formats: OnceLock<Vec<Format>>,
    lists: ArcSwap<Lists>,
    devices: Mutex<Devices>,
    /// When somebody was last told of each cause.
    told: Mutex<HashMap<Cause, Instant>>,
}

/// The devices that were enrolled.
#[derive(Debug, Default)]
struct Devices {
    /// Each by the hash of its secret.
    by_token: HashMap<[u8; 32], Device>,
    /// That hash, by which credential it is.
    tokens: HashMap<(PlaceNumber, CredentialNumber), [u8; 32]>,
}

/// The lists of all controllers, the locks with no network, and the revocations that have not come
/// to their end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    pub(crate) lists: BTreeMap<ListKey, Arc<List>>,
    pub(crate) offline: BTreeMap<LockKey, Arc<OfflineLock>>,
    /// Those locks by their public ids.
    offline_ids: HashMap<Id, LockKey>,
    pub(crate) revocations: BTreeMap<(PlaceNumber, u64), Arc<Revocation>>,
    /// The revisions of those that name a grant.
    by_grant: Arc<BTreeMap<(PlaceNumber, GrantNumber), BTreeSet<u64>>>,
}

impl Lists {
    /// The revocations that have not come to their end and name a grant.
    pub(crate) fn naming(
        &self,
        place: PlaceNumber,
        grant: GrantNumber,
    ) -> impl Iterator<Item = &Arc<Revocation>> {
        let revisions = self.by_grant.get(&(place, grant)).into_iter().flatten();
        revisions.filter_map(move |revision| self.revocations.get(&(place, *revision)))
    }

    /// Takes a revocation in; one that has come to its end leaves memory.
    fn note(&mut self, revocation: Revocation) {
        let (place, revision) = (revocation.place, revocation.revision);
        let grants = revocation.taken.grants.iter().map(|(grant, _)| (place, *grant));
        if !revocation.taken.grants.is_empty() {
            let named = Arc::make_mut(&mut self.by_grant);
            for grant in grants {
                if revocation.settled_at.is_none() {
                    named.entry(grant).or_default().insert(revision);
                } else if let Some(revisions) = named.get_mut(&grant) {
                    revisions.remove(&revision);
                    if revisions.is_empty() {
                        named.remove(&grant);
                    }
                }
            }
        }
        if revocation.settled_at.is_some() {
            self.revocations.remove(&(place, revision));
        } else {
            self.revocations.insert((place, revision), Arc::new(revocation));
        }
    }
}

impl Holdings for Lists {
    fn list(&self, key: ListKey) -> Option<&List> {
        self.lists.get(&key).map(|list| &**list)
    }

    fn lock(&self, key: LockKey) -> Option<&OfflineLock> {
        self.offline.get(&key).map(|lock| &**lock)
    }
}

impl World {
    pub(crate) fn new(directory: Directory, places: Vec<PlaceState>) -> World {
        let by_id = places.iter().map(|it| (it.place.header.id, it.place.number())).collect();
        let places = places
            .into_iter()
            .map(|state| (state.place.number(), Arc::new(PlaceCell::new(state))))
            .collect();
        World {
            directory: ArcSwap::from_pointee(directory),
            places: ArcSwap::from_pointee(places),
            by_id: ArcSwap::from_pointee(by_id),
            formats: OnceLock::new(),
            lists: ArcSwap::default(),
            devices: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// The forms of deliveries beside the native one.
    pub(crate) fn formats(&self) -> &[Format] {
        self.formats.get().map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn set_formats(&self, formats: Vec<Format>) {
        let _ = self.formats.set(formats);
    }

    pub(crate) fn directory(&self) -> Guard<Arc<Directory>> {
        self.directory.load()
    }

    pub(crate) fn cell(&self, place: PlaceNumber) -> Option<Arc<PlaceCell>> {
        self.places.load().get(&place).cloned()
    }

    pub(crate) fn by_id(&self, id: Id) -> Option<PlaceNumber> {
        self.by_id.load().get(&id).copied()
    }

    pub(crate) fn places(&self) -> Vec<Arc<PlaceCell>> {
        let mut cells: Vec<_> = self.places.load().iter().map(|(n, c)| (*n, c.clone())).collect();
        cells.sort_unstable_by_key(|(number, _)| *number);
        cells.into_iter().map(|(_, cell)| cell).collect()
    }

    pub(crate) fn publish_directory(&self, directory: Directory) {
        self.directory.store(Arc::new(directory));
    }

    pub(crate) fn publish(&self, state: PlaceState) {
        let number = state.place.number();
        if let Some(cell) = self.places.load().get(&number) {
            cell.state.store(Arc::new(state));
            cell.nudge();
            return;
        }
        let mut by_id = HashMap::clone(&self.by_id.load());
        by_id.insert(state.place.header.id, number);
        let mut places = HashMap::clone(&self.places.load());
        places.insert(number, Arc::new(PlaceCell::new(state)));
        self.places.store(Arc::new(places));
        self.by_id.store(Arc::new(by_id));
    }

    /// The lists of controllers.
    pub(crate) fn lists(&self) -> Guard<Arc<Lists>> {
        self.lists.load()
    }

    /// The lock with no network that has that public id.
    pub(crate) fn offline_key(&self, id: Id) -> Option<LockKey> {
        self.lists().offline_ids.get(&id).copied()
    }

    /// The device whose secret has that hash.
    pub(crate) fn device(&self, token: &[u8; 32]) -> Option<Device> {
        guard(&self.devices).by_token.get(token).copied()
    }

    /// The device that a credential is.
    pub(crate) fn enrolled(&self, place: PlaceNumber, number: CredentialNumber) -> Option<Device> {
        let all = guard(&self.devices);
        all.tokens.get(&(place, number)).and_then(|token| all.by_token.get(token)).copied()
    }

    /// Takes devices in; the former secret of each is one no more.
    pub(crate) fn enrol(&self, devices: Vec<Device>) {
        let mut all = guard(&self.devices);
        for device in devices {
            let former = all.tokens.insert((device.place, device.credential), device.token);
            former.map(|token| all.by_token.remove(&token));
            all.by_token.insert(device.token, device);
        }
    }

    /// Whether somebody was told of a cause within the hour before an instant.
    pub(crate) fn was_told(&self, cause: Cause, now: Instant) -> bool {
        guard(&self.told).get(&cause).is_some_and(|at| now < at.plus(HOUR))
    }

    /// Notes that somebody is told of causes.
    pub(crate) fn tell(&self, causes: Vec<Cause>, now: Instant) {
        if !causes.is_empty() {
            let mut told = guard(&self.told);
            told.retain(|_, at| now < at.plus(HOUR));
            told.extend(causes.into_iter().map(|cause| (cause, now)));
        }
    }

    /// Publishes lists, locks and revocations: lists that are dropped and revocations that are
    /// settled leave memory.
    pub(crate) fn publish_lists(
        &self,
        lists: impl IntoIterator<Item = List>,
        dropped: &BTreeSet<ListKey>,
        offline: impl IntoIterator<Item = OfflineLock>,
        revocations: impl IntoIterator<Item = Revocation>,
    ) {
        let mut all = Lists::clone(&self.lists());
        all.lists.retain(|key, _| !dropped.contains(key));
        all.lists.extend(lists.into_iter().map(|list| (list.key, Arc::new(list))));
        for lock in offline {
            all.offline_ids.insert(lock.id, lock.key);
            all.offline.insert(lock.key, Arc::new(lock));
        }
        revocations.into_iter().for_each(|revocation| all.note(revocation));
        self.lists.store(Arc::new(all));
    }

    /// Whether `place` is `ancestor` or stands below it.
    pub(crate) fn is_within(&self, place: PlaceNumber, ancestor: PlaceNumber) -> bool {
        let places = self.places.load();
        let mut at = Some(place);
        while let Some(number) = at {
            if number == ancestor {
                return true;
            }
            at = places.get(&number).and_then(|cell| cell.state().place.parent);
        }
        false
    }
}

/// A lock whose holder cannot have left what it guards half done.
pub(crate) fn guard<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
