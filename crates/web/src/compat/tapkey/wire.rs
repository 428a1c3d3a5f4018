//! The JSON of this API, and the members of its objects that can be asked for. Nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::{Id, Instant};
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::credential::{Credential, CredentialState};
use claviger_domain::noun::event::{Event, EventKind};
use claviger_domain::noun::grant::{Grant, RightState};
use claviger_domain::noun::lock::Lock;
use claviger_domain::noun::person::Person;
use claviger_domain::noun::place::Place;
use serde_json::{Value, json};

use super::map;
use super::odata::{Field, Kind, field};

/// An owner account.
pub(crate) const OWNER: &[Field] =
    &[field("id", Kind::Text), field("name", Kind::Text), field("active", Kind::Flag)];

/// A permission.
pub(crate) const PERMISSION: &[Field] = &[
    field("id", Kind::Text),
    field("ownerAccountId", Kind::Text),
    field("contactId", Kind::Text),
    field("role", Kind::Text),
];

/// A contact.
pub(crate) const CONTACT: &[Field] = &[
    field("id", Kind::Text),
    field("ownerId", Kind::Text),
    field("comment", Kind::Text),
    field("ipId", Kind::Text),
    field("ipUserId", Kind::Text),
    field("identifier", Kind::Text),
    field("email", Kind::Text),
    field("title", Kind::Text),
];

const LOCK_TYPE: &[Field] = &[
    field("id", Kind::Text),
    field("manufacturerId", Kind::Number),
    field("modelName", Kind::Text),
    field("supportedTechnologies", Kind::List),
];

const FEATURES: &[Field] = &[field("timeRestrictionIcalSupport", Kind::Text)];

/// A bound lock, and a lock group in its place.
pub(crate) const LOCK: &[Field] = &[
    field("active", Kind::Flag),
    field("bindDate", Kind::Time),
    field("description", Kind::Text),
    field("healthStatuses", Kind::List),
    field("id", Kind::Text),
    field("lastSeenRclSerialNo", Kind::Number),
    field("lastSeenRclUpdateDate", Kind::Time),
    field("lockType", Kind::Object(LOCK_TYPE)),
    field("lockTypeId", Kind::Text),
    field("membershipStatistics", Kind::Object(&[])),
    field("ownerAccountId", Kind::Text),
    field("physicalLockId", Kind::Text),
    field("rclDate", Kind::Time),
    field("rclSerialNo", Kind::Number),
    field("supportedFeatures", Kind::Object(FEATURES)),
    field("targetType", Kind::Text),
    field("title", Kind::Text),
    field("unbindDate", Kind::Time),
];

/// A lock group by itself.
pub(crate) const GROUP: &[Field] = &[
    field("active", Kind::Flag),
    field("description", Kind::Text),
    field("id", Kind::Text),
    field("physicalLockId", Kind::Text),
    field("rclDate", Kind::Time),
    field("rclSerialNo", Kind::Number),
    field("statistics", Kind::Object(&[])),
    field("supportedFeatures", Kind::Object(FEATURES)),
    field("targetType", Kind::Text),
    field("title", Kind::Text),
];

/// A bound card.
pub(crate) const CARD: &[Field] = &[
    field("id", Kind::Text),
    field("label", Kind::Text),
    field("uid", Kind::Text),
    field("isActive", Kind::Flag),
    field("physicalCardId", Kind::Text),
    field("ownerAccountId", Kind::Text),
    field("bindDate", Kind::Time),
    field("unbindDate", Kind::Time),
    field("title", Kind::Text),
    field("nofGrantsCapacity", Kind::Number),
];

/// A grant.
pub(crate) const GRANT: &[Field] = &[
    field("id", Kind::Text),
    field("boundLockId", Kind::Text),
    field("contactId", Kind::Text),
    field("boundCardId", Kind::Text),
    field("validFrom", Kind::Time),
    field("validBefore", Kind::Time),
    field("timeRestrictionIcal", Kind::Text),
    field("state", Kind::Text),
    field("active", Kind::Flag),
    field("contact", Kind::Object(CONTACT)),
    field("boundCard", Kind::Object(CARD)),
    field("boundLock", Kind::Object(LOCK)),
    field("owner", Kind::Object(OWNER)),
];

/// A log entry.
pub(crate) const ENTRY: &[Field] = &[
    field("id", Kind::Text),
    field("entryNo", Kind::Number),
    field("lockTimestamp", Kind::Time),
    field("receivedAt", Kind::Time),
    field("boundLockId", Kind::Text),
    field("boundCardId", Kind::Text),
    field("contactId", Kind::Text),
    field("logType", Kind::Text),
    field("command", Kind::Text),
];

