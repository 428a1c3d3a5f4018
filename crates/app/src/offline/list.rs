//! The revocation list of a lock: planned, checked, signed. Every list goes through here, so that a
//! version follows the one before and a serial that must be refused is.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::noun::lock::{Capacity as Stated, Lock};
use claviger_domain::noun::place::Place;
use claviger_domain::offline::{Erasure, Issued, KeyClass, OfflineLock, Serial};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, SECOND};
use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, Signed};
use claviger_offline::items::Items;
use claviger_offline::list::{List, Section};
use claviger_offline::lock::Settings;
use claviger_offline::plan::{Capacity, Input, Live, Plan, Planned, Run, fit, fit_entries, share};

use super::REMEMBERED_S;
use super::faults::{Slip, planted};
use super::signer::{MOST_BEHIND, Signers};
use crate::error::Error;
use crate::world::World;

/// Bytes of a list, unless the lock says otherwise.
const LIST_BYTES: u32 = 512;
/// A lock that says it has less room than this is not believed: it is said without proof. Four
/// sections and a long range in each fit.
const LEAST_BYTES: u32 = 256;

const CARD_WEIGHT: u64 = 50;
const SERVICE_WEIGHT: u64 = 500;
const DAY_S: i64 = 86_400;

/// What a lock has room for, all classes together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    capacity: Capacity,
    /// Bytes of its list at most, also where entries are counted.
    bytes: u64,
}

/// A list as it would be, with what it does to those who did nothing.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// As of when it was planned.
    at: i64,
    plans: Vec<(KeyClass, Plan, Planned)>,
    /// Live keys that it refuses and the list before did not.
    pub(crate) side_effects: Vec<Serial>,
}

impl Draft {
    /// Of each class that has a section, how many rows of serials it names one by one.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (KeyClass, usize)> {
        self.plans.iter().map(|(class, plan, _)| (*class, plan.ranges.len() + plan.bitmap.len()))
    }
}

/// The most entries of each class in a list with so many; none where they are not counted.
pub(crate) fn most_entries(room: Room, classes: usize) -> Option<usize> {
    match room.capacity {
        Capacity::Entries(most) => Some(share(most, classes)),
        Capacity::Bytes(_) => None,
    }
}

/// The class as the crate of the locks names it.
pub(crate) fn class_of(class: KeyClass) -> Class {
    match class {
        KeyClass::Phone => Class::Phone,
        KeyClass::Card => Class::Card,
        KeyClass::Guest => Class::Guest,
        KeyClass::Service => Class::Service,
    }
}

/// The list that a lock has; none before it has one.
fn held(lock: &OfflineLock) -> Option<List<'_>> {
    List::read(Signed::read(&lock.list).ok()?.payload).ok()
}

fn refuses(list: Option<&List<'_>>, (class, serial): Serial) -> bool {
    list.is_some_and(|list| list.refuses(class_of(class), serial))
}

/// What is made of the bytes that a lock is said to take, by whoever says so: none takes more than
/// the most.
fn believed(bytes: u32) -> u32 {
    bytes.clamp(LEAST_BYTES, most_bytes())
}

fn most_bytes() -> u32 {
    Settings::MOST_LIST_LIMIT.into()
}

/// Whether the list that a lock has is longer than that.
pub(crate) fn is_over(lock: &OfflineLock, limit: u32) -> bool {
    lock.list.len() > usize::try_from(believed(limit)).unwrap_or(usize::MAX)
}

/// The room that a lock has, all classes together.
pub(crate) fn room(lock: &OfflineLock, record: Option<&Lock>) -> Room {
    let said = lock.list_limit.map(believed);
    let of_bytes =
        |bytes: u32| Room { capacity: Capacity::Bytes(bytes.into()), bytes: bytes.into() };
    match record.and_then(|record| record.capacity) {
        Some(Stated::Entries(entries)) => Room {
            capacity: Capacity::Entries(usize::try_from(entries).unwrap_or(usize::MAX)),
            bytes: said.unwrap_or(most_bytes()).into(),
        },
        Some(Stated::ListBytes(bytes)) => of_bytes(bytes.min(said.unwrap_or(most_bytes()))),
        Some(Stated::Credentials(_)) | None => of_bytes(said.unwrap_or(LIST_BYTES)),
    }
}

