//! Keys that open at other times than is right although no right was changed: another version of
//! the program may have other rules of time zones, or read a right otherwise.

use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::noun::grant::Via;
use claviger_domain::offline::{self, Erasure, Issued, OfflineLock};
use claviger_domain::state::PlaceState;

use super::taken::{Places, right_of};
use crate::App;
use crate::context::{Caller, Context};
use crate::error::Error;

/// Refuses such keys: asked once when a server begins to work.
pub(crate) async fn compare_keys(app: &App) -> Result<(), Error> {
    let locks: Vec<Arc<OfflineLock>> = app.world().lists().offline.values().cloned().collect();
    let mut wrong = BTreeSet::new();
    for lock in locks {
        wrong.extend(wrong_at(app, &lock));
        // A lock may have tens of thousands of keys, and others want to go on.
        tokio::task::yield_now().await;
    }
    if wrong.is_empty() {
        return Ok(());
    }
    tracing::warn!(places = ?wrong, "keys open at other times than is right: they are refused");
    let ctx = Context::new(app.clone(), Caller::System, Via::Native);
    ctx.commit(None, move |work| {
        work.compares_keys = true;
        for place in &wrong {
            let draft = work.place(*place)?;
            let id = draft.state.place.header.id;
            draft.note_act("compare_keys", Noun::Place, Some(id), Vec::new());
        }
        Ok(())
    })
    .await
}

/// The places whose keys at a lock carry more than is right.
fn wrong_at(app: &App, lock: &OfflineLock) -> BTreeSet<PlaceNumber> {
    let find = |place| app.world().cell(place).map(|cell| PlaceState::clone(&cell.state()));
    let (mut places, now_s) = (Places::new(&find), app.sure_now().seconds().max(lock.iat));
    let mut wrong = BTreeSet::new();
    // What is left to a card is no longer right, and stays until the card gives it up.
    let counts = |key: &Issued| !key.refused && key.erasure == Erasure::None && key.exp > now_s;
    for key in lock.keys().filter(|key| counts(key)) {
        if wrong.contains(&key.place) {
            continue;
        }
        let Some((owner, tenant)) = places.both(lock.key.place, key.place) else { continue };
        let numbers = (key.grant, key.device, key.lock);
        let right = right_of(owner, tenant, lock.key, numbers);
        if offline::no_longer_right(key, right.as_ref(), now_s) {
            wrong.insert(key.place);
        }
    }
    wrong
}
