//! What SQLite's errors mean to the store.
//!
//! Must not: let the text of a statement or a value into a message. SQLite's own messages name
//! tables and columns only.

use rusqlite::ffi;
use rusqlite::{Error, ErrorCode};

use crate::StoreError;

/// SQLite's own words, without the statement that `rusqlite` adds.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::SqliteFailure(code, None) => code.to_string(),
        Error::SqliteFailure(_, Some(words)) => words.clone(),
        Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

pub(super) fn from_sqlite(error: &Error) -> StoreError {
    let code = match error {
        Error::SqliteFailure(code, _) | Error::SqlInputError { error: code, .. } => *code,
        Error::ToSqlConversionFailure(cause) => {
            return cause.downcast_ref().cloned().unwrap_or_else(|| rejected(error));
        }
        other => return rejected(other),
    };
    match code.code {
        ErrorCode::DiskFull => StoreError::Full,
        // SQLite makes the index of the log as large as it must be before it uses it.
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            StoreError::Full
        }
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::FileLockingProtocolFailed => StoreError::unavailable(words(error)),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::corrupt(words(error)),
        ErrorCode::TooBig => StoreError::Unstorable { reason: words(error) },
        ErrorCode::ConstraintViolation => constraint(code.extended_code, &words(error)),
        _ => rejected(error),
    }
}

fn rejected(error: &Error) -> StoreError {
    StoreError::Rejected { reason: words(error) }
}

fn constraint(extended: i32, words: &str) -> StoreError {
    let name = words.split_once(": ").map_or("", |(_, name)| name).to_owned();
    let rule = match extended {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => {
            // An index over an expression has no columns and comes as: index 'name'.
            let index = name.strip_prefix("index '").and_then(|n| n.strip_suffix('\''));
            let constraint = index.map(str::to_owned).unwrap_or(name);
            return StoreError::Conflict { constraint };
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER => "foreign key",
        ffi::SQLITE_CONSTRAINT_NOTNULL => "not null",
        ffi::SQLITE_CONSTRAINT_DATATYPE => "type",
        _ => "check",
    };
    StoreError::Constraint { rule, name }
}
