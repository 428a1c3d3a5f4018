//! What belongs into a list: everything that its controller must know to decide alone.

use std::collections::{BTreeMap, BTreeSet};

use super::capacity::{self, Cut};
use super::entry::{Entry, Item, Scribe};
use super::{Digest, ItemKey, ItemKind, List, Site, Tenant};
use crate::ids::{CredentialNumber, Id, LockNumber, PlaceNumber};
use crate::noun::grant::Subject;
use crate::time::Instant;

/// A list as it should be.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The items.
    pub items: BTreeMap<ItemKey, Item>,
    /// The credentials for which there is no room, whole or at some locks.
    pub cut: BTreeMap<Id, Cut>,
    /// How far each place was that it is derived from.
    pub revisions: Vec<(PlaceNumber, u64)>,
    /// When something in it ends by itself: then it is to be derived anew.
    pub next_end: Option<Instant>,
}

impl Desired {
    /// How many credentials did not fit, at some lock or at all.
    #[must_use]
    pub fn not_stored(&self) -> usize {
        self.cut.len()
    }
}

/// The list of a site at an instant; what it holds says who is not pushed out.
#[must_use]
pub fn desired(site: &Site<'_>, list: &List, now: Instant, digest: Digest) -> Desired {
    let mut scribe = Scribe::new(digest, now);
    let mut items: Vec<Item> = Vec::new();
    for tenant in &site.tenants {
        let numbers = candidates(tenant);
        items.extend(
            numbers.into_iter().filter_map(|number| scribe.credential(site, tenant, number)),
        );
    }
    let cut = capacity::cut(site, list, &items);
    let mut found = Desired { revisions: site.revisions(), cut, ..Desired::default() };
    for item in items {
        let kept = match found.cut.get(&item.key.id) {
            None => Some(item),
            Some(cut) => narrowed(site, &scribe, &item, cut),
        };
        if let Some(item) = kept {
            found.next_end = earliest(found.next_end, &item);
            found.items.insert(item.key, item);
        }
    }
    let locks = site.tenants.first().map(|own| own.locks.keys().copied().collect::<Vec<_>>());
    for item in locks.into_iter().flatten().filter_map(|lock| scribe.lock(site, lock)) {
        found.items.insert(item.key, item);
    }
    let named: BTreeSet<Id> = found.items.values().flat_map(Item::names).collect();
    for (id, times) in scribe.schedules.iter().filter(|(id, _)| named.contains(id)) {
        let item = scribe.schedule_item(*id, times);
        found.items.insert(item.key, item);
    }
    found
}

/// The item that is desired under a key, made anew from the places as they are, with as much of it
/// as there was room for.
#[must_use]
pub fn again(
    site: &Site<'_>,
    scribe: &mut Scribe,
    desired: &Desired,
    key: ItemKey,
) -> Option<Item> {
    let known = desired.items.get(&key);
    match key.kind {
        ItemKind::Schedule => known.cloned(),
        ItemKind::Lock => {
            let own = site.owner.number_of(crate::ids::Noun::Lock, key.id)?;
            scribe.lock(site, own.into())
        }
        ItemKind::Credential => {
            let (place, number) = site.record(key)?;
            let item = scribe.credential(site, site.tenant(place)?, CredentialNumber(number))?;
            match desired.cut.get(&key.id) {
                None => Some(item),
                Some(cut) => narrowed(site, scribe, &item, cut),
            }
        }
    }
}

fn earliest(so_far: Option<Instant>, item: &Item) -> Option<Instant> {
    let ends = item.ways().iter().map(|way| way.window.until).filter(|until| *until != i64::MAX);
    let first = ends.min().map(Instant);
    [so_far, first].into_iter().flatten().min()
}

/// An item without the locks that had no room for it; none where that is all.
fn narrowed(site: &Site<'_>, scribe: &Scribe, item: &Item, cut: &Cut) -> Option<Item> {
    let Cut::Locks(full) = cut else { return None };
    Some(without(site, scribe, item, full)).filter(|item| !item.ways().is_empty())
}

/// An item without some locks. It may open nothing then, and keeps its place in the store.
#[must_use]
pub fn without(site: &Site<'_>, scribe: &Scribe, item: &Item, locks: &[LockNumber]) -> Item {
    let Entry::Credential(entry) = &item.entry else { return item.clone() };
    let Some(tenant) = site.tenant(entry.place).filter(|_| !locks.is_empty()) else {
        return item.clone();
    };
    let ways = entry.ways.iter().filter_map(|way| {
        let kept: Vec<_> = way.locks.iter().copied().filter(|it| !locks.contains(it)).collect();
        (!kept.is_empty()).then(|| super::Way { locks: kept.into(), ..way.clone() })
    });
    let ways = super::entry::joined(ways.collect());
    scribe.credential_with(site, tenant, &entry.credential, ways)
}

/// The credentials that may have a right at a lock of the site.
pub(super) fn candidates(tenant: &Tenant<'_>) -> BTreeSet<CredentialNumber> {
    let state = tenant.state;
    let mut grants = BTreeSet::new();
    let mut levels = BTreeSet::new();
    for lock in tenant.locks.keys() {
        grants.extend(state.lock_grants(*lock).iter());
        levels.extend(state.lock_levels(*lock).iter());
    }
    for level in levels {
        grants.extend(state.level_grants(level).iter());
    }
    let mut found = BTreeSet::new();
    for grant in grants.into_iter().filter_map(|grant| state.grants.get(grant)) {
        match grant.subject {
            Subject::Credential(number) => {
                found.insert(number);
            }
            Subject::Person(person) => {
                found.extend(state.person_credentials(person).iter().map(CredentialNumber));
            }
        }
    }
    found
}
