//! How cards and codes are written here: a fixed number of digits says what a number is of, a
//! specifier says it in words, `|` joins the parts of one card. Pure; numbers are whole numbers of
//! at most 56 bits and never anything else.

use claviger_domain::command::credential::MOST_PARTS;
use claviger_domain::noun::card::{CardPart, CardValue, Technology};

/// One kind of card number.
struct Form {
    technology: Technology,
    specifier: &'static str,
    bits: u8,
    /// Of a number of fixed size.
    decimal_digits: usize,
    hexadecimal_digits: usize,
}

/// All kinds, in the order in which the parts of a card are written.
const FORMS: [Form; 3] = [
    Form {
        technology: Technology::Em,
        specifier: "EM",
        bits: 40,
        decimal_digits: 13,
        hexadecimal_digits: 10,
    },
    Form {
        technology: Technology::MifareClassic,
        specifier: "MC",
        bits: 32,
        decimal_digits: 10,
        hexadecimal_digits: 8,
    },
    Form {
        technology: Technology::MifareDesfire,
        specifier: "MD",
        bits: 56,
        decimal_digits: 17,
        hexadecimal_digits: 14,
    },
];

/// What joins the parts of a card.
const JOINT: char = '|';

/// Reads a card: one or more parts, joined by `|`, each part once.
///
/// # Errors
/// What would be right.
pub(crate) fn parse(text: &str) -> Result<Vec<CardPart>, String> {
    let mut parts: Vec<CardPart> = Vec::new();
    for text in text.split(JOINT).take(MOST_PARTS + 1) {
        let part = part(text.trim_matches(' '))?;
        if parts.iter().any(|other| other.card == part.card) {
            return Err("must not name the same part twice".to_owned());
        }
        parts.push(part);
    }
    if parts.len() > MOST_PARTS {
        return Err(format!("must have at most {MOST_PARTS} parts"));
    }
    Ok(in_order(&parts).into_iter().map(|(_, part)| part).collect())
}

/// Writes a card: each part in decimal digits of its fixed size, in the order EM, MC, MD; none
/// where no part can be written so.
pub(crate) fn print(parts: &[CardPart]) -> Option<String> {
    let texts: Vec<String> = in_order(parts)
        .into_iter()
        .map(|(form, part)| format!("{:0width$}", part.card.value, width = form.decimal_digits))
        .collect();
    (!texts.is_empty()).then(|| texts.join(&JOINT.to_string()))
}

/// The parts that have a form here, each with its form, in the order of the forms.
fn in_order(parts: &[CardPart]) -> Vec<(&'static Form, CardPart)> {
    let of = |form: &'static Form| {
        let same = parts.iter().filter(|part| part.card.bits == form.bits);
        same.map(move |part| (form, *part))
    };
    FORMS.iter().flat_map(of).collect()
}

fn part(text: &str) -> Result<CardPart, String> {
    let (form, number) = match text.split_once(':') {
        Some((specifier, number)) => {
            let specifier = specifier.trim_end_matches(' ');
            let form = FORMS.iter().find(|form| form.specifier.eq_ignore_ascii_case(specifier));
            let form = form.ok_or("must begin with EM:, MC: or MD: where there is a colon")?;
            (form, Number::read(number.trim_start_matches(' '))?)
        }
        None => {
            let number = Number::read(text)?;
            let form = FORMS.iter().find(|form| number.digits == number.fixed(form));
            let wrong = "must have 13, 10 or 17 decimal digits, or 0x and 10, 8 or 14 hexadecimal \
                         digits, or begin with EM:, MC: or MD:";
            (form.ok_or(wrong)?, number)
        }
    };
    if number.digits > number.fixed(form) {
        let most = number.fixed(form);
        return Err(format!("must have at most {most} digits after {}:", form.specifier));
    }
    if number.value >> form.bits != 0 {
        return Err(format!("must be a number of at most {} bits", form.bits));
    }
    let card = CardValue { bits: form.bits, value: u128::from(number.value) };
    Ok(CardPart { technology: form.technology, card })
}

