//! A controller as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::noun::Header;
use claviger_domain::noun::controller::Controller;

use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Controller {
    const NAME: &'static str = "controllers";
    const COLUMNS: &'static [&'static str] = &["name", "capacity", "settings"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, &self.name, self.capacity, self.settings.as_ref());
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Controller {
            header,
            name: cells.text()?,
            capacity: cells.opt()?,
            settings: cells.opt_json()?,
        })
    }
}
