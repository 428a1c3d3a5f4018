//! A disk that breaks or is full when a test says so, for one process of the program.
//!
//! It stands before the calls of the C library, so that it takes no right to mount anything.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk under the test's control; whole and with room at first.
pub(crate) struct Disk {
    library: PathBuf,
    broken: PathBuf,
    room: PathBuf,
}

impl Disk {
    /// Builds what stands before the C library; its files go to `home`.
    pub(crate) fn new(home: &Path) -> Disk {
        let library = home.join("disk.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/failing_disk.c");
        let mut build = Command::new("cc");
        build.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source);
        assert!(build.status().expect("a C compiler, as for the build").success());
        Disk { library, broken: home.join("broken"), room: home.join("room") }
    }

    /// What a process on this disk has in its environment.
    pub(crate) fn env(&self) -> [(&str, &Path); 3] {
        [
            ("LD_PRELOAD", self.library.as_path()),
            ("BROKEN_DISK", self.broken.as_path()),
            ("DISK_ROOM", self.room.as_path()),
        ]
    }

    /// Nothing can be brought to it until it is mended.
    pub(crate) fn break_it(&self) {
        std::fs::write(&self.broken, "").unwrap();
    }

    /// It works again.
    pub(crate) fn mend(&self) {
        std::fs::remove_file(&self.broken).unwrap();
    }

    /// All files of a process may grow by so many bytes together, counted from its start.
    pub(crate) fn leave(&self, bytes: u64) {
        // At once, so that no process reads a half.
        let next = self.room.with_extension("next");
        std::fs::write(&next, bytes.to_string()).unwrap();
        std::fs::rename(&next, &self.room).unwrap();
    }

    /// As much room as the machine has.
    pub(crate) fn empty(&self) {
        std::fs::remove_file(&self.room).unwrap();
    }
}
