//! From nouns to answers, exactly as `shapes` lists the fields.
//!
//! Reads what it is given and nothing else: ids of other records come from a closure. Secrets, PINs
//! and codes never pass through here; who makes a code adds it to the one answer that shows it.

mod admin;
mod device;
mod event;
mod lock;
mod person;
mod right;
mod schedule;
mod sync;

pub(crate) use admin::{client, organization, place, webhook};
pub(crate) use device::{brought, card_task, carried, current_list};
pub(crate) use event::event;
pub(crate) use lock::{LockView, access_level, controller, lock, share};
pub(crate) use person::{card, credential, enrolled, held_key, invited, person};
pub(crate) use right::{GrantView, Progress, grant};
pub(crate) use schedule::{definition, schedule, schedule_ref, window_list};
pub(crate) use sync::{controller_status, credential_status, revocation, sync};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_domain::ids::{Id, Noun};
use claviger_domain::noun::{Header, Json};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use serde_json::{Map, Value};

/// Bytes as texts hold them.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The public id of a record, by its noun and number; none where nobody knows it any more.
pub(crate) type Ids<'a> = &'a dyn Fn(Noun, u32) -> Option<Id>;

/// The ids of a place's live records.
pub(crate) fn ids_of(state: &PlaceState) -> impl Fn(Noun, u32) -> Option<Id> {
    move |noun, number| match noun {
        Noun::Place => (state.place.header.number == number).then_some(state.place.header.id),
        Noun::Person => state.people.get(number).map(|it| it.header.id),
        Noun::Credential => state.credentials.get(number).map(|it| it.header.id),
        Noun::Controller => state.controllers.get(number).map(|it| it.header.id),
        Noun::Lock => state.locks.get(number).map(|it| it.header.id),
        Noun::Share => state.shares.get(number).map(|it| it.header.id),
        Noun::AccessLevel => state.levels.get(number).map(|it| it.header.id),
        Noun::Membership => state.memberships.get(number).map(|it| it.header.id),
        Noun::Schedule => state.schedules.get(number).map(|it| it.header.id),
        Noun::Grant => state.grants.get(number).map(|it| it.header.id),
        Noun::Webhook => state.webhooks.get(number).map(|it| it.header.id),
        Noun::Organization | Noun::Account | Noun::Client | Noun::Ticket => None,
    }
}

/// What every object has, with fields of its own.
fn object(header: &Header, fields: Value) -> Value {
    let mut all = Map::new();
    all.insert("id".into(), id(header.id));
    all.insert("number".into(), header.number.into());
    all.insert("external_id".into(), header.external_id.as_deref().into());
    all.insert("created_at".into(), at(header.created_at));
    all.insert("updated_at".into(), at(header.updated_at));
    all.insert("revision".into(), header.revision.into());
    if let Value::Object(fields) = fields {
        all.extend(fields);
    }
    Value::Object(all)
}

/// An id as text.
pub(crate) fn id(id: Id) -> Value {
    Value::String(id.to_string())
}

/// The id of another record, or null.
fn id_of(ids: Ids<'_>, noun: Noun, number: Option<impl Into<u32>>) -> Value {
    number.and_then(|number| ids(noun, number.into())).map_or(Value::Null, id)
}

/// An instant as RFC 3339 in UTC.
pub(crate) fn at(at: Instant) -> Value {
    Value::String(at.to_string())
}

/// An instant or null.
pub(crate) fn maybe_at(instant: Option<Instant>) -> Value {
    instant.map_or(Value::Null, at)
}

/// A free object as it was sent, or null.
fn free(json: Option<&Json>) -> Value {
    json.and_then(|json| serde_json::from_str(&json.0).ok()).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests;
