//! What people and cards were given to open: listed, and taken back together, with whom that hits
//! besides and what it does to the lists of locks with no network. What codes and phones were given
//! by themselves is not among it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use claviger_domain::command::grant as rules;
use claviger_domain::draft::Draft;
use claviger_domain::ids::{CredentialNumber, GrantNumber, Id, LockNumber, Noun, Ref};
use claviger_domain::noun::CloseReason;
use claviger_domain::noun::credential::CredentialKind;
use claviger_domain::noun::grant::{Grant, Right, RightState, Subject};
use claviger_domain::noun::lock::LockMode;
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{Issued, KeyClass, OfflineLock};
use claviger_domain::record::Record;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_store::ClosedGrants;

use super::{speak_of, standing};
use crate::context::Context;
use crate::error::Error;
use crate::offline::{Hit, Preview, SizedList};
use crate::plan::{Planned, planned};
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

/// How many grants are read at once.
const PIECE: usize = 1000;

/// What was given to open, read piece by piece in the order of numbers: there may be a million.
#[derive(Clone)]
pub struct Held {
    ctx: Context,
    /// The place as it was when the reading began; what is given after that is not told.
    pub state: Arc<PlaceState>,
    /// Those that are meant, but for the ones that were taken back; without any, all of the place.
    named: Option<Arc<[Arc<Grant>]>>,
    /// Which ones that were taken back are meant, while more of them may be stored.
    closed: Option<ClosedGrants>,
    /// Those of them that were read and not told yet.
    waiting: VecDeque<Arc<Grant>>,
    /// The number up to which all were told; none when all were.
    after: Option<u32>,
}

/// The next of what was given to open.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Each grant, in the order of numbers.
    pub grants: Vec<Arc<Grant>>,
    /// The public ids of deleted records they speak of.
    pub gone: Gone,
}

/// What was given to open; where it is wanted also what is taken back, while it is kept.
///
/// # Errors
/// No such place, no such person, card or grant.
pub async fn held(ctx: &Context, place: Id, whose: &Whose, taken: bool) -> Result<Held, Error> {
    let state = ctx.read(place, Scope::GrantsRead)?;
    let (named, closed) = match whose {
        Whose::Everybody => (None, Some(ClosedGrants::All)),
        Whose::Person(_) | Whose::Card(_) => {
            (Some(open(&state, whose)?), subject(&state, whose)?.map(ClosedGrants::Of))
        }
        Whose::One(grant) if state.resolve(Noun::Grant, grant).is_none() => {
            (Some(vec![super::closed(ctx, &state, grant).await?]), None)
        }
        Whose::One(_) => (Some(open(&state, whose)?), None),
    };
    Ok(Held {
        ctx: ctx.clone(),
        state,
        named: named.map(Arc::from),
        closed: closed.filter(|_| taken),
        waiting: VecDeque::new(),
        after: Some(0),
    })
}

/// One right of a person or a card to open, be it taken back or not.
///
/// # Errors
/// No such place, no such grant.
pub async fn held_one(ctx: &Context, place: Id, grant: Ref) -> Result<(Held, Piece), Error> {
    let mut held = held(ctx, place, &Whose::One(grant), true).await?;
    let piece = held.next().await?.filter(|piece| !piece.grants.is_empty());
    Ok((held, piece.ok_or_else(|| Error::not_found(Noun::Grant))?))
}

impl Held {
    /// The next ones, of which there may be none though others follow; nothing after the last.
    ///
    /// # Errors
    /// As for any read.
    pub async fn next(&mut self) -> Result<Option<Piece>, Error> {
        let Some(after) = self.after else { return Ok(None) };
        let mut grants = self.open_after(after);
        let mut until = match grants.last() {
            Some(last) if grants.len() == PIECE => last.header.number,
            _ => u32::MAX,
        };
        if let Some(last) = self.closed_after(after).await? {
            until = until.min(last);
        }
        grants.retain(|grant| grant.header.number <= until);
        let ready = self.waiting.iter().take_while(|it| it.header.number <= until).count();
        grants.extend(self.waiting.drain(..ready));
        grants.sort_by_key(|grant| grant.header.number);
        // One that was closed after the place was read stands in both; as it was read it is open.
        grants.dedup_by_key(|grant| grant.header.number);
        self.after = (until < self.state.highest(Noun::Grant)).then_some(until);
        let gone = speak_of(&self.ctx, &self.state, &grants).await?;
        grants.retain(|grant| is_meant(&self.state, grant, &gone));
        Ok(Some(Piece { grants, gone }))
    }

