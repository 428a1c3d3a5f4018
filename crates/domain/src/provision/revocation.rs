//! Rights that were taken back while a list held them, and how far the list has followed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::list::List;
use super::{ListKey, Way};
use crate::ids::{GrantNumber, Id, LockNumber, PlaceNumber};
use crate::noun::grant::{Grant, Target};
use crate::noun::words;
use crate::offline::{AtLock, LockKey, OfflineLock};
use crate::time::Instant;

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
    /// The grants that were closed or narrowed, or whose holders lost a credential, in order, each
    /// with the credentials it was about.
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
    /// Those of them that are done with, but for those that were told: they are what is left.
    pub ended: BTreeMap<LockNumber, LockState>,
}

words! {
    /// How far a lock has followed.
    LockState {
        /// It may still let in.
        Pending "pending",
        /// It knows.
        Told "told",
        /// It does not; the cards have given up what was left to them.
        Erased "erased",
        /// What it holds has ended by itself.
        Expired "expired",
        /// It never held it.
        NeverIssued "never_issued",
        /// Its controller was deleted with what it may still hold.
        GivenUp "given_up",
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

impl LockProgress {
    /// How far a lock has followed with all of what is said of it twice.
    #[must_use]
    pub(crate) fn and(self, other: LockProgress) -> LockProgress {
        match (self.state == LockState::Pending, other.state == LockState::Pending) {
            (true, true) => {
                let open_ended = self.open_ended || other.open_ended;
                let latest = self.latest.max(other.latest).filter(|_| !open_ended);
                LockProgress { latest, open_ended, ..self }
            }
            (true, false) => self,
            (false, true) => other,
            // What was told of it says more than that it ended.
            (false, false) => {
                if self.state <= other.state {
                    self
                } else {
                    other
                }
            }
        }
    }
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

    /// It as it is kept when every lock knows, or need not.
    #[must_use]
    pub fn settled(&self, held: &impl Holdings, now: Instant) -> Revocation {
        let mut over = Revocation { settled_at: Some(now), ..self.clone() };
        for at in &mut over.taken.lists {
            if let Some(list) = held.list(at.key) {
                at.end(list, now);
            }
        }
        over
    }

    /// It once a list is no more: where that may still let in, it is given up.
    #[must_use]
    pub fn without(&self, gone: &List, others: &impl Holdings, now: Instant) -> Revocation {
        let mut left = self.clone();
        for at in left.taken.lists.iter_mut().filter(|at| at.key == gone.key) {
            at.end(gone, now);
        }
        if left.is_over(others, now) { left.settled(others, now) } else { left }
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
            let locks: Vec<LockNumber> = at.open().filter(wanted).map(|it| it.0).collect();
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
                progress.locks.push(match at.ended.get(number) {
                    Some(state) => ended(*lock, *state),
                    None => at_lock(ends.get(number).copied(), *lock, now),
                });
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
    /// Whether nothing is left to be followed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.open().next().is_none()
    }

    /// The locks that are not done with.
    fn open(&self) -> impl Iterator<Item = &(LockNumber, Id)> {
        self.locks.iter().filter(|(lock, _)| !self.ended.contains_key(lock))
    }

    /// Ends it with what the list holds: what may still let in is given up.
    fn end(&mut self, list: &List, now: Instant) {
        let ends = self.ends(&self.items, list);
        for (lock, _) in &self.locks {
            if let Some(last) = ends.get(lock) {
                let state = if *last <= now.0 { LockState::Expired } else { LockState::GivenUp };
                self.ended.entry(*lock).or_insert(state);
            }
        }
    }

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

/// A lock that is done with. One that is given up may let in until it is taken off its door.
fn ended(lock: Id, state: LockState) -> LockProgress {
    LockProgress { lock, state, latest: None, open_ended: state == LockState::GivenUp }
}

/// How far a lock has followed where what it holds ends then; none where it holds nothing.
fn at_lock(last: Option<i64>, lock: Id, now: Instant) -> LockProgress {
    let Some(last) = last else { return ended(lock, LockState::Told) };
    if last <= now.0 {
        return ended(lock, LockState::Expired);
    }
    let open_ended = last == i64::MAX;
    let latest = (!open_ended).then_some(Instant(last));
    LockProgress { lock, state: LockState::Pending, latest, open_ended }
}
