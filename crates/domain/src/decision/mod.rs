//! The decision: may this one come in?
//!
//! [`decide`] is pure and total: no I/O, clock, randomness or failure, and no allocation on the
//! granted path. The live check, previews, reports and the simulator all ask it. Rules of who may
//! *manage* what are not here.

mod attempts;
mod door;
mod grants;
mod hint;
mod opens_at;

pub use attempts::{Attempts, FREE_ATTEMPTS};
pub use door::Door;
pub use hint::Hint;

use std::sync::Arc;

use crate::ids::{CredentialNumber, GrantNumber, LockNumber, PersonNumber};
use crate::noun::card::CardValue;
use crate::noun::credential::{Credential, CredentialKind, CredentialState, SessionHints, Tag};
use crate::noun::event::Method;
use crate::noun::grant::Subject;
use crate::noun::lock::{PinRule, Posture};
use crate::noun::person::{Person, PersonState};
use crate::reason::{Reason, Reasons};
use crate::state::{Hit, HolderRow, PlaceState, Reaches};
use crate::time::Instant;
use grants::Scale;

/// What was held to the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// A credential by its number.
    Credential(CredentialNumber),
    /// One part of a card.
    Card(CardValue),
    /// A code, by its tag in this place.
    Code(Tag),
    /// A code that is the text of this opaque card.
    Typed(CardValue),
    /// A person who asks from afar.
    Person(PersonNumber),
}

impl Presented {
    /// Whether it was typed, so that wrong tries count against it.
    #[must_use]
    #[inline]
    pub fn is_typed(self) -> bool {
        matches!(self, Presented::Code(_) | Presented::Typed(_))
    }
}

/// What is known of the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// None was given.
    Missing,
    /// It is the PIN of the credential in some place that knows it.
    Right,
    /// It is not.
    Wrong,
    /// Nobody stands there: a question, which passes unless no PIN is set.
    Asked,
}

/// Whether too many wrong tries stand in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lockouts {
    /// Of this credential's PIN.
    pub pin: bool,
    /// Of codes at this lock.
    pub codes: bool,
}

/// What was presented, and the credential a place knows it as.
///
/// Made before the lock is looked up: from what is presented to the grants of a person the reads
/// depend on one another, and the lock's go on beside them.
#[derive(Clone, Copy, Debug)]
pub struct Recognised<'s> {
    state: &'s PlaceState,
    presented: Presented,
    found: Option<(CredentialNumber, HolderRow)>,
}

impl<'s> Recognised<'s> {
    /// Looks it up in a place.
    #[must_use]
    #[inline]
    pub fn by(state: &'s PlaceState, presented: Presented) -> Recognised<'s> {
        Recognised { state, presented, found: find(state, presented) }
    }

    /// The credential, if the place knows it.
    #[must_use]
    pub fn credential(&self) -> Option<&'s Arc<Credential>> {
        self.state.credentials.get(self.found?.0)
    }

    /// Whose grants count.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> {
        let person = match self.presented {
            Presented::Person(number) => Some(number),
            _ => self.found.and_then(|(_, holder)| holder.person()),
        };
        let credential = self.found.map(|(number, _)| Subject::Credential(number));
        person.map(Subject::Person).into_iter().chain(credential)
    }
}

/// One question to the place that recognised what was presented.
#[derive(Clone, Copy, Debug)]
pub struct Request<'s> {
    /// The lock, by its number in the place that decides.
    pub lock: LockNumber,
    /// What was presented.
    pub recognised: Recognised<'s>,
    /// What is known of the PIN.
    pub pin: Pin,
    /// Which tries are locked out.
    pub lockouts: Lockouts,
    /// When.
    pub now: Instant,
}

/// The answer, with everything needed to say why.
#[derive(Clone, Debug)]
pub struct Decision<'s> {
    door: Door<'s>,
    request: Request<'s>,
    /// Whether the door opens.
    pub granted: bool,
    /// What was presented, or that nothing was needed.
    pub method: Method,
    /// Every condition found to fail.
    pub reasons: Reasons,
    /// Of whom, so that no object need be read.
    numbers: Numbers,
}

