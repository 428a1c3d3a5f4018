//! A credential as a row. Its digits are sealed; the tag of a PIN is made anew when read.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::{Id, PersonNumber, PlaceNumber};
use claviger_domain::noun::Header;
use claviger_domain::noun::credential::{
    Credential, CredentialKind, CredentialState, SealedDigits, SessionHints, Tag,
};

use super::list;
use crate::cells::{Cells, put, put_window};
use crate::digits::Digits;
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Credential {
    const NAME: &'static str = "credentials";
    const COLUMNS: &'static [&'static str] = &[
        "person",
        "kind",
        "label",
        "parts",
        "code_sealed",
        "code_tag",
        "pin_sealed",
        "public_key",
        "valid_from",
        "valid_until",
        "state",
        "start_within_s",
        "log_off_after_s",
        "is_admin",
        "contact",
        "priority",
    ];
    const PAST: &'static [&'static str] =
        &["person", "valid_from", "valid_until", "state", "has_pin"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        let code = self.code.as_ref();
        put!(out, self.person, self.kind.as_str(), self.label.as_ref());
        put!(out, list::parts(&self.parts));
        put!(out, code.map(|code| code.sealed.as_slice()), code.map(|code| code.tag.0));
        put!(out, self.pin.as_ref().map(|pin| pin.sealed.as_slice()));
        put!(out, self.public_key.as_deref());
        put_window(out, &self.valid);
        put!(out, self.state.as_str());
        put!(out, self.session.map(|session| session.start_within_s));
        put!(out, self.session.map(|session| session.log_off_after_s));
        put!(out, self.is_admin, self.contact.as_ref(), self.priority);
    }

    fn read(place: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        let id = header.id;
        Ok(Credential {
            header,
            person: cells.opt()?.map(PersonNumber),
            kind: cells.word(CredentialKind::parse)?,
            label: cells.opt_text()?,
            parts: list::read_parts(cells)?,
            code: code(cells)?,
            pin: pin(PlaceNumber(place), id, cells)?,
            public_key: cells.opt_bytes()?,
            valid: cells.window()?,
            state: cells.word(CredentialState::parse)?,
            session: cells.opt()?.zip(cells.opt()?).map(|(start_within_s, log_off_after_s)| {
                SessionHints { start_within_s, log_off_after_s }
            }),
            is_admin: cells.bool()?,
            contact: cells.opt_json()?,
            priority: cells.fit()?,
        })
    }

    fn write_past(&self, out: &mut Vec<Value>) {
        put!(out, self.person);
        put_window(out, &self.valid);
        put!(out, self.state.as_str(), self.pin.is_some());
    }

    fn turn_back(&mut self, past: &mut Cells<'_>) -> Result<(), StoreError> {
        self.person = past.opt()?.map(PersonNumber);
        self.valid = past.window()?;
        self.state = past.word(CredentialState::parse)?;
        // That there was a PIN is kept, which one is not: none equals this tag.
        let has_pin = past.bool()?;
        let unknown = || SealedDigits { sealed: Vec::new(), tag: Tag([0; 16]) };
        self.pin = has_pin.then(|| self.pin.take().unwrap_or_else(unknown));
        Ok(())
    }
}

fn code(cells: &mut Cells<'_>) -> Result<Option<SealedDigits>, StoreError> {
    let (sealed, tag) = (cells.opt_bytes()?, cells.opt_array()?.map(Tag));
    Ok(sealed.zip(tag).map(|(sealed, tag)| SealedDigits { sealed, tag }))
}

fn pin(
    place: PlaceNumber,
    id: Id,
    cells: &mut Cells<'_>,
) -> Result<Option<SealedDigits>, StoreError> {
    let Some(sealed) = cells.opt_bytes()? else { return Ok(None) };
    let Some(secrets) = &cells.tools.secrets else { return Err(cells.wrong("to be opened here")) };
    let digits = secrets.open_digits(place, id, Digits::Pin, &sealed)?;
    let tag = secrets.pin_tag(&digits);
    Ok(Some(SealedDigits { sealed, tag }))
}
