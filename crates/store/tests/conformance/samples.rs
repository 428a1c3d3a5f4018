//! Records of every noun, once with everything in them and once with as little as can be.
//!
//! Must not be clever: what is written here is what must come back.

use std::sync::Arc;

use claviger_domain::ids::{
    AccessLevelNumber, AccountNumber, ClientNumber, ControllerNumber, CredentialNumber,
    GrantNumber, LockNumber, Noun, OrganizationNumber, PersonNumber, PlaceNumber, ScheduleNumber,
    TicketNumber,
};
use claviger_domain::noun::access_level::{AccessLevel, Membership};
use claviger_domain::noun::account::{Account, Consent, Ticket, TicketKind, Vouched};
use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::credential::{
    Credential, CredentialKind, CredentialState, SessionHints,
};
use claviger_domain::noun::event::EventKind;
use claviger_domain::noun::grant::{Grant, Right, Source, SourceKind, Subject, Target, Via};
use claviger_domain::noun::lock::{
    Capacity, Health, Lock, LockMode, PinRule, Posture, Privacy, Share, ShareState, WhenUnrecorded,
};
use claviger_domain::noun::person::{Identity, Person, PersonDetails, PersonState};
use claviger_domain::noun::place::{IdentityProvider, Organization, Place, PlaceUse};
use claviger_domain::noun::role::Role;
use claviger_domain::noun::schedule::{Schedule, ScheduleRef, Timetable};
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::noun::webhook::{Disabled, Webhook};
use claviger_domain::noun::{Actor, CloseReason, Closed, Json};
use claviger_domain::record::Record;
use claviger_domain::schedule::{DayWindow, Definition, Exception, Weekly, WeeklyWindow};
use claviger_domain::time::{Instant, Window, Zone};
use claviger_store::{Digits, Secrets};

use crate::world::{OTHER, PLACE, header, id};

pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn json() -> Option<Json> {
    Some(Json(r#"{"a":[1,2.5,"å\u0000"],"b":null}"#.to_owned()))
}

pub(crate) fn closed() -> Option<Closed> {
    let by = Actor::Account(id(3));
    Some(Closed { at: Instant(9_000), by, reason: CloseReason::Revoked })
}

pub(crate) fn window() -> Window {
    Window { from: Some(Instant(-5)), until: Some(Instant(i64::MAX)) }
}

pub(crate) fn weekly() -> Arc<Timetable> {
    let windows = vec![
        WeeklyWindow { days: 0b001_1111, from_min: 480, to_min: 1020 },
        WeeklyWindow { days: 0b110_0000, from_min: 1320, to_min: 60 },
    ];
    let closed = Exception { date: "2026-12-24".parse().unwrap(), windows: Vec::new() };
    let short = vec![DayWindow { from_min: 0, to_min: 1440 }];
    let open = Exception { date: "2026-12-25".parse().unwrap(), windows: short };
    let zone = Zone::parse("Europe/Stockholm");
    let weekly = Weekly { zone, windows, exceptions: vec![closed, open] };
    Timetable::new(Definition::Weekly(weekly)).unwrap()
}

pub(crate) fn ical() -> Arc<Timetable> {
    let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//å//\r\nBEGIN:VEVENT\r\nUID:1\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20260105T080000Z\r\nDTEND:20260105T170000Z\r\n\
         RRULE:FREQ=WEEKLY;BYDAY=MO\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    Timetable::new(Definition::Ical(text.to_owned())).unwrap()
}

pub(crate) fn organization() -> Record {
    Organization { header: header(Noun::Organization, 1), name: "Ägarna 🏢".to_owned() }.into()
}

pub(crate) fn place(number: PlaceNumber) -> Record {
    Place {
        header: header(Noun::Place, number.0),
        organization: OrganizationNumber(1),
        parent: (number == OTHER).then_some(PLACE),
        name: "Huset".to_owned(),
        zone: Zone::parse("Europe/Stockholm").unwrap(),
        retention_days: 30,
        retention_reason: text("lagkrav"),
        used_for: Some(PlaceUse::Workplace),
        held_until: Some(Instant(9_000)),
        language: "sv".to_owned(),
        default_privacy: Privacy::Hidden,
        metadata: json(),
        identity_providers: vec![IdentityProvider {
            id: "1".to_owned(),
            issuer: "https://id.example".to_owned(),
            audience: "claviger \"å\"".to_owned(),
            public_key: "-----BEGIN PUBLIC KEY-----\nAA==\n".to_owned(),
        }],
        courier_mode: true,
    }
    .into()
}

pub(crate) fn lock(number: u32) -> Lock {
    Lock {
        header: header(Noun::Lock, number),
        borrowed: None,
        name: "Port".to_owned(),
        description: None,
        model: None,
        mode: LockMode::Online,
        posture: Posture::Normal,
        pin: PinRule::Never,
        pin_schedule: None,
        unlock_schedule: None,
        privacy: Privacy::Full,
        when_unrecorded: WhenUnrecorded::Allow,
        zone: None,
        controller: None,
        capacity: None,
        capabilities: None,
        metadata: None,
        health: Health::default(),
    }
}

pub(crate) fn person(number: u32) -> Person {
    Person {
        header: header(Noun::Person, number),
        details: PersonDetails::default(),
        role: Role::Guest,
        state: PersonState::Active,
        account: None,
        held_until: None,
        had_phone: false,
        forgotten_at: None,
        invited_at: None,
    }
}

pub(crate) fn credential(number: u32) -> Credential {
    Credential {
        header: header(Noun::Credential, number),
        person: None,
        kind: CredentialKind::Phone,
        label: None,
        parts: Vec::new(),
        code: None,
        pin: None,
        public_key: None,
        valid: Window::ALWAYS,
        state: CredentialState::Active,
        session: None,
        is_admin: false,
        priority: 0,
        contact: None,
    }
}

pub(crate) fn level(number: u32) -> AccessLevel {
    AccessLevel {
        header: header(Noun::AccessLevel, number),
        name: "Alla".to_owned(),
        description: None,
        schedule: None,
        api_enabled: false,
        allow_sharing: false,
        metadata: None,
    }
}

pub(crate) fn membership(number: u32, level: u32, lock: u32) -> Membership {
    Membership {
        header: header(Noun::Membership, number),
        level: AccessLevelNumber(level),
        lock: LockNumber(lock),
        closed: None,
    }
}

pub(crate) fn grant(number: u32, person: u32, level: u32) -> Grant {
    Grant {
        header: header(Noun::Grant, number),
        subject: Subject::Person(PersonNumber(person)),
        target: Target::AccessLevel(AccessLevelNumber(level)),
        right: Right::Open,
        window: Window::ALWAYS,
        schedule: None,
        override_lockdown: false,
        source: Source { kind: SourceKind::Direct, via: Via::Native },
        issued_under: None,
        metadata: None,
        closed: None,
    }
}

pub(crate) fn schedule(number: u32, timetable: Arc<Timetable>) -> Schedule {
    Schedule { header: header(Noun::Schedule, number), name: "Dagtid".to_owned(), timetable }
}

pub(crate) fn webhook(number: u32) -> Webhook {
    Webhook {
        header: header(Noun::Webhook, number),
        name: None,
        url: "https://example.org/hook".to_owned(),
        events: Vec::new(),
        locks: Vec::new(),
        format: "standard".to_owned(),
        secret: vec![1],
        previous_secret: None,
        headers: None,
        told_within_s: None,
        failures_only: false,
        maker: Actor::System,
        failing_since: None,
        disabled: None,
    }
}

/// What the directory keeps, beside [`organization`].
pub(crate) fn directory() -> Vec<Record> {
    let bare = Account {
        header: header(Noun::Account, 1),
        email: None,
        phone: None,
        proven_at: None,
        password: None,
    };
    let mut account = bare.clone();
    account.header = header(Noun::Account, 2);
    account.email = text("Åsa@Exempel.se");
    account.phone = text("+46701234567");
    account.proven_at = Some(Instant(-1));
    account.password = text("$argon2id$v=19$m=1");
    let client = Client {
        header: header(Noun::Client, 1),
        organization: OrganizationNumber(1),
        name: "Program".to_owned(),
        kind: ClientKind::Oauth2,
        secret: [255; 32],
        previous_secret: None,
        scopes: Scopes::NONE,
        places: Vec::new(),
        controller: None,
        expires_at: None,
        redirect_uris: Vec::new(),
    };
    let mut full = client.clone();
    full.header = header(Noun::Client, 2);
    full.header.external_id = text("prog:1");
    full.kind = ClientKind::ApiKey;
    full.previous_secret = Some(([7; 32], Instant(8)));
    full.scopes = Scopes::ALL;
    full.places = vec![PLACE, OTHER];
    full.controller = Some((PLACE, ControllerNumber(2)));
    full.expires_at = Some(Instant::MAX);
    full.redirect_uris = vec!["https://a.example/x?y".to_owned(), "org.example:/z".to_owned()];
    let ticket = Ticket {
        header: header(Noun::Ticket, 1),
        kind: TicketKind::SetupCode,
        hash: [1; 32],
        client: None,
        account: None,
        place: None,
        scopes: Scopes::NONE,
        email: None,
        expires_at: Instant(3),
        consent: None,
    };
    let mut token = ticket.clone();
    token.header = header(Noun::Ticket, 2);
    token.kind = TicketKind::AccessToken;
    token.client = Some(ClientNumber(2));
    token.account = Some(AccountNumber(2));
    token.place = Some(OTHER);
    token.scopes = [Scope::DecisionsMake, Scope::GrantsWrite].into_iter().collect();
    token.email = text("x@y");
    token.consent = Some(Consent {
        via: Via::Tapkey,
        scope: String::new(),
        code: Some(TicketNumber(1)),
        redirect_uri: text("https://a.example/x"),
        challenge: Some([9; 32]),
        used: true,
        vouched: Some(Vouched { person: PersonNumber(7), word: [9; 32] }),
    });
    vec![bare.into(), account.into(), client.into(), full.into(), ticket.into(), token.into()]
}

/// What a place keeps, beside [`place`]; children before their parents.
pub(crate) fn of_place(secrets: &Secrets) -> Vec<Record> {
    let mut records = rights();
    records.extend(things());
    records.extend(people(secrets));
    records
}

fn rights() -> Vec<Record> {
    let mut ended = grant(1, 2, 2);
    ended.right = Right::Share;
    ended.closed = closed();
    let mut full = grant(2, 2, 2);
    full.header.external_id = text("g-1");
    full.header.updated_at = Instant(2_000);
    full.subject = Subject::Credential(CredentialNumber(2));
    full.target = Target::Lock(LockNumber(2));
    full.window = window();
    full.schedule = Some(ScheduleRef::Inline(ical()));
    full.override_lockdown = true;
    full.source = Source { kind: SourceKind::Doorbell, via: Via::Tapkey };
    full.issued_under = Some(GrantNumber(1));
    full.metadata = json();
    let mut named = grant(3, 1, 1);
    named.schedule = Some(ScheduleRef::Named(ScheduleNumber(1)));
    let mut out = membership(2, 2, 1);
    out.closed = closed();
    let mut hook = webhook(2);
    hook.events = EventKind::ALL.to_vec();
    hook.locks = vec![LockNumber(1), LockNumber(2)];
    hook.previous_secret = Some((vec![0, 255], Instant(4)));
    hook.failing_since = Some(Instant(5));
    hook.disabled = Some((Instant(6), Disabled::Gone));
    hook.name = text("Åsas");
    hook.headers = Some(vec![255, 0]);
    hook.told_within_s = Some(u32::MAX);
    hook.failures_only = true;
    hook.maker = Actor::Client(id(5));
    vec![
        webhook(1).into(),
        hook.into(),
        ended.into(),
        full.into(),
        named.into(),
        membership(1, 1, 1).into(),
        out.into(),
    ]
}

fn things() -> Vec<Record> {
    let mut deleted = lock(3);
    deleted.header.deleted_at = Some(Instant(9_000));
    let mut full = lock(2);
    full.name = String::new();
    full.description = text("två\nrader");
    full.model = text("M");
    full.mode = LockMode::AllowList;
    full.posture = Posture::FreeAccess;
    full.pin = PinRule::IfSet;
    full.pin_schedule = Some(ScheduleRef::Named(ScheduleNumber(2)));
    full.unlock_schedule = Some(ScheduleRef::Inline(weekly()));
    full.privacy = Privacy::Pseudonym;
    full.when_unrecorded = WhenUnrecorded::Refuse;
    full.zone = Zone::parse("Asia/Tokyo");
    full.controller = Some(ControllerNumber(2));
    full.capacity = Some(Capacity::ListBytes(u32::MAX));
    full.capabilities = json();
    full.metadata = json();
    full.health = Health { battery_percent: Some(100), last_seen_at: Some(Instant(7)) };
    let mut wide = level(2);
    wide.description = text("…");
    wide.schedule = Some(ScheduleRef::Inline(weekly()));
    wide.api_enabled = true;
    wide.allow_sharing = true;
    wide.metadata = json();
    let controller = Controller {
        header: header(Noun::Controller, 1),
        name: "C".to_owned(),
        capacity: None,
        settings: None,
    };
    let mut panel = controller.clone();
    panel.header = header(Noun::Controller, 2);
    panel.capacity = Some(0);
    panel.settings = json();
    let share = Share {
        header: header(Noun::Share, 1),
        lock: LockNumber(1),
        place: OTHER,
        state: ShareState::Offered,
        as_lock: None,
        closed: closed(),
    };
    vec![
        share.into(),
        level(1).into(),
        wide.into(),
        lock(1).into(),
        full.into(),
        deleted.into(),
        controller.into(),
        panel.into(),
        schedule(1, weekly()).into(),
        schedule(2, ical()).into(),
    ]
}

fn people(secrets: &Secrets) -> Vec<Record> {
    let mut full = person(2);
    full.header.external_id = text("emp:7.b_c-d@x");
    full.details = PersonDetails {
        first_name: text("Åsa"),
        last_name: text("O'Brien \"Ö\""),
        display_name: text("🦊"),
        email: text("Asa@Exempel.se"),
        phone: text("+46701234567"),
        identity: Some(Identity { provider: "p".to_owned(), subject: None, identifier: text("i") }),
        employee_number: text("007"),
        language: text("sv"),
        tags: vec!["a".to_owned(), String::new(), "ö,;".to_owned()],
        note: text("rad\n\tett"),
        metadata: json(),
    };
    full.role = Role::Owner;
    full.state = PersonState::Suspended;
    full.account = Some(AccountNumber(2));
    full.had_phone = true;
    full.held_until = Some(Instant(77));
    full.forgotten_at = Some(Instant(78));
    full.invited_at = Some(Instant(79));
    let mut card = credential(2);
    let part =
        |bits, value| CardPart { technology: Technology::Wiegand, card: CardValue { bits, value } };
    card.kind = CredentialKind::Card;
    card.person = Some(PersonNumber(2));
    card.label = text("Kort");
    card.parts = vec![part(128, u128::MAX), part(1, 0), part(128, 1 << 127), part(37, 3)];
    card.pin = Some(secrets.seal_digits(PLACE, card.header.id, Digits::Pin, "0042").unwrap());
    card.public_key = Some(vec![0, 1, 255]);
    card.valid = window();
    card.state = CredentialState::Lost;
    card.session = Some(SessionHints { start_within_s: 0, log_off_after_s: u32::MAX });
    card.is_admin = true;
    card.priority = 7;
    card.contact = json();
    let mut code = credential(3);
    code.kind = CredentialKind::Code;
    code.code = Some(secrets.seal_digits(PLACE, code.header.id, Digits::Code, "123456").unwrap());
    vec![credential(1).into(), card.into(), code.into(), person(1).into(), full.into()]
}
