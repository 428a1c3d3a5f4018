//! The SQLite engine: one writer thread that groups batches, a few reader threads.
//!
//! Must not: let two writes run at once, answer before the commit, or block an async thread.

mod fault;
mod planner;
mod reader;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use self::fault::from_sqlite;
use super::{Batch, NextMigration, Outcome, Row, Statement, Value};
use crate::StoreError;
use crate::migrate;

pub(super) const HAS_TABLE: &str =
    "select name from sqlite_schema where type = 'table' and name = ?1";

/// Older ones can lose committed pages in WAL mode.
const OLDEST: (i32, &str) = (3_051_003, "3.51.3");

/// How long another process (a backup, the `sqlite3` shell) may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);

const PREPARED: usize = 512;

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;
type WriteJob = Box<dyn FnOnce(&mut Connection) + Send>;

enum ReaderJob {
    Do(ReadJob),
    Stop,
}

enum WriterJob {
    Write { batch: Batch, answer: oneshot::Sender<Result<Outcome, StoreError>> },
    Alone(WriteJob),
    Stop,
}

#[derive(Clone)]
pub(super) struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    writer: Sender<WriterJob>,
    reader: Sender<ReaderJob>,
    closed: AtomicBool,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    readers: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Sqlite {
    pub(super) async fn open(path: PathBuf) -> Result<Self, StoreError> {
        check_version(rusqlite::version_number(), rusqlite::version())?;
        tokio::task::spawn_blocking(move || Self::start(&path))
            .await
            .map_err(|e| StoreError::unavailable(e.to_string()))?
    }

    fn start(path: &Path) -> Result<Self, StoreError> {
        create_private(path)?;
        let writer_connection = connect(path, Role::Writer)?;
        let readers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
        let (reader, read_jobs) = mpsc::channel();
        let read_jobs = Arc::new(Mutex::new(read_jobs));
        let mut threads = Threads::default();
        for n in 0..readers {
            let connection = connect(path, Role::Reader)?;
            let jobs = Arc::clone(&read_jobs);
            let handle =
                spawn(format!("store-reader-{n}"), move || reader::run(&connection, &jobs));
            threads.readers.push(handle?);
        }
        let (writer, write_jobs) = mpsc::channel();
        let handle =
            spawn("store-writer".to_owned(), move || writer::run(writer_connection, &write_jobs));
        threads.writer = Some(handle?);
        let shared =
            Shared { writer, reader, closed: AtomicBool::new(false), threads: Mutex::new(threads) };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(super) async fn scan<T, F>(
        &self,
        statements: Vec<Statement>,
        start: T,
        each: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut T, usize, Row) -> Result<(), StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| {
            let _ = answer.send(reader::scan(connection, statements, start, each));
        });
        self.shared.open()?;
        self.shared.reader.send(ReaderJob::Do(job)).map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(StoreError::unavailable("the read was given up")))
    }

    pub(super) async fn write(&self, batch: Batch) -> Result<Outcome, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.shared.open()?;
        self.shared.writer.send(WriterJob::Write { batch, answer }).map_err(|_| closed())?;
        // The writer answers whatever it took; silence means that it died with the batch in hand.
        answered.await.unwrap_or(Err(StoreError::CommitUnknown))
    }

    pub(super) async fn wipe_log(&self) -> Result<(), StoreError> {
        self.alone(|connection| {
            let busy: i64 = connection
                .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))
                .map_err(|e| from_sqlite(&e))?;
            if busy == 0 { Ok(()) } else { Err(StoreError::unavailable("a read lasts too long")) }
        })
        .await
    }

    pub(super) async fn migrate_once(&self, next: NextMigration) -> Result<bool, StoreError> {
        self.alone(move |connection| migrate_once(connection, next)).await
    }

    /// Runs `work` on the writer's connection, outside any group.
    async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: WriteJob = Box::new(move |connection| {
            let _ = answer.send(work(connection));
        });
        self.shared.open()?;
        self.shared.writer.send(WriterJob::Alone(job)).map_err(|_| closed())?;
        answered.await.unwrap_or(Err(StoreError::CommitUnknown))
    }

    pub(super) async fn close(self) {
        let shared = self.shared;
        shared.closed.store(true, Ordering::SeqCst);
        let threads =
            std::mem::take(&mut *shared.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = tokio::task::spawn_blocking(move || {
            for _ in &threads.readers {
                let _ = shared.reader.send(ReaderJob::Stop);
            }
            // The writer ends last: the last connection empties the log into the file.
            for thread in threads.readers {
                let _ = thread.join();
            }
            let _ = shared.writer.send(WriterJob::Stop);
            threads.writer.map(JoinHandle::join)
        });
        if let Err(e) = ended.await {
            tracing::error!(error = %e, "the store's threads did not end");
        }
    }
}

