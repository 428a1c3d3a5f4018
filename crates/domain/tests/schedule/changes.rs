//! Changes of offset, case by case, in the words of the specification.

use super::given::{agrees_with_itself, at, compiled, event, weekly, window, windows, zone};

/// The weekly window every day, between two instants.
fn daily_window(zone_name: &str, from: &str, to: &str, span: (&str, &str)) -> Vec<String> {
    let compiled = compiled(weekly(vec![window("MTWTFSS", from, to)], vec![]));
    windows(&compiled, span.0, span.1, &zone(zone_name))
}

/// A daily event in a zone, between two instants.
fn rule(zone_name: &str, lines: &str, span: (&str, &str)) -> Vec<String> {
    let lines =
        format!("RRULE:FREQ=DAILY\n{}", lines.replace("@:", &format!(";TZID={zone_name}:")));
    windows(&event(&lines).unwrap(), span.0, span.1, &zone("Etc/UTC"))
}

const SPRING: (&str, &str) = ("2024-03-30T12:00:00Z", "2024-03-31T12:00:00Z");
const AUTUMN: (&str, &str) = ("2024-10-26T12:00:00Z", "2024-10-27T12:00:00Z");

#[test]
fn a_window_in_the_spring_gap_never_occurs() {
    assert_eq!(daily_window("Europe/Stockholm", "02:00", "03:00", SPRING), [] as [&str; 0]);
    let longer = daily_window("Europe/Stockholm", "01:30", "03:30", SPRING);
    assert_eq!(longer, ["2024-03-31T00:30:00Z/2024-03-31T01:30:00Z"]);
}

#[test]
fn a_window_in_the_autumn_overlap_holds_both_times() {
    let inside = daily_window("Europe/Stockholm", "02:15", "02:45", AUTUMN);
    let expected =
        ["2024-10-27T00:15:00Z/2024-10-27T00:45:00Z", "2024-10-27T01:15:00Z/2024-10-27T01:45:00Z"];
    assert_eq!(inside, expected);
    let whole = daily_window("Europe/Stockholm", "02:00", "03:00", AUTUMN);
    assert_eq!(whole, ["2024-10-27T00:00:00Z/2024-10-27T02:00:00Z"]);
}

#[test]
fn new_york_and_the_half_hour_of_lord_howe() {
    let span = ("2024-11-03T03:00:00Z", "2024-11-03T20:00:00Z");
    let found = daily_window("America/New_York", "00:30", "01:30", span);
    let expected =
        ["2024-11-03T04:30:00Z/2024-11-03T05:30:00Z", "2024-11-03T06:00:00Z/2024-11-03T06:30:00Z"];
    assert_eq!(found, expected);
    // At 02:00 the clock goes back to 01:30.
    let span = ("2024-04-06T12:00:00Z", "2024-04-06T18:00:00Z");
    let found = daily_window("Australia/Lord_Howe", "01:40", "01:50", span);
    let expected =
        ["2024-04-06T14:40:00Z/2024-04-06T14:50:00Z", "2024-04-06T15:10:00Z/2024-04-06T15:20:00Z"];
    assert_eq!(found, expected);
}

#[test]
fn a_gap_at_midnight_and_a_date_that_is_skipped() {
    // In Cairo 2024-04-26 begins at 01:00.
    let span = ("2024-04-25T12:00:00Z", "2024-04-26T12:00:00Z");
    let found = daily_window("Africa/Cairo", "00:00", "02:00", span);
    assert_eq!(found, ["2024-04-25T22:00:00Z/2024-04-25T23:00:00Z"]);
    // In Apia there is no 2011-12-30.
    let span = ("2011-12-29T18:00:00Z", "2011-12-31T18:00:00Z");
    let found = daily_window("Pacific/Apia", "08:00", "09:00", span);
    let expected =
        ["2011-12-29T18:00:00Z/2011-12-29T19:00:00Z", "2011-12-30T18:00:00Z/2011-12-30T19:00:00Z"];
    assert_eq!(found, expected);
}

#[test]
fn the_fast_of_casablanca() {
    // The clock goes back at 03:00 on 2024-03-10 and ahead at 02:00 on 2024-04-14.
    let span = ("2024-03-10T00:00:00Z", "2024-03-10T12:00:00Z");
    let found = daily_window("Africa/Casablanca", "02:30", "03:30", span);
    let expected =
        ["2024-03-10T01:30:00Z/2024-03-10T02:00:00Z", "2024-03-10T02:30:00Z/2024-03-10T03:30:00Z"];
    assert_eq!(found, expected);
    let span = ("2024-04-14T00:00:00Z", "2024-04-14T12:00:00Z");
    assert_eq!(daily_window("Africa/Casablanca", "02:00", "03:00", span), [] as [&str; 0]);
}

