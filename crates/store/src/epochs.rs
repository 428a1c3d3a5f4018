//! Which epochs of locks with no network were begun, in a file beside the database, so that a
//! backup that is restored twice begins none of them twice.
//!
//! ```text
//! claviger-epochs v1
//! <lock id> <highest epoch>
//! ```
//!
//! Must not be in a backup, or ever say less than it did.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use claviger_domain::ids::Id;

use crate::StoreError;
use crate::folder::sync_folder;

const HEAD: &str = "claviger-epochs v1";

/// The file of epochs.
#[derive(Debug)]
pub struct Epochs {
    path: PathBuf,
    /// Held while the file is written.
    writing: Mutex<()>,
}

impl Epochs {
    /// The file at a path, which need not be there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Epochs {
        Epochs { path, writing: Mutex::default() }
    }

    /// The highest epoch that was begun for a lock, 0 for none; nothing where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or says what this does not understand.
    pub fn highest(&self, lock: Id) -> Result<Option<u16>, StoreError> {
        Ok(read(&self.path)?.map(|known| known.get(&lock).copied().unwrap_or_default()))
    }

    /// Notes that an epoch of a lock begins; durable before anything is signed in it.
    ///
    /// # Errors
    /// The file cannot be read or written: the epoch must not begin.
    pub fn begin(&self, lock: Id, epoch: u16) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = read(&self.path)?.unwrap_or_default();
        let highest = known.entry(lock).or_default();
        *highest = epoch.max(*highest);
        write(&self.path, &known).map_err(|error| StoreError::io(&self.path, &error))
    }
}

fn read(path: &Path) -> Result<Option<BTreeMap<Id, u16>>, StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io(path, &error)),
    };
    let mut lines = text.lines();
    let known = (lines.next() == Some(HEAD)).then(|| {
        let line = |line: &str| {
            let (lock, epoch) = line.split_once(' ')?;
            Some((Id::parse(lock)?, epoch.parse().ok()?))
        };
        lines.map(line).collect::<Option<BTreeMap<Id, u16>>>()
    });
    known.flatten().map(Some).ok_or_else(|| StoreError::file(path, "is not a file of epochs"))
}

fn write(path: &Path, known: &BTreeMap<Id, u16>) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{HEAD}")?;
    for (lock, epoch) in known {
        writeln!(file, "{lock} {epoch}")?;
    }
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_folder(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_never_forgotten() {
        let path = crate::testing::folder().join("epochs");
        let (one, other) = (Id([1; 16]), Id([2; 16]));
        let epochs = Epochs::at(path.clone());
        assert_eq!(epochs.highest(one), Ok(None), "no file, nothing known");
        epochs.begin(one, 7).unwrap();
        epochs.begin(one, 3).unwrap();
        let again = Epochs::at(path.clone());
        assert_eq!((again.highest(one), again.highest(other)), (Ok(Some(7)), Ok(Some(0))));
        for wrong in ["", "claviger-epochs v2\n", "claviger-epochs v1\nx 1\n"] {
            fs::write(&path, wrong).unwrap();
            assert!(epochs.highest(one).is_err() && epochs.begin(one, 9).is_err(), "{wrong:?}");
        }
    }
}
