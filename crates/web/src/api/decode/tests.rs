//! One reading serves three verbs.

use claviger_domain::ids::Id;
use claviger_domain::noun::card::Technology;
use claviger_domain::noun::lock::{Capacity, LockMode, PinRule};
use claviger_domain::noun::role::Role;
use claviger_domain::time::{SECOND, Window};
use serde_json::json;

use super::*;

const VERBS: [Use; 3] = [Use::Create, Use::Put, Use::Patch];

#[test]
fn absent_is_default_but_untouched_in_a_patch() {
    let body = json!({ "first_name": "Ann", "email": null });
    for usage in VERBS {
        let edit = person::edit(Fields::new(&body, usage));
        assert_eq!(edit.first_name, Some(Some("Ann".to_owned())));
        assert_eq!(edit.email, Some(None));
        if usage == Use::Patch {
            assert_eq!((edit.phone, edit.tags, edit.role, edit.identity), (None, None, None, None));
        } else {
            assert_eq!((edit.phone, edit.tags), (Some(None), Some(Vec::new())));
            assert_eq!((edit.role, edit.identity), (Some(Role::Guest), Some(None)));
        }
    }
    assert_eq!(person::edit(Fields::new(&json!({}), Use::Patch)), Default::default());
    assert_eq!(place::edit(Fields::new(&json!({}), Use::Patch)), Default::default());
    assert_eq!(lock::edit(Fields::new(&json!({}), Use::Patch)), Default::default());
    assert_eq!(controller::edit(Fields::new(&json!({}), Use::Patch)), Default::default());
    assert_eq!(access_level::edit(Fields::new(&json!({}), Use::Patch)), Default::default());
    assert_eq!(credential::edit(Fields::new(&json!({}), Use::Patch)), Default::default());
}

