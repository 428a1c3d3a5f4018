//! The one place that reads randomness, and the secrets made from it.

use aws_lc_rs::{digest, rand};
use claviger_domain::ids::IdSource;
use claviger_domain::time::Instant;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8; 10] = b"0123456789";
const LETTERS_AND_DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const SECRET_LENGTH: usize = 30;
const CHECK_LENGTH: usize = 6;

/// Random bytes from the system. A system that has none cannot go on safely.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if rand::fill(&mut bytes).is_err() {
        tracing::error!("the system gives no randomness");
        std::process::abort();
    }
    bytes
}

/// A source of ids for one command at `now`.
pub(crate) fn ids(now: Instant) -> IdSource {
    IdSource::new(now, bytes())
}

/// A new secret: `prefix`, 30 base62 characters (178 bits) and the 6-character CRC-32 of both.
pub(crate) fn secret(prefix: &str) -> String {
    let text = prefix.to_owned() + &drawn(BASE62, SECRET_LENGTH);
    let check = check(&text);
    text + &check
}

/// A new secret of 32 hexadecimal digits (128 bits), for surfaces whose clients know no other form.
pub(crate) fn hex_secret() -> String {
    hex(&bytes::<16>())
}

/// Whether a secret has that form.
pub(crate) fn is_hex_secret(secret: &str) -> bool {
    secret.len() == 32 && secret.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// So many decimal digits.
pub(crate) fn digits(length: usize) -> String {
    drawn(DIGITS, length)
}

/// A word of so many lower-case letters and digits.
pub(crate) fn word(length: usize) -> String {
    drawn(LETTERS_AND_DIGITS, length)
}

/// So many characters of an alphabet of at most 256, each as likely as any other.
fn drawn<const N: usize>(alphabet: &[u8; N], length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // What lies above the highest multiple of the alphabet's size in a byte is drawn again.
        let even = bytes::<32>().into_iter().map(usize::from).filter(|byte| *byte < 256 / N * N);
        let room = length - text.len();
        text.extend(even.take(room).map(|byte| char::from(alphabet[byte % N])));
    }
    text
}

/// Whether a secret's check characters are right: tells a typo from a wrong secret.
pub(crate) fn is_well_formed(prefix: &str, secret: &str) -> bool {
    secret.starts_with(prefix)
        && secret.is_ascii()
        && secret.len() == prefix.len() + SECRET_LENGTH + CHECK_LENGTH
        && secret.split_at(prefix.len() + SECRET_LENGTH).1
            == check(&secret[..prefix.len() + SECRET_LENGTH])
}

fn check(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut digits = [0; CHECK_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[rest % 62];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// Bytes in lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256, by which secrets are known.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_digits_are_of_their_alphabet_and_use_all_of_it() {
        let (digits, word) = (digits(1000), word(2000));
        assert_eq!((digits.len(), word.len()), (1000, 2000));
        let every = |text: &str, alphabet: &[u8]| {
            let found: std::collections::BTreeSet<u8> = text.bytes().collect();
            found.into_iter().eq(alphabet.iter().copied())
        };
        assert!(every(&digits, DIGITS) && every(&word, LETTERS_AND_DIGITS));
        assert_eq!(super::digits(0), "");
    }

    #[test]
    fn secrets_check_themselves() {
        let one = secret("clvk_");
        assert_eq!(one.len(), 41);
        assert!(is_well_formed("clvk_", &one) && !is_well_formed("clvt_", &one));
        let mut typo = one.clone().into_bytes();
        typo[10] = if typo[10] == b'a' { b'b' } else { b'a' };
        assert!(!is_well_formed("clvk_", std::str::from_utf8(&typo).unwrap()));
        assert_ne!(one, secret("clvk_"));
    }
}
