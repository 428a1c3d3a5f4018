//! When a key holds, in the few words that fit into one: windows of a week by a wall clock of three
//! numbers, spans beside them, and spans that are taken out.
//!
//! Made here from schedules, by [`fit`]; a lock reads the same from the key.

use super::right::Right;
use super::spans::{self, Span};
use crate::schedule::{Definition, Weekly, WeeklyWindow};

/// Windows, spans and closed spans in one key, of each.
const MOST: usize = 16;

const DAY_S: i64 = 86_400;
const DAY_MIN: u16 = 1440;
/// The epoch was a Thursday: days since the Monday before it.
const EPOCH_WEEKDAY: i64 = 3;

/// The wall clock over the life of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallClock {
    /// Minutes east of UTC before the change.
    pub before_min: i16,
    /// When it changes, in UTC seconds; 0 for never.
    pub change_s: i64,
    /// Minutes east of UTC from the change on.
    pub after_min: i16,
}

/// When a key holds: in a window or a span (or at any time where there is neither), and in no
/// closed span. Instants are UTC seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTimes {
    /// The clock of the windows.
    pub clock: WallClock,
    /// Windows of every week; ends from 1 to 1440.
    pub weekly: Vec<WeeklyWindow>,
    /// Spans beside the week.
    pub absolute: Vec<Span>,
    /// Spans in which nothing else counts.
    pub closed: Vec<Span>,
}

impl KeyTimes {
    /// When it holds within a span, as a row.
    #[must_use]
    pub fn spans(&self, from: i64, until: i64) -> Vec<Span> {
        let open = if self.weekly.is_empty() && self.absolute.is_empty() {
            spans::joined(vec![(from, until)])
        } else {
            let mut all = weeks(&self.weekly, self.clock, from, until);
            all.extend(spans::common(&self.absolute, &[(from, until)]));
            spans::joined(all)
        };
        spans::without(&open, &self.closed)
    }
}

/// The windows of the weeks that meet a span, cut to it; in any order.
fn weeks(windows: &[WeeklyWindow], clock: WallClock, from: i64, until: i64) -> Vec<Span> {
    let change = if clock.change_s == 0 { until } else { clock.change_s.clamp(from, until) };
    let mut found = Vec::new();
    for (start, end, offset_min) in
        [(from, change, clock.before_min), (change, until, clock.after_min)]
    {
        if start >= end {
            continue;
        }
        let offset_s = i64::from(offset_min) * 60;
        let (first, last) =
            ((start + offset_s).div_euclid(DAY_S), (end + offset_s).div_euclid(DAY_S));
        for day in first - 1..=last {
            let weekday = (day + EPOCH_WEEKDAY).rem_euclid(7);
            for window in windows.iter().filter(|it| it.days >> weekday & 1 == 1) {
                let over = if window.to_min <= window.from_min { DAY_S } else { 0 };
                let opens = day * DAY_S + i64::from(window.from_min) * 60 - offset_s;
                let closes = day * DAY_S + i64::from(window.to_min) * 60 + over - offset_s;
                found.push((opens.max(start), closes.min(end)));
            }
        }
    }
    found
}

/// What fits into a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// The first second at which it holds no more.
    pub exp: i64,
    /// When it holds until then.
    pub times: KeyTimes,
}

/// The times of a right from `iat` on as they fit into a key, which ends at `exp` or before: where
/// there are more differences from the week than a key has room for, or a second change of the
/// clock. None where it would never open.
#[must_use]
pub fn fit(right: &Right<'_>, iat: i64, exp: i64) -> Option<Fitted> {
    let exp = exp.min(right.bounds().1);
    let (open, known_until) = right.spans(iat, exp);
    let exp = known_until.min(exp);
    if iat >= exp {
        return None;
    }
    let weeks = right.schedules().filter_map(|times| match times.definition() {
        Definition::Weekly(weekly) => Some(weekly),
        Definition::Ical(_) => None,
    });
    let based = weeks.filter_map(|weekly| on_weeks(right, weekly, &open, iat, exp));
    // Without a schedule the right holds all the time but for what is cut off at its ends.
    let always = right.schedules().next().is_none();
    let bare = KeyTimes::default();
    let plain =
        if always { cut(bare, &[(iat, exp)], &open, exp) } else { cut(bare, &[], &open, exp) };
    let room = |it: &Fitted| (it.exp, usize::MAX - it.times.absolute.len() - it.times.closed.len());
    let best = based.chain([plain]).max_by_key(room)?;
    best.times.spans(iat, best.exp).first()?;
    (always || best.times != KeyTimes::default()).then_some(best)
}

