//! When a key holds: a weekly wall clock, spans of UTC seconds, and spans that are taken out.
//!
//! Three numbers say all a lock needs of a time zone, because no zone changes its offset twice
//! within the life of a key. A lock that knows the time only within bounds asks for a whole
//! interval. Must not hold a key or know who presents it.

use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::items::{Item, Items};
use crate::key::instant;

/// Seconds of a minute and a day, minutes of a day, days of a week, minutes of a week.
const MINUTE_S: i64 = 60;
const DAY_S: i64 = 86_400;
const DAY_MIN: i64 = 1440;
const WEEK_DAYS: i64 = 7;
const WEEK_MIN: i64 = 10_080;
/// Weekly windows say nothing of an interval longer than this, unless they cover the week.
const MOST_WALKED_S: u64 = 8 * 86_400;
/// No zone is farther from UTC.
const MOST_OFFSET_MIN: u16 = 1439;
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
    /// UTC all the year.
    pub const UTC: Self = Self { offset_before_min: 0, transition_at: 0, offset_after_min: 0 };

    /// Reads one.
    ///
    /// # Errors
    /// When it is malformed, or an offset is a day or more.
    pub fn read(reader: &mut Reader<'_>) -> Read<Self> {
        reader.array(3)?;
        let offset_before_min = reader.int()?;
        let transition_at = instant(reader)?;
        let offset_after_min = reader.int()?;
        let far = |offset: i16| offset.unsigned_abs() > MOST_OFFSET_MIN;
        if far(offset_before_min) || far(offset_after_min) {
            return Err(Malformed);
        }
        Ok(Self { offset_before_min, transition_at, offset_after_min })
    }

    /// Writes it.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.array(3).int(self.offset_before_min).uint(self.transition_at);
        writer.int(self.offset_after_min);
    }

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

impl<'b> Item<'b> for Weekly {
    const ELEMENTS: usize = 1;

    fn read(reader: &mut Reader<'b>) -> Read<Self> {
        reader.array(3)?;
        let (days, start_min, end_min) = (reader.uint()?, reader.uint()?, reader.uint()?);
        let right =
            matches!(days, 1..=127) && matches!(start_min, 0..=1439) && matches!(end_min, 1..=1440);
        if right { Ok(Self { days, start_min, end_min }) } else { Err(Malformed) }
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.array(3).uint(self.days).uint(self.start_min).uint(self.end_min);
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

impl<'b> Item<'b> for Span {
    const ELEMENTS: usize = 1;

    fn read(reader: &mut Reader<'b>) -> Read<Self> {
        reader.array(2)?;
        let (start, end) = (instant(reader)?, instant(reader)?);
        if start < end { Ok(Self { start, end }) } else { Err(Malformed) }
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.array(2).uint(self.start).uint(self.end);
    }
}

/// How it stands over an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The key holds at every instant.
    Open,
    /// At none.
    Closed,
    /// At some, or nobody can tell.
    Undecided,
}

/// What the windows of the week say over an interval.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Week {
    /// The same at every instant.
    Always(bool),
    /// Each instant must be looked at.
    Walked,
    /// Nothing: the interval is too long.
    Unknown,
}

/// The times of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times<'k> {
    /// The wall clock.
    pub zone: Zone,
    /// Windows of every week.
    pub weekly: Items<'k, Weekly>,
    /// Spans beside the week.
    pub absolute: Items<'k, Span>,
    /// Spans in which nothing else counts.
    pub closed: Items<'k, Span>,
}

