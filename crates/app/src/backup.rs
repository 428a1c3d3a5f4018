//! Backups: everything as lines of JSON in one file, whatever the engine, and back; and a look over
//! whether all is whole.
//!
//! ```text
//! claviger backup v1
//! {"schema":3,"taken_at":"..","program":"..","secrets_tag":"..","secrets":{..}|null}
//! {"table":"people"}
//! [1,1,{"b":"<base64>"},"text",null,..]
//! {"rows":12,"sha256":"<of all bytes before this line>"}
//! ```
//!
//! The last line tells a file that was cut off or changed. The keys of the installation are in it
//! only under a passphrase (`secrets`). Must not open a file: it is handed one.

mod read;
mod secrets;

use std::collections::BTreeMap;
use std::io::Write;

use aws_lc_rs::digest::{Context as Hash, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_domain::time::{Instant, SECOND};
use claviger_store::{Secrets, StoreError, Value, migrate};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::Error;
use crate::random::hex;
use crate::{App, offline};

pub use read::{check, restore};
pub use secrets::{Sealed, open_secrets, seal_secrets};

/// The first line.
const FIRST: &str = "claviger backup v1";

/// Why a backup was not made, or is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What the database says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the system says of the file.
    #[error("the backup cannot be read or written: {0}")]
    File(#[from] std::io::Error),
    /// It does not begin like one.
    #[error("the file is not a backup of Claviger")]
    Foreign,
    /// It is of a later format.
    #[error("the backup is of a later version of this program: use that one")]
    Later,
    /// It ends too early.
    #[error("the backup is cut off: its end is missing")]
    CutOff,
    /// Its bytes are not those that were written.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// Its keys do not open.
    #[error("the passphrase is not the one of this backup")]
    Passphrase,
    /// Something of the system failed.
    #[error("the keys could not be sealed")]
    Sealing,
}

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The schema its rows are of.
    pub schema: u32,
    /// Not after the state it holds; whole seconds.
    pub taken_at: String,
    /// The version of the program that made it.
    pub program: String,
    /// Tells whether keys are the ones its rows are sealed with.
    pub secrets_tag: String,
    /// The keys, under a passphrase.
    pub secrets: Option<Sealed>,
}

impl Head {
    /// When it was taken.
    ///
    /// # Errors
    /// It does not say.
    pub fn taken_at(&self) -> Result<Instant, BackupError> {
        Instant::parse(&self.taken_at).ok_or_else(|| BackupError::Damaged("no time".to_owned()))
    }

    /// Whether keys are the ones its rows are sealed with.
    #[must_use]
    pub fn fits(&self, secrets: &Secrets) -> bool {
        self.secrets_tag == tag(secrets)
    }
}

fn tag(secrets: &Secrets) -> String {
    hex(&secrets.tag("backup", 0, b"these keys"))
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Made {
    pub taken_at: Instant,
    pub rows: u64,
    /// Whether it holds the keys.
    pub secrets: bool,
}

struct Writer<W: Write> {
    out: std::io::BufWriter<W>,
    hash: Hash,
    table: &'static str,
    rows: u64,
}

impl<W: Write> Writer<W> {
    fn line(&mut self, text: &str) -> Result<(), StoreError> {
        self.hash.update(text.as_bytes());
        self.hash.update(b"\n");
        writeln!(self.out, "{text}").map_err(|error| broken(&error))
    }

    fn row(&mut self, table: &'static str, values: &[Value]) -> Result<(), StoreError> {
        if self.table != table {
            self.table = table;
            self.line(&json!({"table": table}).to_string())?;
        }
        let cells: Vec<serde_json::Value> = values.iter().map(cell).collect();
        self.rows += 1;
        self.line(&serde_json::Value::from(cells).to_string())
    }
}

fn broken(error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full,
        _ => StoreError::Unavailable { reason: error.to_string() },
    }
}

fn cell(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Int(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Bytes(bytes) => json!({"b": STANDARD.encode(bytes)}),
    }
}

/// Writes everything, as it is at one instant.
///
/// # Errors
/// What the database or the file says.
pub async fn write<W: Write + Send + 'static>(
    app: &App,
    secrets: Option<Sealed>,
    out: W,
) -> Result<Made, BackupError> {
    let now = app.now();
    // Rounded down: what was revoked since this time is revoked in the backup or not in it at all.
    let taken_at = Instant(now.0 - now.0.rem_euclid(SECOND));
    let with_secrets = secrets.is_some();
    let head = Head {
        schema: migrate::known_schema(),
        taken_at: taken_at.to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        secrets_tag: tag(app.secrets()),
        secrets,
    };
    let head = serde_json::to_string(&head).map_err(|_| BackupError::Sealing)?;
    let out = std::io::BufWriter::new(out);
    let mut writer = Writer { out, hash: Hash::new(&SHA256), table: "", rows: 0 };
    writer.line(FIRST)?;
    writer.line(&head)?;
    let dump = app.store().dump(writer, |writer, table, values| writer.row(table, &values));
    let mut writer = dump.await?;
    let sha256 = hex(writer.hash.finish().as_ref());
    writeln!(writer.out, "{}", json!({"rows": writer.rows, "sha256": sha256}))?;
    writer.out.flush()?;
    Ok(Made { taken_at, rows: writer.rows, secrets: with_secrets })
}

/// What a look over everything found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// What is wrong, in words; nothing where all is whole.
    pub flaws: Vec<String>,
    /// How many rows each table has.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many entries of change trails follow one another as they should.
    pub changes: u64,
}

/// Reads everything and checks it: pages and references, and the change trail of every place.
///
/// # Errors
/// The database cannot be read.
pub async fn verify(app: &App) -> Result<Verified, Error> {
    let store = app.store();
    let mut found = Verified { flaws: store.flaws().await?, ..Verified::default() };
    found.counts = store.row_counts().await?.into_iter().collect();
    for place in store.places_ever().await? {
        let trail = store.verify_trail(place).await?;
        found.changes += trail.checked;
        if let Some(broken) = trail.first_broken {
            let name = match app.world().cell(place) {
                Some(cell) => format!("place {}", cell.state().place.header.id),
                None if place.0 == 0 => "the directory".to_owned(),
                None => format!("deleted place number {place}"),
            };
            found.flaws.push(format!("the change trail of {name} is broken at entry {broken}"));
        }
    }
    // Every sealed value opens, and every row is one this program could have written.
    if let Err(error) = store.load().await {
        found.flaws.push(error.to_string());
    }
    for lock in app.world().lists().offline.values() {
        if offline::Shared::by(app, lock).is_err() {
            found.flaws.push(format!("what lock {} shares with its server does not open", lock.id));
        }
    }
    Ok(found)
}
