//! What a caller sets on an access level.

use claviger_domain::noun::access_level::AccessLevelEdit;

use super::{Fields, Ref, Who};

/// Reads the body of an access level. `schedule` and `lock_ids` are read by who looks them up.
pub(crate) fn edit(fields: Fields<'_>) -> AccessLevelEdit {
    AccessLevelEdit {
        external_id: fields.text("external_id"),
        name: fields.must_text("name"),
        description: fields.text("description"),
        schedule: None,
        api_enabled: fields.bool("api_enabled", false),
        allow_sharing: fields.bool("allow_sharing", false),
        metadata: fields.json("metadata"),
    }
}

/// Who and what joins or leaves a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Modify {
    pub(crate) add_people: Vec<Who>,
    pub(crate) remove_people: Vec<Who>,
    pub(crate) add_locks: Vec<Ref>,
    pub(crate) remove_locks: Vec<Ref>,
}

/// Reads the body of `modify`.
pub(crate) fn modify(fields: Fields<'_>) -> Modify {
    Modify {
        add_people: fields.people("add_people").unwrap_or_default(),
        remove_people: fields.people("remove_people").unwrap_or_default(),
        add_locks: fields.references("add_locks").unwrap_or_default(),
        remove_locks: fields.references("remove_locks").unwrap_or_default(),
    }
}
