//! An access level as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::noun::Header;
use claviger_domain::noun::access_level::AccessLevel;

use crate::cells::{Cells, put, put_schedule};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for AccessLevel {
    const NAME: &'static str = "access_levels";
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "description",
        "schedule",
        "timetable",
        "api_enabled",
        "allow_sharing",
        "metadata",
    ];
    const PAST: &'static [&'static str] = &["schedule", "timetable"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, &self.name, self.description.as_ref());
        put_schedule(out, self.schedule.as_ref());
        put!(out, self.api_enabled, self.allow_sharing, self.metadata.as_ref());
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(AccessLevel {
            header,
            name: cells.text()?,
            description: cells.opt_text()?,
            schedule: cells.schedule()?,
            api_enabled: cells.bool()?,
            allow_sharing: cells.bool()?,
            metadata: cells.opt_json()?,
        })
    }

    fn write_past(&self, out: &mut Vec<Value>) {
        put_schedule(out, self.schedule.as_ref());
    }

    fn turn_back(&mut self, past: &mut Cells<'_>) -> Result<(), StoreError> {
        self.schedule = past.schedule()?;
        Ok(())
    }
}
