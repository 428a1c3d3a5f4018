//! Deliberate faults, each a rule of this crate left out, for the model that must catch every one
//! of them; and a cheap stand-in for signatures, so that the model can take many steps. Without the
//! feature `faults` there are none, and no release build may have it.

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A key never ends.
    NoExpiry,
    /// The serial that is the floor is not refused.
    BelowFloor,
    /// Another list with the version of the one that is held is taken.
    EqualVersion,
    /// A list begins an epoch without a certificate.
    NoEpochCertificate,
    /// The clock's lower bound is the newest signed instant only.
    LoFromIatOnly,
    /// A lock whose pages are lost begins with nothing refused.
    LossStartsEmpty,
    /// The page before the newest says nothing of it.
    NoSuperseded,
    /// A list is taken, but not written.
    ForgetsList,
    /// A key need not wait for its list.
    NoNeedList,
    /// A section counts for all classes.
    AnySection,
    /// Keys of epochs that count no more do.
    NoOldEpoch,
    /// Issuers of any generation count.
    AnyGeneration,
    /// A fresh statement over any nonce counts.
    AnyNonce,
    /// The clock's upper bound leaves out how long the statement was on its way.
    HiWithoutWait,
    /// Ticks are believed to be right.
    NoDrift,
    /// What is overwritten or skipped in the log is not declared.
    NoLostRecord,
    /// The bolt moves though the event could not be recorded.
    OpensUnrecorded,
    /// A key that demands that the time is known opens where it is not.
    StrictOpens,
    /// An acknowledgement of any log counts.
    AckOfAnyLog,
    /// After power-up nothing is known of the time.
    BootForgetsTime,
    /// Whoever holds a key may command.
    AnyHolder,
    /// A key opens any lock of its place.
    AnyLock,
    /// A command may be said again.
    AnyCommand,
}

#[cfg(not(feature = "faults"))]
pub(crate) const fn planted(_: Fault) -> bool {
    false
}

#[cfg(feature = "faults")]
pub use planting::{plant, signature, stand_in};
#[cfg(feature = "faults")]
pub(crate) use planting::{planted, stood_in};

#[cfg(feature = "faults")]
mod planting {
    extern crate std;

    use core::cell::Cell;
    use std::thread_local;

    use super::Fault;
    use crate::cose::{PublicKey, SignatureBytes};
    use crate::{Digest, crypto};

    #[cfg(not(debug_assertions))]
    compile_error!("the feature `faults` is for tests, never for a release");

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
        static STAND_IN: Cell<bool> = const { Cell::new(false) };
    }

    /// Leaves a rule out, in this thread.
    pub fn plant(fault: Option<Fault>) {
        PLANTED.set(fault);
    }

    pub(crate) fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// Whether [`signature`] stands in for signatures, in this thread.
    pub fn stand_in(yes: bool) {
        STAND_IN.set(yes);
    }

    /// What stands in for a key's signature of a digest: it depends on both, and anybody can make
    /// it.
    #[must_use]
    pub fn signature(by: &PublicKey, digest: &Digest) -> SignatureBytes {
        let half = crypto::sha256(&[&by.0, digest]);
        let (_, half) = half.split_at(1);
        crypto::filled(&[&[0], half, &[0], half])
    }

    /// Whether a stand-in is right; none where signatures are real.
    pub(crate) fn stood_in(
        by: &PublicKey,
        digest: &Digest,
        given: &SignatureBytes,
    ) -> Option<bool> {
        STAND_IN.get().then(|| signature(by, digest) == *given)
    }
}
