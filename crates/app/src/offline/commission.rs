//! The commissioning of a lock: its server learns its public key, and makes the record by which the
//! lock knows whose it is.

use claviger_domain::draft::Changed;
use claviger_domain::ids::{Id, LockNumber, Noun, Ref};
use claviger_domain::noun::lock::LockMode;
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::refusal::Refusal;
use claviger_offline::cbor::{Reader, Writer};
use claviger_offline::cose::PublicKey;
use claviger_offline::lock::record::{Commissioning, Record};

use super::{epoch, list};
use crate::Written;
use crate::context::Context;
use crate::error::Error;
use crate::random;
use crate::read::resolve;

/// Bytes of a record, at most.
const MOST_RECORD: usize = 2048;

/// What a lock is commissioned with; shown once.
#[derive(Clone)]
pub struct Commissioned {
    /// The record as it goes to the lock.
    pub record: Vec<u8>,
}

/// A public key in the one form that is read here, and on its curve.
pub(super) fn public_key(bytes: &[u8]) -> Option<PublicKey> {
    let mut reader = Reader::new(bytes);
    let key = PublicKey::read(&mut reader).ok()?;
    reader.end().ok()?;
    key.is_point().then_some(key)
}

/// Refuses what is no such key.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let detail = "must be a COSE_Key {1: 2, -1: 1, -2: x, -3: y} of a point of P-256";
    match public_key(bytes) {
        Some(_) => Ok(()),
        None => Err(Refusal::field("/public_key", "bad_key", detail)),
    }
}

/// What is known of a lock, where that agrees with whether it is to be commissioned again.
fn first_or_again(known: Option<OfflineLock>, again: bool) -> Result<Option<OfflineLock>, Refusal> {
    let detail = match (&known, again) {
        (None, false) | (Some(_), true) => return Ok(known),
        (None, true) => "the lock was never commissioned",
        (Some(_), false) => {
            "the lock was commissioned already; say recommission to give it another secret"
        }
    };
    Err(Refusal::InUse(detail.to_owned()))
}

/// Commissions a lock; `again` gives one that was commissioned before another secret and epoch.
///
/// # Errors
/// Not found; another place's lock; not one that reads keys; commissioned already.
pub async fn commission(
    ctx: &Context,
    place: Id,
    lock: Ref,
    key: Vec<u8>,
    again: bool,
) -> Result<Written<Commissioned>, Error> {
    let place = ctx.authorize(place, Scope::LocksWrite)?;
    check(&key)?;
    let app = ctx.app.clone();
    ctx.write(Some(place), move |work| {
        let now = work.now;
        let draft = work.place(place)?;
        let number: LockNumber = resolve(&draft.state, Noun::Lock, &lock)?;
        let lock = draft.state.locks.get(number).cloned().ok_or(Error::not_found(Noun::Lock))?;
        if lock.borrowed.is_some() || lock.mode != LockMode::OfflineKeys {
            let detail = "only this place's own locks with mode offline_keys read keys";
            return Err(Refusal::InUse(detail.to_owned()).into());
        }
        let fields = vec![Changed::hidden("public_key")];
        draft.note("commission", Noun::Lock, Some(lock.header.id), fields);
        draft.put(claviger_domain::noun::lock::Lock::clone(&lock));
        let owner = draft.state.clone();
        let at = LockKey { place, lock: number };
        let known = first_or_again(work.offline(at), again)?;
        let mut offline = known.unwrap_or_else(|| OfflineLock::new(at, lock.header.id, 0));
        if again {
            epoch::anew(app.signers(), &owner.place, &mut offline, now)?;
            offline.former_secret = Some(std::mem::take(&mut offline.secret));
        }
        let secret: [u8; 32] = random::bytes();
        let id = lock.header.id.0;
        offline.secret = app.secrets().seal(place.0, "lock", id, "offline", &secret)?;
        offline.public_key.clone_from(&key);
        (offline.told, offline.list_limit) = (None, None);
        list::renew((app.signers(), app.world()), &owner, &mut offline, now)?;
        let issuer = app.signers().issuer(&owner.place)?;
        let record = Record {
            lock: id,
            place: owner.place.header.id.0,
            root: app.signers().root_public()?,
            secret,
            epoch: offline.epoch,
            keys_from: offline.keys_from,
            min_generation: issuer.generation,
        };
        let (issuer, list) = (&issuer.certificate, &offline.list);
        let told = Commissioning { record, issuer, list };
        let mut room = [0; MOST_RECORD];
        let mut writer = Writer::new(&mut room);
        told.write(&mut writer);
        let record = writer.done().ok_or(Error::Internal)?.to_vec();
        work.put_offline(offline);
        Ok(Commissioned { record })
    })
    .await
}
