//! What is asked of the database: statements, and batches of steps that stand or fall together.
//!
//! Must not: know an engine. The SQL is one text for both (see `db.rs`).

use std::borrow::Cow;

use super::{Row, Value};

/// One SQL text with its arguments, `?1` being the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) args: Vec<Value>,
}

impl Statement {
    /// A statement with arguments; see [`values!`](crate::values).
    ///
    /// Texts are prepared once and kept, so build them from a closed set: never put a value in.
    pub fn new(sql: impl Into<Cow<'static, str>>, args: impl Into<Vec<Value>>) -> Self {
        Self { sql: sql.into(), args: args.into() }
    }
}

/// One step of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Does its work, however many rows that changes. Must not return rows.
    Run(Statement),
    /// Must change exactly one row, else the whole batch is rolled back as
    /// [`Outcome::RaceLost`]. Guards come first: where the race is lost, a step before the guard
    /// may already fail, and that error is what the caller learns.
    Guard(Statement),
    /// As `Run`, and its rows (`returning`) are in the outcome.
    Fetch(Statement),
    /// The same statement for many rows. Fast for
    /// `insert into t (..) values (?1, .., ?n) [on conflict ..]` and for
    /// `update t set a = ?1 .. where b = ?n ..`; two rows of one such insert must not meet in the
    /// same key of `on conflict .. do update`, which PostgreSQL refuses, nor two of one such update
    /// in the same row of the table.
    Many {
        /// The statement.
        sql: Cow<'static, str>,
        /// Its arguments, row by row.
        rows: Vec<Vec<Value>>,
    },
}

/// Steps that are stored all together or not at all.
///
/// Statements are prepared before the first is run, so none can use a table that another makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub(crate) steps: Vec<Step>,
}

impl Batch {
    /// A batch without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a statement.
    pub fn run(&mut self, sql: impl Into<Cow<'static, str>>, args: impl Into<Vec<Value>>) {
        self.push(Step::Run(Statement::new(sql, args)));
    }

    /// Adds a statement that must change exactly one row.
    pub fn guard(&mut self, sql: impl Into<Cow<'static, str>>, args: impl Into<Vec<Value>>) {
        self.push(Step::Guard(Statement::new(sql, args)));
    }

    /// Adds a statement whose rows are wanted.
    pub fn fetch(&mut self, sql: impl Into<Cow<'static, str>>, args: impl Into<Vec<Value>>) {
        self.push(Step::Fetch(Statement::new(sql, args)));
    }

    /// Adds one statement for many rows.
    pub fn many(&mut self, sql: impl Into<Cow<'static, str>>, rows: Vec<Vec<Value>>) {
        self.push(Step::Many { sql: sql.into(), rows });
    }

    /// Adds a step.
    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The steps, in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl From<Vec<Step>> for Batch {
    fn from(steps: Vec<Step>) -> Self {
        Self { steps }
    }
}

/// How a batch ended that met no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stored, and on the disk.
    Done {
        /// The rows of each [`Step::Fetch`], in their order.
        fetched: Vec<Vec<Row>>,
    },
    /// A guard did not change exactly one row; nothing of the batch is stored.
    RaceLost {
        /// The position of the guard in the batch.
        step: usize,
    },
}
