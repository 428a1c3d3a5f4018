//! A world as plain lists, and a question about it: what the oracle reads and `build` makes real.
//! Everything is named by its place in its list.

use claviger_domain::time::Instant;
use jiff::civil::Date;

/// When: as someone would write it on paper.
#[derive(Clone, Debug)]
pub(crate) enum Times {
    Weekly {
        /// IANA name; that of the lock where there is none.
        zone: Option<String>,
        /// Days (bit 0 is Monday), from minute, to minute.
        windows: Vec<(u8, u16, u16)>,
        exceptions: Vec<(Date, Vec<(u16, u16)>)>,
    },
    /// An iCalendar text, and what it means.
    Event { text: String, spans: Vec<(Instant, Instant)> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Card,
    Code,
    Phone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Active,
    Disabled,
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posture {
    Normal,
    Lockdown,
    FreeAccess,
    Disabled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Never,
    IfSet,
    Always,
}

pub(crate) type Span = (Option<Instant>, Option<Instant>);

#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub person: Option<usize>,
    pub kind: Kind,
    /// Bits and value of each part of a card.
    pub parts: Vec<(u8, u128)>,
    /// Stands for the digits of a code.
    pub code: u8,
    pub pin: bool,
    pub valid: Span,
    pub condition: Condition,
    pub session: Option<(u32, u32)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Lock {
    pub posture: Posture,
    pub pin: Rule,
    pub pin_times: Option<usize>,
    pub unlock: Option<usize>,
    pub zone: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Person(usize),
    Credential(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Lock(usize),
    Level(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub who: Who,
    pub at: Where,
    pub share: bool,
    pub window: Span,
    pub times: Option<usize>,
    pub overrides: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub zone: String,
    pub times: Vec<Times>,
    /// Whether each person is suspended.
    pub people: Vec<bool>,
    pub credentials: Vec<Credential>,
    pub locks: Vec<Lock>,
    /// Each level's times.
    pub levels: Vec<Option<usize>>,
    /// Level and lock.
    pub members: Vec<(usize, usize)>,
    pub grants: Vec<Grant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Credential(usize),
    Card(u8, u128),
    Code(u8),
    Person(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinGiven {
    Missing,
    Right,
    Wrong,
    Asked,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub lock: usize,
    pub held: Held,
    pub pin: PinGiven,
    pub pin_locked: bool,
    pub codes_locked: bool,
    pub now: Instant,
}

impl World {
    pub(crate) fn empty(zone: &str) -> World {
        World {
            zone: zone.to_owned(),
            times: Vec::new(),
            people: Vec::new(),
            credentials: Vec::new(),
            locks: Vec::new(),
            levels: Vec::new(),
            members: Vec::new(),
            grants: Vec::new(),
        }
    }

    pub(crate) fn zone_of_lock(&self, lock: usize) -> &str {
        self.locks[lock].zone.as_deref().unwrap_or(&self.zone)
    }

    /// The same world but for one grant.
    pub(crate) fn without_grant(&self, grant: usize) -> World {
        let mut world = self.clone();
        world.grants.remove(grant);
        world
    }
}

/// A credential of a person with nothing set; a card where `kind` says so, of 32 bits.
pub(crate) fn plain_credential(person: Option<usize>, kind: Kind, number: u8) -> Credential {
    Credential {
        person,
        kind,
        parts: if kind == Kind::Card { vec![(32, u128::from(number))] } else { Vec::new() },
        code: number,
        pin: false,
        valid: (None, None),
        condition: Condition::Active,
        session: None,
    }
}

pub(crate) fn plain_lock() -> Lock {
    Lock { posture: Posture::Normal, pin: Rule::Never, pin_times: None, unlock: None, zone: None }
}

pub(crate) fn plain_grant(who: Who, at: Where) -> Grant {
    Grant { who, at, share: false, window: (None, None), times: None, overrides: false }
}
