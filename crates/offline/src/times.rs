//! When a key holds: a weekly wall clock, spans of UTC seconds, and spans that are taken out.
//!
//! Three numbers say all a lock needs of a time zone, because no zone changes its offset twice
//! within the life of a key. A lock that knows the time only within bounds asks for a whole
//! interval. Must not hold a key or know who presents it.

use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::items::{Item, Items};
use crate::key::instant;
use crate::number::divided;

const MINUTE_S: u32 = 60;
const DAY_S: u32 = 86_400;
const DAY_MIN: u16 = 1440;
const WEEK_DAYS: u32 = 7;
const WEEK_S: u32 = 604_800;
/// Weekly windows say nothing of an interval longer than this, unless they cover the week.
const MOST_WALKED_S: u64 = 8 * 86_400;
/// No zone is farther from UTC.
const MOST_OFFSET_MIN: u16 = 1439;
/// The epoch was a Thursday: seconds since the Monday of the week before it, so that no offset
/// leads to before that.
const EPOCH_S: u64 = 10 * 86_400;

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
    fn starts_on(self, weekday: u32) -> bool {
        self.days.wrapping_shr(weekday) & 1 == 1
    }

    /// Whether it holds at a minute of a weekday, 0 being Monday.
    fn holds(self, weekday: u32, minute: u32) -> bool {
        let (begun, ended) = (minute >= self.start_min.into(), minute >= self.end_min.into());
        let today = self.starts_on(weekday) && begun;
        if self.end_min > self.start_min {
            return today && !ended;
        }
        let before = if weekday == 0 { WEEK_DAYS } else { weekday }.wrapping_sub(1);
        today || (self.starts_on(before) && !ended)
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
        } else if length <= MOST_WALKED_S {
            Week::Walked
        } else if self.covers_week() {
            Week::Always(true)
        } else {
            Week::Unknown
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
        let mut next = None;
        let mut edge = |edge: u64| {
            if edge > at && next.is_none_or(|next| edge < next) {
                next = Some(edge);
            }
        };
        for spans in [&self.closed, &self.absolute] {
            for span in spans.iter() {
                edge(span.start);
                edge(span.end);
            }
        }
        if week == Week::Walked {
            edge(self.zone.transition_at);
            let of_day = self.wall_s(at).wrapping_rem(DAY_S);
            let mut minute = |minute: u16| {
                let left = u32::from(minute).wrapping_mul(MINUTE_S).wrapping_sub(of_day);
                // An edge that is over today is tomorrow's.
                let is_over = left == 0 || left > DAY_S;
                let left = left.wrapping_add(if is_over { DAY_S } else { 0 });
                edge(at.wrapping_add(left.into()));
            };
            minute(0);
            for window in self.weekly.iter() {
                minute(window.start_min);
                minute(window.end_min);
            }
        }
        next
    }

    /// Seconds of the wall clock's week at an instant.
    fn wall_s(&self, at: u64) -> u32 {
        let offset_s = i64::from(self.zone.offset_min(at)).wrapping_mul(MINUTE_S.into());
        divided(at.wrapping_add(EPOCH_S).wrapping_add_signed(offset_s), WEEK_S).1
    }

    /// Whether the windows leave no minute of the week out: none does where one ends, on any day.
    fn covers_week(&self) -> bool {
        self.weekly.iter().all(|window| {
            let end = if window.end_min == DAY_MIN { 0 } else { window.end_min };
            (0..WEEK_DAYS).all(|weekday| self.some_window(weekday, end.into()))
        })
    }

    fn some_window(&self, weekday: u32, minute: u32) -> bool {
        self.weekly.iter().any(|window| window.holds(weekday, minute))
    }

    fn in_week(&self, at: u64) -> bool {
        let wall_s = self.wall_s(at);
        let minute = wall_s.wrapping_rem(DAY_S).wrapping_div(MINUTE_S);
        self.some_window(wall_s.wrapping_div(DAY_S), minute)
    }
}
