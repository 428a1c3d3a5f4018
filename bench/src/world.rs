//! A building as records: people with a card each, locks, access levels with schedules.
//!
//! Made from a fixed seed, so that every run asks the same questions.

use std::sync::Arc;

use claviger_domain::ids::{
    AccessLevelNumber, Id, LockNumber, Noun, OrganizationNumber, PersonNumber, PlaceNumber,
    ScheduleNumber,
};
use claviger_domain::noun::Header;
use claviger_domain::noun::access_level::{AccessLevel, Membership};
use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::credential::{Credential, CredentialKind, CredentialState};
use claviger_domain::noun::grant::{Grant, Right, Source, SourceKind, Subject, Target, Via};
use claviger_domain::noun::lock::{
    Health, Lock, LockMode, PinRule, Posture, Privacy, WhenUnrecorded,
};
use claviger_domain::noun::person::{Person, PersonDetails, PersonState};
use claviger_domain::noun::place::Place;
use claviger_domain::noun::role::Role;
use claviger_domain::noun::schedule::{Schedule, ScheduleRef, Timetable};
use claviger_domain::record::Record;
use claviger_domain::schedule::{Definition, Exception, Weekly, WeeklyWindow};
use claviger_domain::time::{Instant, Window, Zone};

/// How large a world is.
#[derive(Clone, Copy)]
pub struct Size {
    pub people: u32,
    pub locks: u32,
    pub levels: u32,
    /// Levels of a person: this many at least, and at most.
    pub person_levels: (u32, u32),
    /// Levels of a lock: this many at least, and at most.
    pub lock_levels: (u32, u32),
    /// Whether people have names and addresses.
    pub details: bool,
    /// Whether schedules are open at all hours, so that the hour of a run does not matter.
    pub always: bool,
}

pub const SMALL: Size = Size {
    people: 10_000,
    locks: 1_000,
    levels: 200,
    person_levels: (2, 6),
    lock_levels: (1, 5),
    details: false,
    always: false,
};

pub const LARGE: Size = Size {
    people: 1_000_000,
    locks: 100_000,
    levels: 10_000,
    person_levels: (4, 12),
    lock_levels: (2, 8),
    details: false,
    always: false,
};

/// A weekly schedule in the plainest words, for those who decide otherwise.
#[derive(Clone)]
pub struct Times {
    /// Days from Monday, bit by bit; minutes of the day.
    pub windows: Vec<(u8, u16, u16)>,
    /// Dates as 20261224 on which it is closed.
    pub closed: Vec<u32>,
    pub timetable: Arc<Timetable>,
}

/// Everything, in the plainest words; numbers count from 1.
pub struct World {
    pub size: Size,
    pub place: PlaceNumber,
    pub times: Vec<Times>,
    /// By level: which of `times`.
    pub level_times: Vec<u32>,
    /// By person: the levels.
    pub person_levels: Vec<Vec<u32>>,
    /// By lock: the levels.
    pub lock_levels: Vec<Vec<u32>>,
    pub suspended: Vec<bool>,
    pub lost: Vec<bool>,
    pub posture: Vec<Posture>,
}

/// One question as it comes in: ids and digits of the outside.
#[derive(Clone, Copy)]
pub struct Question {
    pub lock: Id,
    pub card: CardValue,
    pub now: Instant,
    pub lock_number: u32,
    pub person: u32,
}

/// Splitmix64.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 up to and without `below`.
    pub fn below(&mut self, below: u32) -> u32 {
        ((u128::from(self.draw()) * u128::from(below)) >> 64) as u32
    }

    fn between(&mut self, (least, most): (u32, u32)) -> u32 {
        least + self.below(most - least + 1)
    }
}

/// 2026-01-01T00:00:00Z.
const YEAR: i64 = 1_767_225_600;
pub const MADE: Instant = Instant(YEAR * 1_000_000);

/// An id that looks as random as a real one.
pub fn id(place: PlaceNumber, noun: Noun, number: u32) -> Id {
    let seed = u64::from(place.0) << 40 | (noun as u64) << 32 | u64::from(number);
    let mut rng = Rng(seed);
    let bits = u128::from(rng.draw()) << 64 | u128::from(rng.draw());
    let bits = bits & !(0xF << 76 | 0x3 << 62) | 7 << 76 | 0b10 << 62;
    Id(bits.to_be_bytes())
}

pub fn header(place: PlaceNumber, noun: Noun, number: u32) -> Header {
    Header {
        number,
        id: id(place, noun, number),
        external_id: None,
        created_at: MADE,
        updated_at: MADE,
        revision: 2,
        deleted_at: None,
    }
}

