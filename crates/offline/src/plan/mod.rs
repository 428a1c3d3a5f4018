//! Which list to make, for servers: all that must be refused is, and of the keys that live as few
//! as the lock's room allows, weighed. Pure; knows no people, only serials and weights. The one
//! part of this crate that allocates.

mod encode;
mod open_gaps;

pub use encode::{Planned, fit, fit_entries, share};

use alloc::vec::Vec;

use self::open_gaps::Gaps;

/// Ranges a plan may use in a section, as in `list`.
const MOST_RANGES: usize = crate::list::MOST_RANGES;
/// Bytes of a range while planning. Where a gap or a length is 65 536 or more it takes 10, which
/// [`fit`] sees when it has written the section.
const RANGE_BYTES: u64 = 6;
/// Bytes of a signed list beside its sections, and of a section beside ranges and bitmap.
const LIST_BYTES: u64 = 125;
const SECTION_BYTES: u64 = 17;

/// Serials in a row, both ends inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

/// A key that may be used, and how much it would hurt to refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its serial.
    pub serial: u32,
    /// Its weight: 1 or more.
    pub weight: u64,
}

/// What there is room for: in one class for [`plan`], in a whole list for [`fit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// So many bytes: of ranges and bitmap, or of the signed list.
    Bytes(u64),
    /// So many entries in each class, 64 at most, and no bitmap; in a whole list as [`share`] says.
    Entries(usize),
}

/// One class of one lock. `must` and `live` are ascending, disjoint, and above nothing they should
/// not be; serials that appear in neither are don't care up to `top`.
#[derive(Clone, Copy, Debug)]
pub struct Input<'p> {
    /// The floor of the list before.
    pub floor: u32,
    /// What must be refused, in runs; those that have provably expired left out.
    pub must: &'p [Run],
    /// Keys that should go on opening.
    pub live: &'p [Live],
    /// The highest serial that was ever given.
    pub top: u32,
}

/// What one section refuses: a floor, and runs above it; from the run numbered `bitmap` on, they
/// stand in the bitmap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Everything up to this.
    pub floor: u32,
    /// Above the floor, ascending, with gaps between them; the last ones may be in the bitmap.
    pub ranges: Vec<Run>,
    /// What the bitmap says: runs of MUST from some serial on.
    pub bitmap: Vec<Run>,
    /// The weight of the live keys that are refused.
    pub cost: u64,
    /// The serials of live keys that are refused although nothing demands it.
    pub implicit: Vec<u32>,
}

impl Plan {
    /// Whether it refuses a serial.
    #[must_use]
    pub fn refuses(&self, serial: u32) -> bool {
        let within = |run: &Run| run.first <= serial && serial <= run.last;
        serial <= self.floor || self.ranges.iter().any(within) || self.bitmap.iter().any(within)
    }

    fn of(floor: u32, ranges: Vec<Run>, bitmap: Vec<Run>, live: &[Live]) -> Self {
        let mut plan = Self { floor, ranges, bitmap, cost: 0, implicit: Vec::new() };
        // Live serials and runs both ascend: one walk.
        let runs = plan.ranges.iter().chain(&plan.bitmap).copied().collect::<Vec<_>>();
        let mut runs = runs.iter().peekable();
        for key in live {
            while runs.next_if(|run| run.last < key.serial).is_some() {}
            let inside = runs.peek().is_some_and(|run| run.first <= key.serial);
            if key.serial <= plan.floor || inside {
                plan.cost = plan.cost.saturating_add(key.weight);
                plan.implicit.push(key.serial);
            }
        }
        plan
    }
}

/// Steps 1 to 4: the floor as high as it may be for nothing, then what fits with the least harm.
#[must_use]
pub fn plan(input: &Input<'_>, capacity: Capacity) -> Plan {
    let (floor, must) = raised(input);
    if must.is_empty() {
        return Plan::of(floor, Vec::new(), Vec::new(), input.live);
    }
    let gaps = Gaps::of(floor, must, input.live);
    match capacity {
        Capacity::Entries(most) => entries(floor, &gaps, most.min(MOST_RANGES), input.live),
        Capacity::Bytes(bytes) => gaps.plan_bytes(bytes, input.live),
    }
}

