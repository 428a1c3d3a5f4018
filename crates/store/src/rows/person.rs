//! A person as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::AccountNumber;
use claviger_domain::noun::Header;
use claviger_domain::noun::person::{Identity, Person, PersonDetails, PersonState};
use claviger_domain::noun::role::Role;

use super::list;
use crate::cells::{Cells, put};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Person {
    const NAME: &'static str = "people";
    const COLUMNS: &'static [&'static str] = &[
        "first_name",
        "last_name",
        "display_name",
        "email",
        "phone",
        "identity_provider",
        "identity_subject",
        "identity_identifier",
        "employee_number",
        "language",
        "tags",
        "note",
        "metadata",
        "role",
        "state",
        "account",
        "had_phone",
        "held_until",
        "forgotten_at",
        "invited_at",
    ];
    const PAST: &'static [&'static str] = &["state"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        let details = &self.details;
        let identity = details.identity.as_ref();
        put!(out, details.first_name.as_ref(), details.last_name.as_ref());
        put!(out, details.display_name.as_ref());
        put!(out, details.email.as_ref(), details.phone.as_ref());
        put!(out, identity.map(|identity| &identity.provider));
        put!(out, identity.and_then(|identity| identity.subject.as_ref()));
        put!(out, identity.and_then(|identity| identity.identifier.as_ref()));
        put!(out, details.employee_number.as_ref(), details.language.as_ref());
        put!(out, list::texts(&details.tags));
        put!(out, details.note.as_ref(), details.metadata.as_ref());
        put!(out, self.role.as_str(), self.state.as_str(), self.account, self.had_phone);
        put!(out, self.held_until, self.forgotten_at, self.invited_at);
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        let details = PersonDetails {
            first_name: cells.opt_text()?,
            last_name: cells.opt_text()?,
            display_name: cells.opt_text()?,
            email: cells.opt_text()?,
            phone: cells.opt_text()?,
            identity: identity(cells)?,
            employee_number: cells.opt_text()?,
            language: cells.opt_text()?,
            tags: list::read_texts(cells)?,
            note: cells.opt_text()?,
            metadata: cells.opt_json()?,
        };
        Ok(Person {
            header,
            details,
            role: cells.word(Role::parse)?,
            state: cells.word(PersonState::parse)?,
            account: cells.opt()?.map(AccountNumber),
            had_phone: cells.bool()?,
            held_until: cells.opt_instant()?,
            forgotten_at: cells.opt_instant()?,
            invited_at: cells.opt_instant()?,
        })
    }

    fn write_past(&self, out: &mut Vec<Value>) {
        put!(out, self.state.as_str());
    }

    fn turn_back(&mut self, past: &mut Cells<'_>) -> Result<(), StoreError> {
        self.state = past.word(PersonState::parse)?;
        Ok(())
    }
}

fn identity(cells: &mut Cells<'_>) -> Result<Option<Identity>, StoreError> {
    let provider = cells.opt_text()?;
    let (subject, identifier) = (cells.opt_text()?, cells.opt_text()?);
    Ok(provider.map(|provider| Identity { provider, subject, identifier }))
}
