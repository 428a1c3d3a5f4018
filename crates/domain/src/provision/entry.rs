//! Items of a list as they should be, each made from the records it depends on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Bounds, Digest, ItemKey, ItemKind, Site, Tenant, Way};
use crate::ids::{AccessLevelNumber, CredentialNumber, Id, LockNumber, PlaceNumber};
use crate::noun::credential::{Credential, CredentialState};
use crate::noun::grant::{Grant, Target};
use crate::noun::lock::{Lock, PinRule};
use crate::noun::person::PersonState;
use crate::noun::schedule::{ScheduleRef, Timetable};
use crate::state::PlaceState;
use crate::time::{Instant, Window, Zone};

/// A lock in a list.
#[derive(Clone, Debug)]
pub struct LockEntry {
    /// Its record.
    pub lock: Arc<Lock>,
    /// Its zone, its own or its place's.
    pub zone: Zone,
    /// The schedule item that says when its PIN rule holds.
    pub pin_schedule: Option<Id>,
    /// The schedule item that says when it stands open.
    pub unlock_schedule: Option<Id>,
}

/// A credential in a list.
#[derive(Clone, Debug)]
pub struct CredentialEntry {
    /// The place it is of.
    pub place: PlaceNumber,
    /// Its record.
    pub credential: Arc<Credential>,
    /// Whether one of its locks may ask for its PIN.
    pub needs_pin: bool,
    /// Where it opens and when, in order.
    pub ways: Vec<Way>,
}

/// What an item says.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A lock.
    Lock(LockEntry),
    /// A schedule.
    Schedule(Arc<Timetable>),
    /// A credential.
    Credential(CredentialEntry),
}

/// An item as it should be.
#[derive(Clone, Debug)]
pub struct Item {
    /// Which.
    pub key: ItemKey,
    /// What it says.
    pub entry: Entry,
    /// Equal exactly where everything it says is.
    pub print: [u8; 16],
    /// Equal exactly where it recognises the same cards, digits and keys.
    pub identity: [u8; 16],
}

impl Item {
    /// Where it opens; nowhere for what is not a credential.
    #[must_use]
    pub fn ways(&self) -> &[Way] {
        match &self.entry {
            Entry::Credential(entry) => &entry.ways,
            Entry::Lock(_) | Entry::Schedule(_) => &[],
        }
    }

    /// The schedules it names.
    pub fn names(&self) -> impl Iterator<Item = Id> + '_ {
        let (lock, credential) = match &self.entry {
            Entry::Lock(it) => (Some([it.pin_schedule, it.unlock_schedule]), None),
            Entry::Credential(it) => (None, Some(&it.ways)),
            Entry::Schedule(_) => (None, None),
        };
        let of_ways =
            credential.into_iter().flatten().flat_map(|way| way.schedules.iter().copied());
        lock.into_iter().flatten().flatten().chain(of_ways)
    }

    /// The record it is made of; of a schedule none.
    #[must_use]
    pub fn record(&self, owner: PlaceNumber) -> (PlaceNumber, u32) {
        match &self.entry {
            Entry::Lock(it) => (owner, it.lock.header.number),
            Entry::Schedule(_) => (owner, 0),
            Entry::Credential(it) => (it.place, it.credential.header.number),
        }
    }
}

/// Whether a credential may be used at all, at whatever time: it is active, and its person is.
#[must_use]
pub fn is_usable(state: &PlaceState, credential: &Credential) -> bool {
    let person = credential.person.and_then(|person| state.people.get(person));
    let is_suspended = person.is_some_and(|person| person.state == PersonState::Suspended);
    !is_suspended && credential.state == CredentialState::Active
}

/// The open grants that may let a credential in, its person's first.
pub fn open_grants<'s>(
    state: &'s PlaceState,
    credential: &Credential,
) -> impl Iterator<Item = &'s Grant> + use<'s> {
    let persons = credential.person.map(|person| state.person_reach(person));
    let reaches = persons.into_iter().chain([state.credential_reach(credential.number())]);
    let reaches = reaches.flat_map(|reaches| reaches.iter()).filter(|reach| reach.opens());
    reaches.filter_map(|reach| state.grants.get(reach.grant())).map(|grant| &**grant)
}

/// Makes items; remembers what many of them share.
#[derive(Debug)]
pub struct Scribe {
    digest: Digest,
    now: Instant,
    levels: HashMap<(PlaceNumber, AccessLevelNumber), Arc<[LockNumber]>>,
    named: HashMap<(PlaceNumber, u32), Option<Id>>,
    /// The schedules that the items made so far name.
    pub schedules: BTreeMap<Id, Arc<Timetable>>,
}

