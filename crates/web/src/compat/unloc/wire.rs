//! What Unloc's objects look like. Encodes; decides nothing.

use claviger_app::{Gone, Id, doorbell, key::KeyRow, sharing::SharingRight};
use claviger_domain::ids::Noun;
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::event::Event;
use claviger_domain::noun::grant::Subject;
use claviger_domain::noun::lock::Lock;
use claviger_domain::noun::person::Person;
use claviger_domain::noun::place::Place;
use claviger_domain::noun::webhook::Webhook;
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use serde_json::{Value, json};

use super::map;

/// A project.
pub(crate) fn project(place: &Place, organization: Option<Id>) -> Value {
    json!({
        "id": place.header.id.to_string(),
        "name": place.name,
        "organizationId": organization.map(|id| id.to_string()),
        "timeZone": place.zone.name(),
        "defaultPrivacyPolicy": map::privacy(place.default_privacy),
        "created": map::time(place.header.created_at),
        "metadata": map::metadata(place.metadata.as_ref()),
    })
}

/// A subproject.
pub(crate) fn subproject(place: &Place, state: &PlaceState, project: Option<Id>) -> Value {
    json!({
        "id": place.header.id.to_string(),
        "name": place.name,
        "description": map::description(place.metadata.as_ref()),
        "projectId": project.map(|id| id.to_string()),
        "lockIds": state.locks.iter().map(|lock| lock.header.id.to_string()).collect::<Vec<_>>(),
        "timeZone": place.zone.name(),
        "created": map::time(place.header.created_at),
        "metadata": map::metadata(place.metadata.as_ref()),
    })
}

/// A lock; settings of one that another place owns are that place's, and are given apart.
pub(crate) fn lock(lock: &Lock, settings: &Lock, state: &PlaceState) -> Value {
    let battery = settings.health.battery_percent;
    let connection = settings.controller.and_then(|it| state.controllers.get(it));
    json!({
        "id": lock.header.id.to_string(),
        "name": lock.name,
        "vendor": settings.model.as_deref().unwrap_or("claviger"),
        "address": map::address(lock.metadata.as_ref()),
        "batteryStatus": battery.map(|percent| json!({ "batteryLevel": percent.to_string() })),
        "timeZone": settings.zone.as_ref().unwrap_or(&state.place.zone).name(),
        "privacyPolicy": map::privacy(settings.privacy),
        "lockConnectionId": connection.map(|it| it.header.id.to_string()),
        "created": map::time(lock.header.created_at),
        "metadata": map::metadata(lock.metadata.as_ref()),
    })
}

/// A key.
pub(crate) fn key(row: &KeyRow, state: &PlaceState, gone: &Gone) -> Value {
    let KeyRow { key, grant, .. } = row;
    let level = key.level.and_then(|level| state.levels.get(level));
    let schedules = [grant.schedule.as_ref(), level.and_then(|level| level.schedule.as_ref())];
    let mut shown = json!({
        "id": key.id.to_string(),
        "lockId": map::id(state, gone, Noun::Lock, key.lock.0),
        "appUser": app_user(state, key.subject),
        "start": map::time(key.window.from.unwrap_or(key.created_at)),
        "end": key.window.until.map(map::time),
        "created": map::time(key.created_at),
        "state": map::state(row.state()),
        "recurrence": map::recurrence(state, schedules),
        "metadata": map::metadata(grant.metadata.as_ref()),
    });
    if let Some(number) = grant.issued_under {
        let closed = match gone.get(&(Noun::Grant, number.0)) {
            Some(Record::Grant(issuer)) => Some(issuer),
            _ => None,
        };
        let issuer = state.grants.get(number).or(closed);
        shown["issuer"] = issuer.map_or(Value::Null, |it| app_user(state, it.subject));
    }
    if let Some((id, name)) = doorbell::named_by(state, grant) {
        shown["doorbell"] = json!({ "id": id.to_string(), "name": name });
    }
    if let Some(number) = key.level {
        let deleted = match gone.get(&(Noun::AccessLevel, number.0)) {
            Some(Record::AccessLevel(level)) => Some(level),
            _ => None,
        };
        shown["accessGroup"] = json!({
            "id": map::id(state, gone, Noun::AccessLevel, number.0),
            "name": level.or(deleted).map(|level| &level.name),
        });
    }
    shown
}

