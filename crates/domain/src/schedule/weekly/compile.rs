//! Turns weekly windows and exceptions into edges: the one place that says how they meet.
//! Asks nothing about instants or zones.

use std::collections::BTreeMap;

use super::{Day, WEEK_MIN, Week, check};
use crate::schedule::calendar::{number_of, weekday};
use crate::schedule::definition::{DayWindow, Flaw, Weekly};
use crate::schedule::edges::union;
use crate::schedule::minute::DAY_MIN;

/// The compiled form, or every flaw.
pub(crate) fn compile(weekly: &Weekly) -> Result<Week, Vec<Flaw>> {
    let flaws = check::flaws(weekly);
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let mut week = Vec::new();
    for weekday in 0..7 {
        for window in starting(weekly, weekday) {
            week.extend(spans_in_week(weekday, window));
        }
    }
    let mut days = Vec::new();
    let mut day_edges: Vec<u16> = Vec::new();
    for (number, spans) in differing_days(weekly) {
        let from = day_edges.len() as u32;
        day_edges.extend(union(spans));
        days.push(Day { number, from, until: day_edges.len() as u32 });
    }
    Ok(Week {
        zone: weekly.zone.clone(),
        edges: union(week).into(),
        days: days.into(),
        day_edges: day_edges.into(),
    })
}

/// The days that differ from the week, each with all that holds on it: every date with an
/// exception, and the day after one if something runs, or would have run, over into it.
fn differing_days(weekly: &Weekly) -> BTreeMap<i32, Vec<(u16, u16)>> {
    let mut days: BTreeMap<i32, Vec<(u16, u16)>> = BTreeMap::new();
    for exception in &weekly.exceptions {
        let spans = exception.windows.iter().map(|window| same_day(*window)).collect();
        days.insert(number_of(exception.date), spans);
    }
    for exception in &weekly.exceptions {
        let day = number_of(exception.date);
        let runs_over: Vec<_> = exception.windows.iter().filter_map(|w| day_after(*w)).collect();
        let would_have = starting(weekly, weekday(day)).any(|window| day_after(window).is_some());
        if runs_over.is_empty() && !would_have {
            continue;
        }
        days.entry(day + 1).or_insert_with(|| {
            starting(weekly, weekday(day + 1)).map(same_day).chain(runs_over).collect()
        });
    }
    days
}

/// The weekly windows that start on a weekday (0 is Monday).
fn starting(weekly: &Weekly, weekday: i32) -> impl Iterator<Item = DayWindow> {
    let on_day = move |days: u8| days >> weekday & 1 == 1;
    let windows = weekly.windows.iter().filter(move |window| on_day(window.days));
    windows.map(|window| DayWindow { from_min: window.from_min, to_min: window.to_min })
}

/// The part of a window on the day it starts.
fn same_day(window: DayWindow) -> (u16, u16) {
    let past_midnight = window.to_min <= window.from_min;
    (window.from_min, if past_midnight { DAY_MIN } else { window.to_min })
}

/// The part of a window on the day after.
fn day_after(window: DayWindow) -> Option<(u16, u16)> {
    (window.to_min <= window.from_min && window.to_min > 0).then_some((0, window.to_min))
}

/// Both parts in minutes since Monday 00:00; what runs over from Sunday falls on Monday.
fn spans_in_week(weekday: i32, window: DayWindow) -> impl Iterator<Item = (u16, u16)> {
    let starts = weekday as u16 * DAY_MIN;
    let after = (starts + DAY_MIN) % WEEK_MIN;
    let shift = |(from, until), by: u16| (from + by, until + by);
    let rest = day_after(window).map(move |span| shift(span, after));
    [shift(same_day(window), starts)].into_iter().chain(rest)
}
