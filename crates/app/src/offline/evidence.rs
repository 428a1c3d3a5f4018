//! Lists of ours that devices carry and that this database may be too old to know: a list that
//! bears our signature proves that it was made. Must not change what is signed: an operator says
//! whether the database is a copy.

use std::collections::BTreeMap;

use claviger_domain::ids::Id;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_offline::Digest;
use claviger_offline::certificate::Epoch;
use claviger_offline::cose::{Kind, Signed};
use claviger_offline::list::List;

use super::alarm::{By, alarm};
use crate::App;
use crate::work::Work;

/// A list that a device carries and that its server has not given it just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedList {
    /// It, signed.
    pub list: Vec<u8>,
    /// The root's word that its epoch has begun.
    pub epoch_certificate: Option<Vec<u8>>,
}

/// Of each lock the newest list that was proven to be ours: its epoch and version, and its digest.
pub(super) type Proven = BTreeMap<LockKey, ((u16, u32), Digest)>;

/// Whether a list is another than those that are known here to have been made.
pub(super) fn is_ahead(lock: &OfflineLock, at: (u16, u32), digest: Digest) -> bool {
    let current = (lock.epoch, lock.version);
    let known = || Signed::read(&lock.list).map(|list| list.digest());
    at > current || at == current && known() != Ok(digest)
}

fn is_news(lock: &OfflineLock, at: (u16, u32), digest: Digest) -> bool {
    lock.ahead < Some(at) && is_ahead(lock, at, digest)
}

/// Which of these lists are ours and say that a lock is ahead of its database.
pub(super) fn proven(app: &App, lists: &[CarriedList]) -> Proven {
    let mut found = Proven::new();
    for carried in lists {
        let Some((key, at, digest)) = prove(app, carried) else { continue };
        let newest = found.entry(key).or_insert((at, digest));
        *newest = (*newest).max((at, digest));
    }
    found
}

fn prove(app: &App, carried: &CarriedList) -> Option<(LockKey, (u16, u32), Digest)> {
    let signed = Signed::read(&carried.list).ok()?;
    let list = List::read(signed.payload).ok()?;
    let key = app.world().offline_key(Id(list.lock))?;
    let lock = app.world().lists().offline.get(&key)?.clone();
    let (at, digest) = ((list.epoch, list.version), signed.digest());
    if !is_news(&lock, at, digest) {
        return None;
    }
    let owner = app.state(key.place).ok()?;
    let issuer = app.signers().issuer(&owner.place).ok()?;
    let begun = || {
        let certificate = Signed::read(carried.epoch_certificate.as_ref()?).ok()?;
        let epoch = Epoch::read(certificate.payload).ok()?;
        let of_lock = epoch.lock.is_none_or(|it| it == list.lock);
        let fits = epoch.place == owner.place.header.id.0 && of_lock && epoch.epoch == list.epoch;
        let root = app.signers().root_public().ok()?;
        Some(fits && certificate.is_by(Kind::Epoch, &root))
    };
    // Whoever has the issuer's secret alone begins no epoch: it could be the last there is.
    let may_be = list.epoch <= lock.epoch || begun() == Some(true);
    (may_be && signed.is_by(Kind::List, &issuer.key.public)).then_some((key, at, digest))
}

/// Notes that locks are ahead of this database.
pub(super) fn take_in(work: &mut Work<'_>, lists: &Proven, by: By) {
    for (key, (at, digest)) in lists {
        let Some(mut lock) = work.offline(*key).filter(|it| is_news(it, *at, *digest)) else {
            continue;
        };
        let current = (lock.epoch, lock.version);
        tracing::error!(lock = %lock.id, ?at, ?current, "a list of ours that was never made here");
        lock.ahead = Some(*at);
        alarm(work, &lock, by, "a list of ours is carried that was never made here");
        work.put_offline(lock);
    }
}
