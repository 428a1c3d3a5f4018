//! The one place that reads the clock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant as Ticking, SystemTime, UNIX_EPOCH};

use claviger_domain::time::Instant;

/// The server's clock: the machine's, moved ahead for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    ahead: i64,
    by: Option<&'static AtomicI64>,
    wrong_by: Option<&'static AtomicI64>,
}

impl Clock {
    /// A clock that runs `ahead` microseconds ahead of the machine's.
    #[must_use]
    pub fn ahead(ahead: i64) -> Clock {
        Clock { ahead, ..Clock::default() }
    }

    /// A clock that runs ahead by as many microseconds as this says at any time.
    #[must_use]
    pub fn ahead_by(by: &'static AtomicI64) -> Clock {
        Clock { by: Some(by), ..Clock::default() }
    }

    /// A clock that is wrong by as many microseconds as this says at any time, though no more time
    /// passes.
    #[must_use]
    pub fn wrong_by(wrong_by: &'static AtomicI64) -> Clock {
        Clock::default().and_wrong_by(wrong_by)
    }

    /// The same clock, which is wrong by as many microseconds besides as this says at any time.
    #[must_use]
    pub fn and_wrong_by(self, wrong_by: &'static AtomicI64) -> Clock {
        Clock { wrong_by: Some(wrong_by), ..self }
    }

    /// How much time has passed, in microseconds since some moment of this process: whatever
    /// happens to the machine's clock meanwhile.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn passed(self) -> i64 {
        static SINCE: OnceLock<Ticking> = OnceLock::new();
        let passed = SINCE.get_or_init(Ticking::now).elapsed().as_micros();
        let by = self.by.map_or(0, |by| by.load(Ordering::Relaxed));
        i64::try_from(passed).unwrap_or(i64::MAX).saturating_add(by)
    }

    /// The instant it is.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn now(self) -> Instant {
        let more = [self.by, self.wrong_by].into_iter().flatten();
        let more: i64 = more.map(|by| by.load(Ordering::Relaxed)).sum();
        let ahead = self.ahead + more;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)).plus(ahead)
    }
}
