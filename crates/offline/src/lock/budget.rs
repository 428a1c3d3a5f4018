//! What keeps strangers from making a lock compute: a delay for a link that signs badly, and so
//! many verifications a minute for all links together.

/// Bad signatures that a link may send before it must wait.
const FREE: u8 = 5;
const FIRST_DELAY_MS: u64 = 2_000;
const MOST_DELAY_MS: u64 = 60_000;
/// Twenty chains of verifications a minute.
const CHAIN_MS: u64 = 3_000;
const BURST_MS: u64 = 57_000;
/// How long the first key of a session may wait for its turn. As turns come each three seconds, no
/// more than two wait at a time.
const MOST_WAIT_MS: u64 = 6_000;

/// The delay of one link.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    bad: u8,
    until_ms: u64,
}

impl Backoff {
    /// Whether it must still wait.
    #[must_use]
    pub fn waits(&self, now_ms: u64) -> bool {
        now_ms < self.until_ms
    }

    /// A signature was bad.
    pub fn bad(&mut self, now_ms: u64) {
        self.bad = self.bad.saturating_add(1);
        let Some(more) = self.bad.checked_sub(FREE) else { return };
        let delay = FIRST_DELAY_MS.saturating_mul(1 << more.min(5));
        self.until_ms = now_ms.saturating_add(delay.min(MOST_DELAY_MS));
    }

    /// One was good.
    pub fn good(&mut self) {
        *self = Self::default();
    }
}

/// Whether there is room for a chain of verifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Yes.
    Go,
    /// In so many milliseconds; the turn is kept.
    Wait(u64),
    /// No.
    Spent,
}

/// The budget of all links.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// When what has been spent will have come in again.
    even_ms: u64,
}

impl Budget {
    /// Asks for a turn; `patient` may get a later one.
    pub fn turn(&mut self, now_ms: u64, patient: bool) -> Turn {
        let even = self.even_ms.max(now_ms);
        let wait = even.saturating_sub(now_ms.saturating_add(BURST_MS));
        if wait > if patient { MOST_WAIT_MS } else { 0 } {
            return Turn::Spent;
        }
        self.even_ms = even.saturating_add(CHAIN_MS);
        if wait == 0 { Turn::Go } else { Turn::Wait(wait) }
    }
}
