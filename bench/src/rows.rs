//! A table with a row for every key, in the database of a server: what making and changing access
//! levels is measured beside.

use claviger_app::App;
use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_store::{Batch, Engine, Outcome, Value, values};

use crate::building::types;
use crate::show::{Sorted, timed};
use crate::world::{MADE, id};

/// A table with a row for every key.
pub const KEYS: &str = "plain_keys";
/// As grants are kept: what its rows point at is not looked up row by row. In its favour, it is not
/// looked up at all.
pub const UNCHECKED: &str = "plain_unchecked";

/// The columns of a grant, but with a lock in every row; its primary key, its foreign keys, the
/// index of ids that every noun has, and one each to find rows by person, lock and level, which a
/// grant needs no more than a list in memory for. No trail, no history, no notes for other nodes.
const COLUMNS: &[&str] = &[
    "place",
    "number",
    "id",
    "external_id",
    "created_at",
    "updated_at",
    "revision",
    "deleted_at",
    "person",
    "lock",
    "level",
    "allows",
    "valid_from",
    "valid_until",
    "schedule",
    "override_lockdown",
    "source_kind",
    "source_via",
    "closed_at",
    "closed_by_kind",
    "closed_by_id",
    "closed_reason",
];

/// Writes rows of keys into the database of a server.
pub struct Keys<'a> {
    app: &'a App,
    next: i64,
}

impl<'a> Keys<'a> {
    /// Makes the tables, next to those of the server.
    pub async fn ready(app: &'a App) -> Keys<'a> {
        let keys = Keys { app, next: 0 };
        keys.define().await;
        keys.count_rows().await;
        keys
    }

    async fn write(&self, batch: Batch) {
        let done = self.app.storage().db().write(batch).await.unwrap();
        assert!(matches!(done, Outcome::Done { .. }));
    }

    /// Writes the log of SQLite back, so that nobody pays for what others have written.
    pub async fn calm(&self) {
        self.app.storage().db().wipe_log().await.unwrap();
    }

    /// Lets PostgreSQL know how large its tables are, which it otherwise finds out a minute later;
    /// until then it looks for a key's person and lock by reading the whole table.
    async fn count_rows(&self) {
        if self.app.storage().db().engine() == Engine::Postgres {
            let mut batch = Batch::new();
            batch.run("analyze", []);
            self.write(batch).await;
        }
    }

    async fn define(&self) {
        let engine = self.app.storage().db().engine();
        let kind = |name: &str| match name {
            "id" | "closed_by_id" => types(engine),
            "external_id" | "allows" | "source_kind" | "source_via" | "closed_by_kind"
            | "closed_reason" => "text",
            _ => "bigint",
        };
        let columns: Vec<String> =
            COLUMNS.iter().map(|name| format!("{name} {}", kind(name))).collect();
        let rowless = if engine == Engine::Sqlite { " without rowid" } else { "" };
        let references = ", foreign key (place, person) references people (place, number), \
             foreign key (place, lock) references locks (place, number)";
        for (table, references) in [(KEYS, references), (UNCHECKED, "")] {
            let make = format!(
                "create table {table} ({}, primary key (place, number), \
                 unique (place, id){references}){rowless}",
                columns.join(", ")
            );
            let index = |name| format!("create index {table}_{name} on {table} (place, {name})");
            for sql in [make, index("person"), index("lock"), index("level")] {
                let mut batch = Batch::new();
                batch.run(sql, []);
                self.write(batch).await;
            }
        }
    }

    fn rows(&mut self, table: &str, level: u32, people: u32, locks: u32) -> Batch {
        let place = PlaceNumber(1);
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for person in 1..=people {
            for lock in 1..=locks {
                self.next += 1;
                let id = id(PlaceNumber(9), Noun::Grant, self.next as u32);
                let mut row = values![place, self.next, id, None::<String>, MADE, MADE, 3];
                row.extend(values![None::<i64>, person, lock, level, "open", None::<i64>]);
                row.extend(values![None::<i64>, None::<i64>, 0, "access_level", "native"]);
                row.extend(values![None::<i64>, None::<String>, None::<Vec<u8>>, None::<String>]);
                rows.push(row);
            }
        }
        let marks: Vec<String> = (1..=COLUMNS.len()).map(|n| format!("?{n}")).collect();
        let sql =
            format!("insert into {table} ({}) values ({})", COLUMNS.join(", "), marks.join(", "));
        let mut batch = Batch::new();
        batch.many(sql, rows);
        batch
    }

    pub async fn insert(&mut self, table: &str, level: u32, people: u32, locks: u32) -> f64 {
        let batch = self.rows(table, level, people, locks);
        self.calm().await;
        timed(self.write(batch)).await.1
    }

    pub async fn delete(&self, table: &str, level: u32) -> f64 {
        let sql = format!("delete from {table} where place = ?1 and level = ?2");
        self.erase(sql, values![1, level]).await
    }

    /// Takes the rows of one person in a level out.
    pub async fn delete_person(&self, table: &str, level: u32, person: u32) -> f64 {
        let sql = format!("delete from {table} where place = ?1 and level = ?2 and person = ?3");
        self.erase(sql, values![1, level, person]).await
    }

    async fn erase(&self, sql: String, with: Vec<Value>) -> f64 {
        let mut batch = Batch::new();
        batch.run(sql, with);
        self.calm().await;
        timed(self.write(batch)).await.1
    }
}

/// What something took, in milliseconds, beside what so many rows took.
pub fn beside(mine: &[f64], other: &[f64], rows: u32) -> String {
    let (mine, other) = (Sorted::new(mine.to_vec()), Sorted::new(other.to_vec()));
    format!(
        "{:.1} ms, {:.0} × cheaper than {rows} key rows at {:.0} ms (medians: {:.1}, {:.0} ×)",
        mine.best(),
        other.best() / mine.best(),
        other.best(),
        mine.median(),
        other.median() / mine.median()
    )
}
