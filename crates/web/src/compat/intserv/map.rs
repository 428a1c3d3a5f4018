//! The dictionary: this API's words for ours, both ways. Pure; looks nothing up but in the state it
//! is given.

use std::collections::HashMap;

use claviger_app::credential::Digits;
use claviger_app::provision::{Reach, SystemState, SystemStatus};
use claviger_app::{Gone, Id};
use claviger_domain::ids::{AccessLevelNumber, ControllerNumber, Noun};
use claviger_domain::noun::card::CardPart;
use claviger_domain::noun::credential::{Credential, CredentialKind};
use claviger_domain::noun::event::{Event, EventKind, Method};
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, SECOND};
use serde_json::Value;

use super::notation;
use crate::compat::fields::{Fields, Given, Wrongs};

/// The system of locks that no controller connects.
const BUILTIN: &str = "builtin";

/// What a wrong id must be.
const UUID: &str = "must be a UUID";

/// How a key is specified.
#[derive(Clone, Debug)]
pub(crate) enum Specification {
    /// A card with these parts.
    Card(Vec<CardPart>),
    /// A code; none where one is to be made up.
    Code(Option<Digits>),
}

/// A text; left out or null it is none.
pub(crate) fn text<'v>(fields: &Fields<'v>, name: &str, wrongs: &mut Wrongs) -> Option<&'v str> {
    fields.may_clear(name, wrongs).flatten()
}

/// An id; left out or null it is none.
pub(crate) fn id(fields: &Fields<'_>, name: &str, wrongs: &mut Wrongs) -> Option<Id> {
    let id = Id::parse(text(fields, name, wrongs)?);
    wrongs.check(id.is_some(), &fields.name(name), UUID);
    id
}

/// The ids of a list; left out or null there is none.
pub(crate) fn ids(fields: &Fields<'_>, name: &str, wrongs: &mut Wrongs) -> Option<Vec<Id>> {
    fields.get(name).filter(|value| !value.is_null())?;
    let mut found = Vec::new();
    for (at, text) in fields.texts(name, wrongs)? {
        match Id::parse(text) {
            Some(id) => found.push(id),
            None => wrongs.add(fields.item(name, at), UUID),
        }
    }
    Some(found)
}

/// An instant; null clears it.
pub(crate) fn instant(fields: &Fields<'_>, name: &str, wrongs: &mut Wrongs) -> Given<Instant> {
    let Some(text) = fields.may_clear(name, wrongs)? else { return Some(None) };
    let instant = Instant::parse(text);
    let reason = "must be an instant such as 2020-09-01T00:00:00Z";
    wrongs.check(instant.is_some(), &fields.name(name), reason);
    instant.map(Some)
}

/// Whether a flag is set; left out or null it is not.
pub(crate) fn flag(fields: &Fields<'_>, name: &str, wrongs: &mut Wrongs) -> bool {
    match fields.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(_) => {
            wrongs.add(fields.name(name), "must be true or false");
            false
        }
    }
}

/// The PIN: four digits; null clears it.
pub(crate) fn pin(fields: &Fields<'_>, wrongs: &mut Wrongs) -> Given<Digits> {
    let Some(text) = fields.may_clear("pin", wrongs)? else { return Some(None) };
    let right = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    wrongs.check(right, &fields.name("pin"), "must be 4 digits");
    Some(Some(Digits(text.to_owned())))
}

/// The specification of a key.
pub(crate) fn key(body: &Fields<'_>, wrongs: &mut Wrongs) -> Option<Specification> {
    let value = body.get("key").filter(|value| !value.is_null())?;
    let fields = Fields::at(value, body.name("key"), wrongs);
    fields.only(&["identification", "type"], wrongs);
    let kind = fields.must("type", wrongs);
    let given = fields.may_clear("identification", wrongs).flatten();
    let given = given.map(|text| text.trim_matches(' ')).filter(|text| !text.is_empty());
    let name = fields.name("identification");
    match (kind?, given) {
        ("proximity", None) => {
            if fields.get("identification").is_none_or(|it| it.is_null() || it.is_string()) {
                wrongs.add(name, "is required for a key of type proximity");
            }
            None
        }
        ("proximity", Some(text)) => match notation::parse(text) {
            Ok(parts) => Some(Specification::Card(parts)),
            Err(reason) => {
                wrongs.add(name, reason);
                None
            }
        },
        ("code", None) => Some(Specification::Code(None)),
        ("code", Some(text)) => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let right = digits && (4..=16).contains(&text.len());
            wrongs.check(right, &name, "must be 4 to 16 decimal digits");
            Some(Specification::Code(Some(Digits(text.to_owned()))))
        }
        _ => {
            wrongs.add(fields.name("type"), "must be proximity or code");
            None
        }
    }
}

