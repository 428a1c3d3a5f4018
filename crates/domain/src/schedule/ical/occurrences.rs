//! The compiled event: whether one of its occurrences covers an instant, and when the next begins.
//! Looks at the few days around the instant only; must not allocate or expand.

use super::length::Length;
use super::rule::Rule;
use crate::schedule::calendar::{DAY_S, SHIFT_S, instant_near, instant_of, join, split};
use crate::time::{Instant, SECOND, Stretch, Zone};

/// The compiled form of an iCalendar text.
#[derive(Clone, Debug)]
pub(crate) struct Occurrences {
    /// `None` is the zone of the lock.
    pub(super) zone: Option<Zone>,
    pub(super) rule: Rule,
    /// The time of day at which days of the rule begin, in seconds since midnight.
    pub(super) second: i64,
    pub(super) length: Length,
    /// Days of the rule that EXDATE takes out, in order.
    pub(super) skipped: Box<[i32]>,
    /// Starts that RDATE adds, in order: seconds since the epoch, or on the wall if there is no
    /// zone.
    pub(super) added: Box<[i64]>,
}

/// One question: the zone that counts, and its stretch around the instant asked for.
#[derive(Clone, Copy)]
struct Near<'a> {
    zone: &'a Zone,
    stretch: Stretch,
    at_s: i64,
}

impl Occurrences {
    /// The zone it names.
    pub(crate) fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// Whether an occurrence covers `at`.
    pub(crate) fn is_open(&self, at: Instant, lock_zone: &Zone) -> bool {
        let near = self.near(at.seconds(), lock_zone);
        let mut found = false;
        self.each_covering(near, &mut |_| {
            found = true;
            true
        });
        found
    }

    /// The first instant in `[from, until)` that an occurrence covers.
    pub(crate) fn next_open(
        &self,
        from: Instant,
        until: Instant,
        lock_zone: &Zone,
    ) -> Option<Instant> {
        let mut at = from;
        while at < until {
            if self.is_open(at, lock_zone) {
                return Some(at);
            }
            // A start that lasts no time, in a zone that skips all of it, is passed over.
            let near = self.near(at.seconds(), lock_zone);
            let start_s = self.start_after(near, until.seconds())?;
            at = Instant(start_s.saturating_mul(SECOND));
        }
        None
    }

    /// The first instant in `[from, until)` that no occurrence covers.
    pub(crate) fn next_closed(
        &self,
        from: Instant,
        until: Instant,
        lock_zone: &Zone,
    ) -> Option<Instant> {
        let mut at = from;
        while at < until {
            let mut end_s = None;
            self.each_covering(self.near(at.seconds(), lock_zone), &mut |end| {
                end_s = end_s.max(Some(end));
                false
            });
            let Some(end_s) = end_s else { return Some(at) };
            at = Instant(end_s.saturating_mul(SECOND));
        }
        None
    }

    fn near<'a>(&'a self, at_s: i64, lock_zone: &'a Zone) -> Near<'a> {
        let zone = self.zone.as_ref().unwrap_or(lock_zone);
        Near { zone, stretch: zone.stretch(at_s), at_s }
    }

    /// Calls `enough` with the end of every occurrence that covers the instant, until it is true.
    fn each_covering(&self, near: Near<'_>, enough: &mut dyn FnMut(i64) -> bool) {
        let (today, _) = split(near.at_s + near.stretch.offset_s);
        // An occurrence reaches so many days on, and one more if days are skipped on the wall; at
        // most one day ahead has begun if they are repeated.
        let back = (self.second + self.length.on_the_wall()) / DAY_S + 1;
        let back = i32::try_from(back).unwrap_or(0);
        for day in (today - back..=today).rev().chain([today + 1]) {
            if !self.takes_place(day) {
                continue;
            }
            let wall_s = join(day, self.second);
            let start_s = near.instant(wall_s);
            if start_s <= near.at_s {
                let end_s = self.length.end(near.zone, near.stretch, start_s, wall_s);
                if near.at_s < end_s && enough(end_s) {
                    return;
                }
            }
        }
        let longest_s = self.length.on_the_wall() + SHIFT_S;
        for added in self.added_around(near, longest_s) {
            let (start_s, wall_s) = self.resolve(near, added);
            let end_s = self.length.end(near.zone, near.stretch, start_s, wall_s);
            if start_s <= near.at_s && near.at_s < end_s && enough(end_s) {
                return;
            }
        }
    }

    /// The first start after the instant; none if it is past `until_s` for sure.
    fn start_after(&self, near: Near<'_>, until_s: i64) -> Option<i64> {
        let (today, _) = split(near.at_s + near.stretch.offset_s);
        let (last, _) = split(until_s.saturating_add(DAY_S + SHIFT_S));
        let mut from = today - 1;
        let of_rule = loop {
            let Some(day) = self.rule.next(from, last) else { break None };
            let start_s = near.instant(join(day, self.second));
            if start_s > near.at_s && self.takes_place(day) {
                break Some(start_s);
            }
            from = day + 1;
        };
        let starts = self.added.iter().map(|added| self.resolve(near, *added).0);
        let of_added = starts.filter(|start_s| *start_s > near.at_s).min();
        match (of_rule, of_added) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether the rule has an occurrence on a day that EXDATE does not take out.
    pub(super) fn takes_place(&self, day: i32) -> bool {
        self.rule.matches(day)
            && (self.skipped.is_empty() || self.skipped.binary_search(&day).is_err())
    }

    /// The added starts that may cover the instant, as stored.
    fn added_around(&self, near: Near<'_>, longest_s: i64) -> impl Iterator<Item = i64> {
        let (slack_s, at_s) = match self.zone {
            Some(_) => (0, near.at_s),
            None => (SHIFT_S, near.at_s + near.stretch.offset_s),
        };
        let until = self.added.partition_point(|added| *added <= at_s + slack_s);
        let latest_first = self.added[..until].iter().rev().copied();
        latest_first.take_while(move |added| *added > at_s - longest_s - slack_s)
    }

    /// An added start as an instant and on the wall.
    fn resolve(&self, near: Near<'_>, added: i64) -> (i64, i64) {
        match &self.zone {
            Some(zone) => (added, added + zone.offset_s(added)),
            None => (near.instant(added), added),
        }
    }
}

impl Near<'_> {
    fn instant(self, wall_s: i64) -> i64 {
        instant_near(self.zone, self.stretch, wall_s)
    }
}

/// The last day whose wall time `second` has come at `at_s` in a zone.
pub(super) fn last_day_by(zone: &Zone, second: i64, at_s: i64) -> i32 {
    let (day, _) = split(at_s + zone.offset_s(at_s));
    let come = |day: &i32| instant_of(zone, join(*day, second)) <= at_s;
    (day - 2..=day + 1).rev().find(come).unwrap_or(day - 3)
}

/// The days whose wall time `second` is the instant `at_s` in a zone; two where a day is skipped.
pub(super) fn days_at(zone: &Zone, second: i64, at_s: i64) -> impl Iterator<Item = i32> {
    let (day, _) = split(at_s + zone.offset_s(at_s));
    (day - 2..=day + 1).filter(move |day| instant_of(zone, join(*day, second)) == at_s)
}
