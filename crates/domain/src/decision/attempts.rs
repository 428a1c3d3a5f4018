//! Wrong tries and how long they lock further ones out.

use crate::time::{Instant, MINUTE, SECOND};

/// How many wrong tries cost nothing.
pub const FREE_ATTEMPTS: u32 = 5;
const FIRST: i64 = 30 * SECOND;
const MOST: i64 = 15 * MINUTE;

/// The wrong PINs of one credential, or the unknown codes at one lock, since the last right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Attempts {
    wrong: u32,
    locked_until: Option<Instant>,
}

impl Attempts {
    /// Counts a wrong try at `now`: after the free ones each locks for 30 s, doubling to 15 min.
    pub fn fail(&mut self, now: Instant) {
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong >= FREE_ATTEMPTS {
            let doublings = (self.wrong - FREE_ATTEMPTS).min(5);
            self.locked_until = Some(now.plus((FIRST << doublings).min(MOST)));
        }
    }

    /// Whether tries are refused at `now`.
    #[must_use]
    pub fn is_locked(&self, now: Instant) -> bool {
        self.locked_until(now).is_some()
    }

    /// Until when tries are refused, where they are at `now`.
    #[must_use]
    pub fn locked_until(&self, now: Instant) -> Option<Instant> {
        self.locked_until.filter(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_free_then_the_wait_doubles_to_fifteen_minutes() {
        let (mut attempts, mut now) = (Attempts::default(), Instant(0));
        for _ in 0..4 {
            attempts.fail(now);
            assert!(!attempts.is_locked(now));
        }
        for seconds in [30, 60, 120, 240, 480, 900, 900] {
            attempts.fail(now);
            assert!(attempts.is_locked(now.plus(seconds * SECOND - 1)), "{seconds}");
            now = now.plus(seconds * SECOND);
            assert!(!attempts.is_locked(now));
        }
    }
}
