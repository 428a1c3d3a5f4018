//! What a list refuses, beside sets of serials that say the same one by one.

use std::collections::BTreeSet;

use claviger_offline::class::Class;
use claviger_offline::items::Items;
use claviger_offline::list::{List, MOST_SERIAL, Range, Section};
use proptest::collection::vec;
use proptest::prelude::*;

use super::build::{LOCK, written};

fn section<'l>(floor: u32, ranges: &'l [Range], bitmap_gap: u32, bitmap: &'l [u8]) -> Section<'l> {
    Section { class: Class::Phone, floor, ranges: Items::Values(ranges), bitmap_gap, bitmap }
}

/// The refused serials above the floor, told slowly.
fn slowly(floor: u32, ranges: &[Range], bitmap_gap: u32, bitmap: &[u8]) -> BTreeSet<u32> {
    let mut refused = BTreeSet::new();
    let mut next = floor + 1;
    for range in ranges {
        next += range.gap;
        for _ in 0..range.length {
            refused.insert(next);
            next += 1;
        }
    }
    next += bitmap_gap;
    for byte in bitmap {
        for bit in 0..8 {
            if byte & (1 << bit) != 0 {
                refused.insert(next);
            }
            next += 1;
        }
    }
    refused
}

proptest! {
    #[test]
    fn a_section_says_what_a_set_says(
        floor in 0_u32..50,
        ranges in vec((1_u32..9, 1_u32..9), 0..12),
        gap in 0_u32..9,
        bits in vec(any::<u8>(), 0..9),
    ) {
        let ranges: Vec<Range> =
            ranges.into_iter().map(|(gap, length)| Range { gap, length }).collect();
        let mut bits = bits;
        if let [first, ..] = &mut bits[..] { *first |= 1 }
        while bits.last() == Some(&0) { bits.pop(); }
        let gap = if bits.is_empty() { 0 } else { gap };
        let said = section(floor, &ranges, gap, &bits);
        let set = slowly(floor, &ranges, gap, &bits);
        for serial in 1..600 {
            prop_assert_eq!(said.refuses(serial), serial <= floor || set.contains(&serial));
        }
        let top = set.last().copied().unwrap_or(floor);
        prop_assert_eq!(said.top(), Some(top));
        prop_assert!(!said.refuses(top + 1) && !said.refuses(u32::MAX));
    }
}

#[test]
fn nothing_above_the_highest_serial_can_be_said() {
    assert_eq!(section(MOST_SERIAL, &[], 0, &[]).top(), Some(MOST_SERIAL));
    assert_eq!(section(u32::MAX, &[], 0, &[]).top(), None);
    let ranges = [Range { gap: u32::MAX, length: u32::MAX }; 64];
    assert_eq!(section(u32::MAX, &ranges, u32::MAX, &[1; 400]).top(), None);
    assert_eq!(
        section(MOST_SERIAL - 2, &[Range { gap: 1, length: 1 }], 0, &[]).top(),
        Some(MOST_SERIAL)
    );
    assert_eq!(section(MOST_SERIAL - 2, &[Range { gap: 1, length: 2 }], 0, &[]).top(), None);
    assert_eq!(section(MOST_SERIAL - 8, &[], 0, &[0x81]).top(), Some(MOST_SERIAL));
    assert_eq!(section(MOST_SERIAL - 8, &[], 1, &[0x81]).top(), None);
    assert_eq!(section(MOST_SERIAL - 8, &[], 1, &[0x41]).top(), Some(MOST_SERIAL));
}

#[test]
fn classes_do_not_touch_one_another() {
    let phones = section(10, &[], 0, &[]);
    let guests = Section { class: Class::Guest, floor: 3, ..phones };
    let list = |sections: &[Section<'_>]| {
        written(|it| {
            let sections = Items::Values(sections);
            List { iat: 1, lock: LOCK, epoch: 1, version: 1, sections }.write(it);
        })
    };
    let bytes = list(&[phones, guests]);
    let read = List::read(&bytes).unwrap();
    assert!(read.refuses(Class::Phone, 10) && !read.refuses(Class::Phone, 11));
    assert!(read.refuses(Class::Guest, 3) && !read.refuses(Class::Guest, 4));
    assert!(!read.refuses(Class::Card, 1) && !read.refuses(Class::Service, 1));
    assert!(List::read(&list(&[guests, phones])).is_err(), "classes out of order");
    assert!(List::read(&list(&[phones, phones])).is_err(), "a class twice");
    assert!(List::read(&list(&[])).is_ok());
}
