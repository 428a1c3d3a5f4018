//! The dictionary: Unloc's words for ours, both ways. Pure; looks nothing up but in the state it is
//! given.

use claviger_app::key::KeyState;
use claviger_app::provision::Unconfirmed;
use claviger_app::{Gone, Id};
use claviger_domain::ids::Noun;
use claviger_domain::noun::Json;
use claviger_domain::noun::grant::RightState;
use claviger_domain::noun::lock::Privacy;
use claviger_domain::noun::person::PersonDetails;
use claviger_domain::noun::schedule::{ScheduleRef, Timetable};
use claviger_domain::schedule::{Definition, Weekly, WeeklyWindow};
use claviger_domain::state::PlaceState;
use claviger_domain::text::is_phone;
use claviger_domain::time::Instant;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use crate::compat::fields::{Fields, Given, Wrongs};

/// Days as they are written; the first is bit 0 of a window's days.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What a noun is called here.
pub(crate) fn noun(noun: Noun) -> &'static str {
    match noun {
        Noun::Place => "project",
        Noun::Person => "managed user",
        Noun::Lock => "lock",
        Noun::AccessLevel => "access group",
        Noun::Grant => "key",
        Noun::Controller => "lock connection",
        Noun::Webhook => "webhook",
        _ => "resource",
    }
}

/// Our pointers beside the parameters they stand for.
const PARAMS: &[(&str, &str)] = &[
    ("lock_ids", "lockIds"),
    ("lock_id", "lockId"),
    ("add_people", "appUserIdsToAdd"),
    ("remove_people", "appUserIdsToRemove"),
    ("add_locks", "lockIdsToAdd"),
    ("remove_locks", "lockIdsToRemove"),
    ("phone", "appUserId"),
    ("valid_from", "start"),
    ("valid_until", "end"),
    ("schedule", "recurrence"),
    ("create", "keys"),
    ("sharing_rights", "sharingRights"),
    ("first_name", "firstName"),
    ("last_name", "lastName"),
    ("allow_sharing", "allowKeySharing"),
    ("after", "startAfterId"),
    ("add_users", "doorbellUsersToAdd"),
    ("update_users", "doorbellUsersToUpdate"),
    ("privacy", "privacyPolicy"),
    ("default_privacy", "defaultPrivacyPolicy"),
];

/// The parameter that a pointer into a native body stands for.
pub(crate) fn param(pointer: &str) -> String {
    let parts = pointer.split('/').filter(|part| !matches!(*part, "" | "subject" | "target"));
    let word = |part| PARAMS.iter().find(|(ours, _)| *ours == part).map_or(part, |(_, it)| *it);
    let name = parts.map(word).collect::<Vec<_>>().join(".");
    if name.is_empty() { "body".to_owned() } else { name }
}

/// An instant with milliseconds, as JavaScript writes it.
pub(crate) fn time(at: Instant) -> String {
    at.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// How a key stands.
pub(crate) fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Unconfirmed(Unconfirmed::Waits) => "creating",
        KeyState::Unconfirmed(Unconfirmed::Refused) => "error",
        KeyState::Right(RightState::Scheduled) => "scheduled",
        KeyState::Right(RightState::Active) => "active",
        KeyState::Right(RightState::Inactive) => "inactive",
        KeyState::Right(RightState::Expired) => "expired",
        KeyState::Right(RightState::RevocationPending | RightState::Revoked) => "revoked",
    }
}

/// What a lock's events keep of who they concern.
pub(crate) fn privacy(privacy: Privacy) -> &'static str {
    match privacy {
        Privacy::Full => "public",
        Privacy::Pseudonym | Privacy::Anonymous => "anonymized",
        Privacy::Hidden | Privacy::None => "private",
    }
}

/// A field with a privacy policy, in any case of letters.
pub(crate) fn policy(fields: &Fields<'_>, name: &str, wrongs: &mut Wrongs) -> Option<Privacy> {
    let word = fields.text(name, wrongs)?;
    let known = [Privacy::Full, Privacy::Anonymous, Privacy::Hidden];
    let found = known.into_iter().find(|it| privacy(*it).eq_ignore_ascii_case(word));
    let reason = "must be one of public, anonymized, private";
    wrongs.check(found.is_some(), &fields.name(name), reason);
    found
}

/// Every way in which a key may stand.
const STATES: [KeyState; 8] = [
    KeyState::Unconfirmed(Unconfirmed::Waits),
    KeyState::Right(RightState::Scheduled),
    KeyState::Right(RightState::Active),
    KeyState::Right(RightState::Inactive),
    KeyState::Right(RightState::Expired),
    KeyState::Right(RightState::RevocationPending),
    KeyState::Right(RightState::Revoked),
    KeyState::Unconfirmed(Unconfirmed::Refused),
];

