//! Keys that give more than is right since a command, and how far their locks have followed.

use std::collections::BTreeSet;

use super::lock::{Issued, LIFE_GRACE_S, OfflineLock};
use super::right::Right;
use super::spans;
use super::{LockKey, Serial};
use crate::draft::Write;
use crate::ids::{AccessLevelNumber, CredentialNumber, GrantNumber, Id, LockNumber, PlaceNumber};
use crate::noun::grant::Target;
use crate::provision::{LockProgress, LockState};
use crate::record::Record;
use crate::state::PlaceState;
use crate::time::{Instant, SECOND};

/// Which keys of a place a command may have to do with, as far as its writes alone say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Those of these grants.
    grants: BTreeSet<GrantNumber>,
    /// Those for these devices.
    devices: BTreeSet<CredentialNumber>,
    /// Locks that were taken out of levels.
    taken_out: BTreeSet<(AccessLevelNumber, LockNumber)>,
    /// All.
    all: bool,
}

impl Touched {
    /// Whether it is none.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.all && self.grants.is_empty() && self.devices.is_empty()
    }

    /// Whether the right that a key is of was closed, in its place as it is since: its grant was,
    /// or its lock was taken out of the grant's level.
    #[must_use]
    pub fn closes(&self, after: &PlaceState, key: &Issued) -> bool {
        let grant = after.grants.get(key.grant).filter(|it| it.closed.is_none());
        let was_written = self.grants.contains(&key.grant);
        let Some(grant) = grant else { return was_written };
        let Target::AccessLevel(level) = grant.target else { return false };
        self.taken_out.contains(&(level, key.lock)) && after.membership(level, key.lock).is_none()
    }

    /// The rights that were closed, each a grant at a lock that it reached before. Of those that
    /// ended as a lock was taken out of a level, the oldest grant stands for all.
    #[must_use]
    pub fn closed(
        &self,
        before: &PlaceState,
        after: &PlaceState,
    ) -> Vec<(GrantNumber, LockNumber)> {
        let mut found = Vec::new();
        for grant in self.grants.iter().filter_map(|it| before.grants.get(*it)) {
            let is_open = after.grants.get(grant.number()).is_some_and(|it| it.closed.is_none());
            if grant.closed.is_none() && !is_open {
                let locks = before.locks_of(grant.target).into_iter();
                found.extend(locks.map(|lock| (grant.number(), lock)));
            }
        }
        for (level, lock) in &self.taken_out {
            let oldest = before.level_grants(*level).iter().next().map(GrantNumber);
            let is_out = after.membership(*level, *lock).is_none();
            found.extend(oldest.filter(|_| is_out).map(|grant| (grant, *lock)));
        }
        found
    }

    /// Whether a key of a lock is one of them; the command was of `place`.
    #[must_use]
    pub fn holds(&self, place: PlaceNumber, lock: LockKey, key: &Issued) -> bool {
        if key.place != place {
            // Settings of a lock are its owner's, whoever's grant it is.
            return self.all && lock.place == place;
        }
        self.all || self.grants.contains(&key.grant) || self.devices.contains(&key.device)
    }
}

/// The keys that writes, which turned `before` into `after`, may have to do with.
#[must_use]
pub fn touched(before: &PlaceState, after: &PlaceState, writes: &[Write]) -> Touched {
    let mut found = Touched::default();
    for Write { record, former } in writes {
        let Some(former) = former else { continue };
        match (former, record) {
            (Record::Grant(it), _) => {
                found.grants.insert(it.number());
            }
            (Record::Credential(it), _) => {
                found.devices.insert(it.number());
            }
            (Record::Person(it), _) => {
                for state in [before, after] {
                    let devices = state.person_credentials(it.number()).iter();
                    found.devices.extend(devices.map(CredentialNumber));
                }
            }
            (Record::AccessLevel(was), Record::AccessLevel(is)) => {
                found.all |= was.schedule != is.schedule || is.header.is_deleted();
            }
            (Record::Schedule(was), Record::Schedule(is)) => {
                found.all |= was.timetable != is.timetable || is.header.is_deleted();
            }
            (Record::Lock(was), Record::Lock(is)) => {
                let same = was.mode == is.mode
                    && was.zone == is.zone
                    && was.capabilities == is.capabilities;
                found.all |= !same || is.header.is_deleted();
            }
            (Record::Place(was), Record::Place(is)) => found.all |= was.zone != is.zone,
            (Record::Membership(it), _) => {
                found.taken_out.insert((it.level, it.lock));
                found.all = true;
            }
            (Record::Share(_), _) => found.all = true,
            _ => {}
        }
    }
    found
}

/// Whether a key carries more than is right for the rest of its life (UTC seconds).
#[must_use]
pub fn no_longer_right(key: &Issued, right: Option<&Right<'_>>, now: i64) -> bool {
    let Some(right) = right else { return true };
    if key.holder != right.holder || key.flags & right.flags != right.flags {
        return true;
    }
    let (open, _) = right.spans(now, key.exp);
    !spans::without(&key.times.spans(now, key.exp), &open).is_empty()
}

/// A key that was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenKey {
    /// Which.
    pub key: Serial,
    /// The place whose grant it was of.
    pub place: PlaceNumber,
    /// The grant.
    pub grant: GrantNumber,
    /// When it ends, in UTC seconds.
    pub exp: i64,
    /// Whether a lock that cannot tell the time refuses it.
    pub strict: bool,
}

/// What was taken back at one lock with no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtLock {
    /// Which.
    pub key: LockKey,
    /// Its public id.
    pub lock: Id,
    /// The epoch and version of the first list made after it.
    pub list: (u16, u32),
    /// The keys.
    pub keys: Vec<TakenKey>,
}

impl AtLock {
    /// How far the lock has followed with the keys that are asked about; none where there are none.
    #[must_use]
    pub fn progress(
        &self,
        grant: Option<(PlaceNumber, GrantNumber)>,
        lock: Option<&OfflineLock>,
        is_settled: bool,
        now: Instant,
    ) -> Option<LockProgress> {
        let asked = |key: &&TakenKey| grant.is_none_or(|it| it == (key.place, key.grant));
        let keys: Vec<&TakenKey> = self.keys.iter().filter(asked).collect();
        let last = keys.iter().map(|key| key.exp).max()?.saturating_add(LIFE_GRACE_S);
        let lenient = keys.iter().any(|key| !key.strict);
        let progress = |state, latest, open_ended| {
            Some(LockProgress { lock: self.lock, state, latest, open_ended })
        };
        if lock.is_some_and(|lock| lock.has_shown(self.list.0, self.list.1)) {
            return progress(LockState::Told, None, false);
        }
        // What has come to its end stays there, whatever the lock shows after that.
        if is_settled {
            return progress(LockState::Expired, None, false);
        }
        match Instant(last.saturating_mul(SECOND)) {
            _ if lenient => progress(LockState::Pending, None, true),
            last if now >= last => progress(LockState::Expired, None, false),
            last => progress(LockState::Pending, Some(last), false),
        }
    }
}
