//! iCalendar texts: an accepted one has an occurrence, at which it is open.

use claviger_domain::schedule::Definition;
use claviger_domain::time::{DAY, Instant, Zone};

const WORDS: &[&str] = &[
    "DTSTART;TZID=Europe/Stockholm:",
    "DTSTART:",
    "DTEND:",
    "DURATION:PT",
    "RRULE:FREQ=",
    "EXDATE:",
    "YEARLY",
    "MONTHLY",
    "WEEKLY",
    "DAILY",
    "HOURLY",
    "MINUTELY",
    ";INTERVAL=",
    ";COUNT=",
    ";UNTIL=",
    ";BYDAY=",
    ";BYMONTHDAY=",
    ";BYMONTH=",
    ";BYSETPOS=",
    ";BYHOUR=",
    ";BYWEEKNO=",
    ";BYYEARDAY=",
    ";WKST=SU",
    "MO,TU,-1FR",
    "20260329T023000",
    "20240229",
    "00000101T000000Z",
    "99991231T235959Z",
    "\r\n ",
    "\r\n",
    "P1W",
    "-1",
    "366",
];

#[test]
fn an_accepted_rule_has_an_occurrence() {
    let zone = Zone::parse("America/New_York").unwrap();
    let mut accepted = 0_u64;
    let count = super::driver::feed(&super::seeds("ical"), WORDS, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        match Definition::Ical(text.to_owned()).compile() {
            Err(flaws) => {
                assert!(!flaws.is_empty());
                assert!(flaws.iter().all(|flaw| flaw.pointer.starts_with("/ical")), "{flaws:?}");
            }
            Ok(compiled) => {
                accepted += 1;
                let open = compiled.next_open(Instant::MIN, Instant::MAX, &zone);
                let open = open.expect("an occurrence");
                assert!(compiled.is_open(open, &zone), "it is not open at {open}");
                // As far as anybody asks: a daily rule may never close before the year 9999.
                let horizon = open.plus(366 * DAY);
                if let Some(closed) = compiled.next_closed(open, horizon, &zone) {
                    assert!(open < closed && !compiled.is_open(closed, &zone), "{open} {closed}");
                }
            }
        }
    });
    println!("iCalendar: {count} inputs, {accepted} accepted");
    assert!(accepted > 0, "the seeds are accepted");
}
