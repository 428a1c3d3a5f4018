//! What a command would do to keys of locks with no network, besides what it says: asked before it
//! is given, and once more when it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_domain::ids::{CredentialNumber, GrantNumber, Id, PlaceNumber};
use claviger_domain::noun::lock::Lock;
use claviger_domain::offline::{Issued, KeyClass, LockKey, OfflineLock, Serial, touched};
use claviger_domain::provision::LockState;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use super::faults::{Slip, planted};
use super::list;
use super::taken::{About, Places, Rights, closed_rights, right_of, take_back};
use crate::App;
use crate::work::Work;

/// Somebody whose key would be refused although nothing demands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    /// The place whose grant the key is of.
    pub(crate) place: PlaceNumber,
    /// The grant.
    pub(crate) grant: GrantNumber,
    /// The device.
    pub(crate) device: CredentialNumber,
    /// The lock.
    pub(crate) lock: Id,
    /// The serial.
    pub(crate) serial: u32,
}

/// What the list of a lock would say of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizedList {
    /// The lock.
    pub(crate) lock: Id,
    /// The class.
    pub(crate) class: KeyClass,
    /// The version of the list.
    pub(crate) version: u32,
    /// How many rows of serials it names one by one.
    pub(crate) entries: usize,
    /// The most, where the lock counts them.
    pub(crate) most: Option<usize>,
}

/// What lists a command would make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preview {
    /// Whether it would make any.
    pub(crate) makes_lists: bool,
    /// Whom they hit, in order.
    pub(crate) hits: Vec<Hit>,
    /// The devices that need another key for what is right after it, each with its place and the
    /// lock.
    pub(crate) due: BTreeSet<(PlaceNumber, CredentialNumber, Id)>,
    /// How long they get.
    pub(crate) sizes: Vec<SizedList>,
    /// The grants that it takes back and by which some lock may let in after it, each with its
    /// place.
    pub(crate) pending: BTreeSet<(PlaceNumber, GrantNumber)>,
}

impl Preview {
    /// Adds the list that a lock would get.
    fn plans(&mut self, app: &App, lock: &OfflineLock, record: Option<&Lock>, at: Instant) {
        let room = list::room(lock, record);
        let draft = list::draft(app.world(), lock, room, at);
        self.sizes.extend(draft.sizes().map(|(class, entries)| SizedList {
            lock: lock.id,
            class,
            // What the newest list refuses already needs no other.
            version: lock.version.saturating_add(u32::from(lock.list_due)),
            entries,
            most: list::most_entries(room, draft.sizes().count()),
        }));
        let hits = draft.side_effects.iter().filter_map(|key| lock.issued(*key));
        self.due.extend(hits.clone().map(|key| (key.place, key.device, lock.id)));
        self.hits.extend(hits.map(|key| Hit {
            place: key.place,
            grant: key.grant,
            device: key.device,
            lock: lock.id,
            serial: key.serial,
        }));
    }
}

/// The device of a key that is taken back, where it holds no other and has a right all the same.
fn needs_another(
    lock: &OfflineLock,
    key: Serial,
    places: &mut Places<'_>,
    sure: Instant,
) -> Option<(PlaceNumber, CredentialNumber, Id)> {
    let taken = lock.issued(key)?;
    let opens = |it: &Arc<Issued>| !it.refused && it.exp > sure.seconds();
    if lock.keys_of(taken.holder()).any(opens) {
        return None;
    }
    let (owner, tenant) = places.both(lock.key.place, taken.place)?;
    right_of(owner, tenant, lock.key, (taken.grant, taken.device, taken.lock))?;
    Some((taken.place, taken.device, lock.id))
}

/// The lists that a finished work would make, planned as of an instant.
pub(crate) fn preview(app: &App, work: &Work<'_>, at: Instant) -> Preview {
    let mut found = Preview::default();
    let mut taken_from: BTreeSet<(LockKey, Serial)> = BTreeSet::new();
    let mut changed: BTreeMap<LockKey, OfflineLock> = BTreeMap::new();
    let find = |place: PlaceNumber| -> Option<PlaceState> {
        let draft = work.places.get(&place).map(|draft| draft.state.clone());
        draft.or_else(|| work.before(place))
    };
    let mut places = Places::new(&find);
    let mut written = BTreeMap::new();
    let mut closed: BTreeMap<PlaceNumber, Rights> = BTreeMap::new();
    for (place, draft) in work.places.iter().filter(|(_, draft)| !draft.writes().is_empty()) {
        let Some(before) = work.before(*place) else { continue };
        let touched = touched(&before, &draft.state, draft.writes());
        let rights = closed_rights(
            &before,
            &draft.state,
            &touched,
            |key| work.offline(key),
            |each| work.each_open(*place, each),
        );
        closed.insert(*place, rights);
        written.insert(*place, touched);
    }
    let sure = app.signers().sure(at);
    for (place, _) in written.iter().filter(|(_, touched)| !touched.is_nothing()) {
        let rights = closed.remove(place).unwrap_or_default();
        let known = work.offline_at(*place);
        let concerned: BTreeSet<LockKey> =
            known.iter().map(|lock| lock.key).chain(rights.keys().copied()).collect();
        for key in concerned {
            let known = changed.get(&key).cloned().or_else(|| work.offline(key));
            let Some(mut lock) = known else { continue };
            let about = About { place: *place, written: &written, closed: &rights };
            let Some(taken) = take_back(&mut lock, about, &mut places, sure) else { continue };
            let grants = taken.keys.iter().map(|key| (key.place, key.grant));
            found.pending.extend(grants.filter(|grant| {
                let progress = taken.progress(Some(*grant), Some(&lock), false, sure);
                progress.is_some_and(|it| it.state == LockState::Pending)
            }));
            if lock.list_due {
                let by_list = taken.keys.iter().filter(|it| !it.at_card);
                taken_from.extend(by_list.map(|it| (key, it.key)));
                changed.insert(key, lock);
            }
        }
    }
    found.makes_lists = !changed.is_empty();
    let taken_from = taken_from.into_iter();
    found.due.extend(
        taken_from.filter_map(|(at, key)| needs_another(changed.get(&at)?, key, &mut places, sure)),
    );
    for lock in changed.values() {
        let owner = find(lock.key.place);
        let record = owner.as_ref().and_then(|owner| owner.locks.get(lock.key.lock));
        found.plans(app, lock, record.map(|record| &**record), at);
    }
    if planted(Slip::HitIsNotTold) {
        found.hits.clear();
    }
    found.hits.sort_unstable();
    found
}
