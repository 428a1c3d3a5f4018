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
}

impl Clock {
    /// A clock that runs `ahead` microseconds ahead of the machine's.
    #[must_use]
    pub fn ahead(ahead: i64) -> Clock {
        Clock { ahead, by: None }
    }

    /// A clock that runs ahead by as many microseconds as this says at any time.
    #[must_use]
    pub fn ahead_by(by: &'static AtomicI64) -> Clock {
        Clock { ahead: 0, by: Some(by) }
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
        let ahead = self.ahead + self.by.map_or(0, |by| by.load(Ordering::Relaxed));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)).plus(ahead)
    }
}
