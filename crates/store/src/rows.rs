//! Every noun's table, and records of any noun as rows.
//!
//! Must not hold what differs between nouns; that is in the noun's own file.

mod access_level;
mod account;
mod client;
mod controller;
mod credential;
mod grant;
mod list;
mod lock;
mod membership;
mod organization;
mod person;
mod place;
mod schedule;
mod share;
mod ticket;
mod webhook;

use std::sync::{Arc, LazyLock};

use claviger_domain::ids::Noun;
use claviger_domain::noun::access_level::{AccessLevel, Membership};
use claviger_domain::noun::account::{Account, Ticket};
use claviger_domain::noun::client::Client;
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::credential::Credential;
use claviger_domain::noun::grant::Grant;
use claviger_domain::noun::lock::{Lock, Share};
use claviger_domain::noun::person::Person;
use claviger_domain::noun::place::{Organization, Place};
use claviger_domain::noun::schedule::Schedule;
use claviger_domain::noun::webhook::Webhook;
use claviger_domain::record::Record;

pub(crate) use self::grant::POINTS;
use crate::cells::{Cells, Tools};
use crate::table::{self, Table, Texts};
use crate::{StoreError, Value};

/// The nouns of the directory, in an order in which rows come after those they refer to.
pub(crate) const DIRECTORY: [Noun; 4] =
    [Noun::Organization, Noun::Account, Noun::Client, Noun::Ticket];

/// The nouns of a place, in an order in which rows come after those they refer to.
pub(crate) const PLACE: [Noun; 11] = [
    Noun::Place,
    Noun::Schedule,
    Noun::Controller,
    Noun::Person,
    Noun::Credential,
    Noun::Lock,
    Noun::AccessLevel,
    Noun::Share,
    Noun::Membership,
    Noun::Grant,
    Noun::Webhook,
];

/// Where a noun's rows come when records of several are written, so that parents come first.
pub(crate) fn rank(noun: Noun) -> usize {
    const ORDER: [Noun; 15] = [
        Noun::Organization,
        Noun::Place,
        Noun::Account,
        Noun::Schedule,
        Noun::Controller,
        Noun::Client,
        Noun::Ticket,
        Noun::Person,
        Noun::Credential,
        Noun::Lock,
        Noun::AccessLevel,
        Noun::Share,
        Noun::Membership,
        Noun::Grant,
        Noun::Webhook,
    ];
    ORDER.iter().position(|other| *other == noun).unwrap_or(ORDER.len())
}

macro_rules! tables {
    ($($noun:ident)*) => {
        static TEXTS: LazyLock<Vec<(Noun, Texts)>> =
            LazyLock::new(|| vec![$((Noun::$noun, Texts::of::<$noun>()),)*]);

        /// The name of a noun's table.
        fn name(noun: Noun) -> &'static str {
            match noun { $(Noun::$noun => <$noun as Table>::NAME,)* }
        }

        fn past_names(noun: Noun) -> &'static [&'static str] {
            match noun { $(Noun::$noun => <$noun as Table>::PAST,)* }
        }

        /// All cells of a record's row.
        pub(crate) fn write(place: u32, record: &Record) -> Vec<Value> {
            match record { $(Record::$noun(it) => table::write(place, &**it),)* }
        }

        /// See [`table::closing`].
        pub(crate) fn closing(former: &Record, record: &Record) -> Option<Vec<Value>> {
            match (former, record) {
                $((Record::$noun(former), Record::$noun(it)) => table::closing(&**former, &**it),)*
                _ => None,
            }
        }

        /// The place and record of a row of `noun`.
        pub(crate) fn read(
            noun: Noun,
            values: Vec<Value>,
            tools: &mut Tools,
        ) -> Result<(u32, Record), StoreError> {
            let mut cells = Cells::new(name(noun), values, tools);
            match noun { $(Noun::$noun => {
                let (place, it) = table::read::<$noun>(&mut cells)?;
                Ok((place, Record::$noun(Arc::new(it))))
            })* }
        }

        /// Whether the record is closed or deleted.
        pub(crate) fn is_ended(record: &Record) -> bool {
            let closed = match record { $(Record::$noun(it) => it.closed().is_some(),)* };
            closed || record.header().is_deleted()
        }

        fn past(record: &Record) -> Vec<Value> {
            let mut out = Vec::new();
            match record { $(Record::$noun(it) => it.write_past(&mut out),)* }
            out
        }

        /// The record as it was before its end, where that is undone; its external id may be
        /// another's since.
        pub(crate) fn reopened(record: &Record) -> Record {
            match record { $(Record::$noun(it) => {
                let mut it = $noun::clone(it);
                let header = it.header_mut();
                header.deleted_at = None;
                header.external_id = None;
                it.reopen();
                Record::$noun(Arc::new(it))
            })* }
        }

        /// The record as one that is gone.
        pub(crate) fn deleted(record: &Record, at: claviger_domain::time::Instant) -> Record {
            match record { $(Record::$noun(it) => {
                let mut it = $noun::clone(it);
                it.header_mut().deleted_at = Some(at);
                Record::$noun(Arc::new(it))
            })* }
        }

        fn turned_back(record: &Record, cells: &mut Cells<'_>) -> Result<Record, StoreError> {
            match record { $(Record::$noun(it) => {
                let mut it = $noun::clone(it);
                it.turn_back(cells)?;
                Ok(Record::$noun(Arc::new(it)))
            })* }
        }
    };
}

tables! {
    Organization Place Account Client Ticket
    Person Credential Controller Lock Share AccessLevel Membership Schedule Grant Webhook
}

/// The SQL of a noun's table.
pub(crate) fn texts(noun: Noun) -> &'static Texts {
    // The list is in the order of the codes, which start at 1; a test says so.
    &TEXTS[(noun as usize) - 1].1
}

/// The former values, as JSON, of all fields that decisions read, if any of them changed.
pub(crate) fn changed_past(former: &Record, record: &Record) -> Option<String> {
    let names = past_names(former.noun());
    if names.is_empty() || former.noun() != record.noun() {
        return None;
    }
    let was = past(former);
    if was == past(record) {
        return None;
    }
    let mut fields = serde_json::Map::new();
    for (name, value) in names.iter().zip(was) {
        let value = match value {
            Value::Int(number) => number.into(),
            Value::Text(text) => text.into(),
            Value::Null | Value::Bytes(_) => serde_json::Value::Null,
        };
        fields.insert((*name).to_owned(), value);
    }
    Some(serde_json::Value::Object(fields).to_string())
}

/// The record with the fields that decisions read as they were.
pub(crate) fn with_past(
    record: &Record,
    fields: &str,
    tools: &mut Tools,
) -> Result<Record, StoreError> {
    let noun = record.noun();
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(fields)
        .map_err(|_| StoreError::corrupt("history.fields is not a JSON object"))?;
    let value = |name: &&str| match object.get(*name) {
        Some(serde_json::Value::Number(number)) => number.as_i64().map_or(Value::Null, Value::Int),
        Some(serde_json::Value::String(text)) => Value::Text(text.clone()),
        _ => Value::Null,
    };
    let values = past_names(noun).iter().map(value).collect();
    turned_back(record, &mut Cells::new("history", values, tools))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_in_the_order_of_the_codes() {
        for (at, noun) in Noun::ALL.iter().enumerate() {
            assert_eq!((*noun as usize, TEXTS[at].0), (at + 1, *noun));
            assert!(rank(*noun) < Noun::ALL.len());
            assert!(DIRECTORY.contains(noun) != PLACE.contains(noun));
        }
    }
}