/// When something is signed for a lock: never before the last that was, and not at all while the
/// clock is behind that, or has jumped. The lock's instant is raised to it.
pub(crate) fn iat(signers: &Signers, lock: &mut OfflineLock, now: Instant) -> Result<i64, Error> {
    let now_s = now.seconds();
    let any_clock = planted(Slip::SignsWithWrongClock);
    if !any_clock {
        signers.believe(now).inspect_err(|_| signers.refuse(lock.key))?;
    }
    if lock.epoch_due {
        tracing::error!(lock = %lock.id, "its epoch has not begun: nothing is signed");
        return Err(Error::Unavailable);
    }
    let is_behind = lock.signed - now_s > MOST_BEHIND / SECOND;
    if is_behind && !any_clock {
        tracing::error!(lock = %lock.id, "the clock is behind what was signed: nothing is signed");
        signers.refuse(lock.key);
        return Err(Error::Unavailable);
    }
    signers.signs(now);
    lock.signed = if any_clock { now_s } else { now_s.max(lock.signed) };
    Ok(lock.signed)
}

/// Plans the next list as of an instant, which is that of the newest list or a later one.
pub(crate) fn draft(world: &World, lock: &OfflineLock, room: Room, at: Instant) -> Draft {
    let as_of = at.seconds().max(lock.iat);
    let (must, live) = (must(lock, as_of), live(world, lock, as_of));
    let at = |class: KeyClass| usize::from(class.number());
    // A class has a section where it refuses anything, or did.
    let said = |class: &&KeyClass| must.contains_key(class) || lock.floors[at(**class)] > 0;
    let classes: Vec<KeyClass> = KeyClass::ALL.iter().filter(said).copied().collect();
    let input = |class: &KeyClass| Input {
        floor: lock.floors[at(*class)],
        must: must.get(class).map_or(&[], Vec::as_slice),
        live: live.get(class).map_or(&[], Vec::as_slice),
        top: lock.tops[at(*class)],
    };
    let inputs: Vec<(Class, Input<'_>)> =
        classes.iter().map(|class| (class_of(*class), input(class))).collect();
    let fitted = match room.capacity {
        Capacity::Entries(most) => fit_entries(&inputs, most, room.bytes),
        bytes => fit(&inputs, bytes),
    };
    let plans = classes.into_iter().zip(fitted);
    let plans: Vec<_> = plans.map(|(class, (plan, section))| (class, plan, section)).collect();
    let implicit = plans
        .iter()
        .flat_map(|(class, plan, _)| plan.implicit.iter().map(|serial| (*class, *serial)));
    let before = held(lock);
    let side_effects = implicit.filter(|key| !refuses(before.as_ref(), *key)).collect();
    Draft { at: as_of, plans, side_effects }
}

/// Whether a key has not provably ended.
fn has_to_be_said(key: &Issued, iat: i64) -> bool {
    let early = if planted(Slip::ForgetsTooEarly) { 10 * DAY_S } else { 0 };
    key.exp > iat + early
}

/// What must be refused and has not provably ended, in runs.
fn must(lock: &OfflineLock, iat: i64) -> BTreeMap<KeyClass, Vec<Run>> {
    let mut all: BTreeMap<KeyClass, Vec<Run>> = BTreeMap::new();
    for key in lock.keys().filter(|key| key.refused && has_to_be_said(key, iat)) {
        let run = Run { first: key.serial, last: key.serial };
        all.entry(key.class).or_default().push(run);
    }
    for it in lock.unknown.iter().filter(|it| it.exp > iat) {
        all.entry(it.class).or_default().push(Run { first: it.first, last: it.last });
    }
    for runs in all.values_mut() {
        runs.sort_unstable();
        let mut joined: Vec<Run> = Vec::with_capacity(runs.len());
        for run in runs.drain(..) {
            match joined.last_mut().filter(|last| last.last >= run.first) {
                Some(last) => last.last = last.last.max(run.last),
                None => joined.push(run),
            }
        }
        *runs = joined;
    }
    all
}

/// For each grant and device the newest key that its device holds and any newer one.
fn live(world: &World, lock: &OfflineLock, iat: i64) -> BTreeMap<KeyClass, Vec<Live>> {
    let mut found: BTreeMap<KeyClass, Vec<Live>> = BTreeMap::new();
    let mut done: BTreeSet<_> = BTreeSet::new();
    for key in lock.keys().rev() {
        if done.contains(&(key.class, key.holder())) {
            continue;
        }
        if key.is_acknowledged() {
            done.insert((key.class, key.holder()));
        }
        let floor = lock.floors[usize::from(key.class.number())];
        let opens = key.exp > iat && key.epoch >= lock.keys_from;
        if opens && key.serial > floor && !key.refused && key.erasure == Erasure::None {
            let live = Live { serial: key.serial, weight: weight(world, key, iat) };
            found.entry(key.class).or_default().push(live);
        }
    }
    found.values_mut().for_each(|keys| keys.reverse());
    found
}

/// How much it would hurt to refuse a key: a phone that calls gets another.
fn weight(world: &World, key: &Issued, iat: i64) -> u64 {
    match key.class {
        KeyClass::Phone | KeyClass::Guest => {
            let seen = world.enrolled(key.place, key.device).and_then(|it| it.seen_at);
            let seen_s = seen.map_or(key.iat, |it| it.seconds().max(key.iat));
            1 + u64::try_from((iat - seen_s) / DAY_S).unwrap_or_default()
        }
        KeyClass::Card => CARD_WEIGHT,
        KeyClass::Service => SERVICE_WEIGHT,
    }
}

/// Signs a list at an instant and makes it the lock's.
fn sign(
    (signers, world): (&Signers, &World),
    place: &Place,
    lock: &mut OfflineLock,
    (draft, iat): (&Draft, i64),
) -> Result<(), Error> {
    let issuer = signers.issuer(place)?;
    let sections: Vec<Section<'_>> = draft.plans.iter().map(|(_, _, it)| it.section()).collect();
    let step = u32::from(!planted(Slip::SameVersion) || lock.version == 0);
    let version = lock.version.checked_add(step).ok_or(Error::Internal)?;
    let seconds = u64::try_from(iat).map_err(|_| Error::Internal)?;
    if seconds >= issuer.exp {
        tracing::error!(lock = %lock.id, "the issuer of its place has ended: nothing is signed");
        return Err(Error::Internal);
    }
    let list = List {
        iat: seconds,
        lock: lock.id.0,
        epoch: lock.epoch,
        version,
        sections: Items::Values(&sections),
    };
    check(world, lock, draft, &list)?;
    let before = held(lock);
    let news = |key: &Issued| key.refused && key.exp > iat && !refuses(before.as_ref(), key.key());
    let refuses_more = lock.keys().any(|key| news(key)) || !draft.side_effects.is_empty();
    lock.list = issuer.key.sign(Kind::List, |it| list.write(it))?;
    (lock.version, lock.iat, lock.list_due) = (version, iat, false);
    if refuses_more && !planted(Slip::NoMinList) {
        lock.refusing = version;
    }
    for (class, plan, _) in &draft.plans {
        lock.floors[usize::from(class.number())] = plan.floor;
    }
    for key in &draft.side_effects {
        lock.edit(*key, |it| it.owed = !planted(Slip::HitIsNotRenewed));
    }
    lock.forget(iat - REMEMBERED_S);
    Ok(())
}

/// Looks a list over before it is signed: a defect signs nothing.
fn check(world: &World, lock: &OfflineLock, draft: &Draft, list: &List<'_>) -> Result<(), Error> {
    let floors = draft.plans.iter().all(|(class, plan, _)| {
        let at = usize::from(class.number());
        lock.floors[at] <= plan.floor && plan.floor <= lock.tops[at]
    });
    let mut refused = lock.keys().filter(|key| key.refused && has_to_be_said(key, draft.at));
    let must = refused.all(|key| list.refuses(class_of(key.class), key.serial));
    let implicit: BTreeSet<Serial> = draft
        .plans
        .iter()
        .flat_map(|(class, plan, _)| plan.implicit.iter().map(|serial| (*class, *serial)))
        .collect();
    let hit = live(world, lock, draft.at)
        .into_iter()
        .flat_map(|(class, keys)| keys.into_iter().map(move |key| (class, key.serial)));
    let hit: BTreeSet<Serial> =
        hit.filter(|(class, serial)| list.refuses(class_of(*class), *serial)).collect();
    let unknown = lock.unknown.iter().filter(|it| it.exp > draft.at).all(|it| {
        list.refuses(class_of(it.class), it.first) && list.refuses(class_of(it.class), it.last)
    });
    if floors && must && unknown && implicit == hit {
        return Ok(());
    }
    tracing::error!(lock = %lock.id, floors, must, unknown, "a list is not as planned: not signed");
    Err(Error::Internal)
}

/// Plans and signs the next list of a lock, whose owner is as it is by now.
pub(crate) fn renew(
    by: (&Signers, &World),
    owner: &PlaceState,
    lock: &mut OfflineLock,
    now: Instant,
) -> Result<(), Error> {
    renew_as_agreed(by, owner, lock, (now, None))
}

/// As [`renew`]; where somebody agreed to a plan of it, it is planned as of then and signed now:
/// what has ended since, or weighs more, makes it no other.
pub(crate) fn renew_as_agreed(
    (signers, world): (&Signers, &World),
    owner: &PlaceState,
    lock: &mut OfflineLock,
    (now, agreed_at): (Instant, Option<Instant>),
) -> Result<(), Error> {
    let iat = iat(signers, lock, now)?;
    let record = owner.locks.get(lock.key.lock).map(|record| &**record);
    let at = agreed_at.unwrap_or(Instant(iat.saturating_mul(SECOND)));
    let draft = draft(world, lock, room(lock, record), at);
    sign((signers, world), &owner.place, lock, (&draft, iat))
}
