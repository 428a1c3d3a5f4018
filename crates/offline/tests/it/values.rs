//! Keys and lists of any shape that may be written.

use claviger_offline::class::Class;
use claviger_offline::cose::PublicKey;
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::list::{List, Range, Section};
use claviger_offline::times::{Span, Times, Weekly, Zone};
use proptest::collection::vec;
use proptest::prelude::*;

/// A key, and what it borrows.
#[derive(Debug)]
pub(crate) struct AnyKey {
    plain: Key<'static>,
    weekly: Vec<Weekly>,
    absolute: Vec<Span>,
    closed: Vec<Span>,
}

impl AnyKey {
    pub(crate) fn key(&self) -> Key<'_> {
        let times = Times {
            zone: self.plain.times.zone,
            weekly: Items::Values(&self.weekly),
            absolute: Items::Values(&self.absolute),
            closed: Items::Values(&self.closed),
        };
        Key { times, ..self.plain }
    }
}

/// A list, and what it borrows: of each section the floor, the ranges, the gap and the bitmap.
#[derive(Debug)]
pub(crate) struct AnyList {
    head: (u64, [u8; 16], u16, u32),
    parts: Vec<(u32, Vec<Range>, u32, Vec<u8>)>,
}

impl AnyList {
    pub(crate) fn sections(&self) -> Vec<Section<'_>> {
        let mut sections = Vec::new();
        for ((floor, ranges, bitmap_gap, bitmap), class) in self.parts.iter().zip(Class::ALL) {
            let (floor, bitmap_gap) = (*floor, *bitmap_gap);
            let ranges = Items::Values(ranges);
            sections.push(Section { class, floor, ranges, bitmap_gap, bitmap });
        }
        sections
    }

    /// The list of its own sections.
    pub(crate) fn list<'a>(&self, sections: &'a [Section<'a>]) -> List<'a> {
        let (iat, lock, epoch, version) = self.head;
        List { iat, lock, epoch, version, sections: Items::Values(sections) }
    }
}

prop_compose! {
    pub(crate) fn public_key()(x in any::<[u8; 32]>(), y in any::<[u8; 32]>()) -> PublicKey {
        let mut xy = [0; 64];
        xy[..32].copy_from_slice(&x);
        xy[32..].copy_from_slice(&y);
        PublicKey(xy)
    }
}

pub(crate) fn instant() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..100, 1_700_000_000_u64..1_900_000_000, 0_u64..1 << 40]
}

fn spans() -> impl Strategy<Value = Vec<Span>> {
    let span = (0_u64..(1 << 40) - 1)
        .prop_flat_map(|start| (start + 1..1 << 40).prop_map(move |end| Span { start, end }));
    vec(span, 0..=16)
}

fn weekly() -> impl Strategy<Value = Vec<Weekly>> {
    let window = (1_u8..=127, 0_u16..1440, 1_u16..=1440);
    vec(window.prop_map(|(days, start_min, end_min)| Weekly { days, start_min, end_min }), 0..=16)
}

fn zone() -> impl Strategy<Value = Zone> {
    (-1439_i16..=1439, instant(), -1439_i16..=1439).prop_map(|(before, at, after)| Zone {
        offset_before_min: before,
        transition_at: at,
        offset_after_min: after,
    })
}

fn sections() -> impl Strategy<Value = Vec<(u32, Vec<Range>, u32, Vec<u8>)>> {
    let range = (1_u32..100_000, 1_u32..100_000).prop_map(|(gap, length)| Range { gap, length });
    let bitmap = vec(any::<u8>(), 0..40).prop_map(|mut bits| {
        if let [first, ..] = &mut bits[..] {
            *first |= 1;
        }
        if let [.., last] = &mut bits[..] {
            *last |= 1;
        }
        bits
    });
    let section = (0_u32..1 << 31, vec(range, 0..=64), 0_u32..1000, bitmap);
    vec(section, 0..=4).prop_map(|mut all| {
        for (_, _, gap, bitmap) in &mut all {
            if bitmap.is_empty() {
                *gap = 0;
            }
        }
        all
    })
}

prop_compose! {
    pub(crate) fn keys()(
        times in (instant(), instant(), instant()),
        holder in public_key(),
        lock in any::<[u8; 16]>(),
        numbers in (0_u8..4, 0_u16..=4094, 1_u32.., any::<u32>(), 0_u8..8),
        zone in zone(),
        weekly in weekly(),
        absolute in spans(),
        closed in spans(),
    ) -> AnyKey {
        let (exp, nbf, iat) = times;
        let (class, epoch, serial, min_list, flags) = numbers;
        let class = Class::of(class).unwrap();
        let flags = Flags::of(flags).unwrap();
        let times = Times { zone, ..Times::ALWAYS };
        let plain =
            Key { exp, nbf, iat, holder, lock, class, epoch, serial, min_list, flags, times };
        AnyKey { plain, weekly, absolute, closed }
    }
}

prop_compose! {
    pub(crate) fn lists()(
        head in (instant(), any::<[u8; 16]>(), 0_u16..=4094, any::<u32>()),
        parts in sections(),
    ) -> AnyList {
        AnyList { head, parts }
    }
}
