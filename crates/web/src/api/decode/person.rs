//! What a caller sets on a person.

use claviger_domain::noun::person::{Identity, PersonEdit};
use claviger_domain::noun::role::Role;

use super::Fields;
use crate::api::shape::Use;

/// Reads the body of a person.
pub(crate) fn edit(fields: Fields<'_>) -> PersonEdit {
    PersonEdit {
        external_id: fields.text("external_id"),
        first_name: fields.text("first_name"),
        last_name: fields.text("last_name"),
        display_name: fields.text("display_name"),
        email: fields.text("email"),
        phone: fields.text("phone"),
        identity: fields.may("identity", |value| identity(Fields::new(value, Use::Create))),
        employee_number: fields.text("employee_number"),
        language: fields.text("language"),
        tags: fields.texts("tags"),
        note: fields.text("note"),
        role: fields.word("role", Role::Guest, Role::parse),
        metadata: fields.json("metadata"),
    }
}

fn identity(fields: Fields<'_>) -> Option<Identity> {
    Some(Identity {
        provider: fields.must_text("provider")?,
        subject: fields.must_text("subject"),
        identifier: fields.must_text("identifier"),
    })
}
