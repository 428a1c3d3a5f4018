//! Grant: the one edge, from a subject to a target.

use super::schedule::ScheduleRef;
use super::{Closed, Header, Json, words};
use crate::ids::{AccessLevelNumber, CredentialNumber, GrantNumber, LockNumber, PersonNumber};
use crate::time::{Instant, Window, WindowEdit};

/// Who is given the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// All of a person's credentials.
    Person(PersonNumber),
    /// That one.
    Credential(CredentialNumber),
}

/// What the right reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One lock.
    Lock(LockNumber),
    /// Every lock of a level.
    AccessLevel(AccessLevelNumber),
}

words! {
    /// What the holder may do.
    Right {
        /// Open.
        Open "open",
        /// Hand out keys; never opens.
        Share "share",
    }
}

words! {
    /// How a grant came to be.
    SourceKind {
        /// Given to one subject at one target.
        Direct "direct",
        /// Through membership of a group.
        AccessLevel "access_level",
        /// Under a right to share.
        Sharing "sharing",
        /// By a doorbell.
        Doorbell "doorbell",
        /// From a file.
        Import "import",
    }
}

words! {
    /// Through which surface a grant came.
    Via {
        /// The native API.
        Native "native",
        /// The command line.
        CommandLine "command_line",
        /// The Unloc surface.
        Unloc "unloc",
        /// The Tapkey surface.
        Tapkey "tapkey",
        /// The Parakey surface.
        Parakey "parakey",
        /// The IntServ surface.
        Intserv "intserv",
        /// The Trackunit surface.
        Trackunit "trackunit",
    }
}

/// Where a grant came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// How.
    pub kind: SourceKind,
    /// Through which surface.
    pub via: Via,
}

/// The one edge of the model. Never deleted by revocation, only closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// What every record has.
    pub header: Header,
    /// Who.
    pub subject: Subject,
    /// What.
    pub target: Target,
    /// What for.
    pub right: Right,
    /// From when until when.
    pub window: Window,
    /// At which times.
    pub schedule: Option<ScheduleRef>,
    /// Whether it opens in lockdown.
    pub override_lockdown: bool,
    /// Where it came from.
    pub source: Source,
    /// The sharing right it was made under.
    pub issued_under: Option<GrantNumber>,
    /// Kept for the caller.
    pub metadata: Option<Json>,
    /// How it ended, if a command ended it.
    pub closed: Option<Closed>,
}

impl Grant {
    /// This grant's number.
    #[must_use]
    pub fn number(&self) -> GrantNumber {
        GrantNumber(self.header.number)
    }

    /// Whether it opens at any time, without a window or a schedule of its own.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.right == Right::Open && self.window == Window::ALWAYS && self.schedule.is_none()
    }

    /// Whether it opens or will: it is no right to share alone, and its window is not past.
    #[must_use]
    pub fn lives(&self, now: Instant) -> bool {
        self.right == Right::Open && !self.window.past(now)
    }
}

words! {
    /// How a grant or key stands at an instant; nothing is written when time passes.
    RightState {
        /// Before its start.
        Scheduled "scheduled",
        /// Holds.
        Active "active",
        /// Outside its schedule, or its subject may not use it.
        Inactive "inactive",
        /// Past its end.
        Expired "expired",
        /// Closed, and some lock does not know yet.
        RevocationPending "revocation_pending",
        /// Closed, and every lock knows.
        Revoked "revoked",
    }
}

/// What a caller sets on a grant; an absent field is left as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct GrantEdit {
    pub external_id: Option<Option<String>>,
    pub window: WindowEdit,
    pub schedule: Option<Option<ScheduleRef>>,
    pub override_lockdown: Option<bool>,
    pub metadata: Option<Option<Json>>,
}
