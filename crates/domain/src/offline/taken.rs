//! Keys that give more than is right since a command, and how far their locks have followed.

use std::collections::BTreeSet;

use super::lock::{Erasure, Issued, LIFE_GRACE_S, OfflineLock};
use super::right::Right;
use super::spans;
use super::{LockKey, Serial};
use crate::draft::Write;
use crate::ids::{AccessLevelNumber, CredentialNumber, GrantNumber, Id, LockNumber, PlaceNumber};
use crate::noun::CloseReason;
use crate::noun::credential::{CredentialKind, CredentialState};
use crate::noun::grant::{Grant, Target};
use crate::noun::person::PersonState;
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
    /// Grants of cards that were closed and whose keys are left to the cards.
    left_to_cards: BTreeSet<GrantNumber>,
    /// Locks that were taken out of levels.
    taken_out: BTreeSet<(AccessLevelNumber, LockNumber)>,
    /// All.
    all: bool,
}

impl Touched {
    /// All keys of a place.
    #[must_use]
    pub fn everything() -> Touched {
        Touched { all: true, ..Touched::default() }
    }

    /// Whether it is none.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.all && self.grants.is_empty() && self.devices.is_empty()
    }

    /// Of the devices whose keys they are, those that are deleted by the commands.
    pub fn deleted<'t>(
        &'t self,
        after: &'t PlaceState,
    ) -> impl Iterator<Item = CredentialNumber> + 't {
        self.devices.iter().copied().filter(|it| after.credentials.get(*it).is_none())
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

    /// Whether the right that a key is of was closed and the key left to its card.
    #[must_use]
    pub fn leaves(&self, key: &Issued) -> bool {
        self.left_to_cards.contains(&key.grant)
    }

    /// The grants that were closed.
    pub fn closed_grants<'s>(
        &'s self,
        before: &'s PlaceState,
        after: &'s PlaceState,
    ) -> impl Iterator<Item = &'s Grant> {
        let is_open = |it: &&Grant| it.closed.is_none();
        let was_open = self.grants.iter().filter_map(|it| before.grants.get(*it)).map(|it| &**it);
        was_open.filter(is_open).filter(move |grant| {
            let after = after.grants.get(grant.number());
            after.is_none_or(|it| it.closed.is_some())
        })
    }

    /// The rights that were closed at locks that count, each a grant at a lock that it reached
    /// before: its own, or the lock was taken out of its level.
    #[must_use]
    pub fn closed(
        &self,
        before: &PlaceState,
        after: &PlaceState,
        mut counts: impl FnMut(LockNumber) -> bool,
    ) -> Vec<(GrantNumber, LockNumber)> {
        let mut found = Vec::new();
        for grant in self.closed_grants(before, after) {
            let locks = before.locks_of(grant.target).into_iter().filter(|lock| counts(*lock));
            found.extend(locks.map(|lock| (grant.number(), lock)));
        }
        for (level, lock) in &self.taken_out {
            if after.membership(*level, *lock).is_none() && counts(*lock) {
                let grants = before.level_grants(*level).iter();
                found.extend(grants.map(|grant| (GrantNumber(grant), *lock)));
            }
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
            (Record::Grant(it), is) => {
                found.grants.insert(it.number());
                let closed = match is {
                    Record::Grant(is) => is.closed.as_ref(),
                    _ => None,
                };
                if closed.is_some_and(|closed| closed.reason == CloseReason::LeftToCard) {
                    found.left_to_cards.insert(it.number());
                }
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

/// Whether a key of a right that was taken back may stay with its card until that gives it up
/// (`now` in UTC seconds): as far as the card itself goes, which is the one the key was made for,
/// and the lock, which demands what the key says, nothing has changed.
#[must_use]
pub fn may_stay(key: &Issued, state: &PlaceState, flags: u8, now: i64) -> bool {
    let Some(card) = state.credentials.get(key.device) else { return false };
    let person = card.person.and_then(|person| state.people.get(person));
    let suspended = person.is_some_and(|person| person.state == PersonState::Suspended);
    let is_good = card.kind == CredentialKind::Card
        && card.state == CredentialState::Active
        && card.public_key.as_ref() == Some(&key.holder)
        && !suspended;
    let from = card.valid.from.map_or(i64::MIN, |from| from.plus(SECOND - 1).seconds());
    let valid = (from, card.valid.until.map_or(i64::MAX, Instant::seconds));
    is_good
        && state.locks.get(key.lock).is_some()
        && key.flags & flags == flags
        && spans::without(&key.times.spans(now, key.exp), &[valid]).is_empty()
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
    /// Whether it was left to its card to give up.
    pub at_card: bool,
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
        let asked = self.keys.iter().filter(asked);
        let (left, keys): (Vec<&TakenKey>, Vec<&TakenKey>) = asked.partition(|key| key.at_card);
        let by_list = self.by_list(&keys, lock, is_settled, now);
        let by_cards = self.by_cards(&left, lock, is_settled, now);
        match (by_list, by_cards) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        }
    }

    fn at(&self, state: LockState, latest: Option<Instant>) -> LockProgress {
        let open_ended = state == LockState::Pending && latest.is_none();
        LockProgress { lock: self.lock, state, latest, open_ended }
    }

    /// How far the lock has followed with keys that its list refuses.
    fn by_list(
        &self,
        keys: &[&TakenKey],
        lock: Option<&OfflineLock>,
        is_settled: bool,
        now: Instant,
    ) -> Option<LockProgress> {
        let last = keys.iter().map(|key| key.exp).max()?.saturating_add(LIFE_GRACE_S);
        let lenient = keys.iter().any(|key| !key.strict);
        if lock.is_some_and(|lock| lock.has_shown(self.list.0, self.list.1)) {
            return Some(self.at(LockState::Told, None));
        }
        // What has come to its end stays there, whatever the lock shows after that.
        if is_settled {
            return Some(self.at(LockState::Expired, None));
        }
        Some(match Instant(last.saturating_mul(SECOND)) {
            _ if lenient => self.at(LockState::Pending, None),
            last if now >= last => self.at(LockState::Expired, None),
            last => self.at(LockState::Pending, Some(last)),
        })
    }

    /// How far keys have come that were left to cards: they are erased, or the list refuses them
    /// since the card was lost, or they have ended.
    fn by_cards(
        &self,
        keys: &[&TakenKey],
        lock: Option<&OfflineLock>,
        is_settled: bool,
        now: Instant,
    ) -> Option<LockProgress> {
        let each = keys.iter().map(|taken| {
            let known = lock.and_then(|lock| Some((lock, lock.issued(taken.key)?)));
            match known {
                Some((_, key)) if key.erasure == Erasure::Done => self.at(LockState::Erased, None),
                Some((lock, key)) if lock.refuses(key) => self.at(LockState::Told, None),
                _ if is_settled => self.at(LockState::Expired, None),
                // It is forgotten only once the lock is known to take it as ended.
                None if lock.is_some() => self.at(LockState::Expired, None),
                _ => match lock.and_then(|lock| lock.ends(taken.exp, taken.strict)) {
                    Some(end) if end <= now => self.at(LockState::Expired, None),
                    end => self.at(LockState::Pending, end),
                },
            }
        });
        each.reduce(LockProgress::and)
    }
}
