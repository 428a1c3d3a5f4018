//! Reading: what a reader thread does, and how SQLite's rows become ours.
//!
//! Must not: write, or keep a read transaction open longer than its job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement as Prepared};

use super::ReaderJob;
use super::fault::from_sqlite;
use crate::StoreError;
use crate::db::{Row, Statement, Value};

pub(super) fn run(connection: &Connection, jobs: &Mutex<Receiver<ReaderJob>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            // A panic in the caller's closure must not take the reader from all others; the
            // transaction it was in is rolled back on the way out.
            Ok(ReaderJob::Do(work)) => {
                let _ = catch_unwind(AssertUnwindSafe(|| work(connection)));
            }
            Ok(ReaderJob::Stop) | Err(_) => return,
        }
    }
}

pub(super) fn scan<T>(
    connection: &Connection,
    statements: Vec<Statement>,
    mut state: T,
    mut each: impl FnMut(&mut T, usize, Row) -> Result<(), StoreError>,
) -> Result<T, StoreError> {
    // A single statement is its own read transaction.
    let transaction = if statements.len() > 1 {
        Some(connection.unchecked_transaction().map_err(|e| from_sqlite(&e))?)
    } else {
        None
    };
    for (at, statement) in statements.into_iter().enumerate() {
        let mut prepared =
            connection.prepare_cached(&statement.sql).map_err(|e| from_sqlite(&e))?;
        each_row(&mut prepared, &statement.args, |row| each(&mut state, at, row))?;
    }
    if let Some(transaction) = transaction {
        transaction.finish().map_err(|e| from_sqlite(&e))?;
    }
    Ok(state)
}

pub(super) fn each_row(
    prepared: &mut Prepared<'_>,
    args: &[Value],
    mut each: impl FnMut(Row) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let names: Arc<[String]> = prepared.column_names().map(str::to_owned).collect();
    let mut rows = prepared.query(rusqlite::params_from_iter(args)).map_err(|e| from_sqlite(&e))?;
    while let Some(row) = rows.next().map_err(|e| from_sqlite(&e))? {
        let mut values = Vec::with_capacity(names.len());
        for column in 0..names.len() {
            let value = row.get_ref(column).map_err(|e| from_sqlite(&e))?;
            values.push(value_of(value, names.get(column))?);
        }
        each(Row::new(Arc::clone(&names), values))?;
    }
    Ok(())
}

fn value_of(value: ValueRef<'_>, name: Option<&String>) -> Result<Value, StoreError> {
    let wrong = |what: &str| {
        StoreError::corrupt(format!("column {} holds {what}", name.map_or("?", String::as_str)))
    };
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(n) => Ok(Value::Int(n)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(_) => Err(wrong("text that is not UTF-8")),
        },
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Real(_) => Err(wrong("a floating-point number")),
    }
}
