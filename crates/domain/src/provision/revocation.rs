//! Rights that were taken back while a list held them, and how far the list has followed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::concern::{Concern, concern, credentials_of};
use super::entry::{Item, Scribe};
use super::list::{Held, List, Row};
use super::{Digest, ItemKind, ListKey, Site, Way};
use crate::draft::Write;
use crate::ids::{CredentialNumber, GrantNumber, Id, LockNumber, PlaceNumber};
use crate::noun::grant::{Grant, Subject, Target};
use crate::noun::words;
use crate::offline::{AtLock, LockKey, OfflineLock};
use crate::record::Record;
use crate::state::PlaceState;
use crate::time::{Instant, Window};

/// The taking back of rights by one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The public id.
    pub id: Id,
    /// The place whose command it was.
    pub place: PlaceNumber,
    /// The revision that command made.
    pub revision: u64,
    /// When.
    pub at: Instant,
    /// What took them away: noun and verb of the command.
    pub cause: String,
    /// What was taken.
    pub taken: Taken,
    /// When every lock knew, or need not.
    pub settled_at: Option<Instant>,
}

/// What was taken back, where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The lists that hold it.
    pub lists: Vec<AtList>,
    /// The locks with no network for which keys of it were made.
    pub locks: Vec<AtLock>,
    /// The grants that were closed or narrowed, in order, each with the credentials it was about.
    pub grants: Vec<(GrantNumber, Vec<Id>)>,
}

/// Where the lists of controllers and the locks with no network are found.
pub trait Holdings {
    /// A list.
    fn list(&self, key: ListKey) -> Option<&List>;
    /// A lock with no network.
    fn lock(&self, key: LockKey) -> Option<&OfflineLock>;
}

/// What was taken back at one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtList {
    /// Which.
    pub key: ListKey,
    /// What has a version up to this one may be what was taken back.
    pub after: u64,
    /// The credentials whose items open less, in order.
    pub items: Vec<Id>,
    /// The locks, by number at the list's place, with their ids.
    pub locks: Vec<(LockNumber, Id)>,
}

words! {
    /// How far a lock has followed.
    LockState {
        /// It may still let in.
        Pending "pending",
        /// It knows.
        Told "told",
        /// What it holds has ended by itself.
        Expired "expired",
        /// It never held it.
        NeverIssued "never_issued",
    }
}

/// How far one lock has followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockProgress {
    /// The lock.
    pub lock: Id,
    /// How far.
    pub state: LockState,
    /// When what is held there ends by itself.
    pub latest: Option<Instant>,
    /// Whether it does not.
    pub open_ended: bool,
}

/// How far all locks have followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Each lock.
    pub locks: Vec<LockProgress>,
}

impl Progress {
    /// How many locks know, or need not.
    #[must_use]
    pub fn confirmed(&self) -> usize {
        self.locks.iter().filter(|lock| lock.state != LockState::Pending).count()
    }

    /// Whether all do.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.confirmed() == self.locks.len()
    }

    /// Whether some lock may let in until it hears from us.
    #[must_use]
    pub fn is_open_ended(&self) -> bool {
        self.locks.iter().any(|lock| lock.open_ended)
    }

    /// The last instant at which any lock may let in; none for no further use, or no bound.
    #[must_use]
    pub fn latest(&self) -> Option<Instant> {
        if self.is_open_ended() {
            return None;
        }
        self.locks.iter().filter_map(|lock| lock.latest).max()
    }
}

impl Revocation {
    /// How far it has got.
    pub fn progress(&self, held: &impl Holdings, now: Instant) -> Progress {
        self.progress_of(held, About::All, now)
    }

    /// How far it has got with what one grant gave, straight or through a level.
    pub fn progress_for(
        &self,
        grant: &Grant,
        held: &impl Holdings,
        now: Instant,
    ) -> Option<Progress> {
        let progress = self.progress_of(held, self.about(grant), now);
        (!progress.locks.is_empty()).then_some(progress)
    }