fn maybe(at: Option<Instant>) -> Option<String> {
    at.map(map::time)
}

/// An owner account.
pub(crate) fn owner(place: &Place) -> Value {
    json!({ "id": place.header.id.to_string(), "name": place.name, "active": true })
}

/// The permission of a contact that has one; it has the contact's id.
pub(crate) fn permission(person: &Person, owner: Id) -> Option<Value> {
    let role = map::role(person.role)?;
    let id = person.header.id.to_string();
    Some(json!({
        "id": id, "ownerAccountId": owner.to_string(), "contactId": id, "role": role,
    }))
}

/// A contact. `ipUserId` is there only for people of other identity providers.
pub(crate) fn contact(person: &Person, owner: Id) -> Value {
    let details = &person.details;
    let (provider, subject, identifier) = map::identity(details);
    let mut shown = json!({
        "id": person.header.id.to_string(),
        "ownerId": owner.to_string(),
        "comment": details.note,
        "ipId": provider,
        "identifier": identifier,
        "email": identifier,
        "title": details.display_name,
    });
    if details.identity.is_some() {
        shown["ipUserId"] = json!(subject);
    }
    shown
}

/// The features of a lock or group, where they are shown.
fn features(are_shown: bool) -> Value {
    if are_shown { json!({ "timeRestrictionIcalSupport": "Supported" }) } else { Value::Null }
}

/// How many memberships there are, by the one state that they have here.
fn joined(count: Option<usize>) -> Value {
    match count {
        Some(count) => json!({ "ByState": [{ "State": "Joined", "Count": count }] }),
        None => Value::Null,
    }
}

/// What is shown of a lock or group beside what always is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) features: bool,
    pub(crate) health: bool,
    /// The groups of a lock, or the locks of a group.
    pub(crate) joined: Option<usize>,
}

/// A user of an identity provider.
pub(crate) const USER: &[Field] = &[
    field("id", Kind::Text),
    field("ipId", Kind::Text),
    field("ipUserId", Kind::Text),
    field("identifier", Kind::Text),
    field("status", Kind::Text),
];

/// A user of an identity provider; none of somebody whom no provider knows by an id.
pub(crate) fn user(person: &Person) -> Option<Value> {
    let identity = person.details.identity.as_ref()?;
    Some(json!({
        "id": person.header.id.to_string(),
        "ipId": identity.provider,
        "ipUserId": identity.subject.as_ref()?,
        "identifier": identity.identifier,
        "status": "Normal",
    }))
}

/// How far the revocation list of a lock is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListShown {
    pub(crate) serial: u32,
    pub(crate) made_at: Option<Instant>,
    pub(crate) seen: Option<(u32, Instant)>,
}

/// The number of bytes of an id, as two of them from the lowest on, and the id.
fn physical(id: &[u8]) -> String {
    let length = u16::try_from(id.len()).unwrap_or(u16::MAX).to_le_bytes();
    STANDARD.encode([&length, id].concat())
}

/// A card; of one that is deleted no more than that it was.
pub(crate) fn card(card: &Credential, owner: Id) -> Value {
    let uid = card.parts.first().map(|part| {
        let bytes = usize::from(part.card.bits).div_ceil(8);
        part.card.value.to_be_bytes()[16 - bytes..].to_vec()
    });
    let deleted = card.header.deleted_at;
    json!({
        "id": card.header.id.to_string(),
        "label": uid.as_deref().map(map::dashed),
        "uid": uid.as_ref().map(|uid| STANDARD.encode(uid)),
        "isActive": card.state == CredentialState::Active && deleted.is_none(),
        "physicalCardId": uid.as_deref().map(physical),
        "ownerAccountId": owner.to_string(),
        "bindDate": map::time(card.header.created_at),
        "unbindDate": maybe(deleted),
        "title": card.label,
        "nofGrantsCapacity": map::MOST_OF_CARD,
    })
}

/// What is kept of a contact that was deleted.
pub(crate) fn deleted_contact(id: Id, owner: Id) -> Value {
    json!({
        "id": id.to_string(),
        "ownerId": owner.to_string(),
        "comment": null,
        "ipId": null,
        "identifier": null,
        "email": null,
        "title": null,
    })
}

