//! What is to be sent: the differences between a list as it should be and as it is held, in the
//! order in which they go out. What takes rights away comes first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::desired::{Desired, without};
use super::entry::{Entry, Item, Scribe};
use super::list::{List, PATIENCE};
use super::row::{Failure, Row};
use super::taken::is_narrower;
use super::{Digest, ItemKey, ItemKind, Site, capacity};
use crate::ids::{Id, LockNumber};
use crate::time::Instant;

/// The differences of a list.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// What is of no form of ours and can be told to go at once, by version.
    pub foreign: Vec<u64>,
    /// The differences that can be sent at once, in order.
    pub due: Vec<Due>,
    /// How many differences there are, those included that wait for their time or for room.
    pub pending: usize,
    /// When one of those can be sent whose time has not come.
    pub next_at: Option<Instant>,
}

/// A difference that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which item it is of.
    pub key: ItemKey,
    /// The locks that it is sent without, as there is no room at them yet: what takes rights away
    /// does not wait for room.
    pub without: Vec<LockNumber>,
}

/// In which order differences go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Locks that are no longer the list's, and credentials that open nothing.
    Away,
    /// Schedules, before those that name them.
    Schedule,
    /// Locks and their settings.
    Lock,
    /// Credentials that open less than is held of them.
    Narrower,
    /// All other credentials.
    Wider,
    /// Schedules that nothing names.
    Unnamed,
}

/// Whether a difference can go out.
enum Turn {
    At(Instant),
    AtOnce,
}

impl Turn {
    /// Not before either.
    fn and(self, other: Turn) -> Turn {
        match (self, other) {
            (Turn::At(one), Turn::At(other)) => Turn::At(one.max(other)),
            (Turn::AtOnce, turn) | (turn, Turn::AtOnce) => turn,
        }
    }
}

/// The differences of a list; `received` is the number of the last answer that the controller has
/// read: what went out later is sent again.
#[must_use]
pub fn queue(
    site: &Site<'_>,
    desired: &Desired,
    list: &List,
    received: u64,
    now: Instant,
    digest: Digest,
) -> Queue {
    let mut queue = Queue { pending: list.foreign().len(), ..Queue::default() };
    for it in list.foreign() {
        let on_its_way = it.sent_at.map_or(Turn::AtOnce, |at| pause(at, at.plus(PATIENCE), now));
        match on_its_way.and(it.failure.as_ref().map_or(Turn::AtOnce, |it| it.turn(now))) {
            Turn::AtOnce => queue.foreign.push(it.version),
            Turn::At(then) => queue.next_at = earlier(queue.next_at, then),
        }
    }
    let mut found = Vec::new();
    let gone = list.rows().filter(|row| !desired.items.contains_key(&row.key));
    let all = desired.items.values().map(|item| (item.key, Some(item)));
    for (key, item) in all.chain(gone.map(|row| (row.key, None))) {
        let row = list.row(key).map(|row| &**row);
        if let Some(class) = class(list, row, item, now) {
            found.push(((class, priority(item), key), row, item));
        }
    }
    queue.pending += found.len();
    found.sort_by_key(|(order, ..)| *order);
    // A lock that is held as it should not be may name any schedule.
    let is_lock_due = found.iter().any(|((.., key), ..)| key.kind == ItemKind::Lock);
    let mut room = Room::of(site, list);
    let scribe = Scribe::new(digest, now);
    let mut named = None;
    for ((class, _, key), row, item) in found {
        if class == Class::Unnamed
            && (is_lock_due || named.get_or_insert_with(|| named_by(list)).contains(&key.id))
        {
            continue;
        }
        let mut going = (turn(row, item, received, now), Vec::new());
        if matches!(going.0, Turn::AtOnce)
            && let Some(item) = item
            && let Err(full) = room.take(list, item)
        {
            let part = without(site, &scribe, item, &full);
            if class != Class::Narrower || row.is_some_and(|row| is_stored(list, row, &part)) {
                continue;
            }
            going = (turn(row, Some(&part), received, now), full);
        }
        match going {
            (Turn::AtOnce, without) => queue.due.push(Due { key, without }),
            (Turn::At(then), _) => queue.next_at = earlier(queue.next_at, then),
        }
    }
    queue
}

type Priority = Reverse<u8>;

fn priority(item: Option<&Item>) -> Priority {
    match item.map(|item| &item.entry) {
        Some(Entry::Credential(it)) => Reverse(it.credential.priority),
        _ => Reverse(0),
    }
}

