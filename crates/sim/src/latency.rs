//! How long answers take: a histogram of fixed size, however long the run.
//!
//! Buckets are a sixteenth of a power of two wide, so a quantile is at most 6 % too low.

use std::time::Duration;

use serde::Serialize;

/// Up to 2^40 µs, twelve days.
const BUCKETS: usize = 16 * 38;

/// A histogram of durations.
#[derive(Debug, Clone, Serialize)]
#[serde(into = "Summary")]
pub struct Latency {
    buckets: Vec<u64>,
    count: u64,
    max: Duration,
}

/// Milliseconds, `null` before the first answer.
#[derive(Debug, Clone, Copy, Serialize)]
struct Summary {
    median_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
}

impl Default for Latency {
    fn default() -> Self {
        Latency { buckets: vec![0; BUCKETS], count: 0, max: Duration::ZERO }
    }
}

impl Latency {
    /// Counts one.
    pub(crate) fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket(micros).min(BUCKETS - 1);
        self.buckets[bucket] += 1;
        self.count += 1;
        self.max = self.max.max(took);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.max)
    }

    /// Half took no longer.
    pub fn median(&self) -> Option<Duration> {
        self.quantile(50)
    }

    /// All but one in a hundred took no longer.
    pub fn p99(&self) -> Option<Duration> {
        self.quantile(99)
    }

    fn quantile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let at = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_micros(floor(at)))
    }
}

fn bucket(micros: u64) -> usize {
    if micros < 16 {
        return micros as usize;
    }
    let power = 63 - micros.leading_zeros();
    let sixteenth = (micros >> (power - 4)) & 15;
    (power as usize - 3) * 16 + sixteenth as usize
}

/// The smallest number of microseconds in a bucket.
fn floor(bucket: usize) -> u64 {
    let (row, sixteenth) = (bucket / 16, (bucket % 16) as u64);
    if row == 0 { sixteenth } else { (16 + sixteenth) << (row - 1) }
}

impl From<Latency> for Summary {
    fn from(latency: Latency) -> Self {
        let ms = |took: Option<Duration>| took.map(|took| took.as_micros() as f64 / 1000.0);
        Summary {
            median_ms: ms(latency.median()),
            p99_ms: ms(latency.p99()),
            max_ms: ms(latency.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Latency, bucket, floor};

    #[test]
    fn buckets_hold_what_they_say() {
        for micros in (0..5000).chain([1 << 20, (1 << 30) + 12345]) {
            let low = floor(bucket(micros));
            assert!(low <= micros && micros - low <= micros / 16, "{micros} in {low}");
        }
    }

    #[test]
    fn quantiles_are_close() {
        let mut latency = Latency::default();
        assert_eq!(latency.median(), None);
        for micros in 1..=1000 {
            latency.record(Duration::from_micros(micros));
        }
        let near = |got: Option<Duration>, want: u128| {
            let got = got.unwrap().as_micros();
            got <= want && want - got <= want / 16
        };
        assert!(near(latency.median(), 500));
        assert!(near(latency.p99(), 990));
        assert_eq!(latency.max(), Some(Duration::from_millis(1)));
        latency.record(Duration::MAX);
        assert_eq!(latency.count(), 1001);
    }
}
