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

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::ids::{CredentialNumber, GrantNumber, LockNumber, PersonNumber};
use crate::noun::card::CardValue;
use crate::noun::credential::{Credential, CredentialKind, CredentialState, SessionHints, Tag};
use crate::noun::event::Method;
use crate::noun::lock::{PinRule, Posture};
use crate::noun::person::Person;
use crate::reason::{Reason, Reasons};
use crate::state::PlaceState;
use crate::time::Instant;
use grants::Standing;

/// What was held to the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// A credential by its number.
    Credential(CredentialNumber),
    /// One part of a card.
    Card(CardValue),
    /// A code, by its tag in this place.
    Code(Tag),
    /// A person who asks from afar.
    Person(PersonNumber),
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

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The lock, by its number in the place that decides.
    pub lock: LockNumber,
    /// What was presented.
    pub presented: Presented,
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
    state: &'s PlaceState,
    door: Door<'s>,
    request: Request,
    /// Whether the door opens.
    pub granted: bool,
    /// What was presented, or that nothing was needed.
    pub method: Method,
    /// Every condition found to fail.
    pub reasons: Reasons,
    /// The credential, where one was recognised.
    pub credential: Option<&'s Arc<Credential>>,
    /// The person, where one is known.
    pub person: Option<&'s Arc<Person>>,
    /// Their numbers, so that neither object need be read.
    numbers: Numbers,
}

#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    credential: Option<CredentialNumber>,
    person: Option<PersonNumber>,
}

/// The credential or person that was presented, if this place knows it.
#[must_use]
#[inline]
pub fn identify(state: &PlaceState, presented: Presented) -> Option<&Arc<Credential>> {
    state.credentials.get(number_of(state, presented)?)
}

#[inline]
fn number_of(state: &PlaceState, presented: Presented) -> Option<CredentialNumber> {
    match presented {
        Presented::Credential(number) => Some(number),
        Presented::Card(card) => state.credential_by_card(card),
        Presented::Code(tag) => state.credential_by_code(tag),
        Presented::Person(_) => None,
    }
}

/// Decides one request in one place, at a lock whose settings are `door`.
///
/// The order of checks and what each means is the table in `decision.md`.
#[must_use]
pub fn decide<'s>(state: &'s PlaceState, door: Door<'s>, request: &Request) -> Decision<'s> {
    let number = number_of(state, request.presented);
    let credential = number.and_then(|number| state.credentials.get(number));
    let holder = number.map(|number| state.holder(number)).unwrap_or_default();
    let person_number = match request.presented {
        Presented::Person(number) => Some(number),
        _ => holder.person(),
    };
    let person = person_number.and_then(|number| state.people.get(number));
    let mut decision = Decision {
        state,
        door,
        request: *request,
        granted: false,
        method: method(request, credential),
        reasons: Reasons::NONE,
        credential,
        person,
        numbers: Numbers {
            credential: number.filter(|_| credential.is_some()),
            person: person_number.filter(|_| person.is_some()),
        },
    };
    if door.posture() == Posture::Disabled {
        decision.reasons.add(Reason::LockDisabled);
    } else if door.is_free(request.now) {
        decision.granted = true;
        decision.method = Method::FreeAccess;
        return decision;
    }
    if matches!(request.presented, Presented::Code(_)) && request.lockouts.codes {
        decision.reasons.add(Reason::PinLockedOut);
        // Known or not: the answer must not tell.
        (decision.credential, decision.person) = (None, None);
        decision.numbers = Numbers::default();
    } else if decision.credential.is_none() && decision.person.is_none() {
        decision.reasons.add(Reason::CredentialUnknown);
    } else {
        decision.check_subject();
        decision.check_grants();
        decision.granted = decision.reasons.is_empty();
        return decision;
    }
    if door.posture() == Posture::Lockdown {
        decision.reasons.add(Reason::Lockdown);
    }
    decision
}

