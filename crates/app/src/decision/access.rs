//! Who can open what, now or at another instant: everyone with a right, and whether it opens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use claviger_domain::decision::{Door, Lockouts, Pin, Presented, Recognised, Request, decide};
use claviger_domain::ids::{GrantNumber, Id, LockNumber, Noun, PersonNumber, PlaceNumber, Ref};
use claviger_domain::noun::grant::{Right, Subject};
use claviger_domain::noun::scope::Scope;
use claviger_domain::reason::Reasons;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use claviger_store::ClosedGrants;

use crate::context::Context;
use crate::error::Error;
use crate::read::resolve;
use crate::retention::RIGHTS_KEPT;

/// One subject with a right at one lock.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessRow {
    /// Who holds the right.
    pub subject: Subject,
    /// That subject's id.
    pub subject_id: Id,
    /// Where.
    pub lock: Id,
    /// The number it has in this place: rows stand in the order of locks, then of subjects.
    pub lock_number: LockNumber,
    /// The grants that reach the lock.
    pub grants: Vec<Id>,
    /// Whether the door would open.
    pub opens: bool,
    /// Why not.
    pub reasons: Reasons,
}

/// The place as it was at an instant gone by, its grants apart, which [`with_grants`] turns back;
/// `pointer` says where the caller named it.
///
/// # Errors
/// The instant is older than what is kept of rights that ended.
pub(super) async fn as_of(
    ctx: &Context,
    state: &Arc<PlaceState>,
    at: Instant,
    pointer: &'static str,
) -> Result<Arc<PlaceState>, Error> {
    let kept_since = ctx.app.now().plus(-RIGHTS_KEPT);
    if at < kept_since && state.place.header.created_at < at {
        let detail =
            format!("is before {kept_since}: of rights that ended by then nothing is kept");
        return Err(Refusal::field(pointer, "before_records", detail).into());
    }
    let undo = ctx.app.store().since(state.place.number(), at).await?;
    Ok(Arc::new(claviger_store::as_of(state, &undo, at)?))
}

/// The same with those grants as they were.
pub(super) async fn with_grants(
    ctx: &Context,
    state: &Arc<PlaceState>,
    at: Instant,
    which: &[ClosedGrants],
) -> Result<Arc<PlaceState>, Error> {
    let open: Vec<GrantNumber> = which.iter().flat_map(|which| which.open_in(state)).collect();
    let place = state.place.number();
    let undo = ctx.app.store().grants_since(place, at, which, open.iter().copied()).await?;
    Ok(Arc::new(claviger_store::with_grants(state, &open, &undo, at)?))
}

/// A place at the instant that is asked about, and the owners of the locks it borrows.
struct Scene {
    state: Arc<PlaceState>,
    owners: HashMap<PlaceNumber, Arc<PlaceState>>,
    now: Instant,
    is_past: bool,
}

impl Scene {
    async fn of(
        ctx: &Context,
        state: Arc<PlaceState>,
        when: Option<Instant>,
    ) -> Result<Scene, Error> {
        let present = ctx.app.now();
        let now = when.unwrap_or(present);
        let state = if now < present { as_of(ctx, &state, now, "?at").await? } else { state };
        let owners: BTreeSet<PlaceNumber> =
            state.locks.iter().filter_map(|lock| Some(lock.borrowed?.0)).collect();
        let is_past = now < present;
        let mut scene = Scene { state, owners: HashMap::new(), now, is_past };
        for place in owners {
            let owner = ctx.app.state(place)?;
            let owner = if now < present { as_of(ctx, &owner, now, "?at").await? } else { owner };
            scene.owners.insert(place, owner);
        }
        Ok(scene)
    }

    /// The grants of the place as they were, of those that are asked about.
    async fn with_grants(&mut self, ctx: &Context, which: &[ClosedGrants]) -> Result<(), Error> {
        if self.is_past {
            self.state = with_grants(ctx, &self.state, self.now, which).await?;
        }
        Ok(())
    }
}

