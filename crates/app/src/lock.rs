//! Locks of a place, their posture and their sharing to other places.

pub(crate) mod past;

use std::sync::Arc;

use claviger_domain::command::lock as rules;
use claviger_domain::ids::{ControllerNumber, Id, LockNumber, Noun, PlaceNumber, Ref};
use claviger_domain::noun::Header;
use claviger_domain::noun::event::{Event, EventKind};
use claviger_domain::noun::lock::{Lock, LockEdit, LockMode, Posture, Share, ShareState};
use claviger_domain::noun::scope::Scope;
use claviger_domain::provision::ListKey;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Zone;

use crate::context::Context;
use crate::error::Error;
use crate::read::{Page, Paging, Seen, page, resolve};
use crate::schedule::{ScheduleWish, find_wish};
use crate::work::Work;
use crate::{App, Put, Written, not_here, provision};

/// What a caller sets on a lock, with references as they came.
#[derive(Clone, Debug, Default)]
pub struct LockWish {
    /// Everything but what is below.
    pub edit: LockEdit,
    /// The times at which its PIN rule holds.
    pub pin_schedule: Option<Option<ScheduleWish>>,
    /// The times at which it stands open.
    pub unlock_schedule: Option<Option<ScheduleWish>>,
    /// What connects it.
    pub controller: Option<Option<Ref>>,
}

fn prepare(state: &PlaceState, wish: &LockWish) -> Result<LockEdit, Error> {
    let mut edit = wish.edit.clone();
    let schedule = |wish: &Option<Option<ScheduleWish>>, pointer| {
        find_wish(state, wish.as_ref().map(Option::as_ref), pointer)
    };
    edit.pin_schedule = schedule(&wish.pin_schedule, "/pin_schedule")?;
    edit.unlock_schedule = schedule(&wish.unlock_schedule, "/unlock_schedule")?;
    edit.controller = match &wish.controller {
        None => None,
        Some(None) => Some(None),
        Some(Some(controller)) => {
            let number = state.resolve(Noun::Controller, controller).ok_or_else(|| {
                not_here("/controller_id", "there is no such controller in this place")
            })?;
            Some(Some(ControllerNumber(number)))
        }
    };
    Ok(edit)
}

/// Makes a lock.
///
/// # Errors
/// As the rules say.
pub async fn create(ctx: &Context, place: Id, wish: LockWish) -> Result<Written<Arc<Lock>>, Error> {
    let place = ctx.authorize(place, Scope::LocksWrite)?;
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let edit = prepare(&draft.state, &wish)?;
        Ok(rules::create(draft, &edit)?)
    })
    .await
}

/// Makes a lock that no place may have under the same external id.
///
/// # Errors
/// As [`create`]; taken, in this place or another.
pub async fn create_sole(
    ctx: &Context,
    place: Id,
    wish: LockWish,
) -> Result<Written<Arc<Lock>>, Error> {
    let place = ctx.authorize(place, Scope::LocksWrite)?;
    let app = ctx.app.clone();
    ctx.write(Some(place), move |work| {
        let external_id = wish.edit.external_id.iter().flatten().next();
        let has = |state: &PlaceState| {
            external_id.is_some_and(|it| state.by_external_id(Noun::Lock, it).is_some())
        };
        let places: Vec<PlaceNumber> =
            app.world().places().iter().map(|cell| cell.state().place.number()).collect();
        if places.into_iter().filter_map(|place| work.before(place)).any(|state| has(&state)) {
            let detail = "a place has a lock with this external id";
            return Err(
                Refusal::Taken(vec![FieldError::new("/external_id", "taken", detail)]).into()
            );
        }
        let draft = work.place(place)?;
        let edit = prepare(&draft.state, &wish)?;
        Ok(rules::create(draft, &edit)?)
    })
    .await
}

/// Changes a lock.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    lock: Ref,
    wish: LockWish,
) -> Result<Written<Arc<Lock>>, Error> {
    ctx.change(place, Scope::LocksWrite, Noun::Lock, lock, move |draft, number: LockNumber| {
        let edit = prepare(&draft.state, &wish)?;
        Ok(rules::edit(draft, number, &edit)?)
    })
    .await
}

