//! The schema: numbered migrations, one history for both engines, only ever forward.
//!
//! A migration is a file of SQL in `migrations/`, in which `{bytes}` and the other tokens stand
//! for what the engines call differently. Once released it is never changed: a database that has
//! it applied remembers its checksum.
//!
//! Must not: change data in a way that a crash between two migrations would leave half done; each
//! is one transaction, and what follows it is another.

use aws_lc_rs::digest;

use crate::db::{Db, Engine, Row, Statement};
use crate::{StoreError, values};

/// What the engines call differently: token, SQLite, PostgreSQL.
///
/// The tables of SQLite are strict, as PostgreSQL's are by nature, so that a number is never kept
/// where text belongs; strict tables know `integer` but not `bigint`. A table that is only looked
/// up by its primary key, such as a membership, ends in `{rowless}` instead of `{strict}`.
const TOKENS: [(&str, &str, &str); 4] = [
    ("{bigint}", "integer", "bigint"),
    ("{bytes}", "blob", "bytea"),
    ("{rowless}", " strict, without rowid", ""),
    ("{strict}", " strict", ""),
];

/// One step of the schema.
#[derive(Debug)]
pub(crate) struct Migration {
    number: u32,
    text: &'static str,
}

macro_rules! migrations {
    ($($number:literal $file:literal),* $(,)?) => {
        &[$(Migration {
            number: $number,
            text: include_str!(concat!("../migrations/", $file)),
        }),*]
    };
}

const MIGRATIONS: &[Migration] = migrations![
    1 "0001_meta.sql",
    2 "0002_nouns.sql",
    3 "0003_records.sql",
    4 "0004_reasons.sql",
    5 "0005_event_filing.sql",
    6 "0006_privacy.sql",
    7 "0007_lists.sql",
    8 "0008_event_filing_by_id.sql",
    9 "0009_lists_told.sql",
    10 "0010_offline.sql",
    11 "0011_offline_roots.sql",
    12 "0012_had_phone.sql",
    13 "0013_outbox.sql",
    14 "0014_keeping.sql",
    15 "0015_offline_signed.sql",
    16 "0016_consents.sql",
    17 "0017_vouched.sql",
    18 "0018_forgotten.sql",
    19 "0019_mails.sql",
    20 "0020_left_to_cards.sql",
    21 "0021_webhooks.sql",
    22 "0022_planned.sql",
    23 "0023_clients_external.sql",
    24 "0024_former_secret.sql",
    25 "0025_found_and_asked.sql",
    26 "0026_couriers.sql",
];

/// Made by whoever migrates first, so it is not itself a migration.
pub(crate) const CREATE_HISTORY: &str = "create table if not exists schema_history \
     (number bigint not null primary key, checksum text not null)";
pub(crate) const READ_HISTORY: &str = "select number, checksum from schema_history order by number";

/// A migration as the database remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    number: u32,
    checksum: String,
}

impl Applied {
    pub(crate) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { number: row.u32(0)?, checksum: row.text(1)?.to_owned() })
    }
}

impl Migration {
    /// The SQL for one engine.
    pub(crate) fn script(&self, engine: Engine) -> Result<String, StoreError> {
        let mut script = self.text.to_owned();
        for (token, sqlite, postgres) in TOKENS {
            let word = if engine == Engine::Sqlite { sqlite } else { postgres };
            script = script.replace(token, word);
        }
        match script.split_once('{') {
            None => Ok(script),
            Some(_) => Err(StoreError::Rejected {
                reason: format!("migration {} has an unknown token", self.number),
            }),
        }
    }

    /// The statement that remembers it as applied.
    pub(crate) fn mark(&self) -> Statement {
        let sql = "insert into schema_history (number, checksum) values (?1, ?2)";
        Statement::new(sql, values![self.number, self.checksum()])
    }

