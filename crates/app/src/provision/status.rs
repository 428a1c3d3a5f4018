//! How far lists of controllers are: a credential at each system, the credentials at a lock, a
//! controller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_domain::ids::{ControllerNumber, CredentialNumber, Id, LockNumber, Noun, Ref};
use claviger_domain::noun::credential::Credential;
use claviger_domain::noun::lock::{Lock, LockMode};
use claviger_domain::noun::scope::Scope;
use claviger_domain::provision::{
    self, Cut, Desired, Holdings, Item, ItemKey, ItemKind, List, ListKey, Row, Scribe, is_usable,
    open_grants,
};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, MINUTE};

use super::line::Worked;
use super::{Sites, digest};
use crate::App;
use crate::context::Context;
use crate::error::Error;
use crate::read::resolve;
use crate::world::guard;

/// After so long without a call a controller counts as offline.
const OFFLINE_AFTER: i64 = 2 * MINUTE;

/// How far a credential has got at one system: a controller, or the server itself for locks that
/// ask it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemStatus {
    /// The controller; none for locks that ask the server directly, where changes apply at once,
    /// and for the controllers of other places.
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

impl SystemState {
    /// The less it has got, the higher.
    fn rank(&self) -> u8 {
        match self {
            SystemState::Applied { .. } => 0,
            SystemState::Pending => 1,
            SystemState::Failed { .. } => 2,
            SystemState::NotStored => 3,
        }
    }
}

/// How far a credential has got, all systems taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No system needs to know it.
    NotApplied,
    /// None has it yet.
    Pending,
    /// Some have it, the others will.
    PartiallyApplied,
    /// All have it.
    Applied,
    /// Some system will not have it as things are.
    Failed,
}

impl Reach {
    /// Of how far it has got at each system. That one failed outweighs the others.
    #[must_use]
    pub fn of(systems: &[SystemStatus]) -> Reach {
        let (mut applied, mut pending) = (false, false);
        for system in systems {
            match system.state {
                SystemState::Applied { .. } => applied = true,
                SystemState::Pending => pending = true,
                SystemState::Failed { .. } | SystemState::NotStored => return Reach::Failed,
            }
        }
        match (applied, pending) {
            (true, true) => Reach::PartiallyApplied,
            (true, false) => Reach::Applied,
            (false, true) => Reach::Pending,
            (false, false) => Reach::NotApplied,
        }
    }
}

/// Whether a controller does what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControllerState {
    /// It calls, and takes what it is sent.
    Ok,
    /// It refuses some change again and again.
    Failing,
    /// It does not call.
    Offline,
}

/// How a controller and its list stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerStatus {
    /// Whether it does what it should.
    pub state: ControllerState,
    /// When it last called.
    pub last_seen_at: Option<Instant>,
    /// Changes that it has not confirmed.
    pub pending: usize,
    /// Credentials that it has confirmed.
    pub stored: usize,
    /// Credentials for which there was no room.
    pub not_stored: usize,
}

impl ControllerStatus {
    /// Of a controller that was just made: nobody called, and no lock hangs on it.
    pub const NEW: ControllerStatus = ControllerStatus {
        state: ControllerState::Offline,
        last_seen_at: None,
        pending: 0,
        stored: 0,
        not_stored: 0,
    };
}

/// Which system serves a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum System {
    /// The lock asks, or its controller does for it.
    Asks(Option<ControllerNumber>),
    /// A list.
    List(ListKey),
    /// Keys that are made for the lock and carried there: what it knows is in none of the others.
    Keys,
}

/// Which system serves a lock, and the lock's number there.
pub(super) fn system(ctx: &Context, state: &PlaceState, lock: &Lock) -> (System, LockNumber) {
    let (place, number) = lock.borrowed.unwrap_or((state.place.number(), lock.number()));
    let owner = ctx.app.state(place).ok();
    let settings = owner.as_ref().and_then(|owner| owner.locks.get(number));
    match settings.map(|it| (it.mode, it.controller)) {
        Some((LockMode::AllowList, Some(controller))) => {
            (System::List(ListKey { place, controller }), number)
        }
        Some((LockMode::OfflineKeys, _)) => (System::Keys, number),
        _ => (System::Asks(lock.controller), lock.number()),
    }
}

