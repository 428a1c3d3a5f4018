//! The database: one type over two engines, the only module that knows there are two.
//!
//! SQL is one text for both. Parameters are `?1`, `?2`; types are `bigint`, `text` and one type of
//! byte string; an upsert is `on conflict .. do update .. returning`. No `now()`, no serials, no
//! ordering by text; a `sum` of `bigint` wants `cast(.. as bigint)`; a bare `select ?1` wants a
//! cast too, because only a column or an operator gives a parameter its type. No constraint is
//! `deferred`: what fails at the commit fails for all batches that share it.
//!
//! Must not: know a table but that of the migrations, retry a lost race, or read a clock for
//! anything but its own patience.

mod batch;
mod postgres;
mod sqlite;
#[cfg(test)]
pub(crate) use sqlite::planned;
mod value;

use std::path::PathBuf;

pub use batch::{Batch, Outcome, Statement, Step};
pub use value::{Row, Value};

use crate::StoreError;
use crate::migrate::{Applied, Migration};

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file, made when missing; its folder must exist.
    Sqlite(PathBuf),
    /// A PostgreSQL connection string, as URL or as `key=value` words.
    Postgres(String),
}

/// Shows no password: a connection string may hold one.
impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Location::Postgres(_) => f.write_str("Postgres(..)"),
        }
    }
}

/// Which engine is behind a [`Db`], for words to the operator and for `pg_notify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in this process.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// An open database. Clones share it.
///
/// Dropping the future of a call does not undo it: a batch that was handed over may be stored.
#[derive(Clone)]
pub struct Db {
    inner: Inner,
}

/// The futures of PostgreSQL are boxed: kilobytes each, they would be a part of every future above
/// that may touch the database, and be moved with it on every request.
#[derive(Clone)]
enum Inner {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Db {
    /// Opens the database and checks that the engine can be trusted with it. Runs no migration.
    ///
    /// # Errors
    /// [`StoreError::TooOld`] and [`StoreError::Setting`] say what the operator must change;
    /// otherwise as for any call.
    pub async fn open(location: &Location) -> Result<Db, StoreError> {
        let inner = match location {
            Location::Sqlite(path) => Inner::Sqlite(sqlite::Sqlite::open(path.clone()).await?),
            Location::Postgres(url) => Inner::Postgres(postgres::Postgres::open(url).await?),
        };
        Ok(Db { inner })
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// The rows of one statement, which sees one state of the database.
    ///
    /// # Errors
    /// Any [`StoreError`] but those of writing.
    pub async fn read(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.scan(vec![statement], Vec::new(), |rows, _, row| {
            rows.push(row);
            Ok(())
        })
        .await
    }

    /// The rows of several statements that all see the same state of the database.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn snapshot(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        let start = vec![Vec::new(); statements.len()];
        self.scan(statements, start, |answers, at, row| {
            if let Some(rows) = answers.get_mut(at) {
                rows.push(row);
            }
            Ok(())
        })
        .await
    }

    /// As [`Db::snapshot`], but each row is handed to `each` as it comes, with the position of its
    /// statement, so that a million rows need not be held at once. An error of `each` ends it.
    ///
    /// # Errors
    /// As [`Db::read`], and those of `each`.
    pub async fn scan<T, F>(
        &self,
        statements: Vec<Statement>,
        start: T,
        each: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut T, usize, Row) -> Result<(), StoreError> + Send + 'static,
    {
        match &self.inner {
            Inner::Sqlite(engine) => engine.scan(statements, start, each).await,
            Inner::Postgres(engine) => Box::pin(engine.scan(statements, start, each)).await,
        }
    }

    /// Stores a batch, all of it or nothing. What is answered as done is on the disk.
    ///
    /// # Errors
    /// Nothing is stored, but for [`StoreError::CommitUnknown`].
    pub async fn write(&self, batch: Batch) -> Result<Outcome, StoreError> {
        match &self.inner {
            Inner::Sqlite(engine) => engine.write(batch).await,
            Inner::Postgres(engine) => Box::pin(engine.write(batch)).await,
        }
    }

    /// Makes bytes that were deleted or overwritten vanish from the files of SQLite, whose log
    /// otherwise holds them until it wraps; PostgreSQL's vacuum is its operator's. Waits for reads
    /// under way.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when a read under way lasts too long.
    pub async fn wipe_log(&self) -> Result<(), StoreError> {
        match &self.inner {
            Inner::Sqlite(engine) => engine.wipe_log().await,
            Inner::Postgres(_) => Ok(()),
        }
    }

    /// Ends the database for this and all clones, after what was handed over is done.
    pub async fn close(self) {
        match self.inner {
            Inner::Sqlite(engine) => engine.close().await,
            Inner::Postgres(engine) => engine.close(),
        }
    }

    /// Whether a table exists.
    pub(crate) async fn has_table(&self, name: &'static str) -> Result<bool, StoreError> {
        let sql = match self.inner {
            Inner::Sqlite(_) => sqlite::HAS_TABLE,
            Inner::Postgres(_) => postgres::HAS_TABLE,
        };
        Ok(!self.read(Statement::new(sql, [name.into()])).await?.is_empty())
    }

    /// Applies the migration that `next` picks from what was applied before, alone in the
    /// database, in one transaction. False when it picks none.
    pub(crate) async fn migrate_once(&self, next: NextMigration) -> Result<bool, StoreError> {
        match &self.inner {
            Inner::Sqlite(engine) => engine.migrate_once(next).await,
            Inner::Postgres(engine) => engine.migrate_once(next).await,
        }
    }
}

/// A database as one process's own. The folder lock keeps a second one from a SQLite file; a
/// PostgreSQL database can be reached from other folders, and is claimed by itself.
pub struct Claim {
    inner: Option<postgres::claim::Claim>,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claim(..)")
    }
}

impl Claim {
    /// Takes the database for as long as this lives.
    ///
    /// # Errors
    /// [`StoreError::Claimed`] when another process has it; otherwise as for opening it.
    pub async fn take(location: &Location) -> Result<Claim, StoreError> {
        let inner = match location {
            Location::Sqlite(_) => None,
            Location::Postgres(url) => Some(postgres::claim::Claim::take(url).await?),
        };
        Ok(Claim { inner })
    }

    /// Takes the database again if the connection that held it was lost.
    ///
    /// # Errors
    /// [`StoreError::Claimed`] when another process took it meanwhile; any other error leaves it
    /// open whether this one has it.
    pub async fn renew(&mut self) -> Result<(), StoreError> {
        match &mut self.inner {
            None => Ok(()),
            Some(claim) => claim.renew().await,
        }
    }
}

/// Picks the migration to apply from those applied, or refuses them.
type NextMigration = fn(&[Applied]) -> Result<Option<&'static Migration>, StoreError>;
