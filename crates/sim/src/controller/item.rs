//! What stands in a list, as the controllers' protocol sends it.
//!
//! Read from the page that describes the protocol and from nothing of the server; fields nobody
//! here knows are passed over, fields that must be there are missed.

use serde::Deserialize;

use crate::wire::Session;

/// What kinds of item there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A lock.
    Lock,
    /// A schedule.
    Schedule,
    /// A credential.
    Credential,
}

impl ItemKind {
    /// The word of the protocol.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ItemKind::Lock => "lock",
            ItemKind::Schedule => "schedule",
            ItemKind::Credential => "credential",
        }
    }
}

/// An item: what holds at a lock, when something holds, or something that may be presented.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Lock(Lock),
    Schedule(ScheduleItem),
    Credential(Credential),
}

impl Item {
    pub(crate) fn kind(&self) -> ItemKind {
        match self {
            Item::Lock(_) => ItemKind::Lock,
            Item::Schedule(_) => ItemKind::Schedule,
            Item::Credential(_) => ItemKind::Credential,
        }
    }

    pub(crate) fn id(&self) -> &str {
        match self {
            Item::Lock(it) => &it.id,
            Item::Schedule(it) => &it.id,
            Item::Credential(it) => &it.id,
        }
    }

    /// The schedules it refers to.
    pub(crate) fn schedules(&self) -> Vec<&str> {
        let (lock, access) = match self {
            Item::Lock(it) => (Some([&it.pin_schedule, &it.unlock_schedule]), &[][..]),
            Item::Schedule(_) => (None, &[][..]),
            Item::Credential(it) => (None, &it.access[..]),
        };
        let of_access = access.iter().flat_map(|one: &Access| &one.schedules);
        let of_lock = lock.into_iter().flatten().flatten();
        of_lock.chain(of_access).map(String::as_str).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Lock {
    pub(crate) id: String,
    pub(crate) lock: u64,
    pub(crate) time_zone: String,
    pub(crate) posture: Posture,
    pub(crate) pin: PinRule,
    pub(crate) pin_schedule: Option<String>,
    pub(crate) unlock_schedule: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Posture {
    Normal,
    Lockdown,
    FreeAccess,
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PinRule {
    Never,
    IfSet,
    Always,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ScheduleItem {
    pub(crate) id: String,
    pub(crate) schedule: Hours,
}

/// When: by the clock on the wall, or a rule this controller cannot follow.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Hours {
    Ical {
        #[serde(rename = "ical")]
        _ical: String,
    },
    Weekly {
        time_zone: Option<String>,
        weekly: Vec<Weekly>,
        #[serde(default)]
        exceptions: Vec<Exception>,
    },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Weekly {
    pub(crate) days: Vec<String>,
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Exception {
    pub(crate) date: String,
    pub(crate) windows: Vec<Window>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Window {
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Credential {
    pub(crate) id: String,
    pub(crate) kind: CredentialKind,
    #[serde(default)]
    pub(crate) cards: Vec<Part>,
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) public_key: Option<String>,
    pub(crate) pin: Option<String>,
    pub(crate) session: Option<Session>,
    pub(crate) is_admin: bool,
    pub(crate) access: Vec<Access>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CredentialKind {
    Card,
    Code,
    Phone,
}

/// A part of a card as a list has it. The technology says only whether its value may be typed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Part {
    pub(crate) technology: String,
    #[serde(flatten)]
    pub(crate) card: Card,
}

impl Part {
    /// Whether these typed digits are its text: 4 bits each.
    pub(crate) fn has_text(&self, digits: &str) -> bool {
        let is_text =
            (1..=16).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
        let bits = u32::try_from(4 * digits.len()).unwrap_or(u32::MAX);
        let text = || Card { bits, value: digits.to_owned() };
        is_text && self.technology == "opaque" && self.card.is(&text())
    }
}

/// A card as a list has it and as a reader reads it; the technology identifies nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Card {
    /// How many bits.
    pub bits: u32,
    /// Hexadecimal, leading zeros and case without meaning.
    pub value: String,
}

impl Card {
    pub(crate) fn is(&self, other: &Card) -> bool {
        let number = |card: &Card| u128::from_str_radix(&card.value, 16).ok();
        self.bits == other.bits && number(self).is_some() && number(self) == number(other)
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Access {
    pub(crate) locks: Vec<u64>,
    pub(crate) valid_from: Option<String>,
    pub(crate) valid_until: Option<String>,
    pub(crate) schedules: Vec<String>,
    pub(crate) override_lockdown: bool,
}
