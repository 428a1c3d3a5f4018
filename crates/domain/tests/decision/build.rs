//! Makes a plain world real, through the commands alone, and asks the engine about it.

use std::sync::Arc;

use claviger_domain::command::grant::{NewGrant, Receiver};
use claviger_domain::command::{access_level, credential, grant, lock, person, schedule};
use claviger_domain::decision::{
    Decision, Door, Lockouts, Pin, Presented, Recognised, Request, decide,
};
use claviger_domain::draft::{Draft, Write};
use claviger_domain::ids::{
    AccessLevelNumber, CredentialNumber, Id, IdSource, LockNumber, Noun, OrganizationNumber,
    PersonNumber, ScheduleNumber,
};
use claviger_domain::noun::access_level::AccessLevelEdit;
use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::credential::{
    CredentialEdit, CredentialKind, CredentialState, SealedDigits, SessionHints, Tag,
};
use claviger_domain::noun::event::Method;
use claviger_domain::noun::grant::{GrantEdit, Right, Source, SourceKind, Subject, Target, Via};
use claviger_domain::noun::lock::{Lock, LockEdit, PinRule, Posture, Privacy};
use claviger_domain::noun::person::{PersonEdit, PersonState};
use claviger_domain::noun::place::Place;
use claviger_domain::noun::schedule::{ScheduleEdit, ScheduleRef, Timetable};
use claviger_domain::noun::{Actor, Header};
use claviger_domain::record::Record;
use claviger_domain::schedule::{DayWindow, Definition, Exception, Weekly, WeeklyWindow};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window, Zone};

use super::oracle::Answer;
use super::world::{self, Held, PinGiven, Question, Span, Times, Where, Who, World};

pub(crate) const MADE_AT: Instant = Instant(1_700_000_000_000_000);

/// An empty place with that number and zone.
pub(crate) fn place(number: u32, zone: &str) -> PlaceState {
    let mut id = [0; 16];
    id[15] = number as u8;
    let header = Header {
        number,
        id: Id(id),
        external_id: None,
        created_at: MADE_AT,
        updated_at: MADE_AT,
        revision: 1,
        deleted_at: None,
    };
    PlaceState::new(Arc::new(Place {
        header,
        organization: OrganizationNumber(1),
        parent: None,
        name: format!("Place {number}"),
        zone: Zone::parse(zone).unwrap(),
        retention_days: 90,
        retention_reason: None,
        used_for: None,
        held_until: None,
        language: "en".to_owned(),
        default_privacy: Privacy::Full,
        metadata: None,
        identity_providers: Vec::new(),
        courier_mode: false,
    }))
}

/// A draft on `state` whose ids follow from its place and revision.
pub(crate) fn draft(state: &PlaceState) -> Draft {
    let mut random = [0; 16];
    random[..8].copy_from_slice(&state.revision.to_be_bytes());
    random[8] = state.place.header.number as u8;
    let now = MADE_AT.plus(state.revision as i64);
    Draft::new(state.clone(), now, Actor::Operator, IdSource::new(now, random))
}

/// What a world has become: the state of its place, the owner of its locks, and what is where.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub state: PlaceState,
    /// The place that owns the locks, where that is another.
    pub owner: Option<PlaceState>,
    pub times: Vec<u32>,
    pub people: Vec<u32>,
    pub credentials: Vec<u32>,
    pub locks: Vec<u32>,
    /// Their numbers at the owner.
    pub owner_locks: Vec<u32>,
    pub levels: Vec<u32>,
    pub grants: Vec<u32>,
    /// Every record of the place that was ever written, latest form last.
    pub writes: Vec<Write>,
}

/// How a world is made real; the result must not depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    /// Things are made with other values, or made and taken away, before they are as they should
    /// be.
    pub detours: bool,
    /// The locks are another place's, which shares them.
    pub shared: bool,
    /// Schedules of grants and levels stand inline.
    pub inline: bool,
}

