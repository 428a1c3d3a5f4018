//! The one place that reads randomness, and the secrets made from it.

use aws_lc_rs::{digest, rand};
use claviger_domain::ids::IdSource;
use claviger_domain::time::Instant;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
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
    let mut text = prefix.to_owned();
    while text.len() < prefix.len() + SECRET_LENGTH {
        // 248 is the highest multiple of 62 in a byte: others are drawn again to stay even.
        let drawn = bytes::<32>().into_iter().filter(|byte| *byte < 248);
        let room = prefix.len() + SECRET_LENGTH - text.len();
        text.extend(drawn.take(room).map(|byte| char::from(BASE62[usize::from(byte % 62)])));
    }
    let check = check(&text);
    text + &check
}

/// A new secret of 32 hexadecimal digits (128 bits), for surfaces whose clients know no other form.
pub(crate) fn hex_secret() -> String {
    bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a secret has that form.
pub(crate) fn is_hex_secret(secret: &str) -> bool {
    secret.len() == 32 && secret.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
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
