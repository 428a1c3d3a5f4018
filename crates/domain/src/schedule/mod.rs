//! When a door may be opened: weekly windows with dated exceptions, or an iCalendar event.
//!
//! A `Definition` is what someone wrote and what is stored; compiling it finds every flaw and gives
//! a `Compiled`, which answers at any instant at the same cost. Nothing here reads a clock or the
//! host's zone, expands a rule from its beginning, or keeps a compiled form (zone data changes).

mod calendar;
mod compiled;
mod definition;
mod edges;
mod hours;
mod ical;
mod minute;
mod weekly;

pub use compiled::Compiled;
pub use definition::{DayWindow, Definition, Exception, Flaw, Weekly, WeeklyWindow};
pub(crate) use hours::Hours;
pub use minute::{format_minute, parse_minute};
