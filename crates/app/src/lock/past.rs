//! What locks were when something happened at them that is told late.
//!
//! It is looked up before the command that takes the events in, as that cannot wait for the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_domain::ids::{ControllerNumber, Noun};
use claviger_domain::noun::lock::{Lock, Privacy};
use claviger_domain::offline::LockKey;
use claviger_domain::record::Record;
use claviger_domain::time::Instant;
use claviger_store::PastLock;

use crate::App;
use crate::error::Error;

/// A lock as it was looked up: what it was before, the first changed first, and what it is.
struct Known {
    past: Vec<PastLock>,
    last: Arc<Lock>,
}

/// What is known of locks; of one that was not looked up, that it has always been as it is.
#[derive(Default)]
pub(crate) struct PastLocks {
    known: BTreeMap<LockKey, Known>,
}

impl PastLocks {
    /// Looks locks up, each by their owner, back to an instant.
    pub(crate) async fn of(
        app: &App,
        wanted: impl IntoIterator<Item = (LockKey, Instant)>,
    ) -> Result<PastLocks, Error> {
        let mut since: BTreeMap<LockKey, Instant> = BTreeMap::new();
        for (key, at) in wanted {
            let first = since.entry(key).or_insert(at);
            *first = at.min(*first);
        }
        let mut found = PastLocks::default();
        for (key, at) in since {
            let Ok(state) = app.state(key.place) else { continue };
            let live = state.locks.get(key.lock).cloned();
            let gone = live.is_none();
            let lock = match live {
                Some(live) => live,
                None => match app.store().record(key.place, Noun::Lock, key.lock.0).await? {
                    Some(Record::Lock(lock)) => lock,
                    _ => continue,
                },
            };
            let past = match lock.header.updated_at <= at && !gone {
                true => Vec::new(),
                false => app.store().past_locks(key.place, Some(key.lock), at).await?,
            };
            found.known.insert(key, Known { past, last: lock });
        }
        Ok(found)
    }

    /// A lock as it was when it was looked up: what happened at one that is no more is told all the
    /// same.
    pub(crate) fn last(&self, key: LockKey) -> Option<&Lock> {
        self.known.get(&key).map(|known| &*known.last)
    }

    /// What a lock kept of events at an instant.
    pub(crate) fn privacy(&self, key: LockKey, lock: &Lock, at: Instant) -> Privacy {
        let Some(known) = self.known.get(&key) else { return lock.privacy };
        known.at(at).and_then(|past| past.privacy).unwrap_or(known.last.privacy)
    }

    /// What connected a lock at an instant.
    pub(crate) fn controller(
        &self,
        key: LockKey,
        lock: &Lock,
        at: Instant,
    ) -> Option<ControllerNumber> {
        let Some(known) = self.known.get(&key) else { return lock.controller };
        known.at(at).map_or(known.last.controller, |past| past.controller)
    }
}

impl Known {
    /// What it was, where it has changed since.
    fn at(&self, at: Instant) -> Option<&PastLock> {
        self.past.iter().find(|past| at < past.replaced_at)
    }
}
