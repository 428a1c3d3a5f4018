//! Which grants reach the lock, and how each stands at an instant.

use super::{Decision, Numbers};
use crate::reason::Reason;
use crate::state::{Reach, SubjectRow};

/// How one reaching grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It allows.
    Open,
    /// It does not, for this reason of time.
    Outside(Reason),
}

impl<'s> Decision<'s> {
    /// The open grants of the person and the credential (none where the person asks from afar) that
    /// reach the lock and are for opening.
    #[inline]
    pub(super) fn reaching(&self) -> impl Iterator<Item = Reach> + use<'s> {
        let state = self.state;
        let lock = self.request.lock;
        let levels = state.lock_levels(lock);
        let Numbers { person, credential } = self.numbers;
        let persons = person.map(|number| state.person_reach(number));
        let credentials = credential.map(|number| state.credential_reach(number));
        [persons, credentials]
            .into_iter()
            .flatten()
            .flat_map(SubjectRow::iter)
            .filter(move |reach| reach.opens() && reach.reaches(lock, levels))
    }

    /// How a reaching grant stands now. Its window is asked first, then its schedules.
    #[inline]
    pub(super) fn standing(&self, reach: Reach) -> Standing {
        let (now, zone) = (self.request.now, self.door.zone());
        let closed = |schedule| {
            // A schedule that is not there is closed: no answer means closed.
            self.state.timetable(schedule).is_none_or(|it| !it.compiled().is_open(now, zone))
        };
        if !reach.is_plain()
            && let Some(grant) = self.state.grants.get(reach.grant())
        {
            if grant.window.before(now) {
                return Standing::Outside(Reason::GrantNotYetValid);
            }
            if grant.window.past(now) {
                return Standing::Outside(Reason::GrantExpired);
            }
            if grant.schedule.as_ref().is_some_and(closed) {
                return Standing::Outside(Reason::OutsideSchedule);
            }
        }
        let level = reach.level().and_then(|level| self.state.levels.get(level));
        if level.and_then(|level| level.schedule.as_ref()).is_some_and(closed) {
            return Standing::Outside(Reason::OutsideSchedule);
        }
        Standing::Open
    }

    /// Whether the grant opens in lockdown.
    pub(super) fn overrides(&self, reach: Reach) -> bool {
        self.state.grants.get(reach.grant()).is_some_and(|grant| grant.override_lockdown)
    }
}
