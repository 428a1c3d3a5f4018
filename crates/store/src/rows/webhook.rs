//! A webhook as a row; its secrets arrive sealed.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::LockNumber;
use claviger_domain::noun::Header;
use claviger_domain::noun::event::EventKind;
use claviger_domain::noun::webhook::{Disabled, Webhook};

use super::list;
use crate::cells::{Cells, put, put_actor};
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
        "name",
        "headers",
        "told_within_s",
        "failures_only",
        "maker_kind",
        "maker_id",
        "disabled_at",
        "disabled_reason",
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
        put!(out, self.failing_since, self.name.as_ref(), self.headers.as_deref());
        put!(out, self.told_within_s, self.failures_only);
        put_actor(out, Some(self.maker));
        put!(out, self.disabled.map(|(at, _)| at), self.disabled.map(|(_, why)| why.as_str()));
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
            name: cells.opt_text()?,
            headers: cells.opt_bytes()?,
            told_within_s: cells.opt()?,
            failures_only: cells.bool()?,
            maker: cells.actor()?.ok_or_else(|| cells.wrong("a maker"))?,
            disabled: cells.opt_instant()?.zip(cells.opt_word(Disabled::parse)?),
        })
    }
}