#[test]
fn every_writable_field_of_a_person_is_read() {
    let body = json!({
        "external_id": "x", "first_name": "A", "last_name": "B", "display_name": "C",
        "email": "a@b", "phone": "+46701234567",
        "identity": { "provider": "p", "subject": "s", "identifier": null },
        "employee_number": "7", "language": "sv", "tags": ["t"], "note": "n",
        "role": "administrator", "metadata": { "b": 1, "a": [1.5] },
    });
    let shape = &crate::api::shapes::person::PERSON;
    assert!(crate::api::check::check(shape, &body, Use::Patch).is_empty());
    let writable = shape.fields().filter(|field| field.writable(Use::Patch)).count();
    assert_eq!(body.as_object().unwrap().len(), writable);
    let edit = person::edit(Fields::new(&body, Use::Patch));
    let identity = edit.identity.clone().flatten().unwrap();
    assert_eq!((identity.subject.as_deref(), identity.identifier), (Some("s"), None));
    // Canonical: names in order, no space.
    assert_eq!(edit.metadata, Some(Some(Json(r#"{"a":[1.5],"b":1}"#.to_owned()))));
    assert_eq!((edit.role, edit.tags), (Some(Role::Administrator), Some(vec!["t".to_owned()])));
    let texts = [edit.last_name, edit.display_name, edit.email, edit.phone, edit.employee_number];
    assert!(
        texts
            .iter()
            .chain([&edit.language, &edit.note, &edit.external_id])
            .all(|text| { text.as_ref().is_some_and(Option::is_some) })
    );
}

#[test]
fn locks_and_places() {
    let body = json!({
        "name": "L", "mode": "allow_list", "pin": "always", "time_zone": "Europe/Stockholm",
        "capacity": { "credentials": 500 },
    });
    let edit = lock::edit(Fields::new(&body, Use::Patch));
    assert_eq!((edit.mode, edit.pin), (Some(LockMode::AllowList), Some(PinRule::Always)));
    assert_eq!(edit.capacity, Some(Some(Capacity::Credentials(500))));
    assert_eq!(edit.zone.flatten().unwrap().name(), "Europe/Stockholm");
    let put = lock::edit(Fields::new(&json!({ "name": "L" }), Use::Put));
    assert_eq!(
        (put.mode, put.zone, put.capacity),
        (Some(LockMode::Online), Some(None), Some(None))
    );
    let edit = place::edit(Fields::new(&json!({ "name": "P" }), Use::Create));
    assert_eq!((edit.retention_days, edit.language.as_deref()), (None, Some("en")));
    assert_eq!(edit.zone.unwrap().name(), "Etc/UTC");
}

#[test]
fn a_window_keeps_the_end_that_is_not_given() {
    let former = Window { from: Some(Instant(SECOND)), until: Some(Instant(9 * SECOND)) };
    let read = |body: &Value, usage| {
        Fields::new(body, usage).window("valid_from", "valid_until").of(former)
    };
    let until = json!({ "valid_until": "1970-01-01T00:00:05Z" });
    let five = Some(Instant(5 * SECOND));
    assert_eq!(read(&until, Use::Patch), Window { from: former.from, until: five });
    assert_eq!(read(&until, Use::Put), Window { from: None, until: five });
    assert_eq!(read(&json!({}), Use::Patch), former);
    let cleared = json!({ "valid_from": null });
    assert_eq!(read(&cleared, Use::Patch), Window { from: None, until: former.until });
}

#[test]
fn cards_and_phones() {
    let body = json!({ "kind": "card", "card": { "bits": 56, "value": "0004F1a2B" } });
    let parts = credential::parts(Fields::new(&body, Use::Create)).unwrap();
    assert_eq!(
        (parts[0].card.hex().as_str(), parts[0].technology),
        ("000000004f1a2b", Technology::Opaque)
    );
    let em = json!({ "technology": "em", "bits": 8, "value": "1" });
    let many = json!({ "cards": [em, { "bits": 8, "value": "2" }] });
    assert_eq!(credential::parts(Fields::new(&many, Use::Patch)).unwrap().len(), 2);
    let phone = json!({ "kind": "phone", "phone": { "public_key": "aGk=" } });
    let edit = credential::edit(Fields::new(&phone, Use::Create));
    assert_eq!((edit.public_key, edit.parts), (Some(b"hi".to_vec()), None));
}

#[test]
fn references_and_people() {
    let id = "018bcfe5-6800-7000-8000-000000000001";
    let body = json!({ "ids": [id, "external:a"], "people": [id, "a@b", "+46701234567"] });
    let fields = Fields::new(&body, Use::Patch);
    let reference = Ref::Id(Id::parse(id).unwrap());
    let external = Ref::External("a".to_owned());
    assert_eq!(fields.references("ids"), Some(vec![reference.clone(), external]));
    let people = fields.people("people").unwrap();
    assert_eq!(people[0], Who::Ref(reference));
    assert_eq!(people[1], Who::Email("a@b".to_owned()));
    assert_eq!(people[2], Who::Phone("+46701234567".to_owned()));
    assert_eq!((fields.reference("none"), fields.references("none")), (None, None));
}

#[test]
fn schedules_read_whole_or_in_part() {
    let window = json!({ "days": ["mon", "sun"], "from": "08:00", "to": "24:00" });
    let body = json!({ "time_zone": "Etc/UTC", "weekly": [window] });
    let whole = schedule::definition(Fields::new(&body, Use::Create), None).unwrap();
    let Definition::Weekly(week) = &whole else { panic!("not weekly") };
    assert_eq!((week.windows[0].days, week.windows[0].to_min), (0b100_0001, 1440));
    let part = json!({ "exceptions": [{ "date": "2026-12-24", "windows": [] }] });
    let changed = schedule::definition(Fields::new(&part, Use::Patch), Some(&whole)).unwrap();
    let Definition::Weekly(changed) = changed else { panic!("not weekly") };
    assert_eq!((&changed.windows, &changed.zone), (&week.windows, &week.zone));
    assert_eq!(changed.exceptions[0].date.to_string(), "2026-12-24");
    let none = schedule::definition(Fields::new(&json!({ "name": "x" }), Use::Patch), Some(&whole));
    assert_eq!(none, None);
    let ical = json!({ "schedule": { "ical": "BEGIN" }, "named": { "id": "external:s" } });
    let fields = Fields::new(&ical, Use::Patch);
    let inline = ScheduleInput::Inline(Definition::Ical("BEGIN".to_owned()));
    assert_eq!(fields.schedule("schedule"), Some(Some(inline)));
    let named = ScheduleInput::Named(Ref::External("s".to_owned()));
    assert_eq!(fields.schedule("named"), Some(Some(named)));
}
