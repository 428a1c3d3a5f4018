//! What PostgreSQL's errors mean to the store.
//!
//! Must not: let a value into a message. Only texts about statements (class 42) and about
//! connecting are passed on; of all others the code and the names of table and constraint.

use std::error::Error as _;

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::StoreError;

pub(super) fn from_postgres(error: &Error) -> StoreError {
    if let Some(fault) = error.as_db_error() {
        return from_server(fault);
    }
    // Binding an argument fails with our own error.
    let cause = error.source();
    if let Some(ours) = cause.and_then(|cause| cause.downcast_ref::<StoreError>()) {
        return ours.clone();
    }
    let of_value = ["error serializing", "error deserializing", "expected", "invalid column"];
    let text = error.to_string();
    if of_value.iter().any(|start| text.starts_with(start)) {
        return StoreError::Rejected { reason: text };
    }
    let reason = cause.map_or(text.clone(), |cause| format!("{text}: {cause}"));
    StoreError::Unavailable { reason }
}

fn from_server(fault: &DbError) -> StoreError {
    let code = fault.code().code();
    match (code.get(..2).unwrap_or_default(), code) {
        (_, "53100") => StoreError::Full,
        (_, "23505") => StoreError::Conflict { constraint: unique_columns(fault) },
        ("23", _) => constraint(fault),
        (_, "22021" | "22P05") => StoreError::nul(),
        ("54", _) => StoreError::Unstorable { reason: format!("a limit of the server ({code})") },
        ("XX", "XX001" | "XX002") => StoreError::corrupt(format!("the server says {code}")),
        ("28" | "3D", _) => StoreError::setting(format!("PostgreSQL refuses: {}", fault.message())),
        ("42", _) => StoreError::Rejected { reason: fault.message().to_owned() },
        ("08" | "25" | "40" | "53" | "55" | "57" | "58" | "XX", _) => {
            let what = fault.code();
            StoreError::unavailable(format!("PostgreSQL reports {code} ({what:?})"))
        }
        _ => StoreError::Rejected { reason: format!("PostgreSQL reports {code}") },
    }
}

fn constraint(fault: &DbError) -> StoreError {
    let code = fault.code();
    let (rule, name) = if *code == SqlState::FOREIGN_KEY_VIOLATION {
        ("foreign key", fault.constraint().unwrap_or_default().to_owned())
    } else if *code == SqlState::NOT_NULL_VIOLATION {
        let (table, column) = (fault.table(), fault.column());
        ("not null", format!("{}.{}", table.unwrap_or_default(), column.unwrap_or_default()))
    } else {
        ("check", fault.constraint().unwrap_or_default().to_owned())
    };
    StoreError::Constraint { rule, name }
}

/// `table.column, table.column` as SQLite says it, from the detail
/// `Key (column, column)=(value, value) already exists.` in whatever language it is; the name of
/// the constraint where an index is over an expression.
fn unique_columns(fault: &DbError) -> String {
    let columns = fault
        .detail()
        .and_then(|detail| detail.split_once(")=("))
        .and_then(|(key, _)| key.split_once('('))
        .map(|(_, columns)| columns);
    match (columns, fault.table()) {
        (Some(columns), Some(table)) if !columns.contains('(') => {
            let columns: Vec<String> =
                columns.split(", ").map(|column| format!("{table}.{column}")).collect();
            columns.join(", ")
        }
        _ => fault.constraint().unwrap_or_default().to_owned(),
    }
}

pub(super) fn from_pool(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            from_postgres(&error)
        }
        PoolError::Timeout(_) => StoreError::unavailable("no connection to PostgreSQL in time"),
        PoolError::Closed => StoreError::unavailable("the store is closed"),
        other => StoreError::unavailable(other.to_string()),
    }
}

/// Whether a transaction that was not committed may succeed at the next attempt: it lost against
/// another, its connection was dead already, or its prepared statements are of an older schema.
pub(super) fn may_retry(error: &Error) -> bool {
    match error.as_db_error() {
        Some(fault) => {
            let code = fault.code();
            *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED
                || *code == SqlState::FEATURE_NOT_SUPPORTED
                || !only_error(fault)
        }
        None => matches!(from_postgres(error), StoreError::Unavailable { .. }),
    }
}

/// Whether the server itself says that the transaction is rolled back. A `FATAL` end of the
/// connection, or silence, leaves open what became of a commit.
pub(super) fn surely_rolled_back(error: &Error) -> bool {
    error.as_db_error().is_some_and(only_error)
}

fn only_error(fault: &DbError) -> bool {
    fault.parsed_severity() == Some(Severity::Error)
}
