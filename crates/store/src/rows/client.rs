//! An API client as a row; its secrets are hashes.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::{ControllerNumber, OrganizationNumber, PlaceNumber};
use claviger_domain::noun::Header;
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::scope::Scope;

use super::list;
use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Client {
    const NAME: &'static str = "clients";
    const COLUMNS: &'static [&'static str] = &[
        "organization",
        "name",
        "kind",
        "secret",
        "previous_secret",
        "previous_until",
        "scopes",
        "places",
        "controller_place",
        "controller",
        "expires_at",
        "redirect_uris",
    ];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, self.organization, &self.name, self.kind.as_str(), self.secret);
        put!(out, self.previous_secret.map(|(secret, _)| secret));
        put!(out, self.previous_secret.map(|(_, until)| until));
        put!(out, list::words(self.scopes.iter().map(Scope::as_str)));
        put!(out, list::numbers(self.places.iter().map(|place| place.0)));
        put!(out, self.controller.map(|(place, _)| place));
        put!(out, self.controller.map(|(_, controller)| controller), self.expires_at);
        put!(out, list::texts(&self.redirect_uris));
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Client {
            header,
            organization: OrganizationNumber(cells.fit()?),
            name: cells.text()?,
            kind: cells.word(ClientKind::parse)?,
            secret: cells.array()?,
            previous_secret: cells.opt_array()?.zip(cells.opt_instant()?),
            scopes: cells.words(Scope::parse)?,
            places: list::read_numbers(cells, PlaceNumber)?,
            controller: cells.opt()?.map(PlaceNumber).zip(cells.opt()?.map(ControllerNumber)),
            expires_at: cells.opt_instant()?,
            redirect_uris: list::read_texts(cells)?,
        })
    }
}
