//! Everything as rows, whatever the engine: taken from one state of the database, put into an
//! empty one, and looked over.
//!
//! Must not know what a row means, but that tickets end with a restore and that controllers must
//! say what they hold; the file's form is `app`'s.

mod tables;

use claviger_domain::ids::PlaceNumber;
use claviger_domain::time::Instant;

use self::tables::{TABLES, Table};
use crate::db::Engine;
use crate::{Batch, Db, Outcome, Statement, Store, StoreError, Value, migrate, values};

/// How many rows go in one transaction.
const AT_ONCE: usize = 1000;
/// The key in `meta` of a restore that has begun and not ended.
const UNFINISHED: &str = "unfinished_restore";
/// A list for each controller that has none.
const NEVER_HEARD: &str = "insert into lists \
     (place, controller, version, seen_seq, event_seq, inventory_due) \
     select place, number, 0, 0, 0, 1 from controllers where deleted_at is null \
     and not exists (select 1 from lists \
                     where lists.place = controllers.place and controller = controllers.number)";

impl Table {
    fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.split_ascii_whitespace()
    }

    fn is_later(&self, column: &str) -> bool {
        self.later.split_ascii_whitespace().any(|later| later == column)
    }

    fn insert(&self) -> String {
        let columns: Vec<&str> = self.columns().collect();
        let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let (name, columns) = (self.name, columns.join(", "));
        format!("insert into {name} ({columns}) values ({})", marks.join(", "))
    }

    /// Counts the rows whose reference leads nowhere.
    fn lost(&self, (from, parent, to): &(&'static str, &'static str, &'static str)) -> String {
        let (from, to) = (names(from), names(to));
        let pairs: Vec<String> =
            from.iter().zip(&to).map(|(a, b)| format!("p.{b} = c.{a}")).collect();
        let filled: Vec<String> = from.iter().map(|name| format!("c.{name} is not null")).collect();
        let (name, first) = (self.name, to.first().copied().unwrap_or_default());
        format!(
            "select count(*) from {name} c left join {parent} p on {} \
             where {} and p.{first} is null",
            pairs.join(" and "),
            filled.join(" and "),
        )
    }

    /// Sets the later columns of the row whose place and number come last.
    fn complete(&self) -> String {
        let later: Vec<&str> = self.later.split_ascii_whitespace().collect();
        let sets: Vec<String> =
            later.iter().enumerate().map(|(at, name)| format!("{name} = ?{}", at + 1)).collect();
        let (name, sets, next) = (self.name, sets.join(", "), later.len() + 1);
        format!("update {name} set {sets} where place = ?{next} and number = ?{}", next + 1)
    }
}

/// The names of the columns of a table that a backup holds; none for another.
#[must_use]
pub fn columns(table: &str) -> Option<Vec<&'static str>> {
    TABLES.iter().find(|it| it.name == table).map(|it| it.columns().collect())
}

