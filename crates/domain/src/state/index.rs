//! The rows that decisions walk: of a subject, a lock, a credential and a level.
//!
//! Must hold only what the way to a grant needs; everything else is looked up in the objects.

use std::sync::Arc;

use super::table::Table;
use crate::ids::{AccessLevelNumber, GrantNumber, LockNumber, PersonNumber, ScheduleNumber};
use crate::noun::access_level::AccessLevel;
use crate::noun::credential::{Credential, CredentialKind, CredentialState};
use crate::noun::grant::{Grant, Right, Target};
use crate::noun::lock::{Lock, PinRule, Posture};
use crate::noun::person::{Person, PersonState};
use crate::noun::schedule::ScheduleRef;
use crate::time::{Window, Zone};

// A target as one word: a number below 2^29, and these.
/// It is a level, not a lock.
const LEVEL: u32 = 1 << 31;
/// The grant shares and never opens, so the word is that of no level and no lock.
const SHARE: u32 = 1 << 30;
/// The grant has a window or a schedule of its own.
const TIMED: u32 = 1 << 29;
const NUMBER: u32 = TIMED - 1;
/// Fills a lock's row; no target without `TIMED` is like it.
const NO_LEVEL: u32 = u32::MAX;

const INLINE_GRANTS: usize = 12;
const INLINE_LEVELS: usize = 8;

fn word(level: AccessLevelNumber) -> u32 {
    level.0 | LEVEL
}

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
            Target::AccessLevel(level) => word(level),
        };
        let plain = grant.window == Window::ALWAYS && grant.schedule.is_none();
        let share = if grant.right == Right::Share { SHARE } else { 0 };
        let target = target | share | if plain { 0 } else { TIMED };
        Reach { target, grant: grant.header.number }
    }

    /// The grant's number.
    #[must_use]
    pub fn grant(self) -> GrantNumber {
        GrantNumber(self.grant)
    }

    /// Whether the grant opens, rather than shares.
    #[must_use]
    pub fn opens(self) -> bool {
        self.target & SHARE == 0
    }
}

/// The targets of the open grants of one person or credential, in order of number.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct SubjectRow {
    /// The first targets; 0 where there are fewer.
    first: [u32; INLINE_GRANTS],
    more: Option<Arc<Vec<Reach>>>,
    /// Of a person: whether it is there, and may come in.
    person: Option<PersonState>,
}

/// The subjects of one kind: what decisions read of each, and apart from it the numbers of the
/// grants, which are read where a decision is explained.
#[derive(Clone, Debug, Default)]
pub(super) struct Subjects {
    rows: Table<SubjectRow>,
    grants: Table<[u32; INLINE_GRANTS]>,
}

impl Subjects {
    #[inline]
    pub(super) fn get(&self, number: u32) -> Reaches<'_> {
        Reaches { row: self.rows.get_or(number, &NO_REACH), subjects: self, number }
    }

    pub(super) fn set_person(&mut self, person: &Person, add: bool) {
        self.rows.edit(person.header.number).person = add.then_some(person.state);
    }

    pub(super) fn insert(&mut self, number: u32, reach: Reach) {
        let mut all: Vec<Reach> =
            self.get(number).iter().filter(|it| it.grant != reach.grant).collect();
        let at = all.partition_point(|it| it.grant < reach.grant);
        all.insert(at, reach);
        self.fill(number, all);
    }

    pub(super) fn remove(&mut self, number: u32, grant: GrantNumber) {
        let all = self.get(number).iter().filter(|it| it.grant != grant.0).collect();
        self.fill(number, all);
    }

    fn fill(&mut self, number: u32, mut all: Vec<Reach>) {
        let more = all.split_off(all.len().min(INLINE_GRANTS));
        let (row, grants) = (self.rows.edit(number), self.grants.edit(number));
        row.first = std::array::from_fn(|at| all.get(at).map_or(0, |reach| reach.target));
        *grants = std::array::from_fn(|at| all.get(at).map_or(0, |reach| reach.grant));
        row.more = (!more.is_empty()).then(|| more.into());
    }
}

static NO_REACH: SubjectRow = SubjectRow { first: [0; INLINE_GRANTS], person: None, more: None };

