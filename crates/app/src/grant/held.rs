//! What one person was given to open: listed, and taken back as a whole, with whom it hits besides
//! and what it does to the lists of locks with no network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_domain::command::grant as rules;
use claviger_domain::ids::{
    CredentialNumber, GrantNumber, Id, LockNumber, Noun, PersonNumber, Ref,
};
use claviger_domain::noun::grant::{Grant, Right, RightState, Subject};
use claviger_domain::noun::lock::{Capacity, LockMode};
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{KeyClass, OfflineLock};
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_store::ClosedGrants;

use super::{speak_of, standing};
use crate::context::Context;
use crate::error::Error;
use crate::plan::PlanRow;
use crate::provision;
use crate::read::{Gone, resolve};
use crate::{App, Written};

/// Everything that a person was given to open, in the order of numbers.
#[derive(Clone, Debug)]
pub struct Held {
    /// Each grant, with how it stands.
    pub grants: Vec<(Arc<Grant>, RightState)>,
    /// The public ids of deleted records they speak of.
    pub gone: Gone,
    /// The place as it was read.
    pub state: Arc<PlaceState>,
}

/// Everything that a person was given to open: what is taken back too, while it is kept.
///
/// # Errors
/// No such place, no such person.
pub async fn held(ctx: &Context, place: Id, person: &Ref) -> Result<Held, Error> {
    let state = ctx.read(place, Scope::GrantsRead)?;
    let number: PersonNumber = resolve(&state, Noun::Person, person)?;
    let mut grants = open(&state, Subject::Person(number));
    let closed = ClosedGrants::Of(Subject::Person(number));
    let place = state.place.number();
    let closed = ctx.app.store().closed_grants(place, closed, GrantNumber(0), u32::MAX).await?;
    grants.extend(closed.into_iter().filter(|grant| grant.right == Right::Open));
    grants.sort_by_key(|grant| grant.header.number);
    // One that was closed after the place was read stands in both; as it was read it is open.
    grants.dedup_by_key(|grant| grant.header.number);
    let gone = speak_of(ctx, &state, &grants).await?;
    let mut standings = Vec::with_capacity(grants.len());
    for grant in grants {
        let progress = provision::pending(&ctx.app, &state, &grant);
        let stands = match standing(&ctx.app, &state, &grant) {
            RightState::Revoked if progress.is_some_and(|it| !it.is_settled()) => {
                RightState::RevocationPending
            }
            other => other,
        };
        standings.push((grant, stands));
    }
    Ok(Held { grants: standings, gone, state })
}

fn open(state: &PlaceState, subject: Subject) -> Vec<Arc<Grant>> {
    let reach = state.reach(subject);
    let found = reach.iter().filter_map(|reach| state.grants.get(reach.grant()).cloned());
    let mut found: Vec<Arc<Grant>> = found.filter(|grant| grant.right == Right::Open).collect();
    found.sort_by_key(|grant| grant.header.number);
    found
}

/// How many keys the list of a lock with no network must refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ListSize {
    pub class: KeyClass,
    /// The version of the lock's list.
    pub version: u32,
    pub keys: usize,
    /// The most, where the lock counts entries.
    pub most: Option<u32>,
}

/// One grant that is taken back.
#[derive(Clone, Debug)]
pub struct Taken {
    /// As it is after that; in a dry run as it is.
    pub grant: Arc<Grant>,
    /// Whether some lock may still let in by it.
    pub is_pending: bool,
    /// Grants of others whose keys are refused although nothing demands it.
    pub side_effects: Vec<Arc<Grant>>,
    /// The lists that have to refuse keys of the grant.
    pub lists: Vec<ListSize>,
}

/// What taking back everything comes to.
#[derive(Clone, Debug)]
pub struct TakenHeld {
    /// Each grant, in the order of numbers.
    pub taken: Vec<Taken>,
    /// The place as it was before.
    pub state: Arc<PlaceState>,
}

