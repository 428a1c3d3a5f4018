//! Keys that must not be in the database, and what is done with them.
//!
//! They are in a file of their own, the same on all nodes of an installation. Whoever has only the
//! database, or only a copy of it, can neither read a PIN nor guess one by trying all.
//!
//! Must not: print, log or copy a key anywhere but into that file.

mod file;
mod signing;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use self::signing::{Root, Signing};
use crate::StoreError;

pub use self::signing::{read_root, root_secret};

/// How a sealed value starts, so that another way of sealing can follow.
const SEALED_V1: u8 = 1;
const TAG_LEN: usize = 16;

type Key = Zeroizing<[u8; 32]>;

/// The keys of an installation.
pub struct Secrets {
    /// Seals fields.
    data_key: Key,
    /// Makes look-up tags.
    tag_key: Key,
    /// What signing keys are derived from.
    sign_key: Key,
    /// Who signs for locks with no network.
    signing: Mutex<Signing>,
    /// Where all of this stands.
    path: PathBuf,
}

impl Secrets {
    /// Reads the keys from their file, or makes the file where there is no data yet.
    ///
    /// `data_exists` says whether the database holds anything already: then a missing file is an
    /// error, because new keys could not read it.
    ///
    /// # Errors
    /// [`StoreError::SecretsMissing`], or [`StoreError::File`] when the file is open to others than
    /// its owner, malformed, or cannot be read or made.
    pub fn load_or_create(path: &Path, data_exists: bool) -> Result<Self, StoreError> {
        match file::read(path)? {
            Some(secrets) => Ok(secrets),
            None if data_exists => Err(StoreError::SecretsMissing { path: path.to_owned() }),
            None => {
                file::create(path, &Self::random(path)?)?;
                // Another node may have been faster; its keys are the ones that stand.
                file::read(path)?.ok_or_else(|| StoreError::file(path, "vanished"))
            }
        }
    }

    fn random(path: &Path) -> Result<Self, StoreError> {
        let signing = Signing { issuers: random()?, generation: 1, root: Root::Here(random()?) };
        Ok(Self {
            data_key: random()?,
            tag_key: random()?,
            sign_key: random()?,
            signing: Mutex::new(signing),
            path: path.to_owned(),
        })
    }

    fn signing(&self) -> std::sync::MutexGuard<'_, Signing> {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals a field with AES-256-GCM under a random nonce. It opens only at the same place, for
    /// the same object and field. 29 bytes longer than `plain`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the system gives no random bytes.
    pub fn seal(
        &self,
        place: u32,
        noun: &str,
        object: [u8; 16],
        field: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let failed = |_| StoreError::unavailable("sealing failed");
        // Room for all, so that growing leaves no copy of the plain text behind.
        let mut text = Vec::with_capacity(plain.len() + TAG_LEN);
        text.extend_from_slice(plain);
        let context = context(place, noun, object, field);
        let nonce = self
            .sealer()
            .and_then(|key| key.seal_in_place_append_tag(Aad::from(&context), &mut text))
            .map_err(failed)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + text.len());
        sealed.push(SEALED_V1);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what [`Secrets::seal`] made.
    ///
    /// # Errors
    /// [`StoreError::Unsealable`] when anything differs: key, place, object, field, any byte.
    pub fn open(
        &self,
        place: u32,
        noun: &str,
        object: [u8; 16],
        field: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let open = || {
            let (version, rest) = sealed.split_first()?;
            let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
            if *version != SEALED_V1 || text.len() < TAG_LEN {
                return None;
            }
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = Zeroizing::new(text.to_vec());
            let context = context(place, noun, object, field);
            let key = self.sealer().ok()?;
            let length = key.open_in_place(nonce, Aad::from(&context), &mut text).ok()?.len();
            text.truncate(length);
            Some(text)
        };
        open().ok_or_else(|| StoreError::Unsealable {
            noun: noun.to_owned(),
            field: field.to_owned(),
        })
    }

    /// A keyed fingerprint by which an equal text is found again without storing it: 16 bytes of
    /// HMAC-SHA-256. Tags of different domains or places say nothing about one another.
    pub fn tag(&self, domain: &str, place: u32, text: &[u8]) -> [u8; 16] {
        let whole = mac(&self.tag_key, domain, &[&place.to_be_bytes(), text]);
        let mut tag = [0; 16];
        tag.copy_from_slice(&whole[..16]);
        tag
    }

    /// The same of a whole request, by which its twin is known: 32 bytes. A bare hash would tell
    /// who has only the database the PIN or code of a request of which all else is known.
    pub fn request_tag(&self, request: &[u8]) -> [u8; 32] {
        *mac(&self.tag_key, "request", &[request])
    }

    /// 32 secret bytes for one purpose, place and generation, from which a signing key is made; the
    /// same on every node and after every restore.
    pub fn derive(&self, purpose: &str, place: u32, generation: u32) -> Zeroizing<[u8; 32]> {
        mac(&self.sign_key, purpose, &[&place.to_be_bytes(), &generation.to_be_bytes()])
    }

    fn sealer(&self) -> Result<RandomizedNonceKey, aws_lc_rs::error::Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, self.data_key.as_slice())
    }
}

fn random() -> Result<Key, StoreError> {
    let mut key = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(key.as_mut_slice())
        .map_err(|_| StoreError::unavailable("the system gives no random bytes"))?;
    Ok(key)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// What a sealed value is bound to; lengths keep two texts from running into one another.
fn context(place: u32, noun: &str, object: [u8; 16], field: &str) -> Vec<u8> {
    let mut context = vec![SEALED_V1];
    context.extend_from_slice(&place.to_be_bytes());
    context.extend_from_slice(&object);
    push_text(&mut context, noun);
    push_text(&mut context, field);
    context
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn mac(key: &Key, domain: &str, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()));
    let mut head = Vec::new();
    push_text(&mut head, domain);
    context.update(&head);
    for part in parts {
        context.update(part);
    }
    let mut out = Zeroizing::new([0; 32]);
    out.copy_from_slice(context.sign().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> Secrets {
        let key = |byte| Zeroizing::new([byte; 32]);
        let signing = Signing { issuers: key(4), generation: 1, root: Root::Here(key(5)) };
        Secrets {
            data_key: key(1),
            tag_key: key(2),
            sign_key: key(3),
            signing: Mutex::new(signing),
            path: PathBuf::new(),
        }
    }

    /// Stored tags must be found again by every later version.
    #[test]
    fn tags_and_derived_keys_never_change() {
        let secrets = fixed();
        assert_eq!(hex(&secrets.tag("pin", 7, b"1234")), TAG);
        assert_eq!(hex(secrets.derive("issuer", 7, 1).as_slice()), DERIVED);
    }

    /// Computed apart from this code with Python's `hmac` over `len(domain) as u64 | domain |
    /// place as u32 | text`, big-endian, keys of 32 equal bytes.
    const TAG: &str = "fd5fffbd3cbb0e9119d25a2d6857a259";
    const DERIVED: &str = "7ed8fb767ac18ed3f353771e845523e86da7518475651453ce8d56ac8401aab9";

    /// Sealed values must open in every later version.
    #[test]
    fn a_value_sealed_by_the_first_version_opens() {
        let sealed: Vec<u8> = SEALED
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let plain = fixed().open(7, "credential", [9; 16], "pin", &sealed).unwrap();
        assert_eq!(plain.as_slice(), b"1234");
    }

    /// Made apart from this code with Python's `cryptography`, nonce 00 01 .. 0b.
    const SEALED: &str = "01000102030405060708090a0b8a94a6126f1e92d4d11500fe08dda34090b254cd";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
