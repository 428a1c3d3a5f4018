//! When a key holds: a weekly wall clock, spans of UTC seconds, and spans that are taken out.
//!
//! Three numbers say all a lock needs of a time zone, because no zone changes its offset twice
//! within the life of a key. Must not hold a key or know who presents it.

/// Seconds of a minute, minutes of a day, days of a week.
const MINUTE_S: i64 = 60;
const DAY_MIN: i64 = 1440;
const WEEK_DAYS: i64 = 7;
/// The epoch was a Thursday: days since the Monday before it.
const EPOCH_WEEKDAY: i64 = 3;

/// The wall clock of a lock over the life of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Minutes east of UTC before the change.
    pub offset_before_min: i16,
    /// When the offset changes, in UTC seconds; 0 for never.
    pub transition_at: u64,
    /// Minutes east of UTC from the change on.
    pub offset_after_min: i16,
}

impl Zone {
    /// The minutes east of UTC at an instant.
    #[must_use]
    pub fn offset_min(&self, at: u64) -> i16 {
        if self.transition_at == 0 || at < self.transition_at {
            self.offset_before_min
        } else {
            self.offset_after_min
        }
    }
}

/// A window on some days of every week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weekly {
    /// The days it starts on; bit 0 is Monday.
    pub days: u8,
    /// 0–1439.
    pub start_min: u16,
    /// 1–1440; at or before the start it runs past midnight.
    pub end_min: u16,
}

impl Weekly {
    fn starts_on(self, weekday: i64) -> bool {
        u32::try_from(weekday).is_ok_and(|day| self.days.checked_shr(day).unwrap_or(0) & 1 == 1)
    }

    /// Whether it holds at a minute of a weekday, 0 being Monday.
    fn holds(self, weekday: i64, minute: i64) -> bool {
        let (start, end) = (i64::from(self.start_min), i64::from(self.end_min));
        if end > start {
            return self.starts_on(weekday) && start <= minute && minute < end;
        }
        let before = weekday.saturating_add(WEEK_DAYS.saturating_sub(1)).rem_euclid(WEEK_DAYS);
        (self.starts_on(weekday) && minute >= start) || (self.starts_on(before) && minute < end)
    }
}

/// A span of UTC seconds, its end outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first second inside.
    pub start: u64,
    /// The first second after it.
    pub end: u64,
}

impl Span {
    fn holds(self, at: u64) -> bool {
        self.start <= at && at < self.end
    }
}

/// The times of one key.
#[derive(Clone, Copy, Debug)]
pub struct Times<'k> {
    /// The wall clock.
    pub zone: Zone,
    /// Windows of every week.
    pub weekly: &'k [Weekly],
    /// Spans beside the week.
    pub absolute: &'k [Span],
    /// Spans in which nothing else counts.
    pub closed: &'k [Span],
}

impl Times<'_> {
    /// Whether the key holds at an instant: in a window of the week or a span (or with neither kind
    /// given), and in no closed span.
    #[must_use]
    pub fn holds(&self, at: u64) -> bool {
        if self.closed.iter().any(|span| span.holds(at)) {
            return false;
        }
        if self.weekly.is_empty() && self.absolute.is_empty() {
            return true;
        }
        self.absolute.iter().any(|span| span.holds(at)) || self.in_week(at)
    }

    fn in_week(&self, at: u64) -> bool {
        let Ok(at_s) = i64::try_from(at) else { return false };
        let offset = i64::from(self.zone.offset_min(at)).saturating_mul(MINUTE_S);
        let minutes = at_s.saturating_add(offset).div_euclid(MINUTE_S);
        let weekday =
            minutes.div_euclid(DAY_MIN).saturating_add(EPOCH_WEEKDAY).rem_euclid(WEEK_DAYS);
        let minute = minutes.rem_euclid(DAY_MIN);
        self.weekly.iter().any(|window| window.holds(weekday, minute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOCKHOLM: Zone =
        Zone { offset_before_min: 60, transition_at: 1_774_746_000, offset_after_min: 120 };

    fn times<'k>(weekly: &'k [Weekly], absolute: &'k [Span], closed: &'k [Span]) -> Times<'k> {
        Times { zone: STOCKHOLM, weekly, absolute, closed }
    }

    #[test]
    fn a_key_without_times_always_holds_but_when_closed() {
        let closed = [Span { start: 100, end: 200 }];
        assert!(times(&[], &[], &[]).holds(0) && times(&[], &[], &[]).holds(u64::MAX));
        let key = times(&[], &[], &closed);
        assert!(key.holds(99) && !key.holds(100) && !key.holds(199) && key.holds(200));
    }

    #[test]
    fn the_wall_clock_moves_with_the_zone() {
        // Saturday 2026-03-28 and Sunday 2026-03-29, the night the clock goes forward at 01:00 UTC.
        let office = [Weekly { days: 0b110_0000, start_min: 480, end_min: 1020 }];
        let key = times(&office, &[], &[]);
        let saturday = 1_774_656_000; // 00:00 UTC
        assert!(!key.holds(saturday + 7 * 3600 - 1) && key.holds(saturday + 7 * 3600));
        let sunday = saturday + 86_400;
        assert!(!key.holds(sunday + 6 * 3600 - 1) && key.holds(sunday + 6 * 3600));
        assert!(key.holds(sunday + 15 * 3600 - 1) && !key.holds(sunday + 15 * 3600));
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_it_starts() {
        let night = [Weekly { days: 0b100_0000, start_min: 1320, end_min: 360 }]; // Sunday 22–06
        let key = times(&night, &[], &[]);
        let monday = 1_774_821_600 - 7200; // Monday 2026-03-30 00:00 in Stockholm, less nothing
        assert!(key.holds(monday), "Sunday's night is not over");
        assert!(!key.holds(monday + 86_400), "Monday has no night");
    }
}
