//! The rows of the decision index: one of 64 bytes per subject and per lock.
//!
//! Must hold only what the granted path needs; everything else is looked up in the objects.

use std::sync::Arc;

use crate::ids::{AccessLevelNumber, GrantNumber, LockNumber, PersonNumber};
use crate::noun::credential::{Credential, CredentialState};
use crate::noun::grant::{Grant, Right, Target};
use crate::time::Window;

const LEVEL: u32 = 1 << 31;
const PLAIN: u32 = 1 << 31;
const SHARE: u32 = 1 << 30;
const INLINE_GRANTS: usize = 6;
const INLINE_LEVELS: usize = 12;

/// The highest grant number the index can hold.
pub(super) const MOST_GRANTS: u32 = SHARE - 1;

/// One open grant of a subject: where it reaches, and its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    target: u32,
    grant: u32,
}

impl Reach {
    pub(super) fn new(grant: &Grant) -> Reach {
        let target = match grant.target {
            Target::Lock(lock) => lock.0,
            Target::AccessLevel(level) => level.0 | LEVEL,
        };
        let plain = grant.window == Window::ALWAYS && grant.schedule.is_none();
        let flags =
            if plain { PLAIN } else { 0 } | if grant.right == Right::Share { SHARE } else { 0 };
        Reach { target, grant: grant.header.number | flags }
    }

    /// The grant's number.
    #[must_use]
    pub fn grant(self) -> GrantNumber {
        GrantNumber(self.grant & MOST_GRANTS)
    }

    /// Whether the grant has neither window nor schedule of its own.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.grant & PLAIN != 0
    }

    /// Whether the grant opens, rather than shares.
    #[must_use]
    pub fn opens(self) -> bool {
        self.grant & SHARE == 0
    }

    /// The level it reaches, unless it reaches a lock.
    #[must_use]
    pub fn level(self) -> Option<AccessLevelNumber> {
        (self.target & LEVEL != 0).then_some(AccessLevelNumber(self.target & !LEVEL))
    }

    /// Whether it reaches `lock`, whose row is `levels`.
    #[must_use]
    #[inline]
    pub fn reaches(self, lock: LockNumber, levels: &LockRow) -> bool {
        if self.target & LEVEL == 0 {
            self.target == lock.0
        } else {
            levels.contains(self.target & !LEVEL)
        }
    }
}

/// The open grants of one person or credential, in order of number; the first six inline.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub struct SubjectRow {
    first: [Reach; INLINE_GRANTS],
    more: Option<Arc<[Reach]>>,
}

impl SubjectRow {
    /// A row with nothing in it.
    pub(super) const EMPTY: SubjectRow =
        SubjectRow { first: [Reach { target: 0, grant: 0 }; INLINE_GRANTS], more: None };

    /// The open grants, in order of number.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Reach> {
        let more = self.more.as_deref().unwrap_or_default();
        self.first.iter().take_while(|reach| reach.grant != 0).chain(more).copied()
    }

    pub(super) fn insert(&mut self, reach: Reach) {
        let mut all: Vec<Reach> = self.iter().filter(|r| r.grant() != reach.grant()).collect();
        let at = all.partition_point(|r| r.grant() < reach.grant());
        all.insert(at, reach);
        self.fill(all);
    }

    pub(super) fn remove(&mut self, grant: GrantNumber) {
        let all = self.iter().filter(|reach| reach.grant() != grant).collect();
        self.fill(all);
    }

    fn fill(&mut self, mut all: Vec<Reach>) {
        let more = all.split_off(all.len().min(INLINE_GRANTS));
        self.first = [Reach::default(); INLINE_GRANTS];
        self.first[..all.len()].copy_from_slice(&all);
        self.more = (!more.is_empty()).then(|| more.into());
    }
}

/// The levels a lock is in; the first twelve inline, the others sorted.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub struct LockRow {
    first: [u32; INLINE_LEVELS],
    more: Option<Arc<[u32]>>,
}

impl LockRow {
    /// A row with nothing in it.
    pub(super) const EMPTY: LockRow = LockRow { first: [0; INLINE_LEVELS], more: None };

    /// The levels, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = AccessLevelNumber> {
        let more = self.more.as_deref().unwrap_or_default();
        self.first
            .iter()
            .take_while(|level| **level != 0)
            .chain(more)
            .map(|l| AccessLevelNumber(*l))
    }

    #[inline]
    fn contains(&self, level: u32) -> bool {
        self.first.contains(&level)
            || self.more.as_deref().is_some_and(|more| more.binary_search(&level).is_ok())
    }

    pub(super) fn insert(&mut self, level: AccessLevelNumber) {
        let mut all: Vec<u32> = self.iter().map(|l| l.0).filter(|l| *l != level.0).collect();
        all.push(level.0);
        self.fill(all);
    }

    pub(super) fn remove(&mut self, level: AccessLevelNumber) {
        let all = self.iter().map(|l| l.0).filter(|l| *l != level.0).collect();
        self.fill(all);
    }

    fn fill(&mut self, mut all: Vec<u32>) {
        let mut more = all.split_off(all.len().min(INLINE_LEVELS));
        more.sort_unstable();
        self.first = [0; INLINE_LEVELS];
        self.first[..all.len()].copy_from_slice(&all);
        self.more = (!more.is_empty()).then(|| more.into());
    }
}

/// What a decision needs of a credential that nothing is out of the ordinary with, beside the
/// object so that it need not be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct HolderRow {
    person: u32,
    /// Whether it is active and always valid.
    pub is_plain: bool,
}

impl HolderRow {
    pub(super) fn new(credential: &Credential) -> HolderRow {
        HolderRow {
            person: credential.person.map_or(0, u32::from),
            is_plain: credential.state == CredentialState::Active
                && credential.valid == Window::ALWAYS,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn person(self) -> Option<PersonNumber> {
        (self.person != 0).then_some(PersonNumber(self.person))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_one_cache_line() {
        assert_eq!((size_of::<SubjectRow>(), size_of::<LockRow>()), (64, 64));
    }

    #[test]
    fn a_lock_may_be_in_many_levels() {
        let mut row = LockRow::default();
        (1..=40).for_each(|level| row.insert(AccessLevelNumber(level)));
        assert!((1..=40).all(|level| row.contains(level)) && !row.contains(41));
        (1..=40).step_by(2).for_each(|level| row.remove(AccessLevelNumber(level)));
        assert!((1..=40).all(|level| row.contains(level) == (level % 2 == 0)));
    }
}
