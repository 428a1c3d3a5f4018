//! Epochs: what is signed for a lock after its database was restored has serials and versions of
//! its own, and serials that nobody knows any more are refused.

use claviger_domain::noun::grant::Via;
use claviger_domain::noun::place::Place;
use claviger_domain::offline::{KeyClass, LockKey, OfflineLock, SERIALS, Unknown};
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{DAY, Instant};
use claviger_offline::MOST_EPOCH;
use claviger_offline::certificate::Epoch;
use claviger_offline::cose::{Kind, Signed};

use super::faults::{Slip, planted};
use super::list;
use super::signer::Signers;
use crate::App;
use crate::context::{Caller, Context};
use crate::error::Error;

/// Goes on to an epoch, `least` or a later one, and above what the lock has shown: what is signed
/// from then on has serials and versions of its own. Noted outside the database before anything is
/// signed in it.
pub(super) fn advance(signers: &Signers, lock: &mut OfflineLock, least: u16) -> Result<(), Error> {
    let ahead = lock.ahead.map_or(0, |(epoch, _)| epoch.saturating_add(1));
    let epoch = lock.epoch.saturating_add(1).max(least).max(ahead);
    if epoch > MOST_EPOCH {
        let detail = "the lock has had all the epochs there are";
        return Err(Refusal::InUse(detail.to_owned()).into());
    }
    signers.note_epoch(lock.id, epoch)?;
    lock.epoch = epoch;
    let below = u32::from(epoch) * SERIALS;
    if !planted(Slip::RestoreReusesSerials) {
        lock.tops.iter_mut().for_each(|top| *top = below.max(*top));
    }
    (lock.ahead, lock.certificate) = (None, Vec::new());
    Ok(())
}

/// The root's word that an epoch has begun. From the moment that former issuers are not trusted
/// until the lock has shown itself to know, each resets its time: it may see the newest alone.
pub(super) fn certify(
    signers: &Signers,
    place: &Place,
    lock: &mut OfflineLock,
    now: Instant,
) -> Result<(), Error> {
    let is_past = |lock: &OfflineLock| lock.told.is_some_and(|it| it.epoch >= lock.keys_from);
    let reset_time = lock.keys_from > 0 && !is_past(lock);
    if reset_time {
        lock.keys_from = lock.epoch;
    }
    let certificate = Epoch {
        iat: u64::try_from(now.seconds()).map_err(|_| Error::Internal)?,
        place: place.header.id.0,
        lock: Some(lock.id.0),
        epoch: lock.epoch,
        keys_from: lock.keys_from,
        min_generation: match planted(Slip::KeepsGeneration) {
            true => 1,
            false => signers.secrets.generation(),
        },
        reset_time,
    };
    lock.certificate = signers.root()?.sign(Kind::Epoch, |it| certificate.write(it))?;
    Ok(())
}

/// The epoch of a lock that is commissioned again. Its record says all of it; who comes before the
/// record does may learn it from the root, where that is here.
pub(super) fn anew(
    signers: &Signers,
    place: &Place,
    lock: &mut OfflineLock,
    now: Instant,
) -> Result<(), Error> {
    if lock.epoch_due || lock.ahead.is_some() {
        leap(signers, place, lock, now)?;
    } else {
        advance(signers, lock, 0)?;
    }
    if signers.root().is_err() { Ok(()) } else { certify(signers, place, lock, now) }
}

/// Goes on to an epoch above all that may have been signed for a lock of which its database is too
/// old to know; the serials that may have been given are refused.
fn leap(
    signers: &Signers,
    place: &Place,
    lock: &mut OfflineLock,
    now: Instant,
) -> Result<(), Error> {
    let known = lock.tops;
    // Of before issuers were replaced: locks that have heard take nothing that the former signed.
    let issuer = signers.issuer(place)?;
    let is_former = Signed::read(&lock.list).is_ok_and(|it| *it.kid != issuer.key.public.kid());
    let noted = signers.highest_epoch(lock.id)?;
    let least = noted.map_or_else(|| by_day(place, now), |it| it.saturating_add(1));
    advance(signers, lock, least)?;
    if is_former {
        lock.keys_from = lock.epoch;
    }
    let forgets = planted(Slip::RestoreForgetsUnknown) || planted(Slip::RestoreReusesSerials);
    let classes = KeyClass::ALL.iter().zip(known);
    for (class, top) in classes.filter(|_| !forgets) {
        // No key of the service is ever made.
        if *class != KeyClass::Service {
            lock.unknown.push(Unknown::until(*class, top, lock.epoch, now.seconds()));
        }
    }
    lock.epoch_due = false;
    lock.refusing = lock.version.saturating_add(1);
    Ok(())
}

/// The epoch that a restored lock gets at least where there is no file of epochs: one for each day
/// since its place began.
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
        restart(&app, work.now, &owner, &mut lock)?;
        work.put_offline(lock);
        Ok(())
    })
    .await
}

fn restart(
    app: &App,
    now: Instant,
    owner: &PlaceState,
    lock: &mut OfflineLock,
) -> Result<(), Error> {
    let signers = app.signers();
    // Without the root nothing begins, and nothing is noted.
    signers.root()?;
    leap(signers, &owner.place, lock, now)?;
    certify(signers, &owner.place, lock, now)?;
    tracing::warn!(place = %lock.key.place, lock = %lock.id, epoch = lock.epoch,
        "an epoch begins, as the database was restored");
    list::renew((signers, app.world()), owner, lock, now)
}
