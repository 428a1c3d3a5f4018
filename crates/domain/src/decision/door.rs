//! The settings of the lock that is asked, read from its owner's place.

use crate::noun::lock::{Lock, PinRule, Posture};
use crate::noun::schedule::{ScheduleRef, Timetable};
use crate::state::PlaceState;
use crate::time::{Instant, Zone};

/// A lock's own settings, resolved at its owner; they bind every place the lock is in.
#[derive(Clone, Copy, Debug)]
pub struct Door<'s> {
    lock: &'s Lock,
    zone: &'s Zone,
    unlock: Option<&'s Timetable>,
    pin: Option<&'s Timetable>,
}

impl<'s> Door<'s> {
    /// The settings of `lock`, which `owner` owns.
    #[must_use]
    #[inline]
    pub fn of(owner: &'s PlaceState, lock: &'s Lock) -> Door<'s> {
        let timetable = |schedule: &'s Option<ScheduleRef>| {
            schedule.as_ref().and_then(|schedule| owner.timetable(schedule))
        };
        Door {
            lock,
            zone: owner.zone_of(lock),
            unlock: timetable(&lock.unlock_schedule),
            pin: timetable(&lock.pin_schedule),
        }
    }

    /// The owner's record of the lock.
    #[must_use]
    pub fn lock(&self) -> &'s Lock {
        self.lock
    }

    /// The zone of the lock.
    #[must_use]
    pub fn zone(&self) -> &'s Zone {
        self.zone
    }

    pub(super) fn posture(&self) -> Posture {
        self.lock.posture
    }

    pub(super) fn unlock(&self) -> Option<&'s Timetable> {
        self.unlock
    }

    pub(super) fn pin_times(&self) -> Option<&'s Timetable> {
        self.pin
    }

    /// Whether the door stands open to everybody at `now`.
    #[inline]
    pub(super) fn is_free(&self, now: Instant) -> bool {
        match self.lock.posture {
            Posture::FreeAccess => true,
            Posture::Normal => {
                self.unlock.is_some_and(|unlock| unlock.compiled().is_open(now, self.zone))
            }
            Posture::Lockdown | Posture::Disabled => false,
        }
    }

    /// The PIN rule that holds at `now`.
    #[inline]
    pub(super) fn pin_rule(&self, now: Instant) -> PinRule {
        match (self.lock.pin, self.pin) {
            (PinRule::Never, _) => PinRule::Never,
            (_, Some(times)) if !times.compiled().is_open(now, self.zone) => PinRule::Never,
            (rule, _) => rule,
        }
    }
}
