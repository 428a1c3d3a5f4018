//! What a schedule says, as it is written and stored, and what can be wrong with it.
//! Says nothing about instants: that takes a compiled form.

use std::fmt;

use jiff::civil::Date;

use super::{Compiled, ical, weekly};
use crate::time::Zone;

/// A schedule as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Definition {
    /// Weekly windows by the clock on the wall, with dated exceptions.
    Weekly(Weekly),
    /// An iCalendar text (RFC 5545), kept and returned byte for byte.
    Ical(String),
}

/// Weekly windows by the clock on the wall, with dated exceptions.
#[derive(Clone, Debug, PartialEq)]
pub struct Weekly {
    /// The zone of the wall; `None` means that of the lock that is opened.
    pub zone: Option<Zone>,
    /// 1 to 64 windows, in any order; overlapping ones are a union.
    pub windows: Vec<WeeklyWindow>,
    /// At most 1000 dates, in any order, each at most once.
    pub exceptions: Vec<Exception>,
}

/// A window on some days of every week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeeklyWindow {
    /// The days it starts on: bit 0 is Monday, bit 6 Sunday; at least one.
    pub days: u8,
    /// Minute of the day it starts, 0 to 1439.
    pub from_min: u16,
    /// Minute of the day it ends, 0 to 1440, itself outside; at or before `from_min` it runs past
    /// midnight and ends on the day after.
    pub to_min: u16,
}

/// What holds on one date instead of the weekly windows.
///
/// It replaces the windows that start on that date, and cuts at its midnight whatever runs over
/// from the day before. Its own window past midnight runs over into the day after, unless that day
/// has an exception too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The date on the wall.
    pub date: Date,
    /// At most 64 windows, in any order; none means closed all day.
    pub windows: Vec<DayWindow>,
}

/// A window that starts on one date; minutes as in `WeeklyWindow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayWindow {
    /// Minute of the day it starts, 0 to 1439.
    pub from_min: u16,
    /// Minute of the day it ends, 0 to 1440; at or before `from_min` it runs past midnight.
    pub to_min: u16,
}

/// One thing wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// JSON pointer (RFC 6901) relative to the schedule, such as `/weekly/0/to` or `/ical`.
    pub pointer: String,
    /// A stable word for programs. Weekly: `no_window`, `no_day`, `bad_time`, `duplicate_date`,
    /// `too_many`. iCalendar: `too_long`, `malformed`, `missing`, `duplicate`, `unsupported_part`,
    /// `unknown_zone`, `mixed_times`, `bad_duration`, `too_many`, `no_occurrence`.
    pub code: &'static str,
    /// What is wrong and what would be right, in plain words.
    pub detail: String,
}

impl Flaw {
    pub(crate) fn new(pointer: impl Into<String>, code: &'static str, detail: String) -> Flaw {
        Flaw { pointer: pointer.into(), code, detail }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.pointer, self.detail)
    }
}

impl Definition {
    /// Makes the form that answers at instants.
    ///
    /// # Errors
    /// Every flaw found; never an empty list.
    pub fn compile(&self) -> Result<Compiled, Vec<Flaw>> {
        match self {
            Definition::Weekly(weekly) => weekly::compile(weekly).map(Compiled::weekly),
            Definition::Ical(text) => ical::compile(text).map(Compiled::ical),
        }
    }
}
