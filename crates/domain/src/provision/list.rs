//! What a list holds, as far as the server knows: what was confirmed, what was sent since.
//!
//! What was sent counts as held until the controller has said otherwise: the answer may have come
//! in although the server never heard of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::desired::Desired;
use super::entry::Item;
use super::row::{Failure, Held, Row, Sent, Stored};
use super::taken::is_narrower;
use super::{ItemKey, ItemKind, ListKey};
use crate::ids::{Id, LockNumber, PlaceNumber};
use crate::time::{Instant, SECOND};

/// How long an item may be on its way before it is sent again.
pub(super) const PATIENCE: i64 = 30 * SECOND;
/// So many foreign things are told to go at a time.
const MOST_FOREIGN: usize = 1_000;
/// Versions go on from what a controller says that it has up to here. Beyond there would soon be
/// none left that it could acknowledge.
const HIGHEST_TAKEN: u64 = 1 << 62;

/// What the controller says of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Which.
    pub version: u64,
    /// None where it is stored, else why not.
    pub refused: Option<String>,
}

/// An item of the controller's inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventoried {
    /// Which.
    pub key: ItemKey,
    /// As which version.
    pub version: u64,
}

/// An item of the controller's inventory whose id is of no form that the server gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strange {
    /// What it is.
    pub kind: ItemKind,
    /// What the controller calls it.
    pub id: String,
    /// As which version.
    pub version: u64,
}

/// Something that a controller holds and whose id is of no form that the server gives: it can only
/// be removed. Known until it is; a restart forgets it, and the digest finds it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it is.
    pub what: Strange,
    /// As which version its removal is acknowledged.
    pub version: u64,
    /// When its removal was sent last.
    pub sent_at: Option<Instant>,
    /// The last refusal to remove it.
    pub failure: Option<Failure>,
}

/// One controller's list.
#[derive(Clone, Debug)]
pub struct List {
    /// Which.
    pub key: ListKey,
    /// The last version given.
    pub version: u64,
    /// The number of the last request that was looked at.
    pub seen_seq: u64,
    /// The number of the controller's last event that is stored.
    pub event_seq: u64,
    /// When it last called.
    pub seen_at: Option<Instant>,
    /// When it last had no more to tell of what happened.
    pub told_at: Option<Instant>,
    /// Whether it must say what it holds before anything else is sent.
    pub inventory_due: bool,
    foreign: Vec<Foreign>,
    rows: Arc<BTreeMap<ItemKey, Arc<Row>>>,
    /// Items that must be confirmed anew though they may be as they should: a right in between was
    /// taken back.
    stale: Arc<BTreeMap<Id, u64>>,
    /// The places that items are or were of.
    places: BTreeSet<PlaceNumber>,
    changed: BTreeSet<ItemKey>,
}

impl List {
    /// A list of which nothing is known.
    #[must_use]
    pub fn new(key: ListKey) -> List {
        List {
            key,
            version: 0,
            seen_seq: 0,
            event_seq: 0,
            seen_at: None,
            told_at: None,
            inventory_due: false,
            foreign: Vec::new(),
            rows: Arc::default(),
            stale: Arc::default(),
            places: BTreeSet::from([key.place]),
            changed: BTreeSet::new(),
        }
    }

    /// Takes a row as it was stored.
    pub fn load(&mut self, row: Row) {
        self.places.insert(row.place);
        Arc::make_mut(&mut self.rows).insert(row.key, Arc::new(row));
    }

    /// Whether an item may be of a place.
    #[must_use]
    pub fn concerns(&self, place: PlaceNumber) -> bool {
        self.places.contains(&place)
    }

