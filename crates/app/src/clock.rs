//! The one place that reads the clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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

    /// The instant it is.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn now(self) -> Instant {
        let ahead = self.ahead + self.by.map_or(0, |by| by.load(Ordering::Relaxed));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)).plus(ahead)
    }
}
