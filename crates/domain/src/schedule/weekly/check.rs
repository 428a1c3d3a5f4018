//! Everything that can be wrong with a weekly schedule, found at once. Changes nothing.

use std::collections::BTreeSet;

use crate::schedule::definition::{Flaw, Weekly};
use crate::schedule::minute::{DAY_MIN, format_minute};

/// Windows of a week, or of one date.
const MAX_WINDOWS: usize = 64;
/// Dates with an exception.
const MAX_EXCEPTIONS: usize = 1000;

/// All flaws, in the order of the fields.
pub(super) fn flaws(weekly: &Weekly) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if weekly.windows.is_empty() {
        let detail = "a weekly schedule needs at least one window; without one it never opens";
        flaws.push(Flaw::new("/weekly", "no_window", detail.to_owned()));
    }
    too_many(&mut flaws, "/weekly", "windows", weekly.windows.len(), MAX_WINDOWS);
    for (index, window) in weekly.windows.iter().enumerate() {
        let pointer = format!("/weekly/{index}");
        if window.days & 0x7f == 0 || window.days > 0x7f {
            let detail = "name at least one day, of mon, tue, wed, thu, fri, sat, sun";
            flaws.push(Flaw::new(format!("{pointer}/days"), "no_day", detail.to_owned()));
        }
        bad_times(&mut flaws, &pointer, window.from_min, window.to_min);
    }
    exceptions(&mut flaws, weekly);
    flaws
}

fn exceptions(flaws: &mut Vec<Flaw>, weekly: &Weekly) {
    too_many(flaws, "/exceptions", "dates", weekly.exceptions.len(), MAX_EXCEPTIONS);
    let mut dates = BTreeSet::new();
    for (index, exception) in weekly.exceptions.iter().enumerate() {
        let pointer = format!("/exceptions/{index}");
        if !dates.insert(exception.date) {
            let date = exception.date;
            let detail = format!("{date} has an entry already; put all its windows into one");
            flaws.push(Flaw::new(format!("{pointer}/date"), "duplicate_date", detail));
        }
        let windows = format!("{pointer}/windows");
        too_many(flaws, &windows, "windows", exception.windows.len(), MAX_WINDOWS);
        for (at, window) in exception.windows.iter().enumerate() {
            bad_times(flaws, &format!("{windows}/{at}"), window.from_min, window.to_min);
        }
    }
}

fn too_many(flaws: &mut Vec<Flaw>, pointer: &str, what: &str, count: usize, most: usize) {
    if count > most {
        let detail = format!("{count} {what}; at most {most} are kept");
        flaws.push(Flaw::new(pointer, "too_many", detail));
    }
}

fn bad_times(flaws: &mut Vec<Flaw>, pointer: &str, from_min: u16, to_min: u16) {
    if from_min >= DAY_MIN {
        let detail =
            format!("{} is no time to start at; 00:00 to 23:59 are", format_minute(from_min));
        flaws.push(Flaw::new(format!("{pointer}/from"), "bad_time", detail));
    }
    if to_min > DAY_MIN {
        let detail = format!("{} is no time to end at; 00:00 to 24:00 are", format_minute(to_min));
        flaws.push(Flaw::new(format!("{pointer}/to"), "bad_time", detail));
    }
}
