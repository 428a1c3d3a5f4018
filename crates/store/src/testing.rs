//! Fresh databases of both engines for tests, here and in the crates above.
//!
//! PostgreSQL is started by the test process itself and ends with it, however it ends.
//!
//! Must not: be part of a server (feature `testing`), or let a test pass in silence because an
//! engine is missing.
#![allow(clippy::panic, clippy::expect_used, reason = "a test that cannot start must say so")]

mod postgres;

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use postgres::Postgres;

use crate::db::Location;

/// A fresh, empty database of each engine.
///
/// Only SQLite when the environment says `CLAVIGER_SKIP_POSTGRES=1`, which is told loudly.
///
/// # Panics
/// When there is no PostgreSQL to be had.
pub fn engines() -> Vec<Location> {
    let mut engines = vec![sqlite()];
    engines.extend(postgresql().map(Location::Postgres));
    engines
}

/// The address of a fresh, empty PostgreSQL database; none when the environment says
/// `CLAVIGER_SKIP_POSTGRES=1`, which is told loudly.
///
/// # Panics
/// When there is no PostgreSQL to be had.
pub fn postgresql() -> Option<String> {
    if std::env::var("CLAVIGER_SKIP_POSTGRES").as_deref() == Ok("1") {
        // Not `eprintln!`, which the test harness would swallow.
        let _ = writeln!(
            std::io::stderr(),
            "*** CLAVIGER_SKIP_POSTGRES=1: PostgreSQL IS NOT TESTED ***"
        );
        return None;
    }
    match Postgres::database() {
        Ok(url) => Some(url),
        Err(reason) => panic!("{reason}\n(CLAVIGER_SKIP_POSTGRES=1 tests SQLite alone)"),
    }
}

/// A SQLite file that is not there yet, in a fresh folder.
///
/// # Panics
/// When no folder can be made.
pub fn sqlite() -> Location {
    Location::Sqlite(folder().join("claviger.db"))
}

/// A fresh folder, which is removed when the process ends.
///
/// # Panics
/// When it cannot be made.
pub fn folder() -> PathBuf {
    static SCRATCH: OnceLock<(PathBuf, Child)> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (root, _) = SCRATCH.get_or_init(|| {
        let root = fresh_folder(&std::env::temp_dir(), "claviger-test").expect("a scratch folder");
        let keeper = keep("cat >/dev/null; rm -rf \"$1\"", &[&root], None).expect("sh");
        (root, keeper)
    });
    let folder = root.join(COUNT.fetch_add(1, Ordering::Relaxed).to_string());
    std::fs::create_dir(&folder).expect("a folder in the scratch folder");
    folder
}

/// Makes a folder for this process alone.
fn fresh_folder(parent: &Path, name: &str) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let mut number = 0;
    loop {
        let folder = parent.join(format!("{name}-{}-{number}", std::process::id()));
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            // Left behind by an earlier process of the same number.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1
            }
            other => return other.map(|()| folder),
        }
    }
}

/// Runs a shell script whose standard input is a pipe from this process: it reads the end of the
/// input when this process ends, even by `kill -9`. In a process group of its own, so that what
/// ends the tests does not end it before it has cleaned up; silent, so that nobody waits for its
/// output.
fn keep(script: &str, args: &[&Path], user: Option<(u32, u32)>) -> std::io::Result<Child> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("sh").args(args);
    command.current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command.spawn()
}
