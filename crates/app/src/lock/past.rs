//! What locks were when something happened at them that is told late.
//!
//! It is looked up before the command that takes the events in, as that cannot wait for the store.

use std::collections::BTreeMap;

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
    privacy: Privacy,
    controller: Option<ControllerNumber>,
}

/// What is known of locks; of one that was not looked up, that it has always been as it is.
#[derive(Default)]
pub(crate) struct PastLocks {
    known: BTreeMap<LockKey, Known>,
    /// Those that are deleted, as they were last.
    deleted: BTreeMap<LockKey, Lock>,
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
            let Some(lock) = state.locks.get(key.lock) else {
                let gone = app.store().record(key.place, Noun::Lock, key.lock.0).await?;
                if let Some(Record::Lock(lock)) = gone {
                    found.deleted.insert(key, Lock::clone(&lock));
                }
                continue;
            };
            let past = match lock.header.updated_at <= at {
                true => Vec::new(),
                false => app.store().past_locks(key.place, Some(key.lock), at).await?,
            };
            let (privacy, controller) = (lock.privacy, lock.controller);
            found.known.insert(key, Known { past, privacy, controller });
        }
        Ok(found)
    }

    /// A lock that is no more, as it was last: what happened at it before is told all the same.
    pub(crate) fn deleted(&self, key: LockKey) -> Option<&Lock> {
        self.deleted.get(&key)
    }

    /// What a lock kept of events at an instant.
    pub(crate) fn privacy(&self, key: LockKey, lock: &Lock, at: Instant) -> Privacy {
        let Some(known) = self.known.get(&key) else { return lock.privacy };
        known.at(at).and_then(|past| past.privacy).unwrap_or(known.privacy)
    }

    /// What connected a lock at an instant.
    pub(crate) fn controller(
        &self,
        key: LockKey,
        lock: &Lock,
        at: Instant,
    ) -> Option<ControllerNumber> {
        let Some(known) = self.known.get(&key) else { return lock.controller };
        known.at(at).map_or(known.controller, |past| past.controller)
    }
}

impl Known {
    /// What it was, where it has changed since.
    fn at(&self, at: Instant) -> Option<&PastLock> {
        self.past.iter().find(|past| at < past.replaced_at)
    }
}
