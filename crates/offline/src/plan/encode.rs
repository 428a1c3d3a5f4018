//! A plan as a section of a list: runs become gaps and lengths, the newest ones bits.

use alloc::vec;
use alloc::vec::Vec;

use super::{Capacity, Input, LIST_BYTES, MOST_RANGES, Plan, plan, plan_list};
use crate::cbor::Writer;
use crate::class::Class;
use crate::items::{Item as _, Items};
use crate::list::{Range, Section};

/// A section that owns what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    class: Class,
    floor: u32,
    ranges: Vec<Range>,
    bitmap_gap: u32,
    bitmap: Vec<u8>,
}

impl Planned {
    /// The section of a plan.
    #[must_use]
    pub fn of(class: Class, plan: &Plan) -> Self {
        let mut end = plan.floor;
        let mut ranges = Vec::with_capacity(plan.ranges.len());
        for run in &plan.ranges {
            let gap = run.first.saturating_sub(end).saturating_sub(1);
            let length = run.last.saturating_sub(run.first).saturating_add(1);
            ranges.push(Range { gap, length });
            end = run.last;
        }
        let (mut bitmap_gap, mut bitmap) = (0, Vec::new());
        if let (Some(first), Some(last)) = (plan.bitmap.first(), plan.bitmap.last()) {
            bitmap_gap = first.first.saturating_sub(end).saturating_sub(1);
            let bits = last.last.saturating_sub(first.first).saturating_add(1);
            bitmap.resize(usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX), 0_u8);
            for serial in plan.bitmap.iter().flat_map(|run| run.first..=run.last) {
                let bit = serial.saturating_sub(first.first);
                let byte = usize::try_from(bit >> 3).ok().and_then(|at| bitmap.get_mut(at));
                if let Some(byte) = byte {
                    *byte |= 1 << (bit & 7);
                }
            }
        }
        Self { class, floor: plan.floor, ranges, bitmap_gap, bitmap }
    }

    /// It, to be written.
    #[must_use]
    pub fn section(&self) -> Section<'_> {
        Section {
            class: self.class,
            floor: self.floor,
            ranges: Items::Values(&self.ranges),
            bitmap_gap: self.bitmap_gap,
            bitmap: &self.bitmap,
        }
    }

    /// Bytes of it in a list.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let most = self.ranges.len().saturating_mul(10).saturating_add(self.bitmap.len());
        let mut room = vec![0; most.saturating_add(32)];
        let mut writer = Writer::new(&mut room);
        self.section().write(&mut writer);
        u64::try_from(writer.length()).unwrap_or(u64::MAX)
    }
}

/// Entries that every class may have in one list, so that what one class refuses hits no other: as
/// many as a lock has room for when all classes have them.
const OWN_ENTRIES: usize = 24;

/// The most entries of each of so many classes at a lock with room for `most`.
#[must_use]
pub fn share(most: usize, classes: usize) -> usize {
    most.checked_div(classes).unwrap_or(most).max(most.min(OWN_ENTRIES))
}

/// Plans all classes of a lock, ascending, and writes their sections. With bytes the signed list is
/// no longer than that: where ranges turn out wide, it is planned again with less. Entries are each
/// class's own, as in [`share`].
#[must_use]
pub fn fit(inputs: &[(Class, Input<'_>)], capacity: Capacity) -> Vec<(Plan, Planned)> {
    match capacity {
        Capacity::Bytes(list_limit) => fit_bytes(inputs, list_limit),
        Capacity::Entries(most) => {
            let each = Capacity::Entries(share(most, inputs.len()));
            let plans = inputs.iter().map(|(_, input)| plan(input, each));
            written(inputs, plans)
        }
    }
}

/// Plans entries as [`fit`] does, and fewer where the signed list would be longer than its limit.
#[must_use]
pub fn fit_entries(
    inputs: &[(Class, Input<'_>)],
    most: usize,
    list_limit: u64,
) -> Vec<(Plan, Planned)> {
    let classes = inputs.len().max(1);
    // No class has more, however many there is room for.
    let mut most = most.min(MOST_RANGES.saturating_mul(classes));
    // What one entry of each class takes at most.
    let entry = u64::try_from(classes).unwrap_or(u64::MAX).saturating_mul(10);
    loop {
        let planned = fit(inputs, Capacity::Entries(most));
        let excess = bytes_of(&planned).saturating_sub(list_limit);
        if excess == 0 || most == 0 {
            return planned;
        }
        let over = excess.checked_div(entry).unwrap_or(0).max(1);
        most = most.saturating_sub(usize::try_from(over).unwrap_or(usize::MAX));
    }
}

/// Bytes of a signed list with these sections.
fn bytes_of(planned: &[(Plan, Planned)]) -> u64 {
    let sections = planned.iter().map(|(_, section)| section.bytes());
    sections.fold(LIST_BYTES, u64::saturating_add)
}

fn written(
    inputs: &[(Class, Input<'_>)],
    plans: impl IntoIterator<Item = Plan>,
) -> Vec<(Plan, Planned)> {
    let planned = inputs.iter().zip(plans).map(|((class, _), plan)| {
        let section = Planned::of(*class, &plan);
        (plan, section)
    });
    planned.collect()
}

fn fit_bytes(inputs: &[(Class, Input<'_>)], list_limit: u64) -> Vec<(Plan, Planned)> {
    let bare: Vec<Input<'_>> = inputs.iter().map(|(_, input)| *input).collect();
    let mut limit = list_limit;
    loop {
        let planned = written(inputs, plan_list(&bare, limit));
        let excess = bytes_of(&planned).saturating_sub(list_limit);
        if excess == 0 || limit == 0 {
            return planned;
        }
        limit = limit.saturating_sub(excess);
    }
}
