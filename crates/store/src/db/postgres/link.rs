//! Connections to PostgreSQL: how they are made, and how they go back to the pool.
//!
//! Must not: give a connection back with a transaction open on it, or call a commit failed of
//! which it does not know.

use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, Error, NoTls};

use super::Failed;
use super::fault::surely_rolled_back;
use crate::StoreError;

const CONNECTIONS: usize = 16;

/// How long to wait for a connection, and for the answer to a commit.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const COMMIT_PATIENCE: Duration = Duration::from_secs(15);

/// A commit must be on the disk whatever the server's default; a node that hangs in the middle
/// of a transaction must not keep the others from the rows that it has locked.
const SESSION: &str = "set idle_in_transaction_session_timeout = '30s'; set lock_timeout = '10s'; \
     select set_config('synchronous_commit', 'on', false) \
     where current_setting('synchronous_commit') = 'off'";

pub(super) fn pool(url: &str) -> Result<Pool, StoreError> {
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_config(config(url)?, NoTls, manager))
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECT_PATIENCE))
        .create_timeout(Some(CONNECT_PATIENCE))
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
        }))
        .build()
        .map_err(|e| StoreError::unavailable(e.to_string()))
}

pub(super) fn config(url: &str) -> Result<Config, StoreError> {
    let mut config: Config = url.parse().map_err(|e: Error| {
        let cause = std::error::Error::source(&e).map_or_else(String::new, ToString::to_string);
        StoreError::setting(format!(
            "the PostgreSQL connection string cannot be used ({cause}); \
             of sslmode only disable and prefer are known"
        ))
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(StoreError::setting(
            "sslmode=require is asked for, but connections to PostgreSQL are not encrypted: \
             use a Unix socket, the loopback address or a tunnel, and sslmode=disable",
        ));
    }
    config.ssl_mode(SslMode::Disable);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_PATIENCE);
    }
    if config.get_application_name().is_none() {
        config.application_name("claviger");
    }
    config.keepalives_idle(COMMIT_PATIENCE);
    config.keepalives_interval(CONNECT_PATIENCE);
    config.keepalives_retries(3);
    config.tcp_user_timeout(COMMIT_PATIENCE);
    Ok(config)
}

/// A connection out of the pool. It goes back only when it is known to be between transactions;
/// dropped at any other moment it is closed, and the server rolls back what was open.
pub(super) struct Lease {
    /// None only after it went back.
    object: Option<Object>,
}

impl Lease {
    pub(super) fn new(object: Object) -> Self {
        Self { object: Some(object) }
    }

    pub(super) fn client(&self) -> Result<&ClientWrapper, StoreError> {
        self.object.as_deref().ok_or_else(|| StoreError::unavailable("the connection is gone"))
    }

    pub(super) fn give_back(mut self) {
        self.object = None;
    }

    /// Commits. What PostgreSQL itself calls failed is not stored; of anything else we do not know.
    pub(super) async fn commit(self) -> Result<(), Failed> {
        let commit = self.client()?.batch_execute("commit");
        match tokio::time::timeout(COMMIT_PATIENCE, commit).await {
            Ok(Ok(())) => {
                self.give_back();
                Ok(())
            }
            Ok(Err(e)) if surely_rolled_back(&e) => {
                self.give_back();
                Err(e.into())
            }
            Ok(Err(_)) | Err(_) => Err(StoreError::CommitUnknown.into()),
        }
    }

    /// Rolls back; when that fails, the end of the connection does.
    pub(super) async fn roll_back(self) {
        let Ok(client) = self.client() else { return };
        let ended = tokio::time::timeout(COMMIT_PATIENCE, client.batch_execute("rollback")).await;
        if matches!(ended, Ok(Ok(()))) {
            self.give_back();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}
