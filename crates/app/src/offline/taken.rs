//! What is right at locks with no network, and the keys that a command leaves with more than that:
//! they are marked here, and refused by a list that the writer has made in the command's own
//! commit.

use std::collections::BTreeMap;

use claviger_domain::ids::{CredentialNumber, GrantNumber, LockNumber, PlaceNumber};
use claviger_domain::noun::lock::{Lock, LockMode};
use claviger_domain::offline::{
    self, AtLock, Erasure, Issued, LockKey, OfflineLock, Right, TakenKey, Touched,
};
use claviger_domain::provision::Revocation;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use super::faults::{Slip, planted};
use super::flags_of;
use super::sync::owned;

/// The places that keys are of, as a command leaves them.
pub(crate) struct Places<'p> {
    pub(crate) find: &'p dyn Fn(PlaceNumber) -> Option<PlaceState>,
    known: BTreeMap<PlaceNumber, Option<PlaceState>>,
}

impl<'p> Places<'p> {
    pub(crate) fn new(find: &'p dyn Fn(PlaceNumber) -> Option<PlaceState>) -> Places<'p> {
        Places { find, known: BTreeMap::new() }
    }

    fn learn(&mut self, place: PlaceNumber) {
        let find = self.find;
        self.known.entry(place).or_insert_with(|| find(place));
    }

    /// Two places, where both are there.
    pub(super) fn both(
        &mut self,
        one: PlaceNumber,
        other: PlaceNumber,
    ) -> Option<(&PlaceState, &PlaceState)> {
        self.learn(one);
        self.learn(other);
        self.of(one).zip(self.of(other))
    }

    /// A place that was asked for before.
    fn of(&self, place: PlaceNumber) -> Option<&PlaceState> {
        self.known.get(&place)?.as_ref()
    }
}

/// The lock as its owner has it, where it still is one that reads keys.
pub(crate) fn reads_keys(owner: &PlaceState, lock: LockNumber) -> Option<&Lock> {
    let lock = owner.locks.get(lock)?;
    (lock.mode == LockMode::OfflineKeys && lock.borrowed.is_none()).then_some(&**lock)
}

/// What is right for a device of a place by a grant at a lock, all three by their numbers there.
pub(crate) fn right_of<'s>(
    owner: &'s PlaceState,
    tenant: &'s PlaceState,
    at: LockKey,
    numbers: (GrantNumber, CredentialNumber, LockNumber),
) -> Option<Right<'s>> {
    let lock = reads_keys(owner, at.lock)?;
    offline::right(tenant, numbers, owner.zone_of(lock), flags_of(lock))
}

/// Rights at locks, each by its grant, which was made then.
pub(crate) type Rights = BTreeMap<LockKey, BTreeMap<GrantNumber, Instant>>;

/// The rights that a command closed at locks of whose keys nobody remembers all. `each_open` shows
/// the revocations of the place that have not come to their end.
pub(crate) fn closed_rights(
    before: &PlaceState,
    after: &PlaceState,
    touched: &Touched,
    find: impl Fn(LockKey) -> Option<OfflineLock>,
    each_open: impl FnOnce(&mut dyn FnMut(&Revocation)),
) -> Rights {
    let mut known: BTreeMap<LockKey, bool> = BTreeMap::new();
    let is_forgetful = |lock: &OfflineLock| lock.forgotten(Instant(i64::MIN)).is_some();
    let mut forgets =
        |at| *known.entry(at).or_insert_with(|| find(at).as_ref().is_some_and(is_forgetful));
    let counts = |lock| owned(before, lock).is_some_and(&mut forgets);
    let mut found = Rights::new();
    for (grant, lock) in touched.closed(before, after, counts) {
        let Some(at) = owned(before, lock) else { continue };
        let since = before.grants.get(grant).map(|grant| grant.header.created_at);
        found.entry(at).or_default().extend(since.map(|since| (grant, since)));
    }
    let closed = touched.closed_grants(before, after);
    let closed: BTreeMap<_, _> =
        closed.map(|grant| (grant.number(), grant.header.created_at)).collect();
    if closed.is_empty() {
        return found;
    }
    // What left the level of a grant before that was closed may open to its keys all the same.
    each_open(&mut |revocation| {
        for at in revocation.taken.locks.iter().filter(|at| forgets(at.key)) {
            let own = at.keys.iter().filter(|key| key.place == before.place.number());
            let own = own.filter_map(|key| Some((key.grant, *closed.get(&key.grant)?)));
            let mut own = own.peekable();
            if own.peek().is_some() {
                found.entry(at.key).or_default().extend(own);
            }
        }
    });
    found
}

/// What a command took back in `place`, with all the places it wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'t> {
    pub(crate) place: PlaceNumber,
    /// What each wrote may have to do with. A key is its own place's, not that of the lock's owner,
    /// where both may: whoever reads a grant finds what became of it in its place.
    pub(crate) written: &'t BTreeMap<PlaceNumber, Touched>,
    /// What it closed at locks of whose keys nobody remembers all.
    pub(crate) closed: &'t Rights,
}

