//! PINs and codes: sealed for their credential, and tagged to be compared without being opened.
//!
//! Must not store or log digits, or know what a right PIN is for.

use claviger_domain::ids::{Id, PlaceNumber};
use claviger_domain::noun::credential::{SealedDigits, Tag};
use zeroize::Zeroizing;

use crate::{Secrets, StoreError};

/// Which digits of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// The second factor.
    Pin,
    /// What identifies by itself.
    Code,
}

impl Digits {
    fn field(self) -> &'static str {
        match self {
            Digits::Pin => "pin",
            Digits::Code => "code",
        }
    }
}

const NOUN: &str = "credential";

impl Secrets {
    /// Digits sealed for one credential of one place, with their tag.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the system gives no random bytes.
    pub fn seal_digits(
        &self,
        place: PlaceNumber,
        credential: Id,
        field: Digits,
        digits: &str,
    ) -> Result<SealedDigits, StoreError> {
        let sealed = self.seal(place.0, NOUN, credential.0, field.field(), digits.as_bytes())?;
        let tag = match field {
            Digits::Pin => self.pin_tag(digits),
            Digits::Code => self.code_tag(place, digits),
        };
        Ok(SealedDigits { sealed, tag })
    }

    /// The digits that were sealed for that credential.
    ///
    /// # Errors
    /// [`StoreError::Unsealable`] for anything else.
    pub fn open_digits(
        &self,
        place: PlaceNumber,
        credential: Id,
        field: Digits,
        sealed: &[u8],
    ) -> Result<Zeroizing<String>, StoreError> {
        let plain = self.open(place.0, NOUN, credential.0, field.field(), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| StoreError::Unsealable {
            noun: NOUN.to_owned(),
            field: field.field().to_owned(),
        })?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// The tag of a PIN. The same in all places: at a shared lock each compares it with its own.
    #[must_use]
    pub fn pin_tag(&self, digits: &str) -> Tag {
        Tag(self.tag(Digits::Pin.field(), 0, digits.as_bytes()))
    }

    /// The tag of a code in one place.
    #[must_use]
    pub fn code_tag(&self, place: PlaceNumber, digits: &str) -> Tag {
        Tag(self.tag(Digits::Code.field(), place.0, digits.as_bytes()))
    }
}
