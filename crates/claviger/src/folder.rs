//! The data folder: what is in it, whose it is, and opening what it keeps.
//!
//! Must not touch a folder that holds anything but Claviger's own files.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use claviger_app::{Claim, Db, FolderLock, Location, Secrets, Store, StoreError};
use claviger_app::{is_half_restored, schema_number};

use crate::config::Config;
use crate::exit::Failure;
use crate::socket;

/// How long a command waits for another that has the folder.
const PATIENCE: Duration = Duration::from_secs(10);
/// The files that tell a data folder from others.
const MARKS: [&str; 2] = [LOCK, DATABASE];
const LOCK: &str = "server.lock";
const DATABASE: &str = "claviger.db";
const SECRETS: &str = "secrets";
/// Says that the folder's data is in a database elsewhere; its address, which may hold a password,
/// is not noted.
const ELSEWHERE: &str = "elsewhere";
const POSTGRESQL: &str = "postgresql\n";
/// How such data is reached.
const BY_URL: &str = "give --database-url, or CLAVIGER_DATABASE_URL";
const EPOCHS: &str = "epochs";

/// A data folder and the database that goes with it.
#[derive(Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    secret_file: PathBuf,
    database: Location,
    /// Whether a database that is not there must not be made.
    is_made: bool,
}

/// What a folder keeps, open; nobody else has it.
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// Held until the store is closed.
    pub(crate) lock: FolderLock,
    /// The same for a database that is not in the folder.
    pub(crate) claim: Claim,
}

impl Folder {
    /// The folder the settings name; touches nothing.
    pub(crate) fn of(config: &Config) -> Folder {
        let path = config.data.clone();
        let own = path.join(SECRETS);
        let database = match &config.database_url {
            Some(url) => Location::Postgres(url.clone()),
            None => Location::Sqlite(path.join(DATABASE)),
        };
        let secret_file = config.secret_file.clone().unwrap_or(own);
        Folder { secret_file, path, database, is_made: false }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the keys are.
    pub(crate) fn secret_file(&self) -> &Path {
        &self.secret_file
    }

    /// Where mails wait for the operator.
    pub(crate) fn outbox(&self) -> PathBuf {
        self.path.join("outbox")
    }

    /// Where the epochs of locks with no network are noted, beside the database.
    pub(crate) fn epochs(&self) -> PathBuf {
        self.path.join(EPOCHS)
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> &Location {
        &self.database
    }

    /// Makes the folder where it is missing or empty.
    ///
    /// # Errors
    /// It is not a folder, or holds something else.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        if self.names()?.is_none() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
            return made.map_err(|error| Failure::file(&self.path, &error));
        }
        if self.is_ours()? || self.is_empty()? {
            return Ok(());
        }
        Err(self.foreign())
    }

    /// The folder, for who makes nothing in it: refuses one that is not there or not Claviger's,
    /// and later, where no server has it, one without a database.
    ///
    /// # Errors
    /// As it says.
    pub(crate) fn must_be_there(mut self) -> Result<Folder, Failure> {
        if self.names()?.is_some() && !self.is_empty()? && !self.is_ours()? {
            return Err(self.foreign());
        }
        if self.is_ours()? {
            self.is_made = true;
            return Ok(self);
        }
        let path = self.path.display();
        Err(Failure::new(format!(
            "there is no Claviger data folder at {path}; claviger setup or claviger serve makes one"
        )))
    }

    fn foreign(&self) -> Failure {
        let path = self.path.display();
        Failure::new(format!("{path} holds other files and is not a Claviger data folder"))
    }

    /// The names in the folder; none where there is no folder.
    fn names(&self) -> Result<Option<Vec<String>>, Failure> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(Failure::new(format!("{} is not a folder", self.path.display())));
            }
            Err(error) => return Err(Failure::file(&self.path, &error)),
        };
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        let names: std::io::Result<Vec<String>> = entries.map(name).collect();
        names.map(Some).map_err(|error| Failure::file(&self.path, &error))
    }

    fn is_ours(&self) -> Result<bool, Failure> {
        let names = self.names()?.unwrap_or_default();
        Ok(names.iter().any(|name| MARKS.contains(&name.as_str())))
    }

    /// Whether nothing is in it but the lock, and the files of keys and of epochs, which an
    /// operator may put there beforehand.
    pub(crate) fn is_empty(&self) -> Result<bool, Failure> {
        let names = self.names()?.unwrap_or_default();
        Ok(names.iter().all(|name| [SECRETS, EPOCHS, LOCK].contains(&name.as_str())))
    }

    /// Takes the folder for this process. Waits while a command has it, but not for a server.
    ///
    /// # Errors
    /// A server has it, or a command for too long.
    pub(crate) async fn lock(&self) -> Result<FolderLock, Failure> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match FolderLock::take(&self.path) {
                Ok(lock) => return Ok(lock),
                Err(error @ StoreError::Locked { .. }) => {
                    let late = tokio::time::Instant::now() >= deadline;
                    if late || socket::connect(&self.path).await?.is_some() {
                        return Err(error.into());
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Opens what the folder keeps, under a lock of it.
    ///
    /// # Errors
    /// The data is elsewhere; another process has the database; what the store says: a newer
    /// schema, missing secrets, a database that is none.
    pub(crate) async fn open(&self, lock: FolderLock) -> Result<Opened, Failure> {
        self.must_hold_data()?;
        let claim = Claim::take(&self.database).await?;
        Ok(Opened { store: self.store().await?, lock, claim })
    }

    /// Refuses to look for data in this folder where it is known to be elsewhere, or where there is
    /// none and none may be made.
    fn must_hold_data(&self) -> Result<(), Failure> {
        let Location::Sqlite(database) = &self.database else { return Ok(()) };
        let (path, note) = (self.path.display(), self.path.join(ELSEWHERE));
        if note.exists() {
            let note = note.display();
            return Err(Failure::new(format!(
                "the data of {path} is in PostgreSQL: {BY_URL}; or, where that is over, remove \
                 {note}"
            )));
        }
        if self.is_made && !database.exists() {
            return Err(Failure::new(format!(
                "there is no database in {path}; where its data is in PostgreSQL, {BY_URL}"
            )));
        }
        Ok(())
    }

    /// Notes where the data is, so that nobody takes the folder for an empty one.
    fn note(&self) -> Result<(), Failure> {
        let path = self.path.join(ELSEWHERE);
        if matches!(self.database, Location::Sqlite(_)) || path.exists() {
            return Ok(());
        }
        std::fs::write(&path, POSTGRESQL).map_err(|error| Failure::file(&path, &error))
    }

    /// Takes away what this process made of a folder it could not fill.
    pub(crate) fn take_away(&self) {
        if let Location::Sqlite(path) = &self.database {
            for end in ["", "-wal", "-shm"] {
                let mut name = path.as_os_str().to_owned();
                name.push(end);
                let _ = std::fs::remove_file(name);
            }
        }
        for name in [ELSEWHERE, LOCK] {
            let _ = std::fs::remove_file(self.path.join(name));
        }
    }

    /// Opens the database, for who has the lock.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub(crate) async fn store(&self) -> Result<Store, Failure> {
        let db = Db::open(&self.database).await?;
        let data_exists = schema_number(&db).await? > 0;
        if is_half_restored(&db).await? {
            return Err(Failure::new(
                "a restore into this database was begun and not ended: empty it and restore again",
            ));
        }
        let secrets = Arc::new(Secrets::load_or_create(&self.secret_file, data_exists)?);
        let store = Store::over(db, secrets).await?;
        self.note()?;
        Ok(store)
    }
}