/// A person as an app user; null for a card or code, and for somebody who is deleted.
fn app_user(state: &PlaceState, subject: Subject) -> Value {
    let person = match subject {
        Subject::Person(number) => state.people.get(number),
        Subject::Credential(_) => None,
    };
    person.map_or(
        Value::Null,
        |person| json!({ "id": person.details.phone, "name": map::person_name(&person.details) }),
    )
}

/// A sharing right.
pub(crate) fn sharing_right(right: &SharingRight, state: &PlaceState) -> Value {
    let lock = state.locks.get(right.lock);
    let mut shown = json!({
        "id": right.id.to_string(),
        "lockId": lock.map(|lock| lock.header.id.to_string()),
        "appUser": app_user(state, right.grant.subject),
        "created": map::time(right.created_at),
        "metadata": map::metadata(right.grant.metadata.as_ref()),
    });
    if let Some(level) = right.level.and_then(|level| state.levels.get(level)) {
        shown["accessGroup"] = json!({ "id": level.header.id.to_string(), "name": level.name });
    }
    shown
}

/// An access group.
/// Its people are those it lets in, now or later.
pub(crate) fn access_group(level: &AccessLevel, state: &PlaceState, now: Instant) -> Value {
    let locks = state.level_locks(level.number()).filter_map(|it| state.locks.get(it.lock));
    let mut seen = std::collections::HashSet::new();
    let grants = state.level_grants(level.number()).iter().filter_map(|it| state.grants.get(it));
    let people = grants
        .filter(|grant| grant.lives(now))
        .filter_map(|grant| match grant.subject {
            Subject::Person(number) => state.people.get(number),
            Subject::Credential(_) => None,
        })
        .filter(|person| seen.insert(person.number()))
        .filter_map(|person| person.details.phone.clone());
    json!({
        "id": level.header.id.to_string(),
        "name": level.name,
        "description": level.description,
        "lockIds": locks.map(|lock| lock.header.id.to_string()).collect::<Vec<_>>(),
        "appUserIds": people.collect::<Vec<_>>(),
        "recurrence": map::recurrence(state, [level.schedule.as_ref(), None]),
        "allowKeySharing": level.allow_sharing,
        "metadata": map::metadata(level.metadata.as_ref()),
        "created": map::time(level.header.created_at),
    })
}

/// Somebody was let in. Without the person there is no key either: it would say who it was.
pub(crate) fn access_event(
    event: &Event,
    key: Option<Id>,
    state: &PlaceState,
    gone: &Gone,
) -> Value {
    let lock = state.locks.get(event.lock).or(match gone.get(&(Noun::Lock, event.lock.0)) {
        Some(Record::Lock(lock)) => Some(lock),
        _ => None,
    });
    let person = event.subject.person.and_then(|number| state.people.get(number));
    let person = person.filter(|person| person.details.phone.is_some());
    json!({
        "id": event.id.to_string(),
        "action": "unlocked",
        "created": map::time(event.occurred_at),
        "keyId": key.filter(|_| person.is_some()).map(|id| id.to_string()),
        "lockId": map::id(state, gone, Noun::Lock, event.lock.0),
        "lockName": lock.map(|lock| &lock.name),
        "appUserId": person.and_then(|person| person.details.phone.as_ref()),
        "userName": person.map_or_else(String::new, |person| map::person_name(&person.details)),
    })
}

/// A webhook; its secret is shown when it is made. One for a lock that is gone still names it: null
/// would say that it is for all.
pub(crate) fn webhook(webhook: &Webhook, state: &PlaceState, gone: &Gone) -> Value {
    let lock = webhook.locks.first().map(|lock| map::id(state, gone, Noun::Lock, lock.0));
    json!({
        "id": webhook.header.id.to_string(),
        "trigger": "accessEvent",
        "url": webhook.url,
        "lockId": lock,
        "created": map::time(webhook.header.created_at),
    })
}

/// A managed user; whoever has no phone number is none. People are known by their numbers; the id
/// that stays when a number changes is beside it.
pub(crate) fn managed_user(person: &Person) -> Value {
    json!({
        "id": person.details.phone,
        "uuid": person.header.id.to_string(),
        "appUserId": person.details.phone,
        "firstName": person.details.first_name,
        "lastName": person.details.last_name,
        "name": map::person_name(&person.details),
        "created": map::time(person.header.created_at),
        "metadata": map::metadata(person.details.metadata.as_ref()),
    })
}
