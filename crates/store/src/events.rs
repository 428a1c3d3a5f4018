//! The event log: what happened at locks, and apart from it whom it concerned, so that this can be
//! forgotten.
//!
//! A place's sequence is taken once per batch, in the batch, so it has no gaps and never runs
//! backwards. Must not count towards a place's revision.

mod filing;
mod forget;
mod read;

use std::collections::HashSet;

use claviger_domain::ids::{Id, PlaceNumber};
use claviger_domain::noun::event::{Event, Method};
use claviger_domain::reason::Reason;

use crate::cells::put;
use crate::outbox::{self, NewDelivery};
use crate::{Batch, Outcome, Statement, Store, StoreError, Value, values};

pub use filing::Filing;
pub use forget::Forget;
pub use read::EventFilter;
#[cfg(test)]
pub(crate) use read::recent_attempts;

const TAKE: &str =
    "update heads set event_seq = event_seq + ?2 where place = ?1 returning event_seq";
const INSERT: &str = "insert into events \
     (place, seq, id, kind, lock, occurred_at, received_at, method, reasons, hidden) \
     values (?1, (select event_seq from heads where place = ?1) - ?2, \
     ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const INSERT_SUBJECT: &str = "insert into event_subjects \
     (place, seq, occurred_at, person, credential, grant_number, card_bits, card_value, \
     stand_in) \
     values (?1, (select event_seq from heads where place = ?1) - ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// The rule that an event breaks which is stored already.
const SAME_ID: &str = "events.place, events.id";

/// How often a batch is tried again without the events that others stored in the meantime.
const ATTEMPTS: u32 = 4;

/// Events of one place and what is to be told of them.
#[derive(Clone, Debug)]
pub struct EventBatch {
    /// Which place.
    pub place: PlaceNumber,
    /// In the order in which they are to be counted; `seq` is not looked at.
    pub events: Vec<Event>,
    /// Deliveries; those about an event that is left out are left out too.
    pub deliveries: Vec<NewDelivery>,
}

impl EventBatch {
    /// Appends what stores events.
    pub(crate) fn append(
        batch: &mut Batch,
        place: PlaceNumber,
        events: &[Event],
        deliveries: &[NewDelivery],
    ) {
        if !events.is_empty() {
            batch.fetch(TAKE, values![place, events.len() as u64]);
            let later = |at: usize| (events.len() - 1 - at) as u64;
            let rows = events.iter().enumerate().map(|(at, event)| row(place, later(at), event));
            batch.many(INSERT, rows.collect());
            let subjects: Vec<Vec<Value>> = events
                .iter()
                .enumerate()
                .filter(|(_, event)| !event.subject.is_empty())
                .map(|(at, event)| subject_row(place, later(at), event))
                .collect();
            if !subjects.is_empty() {
                batch.many(INSERT_SUBJECT, subjects);
            }
        }
        outbox::append(batch, place, deliveries);
    }
}

fn row(place: PlaceNumber, later: u64, event: &Event) -> Vec<Value> {
    let reasons: Vec<&str> = event.reasons.iter().map(Reason::code).collect();
    let mut out = Vec::with_capacity(10);
    put!(out, place, later, event.id, event.kind.as_str(), event.lock);
    put!(out, event.occurred_at, event.received_at, event.method.map(Method::as_str));
    put!(out, reasons.join(" "), event.hidden);
    out
}

fn subject_row(place: PlaceNumber, later: u64, event: &Event) -> Vec<Value> {
    let subject = &event.subject;
    let mut out = Vec::with_capacity(9);
    put!(out, place, later, event.occurred_at, subject.person, subject.credential, subject.grant);
    put!(out, subject.card.map(|card| card.bits));
    put!(out, subject.card.map(|card| card.value.to_be_bytes()));
    put!(out, subject.stand_in.map(|it| it.0));
    out
}

/// Leaves out all but the first event with an id.
pub(crate) fn drop_twins(events: &mut Vec<Event>) {
    let mut seen = HashSet::with_capacity(events.len());
    events.retain(|event| seen.insert(event.id));
}

/// Whether the error says that an event is stored already.
pub(crate) fn is_known_event(error: &StoreError) -> bool {
    matches!(error, StoreError::Conflict { constraint } if constraint == SAME_ID)
}

impl Store {
    /// Stores events of one place with their deliveries; those whose ids are known are left out.
    /// Returns what was stored, with its sequence.
    ///
    /// # Errors
    /// As for any write. After [`StoreError::CommitUnknown`] the same call may be made again.
    pub async fn record_events(
        &self,
        place: PlaceNumber,
        events: Vec<Event>,
        deliveries: Vec<NewDelivery>,
    ) -> Result<Vec<Event>, StoreError> {
        let stored = self.record_batches(vec![EventBatch { place, events, deliveries }]).await?;
        Ok(stored.into_iter().flat_map(|batch| batch.events).collect())
    }

    /// As [`Store::record_events`] for several places in one transaction, at most one batch each.
    ///
    /// # Errors
    /// As [`Store::record_events`].
    pub async fn record_batches(
        &self,
        mut batches: Vec<EventBatch>,
    ) -> Result<Vec<EventBatch>, StoreError> {
        // In ascending order, so that two transactions cannot wait for one another.
        batches.sort_by_key(|batch| batch.place);
        batches.iter_mut().for_each(|batch| drop_twins(&mut batch.events));
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut whole = Batch::new();
            for batch in &batches {
                EventBatch::append(&mut whole, batch.place, &batch.events, &batch.deliveries);
            }
            match self.db.write(whole).await {
                Ok(Outcome::Done { fetched }) => {
                    let mut last = fetched.iter().filter_map(|rows| rows.first());
                    for batch in batches.iter_mut().filter(|batch| !batch.events.is_empty()) {
                        let last = last.next().map_or(Ok(0), |row| row.u64(0))?;
                        number(&mut batch.events, last);
                    }
                    return Ok(batches);
                }
                Ok(Outcome::RaceLost { .. }) => {
                    return Err(StoreError::unavailable("a batch without guards lost a race"));
                }
                Err(error) if is_known_event(&error) && attempt < ATTEMPTS => {
                    for batch in &mut batches {
                        self.drop_known(batch.place, &mut batch.events, &mut batch.deliveries)
                            .await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves out the events that are stored already, and what would be told of them again.
    pub(crate) async fn drop_known(
        &self,
        place: PlaceNumber,
        events: &mut Vec<Event>,
        deliveries: &mut Vec<NewDelivery>,
    ) -> Result<(), StoreError> {
        let sql = "select id from events where place = ?1 and id = ?2";
        let ask = |event: &Event| Statement::new(sql, values![place, event.id]);
        let mut known = HashSet::new();
        for rows in self.db.snapshot(events.iter().map(ask).collect()).await? {
            if let Some(row) = rows.first() {
                known.insert(Id(row.array(0)?));
            }
        }
        events.retain(|event| !known.contains(&event.id));
        deliveries.retain(|delivery| delivery.event.is_none_or(|event| !known.contains(&event)));
        Ok(())
    }
}

/// Gives events the sequence that ends with `last`.
fn number(events: &mut [Event], last: u64) {
    let first = (last + 1).saturating_sub(events.len() as u64);
    for (event, seq) in events.iter_mut().zip(first..) {
        event.seq = seq;
    }
}