/// A number as it is written.
struct Number {
    value: u64,
    digits: usize,
    hexadecimal: bool,
}

impl Number {
    /// Reads decimal digits, or `0x` and hexadecimal digits.
    fn read(text: &str) -> Result<Number, String> {
        let prefix = text.get(..2).filter(|prefix| prefix.eq_ignore_ascii_case("0x"));
        let (digits, radix) = match prefix {
            Some(_) => (text.get(2..).unwrap_or_default(), 16),
            None => (text, 10),
        };
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
            return Err("must be decimal digits, or 0x and hexadecimal digits".to_owned());
        }
        // What is too long for any form does not matter by how much.
        let value = u64::from_str_radix(digits, radix).unwrap_or(u64::MAX);
        Ok(Number { value, digits: digits.len(), hexadecimal: prefix.is_some() })
    }

    /// How many digits a number of a form has, written as this one is.
    fn fixed(&self, form: &Form) -> usize {
        if self.hexadecimal { form.hexadecimal_digits } else { form.decimal_digits }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> CardValue {
        let parts = parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
        let [part] = parts[..] else { panic!("{text} has {} parts", parts.len()) };
        part.card
    }

    fn shown(text: &str) -> String {
        print(&parse(text).unwrap()).unwrap()
    }

    #[test]
    fn the_length_says_what_it_is() {
        assert_eq!(one("0001234567890"), one("0x00499602d2"));
        assert_eq!(one("0001234567890"), CardValue { bits: 40, value: 1_234_567_890 });
        assert_eq!(one("1234567890"), CardValue { bits: 32, value: 1_234_567_890 });
        assert_eq!(one("0x499602d2"), one("1234567890"));
        assert_eq!(one("0x000000499602D2"), CardValue { bits: 56, value: 1_234_567_890 });
        assert_eq!(one("00000001234567890").bits, 56);
        // One that a floating-point number cannot hold.
        assert_eq!(one("72057594037927935"), one("0xffffffffffffff"));
        assert_eq!(one("MD:72057594037927933").value, 72_057_594_037_927_933);
        assert_eq!(shown("0xfffffffffffffd"), "72057594037927933");
    }

    #[test]
    fn sane_forms_are_read() {
        for text in [
            "EM:1234567890",
            "em:1234567890",
            "Em:0001234567890",
            "EM:0x499602d2",
            "eM: 0X00499602D2",
            " EM : 1234567890 ",
            "0X00499602d2",
        ] {
            assert_eq!(shown(text), "0001234567890", "{text}");
        }
        assert_eq!(shown("EM:0"), "0000000000000");
    }

    #[test]
    fn parts_are_written_in_one_order() {
        let card = "0000000000001|0000000002|00000000000000003";
        assert_eq!(shown("MD:3|EM:1|MC:2"), card);
        assert_eq!(shown("0x00000002 | md:3 |0x0000000001"), card);
        assert_eq!(shown(card), card);
        assert_eq!(shown("EM:2|EM:1"), "0000000000002|0000000000001");
    }

    #[test]
    fn what_fits_nothing_is_refused() {
        for text in [
            "",
            " ",
            "1",
            "123456789",
            "12345678901",
            "123456789012",
            "12345678901234",
            "123456789012345678",
            "0x",
            "0x4",
            "0x0499602d2",
            "0x123456789012345",
            "EM:",
            "EM:0x",
            "EM:12345678901234",
            "MC:12345678901",
            "MD:123456789012345678",
            "MC:0x100000000",
            "MC:4294967296",
            "4294967296",
            "EM:1099511627776",
            "1099511627776",
            "MD:72057594037927936",
            "MD:0x100000000000000",
            "00499602d2",
            "EM:499602d2",
            "EM:12a45",
            "XX:12345",
            ":12345",
            "EM:MC:12345",
            "EM:-1",
            "EM:+1",
            "EM:1.0",
            "EM:1e3",
            "EM:12 345",
            "12345 67890",
            "EM:\u{661}",
            "EM:1|",
            "|EM:1",
            "EM:1||MC:1",
            "EM:1|EM:0x1",
            "EM:1|EM:2|EM:3|EM:4|EM:5",
            "\tEM:1",
            "0\u{445}123",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_card_with_no_part_of_these_sizes_is_not_written() {
        let card = CardValue { bits: 26, value: 1 };
        let part = CardPart { technology: Technology::Wiegand, card };
        assert_eq!(print(&[part]), None);
        assert_eq!(print(&[part, parse("EM:7").unwrap()[0]]).unwrap(), "0000000000007");
    }

    fn form() -> impl Strategy<Value = (usize, u64)> {
        (0..FORMS.len(), any::<u64>()).prop_map(|(at, value)| {
            // Small and large numbers both.
            let bits = u32::from(FORMS[at].bits);
            (at, value >> (64 - bits) >> (value % u64::from(bits)))
        })
    }

    /// The ways in which one number may be written.
    fn notations(at: usize, value: u64) -> Vec<String> {
        let form = &FORMS[at];
        let (decimal, hexadecimal) = (form.decimal_digits, form.hexadecimal_digits);
        let low = form.specifier.to_lowercase();
        vec![
            format!("{value:0decimal$}"),
            format!("0x{value:0hexadecimal$x}"),
            format!("0X{value:0hexadecimal$X}"),
            format!("{}:{value}", form.specifier),
            format!("{low}:{value:0decimal$}"),
            format!("{low} : 0x{value:x}"),
            format!(" {}: 0X{value:0hexadecimal$X} ", form.specifier),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_what_it_was((at, value) in form()) {
            let card = CardValue { bits: FORMS[at].bits, value: u128::from(value) };
            let part = CardPart { technology: FORMS[at].technology, card };
            let text = print(&[part]).unwrap();
            prop_assert_eq!(text.len(), FORMS[at].decimal_digits);
            prop_assert_eq!(parse(&text), Ok(vec![part]));
            prop_assert_eq!(print(&parse(&text).unwrap()), Some(text));
        }

        #[test]
        fn equal_numbers_are_equal_however_they_are_written((at, value) in form()) {
            let wanted = CardValue { bits: FORMS[at].bits, value: u128::from(value) };
            for text in notations(at, value) {
                prop_assert_eq!(parse(&text).map(|parts| parts[0].card), Ok(wanted), "{}", text);
            }
        }

        #[test]
        fn numbers_of_different_widths_are_different((at, value) in form(), other in 0_usize..3) {
            let value = value & 0xFFFF_FFFF;
            for one in notations(at, value) {
                for two in notations(other, value) {
                    let same = parse(&one).unwrap()[0].card == parse(&two).unwrap()[0].card;
                    prop_assert_eq!(same, at == other, "{} {}", &one, &two);
                }
            }
        }

        #[test]
        fn the_order_of_parts_says_nothing(
            one in form(), two in form(), three in form(), way in any::<[usize; 3]>(),
        ) {
            let number = |(at, value): (usize, u64), way: usize| {
                let mut all = notations(at, value);
                all.swap_remove(way % all.len())
            };
            let parts = [number(one, way[0]), number(two, way[1]), number(three, way[2])];
            let Ok(forth) = parse(&parts.join("|")) else {
                // The same part came up twice.
                prop_assert!(one == two || two == three || one == three);
                return Ok(());
            };
            let back: Vec<&str> = parts.iter().rev().map(String::as_str).collect();
            let back = parse(&back.join(" | ")).unwrap();
            prop_assert!(forth.iter().all(|part| back.contains(part)) && forth.len() == 3);
            let text = print(&forth).unwrap();
            prop_assert_eq!(parse(&text), Ok(forth.clone()));
            let widths: Vec<u8> = forth.iter().map(|part| part.card.bits).collect();
            let order = |bits: &u8| FORMS.iter().position(|form| form.bits == *bits).unwrap();
            prop_assert!(widths.iter().map(order).is_sorted());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[ 0-9a-fxEMCD:|]{0,40}") {
            if let Ok(parts) = parse(&text) {
                let shown = print(&parts).unwrap();
                prop_assert_eq!(parse(&shown), Ok(parts));
            }
        }
    }
}
