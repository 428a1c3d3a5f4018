//! What a command takes back that some list holds. Places that no list concerns pay nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_domain::draft::{Draft, Write};
use claviger_domain::ids::{ControllerNumber, PlaceNumber};
use claviger_domain::offline::LockKey;
use claviger_domain::provision::{self, Affected, List, ListKey, Site, Taken};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use super::digest;
use crate::work::Source;
use crate::world::World;

/// What a command wrote in a place that some list concerns.
pub(crate) struct Written {
    pub(crate) place: PlaceNumber,
    pub(crate) revision: u64,
    pub(crate) cause: String,
    pub(crate) before: PlaceState,
    pub(crate) writes: Vec<Write>,
    lists: Vec<ListKey>,
    /// The locks with no network that it may concern.
    pub(crate) offline: Vec<LockKey>,
}

/// A source of working copies that knows which lists there are.
pub(crate) trait Listed: Source {
    /// The lists that concern a place.
    fn concerned(&self, place: PlaceNumber) -> Vec<ListKey>;
}

impl World {
    /// The lists that concern a place.
    pub(crate) fn concerned(&self, place: PlaceNumber) -> Vec<ListKey> {
        let lists = self.lists();
        let found = lists.lists.values().filter(|list| list.concerns(place));
        found.map(|list| list.key).collect()
    }
}

/// The drafts of a command that wrote something where some list, or lock with no network, concerns
/// the place.
pub(crate) fn written(
    source: &impl Listed,
    places: &BTreeMap<PlaceNumber, Draft>,
    offline_at: impl Fn(PlaceNumber) -> Vec<LockKey>,
) -> Vec<Written> {
    let mut found = Vec::new();
    for (place, draft) in places.iter().filter(|(_, draft)| !draft.writes().is_empty()) {
        let (lists, offline) = (source.concerned(*place), offline_at(*place));
        if lists.is_empty() && offline.is_empty() {
            continue;
        }
        let Some(before) = source.place(*place) else { continue };
        let cause = draft.trail().map(|it| format!("{}_{}", it.noun.as_str(), it.verb));
        found.push(Written {
            place: *place,
            revision: draft.revision(),
            cause: cause.unwrap_or_else(|| "change".to_owned()),
            before,
            writes: draft.writes().to_vec(),
            lists,
            offline,
        });
    }
    found
}

/// What was taken back by a command whose places `source` has as they are after it; `all` is what
/// it wrote anywhere.
pub(crate) fn taken(
    source: &impl Listed,
    written: &Written,
    all: &[Written],
    now: Instant,
) -> Option<Taken> {
    let after = source.place(written.place)?;
    let concern = provision::concern(&written.before, &after, &written.writes);
    if concern.is_nobody() {
        return None;
    }
    let before = |number: PlaceNumber| {
        let wrote = all.iter().find(|it| it.place == number).map(|it| it.before.clone());
        wrote.or_else(|| source.place(number)).map(Arc::new)
    };
    let lists: Vec<(List, Sites, Sites)> = written
        .lists
        .iter()
        .filter_map(|key| source.list(*key).filter(|list| concern.is_about(list)))
        .filter_map(|list| {
            let key = list.key;
            let (then, since) =
                (Sites::of(key, before)?, Sites::of(key, |n| source.place(n).map(Arc::new))?);
            Some((list, then, since))
        })
        .collect();
    let affected = lists.iter().filter_map(|(list, before, after)| {
        Some(Affected { list, before: before.site()?, after: after.site()? })
    });
    let affected: Vec<Affected<'_>> = affected.collect();
    provision::taken(&written.before, &after, &written.writes, &affected, now, digest)
}

/// The places that a list is derived from.
pub(crate) struct Sites {
    pub(crate) key: ListKey,
    states: BTreeMap<PlaceNumber, Arc<PlaceState>>,
}

impl Sites {
    /// The places of a list; none where its own place is not there.
    pub(crate) fn of(
        key: ListKey,
        place: impl Fn(PlaceNumber) -> Option<Arc<PlaceState>>,
    ) -> Option<Sites> {
        let owner = place(key.place)?;
        let mut states = BTreeMap::new();
        for tenant in provision::tenants_of(&owner, key.controller) {
            states.extend(place(tenant).map(|state| (tenant, state)));
        }
        states.insert(key.place, owner);
        Some(Sites { key, states })
    }

    /// The site, over these places.
    pub(crate) fn site(&self) -> Option<Site<'_>> {
        let owner = self.states.get(&self.key.place)?;
        let controller: ControllerNumber = self.key.controller;
        Some(Site::of(owner, controller, |number| self.states.get(&number).map(|it| &**it)))
    }

    /// Which places these are.
    pub(crate) fn places(&self) -> impl Iterator<Item = PlaceNumber> + '_ {
        self.states.keys().copied()
    }
}
