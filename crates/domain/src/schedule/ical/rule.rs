//! Which days a rule matches, by arithmetic on the day alone (RFC 5545 section 3.3.10).
//! Never expands from the start; knows no time of day and no zone. Must not allocate when asked.

use super::rrule::{Frequency, Nth, Parts};
use crate::schedule::calendar::{LAST_DAY, Ymd, weekday};

/// A rule bound to its first day. A BY part that is absent, and not replaced by what DTSTART says,
/// matches everything; the others must all match.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    frequency: Frequency,
    interval: i32,
    /// 0 for Monday.
    week_start: i32,
    /// The day of DTSTART; nothing before it matches.
    first: i32,
    /// Nothing after it matches.
    last: i32,
    /// Bit 0 is January.
    months: u16,
    /// Bit n is the n-th day of a month; 0 if any day will do.
    month_days: u32,
    /// Bit n is the n-th day from the end.
    month_days_back: u32,
    /// Bit 0 is Monday.
    weekdays: u8,
    /// Days such as the first Monday, of the month or of the year.
    nth: Box<[Nth]>,
    nth_of_year: bool,
}

const ALL_MONTHS: u16 = 0xfff;

impl Rule {
    /// The rule that matches one day.
    pub(super) fn once(day: i32) -> Rule {
        Rule {
            frequency: Frequency::Daily,
            interval: 1,
            week_start: 0,
            first: day,
            last: day,
            months: ALL_MONTHS,
            month_days: 0,
            month_days_back: 0,
            weekdays: 0,
            nth: Box::new([]),
            nth_of_year: false,
        }
    }

    /// The rule as written, from the day of DTSTART on; what it leaves open DTSTART fills in.
    pub(super) fn new(parts: &Parts, first: i32) -> Rule {
        let mut rule = Rule {
            frequency: parts.frequency,
            interval: parts.interval,
            week_start: parts.week_start,
            last: LAST_DAY,
            nth_of_year: parts.frequency == Frequency::Yearly && parts.by_month.is_empty(),
            nth: parts.by_day.iter().copied().filter(|day| day.nth != 0).collect(),
            ..Rule::once(first)
        };
        for day in parts.by_day.iter().filter(|day| day.nth == 0) {
            rule.weekdays |= 1 << day.weekday;
        }
        for day in &parts.by_month_day {
            if *day > 0 {
                rule.month_days |= 1 << day;
            } else {
                rule.month_days_back |= 1 << -day;
            }
        }
        if !parts.by_month.is_empty() {
            rule.months = parts.by_month.iter().fold(0, |months, month| months | 1 << (month - 1));
        }
        if parts.by_day.is_empty() && parts.by_month_day.is_empty() {
            rule.fill_in(parts);
        }
        rule
    }

    fn fill_in(&mut self, parts: &Parts) {
        let start = Ymd::of(self.first);
        match parts.frequency {
            Frequency::Daily => {}
            Frequency::Weekly => self.weekdays = 1 << weekday(self.first),
            Frequency::Monthly => self.month_days = 1 << start.day,
            Frequency::Yearly => {
                self.month_days = 1 << start.day;
                if parts.by_month.is_empty() {
                    self.months = 1 << (start.month - 1);
                }
            }
        }
    }

    /// The day of DTSTART.
    pub(super) fn first(&self) -> i32 {
        self.first
    }

    /// Lets nothing after `last` match.
    pub(super) fn end(&mut self, last: i32) {
        self.last = self.last.min(last);
    }

    /// Whether the rule matches a day; the same work for every day.
    pub(super) fn matches(&self, day: i32) -> bool {
        (self.first..=self.last).contains(&day) && self.next_try(day).is_none()
    }

    /// The first day in `from..=until` that the rule matches. Months and years that cannot match
    /// are passed over at once.
    pub(super) fn next(&self, from: i32, until: i32) -> Option<i32> {
        let mut day = from.max(self.first);
        while day <= self.last.min(until) {
            match self.next_try(day) {
                None => return Some(day),
                Some(later) => day = later,
            }
        }
        None
    }

    /// `None` if the parts of the rule match `day`; else a later day, with no match before it.
    fn next_try(&self, day: i32) -> Option<i32> {
        let plain = self.months == ALL_MONTHS && self.nth.is_empty() && !self.limits_month_days();
        let by_days = matches!(self.frequency, Frequency::Daily | Frequency::Weekly);
        // Rules of days and weeks seldom need the date.
        let date = if plain && by_days { None } else { Some(Ymd::of(day)) };
        if let Some(later) = self.out_of_turn(day, date) {
            return Some(later);
        }
        if let Some(date) = date {
            if self.months >> (date.month - 1) & 1 == 0 {
                return Some(day + date.month_days() - date.day + 1);
            }
            if !self.matches_month_day(date) {
                return Some(day + 1);
            }
        }
        (!self.matches_weekday(day, date)).then_some(day + 1)
    }

    /// If the interval passes over the day: the first day of the next day, week, month or year.
    fn out_of_turn(&self, day: i32, date: Option<Ymd>) -> Option<i32> {
        if self.interval == 1 {
            return None;
        }
        let week = |day: i32| (day + 3 - self.week_start).div_euclid(7);
        let (passed, later) = match (self.frequency, date) {
            (Frequency::Weekly, _) => {
                let later = (week(day) + 1) * 7 - 3 + self.week_start;
                (week(day) - week(self.first), later)
            }
            (Frequency::Monthly, Some(date)) => {
                let start = Ymd::of(self.first);
                let passed = (date.year - start.year) * 12 + date.month - start.month;
                (passed, day + date.month_days() - date.day + 1)
            }
            (Frequency::Yearly, Some(date)) => {
                let new_year = Ymd { year: date.year + 1, month: 1, day: 1 };
                (date.year - Ymd::of(self.first).year, new_year.number())
            }
            _ => (day - self.first, day + 1),
        };
        (passed % self.interval != 0).then_some(later)
    }

    fn limits_month_days(&self) -> bool {
        self.month_days != 0 || self.month_days_back != 0
    }

    fn matches_month_day(&self, date: Ymd) -> bool {
        !self.limits_month_days()
            || self.month_days >> date.day & 1 == 1
            || self.month_days_back >> (date.month_days() - date.day + 1) & 1 == 1
    }

    fn matches_weekday(&self, day: i32, date: Option<Ymd>) -> bool {
        let today = weekday(day);
        (self.weekdays == 0 && self.nth.is_empty())
            || self.weekdays >> today & 1 == 1
            || date.is_some_and(|date| self.matches_nth(day, date, today))
    }

    fn matches_nth(&self, day: i32, date: Ymd, today: i32) -> bool {
        if !self.nth.iter().any(|nth| nth.weekday == today) {
            return false;
        }
        // The place of the day in its month or year, from 0, and how many days that has.
        let (place, days) = if self.nth_of_year {
            let new_year = Ymd { month: 1, day: 1, ..date };
            (day - new_year.number(), date.year_days())
        } else {
            (date.day - 1, date.month_days())
        };
        let (from_start, from_end) = (place / 7 + 1, -((days - 1 - place) / 7 + 1));
        let fits = |nth: &Nth| nth.nth == from_start || nth.nth == from_end;
        self.nth.iter().any(|nth| nth.weekday == today && fits(nth))
    }
}
