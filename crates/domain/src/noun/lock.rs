//! Lock: a door, gate, cabinet or machine; and its sharing to another place.

use super::schedule::ScheduleRef;
use super::{Closed, Header, Json, words};
use crate::ids::{ControllerNumber, LockNumber, PlaceNumber, ShareNumber};
use crate::time::{Instant, Zone};

words! {
    /// How the lock learns who may open.
    LockMode {
        /// It asks.
        Online "online",
        /// It reads signed keys.
        OfflineKeys "offline_keys",
        /// It keeps its own list.
        AllowList "allow_list",
    }
}

words! {
    /// What the lock does whoever stands before it.
    Posture {
        /// Decides by the rules.
        Normal "normal",
        /// Lets nobody in but grants that override.
        Lockdown "lockdown",
        /// Lets everybody in.
        FreeAccess "free_access",
        /// Lets nobody in.
        Disabled "disabled",
    }
}

words! {
    /// When the lock asks for a PIN beside what is presented.
    PinRule {
        /// Not at all.
        Never "never",
        /// From credentials that have one.
        IfSet "if_set",
        /// From everybody.
        Always "always",
    }
}

words! {
    /// What the event of a decision at the lock keeps of who it concerns.
    Privacy {
        /// Everything.
        Full "full",
        /// A stable stand-in.
        Pseudonym "pseudonym",
        /// Nobody; that it happened is kept.
        Anonymous "anonymous",
        /// Kept, shown to nobody.
        Hidden "hidden",
        /// No event.
        None "none",
    }
}

words! {
    /// What the lock does when an event cannot be stored.
    WhenUnrecorded {
        /// Opens all the same; the event waits in memory.
        Allow "allow",
        /// Stays closed.
        Refuse "refuse",
    }
}

/// What a lock can hold, in its own measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// Entries of a plain revocation list.
    Entries(u32),
    /// Bytes of a revocation list.
    ListBytes(u32),
    /// Credentials of an allow-list.
    Credentials(u32),
}

/// How the lock was last heard to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Health {
    /// 0–100.
    pub battery_percent: Option<u8>,
    /// When it was last heard of.
    pub last_seen_at: Option<Instant>,
}

/// A door, gate, cabinet or machine. In a place it is shared to it stands as a row of its own
/// there, with the same id, that says whose it is; settings are read from the owner's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    /// What every record has.
    pub header: Header,
    /// The owner's place and number, where this row stands for another place's lock.
    pub borrowed: Option<(PlaceNumber, LockNumber)>,
    /// What people call it.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The maker's name for the model.
    pub model: Option<String>,
    /// How it learns who may open.
    pub mode: LockMode,
    /// What it does whoever stands before it.
    pub posture: Posture,
    /// When it asks for a PIN.
    pub pin: PinRule,
    /// The times at which `pin` holds; always where there is none.
    pub pin_schedule: Option<ScheduleRef>,
    /// The times at which the door is held open.
    pub unlock_schedule: Option<ScheduleRef>,
    /// What its events keep.
    pub privacy: Privacy,
    /// What it does when an event cannot be stored.
    pub when_unrecorded: WhenUnrecorded,
    /// Its own zone; the place's where there is none.
    pub zone: Option<Zone>,
    /// What connects it; it asks directly where there is none.
    pub controller: Option<ControllerNumber>,
    /// What it can hold.
    pub capacity: Option<Capacity>,
    /// What it can do, as its maker says.
    pub capabilities: Option<Json>,
    /// Kept for the caller.
    pub metadata: Option<Json>,
    /// How it was last heard to be.
    pub health: Health,
}

impl Lock {
    /// This lock's number.
    #[must_use]
    pub fn number(&self) -> LockNumber {
        LockNumber(self.header.number)
    }
}

/// What a caller sets on a lock; an absent field is left as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct LockEdit {
    pub external_id: Option<Option<String>>,
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub model: Option<Option<String>>,
    pub mode: Option<LockMode>,
    pub posture: Option<Posture>,
    pub pin: Option<PinRule>,
    pub pin_schedule: Option<Option<ScheduleRef>>,
    pub unlock_schedule: Option<Option<ScheduleRef>>,
    pub privacy: Option<Privacy>,
    pub when_unrecorded: Option<WhenUnrecorded>,
    pub zone: Option<Option<Zone>>,
    pub controller: Option<Option<ControllerNumber>>,
    pub capacity: Option<Option<Capacity>>,
    pub capabilities: Option<Option<Json>>,
    pub metadata: Option<Option<Json>>,
}

words! {
    /// How far a share has got.
    ShareState {
        /// The other place has not answered; the lock is not there yet.
        Offered "offered",
        /// The lock is in both places.
        Accepted "accepted",
    }
}

/// One place's offer of one of its locks to another; kept at the owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// What every record has.
    pub header: Header,
    /// The owner's lock.
    pub lock: LockNumber,
    /// To whom.
    pub place: PlaceNumber,
    /// How far it has got.
    pub state: ShareState,
    /// The lock's number in the other place, once accepted.
    pub as_lock: Option<LockNumber>,
    /// When it was taken back.
    pub closed: Option<Closed>,
}

impl Share {
    /// This share's number.
    #[must_use]
    pub fn number(&self) -> ShareNumber {
        ShareNumber(self.header.number)
    }
}