#[test]
fn an_event_in_the_gap_is_moved_and_in_the_overlap_starts_the_first_time() {
    let lines = "DTSTART@:20240101T023000\nDURATION:PT30M";
    let spring = rule("Europe/Stockholm", lines, SPRING);
    assert_eq!(spring, ["2024-03-31T01:30:00Z/2024-03-31T02:00:00Z"]);
    let autumn = rule("Europe/Stockholm", lines, AUTUMN);
    assert_eq!(autumn, ["2024-10-27T00:30:00Z/2024-10-27T01:00:00Z"]);
    let span = ("2018-11-04T00:00:00Z", "2018-11-05T00:00:00Z");
    let midnight = "DTSTART@:20180101T003000\nDURATION:PT1H";
    let moved = rule("America/Sao_Paulo", midnight, span);
    assert_eq!(moved, ["2018-11-04T03:30:00Z/2018-11-04T04:30:00Z"]);
}

#[test]
fn lengths_are_exact_with_dtend_and_nominal_with_days() {
    let night = "DTSTART@:20240101T220000\nDTEND@:20240102T060000";
    let found = rule("Europe/Stockholm", night, SPRING);
    assert_eq!(found, ["2024-03-30T21:00:00Z/2024-03-31T05:00:00Z"]);
    let week = "DTSTART@:20240101T220000\nDURATION:P1D\nEXDATE@:20240331T220000";
    let span = ("2024-03-29T22:00:00Z", "2024-04-01T12:00:00Z");
    let found = rule("Europe/Stockholm", week, span);
    assert_eq!(found, ["2024-03-29T22:00:00Z/2024-03-31T20:00:00Z"]);
}

#[test]
fn a_skipped_date_starts_with_the_day_after() {
    let span = ("2011-12-29T12:00:00Z", "2012-01-01T00:00:00Z");
    let found = rule("Pacific/Apia", "DTSTART@:20110101T080000\nDURATION:PT1H", span);
    let expected = [
        "2011-12-29T18:00:00Z/2011-12-29T19:00:00Z",
        "2011-12-30T18:00:00Z/2011-12-30T19:00:00Z",
        "2011-12-31T18:00:00Z/2011-12-31T19:00:00Z",
    ];
    assert_eq!(found, expected);
}

#[test]
fn floating_and_all_day_events_are_on_the_wall_of_the_lock() {
    let floating = "DTSTART:20240330T220000\nDTEND:20240331T060000";
    let span = ("2024-03-30T00:00:00Z", "2024-04-01T00:00:00Z");
    let floating = event(floating).unwrap();
    let found = windows(&floating, span.0, span.1, &zone("Europe/Stockholm"));
    assert_eq!(found, ["2024-03-30T21:00:00Z/2024-03-31T04:00:00Z"]);
    let found = windows(&floating, span.0, span.1, &zone("Asia/Tokyo"));
    assert_eq!(found, ["2024-03-30T13:00:00Z/2024-03-30T21:00:00Z"]);
    let day = event("DTSTART;VALUE=DATE:20240331").unwrap();
    let found = windows(&day, span.0, span.1, &zone("Europe/Stockholm"));
    assert_eq!(found, ["2024-03-30T23:00:00Z/2024-03-31T22:00:00Z"]);
}

#[test]
fn a_day_that_comes_twice_has_begun_the_first_time() {
    // In St. John's the clock went from 00:01 on 2006-10-29 back to 23:01 on the day before.
    let span = ("2006-10-29T00:00:00Z", "2006-10-29T12:00:00Z");
    let expected = ["2006-10-29T02:30:00Z/2006-10-29T03:30:00Z"];
    let st_johns = zone("America/St_Johns");
    for lines in [
        "DTSTART:20060101T000000\nDURATION:PT1H\nRRULE:FREQ=DAILY",
        "DTSTART:20060101T120000\nDURATION:PT1H\nRDATE:20061029T000000",
    ] {
        let event = event(lines).unwrap();
        assert_eq!(windows(&event, span.0, span.1, &st_johns), expected);
        agrees_with_itself(&event, at(span.0), at(span.1), &st_johns);
    }
    // On the wall the window holds twice, for a minute and for an hour.
    let expected =
        ["2006-10-29T02:30:00Z/2006-10-29T02:31:00Z", "2006-10-29T03:30:00Z/2006-10-29T04:30:00Z"];
    assert_eq!(daily_window("America/St_Johns", "00:00", "01:00", span), expected);
}

#[test]
fn single_events_around_a_skipped_date() {
    let span = ("2011-12-29T12:00:00Z", "2012-01-01T00:00:00Z");
    for (start, expected) in [
        ("20111229T200000", "2011-12-30T06:00:00Z/2011-12-30T11:00:00Z"),
        ("20111230T200000", "2011-12-31T06:00:00Z/2011-12-31T11:00:00Z"),
    ] {
        let lines = format!("DTSTART;TZID=Pacific/Apia:{start}\nDURATION:PT5H");
        let compiled = event(&lines).unwrap();
        assert_eq!(windows(&compiled, span.0, span.1, &zone("Etc/UTC")), [expected]);
        agrees_with_itself(&compiled, at(span.0), at(span.1), &zone("Etc/UTC"));
    }
}
