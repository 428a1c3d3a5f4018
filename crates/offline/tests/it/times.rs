//! When a key holds, and what may be said of an interval: beside looking at every minute of it.

use claviger_offline::items::Items;
use claviger_offline::times::{Over, Span, Times, Weekly, Zone};
use proptest::collection::vec;
use proptest::prelude::*;

const STOCKHOLM: Zone =
    Zone { offset_before_min: 60, transition_at: 1_774_746_000, offset_after_min: 120 };
const DAY: u64 = 86_400;

fn times<'k>(weekly: &'k [Weekly], absolute: &'k [Span], closed: &'k [Span]) -> Times<'k> {
    Times {
        zone: STOCKHOLM,
        weekly: Items::Values(weekly),
        absolute: Items::Values(absolute),
        closed: Items::Values(closed),
    }
}

#[test]
fn a_key_without_times_always_holds_but_when_closed() {
    let closed = [Span { start: 100, end: 200 }];
    assert!(times(&[], &[], &[]).holds(0) && times(&[], &[], &[]).holds(u64::MAX));
    let key = times(&[], &[], &closed);
    assert!(key.holds(99) && !key.holds(100) && !key.holds(199) && key.holds(200));
}

#[test]
fn the_wall_clock_moves_with_the_zone() {
    // Saturday 2026-03-28 and Sunday 2026-03-29, the night the clock goes forward at 01:00 UTC.
    let office = [Weekly { days: 0b110_0000, start_min: 480, end_min: 1020 }];
    let key = times(&office, &[], &[]);
    let saturday = 1_774_656_000; // 00:00 UTC
    assert!(!key.holds(saturday + 7 * 3600 - 1) && key.holds(saturday + 7 * 3600));
    let sunday = saturday + DAY;
    assert!(!key.holds(sunday + 6 * 3600 - 1) && key.holds(sunday + 6 * 3600));
    assert!(key.holds(sunday + 15 * 3600 - 1) && !key.holds(sunday + 15 * 3600));
}

#[test]
fn a_window_past_midnight_belongs_to_the_day_it_starts() {
    let night = [Weekly { days: 0b100_0000, start_min: 1320, end_min: 360 }]; // Sunday 22–06
    let key = times(&night, &[], &[]);
    let monday = 1_774_821_600; // Monday 2026-03-30 00:00 in Stockholm
    assert!(key.holds(monday), "Sunday's night is not over");
    assert!(!key.holds(monday + DAY), "Monday has no night");
}

#[test]
fn of_an_interval_only_what_is_certain_is_said() {
    let office = [Weekly { days: 0b001_1111, start_min: 480, end_min: 1020 }];
    let key = times(&office, &[], &[]);
    let monday = 1_774_821_600 + 7 * DAY; // Monday 2026-04-06 00:00 in Stockholm
    let at = |hour: u64| monday + hour * 3600;
    assert_eq!(key.over(at(8), at(17) - 1), Over::Open);
    assert_eq!(key.over(at(8), at(17)), Over::Undecided);
    assert_eq!(key.over(at(8) - 1, at(9)), Over::Undecided);
    assert_eq!(key.over(at(17), at(32) - 1), Over::Closed);
    assert_eq!(key.over(at(12), at(36)), Over::Undecided);
    assert_eq!(key.over(at(9), at(8)), Over::Closed, "an empty interval opens nothing");
    assert_eq!(key.over(at(9), at(9)), Over::Open);
    assert_eq!(times(&[], &[], &[]).over(0, u64::MAX), Over::Open);
    assert_eq!(key.over(0, u64::MAX), Over::Undecided);
}

#[test]
fn more_than_eight_days_are_undecided_but_for_a_whole_week() {
    let never = [Weekly { days: 0b000_0001, start_min: 0, end_min: 1 }];
    let key = times(&never, &[], &[]);
    let tuesday = 1_774_814_400 + 8 * DAY;
    assert_eq!(key.over(tuesday, tuesday + DAY), Over::Closed);
    assert_eq!(key.over(tuesday, tuesday + 8 * DAY + 1), Over::Undecided);
    let whole = [Weekly { days: 127, start_min: 0, end_min: 1440 }];
    assert_eq!(times(&whole, &[], &[]).over(0, u64::MAX), Over::Open);
    let round = [Weekly { days: 127, start_min: 700, end_min: 700 }];
    assert_eq!(times(&round, &[], &[]).over(0, u64::MAX), Over::Open);
    let halves = [
        Weekly { days: 127, start_min: 1000, end_min: 300 },
        Weekly { days: 127, start_min: 200, end_min: 1000 },
    ];
    assert_eq!(times(&halves, &[], &[]).over(0, u64::MAX), Over::Open);
    let gap = [
        Weekly { days: 127, start_min: 1000, end_min: 300 },
        Weekly { days: 127, start_min: 301, end_min: 1000 },
    ];
    assert_eq!(times(&gap, &[], &[]).over(0, u64::MAX), Over::Undecided);
    // Spans decide, however long.
    let span = [Span { start: tuesday, end: tuesday + 100 * DAY }];
    assert_eq!(times(&never, &span, &[]).over(tuesday, tuesday + 90 * DAY), Over::Open);
    assert_eq!(times(&never, &[], &span).over(tuesday, tuesday + 90 * DAY), Over::Closed);
    assert_eq!(times(&never, &span, &[]).over(tuesday, tuesday + 101 * DAY), Over::Undecided);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_interval_agrees_with_each_of_its_minutes(
        weekly in vec((1_u8..=127, 0_u16..48, 0_u16..48), 0..4),
        spans in vec((0_u64..300, 1_u64..100), 0..3),
        closed in vec((0_u64..300, 1_u64..100), 0..2),
        begin in 0_u64..200,
        minutes in 0_u64..4000,
    ) {
        // Around the change of the clock in March 2026, in steps of half an hour and an hour.
        let base = STOCKHOLM.transition_at - 100 * 3600;
        let weekly: Vec<Weekly> = weekly.into_iter().map(|(days, start, end)| Weekly {
            days,
            start_min: start * 30,
            end_min: (end + 1) * 30,
        }).collect();
        let span = |(start, length): (u64, u64)| Span {
            start: base + start * 3600,
            end: base + (start + length) * 3600,
        };
        let spans: Vec<Span> = spans.into_iter().map(span).collect();
        let closed: Vec<Span> = closed.into_iter().map(span).collect();
        let key = times(&weekly, &spans, &closed);
        let first = base + begin * 3600 + 17;
        let last = first + minutes * 60;
        let open = (0..=minutes).filter(|minute| key.holds(first + minute * 60)).count() as u64;
        let slowly = match open {
            0 => Over::Closed,
            all if all == minutes + 1 => Over::Open,
            _ => Over::Undecided,
        };
        prop_assert_eq!(key.over(first, last), slowly);
    }
}
