//! The PostgreSQL engine: a pool of connections, statements prepared once per connection, and two
//! round trips a transaction: all steps together, then the commit.
//!
//! Must not: give a connection back to the pool with a transaction open on it, or call a commit
//! failed of which it does not know.

pub(super) mod claim;
mod fault;
mod link;
mod many;
mod rewrite;
mod wire;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Pool};
use futures_util::StreamExt;
use tokio_postgres::{Error, Statement as Prepared};

use self::fault::{from_pool, from_postgres, may_retry};
use self::link::Lease;
use self::many::{Brought, Requests};
use self::rewrite::Texts;
use self::wire::{Sent, names, row_of};
use super::{Batch, NextMigration, Outcome, Row, Statement, Step};
use crate::StoreError;
use crate::migrate;

pub(super) const HAS_TABLE: &str = "select table_name from information_schema.tables \
     where table_schema = current_schema() and table_name = ?1";

const OLDEST: (u32, &str) = (140_000, "14");
const PREPARED: usize = 1_000;
const ATTEMPTS: u32 = 4;

/// How long to wait for the steps of a transaction, or for the next row.
const STEPS_PATIENCE: Duration = Duration::from_secs(30);

/// Any fixed number: whoever migrates holds this advisory lock.
const MIGRATION_LOCK: i64 = 0x0c1a_716e;

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    numbered: Arc<Texts>,
    unnested: Arc<Texts>,
}

/// Why an attempt failed, and whether the next may succeed.
struct Failed {
    error: StoreError,
    again: bool,
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self { error, again: false }
    }
}

