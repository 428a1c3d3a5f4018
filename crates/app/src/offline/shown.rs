//! What locks have shown under their MACs, brought by anybody.

use claviger_domain::offline::{OfflineLock, Told};
use claviger_domain::time::Instant;
use claviger_offline::event::{Event, EventKey, Sealed};
use claviger_offline::receipt::{Receipt, ReceiptKey};

use super::evidence::is_ahead;
use super::faults::{Slip, planted};
use crate::App;
use crate::error::Error;

/// What a lock shares with its server, and what it shared before it was last commissioned again:
/// what it sealed until then is still carried.
pub(crate) struct Shared {
    current: [u8; 32],
    former: Option<[u8; 32]>,
}

impl Shared {
    /// The secrets of a lock.
    pub(crate) fn by(app: &App, lock: &OfflineLock) -> Result<Shared, Error> {
        let (place, id) = (lock.key.place.0, lock.id.0);
        let open = |sealed: &Vec<u8>| {
            let secret = app.secrets().open(place, "lock", id, "offline", sealed)?;
            <[u8; 32]>::try_from(secret.as_slice()).map_err(|_| Error::Internal)
        };
        let former = lock.former_secret.as_ref().map(open).transpose()?;
        Ok(Shared { current: open(&lock.secret)?, former })
    }

    /// What stands in an event that the lock has sealed.
    pub(super) fn unseal(&self, sealed: &Sealed) -> Option<Event> {
        let secrets = [Some(&self.current), self.former.as_ref()];
        secrets.into_iter().flatten().find_map(|it| sealed.open(&EventKey::of(it, &sealed.lock)))
    }
}

/// What became of a receipt.
pub(super) enum Shown {
    /// It says something new.
    News,
    /// It says nothing new.
    Nothing,
    /// It is none, or says what cannot be: why somebody must look.
    Alarm(&'static str),
}

/// Takes in what a lock shows. What its own MAC does not cover, or says what cannot be, is
/// nothing.
pub(super) fn take_receipt(
    lock: &mut OfflineLock,
    shared: &Shared,
    (receipt, mac): &(Receipt, [u8; 16]),
    now: Instant,
) -> Shown {
    let is_by = |secret: &[u8; 32]| receipt.is_by(&ReceiptKey::of(secret, &lock.id.0), mac);
    if !is_by(&shared.current) && !planted(Slip::AnyReceipt) {
        if shared.former.as_ref().is_some_and(is_by) {
            // The lock that holds this list was opened and made another.
            return Shown::Nothing;
        }
        return Shown::Alarm("a receipt that its lock has not made");
    }
    let shown = (receipt.epoch, receipt.version);
    let current = (lock.epoch, lock.version);
    if is_ahead(lock, shown, receipt.digest) {
        tracing::error!(lock = %lock.id, ?shown, ?current, "a list that was never made here");
        // Whether this database is older than the lock is for an operator to say.
        lock.ahead = lock.ahead.max(Some(shown));
        return Shown::Alarm("the lock holds a list that was never made here");
    }
    // Its digest says that the newest list was made here. Others are compared with none: one of a
    // former epoch, or of a lock that is ahead, may be of a database that is no more.
    let is_newest = shown == current;
    if !is_newest && (shown.0 < lock.epoch || lock.ahead.is_some()) {
        return Shown::Nothing;
    }
    let known = lock.told.map_or(0, |told| told.iat);
    if lock.told.is_some_and(|told| (told.epoch, told.version) >= shown) {
        return Shown::Nothing;
    }
    let iat = if is_newest { lock.iat } else { known };
    lock.told = Some(Told { epoch: shown.0, version: shown.1, at: now, iat });
    if is_newest {
        lock.set_mark(receipt.log_epoch, receipt.seq);
    }
    Shown::News
}