impl Scribe {
    /// One that makes items as they should be at an instant.
    #[must_use]
    pub fn new(digest: Digest, now: Instant) -> Scribe {
        let (levels, named, schedules) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        Scribe { digest, now, levels, named, schedules }
    }

    /// The id of a schedule; none where there is no such schedule.
    fn schedule(&mut self, state: &PlaceState, schedule: &ScheduleRef) -> Option<Id> {
        let place = state.place.number();
        if let ScheduleRef::Named(number) = schedule
            && let Some(known) = self.named.get(&(place, number.0))
        {
            return *known;
        }
        let times = match schedule {
            ScheduleRef::Inline(times) => Some(times),
            ScheduleRef::Named(number) => state.schedules.get(*number).map(|it| &it.timetable),
        };
        let id = times.map(|times| {
            let id = Id((self.digest)(format!("{:?}", times.definition()).as_bytes()));
            self.schedules.entry(id).or_insert_with(|| times.clone());
            id
        });
        if let ScheduleRef::Named(number) = schedule {
            self.named.insert((place, number.0), id);
        }
        id
    }

    /// The item of a schedule.
    #[must_use]
    pub fn schedule_item(&self, id: Id, times: &Arc<Timetable>) -> Item {
        let key = ItemKey { kind: ItemKind::Schedule, id };
        Item { key, entry: Entry::Schedule(times.clone()), print: id.0, identity: [0; 16] }
    }

    /// The item of a listed lock, by its number at the owner.
    pub fn lock(&mut self, site: &Site<'_>, number: LockNumber) -> Option<Item> {
        let lock = site.lock(number)?.clone();
        let mut schedule =
            |it: &Option<ScheduleRef>| it.as_ref().and_then(|it| self.schedule(site.owner, it));
        let (pin_schedule, unlock_schedule) =
            (schedule(&lock.pin_schedule), schedule(&lock.unlock_schedule));
        let zone = site.owner.zone_of(&lock).clone();
        let said = format!(
            "{} {} {:?} {:?} {:?} {pin_schedule:?} {unlock_schedule:?}",
            lock.name,
            lock.header.number,
            zone.name(),
            lock.posture,
            lock.pin
        );
        Some(Item {
            key: ItemKey { kind: ItemKind::Lock, id: lock.header.id },
            print: (self.digest)(said.as_bytes()),
            identity: [0; 16],
            entry: Entry::Lock(LockEntry { lock, zone, pin_schedule, unlock_schedule }),
        })
    }

    /// The item of a credential; none where it opens nothing, or is not to be used at all.
    pub fn credential(
        &mut self,
        site: &Site<'_>,
        tenant: &Tenant<'_>,
        number: CredentialNumber,
    ) -> Option<Item> {
        let state = tenant.state;
        let credential = state.credentials.get(number)?;
        if !is_usable(state, credential) {
            return None;
        }
        let grants = open_grants(state, credential);
        let ways = grants.filter_map(|grant| self.way(tenant, grant, &credential.valid));
        let ways = joined(ways.collect());
        (!ways.is_empty()).then(|| self.credential_with(site, tenant, credential, ways))
    }

    /// The item of a credential that opens in these ways.
    pub(super) fn credential_with(
        &self,
        site: &Site<'_>,
        tenant: &Tenant<'_>,
        credential: &Arc<Credential>,
        ways: Vec<Way>,
    ) -> Item {
        let asks = |lock: &LockNumber| site.lock(*lock).is_some_and(|it| it.pin != PinRule::Never);
        let has_pin = credential.pin.is_some();
        let needs_pin = has_pin && ways.iter().any(|way| way.locks.iter().any(asks));
        let identity = (self.digest)(&recognised(credential, needs_pin));
        // The controller's settings may say how many digits it takes.
        let controller = site.owner.controllers.get(site.key.controller);
        let settings = controller.and_then(|controller| controller.settings.as_ref());
        let settings = settings.filter(|_| credential.code.is_some()).map(|it| it.0.as_str());
        let said = said(&identity, credential, &ways, settings.unwrap_or_default());
        Item {
            key: ItemKey { kind: ItemKind::Credential, id: credential.header.id },
            print: (self.digest)(&said),
            identity,
            entry: Entry::Credential(CredentialEntry {
                place: tenant.state.place.number(),
                credential: credential.clone(),
                needs_pin,
                ways,
            }),
        }
    }

