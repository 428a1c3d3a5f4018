//! Event: what happened at a lock, why and when. Who it was stands apart, so that it can be
//! forgotten.

use super::card::CardValue;
use super::lock::Privacy;
use super::words;
use std::fmt;

use crate::ids::{CredentialNumber, GrantNumber, Id, LockNumber, Noun, PersonNumber};
use crate::reason::Reasons;
use crate::time::Instant;

words! {
    /// What happened.
    EventKind {
        /// A decision let somebody in.
        AccessGranted "access_granted",
        /// A decision kept somebody out.
        AccessDenied "access_denied",
        /// The door opened.
        DoorOpened "door_opened",
        /// The door closed.
        DoorClosed "door_closed",
        /// The door opened without a decision.
        DoorForced "door_forced",
        /// The door stayed open too long.
        DoorHeldOpen "door_held_open",
        /// Somebody tampered with the lock.
        Tamper "tamper",
        /// The battery is low.
        BatteryLow "battery_low",
        /// The lock is heard of again.
        LockOnline "lock_online",
        /// The lock is not heard of.
        LockOffline "lock_offline",
        /// The posture changed.
        PostureChanged "posture_changed",
        /// The lock's clock is wrong.
        ClockWrong "clock_wrong",
    }
}

words! {
    /// What was presented, or what opened the door without anything that is somebody's.
    Method {
        /// A card.
        Card "card",
        /// A code.
        Code "code",
        /// A card and a PIN.
        CardAndPin "card_and_pin",
        /// A phone.
        Phone "phone",
        /// A person asked from afar.
        Remote "remote",
        /// Nothing was needed.
        FreeAccess "free_access",
        /// A button on the way out, as a controller reports it.
        ExitButton "exit_button",
        /// A code that a controller keeps of its own and many know, as it reports it.
        CommonCode "common_code",
    }
}

impl Method {
    /// Whether it is somebody's, so that an event of it may concern a person.
    #[must_use]
    pub fn is_somebodys(self) -> bool {
        !matches!(self, Method::ExitButton | Method::CommonCode)
    }
}

/// What happened at a lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The public id.
    pub id: Id,
    /// Counted per place, in the order they were stored; 0 until then.
    pub seq: u64,
    /// What.
    pub kind: EventKind,
    /// Where.
    pub lock: LockNumber,
    /// When it happened.
    pub occurred_at: Instant,
    /// When the server heard of it.
    pub received_at: Instant,
    /// What was presented.
    pub method: Option<Method>,
    /// Why it was denied.
    pub reasons: Reasons,
    /// Whom it concerns, until that is forgotten.
    pub subject: EventSubject,
    /// Whether it is shown to nobody, as the lock's privacy was when it happened.
    pub hidden: bool,
}

impl Event {
    /// Something that happened at a lock at this moment, of its own accord.
    #[must_use]
    pub fn at(lock: LockNumber, kind: EventKind, id: Id, now: Instant) -> Event {
        Event {
            id,
            seq: 0,
            kind,
            lock,
            occurred_at: now,
            received_at: now,
            method: None,
            reasons: Reasons::NONE,
            subject: EventSubject::default(),
            hidden: false,
        }
    }

    /// What is kept of what happened at a lock with this privacy; none where there is to be no
    /// event. `stand_in` says who stands for somebody or something of the place.
    #[must_use]
    pub fn kept(
        mut self,
        privacy: Privacy,
        stand_in: impl FnOnce(Noun, u32) -> StandIn,
    ) -> Option<Event> {
        match privacy {
            Privacy::Full => {}
            Privacy::Pseudonym => {
                let whom = self.subject.whom();
                let stand_in = whom.map(|(noun, number)| stand_in(noun, number));
                self.subject = EventSubject { stand_in, ..EventSubject::default() };
            }
            Privacy::Anonymous => self.subject = EventSubject::default(),
            Privacy::Hidden => self.hidden = true,
            Privacy::None => return None,
        }
        Some(self)
    }
}

impl Event {
    /// What is kept of what happened while its lock had one privacy, and is told when it has
    /// another: no more than either keeps.
    #[must_use]
    pub fn kept_late(
        self,
        (then, now): (Privacy, Privacy),
        stand_in: impl Fn(Noun, u32) -> StandIn,
    ) -> Option<Event> {
        let kept = self.kept(then, &stand_in)?;
        if then == now { Some(kept) } else { kept.kept(now, &stand_in) }
    }
}

/// Who stands in an event for somebody: the same in all events of one place, and nobody's name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StandIn(pub [u8; 16]);

impl fmt::Display for StandIn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Whom an event concerns; stored apart from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EventSubject {
    /// The person.
    pub person: Option<PersonNumber>,
    /// The credential.
    pub credential: Option<CredentialNumber>,
    /// The first grant that allowed, or would have but for the reasons.
    pub grant: Option<GrantNumber>,
    /// The card as presented.
    pub card: Option<CardValue>,
    /// Who stands for all of them, where the lock's privacy keeps no more.
    pub stand_in: Option<StandIn>,
}

impl EventSubject {
    /// Whether it names nobody and nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == EventSubject::default()
    }

    /// Who it was: the person, else the credential that is nobody's.
    #[must_use]
    pub fn whom(&self) -> Option<(Noun, u32)> {
        let person = self.person.map(|person| (Noun::Person, person.0));
        person.or(self.credential.map(|credential| (Noun::Credential, credential.0)))
    }
}
