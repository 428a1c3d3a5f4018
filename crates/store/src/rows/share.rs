//! A share as a row, kept at the owner of the lock.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::{LockNumber, PlaceNumber};
use claviger_domain::noun::lock::{Share, ShareState};
use claviger_domain::noun::{Closed, Header};

use crate::cells::{Cells, put, put_closed};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Share {
    const NAME: &'static str = "shares";
    const COLUMNS: &'static [&'static str] = &[
        "lock",
        "to_place",
        "state",
        "as_lock",
        "closed_at",
        "closed_by_kind",
        "closed_by_id",
        "closed_reason",
    ];
    const CLOSES: bool = true;
    const PAST: &'static [&'static str] = &["state", "as_lock"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, self.lock, self.place, self.state.as_str(), self.as_lock);
        put_closed(out, self.closed.as_ref());
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Share {
            header,
            lock: LockNumber(cells.fit()?),
            place: PlaceNumber(cells.fit()?),
            state: cells.word(ShareState::parse)?,
            as_lock: cells.opt()?.map(LockNumber),
            closed: cells.closed()?,
        })
    }

    fn write_past(&self, out: &mut Vec<Value>) {
        put!(out, self.state.as_str(), self.as_lock);
    }

    fn turn_back(&mut self, past: &mut Cells<'_>) -> Result<(), StoreError> {
        self.state = past.word(ShareState::parse)?;
        self.as_lock = past.opt()?.map(LockNumber);
        Ok(())
    }

    fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    fn reopen(&mut self) {
        self.closed = None;
    }
}
