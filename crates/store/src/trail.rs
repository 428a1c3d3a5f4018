//! The change trail: what was done by whom, one row per command, each chained to the one before.
//!
//! Must not hold a personal value: names of changed fields always, values of non-personal ones.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use claviger_domain::ids::{Id, Noun, PlaceNumber};
use claviger_domain::noun::Actor;
use claviger_domain::time::Instant;
use serde_json::json;

use crate::cells::{Cells, Tools, put, put_actor};
use crate::{Batch, Row, Statement, Store, StoreError, Value, values};

/// One command in the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailRow {
    /// Counted per place from 1, without a gap.
    pub seq: u64,
    /// When.
    pub at: Instant,
    /// By whom.
    pub actor: Actor,
    /// What was done.
    pub verb: String,
    /// To what kind of thing.
    pub noun: Noun,
    /// To which one.
    pub object: Option<Id>,
    /// The names of the fields that changed.
    pub fields: Vec<String>,
    /// Names and values of those that are not personal.
    pub values: Vec<(String, String)>,
    /// The place's revision it made.
    pub revision: u64,
    /// See [`TrailRow::link`]; zeros until then.
    pub hash: [u8; 32],
}

/// What comes before the first row of a place.
pub const TRAIL_START: [u8; 32] = [0; 32];

impl TrailRow {
    /// The hash of this row after the row with the hash `previous` ([`TRAIL_START`] for the first).
    ///
    /// SHA-256 over, in this order and without anything between: the 18 bytes `claviger trail v1
    /// `; `previous`; place (u32); seq (u64); at (i64, microseconds); actor kind (text); actor id
    /// (optional id); verb (text); noun (text); object (optional id); number of fields (u32) and
    /// each (text); number of values (u32) and of each name and value (texts); revision (u64).
    /// Numbers are big-endian; a text is its length in bytes (u32) and its UTF-8; an optional id
    /// is a byte 0, or a byte 1 and the 16 bytes.
    #[must_use]
    pub fn link(&self, place: PlaceNumber, previous: &[u8; 32]) -> [u8; 32] {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"claviger trail v1 ");
        out.extend_from_slice(previous);
        out.extend_from_slice(&place.0.to_be_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.at.0.to_be_bytes());
        push_text(&mut out, self.actor.kind());
        push_id(&mut out, self.actor.id());
        push_text(&mut out, &self.verb);
        push_text(&mut out, self.noun.as_str());
        push_id(&mut out, self.object);
        push_count(&mut out, self.fields.len());
        self.fields.iter().for_each(|field| push_text(&mut out, field));
        push_count(&mut out, self.values.len());
        for (name, value) in &self.values {
            push_text(&mut out, name);
            push_text(&mut out, value);
        }
        out.extend_from_slice(&self.revision.to_be_bytes());
        let mut context = Context::new(&SHA256);
        context.update(&out);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }

    /// The row with its hash after the row with the hash `previous`.
    #[must_use]
    pub fn linked(mut self, place: PlaceNumber, previous: &[u8; 32]) -> TrailRow {
        self.hash = self.link(place, previous);
        self
    }
}

fn push_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn push_id(out: &mut Vec<u8>, id: Option<Id>) {
    out.push(u8::from(id.is_some()));
    out.extend(id.iter().flat_map(|id| id.0));
}

const INSERT: &str = "insert into trail (place, seq, at, actor_kind, actor_id, verb, noun, \
     object_id, fields, detail, revision, hash) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

/// How many objects are looked for in one statement.
const AT_ONCE: usize = 500;

const SELECT: &str = "select seq, at, actor_kind, actor_id, verb, noun, object_id, fields, detail, \
     revision, hash from trail";

/// Of rows about something or by somebody the index alone gives the numbers.
fn numbered(which: &str) -> String {
    format!("{SELECT} where place = ?1 and seq in (select seq from trail where place = ?1 {which})")
}

fn range(order: &str) -> String {
    format!("{SELECT} where place = ?1 and seq > ?2 and seq < ?3 order by seq {order} limit ?4")
}

fn range_about(order: &str) -> String {
    let which =
        format!("and object_id = ?5 and seq > ?2 and seq < ?3 order by seq {order} limit ?4");
    format!("{} order by seq {order}", numbered(&which))
}

fn about(objects: usize) -> String {
    let marks: Vec<String> = (2..objects + 2).map(|at| format!("?{at}")).collect();
    numbered(&format!("and object_id in ({})", marks.join(", ")))
}

fn by_actor() -> String {
    numbered("and actor_id = ?2")
}

/// The rows as a step of a batch.
pub(crate) fn append(batch: &mut Batch, place: PlaceNumber, rows: &[TrailRow]) {
    if rows.is_empty() {
        return;
    }
    let cells = |row: &TrailRow| {
        let mut out = Vec::with_capacity(12);
        put!(out, place, row.seq, row.at);
        put_actor(&mut out, Some(row.actor));
        put!(out, &row.verb, row.noun.as_str(), row.object);
        put!(out, json!(row.fields).to_string(), json!(row.values).to_string());
        put!(out, row.revision, row.hash);
        out
    };
    batch.many(INSERT, rows.iter().map(cells).collect());
}

