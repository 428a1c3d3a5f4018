//! Filing events by lock and by person, many at a time, so that entries share pages.
//!
//! An event is stored by appending rows. What is not filed yet is found by reading through it, so
//! it must stay little: whoever runs the server calls [`Store::file_events`] again and again.
//!
//! Must not change an event, or leave an entry that tells whom a forgotten event concerned.

use claviger_domain::ids::PlaceNumber;

use crate::{Batch, Outcome, Statement, Store, StoreError, values};

/// Up to which event those of place `?1` are filed, as SQL.
pub(super) const FILED: &str = "coalesce((select filed from event_filing where place = ?1), 0)";

const BEHIND: &str = "select h.place, coalesce(f.filed, 0) from heads h \
     left join event_filing f on f.place = h.place \
     where h.event_seq >= coalesce(f.filed, 0) + ?1 order by h.place";

/// Entries above `filed` are not looked at, so they may be there before the place says so.
const BY_LOCK: &str = "insert into event_locks (place, lock, seq, id) \
     select place, lock, seq, id from events where place = ?1 and seq > ?2 and seq <= ?3 \
     order by lock, seq on conflict (place, lock, seq) do nothing";

const BEGIN: &str = "insert into event_filing (place, filed) values (?1, 0) \
     on conflict (place) do nothing";
const ADVANCE: &str = "update event_filing set filed = ?3 where place = ?1 and filed = ?2";
const BY_PERSON: &str = "insert into event_people (place, person, seq, id) \
     select s.place, s.person, s.seq, e.id from event_subjects s \
     join events e on e.place = s.place and e.seq = s.seq \
     where s.place = ?1 and s.seq > ?2 and s.seq <= ?3 and s.person is not null \
     order by s.person, s.seq";

impl Store {
    /// Files `chunk` events of every place that has as many which are not filed; says whether
    /// there was any.
    ///
    /// # Errors
    /// As for any write; what was filed stays.
    pub async fn file_events(&self, chunk: u64) -> Result<bool, StoreError> {
        let behind = self.db.read(Statement::new(BEHIND, values![chunk])).await?;
        let is_behind = !behind.is_empty();
        for row in behind {
            self.file(PlaceNumber(row.u32(0)?), row.u64(1)?, chunk).await?;
        }
        Ok(is_behind)
    }

    /// In two transactions, so that no event waits for the whole. Another node may do the same at
    /// the same time; one of them comes too late and leaves nothing.
    async fn file(&self, place: PlaceNumber, filed: u64, chunk: u64) -> Result<(), StoreError> {
        let span = || values![place, filed, filed + chunk];
        let mut locks = Batch::new();
        locks.run(BY_LOCK, span());
        self.db.write(locks).await?;
        let mut people = Batch::new();
        people.run(BEGIN, values![place]);
        people.guard(ADVANCE, span());
        people.run(BY_PERSON, span());
        match self.db.write(people).await? {
            Outcome::Done { .. } | Outcome::RaceLost { .. } => Ok(()),
        }
    }
}
