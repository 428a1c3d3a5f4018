//! How long an occurrence lasts (RFC 5545 sections 3.3.6 and 3.8.5.3).
//! Knows no rule; the start of the occurrence is an argument.

use crate::schedule::calendar::{DAY_S, instant_near, instant_of};
use crate::time::{Stretch, Zone};

/// The longest an occurrence may last, in days.
pub(super) const MAX_DAYS: i64 = 31;

/// The length of every occurrence of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Days of the calendar, then seconds.
    Nominal { days: i64, seconds: i64 },
    /// The exact length of the first occurrence, from one wall time to another on a wall nobody has
    /// named, so that it differs between zones if an offset changes between the two.
    OfFirst { from_s: i64, until_s: i64 },
}

impl Length {
    /// The end, in seconds since the epoch, of an occurrence that starts at `start_s`, when the
    /// clock on the wall shows `wall_s` (or would, if that time were not skipped).
    pub(super) fn end(self, zone: &Zone, stretch: Stretch, start_s: i64, wall_s: i64) -> i64 {
        match self {
            Length::Nominal { days: 0, seconds } => start_s + seconds,
            Length::Nominal { days, seconds } => {
                instant_near(zone, stretch, wall_s + days * DAY_S) + seconds
            }
            Length::OfFirst { from_s, until_s } => {
                start_s + instant_of(zone, until_s) - instant_of(zone, from_s)
            }
        }
    }

    /// The length on a wall without changes of offset, in seconds.
    pub(super) fn on_the_wall(self) -> i64 {
        match self {
            Length::Nominal { days, seconds } => days * DAY_S + seconds,
            Length::OfFirst { from_s, until_s } => until_s - from_s,
        }
    }
}

/// Reads a DURATION value, such as `PT8H`, `P1DT12H` or `P2W`; `None` for anything else, a negative
/// one included.
pub(super) fn parse(text: &str) -> Option<Length> {
    let text = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    if let Some(weeks) = text.strip_suffix('W') {
        return Some(Length::Nominal { days: number(weeks)? * 7, seconds: 0 });
    }
    let (date, clock) = match text.split_once('T') {
        Some((date, clock)) if !clock.is_empty() => (date, clock),
        Some(_) => return None,
        None => (text, ""),
    };
    let days = match date {
        "" if clock.is_empty() => return None,
        "" => 0,
        _ => number(date.strip_suffix('D')?)?,
    };
    let mut seconds = 0;
    let mut rest = clock;
    for (unit, unit_s) in [('H', 3600), ('M', 60), ('S', 1)] {
        if let Some((count, after)) = rest.split_once(unit) {
            seconds += number(count)? * unit_s;
            rest = after;
        }
    }
    rest.is_empty().then_some(Length::Nominal { days, seconds })
}

fn number(text: &str) -> Option<i64> {
    let digits = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, days, seconds) in [
            ("PT8H", 0, 28_800),
            ("P1DT12H30M", 1, 45_000),
            ("+P2W", 14, 0),
            ("P31D", 31, 0),
            ("PT90M5S", 0, 5405),
        ] {
            assert_eq!(parse(text), Some(Length::Nominal { days, seconds }), "{text}");
        }
        for text in
            ["", "P", "PT", "8H", "-PT8H", "P1W2D", "P1DT", "PT5M3H", "PT1.5H", "P1H", "PTH"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
