//! Schedules of a place.

use std::sync::Arc;

use claviger_domain::command::schedule as rules;
use claviger_domain::ids::{Id, Noun, Ref, ScheduleNumber};
use claviger_domain::noun::schedule::{Schedule, ScheduleEdit, ScheduleRef, Timetable};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window};

use crate::context::Context;
use crate::error::Error;
use crate::read::{Page, Paging, Seen, page, resolve};
use crate::{Put, Written};

/// A schedule as a caller refers to it: by id, or written out.
#[derive(Clone, Debug, PartialEq)]
pub enum ScheduleWish {
    /// One of the place's schedules.
    Named(Ref),
    /// Its own.
    Inline(Arc<Timetable>),
}

/// Finds what a caller refers to, in the place of the draft.
pub(crate) fn find_wish(
    state: &PlaceState,
    wish: Option<Option<&ScheduleWish>>,
    pointer: &str,
) -> Result<Option<Option<ScheduleRef>>, Error> {
    let Some(wish) = wish else { return Ok(None) };
    let found = match wish {
        None => None,
        Some(ScheduleWish::Inline(timetable)) => Some(ScheduleRef::Inline(timetable.clone())),
        Some(ScheduleWish::Named(reference)) => {
            let number = state.resolve(Noun::Schedule, reference).ok_or_else(|| {
                crate::not_here(pointer, "there is no such schedule in this place")
            })?;
            Some(ScheduleRef::Named(ScheduleNumber(number)))
        }
    };
    Ok(Some(found))
}

/// Makes a schedule.
///
/// # Errors
/// As the rules say.
pub async fn create(
    ctx: &Context,
    place: Id,
    edit: ScheduleEdit,
) -> Result<Written<Arc<Schedule>>, Error> {
    let place = ctx.authorize(place, Scope::SchedulesWrite)?;
    ctx.write(Some(place), move |work| Ok(rules::create(work.place(place)?, &edit)?)).await
}

/// Changes a schedule.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    schedule: Ref,
    edit: ScheduleEdit,
) -> Result<Written<Arc<Schedule>>, Error> {
    ctx.change(
        place,
        Scope::SchedulesWrite,
        Noun::Schedule,
        schedule,
        move |draft, number: ScheduleNumber| Ok(rules::edit(draft, number, &edit)?),
    )
    .await
}

/// Makes the schedule with that external id, or replaces what is set on it.
///
/// # Errors
/// As [`edit`].
pub async fn put(
    ctx: &Context,
    place: Id,
    external_id: String,
    mut edit: ScheduleEdit,
) -> Result<Written<Put<Arc<Schedule>>>, Error> {
    edit.external_id = Some(Some(external_id.clone()));
    ctx.make_or_replace(
        place,
        Scope::SchedulesWrite,
        Noun::Schedule,
        external_id,
        move |draft, number: Option<ScheduleNumber>| match number {
            None => Ok(rules::create(draft, &edit)?),
            Some(number) => Ok(rules::edit(draft, number, &edit)?),
        },
    )
    .await
}

/// Deletes a schedule.
///
/// # Errors
/// Not found; in use; stale.
pub async fn delete(ctx: &Context, place: Id, schedule: Ref) -> Result<Written<()>, Error> {
    ctx.change(
        place,
        Scope::SchedulesWrite,
        Noun::Schedule,
        schedule,
        move |draft, number: ScheduleNumber| Ok(rules::delete(draft, number)?),
    )
    .await
}

/// One schedule.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id, schedule: &Ref) -> Result<Seen<Arc<Schedule>>, Error> {
    let state = ctx.read(place, Scope::SchedulesRead)?;
    let number: ScheduleNumber = resolve(&state, Noun::Schedule, schedule)?;
    let value = rules::find(&state, number)?.clone();
    Ok(Seen { value, state })
}

/// A page of schedules.
///
/// # Errors
/// No such place.
pub fn list(ctx: &Context, place: Id, paging: Paging) -> Result<Page<Arc<Schedule>>, Error> {
    let state = ctx.read(place, Scope::SchedulesRead)?;
    Ok(page(state, |it| &it.schedules, |it| it.header.number, paging, |_| true))
}

/// The windows in which a schedule is open between two instants, at most `limit`, by the place's
/// zone where the schedule leaves that to the lock.
///
/// # Errors
/// Not found.
pub fn occurrences(
    ctx: &Context,
    place: Id,
    schedule: &Ref,
    from: Instant,
    until: Instant,
    limit: usize,
) -> Result<Vec<Window>, Error> {
    let Seen { value, state } = get(ctx, place, schedule)?;
    let zone = &state.place.zone;
    Ok(value.timetable.compiled().windows(from, until, zone, limit))
}
