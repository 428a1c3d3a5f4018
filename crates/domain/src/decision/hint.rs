//! The smallest single change that would open the door.

use super::Decision;
use crate::reason::Reason;

/// One change an administrator (or the one at the door) can make. Texts are made by who shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Put the lock back to normal.
    NormalPosture,
    /// Give the card or code to somebody who has access here.
    RegisterCredential,
    /// Make the credential active.
    ActivateCredential,
    /// Change the credential's validity.
    ChangeValidity,
    /// Resume the person.
    ResumePerson,
    /// Set a PIN.
    SetPin,
    /// Enter the PIN.
    EnterPin,
    /// Wait until tries are allowed again.
    Wait,
    /// Grant the person or credential at the lock.
    Grant,
}

fn of(reason: Reason) -> Hint {
    match reason {
        Reason::LockDisabled | Reason::Lockdown => Hint::NormalPosture,
        Reason::CredentialUnknown => Hint::RegisterCredential,
        Reason::CredentialLost | Reason::CredentialDisabled => Hint::ActivateCredential,
        Reason::CredentialNotYetValid | Reason::CredentialExpired => Hint::ChangeValidity,
        Reason::PersonSuspended => Hint::ResumePerson,
        Reason::PinNotSet => Hint::SetPin,
        Reason::PinMissing | Reason::PinWrong => Hint::EnterPin,
        Reason::PinLockedOut => Hint::Wait,
        Reason::NoGrant
        | Reason::GrantNotYetValid
        | Reason::GrantExpired
        | Reason::OutsideSchedule => Hint::Grant,
    }
}

impl Decision<'_> {
    /// The one change that would open, if one is enough.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        let first = self.reasons.first().map(of)?;
        let one = self.reasons.iter().all(|reason| of(reason) == first).then_some(first);
        // Where the unlock schedule holds the door open, only the posture keeps anybody out.
        let held_open = self.door.is_held_open(self.request.now);
        one.or(held_open.then_some(Hint::NormalPosture))
    }
}
