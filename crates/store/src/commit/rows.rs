//! The records of a commit as rows: parents before children, one statement for each table, and what
//! they replace into the history.
//!
//! Must not write a record twice: PostgreSQL refuses two rows of one upsert that meet.

use std::collections::BTreeMap;

use claviger_domain::draft::Write;
use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::record::Record;

use super::{Commit, Part};
use crate::{Batch, Value, rows, values};

const HISTORY: &str = "insert into history (place, noun, number, replaced_at, revision, fields) \
     values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (place, noun, number, revision) do nothing";
const TOUCHED: &str = "insert into touched (place, revision, noun, number, at) \
     values (?1, ?2, ?3, ?4, ?5) on conflict (place, revision, noun, number) do nothing";

/// A record as it was before the commit and is after it.
struct Change<'a> {
    former: Option<&'a Record>,
    record: &'a Record,
}

/// By rank of the noun, place of the row and number.
type Changes<'a> = BTreeMap<(usize, u32, u32), Change<'a>>;

/// Appends everything that follows from the writes of a commit.
pub(super) fn append(batch: &mut Batch, commit: &Commit) {
    let mut changes = Changes::new();
    let (mut history, mut touched) = (Vec::new(), Vec::new());
    for part in &commit.parts {
        for write in &part.writes {
            let record = &write.record;
            let (noun, number) = (record.noun(), record.header().number);
            let place = row_place(part.place, noun, number);
            let change = changes
                .entry((rows::rank(noun), place, number))
                .or_insert(Change { former: write.former.as_ref(), record });
            change.record = record;
            history.extend(past(place, write));
            touched.push(touch(part, noun, number, commit));
        }
    }
    release(batch, &changes);
    upsert(batch, &changes);
    for (sql, rows) in [(HISTORY, history), (TOUCHED, touched)] {
        if !rows.is_empty() {
            batch.many(sql, rows);
        }
    }
}

/// The place under which a record's row is kept.
pub(crate) fn row_place(place: PlaceNumber, noun: Noun, number: u32) -> u32 {
    match noun {
        Noun::Place => number,
        Noun::Organization | Noun::Account | Noun::Client | Noun::Ticket => 0,
        _ => place.0,
    }
}

fn past(place: u32, write: &Write) -> Option<Vec<Value>> {
    let record = &write.record;
    let fields = rows::changed_past(write.former.as_ref()?, record)?;
    let header = record.header();
    let noun = record.noun().as_str();
    Some(values![place, noun, header.number, header.updated_at, header.revision, fields])
}

fn touch(part: &Part, noun: Noun, number: u32, commit: &Commit) -> Vec<Value> {
    values![part.place, part.after.revision, noun.as_str(), number, commit.at]
}

/// Frees the external ids that records give up, so that others may take them whatever the order.
fn release(batch: &mut Batch, changes: &Changes<'_>) {
    let mut last: Option<(&'static str, Vec<Vec<Value>>)> = None;
    for ((_, place, number), change) in changes {
        let Some(former) = change.former.map(Record::header) else { continue };
        let kept = former.external_id == change.record.header().external_id
            && !rows::is_ended(change.record);
        if former.external_id.is_none() || kept {
            continue;
        }
        let sql = rows::texts(change.record.noun()).release.as_str();
        gather(batch, &mut last, sql, values![*place, *number]);
    }
    flush(batch, last);
}

fn upsert(batch: &mut Batch, changes: &Changes<'_>) {
    let mut last: Option<(&'static str, Vec<Vec<Value>>)> = None;
    for ((_, place, _), change) in changes {
        let sql = rows::texts(change.record.noun()).upsert.as_str();
        gather(batch, &mut last, sql, rows::write(*place, change.record));
    }
    flush(batch, last);
}

/// Adds a row to the rows of the same statement, or begins the next statement.
fn gather(
    batch: &mut Batch,
    last: &mut Option<(&'static str, Vec<Vec<Value>>)>,
    sql: &'static str,
    row: Vec<Value>,
) {
    match last {
        Some((same, rows)) if std::ptr::eq(*same, sql) => rows.push(row),
        _ => flush(batch, last.replace((sql, vec![row]))),
    }
}

fn flush(batch: &mut Batch, last: Option<(&'static str, Vec<Vec<Value>>)>) {
    if let Some((sql, rows)) = last {
        batch.many(sql, rows);
    }
}
