//! What a caller sets on a lock.

use claviger_domain::noun::lock::{Capacity, LockEdit, LockMode, PinRule, Privacy, WhenUnrecorded};

use super::Fields;
use crate::api::shape::Use;

/// Reads the body of a lock. `controller_id`, `pin_schedule` and `unlock_schedule` are read by who
/// looks them up; the posture has a route of its own; the privacy, where it is absent, is the
/// place's to say.
pub(crate) fn edit(fields: Fields<'_>) -> LockEdit {
    LockEdit {
        external_id: fields.text("external_id"),
        name: fields.must_text("name"),
        description: fields.text("description"),
        model: fields.text("model"),
        mode: fields.word("mode", LockMode::Online, LockMode::parse),
        posture: None,
        pin: fields.word("pin", PinRule::Never, PinRule::parse),
        pin_schedule: None,
        unlock_schedule: None,
        privacy: fields.str("privacy").and_then(Privacy::parse),
        when_unrecorded: fields.word(
            "when_unrecorded",
            WhenUnrecorded::Allow,
            WhenUnrecorded::parse,
        ),
        zone: fields.zone("time_zone"),
        controller: None,
        capacity: fields.may("capacity", |value| capacity(Fields::new(value, Use::Create))),
        capabilities: fields.json("capabilities"),
        metadata: fields.json("metadata"),
    }
}

fn capacity(fields: Fields<'_>) -> Option<Capacity> {
    let int = |name| fields.int::<u32>(name).flatten();
    int("entries")
        .map(Capacity::Entries)
        .or_else(|| int("list_bytes").map(Capacity::ListBytes))
        .or_else(|| int("credentials").map(Capacity::Credentials))
}
