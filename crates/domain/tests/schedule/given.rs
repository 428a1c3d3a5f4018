//! Short ways to write schedules and instants in tests.

use claviger_domain::schedule::{
    Compiled, DayWindow, Definition, Exception, Flaw, Weekly, WeeklyWindow, parse_minute,
};
use claviger_domain::time::{Instant, MINUTE, Window, Zone};

pub(crate) fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap_or_else(|| panic!("{text} is no instant"))
}

pub(crate) fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap_or_else(|| panic!("{name} is no zone"))
}

/// Days as one letter each from Monday on, `-` for none: `MTWTF--`.
pub(crate) fn window(days: &str, from: &str, to: &str) -> WeeklyWindow {
    let days = days.bytes().zip(0..).filter(|(letter, _)| *letter != b'-');
    let days = days.fold(0, |mask, (_, bit)| mask | 1 << bit);
    WeeklyWindow { days, from_min: minute(from), to_min: minute(to) }
}

pub(crate) fn exception(date: &str, windows: &[(&str, &str)]) -> Exception {
    let window =
        |(from, to): &(&str, &str)| DayWindow { from_min: minute(from), to_min: minute(to) };
    Exception { date: date.parse().unwrap(), windows: windows.iter().map(window).collect() }
}

pub(crate) fn weekly(windows: Vec<WeeklyWindow>, exceptions: Vec<Exception>) -> Weekly {
    Weekly { zone: None, windows, exceptions }
}

pub(crate) fn compiled(weekly: Weekly) -> Compiled {
    Definition::Weekly(weekly).compile().unwrap()
}

/// A calendar with one event that holds these lines.
pub(crate) fn calendar(lines: &str) -> String {
    let event = lines.trim().replace('\n', "\r\n");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test\r\nBEGIN:VEVENT\r\nUID:1\r\n\
         DTSTAMP:20240101T000000Z\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

pub(crate) fn event(lines: &str) -> Result<Compiled, Vec<Flaw>> {
    Definition::Ical(calendar(lines)).compile()
}

/// The windows between two instants, each as `from/until`.
pub(crate) fn windows(compiled: &Compiled, from: &str, until: &str, zone: &Zone) -> Vec<String> {
    let found = compiled.windows(at(from), at(until), zone, usize::MAX);
    let written = |window: &Window| {
        format!("{}/{}", window.from.unwrap_or_default(), window.until.unwrap_or_default())
    };
    found.iter().map(written).collect()
}

/// Checks `windows`, `next_open` and `next_closed` against `is_open` at every minute of a span.
pub(crate) fn agrees_with_itself(compiled: &Compiled, from: Instant, until: Instant, zone: &Zone) {
    let windows = compiled.windows(from, until, zone, usize::MAX);
    let mut at = from;
    while at < until {
        let open = compiled.is_open(at, zone);
        let window = windows.iter().find(|window| !window.past(at));
        assert_eq!(window.is_some_and(|window| window.holds(at)), open, "{at} in {zone:?}");
        let next_open = window.and_then(|window| window.from).max(window.map(|_| at));
        assert_eq!(compiled.next_open(at, until, zone), next_open, "{at} in {zone:?}");
        let next_closed = if open { window.and_then(|window| window.until) } else { Some(at) };
        let next_closed = next_closed.filter(|closed| *closed < until);
        assert_eq!(compiled.next_closed(at, until, zone), next_closed, "{at} in {zone:?}");
        at = at.plus(MINUTE);
    }
    for pair in windows.windows(2) {
        assert!(pair[0].until < pair[1].from, "not merged: {pair:?}");
    }
}

fn minute(text: &str) -> u16 {
    parse_minute(text).unwrap_or_else(|| panic!("{text} is no time of day"))
}