fn read(row: Row) -> Result<TrailRow, StoreError> {
    let mut tools = Tools::default();
    let mut cells = Cells::new("trail", row.into_values(), &mut tools);
    Ok(TrailRow {
        seq: cells.u64()?,
        at: cells.instant()?,
        actor: cells.actor()?.ok_or_else(|| StoreError::corrupt("trail.actor_kind"))?,
        verb: cells.text()?,
        noun: cells.word(Noun::parse)?,
        object: cells.opt_id()?,
        fields: serde_json::from_str(&cells.text()?).map_err(|_| cells.wrong("JSON"))?,
        values: serde_json::from_str(&cells.text()?).map_err(|_| cells.wrong("JSON"))?,
        revision: cells.u64()?,
        hash: cells.array()?,
    })
}

/// Which rows of a trail, both ends left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrailRange {
    /// About the object with this id; about any where there is none.
    pub object: Option<Id>,
    /// Later than this one.
    pub after_seq: u64,
    /// Earlier than this one.
    pub before_seq: Option<u64>,
    /// From the end.
    pub newest_first: bool,
}

/// What checking a trail found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many rows follow one another as they should, from the first on.
    pub checked: u64,
    /// The first that was changed, is missing, or stands where none should.
    pub first_broken: Option<u64>,
}

impl Store {
    /// Rows of a place's trail.
    ///
    /// # Errors
    /// As for any read.
    pub async fn trail(
        &self,
        place: PlaceNumber,
        range: TrailRange,
        limit: u32,
    ) -> Result<Vec<TrailRow>, StoreError> {
        let order = if range.newest_first { "desc" } else { "asc" };
        let before = range.before_seq.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        let mut args = values![place, range.after_seq, before, limit];
        let sql = match range.object {
            Some(object) => {
                args.extend(values![object]);
                range_about(order)
            }
            None => self::range(order),
        };
        self.db.read(Statement::new(sql, args)).await?.into_iter().map(read).collect()
    }

    /// Every row of a place's trail that is about one of these objects, or of what an account did,
    /// in order.
    ///
    /// # Errors
    /// As for any read.
    pub async fn trail_about(
        &self,
        place: PlaceNumber,
        objects: &[Id],
        account: Option<Id>,
    ) -> Result<Vec<TrailRow>, StoreError> {
        let mut found = BTreeMap::new();
        for some in objects.chunks(AT_ONCE) {
            let mut args = values![place];
            args.extend(some.iter().map(|id| Value::from(*id)));
            let sql = about(some.len());
            for row in self.db.read(Statement::new(sql, args)).await? {
                let row = read(row)?;
                found.insert(row.seq, row);
            }
        }
        if let Some(account) = account {
            let sql = by_actor();
            for row in self.db.read(Statement::new(sql, values![place, account])).await? {
                let row = read(row)?;
                found.insert(row.seq, row);
            }
        }
        Ok(found.into_values().collect())
    }

    /// Checks that no row of a place's trail was changed, taken out or added since it was written.
    /// (Whoever can write the database can also write a whole new trail: compare the last hash
    /// with one kept elsewhere.)
    ///
    /// # Errors
    /// As for any read; a row that cannot be read is found broken.
    pub async fn verify_trail(&self, place: PlaceNumber) -> Result<Verified, StoreError> {
        struct Check {
            place: PlaceNumber,
            last: (u64, [u8; 32]),
            broken: Option<u64>,
        }
        let rows = format!("{SELECT} where place = ?1 order by seq");
        let head = "select trail_seq, trail_hash from heads where place = ?1";
        let statements =
            vec![Statement::new(rows, values![place]), Statement::new(head, values![place])];
        let start = Check { place, last: (0, TRAIL_START), broken: None };
        let check = self
            .db
            .scan(statements, start, |check, at, row| {
                let expected = check.last.0 + 1;
                if check.broken.is_some() {
                    return Ok(());
                }
                if at == 1 {
                    // Rows that are missing at the end are known from the head alone.
                    let whole = (row.u64(0)?, row.array(1)?) == check.last;
                    check.broken = (!whole).then_some(expected);
                    return Ok(());
                }
                match read(row) {
                    Ok(row)
                        if row.seq == expected
                            && row.hash == row.link(check.place, &check.last.1) =>
                    {
                        check.last = (row.seq, row.hash);
                    }
                    _ => check.broken = Some(expected),
                }
                Ok(())
            })
            .await?;
        Ok(Verified { checked: check.last.0, first_broken: check.broken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::found_by;

    #[test]
    fn what_was_done_to_something_or_by_somebody_is_found_without_reading_the_trail() {
        found_by(&about(1), "trail_object (place=? AND object_id=?)");
        found_by(&about(AT_ONCE), "trail_object (place=? AND object_id=?)");
        found_by(&by_actor(), "trail_actor (place=? AND actor_id=?)");
        for order in ["asc", "desc"] {
            let index = "trail_object (place=? AND object_id=? AND seq>?";
            found_by(&range_about(order), index);
            found_by(&range(order), "PRIMARY KEY (place=? AND seq>? AND seq<?)");
        }
    }
}