    /// The places that items are or were of.
    pub fn places(&self) -> impl Iterator<Item = PlaceNumber> + '_ {
        self.places.iter().copied()
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.rows.values()
    }

    /// One row.
    #[must_use]
    pub fn row(&self, key: ItemKey) -> Option<&Arc<Row>> {
        self.rows.get(&key)
    }

    /// The row of a credential.
    #[must_use]
    pub fn credential(&self, id: Id) -> Option<&Arc<Row>> {
        self.rows.get(&ItemKey { kind: ItemKind::Credential, id })
    }

    /// What it holds that is of no form of ours.
    #[must_use]
    pub fn foreign(&self) -> &[Foreign] {
        &self.foreign
    }

    /// Whether the controller may hold anything of it, known or not.
    #[must_use]
    pub fn may_hold(&self) -> bool {
        self.inventory_due || !self.foreign.is_empty() || self.rows().any(|row| row.is_held())
    }

    /// Whether every schedule that an item names is there before it: held, or sent, or refused, so
    /// that the item is, too, and says why.
    #[must_use]
    pub fn has_named(&self, item: &Item) -> bool {
        item.names().all(|id| {
            let row = self.row(ItemKey { kind: ItemKind::Schedule, id });
            row.is_some_and(|row| row.is_held() || row.failure.is_some())
        })
    }

    /// Whether a credential may be held.
    #[must_use]
    pub fn holds(&self, id: Id) -> bool {
        self.credential(id).is_some_and(|row| row.is_held())
    }

    /// Whether what is held of a credential may open a lock.
    #[must_use]
    pub fn opens(&self, id: Id, lock: LockNumber) -> bool {
        self.credential(id).is_some_and(|row| row.opens(lock))
    }

    /// Whether some change has been refused again and again that is still to be made, where it is
    /// known what is.
    #[must_use]
    pub fn is_failing(&self, desired: Option<&Desired>, now: Instant) -> bool {
        let is_lasting =
            |failure: &Option<Failure>| failure.as_ref().is_some_and(|it| it.is_lasting());
        let due = |row: &&Arc<Row>| {
            let Some(desired) = desired else { return true };
            let item = desired.items.get(&row.key);
            let print = item.map(|item| item.print);
            // Of what takes away a part may have been sent.
            let less = |item: &Item| row.held().any(|(_, held)| is_narrower(held, item, now));
            let is_it = row.failure.as_ref().is_some_and(|it| it.print == print);
            item.map_or(is_it && row.is_held(), |item| is_it || less(item))
        };
        self.foreign.iter().any(|it| is_lasting(&it.failure))
            || self.rows().filter(|row| is_lasting(&row.failure)).any(|row| due(&row))
    }

    /// Whether what is confirmed of a row counts, however it looks.
    pub(super) fn is_stale(&self, row: &Row) -> bool {
        let after = self.stale.get(&row.key.id);
        after.is_some_and(|after| row.confirmed.as_ref().is_some_and(|it| it.version <= *after))
    }

    /// Wants credentials that are held confirmed anew: whatever has a version up to the last one
    /// given does not count any more.
    pub fn doubt(&mut self, ids: impl IntoIterator<Item = Id>, after: u64) {
        let held: Vec<Id> = ids.into_iter().filter(|id| self.credential(*id).is_some()).collect();
        let stale = Arc::make_mut(&mut self.stale);
        for id in held {
            let known = stale.entry(id).or_insert(after);
            *known = after.max(*known);
        }
    }

    /// What has changed since this was asked last.
    pub fn take_changed(&mut self) -> BTreeSet<ItemKey> {
        std::mem::take(&mut self.changed)
    }

    fn edit(&mut self, key: ItemKey, place: PlaceNumber, number: u32) -> &mut Row {
        self.changed.insert(key);
        let none = || {
            let (confirmed, sent, failure) = (None, None, None);
            Row { key, place, number, confirmed, sent, stray: Vec::new(), failure }.into()
        };
        Arc::make_mut(Arc::make_mut(&mut self.rows).entry(key).or_insert_with(none))
    }

    fn drop_row(&mut self, key: ItemKey) {
        self.changed.insert(key);
        Arc::make_mut(&mut self.rows).remove(&key);
        Arc::make_mut(&mut self.stale).remove(&key.id);
    }

    /// Notes that an item (none: its removal) goes out in the answer to a request; says as which
    /// version. What is sent again as it was keeps its version.
    pub fn send(&mut self, key: ItemKey, item: Option<&Item>, seq: u64, now: Instant) -> u64 {
        let next = self.version + 1;
        let known = self.rows.get(&key).map(|row| (row.place, row.number)).unwrap_or_default();
        let (place, number) = item.map_or(known, |item| item.record(self.key.place));
        let held = item.map(Held::of);
        self.places.insert(place);
        let row = self.edit(key, place, number);
        (row.place, row.number) = (place, number);
        let stale = row.sent.take();
        let version = match stale {
            Some(sent) if sent.held == held => sent.version,
            Some(Sent { held: Some(held), version, .. }) => {
                row.overtake(version, held);
                next
            }
            _ => next,
        };
        row.sent = Some(Sent { version, seq, at: now, held });
        self.version = self.version.max(version);
        version
    }

    /// Notes that something foreign is told to go; says what.
    pub fn send_away(&mut self, version: u64, now: Instant) -> Option<Foreign> {
        let found = self.foreign.iter_mut().find(|it| it.version == version)?;
        found.sent_at = Some(now);
        Some(found.clone())
    }

    /// Takes in what the controller says of changes. Versions that were followed by others are
    /// passed over: the later one counts.
    pub fn report(&mut self, reports: &[Reported], now: Instant) {
        let on_their_way =
            self.rows().filter_map(|row| Some((row.sent.as_ref()?.version, row.key)));
        let keys: BTreeMap<u64, ItemKey> = on_their_way.collect();
        self.foreign.retain_mut(|it| {
            let Some(report) = reports.iter().find(|report| report.version == it.version) else {
                return true;
            };
            if let Some(code) = &report.refused {
                it.sent_at = None;
                it.failure = Some(Failure::after(it.failure.take(), code, None, now));
            }
            report.refused.is_some()
        });
        for report in reports {
            let Some(key) = keys.get(&report.version).copied() else { continue };
            let row = self.edit(key, PlaceNumber(0), 0);
            let Some(sent) = row.sent.take() else { continue };
            match (&report.refused, sent.held) {
                (None, Some(held)) => {
                    row.confirmed = Some(Stored { version: sent.version, at: now, held });
                    row.stray.clear();
                    row.failure = None;
                    if !self.rows.get(&key).is_some_and(|row| self.is_stale(row)) {
                        Arc::make_mut(&mut self.stale).remove(&key.id);
                    }
                }
                (None, None) => self.drop_row(key),
                (Some(code), held) => {
                    let print = held.map(|held| held.print);
                    row.failure = Some(Failure::after(row.failure.take(), code, print, now));
                }
            }
        }
    }

    /// Takes in the whole of what the controller holds, of which some is `foreign`; `record` finds
    /// the place and number of the record that an item is of.
    pub fn take_inventory(
        &mut self,
        items: &[Inventoried],
        foreign: &[Strange],
        record: impl Fn(ItemKey) -> Option<(PlaceNumber, u32)>,
        now: Instant,
    ) {
        self.inventory_due = false;
        let told: BTreeMap<ItemKey, u64> = items.iter().map(|it| (it.key, it.version)).collect();
        let known: Vec<ItemKey> = self.rows.keys().copied().collect();
        for key in known {
            match told.get(&key) {
                None => {
                    let row = self.edit(key, PlaceNumber(0), 0);
                    (row.confirmed, row.sent) = (None, None);
                    row.stray.clear();
                    if row.failure.is_none() {
                        self.drop_row(key);
                    }
                }
                Some(version) => self.found(key, *version, now),
            }
        }
        for (key, version) in &told {
            if !self.rows.contains_key(key) {
                self.unknown(*key, *version, now, record(*key).unwrap_or_default());
            }
        }
        // What comes next must be newer than anything the controller has seen.
        let sane = told.values().copied().filter(|version| *version <= HIGHEST_TAKEN);
        self.version = sane.fold(self.version, u64::max);
        let former = std::mem::take(&mut self.foreign);
        for what in foreign.iter().take(MOST_FOREIGN) {
            self.version += 1;
            let same = |it: &&Foreign| (it.what.kind, &it.what.id) == (what.kind, &what.id);
            let failure = former.iter().find(same).and_then(|it| it.failure.clone());
            let (what, version) = (what.clone(), self.version);
            self.foreign.push(Foreign { what, version, sent_at: None, failure });
        }
    }

    /// An item that is there, in some version.
    fn found(&mut self, key: ItemKey, version: u64, now: Instant) {
        let Some(row) = self.rows.get(&key) else { return };
        if row.confirmed.as_ref().is_some_and(|it| it.version == version)
            && row.sent.is_none()
            && row.stray.is_empty()
        {
            return;
        }
        let (place, number) = (row.place, row.number);
        let known = row.held().find(|(it, _)| *it == version).map(|(_, held)| held.clone());
        match known {
            None => self.unknown(key, version, now, (place, number)),
            Some(held) => {
                let row = self.edit(key, place, number);
                row.confirmed = Some(Stored { version, at: now, held });
                row.sent = None;
                row.stray.clear();
            }
        }
    }

    /// An item of which only the version is known: it is as nothing should be.
    fn unknown(&mut self, key: ItemKey, version: u64, now: Instant, of: (PlaceNumber, u32)) {
        let (place, number) = of;
        self.places.insert(place);
        let row = self.edit(key, place, number);
        row.confirmed = Some(Stored { version, at: now, held: Held::UNKNOWN });
        row.sent = None;
        row.stray.clear();
    }

    /// Forgets refusals of what is neither held nor wanted any more.
    pub fn sweep(&mut self, is_wanted: impl Fn(ItemKey) -> bool) {
        let is_over = |row: &&Arc<Row>| !row.is_held() && row.sent.is_none();
        let over = self.rows().filter(is_over).map(|row| row.key).filter(|key| !is_wanted(*key));
        for key in over.collect::<Vec<_>>() {
            self.drop_row(key);
        }
    }

    /// The lines whose hash is the digest of what was confirmed, sorted. What is on its way is not
    /// in them: where the controller has stored it and that was not heard, it is asked what it
    /// holds.
    #[must_use]
    pub fn lines(&self) -> String {
        let line =
            |kind: ItemKind, id: &str, version: u64| format!("{} {id} {version}\n", kind.as_str());
        let stored = self.rows().filter_map(|row| Some((row.key, row.confirmed.as_ref()?.version)));
        let own = stored.map(|(key, version)| line(key.kind, &key.text(), version));
        let foreign =
            self.foreign.iter().map(|it| line(it.what.kind, &it.what.id, it.what.version));
        let mut lines: Vec<String> = own.chain(foreign).collect();
        lines.sort_unstable();
        lines.concat()
    }
}
