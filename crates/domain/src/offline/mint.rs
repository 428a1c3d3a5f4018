//! When a key is made: only when its device asks, and only where the one it has will not do.

use std::sync::Arc;

use super::lock::{Issued, OfflineLock};
use super::right::Right;
use super::times::{Fitted, fit};
use super::{KeyClass, Serial};
use crate::ids::{CredentialNumber, GrantNumber, PlaceNumber};
use crate::noun::words;
use crate::time::DAY;

/// Keys for one grant and device at one lock within the life of the newest, at most.
const MOST_MINTS: usize = 8;
const DAY_S: i64 = DAY / 1_000_000;

/// How long a key of a class lives, in seconds.
#[must_use]
pub fn life_s(class: KeyClass) -> i64 {
    match class {
        KeyClass::Phone => 14 * DAY_S,
        KeyClass::Card | KeyClass::Service => 90 * DAY_S,
        KeyClass::Guest => DAY_S,
    }
}

/// What somebody must be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// More keys were asked for than anybody needs.
    TooManyMints,
    /// The epoch has no serials left.
    NoSerials,
}

/// What a device gets for one grant at one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing: the right never opens, or what the device holds will do.
    Nothing,
    /// The same bytes again.
    Again(Serial),
    /// A key.
    Mint {
        /// Its class.
        class: KeyClass,
        /// Its serial.
        serial: u32,
        /// When it holds.
        fitted: Fitted,
    },
    /// Nothing, and somebody must look at it.
    Refused(Alarm),
}

/// One grant of a place and one device.
type Holder = (PlaceNumber, GrantNumber, CredentialNumber);

/// What a device gets for a right at an instant (UTC seconds).
#[must_use]
pub fn wanted(lock: &OfflineLock, holder: Holder, right: &Right<'_>, now: i64) -> Wanted {
    let class = right.class;
    let iat = now.max(lock.iat);
    let fitted = fit(right, iat, iat + life_s(class));
    let newest = newest(lock, holder, class);
    let will_do = newest.filter(|it| !is_dead(lock, it) && it.exp > now);
    if let Some(key) = will_do
        && is_same(key, right, now)
    {
        let past_half = now - key.iat >= (key.exp - key.iat) / 2;
        let later = fitted.as_ref().is_some_and(|it| it.exp > key.exp);
        if !(past_half && later) {
            return if key.is_acknowledged() { Wanted::Nothing } else { Wanted::Again(key.key()) };
        }
    }
    let Some(fitted) = fitted else { return Wanted::Nothing };
    // A right that ends soon makes keys that live as long: they are counted within such a life.
    let since = newest.map_or(now, |it| now - (it.exp - it.iat));
    if lock.keys_of(holder).filter(|it| it.iat > since).count() >= MOST_MINTS {
        return Wanted::Refused(Alarm::TooManyMints);
    }
    match lock.next_serial(class) {
        Some(serial) => Wanted::Mint { class, serial, fitted },
        None => Wanted::Refused(Alarm::NoSerials),
    }
}

/// The newest key of a class that was made for a grant and device.
fn newest(lock: &OfflineLock, holder: Holder, class: KeyClass) -> Option<&Arc<Issued>> {
    lock.keys_of(holder).rfind(|it| it.class == class)
}

/// Whether the lock refuses a key, or will when it has its list.
fn is_dead(lock: &OfflineLock, key: &Issued) -> bool {
    key.refused || key.owed || key.epoch < lock.keys_from
}

words! {
    /// Why a card has to be brought to an updater.
    Due {
        /// It has no key for the lock.
        New "new",
        /// Its key was made, and never written.
        Unwritten "unwritten",
        /// Its right is another than its key says.
        Changed "changed",
        /// The lock refuses its key, and the right is there.
        Refused "refused",
        /// Its key ends before long, or has.
        Ending "ending",
        /// Its right was taken back, and the key is to be erased from it.
        Erase "erase",
    }
}

/// Why the holder of a right, which cannot call by itself, has to be brought to where keys are
/// written; none while what it holds will do.
#[must_use]
pub fn due(lock: &OfflineLock, holder: Holder, right: &Right<'_>, now: i64) -> Option<Due> {
    match wanted(lock, holder, right, now) {
        Wanted::Nothing => None,
        Wanted::Again(_) => Some(Due::Unwritten),
        Wanted::Mint { .. } | Wanted::Refused(_) => Some(match newest(lock, holder, right.class) {
            None => Due::New,
            Some(key) if is_dead(lock, key) => Due::Refused,
            Some(key) if key.exp <= now || is_same(key, right, now) => Due::Ending,
            Some(_) => Due::Changed,
        }),
    }
}

/// Whether a key gives exactly what is right for the rest of its life.
fn is_same(key: &Issued, right: &Right<'_>, now: i64) -> bool {
    let (open, known_until) = right.spans(now, key.exp);
    known_until >= key.exp
        && key.flags == right.flags
        && key.holder == right.holder
        && key.times.spans(now, key.exp) == open
}
