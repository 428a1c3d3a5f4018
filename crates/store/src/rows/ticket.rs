//! A ticket as a row; its secret is a hash.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::{AccountNumber, ClientNumber, PlaceNumber};
use claviger_domain::noun::Header;
use claviger_domain::noun::account::{Ticket, TicketKind};
use claviger_domain::noun::scope::Scope;

use super::list;
use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Ticket {
    const NAME: &'static str = "tickets";
    const COLUMNS: &'static [&'static str] =
        &["kind", "hash", "client", "account", "for_place", "scopes", "email", "expires_at"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, self.kind.as_str(), self.hash, self.client, self.account, self.place);
        put!(out, list::words(self.scopes.iter().map(Scope::as_str)));
        put!(out, self.email.as_ref(), self.expires_at);
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Ticket {
            header,
            kind: cells.word(TicketKind::parse)?,
            hash: cells.array()?,
            client: cells.opt()?.map(ClientNumber),
            account: cells.opt()?.map(AccountNumber),
            place: cells.opt()?.map(PlaceNumber),
            scopes: cells.words(Scope::parse)?,
            email: cells.opt_text()?,
            expires_at: cells.instant()?,
        })
    }
}
