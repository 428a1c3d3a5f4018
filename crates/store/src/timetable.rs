//! Definitions of schedules as JSON text: `{"ical": text}`, or `{"zone": name or null, "weekly":
//! [[days, from, to], ..], "exceptions": [[date, [[from, to], ..]], ..]}`, minutes as numbers.
//!
//! Must not say more of a definition than that it can be read.

use std::sync::Arc;

use claviger_domain::noun::schedule::Timetable;
use claviger_domain::schedule::{DayWindow, Definition, Exception, Weekly, WeeklyWindow};
use claviger_domain::time::Zone;
use serde_json::{Value, json};

/// The text to be stored; the same for equal definitions.
#[must_use]
pub fn encode(definition: &Definition) -> String {
    let weekly = match definition {
        Definition::Ical(text) => return json!({ "ical": text }).to_string(),
        Definition::Weekly(weekly) => weekly,
    };
    let windows = weekly.windows.iter().map(|w| json!([w.days, w.from_min, w.to_min]));
    let exceptions = weekly.exceptions.iter().map(|exception| {
        let windows = exception.windows.iter().map(|w| json!([w.from_min, w.to_min]));
        json!([exception.date.to_string(), windows.collect::<Vec<_>>()])
    });
    json!({
        "zone": weekly.zone.as_ref().map(Zone::name),
        "weekly": windows.collect::<Vec<_>>(),
        "exceptions": exceptions.collect::<Vec<_>>(),
    })
    .to_string()
}

/// The timetable of a stored text, compiled; none when it is not one.
#[must_use]
pub fn decode(text: &str) -> Option<Arc<Timetable>> {
    let value: Value = serde_json::from_str(text).ok()?;
    let definition = match value.get("ical") {
        Some(ical) => Definition::Ical(ical.as_str()?.to_owned()),
        None => Definition::Weekly(weekly(&value)?),
    };
    Timetable::new(definition).ok()
}

fn weekly(value: &Value) -> Option<Weekly> {
    let zone = match value.get("zone")? {
        Value::Null => None,
        name => Some(Zone::parse(name.as_str()?)?),
    };
    let windows = value.get("weekly")?.as_array()?.iter().map(|window| {
        Some(WeeklyWindow {
            days: u8::try_from(window.get(0)?.as_u64()?).ok()?,
            from_min: minute(window, 1)?,
            to_min: minute(window, 2)?,
        })
    });
    let exceptions = value.get("exceptions")?.as_array()?.iter().map(|exception| {
        let windows = exception.get(1)?.as_array()?.iter().map(|window| {
            Some(DayWindow { from_min: minute(window, 0)?, to_min: minute(window, 1)? })
        });
        Some(Exception {
            date: exception.get(0)?.as_str()?.parse().ok()?,
            windows: windows.collect::<Option<_>>()?,
        })
    });
    Some(Weekly {
        zone,
        windows: windows.collect::<Option<_>>()?,
        exceptions: exceptions.collect::<Option<_>>()?,
    })
}

fn minute(window: &Value, at: usize) -> Option<u16> {
    u16::try_from(window.get(at)?.as_u64()?).ok()
}
