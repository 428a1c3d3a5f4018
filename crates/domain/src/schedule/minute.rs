//! Minutes of the day as people write them, `HH:MM`. Knows no dates and no zones.

/// Minutes in one day.
pub(crate) const DAY_MIN: u16 = 1440;

/// Reads `HH:MM` from `00:00` to `24:00` as minutes since midnight; `None` for anything else.
#[must_use]
pub fn parse_minute(text: &str) -> Option<u16> {
    let &[h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let hour = digit(h1)? * 10 + digit(h2)?;
    let minute = digit(m1)? * 10 + digit(m2)?;
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MIN).then_some(total)
}

/// Writes minutes since midnight as `HH:MM`; 1440 is `24:00`.
#[must_use]
pub fn format_minute(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minute_reads_back() {
        for minute in 0..=1440 {
            assert_eq!(parse_minute(&format_minute(minute)), Some(minute));
        }
        assert_eq!((format_minute(480), format_minute(1440)), ("08:00".into(), "24:00".into()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "8:00", "08:0", "08.00", "24:01", "25:00", "08:60", "+8:00", " 8:00", "08:00:00"]
        {
            assert_eq!(parse_minute(text), None, "{text}");
        }
    }
}
