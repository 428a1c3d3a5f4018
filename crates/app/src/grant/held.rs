//! What people and cards were given to open: listed, and taken back together, with whom that hits
//! besides and what it does to the lists of locks with no network. What codes and phones were given
//! by themselves is not among it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_domain::command::grant as rules;
use claviger_domain::ids::{CredentialNumber, GrantNumber, Id, LockNumber, Noun, Ref};
use claviger_domain::noun::credential::CredentialKind;
use claviger_domain::noun::grant::{Grant, Right, RightState, Subject};
use claviger_domain::noun::lock::LockMode;
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{Issued, KeyClass, OfflineLock};
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_store::ClosedGrants;

use super::{speak_of, standing};
use crate::context::Context;
use crate::error::Error;
use crate::offline::SizedList;
use crate::plan::PlanRow;
use crate::provision;
use crate::read::{Gone, resolve};
use crate::{App, Written};

/// Which rights to open are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of this person.
    Person(Ref),
    /// Those that this card has by itself.
    Card(Ref),
    /// Those of all people and cards.
    Everybody,
    /// This one.
    One(Ref),
}

/// What was given to open, in the order of numbers.
#[derive(Clone, Debug)]
pub struct Held {
    /// Each grant, with how it stands.
    pub grants: Vec<(Arc<Grant>, RightState)>,
    /// The public ids of deleted records they speak of.
    pub gone: Gone,
    /// The place as it was read.
    pub state: Arc<PlaceState>,
}

