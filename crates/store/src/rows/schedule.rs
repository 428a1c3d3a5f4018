//! A schedule as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::noun::Header;
use claviger_domain::noun::schedule::Schedule;

use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value, timetable};

impl Table for Schedule {
    const NAME: &'static str = "schedules";
    const COLUMNS: &'static [&'static str] = &["name", "definition"];
    const PAST: &'static [&'static str] = &["definition"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, &self.name, timetable::encode(self.timetable.definition()));
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Schedule { header, name: cells.text()?, timetable: cells.timetable()? })
    }

    fn write_past(&self, out: &mut Vec<Value>) {
        put!(out, timetable::encode(self.timetable.definition()));
    }

    fn turn_back(&mut self, past: &mut Cells<'_>) -> Result<(), StoreError> {
        self.timetable = past.timetable()?;
        Ok(())
    }
}