/// How far a credential has got at each system that it has a right at, or that still holds it, in
/// order of controller, those that ask first; a system with locks at which it has got less far than
/// at others stands once for each. None at all where no system needs to know it: locks with no
/// network learn of it by the keys that are made for them.
///
/// # Errors
/// Not found.
pub async fn status(
    ctx: &Context,
    place: Id,
    credential: &Ref,
) -> Result<Vec<SystemStatus>, Error> {
    let state = ctx.read(place, Scope::CredentialsRead)?;
    let number: CredentialNumber = resolve(&state, Noun::Credential, credential)?;
    let credential = state.credentials.get(number).ok_or(Error::not_found(Noun::Credential))?;
    let credential = credential.clone();
    let systems = systems(ctx, &state, &credential);
    if !systems.keys().any(|system| matches!(system, System::List(_))) {
        return stand(&ctx.app, &state, &credential, systems);
    }
    let app = ctx.app.clone();
    // Where there is little room the whole list is worked out.
    let stands = move || stand(&app, &state, &credential, systems);
    tokio::task::spawn_blocking(stands).await.map_err(|_| Error::Internal)?
}

/// The systems that have to do with a credential, each with the locks it has a right to there.
type Systems = BTreeMap<System, BTreeSet<LockNumber>>;

fn systems(ctx: &Context, state: &PlaceState, credential: &Credential) -> Systems {
    let mut systems = Systems::new();
    for lock in reached(state, credential, ctx.app.now()) {
        if let Some(lock) = state.locks.get(lock) {
            systems.entry(system(ctx, state, lock).0).or_default().insert(lock.number());
        }
    }
    let lists = ctx.app.world().lists();
    for list in lists.lists.values().filter(|list| list.holds(credential.header.id)) {
        systems.entry(System::List(list.key)).or_default();
    }
    systems
}

/// How far a credential has got at some systems.
fn stand(
    app: &App,
    state: &PlaceState,
    credential: &Credential,
    systems: Systems,
) -> Result<Vec<SystemStatus>, Error> {
    let mut found: Vec<SystemStatus> = Vec::new();
    for (system, mut locks) in systems {
        let (controller, mut parts) = match system {
            System::Asks(controller) => {
                (controller, vec![Part { locks, state: applied(state, credential) }])
            }
            System::List(key) => {
                let view = View::of(app, key)?;
                locks.extend(view.held_locks(state, credential.header.id));
                let own = key.place == state.place.number();
                (own.then_some(key.controller), view.parts(app, state, credential, locks))
            }
            System::Keys => continue,
        };
        let known = found.iter().position(|it| it.controller == controller);
        // A controller with locks of both kinds is one system: its list is what takes time.
        if let Some(asks) = known.filter(|_| controller.is_some()) {
            let asks = found.remove(asks);
            parts.first_mut().into_iter().for_each(|part| part.locks.extend(&asks.locks));
        }
        found.extend(parts.into_iter().map(|part| SystemStatus {
            controller,
            locks: part.locks.into_iter().collect(),
            state: part.state,
        }));
    }
    found.sort_by_key(|it| it.controller);
    Ok(found)
}

/// Whether a controller calls.
pub(crate) fn is_online(app: &App, key: ListKey, now: Instant) -> bool {
    let lists = app.world().lists();
    let seen = lists.list(key).and_then(|list| list.seen_at);
    // One that called by a clock that was ahead is not heard until that time comes.
    seen.is_some_and(|seen| now.0.abs_diff(seen.0) < OFFLINE_AFTER.unsigned_abs())
}

