//! Weekly windows compiled: the week as edges in minutes, and the dates that differ from it.
//! Evaluated by the clock on the wall at the instant asked for, so a time skipped in spring never
//! occurs and one repeated in autumn holds twice. Must not allocate after compiling.

mod check;
mod compile;

pub(crate) use compile::compile;

use super::calendar::{DAY_S, join, split, weekday};
use super::edges;
use super::hours::Hours;
use super::minute::DAY_MIN;
use crate::time::{Instant, SECOND, Zone};

/// Minutes in one week.
const WEEK_MIN: u16 = 7 * DAY_MIN;
/// Seconds in one civil week.
const WEEK_S: i64 = 7 * DAY_S;

/// The compiled form of `Weekly`.
#[derive(Clone, Debug)]
pub(crate) struct Week {
    /// `None` is the zone of the lock.
    zone: Option<Zone>,
    /// Edges in minutes since Monday 00:00.
    edges: Box<[u16]>,
    /// Days that differ from the week, in order.
    days: Box<[Day]>,
    /// Edges of those days, in minutes since midnight.
    day_edges: Box<[u16]>,
}

/// One day that differs from the week; its edges are `day_edges[from..until]`.
#[derive(Clone, Copy, Debug)]
struct Day {
    number: i32,
    from: u32,
    until: u32,
}

impl Week {
    /// The same in one row, where it fits.
    pub(crate) fn hours(&self) -> Hours {
        match self.zone {
            None => Hours::of(&self.edges, self.days.iter().map(|differs| differs.number)),
            Some(_) => Hours::Long,
        }
    }

    /// The zone it names.
    pub(crate) fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// Whether it is open at `at`.
    pub(crate) fn is_open(&self, at: Instant, lock_zone: &Zone) -> bool {
        let at_s = at.seconds();
        self.holds(at_s + self.zone.as_ref().unwrap_or(lock_zone).offset_s(at_s))
    }

    /// The first instant in `[from, until)` at which being open is `wanted`.
    pub(crate) fn next(
        &self,
        wanted: bool,
        from: Instant,
        until: Instant,
        lock_zone: &Zone,
    ) -> Option<Instant> {
        let zone = self.zone.as_ref().unwrap_or(lock_zone);
        let mut at = from;
        while at < until {
            let at_s = at.seconds();
            let stretch = zone.stretch(at_s);
            let wall_s = at_s + stretch.offset_s;
            if self.holds(wall_s) == wanted {
                return Some(at);
            }
            let change_s = self.change_after(wall_s)?.saturating_sub(stretch.offset_s);
            at = Instant(change_s.min(stretch.until_s).saturating_mul(SECOND));
        }
        None
    }

    /// Whether a window holds when the clock on the wall shows `wall_s`.
    fn holds(&self, wall_s: i64) -> bool {
        let (day, second) = split(wall_s);
        let minute = minute_of(second);
        match self.day(day) {
            Some(edges) => edges::hold(edges, minute),
            None => edges::hold(&self.edges, week_minute(day, minute)),
        }
    }

    /// The first wall time after `wall_s` at which something may change; `None` if nothing can.
    fn change_after(&self, wall_s: i64) -> Option<i64> {
        let (day, second) = split(wall_s);
        let minute = minute_of(second);
        if let Some(edges) = self.day(day) {
            let edge = edges::next(edges, minute).unwrap_or(DAY_MIN);
            return Some(join(day, i64::from(edge) * 60));
        }
        let after = self.days.partition_point(|differs| differs.number <= day);
        let next_day_s = self.days.get(after).map(|differs| join(differs.number, 0));
        let week_s = if *self.edges == [0, WEEK_MIN] {
            None
        } else {
            let edge = edges::next(&self.edges, week_minute(day, minute));
            let monday_s = wall_s - wall_s_in_week(day, second);
            // After the last edge of the week comes the first of the week after.
            let first_s = WEEK_S + i64::from(self.edges.first().copied().unwrap_or(0)) * 60;
            Some(monday_s + edge.map_or(first_s, |edge| i64::from(edge) * 60))
        };
        match (next_day_s, week_s) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The edges of a day that differs from the week.
    fn day(&self, day: i32) -> Option<&[u16]> {
        if self.days.is_empty() {
            return None;
        }
        let found = self.days.binary_search_by_key(&day, |differs| differs.number).ok()?;
        let Day { from, until, .. } = self.days[found];
        self.day_edges.get(from as usize..until as usize)
    }
}

pub(super) fn minute_of(second: i64) -> u16 {
    (second / 60) as u16
}

pub(super) fn week_minute(day: i32, minute: u16) -> u16 {
    weekday(day) as u16 * DAY_MIN + minute
}

fn wall_s_in_week(day: i32, second: i64) -> i64 {
    i64::from(weekday(day)) * DAY_S + second
}
