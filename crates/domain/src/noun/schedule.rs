//! Schedule: a named or inline timetable, always held compiled.

use std::sync::Arc;

use super::Header;
use crate::ids::ScheduleNumber;
use crate::schedule::{Compiled, Definition, Flaw};

/// A definition beside its compiled form; they never part.
#[derive(Clone, Debug)]
pub struct Timetable {
    definition: Definition,
    compiled: Compiled,
}

impl Timetable {
    /// Compiles a definition.
    ///
    /// # Errors
    /// Everything wrong with the definition.
    pub fn new(definition: Definition) -> Result<Arc<Timetable>, Vec<Flaw>> {
        let compiled = definition.compile()?;
        Ok(Arc::new(Timetable { definition, compiled }))
    }

    /// As it was written.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// As it is asked.
    #[must_use]
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}

impl PartialEq for Timetable {
    fn eq(&self, other: &Timetable) -> bool {
        self.definition == other.definition
    }
}

/// A schedule by its number, or written out in place.
#[derive(Clone, Debug, PartialEq)]
pub enum ScheduleRef {
    /// One of the place's schedules.
    Named(ScheduleNumber),
    /// Its own.
    Inline(Arc<Timetable>),
}

/// A named timetable of a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// What every record has.
    pub header: Header,
    /// What people call it.
    pub name: String,
    /// When.
    pub timetable: Arc<Timetable>,
}

impl Schedule {
    /// This schedule's number.
    #[must_use]
    pub fn number(&self) -> ScheduleNumber {
        ScheduleNumber(self.header.number)
    }
}

/// What a caller sets on a schedule; an absent field is left as it is.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct ScheduleEdit {
    pub external_id: Option<Option<String>>,
    pub name: Option<String>,
    pub timetable: Option<Arc<Timetable>>,
}