pub(crate) fn build(world: &World, way: Way) -> Built {
    let mut built = Built {
        state: place(7, if way.shared { "Pacific/Kiritimati" } else { &world.zone }),
        owner: way.shared.then(|| place(9, &world.zone)),
        times: Vec::new(),
        people: Vec::new(),
        credentials: Vec::new(),
        locks: Vec::new(),
        owner_locks: Vec::new(),
        levels: Vec::new(),
        grants: Vec::new(),
        writes: Vec::new(),
    };
    built.step(|draft, built| {
        for (number, times) in world.times.iter().enumerate() {
            built.times.push(make_times(draft, number, times));
        }
        for suspended in &world.people {
            built.people.push(make_person(draft, *suspended, way));
        }
        for credential in &world.credentials {
            let made = make_credential(draft, built, credential, way);
            built.credentials.push(made);
        }
    });
    match built.owner.take() {
        None => built.step(|draft, built| {
            for it in &world.locks {
                let times = built.times.clone();
                built.locks.push(make_lock(draft, &times, it, way));
            }
            built.owner_locks = built.locks.clone();
        }),
        Some(owner) => built.owner = Some(build_shared(world, &mut built, &owner, way)),
    }
    built.step(|draft, built| {
        for level in 0..world.levels.len() {
            let made = make_level(draft, built, world, level, way);
            built.levels.push(made);
        }
    });
    built.step(|draft, built| {
        for it in &world.grants {
            let made = make_grant(draft, built, world, it, way);
            built.grants.push(made);
        }
    });
    built
}

/// The locks at their owner, offered to and taken in by the place.
fn build_shared(world: &World, built: &mut Built, owner: &PlaceState, way: Way) -> PlaceState {
    let mut there = draft(owner);
    // Another place's schedules have numbers of their own.
    if way.detours {
        make_times(
            &mut there,
            99,
            &Times::Weekly { zone: None, windows: vec![(1, 0, 1)], exceptions: Vec::new() },
        );
    }
    let times: Vec<u32> = (world.times.iter().enumerate())
        .map(|(number, times)| make_times(&mut there, number, times))
        .collect();
    for it in &world.locks {
        built.owner_locks.push(make_lock(&mut there, &times, it, way));
    }
    let place = built.state.place.number();
    built.step(|here, built| {
        for number in &built.owner_locks {
            lock::offer(&mut there, LockNumber(*number), place).unwrap();
            let own = lock::accept(&mut there, here, LockNumber(*number)).unwrap();
            built.locks.push(own.header.number);
        }
    });
    there.finish().0
}

impl Built {
    /// One command on the place.
    pub(crate) fn step<T>(&mut self, command: impl FnOnce(&mut Draft, &mut Built) -> T) -> T {
        let mut draft = draft(&self.state);
        let done = command(&mut draft, self);
        let (state, writes, _) = draft.finish();
        self.state = state;
        self.writes.extend(writes);
        done
    }

    pub(crate) fn door(&self, lock: usize) -> Door<'_> {
        let owner = self.owner.as_ref().unwrap_or(&self.state);
        Door::at(owner, self.lock_at_owner(lock).number()).unwrap()
    }

    fn lock_at_owner(&self, lock: usize) -> &Lock {
        let owner = self.owner.as_ref().unwrap_or(&self.state);
        owner.locks.get(self.owner_locks[lock]).unwrap()
    }

    pub(crate) fn presented(&self, question: &Question) -> Presented {
        match question.held {
            Held::Credential(it) => Presented::Credential(CredentialNumber(self.credentials[it])),
            Held::Card(bits, value) => Presented::Card(CardValue { bits, value }),
            Held::Code(code) => Presented::Code(digits(code).tag),
            Held::Person(person) => Presented::Person(PersonNumber(self.people[person])),
        }
    }

    pub(crate) fn request(&self, question: &Question) -> Request<'_> {
        Request {
            lock: LockNumber(self.locks[question.lock]),
            recognised: Recognised::by(&self.state, self.presented(question)),
            pin: match question.pin {
                PinGiven::Missing => Pin::Missing,
                PinGiven::Right => Pin::Right,
                PinGiven::Wrong => Pin::Wrong,
                PinGiven::Asked => Pin::Asked,
            },
            lockouts: Lockouts { pin: question.pin_locked, codes: question.codes_locked },
            now: question.now,
        }
    }

    pub(crate) fn decide(&self, question: &Question) -> Decision<'_> {
        decide(self.door(question.lock), &self.request(question))
    }

    /// The engine's answer in the words of the oracle.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        self.in_words(&self.decide(question))
    }

    pub(crate) fn in_words(&self, decision: &Decision<'_>) -> Answer {
        let grants = decision.by().map(|grant| {
            let known = self.grants.iter().position(|number| *number == grant.0);
            known.unwrap_or_else(|| panic!("{grant:?} is closed, or nobody's"))
        });
        let grants: Vec<usize> = grants.collect();
        let by: std::collections::BTreeSet<usize> = grants.iter().copied().collect();
        assert_eq!(by.len(), grants.len(), "a grant stands twice in by");
        Answer {
            granted: decision.granted,
            method: method(decision.method),
            reasons: decision.reasons.iter().map(|reason| reason.code()).collect(),
            by,
        }
    }
}

