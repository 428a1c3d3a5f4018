//! Purging: rights that ended so long ago that nobody asks any more leave the database.
//!
//! Must not touch what is open, or the highest number of a table: numbers are never given twice.

use claviger_domain::ids::PlaceNumber;
use claviger_domain::time::Instant;

use crate::{Batch, Statement, Store, StoreError, values};

/// Grants that one statement takes out: decisions that are recorded wait for it.
const SLICE: u32 = 1_000;

/// What is over is looked for beside the writer.
const OVER: &str = "select number from grants where place = ?1 and closed_at is not null \
     and (closed_at < ?2 or valid_until < ?2) and number > ?3 \
     and number < (select max(other.number) from grants other where other.place = ?1) \
     order by number limit ?4";

pub(crate) const GRANTS: &str = "delete from grants where place = ?1 and closed_at is not null \
     and (closed_at < ?2 or valid_until < ?2) and number >= ?3 and number <= ?4 \
     and not exists (select 1 from grants issued where issued.place = ?1 \
                     and issued.issued_under = grants.number and issued.issued_under is not null)";
const MEMBERSHIPS: &str = "delete from memberships where place = ?1 and closed_at < ?2 \
     and number < (select max(other.number) from memberships other where other.place = ?1)";
const HISTORY: &str = "delete from history where place = ?1 and replaced_at < ?2";
const REVOCATIONS: &str = "delete from revocations where place = ?1 and at < ?2 \
     and settled_at is not null";
const KEYS: &str = "delete from issued_keys where place = ?1 and exp < ?2";

impl Store {
    /// Takes out the closed rights of a place that ended before an instant, and former values
    /// replaced before it. What was true before then cannot be asked any more.
    ///
    /// # Errors
    /// As for any write.
    pub async fn purge_rights(
        &self,
        place: PlaceNumber,
        before: Instant,
    ) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let over = Statement::new(OVER, values![place, before, after, SLICE]);
            let over = self.db.read(over).await?;
            let (Some(first), Some(last)) = (over.first(), over.last()) else { break };
            let first = first.u32(0)?;
            after = last.u32(0)?;
            let mut batch = Batch::new();
            batch.run(GRANTS, values![place, before, first, after]);
            self.db.write(batch).await?;
        }
        let mut batch = Batch::new();
        for sql in [MEMBERSHIPS, HISTORY, REVOCATIONS] {
            batch.run(sql, values![place, before]);
        }
        batch.run(KEYS, values![place, before.seconds()]);
        self.db.write(batch).await.map(drop)
    }
}
