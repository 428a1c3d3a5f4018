//! Cards by their digits, with whose they are.

use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;

use super::index::HolderRow;
use super::map::Map;
use crate::ids::CredentialNumber;
use crate::noun::card::CardValue;

/// What identifies a card whose value is a number of `B` bytes; its alignment is one, so that
/// little of a bucket is wasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CardKey<const B: usize> {
    value: [u8; B],
    bits: u8,
}

impl<const B: usize> Default for CardKey<B> {
    fn default() -> CardKey<B> {
        CardKey { value: [0; B], bits: 0 }
    }
}

impl Hash for CardKey<8> {
    /// As one number: a card is looked up on the way of a decision.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let value = u128::from(u64::from_ne_bytes(self.value));
        hasher.write_u128(value | u128::from(self.bits) << 64);
    }
}

impl Hash for CardKey<16> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u128(u128::from_ne_bytes(self.value));
        hasher.write_u8(self.bits);
    }
}

/// The credential a card is of, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    credential: NonZeroU32,
    holder: HolderRow,
}

impl Held {
    /// Numbers begin at 1.
    pub(super) fn of(credential: CredentialNumber, holder: HolderRow) -> Option<Held> {
        Some(Held { credential: NonZeroU32::new(credential.0)?, holder })
    }

    #[inline]
    pub(super) fn parts(self) -> (CredentialNumber, HolderRow) {
        (CredentialNumber(self.credential.get()), self.holder)
    }
}

/// Who holds which card. Values of up to 64 bits, which is nearly all of them, stand apart: three
/// of them with their holders fill a cache line, of others two.
#[derive(Clone, Debug, Default)]
pub(super) struct Cards {
    short: Map<CardKey<8>, Held, 3>,
    long: Map<CardKey<16>, Held, 2>,
}

/// The key of a card in the map where it stands.
enum Key {
    Short(CardKey<8>),
    Long(CardKey<16>),
}

impl Key {
    #[inline]
    fn of(CardValue { bits, value }: CardValue) -> Key {
        match u64::try_from(value) {
            Ok(value) => Key::Short(CardKey { value: value.to_ne_bytes(), bits }),
            Err(_) => Key::Long(CardKey { value: value.to_ne_bytes(), bits }),
        }
    }
}

impl Cards {
    #[inline]
    pub(super) fn get(&self, card: CardValue) -> Option<Held> {
        match Key::of(card) {
            Key::Short(key) => self.short.get(&key),
            Key::Long(key) => self.long.get(&key),
        }
    }

    pub(super) fn insert(&mut self, card: CardValue, held: Held) {
        match Key::of(card) {
            Key::Short(key) => self.short.insert(key, held),
            Key::Long(key) => self.long.insert(key, held),
        }
    }

    /// Takes a card out if it is held so: what another credential has taken over stays.
    pub(super) fn remove_own(&mut self, card: CardValue, held: Held) {
        match Key::of(card) {
            Key::Short(key) => self.short.remove_own(&key, held),
            Key::Long(key) => self.long.remove_own(&key, held),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_short_cards_or_two_long_ones_fill_a_cache_line() {
        let spill = size_of::<u32>();
        assert_eq!(size_of::<(CardKey<8>, Option<Held>)>() * 3 + spill, 64);
        assert!(size_of::<(CardKey<16>, Option<Held>)>() * 2 + spill <= 64);
    }

    #[test]
    fn a_card_is_found_by_its_bits_and_its_whole_value() {
        let mut cards = Cards::default();
        let held = |number| Held::of(CredentialNumber(number), HolderRow::default()).unwrap();
        let card = |bits, value| CardValue { bits, value };
        let all = [
            card(56, 7),
            card(64, 7),
            card(64, u64::MAX.into()),
            card(65, 1 << 64),
            card(128, 7 | 1 << 64),
            card(128, u128::MAX),
        ];
        all.iter().zip(1..).for_each(|(card, number)| cards.insert(*card, held(number)));
        for (one, number) in all.iter().zip(1..) {
            assert_eq!(cards.get(*one), Some(held(number)));
            assert_eq!(cards.get(card(one.bits - 1, one.value)), None);
            cards.remove_own(*one, held(99));
            assert_eq!(cards.get(*one), Some(held(number)));
            cards.remove_own(*one, held(number));
            assert_eq!(cards.get(*one), None);
        }
    }
}
