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
    let asked = lock.keys().filter(|key| may_open(lock, key, now_s));
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
        let is_old = key.refused || key.exp <= now_s;
        let closes = || {
            let tenant = states.map(|(_, tenant)| tenant);
            let closes = |touched: &Touched| tenant.is_none_or(|it| touched.closes(it, key.grant));
            written.get(&key.place).is_some_and(closes)
        };
        if is_old && !closes() {
            continue;
        }
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
    // What the newest list refuses already needs no other.
    let is_refused = |key: &TakenKey| lock.issued(key.key).is_some_and(|issued| issued.refused);
    lock.list_due |= taken.iter().any(|key| key.exp <= now_s || !is_refused(key));
    for key in &taken {
        lock.edit(key.key, |it| it.refused = true);
    }
    let version = lock.version.saturating_add(lock.list_due.into());
    Some(AtLock { key: at, lock: lock.id, list: (lock.epoch, version), keys: taken })
}

/// Whether a lock may still open to a key, as far as it has shown. A list that it is known to hold
/// refuses the key, or tells a lock that may be without a clock that the key has ended. What was
/// refused before, or has ended, is asked for once more when its grant is closed: that says
/// `revoked` when the revocation of its closing is over.
fn may_open(lock: &OfflineLock, key: &Issued, now_s: i64) -> bool {
    let has_ended = key.exp <= now_s;
    if has_ended && key.is_strict() {
        return false;
    }
    let least = if has_ended { lock.version } else { lock.refusing };
    !key.refused || lock.list_due || !lock.has_shown(lock.epoch, least)
}
