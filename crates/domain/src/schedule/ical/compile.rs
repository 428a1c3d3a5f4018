//! From an iCalendar text to its compiled form: how start, end, rule and lists of dates meet.
//! COUNT and UNTIL become a last day here, once, by work bounded by the end of the calendar.

use super::event::{Event, collect};
use super::length::{self, Length, MAX_DAYS};
use super::lines::{self, Line};
use super::occurrences::{Occurrences, days_at, last_day_by};
use super::rrule::{self, Parts};
use super::rule::Rule;
use super::value::{self, Stamp};
use super::{flaw, flaw_at};
use crate::schedule::calendar::{DAY_S, LAST_DAY, instant_of, join, split};
use crate::schedule::definition::Flaw;
use crate::time::Zone;

/// The longest text, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Dates in all EXDATE and RDATE lines together.
const MAX_DATES: usize = 1000;

/// The compiled form, or every flaw found.
pub(crate) fn compile(text: &str) -> Result<Occurrences, Vec<Flaw>> {
    if text.len() > MAX_BYTES {
        let detail = format!("{} bytes of text; at most {MAX_BYTES} are kept", text.len());
        return Err(vec![flaw("too_long", detail)]);
    }
    let lines = lines::read(text)?;
    let event = collect(&lines)?;
    let Some(line) = event.start else {
        return Err(vec![flaw("missing", "the event needs DTSTART".to_owned())]);
    };
    let start = Start::read(line).map_err(|found| vec![found])?;
    let mut flaws = Vec::new();
    let length = keep(&mut flaws, start.length(&event));
    let rule = keep(&mut flaws, start.rule(event.rule));
    let excluded = start.dates(&mut flaws, &event.excluded);
    let mut added = start.dates(&mut flaws, &event.added);
    let count = excluded.len() + added.len();
    if count > MAX_DATES {
        let detail = format!("{count} dates in EXDATE and RDATE; at most {MAX_DATES} are kept");
        flaws.push(flaw("too_many", detail));
    }
    let (Some(length), Some(rule), true) = (length, rule, flaws.is_empty()) else {
        return Err(flaws);
    };
    added.retain(|at_s| !excluded.contains(at_s));
    let (skipped, added) = (start.skipped(&excluded), added.into());
    let (zone, second) = (start.zone, start.second);
    let occurrences = Occurrences { zone, rule, second, length, skipped, added };
    if occurs(&occurrences) { Ok(occurrences) } else { Err(vec![never()]) }
}

fn keep<T>(flaws: &mut Vec<Flaw>, result: Result<T, Flaw>) -> Option<T> {
    result.map_err(|found| flaws.push(found)).ok()
}

fn never() -> Flaw {
    let detail = "the event has no occurrence at all; check DTSTART, RRULE, UNTIL and EXDATE";
    flaw("no_occurrence", detail.to_owned())
}

/// Whether the event takes place on any day; EXDATE takes out finitely many.
fn occurs(occurrences: &Occurrences) -> bool {
    let rule = &occurrences.rule;
    let mut day = rule.next(rule.first(), LAST_DAY);
    while let Some(found) = day {
        if occurrences.takes_place(found) {
            return true;
        }
        day = rule.next(found + 1, LAST_DAY);
    }
    !occurrences.added.is_empty()
}

/// Where the event begins; all its other times must be of the same kind.
struct Start {
    kind: Kind,
    /// `None` is the zone of the lock.
    zone: Option<Zone>,
    day: i32,
    second: i64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    AllDay,
    Floating,
    Zoned,
}

impl Start {
    fn read(line: &Line) -> Result<Start, Flaw> {
        let (kind, zone, wall_s) = match value::stamp(line)? {
            Stamp::Day(day) => (Kind::AllDay, None, join(day, 0)),
            Stamp::Floating(wall_s) => (Kind::Floating, None, wall_s),
            Stamp::Zoned(zone, wall_s) => (Kind::Zoned, Some(zone), wall_s),
            Stamp::Utc(at_s) => (Kind::Zoned, Some(Zone::utc()), at_s),
        };
        let (day, second) = split(wall_s);
        Ok(Start { kind, zone, day, second })
    }

    /// A time as it is stored: an instant, or on the wall if there is no zone.
    fn seconds(&self, line: &Line, stamp: &Stamp) -> Result<i64, Flaw> {
        match (self.kind, stamp) {
            (Kind::AllDay, Stamp::Day(day)) => Ok(join(*day, 0)),
            (Kind::Floating, Stamp::Floating(wall_s)) => Ok(*wall_s),
            (Kind::Zoned, Stamp::Zoned(zone, wall_s)) => Ok(instant_of(zone, *wall_s)),
            (Kind::Zoned, Stamp::Utc(at_s)) => Ok(*at_s),
            _ => {
                let right = match self.kind {
                    Kind::AllDay => "a date with VALUE=DATE",
                    Kind::Floating => "a time without zone",
                    Kind::Zoned => "a time with TZID or in UTC",
                };
                let detail = format!("DTSTART asks for {right} here");
                Err(flaw_at(line, "mixed_times", &detail))
            }
        }
    }

