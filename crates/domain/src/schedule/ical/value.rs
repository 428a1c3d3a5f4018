//! Values of properties: dates, times, and lists of them (RFC 5545 sections 3.3.4 and 3.3.5).
//! Says what is written; how times of different kinds meet is decided elsewhere.

use super::flaw_at;
use super::lines::Line;
use crate::schedule::calendar::{LAST_DAY, Ymd, join};
use crate::schedule::definition::Flaw;
use crate::time::Zone;

/// A point in time as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stamp {
    /// A date without time, as a day.
    Day(i32),
    /// A time on a wall nobody has named, in wall seconds.
    Floating(i64),
    /// A time on the wall of a zone, in wall seconds.
    Zoned(Zone, i64),
    /// A time in UTC, in seconds since the epoch.
    Utc(i64),
}

/// The values of a line that may hold several (EXDATE, RDATE).
pub(super) fn stamps(line: &Line) -> Result<Vec<Stamp>, Flaw> {
    let kind = Kind::of(line)?;
    line.value.split(',').map(|text| kind.stamp(line, text)).collect()
}

/// The value of a line that holds one (DTSTART, DTEND).
pub(super) fn stamp(line: &Line) -> Result<Stamp, Flaw> {
    Kind::of(line)?.stamp(line, &line.value)
}

/// `YYYYMMDD` as a day.
pub(super) fn day(text: &str) -> Option<i32> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let field = |from, until| text.get(from..until)?.parse::<i32>().ok();
    let date = Ymd { year: field(0, 4)?, month: field(4, 6)?, day: field(6, 8)? };
    let exists = (1..=12).contains(&date.month) && (1..=date.month_days()).contains(&date.day);
    let number = date.number();
    (digits && exists && date.year > 0 && number <= LAST_DAY).then_some(number)
}

/// `YYYYMMDDTHHMMSS`, with or without `Z`, as wall seconds and whether it is UTC. A leap second is
/// refused: no lock has one.
pub(super) fn time(text: &str) -> Option<(i64, bool)> {
    let (local, utc) = match text.strip_suffix('Z') {
        Some(local) => (local, true),
        None => (text, false),
    };
    let (date, clock) = local.split_once('T')?;
    let digits = clock.len() == 6 && clock.bytes().all(|byte| byte.is_ascii_digit());
    let field = |from, until| clock.get(from..until)?.parse::<i64>().ok();
    let (hour, minute, second) = (field(0, 2)?, field(2, 4)?, field(4, 6)?);
    let exists = digits && hour < 24 && minute < 60 && second < 60;
    exists.then_some((join(day(date)?, hour * 3600 + minute * 60 + second), utc))
}

/// What the parameters of a line say about its values.
struct Kind {
    dates: bool,
    zone: Option<Zone>,
}

impl Kind {
    fn of(line: &Line) -> Result<Kind, Flaw> {
        let mut kind = Kind { dates: false, zone: None };
        for (name, value) in &line.params {
            match (name.as_str(), value.to_ascii_uppercase().as_str()) {
                ("VALUE", "DATE") => kind.dates = true,
                ("VALUE", "DATE-TIME") => {}
                ("TZID", _) => {
                    let Some(zone) = Zone::parse(value) else {
                        let detail = format!(
                            "the zone {value} is not in the IANA data; use a name like \
                             Europe/Stockholm"
                        );
                        return Err(flaw_at(line, "unknown_zone", &detail));
                    };
                    kind.zone = Some(zone);
                }
                (name, _) if name.starts_with("X-") => {}
                _ => {
                    let detail = format!("{name}={value} is not supported here");
                    return Err(flaw_at(line, "unsupported_part", &detail));
                }
            }
        }
        if kind.dates && kind.zone.is_some() {
            return Err(flaw_at(line, "malformed", "a date without time has no TZID"));
        }
        Ok(kind)
    }

    fn stamp(&self, line: &Line, text: &str) -> Result<Stamp, Flaw> {
        let malformed = |right: &str| {
            let detail = format!("{text:?} is no such value or no such day; write it like {right}");
            Err(flaw_at(line, "malformed", &detail))
        };
        if self.dates {
            return day(text).map_or_else(|| malformed("20240131"), |day| Ok(Stamp::Day(day)));
        }
        match (time(text), &self.zone) {
            (Some((_, true)), Some(_)) => {
                Err(flaw_at(line, "malformed", "a time in UTC, with Z, has no TZID"))
            }
            (Some((at_s, true)), None) => Ok(Stamp::Utc(at_s)),
            (Some((wall_s, false)), Some(zone)) => Ok(Stamp::Zoned(zone.clone(), wall_s)),
            (Some((wall_s, false)), None) => Ok(Stamp::Floating(wall_s)),
            (None, _) if day(text).is_some() => {
                Err(flaw_at(line, "malformed", "a date without time needs VALUE=DATE"))
            }
            (None, _) => malformed("20240131T080000 or 20240131T070000Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read_strictly() {
        assert_eq!((day("19700101"), day("20240229")), (Some(0), Some(19_782)));
        for text in ["20230229", "20241301", "20240100", "2024011", "+2024011", "99990101"] {
            assert_eq!(day(text), None, "{text}");
        }
        assert_eq!(time("19700102T010203"), Some((90_123, false)));
        assert_eq!(time("19700102T010203Z"), Some((90_123, true)));
        for text in ["19700101T240000", "19700101T000060", "19700101T0000", "19700101 000000"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
