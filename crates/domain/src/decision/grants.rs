//! Which grants reach the lock, and how each stands at an instant.

use super::{Decision, Door, Numbers, Request};
use crate::ids::{AccessLevelNumber, CredentialNumber, LockNumber};
use crate::noun::lock::Posture;
use crate::noun::schedule::ScheduleRef;
use crate::reason::{Reason, Reasons};
use crate::state::{Hit, Hits, LevelTimes, PlaceState, Reaches};
use crate::time::Instant;

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

/// What grants are weighed by: the place they are of, the lock and its settings, and the instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale<'s> {
    pub(super) state: &'s PlaceState,
    pub(super) door: Door<'s>,
    pub(super) lock: LockNumber,
    pub(super) now: Instant,
}

impl<'s> Decision<'s> {
    fn scale(&self) -> Scale<'s> {
        let Request { lock, now, .. } = self.request;
        Scale { state: self.state(), door: self.door, lock, now }
    }

    /// The open grants of the person and the credential (none where the person asks from afar) that
    /// reach the lock and are for opening.
    pub(super) fn reaching(&self) -> impl Iterator<Item = Hit<'s>> + use<'s> {
        let (lock, levels) = (self.request.lock, self.state().lock_levels(self.request.lock));
        let Numbers { credential, person } = self.numbers;
        let persons = person.map(|number| self.state().person_reach(number));
        let credentials = credential.map(|number| self.state().credential_reach(number));
        let subjects = [persons, credentials].into_iter().flatten();
        subjects.flat_map(move |subject| subject.hits(lock, levels))
    }

    /// Whether a reaching grant holds now.
    pub(super) fn holds(&self, hit: Hit<'s>) -> bool {
        self.scale().outside(hit).is_empty()
    }

    /// Whether the grant opens in lockdown.
    pub(super) fn overrides(&self, hit: Hit<'_>) -> bool {
        self.scale().overrides(hit)
    }
}

impl<'s> Scale<'s> {
    /// Checks 8 and 9, and whether lockdown is overridden: what stands in the way.
    #[inline]
    pub(super) fn weigh(
        self,
        person: Option<Reaches<'s>>,
        credential: Option<CredentialNumber>,
    ) -> Reasons {
        let mut sum = Sum::default();
        if let Some(reaches) = person {
            self.add(reaches, &mut sum);
        }
        // Grants to a credential are rare: mostly there is nothing to go through.
        let own = credential.map(|number| self.state.credential_reach(number));
        if let Some(reaches) = own.filter(|reaches| !reaches.is_empty()) {
            self.add_rare(reaches, &mut sum);
        }
        let mut reasons = sum.outside.only_if(!sum.open);
        reasons.join(Reasons::from(Reason::NoGrant).only_if(!sum.any));
        if !sum.overridden {
            reasons.join(self.door.lockdown());
        }
        reasons
    }

    #[cold]
    fn add_rare(self, reaches: Reaches<'s>, sum: &mut Sum) {
        self.add(reaches, sum);
    }

    #[inline(always)]
    fn add(self, reaches: Reaches<'s>, sum: &mut Sum) {
        let lockdown = self.door.posture() == Posture::Lockdown;
        let mut hits = reaches.hits(self.lock, self.door.row_in(self.state, self.lock));
        if let Some(first) = hits.next() {
            self.count(first, sum);
            if hits.are_left() && (!sum.open || lockdown) {
                self.add_others(hits, sum);
            }
        }
    }

    #[cold]
    fn add_others(self, hits: Hits<'s>, sum: &mut Sum) {
        hits.for_each(|hit| self.count(hit, sum));
    }

    /// Adds one grant that reaches the lock.
    #[inline(always)]
    fn count(self, hit: Hit<'s>, sum: &mut Sum) {
        let outside = self.outside(hit);
        sum.any = true;
        sum.open |= outside.is_empty();
        sum.outside.join(outside);
        if self.door.posture() == Posture::Lockdown {
            sum.overridden |= outside.is_empty() && self.overrides(hit);
        }
    }

    /// Why a reaching grant does not hold now, if so: its window is asked first, then its
    /// schedules.
    #[inline]
    fn outside(self, hit: Hit<'s>) -> Reasons {
        if !hit.is_plain()
            && let Some(reason) = self.outside_its_own_times(hit)
        {
            return Reasons::from(reason);
        }
        let is_open = hit.level().is_none_or(|level| self.is_open_level(level));
        Reasons::from(Reason::OutsideSchedule).only_if(!is_open)
    }

    #[cold]
    fn outside_its_own_times(self, hit: Hit<'s>) -> Option<Reason> {
        let (now, grant) = (self.now, self.state.grants.get(hit.grant())?);
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
    fn is_open_level(self, level: AccessLevelNumber) -> bool {
        match self.state.level_row(level).times() {
            LevelTimes::Always => true,
            LevelTimes::Named(schedule) => {
                let hours = self.state.hours(schedule);
                let answer = hours.is_open(self.now, self.door.zone());
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
    fn is_open(self, schedule: &ScheduleRef) -> bool {
        let times = self.state.timetable(schedule);
        times.is_some_and(|it| it.compiled().is_open(self.now, self.door.zone()))
    }

    fn overrides(self, hit: Hit<'_>) -> bool {
        self.state.grants.get(hit.grant()).is_some_and(|grant| grant.override_lockdown)
    }
}
