//! Lists that are owed, or too old for whoever fetches them. What cannot be made stays owed, and
//! what is signed already stays what is given: nobody's call fails of it.

use claviger_domain::ids::Id;
use claviger_domain::noun::grant::Via;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{DAY, Instant, SECOND};

use super::list;
use crate::App;
use crate::context::{Caller, Context};
use crate::error::Error;

/// A list this old is made anew when somebody fetches it, in seconds.
const LIST_AGE_S: i64 = DAY / SECOND;

fn is_due(lock: &OfflineLock, now: Instant) -> bool {
    lock.list_due || now.seconds() - lock.iat > LIST_AGE_S
}

/// Makes the list of a lock anew that is owed, or too old for whoever fetches it; says whether the
/// lock has the list that it should have.
pub(super) fn freshen(app: &App, lock: &mut OfflineLock, owner: &PlaceState, now: Instant) -> bool {
    if !is_due(lock, now) {
        return true;
    }
    is_made(lock.id, &list::renew((app.signers(), app.world()), owner, lock, now))
}

fn is_made(lock: Id, made: &Result<(), Error>) -> bool {
    // Why nothing may be signed was said where that was found.
    if let Err(error) = made
        && !matches!(error, Error::Unavailable)
    {
        tracing::error!(%lock, %error, "a list could not be made");
    }
    made.is_ok()
}

/// As [`freshen`], of a lock whose list is fetched by itself.
pub(super) async fn freshen_at(app: &App, lock: &OfflineLock) {
    if lock.epoch_due || !is_due(lock, app.now()) {
        return;
    }
    is_made(lock.id, &renew(app, lock.key).await);
}

/// Makes the lists that are owed, as far as they can be: where nobody has a right at a lock any
/// more, no device that calls would have its list made.
pub(crate) async fn make_owed(app: &App) {
    let lists = app.world().lists();
    let owed = lists.offline.values().filter(|lock| lock.list_due && !lock.epoch_due);
    let owed: Vec<(Id, LockKey)> = owed.map(|lock| (lock.id, lock.key)).collect();
    drop(lists);
    if !app.signers().believes(app.now()) {
        return;
    }
    for (lock, key) in owed {
        is_made(lock, &renew(app, key).await);
    }
}

async fn renew(app: &App, key: LockKey) -> Result<(), Error> {
    let ctx = Context::new(app.clone(), Caller::System, Via::Native);
    let app = app.clone();
    ctx.commit(None, move |work| {
        let lock = work.offline(key).filter(|lock| is_due(lock, work.now));
        let Some((mut lock, owner)) = lock.zip(work.before(key.place)) else { return Ok(()) };
        list::renew((app.signers(), app.world()), &owner, &mut lock, work.now)?;
        work.put_offline(lock);
        Ok(())
    })
    .await
}
