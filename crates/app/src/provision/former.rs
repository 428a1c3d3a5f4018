//! Whose credentials were that a controller's events are about: those that were passed on since,
//! and those that no place of its list has any more, deleted by the time it tells or of places that
//! its locks are no longer shared to. An event is of whoever it was about when it happened, however
//! late it is told.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::ids::{CredentialNumber, Id, LockNumber, Noun, PersonNumber, PlaceNumber};
use claviger_domain::noun::event::EventSubject;
use claviger_domain::offline::LockKey;
use claviger_domain::provision::{self, Holdings, ListKey, Site};
use claviger_domain::record::Record;
use claviger_domain::retention::is_forgotten;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use claviger_store::PastHolder;

use super::reported::{EventWish, Whom};
use crate::context::Context;
use crate::error::Error;
use crate::lock::past::PastLocks;

/// Whom a credential was of.
struct Owned {
    place: PlaceNumber,
    credential: CredentialNumber,
    /// Who had it, each until when, the first first.
    past: Vec<PastHolder>,
    /// Who has it, or had it last.
    last: Option<PersonNumber>,
}

impl Owned {
    /// Who had it at an instant.
    fn holder(&self, at: Instant) -> Option<PersonNumber> {
        let past = self.past.iter().find(|past| at < past.replaced_at);
        past.map_or(self.last, |past| past.person)
    }
}

/// What is known of the credentials that events are about.
#[derive(Default)]
pub(super) struct Former {
    owned: BTreeMap<Id, Owned>,
    /// Up to when what happened is not to be told of people, as they were looked up: a place that
    /// shares no lock any more is not at hand when the events are stored.
    forgotten: BTreeMap<(PlaceNumber, PersonNumber), Instant>,
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
        if told.is_empty() {
            return Ok(former);
        }
        let owner = ctx.app.state(key.place)?;
        let mut places = BTreeSet::from([key.place]);
        places.extend(provision::tenants_of(&owner, key.controller));
        let lists = ctx.app.world().lists();
        places.extend(lists.list(key).into_iter().flat_map(|list| list.places()));
        drop(lists);
        for (id, since) in about(ctx, &places, &told) {
            former.learn(ctx, &places, id, since).await?;
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
        since: Instant,
    ) -> Result<(), Error> {
        let store = ctx.app.store();
        for place in places.iter().copied() {
            let Ok(state) = ctx.app.state(place) else { continue };
            let live = state.number_of(Noun::Credential, id).map(CredentialNumber);
            let record = match live.and_then(|number| state.credentials.get(number)) {
                Some(live) => Some(Record::Credential(live.clone())),
                None => store.as_it_last_was(place, Noun::Credential, id).await?,
            };
            let Some(Record::Credential(it)) = record else { continue };
            let (credential, last) = (it.number(), it.person);
            let past = match it.header.updated_at <= since {
                true => Vec::new(),
                false => store.past_holders(place, credential, since).await?,
            };
            let holders: BTreeSet<_> =
                past.iter().map(|past| past.person).chain([last]).flatten().collect();
            self.owned.insert(id, Owned { place, credential, past, last });
            for person in holders {
                let known = match state.people.get(person) {
                    Some(live) => Some(Record::Person(live.clone())),
                    None => store.record(place, Noun::Person, person.0).await?,
                };
                if let Some(Record::Person(known)) = known {
                    let at = known.forgotten_at.map(|at| ((place, person), at));
                    self.forgotten.extend(at);
                }
            }
            return Ok(());
        }
        Ok(())
    }

    /// Who had a credential at an instant, where that was looked up.
    pub(super) fn holder(&self, credential: Id, at: Instant) -> Option<Option<PersonNumber>> {
        self.owned.get(&credential).map(|owned| owned.holder(at))
    }

    /// Whether what happened at an instant is not to be told of somebody.
    pub(super) fn is_forgotten(
        &self,
        site: &Site<'_>,
        place: PlaceNumber,
        person: PersonNumber,
        at: Instant,
    ) -> bool {
        let live = site.tenant(place).and_then(|tenant| tenant.state.people.get(person));
        let gone = self.forgotten.get(&(place, person));
        live.is_some_and(|it| is_forgotten(it, at)) || gone.is_some_and(|it| at <= *it)
    }

    /// Whom an event was about that names what no place of the list has any more.
    pub(super) fn whom(&self, site: &Site<'_>, wish: &EventWish, at: Instant) -> Option<Whom> {
        let owned = self.owned.get(&wish.credential?)?;
        let place = owned.place;
        // Another place has a part only in those that are, or were, shared to it.
        let lock = match place == site.key.place {
            true => wish.lock,
            false => *self.locks.get(&(place, wish.lock))?,
        };
        let (person, credential) = (owned.holder(at), Some(owned.credential));
        if person.is_some_and(|it| self.is_forgotten(site, place, it, wish.occurred_at)) {
            return Some((place, lock, EventSubject::default()));
        }
        let card = wish.card;
        let subject = EventSubject { person, credential, card, ..EventSubject::default() };
        Some((place, lock, subject))
    }
}

/// The credentials that events name, or whose cards they do, each with the first instant that
/// something is told of.
fn about(
    ctx: &Context,
    places: &BTreeSet<PlaceNumber>,
    told: &[&EventWish],
) -> BTreeMap<Id, Instant> {
    let states: Vec<_> = places.iter().filter_map(|place| ctx.app.state(*place).ok()).collect();
    let mut found: BTreeMap<Id, Instant> = BTreeMap::new();
    for event in told {
        // A card that came with the name of a credential that nobody knows is somebody's too.
        let by_card = event.card.into_iter().flat_map(|card| {
            states.iter().filter_map(move |state| {
                let number = state.credential_by_card(card)?;
                Some(state.credentials.get(number)?.header.id)
            })
        });
        for id in event.credential.into_iter().chain(by_card) {
            let first = found.entry(id).or_insert(event.occurred_at);
            *first = event.occurred_at.min(*first);
        }
    }
    found
}

/// The number of a lock at a place that it is shared to.
fn as_lock(owner: &PlaceState, lock: LockNumber, place: PlaceNumber) -> Option<LockNumber> {
    let shares = owner.lock_shares(lock).iter().filter_map(|share| owner.shares.get(share));
    shares.filter(|share| share.place == place).find_map(|share| share.as_lock)
}
