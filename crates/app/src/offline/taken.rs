//! What is right at locks with no network, and the keys that a command leaves with more than that:
//! they are marked here, and refused by a list that the writer has made in the command's own
//! commit.

use std::collections::BTreeMap;

use claviger_domain::ids::{CredentialNumber, GrantNumber, LockNumber, PlaceNumber};
use claviger_domain::noun::lock::{Lock, LockMode};
use claviger_domain::offline::{
    self, AtLock, Issued, LockKey, OfflineLock, Right, TakenKey, Touched,
};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use super::flags_of;

/// The places that keys are of, as a command leaves them.
pub(crate) struct Places<'p> {
    pub(crate) find: &'p dyn Fn(PlaceNumber) -> Option<PlaceState>,
    known: BTreeMap<PlaceNumber, Option<PlaceState>>,
}

impl<'p> Places<'p> {
    pub(crate) fn new(find: &'p dyn Fn(PlaceNumber) -> Option<PlaceState>) -> Places<'p> {
        Places { find, known: BTreeMap::new() }
    }

    fn learn(&mut self, place: PlaceNumber) {
        let find = self.find;
        self.known.entry(place).or_insert_with(|| find(place));
    }

    /// A place that was asked for before.
    fn of(&self, place: PlaceNumber) -> Option<&PlaceState> {
        self.known.get(&place)?.as_ref()
    }
}

/// The lock as its owner has it, where it still is one that reads keys.
pub(crate) fn reads_keys(owner: &PlaceState, lock: LockNumber) -> Option<&Lock> {
    let lock = owner.locks.get(lock)?;
    (lock.mode == LockMode::OfflineKeys && lock.borrowed.is_none()).then_some(&**lock)
}

/// What is right for a device of a place by a grant at a lock, all three by their numbers there.
pub(crate) fn right_of<'s>(
    owner: &'s PlaceState,
    tenant: &'s PlaceState,
    at: LockKey,
    numbers: (GrantNumber, CredentialNumber, LockNumber),
) -> Option<Right<'s>> {
    let lock = reads_keys(owner, at.lock)?;
    offline::right(tenant, numbers, owner.zone_of(lock), flags_of(lock))
}

/// What a command took back in `place`, with all the places it wrote.
#[derive(Clone, Copy)]
pub(crate) struct About<'t> {
    pub(crate) place: PlaceNumber,
    /// What each wrote may have to do with. A key is its own place's, not that of the lock's owner,
    /// where both may: whoever reads a grant finds what became of it in its place.
    pub(crate) written: &'t BTreeMap<PlaceNumber, Touched>,
}

/// What a command takes back at one lock, whose keys are marked.
pub(crate) fn take_back(
    lock: &mut OfflineLock,
    About { place, written }: About<'_>,
    places: &mut Places<'_>,
    now: Instant,
) -> Option<AtLock> {
    let (at, now_s) = (lock.key, now.seconds());
    let asked = lock.keys().filter(|key| !key.refused && key.exp > now_s);
    let holds = |place: PlaceNumber, key: &Issued| {
        written.get(&place).is_some_and(|touched| touched.holds(place, at, key))
    };
    let asked = asked.filter(|key| holds(place, key));
    let asked = asked.filter(|key| key.place == place || !holds(key.place, key));
    let asked: Vec<_> = asked.cloned().collect();
    let mut taken = Vec::new();
    places.learn(at.place);
    for key in asked {
        places.learn(key.place);
        let states = places.of(at.place).zip(places.of(key.place));
        let numbers = (key.grant, key.device, key.lock);
        let right = states.and_then(|(owner, tenant)| right_of(owner, tenant, at, numbers));
        if offline::no_longer_right(&key, right.as_ref(), now_s) {
            taken.push(TakenKey {
                key: key.key(),
                place: key.place,
                grant: key.grant,
                exp: key.exp,
                strict: key.is_strict(),
            });
        }
    }
    if taken.is_empty() {
        return None;
    }
    for key in &taken {
        lock.edit(key.key, |it| it.refused = true);
    }
    lock.list_due = true;
    let list = (lock.epoch, lock.version.saturating_add(1));
    Some(AtLock { key: at, lock: lock.id, list, keys: taken })
}
