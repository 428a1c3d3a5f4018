//! How long a lock's check of one key takes, with and without signatures, and how long planning
//! takes. Prints a table of Markdown.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/it/build.rs"]
mod build;

use std::hint::black_box;
use std::time::Instant;

use build::{HOLDER, ISSUER, MONDAY, open, public, signed};
use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, Signed};
use claviger_offline::items::Items;
use claviger_offline::key::Key;
use claviger_offline::list::{List, Section};
use claviger_offline::lock::clock::Interval;
use claviger_offline::lock::decide::{standing, timely};
use claviger_offline::plan::{Capacity, Input, Live, Run, fit};
use claviger_offline::statement::Command;

/// Within the key's hours.
const NOON: u64 = MONDAY + 12 * 3600;

/// Median and least of many runs, in nanoseconds each.
fn timed(runs: usize, each: u32, mut what: impl FnMut()) -> (f64, f64) {
    let mut took: Vec<f64> = (0..runs)
        .map(|_| {
            let begun = Instant::now();
            (0..each).for_each(|_| what());
            begun.elapsed().as_nanos() as f64 / f64::from(each)
        })
        .collect();
    took.sort_by(f64::total_cmp);
    (took[runs / 2], took[0])
}

/// 31 bytes of phones and a section of cards.
fn list() -> Vec<u8> {
    let bitmap = [0x55; 31];
    let phones = Section {
        class: Class::Phone,
        floor: 1_048_600,
        ranges: Items::NONE,
        bitmap_gap: 3,
        bitmap: &bitmap,
    };
    let cards = Section { class: Class::Card, floor: 9, bitmap_gap: 0, bitmap: &[], ..phones };
    let list = List { sections: Items::Values(&[phones, cards]), ..build::list() };
    signed(Kind::List, ISSUER, |it| list.write(it))
}

fn check() {
    let key = Key { serial: 1_048_900, ..build::key() };
    let bytes = signed(Kind::Key, ISSUER, |it| key.write(it));
    let list = list();
    let payload = Signed::read(&list).unwrap().payload;
    let open = signed(Kind::Open, HOLDER, |it| open().write(it));
    let command = Command { close: false, intent: true };
    let without = || {
        let key = Key::read(Signed::read(black_box(&bytes)).unwrap().payload).unwrap();
        let list = List::read(black_box(payload)).unwrap();
        let now = Interval { lo: NOON, hi: Some(NOON + 2) };
        standing(&key, 0, &list).and_then(|()| timely(&key, now, command, true))
    };
    assert_eq!(without(), Ok(()));
    let (by, of) = (public(ISSUER), public(HOLDER));
    let one = || Signed::read(&bytes).unwrap().is_by(Kind::Key, &by);
    let two = || one() && Signed::read(&open).unwrap().is_by(Kind::Open, &of);
    assert!(two());
    row(
        "key read and judged, no signature",
        "≤ 2 µs",
        timed(200, 1_000, || assert!(black_box(without()).is_ok())),
    );
    row(
        "the same and the key's signature",
        "≤ 300 µs",
        timed(200, 10, || {
            assert!(one() && without().is_ok());
        }),
    );
    row(
        "the same and the holder's command, two signatures",
        "",
        timed(200, 10, || {
            assert!(two() && without().is_ok());
        }),
    );
}

fn row(what: &str, bar: &str, (median, best): (f64, f64)) {
    let shown = |nanos: f64| match nanos {
        few if few < 1e4 => format!("{few:.0} ns"),
        some if some < 1e7 => format!("{:.0} µs", some / 1e3),
        many => format!("{:.1} ms", many / 1e6),
    };
    println!("| {what} | {} median, {} best | {bar} |", shown(median), shown(best));
}

fn planning() {
    // 10 000 revocations among 30 000 serials.
    let must: Vec<Run> =
        (0..10_000).map(|it| it * 3 + 1).map(|it| Run { first: it, last: it }).collect();
    let live: Vec<Live> =
        (0..10_000).map(|it| Live { serial: it * 3 + 2, weight: 1 + u64::from(it % 7) }).collect();
    let (input, room) =
        (Input { floor: 0, must: &must, live: &live, top: 30_000 }, Capacity::Bytes(512));
    let one = [(Class::Phone, input)];
    row(
        "a list of 512 bytes planned, 10 000 revocations in one class",
        "",
        timed(9, 1, || {
            assert!(!black_box(fit(&one, room)).is_empty());
        }),
    );
    let two = [(Class::Phone, input), (Class::Card, input)];
    row(
        "the same in each of two classes that share the bytes",
        "",
        timed(9, 1, || {
            assert!(!black_box(fit(&two, room)).is_empty());
        }),
    );
}

fn main() {
    println!("| what | figure | bar |\n|---|---|---|");
    check();
    planning();
}
