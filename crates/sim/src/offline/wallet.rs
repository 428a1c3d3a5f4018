//! What a phone keeps of what its server gives it: keys of its own, and for the locks it has keys
//! for the newest list, who signed, and words for the locks. Knows no network and no radio.

use std::collections::BTreeMap;

use claviger_offline::Id;
use claviger_offline::cbor::Reader;
use claviger_offline::certificate::{Epoch, Issuer};
use claviger_offline::cose::{PublicKey, Signed};
use claviger_offline::key::Key;
use claviger_offline::list::List;
use claviger_offline::statement::{Ack, Fresh};

use super::wire::{Bytes, CarriedList, HeldKey, KeyedLock, SyncAnswer, id_bytes};

/// A key of a lock: its class and its serial in that.
pub(crate) type Serial = (u8, u32);

/// What a phone reads of a key it was given.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) serial: Serial,
    /// UTC seconds.
    pub(crate) exp: u64,
    /// Epoch and version of the list that the lock must have.
    pub(crate) needs: (u16, u32),
    /// Refused where the lock cannot tell the time.
    pub(crate) is_strict: bool,
    pub(crate) bytes: Vec<u8>,
}

/// What a phone keeps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wallet {
    /// By lock, how it proves who it is.
    pub(crate) locks: BTreeMap<Id, PublicKey>,
    /// By lock, oldest first.
    pub(crate) keys: BTreeMap<Id, Vec<Held>>,
    /// The newest list of each lock.
    pub(crate) lists: BTreeMap<Id, Vec<u8>>,
    certificates: Vec<Vec<u8>>,
    /// Words over nonces, by lock.
    pub(crate) fresh: BTreeMap<Id, Vec<u8>>,
    /// Which events have arrived, by lock.
    pub(crate) acks: BTreeMap<Id, Vec<u8>>,
    /// By lock and log, the first event that its server wants.
    wanted: BTreeMap<(Id, u64), u32>,
}

/// The epoch and version of a signed list.
pub(crate) fn version_of(list: &[u8]) -> Option<(u16, u32)> {
    let list = List::read(Signed::read(list).ok()?.payload).ok()?;
    Some((list.epoch, list.version))
}

/// A lock by the key it was introduced with.
fn known(lock: &KeyedLock) -> Option<(Id, PublicKey)> {
    let mut reader = Reader::new(&lock.public_key.0);
    let key = PublicKey::read(&mut reader).ok()?;
    reader.end().ok()?;
    Some((id_bytes(&lock.lock_id)?, key))
}

fn key_of(bytes: &[u8], holder: &PublicKey) -> Option<(Id, Held)> {
    let key = Key::read(Signed::read(bytes).ok()?.payload).ok()?;
    let held = Held {
        serial: (key.class.number(), key.serial),
        exp: key.exp,
        needs: (key.epoch, key.min_list),
        is_strict: key.flags.strict_time,
        bytes: bytes.to_vec(),
    };
    (key.holder == *holder).then_some((key.lock, held))
}

