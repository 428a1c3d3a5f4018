//! Lists of who may enter, kept by controllers: what belongs into each ([`desired`]), what it holds
//! ([`List`]), what is to be sent ([`queue`]), and which rights it still gives that were taken away
//! ([`Revocation`]).
//!
//! A list holds locks, schedules and credentials. Each credential's item alone says where it opens
//! and when, so that an item that was confirmed is the end of every right it does not name. Must
//! not know how an item is written down or sent.

mod capacity;
mod concern;
mod desired;
mod entry;
mod list;
mod queue;
mod revocation;
mod row;
mod taken;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use capacity::Cut;
pub use concern::{Concern, concern, reached};
pub use desired::{Desired, again, desired, without};
pub use entry::{CredentialEntry, Entry, Item, LockEntry, Scribe, is_usable, open_grants};
pub use list::{Foreign, Inventoried, List, Reported, Strange};
pub use queue::{Due, Queue, queue};
pub use revocation::{AtList, Holdings, LockProgress, LockState, Progress, Revocation, Taken};
pub use row::{Failure, Held, Row, Sent, Stored};
pub use taken::{Affected, taken};

use crate::ids::{ControllerNumber, Id, LockNumber, Noun, PlaceNumber};
use crate::noun::lock::{Lock, LockMode};
use crate::noun::words;
use crate::state::PlaceState;
use crate::time::Window;

/// Sixteen bytes of a cryptographic hash; an argument, as this crate has none.
pub type Digest = fn(&[u8]) -> [u8; 16];

/// A list: that of one controller of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListKey {
    /// The place the controller is of.
    pub place: PlaceNumber,
    /// The controller.
    pub controller: ControllerNumber,
}

words! {
    /// What an item of a list is.
    ItemKind {
        /// A lock and its settings.
        Lock "lock",
        /// A schedule that others name.
        Schedule "schedule",
        /// A credential and where it opens.
        Credential "credential",
    }
}

/// Which item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// What it is.
    pub kind: ItemKind,
    /// Its public id; of a schedule a hash of its definition.
    pub id: Id,
}

impl ItemKey {
    /// The id as it is written.
    #[must_use]
    pub fn text(&self) -> String {
        match self.kind {
            ItemKind::Schedule => self.id.0.iter().map(|byte| format!("{byte:02x}")).collect(),
            ItemKind::Lock | ItemKind::Credential => self.id.to_string(),
        }
    }

    /// Reads what [`ItemKey::text`] wrote.
    #[must_use]
    pub fn parse(kind: ItemKind, text: &str) -> Option<ItemKey> {
        let id = match kind {
            ItemKind::Lock | ItemKind::Credential => Id::parse(text)?,
            ItemKind::Schedule if text.len() == 32 && text.is_ascii() => {
                let mut id = [0; 16];
                for (at, byte) in id.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
                }
                Id(id)
            }
            ItemKind::Schedule => return None,
        };
        Some(ItemKey { kind, id })
    }
}

/// One way of getting in: at these locks, in this window, while all of these schedules hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The locks, by their numbers at the place of the list, in order.
    pub locks: Arc<[LockNumber]>,
    /// When.
    pub window: Bounds,
    /// The schedules that must all hold.
    pub schedules: Vec<Id>,
    /// Whether it opens in lockdown.
    pub override_lockdown: bool,
}

/// A window that can be put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bounds {
    /// The first instant inside; `i64::MIN` where there is no bound.
    pub from: i64,
    /// The first instant no longer inside; `i64::MAX` where there is no bound.
    pub until: i64,
}

impl From<Window> for Bounds {
    fn from(window: Window) -> Bounds {
        Bounds {
            from: window.from.map_or(i64::MIN, |from| from.0),
            until: window.until.map_or(i64::MAX, |until| until.0),
        }
    }
}

impl From<Bounds> for Window {
    fn from(bounds: Bounds) -> Window {
        use crate::time::Instant;
        Window {
            from: (bounds.from != i64::MIN).then_some(Instant(bounds.from)),
            until: (bounds.until != i64::MAX).then_some(Instant(bounds.until)),
        }
    }
}

impl Way {
    /// Whether it reaches a lock.
    #[must_use]
    pub fn reaches(&self, lock: LockNumber) -> bool {
        self.locks.binary_search(&lock).is_ok()
    }

    /// Whether it opens whenever another does and never else, wherever that is.
    #[must_use]
    pub fn opens_as(&self, other: &Way) -> bool {
        self.times() == other.times()
    }

