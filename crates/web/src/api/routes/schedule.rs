//! Routes of schedules.

use std::sync::Arc;

use claviger_app::schedule as app;
use claviger_domain::noun::schedule::{Schedule, ScheduleEdit, Timetable};
use claviger_domain::noun::scope::Scope;
use claviger_domain::schedule::{Definition, Flaw};
use claviger_domain::time::{DAY, Instant};

use super::common::{
    After, Answered, Request, Row, Shared, at_place, external, object, page, paging, problem,
    upserted, write,
};
use crate::api::call::run;
use crate::api::decode::{ScheduleInput, schedule as decode};
use crate::api::encode;
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Param, Route};
use crate::api::shape::FieldError;
use crate::api::shapes::{self, schedule as shape};

const LIST: &str = "/api/v1/places/{place}/schedules";
const ONE: &str = "/api/v1/places/{place}/schedules/{id}";
/// The longest span one question about occurrences may cover.
const MOST_SPAN: i64 = 3660 * DAY;

const SPAN: &[Param] = &[
    Param::must("from", shapes::INSTANT, "The first instant that is asked about."),
    Param::must("until", shapes::INSTANT, "The first that is not, ten years later at the most."),
];

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::SchedulesRead, Scope::SchedulesWrite);
    let shape = &shape::SCHEDULE;
    let rows = vec![
        Route::get(LIST, "list_schedules", "List schedules", Answer::Page(shape), run!(list))
            .scope(read),
        Route::post(
            LIST,
            "create_schedule",
            "Make a schedule",
            Answer::Created(shape),
            run!(create),
        )
        .scope(write)
        .body(shape),
        Route::get(ONE, "get_schedule", "Read a schedule", Answer::Object(shape), run!(get))
            .scope(read),
        Route::put(ONE, "put_schedule", "Make or replace a schedule", shape, run!(put))
            .scope(write)
            .dry_run(),
        Route::patch(ONE, "change_schedule", "Change a schedule", shape, run!(change))
            .scope(write)
            .dry_run()
            .doc("A change of rights wherever the schedule is used."),
        Route::delete(ONE, "delete_schedule", "Delete a schedule", run!(delete)).scope(write),
        Route::get(
            "/api/v1/places/{place}/schedules/{id}/occurrences",
            "schedule_occurrences",
            "When a schedule holds",
            Answer::Page(&shape::OCCURRENCE),
            run!(occurrences),
        )
        .scope(read)
        .query(SPAN)
        .doc("By the place's zone where the schedule leaves the zone to the lock."),
    ];
    rows.into_iter().map(|row| row.tag("schedules")).collect()
}

/// A schedule inside another body, compiled.
pub(super) fn wish(
    given: Option<Option<ScheduleInput>>,
    pointer: &str,
) -> Result<Option<Option<app::ScheduleWish>>, Problem> {
    Ok(match given {
        None => None,
        Some(None) => Some(None),
        Some(Some(ScheduleInput::Named(reference))) => {
            Some(Some(app::ScheduleWish::Named(reference)))
        }
        Some(Some(ScheduleInput::Inline(definition))) => {
            let timetable = compiled(definition, pointer)?;
            Some(Some(app::ScheduleWish::Inline(timetable)))
        }
    })
}

fn compiled(definition: Definition, pointer: &str) -> Result<Arc<Timetable>, Problem> {
    let field =
        |flaw: Flaw| FieldError::new(format!("{pointer}{}", flaw.pointer), flaw.code, flaw.detail);
    Timetable::new(definition)
        .map_err(|flaws| Problem::invalid(flaws.into_iter().map(field).collect()))
}

fn edit(call: &Request, former: Option<&Definition>) -> Result<ScheduleEdit, Problem> {
    let fields = call.fields();
    let timetable = decode::definition(fields, former).map(|it| compiled(it, "")).transpose()?;
    Ok(ScheduleEdit {
        external_id: fields.text("external_id"),
        name: fields.must_text("name"),
        timetable,
    })
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::list(&ctx, place, paging(&call)?).map_err(problem)?;
    page(&call, found.items.iter().map(|it| encode::schedule(it)).collect(), found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let edit = edit(&call, None)?;
    let encode = |it: &Arc<Schedule>, after: &After| {
        Reply::created(encode::schedule(it), after.location(it.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, place, edit).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).map_err(problem)?;
    Ok(Reply::object(encode::schedule(&seen.value)))
}

async fn put(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (external_id, edit) = (external(&call)?, edit(&call, None)?);
    let run = |ctx| async move { app::put(&ctx, place, external_id, edit).await };
    write(ctx, &call, |put, after| upserted(put, after, |it, _| encode::schedule(it)), run).await
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let schedule = object(&call)?;
    // A PATCH of a part of the week is read onto the rest.
    let former = app::get(&ctx, place, &schedule).ok();
    let former = former.as_ref().map(|seen| seen.value.timetable.definition());
    let edit = edit(&call, former)?;
    let run = |ctx| async move { app::edit(&ctx, place, schedule, edit).await };
    write(ctx, &call, |it: &Arc<Schedule>, _| Reply::object(encode::schedule(it)), run).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let schedule = object(&call)?;
    let run = |ctx| async move { app::delete(&ctx, place, schedule).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}

async fn occurrences(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let instant = |name| call.instant(name).unwrap_or(Instant(0));
    let (from, until) = (instant("from"), instant("until"));
    if until <= from || until.0 - from.0 > MOST_SPAN {
        let detail = "must be after from, ten years later at the most";
        return Err(Problem::field("?until", "bad_window", detail));
    }
    let paging = call.paging()?;
    let start = match paging.after_number()? {
        0 => from,
        // A cursor is how many microseconds after the start the next page begins.
        later => from.plus(i64::try_from(later).unwrap_or(0)),
    };
    let limit = paging.limit + 1;
    let found = app::occurrences(&ctx, place, &object(&call)?, start, until, limit);
    let mut found = found.map_err(problem)?;
    let next = found.get(paging.limit).and_then(|window| window.from);
    found.truncate(paging.limit);
    let next = next.map(|next| (next.0 - from.0).to_string());
    Ok(Reply::page(paging.answer(encode::window_list(&found), next.as_deref())))
}
