//! Who calls and how: the first argument of every use case.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use claviger_domain::ids::{
    AccountNumber, ClientNumber, ControllerNumber, CredentialNumber, Id, Noun, OrganizationNumber,
    PersonNumber, PlaceNumber,
};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::role::{Role, client_may_give};
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::noun::{Actor, Header};
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;

use crate::App;
use crate::error::Error;
use crate::provision::TakenBack;

/// Somebody who proved who they are.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The server itself, for work nobody asked for just now.
    System,
    /// The operator at the command line, who may do everything.
    Operator,
    /// A program.
    Client {
        /// Its number.
        number: ClientNumber,
        /// Its id.
        id: Id,
        /// What its token allows.
        scopes: Scopes,
        /// Where.
        places: Arc<[PlaceNumber]>,
        /// The one controller for whose locks it may decide and report.
        controller: Option<(PlaceNumber, ControllerNumber)>,
        /// The role by which it acts, where it does: its own, or that of the person it acts for.
        /// That says which roles it gives then, not its scopes.
        role: Option<Role>,
        /// Whether it acts in its places alone, not in those below.
        alone: bool,
    },
    /// A device with the secret it was enrolled with: it fetches keys for itself, and no more.
    Device {
        /// Its place.
        place: PlaceNumber,
        /// The credential that it is.
        credential: CredentialNumber,
    },
    /// A human with a session, or through a program that they let act for them.
    Account {
        /// Its number.
        number: AccountNumber,
        /// Its id.
        id: Id,
        /// The program.
        through: Option<Through>,
    },
}

/// The program through which a human calls, who may then do less than by themselves.
#[derive(Clone, Copy, Debug)]
pub struct Through {
    /// The program.
    pub client: ClientNumber,
    /// Whose it is: it acts in places of this organization only.
    pub organization: OrganizationNumber,
    /// What it may do, where its human may.
    pub scopes: Scopes,
}

impl Caller {
    /// For the change trail.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Caller::System => Actor::System,
            Caller::Operator => Actor::Operator,
            Caller::Client { id, .. } => Actor::Client(*id),
            Caller::Account { id, .. } => Actor::Account(*id),
            // What it makes happen is nobody's change.
            Caller::Device { .. } => Actor::System,
        }
    }
}

/// What a write must find, or do nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The object, at whatever revision.
    Any,
    /// The object at one of these revisions.
    Revisions(Vec<u64>),
    /// The whole plan of the command with this digest.
    Plan(String),
}

/// The answer of a request that may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The status code.
    pub status: u16,
    /// The body, secrets left out.
    pub body: String,
    /// Headers that belong to the answer.
    pub headers: Vec<(String, String)>,
}

/// What a write left behind.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// The place; none where the directory was changed.
    pub state: Option<&'a PlaceState>,
    /// The revision it has.
    pub revision: u64,
    /// The rights that were taken back at lists and at locks with no network.
    pub taken_back: Option<&'a TakenBack>,
}

