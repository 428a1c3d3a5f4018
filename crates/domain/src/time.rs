//! Instants, windows and time zones as values. Must not read a clock or the host's zone.

mod zone;

use std::fmt;

use jiff::tz::Offset;

pub use zone::{Stretch, Zone};

/// Microseconds since 1970-01-01T00:00:00Z. The one form of time in rules, memory and storage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub i64);

/// Microseconds in one second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in one minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in one hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds in twenty-four hours (not a calendar day).
pub const DAY: i64 = 24 * HOUR;

impl Instant {
    /// The first instant that can be written as RFC 3339 (year 0000).
    pub const MIN: Instant = Instant(-62_167_219_200 * SECOND);
    /// The last instant that can be written as RFC 3339 (year 9999), to the microsecond.
    pub const MAX: Instant = Instant(253_402_300_799 * SECOND + 999_999);

    /// This instant moved by `micros` (may be negative), kept within `MIN..=MAX`.
    #[must_use]
    pub fn plus(self, micros: i64) -> Instant {
        Instant(self.0.saturating_add(micros)).clamp(Instant::MIN, Instant::MAX)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    #[inline]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The same instant for `jiff`; values outside its range are clamped.
    #[must_use]
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// Reads RFC 3339 with any offset; `None` for anything else, a leap second or a missing zone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Instant> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() >= 20 && bytes[10] == b'T' && bytes[4] == b'-';
        let zoned = text.ends_with('Z')
            || matches!(bytes.get(bytes.len().wrapping_sub(6)), Some(b'+' | b'-'));
        if !shaped || !zoned || text.get(17..19).is_none_or(|seconds| seconds > "59") {
            return None;
        }
        let stamp: jiff::Timestamp = text.parse().ok()?;
        let instant = Instant(stamp.as_microsecond());
        (Instant::MIN..=Instant::MAX).contains(&instant).then_some(instant)
    }
}

impl From<jiff::Timestamp> for Instant {
    fn from(stamp: jiff::Timestamp) -> Instant {
        Instant(stamp.as_microsecond())
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 in UTC with `Z`; no fraction when whole, else six digits.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = Offset::UTC.to_datetime(self.timestamp());
        let (date, time) = (civil.date(), civil.time());
        write!(out, "{:04}-{:02}-{:02}T", date.year(), date.month(), date.day())?;
        write!(out, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        match time.subsec_nanosecond() / 1000 {
            0 => out.write_str("Z"),
            micros => write!(out, ".{micros:06}Z"),
        }
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A half-open span `[from, until)`; an absent end has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Window {
    /// First instant inside.
    pub from: Option<Instant>,
    /// First instant no longer inside.
    pub until: Option<Instant>,
}

/// What a caller sets on a window: an absent end is left as it is, `Some(None)` takes its bound
/// away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WindowEdit {
    /// The first instant inside.
    pub from: Option<Option<Instant>>,
    /// The first instant no longer inside.
    pub until: Option<Option<Instant>>,
}

impl WindowEdit {
    /// The window after the edit.
    #[must_use]
    pub fn of(&self, former: Window) -> Window {
        Window { from: self.from.unwrap_or(former.from), until: self.until.unwrap_or(former.until) }
    }
}

impl From<Window> for WindowEdit {
    /// Both ends set.
    fn from(window: Window) -> WindowEdit {
        WindowEdit { from: Some(window.from), until: Some(window.until) }
    }
}

impl Window {
    /// The window that always holds.
    pub const ALWAYS: Window = Window { from: None, until: None };

    /// Whether `at` lies inside.
    #[must_use]
    pub fn holds(&self, at: Instant) -> bool {
        !self.before(at) && !self.past(at)
    }

    /// Whether the window has not begun at `at`.
    #[must_use]
    pub fn before(&self, at: Instant) -> bool {
        self.from.is_some_and(|from| at < from)
    }

    /// Whether the window is over at `at`.
    #[must_use]
    pub fn past(&self, at: Instant) -> bool {
        self.until.is_some_and(|until| at >= until)
    }

    /// Whether no instant lies inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!((self.from, self.until), (Some(from), Some(until)) if until <= from)
    }

    /// The instants in both windows.
    #[must_use]
    pub fn intersect(&self, other: &Window) -> Window {
        Window {
            from: self.from.max(other.from),
            until: match (self.until, other.until) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}
