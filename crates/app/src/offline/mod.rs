//! Locks with no network: commissioned, given lists, opened by keys that devices fetch.
//!
//! What is right is `domain::offline`; what is signed, and how a lock reads it, is the crate
//! `claviger-offline`. Locks and their keys are changed by the writer alone.

mod alarm;
mod carry;
mod commission;
mod device;
mod epoch;
mod evidence;
pub mod faults;
mod heard;
mod hours;
mod list;
mod mint;
mod owed;
mod preview;
mod root;
mod shown;
mod signer;
mod sync;
mod taken;
mod tasks;

pub use carry::{CurrentList, ListAt, Taken, bring, current, how_far};
pub use commission::{Commissioned, commission};
pub use device::{Enrolled, Whose, enrol};
pub use evidence::CarriedList;
pub use heard::EventsFrom;
pub use root::{Begun, export_root, forget_root, replace_issuers, sign, trust_clock};
pub use sync::{HeldKey, Hello, KnownLock, Report, SyncAnswer, SyncWish, sync};
pub use tasks::{CardTask, tasks};

pub(crate) use alarm::{Cause, look_at_clock, look_for_gaps};
pub(crate) use device::caller;
pub(crate) use epoch::begin;
pub(crate) use hours::compare_keys;
pub(crate) use list::renew_as_agreed;
pub(crate) use owed::make_owed;
pub(crate) use preview::{Hit, Preview, SizedList, preview};
pub(crate) use shown::Shared;
pub(crate) use signer::Signers;
pub(crate) use sync::owned;
pub(crate) use taken::{About, Places, Rights, closed_rights, take_back};

use std::collections::BTreeSet;

use claviger_domain::noun::lock::Lock;
use claviger_domain::offline::{REQUIRE_INTENT, REQUIRE_PROXIMITY, STRICT_TIME};
use claviger_domain::time::{DAY, SECOND};
use claviger_store::{Store, StoreError};
use serde_json::Value;

use crate::world::World;

/// Keys that ended so long before the newest list of their lock are not in memory: what is said of
/// them tells no name. Seconds.
const REMEMBERED_S: i64 = 60 * DAY / SECOND;

/// Publishes the locks and devices as they were last stored.
pub(crate) async fn load(store: &Store, world: &World) -> Result<(), StoreError> {
    let locks = store.offline_locks(REMEMBERED_S).await?;
    world.publish_lists([], &BTreeSet::new(), locks, []);
    world.enrol(store.devices().await?);
    Ok(())
}

/// What the keys for a lock must demand, as its maker says what it can do: `clock` is `kept` or
/// `none`, `require_intent` (unless said otherwise) and `require_proximity` are true or false.
pub(crate) fn flags_of(lock: &Lock) -> u8 {
    let said = lock.capabilities.as_ref();
    let said = said.and_then(|json| serde_json::from_str::<Value>(&json.0).ok());
    let word = |name: &str| said.as_ref().and_then(|it| it.get(name)).cloned();
    let strict = word("clock").is_some_and(|it| it == "kept");
    let intent = word("require_intent").is_none_or(|it| it != false);
    let near = word("require_proximity").is_some_and(|it| it == true);
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    flag(strict, STRICT_TIME) | flag(intent, REQUIRE_INTENT) | flag(near, REQUIRE_PROXIMITY)
}