    /// When it opens.
    fn times(&self) -> (Bounds, &[Id], bool) {
        (self.window, &self.schedules, self.override_lockdown)
    }
}

/// A place whose credentials may open locks of a list, with those locks by their numbers there.
#[derive(Clone, Debug)]
pub struct Tenant<'s> {
    /// The place.
    pub state: &'s PlaceState,
    /// The locks' numbers at the place of the list, by their numbers here.
    pub locks: BTreeMap<LockNumber, LockNumber>,
}

/// What a list is derived from: the locks of a controller, and every place they are in.
#[derive(Clone, Debug)]
pub struct Site<'s> {
    /// Which list.
    pub key: ListKey,
    /// The place whose controller it is; settings of locks are its.
    pub owner: &'s PlaceState,
    /// The places the locks are in, the owner first.
    pub tenants: Vec<Tenant<'s>>,
}

/// Whether a lock is served by a controller's list.
#[must_use]
pub fn is_listed(lock: &Lock) -> bool {
    lock.mode == LockMode::AllowList && lock.controller.is_some() && lock.borrowed.is_none()
}

/// The places that a controller's listed locks are shared to.
#[must_use]
pub fn tenants_of(owner: &PlaceState, controller: ControllerNumber) -> Vec<PlaceNumber> {
    let mut places: Vec<PlaceNumber> = listed(owner, controller)
        .flat_map(|lock| owner.lock_shares(lock.number()).iter())
        .filter_map(|share| owner.shares.get(share))
        .filter(|share| share.as_lock.is_some())
        .map(|share| share.place)
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn listed(owner: &PlaceState, controller: ControllerNumber) -> impl Iterator<Item = &Arc<Lock>> {
    owner.locks.iter().filter(move |lock| is_listed(lock) && lock.controller == Some(controller))
}

impl<'s> Site<'s> {
    /// The site of a controller of `owner`; `place` finds the other places.
    pub fn of(
        owner: &'s PlaceState,
        controller: ControllerNumber,
        place: impl Fn(PlaceNumber) -> Option<&'s PlaceState>,
    ) -> Site<'s> {
        let key = ListKey { place: owner.place.number(), controller };
        let mut others: BTreeMap<PlaceNumber, BTreeMap<LockNumber, LockNumber>> = BTreeMap::new();
        let mut own = BTreeMap::new();
        for lock in listed(owner, controller) {
            own.insert(lock.number(), lock.number());
            let shares = owner.lock_shares(lock.number()).iter();
            for share in shares.filter_map(|share| owner.shares.get(share)) {
                if let Some(there) = share.as_lock {
                    others.entry(share.place).or_default().insert(there, lock.number());
                }
            }
        }
        let mut tenants = vec![Tenant { state: owner, locks: own }];
        for (number, locks) in others {
            tenants.extend(place(number).map(|state| Tenant { state, locks }));
        }
        Site { key, owner, tenants }
    }

    /// The place among those the locks are in.
    #[must_use]
    pub fn tenant(&self, place: PlaceNumber) -> Option<&Tenant<'s>> {
        self.tenants.iter().find(|tenant| tenant.state.place.number() == place)
    }

    /// The place and number of the record that an item is of; none where there is none here.
    #[must_use]
    pub fn record(&self, item: ItemKey) -> Option<(PlaceNumber, u32)> {
        let noun = match item.kind {
            ItemKind::Credential => Noun::Credential,
            ItemKind::Lock => Noun::Lock,
            ItemKind::Schedule => return None,
        };
        self.tenants.iter().find_map(|tenant| {
            let number = tenant.state.number_of(noun, item.id)?;
            Some((tenant.state.place.number(), number))
        })
    }

    /// A listed lock by its number at the owner.
    #[must_use]
    pub fn lock(&self, number: LockNumber) -> Option<&'s Arc<Lock>> {
        let lock = self.owner.locks.get(number)?;
        (is_listed(lock) && lock.controller == Some(self.key.controller)).then_some(lock)
    }

    /// Whether the controller or one of the locks has room for so many credentials only.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        let controller = self.owner.controllers.get(self.key.controller);
        controller.is_some_and(|it| it.capacity.is_some()) || !capacity::limits(self).is_empty()
    }

    /// How far each of the places is: where these are the same, so is what belongs into the list,
    /// but for what has ended by itself.
    #[must_use]
    pub fn revisions(&self) -> Vec<(PlaceNumber, u64)> {
        let places = self.tenants.iter();
        places.map(|it| (it.state.place.number(), it.state.revision)).collect()
    }
}
