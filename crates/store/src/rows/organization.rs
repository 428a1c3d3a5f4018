//! An organization as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::noun::Header;
use claviger_domain::noun::place::Organization;

use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Organization {
    const NAME: &'static str = "organizations";
    const COLUMNS: &'static [&'static str] = &["name"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, &self.name);
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Organization { header, name: cells.text()? })
    }
}
