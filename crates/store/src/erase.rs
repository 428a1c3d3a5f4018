//! Erasing: what goes with a person or credential that is deleted, in the same transaction; and the
//! bytes, which leave the files later.
//!
//! Must not decide who or what is forgotten.

use std::sync::atomic::Ordering;

use claviger_domain::ids::Noun;
use claviger_domain::record::Record;

use crate::{Batch, Commit, Outcome, Part, Statement, Store, StoreError, Value, values};

/// Of a closed right the words of callers go; that it was there stays.
pub(crate) const PERSON: [&str; 3] = [
    "delete from reasons where place = ?1 and person = ?2",
    "delete from mails where place = ?1 and person = ?2",
    "update grants set metadata = null, external_id = null \
     where place = ?1 and person = ?2 and closed_at is not null \
     and (metadata is not null or external_id is not null)",
];
pub(crate) const CREDENTIAL: [&str; 3] = [
    "delete from reasons where place = ?1 and credential = ?2",
    "update grants set metadata = null, external_id = null \
     where place = ?1 and credential = ?2 and closed_at is not null \
     and (metadata is not null or external_id is not null)",
    "delete from devices where place = ?1 and credential = ?2",
];
/// By what a phone is known goes from its keys, also from those that memory has forgotten, at locks
/// of any place.
const KEYS: &str = "update issued_keys set holder = ?3, bytes = ?3 \
     where of_place = ?1 and device = ?2";

/// What a part of a commit erases beside its records.
pub(crate) fn append(batch: &mut Batch, part: &Part) {
    for write in &part.writes {
        let header = write.record.header();
        if header.deleted_at.is_none() {
            continue;
        }
        let texts = match &write.record {
            Record::Person(_) => &PERSON[..],
            Record::Credential(_) => &CREDENTIAL[..],
            _ => continue,
        };
        texts.iter().for_each(|sql| batch.run(*sql, values![part.place, header.number]));
        if write.record.noun() == Noun::Credential {
            batch.run(KEYS, values![part.place, header.number, Vec::<u8>::new()]);
        }
    }
}

/// Whether a commit replaces something that may be personal.
fn replaces(commit: &Commit) -> bool {
    let personal = |noun| matches!(noun, Noun::Person | Noun::Credential | Noun::Account);
    let mut writes = commit.parts.iter().flat_map(|part| &part.writes);
    writes.any(|write| write.former.is_some() && personal(write.record.noun()))
}

impl Store {
    /// Notes that a commit erased or replaced what may be personal.
    pub(crate) fn note_erased(&self, commit: &Commit) {
        if replaces(commit) {
            self.erased.store(true, Ordering::Relaxed);
        }
    }

    /// Removes rows; says how many there were. `rows` is a table with conditions.
    pub(crate) async fn erase(&self, rows: &str, args: Vec<Value>) -> Result<u64, StoreError> {
        // Nearly always there are none, and no commit waits for that to be found.
        let any = format!("select 1 from {rows} limit 1");
        if self.db.read(Statement::new(any, args.clone())).await?.is_empty() {
            return Ok(0);
        }
        let mut batch = Batch::new();
        batch.fetch(format!("select count(*) from {rows}"), args.clone());
        batch.run(format!("delete from {rows}"), args);
        self.erased_by(batch).await
    }

    /// Writes a batch whose first fetch says how much it erases.
    pub(crate) async fn erased_by(&self, batch: Batch) -> Result<u64, StoreError> {
        let Outcome::Done { fetched } = self.db.write(batch).await? else {
            return Err(StoreError::unavailable("nothing was guarded"));
        };
        let row = fetched.first().and_then(|rows| rows.first());
        let count = row.map_or(Ok(0), |row| row.u64(0))?;
        if count > 0 {
            self.erased.store(true, Ordering::Relaxed);
        }
        Ok(count)
    }

    /// Makes what was erased or replaced since the last call leave the files too; see
    /// [`crate::Db::wipe_log`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when a read under way lasts too long: the next call tries again.
    pub async fn wipe_erased(&self) -> Result<(), StoreError> {
        if !self.erased.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let wiped = self.db.wipe_log().await;
        if wiped.is_err() {
            self.erased.store(true, Ordering::Relaxed);
        }
        wiped
    }
}