/// Our pointers beside the parameters they stand for.
const PARAMS: &[(&str, &str)] = &[
    ("valid_from", "valid_from_date"),
    ("valid_until", "valid_to_date"),
    ("cards", "key.identification"),
    ("code", "key.identification"),
    ("person_id", "person.id"),
    ("first_name", "person.first_name"),
    ("last_name", "person.last_name"),
];

/// The parameter that a pointer stands for.
pub(crate) fn param(pointer: &str) -> String {
    let mut parts = pointer.split('/').filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or("body");
    let found = PARAMS.iter().find(|(ours, _)| *ours == first);
    let name = found.map_or(first, |(_, theirs)| *theirs);
    // The parts of a card are one text.
    let rest = parts.filter(|_| first != "cards");
    std::iter::once(name).chain(rest).collect::<Vec<_>>().join(".")
}

/// What a pointer to something that is not there is about.
pub(crate) fn noun_at(pointer: &str) -> Noun {
    match pointer.split('/').nth(1) {
        Some("person_id") => Noun::Person,
        Some("access_levels") => Noun::AccessLevel,
        _ => Noun::Credential,
    }
}

/// An instant to the second, rounded down.
pub(crate) fn time(at: Instant) -> String {
    Instant(at.seconds() * SECOND).to_string()
}

/// The beginning of a validity to the second: rounded up, as it is shown narrower, never wider.
pub(crate) fn begin(at: Instant) -> String {
    time(at.plus(SECOND - 1))
}

/// Whether a credential can be said here: a code, or a card with a part that has a notation.
pub(crate) fn is_key(credential: &Credential) -> bool {
    match credential.kind {
        CredentialKind::Card => notation::print(&credential.parts).is_some(),
        CredentialKind::Code => true,
        CredentialKind::Phone => false,
    }
}

/// The type of a decision.
pub(crate) fn event_type(event: &Event) -> u16 {
    match (event.kind, event.method) {
        (EventKind::AccessGranted, Some(Method::Code)) => 101,
        (EventKind::AccessGranted, Some(Method::Card)) => 102,
        (EventKind::AccessGranted, Some(Method::CardAndPin)) => 103,
        (EventKind::AccessGranted, Some(Method::ExitButton)) => 104,
        (EventKind::AccessGranted, Some(Method::CommonCode)) => 105,
        (EventKind::AccessGranted, _) => 100,
        _ => event.reasons.first().map_or(200, |reason| reason.event_type()),
    }
}

/// The category of a decision.
pub(crate) fn category(event: &Event) -> &'static str {
    if event.kind == EventKind::AccessGranted { "accessgranted" } else { "accessdenied" }
}

/// What a system is called: the caller's own id of the controller, else its number.
pub(crate) fn system_id(state: &PlaceState, system: Option<ControllerNumber>) -> String {
    let Some(number) = system else { return BUILTIN.to_owned() };
    let controller = state.controllers.get(number);
    let own = controller.and_then(|controller| controller.header.external_id.clone());
    own.unwrap_or_else(|| number.to_string())
}

/// All systems by what they are called: two may be called alike, where one's own id is the other's
/// number.
pub(crate) fn systems(state: &PlaceState) -> HashMap<String, Vec<Option<ControllerNumber>>> {
    let all = state.controllers.iter().map(|controller| Some(controller.number()));
    let mut systems: HashMap<String, Vec<Option<ControllerNumber>>> = HashMap::new();
    for system in std::iter::once(None).chain(all) {
        systems.entry(system_id(state, system)).or_default().push(system);
    }
    systems
}

/// The system under which a level is listed: of those of its locks the one with the lowest number,
/// where the one without a controller comes first.
pub(crate) fn system_of_level(
    state: &PlaceState,
    level: AccessLevelNumber,
) -> Option<ControllerNumber> {
    let locks = state.level_locks(level).filter_map(|it| state.locks.get(it.lock));
    locks.map(|lock| lock.controller).min().flatten()
}

/// The name of an event's lock, deleted or not.
pub(crate) fn door_name<'s>(
    event: &Event,
    state: &'s PlaceState,
    gone: &'s Gone,
) -> Option<&'s str> {
    let deleted = match gone.get(&(Noun::Lock, event.lock.0)) {
        Some(Record::Lock(lock)) => Some(lock),
        _ => None,
    };
    state.locks.get(event.lock).or(deleted).map(|lock| lock.name.as_str())
}

