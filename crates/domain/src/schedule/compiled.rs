//! The compiled schedule: open or closed at an instant, and when that changes.
//! Must not allocate where only one instant is asked for, and never fails.

use super::hours::Hours;
use super::ical::Occurrences;
use super::weekly::Week;
use crate::time::{Instant, Window, Zone};

/// A schedule that answers at instants; small, made by `Definition::compile`, never stored.
#[derive(Clone, Debug)]
pub struct Compiled(Form);

#[derive(Clone, Debug)]
enum Form {
    Week(Week),
    Occurrences(Occurrences),
}

impl Compiled {
    pub(crate) fn weekly(week: Week) -> Compiled {
        Compiled(Form::Week(week))
    }

    pub(crate) fn ical(occurrences: Occurrences) -> Compiled {
        Compiled(Form::Occurrences(occurrences))
    }

    /// The same in one row, as far as it fits.
    pub(crate) fn hours(&self) -> Hours {
        match &self.0 {
            Form::Week(week) => week.hours(),
            Form::Occurrences(_) => Hours::Long,
        }
    }

    /// The zone it names; none where it goes by that of the lock that is opened.
    #[must_use]
    pub fn zone(&self) -> Option<&Zone> {
        match &self.0 {
            Form::Week(week) => week.zone(),
            Form::Occurrences(occurrences) => occurrences.zone(),
        }
    }

    /// Whether the schedule is open at `at`; `lock_zone` counts where the schedule names no zone.
    /// Costs the same at any instant, however far from the start of a rule.
    #[must_use]
    pub fn is_open(&self, at: Instant, lock_zone: &Zone) -> bool {
        match &self.0 {
            Form::Week(week) => week.is_open(at, lock_zone),
            Form::Occurrences(occurrences) => occurrences.is_open(at, lock_zone),
        }
    }

    /// The first instant at or after `from` and before `until` at which it is open.
    /// Costs time in proportion to the days and changes in the span up to that instant.
    #[must_use]
    pub fn next_open(&self, from: Instant, until: Instant, lock_zone: &Zone) -> Option<Instant> {
        match &self.0 {
            Form::Week(week) => week.next(true, from, until, lock_zone),
            Form::Occurrences(occurrences) => occurrences.next_open(from, until, lock_zone),
        }
    }

    /// The first instant at or after `from` and before `until` at which it is closed.
    /// Costs time in proportion to the days and changes in the span up to that instant.
    #[must_use]
    pub fn next_closed(&self, from: Instant, until: Instant, lock_zone: &Zone) -> Option<Instant> {
        match &self.0 {
            Form::Week(week) => week.next(false, from, until, lock_zone),
            Form::Occurrences(occurrences) => occurrences.next_closed(from, until, lock_zone),
        }
    }

    /// The open windows that meet `[from, until)`, cut to it, merged, in order, at most `limit`.
    /// Both ends of each are present.
    #[must_use]
    pub fn windows(
        &self,
        from: Instant,
        until: Instant,
        lock_zone: &Zone,
        limit: usize,
    ) -> Vec<Window> {
        let mut windows = Vec::new();
        let mut at = from;
        while windows.len() < limit {
            let Some(open) = self.next_open(at, until, lock_zone) else { break };
            let closed = self.next_closed(open, until, lock_zone).unwrap_or(until);
            windows.push(Window { from: Some(open), until: Some(closed) });
            at = closed;
        }
        windows
    }
}