/// Makes the lock with that external id, or replaces what is set on it.
///
/// # Errors
/// As [`edit`].
pub async fn put(
    ctx: &Context,
    place: Id,
    external_id: String,
    mut wish: LockWish,
) -> Result<Written<Put<Arc<Lock>>>, Error> {
    wish.edit.external_id = Some(Some(external_id.clone()));
    ctx.make_or_replace(
        place,
        Scope::LocksWrite,
        Noun::Lock,
        external_id,
        move |draft, number: Option<LockNumber>| {
            let mut edit = prepare(&draft.state, &wish)?;
            edit.privacy = edit.privacy.or(Some(draft.state.place.default_privacy));
            match number {
                None => Ok(rules::create(draft, &edit)?),
                Some(number) => Ok(rules::edit(draft, number, &edit)?),
            }
        },
    )
    .await
}

/// Deletes a lock.
///
/// # Errors
/// Not found; another place's; shared; stale.
pub async fn delete(ctx: &Context, place: Id, lock: Ref) -> Result<Written<()>, Error> {
    ctx.change(place, Scope::LocksWrite, Noun::Lock, lock, move |draft, number: LockNumber| {
        Ok(rules::delete(draft, number)?)
    })
    .await
}

/// One lock.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id, lock: &Ref) -> Result<Seen<Arc<Lock>>, Error> {
    let state = ctx.read(place, Scope::LocksRead)?;
    let number: LockNumber = resolve(&state, Noun::Lock, lock)?;
    let value = rules::find(&state, number)?.clone();
    Ok(Seen { value, state })
}

/// A page of locks, borrowed ones included.
///
/// # Errors
/// No such place.
pub fn list(ctx: &Context, place: Id, paging: Paging) -> Result<Page<Arc<Lock>>, Error> {
    let state = ctx.read(place, Scope::LocksRead)?;
    Ok(page(state, |it| &it.locks, |it| it.header.number, paging, |_| true))
}

/// The place and record a borrowed lock's settings are read from; none for a place's own.
#[must_use]
pub fn owner(ctx: &Context, lock: &Lock) -> Option<(Arc<PlaceState>, Arc<Lock>)> {
    settings(&ctx.app, lock)
}

fn settings(app: &App, lock: &Lock) -> Option<(Arc<PlaceState>, Arc<Lock>)> {
    let (owner, number) = lock.borrowed?;
    let owner = app.state(owner).ok()?;
    let settings = owner.locks.get(number)?.clone();
    Some((owner, settings))
}

/// The zone of a lock by its number in a place: a borrowed one's is its owner's, as when it
/// decides; the place's where there is no such lock.
pub(crate) fn zone(app: &App, state: &PlaceState, lock: LockNumber) -> Zone {
    let Some(lock) = state.locks.get(lock) else { return state.place.zone.clone() };
    match settings(app, lock) {
        Some((owner, settings)) => owner.zone_of(&settings).clone(),
        None => state.zone_of(lock).clone(),
    }
}

/// What became of a change of posture at each lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostureOutcome {
    /// Obeys from this moment.
    pub obeyed: Vec<Id>,
    /// Will obey when its controller next calls, which it does.
    pub pending: Vec<Id>,
    /// Cannot be told, or its controller does not call.
    pub unreachable: Vec<Id>,
}

/// Puts some locks, or all the place owns, in a posture.
///
/// # Errors
/// Locks that are not there, or another place's.
pub async fn set_posture(
    ctx: &Context,
    place: Id,
    posture: Posture,
    locks: Option<Vec<Ref>>,
) -> Result<Written<PostureOutcome>, Error> {
    let place = ctx.authorize(place, Scope::LocksOperate)?;
    let bound = ctx.controller();
    let app = ctx.app.clone();
    ctx.write(Some(place), move |work| {
        let now = work.now;
        let draft = work.place(place)?;
        // A program bound to a controller operates that controller's locks only.
        let reaches = |lock: &Lock| {
            bound.is_none_or(|(at, controller)| at == place && lock.controller == Some(controller))
        };
        let numbers = match &locks {
            None => {
                let own = draft.state.locks.iter().filter(|lock| lock.borrowed.is_none());
                own.filter(|lock| reaches(lock)).map(|lock| lock.number()).collect()
            }
            Some(locks) => find_own(&draft.state, locks, reaches)?,
        };
        let fields = vec![
            claviger_domain::draft::Changed::shown("posture", posture.as_str()),
            claviger_domain::draft::Changed::shown("locks", numbers.len()),
        ];
        draft.note("set_posture", Noun::Lock, None, fields);
        let mut outcome = PostureOutcome::default();
        let mut moved = Vec::new();
        for number in numbers {
            let former = rules::find(&draft.state, number)?.clone();
            let told = match (former.mode, former.controller) {
                (LockMode::OfflineKeys, _) => &mut outcome.unreachable,
                // A lock that asks is told with the next answer.
                (LockMode::Online, _) | (LockMode::AllowList, None) => &mut outcome.obeyed,
                (LockMode::AllowList, Some(controller)) => {
                    let key = ListKey { place, controller };
                    let calls = provision::is_online(&app, key, now);
                    if calls { &mut outcome.pending } else { &mut outcome.unreachable }
                }
            };
            told.push(former.header.id);
            if former.posture != posture {
                rules::set_posture(draft, number, posture)?;
                moved.push(number);
            }
        }
        moved.into_iter().for_each(|number| posture_event(work, place, number));
        Ok(outcome)
    })
    .await
}