/// The open grants of one subject.
#[derive(Clone, Copy, Debug)]
pub struct Reaches<'s> {
    row: &'s SubjectRow,
    subjects: &'s Subjects,
    number: u32,
}

impl<'s> Reaches<'s> {
    /// The open grants, in order of number.
    pub fn iter(self) -> impl Iterator<Item = Reach> + use<'s> {
        let grants = self.subjects.grants.get(self.number).into_iter().flatten();
        let first = self.row.first.iter().zip(grants).take_while(|(target, _)| **target != 0);
        let more = self.row.more.as_deref().map_or(&[][..], Vec::as_slice);
        first
            .map(|(target, grant)| Reach { target: *target, grant: *grant })
            .chain(more.iter().copied())
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.row.first[0] == 0
    }

    /// What is known of the person whose grants these are, if it is there.
    #[inline]
    pub(crate) fn person(self) -> Option<PersonState> {
        self.row.person
    }

    /// The grants for opening that reach `lock`, whose row is `levels`, in order of number.
    #[inline]
    pub(crate) fn hits(self, lock: LockNumber, levels: &'s LockRow) -> Hits<'s> {
        let mut found = self.row.inline_hits(lock, levels);
        if levels.more.is_some() {
            found |= self.row.hits_in_more(levels);
        }
        Hits { reaches: self, lock, levels, found, at: 0 }
    }
}

/// Goes through the grants of one subject that reach a lock.
#[derive(Clone, Debug)]
pub(crate) struct Hits<'s> {
    reaches: Reaches<'s>,
    lock: LockNumber,
    levels: &'s LockRow,
    /// Which of the first do, bit by bit.
    found: u32,
    /// How many of the others have been looked at.
    at: usize,
}

impl Hits<'_> {
    /// Whether there may be others.
    #[inline]
    pub(crate) fn are_left(&self) -> bool {
        (self.found != 0) | self.reaches.row.more.is_some()
    }
}

impl<'s> Iterator for Hits<'s> {
    type Item = Hit<'s>;

    #[inline]
    fn next(&mut self) -> Option<Hit<'s>> {
        let at = self.found.trailing_zeros() as usize;
        if let Some(target) = self.reaches.row.first.get(at) {
            self.found &= self.found - 1;
            return Some(Hit { reaches: self.reaches, at, target: *target });
        }
        let more = self.reaches.row.more.as_deref()?.get(self.at..)?;
        let (at, target) = next_of_more(more, self.lock, self.levels)?;
        let at = self.at + at;
        self.at = at + 1;
        Some(Hit { reaches: self.reaches, at: INLINE_GRANTS + at, target })
    }
}

/// The next of the grants beyond the first that reaches the lock.
#[cold]
fn next_of_more(more: &[Reach], lock: LockNumber, row: &LockRow) -> Option<(usize, u32)> {
    let mut targets = more.iter().map(|reach| reach.target).enumerate();
    targets.find(|(_, target)| {
        let plain = target & !TIMED;
        plain == lock.0 || row.contains(plain)
    })
}

impl SubjectRow {
    /// Which of the first targets are the lock or one of its first levels, bit by bit. All are
    /// compared with all, without a branch: written so, the compiler does four at a time.
    #[inline]
    fn inline_hits(&self, lock: LockNumber, levels: &LockRow) -> u32 {
        let mut found = [0; 4];
        for (four, first) in self.first.as_chunks::<4>().0.iter().zip([0, 4, 8]) {
            let four = four.map(|target| target & !TIMED);
            let mut hits = four.map(|target| target == lock.0);
            for level in &levels.first {
                hits.iter_mut().zip(four).for_each(|(hit, target)| *hit |= target == *level);
            }
            for ((found, hit), at) in found.iter_mut().zip(hits).zip(first..) {
                *found |= u32::from(hit) << at;
            }
        }
        found.iter().fold(0, |all, found| all | found)
    }

    #[cold]
    fn hits_in_more(&self, levels: &LockRow) -> u32 {
        let hits = self.first.iter().map(|target| levels.contains(target & !TIMED));
        hits.zip(0..).fold(0, |bits, (hit, at)| bits | u32::from(hit) << at)
    }
}