    fn length(&self, event: &Event<'_>) -> Result<Length, Flaw> {
        let (line, length) = match (event.end, event.duration) {
            (Some(line), Some(_)) => {
                let detail = "DTEND and DURATION exclude each other";
                return Err(flaw_at(line, "malformed", detail));
            }
            (Some(line), None) => (line, self.length_to(line)?),
            (None, Some(line)) => (line, self.duration(line)?),
            (None, None) if self.kind == Kind::AllDay => {
                return Ok(Length::Nominal { days: 1, seconds: 0 });
            }
            (None, None) => {
                let detail = "the event needs DTEND or DURATION; without one it lasts no time";
                return Err(flaw("missing", detail.to_owned()));
            }
        };
        match length.on_the_wall() {
            ..=0 => Err(flaw_at(line, "bad_duration", "the event must end after it starts")),
            seconds if seconds > MAX_DAYS * DAY_S => {
                Err(flaw_at(line, "bad_duration", "an occurrence lasts at most 31 days"))
            }
            _ => Ok(length),
        }
    }

    fn length_to(&self, line: &Line) -> Result<Length, Flaw> {
        let end_s = self.seconds(line, &value::stamp(line)?)?;
        let from_s = join(self.day, self.second);
        Ok(match (self.kind, &self.zone) {
            (Kind::AllDay, _) => Length::Nominal { days: (end_s - from_s) / DAY_S, seconds: 0 },
            (_, Some(zone)) => {
                Length::Nominal { days: 0, seconds: end_s - instant_of(zone, from_s) }
            }
            (_, None) => Length::OfFirst { from_s, until_s: end_s },
        })
    }

    fn duration(&self, line: &Line) -> Result<Length, Flaw> {
        match length::parse(&line.value) {
            Some(Length::Nominal { seconds: 1.., .. }) if self.kind == Kind::AllDay => {
                Err(flaw_at(line, "bad_duration", "an all-day event lasts whole days or weeks"))
            }
            Some(length) => Ok(length),
            None => Err(flaw_at(line, "malformed", "write it like PT8H, P1DT12H, P2D or P1W")),
        }
    }

    fn rule(&self, line: Option<&Line>) -> Result<Rule, Flaw> {
        let Some(line) = line else { return Ok(Rule::once(self.day)) };
        if let Some((name, _)) = line.params.iter().find(|(name, _)| !name.starts_with("X-")) {
            let detail = format!("the parameter {name} is not supported here");
            return Err(flaw_at(line, "unsupported_part", &detail));
        }
        let parts =
            rrule::parse(&line.value).map_err(|(code, detail)| flaw_at(line, code, &detail))?;
        let mut rule = Rule::new(&parts, self.day);
        if let Some(last) = self.last_day(line, &parts)? {
            rule.end(last);
        }
        if let Some(count) = parts.count {
            let mut last = None;
            for _ in 0..count {
                let from = last.map_or(self.day, |day: i32| day + 1);
                let Some(day) = rule.next(from, LAST_DAY) else { break };
                last = Some(day);
            }
            rule.end(last.unwrap_or(self.day));
        }
        Ok(rule)
    }

    /// The last day on which UNTIL lets an occurrence begin (RFC 5545 section 3.3.10: UNTIL is in
    /// UTC if DTSTART has a zone or is in UTC, else of the same kind as DTSTART).
    fn last_day(&self, line: &Line, parts: &Parts) -> Result<Option<i32>, Flaw> {
        let Some(until) = &parts.until else { return Ok(None) };
        let last = match (self.kind, &self.zone, value::time(until), value::day(until)) {
            (Kind::AllDay, _, _, Some(day)) => day,
            (Kind::Floating, _, Some((wall_s, false)), _) => {
                let (day, second) = split(wall_s);
                if self.second <= second { day } else { day - 1 }
            }
            (Kind::Zoned, Some(zone), Some((at_s, true)), _) => {
                last_day_by(zone, self.second, at_s)
            }
            _ => {
                let right = match self.kind {
                    Kind::AllDay => "a date, like 20241231",
                    Kind::Floating => "a time without zone, like 20241231T235959",
                    Kind::Zoned => "a time in UTC, like 20241231T225959Z",
                };
                let detail = format!("UNTIL={until}: DTSTART asks for {right}");
                return Err(flaw_at(line, "malformed", &detail));
            }
        };
        Ok(Some(last))
    }

    /// The dates of some EXDATE or RDATE lines as they are stored, in order, each once.
    fn dates(&self, flaws: &mut Vec<Flaw>, lines: &[&Line]) -> Vec<i64> {
        let mut dates = Vec::new();
        for line in lines {
            let stored = value::stamps(line).and_then(|stamps| {
                stamps.iter().map(|stamp| self.seconds(line, stamp)).collect::<Result<Vec<_>, _>>()
            });
            dates.extend(keep(flaws, stored).unwrap_or_default());
        }
        dates.sort_unstable();
        dates.dedup();
        dates
    }

    /// The days of the rule that EXDATE takes out.
    fn skipped(&self, excluded: &[i64]) -> Box<[i32]> {
        let mut days: Vec<i32> = Vec::new();
        for at_s in excluded {
            match &self.zone {
                Some(zone) => days.extend(days_at(zone, self.second, *at_s)),
                None => {
                    let (day, second) = split(*at_s);
                    days.extend((second == self.second).then_some(day));
                }
            }
        }
        days.sort_unstable();
        days.dedup();
        days.into()
    }
}