fn find_own(
    state: &PlaceState,
    locks: &[Ref],
    reaches: impl Fn(&Lock) -> bool,
) -> Result<Vec<LockNumber>, Error> {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for (at, lock) in locks.iter().enumerate() {
        let own = state
            .resolve(Noun::Lock, lock)
            .and_then(|number| state.locks.get(number))
            .filter(|lock| lock.borrowed.is_none() && reaches(lock));
        match own {
            Some(lock) => found.push(lock.number()),
            None => errors.push(FieldError::new(
                format!("/lock_ids/{at}"),
                "not_found",
                "this place owns no such lock",
            )),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(Refusal::Invalid(errors).into()) }
}

fn posture_event(work: &mut Work, place: PlaceNumber, lock: LockNumber) {
    let (id, now) = (work.next_id(), work.now);
    work.event(place, Event::at(lock, EventKind::PostureChanged, id, now));
}

/// The row that a place had of another's lock before that was taken back.
pub(crate) async fn row_before(
    ctx: &Context,
    place: PlaceNumber,
    lock: Id,
) -> Result<Option<Header>, Error> {
    let record = ctx.app.store().record_by_id(place, Noun::Lock, lock).await?;
    let header = record.map(|record| record.header().clone());
    Ok(header.filter(|header| header.deleted_at.is_some()))
}

/// Offers a lock to another place; where the caller administers both it is accepted at once.
///
/// # Errors
/// Not found; another place's lock; a place that is not there; shared already.
pub async fn share(
    ctx: &Context,
    place: Id,
    lock: Ref,
    with: Id,
) -> Result<Written<Arc<Share>>, Error> {
    let place = ctx.authorize(place, Scope::LocksWrite)?;
    let other = ctx
        .app
        .world()
        .by_id(with)
        .ok_or_else(|| not_here("/place_id", "there is no such place"))?;
    let both = ctx.scopes_in(other).is_some_and(|scopes| scopes.has(Scope::LocksWrite));
    let state = ctx.app.state(place)?;
    let known = state.resolve(Noun::Lock, &lock).and_then(|number| state.locks.get(number));
    let before = match known.filter(|_| both) {
        Some(lock) => row_before(ctx, other, lock.header.id).await?,
        None => None,
    };
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let number: LockNumber = resolve(&draft.state, Noun::Lock, &lock)?;
        let share = rules::offer(draft, number, other)?;
        if both {
            let (owner, borrower) = work.two(place, other)?;
            rules::accept_again(owner, borrower, number, before.clone())?;
        }
        let share = work.place(place)?.state.shares.get(share.number()).cloned();
        share.ok_or(Error::not_found(Noun::Share))
    })
    .await
}

/// Takes a lock back from another place; or gives a borrowed one back, where the place names
/// itself.
///
/// # Errors
/// Not found; not shared to that place, not borrowed.
pub async fn unshare(ctx: &Context, place: Id, lock: Ref, with: Id) -> Result<Written<()>, Error> {
    let place = ctx.authorize(place, Scope::LocksWrite)?;
    let other = ctx.app.world().by_id(with).ok_or(Error::not_found(Noun::Share))?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let number: LockNumber = resolve(&draft.state, Noun::Lock, &lock)?;
        if other == place {
            let borrowed = rules::find(&draft.state, number)?.clone();
            ctx2.check_seen(&borrowed.header)?;
            let (owner, number) = borrowed.borrowed.ok_or(Error::not_found(Noun::Share))?;
            return take_back(work, owner, number, place);
        }
        let share = rules::share_with(&draft.state, number, other);
        share.map_or(Ok(()), |share| ctx2.check_seen(&share.header))?;
        take_back(work, place, number, other)
    })
    .await
}

