//! Credential: something presented at a lock.

use super::card::{CardPart, CardValue};
use super::{Header, Json, words};
use crate::ids::{CredentialNumber, PersonNumber};
use crate::time::{Window, WindowEdit};

words! {
    /// What kind of thing is presented.
    CredentialKind {
        /// A card or tag of 1–4 parts.
        Card "card",
        /// A code that identifies by itself.
        Code "code",
        /// A phone, known by its holder's public key.
        Phone "phone",
    }
}

words! {
    /// Whether the credential may be used.
    CredentialState {
        /// It may.
        Active "active",
        /// It may not.
        Disabled "disabled",
        /// It may not: somebody else may hold it.
        Lost "lost",
    }
}

/// A keyed hash of a PIN or code: equal exactly when the digits are.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub [u8; 16]);

impl std::fmt::Debug for Tag {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("tag")
    }
}

/// Digits that only the holder of the data key can read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedDigits {
    /// The sealed digits, bound to their place and credential.
    pub sealed: Vec<u8>,
    /// Their keyed hash; for PINs it lives in memory only.
    pub tag: Tag,
}

/// Hints for what is switched on by the credential, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionHints {
    /// May start within this long after being let in.
    pub start_within_s: u32,
    /// Is logged off this long after switching off.
    pub log_off_after_s: u32,
}

/// Something presented at a lock; of at most one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// What every record has.
    pub header: Header,
    /// Whose it is.
    pub person: Option<PersonNumber>,
    /// What kind it is; never changes.
    pub kind: CredentialKind,
    /// What people call it.
    pub label: Option<String>,
    /// The parts of a card; any one identifies it. Empty for other kinds.
    pub parts: Vec<CardPart>,
    /// The digits of a code; none for other kinds.
    pub code: Option<SealedDigits>,
    /// The second factor.
    pub pin: Option<SealedDigits>,
    /// The public key of a phone (a COSE_Key); none for other kinds.
    pub public_key: Option<Vec<u8>>,
    /// When it may be used.
    pub valid: Window,
    /// Whether it may be used.
    pub state: CredentialState,
    /// Hints for the machine it switches on.
    pub session: Option<SessionHints>,
    /// Lets other keys be enrolled at a machine.
    pub is_admin: bool,
    /// Who comes first where a store has no room for all: 0–9, the higher the sooner.
    pub priority: u8,
    /// Text as sent, never matched to people.
    pub contact: Option<Json>,
}

impl Credential {
    /// This credential's number.
    #[must_use]
    pub fn number(&self) -> CredentialNumber {
        CredentialNumber(self.header.number)
    }
}

/// What a caller sets on a credential; an absent field is left as it is, `Some(None)` clears it.
/// Digits arrive sealed: the caller of a rule holds the keys.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct CredentialEdit {
    pub external_id: Option<Option<String>>,
    pub person: Option<Option<PersonNumber>>,
    pub label: Option<Option<String>>,
    pub parts: Option<Vec<CardPart>>,
    pub code: Option<SealedDigits>,
    pub pin: Option<Option<SealedDigits>>,
    pub public_key: Option<Vec<u8>>,
    pub valid: WindowEdit,
    pub state: Option<CredentialState>,
    pub session: Option<Option<SessionHints>>,
    pub is_admin: Option<bool>,
    pub priority: Option<u8>,
    pub contact: Option<Option<Json>>,
    /// The card that the digits of `code` are as a text: whoever types them means one of both.
    pub code_as_card: Option<CardValue>,
    /// Of each of `parts` the tag of what is typed for it, where it can be typed.
    pub parts_as_codes: Vec<Option<Tag>>,
}
