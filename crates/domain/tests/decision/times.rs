//! Whether a written timetable is open at an instant, and every instant at which that may change:
//! slow, by the clock on the wall, from the specification alone.

use claviger_domain::time::{HOUR, Instant};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::world::Times;

pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_| panic!("{name} is no zone"))
}

fn stamp(at: Instant) -> Timestamp {
    Timestamp::from_microsecond(at.0).unwrap()
}

fn instant(stamp: Timestamp) -> Instant {
    Instant(stamp.as_microsecond())
}

/// Whether `times` hold at `at` for a lock whose zone is `lock_zone`.
pub(crate) fn open(times: &Times, lock_zone: &str, at: Instant) -> bool {
    match times {
        Times::Weekly { zone: own, windows, exceptions } => {
            let wall = zone(own.as_deref().unwrap_or(lock_zone)).to_datetime(stamp(at));
            let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
            let today = of_date(windows, exceptions, wall.date());
            if today.iter().any(|(from, to)| minute >= *from && (to <= from || minute < *to)) {
                return true;
            }
            // What began yesterday runs over, unless the date of today has an entry of its own.
            let yesterday = of_date(windows, exceptions, wall.date().yesterday().unwrap());
            entry(exceptions, wall.date()).is_none()
                && yesterday.iter().any(|(from, to)| to <= from && minute < *to)
        }
        Times::Event { spans, .. } => spans.iter().any(|(from, until)| *from <= at && at < *until),
    }
}

fn entry(exceptions: &[(Date, Vec<(u16, u16)>)], date: Date) -> Option<&Vec<(u16, u16)>> {
    exceptions.iter().find(|exception| exception.0 == date).map(|exception| &exception.1)
}

/// The windows that begin on a date.
fn of_date(
    windows: &[(u8, u16, u16)],
    exceptions: &[(Date, Vec<(u16, u16)>)],
    date: Date,
) -> Vec<(u16, u16)> {
    if let Some(windows) = entry(exceptions, date) {
        return windows.clone();
    }
    let day = date.weekday().to_monday_zero_offset();
    let on_day = windows.iter().filter(|(days, ..)| days >> day & 1 == 1);
    on_day.map(|(_, from, to)| (*from, *to)).collect()
}

/// An iCalendar event that starts on every `interval`th day, or in every `interval`th week on some
/// days (bit 0 is Monday; the start must be one of them), `count` times.
pub(crate) struct Event {
    /// IANA name; `None` writes the start in UTC.
    pub zone: Option<String>,
    pub start: DateTime,
    pub hours: i64,
    /// 0 for daily.
    pub days: u8,
    pub interval: i64,
    pub count: usize,
}

impl Event {
    pub(crate) fn times(&self) -> Times {
        Times::Event { text: self.text(), spans: self.spans() }
    }

    fn text(&self) -> String {
        let start = self.start.strftime("%Y%m%dT%H%M%S");
        let start = match &self.zone {
            None => format!("DTSTART:{start}Z"),
            Some(zone) => format!("DTSTART;TZID={zone}:{start}"),
        };
        let names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"].iter().enumerate();
        let by: Vec<&str> =
            names.filter(|(bit, _)| self.days >> bit & 1 == 1).map(|(_, name)| *name).collect();
        let rule = match self.days {
            0 => "FREQ=DAILY".to_owned(),
            _ => format!("FREQ=WEEKLY;BYDAY={}", by.join(",")),
        };
        let rule = format!("RRULE:{rule};INTERVAL={};COUNT={}", self.interval, self.count);
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//test",
            "BEGIN:VEVENT",
            "UID:1",
            "DTSTAMP:20240101T000000Z",
            &start,
            &format!("DURATION:PT{}H", self.hours),
            &rule,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
        .join("\r\n")
    }

    /// Every occurrence, from the first on.
    fn spans(&self) -> Vec<(Instant, Instant)> {
        let zone = self.zone.as_deref().map_or(TimeZone::UTC, zone);
        // Weeks are counted from the Monday of the week of the start.
        let monday = i64::from(self.start.date().weekday().to_monday_zero_offset());
        let mut found = Vec::new();
        let mut day = 0i64;
        while found.len() < self.count {
            let date = self.start.date().checked_add(Span::new().days(day)).unwrap();
            let weekday = date.weekday().to_monday_zero_offset();
            let occurs = match self.days {
                0 => day % self.interval == 0,
                days => days >> weekday & 1 == 1 && (monday + day) / 7 % self.interval == 0,
            };
            assert!(occurs || day > 0, "the start must be an occurrence");
            if occurs {
                // The first when the clock shows it twice, moved past the gap when never.
                let local = DateTime::from_parts(date, self.start.time());
                let from = instant(zone.to_ambiguous_timestamp(local).compatible().unwrap());
                found.push((from, from.plus(self.hours * HOUR)));
            }
            day += 1;
        }
        found
    }
}

/// Every instant in `[from, until)` at which `times` may open or close.
pub(crate) fn changes(
    times: &Times,
    lock_zone: &str,
    from: Instant,
    until: Instant,
) -> Vec<Instant> {
    let mut found = Vec::new();
    match times {
        Times::Weekly { zone: own, windows, exceptions } => {
            let zone = zone(own.as_deref().unwrap_or(lock_zone));
            let mut minutes: Vec<u16> = vec![0];
            minutes.extend(windows.iter().flat_map(|(_, from, to)| [*from, *to]));
            minutes
                .extend(exceptions.iter().flat_map(|e| &e.1).flat_map(|(from, to)| [*from, *to]));
            minutes.iter_mut().for_each(|minute| *minute %= 1440);
            minutes.sort_unstable();
            minutes.dedup();
            let mut date = zone.to_datetime(stamp(from)).date().yesterday().unwrap();
            let last = zone.to_datetime(stamp(until)).date();
            while date <= last {
                for minute in &minutes {
                    let time = Time::constant((minute / 60) as i8, (minute % 60) as i8, 0, 0);
                    let local = zone.to_ambiguous_timestamp(DateTime::from_parts(date, time));
                    found.extend([local.earlier(), local.later()].map(|s| instant(s.unwrap())));
                }
                date = date.tomorrow().unwrap();
            }
            let turns = zone.following(stamp(from)).map(|turn| instant(turn.timestamp()));
            found.extend(turns.take_while(|turn| *turn < until));
        }
        Times::Event { spans, .. } => {
            found.extend(spans.iter().flat_map(|(from, until)| [*from, *until]));
        }
    }
    found.retain(|at| from <= *at && *at < until);
    found
}