/// Takes back everything that a person may open, in one transaction; in a dry run nothing is
/// written. What the person may share stays.
///
/// # Errors
/// No such place, no such person.
pub async fn revoke_held(ctx: &Context, place: Id, person: Ref) -> Result<TakenHeld, Error> {
    let place = ctx.authorize(place, Scope::GrantsWrite)?;
    let state = ctx.app.state(place)?;
    let known: PersonNumber = resolve(&state, Noun::Person, &person)?;
    let wish = move |work: &mut crate::Work<'_>| -> Result<Vec<Arc<Grant>>, Error> {
        let draft = work.place(place)?;
        let number: PersonNumber = resolve(&draft.state, Noun::Person, &person)?;
        let mut grants = open(&draft.state, Subject::Person(number));
        let numbers: Vec<GrantNumber> = grants.iter().map(|grant| grant.number()).collect();
        if numbers.is_empty() {
            return Ok(grants);
        }
        rules::revoke_all(draft, &numbers);
        for write in draft.writes() {
            if let Record::Grant(closed) = &write.record
                && let Some(grant) = grants.iter_mut().find(|it| it.number() == closed.number())
            {
                *grant = closed.clone();
            }
        }
        Ok(grants)
    };
    let planning = Context { dry_run: true, keep: None, ..ctx.clone() };
    let hits = match planning.write(Some(place), wish.clone()).await? {
        Written::Planned(planned) => planned.side_effects,
        Written::Done { .. } => return Err(Error::Internal),
    };
    let (grants, taken_back) = if ctx.dry_run {
        (open(&state, Subject::Person(known)), None)
    } else {
        match ctx.write(Some(place), wish).await? {
            Written::Done { value, taken_back, .. } => (value, taken_back),
            Written::Planned(_) => return Err(Error::Internal),
        }
    };
    let numbers: BTreeSet<GrantNumber> = grants.iter().map(|grant| grant.number()).collect();
    let taken = grants.into_iter().map(|grant| {
        let reached = state.locks_of(grant.target);
        let progress = taken_back.as_ref().and_then(|it| it.progress_for(&grant));
        Taken {
            is_pending: match grant.closed {
                Some(_) => progress.is_some_and(|progress| !progress.is_settled()),
                None => would_be_pending(&ctx.app, &state, known, &grant, &reached),
            },
            side_effects: hit(&state, &hits, &reached, &numbers),
            lists: sizes(&ctx.app, &state, &grant, &reached, &numbers),
            grant,
        }
    });
    let taken = taken.collect();
    Ok(TakenHeld { taken, state })
}

/// The lock with no network that stands behind a lock of a place.
fn offline(app: &App, state: &PlaceState, lock: LockNumber) -> Option<Arc<OfflineLock>> {
    let key = crate::offline::owned(state, lock)?;
    app.world().lists().offline.get(&key).cloned()
}

/// Whether some lock may let in by a grant after it was taken back, as far as can be told before.
fn would_be_pending(
    app: &App,
    state: &PlaceState,
    person: PersonNumber,
    grant: &Grant,
    reached: &[LockNumber],
) -> bool {
    let now_s = app.now().seconds();
    let place = state.place.number();
    let presents = state.person_credentials(person).iter().next().is_some();
    reached.iter().any(|lock| match offline(app, state, *lock) {
        Some(offline) => offline.keys().any(|key| {
            (key.place, key.grant) == (place, grant.number()) && !key.refused && key.exp > now_s
        }),
        None => {
            let mode = state.locks.get(*lock).map(|lock| lock.mode);
            mode == Some(LockMode::AllowList) && presents
        }
    })
}

/// The grants of others that are hit at the locks that one reaches.
fn hit(
    state: &PlaceState,
    hits: &[PlanRow],
    reached: &[LockNumber],
    taken: &BTreeSet<GrantNumber>,
) -> Vec<Arc<Grant>> {
    let mut found: BTreeMap<GrantNumber, Arc<Grant>> = BTreeMap::new();
    for row in hits {
        let number = |noun, id| state.number_of(noun, id);
        let lock = number(Noun::Lock, row.lock).map(LockNumber).filter(|it| reached.contains(it));
        let device = row.credential.and_then(|id| number(Noun::Credential, id));
        let device = device.and_then(|device| state.credentials.get(CredentialNumber(device)));
        let (Some(lock), Some(device)) = (lock, device) else { continue };
        let own = Some(Subject::Credential(device.number()));
        for subject in device.person.map(Subject::Person).into_iter().chain(own) {
            for grant in open(state, subject) {
                let counts = !taken.contains(&grant.number());
                if counts && state.locks_of(grant.target).contains(&lock) {
                    found.insert(grant.number(), grant);
                }
            }
        }
    }
    found.into_values().collect()
}

/// The lists that have to refuse keys of a grant, with what they have to refuse then.
fn sizes(
    app: &App,
    state: &PlaceState,
    grant: &Grant,
    reached: &[LockNumber],
    taken: &BTreeSet<GrantNumber>,
) -> Vec<ListSize> {
    let (place, now_s) = (state.place.number(), app.now().seconds());
    let mut sizes = Vec::new();
    for lock in reached {
        let Some(offline) = offline(app, state, *lock) else { continue };
        let owner = app.state(offline.key.place).ok();
        let capacity = owner.and_then(|owner| owner.locks.get(offline.key.lock)?.capacity);
        let live = offline.keys().filter(|key| key.exp > now_s);
        let mut count: BTreeMap<KeyClass, (usize, bool)> = BTreeMap::new();
        for key in live {
            let own = key.place == place && key.grant == grant.number();
            let goes = key.place == place && taken.contains(&key.grant);
            let entry = count.entry(key.class).or_default();
            entry.0 += usize::from(key.refused || goes);
            entry.1 |= own;
        }
        let hit = count.into_iter().filter(|(_, (_, own))| *own);
        sizes.extend(hit.map(|(class, (keys, _))| ListSize {
            class,
            version: offline.version,
            keys,
            most: match capacity {
                Some(Capacity::Entries(most)) => Some(most),
                _ => None,
            },
        }));
    }
    sizes
}