/// The times as differences from the windows of a week.
fn on_weeks(
    right: &Right<'_>,
    weekly: &Weekly,
    open: &[Span],
    iat: i64,
    exp: i64,
) -> Option<Fitted> {
    let zone = weekly.zone.as_ref().unwrap_or(right.zone);
    let before = zone.stretch(iat);
    let mut exp = exp;
    let (mut change_s, mut after_s) = (0, before.offset_s);
    if before.until_s < exp {
        let after = zone.stretch(before.until_s);
        (change_s, after_s) = (before.until_s, after.offset_s);
        exp = exp.min(after.until_s);
    }
    let minutes = |offset_s: i64| i16::try_from(offset_s / 60).ok().filter(|_| offset_s % 60 == 0);
    let clock =
        WallClock { before_min: minutes(before.offset_s)?, change_s, after_min: minutes(after_s)? };
    let weekly = grouped(&weekly.windows);
    let week = spans::joined(weeks(&weekly, clock, iat, exp));
    Some(cut(KeyTimes { clock, weekly, ..KeyTimes::default() }, &week, open, exp))
}

/// Windows with the same hours as one of several days, ends as a key has them, as many as fit.
fn grouped(windows: &[WeeklyWindow]) -> Vec<WeeklyWindow> {
    let mut groups: Vec<WeeklyWindow> = Vec::new();
    for window in windows {
        let to_min = if window.to_min == 0 { DAY_MIN } else { window.to_min };
        let same = |it: &&mut WeeklyWindow| (it.from_min, it.to_min) == (window.from_min, to_min);
        match groups.iter_mut().find(same) {
            Some(group) => group.days |= window.days,
            None => groups.push(WeeklyWindow { to_min, ..*window }),
        }
    }
    groups.truncate(MOST);
    groups
}