impl Shared {
    fn open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::SeqCst) { Err(closed()) } else { Ok(()) }
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the store is closed")
}

fn check_version(number: i32, text: &str) -> Result<(), StoreError> {
    if number >= OLDEST.0 {
        return Ok(());
    }
    Err(StoreError::TooOld {
        engine: "SQLite",
        found: text.to_owned(),
        needed: OLDEST.1,
        why: ", because older ones can lose committed data in WAL mode",
    })
}

/// SQLite would make the file readable by everyone; its log files take over its mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map(drop).map_err(|e| StoreError::io(path, &e))
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = std::thread::Builder::new().name(name).spawn(work);
    thread.map_err(|e| StoreError::unavailable(format!("no thread: {e}")))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
    Reader,
}

fn connect(path: &Path, role: Role) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|e| StoreError::file(path, fault::words(&e)))?;
    let mode = set_up(&connection, role).map_err(|e| match from_sqlite(&e) {
        StoreError::Corrupt { what } => StoreError::file(path, what),
        other => other,
    })?;
    if mode != "wal" {
        return Err(StoreError::file(path, "its file system cannot hold a SQLite WAL log"));
    }
    Ok(connection)
}

/// Gives the journal mode that SQLite settled on.
fn set_up(connection: &Connection, role: Role) -> rusqlite::Result<String> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Savepoints and sorts would otherwise write to files outside the data folder.
    connection.pragma_update(None, "temp_store", "memory")?;
    match role {
        Role::Writer => {
            connection.pragma_update(None, "cache_size", -32_768)?;
            // A log that once grew big gives its room back at the next checkpoint.
            connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        }
        Role::Reader => connection.pragma_update(None, "query_only", true)?,
    }
    Ok(mode)
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Value::Null => ValueRef::Null,
            Value::Int(n) => ValueRef::Integer(*n),
            Value::Text(text) if text.contains('\0') => {
                return Err(rusqlite::Error::ToSqlConversionFailure(Box::new(StoreError::nul())));
            }
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

fn migrate_once(connection: &mut Connection, next: NextMigration) -> Result<bool, StoreError> {
    let failed = |e: rusqlite::Error| from_sqlite(&e);
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(failed)?;
    transaction.execute_batch(migrate::CREATE_HISTORY).map_err(failed)?;
    let mut history = Vec::new();
    reader::each_row(
        &mut transaction.prepare(migrate::READ_HISTORY).map_err(failed)?,
        &[],
        |row| {
            history.push(migrate::Applied::from_row(&row)?);
            Ok(())
        },
    )?;
    let Some(migration) = next(&history)? else {
        planner::tell(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        return Ok(false);
    };
    let script = migration.script(super::Engine::Sqlite)?;
    transaction.execute_batch(&script).map_err(failed)?;
    let mark = migration.mark();
    transaction.execute(&mark.sql, rusqlite::params_from_iter(&mark.args)).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(true)
}

/// An empty database with the whole schema, whose planner was told what any is.
#[cfg(test)]
pub(crate) fn planned() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(migrate::CREATE_HISTORY).unwrap();
    for script in migrate::scripts(super::Engine::Sqlite) {
        connection.execute_batch(&script).unwrap();
    }
    let transaction = connection.transaction().unwrap();
    planner::tell(&transaction).unwrap();
    transaction.commit().unwrap();
    connection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused() {
        assert_eq!(check_version(3_051_003, "3.51.3"), Ok(()));
        let refused = check_version(3_051_002, "3.51.2").unwrap_err();
        assert!(refused.to_string().starts_with("SQLite 3.51.2 is too old: 3.51.3"), "{refused}");
    }
}
