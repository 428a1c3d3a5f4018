//! A ticket as a row; its secret is a hash.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::{AccountNumber, ClientNumber, PersonNumber, PlaceNumber, TicketNumber};
use claviger_domain::noun::Header;
use claviger_domain::noun::account::{Consent, Ticket, TicketKind, Vouched};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::scope::Scope;

use super::list;
use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Ticket {
    const NAME: &'static str = "tickets";
    const COLUMNS: &'static [&'static str] = &[
        "kind",
        "hash",
        "client",
        "account",
        "for_place",
        "scopes",
        "email",
        "expires_at",
        "via",
        "scope",
        "code",
        "redirect_uri",
        "challenge",
        "used",
        "person",
        "word",
    ];

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
        let consent = self.consent.as_ref();
        put!(out, consent.map(|it| it.via.as_str()), consent.map(|it| &it.scope));
        put!(out, consent.and_then(|it| it.code));
        put!(out, consent.and_then(|it| it.redirect_uri.as_ref()));
        put!(out, consent.and_then(|it| it.challenge), consent.is_some_and(|it| it.used));
        let vouched = consent.and_then(|it| it.vouched);
        put!(out, vouched.map(|it| it.person), vouched.map(|it| it.word));
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
            consent: consent(cells)?,
        })
    }
}

fn consent(cells: &mut Cells<'_>) -> Result<Option<Consent>, StoreError> {
    let (via, scope) = (cells.opt_word(Via::parse)?, cells.opt_text()?);
    let code = cells.opt()?.map(TicketNumber);
    let (redirect_uri, challenge) = (cells.opt_text()?, cells.opt_array()?);
    let (used, person) = (cells.bool()?, cells.opt()?.map(PersonNumber));
    let vouched = person.zip(cells.opt_array()?).map(|(person, word)| Vouched { person, word });
    let made = |(via, scope)| Consent { via, scope, code, redirect_uri, challenge, used, vouched };
    Ok(via.zip(scope).map(made))
}
