//! Random rules against the `rrule` crate, which lists the dates of a rule in UTC; zones and
//! lengths are then put on by `jiff` alone. `rrule` reads a BYDAY that mixes `MO` and `1MO` as both
//! at once, so the two kinds are not mixed here, and it may give up silently on sparse rules, so
//! what it lists is taken as the beginning only, unless the rule ends.
//!
//! `CLAVIGER_LONG=1` tries 20 000 rules for each test instead of 200.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests too"
)]

#[path = "../../crates/domain/tests/schedule/given.rs"]
#[allow(dead_code, reason = "shared with the tests of the domain")]
mod given;

use claviger_domain::time::{HOUR, Instant, SECOND, Zone};
use jiff::civil::DateTime;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use given::{event, zone};

/// The wall times `rrule` lists, at most `limit`; none if it refuses the rule (it does -5MO).
fn listed(start: &str, rule: &str, limit: u16) -> Option<Vec<DateTime>> {
    let set: rrule::RRuleSet = format!("DTSTART:{start}Z\nRRULE:{rule}").parse().ok()?;
    let result = set.all(limit);
    let utc = jiff::tz::Offset::UTC;
    let walls = result
        .dates
        .iter()
        .map(|date| utc.to_datetime(jiff::Timestamp::from_second(date.timestamp()).unwrap()));
    Some(walls.collect())
}

fn joined(name: &str, values: &[String]) -> String {
    if values.is_empty() { String::new() } else { format!(";{name}={}", values.join(",")) }
}

fn signed(limit: i32) -> impl Strategy<Value = i32> {
    (1..=limit, any::<bool>()).prop_map(|(day, back)| if back { -day } else { day })
}

fn strings<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// BYDAY of a frequency: plain days, or days with numbers where the frequency takes them.
fn by_day(frequency: &'static str, months: bool) -> BoxedStrategy<Vec<String>> {
    let plain = subsequence(WEEKDAYS.to_vec(), 0..=4).prop_map(|days| strings(&days));
    let widest = match (frequency, months) {
        ("MONTHLY", _) | ("YEARLY", true) => 5,
        ("YEARLY", false) => 53,
        _ => return plain.boxed(),
    };
    let numbered = proptest::collection::vec((signed(widest), select(WEEKDAYS.to_vec())), 1..3)
        .prop_map(|days| days.iter().map(|(nth, day)| format!("{nth}{day}")).collect());
    prop_oneof![plain, numbered].boxed()
}

/// A rule without its end.
fn rules() -> impl Strategy<Value = String> {
    let frequency = select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
    let months = prop_oneof![
        2 => Just(Vec::new()),
        1 => subsequence((1..=12).collect::<Vec<i32>>(), 1..=4)
    ];
    let month_days = prop_oneof![
        2 => Just(Vec::new()),
        1 => proptest::collection::vec(signed(31), 1..4)
    ];
    (frequency, 1..=5_i32, months, month_days, select(WEEKDAYS.to_vec()))
        .prop_flat_map(|(frequency, interval, months, month_days, week_start)| {
            let days = by_day(frequency, !months.is_empty());
            (Just((frequency, interval, months, month_days, week_start)), days)
        })
        .prop_map(|((frequency, interval, months, month_days, week_start), days)| {
            let month_days = if frequency == "WEEKLY" { Vec::new() } else { month_days };
            format!(
                "FREQ={frequency};INTERVAL={interval};WKST={week_start}{}{}{}",
                joined("BYMONTH", &strings(&months)),
                joined("BYMONTHDAY", &strings(&month_days)),
                joined("BYDAY", &days),
            )
        })
}

fn starts() -> impl Strategy<Value = String> {
    (2000..2040_i32, 1..=12_i32, 1..=28_i32, 0..24_i32, 0..60_i32).prop_map(
        |(year, month, day, hour, minute)| {
            format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}00")
        },
    )
}

