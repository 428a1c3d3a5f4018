//! What the store promises, asked of both engines.
//!
//! Must not: look behind the public interface, or know which engine it talks to but for the name
//! of the byte-string type.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "these are tests")]

mod batches;
mod commits;
mod events;
mod faults;
mod figures;
mod folder;
mod groups;
mod levels;
mod lists;
mod lost;
mod mails;
mod migrations;
mod nouns;
mod offline;
mod outbox;
mod past;
mod purge;
mod reads;
mod samples;
mod secrets;
mod trail;
mod values;
mod world;

use claviger_store::testing::engines;
use claviger_store::{Batch, Db, Engine, Location, Outcome, Row, Statement, StoreError, Value};
use std::borrow::Cow;

/// Runs a test on a fresh database of each engine.
async fn on_each(test: impl AsyncFn(Db, Location)) {
    for location in engines() {
        let db = Db::open(&location).await.unwrap();
        // Shown when the test fails.
        println!("engine: {:?}", db.engine());
        test(db, location).await;
    }
}

fn bytes_type(db: &Db) -> &'static str {
    match db.engine() {
        Engine::Sqlite => "blob",
        Engine::Postgres => "bytea",
    }
}

/// Creates tables and the like.
async fn define(db: &Db, statements: &[&str]) {
    for sql in statements {
        let mut batch = Batch::new();
        batch.run(sql.replace("{bytes}", bytes_type(db)), []);
        assert_eq!(db.write(batch).await, done());
    }
}

fn done() -> Result<Outcome, StoreError> {
    Ok(Outcome::Done { fetched: Vec::new() })
}

fn one(sql: &'static str, args: impl Into<Vec<Value>>) -> Batch {
    let mut batch = Batch::new();
    batch.run(sql, args);
    batch
}

async fn rows(db: &Db, sql: impl Into<Cow<'static, str>>) -> Vec<Row> {
    db.read(Statement::new(sql, [])).await.unwrap()
}

/// The single number of a query.
async fn number(db: &Db, sql: impl Into<Cow<'static, str>>) -> i64 {
    rows(db, sql).await[0].int(0).unwrap()
}

/// All numbers of a query's first column.
async fn numbers(db: &Db, sql: &'static str) -> Vec<i64> {
    rows(db, sql).await.iter().map(|row| row.int(0).unwrap()).collect()
}