pub(crate) fn method(method: Method) -> &'static str {
    method.as_str()
}

/// Digits that stand for `code`.
pub(crate) fn digits(code: u8) -> SealedDigits {
    SealedDigits { sealed: vec![code], tag: Tag([code; 16]) }
}

fn window(span: Span) -> Window {
    Window { from: span.0, until: span.1 }
}

pub(crate) fn timetable(times: &Times) -> Arc<Timetable> {
    let definition = match times {
        Times::Weekly { zone, windows, exceptions } => Definition::Weekly(Weekly {
            zone: zone.as_deref().map(|zone| Zone::parse(zone).unwrap()),
            windows: (windows.iter())
                .map(|&(days, from_min, to_min)| WeeklyWindow { days, from_min, to_min })
                .collect(),
            exceptions: (exceptions.iter())
                .map(|(date, windows)| Exception {
                    date: *date,
                    windows: (windows.iter())
                        .map(|&(from_min, to_min)| DayWindow { from_min, to_min })
                        .collect(),
                })
                .collect(),
        }),
        Times::Event { text, .. } => Definition::Ical(text.clone()),
    };
    Timetable::new(definition).unwrap_or_else(|flaws| panic!("{flaws:?} in {times:?}"))
}

fn make_times(draft: &mut Draft, number: usize, times: &Times) -> u32 {
    let edit = ScheduleEdit {
        name: Some(format!("Times {number}")),
        timetable: Some(timetable(times)),
        ..ScheduleEdit::default()
    };
    schedule::create(draft, &edit).unwrap().header.number
}

fn make_person(draft: &mut Draft, suspended: bool, way: Way) -> u32 {
    let made = person::create(draft, &PersonEdit::default()).unwrap();
    if way.detours && !suspended {
        person::set_state(draft, made.number(), PersonState::Suspended).unwrap();
        person::set_state(draft, made.number(), PersonState::Active).unwrap();
    }
    if way.detours {
        let other = person::create(draft, &PersonEdit::default()).unwrap();
        person::delete(draft, other.number()).unwrap();
    }
    if suspended {
        person::set_state(draft, made.number(), PersonState::Suspended).unwrap();
    }
    made.header.number
}

fn make_credential(draft: &mut Draft, built: &Built, it: &world::Credential, way: Way) -> u32 {
    let kind = match it.kind {
        world::Kind::Card => CredentialKind::Card,
        world::Kind::Code => CredentialKind::Code,
        world::Kind::Phone => CredentialKind::Phone,
    };
    let part = |&(bits, value): &(u8, u128)| CardPart {
        technology: Technology::Opaque,
        card: CardValue { bits, value },
    };
    let parts: Vec<CardPart> = it.parts.iter().map(part).collect();
    let edit = CredentialEdit {
        person: Some(it.person.map(|person| PersonNumber(built.people[person]))),
        parts: (kind == CredentialKind::Card).then_some(parts),
        code: (kind == CredentialKind::Code).then(|| digits(it.code)),
        pin: Some(it.pin.then(|| digits(255))),
        public_key: (kind == CredentialKind::Phone).then(|| vec![it.code]),
        valid: window(it.valid).into(),
        state: Some(match it.condition {
            world::Condition::Active => CredentialState::Active,
            world::Condition::Disabled => CredentialState::Disabled,
            world::Condition::Lost => CredentialState::Lost,
        }),
        session: Some(it.session.map(|(start_within_s, log_off_after_s)| SessionHints {
            start_within_s,
            log_off_after_s,
        })),
        ..CredentialEdit::default()
    };
    let id = draft.next_id();
    if !way.detours {
        return credential::create(draft, kind, id, &edit).unwrap().header.number;
    }
    // Somebody else's first, with other digits or parts, and lost.
    let before = CredentialEdit {
        person: built.people.last().map(|person| Some(PersonNumber(*person))),
        parts: edit.parts.as_ref().map(|_| vec![part(&(77, u128::from(it.code)))]),
        code: edit.code.as_ref().map(|_| digits(it.code ^ 0x80)),
        public_key: edit.public_key.clone(),
        pin: Some(Some(digits(1))),
        ..CredentialEdit::default()
    };
    let made = credential::create(draft, kind, id, &before).unwrap().number();
    credential::report_lost(draft, made).unwrap();
    credential::edit(draft, made, &edit).unwrap().header.number
}

fn named(times: &[u32], number: Option<usize>) -> Option<ScheduleRef> {
    number.map(|number| ScheduleRef::Named(ScheduleNumber(times[number])))
}