impl Store {
    /// Hands every row to `each` with the name of its table, table by table, parents first, all
    /// from one state of the database.
    ///
    /// # Errors
    /// As for any read, and those of `each`.
    pub async fn dump<T, F>(&self, start: T, mut each: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut T, &'static str, Vec<Value>) -> Result<(), StoreError> + Send + 'static,
    {
        let select = |table: &Table| {
            let columns: Vec<&str> = table.columns().collect();
            Statement::new(format!("select {} from {}", columns.join(", "), table.name), [])
        };
        let statements = TABLES.iter().map(select).collect();
        self.db
            .scan(statements, start, move |state, at, row| match TABLES.get(at) {
                Some(table) => each(state, table.name, row.into_values()),
                None => Ok(()),
            })
            .await
    }

    /// How many rows each table has.
    ///
    /// # Errors
    /// As for any read.
    pub async fn row_counts(&self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let count =
            |table: &Table| Statement::new(format!("select count(*) from {}", table.name), []);
        let answers = self.db.snapshot(TABLES.iter().map(count).collect()).await?;
        let mut counts = Vec::with_capacity(TABLES.len());
        for (table, rows) in TABLES.iter().zip(answers) {
            counts.push((table.name, rows.first().map_or(Ok(0), |row| row.u64(0))?));
        }
        Ok(counts)
    }

    /// The places that ever were, the directory (0) among them.
    ///
    /// # Errors
    /// As for any read.
    pub async fn places_ever(&self) -> Result<Vec<PlaceNumber>, StoreError> {
        let sql = "select place from heads order by place";
        let rows = self.db.read(Statement::new(sql, [])).await?;
        rows.iter().map(|row| row.u32(0).map(PlaceNumber)).collect()
    }

    /// What is wrong with the database itself, in words: rows that point at rows that are not
    /// there, and, where the engine can look, damaged pages.
    ///
    /// # Errors
    /// As for any read.
    pub async fn flaws(&self) -> Result<Vec<String>, StoreError> {
        let mut flaws = Vec::new();
        if self.db.engine() == Engine::Sqlite {
            let sql = "select integrity_check from pragma_integrity_check";
            for row in self.db.read(Statement::new(sql, [])).await? {
                let said = row.text(0)?;
                if said != "ok" {
                    flaws.push(format!("SQLite says: {said}"));
                }
            }
        }
        flaws.extend(lost_rows(&self.db).await?);
        Ok(flaws)
    }
}

/// Which rows point at rows that are not there.
async fn lost_rows(db: &Db) -> Result<Vec<String>, StoreError> {
    let mut flaws = Vec::new();
    for table in TABLES {
        for reference in table.references {
            let rows = db.read(Statement::new(table.lost(reference), [])).await?;
            let lost = rows.first().map_or(Ok(0), |row| row.u64(0))?;
            if lost > 0 {
                let (name, (from, parent, _)) = (table.name, reference);
                flaws.push(format!("{lost} rows of {name} point ({from}) at no row of {parent}"));
            }
        }
    }
    Ok(flaws)
}

fn names(text: &'static str) -> Vec<&'static str> {
    text.split_ascii_whitespace().collect()
}

/// Whether a restore into this database was begun and not ended, so that it must not be used.
///
/// # Errors
/// As for any read.
pub async fn is_half_restored(db: &Db) -> Result<bool, StoreError> {
    if !db.has_table("meta").await? {
        return Ok(false);
    }
    let found = Statement::new("select value from meta where key = ?1", values![UNFINISHED]);
    Ok(!db.read(found).await?.is_empty())
}

/// Rows on their way into an empty database. Until [`Restore::finish`] it is marked as unusable.
pub struct Restore {
    db: Db,
    table: Option<&'static Table>,
    rows: Vec<Vec<Value>>,
    /// What is set when all rows of a table are there: later columns, place, number.
    later: Vec<(&'static Table, Vec<Vec<Value>>)>,
}

impl Restore {
    /// Makes the schema and marks the database.
    ///
    /// # Errors
    /// [`StoreError::Setting`] where anything is in it already; otherwise as for any write.
    pub async fn begin(db: Db) -> Result<Restore, StoreError> {
        migrate::run(&db).await?;
        let used = "select (select count(*) from heads) + (select count(*) from organizations) \
             + (select count(*) from meta)";
        let rows = db.read(Statement::new(used, [])).await?;
        if rows.first().map_or(Ok(0), |row| row.u64(0))? > 0 {
            return Err(StoreError::setting(
                "the database is not empty: restore into an empty one",
            ));
        }
        let restore = Restore { db, table: None, rows: Vec::new(), later: Vec::new() };
        let mut mark = Batch::new();
        mark.run("insert into meta (key, value) values (?1, ?2)", values![UNFINISHED, "1"]);
        restore.write(mark).await?;
        Ok(restore)
    }

    async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        match self.db.write(batch).await? {
            Outcome::Done { .. } => Ok(()),
            Outcome::RaceLost { .. } => Err(StoreError::setting("somebody else uses the database")),
        }
    }

    /// Takes a row, its cells in the order of [`columns`].
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a table or a number of cells that is not of this schema;
    /// otherwise as for any write.
    pub async fn row(&mut self, name: &str, mut row: Vec<Value>) -> Result<(), StoreError> {
        if self.table.is_none_or(|table| table.name != name) {
            self.flush().await?;
            let table = TABLES.iter().find(|table| table.name == name);
            self.table = Some(table.ok_or_else(|| StoreError::corrupt(format!("a table {name}")))?);
        }
        let Some(table) = self.table else { return Ok(()) };
        if row.len() != table.columns().count() {
            return Err(StoreError::corrupt(format!("a row of {name} with {} cells", row.len())));
        }
        if !table.later.is_empty() {
            self.set_later(table, &mut row);
        }
        self.rows.push(row);
        if self.rows.len() >= AT_ONCE { self.flush().await } else { Ok(()) }
    }

    /// Takes what points at the same table out of a row, to be set at the end.
    fn set_later(&mut self, table: &'static Table, row: &mut [Value]) {
        let mut set: Vec<Value> = Vec::new();
        for (column, value) in table.columns().zip(row.iter_mut()) {
            if table.is_later(column) {
                set.push(std::mem::replace(value, Value::Null));
            }
        }
        if set.iter().all(|value| *value == Value::Null) {
            return;
        }
        // Place and number are the first two columns of all tables that have such columns.
        set.extend(row.iter().take(2).cloned());
        match self.later.iter_mut().find(|(other, _)| other.name == table.name) {
            Some((_, rows)) => rows.push(set),
            None => self.later.push((table, vec![set])),
        }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.rows);
        let Some(table) = self.table.filter(|_| !rows.is_empty()) else { return Ok(()) };
        let mut batch = Batch::new();
        batch.many(table.insert(), rows);
        self.write(batch).await
    }

    /// Sets what points within its own table, ends every session, token and one-time code as of
    /// `now`, and takes the mark away.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where a row points at none; otherwise as for any write.
    pub async fn finish(mut self, now: Instant) -> Result<(), StoreError> {
        self.flush().await?;
        for (table, rows) in std::mem::take(&mut self.later) {
            for rows in rows.chunks(AT_ONCE) {
                let mut batch = Batch::new();
                for row in rows {
                    batch.run(table.complete(), row.clone());
                }
                self.write(batch).await?;
            }
        }
        // No foreign key does this for grants.
        if let Some(lost) = lost_rows(&self.db).await?.pop() {
            return Err(StoreError::corrupt(lost));
        }
        let mut batch = Batch::new();
        let end = "update tickets set deleted_at = ?1, email = null where deleted_at is null";
        batch.run(end, values![now]);
        // What was confirmed since the backup is not known here, nor who called first since.
        batch.run(NEVER_HEARD, values![]);
        batch.run("update lists set inventory_due = 1", values![]);
        // What was signed since the backup is not known either.
        batch.run("update offline_locks set epoch_due = 1", values![]);
        batch.run("delete from meta where key = ?1", values![UNFINISHED]);
        self.write(batch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Location;

    async fn open(name: &str) -> (std::path::PathBuf, Db) {
        let folder = std::env::temp_dir().join(format!("dump-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let db = Db::open(&Location::Sqlite(folder.join("db"))).await.unwrap();
        migrate::run(&db).await.unwrap();
        (folder, db)
    }

    async fn texts(db: &Db, sql: String, args: Vec<Value>) -> Vec<String> {
        let rows = db.read(Statement::new(sql, args)).await.unwrap();
        rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn the_tables_are_those_of_the_schema() {
        let (folder, db) = open("tables").await;
        let all =
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'";
        let mut found = texts(&db, all.to_owned(), vec![]).await;
        found.retain(|name| !tables::LEFT_OUT.contains(&name.as_str()));
        found.sort();
        let mut known: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        known.sort_unstable();
        assert_eq!(found, known);
        for table in TABLES {
            let columns = "select name from pragma_table_info(?1) order by cid".to_owned();
            let columns = texts(&db, columns, values![table.name]).await;
            assert_eq!(columns, table.columns().collect::<Vec<_>>(), "{}", table.name);
            let keys = "select group_concat(\"from\", ' ') || '>' || \"table\" || '>' || \
                 group_concat(\"to\", ' ') from (select * from pragma_foreign_key_list(?1) \
                 order by id, seq) group by id, \"table\"";
            let mut keys = texts(&db, keys.to_owned(), values![table.name]).await;
            if table.name == "grants" {
                assert!(keys.is_empty(), "commits look up what grants point at");
                continue;
            }
            let known = table.references.iter().map(|(from, to, at)| format!("{from}>{to}>{at}"));
            let mut known: Vec<String> = known.collect();
            keys.sort();
            known.sort();
            assert_eq!(keys, known, "{}", table.name);
        }
        db.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_row_comes_after_those_it_points_at() {
        for (at, table) in TABLES.iter().enumerate() {
            for (from, to, _) in table.references {
                let earlier = TABLES.iter().take(at).any(|other| other.name == *to);
                let later = names(from).iter().any(|column| table.is_later(column));
                assert!(earlier || (*to == table.name && later), "{} {from}", table.name);
            }
        }
    }

    #[tokio::test]
    async fn a_grant_that_points_at_nobody_is_not_restored() {
        let (folder, db) = open("lost").await;
        let mut restore = Restore::begin(db.clone()).await.unwrap();
        let cell = |name: &str| match name {
            "place" | "number" | "created_at" | "updated_at" | "revision" | "person" | "level" => {
                Value::Int(1)
            }
            "override_lockdown" => Value::Int(0),
            "id" => Value::Bytes(vec![1; 16]),
            "allows" | "source_kind" | "source_via" => Value::Text("x".to_owned()),
            _ => Value::Null,
        };
        let row = columns("grants").unwrap().into_iter().map(cell).collect();
        restore.row("grants", row).await.unwrap();
        let refused = restore.finish(Instant(0)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
        assert_eq!(is_half_restored(&db).await, Ok(true));
        db.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn whoever_called_first_since_the_backup_is_asked_what_it_holds() {
        let (folder, db) = open("asked").await;
        let mut restore = Restore::begin(db.clone()).await.unwrap();
        let cell = |name: &str| match name {
            "place" | "number" | "created_at" | "updated_at" | "revision" => Value::Int(1),
            "id" => Value::Bytes(vec![1; 16]),
            "name" => Value::Text("x".to_owned()),
            _ => Value::Null,
        };
        let row = columns("controllers").unwrap().into_iter().map(cell).collect();
        restore.row("controllers", row).await.unwrap();
        restore.finish(Instant(0)).await.unwrap();
        let lists = "select place || ' ' || controller || ' ' || inventory_due from lists";
        assert_eq!(texts(&db, lists.to_owned(), vec![]).await, ["1 1 1"]);
        db.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_database_that_is_half_restored_says_so() {
        let (folder, db) = open("half").await;
        assert_eq!(is_half_restored(&db).await, Ok(false));
        let restore = Restore::begin(db.clone()).await.unwrap();
        assert_eq!(is_half_restored(&db).await, Ok(true));
        assert!(Restore::begin(db.clone()).await.is_err(), "it is not empty any more");
        restore.finish(Instant(0)).await.unwrap();
        assert_eq!(is_half_restored(&db).await, Ok(false));
        db.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