fn method(request: &Request, credential: Option<&Arc<Credential>>) -> Method {
    let kind = match request.presented {
        Presented::Person(_) => return Method::Remote,
        Presented::Card(_) => CredentialKind::Card,
        Presented::Code(_) => CredentialKind::Code,
        Presented::Credential(_) => credential.map_or(CredentialKind::Card, |it| it.kind),
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

impl<'s> Decision<'s> {
    /// Checks 4 to 7: the credential, the person and the PIN.
    fn check_subject(&mut self) {
        let now = self.request.now;
        let holder = self.numbers.credential.map(|number| self.state.holder(number));
        if let Some(credential) = self.credential.filter(|_| !holder.is_some_and(|it| it.is_plain))
        {
            match credential.state {
                CredentialState::Active => {}
                CredentialState::Lost => self.reasons.add(Reason::CredentialLost),
                CredentialState::Disabled => self.reasons.add(Reason::CredentialDisabled),
            }
            if credential.valid.before(now) {
                self.reasons.add(Reason::CredentialNotYetValid);
            } else if credential.valid.past(now) {
                self.reasons.add(Reason::CredentialExpired);
            }
        }
        if let Some(credential) = self.credential
            && self.door.pin_rule(now) != PinRule::Never
            && let Some(flaw) = self.pin_flaw(credential)
        {
            self.reasons.add(flaw);
        }
        if self.numbers.person.is_some_and(|number| self.state.is_suspended(number)) {
            self.reasons.add(Reason::PersonSuspended);
        }
    }

    /// What is wrong with the PIN at a time when the lock's rule holds.
    fn pin_flaw(&self, credential: &Credential) -> Option<Reason> {
        match (self.door.lock().pin, &credential.pin, self.request.pin) {
            (PinRule::Never, _, _) | (PinRule::IfSet, None, _) => None,
            (PinRule::Always, None, _) => Some(Reason::PinNotSet),
            (_, Some(_), Pin::Missing) => Some(Reason::PinMissing),
            (_, Some(_), Pin::Asked) => None,
            (_, Some(_), Pin::Right | Pin::Wrong) if self.request.lockouts.pin => {
                Some(Reason::PinLockedOut)
            }
            (_, Some(_), Pin::Wrong) => Some(Reason::PinWrong),
            (_, Some(_), Pin::Right) => None,
        }
    }

    /// Checks 8 and 9, and whether lockdown is overridden.
    fn check_grants(&mut self) {
        let lockdown = self.door.posture() == Posture::Lockdown;
        let (mut any, mut open, mut overridden) = (false, false, false);
        let mut outside = Reasons::NONE;
        // Not a `for` loop: the rows are walked from within, which is a third faster.
        let _ = self.reaching().try_for_each(|reach| {
            any = true;
            match self.standing(reach) {
                Standing::Open if !lockdown => {
                    open = true;
                    return ControlFlow::Break(());
                }
                Standing::Open => {
                    open = true;
                    overridden |= self.overrides(reach);
                }
                Standing::Outside(reason) => outside.add(reason),
            }
            ControlFlow::Continue(())
        });
        if lockdown && !overridden {
            self.reasons.add(Reason::Lockdown);
        }
        if !any {
            self.reasons.add(Reason::NoGrant);
        } else if !open {
            outside.iter().for_each(|reason| self.reasons.add(reason));
        }
    }

    /// The grants that allow; where none does, those that would but for the reasons. In order: the
    /// person's, then the credential's, each by number. Nothing where the door stands free.
    pub fn by(&self) -> impl Iterator<Item = GrantNumber> {
        let free = self.method == Method::FreeAccess;
        let in_time = |reach| matches!(self.standing(reach), Standing::Open);
        let any_open = !free && self.reaching().any(in_time);
        let only_overrides =
            self.door.posture() == Posture::Lockdown && !self.reasons.has(Reason::Lockdown);
        self.reaching()
            .filter(move |reach| {
                !free
                    && (!any_open || in_time(*reach))
                    && (!only_overrides || self.overrides(*reach))
            })
            .map(|reach| reach.grant())
    }

    /// Hints for what the credential switches on, when it was let in.
    #[must_use]
    pub fn session(&self) -> Option<SessionHints> {
        self.credential.filter(|_| self.granted).and_then(|credential| credential.session)
    }

    /// What was asked.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }
}
