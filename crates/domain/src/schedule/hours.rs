//! The common schedule in one cache line: weekly hours by the clock of the lock, few exceptions.
//! Answers only what it holds; the compiled schedule is asked about the rest.

use crate::time::{Instant, Zone};

const EDGES: usize = 16;
const DAYS: usize = 7;

const DAY_MIN: u32 = 24 * 60;
const WEEK_MIN: u32 = 7 * DAY_MIN;
/// From the Monday before to 1970-01-01, a Thursday.
const MONDAY_MIN: u32 = 3 * DAY_MIN;

/// What a decision reads of one of a place's schedules.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(crate) enum Hours {
    /// There is no such schedule.
    #[default]
    Absent,
    /// Weekly, short, in the zone of the lock.
    Short(Short),
    /// Anything else.
    Long,
}

/// Weekly hours and the days that differ from them.
#[derive(Clone, Debug)]
pub(crate) struct Short {
    /// Edges in minutes since Monday 00:00; after the last, minutes that no week has.
    edges: [u16; EDGES],
    /// Days that differ; after the last, a day that never comes.
    days: [i32; DAYS],
}

impl Hours {
    /// From the edges of a week and the days that differ from it.
    pub(crate) fn of(edges: &[u16], days: impl ExactSizeIterator<Item = i32>) -> Hours {
        if edges.len() > EDGES || days.len() > DAYS {
            return Hours::Long;
        }
        let mut short = Short { edges: [u16::MAX; EDGES], days: [i32::MIN; DAYS] };
        short.edges[..edges.len()].copy_from_slice(edges);
        short.days.iter_mut().zip(days).for_each(|(to, day)| *to = day);
        Hours::Short(short)
    }

    /// Whether it is open; `None` if only the compiled schedule can tell.
    #[inline]
    pub(crate) fn is_open(&self, at: Instant, lock_zone: &Zone) -> Option<bool> {
        match self {
            Hours::Short(short) => {
                let at_s = at.seconds();
                short.holds(at_s + lock_zone.offset_s(at_s))
            }
            Hours::Absent | Hours::Long => None,
        }
    }
}

impl Short {
    /// Every edge and every day is compared: no branch to be foreseen. Times that no 32 bits hold
    /// are left to the compiled schedule.
    #[inline]
    fn holds(&self, wall_s: i64) -> Option<bool> {
        let minutes = u32::try_from(wall_s).ok()? / 60;
        let (day, minute) = (minutes / DAY_MIN, ((minutes + MONDAY_MIN) % WEEK_MIN) as u16);
        let differs = self.days.iter().fold(false, |differs, it| differs | (*it == day as i32));
        let passed = self.edges.iter().map(|edge| u16::from(*edge <= minute)).sum::<u16>();
        (!differs).then_some(passed % 2 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_cache_line() {
        assert_eq!(size_of::<Hours>(), 64);
    }
}
