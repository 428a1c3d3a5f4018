//! What a lock knows about the time: an interval that holds the truth, rounded outwards. Only what
//! was signed sets it; the lock's own ticks carry it on, with their drift.

use crate::faults::{Fault, planted};
use crate::number::divided;

/// How long after its nonce a statement still sets the clock.
const MOST_SETTING_MS: u64 = 60_000;
const MILLION: u64 = 1_000_000;

/// An instant as the lock knows it, UTC seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// It is not earlier than this.
    pub lo: u64,
    /// It is not later than this; none if nobody can tell.
    pub hi: Option<u64>,
}

/// A bound as it was at some tick.
type Bound = Option<(u64, u64)>;

/// The clock of a lock. Ticks are milliseconds since it was powered.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Ticks may be wrong by this many millionths.
    drift_ppm: u32,
    /// The newest signed instant.
    newest: u64,
    set_lo: Bound,
    set_hi: Bound,
}

/// Whole seconds of milliseconds times millionths, and whether that is not all.
fn seconds(elapsed: u64) -> (u64, bool) {
    (0..3).fold((elapsed, false), |(number, more), _| {
        let (thousands, left) = divided(number, 1_000);
        (thousands, more || left > 0)
    })
}

impl Clock {
    /// After power-up: nothing is known but that it is not before `newest`.
    #[must_use]
    pub fn new(newest: u64, drift_ppm: u32) -> Self {
        let drift_ppm = if planted(Fault::NoDrift) { 0 } else { drift_ppm };
        Self { drift_ppm: drift_ppm.min(500_000), newest, set_lo: None, set_hi: None }
    }

    /// The newest signed instant it has seen.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The fewest seconds that may have passed.
    fn at_least_s(&self, since_ms: u64, now_ms: u64) -> u64 {
        let factor = MILLION.saturating_sub(self.drift_ppm.into());
        seconds(now_ms.saturating_sub(since_ms).saturating_mul(factor)).0
    }

    /// The most seconds that may have passed.
    fn at_most_s(&self, since_ms: u64, now_ms: u64) -> u64 {
        let factor = MILLION.saturating_add(self.drift_ppm.into());
        // After some four hundred years it is not known any more.
        let elapsed = now_ms.saturating_sub(since_ms).checked_mul(factor);
        elapsed.map_or(u64::MAX, |elapsed| {
            let (seconds, more) = seconds(elapsed);
            seconds.saturating_add(more.into())
        })
    }

    /// What it knows.
    #[must_use]
    pub fn interval(&self, now_ms: u64) -> Interval {
        let set = |(lo, at): (u64, u64)| lo.saturating_add(self.at_least_s(at, now_ms));
        let set_lo = self.set_lo.filter(|_| !planted(Fault::LoFromIatOnly));
        let lo = self.newest.max(set_lo.map_or(0, set));
        let hi = self.set_hi.map(|(hi, at)| hi.saturating_add(self.at_most_s(at, now_ms)));
        // Bounds that cross say that one of them is wrong; then only what was signed counts.
        Interval { lo, hi: hi.filter(|hi| *hi >= lo) }
    }

    /// An instant that somebody trusted has signed. Whether that proves the clock slow: its upper
    /// bound is then dropped.
    pub fn saw(&mut self, iat: u64, now_ms: u64) -> bool {
        let slow = self.interval(now_ms).hi.is_some_and(|hi| iat > hi);
        if slow {
            self.set_hi = None;
        }
        self.newest = self.newest.max(iat);
        slow
    }

    /// A statement signed at `iat`, over a nonce drawn at a tick, sets the clock: true time was
    /// within that second when it was signed, and that was after the nonce was drawn. Whether it
    /// still could.
    pub fn set(&mut self, iat: u64, drawn_ms: u64, now_ms: u64) -> bool {
        let waited_ms = now_ms.saturating_sub(drawn_ms);
        if waited_ms > MOST_SETTING_MS {
            return false;
        }
        let unseen = planted(Fault::HiWithoutWait);
        let waited_s = if unseen { 0 } else { self.at_most_s(drawn_ms, now_ms) };
        self.set_lo = Some((iat, now_ms));
        self.set_hi = Some((iat.saturating_add(1).saturating_add(waited_s), now_ms));
        true
    }

    /// Believes nothing but this instant, even if it believed later ones.
    pub fn reset(&mut self, newest: u64) {
        *self = Self::new(newest, self.drift_ppm);
    }
}
