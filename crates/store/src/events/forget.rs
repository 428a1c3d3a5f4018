//! Forgetting whom events concerned; the events stay countable.
//!
//! Must not decide how long a place keeps them, or whose are kept for longer.

use claviger_domain::ids::{PersonNumber, PlaceNumber};
use claviger_domain::noun::event::StandIn;
use claviger_domain::time::Instant;

use super::filing::FILED;
use crate::{Batch, Statement, Store, StoreError, Value, values};

/// Whom to forget in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// Whomever events concerned that happened before this instant.
    pub before: Instant,
    /// But for these people.
    pub people: Vec<PersonNumber>,
    /// And for whom these stand.
    pub stand_ins: Vec<StandIn>,
}

impl Forget {
    /// The rows to go, with the arguments; `?1` is the place.
    fn rows(&self, place: PlaceNumber) -> (String, Vec<Value>) {
        let mut args = values![place, self.before];
        let mut rows = "event_subjects where place = ?1 and occurred_at < ?2".to_owned();
        let people: Vec<Value> = self.people.iter().map(|it| Value::from(*it)).collect();
        let stand_ins: Vec<Value> = self.stand_ins.iter().map(|it| Value::from(it.0)).collect();
        for (column, kept) in [("person", people), ("stand_in", stand_ins)] {
            let Some(last) = kept.last().cloned() else { continue };
            let first = args.len() + 1;
            // Filled up, so that there are few different texts.
            let count = kept.len().next_power_of_two();
            args.extend(kept.into_iter().chain(std::iter::repeat(last)).take(count));
            let marks: Vec<String> = (first..first + count).map(|at| format!("?{at}")).collect();
            let marks = marks.join(", ");
            rows.push_str(&format!(" and ({column} is null or {column} not in ({marks}))"));
        }
        (rows, args)
    }
}

/// The numbers of the events of place `?1` that concern person `?2`, or say that it was whoever has
/// the stand-in `?3`.
pub(super) fn theirs() -> String {
    format!(
        "(select seq from event_people where place = ?1 and person = ?2 and seq <= {FILED} \
         union all select seq from event_subjects \
         where place = ?1 and person = ?2 and seq > {FILED} \
         union all select seq from event_subjects where place = ?1 and stand_in = ?3)"
    )
}

/// What goes with rows that are old.
fn of_old(old: &str) -> [String; 3] {
    [
        format!("delete from deliveries where place = ?1 and seq in (select seq from {old})"),
        format!(
            "delete from event_people where place = ?1 \
             and (person, seq) in (select person, seq from {old})"
        ),
        format!("delete from {old}"),
    ]
}

/// What goes with the events of somebody.
fn of_theirs(theirs: &str) -> [String; 3] {
    [
        format!("delete from deliveries where place = ?1 and seq in {theirs}"),
        format!("delete from event_subjects where place = ?1 and seq in {theirs}"),
        "delete from event_people where place = ?1 and person = ?2".to_owned(),
    ]
}

impl Store {
    /// Forgets whom events concerned, and the texts sent about them. Returns how many events were
    /// stripped.
    ///
    /// The bytes leave the files with [`Store::wipe_erased`].
    ///
    /// # Errors
    /// As for any write.
    pub async fn forget_subjects(
        &self,
        place: PlaceNumber,
        whom: &Forget,
    ) -> Result<u64, StoreError> {
        let (old, args) = whom.rows(place);
        self.forget(&old, of_old(&old).map(|text| (text, args.clone())), &args).await
    }

    /// Forgets that a person was concerned by any event of the place, under their own name or
    /// another's, and the texts sent about those events. Returns how many were stripped. Of
    /// somebody deleted, whom no command reaches, it is noted up to when that goes: some of it may
    /// be told late.
    ///
    /// # Errors
    /// As for any write.
    pub async fn forget_person(
        &self,
        place: PlaceNumber,
        person: PersonNumber,
        stand_in: StandIn,
        at: Instant,
    ) -> Result<u64, StoreError> {
        let sql = "update people set forgotten_at = ?3 \
             where place = ?1 and number = ?2 and deleted_at is not null";
        self.run(sql, values![place, person, at]).await?;
        let theirs = theirs();
        let args = values![place, person, stand_in.0];
        let [deliveries, subjects, filed] = of_theirs(&theirs);
        let texts =
            [(deliveries, args.clone()), (subjects, args.clone()), (filed, values![place, person])];
        self.forget(&format!("{theirs} theirs"), texts, &args).await
    }

    /// `what` is a table with conditions, or a list, of what is to be forgotten.
    async fn forget(
        &self,
        what: &str,
        texts: [(String, Vec<Value>); 3],
        args: &[Value],
    ) -> Result<u64, StoreError> {
        // Nearly always there is nothing, and nobody's event waits for that to be found.
        let any = format!("select 1 from {what} limit 1");
        if self.db.read(Statement::new(any, args.to_vec())).await?.is_empty() {
            return Ok(0);
        }
        let mut batch = Batch::new();
        // The row that filing takes too, so that nothing is filed while it is forgotten.
        let hold = format!(
            "insert into event_filing (place, filed) \
             select cast(?1 as bigint), 0 where exists (select 1 from {what}) \
             on conflict (place) do update set filed = event_filing.filed"
        );
        batch.run(hold, args);
        batch.fetch(format!("select count(*) from {what}"), args);
        for (text, args) in texts {
            batch.run(text, args);
        }
        self.erased_by(batch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::found_by;

    #[test]
    fn what_is_to_be_forgotten_is_found_without_reading_a_whole_place() {
        let stand_ins = vec![StandIn([7; 16])];
        let people = vec![PersonNumber(7), PersonNumber(8)];
        for whom in [
            Forget { before: Instant(1), people: vec![], stand_ins: vec![] },
            Forget { before: Instant(1), people, stand_ins },
        ] {
            let (old, _) = whom.rows(PlaceNumber(1));
            found_by(&format!("select 1 from {old} limit 1"), "event_subjects_occurred");
            let [deliveries, filed, subjects] = of_old(&old);
            found_by(&deliveries, "deliveries_seq (place=? AND seq=?)");
            found_by(&filed, "PRIMARY KEY (place=? AND person=? AND seq=?)");
            found_by(&subjects, "event_subjects_occurred");
        }
        let theirs = theirs();
        let found = format!("select 1 from {theirs} theirs limit 1");
        found_by(&found, "event_subjects_stand_in (place=? AND stand_in=?)");
        let [deliveries, subjects, _] = of_theirs(&theirs);
        found_by(&deliveries, "deliveries_seq (place=? AND seq=?)");
        found_by(&subjects, "event_subjects_stand_in (place=? AND stand_in=?)");
    }
}
