//! What a command takes back that some list holds, or should have come to hold, and which locks
//! with no network it may concern. Places that none concerns pay a look at what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_domain::draft::{Draft, Write};
use claviger_domain::ids::{ControllerNumber, PlaceNumber};
use claviger_domain::noun::grant::Grant;
use claviger_domain::offline::{LockKey, OfflineLock, Touched, touched};
use claviger_domain::provision::{
    self, Affected, Concern, Holdings, List, ListKey, Progress, Revocation, Site, Taken,
};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use super::digest;
use crate::offline::{Rights, closed_rights};
use crate::work::Source;

/// What a command wrote in a place, where that may take something back.
pub(crate) struct Written {
    pub(crate) place: PlaceNumber,
    pub(crate) revision: u64,
    pub(crate) cause: String,
    pub(crate) before: PlaceState,
    pub(crate) writes: Vec<Write>,
    concern: Concern,
    /// The lists it may take something back from.
    lists: BTreeSet<ListKey>,
    /// The keys of locks with no network that it may have to do with.
    pub(crate) touched: Touched,
    /// The locks with no network that it may concern.
    pub(crate) offline: BTreeSet<LockKey>,
    /// The rights that it closed at such locks of whose keys nobody remembers all.
    pub(crate) closed: Rights,
}

/// The drafts of a command that may take something back that some list should know, or a lock with
/// no network; `compares_keys` says that it may be any key of these places.
pub(crate) fn written(
    source: &impl Source,
    places: &BTreeMap<PlaceNumber, Draft>,
    compares_keys: bool,
) -> Vec<Written> {
    let one = |(place, draft): (&_, &_)| one_written(source, *place, draft, compares_keys);
    places.iter().filter_map(one).collect()
}

fn one_written(
    source: &impl Source,
    place: PlaceNumber,
    draft: &Draft,
    compares_keys: bool,
) -> Option<Written> {
    let writes = draft.writes();
    // What is only added takes nothing away.
    if !compares_keys && writes.iter().all(|write| write.former.is_none()) {
        return None;
    }
    let before = source.place(place)?;
    let touched = match compares_keys {
        true => Touched::everything(),
        false => touched(&before, &draft.state, writes),
    };
    let known = if touched.is_nothing() { Vec::new() } else { source.offline_at(place) };
    let closed = closed_rights(
        &before,
        &draft.state,
        &touched,
        |key| source.offline(key),
        |each| source.each_open(place, each),
    );
    let offline: BTreeSet<LockKey> = known.into_iter().chain(closed.keys().copied()).collect();
    let mut lists = provision::reached(&before, writes, |number| source.place(number));
    let known = source.concerned(place);
    if lists.is_empty() && known.is_empty() && offline.is_empty() {
        return None;
    }
    let concern = provision::concern(&before, &draft.state, writes);
    if concern.is_nobody() && offline.is_empty() {
        return None;
    }
    let holds = |key: &ListKey| source.list(*key).is_some_and(|list| concern.is_about(&list));
    lists.extend(known.into_iter().filter(holds));
    if concern.is_nobody() {
        lists.clear();
    }
    let cause = draft.trail().map(|it| format!("{}_{}", it.noun.as_str(), it.verb));
    Some(Written {
        place,
        revision: draft.revision(),
        cause: cause.unwrap_or_else(|| "change".to_owned()),
        before,
        writes: writes.to_vec(),
        concern,
        lists,
        touched,
        offline,
        closed,
    })
}

/// What was taken back by a command whose places `source` has as they are after it; `all` is what
/// it wrote anywhere.
pub(crate) fn taken(
    source: &impl Source,
    written: &Written,
    all: &[Written],
    now: Instant,
) -> Taken {
    let before = |number: PlaceNumber| {
        let wrote = all.iter().find(|it| it.place == number).map(|it| it.before.clone());
        wrote.or_else(|| source.place(number)).map(Arc::new)
    };
    let after = |number: PlaceNumber| source.place(number).map(Arc::new);
    let sites = |key: &ListKey| {
        let list = source.list(*key).unwrap_or_else(|| List::new(*key));
        Some((list, Sites::of(*key, before)?, Sites::of(*key, after)?))
    };
    let lists: Vec<(List, Sites, Sites)> = written.lists.iter().filter_map(sites).collect();
    let affected = lists.iter().filter_map(|(list, before, after)| {
        Some(Affected { list, before: before.site()?, after: after.site()? })
    });
    let affected: Vec<Affected<'_>> = affected.collect();
    let Written { before, writes, concern, .. } = written;
    provision::taken(before, writes, concern, &affected, now, digest)
}

/// The lists and the locks that revocations speak of, as they were at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    lists: BTreeMap<ListKey, List>,
    locks: BTreeMap<LockKey, OfflineLock>,
}

impl Kept {
    pub(crate) fn of<'r>(
        revocations: impl IntoIterator<Item = &'r Revocation>,
        source: &impl Source,
    ) -> Kept {
        let mut kept = Kept::default();
        for taken in revocations.into_iter().map(|it| &it.taken) {
            let lists = taken.lists.iter().filter_map(|at| Some((at.key, source.list(at.key)?)));
            let locks = taken.locks.iter().filter_map(|at| Some((at.key, source.offline(at.key)?)));
            kept.lists.extend(lists);
            kept.locks.extend(locks);
        }
        kept
    }
}

impl Holdings for Kept {
    fn list(&self, key: ListKey) -> Option<&List> {
        self.lists.get(&key)
    }

    fn lock(&self, key: LockKey) -> Option<&OfflineLock> {
        self.locks.get(&key)
    }
}

/// What a command took back, with what it was taken back from as that was then: so how far that has
/// got is the same whoever asks.
#[derive(Clone, Debug)]
pub struct TakenBack {
    revocation: Revocation,
    kept: Kept,
    /// When it was, as far as the clock was believed.
    at: Instant,
}

impl TakenBack {
    pub(crate) fn new(revocation: Revocation, source: &impl Source, at: Instant) -> TakenBack {
        let kept = Kept::of([&revocation], source);
        TakenBack { revocation, kept, at }
    }

    /// How far the taking back of a grant had got then, where it is this that took it back.
    #[must_use]
    pub fn progress_for(&self, grant: &Grant) -> Option<Progress> {
        if grant.header.revision != self.revocation.revision {
            return None;
        }
        self.revocation.progress_for(grant, &self.kept, self.at)
    }
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
