//! Access level: a named set of locks; and each lock's time in it.

use super::schedule::ScheduleRef;
use super::{Closed, Header, Json};
use crate::ids::{AccessLevelNumber, LockNumber, MembershipNumber};

/// A named set of locks, with an optional schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLevel {
    /// What every record has; a deleted level keeps its name for closed keys.
    pub header: Header,
    /// What people call it.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// When its grants hold.
    pub schedule: Option<ScheduleRef>,
    /// Whether vendor APIs that ask for it may use the level.
    pub api_enabled: bool,
    /// Whether its people may hand out keys.
    pub allow_sharing: bool,
    /// Kept for the caller.
    pub metadata: Option<Json>,
}

impl AccessLevel {
    /// This level's number.
    #[must_use]
    pub fn number(&self) -> AccessLevelNumber {
        AccessLevelNumber(self.header.number)
    }
}

/// One lock's time in one level; put back it is a new membership.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    /// What every record has; `created_at` is when it opened.
    pub header: Header,
    /// The level.
    pub level: AccessLevelNumber,
    /// The lock, by its number in this place.
    pub lock: LockNumber,
    /// When the lock was taken out.
    pub closed: Option<Closed>,
}

impl Membership {
    /// This membership's number.
    #[must_use]
    pub fn number(&self) -> MembershipNumber {
        MembershipNumber(self.header.number)
    }
}

/// What a caller sets on a level; an absent field is left as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct AccessLevelEdit {
    pub external_id: Option<Option<String>>,
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub schedule: Option<Option<ScheduleRef>>,
    pub api_enabled: Option<bool>,
    pub allow_sharing: Option<bool>,
    pub metadata: Option<Option<Json>>,
}
