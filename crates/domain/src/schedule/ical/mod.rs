//! A schedule written as one iCalendar event (RFC 5545), read strictly: whatever would change when
//! a door opens and is not understood is refused. The content lines are read by hand because the
//! known crates are lenient by design and skip what they do not know.
//!
//! Where the standard leaves a choice:
//! - Times without a zone and all-day dates are on the wall of the lock that is opened.
//! - A `DTSTART` that its own rule does not match is no occurrence (section 3.8.5.3 leaves it
//!   undefined; `rrule` and `dateutil` do the same) and `COUNT` counts what the rule matches.
//! - `DTEND` gives every occurrence the same exact length, `DURATION` in days or weeks the same
//!   nominal one (section 3.8.5.3); of all-day dates the length is always nominal.
//! - A `VTIMEZONE` is skipped if it names an IANA zone: the rules are those of the IANA data.
//! - Overlapping occurrences are a union; occurrences after the year 9998 are not seen.

mod compile;
mod event;
mod length;
mod lines;
mod occurrences;
mod rrule;
mod rule;
mod value;

pub(crate) use compile::compile;
pub(crate) use occurrences::Occurrences;

use super::definition::Flaw;

/// A flaw in the text; the pointer is the same for all.
fn flaw(code: &'static str, detail: String) -> Flaw {
    Flaw::new("/ical", code, detail)
}

/// A flaw that belongs to one line of the text.
fn flaw_at(line: &lines::Line, code: &'static str, detail: &str) -> Flaw {
    flaw(code, format!("line {}, {}: {detail}", line.number, line.name))
}