/// The states with that word; none where it is no word for any.
pub(crate) fn states(word: &str) -> impl Iterator<Item = KeyState> {
    STATES.into_iter().filter(move |it| state(*it) == word)
}

/// A person's name; empty where none is known.
pub(crate) fn person_name(details: &PersonDetails) -> String {
    match &details.display_name {
        Some(name) => name.clone(),
        None => {
            let names = [&details.first_name, &details.last_name];
            names.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
        }
    }
}

/// The public id of a record, deleted or not; null for one that left none.
pub(crate) fn id(state: &PlaceState, gone: &Gone, noun: Noun, number: u32) -> Value {
    let live = state.record(noun, number).map(|record| record.header().id);
    let found = live.or_else(|| gone.get(&(noun, number)).map(|record| record.header().id));
    found.map_or(Value::Null, |id: Id| id.to_string().into())
}

/// A phone number out of a query, where an unencoded plus has become a space.
pub(crate) fn phone_of_query(text: &str) -> Option<String> {
    let text = match text.strip_prefix(' ') {
        Some(rest) => format!("+{rest}"),
        None => text.to_owned(),
    };
    is_phone(&text).then_some(text)
}

/// What a phone number must be.
pub(crate) const PHONE: &str = "must be a phone number in E.164: +, then 7 to 15 digits";
/// What an id must be.
pub(crate) const UUID: &str = "must be a UUID";

/// Who is to hold something and at which lock: `appUserId` and `lockId`, checked.
pub(crate) fn holder(fields: &Fields<'_>, wrongs: &mut Wrongs) -> Option<(String, Id)> {
    let lock = fields.must("lockId", wrongs).and_then(|text| {
        let id = Id::parse(text);
        wrongs.check(id.is_some(), &fields.name("lockId"), UUID);
        id
    });
    let phone = fields.must("appUserId", wrongs);
    if let Some(phone) = phone {
        wrongs.check(is_phone(phone), &fields.name("appUserId"), PHONE);
    }
    Some((phone?.to_owned(), lock?))
}

/// A recurrence as a timetable by the clock of the lock.
pub(crate) fn timetable(value: &Value, at: String, wrongs: &mut Wrongs) -> Option<Arc<Timetable>> {
    let fields = Fields::at(value, at, wrongs);
    fields.only(&["timeSpans", "timespans"], wrongs);
    let name = if fields.has("timeSpans") { "timeSpans" } else { "timespans" };
    let spans = fields.list(name, wrongs);
    let is_left_out = value.is_object() && !fields.has(name);
    if is_left_out || spans.is_some_and(<[Value]>::is_empty) {
        wrongs.add(fields.name("timeSpans"), "must be a list of at least one time span");
    }
    let mut windows: Vec<WeeklyWindow> = Vec::new();
    for (index, span) in spans.unwrap_or_default().iter().enumerate() {
        let span = Fields::at(span, fields.item(name, index), wrongs);
        let Some(window) = window(&span, wrongs) else { continue };
        if windows.iter().any(|other| other.days == window.days) {
            wrongs.add(span.name("weekday"), "stands twice; a day may have one time span");
        } else {
            windows.push(window);
        }
    }
    let weekly = Weekly { zone: None, windows, exceptions: Vec::new() };
    Timetable::new(Definition::Weekly(weekly)).ok()
}

fn window(span: &Fields, wrongs: &mut Wrongs) -> Option<WeeklyWindow> {
    let known = ["weekday", "startHour", "startMinute", "endHour", "endMinute"];
    span.only(&known, wrongs);
    let day = span.must("weekday", wrongs).and_then(|day| {
        let found = DAYS.iter().position(|known| *known == day);
        if found.is_none() {
            wrongs.add(span.name("weekday"), "must be one of mon, tue, wed, thu, fri, sat, sun");
        }
        found
    });
    let mut number = |name: &str, most: u64| {
        let value = span.get(name).and_then(Value::as_u64).filter(|value| *value <= most);
        if value.is_none() {
            wrongs.add(span.name(name), format!("must be a whole number from 0 to {most}"));
        }
        value.and_then(|value| u16::try_from(value).ok())
    };
    let start = (number("startHour", 24), number("startMinute", 59));
    let end = (number("endHour", 24), number("endMinute", 59));
    let (Some(start_hour), Some(start_minute)) = start else { return None };
    let (Some(end_hour), Some(end_minute)) = end else { return None };
    let (from_min, to_min) = (start_hour * 60 + start_minute, end_hour * 60 + end_minute);
    if from_min >= 1440 {
        wrongs.add(span.name("startHour"), "must be before 24:00");
    } else if to_min > 1440 {
        wrongs.add(span.name("endHour"), "must be at most 24:00");
    } else if to_min <= from_min {
        wrongs.add(span.name("endHour"), "must be after the start");
    } else {
        return Some(WeeklyWindow { days: 1 << day?, from_min, to_min });
    }
    None
}