/// The credential and the person that were recognised.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    credential: Option<CredentialNumber>,
    person: Option<PersonNumber>,
}

#[inline]
fn find(state: &PlaceState, presented: Presented) -> Option<(CredentialNumber, HolderRow)> {
    let number = match presented {
        Presented::Card(card) | Presented::Typed(card) => return state.held_by_card(card),
        Presented::Credential(number) => number,
        Presented::Code(tag) => state.credential_by_code(tag)?,
        Presented::Person(_) => return None,
    };
    let holder = state.holder(number);
    holder.is_present().then_some((number, holder))
}

/// Decides one request in the place that is asked, at a lock whose settings are `door`.
///
/// The order of checks and what each means is the table in `decision.md`.
#[must_use]
#[inline]
pub fn decide<'s>(door: Door<'s>, request: &Request<'s>) -> Decision<'s> {
    let Request { lock, now, recognised: Recognised { state, presented, found }, .. } = *request;
    let (credential, holder) = found.unzip();
    let person = match presented {
        Presented::Person(number) => Some(number),
        _ => holder.and_then(HolderRow::person),
    };
    let reaches = person.map(|number| state.person_reach(number));
    let known = reaches.and_then(Reaches::person);
    let mut numbers = Numbers { credential, person: person.filter(|_| known.is_some()) };
    let mut method = method(request, holder);
    let mut reasons = Reasons::NONE;
    if door.posture() == Posture::Disabled {
        reasons.add(Reason::LockDisabled);
    }
    if door.is_free(now) {
        method = Method::FreeAccess;
    } else if presented.is_typed() && request.lockouts.codes {
        reasons.add(Reason::PinLockedOut);
        // Known or not: the answer must not tell.
        numbers = Numbers::default();
        reasons.join(door.lockdown());
    } else if credential.is_none() && known.is_none() {
        reasons.add(Reason::CredentialUnknown);
        reasons.join(door.lockdown());
    } else {
        if let Some((number, holder)) = found {
            reasons.join(credential_flaws(state, door, request, number, holder));
        }
        if known == Some(PersonState::Suspended) {
            reasons.add(Reason::PersonSuspended);
        }
        let reaches = reaches.filter(|_| known.is_some());
        reasons.join(Scale { state, door, lock, now }.weigh(reaches, credential));
    }
    let granted = reasons.is_empty();
    Decision { door, request: *request, granted, method, reasons, numbers }
}

#[inline]
fn method(request: &Request<'_>, holder: Option<HolderRow>) -> Method {
    let kind = match request.recognised.presented {
        Presented::Person(_) => return Method::Remote,
        Presented::Card(_) => CredentialKind::Card,
        Presented::Code(_) | Presented::Typed(_) => CredentialKind::Code,
        Presented::Credential(_) => holder.map_or(CredentialKind::Card, HolderRow::kind),
    };
    match kind {
        CredentialKind::Card if matches!(request.pin, Pin::Right | Pin::Wrong) => {
            Method::CardAndPin
        }
        CredentialKind::Card => Method::Card,
        CredentialKind::Code => Method::Code,
        CredentialKind::Phone => Method::Phone,
    }
}

/// Checks 4, 5 and 7: the credential and its PIN. Its object is read only where it has to be.
#[inline]
fn credential_flaws(
    state: &PlaceState,
    door: Door<'_>,
    request: &Request<'_>,
    number: CredentialNumber,
    holder: HolderRow,
) -> Reasons {
    let asks_pin = door.asks_pin(request.now);
    if holder.is_ordinary() && !asks_pin {
        return Reasons::NONE;
    }
    let credential = state.credentials.get(number);
    credential.map_or(Reasons::NONE, |it| flaws_of(it, door.pin(), asks_pin, request))
}

