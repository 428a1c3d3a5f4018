//! Card numbers: bits, a space, hexadecimal digits. An accepted one is written and read as itself.

use claviger_domain::noun::card::CardValue;

#[test]
fn an_accepted_card_is_written_and_read_as_itself() {
    let words = ["128", "129", "0", "ffffffffffffffffffffffffffffffff", "0x", "1"];
    let mut accepted = 0_u64;
    let count = super::driver::feed(&super::seeds("card"), &words, |input| {
        let text = String::from_utf8_lossy(input);
        let (bits, hex) = text.trim_end().split_once(' ').unwrap_or(("56", &text));
        let Ok(bits) = bits.parse() else { return };
        let Ok(card) = CardValue::parse(bits, hex) else { return };
        accepted += 1;
        let written = card.hex();
        assert_eq!(written.len() as u64, bits.div_ceil(4));
        assert_eq!(CardValue::parse(bits, &written), Ok(card));
        assert!(bits == 128 || card.value >> bits == 0, "it has more than {bits} bits");
        let plain = |hex: &str| hex.trim_start_matches('0').to_ascii_lowercase();
        assert_eq!(plain(&written), plain(hex), "another number");
    });
    println!("cards: {count} inputs, {accepted} accepted");
    assert!(accepted > 0, "the seeds are accepted");
}