/// Why a system has not taken a key in; none where it has, or may yet.
pub(crate) fn failure(state: &SystemState) -> Option<&'static str> {
    match state {
        SystemState::Applied { .. } | SystemState::Pending => None,
        SystemState::NotStored => Some("SystemFull"),
        SystemState::Failed { code, .. } => Some(match code.as_str() {
            "code_unsupported" => "CodeNotEnabled",
            "pin_unsupported" => "PinNotEnabled",
            "card_unsupported" => "ProximityNotEnabled",
            "schedule_unsupported" | "schedule_missing" => "ScheduleNotSupported",
            "list_full" => "SystemFull",
            "in_use" => "KeyAlreadyInUse",
            _ => "Rejected",
        }),
    }
}

/// Systems of which each stands once: what another place's controller serves is at the system
/// without one too, and the worse of the two is told.
pub(crate) fn once(systems: Vec<SystemStatus>) -> Vec<SystemStatus> {
    let rank = |state: &SystemState| match state {
        SystemState::Applied { .. } => 0,
        SystemState::Pending => 1,
        SystemState::Failed { .. } | SystemState::NotStored => 2,
    };
    let mut found: Vec<SystemStatus> = Vec::with_capacity(systems.len());
    for system in systems {
        match found.iter_mut().find(|known| known.controller == system.controller) {
            Some(known) if rank(&known.state) >= rank(&system.state) => {}
            Some(known) => *known = system,
            None => found.push(system),
        }
    }
    found
}

/// How far a key has got, all systems taken together.
pub(crate) fn status(systems: &[SystemStatus]) -> &'static str {
    match Reach::of(systems) {
        Reach::NotApplied => "NotApplied",
        Reach::Pending => "Pending",
        Reach::PartiallyApplied => "PartiallyApplied",
        Reach::Applied => "Applied",
        Reach::Failed => "Failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_become_parameters() {
        for (pointer, name) in [
            ("/valid_until", "valid_to_date"),
            ("/cards/1", "key.identification"),
            ("/access_levels/3", "access_levels.3"),
            ("/person_id", "person.id"),
            ("", "body"),
        ] {
            assert_eq!(param(pointer), name);
        }
        assert_eq!(noun_at("/person_id"), Noun::Person);
        assert_eq!(noun_at("/access_levels/0"), Noun::AccessLevel);
    }

    #[test]
    fn a_validity_is_shown_no_wider_than_it_is() {
        let at = Instant::parse("2020-09-01T00:00:00.25Z").unwrap();
        assert_eq!(
            (begin(at).as_str(), time(at).as_str()),
            ("2020-09-01T00:00:01Z", "2020-09-01T00:00:00Z")
        );
        let at = Instant::parse("2020-09-01T02:00:00+02:00").unwrap();
        assert_eq!(begin(at), "2020-09-01T00:00:00Z");
    }

    #[test]
    fn a_system_stands_once_as_its_worse_half() {
        let at = Instant(0);
        let system = |controller: Option<u32>, state| SystemStatus {
            controller: controller.map(ControllerNumber),
            locks: Vec::new(),
            state,
        };
        let applied = || SystemState::Applied { at };
        let systems = vec![
            system(None, applied()),
            system(None, SystemState::Pending),
            system(Some(1), SystemState::NotStored),
            system(None, applied()),
            system(Some(1), applied()),
        ];
        let wanted = [system(None, SystemState::Pending), system(Some(1), SystemState::NotStored)];
        assert_eq!(once(systems), wanted);
    }

    #[test]
    fn failed_wins_and_no_system_is_not_applied() {
        let at = Instant(0);
        let (applied, pending) = (SystemState::Applied { at }, SystemState::Pending);
        let failed = SystemState::Failed { code: "odd".to_owned(), at };
        for (systems, word) in [
            (vec![], "NotApplied"),
            (vec![&applied, &applied], "Applied"),
            (vec![&pending], "Pending"),
            (vec![&pending, &applied], "PartiallyApplied"),
            (vec![&pending, &applied, &failed], "Failed"),
            (vec![&SystemState::NotStored, &applied], "Failed"),
        ] {
            let all: Vec<SystemStatus> = systems
                .into_iter()
                .map(|state| SystemStatus {
                    controller: None,
                    locks: Vec::new(),
                    state: state.clone(),
                })
                .collect();
            assert_eq!(status(&all), word);
        }
        let word = |code: &str| failure(&SystemState::Failed { code: code.to_owned(), at });
        assert_eq!(word("code_unsupported"), Some("CodeNotEnabled"));
        assert_eq!((word("whatever"), failure(&applied)), (Some("Rejected"), None));
    }
}
