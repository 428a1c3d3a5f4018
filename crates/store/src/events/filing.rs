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

const BEHIND: &str = "select h.place, coalesce(f.filed, 0), h.event_seq from heads h \
     left join event_filing f on f.place = h.place \
     where h.event_seq >= coalesce(f.filed, 0) + ?1 order by h.place";

const BY_LOCK: &str = "insert into event_locks (place, lock, seq, id) \
     select place, lock, seq, id from events where place = ?1 and seq > ?2 and seq <= ?3 \
     order by lock, seq on conflict (place, lock, seq) do nothing";

const BEGIN: &str = "insert into event_filing (place, filed) values (?1, 0) \
     on conflict (place) do nothing";
const HOLD: &str = "update event_filing set filed = ?2 where place = ?1 and filed = ?2";
const ADVANCE: &str = "update event_filing set filed = ?3 where place = ?1 and filed = ?2";
const LAST_PERSON: &str = "select max(person) from event_subjects \
     where place = ?1 and seq > ?2 and seq <= ?3";
const BY_PERSON: &str = "insert into event_people (place, person, seq, id) \
     select s.place, s.person, s.seq, e.id from event_subjects s \
     join events e on e.place = s.place and e.seq = s.seq \
     where s.place = ?1 and s.seq > ?2 and s.seq <= ?3 and s.person >= ?4 and s.person < ?5 \
     order by s.person, s.seq on conflict (place, person, seq) do nothing";

/// How many events of a place are filed together.
#[derive(Clone, Copy, Debug)]
pub struct Filing {
    /// Fewer are left for later.
    pub least: u64,
    /// More wait for another round.
    pub most: u64,
    /// In how many transactions those by person are stored.
    pub parts: u64,
}

impl Store {
    /// Files events of every place that has enough of them which are not filed; says whether there
    /// was any.
    ///
    /// # Errors
    /// As for any write; what was filed stays.
    pub async fn file_events(&self, filing: Filing) -> Result<bool, StoreError> {
        let behind = self.db.read(Statement::new(BEHIND, values![filing.least])).await?;
        let is_behind = !behind.is_empty();
        for row in behind {
            let (filed, last) = (row.u64(1)?, row.u64(2)?);
            let last = last.min(filed.saturating_add(filing.most));
            self.file(PlaceNumber(row.u32(0)?), filed, last, filing.parts.max(1)).await?;
        }
        Ok(is_behind)
    }

    /// In several transactions, so that no event waits for the whole. Entries above `filed` are not
    /// looked at, so they may be there before the place says so. Those by person tell who it was:
    /// each transaction takes the row that forgetting takes too. Another node may do the same at
    /// the same time; one of them comes too late, and what it stored is what the other stores.
    async fn file(
        &self,
        place: PlaceNumber,
        filed: u64,
        last: u64,
        parts: u64,
    ) -> Result<(), StoreError> {
        let span = || values![place, filed, last];
        let mut locks = Batch::new();
        locks.run(BY_LOCK, span());
        self.db.write(locks).await?;
        let found = self.db.read(Statement::new(LAST_PERSON, span())).await?;
        let last_person = found.first().map_or(Ok(None), |row| row.opt_int(0))?;
        let width = last_person.map_or(0, i64::unsigned_abs) / parts + 1;
        for part in 1..=parts {
            let mut people = Batch::new();
            people.run(BEGIN, values![place]);
            let mark = if part == parts { ADVANCE } else { HOLD };
            people.guard(mark, if part == parts { span() } else { values![place, filed] });
            let from = width * (part - 1);
            people.run(BY_PERSON, values![place, filed, last, from, from + width]);
            if let Outcome::RaceLost { .. } = self.db.write(people).await? {
                break;
            }
        }
        Ok(())
    }
}