    /// Whether every lock knows, or need not.
    pub fn is_over(&self, held: &impl Holdings, now: Instant) -> bool {
        !self.lets_in(None, None, held, now)
    }

    /// Whether a lock (none: any) may still let in what was taken, or what one grant gave of it.
    pub fn lets_in(
        &self,
        grant: Option<&Grant>,
        lock: Option<Id>,
        held: &impl Holdings,
        now: Instant,
    ) -> bool {
        let about = grant.map_or(About::All, |grant| self.about(grant));
        let at_locks = self.taken.locks.iter().filter(|at| lock.is_none_or(|it| it == at.lock));
        let mut at_locks = at_locks.filter_map(|at| self.at_lock(at, &about, held, now));
        if at_locks.any(|progress| progress.state == LockState::Pending) {
            return true;
        }
        let mut lists = self.taken.lists.iter().filter(|_| self.settled_at.is_none());
        lists.any(|at| {
            let wanted = |(number, id): &&(LockNumber, Id)| {
                lock.is_none_or(|lock| lock == *id) && self.is_target(&about, at, *number)
            };
            let locks: Vec<LockNumber> = at.locks.iter().filter(wanted).map(|it| it.0).collect();
            let Some(list) = held.list(at.key).filter(|_| !locks.is_empty()) else { return false };
            let items = at.items_of(&about);
            if AtList::is_unknown(&items, list) {
                return true;
            }
            let mut ways = at.left(&items, list).filter(|way| way.window.until > now.0);
            ways.any(|way| locks.iter().any(|lock| way.reaches(*lock)))
        })
    }

    fn about<'t>(&'t self, grant: &'t Grant) -> About<'t> {
        let grants = &self.taken.grants;
        let at = grants.binary_search_by_key(&grant.number(), |(number, _)| *number).ok();
        let items = at.and_then(|at| grants.get(at)).map_or(&[][..], |(_, items)| items);
        About::Grant(grant, items)
    }

    /// How far a lock with no network has followed; none where it is not asked about.
    fn at_lock(
        &self,
        at: &AtLock,
        about: &About<'_>,
        held: &impl Holdings,
        now: Instant,
    ) -> Option<LockProgress> {
        let grant = match about {
            About::All => None,
            About::Grant(grant, _) => Some((self.place, grant.number())),
        };
        at.progress(grant, held.lock(at.key), self.settled_at.is_some(), now)
    }

    /// Whether what was taken is about a lock, by its number at the place of a list.
    fn is_target(&self, about: &About<'_>, at: &AtList, lock: LockNumber) -> bool {
        match about {
            About::Grant(Grant { target: Target::Lock(it), .. }, _) => {
                at.key.place != self.place || *it == lock
            }
            About::Grant(..) | About::All => true,
        }
    }

    fn progress_of(&self, held: &impl Holdings, about: About<'_>, now: Instant) -> Progress {
        let mut progress = Progress::default();
        let locks = self.taken.locks.iter();
        progress.locks.extend(locks.filter_map(|at| self.at_lock(at, &about, held, now)));
        for at in &self.taken.lists {
            let items = at.items_of(&about);
            if items.is_empty() {
                continue;
            }
            let list = held.list(at.key).filter(|_| self.settled_at.is_none());
            let ends = list.map(|list| at.ends(&items, list)).unwrap_or_default();
            let locks = at.locks.iter().filter(|(lock, _)| self.is_target(&about, at, *lock));
            for (number, lock) in locks {
                progress.locks.push(at_lock(ends.get(number).copied(), *lock, now));
            }
        }
        progress
    }
}

/// What is asked of a revocation.
enum About<'t> {
    /// All that was taken.
    All,
    /// What a grant gave, with the credentials it was about.
    Grant(&'t Grant, &'t [Id]),
}

