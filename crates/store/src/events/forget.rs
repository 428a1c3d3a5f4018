//! Forgetting whom events concerned; the events stay countable.
//!
//! Must not decide how long a place keeps them.

use claviger_domain::ids::{PersonNumber, PlaceNumber};
use claviger_domain::time::Instant;

use super::filing::FILED;
use crate::{Batch, Outcome, Store, StoreError, Value, values};

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
        let old = "event_subjects where place = ?1 and occurred_at < ?2";
        let texts = [
            format!("delete from deliveries where place = ?1 and seq in (select seq from {old})"),
            format!(
                "delete from event_people where place = ?1 \
                 and (person, seq) in (select person, seq from {old})"
            ),
            format!("delete from {old}"),
        ];
        self.forget(old, texts, values![place, occurred_before]).await
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
        let theirs = format!(
            "(select seq from event_people where place = ?1 and person = ?2 and seq <= {FILED} \
             union all select seq from event_subjects \
             where place = ?1 and person = ?2 and seq > {FILED})"
        );
        let texts = [
            format!("delete from deliveries where place = ?1 and seq in {theirs}"),
            format!("delete from event_subjects where place = ?1 and seq in {theirs}"),
            "delete from event_people where place = ?1 and person = ?2".to_owned(),
        ];
        self.forget(&format!("{theirs} theirs"), texts, values![place, person]).await
    }

    /// `what` is a table with conditions, or a list, of what is to be forgotten.
    async fn forget(
        &self,
        what: &str,
        texts: [String; 3],
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let mut batch = Batch::new();
        // The row that filing takes too, so that nothing is filed while it is forgotten. It is
        // left alone where there is nothing to forget, as nearly always.
        let hold = format!(
            "insert into event_filing (place, filed) \
             select cast(?1 as bigint), 0 where exists (select 1 from {what}) \
             on conflict (place) do update set filed = event_filing.filed"
        );
        batch.run(hold, args.clone());
        batch.fetch(format!("select count(*) from {what}"), args.clone());
        for text in texts {
            batch.run(text, args.clone());
        }
        match self.db.write(batch).await? {
            Outcome::Done { fetched } => {
                let row = fetched.first().and_then(|rows| rows.first());
                row.map_or(Ok(0), |row| row.u64(0))
            }
            Outcome::RaceLost { .. } => Err(StoreError::unavailable("nothing was guarded")),
        }
    }
}