/// Whether there is a difference, and of which class.
fn class(list: &List, row: Option<&Row>, item: Option<&Item>, now: Instant) -> Option<Class> {
    let key = item.map(|item| item.key).or(row.map(|row| row.key))?;
    let Some(item) = item else {
        // Only a refusal is left of it: nothing is held.
        row.filter(|row| row.is_held() || row.sent.is_some())?;
        return Some(if key.kind == ItemKind::Schedule { Class::Unnamed } else { Class::Away });
    };
    if row.is_some_and(|row| is_stored(list, row, item)) {
        return None;
    }
    Some(match key.kind {
        ItemKind::Lock => Class::Lock,
        ItemKind::Schedule => Class::Schedule,
        ItemKind::Credential => {
            let held = row.into_iter().flat_map(Row::held);
            let less = held.into_iter().any(|(_, held)| is_narrower(held, item, now));
            if less { Class::Narrower } else { Class::Wider }
        }
    })
}

/// Whether an item is stored, as far as can be known, and nothing else of it.
fn is_stored(list: &List, row: &Row, item: &Item) -> bool {
    let stored = row.confirmed.as_ref().is_some_and(|it| it.held.print == item.print);
    stored && row.sent.is_none() && row.stray.is_empty() && !list.is_stale(row)
}

fn turn(row: Option<&Row>, item: Option<&Item>, received: u64, now: Instant) -> Turn {
    let print = item.map(|item| item.print);
    if let Some(sent) = row.and_then(|row| row.sent.as_ref())
        && sent.held.as_ref().map(|held| held.print) == print
        && sent.seq <= received
        && let Turn::At(then) = pause(sent.at, sent.at.plus(PATIENCE), now)
    {
        return Turn::At(then);
    }
    let failure = row.and_then(|row| row.failure.as_ref());
    failure.filter(|it| it.print == print).map_or(Turn::AtOnce, |it| it.turn(now))
}

/// What began then is waited for until then. By a clock that was put back it has not begun yet: it
/// is not waited for.
fn pause(since: Instant, until: Instant, now: Instant) -> Turn {
    if since <= now && now < until { Turn::At(until) } else { Turn::AtOnce }
}

impl Failure {
    fn turn(&self, now: Instant) -> Turn {
        pause(self.at, self.next_at, now)
    }
}

/// The schedules that something held names.
fn named_by(list: &List) -> BTreeSet<Id> {
    let ways = list.rows().flat_map(|row| row.held().flat_map(|(_, held)| held.ways.iter()));
    ways.flat_map(|way| way.schedules.iter().copied()).collect()
}

/// Where there is still room, counting everything that may be held.
struct Room {
    /// For credentials that are not held at all.
    whole: Option<usize>,
    /// At locks.
    locks: BTreeMap<LockNumber, usize>,
}

impl Room {
    fn of(site: &Site<'_>, list: &List) -> Room {
        let held =
            || list.rows().filter(|row| row.key.kind == ItemKind::Credential && row.is_held());
        let controller = site.owner.controllers.get(site.key.controller);
        let most = controller.and_then(|it| it.capacity).map(|most| most as usize);
        let free = |(lock, most): (LockNumber, usize)| {
            (lock, most.saturating_sub(held().filter(|row| row.opens(lock)).count()))
        };
        Room {
            whole: most.map(|most| most.saturating_sub(held().count())),
            locks: capacity::limits(site).into_iter().map(free).collect(),
        }
    }

    /// Takes the room for an item; where there is not enough, says at which locks there is none.
    fn take(&mut self, list: &List, item: &Item) -> Result<(), Vec<LockNumber>> {
        if item.key.kind != ItemKind::Credential {
            return Ok(());
        }
        let is_new = !list.holds(item.key.id);
        let reached: BTreeSet<LockNumber> =
            item.ways().iter().flat_map(|way| way.locks.iter().copied()).collect();
        let opened: Vec<LockNumber> =
            reached.into_iter().filter(|lock| !list.opens(item.key.id, *lock)).collect();
        let is_full = |lock: &&LockNumber| self.locks.get(lock) == Some(&0);
        let full: Vec<LockNumber> = opened.iter().filter(is_full).copied().collect();
        if (is_new && self.whole == Some(0)) || !full.is_empty() {
            return Err(full);
        }
        if is_new {
            self.whole = self.whole.map(|free| free - 1);
        }
        for lock in opened {
            if let Some(free) = self.locks.get_mut(&lock) {
                *free -= 1;
            }
        }
        Ok(())
    }
}

fn earlier(one: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(one.map_or(other, |one| one.min(other)))
}
