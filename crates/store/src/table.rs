//! A noun's table, described once: from it come the texts of SQL, the cells and the history.
//!
//! Must not know any noun; those are in `rows`.

use claviger_domain::noun::Header;

use crate::cells::{Cells, put};
use crate::{StoreError, Value};

/// The first columns of every noun's table.
const HEADER: &[&str] =
    &["place", "number", "id", "external_id", "created_at", "updated_at", "revision", "deleted_at"];

/// How many columns say how a row was closed.
const CLOSED_COLUMNS: usize = 4;

/// How a noun is kept. `COLUMNS`, `write` and `read` name the same columns in the same order.
pub(crate) trait Table: Clone {
    /// The table's name.
    const NAME: &'static str;
    /// The columns after those of the header.
    const COLUMNS: &'static [&'static str];
    /// Whether its rows are closed rather than deleted; then how they were ends `COLUMNS`.
    const CLOSES: bool = false;
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

    /// Whether it is closed.
    fn is_closed(&self) -> bool {
        false
    }

    /// Takes the end of a closed one back.
    fn reopen(&mut self) {}
}

/// The texts of SQL for one table.
pub(crate) struct Texts {
    /// All cells of a row; a row with that number is replaced.
    pub(crate) upsert: String,
    /// Takes the external id off the row `(?1, ?2)`.
    pub(crate) release: String,
    /// All rows, to be followed by `where`.
    pub(crate) select: String,
    /// The rows that are neither deleted nor closed.
    pub(crate) live: String,
    /// The row `(?1, ?2)`.
    pub(crate) by_number: String,
    /// The row of place `?1` with the id `?2`.
    pub(crate) by_id: String,
    /// The rows of place `?1` whose end came after `?2`, made by then.
    pub(crate) ended_after: String,
    /// The highest number of each place.
    pub(crate) highest: String,
}

impl Texts {
    pub(crate) fn of<T: Table>() -> Texts {
        let columns: Vec<&str> = HEADER.iter().chain(T::COLUMNS).copied().collect();
        let list = columns.join(", ");
        let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let sets: Vec<String> = columns
            .iter()
            .filter(|column| !["place", "number", "id", "created_at"].contains(column))
            .map(|column| format!("{column} = excluded.{column}"))
            .collect();
        let name = T::NAME;
        let select = format!("select {list} from {name}");
        let (live, ended, unread) = if T::CLOSES {
            ("deleted_at is null and closed_at is null", "closed_at", CLOSED_COLUMNS)
        } else {
            ("deleted_at is null", "deleted_at", 0)
        };
        Texts {
            upsert: format!(
                "insert into {name} ({list}) values ({}) on conflict (place, number) do update \
                 set {}",
                marks.join(", "),
                sets.join(", ")
            ),
            release: format!(
                "update {name} set external_id = null where place = ?1 and number = ?2"
            ),
            // Cells that are not there read as null.
            live: format!(
                "select {} from {name} where {live}",
                columns.split_at(columns.len() - unread).0.join(", ")
            ),
            by_number: format!("{select} where place = ?1 and number = ?2"),
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