/// What was given to open: what is taken back too, while it is kept.
///
/// # Errors
/// No such place, no such person, card or grant.
pub async fn held(ctx: &Context, place: Id, whose: &Whose) -> Result<Held, Error> {
    let state = ctx.read(place, Scope::GrantsRead)?;
    let mut grants = open(&state, whose)?;
    let closed = match whose {
        Whose::Person(_) | Whose::Card(_) => subject(&state, whose)?.map(ClosedGrants::Of),
        Whose::Everybody => Some(ClosedGrants::All),
        Whose::One(grant) => {
            if state.resolve(Noun::Grant, grant).is_none() {
                grants.push(super::closed(ctx, &state, grant).await?);
            }
            None
        }
    };
    if let Some(which) = closed {
        let (store, place) = (ctx.app.store(), state.place.number());
        grants.extend(store.closed_grants(place, which, GrantNumber(0), u32::MAX).await?);
    }
    grants.sort_by_key(|grant| grant.header.number);
    // One that was closed after the place was read stands in both; as it was read it is open.
    grants.dedup_by_key(|grant| grant.header.number);
    let gone = speak_of(ctx, &state, &grants).await?;
    grants.retain(|grant| is_meant(&state, grant, &gone));
    if grants.is_empty() && matches!(whose, Whose::One(_)) {
        return Err(Error::not_found(Noun::Grant));
    }
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

/// Whether it is a right of a person or a card to open.
fn is_meant(state: &PlaceState, grant: &Grant, gone: &Gone) -> bool {
    let is_card = |number: CredentialNumber| {
        let live = state.credentials.get(number).map(|it| it.kind);
        let kind = live.or_else(|| match gone.get(&(Noun::Credential, number.0)) {
            Some(Record::Credential(gone)) => Some(gone.kind),
            _ => None,
        });
        kind == Some(CredentialKind::Card)
    };
    grant.right == Right::Open
        && match grant.subject {
            Subject::Person(_) => true,
            Subject::Credential(number) => is_card(number),
        }
}

/// Whom is meant, where it is one.
fn subject(state: &PlaceState, whose: &Whose) -> Result<Option<Subject>, Error> {
    Ok(match whose {
        Whose::Person(person) => Some(Subject::Person(resolve(state, Noun::Person, person)?)),
        Whose::Card(card) => {
            let number: CredentialNumber = resolve(state, Noun::Credential, card)?;
            let kind = state.credentials.get(number).map(|it| it.kind);
            if kind != Some(CredentialKind::Card) {
                return Err(Error::not_found(Noun::Credential));
            }
            Some(Subject::Credential(number))
        }
        Whose::Everybody | Whose::One(_) => None,
    })
}

/// The open ones; none where one is meant that is closed, or that is none of these.
fn open(state: &PlaceState, whose: &Whose) -> Result<Vec<Arc<Grant>>, Error> {
    if let Some(subject) = subject(state, whose)? {
        return Ok(open_of(state, subject));
    }
    let all = match whose {
        Whose::One(grant) => {
            let number = state.resolve(Noun::Grant, grant);
            number.and_then(|it| state.grants.get(it)).cloned().into_iter().collect()
        }
        _ => state.grants.iter().cloned().collect::<Vec<_>>(),
    };
    let none = Gone::new();
    Ok(all.into_iter().filter(|grant| is_meant(state, grant, &none)).collect())
}

fn open_of(state: &PlaceState, subject: Subject) -> Vec<Arc<Grant>> {
    let reach = state.reach(subject);
    let found = reach.iter().filter_map(|reach| state.grants.get(reach.grant()).cloned());
    let mut found: Vec<Arc<Grant>> = found.filter(|grant| grant.right == Right::Open).collect();
    found.sort_by_key(|grant| grant.header.number);
    found
}

/// How long the list of a lock with no network is in one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ListSize {
    pub class: KeyClass,
    /// The version of the list.
    pub version: u32,
    /// The rows of serials that it names one by one.
    pub entries: usize,
    /// The most, where the lock counts entries.
    pub most: Option<usize>,
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

/// Takes back all that is meant and open, in one transaction; in a dry run nothing is written. What
/// people may share stays.
///
/// # Errors
/// No such place, no such person or card.
pub async fn revoke_held(ctx: &Context, place: Id, whose: Whose) -> Result<TakenHeld, Error> {
    let place = ctx.authorize(place, Scope::GrantsWrite)?;
    let state = ctx.app.state(place)?;
    let before = open(&state, &whose)?;
    if before.is_empty() {
        return Ok(TakenHeld { taken: Vec::new(), state });
    }
    let wish = move |work: &mut crate::Work<'_>| -> Result<Vec<Arc<Grant>>, Error> {
        let draft = work.place(place)?;
        let mut grants = open(&draft.state, &whose)?;
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
    let planned = match planning.write(Some(place), wish.clone()).await? {
        Written::Planned(planned) => planned,
        Written::Done { .. } => return Err(Error::Internal),
    };
    let (grants, taken_back) = if ctx.dry_run {
        (before, None)
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
                None => would_be_pending(&ctx.app, &state, &grant, &reached),
            },
            side_effects: hit(&state, &planned.side_effects, &reached, &numbers),
            lists: sizes(&ctx.app, &state, &grant, &reached, &planned.sizes),
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
fn would_be_pending(app: &App, state: &PlaceState, grant: &Grant, reached: &[LockNumber]) -> bool {
    let now_s = app.now().seconds();
    let place = state.place.number();
    let presents = match grant.subject {
        Subject::Person(person) => state.person_credentials(person).iter().next().is_some(),
        Subject::Credential(_) => true,
    };
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
            for grant in open_of(state, subject) {
                let counts = !taken.contains(&grant.number());
                if counts && state.locks_of(grant.target).contains(&lock) {
                    found.insert(grant.number(), grant);
                }
            }
        }
    }
    found.into_values().collect()
}

/// The lists that refuse keys of a grant, as they were planned.
fn sizes(
    app: &App,
    state: &PlaceState,
    grant: &Grant,
    reached: &[LockNumber],
    planned: &[SizedList],
) -> Vec<ListSize> {
    let (place, now_s) = (state.place.number(), app.now().seconds());
    let mut sizes = Vec::new();
    for lock in reached {
        let Some(offline) = offline(app, state, *lock) else { continue };
        let own = |class: KeyClass| {
            let key =
                |key: &Issued| (key.place, key.grant, key.class) == (place, grant.number(), class);
            offline.keys().any(|it| key(it) && it.exp > now_s)
        };
        let of_lock = planned.iter().filter(|size| size.lock == offline.id && own(size.class));
        sizes.extend(of_lock.map(|size| ListSize {
            class: size.class,
            version: size.version,
            entries: size.entries,
            most: size.most,
        }));
    }
    sizes
}
