//! Schedules as callers write them, as definitions. Does not compile them.

use claviger_domain::schedule::{
    DayWindow, Definition, Exception, Weekly, WeeklyWindow, parse_minute,
};
use serde_json::Value;

use super::{Fields, Ref, ScheduleInput};
use crate::api::format::parse_date;
use crate::api::shape::Use;
use crate::api::shapes::schedule::DAYS;

/// A schedule inside another body.
pub(super) fn input(value: &Value) -> Option<ScheduleInput> {
    match value.get("id").and_then(Value::as_str) {
        Some(id) => Ref::parse(id).map(ScheduleInput::Named),
        None => definition(Fields::new(value, Use::Create), None).map(ScheduleInput::Inline),
    }
}

/// The definition in the body of a schedule; `None` leaves it as it is. `former` is what stands
/// where a PATCH gives a part only.
pub(crate) fn definition(fields: Fields<'_>, former: Option<&Definition>) -> Option<Definition> {
    if let Some(text) = fields.must_text("ical") {
        return Some(Definition::Ical(text));
    }
    let given = ["time_zone", "weekly", "exceptions"].iter().any(|name| fields.has(name));
    if !given && !fields.whole() {
        return None;
    }
    let (zone, windows, exceptions) = match former {
        Some(Definition::Weekly(week)) if !fields.whole() => {
            (week.zone.clone(), week.windows.clone(), week.exceptions.clone())
        }
        _ => (None, Vec::new(), Vec::new()),
    };
    Some(Definition::Weekly(Weekly {
        zone: fields.zone("time_zone").unwrap_or(zone),
        windows: read_list(fields, "weekly", weekly_window).unwrap_or(windows),
        exceptions: read_list(fields, "exceptions", exception).unwrap_or(exceptions),
    }))
}

fn read_list<T>(fields: Fields<'_>, name: &str, read: fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    fields.must(name, |value| Some(value.as_array()?.iter().filter_map(read).collect()))
}

fn weekly_window(value: &Value) -> Option<WeeklyWindow> {
    let days = value.get("days")?.as_array()?.iter().filter_map(Value::as_str);
    let bits = days.filter_map(|day| DAYS.iter().position(|known| *known == day));
    let DayWindow { from_min, to_min } = day_window(value)?;
    Some(WeeklyWindow { days: bits.fold(0, |days, bit| days | 1 << bit), from_min, to_min })
}

fn day_window(value: &Value) -> Option<DayWindow> {
    Some(DayWindow {
        from_min: parse_minute(value.get("from")?.as_str()?)?,
        to_min: parse_minute(value.get("to")?.as_str()?)?,
    })
}

fn exception(value: &Value) -> Option<Exception> {
    let windows = value.get("windows")?.as_array()?.iter().filter_map(day_window);
    Some(Exception { date: parse_date(value.get("date")?.as_str()?)?, windows: windows.collect() })
}
