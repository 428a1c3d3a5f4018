//! The classes of keys: each has its own serials and its own section in a list.

use crate::cbor::{Malformed, Read, Reader};

/// A class of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Phones of people.
    Phone = 0,
    /// Cards that can sign.
    Card = 1,
    /// Phones of guests.
    Guest = 2,
    /// Devices of the service.
    Service = 3,
}

impl Class {
    /// All of them, in the order of their sections.
    pub const ALL: [Self; 4] = [Self::Phone, Self::Card, Self::Guest, Self::Service];

    /// The class of a number; none above 3.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.number() == number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        Self::of(reader.uint()?).ok_or(Malformed)
    }
}