fn make_lock(draft: &mut Draft, times: &[u32], it: &world::Lock, way: Way) -> u32 {
    let posture = match it.posture {
        world::Posture::Normal => Posture::Normal,
        world::Posture::Lockdown => Posture::Lockdown,
        world::Posture::FreeAccess => Posture::FreeAccess,
        world::Posture::Disabled => Posture::Disabled,
    };
    let edit = LockEdit {
        name: Some("Door".to_owned()),
        posture: Some(if way.detours { Posture::FreeAccess } else { posture }),
        pin: Some(match it.pin {
            world::Rule::Never => PinRule::Never,
            world::Rule::IfSet => PinRule::IfSet,
            world::Rule::Always => PinRule::Always,
        }),
        pin_schedule: Some(named(times, it.pin_times)),
        unlock_schedule: Some(named(times, it.unlock)),
        zone: Some(it.zone.as_deref().map(|zone| Zone::parse(zone).unwrap())),
        ..LockEdit::default()
    };
    let made = lock::create(draft, &edit).unwrap();
    if way.detours {
        lock::set_posture(draft, made.number(), posture).unwrap();
    }
    made.header.number
}

fn times_of(built: &Built, world: &World, number: Option<usize>, way: Way) -> Option<ScheduleRef> {
    match number {
        Some(number) if way.inline => Some(ScheduleRef::Inline(timetable(&world.times[number]))),
        _ => named(&built.times, number),
    }
}

fn make_level(draft: &mut Draft, built: &Built, world: &World, level: usize, way: Way) -> u32 {
    let edit = AccessLevelEdit {
        name: Some(format!("Level {level}")),
        schedule: Some(times_of(built, world, world.levels[level], way)),
        ..AccessLevelEdit::default()
    };
    let all: Vec<LockNumber> = built.locks.iter().map(|number| LockNumber(*number)).collect();
    let locks: Vec<LockNumber> =
        (world.members.iter()).filter(|(of, _)| *of == level).map(|(_, lock)| all[*lock]).collect();
    if !way.detours {
        return access_level::create(draft, &edit, &locks).unwrap().header.number;
    }
    // Put in, taken out and put back again.
    let number = access_level::create(draft, &edit, &all).unwrap().number();
    let keep = AccessLevelEdit::default();
    access_level::edit(draft, number, &keep, Some(&[])).unwrap();
    access_level::edit(draft, number, &keep, Some(&locks)).unwrap();
    number.0
}

pub(crate) fn subject(built: &Built, who: Who) -> Subject {
    match who {
        Who::Person(it) => Subject::Person(PersonNumber(built.people[it])),
        Who::Credential(it) => Subject::Credential(CredentialNumber(built.credentials[it])),
    }
}

pub(crate) fn wish(built: &Built, world: &World, it: &world::Grant, way: Way) -> NewGrant {
    NewGrant {
        receiver: Receiver::Known(subject(built, it.who)),
        target: match it.at {
            Where::Lock(lock) => Target::Lock(LockNumber(built.locks[lock])),
            Where::Level(level) => Target::AccessLevel(AccessLevelNumber(built.levels[level])),
        },
        right: if it.share { Right::Share } else { Right::Open },
        source: Source { kind: SourceKind::Direct, via: Via::Native },
        issued_under: None,
        edit: GrantEdit {
            window: window(it.window).into(),
            schedule: Some(times_of(built, world, it.times, way)),
            override_lockdown: Some(it.overrides),
            ..GrantEdit::default()
        },
    }
}

pub(crate) fn make_grant(
    draft: &mut Draft,
    built: &Built,
    world: &World,
    it: &world::Grant,
    way: Way,
) -> u32 {
    let wish = wish(built, world, it, way);
    if !way.detours {
        return grant::create(draft, &wish).unwrap().header.number;
    }
    let mut wide = wish.clone();
    wide.edit = GrantEdit { override_lockdown: Some(true), ..GrantEdit::default() };
    wide.right = Right::Open;
    let decoy = grant::create(draft, &wide).unwrap();
    grant::revoke(draft, decoy.number()).unwrap();
    wide.right = wish.right;
    let made = grant::create(draft, &wide).unwrap().number();
    grant::edit(draft, made, &wish.edit).unwrap().header.number
}

/// The latest form of every record of the place, the place's own aside.
pub(crate) fn latest(writes: &[Write]) -> Vec<Record> {
    let mut latest: std::collections::BTreeMap<(Noun, u32), Record> = Default::default();
    for write in writes {
        latest.insert((write.record.noun(), write.record.header().number), write.record.clone());
    }
    latest.into_values().collect()
}