#[cold]
fn flaws_of(
    credential: &Credential,
    rule: PinRule,
    asks_pin: bool,
    request: &Request<'_>,
) -> Reasons {
    let mut reasons = Reasons::NONE;
    match credential.state {
        CredentialState::Active => {}
        CredentialState::Lost => reasons.add(Reason::CredentialLost),
        CredentialState::Disabled => reasons.add(Reason::CredentialDisabled),
    }
    if credential.valid.before(request.now) {
        reasons.add(Reason::CredentialNotYetValid);
    } else if credential.valid.past(request.now) {
        reasons.add(Reason::CredentialExpired);
    }
    let flaw = if asks_pin { pin_flaw(credential, rule, request) } else { None };
    flaw.into_iter().for_each(|flaw| reasons.add(flaw));
    reasons
}

/// What is wrong with the PIN at a time when the lock's rule holds.
fn pin_flaw(credential: &Credential, rule: PinRule, request: &Request<'_>) -> Option<Reason> {
    match (rule, &credential.pin, request.pin) {
        (PinRule::Never, _, _) | (PinRule::IfSet, None, _) => None,
        (PinRule::Always, None, _) => Some(Reason::PinNotSet),
        (_, Some(_), Pin::Missing) => Some(Reason::PinMissing),
        (_, Some(_), Pin::Asked) => None,
        (_, Some(_), Pin::Right | Pin::Wrong) if request.lockouts.pin => Some(Reason::PinLockedOut),
        (_, Some(_), Pin::Wrong) => Some(Reason::PinWrong),
        (_, Some(_), Pin::Right) => None,
    }
}

impl<'s> Decision<'s> {
    /// The credential, where one was recognised.
    #[must_use]
    pub fn credential(&self) -> Option<&'s Arc<Credential>> {
        self.state().credentials.get(self.numbers.credential?)
    }

    /// The person, where one is known.
    #[must_use]
    pub fn person(&self) -> Option<&'s Arc<Person>> {
        self.state().people.get(self.numbers.person?)
    }

    /// Whom the decision is about: the numbers of what [`Decision::credential`] and
    /// [`Decision::person`] look up.
    #[must_use]
    pub fn about(&self) -> (Option<CredentialNumber>, Option<PersonNumber>) {
        (self.numbers.credential, self.numbers.person)
    }

    /// The grants that allow; where none does, those that would but for the reasons. In order: the
    /// person's, then the credential's, each by number. Nothing where the door stands free.
    pub fn by(&self) -> impl Iterator<Item = GrantNumber> {
        let free = self.method == Method::FreeAccess;
        let in_time = |hit| self.holds(hit);
        let any_open = !free && self.reaching().any(in_time);
        let only_overrides =
            self.door.posture() == Posture::Lockdown && !self.reasons.has(Reason::Lockdown);
        self.reaching()
            .filter(move |hit| {
                !free && (!any_open || in_time(*hit)) && (!only_overrides || self.overrides(*hit))
            })
            .map(Hit::grant)
    }

    /// Hints for what the credential switches on, when it was let in.
    #[must_use]
    pub fn session(&self) -> Option<SessionHints> {
        self.credential().filter(|_| self.granted).and_then(|credential| credential.session)
    }

    /// How the PIN was found where check 7 looked at it: `Right` or `Wrong`. None where the door
    /// asks for none, the credential has none, none was presented or tries were locked out: then
    /// the answer says nothing about it, and it proves nothing.
    #[must_use]
    pub fn checked_pin(&self) -> Option<Pin> {
        let asked = self.door.asks_pin(self.request.now) && !self.request.lockouts.pin;
        let has_pin = self.credential().is_some_and(|credential| credential.pin.is_some());
        let shown = matches!(self.request.pin, Pin::Right | Pin::Wrong);
        (asked && has_pin && shown && self.method != Method::FreeAccess).then_some(self.request.pin)
    }

    /// What was asked.
    #[must_use]
    pub fn request(&self) -> &Request<'s> {
        &self.request
    }

    /// The place that was asked.
    fn state(&self) -> &'s PlaceState {
        self.request.recognised.state
    }
}
