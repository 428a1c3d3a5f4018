//! The cells of a row: domain values become columns here and are read back in the same order.
//!
//! Reading takes each cell once, so texts move instead of being copied: a start reads millions.
//! Must not know a table.

use std::collections::HashMap;
use std::sync::Arc;
use std::vec::IntoIter;

use claviger_domain::ids::{
    AccessLevelNumber, AccountNumber, ClientNumber, ControllerNumber, CredentialNumber,
    GrantNumber, Id, LockNumber, OrganizationNumber, PersonNumber, PlaceNumber, ScheduleNumber,
    TicketNumber, WebhookNumber,
};
use claviger_domain::noun::schedule::{ScheduleRef, Timetable};
use claviger_domain::noun::{Actor, CloseReason, Closed, Json};
use claviger_domain::time::{Instant, Window, Zone};

use crate::{Secrets, StoreError, Value, timetable};

macro_rules! numbers {
    ($($number:ident)*) => {$(
        impl From<$number> for Value {
            fn from(number: $number) -> Value { Value::Int(i64::from(number.0)) }
        }
    )*};
}
numbers! {
    AccessLevelNumber AccountNumber ClientNumber ControllerNumber CredentialNumber GrantNumber
    LockNumber OrganizationNumber PersonNumber PlaceNumber ScheduleNumber TicketNumber
    WebhookNumber
}

impl From<Instant> for Value {
    fn from(at: Instant) -> Value {
        Value::Int(at.0)
    }
}

impl From<Id> for Value {
    fn from(id: Id) -> Value {
        Value::Bytes(id.0.to_vec())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Value {
        Value::Text(text.clone())
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Value {
        Value::Text(json.0.clone())
    }
}

impl From<&Zone> for Value {
    fn from(zone: &Zone) -> Value {
        Value::Text(zone.name().to_owned())
    }
}

/// Appends cells.
macro_rules! put {
    ($out:ident, $($value:expr),* $(,)?) => { { $($out.push($crate::Value::from($value));)* } };
}
pub(crate) use put;

/// Two cells: the number of a named schedule, the definition of an inline one.
pub(crate) fn put_schedule(out: &mut Vec<Value>, schedule: Option<&ScheduleRef>) {
    let (named, inline) = match schedule {
        None => (None, None),
        Some(ScheduleRef::Named(number)) => (Some(*number), None),
        Some(ScheduleRef::Inline(table)) => (None, Some(timetable::encode(table.definition()))),
    };
    put!(out, named, inline);
}

/// Two cells.
pub(crate) fn put_window(out: &mut Vec<Value>, window: &Window) {
    put!(out, window.from, window.until);
}

/// Two cells.
pub(crate) fn put_actor(out: &mut Vec<Value>, actor: Option<Actor>) {
    put!(out, actor.map(Actor::kind), actor.and_then(Actor::id));
}

/// Four cells.
pub(crate) fn put_closed(out: &mut Vec<Value>, closed: Option<&Closed>) {
    put!(out, closed.map(|closed| closed.at));
    put_actor(out, closed.map(|closed| closed.by));
    put!(out, closed.map(|closed| closed.reason.as_str()));
}

/// What reading needs beside the row. Timetables are compiled once for each text.
#[derive(Default)]
pub(crate) struct Tools {
    pub(crate) secrets: Option<Arc<Secrets>>,
    timetables: HashMap<String, Arc<Timetable>>,
}

impl Tools {
    pub(crate) fn new(secrets: &Arc<Secrets>) -> Tools {
        Tools { secrets: Some(Arc::clone(secrets)), timetables: HashMap::new() }
    }
}

/// A row being read, cell by cell.
pub(crate) struct Cells<'t> {
    values: IntoIter<Value>,
    taken: usize,
    table: &'static str,
    pub(crate) tools: &'t mut Tools,
}

impl<'t> Cells<'t> {
    pub(crate) fn new(table: &'static str, values: Vec<Value>, tools: &'t mut Tools) -> Self {
        Cells { values: values.into_iter(), taken: 0, table, tools }
    }

    /// An error about the cell read last.
    pub(crate) fn wrong(&self, wanted: &str) -> StoreError {
        StoreError::corrupt(format!("{} cell {} is not {wanted}", self.table, self.taken))
    }

    fn need<T>(&self, value: Option<T>, wanted: &str) -> Result<T, StoreError> {
        value.ok_or_else(|| self.wrong(wanted))
    }

    fn take(&mut self) -> Value {
        self.taken += 1;
        self.values.next().unwrap_or(Value::Null)
    }

    pub(crate) fn opt_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.take() {
            Value::Int(n) => Ok(Some(n)),
            Value::Null => Ok(None),
            _ => Err(self.wrong("a number")),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        let number = self.opt_int()?;
        self.need(number, "a number")
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StoreError> {
        self.int().map(i64::cast_unsigned)
    }

    /// A number that fits `T`.
    pub(crate) fn opt<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, StoreError> {
        let Some(number) = self.opt_int()? else { return Ok(None) };
        T::try_from(number).map(Some).map_err(|_| self.wrong("a number of that size"))
    }

    /// A number that fits `T`, which must be there.
    pub(crate) fn fit<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        let number = self.opt()?;
        self.need(number, "a number")
    }

