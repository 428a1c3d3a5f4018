//! A place as a row; its number is that of the place itself.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::{OrganizationNumber, PlaceNumber};
use claviger_domain::noun::Header;
use claviger_domain::noun::lock::Privacy;
use claviger_domain::noun::place::{Place, PlaceUse};

use super::list;
use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Place {
    const NAME: &'static str = "places";
    const COLUMNS: &'static [&'static str] = &[
        "organization",
        "parent",
        "name",
        "zone",
        "retention_days",
        "retention_reason",
        "language",
        "default_privacy",
        "metadata",
        "used_for",
        "held_until",
        "identity_providers",
        "courier_mode",
    ];
    const PAST: &'static [&'static str] = &["zone"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, self.organization, self.parent, &self.name, &self.zone);
        put!(out, self.retention_days, self.retention_reason.as_ref());
        put!(out, &self.language, self.default_privacy.as_str(), self.metadata.as_ref());
        put!(out, self.used_for.map(PlaceUse::as_str), self.held_until);
        put!(out, list::providers(&self.identity_providers), self.courier_mode);
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Place {
            header,
            organization: OrganizationNumber(cells.fit()?),
            parent: cells.opt()?.map(PlaceNumber),
            name: cells.text()?,
            zone: cells.zone()?,
            retention_days: cells.fit()?,
            retention_reason: cells.opt_text()?,
            language: cells.text()?,
            default_privacy: cells.word(Privacy::parse)?,
            metadata: cells.opt_json()?,
            used_for: cells.opt_word(PlaceUse::parse)?,
            held_until: cells.opt_instant()?,
            identity_providers: list::read_providers(cells)?,
            courier_mode: cells.bool()?,
        })
    }

    fn write_past(&self, out: &mut Vec<Value>) {
        put!(out, &self.zone);
    }

    fn turn_back(&mut self, past: &mut Cells<'_>) -> Result<(), StoreError> {
        self.zone = past.zone()?;
        Ok(())
    }
}
