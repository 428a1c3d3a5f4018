//! Which gaps between runs of MUST stay open when bytes are short: the heaviest, with a bitmap over
//! the newest runs where that says more for its bytes.

use alloc::collections::{BTreeSet, BinaryHeap};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{Live, MOST_RANGES, Plan, RANGE_BYTES, Run};

/// Runs of MUST above a floor, and the weight of live keys before each.
pub(super) struct Gaps {
    floor: u32,
    runs: Vec<Run>,
    weights: Vec<u64>,
}

/// The best choice for so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) cost: u64,
    /// Bytes that it needs.
    bytes: u64,
    /// The run that the bitmap begins with; as many as there are runs for no bitmap.
    bitmap_from: usize,
    /// Gaps before it that stay open.
    open: usize,
}

impl Gaps {
    pub(super) fn of(floor: u32, runs: Vec<Run>, live: &[Live]) -> Self {
        let mut weights = Vec::with_capacity(runs.len());
        let mut keys = live.iter().filter(|key| key.serial > floor).peekable();
        for run in &runs {
            let mut weight = 0_u64;
            while let Some(key) = keys.next_if(|key| key.serial < run.first) {
                weight = weight.saturating_add(key.weight);
            }
            weights.push(weight);
            while keys.next_if(|key| key.serial <= run.last).is_some() {}
        }
        Self { floor, runs, weights }
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Bytes of a bitmap from a run on.
    fn bitmap_bytes(&self, from: usize) -> Option<u64> {
        let (first, last) = (self.runs.get(from)?.first, self.runs.last()?.last);
        Some(u64::from(last.checked_sub(first)?).saturating_add(1).div_ceil(8))
    }

    /// The least cost, then the fewest bytes, then the longest bitmap.
    pub(super) fn least(&self, bytes: u64) -> Choice {
        let count = self.runs.len();
        let kept = |bitmap: u64| {
            let ranges = bytes.saturating_sub(bitmap).checked_div(RANGE_BYTES).unwrap_or(0);
            usize::try_from(ranges).unwrap_or(usize::MAX).min(MOST_RANGES)
        };
        // As the bitmap begins later it leaves room for more ranges, and more gaps lie before it:
        // the heaviest are carried along.
        let mut heaviest = Heaviest::default();
        let mut before = 0_u64;
        let mut best: Option<Choice> = None;
        for from in 0..=count {
            let bitmap = if from == count { Some(0) } else { self.bitmap_bytes(from) };
            // The gap right before the bitmap costs nothing to leave open: `bgap` says it.
            let fits = bitmap.filter(|bitmap| *bitmap <= bytes);
            if let Some(bitmap) = fits {
                heaviest.keep(kept(bitmap));
                let cost = before.saturating_sub(heaviest.sum);
                let open = heaviest.kept.len();
                let ranges = u64::try_from(open).unwrap_or(u64::MAX).saturating_mul(RANGE_BYTES);
                let choice =
                    Choice { cost, bytes: bitmap.saturating_add(ranges), bitmap_from: from, open };
                let better = |best: &Choice| (cost, choice.bytes) < (best.cost, best.bytes);
                if best.as_ref().is_none_or(better) {
                    best = Some(choice);
                }
            }
            if let Some(weight) = self.weights.get(from) {
                before = before.saturating_add(*weight);
                heaviest.add(*weight, from);
            }
        }
        best.unwrap_or(Choice { cost: before, bytes: 0, bitmap_from: count, open: 0 })
    }

    pub(super) fn plan_bytes(&self, bytes: u64, live: &[Live]) -> Plan {
        let choice = self.least(bytes);
        let (before, bitmap) = self.runs.split_at(choice.bitmap_from.min(self.runs.len()));
        let mut by_weight: Vec<(Reverse<u64>, usize)> = Vec::new();
        for (at, weight) in self.weights.iter().take(before.len()).enumerate() {
            if *weight > 0 {
                by_weight.push((Reverse(*weight), at));
            }
        }
        by_weight.sort_unstable();
        let open: BTreeSet<usize> = by_weight.iter().take(choice.open).map(|it| it.1).collect();
        let mut floor = self.floor;
        let mut ranges: Vec<Run> = Vec::new();
        for (at, run) in before.iter().enumerate() {
            if open.contains(&at) {
                ranges.push(*run);
            } else if let Some(last) = ranges.last_mut() {
                last.last = run.last;
            } else {
                floor = run.last;
            }
        }
        Plan::of(floor, ranges, bitmap.to_vec(), live)
    }
}

/// The heaviest gaps so far; more may be kept later, so what was left out is remembered.
#[derive(Default)]
struct Heaviest {
    /// Lightest first, the higher index before the lower.
    kept: BTreeSet<(u64, Reverse<usize>)>,
    left_out: BinaryHeap<(u64, Reverse<usize>)>,
    sum: u64,
    most: usize,
}

impl Heaviest {
    fn add(&mut self, weight: u64, at: usize) {
        if weight > 0 {
            self.kept.insert((weight, Reverse(at)));
            self.sum = self.sum.saturating_add(weight);
            self.trim();
        }
    }

    fn trim(&mut self) {
        while self.kept.len() > self.most {
            let Some(lightest) = self.kept.pop_first() else { break };
            self.sum = self.sum.saturating_sub(lightest.0);
            self.left_out.push(lightest);
        }
    }

    fn keep(&mut self, most: usize) {
        self.most = most;
        self.trim();
        while self.kept.len() < most {
            let Some(heaviest) = self.left_out.pop() else { break };
            self.sum = self.sum.saturating_add(heaviest.0);
            self.kept.insert(heaviest);
        }
    }
}
