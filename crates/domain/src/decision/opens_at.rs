//! When the door would open if nothing changes but the time.

use super::{Decision, Pin};
use crate::noun::lock::{PinRule, Posture};
use crate::noun::schedule::{ScheduleRef, Timetable};
use crate::reason::Reason;
use crate::state::Hit;
use crate::time::{DAY, Instant, Window};

/// How far ahead is looked.
const HORIZON: i64 = 366 * DAY;
/// A bound on how often two schedules are played against each other; each round moves to an opening
/// of one of them, of which a year holds fewer.
const ROUNDS: usize = 20_000;

/// What time alone lifts; every other reason stays whatever the clock says.
const OF_TIME: &[Reason] = &[
    Reason::CredentialNotYetValid,
    Reason::CredentialExpired,
    Reason::GrantNotYetValid,
    Reason::GrantExpired,
    Reason::OutsideSchedule,
];

impl Decision<'_> {
    /// The first instant after now, within 366 days, at which the same request would be granted;
    /// `None` where it is granted already or something but time stands in the way.
    #[must_use]
    pub fn opens_at(&self) -> Option<Instant> {
        if self.granted {
            return None;
        }
        let (now, until) = (self.request.now, self.request.now.plus(HORIZON));
        let held_open = match self.door.posture() {
            Posture::Normal => self
                .door
                .unlock()
                .and_then(|times| times.compiled().next_open(now, until, self.door.zone())),
            _ => None,
        };
        let let_in = if self.only_time_stands() {
            self.reaching().filter_map(|hit| self.next_opening(hit, until)).min()
        } else {
            None
        };
        match (held_open, let_in) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn only_time_stands(&self) -> bool {
        let lockdown = self.door.posture() == Posture::Lockdown;
        self.reasons.iter().all(|reason| {
            OF_TIME.contains(&reason)
                // Overriding grants may still open; `next_opening` looks at no others then.
                || (reason == Reason::Lockdown && lockdown)
                // A PIN rule may end; `next_opening` waits for that.
                || matches!(reason, Reason::PinNotSet | Reason::PinMissing | Reason::PinWrong)
                || (reason == Reason::PinLockedOut && self.numbers.credential.is_some())
        }) && !self.reasons.has(Reason::CredentialUnknown)
    }

    /// When this grant would let the one in.
    fn next_opening(&self, hit: Hit<'_>, until: Instant) -> Option<Instant> {
        let state = self.state();
        let grant = state.grants.get(hit.grant())?;
        if self.door.posture() == Posture::Lockdown && !grant.override_lockdown {
            return None;
        }
        let valid = self.credential().map_or(Window::ALWAYS, |credential| credential.valid);
        let window = grant.window.intersect(&valid);
        let until = window.until.map_or(until, |end| end.min(until));
        let level = hit.level().and_then(|level| state.levels.get(level));
        let times = |schedule: &Option<ScheduleRef>| -> Option<Timetable> {
            schedule.as_ref().and_then(|schedule| state.timetable(schedule)).cloned()
        };
        let open = [times(&grant.schedule), level.and_then(|level| times(&level.schedule))];
        let pin = self.pin_in_the_way();
        if pin && self.door.pin_times().is_none() {
            return None;
        }
        let mut at = window.from.map_or(self.request.now, |from| from.max(self.request.now));
        for _ in 0..ROUNDS {
            let start = at;
            for times in open.iter().flatten() {
                at = times.compiled().next_open(at, until, self.door.zone())?;
            }
            if pin && let Some(times) = self.door.pin_times() {
                at = times.compiled().next_closed(at, until, self.door.zone())?;
            }
            if at == start {
                return (at < until).then_some(at);
            }
        }
        None
    }

    /// Whether the PIN fails at times when the lock's rule holds.
    fn pin_in_the_way(&self) -> bool {
        let Some(credential) = self.credential() else { return false };
        match (self.door.pin(), &credential.pin) {
            (PinRule::Never, _) | (PinRule::IfSet, None) => false,
            (PinRule::Always, None) => true,
            (_, Some(_)) => match self.request.pin {
                Pin::Missing | Pin::Wrong => true,
                Pin::Right => self.request.lockouts.pin,
                Pin::Asked => false,
            },
        }
    }
}