/// The floor goes up to just below the first live key; what it swallows need not be said.
fn raised(input: &Input<'_>) -> (u32, Vec<Run>) {
    let first = input.live.iter().map(|key| key.serial).find(|serial| *serial > input.floor);
    let below = first.unwrap_or(input.top.saturating_add(1)).saturating_sub(1);
    let floor = input.floor.max(below);
    let above = input.must.iter().filter(|run| run.last > floor);
    let must = above.map(|run| Run { first: run.first.max(floor.saturating_add(1)), ..*run });
    (floor, must.collect())
}

/// "N entries": the newest are kept one by one, the floor rises over the others. Each run counts
/// as one entry, however long.
fn entries(floor: u32, gaps: &Gaps, most: usize, live: &[Live]) -> Plan {
    let runs = gaps.runs();
    let drop = runs.len().saturating_sub(most);
    let floor = drop.checked_sub(1).and_then(|at| runs.get(at)).map_or(floor, |run| run.last);
    let mut floor = floor;
    let mut ranges: Vec<Run> = Vec::new();
    for run in runs.get(drop..).unwrap_or_default() {
        if run.first.saturating_sub(1) <= floor {
            floor = run.last;
        } else {
            match ranges.last_mut() {
                Some(last) if last.last.saturating_add(1) == run.first => last.last = run.last,
                _ => ranges.push(*run),
            }
        }
    }
    Plan::of(floor, ranges, Vec::new(), live)
}

/// Divides the bytes of a list among its classes by the least cost of all; ties to the lower class.
/// Inputs are in the order of their classes.
#[must_use]
pub fn plan_list(inputs: &[Input<'_>], list_limit: u64) -> Vec<Plan> {
    let overhead = SECTION_BYTES.saturating_mul(u64::try_from(inputs.len()).unwrap_or(u64::MAX));
    let bytes = list_limit.saturating_sub(LIST_BYTES).saturating_sub(overhead);
    let shares = match inputs {
        [_] => Vec::from([bytes]),
        _ => {
            let costs = inputs.iter().map(|it| costs_by_bytes(it, bytes));
            divided(&costs.collect::<Vec<_>>(), bytes)
        }
    };
    let planned = inputs.iter().zip(shares);
    planned.map(|(it, share)| plan(it, Capacity::Bytes(share))).collect()
}

/// (bytes, cost) at which the cost of one class falls, bytes ascending.
fn costs_by_bytes(input: &Input<'_>, most: u64) -> Vec<(u64, u64)> {
    let (floor, must) = raised(input);
    if must.is_empty() {
        return Vec::from([(0, 0)]);
    }
    let gaps = Gaps::of(floor, must, input.live);
    let mut steps = Vec::from([(0, gaps.least(0).cost)]);
    falls(&gaps, (0, most), &mut steps);
    steps
}

/// Adds where the cost falls after `from` and up to `to`.
fn falls(gaps: &Gaps, (from, to): (u64, u64), steps: &mut Vec<(u64, u64)>) {
    let (before, after) = (gaps.least(from).cost, gaps.least(to).cost);
    if before == after || from >= to {
        return;
    }
    let middle = from.midpoint(to);
    if middle == from {
        steps.push((to, after));
        return;
    }
    falls(gaps, (from, middle), steps);
    falls(gaps, (middle, to), steps);
}

/// Shares of `bytes`, one for each class: the least total cost, then the most for lower classes.
fn divided(costs: &[Vec<(u64, u64)>], bytes: u64) -> Vec<u64> {
    let Some((first, others)) = costs.split_first() else { return Vec::new() };
    let mut best: Option<(u64, Vec<u64>)> = None;
    // At most four classes, and costs fall in a few steps only.
    for (needed, cost) in first.iter().rev().filter(|(needed, _)| *needed <= bytes) {
        let left = bytes.saturating_sub(*needed);
        let shares = divided(others, left);
        let rest = others.iter().zip(&shares).map(|(steps, share)| {
            let within = steps.iter().rev().find(|(needed, _)| needed <= share);
            within.map_or(0, |(_, cost)| *cost)
        });
        let total = rest.fold(*cost, u64::saturating_add);
        if best.as_ref().is_none_or(|(least, _)| total < *least) {
            let mut all = Vec::from([*needed]);
            all.extend(shares);
            best = Some((total, all));
        }
    }
    best.map(|(_, shares)| shares).unwrap_or_default()
}
