//! What a list holds, as far as the server knows: what was confirmed, what was sent since.
//!
//! What was sent counts as held until the controller has said otherwise: the answer may have come
//! in although the server never heard of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::desired::Desired;
use super::entry::Item;
use super::{ItemKey, ItemKind, ListKey, Way};
use crate::ids::{Id, LockNumber, PlaceNumber};
use crate::time::{HOUR, Instant, SECOND};

/// How long an item may be on its way before it is sent again.
pub(super) const PATIENCE: i64 = 30 * SECOND;
const FIRST_PAUSE: i64 = 10 * SECOND;
/// From so many refusals on a controller counts as failing.
const MANY_REFUSALS: u32 = 3;
/// So many earlier sendings are told apart; older ones are taken together.
const MOST_STRAY: usize = 4;
/// Versions go on from what a controller says that it has up to here. Beyond there would soon be
/// none left that it could acknowledge.
const HIGHEST_TAKEN: u64 = 1 << 62;

/// What one sending of an item lets in: never its PIN or code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// That of the item.
    pub print: [u8; 16],
    /// What it recognises.
    pub identity: [u8; 16],
    /// Where it opens and when.
    pub ways: Vec<Way>,
}

impl Held {
    /// What only the controller knows.
    const UNKNOWN: Held = Held { print: [0; 16], identity: [0; 16], ways: Vec::new() };

    /// What an item lets in.
    #[must_use]
    pub fn of(item: &Item) -> Held {
        Held { print: item.print, identity: item.identity, ways: item.ways().to_vec() }
    }

    /// Whether the server does not know what it is: it may let in anybody anywhere. Without ways,
    /// as earlier sendings that are taken together have theirs.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Held::UNKNOWN
    }
}

/// What the controller said that it has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// As which version.
    pub version: u64,
    /// When it said so.
    pub at: Instant,
    /// What.
    pub held: Held,
}

/// What was sent and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// As which version.
    pub version: u64,
    /// In the answer to which request.
    pub seq: u64,
    /// When.
    pub at: Instant,
    /// What; none where it was to be removed.
    pub held: Option<Held>,
}

/// What the controller refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its own word for why.
    pub code: String,
    /// When.
    pub at: Instant,
    /// How often in a row.
    pub attempts: u32,
    /// When it is tried again.
    pub next_at: Instant,
    /// What was refused; none for a removal.
    pub print: Option<[u8; 16]>,
}

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub key: ItemKey,
    /// The place of the record it is of.
    pub place: PlaceNumber,
    /// That record's number; 0 where it is not known, or a schedule.
    pub number: u32,
    /// What is stored.
    pub confirmed: Option<Stored>,
    /// What is on its way.
    pub sent: Option<Sent>,
    /// What was on its way when something else was sent, with the versions.
    pub stray: Vec<(u64, Held)>,
    /// The last refusal, until something is stored.
    pub failure: Option<Failure>,
}

impl Row {
    /// Everything the controller may hold, with its version.
    pub fn held(&self) -> impl Iterator<Item = (u64, &Held)> {
        let confirmed = self.confirmed.iter().map(|it| (it.version, &it.held));
        let sent = self.sent.iter().filter_map(|it| Some((it.version, it.held.as_ref()?)));
        confirmed.chain(sent).chain(self.stray.iter().map(|(version, held)| (*version, held)))
    }

    /// Whether the controller may hold anything of it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held().next().is_some()
    }

    /// Whether what is held may open a lock.
    #[must_use]
    pub fn opens(&self, lock: LockNumber) -> bool {
        let opens = |held: &Held| held.ways.iter().any(|way| way.reaches(lock));
        self.held().any(|(_, held)| held.is_unknown() || opens(held))
    }
}

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