/// How a controller and its list stand.
///
/// # Errors
/// Not found.
pub fn of_controller(
    ctx: &Context,
    place: &PlaceState,
    controller: ControllerNumber,
) -> Result<ControllerStatus, Error> {
    let key = ListKey { place: place.place.number(), controller };
    let view = View::of(&ctx.app, key)?;
    let desired = view.desired(&ctx.app)?;
    let site = view.sites.site().ok_or(Error::not_found(Noun::Controller))?;
    let now = ctx.app.now();
    let queue = provision::queue(&site, &desired, &view.list, u64::MAX, now, digest);
    let last_seen_at = view.list.seen_at;
    let heard = is_online(&ctx.app, key, now);
    let confirmed =
        |row: &&Arc<Row>| row.key.kind == ItemKind::Credential && row.confirmed.is_some();
    Ok(ControllerStatus {
        state: match (heard, view.list.is_failing(Some(&desired), now)) {
            (false, _) => ControllerState::Offline,
            (true, true) => ControllerState::Failing,
            (true, false) => ControllerState::Ok,
        },
        last_seen_at,
        pending: queue.pending,
        stored: view.list.rows().filter(confirmed).count(),
        not_stored: desired.not_stored(),
    })
}

/// A list and what it is derived from.
struct View {
    sites: Sites,
    list: List,
    now: Instant,
}

impl View {
    fn of(app: &App, key: ListKey) -> Result<View, Error> {
        let sites = Sites::of(key, |place| app.state(place).ok());
        let sites = sites.ok_or(Error::not_found(Noun::Place))?;
        let list = app.world().lists().list(key).cloned().unwrap_or_else(|| List::new(key));
        Ok(View { sites, list, now: app.now() })
    }

    /// The list as it should be, as it was last worked out where nothing has moved.
    fn desired(&self, app: &App) -> Result<Arc<Desired>, Error> {
        let line = app.lines().line(self.sites.key);
        let site = self.sites.site().ok_or(Error::not_found(Noun::Controller))?;
        let known = guard(&line.worked).clone();
        if let Some(worked) = known.filter(|it| it.is_of(&site, &self.list, self.now)) {
            return Ok(worked.desired);
        }
        let worked = Worked::of(&site, &self.list, app.settings().clock);
        let desired = worked.desired.clone();
        *guard(&line.worked) = Some(worked);
        Ok(desired)
    }

    /// The item of one credential, without asking whether there is room.
    fn item(&self, state: &PlaceState, credential: &Credential) -> Option<Item> {
        let site = self.sites.site()?;
        let tenant = site.tenant(state.place.number())?;
        Scribe::new(digest, self.now).credential(&site, tenant, credential.number())
    }

    /// How far a credential is at some locks of its place, those where it has got furthest first.
    fn parts(
        &self,
        app: &App,
        state: &PlaceState,
        credential: &Credential,
        locks: BTreeSet<LockNumber>,
    ) -> Vec<Part> {
        let id = credential.header.id;
        let row = self.list.credential(id).map(|row| &**row);
        let mut item = self.item(state, credential);
        let mut full = Vec::new();
        if self.is_limited()
            && item.is_some()
            && let Ok(desired) = self.desired(app)
        {
            item = desired.items.get(&ItemKey { kind: ItemKind::Credential, id }).cloned();
            if item.is_none() && !row.is_some_and(Row::is_held) {
                // There was no room for any of it.
                return vec![Part { locks, state: SystemState::NotStored }];
            }
            if let Some(Cut::Locks(cut)) = desired.cut.get(&id) {
                full.extend(cut.iter().copied().filter(|lock| !self.list.opens(id, *lock)));
            }
        }
        let whole = stands(row, item.as_ref());
        let site = self.sites.site();
        let numbers = site.as_ref().and_then(|site| site.tenant(state.place.number()));
        let mut parts: Vec<Part> = Vec::new();
        for lock in locks {
            let at = match numbers.and_then(|tenant| tenant.locks.get(&lock)) {
                Some(own) if full.contains(own) => SystemState::NotStored,
                Some(own) => self.at_lock(*own, item.as_ref(), &whole),
                None => whole.clone(),
            };
            match parts.iter_mut().find(|part| part.state == at) {
                Some(part) => part.locks.extend([lock]),
                None => parts.push(Part { locks: BTreeSet::from([lock]), state: at }),
            }
        }
        if parts.is_empty() {
            parts.push(Part { locks: BTreeSet::new(), state: whole });
        }
        parts.sort_by_key(|part| part.state.rank());
        parts
    }

