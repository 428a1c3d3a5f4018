//! The one writer: takes the batches that wait, stores them in one transaction, then answers.
//!
//! Grouping is what makes durable writes cheap: one sync of the disk serves all who wait for it.
//!
//! Must not: answer anything as done before the commit, or let one batch's fate touch another's.

use std::sync::mpsc::Receiver;

use rusqlite::{Connection, params_from_iter};
use tokio::sync::oneshot;

use super::WriterJob;
use super::fault::from_sqlite;
use super::reader::each_row;
use crate::StoreError;
use crate::db::{Batch, Outcome, Statement, Step};

/// Limits of a group, so that a flood of small batches or a few big ones do not keep the first
/// of them waiting.
const MOST_BATCHES: usize = 1_024;
const MOST_ROWS: usize = 20_000;

type End = Result<Outcome, StoreError>;
type Answer = oneshot::Sender<End>;

pub(super) fn run(connection: Connection, jobs: &Receiver<WriterJob>) {
    let mut writer = Writer { connection, doubtful: false };
    let mut next = jobs.recv().ok();
    while let Some(job) = next.take() {
        match job {
            WriterJob::Write { batch, answer } => {
                let mut group = vec![(batch, answer)];
                next = collect(jobs, &mut group);
                writer.store(group);
            }
            WriterJob::Alone(work) => {
                writer.settle();
                work(&mut writer.connection);
            }
            WriterJob::Stop => break,
        }
        if next.is_none() {
            next = jobs.recv().ok();
        }
    }
    for job in jobs.try_iter() {
        if let WriterJob::Write { answer, .. } = job {
            let _ = answer.send(Err(super::closed()));
        }
    }
}

/// Adds what waits to the group; the job that ended it, if any, comes next.
fn collect(jobs: &Receiver<WriterJob>, group: &mut Vec<(Batch, Answer)>) -> Option<WriterJob> {
    let mut rows = group.first().map_or(0, |(batch, _)| weight(batch));
    while group.len() < MOST_BATCHES && rows < MOST_ROWS {
        match jobs.try_recv() {
            Ok(WriterJob::Write { batch, answer }) => {
                rows += weight(&batch);
                group.push((batch, answer));
            }
            Ok(other) => return Some(other),
            Err(_) => return None,
        }
    }
    None
}

fn weight(batch: &Batch) -> usize {
    let rows = |step: &Step| match step {
        Step::Many { rows, .. } => rows.len(),
        _ => 1,
    };
    batch.steps.iter().map(rows).sum()
}

struct Writer {
    connection: Connection,
    /// A commit failed in the disk, and its pages may lie in the log as if it had not.
    doubtful: bool,
}

impl Writer {
    fn store(&mut self, group: Vec<(Batch, Answer)>) {
        self.settle();
        let (batches, answers): (Vec<Batch>, Vec<Answer>) = group.into_iter().unzip();
        match self.store_group(&batches) {
            Ok(each) => {
                for (answer, end) in answers.into_iter().zip(each) {
                    let _ = answer.send(end);
                }
            }
            Err(fault) => {
                for answer in answers {
                    let _ = answer.send(Err(fault.clone()));
                }
            }
        }
    }

    /// How each batch ended, or why none did.
    fn store_group(&mut self, batches: &[Batch]) -> Result<Vec<End>, StoreError> {
        if self.doubtful {
            return Err(StoreError::unavailable("a failed commit cannot be cleared from the log"));
        }
        self.command("begin immediate")?;
        let mut ends = self.apply_together(batches);
        if ends.len() < batches.len() || ends.last().is_some_and(not_done) {
            self.roll_back();
            if batches.len() == 1 {
                return Ok(ends);
            }
            self.command("begin immediate")?;
            ends = match self.apply_apart(batches) {
                Ok(ends) => ends,
                Err(fault) => {
                    self.roll_back();
                    return Err(fault);
                }
            };
        }
        self.commit()?;
        Ok(ends)
    }