/// The recurrence of a key with these schedules; null where there is none or it cannot be said in
/// one time span a day by the clock of the lock.
pub(crate) fn recurrence(state: &PlaceState, schedules: [Option<&ScheduleRef>; 2]) -> Value {
    let mut found = schedules.into_iter().flatten();
    let (Some(schedule), None) = (found.next(), found.next()) else { return Value::Null };
    state.timetable(schedule).map_or(Value::Null, spans)
}

/// A timetable as a recurrence; null where it cannot be said so.
pub(crate) fn spans(timetable: &Timetable) -> Value {
    let Definition::Weekly(weekly) = timetable.definition() else { return Value::Null };
    if weekly.zone.is_some() || !weekly.exceptions.is_empty() {
        return Value::Null;
    }
    let mut spans: Vec<(usize, Value)> = Vec::new();
    for window in &weekly.windows {
        for (day, name) in DAYS.iter().enumerate().filter(|(day, _)| window.days & 1 << day != 0) {
            if window.to_min <= window.from_min || spans.iter().any(|(other, _)| *other == day) {
                return Value::Null;
            }
            let span = json!({
                "weekday": name,
                "startHour": window.from_min / 60, "startMinute": window.from_min % 60,
                "endHour": window.to_min / 60, "endMinute": window.to_min % 60,
            });
            spans.push((day, span));
        }
    }
    spans.sort_by_key(|(day, _)| *day);
    json!({ "timeSpans": spans.into_iter().map(|(_, span)| span).collect::<Vec<_>>() })
}

