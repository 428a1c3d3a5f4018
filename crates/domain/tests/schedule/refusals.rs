//! Everything that is refused, with its pointer and code.

use claviger_domain::schedule::{Definition, WeeklyWindow};

use super::given::{calendar, event, exception, weekly, window};

const START: &str = "DTSTART:20240101T080000Z";
const HOUR: &str = "DTSTART:20240101T080000Z\nDURATION:PT1H";

fn codes(lines: &str) -> Vec<&'static str> {
    let flaws = event(lines).err().unwrap_or_default();
    assert!(flaws.iter().all(|flaw| flaw.pointer == "/ical" && !flaw.detail.is_empty()));
    flaws.iter().map(|flaw| flaw.code).collect()
}

#[test]
fn an_event_without_the_right_times_is_refused() {
    for (lines, code) in [
        ("SUMMARY:x", "missing"),
        (START, "missing"),
        ("DTSTART:20240101T080000Z\nDTEND:20240101T080000Z", "bad_duration"),
        ("DTSTART:20240101T080000Z\nDURATION:-PT1H", "malformed"),
        ("DTSTART:20240101T080000Z\nDURATION:PT0S", "bad_duration"),
        ("DTSTART:20240101T080000Z\nDURATION:P32D", "bad_duration"),
        ("DTSTART;VALUE=DATE:20240101\nDURATION:PT8H", "bad_duration"),
        ("DTSTART:20240101T080000Z\nDURATION:PT1H\nDTEND:20240101T090000Z", "malformed"),
        ("DTSTART:20240101T080000Z\nDTEND:20240101T090000", "mixed_times"),
        ("DTSTART:20240101T080000Z\nDTEND;VALUE=DATE:20240102", "mixed_times"),
        ("DTSTART:20240101T080000\nDTEND:20240101T090000Z", "mixed_times"),
        ("DTSTART:20240230T080000Z\nDURATION:PT1H", "malformed"),
        ("DTSTART:20240101\nDURATION:PT1H", "malformed"),
        ("DTSTART;TZID=Europe/Stockholm:20240101T080000Z\nDURATION:PT1H", "malformed"),
        ("DTSTART;TZID=W. Europe Standard Time:20240101T080000\nDURATION:PT1H", "unknown_zone"),
        ("DTSTART;VALUE=PERIOD:20240101T080000Z/PT1H\nDURATION:PT1H", "unsupported_part"),
        ("DTSTART:20240101T080000Z\nDTSTART:20240101T080000Z\nDURATION:PT1H", "duplicate"),
    ] {
        assert_eq!(codes(lines), [code], "{lines}");
    }
}

