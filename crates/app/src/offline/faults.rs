//! Deliberate faults, each a rule of the server that is left out, for the model that must catch
//! every one of them. Without the feature `faults` there are none, and no release build may have
//! it: the crate of the locks, which goes with it, refuses that.

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// A right that becomes less leaves its keys as they are.
    EditsDoNotRevoke,
    /// Whoever is suspended, or has lost a phone, keeps the keys.
    OnlyClosingRevokes,
    /// A right is over when its keys have ended, also at a lock without a clock.
    RevokedOnExpiry,
    /// What a lock has refused before, or has ended, does not keep a closing open.
    RefusedIsOver,
    /// What a lock says of itself proves what it holds.
    HelloIsProof,
    /// A receipt needs no MAC.
    AnyReceipt,
    /// Serials go on where the backup left them.
    RestoreReusesSerials,
    /// Serials given since a backup are not refused.
    RestoreForgetsUnknown,
    /// Whoever is hit by a list gets no other key.
    HitIsNotRenewed,
    /// A plan does not say whom a list hits.
    HitIsNotTold,
    /// What is done need not be what was agreed to.
    AnyPlan,
    /// A list leaves out keys that have not ended.
    ForgetsTooEarly,
    /// A list has the version of the one before.
    SameVersion,
    /// Things are signed whatever the clock says.
    SignsWithWrongClock,
    /// A key demands no list.
    NoMinList,
    /// An event counts each time it is brought.
    EventsTwice,
    /// Events are acknowledged that have not arrived.
    AcksWithGaps,
    /// What begins an epoch says nothing of issuers that were replaced.
    KeepsGeneration,
    /// A card's key demands the newest list, which nobody brings with it.
    CardsNeedNewest,
    /// A key opens at all hours.
    AnyHours,
}

#[cfg(not(feature = "faults"))]
pub(crate) const fn planted(_: Slip) -> bool {
    false
}

#[cfg(feature = "faults")]
pub use planting::plant;
#[cfg(feature = "faults")]
pub(crate) use planting::planted;

#[cfg(feature = "faults")]
mod planting {
    use std::cell::Cell;

    use super::Slip;

    thread_local! {
        static PLANTED: Cell<Option<Slip>> = const { Cell::new(None) };
    }

    /// Leaves a rule out, in this thread.
    pub fn plant(slip: Option<Slip>) {
        PLANTED.set(slip);
    }

    pub(crate) fn planted(slip: Slip) -> bool {
        PLANTED.get() == Some(slip)
    }
}