/// Takes a lock back from another place, which may have accepted it.
fn take_back(
    work: &mut Work,
    place: PlaceNumber,
    number: LockNumber,
    other: PlaceNumber,
) -> Result<(), Error> {
    let draft = work.place(place)?;
    let share = rules::share_with(&draft.state, number, other);
    if share.is_some_and(|share| share.state == ShareState::Accepted) {
        let (owner, borrower) = work.two(place, other)?;
        rules::unshare(owner, Some(borrower), number, other)?;
    } else {
        rules::unshare(draft, None, number, other)?;
    }
    Ok(())
}

/// Deletes a lock that may be shared: takes it back from every place first.
pub(crate) fn remove(work: &mut Work, place: PlaceNumber, number: LockNumber) -> Result<(), Error> {
    let state = &work.place(place)?.state;
    let shares = state.lock_shares(number).iter().filter_map(|share| state.shares.get(share));
    let others: Vec<PlaceNumber> = shares.map(|share| share.place).collect();
    others.into_iter().try_for_each(|other| take_back(work, place, number, other))?;
    Ok(rules::delete(work.place(place)?, number)?)
}

/// A lock that another place offers or has shared.
#[derive(Clone, Debug)]
pub struct SharedLock {
    /// The lock as its owner has it.
    pub lock: Arc<Lock>,
    /// The owner.
    pub owner: Id,
    /// How far it has got.
    pub state: ShareState,
    /// The owner's number and the share's there, by which the list is in order.
    pub number: (u32, u32),
}

/// The locks other places offer to this one or have shared with it, in order.
///
/// # Errors
/// No such place.
pub fn shared_with(ctx: &Context, place: Id) -> Result<Vec<SharedLock>, Error> {
    let place = ctx.authorize(place, Scope::LocksRead)?;
    let mut found = Vec::new();
    for cell in ctx.app.world().places() {
        let owner = cell.state();
        for share in owner.shares.iter().filter(|share| share.place == place) {
            if let Some(lock) = owner.locks.get(share.lock) {
                let number = (owner.place.header.number, share.header.number);
                let (lock, owner) = (lock.clone(), owner.place.header.id);
                found.push(SharedLock { lock, owner, state: share.state, number });
            }
        }
    }
    found.sort_unstable_by_key(|shared| shared.number);
    Ok(found)
}

/// Takes an offered lock in.
///
/// # Errors
/// Nothing of the kind was offered.
pub async fn accept(ctx: &Context, place: Id, lock: Id) -> Result<Written<Arc<Lock>>, Error> {
    let offered = shared_with(ctx, place)?
        .into_iter()
        .find(|shared| shared.lock.header.id == lock)
        .ok_or(Error::not_found(Noun::Lock))?;
    let place = ctx.authorize(place, Scope::LocksWrite)?;
    let owner = ctx.app.world().by_id(offered.owner).ok_or(Error::not_found(Noun::Lock))?;
    let number = offered.lock.number();
    let before = row_before(ctx, place, lock).await?;
    ctx.write(Some(place), move |work| {
        let (owner, draft) = work.two(owner, place)?;
        Ok(rules::accept_again(owner, draft, number, before.clone())?)
    })
    .await
}

/// The shares of a lock, in order of number.
///
/// # Errors
/// Not found.
pub fn shares(ctx: &Context, place: Id, lock: &Ref) -> Result<Seen<Vec<Arc<Share>>>, Error> {
    let state = ctx.read(place, Scope::LocksRead)?;
    let number: LockNumber = resolve(&state, Noun::Lock, lock)?;
    rules::find(&state, number)?;
    let shares = state.lock_shares(number).iter();
    let mut value: Vec<Arc<Share>> =
        shares.filter_map(|share| state.shares.get(share).cloned()).collect();
    value.sort_unstable_by_key(|share| share.header.number);
    Ok(Seen { value, state })
}
