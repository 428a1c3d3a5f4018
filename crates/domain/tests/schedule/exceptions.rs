//! Dated exceptions: what they replace, what they cut and what runs over from them.

use super::given::{compiled, exception, weekly, window, windows, zone};

const NIGHTS: (&str, &str, &str) = ("MTWTFSS", "22:00", "06:00");

fn nights_but(exceptions: Vec<claviger_domain::schedule::Exception>) -> Vec<String> {
    let (days, from, to) = NIGHTS;
    let compiled = compiled(weekly(vec![window(days, from, to)], exceptions));
    // 2024-05-15 is a Wednesday.
    windows(&compiled, "2024-05-14T12:00:00Z", "2024-05-17T12:00:00Z", &zone("Etc/UTC"))
}

#[test]
fn a_closed_date_cuts_the_night_before_and_takes_away_its_own() {
    let found = nights_but(vec![exception("2024-05-15", &[])]);
    let expected =
        ["2024-05-14T22:00:00Z/2024-05-15T00:00:00Z", "2024-05-16T22:00:00Z/2024-05-17T06:00:00Z"];
    assert_eq!(found, expected);
}

#[test]
fn a_window_of_an_exception_runs_over_into_the_next_date() {
    let found = nights_but(vec![exception("2024-05-15", &[("20:00", "02:00")])]);
    let expected = [
        "2024-05-14T22:00:00Z/2024-05-15T00:00:00Z",
        "2024-05-15T20:00:00Z/2024-05-16T02:00:00Z",
        "2024-05-16T22:00:00Z/2024-05-17T06:00:00Z",
    ];
    assert_eq!(found, expected);
}

#[test]
fn but_not_into_a_date_with_an_entry_of_its_own() {
    let found = nights_but(vec![
        exception("2024-05-16", &[("05:00", "07:00")]),
        exception("2024-05-15", &[("20:00", "02:00")]),
    ]);
    let expected = [
        "2024-05-14T22:00:00Z/2024-05-15T00:00:00Z",
        "2024-05-15T20:00:00Z/2024-05-16T00:00:00Z",
        "2024-05-16T05:00:00Z/2024-05-16T07:00:00Z",
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_exception_may_open_a_day_that_is_closed() {
    let office = vec![window("MTWTF--", "08:00", "17:00")];
    let compiled = compiled(weekly(office, vec![exception("2024-05-18", &[("10:00", "12:00")])]));
    let found = windows(&compiled, "2024-05-17T12:00:00Z", "2024-05-20T12:00:00Z", &zone("UTC"));
    let expected = [
        "2024-05-17T12:00:00Z/2024-05-17T17:00:00Z",
        "2024-05-18T10:00:00Z/2024-05-18T12:00:00Z",
        "2024-05-20T08:00:00Z/2024-05-20T12:00:00Z",
    ];
    assert_eq!(found, expected);
}

#[test]
fn always_open_but_for_one_date() {
    let always = vec![window("MTWTFSS", "00:00", "24:00")];
    let compiled = compiled(weekly(always, vec![exception("2030-05-18", &[])]));
    let found = windows(&compiled, "2024-01-01T00:00:00Z", "9999-01-01T00:00:00Z", &zone("UTC"));
    let expected =
        ["2024-01-01T00:00:00Z/2030-05-18T00:00:00Z", "2030-05-19T00:00:00Z/9999-01-01T00:00:00Z"];
    assert_eq!(found, expected);
}

#[test]
fn the_zone_of_the_schedule_goes_before_that_of_the_lock() {
    let mut office = weekly(vec![window("MTWTFSS", "08:00", "09:00")], vec![]);
    office.zone = Some(zone("Asia/Tokyo"));
    let found = windows(
        &compiled(office),
        "2024-05-17T00:00:00Z",
        "2024-05-18T00:00:00Z",
        &zone("Europe/Stockholm"),
    );
    assert_eq!(found, ["2024-05-17T23:00:00Z/2024-05-18T00:00:00Z"]);
}