#[test]
fn a_part_that_would_change_the_meaning_is_refused() {
    for (line, code) in [
        ("EXRULE:FREQ=DAILY", "unsupported_part"),
        ("RECURRENCE-ID:20240101T080000Z", "unsupported_part"),
        ("STATUS:CANCELLED", "unsupported_part"),
        ("RRULE:FREQ=HOURLY", "unsupported_part"),
        ("RRULE:FREQ=WEEKLY;BYSETPOS=1;BYDAY=MO", "unsupported_part"),
        ("RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "duplicate"),
        ("RRULE:FREQ=DAILY;UNTIL=20240105", "malformed"),
        ("RRULE:FREQ=DAILY;UNTIL=20240105T080000", "malformed"),
        ("RRULE;TZID=Europe/Stockholm:FREQ=DAILY", "unsupported_part"),
        ("EXDATE;VALUE=DATE:20240101", "mixed_times"),
        ("RDATE;VALUE=PERIOD:20240105T080000Z/PT1H", "unsupported_part"),
        ("RDATE:20240105T080000", "mixed_times"),
        ("RANDOM:1", "unsupported_part"),
        ("BEGIN:VALARM\nEND:VALARM", "unsupported_part"),
        ("END:VEVENT\nBEGIN:VEVENT", "unsupported_part"),
        ("END:VEVENT\nEND:VCALENDAR\nBEGIN:VCALENDAR\nBEGIN:VEVENT", "malformed"),
        ("nonsense", "malformed"),
    ] {
        assert_eq!(codes(&format!("{HOUR}\n{line}")), [code], "{line}");
    }
}

#[test]
fn the_frame_must_be_one_calendar_around_one_event() {
    let good = calendar(HOUR);
    for (text, code) in [
        (String::new(), "malformed"),
        (good.replace("END:VCALENDAR\r\n", ""), "malformed"),
        (good.replace("BEGIN:VCALENDAR\r\n", ""), "malformed"),
        (good.replace("VEVENT", "VTODO"), "unsupported_part"),
        (good.replace("VERSION:2.0", "VERSION:1.0"), "unsupported_part"),
        (good.replace("PRODID:", "METHOD:CANCEL\r\nPRODID:"), "unsupported_part"),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR\n".to_owned(), "missing"),
        (good.replace("UID:1", &format!("UID:{}", "x".repeat(65_536))), "too_long"),
        (
            good.replace(
                "BEGIN:VEVENT",
                "BEGIN:VTIMEZONE\r\nTZID:Custom\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT",
            ),
            "unknown_zone",
        ),
    ] {
        let flaws = Definition::Ical(text.clone()).compile().err().unwrap_or_default();
        assert_eq!(flaws.first().map(|flaw| flaw.code), Some(code), "{text}");
    }
}

#[test]
fn a_rule_that_never_occurs_is_refused() {
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=3",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=6;BYMONTHDAY=31",
        "FREQ=DAILY;UNTIL=20231231T000000Z",
        "FREQ=DAILY;COUNT=1\nEXDATE:20240101T080000Z",
    ] {
        assert_eq!(codes(&format!("{HOUR}\nRRULE:{rule}")), ["no_occurrence"], "{rule}");
    }
    assert_eq!(codes(&format!("{HOUR}\nEXDATE:20240101T080000Z")), ["no_occurrence"]);
}

#[test]
fn several_flaws_are_named_at_once() {
    let found = codes("DTSTART:20240101T080000Z\nDURATION:P\nRRULE:FREQ=X\nEXDATE:1\nRDATE:2");
    assert_eq!(found, ["malformed", "unsupported_part", "malformed", "malformed"]);
}

#[test]
fn too_many_dates_are_refused() {
    let dates: Vec<String> = (1000..2001).map(|year| format!("{year}0105T080000Z")).collect();
    let dates = dates.join(",");
    assert_eq!(codes(&format!("{HOUR}\nRDATE:{dates}")), ["too_many"]);
}

#[test]
fn every_flaw_of_a_weekly_schedule_has_its_place() {
    let odd = WeeklyWindow { days: 0, from_min: 1440, to_min: 1441 };
    let mut bad = weekly(
        vec![window("M------", "08:00", "17:00"), odd],
        vec![exception("2024-01-01", &[]), exception("2024-01-01", &[("08:00", "09:00")])],
    );
    bad.exceptions[1].windows[0].to_min = 2000;
    let flaws = Definition::Weekly(bad).compile().unwrap_err();
    let found: Vec<_> = flaws.iter().map(|flaw| (flaw.pointer.as_str(), flaw.code)).collect();
    let expected = [
        ("/weekly/1/days", "no_day"),
        ("/weekly/1/from", "bad_time"),
        ("/weekly/1/to", "bad_time"),
        ("/exceptions/1/date", "duplicate_date"),
        ("/exceptions/1/windows/0/to", "bad_time"),
    ];
    assert_eq!(found, expected);
    let empty = Definition::Weekly(weekly(vec![], vec![exception("2024-01-01", &[])]));
    assert_eq!(empty.compile().unwrap_err()[0].code, "no_window");
    let many = weekly(vec![window("M------", "08:00", "17:00"); 65], vec![]);
    assert_eq!(Definition::Weekly(many).compile().unwrap_err()[0].code, "too_many");
}