/// What a command takes back at one lock, whose keys are marked; `sure` is an instant that has
/// certainly come.
pub(crate) fn take_back(
    lock: &mut OfflineLock,
    about: About<'_>,
    places: &mut Places<'_>,
    sure: Instant,
) -> Option<AtLock> {
    let known = of_known(lock, about, places, sure);
    // What the newest list refuses, or by its instant has ended, or is left to a card, needs no
    // other.
    lock.list_due |= known.iter().filter(|taken| !taken.at_card).any(|taken| {
        let is_refused = lock.issued(taken.key).is_some_and(|key| key.refused);
        taken.exp > lock.iat && !is_refused
    });
    for taken in &known {
        lock.edit(taken.key, |it| match taken.at_card {
            true => it.erasure = Erasure::Due,
            false => it.refused = true,
        });
    }
    let forgotten = of_forgotten(lock, about);
    let list = match (&known[..], forgotten.as_ref()) {
        ([], None) => return None,
        ([], Some((list, _))) => *list,
        _ if lock.epoch_due => (lock.epoch.saturating_add(1), 0),
        _ => (lock.epoch, lock.version.saturating_add(lock.list_due.into())),
    };
    let keys = known.into_iter().chain(forgotten.into_iter().flat_map(|(_, keys)| keys)).collect();
    Some(AtLock { key: lock.key, lock: lock.id, list, keys })
}

/// Keys that carry more than is right.
fn of_known(
    lock: &OfflineLock,
    About { place, written, .. }: About<'_>,
    places: &mut Places<'_>,
    sure: Instant,
) -> Vec<TakenKey> {
    // What was signed was signed by a clock that was right.
    let (at, now_s) = (lock.key, sure.seconds().max(lock.iat));
    let holds = |place: PlaceNumber, key: &Issued| {
        written.get(&place).is_some_and(|touched| touched.holds(place, at, key))
    };
    let mut taken = Vec::new();
    for key in lock.keys().filter(|key| may_open(lock, key)) {
        if !holds(place, key) || key.place != place && holds(key.place, key) {
            continue;
        }
        let states = places.both(at.place, key.place);
        let is_old = key.refused || key.exp <= lock.iat;
        let closes = || {
            let tenant = states.map(|(_, tenant)| tenant);
            let closes = |touched: &Touched| tenant.is_none_or(|it| touched.closes(it, key));
            written.get(&key.place).is_some_and(closes)
        };
        if is_old && !closes() {
            continue;
        }
        let is_due = key.erasure == Erasure::Due;
        let is_left = is_due || written.get(&key.place).is_some_and(|touched| touched.leaves(key));
        let stays = |(owner, tenant): (&PlaceState, &PlaceState)| {
            let flags = reads_keys(owner, at.lock).map(flags_of);
            flags.is_some_and(|flags| offline::may_stay(key, tenant, flags, now_s))
        };
        let at_card = is_left && !key.refused && states.is_some_and(stays);
        if at_card && is_due {
            continue;
        }
        let numbers = (key.grant, key.device, key.lock);
        let right = states.and_then(|(owner, tenant)| right_of(owner, tenant, at, numbers));
        let is_kept = match right {
            Some(_) => planted(Slip::EditsDoNotRevoke),
            None => planted(Slip::OnlyClosingRevokes) && !closes(),
        };
        if offline::no_longer_right(key, right.as_ref(), now_s) && !is_kept {
            taken.push(TakenKey {
                key: key.key(),
                place: key.place,
                grant: key.grant,
                exp: key.exp,
                strict: key.is_strict() || planted(Slip::RevokedOnExpiry),
                at_card,
            });
        }
    }
    taken
}

/// Whether a lock may still open to a key, as far as it has shown. A list that it is known to hold
/// refuses the key, or tells a lock that may be without a clock that the key has ended. What was
/// refused before, or has ended, is asked for once more when its right is closed: that says
/// `revoked` when the revocation of its closing is over.
///
/// What has ended is judged by what was signed: the clock may be ahead for a while.
fn may_open(lock: &OfflineLock, key: &Issued) -> bool {
    if key.erasure == Erasure::Done {
        return false;
    }
    let has_ended = key.exp <= lock.iat;
    if has_ended && key.is_strict() || lock.told.is_some_and(|told| key.exp <= told.iat) {
        return false;
    }
    if planted(Slip::RefusedIsOver) {
        return !has_ended && !key.refused;
    }
    let least = if has_ended { lock.version } else { lock.refusing };
    !key.refused || lock.list_due || !lock.has_shown(lock.epoch, least)
}

/// Keys of closed rights that were made after a backup, of which nobody knows: they are refused
/// from the first list of the epoch on.
fn of_forgotten(lock: &OfflineLock, about: About<'_>) -> Option<((u16, u32), Vec<TakenKey>)> {
    let rights = about.closed.get(&lock.key)?;
    let mut least = None;
    let mut keys = Vec::new();
    for (grant, since) in rights {
        let Some((list, unknown)) = lock.forgotten(*since) else { continue };
        least = least.max(Some(list));
        keys.push(TakenKey {
            key: (unknown.class, unknown.last),
            place: about.place,
            grant: *grant,
            exp: unknown.exp,
            strict: false,
            at_card: false,
        });
    }
    least.map(|list| (list, keys))
}
