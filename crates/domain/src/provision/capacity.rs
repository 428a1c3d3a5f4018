//! Who is stored where there is no room for all: the higher priority first, then who is stored
//! already, then the lower number. So newcomers of no higher priority push nobody out.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::entry::{Entry, Item};
use super::{List, Site};
use crate::ids::{Id, LockNumber, PlaceNumber};
use crate::noun::lock::Capacity;

/// What of a credential does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All of it.
    Whole,
    /// It at these locks.
    Locks(Vec<LockNumber>),
}

/// In which order credentials are stored.
type Rank = (Reverse<u8>, bool, PlaceNumber, u32);

fn rank(item: &Item, is_stored: bool) -> Rank {
    match &item.entry {
        Entry::Credential(it) => {
            let header = &it.credential.header;
            (Reverse(it.credential.priority), !is_stored, it.place, header.number)
        }
        _ => (Reverse(0), true, PlaceNumber(0), 0),
    }
}

/// What does not fit, by the credential's id.
pub(super) fn cut(site: &Site<'_>, list: &List, items: &[Item]) -> BTreeMap<Id, Cut> {
    let limits = limits(site);
    let mut all: Vec<&Item> = items.iter().collect();
    let mut cut = at_locks(&limits, list, &all);
    let controller = site.owner.controllers.get(site.key.controller);
    let Some(most) = controller.and_then(|it| it.capacity) else { return cut };
    all.retain(|item| cut.get(&item.key.id) != Some(&Cut::Whole));
    all.sort_by_cached_key(|item| rank(item, list.holds(item.key.id)));
    if all.len() > most as usize {
        let excess: Vec<Id> = all.drain(most as usize..).map(|it| it.key.id).collect();
        // Nobody keeps a place at a lock who is not stored at all.
        cut.retain(|_, it| *it == Cut::Whole);
        cut.extend(at_locks(&limits, list, &all));
        cut.extend(excess.into_iter().map(|id| (id, Cut::Whole)));
    }
    cut
}

/// What does not fit at locks.
fn at_locks(limits: &[(LockNumber, usize)], list: &List, items: &[&Item]) -> BTreeMap<Id, Cut> {
    let mut full: BTreeMap<Id, Vec<LockNumber>> = BTreeMap::new();
    for (lock, most) in limits {
        let reaching = |item: &&&Item| item.ways().iter().any(|way| way.reaches(*lock));
        let mut all: Vec<&Item> = items.iter().filter(reaching).copied().collect();
        all.sort_by_cached_key(|item| rank(item, list.opens(item.key.id, *lock)));
        for item in all.into_iter().skip(*most) {
            full.entry(item.key.id).or_default().push(*lock);
        }
    }
    let cut = items.iter().filter_map(|item| {
        let full = full.remove(&item.key.id)?;
        let is_whole = item.ways().iter().all(|way| way.locks.iter().all(|it| full.contains(it)));
        Some((item.key.id, if is_whole { Cut::Whole } else { Cut::Locks(full) }))
    });
    cut.collect()
}

/// The locks that store no more than so many credentials.
pub(super) fn limits(site: &Site<'_>) -> Vec<(LockNumber, usize)> {
    let own = site.tenants.first().into_iter().flat_map(|own| own.locks.keys());
    let limited = own.filter_map(|number| match site.lock(*number)?.capacity {
        Some(Capacity::Credentials(most)) => Some((*number, most as usize)),
        _ => None,
    });
    limited.collect()
}
