//! What a caller sets on a grant, and who and what it is between.

use claviger_domain::noun::grant::{GrantEdit, Right};

use super::{Fields, Ref, Who};

/// Reads the body of a grant. `schedule` is read by who looks it up.
pub(crate) fn edit(fields: Fields<'_>) -> GrantEdit {
    GrantEdit {
        external_id: fields.text("external_id"),
        window: fields.window("valid_from", "valid_until"),
        schedule: None,
        override_lockdown: fields.bool("override_lockdown", false),
        metadata: fields.json("metadata"),
    }
}

/// What the right is for.
pub(crate) fn right(fields: Fields<'_>) -> Right {
    fields.word("right", Right::Open, Right::parse).unwrap_or(Right::Open)
}

/// Who is given a right, still to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SubjectInput {
    Person(Who),
    Credential(Ref),
}

/// Reads `subject`.
pub(crate) fn subject(fields: Fields<'_>) -> Option<SubjectInput> {
    let subject = fields.inside("subject")?;
    let reference = |name| subject.reference(name).flatten();
    reference("person_id")
        .map(|it| SubjectInput::Person(Who::Ref(it)))
        .or_else(|| reference("credential_id").map(SubjectInput::Credential))
        .or_else(|| subject.must_text("email").map(|it| SubjectInput::Person(Who::Email(it))))
        .or_else(|| subject.must_text("phone").map(|it| SubjectInput::Person(Who::Phone(it))))
}

/// What a right reaches, still to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetInput {
    Lock(Ref),
    AccessLevel(Ref),
}

/// Reads `target`.
pub(crate) fn target(fields: Fields<'_>) -> Option<TargetInput> {
    let target = fields.inside("target")?;
    let reference = |name| target.reference(name).flatten();
    reference("lock_id")
        .map(TargetInput::Lock)
        .or_else(|| reference("access_level_id").map(TargetInput::AccessLevel))
}
