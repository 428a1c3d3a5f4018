//! The file of secrets: text, readable by its owner only, whole or not there at all.
//!
//! ```text
//! claviger-secrets v1
//! data_key = 64 hexadecimal digits
//! tag_key = ..
//! sign_key = ..
//! issuer_key = ..
//! generation = 1
//! root_key = ..            or root_public = 128 digits, where the root is kept elsewhere
//! ```
//!
//! A file of an earlier version has the first three alone: the others are made of `sign_key`.
//!
//! Must not: replace a file that is there by another's keys, or accept one it does not fully
//! understand.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use zeroize::Zeroizing;

use super::{Key, Root, Secrets, Signing};
use crate::StoreError;
use crate::folder::sync_folder;

const HEAD: &str = "claviger-secrets v1";
const NAMES: [&str; 5] = ["data_key", "tag_key", "sign_key", "issuer_key", "root_key"];

/// Far more than the file needs; a wrong path may name something huge.
const MOST_BYTES: u64 = 4_096;

/// None when there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Secrets>, StoreError> {
    let wrong = |reason: &str| StoreError::file(path, reason);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::io(path, &e)),
    };
    let metadata = file.metadata().map_err(|e| StoreError::io(path, &e))?;
    if !metadata.is_file() {
        return Err(wrong("is not a file"));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let reason = format!("its mode {mode:o} lets others than its owner in: chmod 600 it");
        return Err(wrong(&reason));
    }
    let mut text = Zeroizing::new(String::with_capacity(1_024));
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|e| StoreError::io(path, &e))?;
    parse(path, &text).map(Some).map_err(|reason| wrong(&reason))
}

fn parse(path: &Path, text: &str) -> Result<Secrets, String> {
    let mut lines = text.lines().enumerate();
    match lines.next() {
        Some((_, HEAD)) => {}
        Some((_, line)) if line.starts_with("claviger-secrets ") => {
            return Err("is of another version of this program".to_owned());
        }
        _ => return Err(format!("does not start with the line {HEAD}")),
    }
    let mut keys: [Option<Key>; 5] = [None, None, None, None, None];
    let (mut generation, mut public) = (None, None);
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |what: &str| format!("line {}: {what}", at + 1);
        let (name, digits) = line.split_once('=').ok_or_else(|| wrong("has no ="))?;
        let (name, digits) = (name.trim(), digits.trim());
        let again = match name {
            "generation" => {
                let number = digits.parse().ok().filter(|it| *it > 0);
                generation.replace(number.ok_or_else(|| wrong("not a number"))?).is_some()
            }
            "root_public" => {
                let point = unhex(digits).ok_or_else(|| wrong("not 128 hexadecimal digits"))?;
                public.replace(*point).is_some()
            }
            _ => {
                let slot = NAMES.iter().zip(&mut keys).find(|(known, _)| **known == name);
                let (_, slot) = slot.ok_or_else(|| wrong("an unknown name"))?;
                let key = unhex(digits).ok_or_else(|| wrong("not 64 hexadecimal digits"))?;
                slot.replace(key).is_some()
            }
        };
        if again {
            return Err(wrong("the same name again"));
        }
    }
    let [Some(data_key), Some(tag_key), Some(sign_key), issuers, root] = keys else {
        return Err("not all of data_key, tag_key, sign_key are in it".to_owned());
    };
    let signing = match (issuers, generation, root, public) {
        (None, None, None, None) => {
            let root = Root::Here(sign_key.clone());
            Signing { issuers: sign_key.clone(), generation: 1, root }
        }
        (Some(issuers), Some(generation), Some(seed), None) => {
            Signing { issuers, generation, root: Root::Here(seed) }
        }
        (Some(issuers), Some(generation), None, Some(public)) => {
            Signing { issuers, generation, root: Root::Away(public) }
        }
        _ => return Err("issuer_key, generation, and a root must all be in it or none".to_owned()),
    };
    let (signing, path) = (Mutex::new(signing), path.to_owned());
    Ok(Secrets { data_key, tag_key, sign_key, signing, path })
}

/// Writes a file that is complete before it has its name. A file of that name that appeared
/// meanwhile stays, and this is no error.
pub(super) fn create(path: &Path, secrets: &Secrets) -> Result<(), StoreError> {
    let temporary = temporary(path);
    let made = write(&temporary, secrets, &secrets.signing()).and_then(|()| {
        // A link, unlike a rename, never replaces.
        match fs::hard_link(&temporary, path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => Ok(()),
        }
    });
    let removed = fs::remove_file(&temporary);
    made.and(removed).and_then(|()| sync_folder(path)).map_err(|e| StoreError::io(path, &e))
}

/// Writes the file anew with other keys to sign with: the former stays until this is whole.
pub(super) fn replace(path: &Path, secrets: &Secrets, signing: &Signing) -> Result<(), StoreError> {
    let temporary = temporary(path);
    let written = write(&temporary, secrets, signing).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(path)).map_err(|e| StoreError::io(path, &e))
}

/// A name beside the file that nobody else uses.
fn temporary(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut temporary = path.as_os_str().to_owned();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{}-{count}", std::process::id()));
    PathBuf::from(temporary)
}

fn write(path: &Path, secrets: &Secrets, signing: &Signing) -> io::Result<()> {
    let mut text = Zeroizing::new(String::with_capacity(1_024));
    text.push_str(HEAD);
    text.push('\n');
    let generation = signing.generation;
    let (root, point) = match &signing.root {
        Root::Here(seed) => ("root_key", seed.as_slice()),
        Root::Away(public) => ("root_public", public.as_slice()),
    };
    for (name, key) in [
        ("data_key", secrets.data_key.as_slice()),
        ("tag_key", secrets.tag_key.as_slice()),
        ("sign_key", secrets.sign_key.as_slice()),
        ("issuer_key", signing.issuers.as_slice()),
        (root, point),
    ] {
        text.push_str(name);
        text.push_str(" = ");
        push_hex(&mut text, key);
        text.push('\n');
    }
    text.push_str(&format!("generation = {generation}\n"));
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Digit by digit, so that no copy of a key is left behind in memory.
pub(super) fn push_hex(text: &mut String, key: &[u8]) {
    for byte in key.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
}

pub(super) fn unhex<const N: usize>(digits: &str) -> Option<Zeroizing<[u8; N]>> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut key = Zeroizing::new([0_u8; N]);
    for (at, digit) in digits.chars().enumerate() {
        let digit = u8::try_from(digit.to_digit(16)?).ok()?;
        let byte = key.get_mut(at / 2)?;
        *byte = *byte << 4 | digit;
    }
    Some(key)
}
