//! Catching up: what other nodes have written to a place since a revision.
//!
//! Must not apply anything; the caller does, as with its own commits.

use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::record::Record;
use claviger_domain::time::Instant;

use crate::cells::Tools;
use crate::commit::{Head, row_place};
use crate::{Batch, Statement, Store, StoreError, rows, values};

/// What a place has become since a revision.
#[derive(Clone, Debug)]
pub struct CaughtUp {
    /// Where it stands.
    pub head: Head,
    /// Each record written since, as it stands: closed and deleted ones too, in order of the nouns'
    /// codes.
    pub records: Vec<Record>,
}

/// Records of a noun, from a number to a number.
type Range = (Noun, u32, u32);

/// The ranges in order, those that meet made one, so that no record is read twice.
fn joined(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    ranges.dedup_by(|(noun, first, last), (same, _, end)| {
        let meet = noun == same && *first <= *end;
        if meet {
            *end = (*end).max(*last);
        }
        meet
    });
    ranges
}

impl Store {
    /// The revisions of all places and of the directory (place 0), for whoever looks which moved.
    ///
    /// # Errors
    /// As for any read.
    pub async fn revisions(&self) -> Result<Vec<(PlaceNumber, u64)>, StoreError> {
        let sql = "select place, revision from heads order by place";
        let rows = self.db.read(Statement::new(sql, [])).await?;
        rows.iter().map(|row| Ok((PlaceNumber(row.u32(0)?), row.u64(1)?))).collect()
    }

    /// What was written to a place after `revision`; none where that is too long ago to tell, and
    /// the place must be loaded whole.
    ///
    /// # Errors
    /// As for any read.
    pub async fn catch_up(
        &self,
        place: PlaceNumber,
        revision: u64,
    ) -> Result<Option<CaughtUp>, StoreError> {
        loop {
            let (head, touched) = match self.touched(place, revision).await? {
                Some(found) => found,
                None => return Ok(None),
            };
            let by_range = |(noun, first, last): &Range| {
                let sql = rows::texts(*noun).by_range.as_str();
                Statement::new(sql, values![row_place(place, *noun, *first), *first, *last])
            };
            let mut statements =
                vec![Statement::new("select revision from heads where place = ?1", values![place])];
            statements.extend(touched.iter().map(by_range));
            let answers = self.db.snapshot(statements).await?;
            let mut answers = answers.into_iter();
            let still = answers.next().and_then(|rows| rows.into_iter().next());
            if still.is_none_or(|row| row.u64(0) != Ok(head.revision)) {
                // It moved between the two reads; both must be of one revision.
                continue;
            }
            let mut tools = Tools::new(self.secrets());
            let mut records = Vec::new();
            for ((noun, ..), rows) in touched.iter().zip(answers) {
                for row in rows {
                    records.push(rows::read(*noun, row.into_values(), &mut tools)?.1);
                }
            }
            return Ok(Some(CaughtUp { head, records }));
        }
    }

    async fn touched(
        &self,
        place: PlaceNumber,
        revision: u64,
    ) -> Result<Option<(Head, Vec<Range>)>, StoreError> {
        let head = "select revision, trail_seq, trail_hash, touched_from from heads \
             where place = ?1";
        let touched = "select noun, first, last from touched where place = ?1 and revision > ?2";
        let answers = self
            .db
            .snapshot(vec![
                Statement::new(head, values![place]),
                Statement::new(touched, values![place, revision]),
            ])
            .await?;
        let [head, touched] = answers.as_slice() else { return Ok(None) };
        let Some(row) = head.first() else { return Ok(Some((Head::default(), Vec::new()))) };
        if row.u64(3)? > revision {
            return Ok(None);
        }
        let head =
            Head { revision: row.u64(0)?, trail_seq: row.u64(1)?, trail_hash: row.array(2)? };
        let mut ranges = Vec::with_capacity(touched.len());
        for row in touched {
            let noun = Noun::parse(row.text(0)?);
            let noun = noun.ok_or_else(|| StoreError::corrupt("touched.noun"))?;
            ranges.push((noun, row.u32(1)?, row.u32(2)?));
        }
        Ok(Some((head, joined(ranges))))
    }

    /// Removes the tickets that expired before an instant. The last one stays, because its number
    /// must not be given again.
    ///
    /// # Errors
    /// As for any write.
    pub async fn trim_tickets(&self, expired_before: Instant) -> Result<(), StoreError> {
        let rows = "tickets where expires_at < ?1 and number < (select max(number) from tickets)";
        self.erase(rows, values![expired_before]).await.map(drop)
    }

    /// Removes what was noted for other nodes, and ids of commits, before an instant.
    ///
    /// # Errors
    /// As for any write.
    pub async fn trim_notes(&self, before: Instant) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.run(
            "update heads set touched_from = \
             (select max(t.revision) from touched t where t.place = heads.place and t.at < ?1) \
             where exists (select 1 from touched t where t.place = heads.place and t.at < ?1)",
            values![before],
        );
        batch.run(
            "delete from touched where exists (select 1 from heads h \
             where h.place = touched.place and h.touched_from >= touched.revision)",
            [],
        );
        batch.run("delete from commits where at < ?1", values![before]);
        self.db.write(batch).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_meet_are_one() {
        let (grant, lock) = (Noun::Grant, Noun::Lock);
        let ranges = vec![
            (grant, 5, 9),
            (lock, 7, 7),
            (grant, 1, 3),
            (grant, 9, 12),
            (grant, 6, 6),
            (lock, 7, 7),
            (grant, 20, 20),
        ];
        let mut wanted = vec![(grant, 1, 3), (grant, 5, 12), (grant, 20, 20), (lock, 7, 7)];
        wanted.sort_unstable();
        assert_eq!(joined(ranges), wanted);
        assert_eq!(joined(Vec::new()), Vec::new());
    }
}