    fn checksum(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.text.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The highest schema this program knows.
pub fn known_schema() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

/// Brings the schema up to date and gives its number. Safe when several nodes start at once.
///
/// # Errors
/// [`StoreError::NewerSchema`] and [`StoreError::ChangedMigration`] when the database is of another
/// program; otherwise as for any write. Migrations before the failed one stay applied.
pub async fn run(db: &Db) -> Result<u32, StoreError> {
    while db.migrate_once(next).await? {
        let schema = schema_number(db).await?;
        tracing::info!(schema, "the schema of the database moved");
    }
    Ok(known_schema())
}

/// The schema of the database; 0 when it has none. A running node stops when it moves.
///
/// # Errors
/// As for any read.
pub async fn schema_number(db: &Db) -> Result<u32, StoreError> {
    if !db.has_table("schema_history").await? {
        return Ok(0);
    }
    let sql = "select coalesce(max(number), 0) from schema_history";
    let rows = db.read(Statement::new(sql, [])).await?;
    rows.first().map_or(Ok(0), |row| row.u32(0))
}

/// The migration to apply after those applied, or why this program must leave the database alone.
fn next(history: &[Applied]) -> Result<Option<&'static Migration>, StoreError> {
    next_of(MIGRATIONS, history)
}

fn next_of<'a>(
    migrations: &'a [Migration],
    history: &[Applied],
) -> Result<Option<&'a Migration>, StoreError> {
    let known = migrations.last().map_or(0, |migration| migration.number);
    if let Some(last) = history.last().filter(|last| last.number > known) {
        return Err(StoreError::NewerSchema { found: last.number, known });
    }
    for (at, applied) in history.iter().enumerate() {
        let same = migrations.get(at).is_some_and(|migration| {
            migration.number == applied.number && migration.checksum() == applied.checksum
        });
        if !same {
            return Err(StoreError::ChangedMigration { number: applied.number });
        }
    }
    Ok(migrations.get(history.len()))
}

/// Every migration, in order.
#[cfg(test)]
pub(crate) fn scripts(engine: Engine) -> impl Iterator<Item = String> {
    MIGRATIONS.iter().map(move |it| it.script(engine).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_without_a_gap_and_texts_know_their_tokens() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.number as usize, at + 1);
            for engine in [Engine::Sqlite, Engine::Postgres] {
                assert!(!migration.script(engine).unwrap().is_empty());
            }
        }
    }

    #[test]
    fn the_folder_holds_what_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let numbers: Vec<u32> = files.iter().map(|name| name[..4].parse().unwrap()).collect();
        let embedded: Vec<u32> = MIGRATIONS.iter().map(|migration| migration.number).collect();
        assert_eq!(numbers, embedded);
    }

    #[test]
    fn an_unknown_token_is_refused() {
        let migration = Migration { number: 1, text: "create table t (a {blob})" };
        assert!(matches!(migration.script(Engine::Sqlite), Err(StoreError::Rejected { .. })));
    }

    #[test]
    fn the_next_migration_follows_the_history() {
        let migrations = [Migration { number: 1, text: "a" }, Migration { number: 2, text: "b" }];
        let applied = |at: usize| Applied {
            number: migrations[at].number,
            checksum: migrations[at].checksum(),
        };
        let number = |history: &[Applied]| {
            next_of(&migrations, history).map(|next| next.map(|migration| migration.number))
        };
        assert_eq!(number(&[]), Ok(Some(1)));
        assert_eq!(number(&[applied(0)]), Ok(Some(2)));
        assert_eq!(number(&[applied(0), applied(1)]), Ok(None));
        let changed = StoreError::ChangedMigration { number: 2 };
        assert_eq!(number(&[applied(1)]), Err(changed.clone()), "a gap");
        let other = Applied { number: 2, checksum: applied(0).checksum };
        assert_eq!(number(&[applied(0), other]), Err(changed));
        let newer = Applied { number: 3, checksum: String::new() };
        let refused = StoreError::NewerSchema { found: 3, known: 2 };
        assert_eq!(number(&[applied(0), applied(1), newer]), Err(refused));
    }
}
