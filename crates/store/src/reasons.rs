//! Why commands were given, in free words, beside the trail that holds nothing personal.
//!
//! A text leaves with the person or the credential it is about, in the transaction that deletes
//! them (`erase`). Must not be written into any row that cannot be erased.

use std::sync::atomic::Ordering;

use claviger_domain::ids::{Noun, PersonNumber, PlaceNumber};
use claviger_domain::time::Instant;

use crate::cells::{Cells, Tools, put};
use crate::{Batch, Part, Row, Statement, Store, StoreError, values};

/// How many are forgotten by one commit, so that others need not wait long.
const AT_ONCE: usize = 1000;

/// Why one command was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The command's row in the trail.
    pub seq: u64,
    /// When.
    pub at: Instant,
    /// To what kind of thing it was done.
    pub noun: Noun,
    /// To which, where it was one.
    pub number: Option<u32>,
    /// The person it is about.
    pub person: Option<u32>,
    /// The credential it is about.
    pub credential: Option<u32>,
    /// The words.
    pub words: String,
}

const INSERT: &str = "insert into reasons \
     (place, seq, at, noun, number, person, credential, words) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const SELECT: &str = "select seq, at, noun, number, person, credential, words from reasons";
/// Of each, how many later ones are about the same object.
const OLD: &str = "select seq, noun, number, person, \
     (select count(*) from reasons later where later.place = reasons.place \
      and later.noun = reasons.noun and later.number = reasons.number \
      and later.seq > reasons.seq) \
     from reasons where place = ?1 and at < ?2";

/// A reason that was given long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldReason {
    /// The command's row in the trail.
    pub seq: u64,
    /// To what kind of thing it was done.
    pub noun: Noun,
    /// To which, where it was one.
    pub number: Option<u32>,
    /// The person it is about.
    pub person: Option<PersonNumber>,
    /// Whether no reason was given since for the same.
    pub is_last: bool,
}

/// What a part of a commit keeps.
pub(crate) fn append(batch: &mut Batch, part: &Part) {
    for it in &part.reasons {
        let mut out = Vec::with_capacity(8);
        put!(out, part.place, it.seq, it.at, it.noun.as_str(), it.number, it.person);
        put!(out, it.credential, &it.words);
        batch.run(INSERT, out);
    }
}

fn read(row: Row) -> Result<Reason, StoreError> {
    let mut tools = Tools::default();
    let mut cells = Cells::new("reasons", row.into_values(), &mut tools);
    Ok(Reason {
        seq: cells.u64()?,
        at: cells.instant()?,
        noun: cells.word(Noun::parse)?,
        number: cells.opt()?,
        person: cells.opt()?,
        credential: cells.opt()?,
        words: cells.text()?,
    })
}

impl Store {
    /// The reasons of the commands `first` to `last` of a place's trail, in their order.
    ///
    /// # Errors
    /// As for any read.
    pub async fn reasons(
        &self,
        place: PlaceNumber,
        first: u64,
        last: u64,
    ) -> Result<Vec<Reason>, StoreError> {
        let sql = format!("{SELECT} where place = ?1 and seq >= ?2 and seq <= ?3 order by seq");
        self.read_reasons(Statement::new(sql, values![place, first, last])).await
    }

    /// The reasons of what was done to one object.
    ///
    /// # Errors
    /// As for any read.
    pub async fn reasons_for(
        &self,
        place: PlaceNumber,
        noun: Noun,
        number: u32,
    ) -> Result<Vec<Reason>, StoreError> {
        let sql = format!("{SELECT} where place = ?1 and noun = ?2 and number = ?3 order by seq");
        self.read_reasons(Statement::new(sql, values![place, noun.as_str(), number])).await
    }

    /// The reasons of all that was done to a person, their credentials and their rights.
    ///
    /// # Errors
    /// As for any read.
    pub async fn reasons_about(
        &self,
        place: PlaceNumber,
        person: PersonNumber,
    ) -> Result<Vec<Reason>, StoreError> {
        let sql = format!("{SELECT} where place = ?1 and person = ?2 order by seq");
        self.read_reasons(Statement::new(sql, values![place, person])).await
    }

    /// The reasons that were given before an instant.
    ///
    /// # Errors
    /// As for any read.
    pub async fn old_reasons(
        &self,
        place: PlaceNumber,
        before: Instant,
    ) -> Result<Vec<OldReason>, StoreError> {
        let rows = self.db.read(Statement::new(OLD, values![place, before])).await?;
        let read = |row: Row| {
            let mut tools = Tools::default();
            let mut cells = Cells::new("reasons", row.into_values(), &mut tools);
            Ok(OldReason {
                seq: cells.u64()?,
                noun: cells.word(Noun::parse)?,
                number: cells.opt()?,
                person: cells.opt()?.map(PersonNumber),
                is_last: cells.u64()? == 0,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Forgets why commands were given.
    ///
    /// # Errors
    /// As for any write.
    pub async fn forget_reasons(&self, place: PlaceNumber, seqs: &[u64]) -> Result<(), StoreError> {
        for some in seqs.chunks(AT_ONCE) {
            let mut batch = Batch::new();
            let rows = some.iter().map(|seq| values![place, *seq]).collect();
            batch.many("delete from reasons where place = ?1 and seq = ?2", rows);
            self.db.write(batch).await?;
            self.erased.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn read_reasons(&self, statement: Statement) -> Result<Vec<Reason>, StoreError> {
        self.db.read(statement).await?.into_iter().map(read).collect()
    }
}
