//! iCalendar events that are understood: forms of text, lists of dates, bounds and unions.

use claviger_domain::schedule::Definition;

use super::given::{agrees_with_itself, at, calendar, event, windows, zone};

/// The starts between two instants of an event, without seconds.
fn starts(lines: &str, from: &str, until: &str) -> Vec<String> {
    let found = windows(&event(lines).unwrap(), from, until, &zone("Etc/UTC"));
    found.iter().map(|window| window[..16].to_owned()).collect()
}

#[test]
fn the_text_of_a_common_client_is_understood() {
    let text = "BEGIN:VCALENDAR\nPRODID:-//Some Client//EN\nVERSION:2.0\nCALSCALE:GREGORIAN\n\
        METHOD:PUBLISH\nX-WR-CALNAME:Doors\nBEGIN:VTIMEZONE\nTZID:Europe/Stockholm\n\
        BEGIN:DAYLIGHT\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nDTSTART:19810329T020000\n\
        RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nEND:DAYLIGHT\nEND:VTIMEZONE\nBEGIN:VEVENT\n\
        UID:a@b\nDTSTAMP:20240101T000000Z\nSUMMARY;LANGUAGE=en:Cleaning\\, all\n  floors\n\
        DTSTART;TZID=\"Europe/Stockholm\":20240101T080000\n\
        DTEND;TZID=Europe/Stockholm:20240101T100000\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE;WKST=MO\n\
        STATUS:CONFIRMED\nTRANSP:OPAQUE\nSEQUENCE:2\nEND:VEVENT\nEND:VCALENDAR\n";
    let compiled = Definition::Ical(text.to_owned()).compile().unwrap();
    let found =
        windows(&compiled, "2044-07-01T00:00:00Z", "2044-07-08T00:00:00Z", &zone("Asia/Tokyo"));
    let expected =
        ["2044-07-04T06:00:00Z/2044-07-04T08:00:00Z", "2044-07-06T06:00:00Z/2044-07-06T08:00:00Z"];
    assert_eq!(found, expected);
    agrees_with_itself(
        &compiled,
        at("2024-03-25T00:00:00Z"),
        at("2024-04-05T00:00:00Z"),
        &zone("UTC"),
    );
}

#[test]
fn dates_are_added_and_taken_out() {
    let lines = "DTSTART:20240101T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\n\
        EXDATE:20240102T080000Z,20240103T090000Z\nEXDATE;TZID=Europe/Stockholm:20240103T090000\n\
        RDATE:20240110T120000Z,20240102T080000Z\nRDATE;TZID=Asia/Tokyo:20240109T120000";
    let found = starts(lines, "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z");
    let expected = ["2024-01-01T08:00", "2024-01-04T08:00", "2024-01-09T03:00", "2024-01-10T12:00"];
    assert_eq!(found, expected);
}

#[test]
fn until_is_inclusive_and_bounds_by_instant() {
    let start = "DTSTART;TZID=America/New_York:20240101T200000\nDURATION:PT1H\nRRULE:FREQ=DAILY";
    let last = |until: &str| {
        let lines = format!("{start};UNTIL={until}");
        starts(&lines, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z").pop().unwrap()
    };
    assert_eq!(last("20240104T010000Z"), "2024-01-04T01:00");
    assert_eq!(last("20240104T005959Z"), "2024-01-03T01:00");
    let floating = "DTSTART:20240101T200000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=";
    for (until, expected) in [("20240104T200000", 4), ("20240104T195959", 3)] {
        let lines = format!("{floating}{until}");
        assert_eq!(starts(&lines, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z").len(), expected);
    }
    let days = "DTSTART;VALUE=DATE:20240101\nRRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20240105";
    assert_eq!(starts(days, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z").len(), 3);
}

#[test]
fn a_start_its_rule_does_not_match_is_no_occurrence() {
    // 2024-01-06 is a Saturday.
    let lines = "DTSTART:20240106T080000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=2";
    let found = starts(lines, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    assert_eq!(found, ["2024-01-08T08:00", "2024-01-15T08:00"]);
}

#[test]
fn overlapping_occurrences_are_a_union() {
    let lines = "DTSTART:20240101T080000Z\nDURATION:P2DT1H\nRRULE:FREQ=DAILY;COUNT=3\n\
        RDATE:20240105T090000Z";
    let compiled = event(lines).unwrap();
    let found = windows(&compiled, "2023-12-01T00:00:00Z", "2024-02-01T00:00:00Z", &zone("UTC"));
    assert_eq!(found, ["2024-01-01T08:00:00Z/2024-01-07T10:00:00Z"]);
    let (from, until) = (at("2023-12-30T00:00:00Z"), at("2024-01-09T00:00:00Z"));
    agrees_with_itself(&compiled, from, until, &zone("UTC"));
}

#[test]
fn added_dates_last_as_long_as_the_others_on_any_wall() {
    for lines in [
        "DTSTART:20240329T080000\nDURATION:P3D\nRDATE:20240215T010000,20241026T010000",
        "DTSTART;VALUE=DATE:20240329\nDTEND;VALUE=DATE:20240331\nRDATE;VALUE=DATE:20241026",
        "DTSTART;TZID=Africa/Cairo:20240425T000000\nDURATION:P1DT1H\n\
         RRULE:FREQ=YEARLY;BYMONTH=4,10;BYDAY=-1FR,-2FR\nRDATE:20240426T030000Z",
    ] {
        let compiled = event(lines).unwrap();
        for (from, until) in [
            ("2024-03-28T00:00:00Z", "2024-04-02T00:00:00Z"),
            ("2024-04-24T00:00:00Z", "2024-04-28T00:00:00Z"),
            ("2024-10-24T00:00:00Z", "2024-10-30T00:00:00Z"),
        ] {
            for name in ["Europe/Stockholm", "Africa/Cairo", "Pacific/Auckland"] {
                agrees_with_itself(&compiled, at(from), at(until), &zone(name));
            }
        }
    }
}

#[test]
fn the_text_is_kept_byte_for_byte() {
    let text = calendar("DTSTART:20240101T080000Z\nDURATION:PT1H\nSUMMARY:å  \n folded");
    let definition = Definition::Ical(text.clone());
    assert!(definition.compile().is_ok());
    assert_eq!(definition, Definition::Ical(text));
}