    /// The next open ones.
    fn open_after(&self, after: u32) -> Vec<Arc<Grant>> {
        let from = after.saturating_add(1);
        match &self.named {
            None => self.state.grants.iter_from(from).take(PIECE).cloned().collect(),
            Some(named) => {
                let first = named.partition_point(|grant| grant.header.number < from);
                named[first..].iter().take(PIECE).cloned().collect()
            }
        }
    }

    /// Has closed ones waiting, if there are any; the number of the last, if more may follow.
    async fn closed_after(&mut self, after: u32) -> Result<Option<u32>, Error> {
        let Some(which) = self.closed else { return Ok(None) };
        if self.waiting.is_empty() {
            let (store, place) = (self.ctx.app.store(), self.state.place.number());
            let most = u32::try_from(PIECE).unwrap_or(u32::MAX);
            let found = store.closed_grants(place, which, GrantNumber(after), most).await?;
            let highest = self.state.highest(Noun::Grant);
            let is_last = found.len() < PIECE;
            let known = |grant: &Arc<Grant>| grant.header.number <= highest;
            self.waiting = found.into_iter().filter(known).collect();
            if is_last {
                self.closed = None;
                return Ok(None);
            }
        }
        Ok(self.waiting.back().map(|grant| grant.header.number))
    }

    /// How one of them stands.
    #[must_use]
    pub fn stands(&self, grant: &Grant) -> RightState {
        let progress = provision::pending(&self.ctx.app, &self.state, grant);
        // Whoever took it back is told how far that is, also where it had ended by itself.
        let is_revoked = grant.closed.as_ref().is_some_and(|it| it.reason != CloseReason::Expired);
        match is_revoked {
            true if progress.is_some_and(|it| !it.is_settled()) => RightState::RevocationPending,
            true => RightState::Revoked,
            false => standing(&self.ctx.app, &self.state, grant),
        }
    }
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
    /// How it stands after that: whether some lock may still let in by it.
    pub stands: RightState,
    /// Grants of others whose keys are refused although nothing demands it, with how they stand.
    pub side_effects: Vec<(Arc<Grant>, RightState)>,
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
    take_back(ctx, place, whose, |draft, numbers| {
        rules::revoke_all(draft, numbers);
        Ok(())
    })
    .await
}

/// Takes back the right of a card, if it is open, and leaves its keys to the card.
///
/// # Errors
/// No such place; not the right of a card.
pub async fn leave_to_card(ctx: &Context, place: Id, grant: Ref) -> Result<TakenHeld, Error> {
    take_back(ctx, place, Whose::One(grant), |draft, numbers| {
        numbers.iter().try_for_each(|number| rules::leave_to_card(draft, *number))
    })
    .await
}

