//! Whose credentials were that a controller's events name and no place of its list has any more:
//! those that are deleted by the time it tells, and those of places that its locks are no longer
//! shared to. An event is of whoever it was about when it happened, however late it is told.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::ids::{CredentialNumber, Id, LockNumber, Noun, PersonNumber, PlaceNumber};
use claviger_domain::noun::event::EventSubject;
use claviger_domain::offline::LockKey;
use claviger_domain::provision::{self, Holdings, ListKey, Site};
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use super::reported::{EventWish, Whom};
use crate::context::Context;
use crate::error::Error;
use crate::lock::past::PastLocks;

/// Whom a credential was of.
struct Owned {
    place: PlaceNumber,
    credential: CredentialNumber,
    person: Option<PersonNumber>,
    /// Up to when what happened is not to be told of that person.
    forgotten_at: Option<Instant>,
}

/// What is known of the credentials that events name.
#[derive(Default)]
pub(super) struct Former {
    owned: BTreeMap<Id, Owned>,
    /// The numbers that locks have, or had, at places they are, or were, shared to.
    locks: BTreeMap<(PlaceNumber, LockNumber), LockNumber>,
    /// What the locks were.
    pub(super) past: PastLocks,
}

impl Former {
    /// Looks up what the places of a list may not say when the events are stored, as one command
    /// may take it away until then.
    pub(super) async fn of(
        ctx: &Context,
        key: ListKey,
        events: &[EventWish],
    ) -> Result<Former, Error> {
        let mut former = Former::default();
        let known = ctx.app.world().lists().list(key).map_or(0, |list| list.event_seq);
        let told: Vec<&EventWish> = events.iter().filter(|event| event.seq > known).collect();
        let key_of = |lock| LockKey { place: key.place, lock };
        let wanted = told.iter().map(|event| (key_of(event.lock), event.occurred_at));
        former.past = PastLocks::of(&ctx.app, wanted).await?;
        let told: Vec<_> = told.into_iter().filter(|event| event.credential.is_some()).collect();
        if told.is_empty() {
            return Ok(former);
        }
        let owner = ctx.app.state(key.place)?;
        let mut places = BTreeSet::from([key.place]);
        places.extend(provision::tenants_of(&owner, key.controller));
        let lists = ctx.app.world().lists();
        places.extend(lists.list(key).into_iter().flat_map(|list| list.places()));
        drop(lists);
        let ids: BTreeSet<Id> = told.iter().filter_map(|event| event.credential).collect();
        for id in ids {
            former.learn(ctx, &places, id).await?;
        }
        for event in told {
            let of = event.credential.and_then(|id| former.owned.get(&id)).map(|of| of.place);
            let Some(place) = of.filter(|it| *it != key.place) else { continue };
            if former.locks.contains_key(&(place, event.lock)) {
                continue;
            }
            let there = match as_lock(&owner, event.lock, place) {
                Some(there) => Some(there),
                None => ctx.app.store().borrowed(place, (key.place, event.lock)).await?,
            };
            former.locks.extend(there.map(|there| ((place, event.lock), there)));
        }
        Ok(former)
    }

    async fn learn(
        &mut self,
        ctx: &Context,
        places: &BTreeSet<PlaceNumber>,
        id: Id,
    ) -> Result<(), Error> {
        for place in places.iter().copied() {
            let Ok(state) = ctx.app.state(place) else { continue };
            let live = state.number_of(Noun::Credential, id).map(CredentialNumber);
            let record = match live.and_then(|number| state.credentials.get(number)) {
                Some(live) => Some(Record::Credential(live.clone())),
                None => ctx.app.store().as_it_last_was(place, Noun::Credential, id).await?,
            };
            if let Some(Record::Credential(it)) = record {
                let (credential, person) = (it.number(), it.person);
                let forgotten_at = forgotten(ctx, &state, person).await?;
                self.owned.insert(id, Owned { place, credential, person, forgotten_at });
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whom an event was about.
    pub(super) fn whom(&self, site: &Site<'_>, wish: &EventWish) -> Option<Whom> {
        let owned = self.owned.get(&wish.credential?)?;
        let place = owned.place;
        // Another place has a part only in those that are, or were, shared to it.
        let lock = match place == site.key.place {
            true => wish.lock,
            false => *self.locks.get(&(place, wish.lock))?,
        };
        if owned.forgotten_at.is_some_and(|at| wish.occurred_at <= at) {
            return Some((place, lock, EventSubject::default()));
        }
        let (person, credential) = (owned.person, Some(owned.credential));
        let card = wish.card;
        let subject = EventSubject { person, credential, card, ..EventSubject::default() };
        Some((place, lock, subject))
    }
}

/// Up to when what happened is not to be told of a person, who may be deleted.
async fn forgotten(
    ctx: &Context,
    state: &PlaceState,
    person: Option<PersonNumber>,
) -> Result<Option<Instant>, Error> {
    let Some(number) = person else { return Ok(None) };
    if let Some(person) = state.people.get(number) {
        return Ok(person.forgotten_at);
    }
    let deleted = ctx.app.store().record(state.place.number(), Noun::Person, number.0).await?;
    Ok(match deleted {
        Some(Record::Person(person)) => person.forgotten_at,
        _ => None,
    })
}

/// The number of a lock at a place that it is shared to.
fn as_lock(owner: &PlaceState, lock: LockNumber, place: PlaceNumber) -> Option<LockNumber> {
    let shares = owner.lock_shares(lock).iter().filter_map(|share| owner.shares.get(share));
    shares.filter(|share| share.place == place).find_map(|share| share.as_lock)
}
