//! Every answer has exactly the fields of its shape, and no secret is among them.

use claviger_app::provision::{ControllerState, ControllerStatus};
use std::sync::Arc;

use claviger_domain::ids::{
    AccessLevelNumber, ControllerNumber, CredentialNumber, GrantNumber, LockNumber,
    OrganizationNumber, PersonNumber, PlaceNumber, ScheduleNumber,
};
use claviger_domain::noun::Actor;
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::credential::{
    Credential, CredentialKind, CredentialState, SealedDigits, SessionHints, Tag,
};
use claviger_domain::noun::event::{Event, EventKind, EventSubject, StandIn};
use claviger_domain::noun::grant::{
    Grant, Right, RightState, Source, SourceKind, Subject, Target, Via,
};
use claviger_domain::noun::lock::{
    Capacity, Health, Lock, LockMode, PinRule, Posture, Privacy, Share, ShareState, WhenUnrecorded,
};
use claviger_domain::noun::person::{Identity, Person, PersonDetails, PersonState};
use claviger_domain::noun::place::{IdentityProvider, Place};
use claviger_domain::noun::role::Role;
use claviger_domain::noun::schedule::{Schedule, ScheduleRef, Timetable};
use claviger_domain::noun::scope::Scopes;
use claviger_domain::noun::webhook::Webhook;
use claviger_domain::reason::Reasons;
use claviger_domain::record::Record;
use claviger_domain::schedule::{Definition, Weekly, WeeklyWindow};
use claviger_domain::time::{SECOND, Window, Zone};

use serde_json::json;

use super::*;
use crate::api::shape::{Kind, Read, Shape};
use crate::api::shapes;

fn header(number: u32) -> Header {
    Header {
        number,
        id: Id([number as u8; 16]),
        external_id: Some(format!("x{number}")),
        created_at: Instant(SECOND),
        updated_at: Instant(SECOND + 1),
        revision: 5,
        deleted_at: None,
    }
}

fn every_id(_: Noun, number: u32) -> Option<Id> {
    Some(Id([number as u8; 16]))
}

fn place_state() -> PlaceState {
    PlaceState::new(Arc::new(Place {
        header: header(1),
        organization: OrganizationNumber(1),
        parent: None,
        name: "P".to_owned(),
        zone: Zone::utc(),
        retention_days: 30,
        retention_reason: None,
        used_for: None,
        held_until: None,
        language: "en".to_owned(),
        default_privacy: Privacy::Full,
        metadata: None,
        courier_mode: true,
        identity_providers: vec![IdentityProvider {
            id: "1".into(),
            issuer: "i".into(),
            audience: "a".into(),
            public_key: "k".into(),
        }],
    }))
}

/// Panics unless the answer is what the shape says, to the last field.
#[track_caller]
fn fits(shape: &'static Shape, answer: &Value) {
    let fields = answer.as_object().unwrap_or_else(|| panic!("{shape:?}: {answer}"));
    for field in shape.fields() {
        match fields.get(field.name) {
            None => assert_ne!(field.read, Read::Always, "{shape:?} {}", field.name),
            Some(_) if matches!(field.read, Read::Never | Read::Once) => {
                panic!("{shape:?} shows {}", field.name)
            }
            Some(Value::Null) => assert!(field.nullable, "{shape:?} {} is null", field.name),
            Some(value) => fits_kind(&field.kind, value, field.name),
        }
    }
    for name in fields.keys() {
        assert!(shape.field(name).is_some(), "{shape:?} has no {name}");
    }
}

#[track_caller]
fn fits_kind(kind: &Kind, value: &Value, name: &str) {
    match *kind {
        Kind::Object(shape) => fits(shape, value),
        Kind::List { of, .. } => {
            value.as_array().unwrap().iter().for_each(|item| fits_kind(of, item, name));
        }
        Kind::Words(words) => assert!(words().contains(&value.as_str().unwrap()), "{name}"),
        Kind::OneOf(_) => assert!(value.is_object(), "{name}"),
        ref kind => assert_eq!(crate::api::check::check_kind(kind, value), [], "{name}: {value}"),
    }
}

fn timetable() -> Arc<Timetable> {
    let windows = vec![WeeklyWindow { days: 0b11, from_min: 480, to_min: 1440 }];
    let week = Weekly { zone: None, windows, exceptions: Vec::new() };
    Timetable::new(Definition::Weekly(week)).unwrap()
}

