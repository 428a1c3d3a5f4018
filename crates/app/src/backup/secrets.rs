//! The keys of an installation under a passphrase: argon2id makes a key, AES-256-GCM seals.
//!
//! Must not keep a passphrase, or seal with parameters a guesser would like.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::App;
use crate::error::Error;
use crate::random;

/// What sealing costs: 64 MiB, three passes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// The most that opening is let cost, whatever a file says.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 20;
/// What else the seal is bound to.
const CONTEXT: &[u8] = b"claviger backup v1 secrets";

/// Keys under a passphrase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    kdf: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

fn key(
    passphrase: &str,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<RandomizedNonceKey, BackupError> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| BackupError::Sealing)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut key = [0; 32];
    argon2
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .map_err(|_| BackupError::Sealing)?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| BackupError::Sealing)
}

/// Seals the text of the file of keys.
///
/// # Errors
/// The system gives no memory or randomness.
pub async fn seal_secrets(app: &App, text: String, passphrase: String) -> Result<Sealed, Error> {
    let _permit = app.hashing().begin().await?;
    let sealed = tokio::task::spawn_blocking(move || seal(&text, &passphrase));
    sealed.await.map_err(|_| Error::Internal)?.map_err(|_| Error::Internal)
}

fn seal(text: &str, passphrase: &str) -> Result<Sealed, BackupError> {
    let salt = random::bytes::<16>();
    let key = key(passphrase, &salt, MEMORY_KIB, PASSES)?;
    let mut bytes = text.as_bytes().to_vec();
    let nonce = key
        .seal_in_place_append_tag(Aad::from(CONTEXT), &mut bytes)
        .map_err(|_| BackupError::Sealing)?;
    Ok(Sealed {
        kdf: "argon2id".to_owned(),
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        salt: STANDARD.encode(salt),
        nonce: STANDARD.encode(nonce.as_ref()),
        sealed: STANDARD.encode(bytes),
    })
}

/// Opens what [`seal_secrets`] made. Takes a while: not for async threads.
///
/// # Errors
/// Another passphrase, or a file that asks for too much.
pub fn open_secrets(sealed: &Sealed, passphrase: &str) -> Result<String, BackupError> {
    let damaged = || BackupError::Damaged("its sealed keys are malformed".to_owned());
    let modest = sealed.memory_kib <= MOST_MEMORY_KIB && sealed.passes <= MOST_PASSES;
    if sealed.kdf != "argon2id" || !modest {
        return Err(damaged());
    }
    let bytes = |text: &String| STANDARD.decode(text).map_err(|_| damaged());
    let (salt, nonce) = (bytes(&sealed.salt)?, bytes(&sealed.nonce)?);
    let mut text = bytes(&sealed.sealed)?;
    if nonce.len() != NONCE_LEN {
        return Err(damaged());
    }
    let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| damaged())?;
    let key = key(passphrase, &salt, sealed.memory_kib, sealed.passes)?;
    let length = key
        .open_in_place(nonce, Aad::from(CONTEXT), &mut text)
        .map_err(|_| BackupError::Passphrase)?
        .len();
    text.truncate(length);
    String::from_utf8(text).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passphrase_opens() {
        let sealed = seal("keys", "horse battery").unwrap();
        assert_eq!(open_secrets(&sealed, "horse battery").unwrap(), "keys");
        assert!(matches!(open_secrets(&sealed, "horse"), Err(BackupError::Passphrase)));
        let greedy = Sealed { memory_kib: u32::MAX, ..sealed };
        assert!(matches!(open_secrets(&greedy, "horse battery"), Err(BackupError::Damaged(_))));
    }
}
