//! What a caller sets on a controller.

use claviger_domain::noun::controller::ControllerEdit;

use super::Fields;

/// Reads the body of a controller.
pub(crate) fn edit(fields: Fields<'_>) -> ControllerEdit {
    ControllerEdit {
        external_id: fields.text("external_id"),
        name: fields.must_text("name"),
        capacity: fields.int("capacity"),
        settings: fields.json("settings"),
    }
}