    /// How far an item is at a lock: nobody gets in by the list where the lock is not in it.
    fn at_lock(&self, lock: LockNumber, item: Option<&Item>, whole: &SystemState) -> SystemState {
        let reaches = item.is_some_and(|item| item.ways().iter().any(|way| way.reaches(lock)));
        if !reaches || matches!(whole, SystemState::Failed { .. }) {
            return whole.clone();
        }
        match lock_row(&self.sites, &self.list, lock) {
            Some(row) if row.confirmed.is_some() => whole.clone(),
            Some(Row { failure: Some(failure), .. }) => {
                SystemState::Failed { code: failure.code.clone(), at: failure.at }
            }
            _ => SystemState::Pending,
        }
    }

    fn is_limited(&self) -> bool {
        self.sites.site().is_some_and(|site| site.is_limited())
    }

    /// The locks of a place that may let a credential in by what is held.
    fn held_locks(&self, state: &PlaceState, id: Id) -> Vec<LockNumber> {
        let site = self.sites.site();
        let tenant = site.as_ref().and_then(|site| site.tenant(state.place.number()));
        let Some(tenant) = tenant else { return Vec::new() };
        let there = tenant.locks.iter().filter(|(_, own)| self.list.opens(id, **own));
        there.map(|(there, _)| *there).collect()
    }
}

/// The row of a listed lock, by its number at the owner.
pub(super) fn lock_row<'l>(sites: &Sites, list: &'l List, lock: LockNumber) -> Option<&'l Row> {
    let id = sites.site()?.lock(lock)?.header.id;
    list.row(ItemKey { kind: ItemKind::Lock, id }).map(|row| &**row)
}

/// Locks of a system at which a credential has got equally far.
struct Part {
    locks: BTreeSet<LockNumber>,
    state: SystemState,
}

/// How far an item is.
fn stands(row: Option<&Row>, item: Option<&Item>) -> SystemState {
    let Some(row) = row else { return SystemState::Pending };
    let print = item.map(|item| item.print);
    if let Some(failure) = row.failure.as_ref().filter(|failure| failure.print == print) {
        return SystemState::Failed { code: failure.code.clone(), at: failure.at };
    }
    match &row.confirmed {
        Some(it) if Some(it.held.print) == print && row.sent.is_none() => {
            SystemState::Applied { at: it.at }
        }
        _ => SystemState::Pending,
    }
}

/// The locks that a credential has a right to that is not over.
fn reached(state: &PlaceState, credential: &Credential, now: Instant) -> BTreeSet<LockNumber> {
    if !is_usable(state, credential) {
        return BTreeSet::new();
    }
    let live = open_grants(state, credential).filter(|grant| {
        let window = grant.window.intersect(&credential.valid);
        !window.is_empty() && !window.past(now)
    });
    live.flat_map(|grant| state.locks_of(grant.target)).collect()
}

/// Applied since what a credential may do last changed.
fn applied(state: &PlaceState, credential: &Credential) -> SystemState {
    let person = credential.person.and_then(|person| state.people.get(person));
    let person = person.map(|person| person.header.updated_at);
    let grants = open_grants(state, credential).map(|grant| grant.header.updated_at);
    let at = grants.chain(person).fold(credential.header.updated_at, Instant::max);
    SystemState::Applied { at }
}