    /// The way that a grant opens with something that is valid so long; none where it is over, or
    /// opens nothing here.
    pub fn way(&mut self, tenant: &Tenant<'_>, grant: &Grant, valid: &Window) -> Option<Way> {
        let window = grant.window.intersect(valid);
        if window.is_empty() || window.past(self.now) {
            return None;
        }
        let state = tenant.state;
        let mut schedules = Vec::new();
        let locks: Arc<[LockNumber]> = match grant.target {
            Target::Lock(lock) => tenant.locks.get(&lock).map(|lock| [*lock])?.into(),
            Target::AccessLevel(number) => {
                let level = state.levels.get(number)?;
                if let Some(schedule) = &level.schedule {
                    schedules.push(self.schedule(state, schedule)?);
                }
                self.level(tenant, number)
            }
        };
        if locks.is_empty() {
            return None;
        }
        if let Some(schedule) = &grant.schedule {
            schedules.push(self.schedule(state, schedule)?);
        }
        schedules.sort_unstable();
        schedules.dedup();
        let override_lockdown = grant.override_lockdown;
        Some(Way { locks, window: Bounds::from(window), schedules, override_lockdown })
    }

    /// The locks of the site that are in a level.
    fn level(&mut self, tenant: &Tenant<'_>, level: AccessLevelNumber) -> Arc<[LockNumber]> {
        let key = (tenant.state.place.number(), level);
        if let Some(known) = self.levels.get(&key) {
            return known.clone();
        }
        let members = tenant.state.level_locks(level);
        let mut locks: Vec<LockNumber> =
            members.filter_map(|it| tenant.locks.get(&it.lock).copied()).collect();
        locks.sort_unstable();
        locks.dedup();
        let locks: Arc<[LockNumber]> = locks.into();
        self.levels.insert(key, locks.clone());
        locks
    }
}

/// Ways that differ in their locks only as one; in order.
pub(super) fn joined(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by(|one, other| {
        one.times().cmp(&other.times()).then_with(|| one.locks.cmp(&other.locks))
    });
    let mut out: Vec<Way> = Vec::with_capacity(ways.len());
    for way in ways {
        match out.last_mut().filter(|last| last.opens_as(&way)) {
            Some(last) if last.locks == way.locks => {}
            Some(last) => {
                let mut all: Vec<LockNumber> =
                    last.locks.iter().chain(&*way.locks).copied().collect();
                all.sort_unstable();
                all.dedup();
                last.locks = all.into();
            }
            None => out.push(way),
        }
    }
    out
}

/// Everything that a credential's item says, as bytes: equal exactly where it is. What has no fixed
/// size stands behind its length.
fn said(identity: &[u8; 16], credential: &Credential, ways: &[Way], settings: &str) -> Vec<u8> {
    let mut out = identity.to_vec();
    let number = |out: &mut Vec<u8>, number: u32| out.extend(number.to_be_bytes());
    number(&mut out, credential.header.number);
    out.extend([credential.priority, u8::from(credential.is_admin)]);
    out.push(u8::from(credential.session.is_some()));
    if let Some(hints) = credential.session {
        number(&mut out, hints.start_within_s);
        number(&mut out, hints.log_off_after_s);
    }
    for way in ways {
        out.extend(way.locks.len().to_be_bytes());
        way.locks.iter().for_each(|lock| number(&mut out, lock.0));
        out.extend(way.window.from.to_be_bytes());
        out.extend(way.window.until.to_be_bytes());
        out.extend(way.schedules.len().to_be_bytes());
        way.schedules.iter().for_each(|schedule| out.extend(schedule.0));
        out.push(u8::from(way.override_lockdown));
    }
    // No way has no locks.
    out.extend(0_usize.to_be_bytes());
    out.extend(settings.as_bytes());
    out
}

/// What an item recognises, as bytes. Digits only as their keyed hashes.
fn recognised(credential: &Credential, with_pin: bool) -> Vec<u8> {
    let mut out = credential.header.id.0.to_vec();
    for part in &credential.parts {
        out.push(part.technology as u8 + 1);
        out.push(part.card.bits);
        out.extend(part.card.value.to_be_bytes());
    }
    out.push(0);
    out.extend(credential.code.iter().flat_map(|code| code.tag.0));
    out.push(0);
    out.extend(credential.pin.iter().filter(|_| with_pin).flat_map(|pin| pin.tag.0));
    out.push(0);
    out.extend(credential.public_key.iter().flatten());
    out
}