/// Makes the answer to keep from what a use case made, before it is committed.
pub type Encode = dyn Fn(&dyn Any, Left<'_>) -> Option<Kept> + Send + Sync;

/// A request that may be sent again: its answer is kept in the change's own transaction.
#[derive(Clone)]
pub struct Keep {
    /// Client, method and path.
    pub scope: String,
    /// The caller's key.
    pub key: String,
    /// SHA-256 of the body.
    pub request: [u8; 32],
    /// Makes the answer.
    pub encode: Arc<Encode>,
}

/// The roles somebody has in a place and in those above it, as far as they count there: who is
/// suspended has none, and from above only authority counts, for a guest of the parent is nobody
/// below.
pub(crate) fn roles_of(
    app: &App,
    place: PlaceNumber,
    known_as: impl Fn(&PlaceState) -> Option<PersonNumber>,
) -> Vec<Role> {
    let mut roles = Vec::new();
    let mut at = Some(place);
    while let Some(cell) = at.and_then(|number| app.world().cell(number)) {
        let state = cell.state();
        let person = known_as(&state).and_then(|number| state.people.get(number));
        let role = person.filter(|it| it.state == PersonState::Active).map(|it| it.role);
        roles.extend(role.filter(|it| at == Some(place) || *it > Role::Guest));
        at = state.place.parent;
    }
    roles
}

/// Who calls and how.
#[derive(Clone)]
pub struct Context {
    /// Everything the use case works with.
    pub app: App,
    /// Who calls.
    pub caller: Caller,
    /// Through which surface.
    pub via: Via,
    /// What must be found.
    pub expected: Option<Expected>,
    /// Whether that was compared with what is there.
    compared: Arc<AtomicBool>,
    /// Whether only the plan is wanted.
    pub dry_run: bool,
    /// Whether the answer is kept for a request sent again.
    pub keep: Option<Keep>,
    /// Why, in the caller's words: kept with the change it makes, apart from the trail.
    pub reason: Option<String>,
    /// Whether a change of one object is refused at once while another such change of the same
    /// object is under way, rather than made after it.
    pub exclusive: bool,
}

impl Context {
    /// A plain call.
    #[must_use]
    pub fn new(app: App, caller: Caller, via: Via) -> Context {
        Context {
            app,
            caller,
            via,
            expected: None,
            compared: Arc::default(),
            dry_run: false,
            keep: None,
            reason: None,
            exclusive: false,
        }
    }

    /// The same call with the reason it is made for.
    #[must_use]
    pub fn because(self, reason: Option<String>) -> Context {
        Context { reason, ..self }
    }

    /// The place with that id, if the caller may do `scope` there. A place the caller has nothing
    /// to do with is not there.
    ///
    /// # Errors
    /// Not found; the scope is missing.
    pub fn authorize(&self, place: Id, scope: Scope) -> Result<PlaceNumber, Error> {
        let number = self.app.world().by_id(place).ok_or(Error::not_found(Noun::Place))?;
        let scopes = self.scopes_in(number).ok_or(Error::not_found(Noun::Place))?;
        if scopes.has(scope) { Ok(number) } else { Err(Error::Forbidden(scope)) }
    }

    /// What the caller may do in a place; `None` where the caller has nothing to do with it.
    #[must_use]
    pub fn scopes_in(&self, place: PlaceNumber) -> Option<Scopes> {
        let world = self.app.world();
        match &self.caller {
            Caller::System | Caller::Operator => Some(Scopes::ALL),
            Caller::Client { scopes, places, alone, .. } => {
                let reaches =
                    |own: &PlaceNumber| *own == place || !alone && world.is_within(place, *own);
                places.iter().any(reaches).then_some(*scopes)
            }
            Caller::Account { through, .. } => {
                let roles = self.roles_in(place).into_iter().map(Role::scopes);
                let own = roles.reduce(Scopes::or)?;
                Some(through.map_or(own, |through| own.and(through.scopes)))
            }
            Caller::Device { place: own, .. } => {
                (*own == place).then_some(Scopes::NONE.with(Scope::DevicesSync))
            }
        }
    }

    /// The roles of the account that calls that count in a place; none where it is nobody there, or
    /// acts through a program of another organization.
    pub(crate) fn roles_in(&self, place: PlaceNumber) -> Vec<Role> {
        let Caller::Account { number, through, .. } = &self.caller else { return Vec::new() };
        let organization = self.app.state(place).ok().map(|state| state.place.organization);
        if through.is_some_and(|through| organization != Some(through.organization)) {
            return Vec::new();
        }
        roles_of(&self.app, place, |state| state.person_by_account(*number))
    }

    /// Whether the caller has more in a place than a guest's own access.
    #[must_use]
    pub fn acts_in(&self, place: Id) -> bool {
        let Some(number) = self.app.world().by_id(place) else { return false };
        match &self.caller {
            Caller::Account { .. } => self.roles_in(number).iter().any(|role| *role > Role::Guest),
            _ => self.scopes_in(number).is_some(),
        }
    }

    /// Refuses to give a role the caller may not give.
    ///
    /// # Errors
    /// Escalation.
    pub fn may_give(&self, place: PlaceNumber, role: Role) -> Result<(), Error> {
        let may = match &self.caller {
            Caller::System | Caller::Operator => true,
            Caller::Client { scopes, role: own, .. } => client_may_give(*scopes, *own, role),
            Caller::Device { .. } => false,
            Caller::Account { through, .. } => {
                let gives = through.is_none_or(|it| it.scopes.has(Scope::RolesWrite));
                let mut own = self.roles_in(place).into_iter().filter(|_| gives);
                role == Role::Guest || own.any(|own| own.may_give(role))
            }
        };
        if may {
            return Ok(());
        }
        let detail = format!("you may not give the role {}", role.as_str());
        Err(Error::Refused(Refusal::Escalation(detail)))
    }

    /// Refuses to touch what is bound to one controller's locks unless the caller is not so bound.
    #[must_use]
    pub fn controller(&self) -> Option<(PlaceNumber, ControllerNumber)> {
        match &self.caller {
            Caller::Client { controller, .. } => *controller,
            _ => None,
        }
    }

    /// Refuses if the object is not at the revision the caller has seen.
    ///
    /// # Errors
    /// Stale.
    pub fn check_seen(&self, header: &Header) -> Result<(), Error> {
        self.compared.store(true, Ordering::Relaxed);
        match &self.expected {
            Some(Expected::Revisions(seen)) if !seen.contains(&header.revision) => {
                Err(Error::Refused(Refusal::Stale))
            }
            _ => Ok(()),
        }
    }

    /// Forgets that anything was compared, before a wish is run.
    pub(crate) fn begin(&self) {
        self.compared.store(false, Ordering::Relaxed);
    }

    /// Refuses a wish that compared no object with the one the caller has seen.
    ///
    /// # Errors
    /// Stale.
    pub(crate) fn check_compared(&self) -> Result<(), Error> {
        let has_seen = matches!(self.expected, Some(Expected::Any | Expected::Revisions(_)));
        if has_seen && !self.compared.load(Ordering::Relaxed) {
            return Err(Error::Refused(Refusal::Stale));
        }
        Ok(())
    }

    /// Refuses to make an object where the caller has seen one.
    ///
    /// # Errors
    /// Stale.
    pub fn check_absent(&self) -> Result<(), Error> {
        match &self.expected {
            Some(Expected::Any | Expected::Revisions(_)) => Err(Error::Refused(Refusal::Stale)),
            _ => Ok(()),
        }
    }
}