/// One open grant that reaches the lock that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit<'s> {
    reaches: Reaches<'s>,
    at: usize,
    target: u32,
}

impl Hit<'_> {
    /// The grant's number.
    pub(crate) fn grant(self) -> GrantNumber {
        let Reaches { row, subjects, number } = self.reaches;
        let inline = || subjects.grants.get(number)?.get(self.at).copied();
        let spilled = || Some(row.more.as_ref()?.get(self.at - INLINE_GRANTS)?.grant);
        let grant = if self.at < INLINE_GRANTS { inline() } else { spilled() };
        GrantNumber(grant.unwrap_or_default())
    }

    /// Whether the grant has neither window nor schedule of its own.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.target & TIMED == 0
    }

    /// The level through which it reaches the lock, unless straight.
    #[inline]
    pub(crate) fn level(self) -> Option<AccessLevelNumber> {
        (self.target & LEVEL != 0).then_some(AccessLevelNumber(self.target & NUMBER))
    }
}

/// The settings of a lock that a decision reads, and the levels it is in.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct LockRow {
    /// The first levels as words; `NO_LEVEL` where there are fewer.
    first: [u32; INLINE_LEVELS],
    /// Whether there is such a lock.
    pub(crate) is_present: bool,
    /// What it does whoever stands before it.
    pub(crate) posture: Posture,
    /// When it asks for a PIN.
    pub(crate) pin: PinRule,
    /// Whether there are times at which `pin` holds.
    pub(crate) has_pin_times: bool,
    /// Whether there are times at which the door is held open.
    pub(crate) has_unlock_times: bool,
    /// The lock's own zone.
    pub(crate) zone: Option<Zone>,
    /// The other levels, sorted.
    more: Option<Arc<[u32]>>,
}

impl Default for LockRow {
    fn default() -> LockRow {
        LockRow::EMPTY
    }
}

impl LockRow {
    /// A row with nothing in it.
    pub(super) const EMPTY: LockRow = LockRow {
        first: [NO_LEVEL; INLINE_LEVELS],
        is_present: false,
        posture: Posture::Normal,
        pin: PinRule::Never,
        has_pin_times: false,
        has_unlock_times: false,
        zone: None,
        more: None,
    };

    /// The levels, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = AccessLevelNumber> {
        let more = self.more.as_deref().unwrap_or_default();
        let first = self.first.iter().take_while(|level| **level != NO_LEVEL);
        first.chain(more).map(|level| AccessLevelNumber(level & NUMBER))
    }

    fn contains(&self, word: u32) -> bool {
        self.first.contains(&word)
            || self.more.as_deref().is_some_and(|more| more.binary_search(&word).is_ok())
    }

    pub(super) fn set(&mut self, lock: &Lock, add: bool) {
        let former = std::mem::take(self);
        let (first, more) = (former.first, former.more);
        *self = if add {
            LockRow {
                first,
                is_present: true,
                posture: lock.posture,
                pin: lock.pin,
                has_pin_times: lock.pin_schedule.is_some(),
                has_unlock_times: lock.unlock_schedule.is_some(),
                zone: lock.zone.clone(),
                more,
            }
        } else {
            LockRow { first, more, ..LockRow::EMPTY }
        };
    }

    pub(super) fn insert(&mut self, level: AccessLevelNumber) {
        let mut all: Vec<u32> = self.iter().filter(|it| *it != level).map(word).collect();
        all.push(word(level));
        self.fill(all);
    }

    pub(super) fn remove(&mut self, level: AccessLevelNumber) {
        let all = self.iter().filter(|it| *it != level).map(word).collect();
        self.fill(all);
    }

    fn fill(&mut self, mut all: Vec<u32>) {
        let mut more = all.split_off(all.len().min(INLINE_LEVELS));
        more.sort_unstable();
        self.first = std::array::from_fn(|at| all.get(at).copied().unwrap_or(NO_LEVEL));
        self.more = (!more.is_empty()).then(|| more.into());
    }
}

const PRESENT: u32 = 1 << 31;
const ORDINARY: u32 = 1 << 30;
const KIND: u32 = 28;

