//! The file of secrets: text, readable by its owner only, whole or not there at all.
//!
//! ```text
//! claviger-secrets v1
//! data_key = 64 hexadecimal digits
//! tag_key = ..
//! sign_key = ..
//! ```
//!
//! Must not: replace a file that is there, or accept one it does not fully understand.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use zeroize::Zeroizing;

use super::{Key, Secrets};
use crate::StoreError;

const HEAD: &str = "claviger-secrets v1";
const NAMES: [&str; 3] = ["data_key", "tag_key", "sign_key"];

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
    parse(&text).map(Some).map_err(|reason| wrong(&reason))
}

fn parse(text: &str) -> Result<Secrets, String> {
    let mut lines = text.lines().enumerate();
    match lines.next() {
        Some((_, HEAD)) => {}
        Some((_, line)) if line.starts_with("claviger-secrets ") => {
            return Err("is of another version of this program".to_owned());
        }
        _ => return Err(format!("does not start with the line {HEAD}")),
    }
    let mut keys: [Option<Key>; 3] = [None, None, None];
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |what: &str| format!("line {}: {what}", at + 1);
        let (name, digits) = line.split_once('=').ok_or_else(|| wrong("has no ="))?;
        let slot = NAMES.iter().zip(&mut keys).find(|(known, _)| **known == name.trim());
        let (_, slot) = slot.ok_or_else(|| wrong("an unknown name"))?;
        let key = unhex(digits.trim()).ok_or_else(|| wrong("not 64 hexadecimal digits"))?;
        if slot.replace(key).is_some() {
            return Err(wrong("the same name again"));
        }
    }
    let [Some(data_key), Some(tag_key), Some(sign_key)] = keys else {
        return Err(format!("not all of {} are in it", NAMES.join(", ")));
    };
    Ok(Secrets { data_key, tag_key, sign_key })
}

/// Writes a file that is complete before it has its name. A file of that name that appeared
/// meanwhile stays, and this is no error.
pub(super) fn create(path: &Path, secrets: &Secrets) -> Result<(), StoreError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut temporary = path.as_os_str().to_owned();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{}-{count}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let made = write(&temporary, secrets).and_then(|()| {
        // A link, unlike a rename, never replaces.
        match fs::hard_link(&temporary, path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => Ok(()),
        }
    });
    let removed = fs::remove_file(&temporary);
    made.and(removed).and_then(|()| sync_folder(path)).map_err(|e| StoreError::io(path, &e))
}

fn write(path: &Path, secrets: &Secrets) -> io::Result<()> {
    let mut text = Zeroizing::new(String::with_capacity(1_024));
    text.push_str(HEAD);
    text.push('\n');
    let keys = [&secrets.data_key, &secrets.tag_key, &secrets.sign_key];
    for (name, key) in NAMES.iter().zip(keys) {
        text.push_str(name);
        text.push_str(" = ");
        push_hex(&mut text, key);
        text.push('\n');
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Digit by digit, so that no copy of a key is left behind in memory.
fn push_hex(text: &mut String, key: &Key) {
    for byte in key.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
}

fn unhex(digits: &str) -> Option<Key> {
    if digits.len() != 64 {
        return None;
    }
    let mut key = Zeroizing::new([0_u8; 32]);
    for (at, digit) in digits.chars().enumerate() {
        let digit = u8::try_from(digit.to_digit(16)?).ok()?;
        let byte = key.get_mut(at / 2)?;
        *byte = *byte << 4 | digit;
    }
    Some(key)
}
