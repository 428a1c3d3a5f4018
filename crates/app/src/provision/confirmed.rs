//! Whether the list that serves the lock of a key lets in by it yet.
//!
//! Keys are asked about one by one, thousands in a row: what they share is found once, and nothing
//! is worked out that the calls of controllers have not left behind.

use std::collections::HashMap;
use std::sync::Arc;

use claviger_domain::ids::LockNumber;
use claviger_domain::key::Key;
use claviger_domain::noun::credential::{Credential, CredentialState};
use claviger_domain::noun::grant::{Grant, RightState, Subject};
use claviger_domain::noun::person::PersonState;
use claviger_domain::provision::{
    Cut, Desired, Holdings, ItemKey, ItemKind, List, ListKey, Scribe, Tenant,
};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use super::status::{System, lock_row, system};
use super::{Sites, digest};
use crate::context::Context;
use crate::world::guard;

/// Why a key does not open by the list of its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// The controller has not said that it stores it; or its holder has nothing to be stored.
    Waits,
    /// The controller refused it, or has no room for it.
    Refused,
}

/// The lists that serve the locks of one place, as keys are looked up in them.
pub(crate) struct ListedKeys<'s> {
    ctx: &'s Context,
    state: &'s PlaceState,
    now: Instant,
    /// Which list serves a lock, and the lock's number there; none where it asks the server.
    served: HashMap<LockNumber, Option<(ListKey, LockNumber)>>,
    lists: HashMap<ListKey, Option<Known<'s>>>,
}

/// A list and what it takes to look for keys of the place in it.
struct Known<'s> {
    sites: Sites,
    list: List,
    tenant: Tenant<'s>,
    scribe: Scribe,
    desired: Option<Arc<Desired>>,
}

impl<'s> ListedKeys<'s> {
    /// Nothing is looked up yet.
    pub(crate) fn new(ctx: &'s Context, state: &'s PlaceState) -> ListedKeys<'s> {
        let (served, lists) = (HashMap::new(), HashMap::new());
        ListedKeys { ctx, state, now: ctx.app.now(), served, lists }
    }

    /// Why a key does not open by the list of its lock, while it is neither over nor taken back;
    /// none where it does, where the lock asks the server, and while its holder is suspended.
    pub(crate) fn unconfirmed(&mut self, key: &Key, grant: &Grant) -> Option<Unconfirmed> {
        let live = [RightState::Scheduled, RightState::Active, RightState::Inactive];
        if !live.contains(&key.state) {
            return None;
        }
        let (list, at_owner) = self.served(key.lock)?;
        let credentials = credentials(self.state, key.subject)?;
        let (ctx, state, now) = (self.ctx, self.state, self.now);
        let known = self.lists.entry(list).or_insert_with(|| Known::of(ctx, state, list, now));
        known.as_mut()?.unconfirmed(&credentials, grant, at_owner)
    }

    fn served(&mut self, lock: LockNumber) -> Option<(ListKey, LockNumber)> {
        let (ctx, state) = (self.ctx, self.state);
        *self.served.entry(lock).or_insert_with(|| {
            match system(ctx, state, state.locks.get(lock)?) {
                (System::List(key), at_owner) => Some((key, at_owner)),
                (System::Asks(_) | System::Keys, _) => None,
            }
        })
    }
}

/// What a subject may present; none while it may present nothing at all.
fn credentials(state: &PlaceState, subject: Subject) -> Option<Vec<&Arc<Credential>>> {
    let found = match subject {
        Subject::Credential(number) => vec![state.credentials.get(number)?],
        Subject::Person(number) => {
            let person = state.people.get(number)?;
            if person.state == PersonState::Suspended {
                return None;
            }
            let own = state.person_credentials(number).iter();
            own.filter_map(|it| state.credentials.get(it)).collect()
        }
    };
    Some(found.into_iter().filter(|it| it.state == CredentialState::Active).collect())
}

impl<'s> Known<'s> {
    fn of(ctx: &Context, state: &'s PlaceState, key: ListKey, now: Instant) -> Option<Known<'s>> {
        let sites = Sites::of(key, |place| ctx.app.state(place).ok())?;
        let locks = sites.site()?.tenant(state.place.number())?.locks.clone();
        let list = ctx.app.world().lists().list(key).cloned().unwrap_or_else(|| List::new(key));
        let worked = guard(&ctx.app.lines().line(key).worked).clone();
        Some(Known {
            sites,
            list,
            tenant: Tenant { state, locks },
            scribe: Scribe::new(digest, now),
            desired: worked.map(|worked| worked.desired),
        })
    }

    /// Of several credentials one that is stored is enough.
    fn unconfirmed(
        &mut self,
        credentials: &[&Arc<Credential>],
        grant: &Grant,
        lock: LockNumber,
    ) -> Option<Unconfirmed> {
        match lock_row(&self.sites, &self.list, lock) {
            Some(row) if row.confirmed.is_some() => {}
            Some(row) if row.failure.is_some() => return Some(Unconfirmed::Refused),
            _ => return Some(Unconfirmed::Waits),
        }
        let (mut refused, mut waits) = (false, false);
        for credential in credentials {
            let way = self.scribe.way(&self.tenant, grant, &credential.valid);
            let Some(way) = way else { continue };
            let row = self.list.credential(credential.header.id);
            let stored = row.and_then(|row| row.confirmed.as_ref());
            let mut held = stored.into_iter().flat_map(|it| &it.held.ways);
            if held.any(|held| held.reaches(lock) && held.opens_as(&way)) {
                return None;
            }
            match self.is_refused(credential, lock) {
                true => refused = true,
                false => waits = true,
            }
        }
        Some(if refused && !waits { Unconfirmed::Refused } else { Unconfirmed::Waits })
    }

    /// Whether the controller refused a credential as it is to be stored, or there was no room for
    /// it when that was last worked out.
    fn is_refused(&mut self, credential: &Credential, lock: LockNumber) -> bool {
        let id = credential.header.id;
        let cut = self.desired.as_ref().and_then(|desired| desired.cut.get(&id));
        let wanted = match cut {
            Some(Cut::Whole) => return true,
            Some(Cut::Locks(full)) if full.contains(&lock) => return true,
            Some(Cut::Locks(_)) => true,
            None => false,
        };
        let Some(failure) = self.list.credential(id).and_then(|row| row.failure.clone()) else {
            return false;
        };
        let print = if wanted {
            let key = ItemKey { kind: ItemKind::Credential, id };
            let item = self.desired.as_ref().and_then(|desired| desired.items.get(&key));
            item.map(|item| item.print)
        } else {
            let site = self.sites.site();
            let number = credential.number();
            let item = site.and_then(|it| self.scribe.credential(&it, &self.tenant, number));
            item.map(|item| item.print)
        };
        print.is_some() && print == failure.print
    }
}