#[test]
fn people_and_credentials() {
    let json = Some(Json(r#"{"a":1}"#.to_owned()));
    let ann = Person {
        header: header(2),
        details: PersonDetails {
            first_name: Some("Ann".to_owned()),
            identity: Some(Identity {
                provider: "p".to_owned(),
                subject: Some("s".to_owned()),
                identifier: None,
            }),
            metadata: json.clone(),
            ..PersonDetails::default()
        },
        role: Role::Guest,
        state: PersonState::Active,
        account: None,
        held_until: None,
        had_phone: false,
        forgotten_at: None,
        invited_at: None,
    };
    let answer = person(&ann);
    fits(&shapes::person::PERSON, &answer);
    assert_eq!(answer["updated_at"], "1970-01-01T00:00:01.000001Z");
    assert_eq!((&answer["metadata"], &answer["external_id"]), (&json!({ "a": 1 }), &json!("x2")));

    let digits = || Some(SealedDigits { sealed: b"9876".to_vec(), tag: Tag([7; 16]) });
    let value = CardValue::parse(56, "4F1A2B").unwrap();
    let key = Credential {
        header: header(3),
        person: Some(PersonNumber(2)),
        kind: CredentialKind::Card,
        label: None,
        parts: vec![CardPart { technology: Technology::Em, card: value }],
        code: digits(),
        pin: digits(),
        public_key: Some(b"hi".to_vec()),
        valid: Window { from: None, until: Some(Instant(SECOND)) },
        state: CredentialState::Active,
        session: Some(SessionHints { start_within_s: 5, log_off_after_s: 6 }),
        is_admin: true,
        priority: 0,
        contact: json,
    };
    let answer = credential(&key, &every_id);
    fits(&shapes::credential::CREDENTIAL, &answer);
    assert_eq!(answer["cards"][0]["value"], "000000004f1a2b");
    assert_eq!(answer["person_id"], Id([2; 16]).to_string());
    assert_eq!((&answer["has_pin"], answer.get("code")), (&json!(true), None));
    assert_eq!(answer.get("phone"), None, "of a card the key is not shown");
    let phone = Credential { kind: CredentialKind::Phone, parts: Vec::new(), ..key };
    let answer = credential(&phone, &every_id);
    fits(&shapes::credential::CREDENTIAL, &answer);
    assert_eq!(answer["phone"]["public_key"], "aGk=");
}

fn door(number: u32) -> Lock {
    Lock {
        header: header(number),
        borrowed: None,
        name: "Door".to_owned(),
        description: None,
        model: None,
        mode: LockMode::Online,
        posture: Posture::Normal,
        pin: PinRule::Never,
        pin_schedule: Some(ScheduleRef::Named(ScheduleNumber(4))),
        unlock_schedule: Some(ScheduleRef::Inline(timetable())),
        privacy: Privacy::Full,
        when_unrecorded: WhenUnrecorded::Allow,
        zone: Some(Zone::utc()),
        controller: Some(ControllerNumber(9)),
        capacity: Some(Capacity::Entries(3)),
        capabilities: None,
        metadata: None,
        health: Health { battery_percent: Some(80), last_seen_at: None },
    }
}

#[test]
fn locks_and_what_stands_around_them() {
    let mut state = place_state();
    state.apply(&Record::from(Schedule {
        header: header(4),
        name: "Days".to_owned(),
        timetable: timetable(),
    }));
    let own = door(5);
    let view = LockView { row: &own, settings: &own, owner: &state };
    let answer = lock(view, &every_id);
    fits(&shapes::lock::LOCK, &answer);
    assert_eq!(answer["pin_schedule"], json!({ "id": Id([4; 16]).to_string() }));
    assert_eq!(answer["unlock_schedule"]["weekly"][0]["days"], json!(["mon", "tue"]));
    assert_eq!(answer["unlock_schedule"]["weekly"][0]["to"], "24:00");
    assert_eq!(answer["capacity"], json!({ "entries": 3 }));

    // Seen from another place: nothing of the owner's is named.
    let row = Lock { borrowed: Some((PlaceNumber(1), LockNumber(5))), ..door(6) };
    let answer = lock(LockView { row: &row, settings: &own, owner: &state }, &every_id);
    fits(&shapes::lock::LOCK, &answer);
    assert_eq!((&answer["number"], &answer["controller_id"]), (&json!(6), &json!(null)));
    assert!(answer["pin_schedule"]["weekly"].is_array());

    let panel =
        Controller { header: header(9), name: "Panel".to_owned(), capacity: None, settings: None };
    let status = super::controller_status(&ControllerStatus {
        state: ControllerState::Offline,
        last_seen_at: None,
        pending: 1,
        stored: 2,
        not_stored: 3,
    });
    fits(&shapes::controller::CONTROLLER, &controller(&panel, status));
    let offer = Share {
        header: header(8),
        lock: LockNumber(5),
        place: PlaceNumber(2),
        state: ShareState::Offered,
        as_lock: None,
        closed: None,
    };
    fits(&shapes::lock::SHARE, &share(&offer, &every_id));
    let level = AccessLevel {
        header: header(7),
        name: "All".to_owned(),
        description: None,
        schedule: None,
        api_enabled: true,
        allow_sharing: false,
        metadata: None,
    };
    let answer = access_level(&level, &state, &every_id, 3);
    fits(&shapes::access_level::ACCESS_LEVEL, &answer);
    assert_eq!(answer["people_count"], 3);
    let named = state.schedules.get(4u32).unwrap();
    fits(&shapes::schedule::SCHEDULE, &schedule(named));
}

#[test]
fn rights_and_events() {
    let edge = Grant {
        header: header(3),
        subject: Subject::Credential(CredentialNumber(2)),
        target: Target::AccessLevel(AccessLevelNumber(7)),
        right: Right::Open,
        window: Window::ALWAYS,
        schedule: None,
        override_lockdown: false,
        source: Source { kind: SourceKind::Direct, via: Via::Native },
        issued_under: None,
        metadata: None,
        closed: None,
    };
    let progress =
        right::Progress { locks_total: 2, locks_confirmed: 1, latest_possible_use: None };
    let view = GrantView {
        grant: &edge,
        state: RightState::Active,
        revocation: Some(progress),
        note: None,
    };
    let answer = grant(view, &every_id);
    fits(&shapes::grant::GRANT, &answer);
    assert_eq!(answer["subject"], json!({ "credential_id": Id([2; 16]).to_string() }));
    let happened = Event {
        id: Id([1; 16]),
        seq: 1,
        kind: EventKind::AccessDenied,
        lock: LockNumber(5),
        occurred_at: Instant(0),
        received_at: Instant(SECOND),
        method: None,
        reasons: Reasons::from_iter([claviger_domain::reason::Reason::NoGrant]),
        subject: EventSubject {
            person: None,
            credential: None,
            grant: Some(GrantNumber(3)),
            card: CardValue::parse(8, "1").ok(),
            stand_in: Some(StandIn([0xAB; 16])),
        },
        hidden: false,
    };
    let answer = event(&happened, &every_id);
    fits(&shapes::event::EVENT, &answer);
    assert_eq!(
        (&answer["reasons"], &answer["card"]["value"]),
        (&json!(["no_grant"]), &json!("01"))
    );
}

#[test]
fn places_clients_and_webhooks() {
    let state = place_state();
    fits(&shapes::place::PLACE, &place(&state.place, &ids_of(&state)));
    let program = Client {
        header: header(2),
        organization: OrganizationNumber(1),
        name: "C".to_owned(),
        kind: ClientKind::ApiKey,
        secret: [b's'; 32],
        previous_secret: None,
        scopes: Scopes::ALL,
        places: vec![PlaceNumber(1)],
        controller: None,
        expires_at: None,
        redirect_uris: vec!["https://a.example/".into()],
    };
    let answer = client(&program, &ids_of(&state), None);
    fits(&shapes::client::CLIENT, &answer);
    assert_eq!(answer["place_ids"], json!([Id([1; 16]).to_string()]));
    let hook = Webhook {
        header: header(2),
        name: Some("W".to_owned()),
        url: "https://example.org".to_owned(),
        events: vec![EventKind::Tamper],
        locks: Vec::new(),
        format: "standard".to_owned(),
        secret: b"s".to_vec(),
        previous_secret: None,
        headers: None,
        told_within_s: Some(60),
        failures_only: false,
        maker: Actor::System,
        failing_since: None,
        disabled: None,
    };
    fits(&shapes::webhook::WEBHOOK, &webhook(&hook, &every_id));
}
