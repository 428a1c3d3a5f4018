//! A webhook as a row; its secrets arrive sealed.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::LockNumber;
use claviger_domain::noun::Header;
use claviger_domain::noun::event::EventKind;
use claviger_domain::noun::webhook::Webhook;

use super::list;
use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Webhook {
    const NAME: &'static str = "webhooks";
    const COLUMNS: &'static [&'static str] = &[
        "url",
        "events",
        "locks",
        "format",
        "secret",
        "previous_secret",
        "previous_until",
        "failing_since",
        "disabled_at",
    ];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, &self.url, list::words(self.events.iter().map(|kind| kind.as_str())));
        put!(out, list::numbers(self.locks.iter().map(|lock| lock.0)));
        put!(out, &self.format, self.secret.as_slice());
        put!(out, self.previous_secret.as_ref().map(|(secret, _)| secret.as_slice()));
        put!(out, self.previous_secret.as_ref().map(|(_, until)| *until));
        put!(out, self.failing_since, self.disabled_at);
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Webhook {
            header,
            url: cells.text()?,
            events: cells.words(EventKind::parse)?,
            locks: list::read_numbers(cells, LockNumber)?,
            format: cells.text()?,
            secret: cells.bytes()?,
            previous_secret: cells.opt_bytes()?.zip(cells.opt_instant()?),
            failing_since: cells.opt_instant()?,
            disabled_at: cells.opt_instant()?,
        })
    }
}
