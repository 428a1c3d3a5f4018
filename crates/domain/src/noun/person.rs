//! Person: how one place knows a human.

use super::role::Role;
use super::{Header, Json, words};
use crate::ids::{AccountNumber, PersonNumber};
use crate::time::Instant;

words! {
    /// Whether a person's rights count.
    PersonState {
        /// They do.
        Active "active",
        /// They do not, anywhere in this place.
        Suspended "suspended",
    }
}

/// How an identity provider knows a person; at least one of `subject` and `identifier` is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The provider's name.
    pub provider: String,
    /// The provider's id for the person, compared exactly.
    pub subject: Option<String>,
    /// The provider's log-in name for the person, compared case-folded.
    pub identifier: Option<String>,
}

/// The fields of a person that identify or describe the human, all erased together.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PersonDetails {
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Free; never split or joined.
    pub display_name: Option<String>,
    /// Compared case-folded, kept as written.
    pub email: Option<String>,
    /// E.164, compared exactly.
    pub phone: Option<String>,
    /// How an identity provider knows the person.
    pub identity: Option<Identity>,
    /// The employer's number.
    pub employee_number: Option<String>,
    /// `en` or `sv`.
    pub language: Option<String>,
    /// Free words.
    pub tags: Vec<String>,
    /// Free text.
    pub note: Option<String>,
    /// Kept for the caller.
    pub metadata: Option<Json>,
}

/// How one place knows a human.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// What every record has.
    pub header: Header,
    /// Personal data.
    pub details: PersonDetails,
    /// One role in this place.
    pub role: Role,
    /// Whether the person's rights count.
    pub state: PersonState,
    /// The log-in, once it is proven to be this human's.
    pub account: Option<AccountNumber>,
    /// Until when nothing about the person is forgotten, and the person is not deleted.
    pub held_until: Option<Instant>,
    /// Of one who is deleted, whether there was a phone number: who shows people by their numbers
    /// goes on showing that somebody had a key, and of nobody else.
    pub had_phone: bool,
    /// What happened up to then is to be told of them no more, also where it is told late.
    pub forgotten_at: Option<Instant>,
    /// When the place last asked this address to come in.
    pub invited_at: Option<Instant>,
}

impl Person {
    /// This person's number.
    #[must_use]
    pub fn number(&self) -> PersonNumber {
        PersonNumber(self.header.number)
    }

    /// Whether nobody has come in as them, or was asked to.
    #[must_use]
    pub fn is_unasked(&self) -> bool {
        self.account.is_none() && self.invited_at.is_none()
    }
}

/// What a caller sets on a person; an absent field is left as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct PersonEdit {
    pub external_id: Option<Option<String>>,
    pub first_name: Option<Option<String>>,
    pub last_name: Option<Option<String>>,
    pub display_name: Option<Option<String>>,
    pub email: Option<Option<String>>,
    pub phone: Option<Option<String>>,
    pub identity: Option<Option<Identity>>,
    pub employee_number: Option<Option<String>>,
    pub language: Option<Option<String>>,
    pub tags: Option<Vec<String>>,
    pub note: Option<Option<String>>,
    pub role: Option<Role>,
    pub metadata: Option<Option<Json>>,
}
