//! Lists of who may enter, kept by controllers for their locks.
//!
//! What belongs into a list is `domain::provision`; the protocol is described in
//! `docs/controllers.md`. Lists are changed by the writer alone, so that what is sent and what is
//! taken back are in one order.

mod confirmed;
mod former;
mod line;
mod reported;
mod revocation;
mod status;
mod sync;
mod taken;

pub(crate) use confirmed::ListedKeys;
pub use confirmed::Unconfirmed;
pub use line::{Command, CommandKind};
pub(crate) use line::{Lines, remote_unlock};
pub use reported::{EventWish, LockReport};
pub use revocation::{Progressed, RevocationPage, get, list, of_grant, pending};
pub(crate) use revocation::{ended_with, is_pending_at, settle};
pub(crate) use status::is_online;
pub use status::{
    ControllerState, ControllerStatus, Reach, SystemState, SystemStatus, of_controller, status,
};
pub use sync::{Change, CommandReport, Content, MOST_EVENTS, SyncAnswer, SyncWish, sync};
pub use taken::TakenBack;
pub(crate) use taken::{Kept, Sites, Written, taken, written};

use std::collections::BTreeSet;

use claviger_store::{Store, StoreError};

use crate::App;
use crate::random::sha256;
use crate::world::{World, guard};

/// The first half of a SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 16] {
    let whole = sha256(bytes);
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

/// Publishes the lists as they were last stored.
pub(crate) async fn load(store: &Store, world: &World) -> Result<(), StoreError> {
    let mut lists = store.lists().await?;
    let revocations = store.unsettled_revocations().await?;
    for at in revocations.iter().flat_map(|revocation| &revocation.taken.lists) {
        if let Some(list) = lists.iter_mut().find(|list| list.key == at.key) {
            list.doubt(at.items.iter().copied(), at.after);
        }
    }
    world.publish_lists(lists, &BTreeSet::new(), [], revocations);
    Ok(())
}

/// How lists stand, over all places.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Items on their way or refused.
    pub queued: usize,
    /// Controllers whose changes are refused again and again.
    pub failing: usize,
}

impl App {
    /// How lists stand.
    #[must_use]
    pub fn list_counts(&self) -> Counts {
        let (mut counts, now) = (Counts::default(), self.now());
        for list in self.world().lists().lists.values() {
            let waits = list.rows().filter(|row| row.sent.is_some() || row.failure.is_some());
            counts.queued += waits.count();
            let line = self.lines().line(list.key);
            let worked = guard(&line.worked);
            let desired = worked.as_ref().map(|worked| &*worked.desired);
            counts.failing += usize::from(list.is_failing(desired, now));
        }
        counts
    }

    /// Ends every call that waits for something to say; those that come are not held.
    pub fn end_waiting(&self) {
        self.lines().end();
    }
}
