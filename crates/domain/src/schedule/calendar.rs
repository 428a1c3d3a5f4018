//! Civil days as numbers, and the clock on the wall as seconds, so that a rule costs the same at
//! any distance from its start. Must not allocate or fail; knows nothing of schedules.
//!
//! A *day* is the number of days since 1970-01-01 in the Gregorian calendar; a *wall* time is the
//! number of seconds since 1970-01-01T00:00:00 on the wall of some zone.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;

use crate::time::{Stretch, Zone};

/// Seconds in a civil day.
pub(crate) const DAY_S: i64 = 86_400;
/// No two offsets of a zone lie further apart than this (the date line was moved by 24 h).
pub(crate) const SHIFT_S: i64 = 26 * 3600;
/// 9998-12-31, the last day a schedule speaks of: instants end with the year 9999.
pub(crate) const LAST_DAY: i32 = 2_932_531;

/// A date taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ymd {
    pub(crate) year: i32,
    /// 1 to 12.
    pub(crate) month: i32,
    /// 1 to 31.
    pub(crate) day: i32,
}

impl Ymd {
    /// The date of a day, by Howard Hinnant's `civil_from_days`.
    pub(crate) fn of(day: i32) -> Ymd {
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Ymd {
            year: year_of_era + era * 400 + i32::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
        }
    }

    /// The day of a date, by Howard Hinnant's `days_from_civil`.
    pub(crate) fn number(self) -> i32 {
        let year = self.year - i32::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let from_march = (self.month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// Days in the month of this date.
    pub(crate) fn month_days(self) -> i32 {
        match self.month {
            2 => 28 + i32::from(leap(self.year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Days in the year of this date.
    pub(crate) fn year_days(self) -> i32 {
        365 + i32::from(leap(self.year))
    }
}

fn leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The day of a `jiff` date.
pub(crate) fn number_of(date: civil::Date) -> i32 {
    let (year, month, day) = (date.year().into(), date.month().into(), date.day().into());
    Ymd { year, month, day }.number()
}

/// 0 for Monday to 6 for Sunday.
#[inline]
pub(crate) fn weekday(day: i32) -> i32 {
    (day + 3).rem_euclid(7)
}

/// The day and the second of that day of a wall time.
#[inline]
pub(crate) fn split(wall_s: i64) -> (i32, i64) {
    // Within the years 0 to 9999 a day always fits; beyond them no schedule says anything.
    (i32::try_from(wall_s.div_euclid(DAY_S)).unwrap_or(i32::MAX), wall_s.rem_euclid(DAY_S))
}

/// The wall time of a second of a day.
pub(crate) fn join(day: i32, second: i64) -> i64 {
    i64::from(day) * DAY_S + second
}

/// The instant of a wall time, in seconds since the epoch, by RFC 5545 section 3.3.5: the first
/// when the time is repeated, read with the offset before the gap when it is skipped.
pub(crate) fn instant_of(zone: &Zone, wall_s: i64) -> i64 {
    instant_near(zone, zone.stretch(wall_s), wall_s)
}

/// `instant_of`, where a stretch of the zone, probably the one the time falls into, is at hand.
pub(crate) fn instant_near(zone: &Zone, stretch: Stretch, wall_s: i64) -> i64 {
    let guess = wall_s - stretch.offset_s;
    let clear = stretch.from_s.saturating_add(SHIFT_S) <= guess
        && guess < stretch.until_s.saturating_sub(SHIFT_S);
    if clear { guess } else { instant_by_rules(zone, wall_s) }
}

fn instant_by_rules(zone: &Zone, wall_s: i64) -> i64 {
    let Ok(stamp) = Timestamp::from_second(wall_s) else { return wall_s };
    let wall = Offset::UTC.to_datetime(stamp);
    let resolved = zone.rules().to_ambiguous_timestamp(wall).compatible();
    resolved.map_or(wall_s, |instant| instant.as_second())
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn days_are_those_of_jiff() {
        let epoch = civil::date(1970, 1, 1);
        for day in (-719_527..=LAST_DAY).step_by(17).chain([LAST_DAY]) {
            let date = epoch.checked_add(day.days()).unwrap();
            let ymd = Ymd::of(day);
            let parts = (date.year().into(), date.month().into(), date.day().into());
            assert_eq!((ymd.year, ymd.month, ymd.day), parts, "{day}");
            assert_eq!((ymd.number(), number_of(date)), (day, day));
            assert_eq!(weekday(day), i32::from(date.weekday().to_monday_zero_offset()));
            assert_eq!(ymd.month_days(), i32::from(date.days_in_month()));
            assert_eq!(ymd.year_days(), i32::from(date.days_in_year()));
        }
        assert_eq!(Ymd::of(LAST_DAY), Ymd { year: 9998, month: 12, day: 31 });
    }

    #[test]
    fn the_short_way_to_an_instant_agrees_with_the_long_one() {
        for name in ["Europe/Stockholm", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Tokyo"] {
            let zone = Zone::parse(name).unwrap();
            for wall_s in (1_290_000_000..1_800_000_000).step_by(6_151) {
                for at_s in [wall_s - 400_000, wall_s, wall_s + 90_000] {
                    let near = instant_near(&zone, zone.stretch(at_s), wall_s);
                    assert_eq!(near, instant_by_rules(&zone, wall_s), "{name} {wall_s}");
                }
            }
        }
    }
}
