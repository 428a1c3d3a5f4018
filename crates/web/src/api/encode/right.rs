//! Grants as answers.

use claviger_domain::ids::Noun;
use claviger_domain::noun::grant::{Grant, RightState, Subject, Target};
use claviger_domain::time::Instant;
use serde_json::{Value, json};

use super::{Ids, free, id_of, maybe_at, object, schedule_ref};

/// How far the taking back of a right has got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) locks_total: u32,
    pub(crate) locks_confirmed: u32,
    pub(crate) latest_possible_use: Option<Instant>,
}

impl Progress {
    /// What the locks come to.
    pub(crate) fn of(progress: &claviger_domain::provision::Progress) -> Progress {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Progress {
            locks_total: count(progress.locks.len()),
            locks_confirmed: count(progress.confirmed()),
            latest_possible_use: progress.latest(),
        }
    }
}

/// A grant with what follows from other records and the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrantView<'a> {
    pub(crate) grant: &'a Grant,
    pub(crate) state: RightState,
    pub(crate) revocation: Option<Progress>,
    /// Why it was closed, in the words of whoever did.
    pub(crate) note: Option<&'a str>,
}

/// A grant. `ids` must know deleted subjects and targets too where the grant is closed.
pub(crate) fn grant(view: GrantView<'_>, ids: Ids<'_>) -> Value {
    let grant = view.grant;
    let revocation = view.revocation.map(|progress| {
        json!({
            "locks_total": progress.locks_total,
            "locks_confirmed": progress.locks_confirmed,
            "latest_possible_use": maybe_at(progress.latest_possible_use),
        })
    });
    let fields = json!({
        "subject": subject(grant.subject, ids),
        "target": target(grant.target, ids),
        "right": grant.right.as_str(),
        "valid_from": maybe_at(grant.window.from),
        "valid_until": maybe_at(grant.window.until),
        "schedule": schedule_ref(grant.schedule.as_ref(), ids, None),
        "override_lockdown": grant.override_lockdown,
        "metadata": free(grant.metadata.as_ref()),
        "issued_under": id_of(ids, Noun::Grant, grant.issued_under),
        "source": { "kind": grant.source.kind.as_str(), "via": grant.source.via.as_str() },
        "state": view.state.as_str(),
        "closed_at": maybe_at(grant.closed.map(|closed| closed.at)),
        "closed_reason": grant.closed.map(|closed| closed.reason.as_str()),
        "closed_note": view.note,
        "revocation": revocation,
    });
    object(&grant.header, fields)
}

/// Who.
pub(crate) fn subject(subject: Subject, ids: Ids<'_>) -> Value {
    match subject {
        Subject::Person(it) => json!({ "person_id": id_of(ids, Noun::Person, Some(it)) }),
        Subject::Credential(it) => {
            json!({ "credential_id": id_of(ids, Noun::Credential, Some(it)) })
        }
    }
}

/// What.
pub(crate) fn target(target: Target, ids: Ids<'_>) -> Value {
    match target {
        Target::Lock(it) => json!({ "lock_id": id_of(ids, Noun::Lock, Some(it)) }),
        Target::AccessLevel(it) => {
            json!({ "access_level_id": id_of(ids, Noun::AccessLevel, Some(it)) })
        }
    }
}
