//! Revocations: rights that were taken back while some list or lock with no network held them, and
//! how far that has got.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_domain::ids::{Id, LockNumber, Noun};
use claviger_domain::noun::access_level::Membership;
use claviger_domain::noun::grant::{Grant, Via};
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::provision::{Holdings, List, ListKey, Progress, Revocation};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use crate::App;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::read::bounded;
use crate::world::Lists;

/// A revocation and how far it has got.
#[derive(Clone, Debug)]
pub struct Progressed {
    /// It.
    pub revocation: Arc<Revocation>,
    /// At each lock.
    pub progress: Progress,
}

/// A page of revocations.
#[derive(Clone, Debug)]
pub struct RevocationPage {
    /// In the order of the commands.
    pub items: Vec<Progressed>,
    /// After which to go on; none where this is the last page.
    pub next: Option<u64>,
}

fn progressed(lists: &Lists, revocation: Revocation, now: Instant) -> Progressed {
    let progress = revocation.progress(lists, now);
    Progressed { revocation: Arc::new(revocation), progress }
}

/// A page of the revocations of a place, oldest first; `after` is a revision.
///
/// # Errors
/// No such place.
pub async fn list(
    ctx: &Context,
    place: Id,
    after: u64,
    limit: usize,
) -> Result<RevocationPage, Error> {
    let place = ctx.authorize(place, Scope::GrantsRead)?;
    let mut found = ctx.app.store().revocations(place, after, bounded(limit + 1)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.revision);
    let (lists, now) = (ctx.app.world().lists(), ctx.app.sure_now());
    let items = found.into_iter().map(|it| progressed(&lists, it, now)).collect();
    Ok(RevocationPage { items, next })
}

/// One revocation.
///
/// # Errors
/// Not found.
pub async fn get(ctx: &Context, place: Id, id: Id) -> Result<Progressed, Error> {
    let place = ctx.authorize(place, Scope::GrantsRead)?;
    let found = ctx.app.store().revocation(place, id).await?;
    let found = found.ok_or(Error::not_found(Noun::Grant))?;
    let lists = ctx.app.world().lists();
    Ok(progressed(&lists, found, ctx.app.sure_now()))
}

/// How far the taking back of a grant has got, where some list held it or should have, or a key was
/// made of it.
///
/// # Errors
/// As for any read.
pub async fn of_grant(
    app: &App,
    state: &PlaceState,
    grant: &Grant,
) -> Result<Option<Progress>, Error> {
    let place = state.place.number();
    if grant.closed.is_none() {
        return Ok(None);
    }
    if let Some(pending) = pending(app, state, grant) {
        return Ok(Some(pending));
    }
    // A grant that is closed changes no more: its revision is that of the command that closed it.
    let revision = grant.header.revision;
    let page = app.store().revocations(place, revision.saturating_sub(1), 1).await?;
    let found = page.into_iter().find(|it| it.revision == revision);
    let (lists, now) = (app.world().lists(), app.sure_now());
    Ok(found.and_then(|it| it.progress_for(grant, &**lists, now)))
}

/// How far the taking back of a grant has got, while that has not come to its end: by closing it,
/// or before that by taking from its holder what a list still lets in.
#[must_use]
pub fn pending(app: &App, state: &PlaceState, grant: &Grant) -> Option<Progress> {
    grant.closed.as_ref()?;
    let (lists, now, place) = (app.world().lists(), app.sure_now(), state.place.number());
    let own = lists.revocations.get(&(place, grant.header.revision));
    let lets_in = |it: &&Arc<Revocation>| it.lets_in(Some(grant), None, &**lists, now);
    let pending = own.into_iter().chain(lists.naming(place, grant.number())).find(lets_in);
    pending.or(own)?.progress_for(grant, &**lists, now)
}

/// Those of some revocations that have come to their end with what is held, as they are to be kept.
fn over<'r>(
    about: impl Iterator<Item = &'r Arc<Revocation>>,
    held: &impl Holdings,
    now: Instant,
) -> Vec<Revocation> {
    about.filter(|it| it.is_over(held, now)).map(|it| it.settled(held, now)).collect()
}