impl AtList {
    /// The items that are asked about.
    fn items_of(&self, about: &About<'_>) -> Cow<'_, [Id]> {
        match about {
            About::All => Cow::Borrowed(&self.items),
            About::Grant(_, ids) => {
                let ours = ids.iter().filter(|id| self.items.binary_search(id).is_ok());
                ours.copied().collect()
            }
        }
    }

    /// What a list may still hold of what was taken.
    fn left<'l>(&self, items: &[Id], list: &'l List) -> impl Iterator<Item = &'l Way> {
        let held = items.iter().filter_map(|id| list.credential(*id)).flat_map(|row| row.held());
        let left = held.filter(|(version, _)| *version <= self.after);
        left.flat_map(|(_, held)| held.ways.iter())
    }

    /// Whether a list may hold anything at all of them, whatever its version: that may be from
    /// before a backup, or a store that went back in time.
    fn is_unknown(items: &[Id], list: &List) -> bool {
        let rows = items.iter().filter_map(|id| list.credential(*id));
        rows.flat_map(|row| row.held()).any(|(_, held)| held.is_unknown())
    }

    /// When the last of what is left ends, by lock.
    fn ends(&self, items: &[Id], list: &List) -> BTreeMap<LockNumber, i64> {
        if AtList::is_unknown(items, list) {
            return self.locks.iter().map(|(lock, _)| (*lock, i64::MAX)).collect();
        }
        // Many items open the same locks: those are looked at once.
        let mut sets: BTreeMap<&[LockNumber], i64> = BTreeMap::new();
        for way in self.left(items, list) {
            let last = sets.entry(&way.locks).or_insert(i64::MIN);
            *last = way.window.until.max(*last);
        }
        let mut ends = BTreeMap::new();
        for (locks, until) in sets {
            for lock in locks {
                let last = ends.entry(*lock).or_insert(until);
                *last = until.max(*last);
            }
        }
        ends
    }
}

/// How far a lock has followed where what it holds ends then; none where it holds nothing.
fn at_lock(last: Option<i64>, lock: Id, now: Instant) -> LockProgress {
    let Some(last) = last else {
        return LockProgress { lock, state: LockState::Told, latest: None, open_ended: false };
    };
    if last <= now.0 {
        return LockProgress { lock, state: LockState::Expired, latest: None, open_ended: false };
    }
    let open_ended = last == i64::MAX;
    let latest = (!open_ended).then_some(Instant(last));
    LockProgress { lock, state: LockState::Pending, latest, open_ended }
}

/// Whether something held lets in more than an item would.
#[must_use]
pub(super) fn is_narrower(held: &Held, item: Option<&Item>, now: Instant) -> bool {
    held.is_unknown() || !lost(held, item, now).is_empty()
}

/// The locks at which something held lets in more than an item would.
fn lost(held: &Held, item: Option<&Item>, now: Instant) -> BTreeSet<LockNumber> {
    let over = |way: &&Way| way.window.until > now.0;
    let mut lost = BTreeSet::new();
    let known = item.filter(|item| item.identity == held.identity);
    if known.is_some_and(|item| item.print == held.print) {
        return lost;
    }
    let ways = known.map_or(&[][..], Item::ways);
    for way in held.ways.iter().filter(over) {
        let covers = |wider: &&Way| {
            wider.window.from <= way.window.from.max(now.0)
                && wider.window.until >= way.window.until
                && wider.schedules.iter().all(|it| way.schedules.contains(it))
                && wider.override_lockdown >= way.override_lockdown
        };
        let wider: Vec<&Way> = ways.iter().filter(covers).collect();
        lost.extend(way.locks.iter().filter(|lock| !wider.iter().any(|it| it.reaches(**lock))));
    }
    lost
}

/// A list that a command may take something back from, with what it is derived from before the
/// command and after it.
#[derive(Clone, Debug)]
pub struct Affected<'s> {
    /// The list.
    pub list: &'s List,
    /// Before.
    pub before: Site<'s>,
    /// After.
    pub after: Site<'s>,
}

