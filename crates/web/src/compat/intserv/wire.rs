//! What this API's objects look like. Encodes; decides nothing.

use claviger_app::Gone;
use claviger_app::credential::Digits;
use claviger_app::provision::{SystemState, SystemStatus};
use claviger_domain::command::rights::levels_of;
use claviger_domain::ids::{ControllerNumber, Noun};
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::card::CardPart;
use claviger_domain::noun::credential::Credential;
use claviger_domain::noun::event::Event;
use claviger_domain::noun::person::Person;
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use super::{map, notation};

/// An access key; its PIN is never shown.
pub(crate) fn access_key(
    credential: &Credential,
    code: Option<&Digits>,
    state: &PlaceState,
) -> Value {
    let levels = levels_of(state, credential.number()).into_iter();
    let levels = levels.filter_map(|level| state.levels.get(level));
    let owner = credential.person.and_then(|person| state.people.get(person));
    json!({
        "id": credential.header.id.to_string(),
        "key": specification(credential, code),
        "valid_from_date": credential.valid.from.map(map::begin),
        "valid_to_date": credential.valid.until.map(map::time),
        "access_levels": levels.map(|level| level.header.id.to_string()).collect::<Vec<_>>(),
        "person": owner.map(|it| person(it)),
    })
}

/// How a key is specified, in its canonical form; null for what has none.
fn specification(credential: &Credential, code: Option<&Digits>) -> Value {
    match code {
        Some(code) => json!({ "identification": code.0, "type": "code" }),
        None => card(&credential.parts),
    }
}

fn card(parts: &[CardPart]) -> Value {
    notation::print(parts)
        .map_or(Value::Null, |text| json!({ "identification": text, "type": "proximity" }))
}

fn person(person: &Person) -> Value {
    json!({
        "id": person.header.id.to_string(),
        "first_name": person.details.first_name,
        "last_name": person.details.last_name,
    })
}

/// How far a key has got.
pub(crate) fn status(
    credential: &Credential,
    systems: &[SystemStatus],
    state: &PlaceState,
) -> Value {
    let (mut applied, mut pending, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for system in systems {
        let id = map::system_id(state, system.controller);
        match (&system.state, map::failure(&system.state)) {
            (_, Some(why)) => failed.push(json!({ "system_id": id, "error_type": why })),
            (SystemState::Applied { at }, None) => {
                applied.push(json!({ "system_id": id, "applied_at": map::time(*at) }));
            }
            _ => pending.push(json!({ "system_id": id })),
        }
    }
    json!({
        "id": credential.header.id.to_string(),
        "status": map::status(systems),
        "systems_where_applied": applied,
        "systems_where_pending": pending,
        "systems_where_failed": failed,
    })
}

/// An access level.
pub(crate) fn access_level(level: &AccessLevel, state: &PlaceState) -> Value {
    json!({
        "id": level.header.id.to_string(),
        "name": level.name,
        "system_id": map::system_id(state, map::system_of_level(state, level.number())),
    })
}

/// A decision. Of somebody whom the place has forgotten nothing is shown.
pub(crate) fn event(
    event: &Event,
    controller: Option<ControllerNumber>,
    code: Option<&Digits>,
    state: &PlaceState,
    gone: &Gone,
) -> Value {
    let live = event.subject.credential.and_then(|number| state.credentials.get(number));
    let deleted = event.subject.credential.and_then(|it| gone.get(&(Noun::Credential, it.0)));
    let presented = || {
        let card = event.subject.card?;
        let technology = claviger_domain::noun::card::Technology::Opaque;
        Some(self::card(&[CardPart { technology, card }]))
    };
    let (key_id, key) = match (live, deleted) {
        (Some(credential), _) if map::is_key(credential) => {
            (Some(credential.header.id), Some(specification(credential, code)))
        }
        (Some(_), _) => (None, None),
        (None, Some(record)) => (Some(record.header().id), presented()),
        (None, None) => (None, presented()),
    };
    let owner = event.subject.person.and_then(|number| state.people.get(number));
    json!({
        "event_time": map::time(event.occurred_at),
        "sequence_id": event.seq,
        "category": map::category(event),
        "type": map::event_type(event),
        "system_id": map::system_id(state, controller),
        "door_name": map::door_name(event, state, gone),
        "key_id": key_id.map(|id| id.to_string()),
        "key": key.unwrap_or(Value::Null),
        "person": owner.map(|it| person(it)),
        "subject": null,
    })
}