/// The revocations that have come to their end.
fn ended(lists: &Lists, now: Instant) -> Vec<Revocation> {
    over(lists.revocations.values(), lists, now)
}

/// What is published, but for one list as it is after a call.
struct After<'l> {
    list: &'l List,
    others: Option<&'l Lists>,
}

impl Holdings for After<'_> {
    fn list(&self, key: ListKey) -> Option<&List> {
        let own = (key == self.list.key).then_some(self.list);
        own.or_else(|| self.others?.list(key))
    }

    fn lock(&self, key: LockKey) -> Option<&OfflineLock> {
        self.others?.lock(key)
    }
}

/// The revocations that end with what a list holds after a call, as they are to be kept.
pub(super) fn ended_by(lists: &Lists, list: &List, now: Instant) -> Vec<Revocation> {
    let (own, all) = (After { list, others: None }, After { list, others: Some(lists) });
    let about = lists.revocations.values();
    let about = about.filter(|it| it.taken.lists.iter().any(|at| at.key == list.key));
    // Other lists matter only where this one has followed.
    let here = about.filter(|it| !it.taken.locks.is_empty() || it.is_over(&own, now));
    over(here, &all, now)
}

/// What is published, but for some locks as they are after a call.
struct Shown<'l> {
    locks: &'l BTreeMap<LockKey, OfflineLock>,
    others: &'l Lists,
}

impl Holdings for Shown<'_> {
    fn list(&self, key: ListKey) -> Option<&List> {
        self.others.list(key)
    }

    fn lock(&self, key: LockKey) -> Option<&OfflineLock> {
        self.locks.get(&key).or_else(|| self.others.lock(key))
    }
}

/// The revocations that end with what locks have shown in a call, as they are to be kept.
pub(crate) fn ended_with(
    lists: &Lists,
    locks: &BTreeMap<LockKey, OfflineLock>,
    now: Instant,
) -> Vec<Revocation> {
    let about = lists.revocations.values();
    let about = about.filter(|it| it.taken.locks.iter().any(|at| locks.contains_key(&at.key)));
    over(about, &Shown { locks, others: lists }, now)
}

/// Notes which revocations have come to their end, by confirmation or by time.
pub(crate) async fn settle(app: &App) -> Result<(), Error> {
    if ended(&app.world().lists(), app.sure_now()).is_empty() {
        return Ok(());
    }
    let ctx = Context::new(app.clone(), Caller::System, Via::Native);
    let app = app.clone();
    ctx.commit(None, move |work| {
        // What was published last counts: nothing but a sync unsettles, and none does.
        work.settled = ended(&app.world().lists(), app.signers().sure(work.now));
        Ok(())
    })
    .await
}

/// Whether some list may still let in by a key that was taken back: by closing its grant, or by
/// taking its lock out of its level.
pub(crate) fn is_pending_at(
    app: &App,
    state: &PlaceState,
    grant: &Grant,
    membership: Option<&Membership>,
    lock: LockNumber,
) -> bool {
    let place = state.place.number();
    let lists = app.world().lists();
    if lists.revocations.is_empty() {
        return false;
    }
    let closed = membership.filter(|it| it.closed.is_some()).map(|it| it.header.revision);
    let lock = state.locks.get(lock).map(|lock| lock.header.id);
    let lets_in = |revision: u64, grant: Option<&Grant>| {
        let revocation = lists.revocations.get(&(place, revision));
        revocation.is_some_and(|it| it.lets_in(grant, lock, &**lists, app.sure_now()))
    };
    let by_grant = grant.closed.is_some() && lets_in(grant.header.revision, Some(grant));
    let by_level = closed.is_some_and(|revision| lets_in(revision, None));
    // What it gave may have been taken from its holder before.
    let mut before = lists.naming(place, grant.number()).filter(|_| !by_grant && !by_level);
    let now = app.sure_now();
    by_grant || by_level || before.any(|it| it.lets_in(Some(grant), lock, &**lists, now))
}
