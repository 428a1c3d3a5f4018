//! What this API's objects look like: ids are texts, what is null is left out. Encodes; decides
//! nothing.

use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::credential::Credential;
use claviger_domain::noun::event::Event;
use claviger_domain::noun::lock::{Lock, Posture};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use serde_json::{Map, Value, json};

use super::map;

/// A key with its serial number.
pub(crate) fn key(
    credential: &Credential,
    serial: &str,
    state: &PlaceState,
    now: Instant,
) -> Value {
    let contact = map::contact(credential);
    let [valid, expire] = map::hints(credential.session);
    let (units, groups) = map::rights(state, credential, now);
    let mut shown = Map::new();
    for name in map::CONTACT {
        if let Some(Value::String(text)) = contact.get(name) {
            shown.insert(name.to_owned(), text.as_str().into());
        }
    }
    if let Some(until) = credential.valid.until {
        shown.insert("expirationDate".to_owned(), map::time(until).into());
    }
    for (name, value) in [
        ("id", credential.header.number.to_string().into()),
        ("name", map::name(credential).into()),
        ("serialNumber", serial.into()),
        ("keyValid", valid.into()),
        ("keyExpire", expire.into()),
        ("isAdmin", credential.is_admin.into()),
        ("units", ids(units)),
        ("groups", ids(groups)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    Value::Object(shown)
}

/// Ids as this API writes them.
fn ids(numbers: impl IntoIterator<Item = u32>) -> Value {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

/// A unit; settings of a lock that another place owns are that place's. `key` is logged on.
pub(crate) fn unit(lock: &Lock, settings: &Lock, key: Option<u32>) -> Value {
    let mut shown = json!({
        "id": lock.header.number.to_string(),
        "name": lock.name,
        "displayName": lock.name,
        "isActive": settings.posture != Posture::Disabled,
        "isOwn": lock.borrowed.is_none(),
    });
    let texts = [
        ("serialNumber", lock.header.external_id.clone()),
        ("referenceNumber", reference(lock)),
        ("type", settings.model.clone()),
        ("keyId", key.map(|key| key.to_string())),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            shown[name] = text.into();
        }
    }
    shown
}

/// The reference number of a unit: kept with the lock for this API.
pub(crate) fn reference(lock: &Lock) -> Option<String> {
    let kept: Value = serde_json::from_str(&lock.metadata.as_ref()?.0).ok()?;
    kept.get("reference_number")?.as_str().map(str::to_owned)
}

/// A group.
pub(crate) fn group(level: &AccessLevel, state: &PlaceState) -> Value {
    let mut units: Vec<u32> = state.level_locks(level.number()).map(|it| it.lock.0).collect();
    units.sort_unstable();
    json!({ "id": level.header.number.to_string(), "name": level.name, "units": ids(units) })
}

/// A row of the history of a key: where it was let in.
pub(crate) fn of_key(event: &Event) -> Value {
    json!({ "unitId": event.lock.0.to_string(), "time": map::time(event.occurred_at) })
}

/// An input of the unit changed: somebody logged on.
const INPUT_CHANGE: u8 = 6;

/// A row of the history of a unit: the key that was let in, where one is known.
pub(crate) fn of_unit(event: &Event, key: Option<u32>) -> Value {
    let mut row = json!({ "time": map::time(event.occurred_at), "event": INPUT_CHANGE });
    if let Some(key) = key {
        row["keyId"] = key.to_string().into();
    }
    row
}
