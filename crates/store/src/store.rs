//! The store: an open database with its schema up to date, and the secrets its rows are sealed
//! with.
//!
//! Must not decide anything, keep state between calls, or read a clock: instants are arguments.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::{Db, Location, Secrets, StoreError, migrate};

/// Everything the server keeps. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) db: Db,
    secrets: Arc<Secrets>,
    /// Whether something was erased whose bytes are still in the files.
    pub(crate) erased: Arc<AtomicBool>,
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// As [`Db::open`] and [`migrate::run`].
    pub async fn open(location: &Location, secrets: Arc<Secrets>) -> Result<Store, StoreError> {
        let db = Db::open(location).await?;
        Store::over(db, secrets).await
    }

    /// A store over a database that is open already; brings its schema up to date.
    ///
    /// # Errors
    /// As [`migrate::run`].
    pub async fn over(db: Db, secrets: Arc<Secrets>) -> Result<Store, StoreError> {
        migrate::run(&db).await?;
        // What was erased before the program ended may be in the files.
        Ok(Store { db, secrets, erased: Arc::new(AtomicBool::new(true)) })
    }

    /// The database, for what the store has no words for (backup, wiping the log, schema number).
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The keys that rows are sealed with.
    #[must_use]
    pub fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }

    /// Ends this store and its clones, after what was handed over is done.
    pub async fn close(self) {
        self.db.close().await;
    }
}