/// Adds what differs between what the weeks say and what is open, and ends before there is more of
/// it than fits.
fn cut(times: KeyTimes, week: &[Span], open: &[Span], exp: i64) -> Fitted {
    let life = [(i64::MIN, exp)];
    let (week, open) = (spans::common(week, &life), spans::common(open, &life));
    let (mut absolute, mut closed) = (spans::without(&open, &week), spans::without(&week, &open));
    let too_many = |row: &[Span]| row.get(MOST).map_or(exp, |it| it.0);
    let exp = exp.min(too_many(&absolute)).min(too_many(&closed));
    for row in [&mut absolute, &mut closed] {
        *row = spans::common(row, &[(i64::MIN, exp)]);
    }
    Fitted { exp, times: KeyTimes { absolute, closed, ..times } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noun::schedule::Timetable;
    use crate::schedule::{DayWindow, Exception};
    use crate::time::{Instant, SECOND, Window, Zone};

    const DAY: i64 = DAY_S;

    fn weekly(zone: Option<&str>, windows: &[(u8, u16, u16)], dates: &[&str]) -> Definition {
        let window =
            |it: &(u8, u16, u16)| WeeklyWindow { days: it.0, from_min: it.1, to_min: it.2 };
        let noon = DayWindow { from_min: 720, to_min: 780 };
        let exception = |(at, date): (usize, &&str)| Exception {
            date: date.parse().unwrap(),
            windows: if at % 2 == 0 { vec![] } else { vec![noon] },
        };
        Definition::Weekly(Weekly {
            zone: zone.and_then(Zone::parse),
            windows: windows.iter().map(window).collect(),
            exceptions: dates.iter().enumerate().map(exception).collect(),
        })
    }

    fn ical(rule: &str, hours: u32) -> Definition {
        Definition::Ical(format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//\r\nBEGIN:VEVENT\r\nUID:1\r\n\
             DTSTAMP:20260101T000000Z\r\nDTSTART;TZID=Europe/Stockholm:20260105T080000\r\n\
             DURATION:PT{hours}H\r\n{rule}END:VEVENT\r\nEND:VCALENDAR\r\n"
        ))
    }

    /// What fits of a right with these schedules is exactly what the engine says, as long as it
    /// lasts.
    fn holds_as(
        definitions: &[&Definition],
        window: Window,
        iat: i64,
        life: i64,
    ) -> Option<Fitted> {
        let tables: Vec<_> =
            definitions.iter().map(|it| Timetable::new((*it).clone()).unwrap()).collect();
        let zone = Zone::parse("Europe/Stockholm").unwrap();
        let refs: Vec<&Timetable> = tables.iter().map(|it| &**it).collect();
        let schedules = [refs.first().copied(), refs.get(1).copied()];
        let right = Right::sample(window, schedules, &zone);
        let fitted = fit(&right, iat, iat + life)?;
        assert!(fitted.exp <= iat + life && fitted.times.weekly.len() <= MOST);
        assert!(fitted.times.absolute.len() <= MOST && fitted.times.closed.len() <= MOST);
        let spans = fitted.times.spans(iat, fitted.exp);
        for at in (iat..fitted.exp).step_by(900).chain([fitted.exp - 1]) {
            let instant = Instant(at * SECOND);
            let open = window.holds(instant)
                && tables.iter().all(|it| it.compiled().is_open(instant, &zone));
            let said = spans.iter().any(|it| it.0 <= at && at < it.1);
            assert_eq!(said, open, "{definitions:?} at {instant}");
        }
        Some(fitted)
    }

    #[test]
    fn what_fits_is_what_the_engine_says() {
        let office = weekly(None, &[(0b001_1111, 480, 1020)], &[]);
        let nights = weekly(Some("America/New_York"), &[(0b111_1111, 1320, 360)], &[]);
        let dates = ["2026-03-27", "2026-03-28", "2026-03-31", "2026-04-02"];
        let easter = weekly(None, &[(0b111_1111, 0, 1440), (1, 60, 0)], &dates);
        let (daily, monthly) =
            (ical("RRULE:FREQ=DAILY\r\n", 9), ical("RRULE:FREQ=MONTHLY\r\n", 30));
        let all = [&office, &nights, &easter, &daily, &monthly];
        // From before the clocks go forward to after; and over the year's end.
        for iat in [1_774_300_000, 1_792_800_123, 1_798_500_000] {
            let from = Some(Instant((iat + 90_000) * SECOND));
            let until = Some(Instant((iat + 5 * DAY) * SECOND));
            for window in [Window::ALWAYS, Window { from, until }] {
                for life in [DAY, 14 * DAY, 90 * DAY] {
                    holds_as(&[], window, iat, life);
                    for one in all {
                        holds_as(&[one], window, iat, life);
                        for other in all {
                            holds_as(&[one, other], window, iat, life);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_ends_sooner_and_what_never_opens_is_none() {
        let iat = 1_774_300_000;
        let whole = holds_as(&[], Window::ALWAYS, iat, 14 * DAY).unwrap();
        assert_eq!((whole.exp, whole.times), (iat + 14 * DAY, KeyTimes::default()));
        let daily = ical("RRULE:FREQ=DAILY\r\n", 9);
        let fitted = holds_as(&[&daily], Window::ALWAYS, iat, 90 * DAY).unwrap();
        assert!(fitted.exp < iat + 18 * DAY && fitted.exp > iat + 15 * DAY, "sixteen days");
        let mondays = weekly(None, &[(1, 480, 540)], &[]);
        let tuesdays = weekly(None, &[(2, 480, 540)], &[]);
        assert_eq!(holds_as(&[&mondays, &tuesdays], Window::ALWAYS, iat, 14 * DAY), None);
        let until = Some(Instant((iat + DAY) * SECOND + 999_999));
        let short = holds_as(&[], Window { from: None, until }, iat, 14 * DAY).unwrap();
        assert_eq!((short.exp, short.times.closed.len()), (iat + DAY, 0), "never longer");
        let over = Window { from: None, until: Some(Instant(iat * SECOND)) };
        assert_eq!(holds_as(&[], over, iat, 14 * DAY), None);
    }
}