    /// Up to the first that is not done. Nearly always all are, and a savepoint for each would
    /// cost half as much as the work itself.
    fn apply_together(&self, batches: &[Batch]) -> Vec<End> {
        let mut ends = Vec::with_capacity(batches.len());
        for batch in batches {
            let end = apply(&self.connection, batch);
            let stop = not_done(&end);
            ends.push(end);
            if stop {
                break;
            }
        }
        ends
    }

    /// Each under a savepoint, so that it can be rolled back alone.
    fn apply_apart(&self, batches: &[Batch]) -> Result<Vec<End>, StoreError> {
        let mut ends = Vec::with_capacity(batches.len());
        for batch in batches {
            self.command("savepoint batch")?;
            let end = apply(&self.connection, batch);
            if self.connection.is_autocommit() {
                // SQLite gives up a whole transaction for some faults of the disk.
                return Err(end.err().unwrap_or_else(|| StoreError::unavailable("rolled back")));
            }
            if not_done(&end) {
                self.command("rollback to batch")?;
            }
            self.command("release batch")?;
            ends.push(end);
        }
        Ok(ends)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let Err(fault) = self.command("commit") else { return Ok(()) };
        self.roll_back();
        // A full disk stops before the frame that makes a commit. Any other fault may come after
        // it: not seen by us, but by whoever recovers the log after a crash.
        if fault != StoreError::Full {
            self.doubtful = true;
            self.settle();
        }
        if self.doubtful { Err(StoreError::CommitUnknown) } else { Err(fault) }
    }

    /// Overwrites what a failed commit may have left at the end of the log, by the smallest
    /// transaction there is, which changes nothing.
    fn settle(&mut self) {
        if !self.doubtful {
            return;
        }
        let settled = self
            .connection
            .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
            .and_then(|number| self.connection.pragma_update(None, "user_version", number));
        match settled {
            Ok(()) => self.doubtful = false,
            Err(e) => tracing::error!(error = %from_sqlite(&e), "the log cannot be cleared"),
        }
    }

    fn roll_back(&self) {
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(fault) = self.command("rollback") {
            tracing::error!(error = %fault, "rolling back failed");
        }
    }

    fn command(&self, sql: &str) -> Result<(), StoreError> {
        let done = self.connection.prepare_cached(sql).and_then(|mut s| s.execute([]));
        done.map(drop).map_err(|e| from_sqlite(&e))
    }
}

fn not_done(end: &End) -> bool {
    !matches!(end, Ok(Outcome::Done { .. }))
}

fn apply(connection: &Connection, batch: &Batch) -> End {
    let mut fetched = Vec::new();
    for (at, step) in batch.steps.iter().enumerate() {
        match step {
            Step::Run(statement) => {
                execute(connection, statement)?;
            }
            Step::Guard(statement) => {
                if execute(connection, statement)? != 1 {
                    return Ok(Outcome::RaceLost { step: at });
                }
            }
            Step::Fetch(statement) => {
                let mut rows = Vec::new();
                let mut prepared =
                    connection.prepare_cached(&statement.sql).map_err(|e| from_sqlite(&e))?;
                each_row(&mut prepared, &statement.args, |row| {
                    rows.push(row);
                    Ok(())
                })?;
                fetched.push(rows);
            }
            Step::Many { sql, rows } => {
                let mut prepared = connection.prepare_cached(sql).map_err(|e| from_sqlite(&e))?;
                for row in rows {
                    prepared.execute(params_from_iter(row)).map_err(|e| from_sqlite(&e))?;
                }
            }
        }
    }
    Ok(Outcome::Done { fetched })
}

fn execute(connection: &Connection, statement: &Statement) -> Result<usize, StoreError> {
    let mut prepared = connection.prepare_cached(&statement.sql).map_err(|e| from_sqlite(&e))?;
    prepared.execute(params_from_iter(&statement.args)).map_err(|e| from_sqlite(&e))
}

#[cfg(test)]
mod tests;
