//! What a controller keeps through a power loss: its list, its counters, its unsent events.
//!
//! Each change is whole or not there at all; nothing else of a controller survives.

use std::collections::{BTreeMap, VecDeque};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::hours;
use super::item::{Credential, Item, ItemKind, Lock};

/// The key of an item.
pub(super) type Key = (ItemKind, String);

/// What survives.
#[derive(Debug, Clone, Default)]
pub(super) struct Storage {
    items: BTreeMap<Key, Stored>,
    /// The number of its last call, where it keeps that.
    pub(super) seq: u64,
    /// The highest number given to an event, or told by the server; none before the first answer
    /// to a controller that knows nothing.
    pub(super) event_seq: Option<u64>,
    /// What happened and is not known to have arrived.
    pub(super) events: VecDeque<Event>,
}

#[derive(Debug, Clone, PartialEq)]
struct Stored {
    version: u64,
    item: Item,
}

/// What happened; it has a number once it was sent.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) seq: Option<u64>,
    pub(super) body: Value,
}

impl Storage {
    pub(super) fn item(&self, kind: ItemKind, id: &str) -> Option<&Item> {
        self.items.get(&(kind, id.to_owned())).map(|it| &it.item)
    }

    pub(super) fn lock(&self, number: u64) -> Option<&Lock> {
        self.items.values().find_map(|it| match &it.item {
            Item::Lock(lock) if lock.lock == number => Some(lock),
            _ => None,
        })
    }

    /// The number of some lock.
    pub(super) fn any_lock(&self) -> Option<u64> {
        self.items.values().find_map(|it| match &it.item {
            Item::Lock(lock) => Some(lock.lock),
            _ => None,
        })
    }

    pub(super) fn credentials(&self) -> impl Iterator<Item = &Credential> {
        self.items.values().filter_map(|it| match &it.item {
            Item::Credential(credential) => Some(credential),
            _ => None,
        })
    }

    /// Every item with its version, in order.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.items.iter().map(|(key, it)| (key, it.version))
    }

    /// Stores an item, or says why not; then what was there stays.
    pub(super) fn put(
        &mut self,
        item: Item,
        version: u64,
        capacity: Option<usize>,
    ) -> Result<(), &'static str> {
        let is_there = |id: &&str| self.item(ItemKind::Schedule, id).is_some();
        if !item.schedules().iter().all(is_there) {
            return Err("schedule_missing");
        }
        match &item {
            Item::Schedule(it) if !hours::follows(&it.schedule) => {
                return Err("schedule_unsupported");
            }
            Item::Credential(it) => {
                let is_new = self.item(ItemKind::Credential, &it.id).is_none();
                if is_new && capacity.is_some_and(|most| self.credentials().count() >= most) {
                    return Err("list_full");
                }
            }
            Item::Lock(_) | Item::Schedule(_) => {}
        }
        self.items.insert((item.kind(), item.id().to_owned()), Stored { version, item });
        Ok(())
    }

    /// The items that name a schedule; none for what is none.
    pub(super) fn naming(&self, key: &Key) -> Vec<Key> {
        let names = |it: &Stored| it.item.schedules().iter().any(|id| *id == key.1);
        let naming = self.items.iter().filter(|(_, it)| key.0 == ItemKind::Schedule && names(it));
        naming.map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.items.remove(key);
    }

    /// Something in the list becomes older than it was, without anybody having said so.
    pub(super) fn age(&mut self, key: &Key) {
        if let Some(stored) = self.items.get_mut(key) {
            stored.version = stored.version.saturating_sub(1);
        }
    }

    /// An item stands there a second time, under another id.
    pub(super) fn copy(&mut self, key: &Key, id: String) {
        let Some(mut stored) = self.items.get(key).cloned() else { return };
        match &mut stored.item {
            Item::Lock(it) => it.id.clone_from(&id),
            Item::Schedule(it) => it.id.clone_from(&id),
            Item::Credential(it) => it.id.clone_from(&id),
        }
        self.items.insert((key.0, id), stored);
    }

    /// SHA-256 in hexadecimal over a line for each item, sorted as bytes.
    pub(super) fn digest(&self) -> String {
        let mut lines: Vec<String> = self
            .versions()
            .map(|((kind, id), version)| format!("{} {id} {version}\n", kind.word()))
            .collect();
        lines.sort_unstable();
        let sum = digest(&SHA256, lines.concat().as_bytes());
        sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