/// Before the commit nothing is stored.
impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { again: may_retry(&error), error: from_postgres(&error) }
    }
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let pool = link::pool(url)?;
        let engine = Self { pool, numbered: Arc::default(), unnested: Arc::default() };
        engine.check_server().await?;
        Ok(engine)
    }

    async fn check_server(&self) -> Result<(), StoreError> {
        let settings = "select current_setting('server_version_num'), \
             current_setting('server_version'), current_setting('server_encoding'), \
             current_setting('fsync')";
        let lease = self.lease().await?;
        let row = lease.client()?.query_one(settings, &[]).await.map_err(|e| from_postgres(&e))?;
        lease.give_back();
        let setting = |at: usize| row.try_get::<_, String>(at).map_err(|e| from_postgres(&e));
        if setting(0)?.parse::<u32>().is_ok_and(|number| number < OLDEST.0) {
            return Err(StoreError::TooOld {
                engine: "PostgreSQL",
                found: setting(1)?,
                needed: OLDEST.1,
                why: "",
            });
        }
        let encoding = setting(2)?;
        if encoding != "UTF8" {
            let reason = format!(
                "the PostgreSQL database has the encoding {encoding}: make one with encoding UTF8"
            );
            return Err(StoreError::Setting { reason });
        }
        if setting(3)? == "off" {
            tracing::warn!("PostgreSQL runs with fsync = off: a power cut can lose or damage data");
        }
        Ok(())
    }

    pub(super) fn close(self) {
        self.pool.close();
    }

    async fn lease(&self) -> Result<Lease, StoreError> {
        let object = self.pool.get().await.map_err(from_pool)?;
        if object.statement_cache.size() > PREPARED {
            object.statement_cache.clear();
        }
        Ok(Lease::new(object))
    }

    async fn prepare(&self, client: &ClientWrapper, sql: &str) -> Result<Prepared, Error> {
        let text = self.numbered.get(sql, |sql| Some(rewrite::numbered(sql)));
        client.prepare_cached(text.as_deref().unwrap_or(sql)).await
    }

    pub(super) async fn scan<T, F>(
        &self,
        statements: Vec<Statement>,
        start: T,
        mut each: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut T, usize, Row) -> Result<(), StoreError> + Send + 'static,
    {
        let (mut state, mut attempt, mut seen) = (start, 0, false);
        loop {
            attempt += 1;
            let mut visit = |at, row| {
                seen = true;
                each(&mut state, at, row)
            };
            match self.try_scan(&statements, &mut visit).await {
                Ok(()) => return Ok(state),
                // Rows that were handed over cannot be taken back.
                Err(failed) if seen || !failed.again || attempt >= ATTEMPTS => {
                    return Err(failed.error);
                }
                Err(_) => {}
            }
        }
    }

    async fn try_scan(
        &self,
        statements: &[Statement],
        each: &mut (impl FnMut(usize, Row) -> Result<(), StoreError> + Send),
    ) -> Result<(), Failed> {
        let lease = self.lease().await?;
        let client = lease.client()?;
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            prepared.push(self.prepare(client, &statement.sql).await?);
        }
        let several = statements.len() > 1;
        let begin = "begin isolation level repeatable read read only";
        let begun = Sent::launch(control(client, several, begin)).await;
        let mut sent = Vec::with_capacity(statements.len());
        for (statement, prepared) in statements.iter().zip(&prepared) {
            sent.push(Sent::launch(client.query_raw(prepared, &statement.args)).await);
        }
        let ended = Sent::launch(control(client, several, "commit")).await;
        begun.answer().await?;
        for (at, (answer, prepared)) in sent.into_iter().zip(&prepared).enumerate() {
            let names = names(prepared);
            let answer = async { Ok(answer.answer().await?) };
            let mut rows = pin!(in_time(STEPS_PATIENCE, answer).await?);
            while let Some(row) = in_time(STEPS_PATIENCE, async { Ok(rows.next().await) }).await? {
                each(at, row_of(&row?, &names)?)?;
            }
        }
        ended.answer().await?;
        lease.give_back();
        Ok(())
    }

    pub(super) async fn write(&self, batch: Batch) -> Result<Outcome, StoreError> {
        if batch.is_empty() {
            return Ok(Outcome::Done { fetched: Vec::new() });
        }
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.try_write(&batch).await {
                Ok(outcome) => return Ok(outcome),
                Err(failed) if !failed.again || attempt >= ATTEMPTS => return Err(failed.error),
                Err(_) => {}
            }
        }
    }

    async fn try_write(&self, batch: &Batch) -> Result<Outcome, Failed> {
        let lease = self.lease().await?;
        let outcome = in_time(STEPS_PATIENCE, self.steps(lease.client()?, batch)).await;
        match &outcome {
            Ok(Outcome::Done { .. }) => lease.commit().await?,
            Ok(Outcome::RaceLost { .. }) => lease.roll_back().await,
            Err(failed) => {
                if failed.again {
                    // Its statements may have been prepared for an older schema.
                    lease.client()?.statement_cache.clear();
                }
                lease.roll_back().await;
            }
        }
        outcome
    }

    /// Sends all steps at once and reads what they brought, in their order.
    async fn steps(&self, client: &ClientWrapper, batch: &Batch) -> Result<Outcome, Failed> {
        let mut plan = Vec::with_capacity(batch.steps.len());
        for step in &batch.steps {
            plan.push(self.plan(client, step).await?);
        }
        let begin = "begin isolation level read committed read write";
        let begun = Sent::launch(client.batch_execute(begin)).await;
        let mut sent = Vec::with_capacity(plan.len());
        for (at, requests) in plan.iter().enumerate() {
            requests.launch(client, at, &mut sent).await;
        }
        begun.answer().await?;
        let mut fetched = Vec::new();
        for (at, answer) in sent {
            match (answer.answer().await?, batch.steps.get(at)) {
                (Brought::Changed(1), _) => {}
                // What was sent after it is of no account, not even when it failed.
                (Brought::Changed(_), Some(Step::Guard(_))) => {
                    return Ok(Outcome::RaceLost { step: at });
                }
                (Brought::Changed(_), _) => {}
                (Brought::Rows(rows), _) => fetched.push(rows),
            }
        }
        Ok(Outcome::Done { fetched })
    }

    async fn plan<'a>(
        &self,
        client: &ClientWrapper,
        step: &'a Step,
    ) -> Result<Requests<'a>, Failed> {
        match step {
            Step::Run(statement) | Step::Guard(statement) => {
                let prepared = self.prepare(client, &statement.sql).await?;
                Ok(Requests::One { prepared, args: &statement.args })
            }
            Step::Fetch(statement) => {
                let prepared = self.prepare(client, &statement.sql).await?;
                Ok(Requests::Fetch { prepared, args: &statement.args })
            }
            Step::Many { sql, rows } => self.plan_many(client, sql, rows).await,
        }
    }

    pub(super) async fn migrate_once(&self, next: NextMigration) -> Result<bool, StoreError> {
        let lease = self.lease().await?;
        let applied = self.try_migrate(lease.client()?, next).await;
        match applied {
            Ok(true) => lease.commit().await.map_err(|failed| failed.error)?,
            Ok(false) | Err(_) => lease.roll_back().await,
        }
        applied.map_err(|failed| failed.error)
    }

    /// All but the commit of [`Postgres::migrate_once`].
    async fn try_migrate(
        &self,
        client: &ClientWrapper,
        next: NextMigration,
    ) -> Result<bool, Failed> {
        let begin = format!(
            "begin; set local lock_timeout = 0; set local statement_timeout = 0; \
             set local client_min_messages = warning; \
             select pg_advisory_xact_lock({MIGRATION_LOCK}); {}",
            migrate::CREATE_HISTORY
        );
        client.batch_execute(&begin).await?;
        let prepared = client.prepare(migrate::READ_HISTORY).await?;
        let names = names(&prepared);
        let mut history = Vec::new();
        for row in client.query(&prepared, &[]).await? {
            history.push(migrate::Applied::from_row(&row_of(&row, &names)?)?);
        }
        let Some(migration) = next(&history)? else { return Ok(false) };
        client.batch_execute(&migration.script(super::Engine::Postgres)?).await?;
        let mark = migration.mark();
        let prepared = self.prepare(client, &mark.sql).await?;
        client.execute_raw(&prepared, &mark.args).await?;
        Ok(true)
    }
}

/// Begins or ends a transaction where there is one.
async fn control(client: &ClientWrapper, wanted: bool, sql: &str) -> Result<(), Error> {
    if wanted { client.batch_execute(sql).await } else { Ok(()) }
}

async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done,
        Err(_) => Err(StoreError::unavailable("PostgreSQL does not answer").into()),
    }
}
