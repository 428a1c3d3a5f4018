//! What the simulator is certain of: which keys which list refuses, what locks have shown, what
//! happened at each of them. An independent reading of docs/offline.md; nothing here asks a server.

use std::collections::{BTreeMap, BTreeSet};

use claviger_offline::Id;
use claviger_offline::lock::Status;
use claviger_offline::lock::code::Code;
use claviger_offline::receipt::Receipt;

use super::lock::VirtualLock;
use super::wallet::{Held, Serial};

/// How long after its end a key may still be used at a lock whose clock is right, in seconds.
const GRACE_S: u64 = 60;

/// An epoch and a version in it.
pub(crate) type Version = (u16, u32);

/// Keys that a lock refuses once it has a list.
#[derive(Debug, Clone)]
struct Refusal {
    lock: Id,
    serials: BTreeSet<Serial>,
    from: Version,
}

/// Decisions at locks by device: granted and denied.
pub(crate) type Happened = BTreeMap<(String, Id), (u64, u64)>;

/// What is certain.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    refusals: Vec<Refusal>,
    shown: BTreeMap<Id, Version>,
    pub(crate) happened: Happened,
}

/// Where a right that was taken back was good.
#[derive(Debug, Clone)]
pub(crate) struct Where {
    /// Index of the door.
    pub(crate) at: usize,
    pub(crate) lock: Id,
    /// The first list that refuses its keys.
    pub(crate) from: Version,
    /// The last second at which they could be used, whatever the lock hears; none: no bound.
    pub(crate) latest: Option<u64>,
}

impl Ledger {
    /// These keys must be refused by a lock that has this list or a later one.
    pub(crate) fn refuse(&mut self, lock: Id, serials: BTreeSet<Serial>, from: Version) {
        self.refusals.push(Refusal { lock, serials, from });
    }

    /// The serials of a lock that a list of this version refuses.
    fn refused(&self, lock: &Id, version: Version) -> impl Iterator<Item = Serial> {
        let known = self.refusals.iter().filter(move |it| it.lock == *lock && it.from <= version);
        known.flat_map(|it| it.serials.iter().copied())
    }

    /// The serials that are to be refused at a lock, whatever it has heard.
    pub(crate) fn to_be_refused(&self, lock: &Id) -> BTreeSet<Serial> {
        self.refused(lock, (u16::MAX, u32::MAX)).collect()
    }

    /// A receipt has been brought to the server.
    pub(crate) fn brought(&mut self, receipt: &[u8]) {
        if let Ok((receipt, _)) = Receipt::read(receipt) {
            let shown = self.shown.entry(receipt.lock).or_default();
            *shown = (*shown).max((receipt.epoch, receipt.version));
        }
    }

    /// Whether the server has been shown that a lock knows.
    pub(crate) fn knows(&self, place: &Where) -> bool {
        self.shown.get(&place.lock).is_some_and(|shown| *shown >= place.from)
    }

    /// What a lock answers to a key that is shown by its holder, the person having acted. `knew`
    /// says whether the lock could tell the time when the visit began; a phone that reaches its
    /// server sees to it.
    pub(crate) fn expected(
        &self,
        lock: &VirtualLock,
        key: &Held,
        knew: bool,
        online: bool,
    ) -> Code {
        let version = lock.holds();
        if lock.decides().status() != Status::Held {
            Code::StateLost
        } else if key.needs > version {
            Code::NeedList
        } else if self.refused(&lock.id(), version).any(|serial| serial == key.serial) {
            Code::Revoked
        } else if key.is_strict && !knew && !online {
            Code::TimeUnknown
        } else {
            Code::Done
        }
    }

    /// A lock has decided about a key of a device.
    pub(crate) fn decided(&mut self, device: &str, lock: Id, code: u8) {
        let refused = Code::OldEpoch.number()..=Code::NoProximity.number();
        let counts = self.happened.entry((device.to_owned(), lock)).or_default();
        counts.0 += u64::from(code == Code::Done.number());
        counts.1 += u64::from(refused.contains(&code));
    }
}

/// The last second at which keys could be used at a lock that hears nothing; none where they know
/// no bound.
pub(crate) fn latest(keys: &[Held]) -> Option<u64> {
    let all_strict = keys.iter().all(|key| key.is_strict);
    let last = keys.iter().map(|key| key.exp).max()?;
    all_strict.then_some(last + GRACE_S)
}

/// The live keys of one class that a lock with room for one entry of a plain list refuses besides,
/// when these must be refused: those below the newest but one, which the floor has to swallow.
pub(crate) fn swallowed(must: &BTreeSet<Serial>, live: &BTreeSet<Serial>) -> BTreeSet<Serial> {
    let alive: BTreeSet<Serial> = live.difference(must).copied().collect();
    // Below the first live key the floor rises for nothing.
    let Some(first) = alive.first() else { return BTreeSet::new() };
    let Some(floor) = must.range(first..).nth_back(1) else { return BTreeSet::new() };
    alive.range(..floor).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_kept_and_the_floor_swallows_what_is_below_the_others() {
        let set = |serials: &[u32]| serials.iter().map(|it| (0, *it)).collect::<BTreeSet<_>>();
        for (must, live, hit) in [
            (&[2][..], &[1, 2, 3][..], &[][..]),
            (&[2, 4], &[1, 2, 3, 4, 5], &[1]),
            (&[1, 4], &[2, 3, 4, 5], &[]),
            (&[2, 4, 6], &[1, 3, 5, 7], &[1, 3]),
            (&[2, 3], &[2, 3], &[]),
        ] {
            assert_eq!(swallowed(&set(must), &set(live)), set(hit), "{must:?} {live:?}");
        }
    }

    #[test]
    fn what_ends_is_bounded_only_where_every_key_needs_the_time() {
        let key =
            |exp, is_strict| Held { serial: (0, 1), exp, needs: (0, 1), is_strict, bytes: vec![] };
        assert_eq!(latest(&[key(5, true), key(9, true)]), Some(9 + GRACE_S));
        assert_eq!(latest(&[key(5, true), key(9, false)]), None);
    }
}
