//! Schedules: made, changed, deleted when nothing uses them.

use std::sync::Arc;

use super::common::check_external_id;
use crate::draft::{Draft, open, set};
use crate::ids::{Noun, ScheduleNumber};
use crate::noun::schedule::{Schedule, ScheduleEdit, ScheduleRef};
use crate::refusal::{Flaws, Refusal};
use crate::state::PlaceState;

/// Makes a schedule; its timetable must be there.
///
/// # Errors
/// Every wrong field.
pub fn create(draft: &mut Draft, edit: &ScheduleEdit) -> Result<Arc<Schedule>, Refusal> {
    let header = draft.header(Noun::Schedule, None)?;
    let mut flaws = check(draft, header.number, "", edit);
    let Some(timetable) = &edit.timetable else {
        flaws.invalid("/weekly", "required", "must have weekly windows or ical");
        flaws.refuse()?;
        return Err(Refusal::NotFound(Noun::Schedule));
    };
    let schedule = Schedule { header, name: String::new(), timetable: timetable.clone() };
    write(draft, schedule, edit, "create")
}

/// Changes a schedule: a change of rights wherever it is used.
///
/// # Errors
/// As [`create`]; not found.
pub fn edit(
    draft: &mut Draft,
    number: ScheduleNumber,
    edit: &ScheduleEdit,
) -> Result<Arc<Schedule>, Refusal> {
    let schedule = open(find(&draft.state, number)?);
    write(draft, schedule, edit, "update")
}

/// Deletes a schedule that nothing uses.
///
/// # Errors
/// In use; not found.
pub fn delete(draft: &mut Draft, number: ScheduleNumber) -> Result<(), Refusal> {
    let schedule = open(find(&draft.state, number)?);
    let named = Some(ScheduleRef::Named(number));
    let state = &draft.state;
    let used = state.levels.iter().any(|level| level.schedule == named)
        || state.locks.iter().any(|it| it.pin_schedule == named || it.unlock_schedule == named)
        || state.grants.iter().any(|grant| grant.schedule == named);
    if used {
        return Err(Refusal::InUse("the schedule is in use".to_owned()));
    }
    draft.note("delete", Noun::Schedule, Some(schedule.header.id), Vec::new());
    draft.delete(schedule);
    Ok(())
}

/// The schedule with that number.
///
/// # Errors
/// Not found.
pub fn find(state: &PlaceState, number: ScheduleNumber) -> Result<&Arc<Schedule>, Refusal> {
    state.schedules.get(number).ok_or(Refusal::NotFound(Noun::Schedule))
}

fn write(
    draft: &mut Draft,
    mut schedule: Schedule,
    edit: &ScheduleEdit,
    verb: &'static str,
) -> Result<Arc<Schedule>, Refusal> {
    let (noun, number) = (Noun::Schedule, schedule.number());
    check(draft, number.0, &schedule.name, edit).refuse()?;
    let mut changed = Vec::new();
    set!(changed, schedule.header.external_id, edit.external_id);
    set!(changed, schedule.name, edit.name as String::to_string);
    set!(changed, schedule.timetable, edit.timetable);
    draft.note(verb, noun, Some(schedule.header.id), changed);
    draft.put(schedule);
    find(&draft.state, number).cloned()
}

fn check(draft: &Draft, number: u32, name: &str, edit: &ScheduleEdit) -> Flaws {
    let mut flaws = Flaws::default();
    let external_id = edit.external_id.as_ref();
    check_external_id(&mut flaws, &draft.state, Noun::Schedule, number, external_id);
    flaws.name(edit.name.as_deref().unwrap_or(name));
    flaws
}