impl Wallet {
    /// Keeps what an answer brought; which keys it holds of those, to be acknowledged.
    ///
    /// # Errors
    /// What of it cannot be what the API promises.
    pub(crate) fn keep(
        &mut self,
        answer: &SyncAnswer,
        holder: &PublicKey,
    ) -> Result<Vec<HeldKey>, &'static str> {
        for lock in &answer.locks {
            let (id, known) = known(lock).ok_or("a lock without a public key")?;
            self.locks.insert(id, known);
        }
        for certificate in answer.certificates.iter().map(|it| &it.0) {
            if !self.certificates.contains(certificate) {
                self.certificates.push(certificate.clone());
            }
        }
        for list in answer.lists.iter().map(|it| &it.0) {
            self.keep_list(list).ok_or("a list that cannot be read, or of nobody")?;
        }
        let mut held = Vec::new();
        for key in answer.keys.iter().map(|it| &it.0) {
            let (lock, key) = key_of(key, holder).ok_or("a key that is not this phone's")?;
            self.issuer_of(&key.bytes).ok_or("a key of nobody")?;
            let lock_id = super::wire::id_text(&lock);
            let (class, serial) = key.serial;
            held.push(HeldKey { lock_id, class, serial });
            let keys = self.keys.entry(lock).or_default();
            keys.retain(|known| known.serial != key.serial);
            keys.push(key);
        }
        for fresh in answer.fresh.iter().map(|it| &it.0) {
            let read = Signed::read(fresh).and_then(|it| Fresh::read(it.payload));
            let lock = read.map_err(|_| "a statement that cannot be read")?.lock;
            self.fresh.insert(lock, fresh.clone());
        }
        self.keep_acks(answer.acknowledgements.iter().map(|it| &it.0))?;
        self.keep_wanted(answer).ok_or("events of a lock or log that is none")?;
        Ok(held)
    }

    /// Keeps from which events on locks are to be asked: what was said before of them is over, as
    /// a server that was restored wants again what it had acknowledged.
    fn keep_wanted(&mut self, answer: &SyncAnswer) -> Option<()> {
        for lock in &answer.locks {
            let lock = id_bytes(&lock.lock_id)?;
            self.wanted.retain(|(known, _), _| *known != lock);
        }
        for from in &answer.events_from {
            let log = (id_bytes(&from.lock_id)?, from.log_epoch.parse().ok()?);
            self.wanted.insert(log, from.from_seq);
        }
        Some(())
    }

    /// The lists it has that are newer than those an answer brings, or others of their versions:
    /// whoever made that answer does not know of them.
    pub(crate) fn unknown_to(&self, answer: &SyncAnswer) -> Vec<CarriedList> {
        let mut found = Vec::new();
        for given in &answer.lists {
            let read = |list: &[u8]| {
                let signed = Signed::read(list).ok()?;
                let list = List::read(signed.payload).ok()?;
                Some((list.lock, (list.epoch, list.version), signed.digest()))
            };
            let Some((lock, at, digest)) = read(&given.0) else { continue };
            let Some(own) = self.lists.get(&lock) else { continue };
            let is_other = |own: (u16, u32), other| own > at || own == at && other != digest;
            if read(own).is_some_and(|(_, own, other)| is_other(own, other)) {
                let epoch_certificate = self.epoch_of(&lock).map(|it| Bytes(it.to_vec()));
                found.push(CarriedList { list: Bytes(own.clone()), epoch_certificate });
            }
        }
        found
    }

    fn keep_list(&mut self, list: &[u8]) -> Option<()> {
        let lock = List::read(Signed::read(list).ok()?.payload).ok()?.lock;
        self.issuer_of(list)?;
        let known = self.lists.get(&lock).and_then(|known| version_of(known));
        if version_of(list) >= known {
            self.lists.insert(lock, list.to_vec());
        }
        Some(())
    }

    /// Keeps what locks are to be told of their events.
    pub(crate) fn keep_acks<'a>(
        &mut self,
        acks: impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), &'static str> {
        for ack in acks {
            let read = Signed::read(ack).and_then(|it| Ack::read(it.payload));
            let lock = read.map_err(|_| "an acknowledgement that cannot be read")?.lock;
            self.acks.insert(lock, ack.clone());
        }
        Ok(())
    }

    /// The newest key for a lock.
    pub(crate) fn newest(&self, lock: &Id) -> Option<&Held> {
        self.keys.get(lock)?.last()
    }

    /// The list for a lock, with its epoch and version.
    pub(crate) fn list(&self, lock: &Id) -> Option<(&[u8], (u16, u32))> {
        let list = self.lists.get(lock)?;
        Some((list, version_of(list)?))
    }

    /// The certificate of who signed something.
    pub(crate) fn issuer_of(&self, signed: &[u8]) -> Option<&[u8]> {
        let kid = Signed::read(signed).ok()?.kid;
        let is_by = |certificate: &&Vec<u8>| {
            let issuer = Signed::read(certificate).and_then(|it| Issuer::read(it.payload));
            issuer.is_ok_and(|issuer| issuer.key.kid() == *kid)
        };
        self.certificates.iter().find(is_by).map(Vec::as_slice)
    }

    /// The certificate of the newest epoch of a lock, where it was given one.
    pub(crate) fn epoch_of(&self, lock: &Id) -> Option<&[u8]> {
        let number = |bytes: &&Vec<u8>| {
            let epoch = Epoch::read(Signed::read(bytes).ok()?.payload).ok()?;
            (epoch.lock.as_ref() == Some(lock)).then_some(epoch.epoch)
        };
        let epochs = self.certificates.iter().filter(|it| number(it).is_some());
        epochs.max_by_key(number).map(Vec::as_slice)
    }

    /// From which event on a lock is to be asked for those of a log.
    pub(crate) fn wants_from(&self, lock: &Id, log_epoch: u64) -> u32 {
        self.wanted.get(&(*lock, log_epoch)).copied().unwrap_or(1)
    }
}
