//! What this API's objects look like. Encodes; decides nothing but what is shown at all.

use std::sync::Arc;

use claviger_app::Gone;
use claviger_app::invitation::{MailReport, MailState};
use claviger_app::operation::Operation;
use claviger_domain::ids::{LockNumber, Noun};
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::event::{Event, EventKind};
use claviger_domain::noun::grant::{Grant, Right, Subject, Target};
use claviger_domain::noun::lock::{Lock, PinRule};
use claviger_domain::noun::person::Person;
use claviger_domain::noun::place::{Organization, Place};
use claviger_domain::noun::webhook::Webhook;
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use serde_json::{Map, Value, json};

use super::error::said_of;
use super::map::{list, pin_rule, role, time};
use super::version::{Pinned, Version};

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

/// The settings of a lock: those of its owner, where it is another domain's.
pub(crate) type Settings<'s> = &'s dyn Fn(&Lock) -> Option<Arc<Lock>>;

/// An access.
pub(crate) fn access(level: &AccessLevel, state: &PlaceState, settings: Settings<'_>) -> Value {
    let locks = state.level_locks(level.number()).filter_map(|it| state.locks.get(it.lock));
    let devices: Vec<&Lock> = locks.map(|lock| &**lock).collect();
    json!({
        "id": level.header.id.to_string(),
        "aliasId": level.header.external_id,
        "name": level.name,
        "domain": of(&state.place),
        "devices": devices.iter().map(|lock| named(lock, settings)).collect::<Vec<_>>(),
        "hasSchedule": level.schedule.is_some(),
        "security": security(&devices, settings),
        "createdAt": time(level.header.created_at),
    })
}

/// What is asked beside a key: the strictest of what these devices ask.
fn security(devices: &[&Lock], settings: Settings<'_>) -> Value {
    let asks = |lock: &&Lock| {
        let own = settings(lock);
        let lock = own.as_deref().unwrap_or(lock);
        (lock.pin, lock.pin_schedule.is_none())
    };
    let (pin, always) = devices.iter().map(asks).max().unwrap_or((PinRule::Never, true));
    json!({ "pin": pin_rule(pin), "hasSchedule": pin != PinRule::Never && !always })
}

fn named(lock: &Lock, settings: Settings<'_>) -> Value {
    let own = settings(lock);
    let name = &own.as_deref().unwrap_or(lock).name;
    json!({ "id": lock.header.id.to_string(), "name": name })
}

/// A device, which older clients call an event configuration.
pub(crate) fn device(lock: &Lock, state: &PlaceState, settings: Settings<'_>) -> Value {
    let own = settings(lock);
    let said = own.as_deref().unwrap_or(lock);
    json!({
        "id": lock.header.id.to_string(),
        "name": said.name,
        "description": said.description,
        "isShared": lock.borrowed.is_some(),
        "security": security(&[lock], settings),
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

/// How the mail of a member's last invitation went.
fn invitation(report: &MailReport) -> Value {
    let status = match report.state {
        MailState::Waiting | MailState::Written => "pending",
        MailState::Sent => "sent",
        MailState::Failed => "failed",
    };
    json!({
        "status": status,
        "message": report.problem,
        "createdAt": time(report.created_at),
    })
}

/// A member: a user with what they are in the domain.
pub(crate) fn member(
    person: &Person,
    state: &PlaceState,
    mail: Option<&MailReport>,
) -> Option<Value> {
    Some(json!({
        "id": person.header.id.to_string(),
        "user": user(person)?,
        "domain": of(&state.place),
        "roles": [role(person.role)],
        "tags": person.details.tags,
        "invitation": mail.map(invitation),
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
    let email = person.details.email.as_ref()?;
    Some(json!({
        "id": grant.header.id.to_string(),
        "access": {
            "id": level.header.id.to_string(),
            "aliasId": level.header.external_id,
            "name": level.name,
        },
        "user": { "id": person.header.id.to_string(), "email": email },
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

/// An event log as a version shows it: a door that somebody opened, with what gave the right, also
/// when that is gone since. What is forgotten, or not open to programs, is null.
pub(crate) fn event_log(
    event: &Event,
    (state, gone): (&PlaceState, &Gone),
    settings: Settings<'_>,
    version: Version,
) -> Option<Value> {
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
    let grant = event.subject.grant.and_then(|it| match state.grants.get(it) {
        Some(open) => Some(&**open),
        None => match gone.get(&(Noun::Grant, it.0)) {
            Some(Record::Grant(closed)) => Some(closed),
            _ => None,
        },
    });
    let level = grant.and_then(|grant| access_of(grant, state));
    let key = grant.filter(|_| user.is_some() && level.is_some());
    let lock = match state.locks.get(event.lock) {
        Some(lock) => Some(named(lock, settings)),
        None => match gone.get(&(Noun::Lock, event.lock.0)) {
            Some(Record::Lock(gone)) => Some(named(gone, settings)),
            _ => None,
        },
    };
    let mut shown = json!({
        "id": event.id.to_string(),
        "timestamp": time(event.occurred_at),
        "createdAt": time(event.received_at),
        "user": user,
        "access": level.map(|it| json!({ "id": it.header.id.to_string(), "name": it.name })),
        "accessKey": key.map(|it| json!({ "id": it.header.id.to_string() })),
        "eventConfiguration": lock,
        "domain": of(&state.place),
    });
    if version >= Version::V1_2 {
        shown["device"] = lock.into();
    }
    Some(shown)
}

/// A webhook, of its headers the names only. One for devices that are gone still names them: none
/// would say that it is for all.
pub(crate) fn webhook(
    webhook: &Webhook,
    pinned: Pinned,
    headers: &[String],
    (state, gone): (&PlaceState, &Gone),
    settings: Settings<'_>,
) -> Value {
    let device = |number: &LockNumber| match state.locks.get(*number) {
        Some(lock) => named(lock, settings),
        None => match gone.get(&(Noun::Lock, number.0)) {
            Some(lock) => json!({ "id": lock.header().id.to_string(), "name": null }),
            None => Value::Null,
        },
    };
    let is_deaf = !webhook.locks.is_empty()
        && webhook.locks.iter().all(|lock| state.locks.get(*lock).is_none());
    let disabled = webhook.disabled.map(|(_, why)| why.as_str());
    json!({
        "id": webhook.header.id.to_string(),
        "type": pinned.kind.as_str(),
        "name": webhook.name,
        "url": webhook.url,
        "domains": [of(&state.place)],
        "autoSyncDomains": false,
        "payloadApiVersion": pinned.version.as_str(),
        "headers": headers.iter().map(|name| (name.clone(), Value::Null)).collect::<Map<_, _>>(),
        "devices": webhook.locks.iter().map(device).collect::<Vec<_>>(),
        "allowedOffsetMinutes": webhook.told_within_s.map(|within_s| within_s / 60),
        "onlyOnItemFailures": webhook.failures_only,
        "disabledAt": webhook.disabled.map(|(at, _)| time(at)),
        "disabledReason": disabled.or(is_deaf.then_some("devicesGone")),
        "createdAt": time(webhook.header.created_at),
    })
}
