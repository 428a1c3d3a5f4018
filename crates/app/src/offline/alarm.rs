//! What somebody must look at: told in the log in words, and as an event of the lock to whoever
//! manages it, at most once an hour for one cause. Must not refuse anything by itself.

use claviger_domain::ids::{CredentialNumber, PlaceNumber};
use claviger_domain::noun::event::{Event, EventKind, EventSubject};
use claviger_domain::noun::grant::Via;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::time::{DAY, Instant};

use crate::App;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::work::Work;

/// How long events may be missing before somebody has to look for them.
const GAP_LASTS: i64 = 7 * DAY;

/// What is wrong, and at which lock.
pub(crate) type Cause = (LockKey, &'static str);

/// The device that a call is by: its place and credential.
pub(super) type By = Option<(PlaceNumber, CredentialNumber)>;

/// Tells that something is wrong at a lock, brought or done by a device. It counts as told once the
/// command is committed.
pub(super) fn alarm(work: &mut Work<'_>, lock: &OfflineLock, by: By, why: &'static str) {
    tracing::error!(lock = %lock.id, by = ?by, why, "an alarm");
    tell(work, lock, by, (EventKind::Tamper, why));
}

fn tell(work: &mut Work<'_>, lock: &OfflineLock, by: By, (kind, why): (EventKind, &'static str)) {
    let (key, now) = (lock.key, work.now);
    if !work.is_news((key, why)) {
        return;
    }
    let Some(owner) = work.before(key.place) else { return };
    let Some(record) = owner.locks.get(key.lock) else { return };
    let credential = by.filter(|(place, _)| *place == key.place).map(|(_, device)| device);
    let person = credential.and_then(|it| owner.credentials.get(it)).and_then(|it| it.person);
    let subject = EventSubject { person, credential, ..EventSubject::default() };
    let id = work.next_id();
    let event = Event { subject, ..Event::at(key.lock, kind, id, now) };
    work.keep(key.place, event, record.privacy);
}

/// Tells of locks for which nothing was signed, as the clock was not believed: what asked for it
/// was refused as a whole.
pub(crate) async fn look_at_clock(app: &App) -> Result<(), Error> {
    let keys = app.signers().take_refused();
    if keys.is_empty() {
        return Ok(());
    }
    let (ctx, told) = (Context::new(app.clone(), Caller::System, Via::Native), keys.clone());
    let done = ctx.commit(None, move |work| {
        for lock in told.iter().filter_map(|key| work.offline(*key)).collect::<Vec<_>>() {
            let why = "nothing was signed: the clock of the server is not believed";
            tell(work, &lock, None, (EventKind::ClockWrong, why));
        }
        Ok(())
    });
    let done = done.await;
    if done.is_err() {
        keys.into_iter().for_each(|key| app.signers().refuse(key));
    }
    done
}

/// Tells of locks whose events have been missing for a week, each week anew.
pub(crate) async fn look_for_gaps(app: &App) -> Result<(), Error> {
    let over = |lock: &OfflineLock, now: Instant| {
        lock.gap_since.is_some_and(|since| since.plus(GAP_LASTS) <= now)
    };
    let (lists, now) = (app.world().lists(), app.now());
    let keys: Vec<LockKey> =
        lists.offline.values().filter(|lock| over(lock, now)).map(|lock| lock.key).collect();
    drop(lists);
    if keys.is_empty() {
        return Ok(());
    }
    let ctx = Context::new(app.clone(), Caller::System, Via::Native);
    ctx.commit(None, move |work| {
        for key in &keys {
            let Some(mut lock) = work.offline(*key).filter(|it| over(it, work.now)) else {
                continue;
            };
            alarm(work, &lock, None, "events have been missing for a week");
            lock.gap_since = Some(work.now);
            work.put_offline(lock);
        }
        Ok(())
    })
    .await
}