impl Times<'_> {
    /// At any time.
    pub const ALWAYS: Self =
        Self { zone: Zone::UTC, weekly: Items::NONE, absolute: Items::NONE, closed: Items::NONE };

    /// Whether the key holds at an instant: in a window of the week or a span (or with neither kind
    /// given), and in no closed span.
    #[must_use]
    pub fn holds(&self, at: u64) -> bool {
        self.holds_in(at, Week::Walked) == Some(true)
    }

    fn holds_in(&self, at: u64, week: Week) -> Option<bool> {
        if self.closed.iter().any(|span| span.holds(at)) {
            return Some(false);
        }
        if self.weekly.is_empty() && self.absolute.is_empty() {
            return Some(true);
        }
        if self.absolute.iter().any(|span| span.holds(at)) {
            return Some(true);
        }
        match week {
            Week::Always(holds) => Some(holds),
            Week::Walked => Some(self.in_week(at)),
            Week::Unknown => None,
        }
    }

    /// How it stands from `first` to `last`, both inside. An empty interval is closed.
    #[must_use]
    pub fn over(&self, first: u64, last: u64) -> Over {
        let Some(length) = last.checked_sub(first) else { return Over::Closed };
        let week = if self.weekly.is_empty() {
            Week::Always(false)
        } else if self.covers_week() {
            Week::Always(true)
        } else if length > MOST_WALKED_S {
            Week::Unknown
        } else {
            Week::Walked
        };
        let Some(holds) = self.holds_in(first, week) else { return Over::Undecided };
        let mut at = first;
        while let Some(next) = self.next_edge(at, week).filter(|next| *next <= last) {
            if self.holds_in(next, week) != Some(holds) {
                return Over::Undecided;
            }
            at = next;
        }
        if holds { Over::Open } else { Over::Closed }
    }

    /// The first instant after this one at which anything may change.
    fn next_edge(&self, at: u64, week: Week) -> Option<u64> {
        let spans = self.closed.iter().chain(self.absolute.iter());
        let edges = spans.flat_map(|span| [span.start, span.end]).filter(|edge| *edge > at);
        let edge = edges.min();
        if week != Week::Walked {
            return edge;
        }
        let change = Some(self.zone.transition_at).filter(|change| *change > at);
        let wall = i64::try_from(at).ok()?.saturating_add(self.offset_s(at)).rem_euclid(DAY_S);
        let until = |minute: u16| {
            let edge = i64::from(minute).saturating_mul(MINUTE_S);
            let left = edge.saturating_sub(wall).saturating_sub(1).rem_euclid(DAY_S);
            at.saturating_add(left.unsigned_abs()).saturating_add(1)
        };
        let windows = self.weekly.iter().flat_map(|it| [it.start_min, it.end_min]);
        let window = windows.chain([0]).map(until).min();
        [edge, change, window].into_iter().flatten().min()
    }

    fn offset_s(&self, at: u64) -> i64 {
        i64::from(self.zone.offset_min(at)).saturating_mul(MINUTE_S)
    }

    /// Whether the windows leave no minute of the week out.
    fn covers_week(&self) -> bool {
        let mut minute = 0;
        while minute < WEEK_MIN {
            let (weekday, of_day) = (minute.div_euclid(DAY_MIN), minute.rem_euclid(DAY_MIN));
            let open = self.weekly.iter().filter(|window| window.holds(weekday, of_day));
            // An end before this minute is tomorrow's.
            let ends = open.map(|window| {
                let end = i64::from(window.end_min);
                if end > of_day { end } else { end.saturating_add(DAY_MIN) }
            });
            let Some(end) = ends.max() else { return false };
            minute = weekday.saturating_mul(DAY_MIN).saturating_add(end);
        }
        true
    }

    fn in_week(&self, at: u64) -> bool {
        let Ok(at_s) = i64::try_from(at) else { return false };
        let minutes = at_s.saturating_add(self.offset_s(at)).div_euclid(MINUTE_S);
        let weekday =
            minutes.div_euclid(DAY_MIN).saturating_add(EPOCH_WEEKDAY).rem_euclid(WEEK_DAYS);
        let minute = minutes.rem_euclid(DAY_MIN);
        self.weekly.iter().any(|window| window.holds(weekday, minute))
    }
}
