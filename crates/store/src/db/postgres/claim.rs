//! One server per PostgreSQL database: an advisory lock held by a connection of its own, which ends
//! with the process.
//!
//! Must not wait for the lock: whoever has it keeps it for life.

use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

use super::fault::from_postgres;
use super::link;
use crate::StoreError;

/// Any fixed number, beside which stands the schema's name: two schemas are two databases.
const TRY: &str = "select pg_try_advisory_lock(202311, hashtext(coalesce(current_schema(), '')))";

/// How long to wait for a connection and for each answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The database as this process's own.
pub(crate) struct Claim {
    config: Config,
    /// None while the connection is lost.
    client: Option<Client>,
}

impl Claim {
    /// Takes the database, or says that somebody has it.
    pub(crate) async fn take(url: &str) -> Result<Claim, StoreError> {
        let config = link::config(url)?;
        let client = locked(&config).await?;
        Ok(Claim { config, client: Some(client) })
    }

    /// Takes the database again if the connection that held it was lost.
    ///
    /// # Errors
    /// [`StoreError::Claimed`] when somebody else has it by now; otherwise it is not known.
    pub(crate) async fn renew(&mut self) -> Result<(), StoreError> {
        if let Some(client) = &self.client {
            // A connection that only died on the way is found out by using it.
            let alive = tokio::time::timeout(PATIENCE, client.batch_execute("select 1")).await;
            if matches!(alive, Ok(Ok(()))) {
                return Ok(());
            }
            self.client = None;
        }
        self.client = Some(locked(&self.config).await?);
        Ok(())
    }
}

async fn locked(config: &Config) -> Result<Client, StoreError> {
    let late = |_| StoreError::unavailable("PostgreSQL does not answer");
    let connected = tokio::time::timeout(PATIENCE, config.connect(NoTls)).await.map_err(late)?;
    let (client, connection) = connected.map_err(|e| from_postgres(&e))?;
    // Ends when the client is dropped or the connection is lost.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection that claims the database ended");
        }
    });
    let asked = tokio::time::timeout(PATIENCE, client.query_one(TRY, &[])).await.map_err(late)?;
    let row = asked.map_err(|e| from_postgres(&e))?;
    if row.try_get(0).map_err(|e| from_postgres(&e))? {
        Ok(client)
    } else {
        Err(StoreError::Claimed)
    }
}
