//! Schedules as answers.

use claviger_domain::ids::Noun;
use claviger_domain::noun::schedule::{Schedule, ScheduleRef};
use claviger_domain::schedule::{Definition, format_minute};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Window;
use serde_json::{Value, json};

use super::{Ids, id, maybe_at, object};
use crate::api::shapes::schedule::DAYS;

/// A schedule of a place.
pub(crate) fn schedule(schedule: &Schedule) -> Value {
    let mut fields = definition(schedule.timetable.definition());
    fields["name"] = schedule.name.as_str().into();
    object(&schedule.header, fields)
}

/// A schedule inside another object, or null: its id, or written out. Named ones are written out
/// too where `foreign`, the place they are of, is given.
pub(crate) fn schedule_ref(
    schedule: Option<&ScheduleRef>,
    ids: Ids<'_>,
    foreign: Option<&PlaceState>,
) -> Value {
    match (schedule, foreign) {
        (None, _) => Value::Null,
        (Some(ScheduleRef::Inline(timetable)), _) => definition(timetable.definition()),
        (Some(schedule), Some(owner)) => {
            owner.timetable(schedule).map_or(Value::Null, |it| definition(it.definition()))
        }
        (Some(ScheduleRef::Named(number)), None) => ids(Noun::Schedule, number.0)
            .map_or(Value::Null, |schedule| json!({ "id": id(schedule) })),
    }
}

/// A definition written out.
pub(crate) fn definition(definition: &Definition) -> Value {
    let week = match definition {
        Definition::Ical(text) => return json!({ "ical": text }),
        Definition::Weekly(week) => week,
    };
    let weekly = week.windows.iter().map(|window| {
        let days = DAYS.iter().enumerate().filter(|(bit, _)| window.days & 1 << bit != 0);
        json!({
            "days": days.map(|(_, day)| *day).collect::<Vec<_>>(),
            "from": format_minute(window.from_min),
            "to": format_minute(window.to_min),
        })
    });
    let exceptions = week.exceptions.iter().map(|exception| {
        let windows = exception.windows.iter().map(|window| {
            json!({ "from": format_minute(window.from_min), "to": format_minute(window.to_min) })
        });
        json!({
            "date": exception.date.to_string(),
            "windows": windows.collect::<Vec<_>>(),
        })
    });
    json!({
        "time_zone": week.zone.as_ref().map(|zone| zone.name()),
        "weekly": weekly.collect::<Vec<_>>(),
        "exceptions": exceptions.collect::<Vec<_>>(),
    })
}

/// Stretches of time in which a schedule holds.
pub(crate) fn window_list(windows: &[Window]) -> Vec<Value> {
    let window = |it: &Window| json!({ "from": maybe_at(it.from), "until": maybe_at(it.until) });
    windows.iter().map(window).collect()
}