/// One controller's list.
#[derive(Clone, Debug)]
pub struct List {
    /// Which.
    pub key: ListKey,
    /// The last version given.
    pub version: u64,
    /// The number of the last request that was looked at.
    pub seen_seq: u64,
    /// That of the last request whose answer carried something.
    pub answered_seq: u64,
    /// The number of the controller's last event that is stored.
    pub event_seq: u64,
    /// When it last called.
    pub seen_at: Option<Instant>,
    /// Whether it must say what it holds before anything else is sent.
    pub inventory_due: bool,
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
            answered_seq: 0,
            event_seq: 0,
            seen_at: None,
            inventory_due: false,
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
    pub fn is_failing(&self, desired: Option<&Desired>) -> bool {
        self.rows().any(|row| {
            let failure = row.failure.as_ref().filter(|it| it.attempts >= MANY_REFUSALS);
            failure.is_some_and(|failure| {
                let Some(desired) = desired else { return true };
                let print = desired.items.get(&row.key).map(|item| item.print);
                failure.print == print && (print.is_some() || row.is_held())
            })
        })
    }

    /// Whether what is confirmed of a row counts, however it looks.
    pub(super) fn is_stale(&self, row: &Row) -> bool {
        let after = self.stale.get(&row.key.id);
        after.is_some_and(|after| row.confirmed.as_ref().is_some_and(|it| it.version <= *after))
    }

    /// Wants credentials confirmed anew: whatever has a version up to the last one given does not
    /// count any more.
    pub fn doubt(&mut self, ids: impl IntoIterator<Item = Id>, after: u64) {
        let stale = Arc::make_mut(&mut self.stale);
        for id in ids {
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
                row.stray.push((version, held));
                merge(&mut row.stray);
                next
            }
            _ => next,
        };
        row.sent = Some(Sent { version, seq, at: now, held });
        self.version = self.version.max(version);
        self.answered_seq = seq;
        version
    }

    /// Takes in what the controller says of changes. Versions that were followed by others are
    /// passed over: the later one counts.
    pub fn report(&mut self, reports: &[Reported], now: Instant) {
        let on_their_way =
            self.rows().filter_map(|row| Some((row.sent.as_ref()?.version, row.key)));
        let keys: BTreeMap<u64, ItemKey> = on_their_way.collect();
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
                    row.failure = Some(failure(row.failure.take(), code, print, now));
                }
            }
        }
    }

    /// Takes in the whole of what the controller holds; `record` finds the place and number of
    /// the record that an item is of.
    pub fn take_inventory(
        &mut self,
        items: &[Inventoried],
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

    /// The lines whose hash is the list's digest, sorted; none while something is on its way.
    #[must_use]
    pub fn lines(&self) -> Option<String> {
        if self.rows().any(|row| row.sent.is_some() || !row.stray.is_empty()) {
            return None;
        }
        let stored = self.rows().filter_map(|row| Some((row.key, row.confirmed.as_ref()?.version)));
        let mut lines: Vec<String> = stored
            .map(|(key, version)| format!("{} {} {version}\n", key.kind.as_str(), key.text()))
            .collect();
        lines.sort_unstable();
        Some(lines.concat())
    }
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

fn failure(former: Option<Failure>, code: &str, print: Option<[u8; 16]>, now: Instant) -> Failure {
    let former = former.filter(|former| former.print == print);
    let attempts = former.map_or(0, |former| former.attempts).saturating_add(1);
    let pause = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(20)).min(HOUR);
    Failure { code: code.to_owned(), at: now, attempts, next_at: now.plus(pause), print }
}

/// Takes the oldest together where there are many, so that nothing that may be held is forgotten:
/// with the lowest of their versions, as that may be what was taken back.
fn merge(stray: &mut Vec<(u64, Held)>) {
    while stray.len() > MOST_STRAY {
        let (lowest, oldest) = stray.remove(0);
        if let Some((version, next)) = stray.first_mut() {
            *version = lowest.min(*version);
            next.ways.extend(oldest.ways);
            next.ways.sort_unstable();
            next.ways.dedup();
            next.identity = [0; 16];
            next.print = [0; 16];
        }
    }
}
