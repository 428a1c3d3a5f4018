//! What the change trail says of a command, and why it was given.

use claviger_domain::draft::{Draft, TrailEntry, Write};
use claviger_domain::ids::PlaceNumber;
use claviger_domain::noun::Actor;
use claviger_domain::noun::grant::Subject;
use claviger_domain::record::Record;
use claviger_domain::time::Instant;
use claviger_store::{Head, Reason, TrailRow};

/// Why a command was given, with the object and the person and credential it is about, by which it
/// is found and erased. Its number in the trail comes with the commit.
pub(super) fn reason_of(draft: &Draft, words: &str) -> Option<Reason> {
    let entry = draft.trail()?;
    let is_object = |write: &&Write| Some(write.record.header().id) == entry.object;
    let record = draft.writes().iter().find(is_object).map(|write| &write.record);
    let holder = |number| draft.state.credentials.get(number).and_then(|it| it.person);
    let (person, credential) = match record {
        Some(Record::Person(it)) => (Some(it.number()), None),
        Some(Record::Credential(it)) => (it.person, Some(it.number())),
        Some(Record::Grant(it)) => match it.subject {
            Subject::Person(number) => (Some(number), None),
            Subject::Credential(number) => (holder(number), Some(number)),
        },
        _ => (None, None),
    };
    Some(Reason {
        seq: 0,
        at: draft.now,
        noun: entry.noun,
        number: record.map(|record| record.header().number),
        person: person.map(|number| number.0),
        credential: credential.map(|number| number.0),
        words: words.to_owned(),
    })
}

/// The next entry of a place's change trail, chained to the one before.
pub(super) fn link(
    place: PlaceNumber,
    head: &Head,
    entry: TrailEntry,
    revision: u64,
    at: Instant,
    actor: Actor,
) -> TrailRow {
    let fields = entry.fields.iter().map(|changed| changed.field.to_owned()).collect();
    let values = entry
        .fields
        .into_iter()
        .filter_map(|changed| Some((changed.field.to_owned(), changed.value?)))
        .collect();
    let row = TrailRow {
        seq: head.trail_seq + 1,
        at,
        actor: entry.by.unwrap_or(actor),
        verb: entry.verb.to_owned(),
        noun: entry.noun,
        object: entry.object,
        fields,
        values,
        revision,
        hash: [0; 32],
    };
    row.linked(place, &head.trail_hash)
}