/// What a decision needs of a credential that nothing is out of the ordinary with: whose it is (a
/// number below 2^28) and its kind. It stands beside the number wherever a credential is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HolderRow(u32);

impl HolderRow {
    /// That there is no such credential.
    pub(super) const NONE: HolderRow = HolderRow(0);

    pub(super) fn new(credential: &Credential) -> HolderRow {
        let ordinary =
            credential.state == CredentialState::Active && credential.valid == Window::ALWAYS;
        let person = credential.person.map_or(0, u32::from);
        let kind = (credential.kind as u32) << KIND;
        HolderRow(PRESENT | if ordinary { ORDINARY } else { 0 } | kind | person)
    }

    /// Whether there is such a credential.
    #[inline]
    pub(crate) fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Whether it is active and always valid.
    #[inline]
    pub(crate) fn is_ordinary(self) -> bool {
        self.0 & ORDINARY != 0
    }

    /// What kind it is.
    #[inline]
    pub(crate) fn kind(self) -> CredentialKind {
        match self.0 >> KIND & 3 {
            0 => CredentialKind::Card,
            1 => CredentialKind::Code,
            _ => CredentialKind::Phone,
        }
    }

    /// Whose it is.
    #[inline]
    pub(crate) fn person(self) -> Option<PersonNumber> {
        let person = self.0 & ((1 << KIND) - 1);
        (person != 0).then_some(PersonNumber(person))
    }
}

/// When the grants of a level hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LevelRow(u32);

/// What a [`LevelRow`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LevelTimes {
    /// At all times.
    Always,
    /// At those of one of the place's schedules.
    Named(ScheduleNumber),
    /// At times of its own, which stand in the object.
    Inline,
}

impl LevelRow {
    /// That nothing limits them.
    pub(super) const ALWAYS: LevelRow = LevelRow(0);
    const INLINE: u32 = u32::MAX;

    pub(super) fn new(level: &AccessLevel) -> LevelRow {
        LevelRow(match &level.schedule {
            None => 0,
            Some(ScheduleRef::Named(number)) => number.0,
            Some(ScheduleRef::Inline(_)) => LevelRow::INLINE,
        })
    }

    /// What it says.
    #[inline]
    pub(crate) fn times(self) -> LevelTimes {
        match self.0 {
            0 => LevelTimes::Always,
            LevelRow::INLINE => LevelTimes::Inline,
            number => LevelTimes::Named(ScheduleNumber(number)),
        }
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
        let contains = |row: &LockRow, level| row.contains(word(AccessLevelNumber(level)));
        (1..=40).for_each(|level| row.insert(AccessLevelNumber(level)));
        assert!((1..=40).all(|level| contains(&row, level)) && !contains(&row, 41));
        (1..=40).step_by(2).for_each(|level| row.remove(AccessLevelNumber(level)));
        assert!((1..=40).all(|level| contains(&row, level) == (level % 2 == 0)));
    }

    #[test]
    fn a_subject_may_have_many_grants() {
        let mut subjects = Subjects::default();
        let mut row = LockRow::default();
        row.insert(AccessLevelNumber(30));
        for number in (1..=40u32).rev() {
            let timed = if number.is_multiple_of(2) { TIMED } else { 0 };
            let share = if number.is_multiple_of(3) { SHARE } else { 0 };
            let level = word(AccessLevelNumber(30 - number % 2));
            subjects.insert(9, Reach { target: level | timed | share, grant: number });
        }
        subjects.insert(9, Reach { target: 5, grant: 41 });
        subjects.remove(9, GrantNumber(4));
        let all: Vec<u32> = subjects.get(9).iter().map(|reach| reach.grant).collect();
        assert_eq!(all, (1..=41).filter(|it| *it != 4).collect::<Vec<u32>>());
        let hits = subjects.get(9).hits(LockNumber(5), &row);
        let hits: Vec<u32> = hits.map(|hit| hit.grant().0).collect();
        let right =
            |it: &u32| *it == 41 || (it.is_multiple_of(2) && !it.is_multiple_of(3) && *it != 4);
        assert_eq!(hits, (1..=41).filter(right).collect::<Vec<u32>>());
    }
}
