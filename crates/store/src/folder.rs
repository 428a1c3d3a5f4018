//! The data folder: one server for each, by an advisory lock on a file in it; and names in it that
//! last.
//!
//! Must not: be needed by commands that only read, or outlive the process that took it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::StoreError;

/// Makes the name of a file in its folder last, once what is in it does.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The name of the lock file. It stays when the server ends; only the lock on it counts.
const NAME: &str = "server.lock";

/// Held by a server as long as it uses the folder; the operating system ends it with the process.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl Drop for FolderLock {
    /// Closing the file is not enough while a child process that is just being started still has
    /// it open too.
    fn drop(&mut self) {
        if let Err(e) = self.file.unlock() {
            tracing::warn!(error = %e, "the lock of the data folder was not released");
        }
    }
}

impl FolderLock {
    /// Takes the folder for this process or says which process has it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds it, [`StoreError::File`] when the lock
    /// file cannot be made.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| StoreError::io(&path, &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(StoreError::Locked { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::io(&path, &e)),
        }
        note_holder(&mut file).map_err(|e| StoreError::io(&path, &e))?;
        Ok(Self { file })
    }
}

fn note_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// The process number that the holder wrote; it may just be about to write it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => text.trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}
