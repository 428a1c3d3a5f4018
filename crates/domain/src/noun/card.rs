//! Card parts: exact bits and values. A float never touches them, text never compares them.

use std::fmt;

use super::words;

words! {
    /// A label for where a card part came from; never compared.
    Technology {
        /// 125 kHz EM.
        Em "em",
        /// Mifare Classic serial number.
        MifareClassic "mifare_classic",
        /// Mifare DESFire serial number.
        MifareDesfire "mifare_desfire",
        /// What a Wiegand reader sends.
        Wiegand "wiegand",
        /// Anything else.
        Opaque "opaque",
    }
}

/// What identifies a card: how many bits, and which.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardValue {
    /// 1–128.
    pub bits: u8,
    /// Below two to the power of `bits`.
    pub value: u128,
}

/// One part of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardPart {
    /// A label.
    pub technology: Technology,
    /// What is compared.
    pub card: CardValue,
}

impl CardPart {
    /// The digits that mean this part when they are typed: those of an opaque part whose text has
    /// 1–16 decimal digits and nothing else.
    #[must_use]
    pub fn typed(&self) -> Option<String> {
        let bits = self.card.bits;
        let fits = self.technology == Technology::Opaque && bits.is_multiple_of(4) && bits <= 64;
        let text = fits.then(|| self.card.hex())?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)
    }
}

/// What is wrong with a card value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardFlaw {
    /// Bits are not 1–128.
    Bits,
    /// Not hexadecimal digits.
    Hex,
    /// The value needs this many bits, more than were said.
    TooLong(u32),
}

impl fmt::Display for CardFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CardFlaw::Bits => out.write_str("bits must be 1 to 128"),
            CardFlaw::Hex => out.write_str("value must be hexadecimal digits without a prefix"),
            CardFlaw::TooLong(needs) => {
                write!(out, "value needs {needs} bits, which is more than the bits given")
            }
        }
    }
}

impl CardValue {
    /// Reads hexadecimal digits, either case, with any number of leading zeros.
    ///
    /// # Errors
    /// Says whether the bits, the digits or the size are wrong.
    pub fn parse(bits: u64, hex: &str) -> Result<CardValue, CardFlaw> {
        let bits = u8::try_from(bits).ok().filter(|bits| (1..=128).contains(bits));
        let bits = bits.ok_or(CardFlaw::Bits)?;
        if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(CardFlaw::Hex);
        }
        let digits = hex.trim_start_matches('0');
        let lead = digits.chars().next().and_then(|digit| digit.to_digit(16)).unwrap_or(0);
        let needs =
            (digits.len() as u32 * 4).saturating_sub(lead.leading_zeros().saturating_sub(28));
        if needs > u32::from(bits) {
            return Err(CardFlaw::TooLong(needs));
        }
        let value = if digits.is_empty() {
            0
        } else {
            u128::from_str_radix(digits, 16).map_err(|_| CardFlaw::Hex)?
        };
        Ok(CardValue { bits, value })
    }

    /// The card that a text of 1–32 hexadecimal digits is: 4 bits for each, leading zeros too.
    #[must_use]
    pub fn of_text(hex: &str) -> Option<CardValue> {
        CardValue::parse(hex.len() as u64 * 4, hex).ok()
    }

    /// Lower-case hexadecimal, padded to the whole of the bits.
    #[must_use]
    pub fn hex(&self) -> String {
        format!("{:0width$x}", self.value, width = usize::from(self.bits).div_ceil(4))
    }
}

impl fmt::Debug for CardValue {
    /// Card values are personal: only the size is shown.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "card of {} bits", self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_notation_is_one_value() {
        let one = CardValue::parse(56, "4F1A2B").unwrap();
        assert_eq!(
            Ok(one),
            CardValue::parse(56, "00000000000000000000000000000000000000000004f1a2b")
        );
        assert_eq!(one.hex(), "000000004f1a2b");
        assert_eq!(CardValue::parse(1, "0").unwrap().hex(), "0");
        assert_eq!(CardValue::parse(128, &"f".repeat(32)).unwrap().value, u128::MAX);
    }

    #[test]
    fn a_text_is_four_bits_a_digit_and_only_opaque_digits_are_typed() {
        let card = CardValue::of_text("0012").unwrap();
        assert_eq!((card.bits, card.value, card.hex().as_str()), (16, 0x12, "0012"));
        assert_ne!(CardValue::of_text("12"), Some(card));
        assert_eq!(CardValue::of_text("aB"), CardValue::of_text("Ab"));
        for none in ["", "12g4", "0x12", &"1".repeat(33)] {
            assert_eq!(CardValue::of_text(none), None, "{none}");
        }
        let typed = |technology, card| CardPart { technology, card }.typed();
        assert_eq!(typed(Technology::Opaque, card).as_deref(), Some("0012"));
        assert_eq!(typed(Technology::Em, card), None);
        for not_typed in ["001a", "12345678901234567"] {
            let card = CardValue::of_text(not_typed).unwrap();
            assert_eq!(typed(Technology::Opaque, card), None, "{not_typed}");
        }
        let odd = CardValue { bits: 15, value: 0x12 };
        assert_eq!(typed(Technology::Opaque, odd), None);
    }

    #[test]
    fn one_bit_too_long_is_refused() {
        assert_eq!(CardValue::parse(40, "10000000000"), Err(CardFlaw::TooLong(41)));
        assert!(CardValue::parse(40, "ffffffffff").is_ok());
        assert_eq!(CardValue::parse(37, "3fffffffff"), Err(CardFlaw::TooLong(38)));
        assert_eq!(CardValue::parse(128, &"1".repeat(33)), Err(CardFlaw::TooLong(129)));
        for (bits, hex, flaw) in [
            (0, "1", CardFlaw::Bits),
            (129, "1", CardFlaw::Bits),
            (8, "", CardFlaw::Hex),
            (8, "0x1", CardFlaw::Hex),
        ] {
            assert_eq!(CardValue::parse(bits, hex), Err(flaw));
        }
    }
}
