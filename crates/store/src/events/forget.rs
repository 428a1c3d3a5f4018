//! Forgetting whom events concerned; the events stay countable.
//!
//! Must not decide how long a place keeps them.

use claviger_domain::ids::{PersonNumber, PlaceNumber};
use claviger_domain::time::Instant;

use crate::{Batch, Outcome, Statement, Store, StoreError, Value, values};

impl Store {
    /// Forgets whom the events concerned that happened before an instant, and the texts sent about
    /// them. Returns how many events were stripped.
    ///
    /// The bytes leave the files with [`crate::Db::wipe_log`].
    ///
    /// # Errors
    /// As for any write.
    pub async fn forget_subjects(
        &self,
        place: PlaceNumber,
        occurred_before: Instant,
    ) -> Result<u64, StoreError> {
        self.forget("occurred_at <", place, occurred_before).await
    }

    /// Forgets that a person was concerned by any event of the place, and the texts sent about
    /// those events. Returns how many were stripped.
    ///
    /// # Errors
    /// As for any write.
    pub async fn forget_person(
        &self,
        place: PlaceNumber,
        person: PersonNumber,
    ) -> Result<u64, StoreError> {
        self.forget("person =", place, person).await
    }

    async fn forget(
        &self,
        condition: &'static str,
        place: PlaceNumber,
        arg: impl Into<Value>,
    ) -> Result<u64, StoreError> {
        let args = [values![place], vec![arg.into()]].concat();
        let mut batch = Batch::new();
        batch.push(crate::Step::Fetch(Statement::new(
            format!("select count(*) from event_subjects where place = ?1 and {condition} ?2"),
            args.clone(),
        )));
        batch.run(
            format!(
                "delete from deliveries where place = ?1 and seq in \
                 (select seq from event_subjects where place = ?1 and {condition} ?2)"
            ),
            args.clone(),
        );
        batch.run(format!("delete from event_subjects where place = ?1 and {condition} ?2"), args);
        match self.db.write(batch).await? {
            Outcome::Done { fetched } => {
                let row = fetched.first().and_then(|rows| rows.first());
                row.map_or(Ok(0), |row| row.u64(0))
            }
            Outcome::RaceLost { .. } => Err(StoreError::unavailable("nothing was guarded")),
        }
    }
}