/// The card of a person: 56 bits, as of a serial number.
pub fn card(person: u32) -> CardValue {
    CardValue { bits: 56, value: u128::from(Rng(u64::from(person) << 8 | 0x77).draw() >> 8) }
}

pub fn place(number: PlaceNumber) -> Place {
    let mut header = header(number, Noun::Place, number.0);
    header.revision = 1;
    Place {
        header,
        organization: OrganizationNumber(1),
        parent: None,
        name: "Hus".to_owned(),
        zone: Zone::parse("Europe/Stockholm").unwrap(),
        retention_days: 30,
        retention_reason: None,
        language: "sv".to_owned(),
        default_privacy: Privacy::Full,
        metadata: None,
        used_for: None,
        held_until: None,
        identity_providers: Vec::new(),
        courier_mode: false,
    }
}

fn times(rng: &mut Rng, always: bool) -> Times {
    let windows = match rng.below(4) {
        _ if always => vec![(0b111_1111, 0, 24 * 60)],
        0 => vec![(0b001_1111, 7 * 60, 18 * 60)],
        1 => vec![(0b001_1111, 6 * 60, 22 * 60), (0b110_0000, 9 * 60, 15 * 60)],
        2 => vec![(0b000_1111, 7 * 60 + 30, 17 * 60), (0b001_0000, 7 * 60 + 30, 15 * 60)],
        _ => vec![(0b111_1111, 5 * 60, 24 * 60)],
    };
    let closed = vec![20_260_101, 20_260_403, 20_260_619, 20_261_224 + rng.below(3)];
    let weekly = Weekly {
        zone: None,
        windows: windows
            .iter()
            .map(|&(days, from_min, to_min)| WeeklyWindow { days, from_min, to_min })
            .collect(),
        exceptions: closed
            .iter()
            .map(|date| Exception {
                date: format!("{}-{:02}-{:02}", date / 10_000, date / 100 % 100, date % 100)
                    .parse()
                    .unwrap(),
                windows: Vec::new(),
            })
            .collect(),
    };
    Times { windows, closed, timetable: Timetable::new(Definition::Weekly(weekly)).unwrap() }
}