async fn take_back(
    ctx: &Context,
    place: Id,
    whose: Whose,
    rule: fn(&mut Draft, &[GrantNumber]) -> Result<(), Refusal>,
) -> Result<TakenHeld, Error> {
    let place = ctx.authorize(place, Scope::GrantsWrite)?;
    let state = ctx.app.state(place)?;
    let before = open(&state, &whose)?;
    if before.is_empty() {
        return Ok(TakenHeld { taken: Vec::new(), state });
    }
    let ctx2 = ctx.clone();
    let wish = move |work: &mut crate::Work<'_>| -> Result<Done, Error> {
        let draft = work.place(place)?;
        let mut grants = open(&draft.state, &whose)?;
        let numbers: Vec<GrantNumber> = grants.iter().map(|grant| grant.number()).collect();
        if numbers.is_empty() {
            return Ok((grants, Planned::default()));
        }
        rule(draft, &numbers)?;
        for write in draft.writes() {
            if let Record::Grant(closed) = &write.record
                && let Some(grant) = grants.iter_mut().find(|it| it.number() == closed.number())
            {
                *grant = closed.clone();
            }
        }
        // What is said of it is what is committed, whatever others take back at the same time.
        let planned =
            if ctx2.dry_run { Planned::default() } else { planned(&ctx2, work, work.now) };
        Ok((grants, planned))
    };
    let (grants, planned, taken_back) = match ctx.write(Some(place), wish).await? {
        Written::Planned(planned) => (before, *planned, None),
        Written::Done { value: (grants, planned), taken_back, .. } => (grants, planned, taken_back),
    };
    let numbers: BTreeSet<GrantNumber> = grants.iter().map(|grant| grant.number()).collect();
    let taken = grants.into_iter().map(|grant| {
        let reached = state.locks_of(grant.target);
        let progress = taken_back.as_ref().and_then(|it| it.progress_for(&grant));
        let progress = progress.or_else(|| provision::pending(&ctx.app, &state, &grant));
        let is_pending = match grant.closed {
            Some(_) => progress.is_some_and(|progress| !progress.is_settled()),
            None => would_be_pending(&planned.preview, &state, &grant, &reached),
        };
        Taken {
            stands: if is_pending { RightState::RevocationPending } else { RightState::Revoked },
            side_effects: hit(ctx, &state, &planned.preview, &reached, &numbers),
            lists: sizes(&ctx.app, &state, &grant, &reached, &planned.preview.sizes),
            grant,
        }
    });
    let taken = taken.collect();
    Ok(TakenHeld { taken, state })
}

/// The grants as they are closed, and what closing them does at locks with no network.
type Done = (Vec<Arc<Grant>>, Planned);

/// The lock with no network that stands behind a lock of a place.
fn offline(app: &App, state: &PlaceState, lock: LockNumber) -> Option<Arc<OfflineLock>> {
    let key = crate::offline::owned(state, lock)?;
    app.world().lists().offline.get(&key).cloned()
}

/// Whether some lock may let in by a grant after it was taken back, as far as can be told before:
/// of the list of a controller it is not known what it holds.
fn would_be_pending(
    preview: &Preview,
    state: &PlaceState,
    grant: &Grant,
    reached: &[LockNumber],
) -> bool {
    let presents = match grant.subject {
        Subject::Person(person) => state.person_credentials(person).iter().next().is_some(),
        Subject::Credential(_) => true,
    };
    let mut modes = reached.iter().filter_map(|lock| Some(state.locks.get(*lock)?.mode));
    preview.pending.contains(&(state.place.number(), grant.number()))
        || presents && modes.any(|mode| mode == LockMode::AllowList)
}

/// The grants of others whose keys are refused at the locks that one reaches.
fn hit(
    ctx: &Context,
    state: &PlaceState,
    preview: &Preview,
    reached: &[LockNumber],
    taken: &BTreeSet<GrantNumber>,
) -> Vec<(Arc<Grant>, RightState)> {
    let here = |hit: &&Hit| {
        let lock = state.number_of(Noun::Lock, hit.lock).map(LockNumber);
        hit.place == state.place.number() && lock.is_some_and(|lock| reached.contains(&lock))
    };
    let hits = preview.hits.iter().filter(here).map(|hit| hit.grant);
    let grants: BTreeSet<GrantNumber> = hits.filter(|grant| !taken.contains(grant)).collect();
    let none = Gone::new();
    let grants = grants.into_iter().filter_map(|grant| state.grants.get(grant).cloned());
    let grants = grants.filter(|grant| is_meant(state, grant, &none));
    grants.map(|grant| (grant.clone(), standing(&ctx.app, state, &grant))).collect()
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
