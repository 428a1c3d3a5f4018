//! A command at work: a working copy of one place, and what it writes there.
//!
//! Pure: nothing leaves the draft until its owner commits it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::{Id, IdSource, Noun};
use crate::noun::{Actor, CloseReason, Closed, Header};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::state::{PlaceState, Working};
use crate::time::Instant;

/// One record as it is to be kept, and as it was.
#[derive(Clone, Debug)]
pub struct Write {
    /// After.
    pub record: Record,
    /// Before; `None` for a new one.
    pub former: Option<Record>,
}

/// A field that a command changed; its value only where it says nothing about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The field's name.
    pub field: &'static str,
    /// The value after the change.
    pub value: Option<String>,
}

impl Changed {
    /// A field whose value is nobody's business.
    #[must_use]
    pub fn hidden(field: &'static str) -> Changed {
        Changed { field, value: None }
    }

    /// A field whose value is no personal datum.
    #[must_use]
    pub fn shown(field: &'static str, value: impl ToString) -> Changed {
        Changed { field, value: Some(value.to_string()) }
    }
}

/// What the change trail says of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailEntry {
    /// What was done.
    pub verb: &'static str,
    /// To what kind of thing.
    pub noun: Noun,
    /// To which.
    pub object: Option<Id>,
    /// Which fields changed.
    pub fields: Vec<Changed>,
    /// By whom, where that is not who commands.
    pub by: Option<Actor>,
}

/// A working copy of a place (or the directory) and everything one command writes there.
#[derive(Clone, Debug)]
pub struct Draft<S = PlaceState> {
    /// The place as it would be.
    pub state: S,
    /// When the command happens.
    pub now: Instant,
    /// Who commands.
    pub actor: Actor,
    ids: IdSource,
    revision: u64,
    writes: Vec<Write>,
    at: HashMap<(Noun, u32), usize>,
    trail: Option<TrailEntry>,
    acted: bool,
}

impl<S: Working> Draft<S> {
    /// A draft on `state`; what it writes will be the place's next revision.
    #[must_use]
    pub fn new(state: S, now: Instant, actor: Actor, ids: IdSource) -> Draft<S> {
        let revision = state.revision() + 1;
        let (writes, at) = (Vec::new(), HashMap::new());
        Draft { state, now, actor, ids, revision, writes, at, trail: None, acted: false }
    }

    /// The revision this draft makes.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A fresh public id.
    pub fn next_id(&mut self) -> Id {
        self.ids.next_id()
    }

    /// The header of a new record of `noun`.
    ///
    /// # Errors
    /// Where the place has given every number it can for that noun.
    pub fn header(&mut self, noun: Noun, external_id: Option<String>) -> Result<Header, Refusal> {
        let number = self.state.highest(noun) + 1;
        if number >= 1 << 30 {
            return Err(Refusal::InUse(format!(
                "this place has no {} numbers left",
                noun.as_str()
            )));
        }
        self.state.reserve(noun, number);
        Ok(Header {
            number,
            id: self.ids.next_id(),
            external_id,
            created_at: self.now,
            updated_at: self.now,
            revision: self.revision,
            deleted_at: None,
        })
    }

    /// Writes a record: into the working copy, and onto the list of what is to be kept.
    pub fn put(&mut self, record: impl Into<Record>) {
        let mut record = record.into();
        let header = record.header_mut();
        header.updated_at = self.now;
        header.revision = self.revision;
        let key = (record.noun(), record.header().number);
        if let Some(at) = self.at.get(&key) {
            self.state.apply(&record);
            self.writes[*at].record = record;
            return;
        }
        let former = self.state.record(key.0, key.1);
        self.state.apply(&record);
        self.at.insert(key, self.writes.len());
        self.writes.push(Write { record, former });
    }

    /// Writes a record as deleted.
    pub fn delete(&mut self, record: impl Into<Record>) {
        let mut record = record.into();
        let header = record.header_mut();
        header.deleted_at = Some(self.now);
        header.external_id = None;
        self.put(record);
    }

    /// How a right ends by this command.
    #[must_use]
    pub fn closing(&self, reason: CloseReason) -> Closed {
        Closed { at: self.now, by: self.actor, reason }
    }

    /// Says what this command is, for the change trail. The first word stands: a command that is
    /// made of others says its own name before it calls them.
    pub fn note(
        &mut self,
        verb: &'static str,
        noun: Noun,
        object: Option<Id>,
        fields: Vec<Changed>,
    ) {
        self.trail.get_or_insert(TrailEntry { verb, noun, object, fields, by: None });
    }

    /// The same of something that is on record though it changes nothing here, such as a door that
    /// was opened from afar. A command that changes nothing otherwise leaves no entry.
    pub fn note_act(
        &mut self,
        verb: &'static str,
        noun: Noun,
        object: Option<Id>,
        fields: Vec<Changed>,
    ) {
        self.note(verb, noun, object, fields);
        self.acted = true;
        self.state.advance(self.revision);
    }

    /// Leaves out of the change trail which human it was; which program it was stays.
    pub fn note_nobody(&mut self) {
        if let (Actor::Account(_), Some(entry)) = (self.actor, &mut self.trail) {
            entry.by = Some(Actor::Somebody);
        }
    }

    /// Adds a field to what the change trail will say of this command.
    pub fn note_also(&mut self, field: Changed) {
        self.trail.iter_mut().for_each(|entry| entry.fields.push(field.clone()));
    }

    /// What was written so far.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// What the change trail will say of this command, so far.
    #[must_use]
    pub fn trail(&self) -> Option<&TrailEntry> {
        self.trail.as_ref()
    }

    /// The draft's end: the place as it is now, what was written, and what the trail says of it.
    #[must_use]
    pub fn finish(self) -> (S, Vec<Write>, Option<TrailEntry>) {
        let on_record = self.acted || !self.writes.is_empty();
        (self.state, self.writes, self.trail.filter(|_| on_record))
    }
}

/// Sets a field of a record from an edit and notes its name if that changes anything; with a
/// third part, `as`, also the value that the change trail may show.
macro_rules! set {
    ($changed:ident, $place:expr, $edit:ident . $field:ident) => {
        if let Some(value) = &$edit.$field
            && $place != *value
        {
            $place = value.clone();
            $changed.push($crate::draft::Changed::hidden(stringify!($field)));
        }
    };
    ($changed:ident, $place:expr, $edit:ident . $field:ident as $shown:expr) => {
        if let Some(value) = &$edit.$field
            && $place != *value
        {
            $place = value.clone();
            $changed.push($crate::draft::Changed::shown(stringify!($field), $shown(value)));
        }
    };
}
pub(crate) use set;

/// The working copy of a record to be changed.
#[must_use]
pub fn open<T: Clone>(record: &Arc<T>) -> T {
    T::clone(record)
}
