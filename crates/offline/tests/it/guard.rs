//! The clock's interval holds the truth; strangers cannot make a lock compute without end.

use claviger_offline::lock::budget::{Backoff, Budget, Turn};
use claviger_offline::lock::clock::{Clock, Interval};
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_truth_lies_within_the_interval(
        true_ms in 1_700_000_000_000_u64..1_700_000_900_000,
        drift in -100_i64..=100,
        steps in proptest::collection::vec((0_u64..400_000, 0_u64..59_000), 1..12),
    ) {
        // Ticks run faster or slower than the truth, within what the maker promises.
        let ticks = |elapsed: u64| {
            (i128::from(elapsed) * (1_000_000 + i128::from(drift)) / 1_000_000) as u64
        };
        let mut clock = Clock::new(0, 101);
        let mut elapsed = 0;
        for (pause, travel) in steps {
            elapsed += pause;
            let drawn = ticks(elapsed);
            // Signed at some moment between the drawing and the arrival.
            let iat = (true_ms + elapsed + travel / 3) / 1000;
            elapsed += travel;
            let now = ticks(elapsed);
            prop_assert!(!clock.saw(iat, now), "the clock is right");
            prop_assert!(clock.set(iat, drawn, now));
            for later in [0, 999, 3_600_000, 86_400_000_000] {
                let truth = true_ms + elapsed + later;
                let Interval { lo, hi } = clock.interval(ticks(elapsed + later));
                prop_assert!(lo * 1000 <= truth, "{lo} > {truth}");
                prop_assert!(hi.is_none_or(|hi| truth <= hi * 1000), "{hi:?} < {truth}");
                prop_assert!(hi.is_some(), "a bound for ever");
            }
        }
    }
}

#[test]
fn a_setting_that_comes_late_or_never_leaves_the_upper_bound_open() {
    let mut clock = Clock::new(100, 50);
    assert_eq!(clock.interval(0), Interval { lo: 100, hi: None });
    assert!(!clock.set(200, 0, 60_001));
    assert_eq!(clock.interval(60_001).hi, None);
    assert!(clock.set(200, 1, 60_001));
    assert_eq!(clock.interval(60_001), Interval { lo: 200, hi: Some(262) });
    assert!(!clock.saw(262, 60_001), "just possible");
    assert!(clock.saw(300, 60_001), "the clock is slow");
    assert_eq!(clock.interval(60_001), Interval { lo: 300, hi: None });
    clock.reset(150);
    assert_eq!(clock.interval(60_001), Interval { lo: 150, hi: None });
}

#[test]
fn a_link_that_signs_badly_waits_longer_and_longer() {
    let mut link = Backoff::default();
    let mut now = 0;
    let mut delays = Vec::new();
    for _ in 0..12 {
        link.bad(now);
        let begun = now;
        while link.waits(now) {
            now += 1_000;
        }
        delays.push((now - begun) / 1_000);
    }
    assert_eq!(delays, [0, 0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 60]);
    link.good();
    link.bad(now);
    assert!(!link.waits(now));
}

#[test]
fn twenty_verifications_a_minute_and_a_short_queue() {
    let mut budget = Budget::default();
    let mut granted = 0;
    for second in 0..60 {
        for _ in 0..5 {
            granted += u32::from(budget.turn(second * 1_000, false) == Turn::Go);
        }
    }
    assert!((20..=40).contains(&granted), "{granted}");
    let mut granted = 0;
    for second in 60..660 {
        granted += u32::from(budget.turn(second * 1_000, false) == Turn::Go);
    }
    assert!((199..=201).contains(&granted), "{granted} in ten minutes");
    let now = 700_000;
    while budget.turn(now, false) == Turn::Go {}
    let waits: Vec<Turn> = (0..4).map(|_| budget.turn(now, true)).collect();
    let [Turn::Wait(first), Turn::Wait(second), Turn::Spent, Turn::Spent] = waits[..] else {
        panic!("{waits:?}")
    };
    assert!(second == first + 3_000 && second <= 6_000, "{waits:?}");
}
