//! Which grants reach the lock, and how each stands at an instant.

use super::Decision;
use crate::ids::AccessLevelNumber;
use crate::noun::lock::Posture;
use crate::noun::schedule::ScheduleRef;
use crate::reason::{Reason, Reasons};
use crate::state::{Hit, LevelTimes, Reaches};

/// How one reaching grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It allows.
    Open,
    /// It does not, for this reason of time.
    Outside(Reason),
}

/// What the reaching grants come to.
#[derive(Default)]
struct Sum {
    /// Whether any reaches.
    any: bool,
    /// Whether any of them holds now.
    open: bool,
    /// Whether one of those overrides lockdown.
    overridden: bool,
    /// Why others do not hold.
    outside: Reasons,
}

impl<'s> Decision<'s> {
    /// The open grants of the person and the credential (none where the person asks from afar) that
    /// reach the lock and are for opening.
    pub(super) fn reaching(&self) -> impl Iterator<Item = Hit<'s>> + use<'s> {
        let (lock, levels) = (self.request.lock, self.state.lock_levels(self.request.lock));
        let subjects = [self.persons(), self.credentials()].into_iter().flatten();
        subjects.flat_map(move |subject| subject.hits(lock, levels))
    }

    #[inline]
    fn persons(&self) -> Option<Reaches<'s>> {
        self.numbers.person.map(|number| self.state.person_reach(number))
    }

    /// Grants to a credential are rare: mostly there is nothing to go through.
    #[inline]
    fn credentials(&self) -> Option<Reaches<'s>> {
        let reaches = self.numbers.credential.map(|number| self.state.credential_reach(number));
        reaches.filter(|reaches| !reaches.is_empty())
    }

    /// Checks 8 and 9, and whether lockdown is overridden.
    #[inline]
    pub(super) fn check_grants(&mut self) {
        let mut sum = Sum::default();
        if let Some(reaches) = self.persons() {
            self.weigh(reaches, &mut sum);
        }
        if let Some(reaches) = self.credentials() {
            self.weigh(reaches, &mut sum);
        }
        if self.door.posture() == Posture::Lockdown && !sum.overridden {
            self.reasons.add(Reason::Lockdown);
        }
        if !sum.any {
            self.reasons.add(Reason::NoGrant);
        } else if !sum.open {
            self.reasons.join(sum.outside);
        }
    }

    #[inline]
    fn weigh(&self, reaches: Reaches<'s>, sum: &mut Sum) {
        let lock = self.request.lock;
        for hit in reaches.hits(lock, self.state.lock_levels(lock)) {
            sum.any = true;
            match self.standing(hit) {
                Standing::Open => {
                    sum.open = true;
                    if self.door.posture() != Posture::Lockdown {
                        return;
                    }
                    sum.overridden |= self.overrides(hit);
                }
                Standing::Outside(reason) => sum.outside.add(reason),
            }
        }
    }

    /// How a reaching grant stands now. Its window is asked first, then its schedules.
    #[inline]
    pub(super) fn standing(&self, hit: Hit<'s>) -> Standing {
        if !hit.is_plain()
            && let Some(reason) = self.outside_its_own_times(hit)
        {
            return Standing::Outside(reason);
        }
        match hit.level() {
            Some(level) if !self.is_open_level(level) => Standing::Outside(Reason::OutsideSchedule),
            _ => Standing::Open,
        }
    }

    fn outside_its_own_times(&self, hit: Hit<'s>) -> Option<Reason> {
        let (now, grant) = (self.request.now, self.state.grants.get(hit.grant())?);
        if grant.window.before(now) {
            return Some(Reason::GrantNotYetValid);
        }
        if grant.window.past(now) {
            return Some(Reason::GrantExpired);
        }
        let closed = grant.schedule.as_ref().is_some_and(|schedule| !self.is_open(schedule));
        closed.then_some(Reason::OutsideSchedule)
    }

    /// Whether the level's grants hold now.
    #[inline]
    fn is_open_level(&self, level: AccessLevelNumber) -> bool {
        match self.state.level_row(level).times() {
            LevelTimes::Always => true,
            LevelTimes::Named(schedule) => {
                let hours = self.state.hours(schedule);
                let answer = hours.is_open(self.request.now, self.door.zone());
                answer.unwrap_or_else(|| self.is_open(&ScheduleRef::Named(schedule)))
            }
            LevelTimes::Inline => {
                let level = self.state.levels.get(level);
                let schedule = level.and_then(|level| level.schedule.as_ref());
                schedule.is_none_or(|schedule| self.is_open(schedule))
            }
        }
    }

    /// Asks the compiled schedule itself. One that is not there is closed: no answer means closed.
    #[cold]
    fn is_open(&self, schedule: &ScheduleRef) -> bool {
        let times = self.state.timetable(schedule);
        times.is_some_and(|it| it.compiled().is_open(self.request.now, self.door.zone()))
    }

    /// Whether the grant opens in lockdown.
    pub(super) fn overrides(&self, hit: Hit<'_>) -> bool {
        self.state.grants.get(hit.grant()).is_some_and(|grant| grant.override_lockdown)
    }
}
