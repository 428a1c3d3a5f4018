//! A noun's table, described once: from it come the texts of SQL, the cells and the history.
//!
//! Must not know any noun; those are in `rows`.

use claviger_domain::noun::{Closed, Header};

use crate::cells::{Cells, put, put_closed};
use crate::{StoreError, Value};

/// The first columns of every noun's table.
const HEADER: &[&str] =
    &["place", "number", "id", "external_id", "created_at", "updated_at", "revision", "deleted_at"];

/// How many columns say how a row was closed.
const CLOSED_COLUMNS: usize = 4;

/// How a noun is kept. `COLUMNS`, `write` and `read` name the same columns in the same order.
pub(crate) trait Table: Clone + PartialEq {
    /// The table's name.
    const NAME: &'static str;
    /// The columns after those of the header.
    const COLUMNS: &'static [&'static str];
    /// Whether its rows are closed rather than deleted; then how they were ends `COLUMNS`.
    const CLOSES: bool = false;
    /// The columns, those of the header among them, that are enough for a row of the kind that is
    /// written by the thousand: all others are null in it. None where there is no such kind.
    const USUAL: &'static [&'static str] = &[];
    /// The fields that decisions read and that can change. None of them is personal.
    const PAST: &'static [&'static str] = &[];

    /// What every record has.
    fn header(&self) -> &Header;

    /// What every record has, to be changed.
    fn header_mut(&mut self) -> &mut Header;

    /// Appends a cell for each of `COLUMNS`.
    fn write(&self, out: &mut Vec<Value>);

    /// Reads what `write` wrote; `place` is the row's.
    fn read(place: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError>;

    /// Appends a cell for each of `PAST`.
    fn write_past(&self, _out: &mut Vec<Value>) {}

    /// Sets the fields to what `write_past` wrote.
    fn turn_back(&mut self, _past: &mut Cells<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    /// How it was closed.
    fn closed(&self) -> Option<&Closed> {
        None
    }

    /// Takes the end of a closed one back.
    fn reopen(&mut self) {}
}

/// The texts of SQL for one table.
pub(crate) struct Texts {
    /// All cells of a row; a row with that number is replaced.
    pub(crate) upsert: String,
    /// All cells of a row that is not there yet; what is not closed but deleted may come back
    /// under its number, as a lock does that is shared again.
    pub(crate) insert: String,
    /// The cells of `T::USUAL` of such a row.
    pub(crate) usual: Option<Usual>,
    /// Closes the row of place `?7` with the number `?8`; see [`closing`].
    pub(crate) close: String,
    /// Closes those with numbers from `?8` to `?9`.
    pub(crate) close_run: String,
    /// Takes the external id off the row `(?1, ?2)`.
    pub(crate) release: String,
    /// All rows, to be followed by `where`.
    pub(crate) select: String,
    /// The rows that are neither deleted nor closed.
    pub(crate) live: String,
    /// The row `(?1, ?2)`.
    pub(crate) by_number: String,
    /// The rows of place `?1` with numbers from `?2` to `?3`.
    pub(crate) by_range: String,
    /// The row of place `?1` with the id `?2`.
    pub(crate) by_id: String,
    /// The rows of place `?1` whose end came after `?2`, made by then.
    pub(crate) ended_after: String,
    /// The highest number of each place.
    pub(crate) highest: String,
}

/// How a row is written of which most cells are null.
pub(crate) struct Usual {
    sql: String,
    /// For each cell of a row whether it is written.
    written: Vec<bool>,
}

impl Usual {
    fn of(name: &str, columns: &[&'static str], usual: &[&str]) -> Option<Usual> {
        let written: Vec<bool> = columns.iter().map(|column| usual.contains(column)).collect();
        let kept = columns.iter().zip(&written).filter(|(_, written)| **written);
        let columns: Vec<&str> = kept.map(|(column, _)| *column).collect();
        (!columns.is_empty()).then(|| Usual { sql: insert(name, &columns), written })
    }

    /// The statement, and what is left of a row for it; the row itself where another cell of it is
    /// filled.
    pub(crate) fn row(&self, mut row: Vec<Value>) -> Result<(&str, Vec<Value>), Vec<Value>> {
        if row.iter().zip(&self.written).any(|(cell, written)| !written && *cell != Value::Null) {
            return Err(row);
        }
        let mut written = self.written.iter();
        row.retain(|_| written.next().is_some_and(|written| *written));
        Ok((&self.sql, row))
    }
}

fn insert(name: &str, columns: &[&str]) -> String {
    let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    format!("insert into {name} ({}) values ({})", columns.join(", "), marks.join(", "))
}

impl Texts {
    pub(crate) fn of<T: Table>() -> Texts {
        let columns: Vec<&str> = HEADER.iter().chain(T::COLUMNS).copied().collect();
        let list = columns.join(", ");
        let sets: Vec<String> = columns
            .iter()
            .filter(|column| !["place", "number", "id", "created_at"].contains(column))
            .map(|column| format!("{column} = excluded.{column}"))
            .collect();
        let name = T::NAME;
        let select = format!("select {list} from {name}");
        let insert = insert(name, &columns);
        let (live, ended, unread) = if T::CLOSES {
            ("deleted_at is null and closed_at is null", "closed_at", CLOSED_COLUMNS)
        } else {
            ("deleted_at is null", "deleted_at", 0)
        };
        let upsert =
            format!("{insert} on conflict (place, number) do update set {}", sets.join(", "));
        let close = format!(
            "update {name} set updated_at = ?1, revision = ?2, closed_at = ?3, \
             closed_by_kind = ?4, closed_by_id = ?5, closed_reason = ?6 where place = ?7 and"
        );
        Texts {
            insert: if T::CLOSES { insert } else { upsert.clone() },
            upsert,
            usual: Usual::of(name, &columns, T::USUAL),
            close: format!("{close} number = ?8"),
            close_run: format!("{close} number between ?8 and ?9"),
            release: format!(
                "update {name} set external_id = null where place = ?1 and number = ?2"
            ),
            // Cells that are not there read as null.
            live: format!(
                "select {} from {name} where {live}",
                columns.split_at(columns.len() - unread).0.join(", ")
            ),
            by_number: format!("{select} where place = ?1 and number = ?2"),
            by_range: format!("{select} where place = ?1 and number between ?2 and ?3"),
            by_id: format!("{select} where place = ?1 and id = ?2"),
            ended_after: format!(
                "{select} where place = ?1 and {ended} is not null and {ended} > ?2 \
                 and created_at <= ?2"
            ),
            highest: format!(
                "select h.place, (select max(t.number) from {name} t where t.place = h.place) \
                 from heads h"
            ),
            select,
        }
    }
}

/// All cells of a row.
pub(crate) fn write<T: Table>(place: u32, it: &T) -> Vec<Value> {
    let mut out = Vec::with_capacity(HEADER.len() + T::COLUMNS.len());
    let header = it.header();
    put!(
        out,
        place,
        header.number,
        header.id,
        header.external_id.as_ref(),
        header.created_at,
        header.updated_at,
        header.revision,
        header.deleted_at,
    );
    it.write(&mut out);
    out
}

/// The first six cells of [`Texts::close`], where closing is all that happened to `former`.
pub(crate) fn closing<T: Table>(former: &T, it: &T) -> Option<Vec<Value>> {
    let closed = it.closed()?;
    if former.closed().is_some() {
        return None;
    }
    let header = it.header();
    let mut open = it.clone();
    open.reopen();
    open.header_mut().updated_at = former.header().updated_at;
    open.header_mut().revision = former.header().revision;
    if open != *former {
        return None;
    }
    let mut out = Vec::with_capacity(9);
    put!(out, header.updated_at, header.revision);
    put_closed(&mut out, Some(closed));
    Some(out)
}

/// The place and record of a row of `Texts::select`.
pub(crate) fn read<T: Table>(cells: &mut Cells<'_>) -> Result<(u32, T), StoreError> {
    let place = cells.fit()?;
    let header = Header {
        number: cells.fit()?,
        id: cells.id()?,
        external_id: cells.opt_text()?,
        created_at: cells.instant()?,
        updated_at: cells.instant()?,
        revision: cells.u64()?,
        deleted_at: cells.opt_instant()?,
    };
    Ok((place, T::read(place, header, cells)?))
}