fn some_of(rng: &mut Rng, count: u32, of: u32) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::with_capacity(count as usize);
    while found.len() < count as usize {
        let one = 1 + rng.below(of);
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

impl World {
    pub fn new(size: Size, place: PlaceNumber) -> World {
        let mut rng = Rng(7);
        let times: Vec<Times> = (0..24).map(|_| times(&mut rng, size.always)).collect();
        let level_times = (0..size.levels).map(|_| rng.below(times.len() as u32)).collect();
        let of = |rng: &mut Rng, count: u32, span: (u32, u32)| -> Vec<Vec<u32>> {
            (0..count)
                .map(|_| {
                    let many = rng.between(span);
                    some_of(rng, many, size.levels)
                })
                .collect()
        };
        let person_levels = of(&mut rng, size.people, size.person_levels);
        let lock_levels = of(&mut rng, size.locks, size.lock_levels);
        let suspended = (0..size.people).map(|_| rng.below(50) == 0).collect();
        let lost = (0..size.people).map(|_| rng.below(100) == 0).collect();
        let posture = (0..size.locks)
            .map(|_| match rng.below(100) {
                0 => Posture::Disabled,
                1 => Posture::Lockdown,
                _ => Posture::Normal,
            })
            .collect();
        World {
            size,
            place,
            times,
            level_times,
            person_levels,
            lock_levels,
            suspended,
            lost,
            posture,
        }
    }

    pub fn memberships(&self) -> usize {
        self.person_levels.iter().map(Vec::len).sum()
    }

    /// All records but the grants, parents first.
    pub fn ground(&self) -> impl Iterator<Item = Record> {
        let place = self.place;
        let schedules = self.times.iter().zip(1..).map(move |(times, number)| {
            let header = header(place, Noun::Schedule, number);
            let name = format!("Times {number}");
            Schedule { header, name, timetable: times.timetable.clone() }.into()
        });
        let people = (1..=self.size.people).flat_map(move |number| self.person(number));
        let locks = self
            .posture
            .iter()
            .zip(1..)
            .map(move |(posture, number)| lock(place, number, *posture).into());
        let levels = self.level_times.iter().zip(1..).map(move |(times, number)| {
            level(place, number, Some(ScheduleNumber(times + 1))).into()
        });
        let members = self
            .lock_levels
            .iter()
            .zip(1..)
            .flat_map(|(levels, lock)| levels.iter().map(move |level| (*level, lock)))
            .zip(1..)
            .map(move |((level, lock), number)| membership(place, number, level, lock).into());
        schedules.chain(people).chain(locks).chain(levels).chain(members)
    }

    fn person(&self, number: u32) -> [Record; 2] {
        let at = number as usize - 1;
        let (mut person, mut credential) = person(self.place, number);
        if !self.size.details {
            person.details = PersonDetails::default();
        }
        if self.suspended[at] {
            person.state = PersonState::Suspended;
        }
        if self.lost[at] {
            credential.state = CredentialState::Lost;
        }
        [person.into(), credential.into()]
    }

    /// The grants, in order.
    pub fn grants(&self) -> impl Iterator<Item = Record> {
        let place = self.place;
        self.person_levels
            .iter()
            .zip(1..)
            .flat_map(|(levels, person)| levels.iter().map(move |level| (person, *level)))
            .zip(1..)
            .map(move |((person, level), number)| grant(place, number, person, level).into())
    }

    /// Questions; of ten, at `meet` the person has a level that the lock is in.
    pub fn questions(&self, count: usize, meet: usize) -> Vec<Question> {
        let mut rng = Rng(99);
        let mut level_locks = vec![Vec::new(); self.size.levels as usize + 1];
        for (levels, lock) in self.lock_levels.iter().zip(1..) {
            levels.iter().for_each(|level| level_locks[*level as usize].push(lock));
        }
        (0..count)
            .map(|at| {
                let person = 1 + rng.below(self.size.people);
                let levels = &self.person_levels[person as usize - 1];
                let level = levels[rng.below(levels.len() as u32) as usize];
                let inside: &Vec<u32> = &level_locks[level as usize];
                let lock_number = if at % 10 < meet && !inside.is_empty() {
                    inside[rng.below(inside.len() as u32) as usize]
                } else {
                    1 + rng.below(self.size.locks)
                };
                let second = i64::from(rng.below(366 * 86_400));
                Question {
                    lock: id(self.place, Noun::Lock, lock_number),
                    card: card(person),
                    now: Instant((YEAR + second) * 1_000_000),
                    lock_number,
                    person,
                }
            })
            .collect()
    }
}

pub fn person(place: PlaceNumber, number: u32) -> (Person, Credential) {
    let details = PersonDetails {
        first_name: Some("Anna".to_owned()),
        last_name: Some("Andersson".to_owned()),
        email: Some(format!("anna{number}@example.org")),
        ..PersonDetails::default()
    };
    let person = Person {
        header: header(place, Noun::Person, number),
        details,
        role: Role::Guest,
        state: PersonState::Active,
        account: None,
        had_phone: false,
        held_until: None,
        forgotten_at: None,
        invited_at: None,
    };
    let credential = Credential {
        header: header(place, Noun::Credential, number),
        person: Some(PersonNumber(number)),
        kind: CredentialKind::Card,
        label: None,
        parts: vec![CardPart { technology: Technology::MifareDesfire, card: card(number) }],
        code: None,
        pin: None,
        public_key: None,
        valid: Window::ALWAYS,
        state: CredentialState::Active,
        session: None,
        is_admin: false,
        contact: None,
        priority: 0,
    };
    (person, credential)
}

pub fn lock(place: PlaceNumber, number: u32, posture: Posture) -> Lock {
    Lock {
        header: header(place, Noun::Lock, number),
        borrowed: None,
        name: format!("Door {number}"),
        description: None,
        model: None,
        mode: LockMode::Online,
        posture,
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

pub fn level(place: PlaceNumber, number: u32, schedule: Option<ScheduleNumber>) -> AccessLevel {
    AccessLevel {
        header: header(place, Noun::AccessLevel, number),
        name: format!("Level {number}"),
        description: None,
        schedule: schedule.map(ScheduleRef::Named),
        api_enabled: false,
        allow_sharing: false,
        metadata: None,
    }
}

pub fn membership(place: PlaceNumber, number: u32, level: u32, lock: u32) -> Membership {
    Membership {
        header: header(place, Noun::Membership, number),
        level: AccessLevelNumber(level),
        lock: LockNumber(lock),
        closed: None,
    }
}

pub fn grant(place: PlaceNumber, number: u32, person: u32, level: u32) -> Grant {
    Grant {
        header: header(place, Noun::Grant, number),
        subject: Subject::Person(PersonNumber(person)),
        target: Target::AccessLevel(AccessLevelNumber(level)),
        right: Right::Open,
        window: Window::ALWAYS,
        schedule: None,
        override_lockdown: false,
        source: Source { kind: SourceKind::AccessLevel, via: Via::Native },
        issued_under: None,
        metadata: None,
        closed: None,
    }
}