/// A lock as it is in a place; `settings` are the owner's.
pub(crate) fn lock(
    (row, settings): (&Lock, &Lock),
    owner: Id,
    list: ListShown,
    more: Expanded,
) -> Value {
    let kind = settings.model.as_deref().unwrap_or("Claviger");
    let model = kind.rsplit_once('.').map_or(kind, |(_, model)| model);
    json!({
        "active": row.header.deleted_at.is_none(),
        "bindDate": map::time(row.header.created_at),
        "description": settings.description,
        "healthStatuses": more.health.then(|| json!([])),
        "id": row.header.id.to_string(),
        "lastSeenRclSerialNo": list.seen.map(|(serial, _)| serial),
        "lastSeenRclUpdateDate": maybe(list.seen.map(|(_, at)| at)),
        "lockType": {
            "id": kind,
            "manufacturerId": 1,
            "modelName": model,
            "supportedTechnologies": map::technologies(settings.mode),
        },
        "lockTypeId": kind,
        "membershipStatistics": joined(more.joined),
        "ownerAccountId": owner.to_string(),
        "physicalLockId": map::bound_as(row).unwrap_or_else(|| physical(&row.header.id.0)),
        "rclDate": maybe(list.made_at),
        "rclSerialNo": list.serial,
        "supportedFeatures": features(more.features),
        "targetType": "Lock",
        "title": settings.name,
        "unbindDate": maybe(row.header.deleted_at),
    })
}

/// A lock group by itself.
pub(crate) fn lock_group(level: &AccessLevel, list: ListShown, more: Expanded) -> Value {
    json!({
        "active": level.header.deleted_at.is_none(),
        "description": level.description,
        "id": level.header.id.to_string(),
        "physicalLockId": null,
        "rclDate": maybe(list.made_at),
        "rclSerialNo": list.serial,
        "statistics": joined(more.joined),
        "supportedFeatures": features(more.features),
        "targetType": "Group",
        "title": level.name,
    })
}

/// A lock group where a grant speaks of one, in the members of a lock.
pub(crate) fn group(level: &AccessLevel, owner: Id, list: ListShown) -> Value {
    json!({
        "active": level.header.deleted_at.is_none(),
        "bindDate": map::time(level.header.created_at),
        "description": level.description,
        "healthStatuses": null,
        "id": level.header.id.to_string(),
        "lastSeenRclSerialNo": null,
        "lastSeenRclUpdateDate": null,
        "lockType": null,
        "lockTypeId": null,
        "membershipStatistics": null,
        "ownerAccountId": owner.to_string(),
        "physicalLockId": null,
        "rclDate": maybe(list.made_at),
        "rclSerialNo": list.serial,
        "supportedFeatures": features(true),
        "targetType": "Group",
        "title": level.name,
        "unbindDate": maybe(level.header.deleted_at),
    })
}

/// What stands around a grant; null where it is none of that, or nothing is kept of it.
pub(crate) struct Around {
    pub(crate) contact: Value,
    pub(crate) card: Value,
    /// The lock or group.
    pub(crate) target: Value,
}

/// A grant to a contact or a card.
pub(crate) fn grant(
    grant: &Grant,
    (stands, times): (RightState, Option<String>),
    Around { contact, card, target }: Around,
) -> Value {
    let (state, active) = map::state(stands);
    json!({
        "id": grant.header.id.to_string(),
        "boundLockId": target["id"],
        "contactId": contact["id"],
        "boundCardId": card["id"],
        "validFrom": maybe(grant.window.from),
        "validBefore": maybe(grant.window.until),
        "timeRestrictionIcal": times,
        "state": state,
        "active": active,
        "contact": contact,
        "boundCard": card,
        "boundLock": target,
        "owner": null,
    })
}

/// What the taking back of a grant comes to: the grants of others that it hits, and how long lists
/// get.
pub(crate) fn revocation(dry_run: bool, grant: Value, hit: Vec<Value>, lists: Vec<Value>) -> Value {
    json!({
        "dryRun": dry_run,
        "grantRevoked": grant,
        "grantsAffectedAsSideEffect": hit,
        "rclState": {
            "rclClassStates": if lists.is_empty() { Value::Null } else { lists.into() },
        },
    })
}

/// Whom and what a log entry speaks of.
pub(crate) struct Concerned {
    pub(crate) lock: Option<Id>,
    pub(crate) card: Option<Id>,
    pub(crate) contact: Option<Id>,
}

/// A decision as a log entry.
pub(crate) fn entry(event: &Event, concerned: &Concerned) -> Value {
    let id = |id: Option<Id>| id.map(|id| id.to_string());
    json!({
        "id": event.id.to_string(),
        "entryNo": event.seq,
        "lockTimestamp": map::time(event.occurred_at),
        "receivedAt": map::time(event.received_at),
        "boundLockId": id(concerned.lock),
        "boundCardId": id(concerned.card),
        "contactId": id(concerned.contact),
        "logType": map::log_type(event.kind == EventKind::AccessGranted),
        "command": map::TRIGGER,
    })
}
