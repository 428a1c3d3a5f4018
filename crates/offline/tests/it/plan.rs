//! The planner: what must be refused is, and nothing could have spared more, which is found by
//! trying everything.

use std::collections::BTreeSet;

use claviger_offline::class::Class;
use claviger_offline::items::Items;
use claviger_offline::list::List;
use claviger_offline::plan::{
    Capacity, Input, Live, Plan, Planned, Run, fit, fit_entries, plan, plan_list, share,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::build::{LOCK, written};

/// Serials as runs.
fn runs(serials: &BTreeSet<u32>) -> Vec<Run> {
    serials.iter().map(|serial| Run { first: *serial, last: *serial }).collect()
}

/// The fewest bytes in which a floor, ranges and a bitmap say exactly these serials above a floor
/// that may rise for nothing.
fn fewest_bytes(floor: u32, refused: &BTreeSet<u32>) -> u64 {
    let mut floor = floor;
    while refused.contains(&(floor + 1)) {
        floor += 1;
    }
    let above: Vec<u32> = refused.iter().copied().filter(|it| *it > floor).collect();
    let Some(last) = above.last() else { return 0 };
    let starts = above.iter().map(Some).chain([None]);
    let bytes = starts.map(|start| {
        let before: Vec<u32> =
            above.iter().copied().filter(|it| start.is_none_or(|start| it < start)).collect();
        let ranges = (0..before.len()).filter(|at| *at == 0 || before[at - 1] + 1 != before[*at]);
        let bitmap = start.map_or(0, |start| u64::from(last - start + 1).div_ceil(8));
        6 * ranges.count() as u64 + bitmap
    });
    bytes.min().unwrap()
}

/// The least weight with so many bytes, by trying every set of refused serials.
fn least_by_trying(input: &Input<'_>, bytes: u64) -> u64 {
    let must: BTreeSet<u32> = input.must.iter().flat_map(|run| run.first..=run.last).collect();
    let free: Vec<u32> =
        (input.floor + 1..=input.top).filter(|serial| !must.contains(serial)).collect();
    let sets = (0_u32..1 << free.len()).map(|bits| {
        let more = free.iter().enumerate().filter(move |(at, _)| bits & (1 << at) != 0);
        more.map(|(_, serial)| *serial).chain(must.iter().copied()).collect::<BTreeSet<u32>>()
    });
    let fitting = sets.filter(|refused| fewest_bytes(input.floor, refused) <= bytes);
    let weight = |refused: &BTreeSet<u32>| -> u64 {
        input.live.iter().filter(|it| refused.contains(&it.serial)).map(|it| it.weight).sum()
    };
    fitting.map(|refused| weight(&refused)).min().unwrap()
}

/// Serials 1 to `top`, each live, MUST or neither.
fn world(kinds: &[(u8, u64)]) -> (Vec<Run>, Vec<Live>) {
    let (mut must, mut live) = (BTreeSet::new(), Vec::new());
    for (serial, (kind, weight)) in (1..).zip(kinds) {
        match kind {
            0 => drop(must.insert(serial)),
            1 => live.push(Live { serial, weight: *weight }),
            _ => {}
        }
    }
    (runs(&must), live)
}

fn check(input: &Input<'_>, plan: &Plan) {
    for serial in input.must.iter().flat_map(|run| run.first..=run.last) {
        assert!(plan.refuses(serial), "{serial} must be refused");
    }
    let hit: Vec<&Live> = input.live.iter().filter(|it| plan.refuses(it.serial)).collect();
    assert_eq!(plan.implicit, hit.iter().map(|it| it.serial).collect::<Vec<_>>());
    assert_eq!(plan.cost, hit.iter().map(|it| it.weight).sum::<u64>());
    assert!(plan.floor >= input.floor && plan.floor <= input.top);
    let section = Planned::of(Class::Phone, plan);
    for serial in 1..=input.top + 20 {
        assert_eq!(section.section().refuses(serial), plan.refuses(serial), "{serial}");
    }
    let written = written(|it| {
        let sections = [section.section()];
        let sections = Items::Values(&sections);
        List { iat: 1, lock: LOCK, epoch: 1, version: 1, sections }.write(it);
    });
    assert!(List::read(&written).is_ok(), "a section a lock can read");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_could_have_spared_more(
        kinds in vec((0_u8..4, 1_u64..6), 1..13),
        bytes in 0_u64..20,
    ) {
        let (must, live) = world(&kinds);
        let top = kinds.len() as u32;
        let input = Input { floor: 0, must: &must, live: &live, top };
        let planned = plan(&input, Capacity::Bytes(bytes));
        check(&input, &planned);
        prop_assert_eq!(planned.cost, least_by_trying(&input, bytes));
    }

    #[test]
    fn entries_keep_the_newest(
        kinds in vec((0_u8..4, 1_u64..6), 1..40),
        most in 0_usize..8,
    ) {
        let (must, live) = world(&kinds);
        let top = kinds.len() as u32;
        let input = Input { floor: 0, must: &must, live: &live, top };
        let planned = plan(&input, Capacity::Entries(most));
        check(&input, &planned);
        prop_assert!(planned.bitmap.is_empty() && planned.ranges.len() <= most);
        // A plain list of entries over a threshold, told slowly.
        let first_live = live.first().map_or(top + 1, |it| it.serial);
        let above = must.iter().map(|it| it.first).filter(|it| *it >= first_live);
        let above: Vec<u32> = above.collect();
        let threshold = match above.len() {
            few if few <= most => first_live - 1,
            many => above[many - most - 1],
        };
        for key in &live {
            prop_assert_eq!(planned.refuses(key.serial), key.serial <= threshold);
        }
    }

    #[test]
    fn classes_share_by_the_least_of_all(
        one in vec((0_u8..3, 1_u64..6), 1..30),
        two in vec((0_u8..3, 1_u64..6), 1..30),
        bytes in 0_u64..30,
    ) {
        let worlds = [world(&one), world(&two)];
        let tops = [one.len() as u32, two.len() as u32];
        let input = |at: usize| Input {
            floor: 0,
            must: &worlds[at].0,
            live: &worlds[at].1,
            top: tops[at],
        };
        let limit = 125 + 2 * 17 + bytes;
        let plans = plan_list(&[input(0), input(1)], limit);
        let total: u64 = plans.iter().map(|it| it.cost).sum();
        let least = (0..=bytes).map(|share| {
            let cost = |at, share| plan(&input(at), Capacity::Bytes(share)).cost;
            cost(0, share) + cost(1, bytes - share)
        });
        prop_assert_eq!(total, least.min().unwrap());
    }

    #[test]
    fn no_list_is_longer_than_its_limit(
        must in btree_set(1_u32..3_000_000, 0..150),
        live in btree_set(1_u32..3_000_000, 0..150),
        limit in 160_u64..512,
    ) {
        let live = live.difference(&must).map(|it| Live { serial: *it, weight: 1 });
        let live: Vec<Live> = live.collect();
        let must = runs(&must);
        let input = Input { floor: 0, must: &must, live: &live, top: 3_000_000 };
        let planned = fit(&[(Class::Phone, input)], Capacity::Bytes(limit));
        let (plan, section) = &planned[0];
        let bytes = written(|it| {
            let sections = [section.section()];
            let sections = Items::Values(&sections);
            List { iat: 1 << 31, lock: LOCK, epoch: 4_094, version: u32::MAX, sections }.write(it);
        });
        prop_assert!(bytes.len() as u64 + 84 <= limit, "{} bytes", bytes.len() + 84);
        prop_assert!(List::read(&bytes).is_ok());
        for run in &must {
            prop_assert!(plan.refuses(run.first));
        }
        for key in &live {
            let implicit = plan.implicit.binary_search(&key.serial).is_ok();
            prop_assert_eq!(plan.refuses(key.serial), implicit);
        }
    }
}

#[test]
fn the_unknown_interval_of_a_restore_is_one_entry() {
    let must = [Run { first: 100, last: 1_048_576 }];
    let live = [Live { serial: 50, weight: 1 }, Live { serial: 1_048_580, weight: 1 }];
    let input = Input { floor: 0, must: &must, live: &live, top: 1_048_600 };
    for capacity in [Capacity::Entries(1), Capacity::Bytes(6)] {
        let plan = plan(&input, capacity);
        assert_eq!((plan.cost, plan.floor), (0, 49), "{capacity:?}");
        assert!(plan.refuses(100) && plan.refuses(1_048_576) && !plan.refuses(1_048_577));
    }
    let none = plan(&input, Capacity::Bytes(0));
    assert_eq!((none.floor, none.implicit), (1_048_576, vec![50]));
}

#[test]
fn entries_are_fewer_where_the_list_would_be_too_long() {
    let must: Vec<Run> = (1..=64).map(|it| Run { first: it * 900, last: it * 900 }).collect();
    let live: Vec<Live> = (1..=64).map(|it| Live { serial: it * 900 - 1, weight: 1 }).collect();
    let input = Input { floor: 0, must: &must, live: &live, top: 60_000 };
    let all = [Class::Phone, Class::Card, Class::Guest, Class::Service].map(|class| (class, input));
    for (classes, limit) in [(1, 896), (1, 300), (1, 256), (4, 896), (4, 512), (4, 256)] {
        let planned = fit_entries(&all[..classes], 64, limit);
        let bytes = planned.iter().map(|(_, section)| section.bytes()).sum::<u64>() + 125;
        assert!(bytes <= limit, "{classes} classes: {bytes} of {limit}");
        let refuses = |it: &Run| planned.iter().all(|(plan, _)| plan.refuses(it.first));
        assert!(must.iter().all(refuses));
        // No fewer than must be: each class with one more would be longer.
        let entries = planned[0].0.ranges.len();
        assert!(entries == share(64, classes) || bytes + 10 * classes as u64 > limit);
    }
    let all_fit = fit_entries(&all[..1], 64, 896);
    assert_eq!(all_fit, fit(&all[..1], Capacity::Entries(64)));
}

#[test]
fn nothing_to_refuse_lets_the_floor_rise_for_free() {
    let live = [Live { serial: 90, weight: 1 }];
    let must = [Run { first: 7, last: 7 }];
    let input = Input { floor: 5, must: &must, live: &live, top: 99 };
    let plan_with = plan(&input, Capacity::Bytes(0));
    assert_eq!((plan_with.floor, plan_with.cost), (89, 0));
    let alone = plan(&Input { live: &[], ..input }, Capacity::Bytes(0));
    assert_eq!((alone.floor, alone.cost), (99, 0));
}

#[test]
fn entries_of_one_class_take_no_room_from_another_while_they_are_few() {
    let must: Vec<Run> = (1..=40).map(|it| Run { first: it * 2, last: it * 2 }).collect();
    let live = [Live { serial: 1, weight: 1 }];
    let input = Input { floor: 0, must: &must, live: &live, top: 99 };
    let both = [(Class::Phone, input), (Class::Card, input)];
    for (most, each) in [(1, 1), (7, 7), (24, 24), (30, 24), (60, 30), (64, 32)] {
        assert_eq!(share(most, 2), each);
        let floor = u32::try_from(2 * (40 - each)).unwrap();
        for (planned, section) in &fit(&both, Capacity::Entries(most)) {
            assert_eq!((planned.floor, planned.ranges.len()), (floor, each));
            assert_eq!(section.section().top(), Some(80));
        }
        let alone = &fit(&both[..1], Capacity::Entries(most))[0].0;
        assert_eq!(alone.ranges.len(), most.min(40));
    }
    assert!(fit(&[], Capacity::Entries(7)).is_empty());
}
