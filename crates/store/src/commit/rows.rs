//! The records of a commit as rows: parents before children, few statements for each table, what
//! they replace into the history, and which they are for the other nodes.
//!
//! Must not write a record twice: PostgreSQL refuses two rows of one upsert that meet.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::draft::Write;
use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::record::Record;

use super::{Commit, Part};
use crate::{Batch, Value, rows, values};

const HISTORY: &str = "insert into history (place, noun, number, replaced_at, revision, fields) \
     values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (place, noun, number, revision) do nothing";
const TOUCHED: &str =
    "insert into touched (place, revision, noun, first, last, at) values (?1, ?2, ?3, ?4, ?5, ?6)";

/// From here on a run of numbers is closed as one. For each such run PostgreSQL may look through
/// the whole table, which thousands of short ones must not make it do.
const LONG_RUN: u32 = 64;

/// A record as it was before the commit and is after it.
struct Change<'a> {
    former: Option<&'a Record>,
    record: &'a Record,
}

/// By rank of the noun, place of the row and number.
type Changes<'a> = BTreeMap<(usize, u32, u32), Change<'a>>;

/// The rows of each statement.
type Rows = Vec<(&'static str, Vec<Vec<Value>>)>;

/// Appends everything that follows from the writes of a commit.
pub(super) fn append(batch: &mut Batch, commit: &Commit) {
    let mut changes = Changes::new();
    let (mut history, mut touched) = (Vec::new(), Vec::new());
    for part in &commit.parts {
        let mut objects = BTreeSet::new();
        for write in &part.writes {
            let record = &write.record;
            let (noun, number) = (record.noun(), record.header().number);
            let place = row_place(part.place, noun, number);
            let change = changes
                .entry((rows::rank(noun), place, number))
                .or_insert(Change { former: write.former.as_ref(), record });
            change.record = record;
            history.extend(past(place, write));
            objects.insert((noun, number));
        }
        touch(&mut touched, part, objects, commit);
    }
    // What ends gives its external id up by that; it may be another's in the same commit.
    close(batch, &mut changes);
    release(batch, &changes);
    write(batch, &changes);
    check(batch, &changes);
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

/// One row for each run of numbers: a level of thousands of people is written as one.
fn touch(
    touched: &mut Vec<Vec<Value>>,
    part: &Part,
    objects: BTreeSet<(Noun, u32)>,
    commit: &Commit,
) {
    let mut runs: Vec<(Noun, u32, u32)> = Vec::new();
    for (noun, number) in objects {
        match runs.last_mut() {
            // Each place's own row stands under the place's own number.
            Some((same, _, last))
                if *same == noun && *last + 1 == number && noun != Noun::Place =>
            {
                *last = number;
            }
            _ => runs.push((noun, number, number)),
        }
    }
    touched.extend(runs.into_iter().map(|(noun, first, last)| {
        values![part.place, part.after.revision, noun.as_str(), first, last, commit.at]
    }));
}

/// Records of one place and noun that are closed alike, under numbers one after the other.
struct Run {
    noun: Noun,
    place: u32,
    first: u32,
    last: u32,
    /// How; see [`rows::closing`].
    cells: Vec<Value>,
}

/// Takes out of `changes` the records of which nothing changed but that they are closed, and closes
/// them: long runs of numbers as one, all others number by number.
fn close(batch: &mut Batch, changes: &mut Changes<'_>) {
    let mut runs: Vec<Run> = Vec::new();
    changes.retain(|(_, place, number), change| {
        let former = change.former;
        let Some(cells) = former.and_then(|former| rows::closing(former, change.record)) else {
            return true;
        };
        let (noun, place, number) = (change.record.noun(), *place, *number);
        let next = |run: &&mut Run| {
            (run.noun, run.place, run.last.saturating_add(1)) == (noun, place, number)
                && run.cells == cells
        };
        match runs.last_mut().filter(next) {
            Some(run) => run.last = number,
            None => runs.push(Run { noun, place, first: number, last: number, cells }),
        }
        false
    });
    let mut closed = Rows::new();
    for Run { noun, place, first, last, cells } in runs {
        let texts = rows::texts(noun);
        if last - first >= LONG_RUN {
            let row = [cells, values![place, first, last]].concat();
            gather(&mut closed, texts.close_run.as_str(), row);
            continue;
        }
        for number in first..=last {
            let row = [&cells[..], &values![place, number]].concat();
            gather(&mut closed, texts.close.as_str(), row);
        }
    }
    flush(batch, closed);
}

/// Frees the external ids that records give up, so that others may take them whatever the order.
fn release(batch: &mut Batch, changes: &Changes<'_>) {
    let mut released = Rows::new();
    for ((_, place, number), change) in changes {
        let Some(former) = change.former.map(Record::header) else { continue };
        let kept = former.external_id == change.record.header().external_id
            && !rows::is_ended(change.record);
        if former.external_id.is_none() || kept {
            continue;
        }
        let sql = rows::texts(change.record.noun()).release.as_str();
        gather(&mut released, sql, values![*place, *number]);
    }
    flush(batch, released);
}

fn write(batch: &mut Batch, changes: &Changes<'_>) {
    let (mut written, mut noun) = (Rows::new(), None);
    for ((_, place, _), Change { former, record }) in changes {
        if noun.replace(record.noun()).is_some_and(|before| before != record.noun()) {
            flush(batch, std::mem::take(&mut written));
        }
        let texts = rows::texts(record.noun());
        let row = rows::write(*place, record);
        let (sql, row) = match (former, &texts.usual) {
            (Some(_), _) => (texts.upsert.as_str(), row),
            (None, None) => (texts.insert.as_str(), row),
            (None, Some(usual)) => match usual.row(row) {
                Ok(found) => found,
                Err(row) => (texts.insert.as_str(), row),
            },
        };
        gather(&mut written, sql, row);
    }
    flush(batch, written);
}

/// Looks up what grants point at that have come or were given another schedule; the others point
/// where they did. New ones have numbers one after the other.
fn check(batch: &mut Batch, changes: &Changes<'_>) {
    let mut runs: Vec<(u32, u32, u32)> = Vec::new();
    for ((_, place, number), Change { former, record }) in changes {
        let Record::Grant(grant) = record else { continue };
        if let Some(Record::Grant(former)) = former
            && former.schedule == grant.schedule
        {
            continue;
        }
        match runs.last_mut() {
            Some((same, _, last)) if same == place && *last + 1 == *number => *last = *number,
            _ => runs.push((*place, *number, *number)),
        }
    }
    for (place, first, last) in runs {
        batch.guard(rows::POINTS.as_str(), values![place, first, last]);
    }
}

/// Adds a row to the rows of the same statement, of which there are a handful.
fn gather(gathered: &mut Rows, sql: &'static str, row: Vec<Value>) {
    match gathered.iter_mut().rev().find(|(same, _)| std::ptr::eq(*same, sql)) {
        Some((_, rows)) => rows.push(row),
        None => gathered.push((sql, vec![row])),
    }
}

fn flush(batch: &mut Batch, gathered: Rows) {
    for (sql, rows) in gathered {
        batch.many(sql, rows);
    }
}
