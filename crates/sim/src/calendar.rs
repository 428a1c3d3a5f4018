//! Days and the texts the API wants for them; the one place in this crate that reads the clock.
//!
//! UTC only: a building's windows begin and end at midnight UTC, so no zone data is needed.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 86_400;

/// The current day, counted from 1970-01-01 in UTC.
pub(crate) fn today() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs() / DAY_S).unwrap_or(i64::MAX)
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
    use super::{date_text, instant_text};

    #[test]
    fn days_become_dates() {
        assert_eq!(date_text(0), "1970-01-01");
        assert_eq!(date_text(11_016), "2000-02-29");
        assert_eq!(date_text(11_017), "2000-03-01");
        assert_eq!(date_text(20_453), "2025-12-31");
        assert_eq!(instant_text(20_454), "2026-01-01T00:00:00Z");
    }
}
