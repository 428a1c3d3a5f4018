//! Purging: rights that ended so long ago that nobody asks any more leave the database.
//!
//! Must not touch what is open, or the highest number of a table: numbers are never given twice.

use claviger_domain::ids::PlaceNumber;
use claviger_domain::time::Instant;

use crate::{Batch, Store, StoreError, values};

const GRANTS: &str = "delete from grants where place = ?1 and closed_at is not null \
     and (closed_at < ?2 or valid_until < ?2) \
     and number < (select max(other.number) from grants other where other.place = ?1) \
     and not exists (select 1 from grants issued \
                     where issued.place = ?1 and issued.issued_under = grants.number)";
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
        let mut batch = Batch::new();
        for sql in [GRANTS, MEMBERSHIPS, HISTORY, REVOCATIONS] {
            batch.run(sql, values![place, before]);
        }
        batch.run(KEYS, values![place, before.seconds()]);
        self.db.write(batch).await.map(drop)
    }
}
