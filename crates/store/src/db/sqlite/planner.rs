//! What SQLite's planner is told of the tables: one place may hold all there is.
//!
//! Without figures it takes `place = ?` for a few rows, and walks a place by its primary key where
//! an index would give the rows that are asked for. The figures are made up from the schema and the
//! same for everybody, so that a plan is what the tests have seen, whatever a database holds; they
//! are not gathered with `analyze`, after which plans would change by themselves.

use rusqlite::{Connection, Transaction};

/// Rows of every table, as the planner is to see it.
const ROWS: u32 = 1_000_000;
/// Rows with the same values in the columns of an index after the place.
const ALIKE: u32 = 10;

/// Table, index and figures, as in `sqlite_stat1`.
type Figures = (String, String, String);

/// Writes the figures where they are not there already.
pub(super) fn tell(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let wanted = of_schema(transaction)?;
    let has_table = transaction.table_exists(None, "sqlite_stat1")?;
    if has_table && told(transaction)? == wanted {
        return Ok(());
    }
    if !has_table {
        // Nothing else may make the table.
        transaction.execute_batch("analyze schema_history")?;
    }
    transaction.execute("delete from sqlite_stat1", [])?;
    let mut insert =
        transaction.prepare("insert into sqlite_stat1 (tbl, idx, stat) values (?1, ?2, ?3)")?;
    for (table, index, figures) in wanted {
        insert.execute((table, index, figures))?;
    }
    // This connection's; others read them with the schema.
    transaction.execute_batch("analyze sqlite_schema")
}

fn told(connection: &Connection) -> rusqlite::Result<Vec<Figures>> {
    let sql = "select tbl, idx, stat from sqlite_stat1 where idx is not null order by tbl, idx";
    let mut statement = connection.prepare(sql)?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

/// The figures of every index: the primary key of a table without row numbers goes by the name of
/// the table.
fn of_schema(connection: &Connection) -> rusqlite::Result<Vec<Figures>> {
    let sql = "select t.name, iif(i.origin = 'pk' and w.wr, t.name, i.name) as idx, i.\"unique\", \
                      (select group_concat(name) from \
                       (select c.name from pragma_index_info(i.name) c order by c.seqno)) \
               from sqlite_schema t join pragma_table_list(t.name) w \
               join pragma_index_list(t.name) i \
               where t.type = 'table' and t.name not like 'sqlite_%' order by t.name, idx";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let columns: String = row.get(3)?;
        Ok((row.get(0)?, row.get(1)?, figures(&columns, row.get(2)?)))
    })?;
    rows.collect()
}

/// How many rows have the same value in the first column, the first two, and so on.
fn figures(columns: &str, is_unique: bool) -> String {
    let columns: Vec<&str> = columns.split(',').collect();
    let mut text = ROWS.to_string();
    for (at, column) in columns.iter().enumerate() {
        let alike = match *column {
            // Ids are drawn at random, whether or not an index says that they are unique.
            "id" => 1,
            _ if is_unique && at + 1 == columns.len() => 1,
            // Not all: an index of nothing but the place is better than a walk.
            "place" | "of_place" => ROWS / 2,
            "noun" => ROWS / 10,
            _ => ALIKE,
        };
        text.push_str(&format!(" {alike}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::planned;
    use super::*;
    use crate::plans::steps;
    use crate::{EventFilter, erase, events, outbox, purge};
    use claviger_domain::ids::{LockNumber, PersonNumber, PlaceNumber};
    use claviger_domain::time::{Instant, Window};

    #[test]
    fn what_grows_with_the_years_is_found_by_an_index() {
        let closed = |column| {
            format!(
                "select * from grants where place = ?1 and number > ?2 and closed_at is not null \
                 and {column} is not null and {column} = ?4 order by number limit ?3"
            )
        };
        let person = EventFilter { person: Some(PersonNumber(1)), ..EventFilter::default() };
        let lock = EventFilter { lock: Some(LockNumber(1)), ..EventFilter::default() };
        let late = EventFilter {
            occurred: Window { from: Some(Instant(1)), until: None },
            ..EventFilter::default()
        };
        let of_page = |filter: EventFilter| filter.statement(PlaceNumber(1), 10).sql.into_owned();
        for (sql, wanted) in [
            (closed("person"), "grants_closed_person (place=? AND person=? AND number>?)"),
            (closed("credential"), "grants_closed_credential (place=? AND credential=?"),
            (closed("lock"), "grants_closed_lock (place=? AND lock=? AND number>?)"),
            (closed("level"), "grants_closed_level (place=? AND level=? AND number>?)"),
            (erase::PERSON[2].to_owned(), "grants_closed_person (place=? AND person=?)"),
            (erase::CREDENTIAL[1].to_owned(), "grants_closed_credential (place=? AND credential=?"),
            (purge::GRANTS.to_owned(), "issued USING COVERING INDEX grants_issued"),
            (
                outbox::DUE.to_owned(),
                "USING COVERING INDEX deliveries_due (place=? AND webhook=? AND",
            ),
            (
                events::recent_attempts(),
                "e USING INDEX events_occurred (place=? AND occurred_at>?)",
            ),
            (of_page(person), "SEARCH i USING PRIMARY KEY (place=? AND person=? AND seq<?)"),
            (of_page(lock), "SEARCH i USING PRIMARY KEY (place=? AND lock=? AND seq<?)"),
            (of_page(late), "f USING COVERING INDEX events_occurred (place=? AND occurred_at>?)"),
        ] {
            let steps = steps(&sql);
            assert!(steps.iter().any(|it| it.contains(wanted)), "{sql}\n{steps:#?}");
        }
    }

    #[test]
    fn the_figures_are_written_once() {
        let mut connection = planned();
        let transaction = connection.transaction().unwrap();
        let before = told(&transaction).unwrap();
        assert!(before.len() > 50 && before == of_schema(&transaction).unwrap());
        let grants = before.iter().find(|it| it.1 == "grants_closed_person").unwrap();
        assert_eq!(grants.2, "1000000 500000 10 10");
        let written = transaction.total_changes();
        tell(&transaction).unwrap();
        assert_eq!(transaction.total_changes(), written);
        transaction.execute_batch("create index late on grants (place, updated_at)").unwrap();
        tell(&transaction).unwrap();
        assert_eq!(told(&transaction).unwrap().len(), before.len() + 1);
    }
}