/// Everyone with a right at a lock, at an instant (the present unless said).
///
/// # Errors
/// Not found.
pub async fn of_lock(
    ctx: &Context,
    place: Id,
    lock: &Ref,
    when: Option<Instant>,
) -> Result<Vec<AccessRow>, Error> {
    ctx.authorize(place, Scope::GrantsRead)?;
    let state = ctx.read(place, Scope::LocksRead)?;
    let lock: LockNumber = resolve(&state, Noun::Lock, lock)?;
    let mut scene = Scene::of(ctx, state, when).await?;
    let levels = scene.state.lock_levels(lock).iter().map(ClosedGrants::ToLevel);
    let which: Vec<_> = levels.chain([ClosedGrants::ToLock(lock)]).collect();
    scene.with_grants(ctx, &which).await?;
    let state = &scene.state;
    let mut holders: BTreeMap<Subject, Vec<Id>> = BTreeMap::new();
    let levels = state.lock_levels(lock).iter().flat_map(|level| state.level_grants(level).iter());
    for grant in state.lock_grants(lock).iter().chain(levels) {
        if let Some(grant) = state.grants.get(grant).filter(|grant| grant.right == Right::Open) {
            holders.entry(grant.subject).or_default().push(grant.header.id);
        }
    }
    let rows = holders.into_iter();
    rows.map(|(subject, grants)| row(&scene, subject, lock, grants)).collect()
}

/// Every lock a person has a right at, at an instant (the present unless said).
///
/// # Errors
/// Not found.
pub async fn of_person(
    ctx: &Context,
    place: Id,
    person: &Ref,
    when: Option<Instant>,
) -> Result<Vec<AccessRow>, Error> {
    ctx.authorize(place, Scope::GrantsRead)?;
    let state = ctx.read(place, Scope::PeopleRead)?;
    let person: PersonNumber = resolve(&state, Noun::Person, person)?;
    reached(ctx, state, person, when).await
}

/// The same of whoever calls.
///
/// # Errors
/// As [`person::own`](crate::person::own).
pub async fn of_caller(
    ctx: &Context,
    place: Id,
    when: Option<Instant>,
) -> Result<Vec<AccessRow>, Error> {
    let own = crate::person::own(ctx, place)?;
    reached(ctx, own.state, own.value.number(), when).await
}

async fn reached(
    ctx: &Context,
    state: Arc<PlaceState>,
    person: PersonNumber,
    when: Option<Instant>,
) -> Result<Vec<AccessRow>, Error> {
    let mut scene = Scene::of(ctx, state, when).await?;
    let credentials = scene.state.person_credentials(person).iter();
    let credentials = credentials.map(|number| Subject::Credential(number.into()));
    let subjects: Vec<Subject> = credentials.chain([Subject::Person(person)]).collect();
    let which: Vec<_> = subjects.iter().copied().map(ClosedGrants::Of).collect();
    scene.with_grants(ctx, &which).await?;
    let state = &scene.state;
    let mut locks: BTreeMap<(LockNumber, Subject), Vec<Id>> = BTreeMap::new();
    for subject in subjects {
        for reach in state.reach(subject).iter().filter(|reach| reach.opens()) {
            let Some(grant) = state.grants.get(reach.grant()) else { continue };
            for lock in state.locks_of(grant.target) {
                locks.entry((lock, subject)).or_default().push(grant.header.id);
            }
        }
    }
    let rows = locks.into_iter();
    rows.map(|((lock, subject), grants)| row(&scene, subject, lock, grants)).collect()
}

fn row(
    scene: &Scene,
    subject: Subject,
    lock: LockNumber,
    grants: Vec<Id>,
) -> Result<AccessRow, Error> {
    let Scene { state, owners, now, .. } = scene;
    let missing = || Error::not_found(Noun::Lock);
    let own = state.locks.get(lock).ok_or_else(missing)?;
    let owner = match own.borrowed {
        Some((owner, number)) => Some((owners.get(&owner).ok_or_else(missing)?, number)),
        None => None,
    };
    let door = match &owner {
        Some((owner, number)) => Door::at(owner, *number),
        None => Door::at(state, lock),
    };
    let door = door.ok_or_else(missing)?;
    let (presented, id) = match subject {
        Subject::Person(person) => {
            (Presented::Person(person), state.people.get(person).map(|it| it.header.id))
        }
        Subject::Credential(credential) => (
            Presented::Credential(credential),
            state.credentials.get(credential).map(|it| it.header.id),
        ),
    };
    let recognised = Recognised::by(state, presented);
    let request =
        Request { lock, recognised, pin: Pin::Asked, lockouts: Lockouts::default(), now: *now };
    let decision = decide(door, &request);
    Ok(AccessRow {
        subject,
        subject_id: id.ok_or(Error::Internal)?,
        lock: own.header.id,
        lock_number: lock,
        grants,
        opens: decision.granted,
        reasons: decision.reasons,
    })
}
