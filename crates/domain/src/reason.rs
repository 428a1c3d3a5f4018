//! The one table of reasons for which a decision is denied, in the order they are reported.
//!
//! The engine, the API, the event codes and all texts are made from it; nothing else may name them.

use std::hint::select_unpredictable;

macro_rules! reasons {
    ($($reason:ident $code:literal $intserv:literal $detail:literal,)*) => {
        /// Why a decision is denied; the order of the variants is the order of the checks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason { $(#[doc = $detail] $reason,)* }

        impl Reason {
            /// All reasons, in the order of the checks.
            pub const ALL: &[Reason] = &[$(Reason::$reason,)*];

            /// The stable code used on every surface.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Reason::$reason => $code,)* }
            }

            /// A sentence for people.
            #[must_use]
            pub fn detail(self) -> &'static str {
                match self { $(Reason::$reason => $detail,)* }
            }

            /// The numeric event type of `decision.md` (200–207).
            #[must_use]
            pub fn event_type(self) -> u16 {
                match self { $(Reason::$reason => $intserv,)* }
            }

            /// The reason with that code.
            #[must_use]
            pub fn parse(code: &str) -> Option<Reason> {
                match code { $($code => Some(Reason::$reason),)* _ => None }
            }
        }
    };
}

reasons! {
    LockDisabled "lock_disabled" 200 "The lock is disabled.",
    Lockdown "lockdown" 200 "The lock is in lockdown and no grant here overrides it.",
    CredentialUnknown "credential_unknown" 201 "Nothing is known by that card or code.",
    CredentialLost "credential_lost" 203 "The credential was reported lost.",
    CredentialDisabled "credential_disabled" 204 "The credential is disabled.",
    CredentialNotYetValid "credential_not_yet_valid" 202 "The credential is not valid yet.",
    CredentialExpired "credential_expired" 202 "The credential is no longer valid.",
    PersonSuspended "person_suspended" 204 "The person is suspended.",
    PinNotSet "pin_not_set" 205 "The lock asks for a PIN and the credential has none.",
    PinMissing "pin_missing" 206 "The lock asks for a PIN and none was given.",
    PinWrong "pin_wrong" 206 "The PIN is wrong.",
    PinLockedOut "pin_locked_out" 206 "Too many wrong PINs or codes; wait and try again.",
    NoGrant "no_grant" 206 "No grant reaches this lock.",
    GrantNotYetValid "grant_not_yet_valid" 202 "The grant is not valid yet.",
    GrantExpired "grant_expired" 202 "The grant is no longer valid.",
    OutsideSchedule "outside_schedule" 207 "It is outside the times the grant allows.",
}

/// A set of reasons, kept in the order of the checks without allocating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Reasons(u32);

impl Reasons {
    /// No reason at all.
    pub const NONE: Reasons = Reasons(0);

    /// Adds one.
    pub fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u8;
    }

    /// Adds all of another set.
    pub fn join(&mut self, other: Reasons) {
        self.0 |= other.0;
    }

    /// These reasons if `they_hold`, else none; which of the two is nothing to bet on.
    #[must_use]
    #[inline]
    pub fn only_if(self, they_hold: bool) -> Reasons {
        select_unpredictable(they_hold, self, Reasons::NONE)
    }

    /// Takes one out.
    pub fn remove(&mut self, reason: Reason) {
        self.0 &= !(1 << reason as u8);
    }

    /// Whether it is in the set.
    #[must_use]
    pub fn has(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u8) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The reasons in the order of the checks.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.iter().copied().filter(move |reason| self.has(*reason))
    }

    /// The first reason in the order of the checks.
    #[must_use]
    pub fn first(self) -> Option<Reason> {
        self.iter().next()
    }
}

impl From<Reason> for Reasons {
    /// That one alone.
    fn from(reason: Reason) -> Reasons {
        Reasons(1 << reason as u8)
    }
}

impl FromIterator<Reason> for Reasons {
    fn from_iter<T: IntoIterator<Item = Reason>>(reasons: T) -> Reasons {
        let mut set = Reasons::NONE;
        reasons.into_iter().for_each(|reason| set.add(reason));
        set
    }
}
