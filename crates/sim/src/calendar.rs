//! Days, instants, the texts the API has for them, and what the clock on the wall shows; the one
//! place in this crate that reads the clock.
//!
//! A building's windows begin and end at midnight UTC. Zone data serves for offsets alone: how a
//! timetable is read is the controllers' own business.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

const DAY: i64 = 86_400;
const SECOND_US: i64 = 1_000_000;
/// 1970-01-01 was a Thursday, the fourth day of a week that begins on Monday.
const FIRST_WEEKDAY: i64 = 3;

/// What the clock on a wall shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wall {
    /// The date there, counted from 1970-01-01.
    pub(crate) day: i64,
    /// Seconds since the clock showed 00:00, were it never turned.
    pub(crate) second: i64,
}

impl Wall {
    /// The clock of a zone at an instant; nothing for a zone nobody knows.
    pub(crate) fn of(zone: &str, instant_us: i64) -> Option<Wall> {
        let zone = TimeZone::get(zone).ok()?;
        let offset = zone.to_offset(Timestamp::from_microsecond(instant_us).ok()?);
        let shown = instant_us.div_euclid(SECOND_US) + i64::from(offset.seconds());
        Some(Wall { day: shown.div_euclid(DAY), second: shown.rem_euclid(DAY) })
    }
}

/// The day of the week, Monday as 0.
pub(crate) fn weekday(day: i64) -> usize {
    usize::try_from((day + FIRST_WEEKDAY).rem_euclid(7)).unwrap_or(0)
}

/// The instant it is, in microseconds since 1970-01-01.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// An instant in microseconds as RFC 3339 with `Z`, to the microsecond where there are any.
pub(crate) fn instant_us_text(instant_us: i64) -> String {
    let second = instant_us.div_euclid(SECOND_US);
    let (day, of_day) = (second.div_euclid(DAY), second.rem_euclid(DAY));
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let text = format!("{}T{hour:02}:{minute:02}:{second:02}", date_text(day));
    match instant_us.rem_euclid(SECOND_US) {
        0 => format!("{text}Z"),
        fraction => format!("{text}.{fraction:06}Z"),
    }
}

/// The instant of an RFC 3339 text with `Z`, in microseconds; digits beyond those are cut.
pub(crate) fn parse_instant(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(whole, ':')?;
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let second = parse_date(date)? * DAY + hour * 3600 + minute * 60 + second;
    Some(second * SECOND_US + fraction)
}

/// The day of a date `YYYY-MM-DD`, counted from 1970-01-01.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let [year, month, of_month] = numbers(text, '-')?;
    // The inverse of `date_text`, by the same eras.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let march_month = (month + 9) % 12;
    let of_year = (153 * march_month + 2) / 5 + of_month - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn numbers(text: &str, mark: char) -> Option<[i64; 3]> {
    let parts: Option<Vec<i64>> = text.split(mark).map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

/// The current day, counted from 1970-01-01 in UTC.
pub(crate) fn today() -> i64 {
    now_us().div_euclid(DAY * SECOND_US)
}

/// Midnight UTC at the start of `day` (counted from 1970-01-01), in RFC 3339.
pub(crate) fn instant_text(day: i64) -> String {
    format!("{}T00:00:00Z", date_text(day))
}

/// `day` (counted from 1970-01-01) as `YYYY-MM-DD`.
pub(crate) fn date_text(day: i64) -> String {
    // The proleptic Gregorian calendar by 400-year eras that start on 1 March, so that the leap
    // day is the last of its year (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::{
        Wall, date_text, instant_text, instant_us_text, parse_date, parse_instant, weekday,
    };

    #[test]
    fn days_become_dates() {
        assert_eq!(date_text(0), "1970-01-01");
        assert_eq!(date_text(11_016), "2000-02-29");
        assert_eq!(date_text(11_017), "2000-03-01");
        assert_eq!(date_text(20_453), "2025-12-31");
        assert_eq!(instant_text(20_454), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn dates_and_instants_are_read_as_they_are_written() {
        for day in (-200_000..200_000).step_by(97) {
            assert_eq!(parse_date(&date_text(day)), Some(day));
        }
        for text in ["2026-03-01T07:58:11Z", "1969-12-31T23:59:59.000001Z"] {
            assert_eq!(parse_instant(text).map(instant_us_text).as_deref(), Some(text));
        }
        assert_eq!(parse_instant("2026-03-01T07:58:11.5Z"), Some(1_772_351_891_500_000));
        for text in ["", "2026-03-01", "2026-03-01T07:58:11", "2026-03-01T07:58Z", "x.Z"] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn walls_have_clocks_of_their_own() {
        let day = parse_date("2026-03-29").unwrap_or_default();
        assert_eq!(weekday(day), 6);
        let at = |text: &str| Wall::of("Europe/Stockholm", parse_instant(text)?);
        let hour = |hour: i64| Some(Wall { day, second: hour * 3600 });
        assert_eq!(at("2026-03-29T00:00:00Z"), hour(1));
        assert_eq!(at("2026-03-29T01:00:00Z"), hour(3), "the clock was put ahead");
        assert_eq!(Wall::of("Nowhere", 0), None);
    }
}
