//! Epochs: what is signed for a lock after its database was restored has serials and versions of
//! its own, and serials that nobody knows any more are refused.

use claviger_domain::ids::PlaceNumber;
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::place::Place;
use claviger_domain::offline::{KeyClass, LockKey, OfflineLock, SERIALS, Unknown, life_s};
use claviger_domain::refusal::Refusal;
use claviger_domain::time::{DAY, Instant};
use claviger_offline::MOST_EPOCH;
use claviger_offline::certificate::Epoch;
use claviger_offline::cose::Kind;

use super::list;
use super::signer::{FIRST_GENERATION, Signers};
use crate::App;
use crate::context::{Caller, Context};
use crate::error::Error;

/// Begins an epoch: what is signed from then on has serials and versions of its own. `least` is the
/// lowest it may be.
pub(super) fn raise(
    signers: &Signers,
    place: &Place,
    lock: &mut OfflineLock,
    least: u16,
    now: Instant,
) -> Result<(), Error> {
    if lock.epoch >= MOST_EPOCH {
        let detail = "the lock has had all the epochs there are";
        return Err(Refusal::InUse(detail.to_owned()).into());
    }
    lock.epoch = (lock.epoch + 1).max(least.min(MOST_EPOCH));
    let below = u32::from(lock.epoch) * SERIALS;
    lock.tops.iter_mut().for_each(|top| *top = below.max(*top));
    let iat = u64::try_from(now.seconds()).map_err(|_| Error::Internal)?;
    let certificate = Epoch {
        iat,
        place: place.header.id.0,
        lock: Some(lock.id.0),
        epoch: lock.epoch,
        keys_from: lock.keys_from,
        min_generation: FIRST_GENERATION,
        reset_time: false,
    };
    lock.certificate = signers.root()?.sign(Kind::Epoch, |it| certificate.write(it))?;
    Ok(())
}

/// The epoch that a restored lock gets at least: one for each day since its place began, so that
/// one backup restored on two days never gives a serial twice.
fn by_day(place: &Place, now: Instant) -> u16 {
    let days = (now.0 - place.header.created_at.0).div_euclid(DAY) + 1;
    u16::try_from(days.clamp(1, i64::from(MOST_EPOCH))).unwrap_or(1)
}

/// Begins the epochs that are due, before anything is signed for these locks. Where one cannot
/// begin, nothing is signed for that lock until it can.
pub(crate) async fn begin(app: &App) {
    let lists = app.world().lists();
    let due = lists.offline.values().filter(|lock| lock.epoch_due);
    let due: Vec<_> = due.map(|lock| lock.key).collect();
    drop(lists);
    for key in due {
        if let Err(error) = begin_at(app, key).await {
            tracing::error!(place = %key.place, lock = %key.lock, %error, "no epoch could begin");
        }
    }
}

async fn begin_at(app: &App, key: LockKey) -> Result<(), Error> {
    let ctx = Context::new(app.clone(), Caller::System, Via::Native);
    let app = app.clone();
    ctx.commit(None, move |work| {
        let Some(mut lock) = work.offline(key).filter(|lock| lock.epoch_due) else {
            return Ok(());
        };
        let Some(owner) = work.before(key.place) else { return Ok(()) };
        restart(&app, work.now, (&owner.place, key.place), &mut lock, |lock| {
            let record = owner.locks.get(key.lock).map(|record| &**record);
            list::renew(app.signers(), (&owner.place, record), lock, work.now)
        })?;
        work.put_offline(lock);
        Ok(())
    })
    .await
}

fn restart(
    app: &App,
    now: Instant,
    (place, number): (&Place, PlaceNumber),
    lock: &mut OfflineLock,
    renew: impl FnOnce(&mut OfflineLock) -> Result<(), Error>,
) -> Result<(), Error> {
    let known = lock.tops;
    raise(app.signers(), place, lock, by_day(place, now), now)?;
    let longest = KeyClass::ALL.iter().map(|class| life_s(*class)).max().unwrap_or_default();
    for (class, top) in KeyClass::ALL.iter().zip(known) {
        let (first, last) = (top.saturating_add(1), u32::from(lock.epoch) * SERIALS);
        let exp = now.seconds() + longest;
        lock.unknown.push(Unknown { class: *class, first, last, exp });
    }
    lock.epoch_due = false;
    lock.refusing = lock.version.saturating_add(1);
    tracing::warn!(place = %number, lock = %lock.id, epoch = lock.epoch,
        "an epoch begins, as the database was restored");
    renew(lock)
}
