//! Who signs for locks with no network: the root, which may be kept elsewhere, and what the keys of
//! issuers are made of. Both stand in the file of secrets.
//!
//! Must not make a signature, or forget a key before the file is without it.

use zeroize::Zeroizing;

use super::{Key, Secrets, file, mac, random};
use crate::StoreError;

/// What is signed with.
pub(super) struct Signing {
    /// What the keys of issuers are made of.
    pub(super) issuers: Key,
    /// Which of them this is: the first is 1.
    pub(super) generation: u32,
    pub(super) root: Root,
}

/// The root of an installation.
pub(super) enum Root {
    /// What its key is made of.
    Here(Key),
    /// Its public key (x || y); what signs is kept elsewhere.
    Away([u8; 64]),
}

/// The purpose of the root's key.
const ROOT: &str = "offline root";
/// The first line of a file that holds the root alone.
const HEAD: &str = "claviger-root v1";

/// The secret of a root whose key is made of `seed`; another for each attempt, as one in four
/// thousand million hashes is no key.
#[must_use]
pub fn root_secret(seed: &[u8; 32], attempt: u32) -> Zeroizing<[u8; 32]> {
    let parts = [&0_u32.to_be_bytes()[..], &1_u32.to_be_bytes()[..]];
    mac(&Zeroizing::new(*seed), &purpose(ROOT, attempt), &parts)
}

fn purpose(of: &str, attempt: u32) -> String {
    if attempt == 0 { of.to_owned() } else { format!("{of} {attempt}") }
}

/// Reads what [`Secrets::root_text`] made.
#[must_use]
pub fn read_root(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let (head, rest) = text.split_once('\n')?;
    let (name, digits) = rest.trim().split_once('=')?;
    (head == HEAD && name.trim() == "root_key").then(|| file::unhex(digits.trim()))?
}

impl Secrets {
    /// The secret of a place's issuer, of the generation there is.
    pub fn issuer_secret(&self, place: u32, attempt: u32) -> Zeroizing<[u8; 32]> {
        let signing = self.signing();
        let parts = [&place.to_be_bytes()[..], &signing.generation.to_be_bytes()[..]];
        mac(&signing.issuers, &purpose("offline issuer", attempt), &parts)
    }

    /// Which generation of issuers signs.
    pub fn generation(&self) -> u32 {
        self.signing().generation
    }

    /// What the root's key is made of; none where it is kept elsewhere.
    pub fn root_seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        match &self.signing().root {
            Root::Here(seed) => Some(seed.clone()),
            Root::Away(_) => None,
        }
    }

    /// The root's public key, where the rest of it is kept elsewhere.
    pub fn root_public(&self) -> Option<[u8; 64]> {
        match self.signing().root {
            Root::Here(_) => None,
            Root::Away(public) => Some(public),
        }
    }

    /// The root as the text of a file of its own; none where it is kept elsewhere already, and
    /// where the file of secrets is of an earlier version, whose other keys it could be made of.
    pub fn root_text(&self) -> Option<Zeroizing<String>> {
        let seed = self.root_seed().filter(|seed| *seed != self.sign_key)?;
        let mut text = Zeroizing::new(String::with_capacity(128));
        text.push_str(HEAD);
        text.push_str("\nroot_key = ");
        file::push_hex(&mut text, seed.as_slice());
        text.push('\n');
        Some(text)
    }

    /// Forgets the root but for its public key, here and in the file.
    ///
    /// # Errors
    /// The file cannot be written: nothing is forgotten.
    pub fn forget_root(&self, public: [u8; 64]) -> Result<(), StoreError> {
        let mut signing = self.signing();
        let (issuers, generation) = (signing.issuers.clone(), signing.generation);
        let next = Signing { issuers, generation, root: Root::Away(public) };
        file::replace(&self.path, self, &next)?;
        *signing = next;
        Ok(())
    }

    /// Draws anew what the keys of issuers are made of: the next generation. Nothing that the
    /// former was known by says anything of it.
    ///
    /// # Errors
    /// The file cannot be written: the former stays.
    pub fn replace_issuers(&self) -> Result<(), StoreError> {
        let mut signing = self.signing();
        let root = match &signing.root {
            Root::Here(seed) => Root::Here(seed.clone()),
            Root::Away(public) => Root::Away(*public),
        };
        let next = Signing { issuers: random()?, generation: signing.generation + 1, root };
        file::replace(&self.path, self, &next)?;
        *signing = next;
        Ok(())
    }
}
