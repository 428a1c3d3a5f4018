//! The shape of the text: one VCALENDAR around one VEVENT, and which properties may stand where.
//! Decides what is understood, what is skipped and what is refused; reads no dates.

use super::lines::Line;
use super::{flaw, flaw_at};
use crate::schedule::definition::Flaw;
use crate::time::Zone;

/// The lines of an event that say when.
#[derive(Default)]
pub(super) struct Event<'a> {
    pub(super) start: Option<&'a Line>,
    pub(super) end: Option<&'a Line>,
    pub(super) duration: Option<&'a Line>,
    pub(super) rule: Option<&'a Line>,
    pub(super) excluded: Vec<&'a Line>,
    pub(super) added: Vec<&'a Line>,
}

/// Properties of an event that say nothing about when it takes place.
const DESCRIPTIVE: [&str; 26] = [
    "ATTACH",
    "ATTENDEE",
    "CATEGORIES",
    "CLASS",
    "COLOR",
    "COMMENT",
    "CONFERENCE",
    "CONTACT",
    "CREATED",
    "DESCRIPTION",
    "DTSTAMP",
    "GEO",
    "IMAGE",
    "LAST-MODIFIED",
    "LOCATION",
    "ORGANIZER",
    "PRIORITY",
    "RELATED-TO",
    "REQUEST-STATUS",
    "RESOURCES",
    "SEQUENCE",
    "SUMMARY",
    "TRANSP",
    "UID",
    "URL",
    "NAME",
];

/// Where in the text a line stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Before,
    Calendar,
    Event,
    Zone,
    /// A STANDARD or DAYLIGHT part of a zone.
    ZonePart,
    After,
}

/// The lines of the one event, or every flaw in the shape of the text.
pub(super) fn collect(lines: &[Line]) -> Result<Event<'_>, Vec<Flaw>> {
    let mut reader = Reader { place: Place::Before, events: 0, event: Event::default() };
    let mut flaws = Vec::new();
    for line in lines {
        let read = match line.name.as_str() {
            "BEGIN" => reader.begin(line),
            "END" => reader.end(line),
            _ => reader.property(line),
        };
        if let Err(found) = read {
            flaws.push(found);
            // Inside something unknown every further line would be a flaw too.
            if matches!(line.name.as_str(), "BEGIN" | "END") {
                return Err(flaws);
            }
        }
    }
    if reader.place != Place::After {
        flaws.push(flaw("malformed", "the text ends before END:VCALENDAR".to_owned()));
    } else if reader.events == 0 {
        flaws.push(flaw("missing", "the calendar has no VEVENT; it needs exactly one".to_owned()));
    }
    if flaws.is_empty() { Ok(reader.event) } else { Err(flaws) }
}

struct Reader<'a> {
    place: Place,
    events: u32,
    event: Event<'a>,
}

impl<'a> Reader<'a> {
    fn begin(&mut self, line: &Line) -> Result<(), Flaw> {
        let component = line.value.to_ascii_uppercase();
        self.place = match (self.place, component.as_str()) {
            (Place::Before, "VCALENDAR") => Place::Calendar,
            (Place::Calendar, "VTIMEZONE") => Place::Zone,
            (Place::Zone, "STANDARD" | "DAYLIGHT") => Place::ZonePart,
            (Place::Calendar, "VEVENT") if self.events == 0 => {
                self.events = 1;
                Place::Event
            }
            (Place::Calendar, "VEVENT") => {
                let detail = "a second VEVENT; a schedule has exactly one";
                return Err(flaw_at(line, "unsupported_part", detail));
            }
            (Place::Before, _) => {
                return Err(flaw_at(line, "malformed", "the text begins with BEGIN:VCALENDAR"));
            }
            (Place::After, _) => {
                return Err(flaw_at(line, "malformed", "something follows END:VCALENDAR"));
            }
            _ => {
                let detail = format!("{component} is not supported here; leave it out");
                return Err(flaw_at(line, "unsupported_part", &detail));
            }
        };
        Ok(())
    }

    fn end(&mut self, line: &Line) -> Result<(), Flaw> {
        let component = line.value.to_ascii_uppercase();
        self.place = match (self.place, component.as_str()) {
            (Place::Calendar, "VCALENDAR") => Place::After,
            (Place::Event, "VEVENT") | (Place::Zone, "VTIMEZONE") => Place::Calendar,
            (Place::ZonePart, "STANDARD" | "DAYLIGHT") => Place::Zone,
            _ => return Err(flaw_at(line, "malformed", "ends what was not begun")),
        };
        Ok(())
    }

    fn property(&mut self, line: &'a Line) -> Result<(), Flaw> {
        match self.place {
            Place::Before => {
                Err(flaw_at(line, "malformed", "the text begins with BEGIN:VCALENDAR"))
            }
            Place::After => Err(flaw_at(line, "malformed", "something follows END:VCALENDAR")),
            Place::Calendar => calendar_property(line),
            Place::Event => self.event_property(line),
            Place::Zone if line.name == "TZID" && Zone::parse(&line.value).is_none() => {
                let detail = "the zone is not in the IANA data; use a name like Europe/Stockholm";
                Err(flaw_at(line, "unknown_zone", detail))
            }
            Place::Zone | Place::ZonePart => Ok(()),
        }
    }

    fn event_property(&mut self, line: &'a Line) -> Result<(), Flaw> {
        let event = &mut self.event;
        let single = match line.name.as_str() {
            "DTSTART" => &mut event.start,
            "DTEND" => &mut event.end,
            "DURATION" => &mut event.duration,
            "RRULE" => &mut event.rule,
            "EXDATE" => {
                event.excluded.push(line);
                return Ok(());
            }
            "RDATE" => {
                event.added.push(line);
                return Ok(());
            }
            "STATUS" => return one_of(line, &["CONFIRMED", "TENTATIVE"]),
            name if DESCRIPTIVE.contains(&name) || name.starts_with("X-") => return Ok(()),
            _ => {
                let detail = "this property of an event is not supported; leave it out";
                return Err(flaw_at(line, "unsupported_part", detail));
            }
        };
        if single.is_some() {
            return Err(flaw_at(line, "duplicate", "stands twice; an event has at most one"));
        }
        *single = Some(line);
        Ok(())
    }
}

fn calendar_property(line: &Line) -> Result<(), Flaw> {
    match line.name.as_str() {
        "VERSION" => one_of(line, &["2.0"]),
        "CALSCALE" => one_of(line, &["GREGORIAN"]),
        "METHOD" => one_of(line, &["PUBLISH", "REQUEST"]),
        "PRODID" => Ok(()),
        name if DESCRIPTIVE.contains(&name) || name.starts_with("X-") => Ok(()),
        _ => {
            let detail = "this property of a calendar is not supported; leave it out";
            Err(flaw_at(line, "unsupported_part", detail))
        }
    }
}

fn one_of(line: &Line, accepted: &[&str]) -> Result<(), Flaw> {
    if accepted.iter().any(|value| line.value.eq_ignore_ascii_case(value)) {
        return Ok(());
    }
    let detail = format!("{} is not supported; {} is", line.value, accepted.join(" or "));
    Err(flaw_at(line, "unsupported_part", &detail))
}
