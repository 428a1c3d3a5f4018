//! What can go wrong in the store, in words a caller can act on.
//!
//! Must not: carry the value of an argument, know of HTTP, or tell one engine from the other.

use std::io;
use std::path::{Path, PathBuf};

/// Why the store did not do what it was asked. Nothing was stored, except where
/// [`StoreError::CommitUnknown`] says that this is open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database cannot be reached or is busy beyond patience. Trying again later may help.
    #[error("the database is unavailable: {reason}")]
    Unavailable {
        /// What was tried and failed.
        reason: String,
    },
    /// There is no room left on the disk of the database.
    #[error("the disk of the database is full")]
    Full,
    /// A row with the same unique key exists. The batch was rolled back.
    #[error("a row with the same {constraint} exists")]
    Conflict {
        /// `table.column, table.column`, the same for both engines; an index over an expression
        /// is given by its name.
        constraint: String,
    },
    /// A row would break a rule of the schema. The batch was rolled back.
    #[error("the {rule} rule of the schema refuses the row: {name}")]
    Constraint {
        /// `foreign key`, `check`, `not null` or `type`.
        rule: &'static str,
        /// What the engine calls it; SQLite does not name foreign keys.
        name: String,
    },
    /// The connection was lost while the transaction was being committed: it may be stored or not.
    /// Look for what it would have written before answering.
    #[error("the connection was lost during the commit, whose outcome is unknown")]
    CommitUnknown,
    /// The database holds something that this program never writes.
    #[error("the database is damaged or foreign: {what}")]
    Corrupt {
        /// Which column or file.
        what: String,
    },
    /// The value cannot be stored as it is.
    #[error("the value cannot be stored: {reason}")]
    Unstorable {
        /// What is the matter with it.
        reason: String,
    },
    /// The engine does not accept the statement: a defect of this program.
    #[error("the database refuses the statement: {reason}")]
    Rejected {
        /// What the engine says of the statement's text, or its error code.
        reason: String,
    },
    /// Another server process uses the folder.
    #[error("{} is in use by another server (process {holder})", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// Its process number, or `unknown`.
        holder: String,
    },
    /// Another server, of another folder, uses the PostgreSQL database.
    #[error(
        "another Claviger uses this PostgreSQL database: run one server per database, and commands \
         with that server's --data"
    )]
    Claimed,
    /// The database was written by a later version of this program.
    #[error(
        "the database has schema {found}, this program knows schemas up to {known}: \
         use a newer program"
    )]
    NewerSchema {
        /// The schema number of the database.
        found: u32,
        /// The highest this program knows.
        known: u32,
    },
    /// A migration was applied with another text than the one this program holds.
    #[error("migration {number} was applied to this database with another text")]
    ChangedMigration {
        /// Its number.
        number: u32,
    },
    /// The engine is too old to be trusted with data.
    #[error("{engine} {found} is too old: {needed} or later is needed{why}")]
    TooOld {
        /// `SQLite` or `PostgreSQL`.
        engine: &'static str,
        /// Its version.
        found: String,
        /// The oldest accepted.
        needed: &'static str,
        /// The reason, starting with a separator, or nothing.
        why: &'static str,
    },
    /// A setting that the operator must change.
    #[error("{reason}")]
    Setting {
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A file or folder cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is data but no file of secrets, without which it cannot be read.
    #[error(
        "{} is missing, but there is data that needs it: restore it from its backup",
        path.display()
    )]
    SecretsMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A sealed value was not sealed with this key for this place, object and field.
    #[error("the sealed {field} of a {noun} does not open with this data key at this place")]
    Unsealable {
        /// The noun whose field it is.
        noun: String,
        /// The field.
        field: String,
    },
}

impl StoreError {
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    pub(crate) fn setting(reason: impl Into<String>) -> Self {
        Self::Setting { reason: reason.into() }
    }

    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::file(path, io_words(error))
    }

    /// Text with a NUL is refused on both engines, because PostgreSQL cannot hold it.
    pub(crate) fn nul() -> Self {
        Self::Unstorable { reason: "a text holds the character NUL".to_owned() }
    }
}

/// What the system says of a file or a socket, without the number of the error.
#[must_use]
pub fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrInUse => "the address is in use".to_owned(),
        _ => error.to_string(),
    }
}