/// The instants at which windows begin from `from` to `until`.
fn found(lines: &str, from: Instant, until: Instant) -> Option<Vec<Instant>> {
    let compiled = event(lines).ok()?;
    let windows = compiled.windows(from, until, &Zone::utc(), usize::MAX);
    Some(windows.iter().filter_map(|window| window.from).collect())
}

fn instant(wall: DateTime, zone: &Zone) -> Instant {
    Instant::from(wall.to_zoned(zone.rules().clone()).unwrap().timestamp())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn endless_rules_have_the_dates_that_rrule_lists(start in starts(), rule in rules()) {
        let listed = listed(&start, &rule, 60).unwrap_or_default();
        let expected: Vec<Instant> =
            listed.iter().map(|wall| instant(*wall, &Zone::utc())).collect();
        let lines = format!("DTSTART:{start}Z\nDURATION:PT1S\nRRULE:{rule}");
        if let Some(last) = expected.last() {
            let found = found(&lines, Instant::MIN, last.plus(SECOND));
            prop_assert_eq!(found, Some(expected));
        }
    }

    #[test]
    fn rules_that_end_have_those_dates_and_no_others(
        start in starts(),
        rule in rules(),
        count in 1..40_u32,
        until in 0..4000_i64,
        counted in any::<bool>(),
    ) {
        let wall = DateTime::strptime("%Y%m%dT%H%M%S", &start).unwrap();
        let until = wall.checked_add(jiff::Span::new().days(until)).unwrap();
        let until = until.strftime("%Y%m%dT%H%M%SZ");
        let end = if counted { format!("COUNT={count}") } else { format!("UNTIL={until}") };
        let rule = format!("{rule};{end}");
        let listed = listed(&start, &rule, u16::MAX);
        prop_assume!(listed.is_some());
        let listed = listed.unwrap_or_default();
        let expected: Vec<Instant> =
            listed.iter().map(|wall| instant(*wall, &Zone::utc())).collect();
        let lines = format!("DTSTART:{start}Z\nDURATION:PT1S\nRRULE:{rule}");
        match found(&lines, Instant::MIN, Instant::MAX) {
            // Of a sparse rule `rrule` may have given up before it was through.
            Some(found) if counted && expected.len() < count as usize => {
                prop_assert_eq!(&found[..expected.len()], &expected[..]);
            }
            found => prop_assert_eq!(found.unwrap_or_default(), expected),
        }
    }

    #[test]
    fn an_event_is_open_from_each_start_for_its_length(
        start in starts(),
        rule in rules(),
        name in select(vec![
            "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
            "Africa/Cairo", "Pacific/Apia", "America/Sao_Paulo", "Asia/Tokyo",
        ]),
        days in 0..4_i64,
        hours in 1..30_i64,
        floating in any::<bool>(),
    ) {
        let zone = zone(name);
        let walls = listed(&start, &rule, 60).unwrap_or_default();
        let spans: Vec<(Instant, Instant)> = walls.iter().map(|wall| {
            let end = wall.checked_add(jiff::Span::new().days(days)).unwrap();
            // Without days the length is exact from the start; with days, from the wall time.
            let end = if days == 0 { *wall } else { end };
            (instant(*wall, &zone), instant(end, &zone).plus(hours * HOUR))
        }).collect();
        let tzid = if floating { String::new() } else { format!(";TZID={name}") };
        let lines = format!("DTSTART{tzid}:{start}\nDURATION:P{days}DT{hours}H\nRRULE:{rule}");
        let (Ok(compiled), Some(last)) = (event(&lines), spans.last().copied()) else {
            return Ok(());
        };
        for (from, until) in &spans {
            for at in [from.plus(-1), *from, from.plus(HOUR), until.plus(-1), *until] {
                // Beyond the last start that was listed there may be others.
                if at <= last.0 {
                    let expected = spans.iter().any(|(from, until)| *from <= at && at < *until);
                    prop_assert_eq!(compiled.is_open(at, &zone), expected, "{} {}", at, lines);
                }
            }
        }
    }
}

fn cases() -> u32 {
    if std::env::var("CLAVIGER_LONG").is_ok_and(|value| value == "1") { 20_000 } else { 200 }
}
