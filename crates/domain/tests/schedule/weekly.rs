//! Weekly windows against a slow evaluator written from the specification, around every change of
//! offset of every zone from 2024 to 2037.

use claviger_domain::schedule::{DayWindow, Weekly};
use claviger_domain::time::{HOUR, Instant, MINUTE, Zone};
use jiff::civil::Date;

use super::given::{agrees_with_itself, compiled, exception, weekly, window};

/// The windows of a date, whoever says so.
fn of_date(weekly: &Weekly, date: Date) -> Vec<DayWindow> {
    if let Some(exception) = weekly.exceptions.iter().find(|exception| exception.date == date) {
        return exception.windows.clone();
    }
    let bit = date.weekday().to_monday_zero_offset();
    let mut windows = Vec::new();
    for window in &weekly.windows {
        if window.days >> bit & 1 == 1 {
            windows.push(DayWindow { from_min: window.from_min, to_min: window.to_min });
        }
    }
    windows
}

/// Whether the clock on the wall shows a time inside a window.
fn slow(weekly: &Weekly, at: Instant, lock_zone: &Zone) -> bool {
    let zone = weekly.zone.as_ref().unwrap_or(lock_zone);
    let wall = zone.rules().to_datetime(at.timestamp());
    let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
    for window in of_date(weekly, wall.date()) {
        let past_midnight = window.to_min <= window.from_min;
        if minute >= window.from_min && (past_midnight || minute < window.to_min) {
            return true;
        }
    }
    if weekly.exceptions.iter().any(|exception| exception.date == wall.date()) {
        return false;
    }
    let day_before = of_date(weekly, wall.date().yesterday().unwrap());
    day_before.iter().any(|window| window.to_min <= window.from_min && minute < window.to_min)
}

/// Rules of many kinds; `date` is the local date of a change, for the exceptions.
fn templates(date: Date) -> Vec<Weekly> {
    let written = |days: i8| date.checked_add(jiff::Span::new().days(days)).unwrap().to_string();
    let all = "MTWTFSS";
    let nights = || vec![window(all, "22:00", "06:00")];
    vec![
        weekly(vec![window("MTWTF--", "08:00", "17:00")], vec![]),
        weekly(vec![window(all, "00:00", "24:00")], vec![]),
        weekly(vec![window(all, "02:00", "03:00")], vec![]),
        weekly(vec![window(all, "02:15", "02:45"), window(all, "01:30", "02:20")], vec![]),
        weekly(vec![window("-----SS", "23:30", "00:30")], vec![]),
        weekly(nights(), vec![]),
        weekly(
            vec![window("------S", "00:00", "00:00"), window("F------", "12:00", "12:00")],
            vec![],
        ),
        weekly(vec![window(all, "03:00", "02:00")], vec![]),
        weekly(nights(), vec![exception(&written(0), &[])]),
        weekly(
            nights(),
            vec![exception(&written(-1), &[]), exception(&written(1), &[("01:00", "03:00")])],
        ),
        weekly(nights(), vec![exception(&written(-1), &[("20:00", "02:30")])]),
        weekly(
            vec![window(all, "06:00", "07:00")],
            vec![
                exception(&written(0), &[("00:00", "24:00")]),
                exception(&written(-1), &[("12:00", "12:00")]),
            ],
        ),
    ]
}

fn changes(zone: &Zone) -> Vec<Instant> {
    let from: jiff::Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let until: jiff::Timestamp = "2038-01-01T00:00:00Z".parse().unwrap();
    let found = zone.rules().following(from).map(|change| change.timestamp());
    let mut changes: Vec<Instant> =
        found.take_while(|change| *change < until).map(Instant::from).collect();
    // A zone without changes is looked at once.
    if changes.is_empty() {
        changes.push(Instant::from(from));
    }
    changes
}

#[test]
fn agrees_with_the_clock_on_the_wall_around_every_change() {
    let long = std::env::var("CLAVIGER_LONG").is_ok_and(|value| value == "1");
    let mut cases = Vec::new();
    for name in jiff::tz::db().available() {
        let zone = Zone::parse(name.as_str()).unwrap();
        cases.extend(changes(&zone).into_iter().map(|change| (zone.clone(), change)));
    }
    let per_case = 12 * 60;
    let total = cases.len() * per_case;
    // Without a divisor in common with 12 * 60 the steps meet every template at every hour.
    let prime_to = |step: &usize| [2, 3, 5].iter().all(|divisor| !step.is_multiple_of(*divisor));
    let widest = if long { 1 } else { (total / 20_000).max(1) };
    let step = (1..=widest).rev().find(prime_to).unwrap_or(1);
    let mut made: Option<(usize, Vec<_>)> = None;
    for sample in (0..total).step_by(step) {
        let (case, rest) = (sample / per_case, sample % per_case);
        let (zone, change) = &cases[case];
        if made.as_ref().is_none_or(|(made, _)| *made != case) {
            let date = zone.rules().to_datetime(change.timestamp()).date();
            made = Some((
                case,
                templates(date).into_iter().map(|w| (compiled(w.clone()), w)).collect(),
            ));
        }
        let (compiled, weekly) = &made.as_ref().unwrap().1[rest % 12];
        // From 30 h before to 30 h after, unevenly, at and just before the minute.
        let at =
            change.plus((rest / 12) as i64 * HOUR - 30 * HOUR + (sample % 5) as i64 * 15 * MINUTE);
        for at in [at, at.plus(-1)] {
            let expected = slow(weekly, at, zone);
            assert_eq!(compiled.is_open(at, zone), expected, "{at} {zone:?} {weekly:?}");
        }
    }
}

#[test]
fn windows_are_those_of_a_walk_by_minutes() {
    let named = [
        ("Europe/Stockholm", "2024-03-31T01:00:00Z"),
        ("America/New_York", "2024-11-03T06:00:00Z"),
        ("Australia/Lord_Howe", "2024-04-06T15:00:00Z"),
        ("Africa/Casablanca", "2024-03-10T02:00:00Z"),
        ("Africa/Cairo", "2024-04-25T22:00:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z"),
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ];
    for (name, change) in named {
        let (zone, change) = (super::given::zone(name), super::given::at(change));
        let date = zone.rules().to_datetime(change.timestamp()).date();
        for weekly in templates(date) {
            let compiled = compiled(weekly.clone());
            let (from, until) = (change.plus(-40 * HOUR), change.plus(60 * HOUR));
            agrees_with_itself(&compiled, from, until, &zone);
            let mut at = from;
            while at < until {
                assert_eq!(compiled.is_open(at, &zone), slow(&weekly, at, &zone), "{at} {name}");
                at = at.plus(MINUTE);
            }
        }
    }
}
