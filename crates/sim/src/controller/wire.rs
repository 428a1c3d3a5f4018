//! The call of a controller and what it is answered, as the page of the protocol has them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::item::{Credential, Item, ItemKind, Lock, ScheduleItem};
use super::storage::Key;

#[derive(Debug, Serialize)]
pub(super) struct Call {
    pub(super) seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) received: Option<u64>,
    pub(super) wait_s: u64,
    pub(super) acknowledged: Vec<Acknowledged>,
    pub(super) commands: Vec<Done>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inventory: Option<Vec<Version>>,
    pub(super) events: Vec<Value>,
    pub(super) locks: Vec<Health>,
    pub(super) max_changes: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Acknowledged {
    pub(super) version: u64,
    pub(super) result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'static str>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Done {
    pub(super) id: String,
    pub(super) result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Version {
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) version: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Health {
    pub(super) lock: u64,
    pub(super) battery_percent: Option<u8>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) seq: u64,
    pub(super) stale: bool,
    pub(super) now: String,
    pub(super) event_seq: u64,
    pub(super) changes: Vec<Change>,
    pub(super) more: bool,
    pub(super) commands: Vec<Command>,
    pub(super) ask: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Change {
    pub(super) version: u64,
    lock: Option<Lock>,
    schedule: Option<ScheduleItem>,
    credential: Option<Credential>,
    remove: Option<Removed>,
}

#[derive(Debug, Deserialize)]
struct Removed {
    kind: ItemKind,
    id: String,
}

/// What a change says.
pub(super) enum Wish {
    Put(Item),
    Remove(Key),
}

impl Change {
    /// The one thing it says; nothing where it says none or several.
    pub(super) fn wish(self) -> Option<Wish> {
        let put = [
            self.lock.map(Item::Lock),
            self.schedule.map(Item::Schedule),
            self.credential.map(Item::Credential),
        ];
        let remove = self.remove.map(|it| Wish::Remove((it.kind, it.id)));
        let mut said = put.into_iter().flatten().map(Wish::Put).chain(remove);
        match (said.next(), said.next()) {
            (Some(wish), None) => Some(wish),
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Command {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) lock: u64,
    pub(super) expires_at: String,
}
