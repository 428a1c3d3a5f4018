//! Lists of who may enter, kept by controllers for their locks: how far each credential has got.
//!
//! What belongs into a list is `domain::provision`; the protocol is described in
//! `docs/controllers.md`.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::ids::{ControllerNumber, CredentialNumber, Id, LockNumber, Noun, Ref};
use claviger_domain::noun::credential::{Credential, CredentialState};
use claviger_domain::noun::grant::{Grant, Target};
use claviger_domain::noun::lock::LockMode;
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use crate::context::Context;
use crate::error::Error;
use crate::read::resolve;

/// How far a credential has got at one system: a controller, or the server itself for locks that
/// ask it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemStatus {
    /// The controller; none for locks that ask the server directly, where changes apply at once.
    pub controller: Option<ControllerNumber>,
    /// The locks of that system that the credential has a right to, or that may still let it in.
    pub locks: Vec<LockNumber>,
    /// How far it has got there.
    pub state: SystemState,
}

/// How far a credential has got at a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemState {
    /// What is known here is not known there yet, or not all of it.
    Pending,
    /// The system decides by what is known here.
    Applied {
        /// Since when.
        at: Instant,
    },
    /// The controller refused the last change; it is tried again.
    Failed {
        /// The controller's own word for why.
        code: String,
        /// When.
        at: Instant,
    },
    /// It did not fit into the controller's store: it is let in only where the controller asks.
    NotStored,
}

/// One credential at one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtLock {
    /// Which.
    pub credential: CredentialNumber,
    /// How far it has got there.
    pub state: SystemState,
}

/// How far a credential has got at each system that it has a right at, or that still holds it, in
/// order of controller, those that ask first. None at all where no system needs to know it.
///
/// # Errors
/// Not found.
pub fn status(ctx: &Context, place: Id, credential: &Ref) -> Result<Vec<SystemStatus>, Error> {
    let state = ctx.read(place, Scope::CredentialsRead)?;
    let number: CredentialNumber = resolve(&state, Noun::Credential, credential)?;
    let credential = state.credentials.get(number).ok_or(Error::not_found(Noun::Credential))?;
    let now = ctx.app.now();
    let mut systems: BTreeMap<Option<ControllerNumber>, BTreeSet<LockNumber>> = BTreeMap::new();
    for lock in reached(&state, credential, now) {
        let controller = state.locks.get(lock).and_then(|lock| lock.controller);
        systems.entry(controller).or_default().insert(lock);
    }
    let is_listed = |lock: &LockNumber| {
        state.locks.get(*lock).is_some_and(|lock| lock.mode == LockMode::AllowList)
    };
    let changed = changed_at(&state, credential);
    let all = systems.into_iter().map(|(controller, locks)| {
        let by_list = controller.is_some() && locks.iter().any(is_listed);
        let state =
            if by_list { SystemState::Pending } else { SystemState::Applied { at: changed } };
        SystemStatus { controller, locks: locks.into_iter().collect(), state }
    });
    Ok(all.collect())
}

/// The credentials with a right at a lock that is served by a list, or still held there, in order.
/// At other locks everything applies at once.
///
/// # Errors
/// Not found.
pub fn stored_at(ctx: &Context, place: Id, lock: &Ref) -> Result<Vec<AtLock>, Error> {
    let state = ctx.read(place, Scope::LocksRead)?;
    let number: LockNumber = resolve(&state, Noun::Lock, lock)?;
    let lock = state.locks.get(number).ok_or(Error::not_found(Noun::Lock))?;
    let by_list = lock.controller.is_some() && lock.mode == LockMode::AllowList;
    let now = ctx.app.now();
    let mut found = Vec::new();
    for credential in state.credentials.iter() {
        if !reached(&state, credential, now).contains(&number) {
            continue;
        }
        let applied = SystemState::Applied { at: changed_at(&state, credential) };
        let state = if by_list { SystemState::Pending } else { applied };
        found.push(AtLock { credential: credential.number(), state });
    }
    Ok(found)
}

/// The open grants that may let a credential in.
fn grants<'s>(
    state: &'s PlaceState,
    credential: &'s Credential,
) -> impl Iterator<Item = &'s Grant> {
    let persons = credential.person.map(|person| state.person_reach(person));
    let reaches = persons.into_iter().chain([state.credential_reach(credential.number())]);
    let reaches = reaches.flat_map(|reaches| reaches.iter()).filter(|reach| reach.opens());
    reaches.filter_map(|reach| state.grants.get(reach.grant())).map(|grant| &**grant)
}

/// The locks that a credential has a right to that is not over.
fn reached(state: &PlaceState, credential: &Credential, now: Instant) -> BTreeSet<LockNumber> {
    let person = credential.person.and_then(|person| state.people.get(person));
    let suspended = person.is_some_and(|person| person.state == PersonState::Suspended);
    if suspended || credential.state != CredentialState::Active || credential.valid.past(now) {
        return BTreeSet::new();
    }
    let live = grants(state, credential).filter(|grant| !grant.window.past(now));
    let locks = live.flat_map(|grant| -> Vec<LockNumber> {
        match grant.target {
            Target::Lock(lock) => vec![lock],
            Target::AccessLevel(level) => state.level_locks(level).map(|it| it.lock).collect(),
        }
    });
    locks.collect()
}

/// When what a credential may do last changed.
fn changed_at(state: &PlaceState, credential: &Credential) -> Instant {
    let person = credential.person.and_then(|person| state.people.get(person));
    let person = person.map(|person| person.header.updated_at);
    let grants = grants(state, credential).map(|grant| grant.header.updated_at);
    grants.chain(person).fold(credential.header.updated_at, Instant::max)
}
