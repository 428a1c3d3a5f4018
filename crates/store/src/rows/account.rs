//! An account as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::noun::Header;
use claviger_domain::noun::account::Account;

use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Account {
    const NAME: &'static str = "accounts";
    const COLUMNS: &'static [&'static str] = &["email", "phone", "proven_at", "password"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, self.email.as_ref(), self.phone.as_ref(), self.proven_at, self.password.as_ref());
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Account {
            header,
            email: cells.opt_text()?,
            phone: cells.opt_text()?,
            proven_at: cells.opt_instant()?,
            password: cells.opt_text()?,
        })
    }
}