/// What is kept as an object; empty where it is none.
pub(crate) fn object(kept: Option<&Json>) -> Map<String, Value> {
    match kept.and_then(|kept| serde_json::from_str(&kept.0).ok()) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The pairs of text in what the caller keeps.
pub(crate) fn metadata(kept: Option<&Json>) -> Value {
    let pairs = object(kept).into_iter().filter(|(_, value)| value.is_string());
    pairs.collect::<Map<_, _>>().into()
}

/// What this API keeps beside the pairs, and how the names of pairs begin that are reserved to it.
const OWN: &str = "unloc";

/// A field of what this API keeps beside the pairs.
fn own(kept: Option<&Json>, field: &str) -> Option<Value> {
    object(kept).get(OWN)?.get(field).cloned()
}

/// What is kept with that in such a field, or nothing there.
fn with_own(kept: Option<Json>, field: &str, value: Option<Value>) -> Option<Json> {
    let mut whole = object(kept.as_ref());
    let mut own = match whole.remove(OWN) {
        Some(Value::Object(own)) => own,
        _ => Map::new(),
    };
    match value {
        None => own.remove(field),
        Some(value) => own.insert(field.to_owned(), value),
    };
    if !own.is_empty() {
        whole.insert(OWN.to_owned(), own.into());
    }
    (!whole.is_empty()).then(|| Json(Value::Object(whole).to_string()))
}

/// The description of a place.
pub(crate) fn description(kept: Option<&Json>) -> Option<String> {
    own(kept, "description")?.as_str().map(str::to_owned)
}

/// What is kept with that description and no other.
pub(crate) fn described(kept: Option<Json>, description: Option<&str>) -> Option<Json> {
    with_own(kept, "description", description.map(Value::from))
}

/// The address of a lock; natively it may also stand bare, where a pair of that name stands too.
pub(crate) fn address(kept: Option<&Json>) -> Option<Value> {
    let bare = || object(kept).remove("address");
    own(kept, "address").or_else(bare).filter(Value::is_object)
}

/// What is kept with that address and no other.
pub(crate) fn with_address(kept: Option<Json>, address: Option<Value>) -> Option<Json> {
    let mut whole = object(kept.as_ref());
    if whole.get("address").is_some_and(Value::is_object) {
        whole.remove("address");
    }
    with_own(Some(Json(Value::Object(whole).to_string())), "address", address)
}

/// The most pairs of metadata that anything has.
const MOST_PAIRS: usize = 20;

/// What a change of `metadata` comes to, where one is sent: merged with what was kept. Null takes a
/// pair out; what is no pair stays as it is.
pub(crate) fn metadata_edit(
    body: &Fields<'_>,
    former: Option<&Json>,
    wrongs: &mut Wrongs,
) -> Option<Option<Json>> {
    let pairs = pairs(body, wrongs)?;
    let mut whole = object(former);
    let count = |whole: &Map<String, Value>| whole.values().filter(|it| it.is_string()).count();
    let before = count(&whole);
    let Some(pairs) = pairs else {
        whole.retain(|_, value| !value.is_string());
        return Some(kept(whole));
    };
    let name = body.name("metadata");
    for (key, value) in pairs.iter().filter(|(key, _)| !key.starts_with(OWN)) {
        let there = whole.get(key);
        let is_pair = there.is_none_or(Value::is_string);
        match value {
            Value::Null if is_pair => drop(whole.remove(key)),
            Value::Null => {}
            _ if is_pair => drop(whole.insert(key.clone(), value.clone())),
            _ => wrongs.add(format!("{name}.{key}"), "something else is kept under this name"),
        }
    }
    let after = count(&whole);
    let reason = format!("there must be at most {MOST_PAIRS} pairs");
    wrongs.check(after <= before.max(MOST_PAIRS), &name, &reason);
    Some(kept(whole))
}

fn kept(whole: Map<String, Value>) -> Option<Json> {
    (!whole.is_empty()).then(|| Json(Value::Object(whole).to_string()))
}

/// The field `metadata`, each pair checked.
fn pairs<'v>(fields: &Fields<'v>, wrongs: &mut Wrongs) -> Given<&'v Map<String, Value>> {
    let value = fields.get("metadata")?;
    let name = fields.name("metadata");
    if value.is_null() {
        return Some(None);
    }
    let Some(pairs) = value.as_object() else {
        wrongs.add(name, "must be of type object");
        return None;
    };
    for (key, value) in pairs {
        let shown: String = key.chars().take(60).collect();
        if !(1..=40).contains(&key.chars().count()) {
            wrongs.add(format!("{name}.{shown}"), "the key must have at most 40 characters");
        }
        let fits = value.as_str().is_some_and(|text| text.chars().count() <= 256);
        if !fits && !value.is_null() {
            wrongs.add(format!("{name}.{shown}"), "must be a string of at most 256 characters");
        }
    }
    Some(Some(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_become_parameters() {
        for (pointer, name) in [
            ("/create/3/target/lock_id", "keys.3.lockId"),
            ("/create/0/subject/phone", "keys.0.appUserId"),
            ("/add_locks/12", "lockIdsToAdd.12"),
            ("/name", "name"),
            ("", "body"),
        ] {
            assert_eq!(param(pointer), name);
        }
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(time(Instant(1_704_096_000_123_999)), "2024-01-01T08:00:00.123Z");
        assert_eq!(time(Instant(0)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_plus_that_became_a_space_is_a_plus() {
        assert_eq!(phone_of_query(" 4712345678").as_deref(), Some("+4712345678"));
        assert_eq!(phone_of_query("+4712345678").as_deref(), Some("+4712345678"));
        for bad in ["4712345678", "+47 12345678", "  4712345678", "+0712345678", ""] {
            assert_eq!(phone_of_query(bad), None, "{bad}");
        }
    }

    #[test]
    fn metadata_merges_and_null_takes_out() {
        let kept = Json(r#"{"a":"1","address":{"street":"x"},"b":"2","n":7}"#.to_owned());
        let body = json!({ "metadata": { "a": null, "c": "3", "n": null, "unlocX": "4" } });
        let mut wrongs = Wrongs::default();
        let body = Fields::of(&body, &mut wrongs);
        let merged = metadata_edit(&body, Some(&kept), &mut wrongs).unwrap().unwrap();
        assert_eq!(wrongs.some(), None);
        let whole: Value = serde_json::from_str(&merged.0).unwrap();
        let wanted = json!({ "address": { "street": "x" }, "b": "2", "c": "3", "n": 7 });
        assert_eq!(whole, wanted);
        assert_eq!(metadata(Some(&merged)), json!({ "b": "2", "c": "3" }));
    }

    #[test]
    fn an_address_moves_to_where_no_pair_can_stand() {
        let kept = Json(r#"{"address":{"street":"x"},"b":"2"}"#.to_owned());
        let found = address(Some(&kept));
        assert_eq!(found, Some(json!({ "street": "x" })));
        let moved = with_address(Some(kept), found.clone()).unwrap();
        let whole: Value = serde_json::from_str(&moved.0).unwrap();
        assert_eq!(whole, json!({ "b": "2", "unloc": { "address": { "street": "x" } } }));
        assert_eq!(address(Some(&moved)), found);
        let none = with_address(Some(moved), None).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&none.0).unwrap(), json!({ "b": "2" }));
        assert_eq!(with_address(None, None), None);
    }
}
