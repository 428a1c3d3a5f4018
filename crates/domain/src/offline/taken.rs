//! Keys that give more than is right since a command, and how far their locks have followed.

use std::collections::BTreeSet;

use super::lock::{Issued, LIFE_GRACE_S, OfflineLock};
use super::right::Right;
use super::spans;
use super::{LockKey, Serial};
use crate::draft::Write;
use crate::ids::{CredentialNumber, GrantNumber, Id, PlaceNumber};
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
    /// All.
    all: bool,
}

impl Touched {
    /// Whether it is none.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.all && self.grants.is_empty() && self.devices.is_empty()
    }

    /// Whether a grant was written, and is closed in its place since.
    #[must_use]
    pub fn closes(&self, after: &PlaceState, grant: GrantNumber) -> bool {
        let is_open = after.grants.get(grant).is_some_and(|it| it.closed.is_none());
        self.grants.contains(&grant) && !is_open
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
            (Record::Membership(_) | Record::Share(_), _) => found.all = true,
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
        let last = keys.iter().map(|key| key.exp).max()? + LIFE_GRACE_S;
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