    pub(crate) fn bool(&mut self) -> Result<bool, StoreError> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong("0 or 1")),
        }
    }

    pub(crate) fn opt_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.take() {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => Err(self.wrong("text")),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        let text = self.opt_text()?;
        self.need(text, "text")
    }

    pub(crate) fn opt_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.take() {
            Value::Bytes(bytes) => Ok(Some(bytes)),
            Value::Null => Ok(None),
            _ => Err(self.wrong("bytes")),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        let bytes = self.opt_bytes()?;
        self.need(bytes, "bytes")
    }

    pub(crate) fn opt_array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, StoreError> {
        let Some(bytes) = self.opt_bytes()? else { return Ok(None) };
        bytes.try_into().map(Some).map_err(|_| self.wrong("bytes of that length"))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let bytes = self.opt_array()?;
        self.need(bytes, "bytes")
    }

    pub(crate) fn id(&mut self) -> Result<Id, StoreError> {
        self.array().map(Id)
    }

    pub(crate) fn opt_id(&mut self) -> Result<Option<Id>, StoreError> {
        Ok(self.opt_array()?.map(Id))
    }

    pub(crate) fn instant(&mut self) -> Result<Instant, StoreError> {
        self.int().map(Instant)
    }

    pub(crate) fn opt_instant(&mut self) -> Result<Option<Instant>, StoreError> {
        Ok(self.opt_int()?.map(Instant))
    }

    pub(crate) fn opt_word<T>(
        &mut self,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(text) = self.opt_text()? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.wrong("a known word"))
    }

    pub(crate) fn word<T>(&mut self, parse: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let word = self.opt_word(parse)?;
        self.need(word, "a word")
    }

    /// Words with a space between.
    pub(crate) fn words<T, C: FromIterator<T>>(
        &mut self,
        parse: fn(&str) -> Option<T>,
    ) -> Result<C, StoreError> {
        let text = self.text()?;
        text.split_ascii_whitespace()
            .map(|word| parse(word).ok_or_else(|| self.wrong("known words")))
            .collect()
    }

    /// JSON of ours; none for an empty cell.
    pub(crate) fn opt_list(&mut self) -> Result<Option<serde_json::Value>, StoreError> {
        let Some(text) = self.opt_text()? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|_| self.wrong("JSON"))
    }

    /// JSON of the caller's, unread.
    pub(crate) fn opt_json(&mut self) -> Result<Option<Json>, StoreError> {
        Ok(self.opt_text()?.map(Json))
    }

    pub(crate) fn opt_zone(&mut self) -> Result<Option<Zone>, StoreError> {
        self.opt_word(Zone::parse)
    }

    pub(crate) fn zone(&mut self) -> Result<Zone, StoreError> {
        self.word(Zone::parse)
    }

    pub(crate) fn window(&mut self) -> Result<Window, StoreError> {
        Ok(Window { from: self.opt_instant()?, until: self.opt_instant()? })
    }

    pub(crate) fn opt_timetable(&mut self) -> Result<Option<Arc<Timetable>>, StoreError> {
        let Some(text) = self.opt_text()? else { return Ok(None) };
        if let Some(known) = self.tools.timetables.get(&text) {
            return Ok(Some(Arc::clone(known)));
        }
        let made = timetable::decode(&text).ok_or_else(|| self.wrong("a timetable"))?;
        self.tools.timetables.insert(text, Arc::clone(&made));
        Ok(Some(made))
    }

    pub(crate) fn timetable(&mut self) -> Result<Arc<Timetable>, StoreError> {
        let table = self.opt_timetable()?;
        self.need(table, "a timetable")
    }

    pub(crate) fn schedule(&mut self) -> Result<Option<ScheduleRef>, StoreError> {
        let named = self.opt()?.map(|number| ScheduleRef::Named(ScheduleNumber(number)));
        let inline = self.opt_timetable()?.map(ScheduleRef::Inline);
        Ok(named.or(inline))
    }

    pub(crate) fn actor(&mut self) -> Result<Option<Actor>, StoreError> {
        let kind = self.opt_text()?;
        let id = self.opt_id()?;
        let Some(kind) = kind else { return Ok(None) };
        match (kind.as_str(), id) {
            ("system", None) => Ok(Some(Actor::System)),
            ("operator", None) => Ok(Some(Actor::Operator)),
            ("client", Some(id)) => Ok(Some(Actor::Client(id))),
            ("account", Some(id)) => Ok(Some(Actor::Account(id))),
            ("account", None) => Ok(Some(Actor::Somebody)),
            _ => Err(self.wrong("of an actor")),
        }
    }

    pub(crate) fn closed(&mut self) -> Result<Option<Closed>, StoreError> {
        let at = self.opt_instant()?;
        let by = self.actor()?;
        let reason = self.opt_word(CloseReason::parse)?;
        match (at, by, reason) {
            (None, None, None) => Ok(None),
            (Some(at), Some(by), Some(reason)) => Ok(Some(Closed { at, by, reason })),
            _ => Err(self.wrong("part of a whole ending")),
        }
    }
}
