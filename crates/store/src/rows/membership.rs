//! A lock's time in a level as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::{AccessLevelNumber, LockNumber};
use claviger_domain::noun::access_level::Membership;
use claviger_domain::noun::{Closed, Header};

use crate::cells::{Cells, put, put_closed};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Membership {
    const NAME: &'static str = "memberships";
    const COLUMNS: &'static [&'static str] =
        &["level", "lock", "closed_at", "closed_by_kind", "closed_by_id", "closed_reason"];
    const CLOSES: bool = true;
    const USUAL: &'static [&'static str] =
        &["place", "number", "id", "created_at", "updated_at", "revision", "level", "lock"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, self.level, self.lock);
        put_closed(out, self.closed.as_ref());
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Membership {
            header,
            level: AccessLevelNumber(cells.fit()?),
            lock: LockNumber(cells.fit()?),
            closed: cells.closed()?,
        })
    }

    fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    fn reopen(&mut self) {
        self.closed = None;
    }
}
