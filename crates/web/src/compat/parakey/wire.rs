//! What this API's objects look like. Encodes; decides nothing but what is shown at all.

use claviger_app::operation::Operation;
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::event::{Event, EventKind};
use claviger_domain::noun::grant::{Grant, Right, Subject, Target};
use claviger_domain::noun::lock::Lock;
use claviger_domain::noun::person::Person;
use claviger_domain::noun::place::{Organization, Place};
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use super::error::said_of;
use super::map::{list, role, time};

/// A domain; its customer where that may be read.
pub(crate) fn domain(place: &Place, customer: Option<&Organization>) -> Value {
    let customer = customer.map(|it| json!({ "id": it.header.id.to_string(), "name": it.name }));
    json!({
        "id": place.header.id.to_string(),
        "name": place.name,
        "customer": customer,
        "timeZone": place.zone.name(),
        "language": place.language,
        "createdAt": time(place.header.created_at),
    })
}

/// A domain as other objects name it.
fn of(place: &Place) -> Value {
    json!({ "id": place.header.id.to_string(), "name": place.name })
}

/// An access.
pub(crate) fn access(level: &AccessLevel, state: &PlaceState) -> Value {
    let devices = state.level_locks(level.number()).filter_map(|it| state.locks.get(it.lock));
    json!({
        "id": level.header.id.to_string(),
        "aliasId": level.header.external_id,
        "name": level.name,
        "domain": of(&state.place),
        "devices": devices.map(|lock| named(lock)).collect::<Vec<_>>(),
        "hasSchedule": level.schedule.is_some(),
        "createdAt": time(level.header.created_at),
    })
}

fn named(lock: &Lock) -> Value {
    json!({ "id": lock.header.id.to_string(), "name": lock.name })
}

/// A device, which older clients call an event configuration.
pub(crate) fn device(lock: &Lock, state: &PlaceState) -> Value {
    json!({
        "id": lock.header.id.to_string(),
        "name": lock.name,
        "description": lock.description,
        "isShared": lock.borrowed.is_some(),
        "domain": of(&state.place),
        "createdAt": time(lock.header.created_at),
    })
}

/// A user, whom an address makes one: nobody without.
pub(crate) fn user(person: &Person) -> Option<Value> {
    let details = &person.details;
    Some(json!({
        "id": person.header.id.to_string(),
        "email": details.email.as_ref()?,
        "firstName": details.first_name,
        "lastName": details.last_name,
        "language": details.language,
        "createdAt": time(person.header.created_at),
    }))
}

/// A member: a user with what they are in the domain.
pub(crate) fn member(person: &Person, state: &PlaceState) -> Option<Value> {
    Some(json!({
        "id": person.header.id.to_string(),
        "user": user(person)?,
        "domain": of(&state.place),
        "roles": [role(person.role)],
        "tags": person.details.tags,
        "createdAt": time(person.header.created_at),
    }))
}

/// The access of a grant of a person, where it is open to programs.
fn access_of<'s>(grant: &Grant, state: &'s PlaceState) -> Option<&'s AccessLevel> {
    let Target::AccessLevel(level) = grant.target else { return None };
    let level = state.levels.get(level)?;
    (level.api_enabled && grant.right == Right::Open).then_some(level)
}

/// An access key: the right of a user at an access that is open to programs; nothing else is one.
pub(crate) fn access_key(grant: &Grant, state: &PlaceState) -> Option<Value> {
    let level = access_of(grant, state)?;
    let Subject::Person(person) = grant.subject else { return None };
    let person = state.people.get(person)?;
    Some(json!({
        "id": grant.header.id.to_string(),
        "access": {
            "id": level.header.id.to_string(),
            "aliasId": level.header.external_id,
            "name": level.name,
        },
        "user": { "id": person.header.id.to_string(), "email": person.details.email.as_ref()? },
        "domain": of(&state.place),
        "startDate": grant.window.from.map(time),
        "expirationDate": grant.window.until.map(time),
        "createdAt": time(grant.header.created_at),
    }))
}

/// A batch: what became of each item.
pub(crate) fn batch(operation: &Operation) -> Value {
    let body: Value = serde_json::from_str(&operation.body).unwrap_or_default();
    let rows = body["results"].as_array().into_iter().flatten();
    let items = rows.map(|row| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errors = row["errors"].as_array().into_iter().flatten();
        let errors = errors.map(|error| {
            let [pointer, code, detail] = ["pointer", "code", "detail"].map(|it| text(&error[it]));
            said_of(&pointer, &code, &detail)
        });
        let errors: Vec<Value> = errors.collect();
        json!({
            "list": list(&text(&row["list"])),
            "index": row["index"],
            "status": if errors.is_empty() { "succeeded" } else { "failed" },
            "accessKeys": row["ids"],
            "errors": errors,
        })
    });
    json!({
        "id": operation.id.to_string(),
        "type": "accessKeys",
        "status": "completed",
        "items": items.collect::<Vec<_>>(),
        "createdAt": time(operation.created_at),
    })
}

/// An event log: a door that somebody opened. What is forgotten, or not open to programs, is null.
pub(crate) fn event_log(event: &Event, state: &PlaceState) -> Option<Value> {
    if event.kind != EventKind::AccessGranted {
        return None;
    }
    let person = event.subject.person.and_then(|it| state.people.get(it));
    let user = person.and_then(|it| {
        let email = it.details.email.as_ref()?;
        Some(json!({
            "id": it.header.id.to_string(),
            "email": email,
            "firstName": it.details.first_name,
            "lastName": it.details.last_name,
        }))
    });
    let grant = event.subject.grant.and_then(|it| state.grants.get(it));
    let level = grant.and_then(|grant| access_of(grant, state));
    let key = grant.filter(|_| user.is_some() && level.is_some());
    let lock = state.locks.get(event.lock).map(|lock| named(lock));
    Some(json!({
        "id": event.id.to_string(),
        "timestamp": time(event.occurred_at),
        "createdAt": time(event.received_at),
        "user": user,
        "access": level.map(|it| json!({ "id": it.header.id.to_string(), "name": it.name })),
        "accessKey": key.map(|it| json!({ "id": it.header.id.to_string() })),
        "device": lock,
        "eventConfiguration": lock,
        "domain": of(&state.place),
    }))
}