/// What a command takes back that some list holds: it turned `before` into `after` with `writes`.
/// What the list held too much already is an earlier command's.
#[must_use]
pub fn taken(
    before: &PlaceState,
    after: &PlaceState,
    writes: &[Write],
    lists: &[Affected<'_>],
    now: Instant,
    digest: Digest,
) -> Option<Taken> {
    let concern = concern(before, after, writes);
    if concern.is_nobody() {
        return None;
    }
    let place = after.place.number();
    let mut found = Taken::default();
    for affected in lists {
        let list = affected.list;
        let mut then = Scribe::new(digest, now);
        let mut since = Scribe::new(digest, now);
        let mut at = AtList { key: list.key, after: list.version, items: vec![], locks: vec![] };
        let mut locks = BTreeSet::new();
        for row in concerned(list, &concern, place) {
            let had = item_of(&mut then, &affected.before, row);
            let has = item_of(&mut since, &affected.after, row);
            let Some(had) = had else { continue };
            let given = lost(&Held::of(&had), has.as_ref(), now);
            let is_unknown = row.held().any(|(_, held)| held.is_unknown());
            let held = row.held().flat_map(|(_, held)| lost(held, has.as_ref(), now));
            let held: BTreeSet<LockNumber> = held.collect();
            let less = given.into_iter().filter(|lock| is_unknown || held.contains(lock));
            let less: Vec<LockNumber> = less.collect();
            if !less.is_empty() {
                at.items.push(row.key.id);
                locks.extend(less);
            }
        }
        at.locks = with_ids(&affected.before, locks);
        if !at.locks.is_empty() {
            found.lists.push(at);
        }
    }
    found.grants = closed(before, writes, &found);
    (!found.lists.is_empty()).then_some(found)
}

fn item_of(scribe: &mut Scribe, site: &Site<'_>, row: &Row) -> Option<Item> {
    let tenant = site.tenant(row.place)?;
    scribe.credential(site, tenant, CredentialNumber(row.number))
}

fn concerned<'l>(
    list: &'l List,
    concern: &'l Concern,
    place: PlaceNumber,
) -> Box<dyn Iterator<Item = &'l Row> + 'l> {
    match concern {
        Concern::Some(ids) => {
            let rows = ids.iter().filter_map(|id| list.credential(*id));
            Box::new(rows.map(|row| &**row).filter(move |row| row.place == place))
        }
        Concern::Anybody => {
            let rows = list.rows().filter(|row| row.key.kind == ItemKind::Credential);
            Box::new(
                rows.map(|row| &**row)
                    .filter(move |row| list.key.place == place || row.place == place),
            )
        }
    }
}

fn with_ids(before: &Site<'_>, locks: BTreeSet<LockNumber>) -> Vec<(LockNumber, Id)> {
    let id = |lock: LockNumber| before.owner.locks.get(lock).map(|lock| lock.header.id);
    locks.into_iter().filter_map(|lock| Some((lock, id(lock)?))).collect()
}

/// The grants that the writes closed or narrowed, with those credentials that some list still
/// holds more of.
fn closed(before: &PlaceState, writes: &[Write], taken: &Taken) -> Vec<(GrantNumber, Vec<Id>)> {
    let held: BTreeSet<Id> = taken.lists.iter().flat_map(|at| at.items.iter().copied()).collect();
    let mut found: BTreeMap<GrantNumber, Vec<Id>> = BTreeMap::new();
    for Write { record, former } in writes {
        let (Some(Record::Grant(former)), Record::Grant(grant)) = (former, record) else {
            continue;
        };
        let is_closed = grant.closed.is_some();
        if !is_closed && is_as_wide(&former.window, &grant.window) {
            continue;
        }
        let about: Vec<Id> = match grant.subject {
            Subject::Credential(number) => {
                before.credentials.get(number).map(|it| it.header.id).into_iter().collect()
            }
            Subject::Person(person) => credentials_of(before, person.0).collect(),
        };
        let about: Vec<Id> = about.into_iter().filter(|id| held.contains(id)).collect();
        if !about.is_empty() {
            found.insert(grant.number(), about);
        }
    }
    found.into_iter().collect()
}

/// Whether a window is the same or wider than before.
fn is_as_wide(before: &Window, after: &Window) -> bool {
    after.intersect(before) == *before
}
