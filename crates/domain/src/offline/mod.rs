//! Locks with no network: which keys were signed for each, which of them it must refuse, and what
//! it has shown to hold.
//!
//! Keys are derived from rights ([`right`], [`fit`]) when a device asks ([`wanted`]); what takes
//! rights away makes some of them to be refused ([`no_longer_right`]). Knows no format and signs
//! nothing; which list to make is planned by the crate of the locks.

mod keys;
mod lock;
mod log;
mod mint;
mod right;
mod spans;
mod taken;
mod times;

pub use lock::{Erasure, Issued, Mark, OfflineLock, Told, Unknown};
pub use log::{Log, Numbers};
pub use mint::{Alarm, Due, Wanted, due, life_s, wanted};
pub use right::{Right, right};
pub use taken::{AtLock, TakenKey, Touched, may_stay, no_longer_right, touched};
pub use times::{Fitted, KeyTimes, WallClock, fit};

use crate::ids::{LockNumber, PlaceNumber};
use crate::noun::words;

/// A lock with no network: its owner place, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockKey {
    /// The place that owns it.
    pub place: PlaceNumber,
    /// Its number there.
    pub lock: LockNumber,
}

words! {
    /// The class of a key; each has its own serials at a lock.
    KeyClass {
        /// A phone of a person.
        Phone "phone",
        /// A card that can sign.
        Card "card",
        /// A phone of a guest.
        Guest "guest",
        /// A device of the service.
        Service "service",
    }
}

impl KeyClass {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// Its number, as locks know it.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The class with that number.
    #[must_use]
    pub fn of(number: u8) -> Option<KeyClass> {
        KeyClass::ALL.get(usize::from(number)).copied()
    }
}

/// Which key of a lock.
pub type Serial = (KeyClass, u32);

/// The first serial of an epoch is one above this times the epoch.
pub const SERIALS: u32 = 1 << 20;

/// A key that where the time cannot be told does not open.
pub const STRICT_TIME: u8 = 1;
/// A key for which the person must have acted.
pub const REQUIRE_INTENT: u8 = 2;
/// A key for which the link must be known to be short.
pub const REQUIRE_PROXIMITY: u8 = 4;
