//! The settings of the lock that is asked, read from its owner's place.

use crate::ids::LockNumber;
use crate::noun::lock::{Lock, PinRule, Posture};
use crate::noun::schedule::{ScheduleRef, Timetable};
use crate::reason::{Reason, Reasons};
use crate::state::{LockRow, PlaceState};
use crate::time::{Instant, Zone};

/// A lock's own settings, resolved at its owner; they bind every place the lock is in.
#[derive(Clone, Copy, Debug)]
pub struct Door<'s> {
    owner: &'s PlaceState,
    lock: LockNumber,
    row: &'s LockRow,
}

impl<'s> Door<'s> {
    /// The settings of a lock by its number at its owner, if there is such a lock.
    #[must_use]
    #[inline]
    pub fn at(owner: &'s PlaceState, lock: LockNumber) -> Option<Door<'s>> {
        let row = owner.lock_levels(lock);
        row.is_present.then_some(Door { owner, lock, row })
    }

    /// The row of the lock in a place it is in.
    #[inline]
    pub(super) fn row_in(&self, state: &'s PlaceState, lock: LockNumber) -> &'s LockRow {
        // Mostly the owner itself decides, and its row is at hand.
        if std::ptr::eq(state, self.owner) { self.row } else { state.lock_levels(lock) }
    }

    /// The zone of the lock.
    #[must_use]
    #[inline]
    pub fn zone(&self) -> &'s Zone {
        self.row.zone.as_ref().unwrap_or(&self.owner.place.zone)
    }

    #[inline]
    pub(super) fn posture(&self) -> Posture {
        self.row.posture
    }

    /// The PIN rule at the times at which it holds.
    #[inline]
    pub(super) fn pin(&self) -> PinRule {
        self.row.pin
    }

    /// The times at which the door is held open.
    #[inline]
    pub(super) fn unlock(&self) -> Option<&'s Timetable> {
        if self.row.has_unlock_times {
            self.times(|lock| lock.unlock_schedule.as_ref())
        } else {
            None
        }
    }

    /// The times at which the PIN rule holds; always where there are none.
    #[inline]
    pub(super) fn pin_times(&self) -> Option<&'s Timetable> {
        if self.row.has_pin_times { self.times(|lock| lock.pin_schedule.as_ref()) } else { None }
    }

    fn times(
        &self,
        which: impl FnOnce(&'s Lock) -> Option<&'s ScheduleRef>,
    ) -> Option<&'s Timetable> {
        self.owner.timetable(which(self.owner.locks.get(self.lock)?)?)
    }

    /// That the lock is in lockdown, where it is.
    #[inline]
    pub(super) fn lockdown(&self) -> Reasons {
        if self.posture() == Posture::Lockdown {
            Reasons::from(Reason::Lockdown)
        } else {
            Reasons::NONE
        }
    }

    /// Whether the door stands open to everybody at `now`.
    #[inline]
    pub(super) fn is_free(&self, now: Instant) -> bool {
        // One test after the other: nearly all locks are `Normal`.
        let posture = self.posture();
        if posture == Posture::Normal {
            self.is_held_open(now)
        } else {
            posture == Posture::FreeAccess
        }
    }

    /// Whether the unlock schedule holds the door open at `now`, the posture apart.
    #[inline]
    pub(super) fn is_held_open(&self, now: Instant) -> bool {
        self.unlock().is_some_and(|times| times.compiled().is_open(now, self.zone()))
    }

    /// Whether the PIN rule asks for a PIN at `now`; it may be only of those who have one.
    #[must_use]
    #[inline]
    pub fn asks_pin(&self, now: Instant) -> bool {
        let in_time = |times: &Timetable| times.compiled().is_open(now, self.zone());
        self.pin() != PinRule::Never && self.pin_times().is_none_or(in_time)
    }
}
