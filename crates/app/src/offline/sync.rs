//! The call of a device: what it brings from locks is taken in, then it gets the keys, lists and
//! certificates that it is to carry.

use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_domain::ids::{CredentialNumber, Id, LockNumber, Noun, PlaceNumber, Ref};
use claviger_domain::noun::credential::CredentialKind;
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{Erasure, Issued, KeyClass, LockKey, OfflineLock, Told};
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{DAY, Instant};
use claviger_offline::cose::{Kind, Signed};
use claviger_offline::lock::code::Code;
use claviger_offline::receipt::Receipt;
use claviger_offline::statement::Fresh;
use claviger_store::Device;

use super::alarm::{By, alarm};
use super::carry::left_behind;
use super::evidence::CarriedList;
use super::faults::{Slip, planted};
use super::heard::{EventsFrom, events_from, events_in, past_of};
use super::mint::{Made, key_again, key_for, reached};
use super::shown::{Shared, Shown};
use super::taken::{reads_keys, right_of};
use super::{evidence, list, owed, shown};
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::work::Work;
use crate::{App, not_here, provision};

/// A key that a device holds, or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// Its lock.
    pub lock: Id,
    /// Its class.
    pub class: KeyClass,
    /// Its serial.
    pub serial: u32,
}

/// What a lock said of itself, without a MAC: no evidence of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The lock.
    pub lock: Id,
    /// The epoch of its list.
    pub epoch: u16,
    /// The version of its list.
    pub version: u32,
    /// The longest list it takes.
    pub list_limit: u32,
}

/// What a lock answered a key with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The lock.
    pub lock: Id,
    /// Its code.
    pub code: u8,
}

/// What a device says.
#[derive(Clone, Debug, Default)]
pub struct SyncWish {
    /// For which device; none where it calls itself.
    pub device: Option<Ref>,
    /// Keys that it holds.
    pub acknowledged: Vec<HeldKey>,
    /// Keys that were erased from it, as it was asked.
    pub erased: Vec<HeldKey>,
    /// Locks it has met.
    pub hellos: Vec<Hello>,
    /// What locks drew, to be told what is newest.
    pub nonces: Vec<(Id, [u8; 16])>,
    /// What locks answered.
    pub reports: Vec<Report>,
    /// Receipts.
    pub receipts: Vec<Vec<u8>>,
    /// Lists that are newer than those it was given, or others of their versions.
    pub lists: Vec<CarriedList>,
    /// Events under seal.
    pub events: Vec<Vec<u8>>,
}

/// A lock as a device knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLock {
    /// Its id.
    pub lock: Id,
    /// What people call it; empty where the device has no key for it.
    pub name: String,
    /// By which it proves who it is (a COSE_Key).
    pub public_key: Vec<u8>,
}

/// What a device is given to carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncAnswer {
    /// The locks it has keys for, and others whose lists it carries.
    pub locks: Vec<KnownLock>,
    /// Keys that it does not hold yet.
    pub keys: Vec<Vec<u8>>,
    /// Keys that are to be erased from it: their rights were taken back and left to it.
    pub erase: Vec<HeldKey>,
    /// The list of each lock.
    pub lists: Vec<Vec<u8>>,
    /// The certificates of who signed.
    pub certificates: Vec<Vec<u8>>,
    /// What is newest, said over what locks drew.
    pub fresh: Vec<Vec<u8>>,
    /// For locks: up to which number their events have arrived.
    pub acknowledgements: Vec<Vec<u8>>,
    /// From which events on the locks are to be asked.
    pub events_from: Vec<EventsFrom>,
}

/// Takes in what a device brings and gives it what it is to carry.
///
/// # Errors
/// Not found; a device that calls for another, or says itself what was erased from it; a card that
/// cannot sign.
pub async fn sync(ctx: &Context, place: Id, wish: SyncWish) -> Result<SyncAnswer, Error> {
    let place = ctx.authorize(place, Scope::DevicesSync)?;
    let state = ctx.app.state(place)?;
    let asked = wish.device.as_ref();
    let missing = || not_here("/device_id", "there is no such device in this place");
    let asked = asked.map(|it| state.resolve(Noun::Credential, it).ok_or_else(missing));
    let asked: Option<CredentialNumber> = asked.transpose()?.map(CredentialNumber);
    let device = match (&ctx.caller, asked) {
        (Caller::Device { credential, .. }, asked) if asked.is_none_or(|it| it == *credential) => {
            *credential
        }
        (Caller::Device { .. }, _) => {
            let detail = "a device calls for itself alone";
            return Err(Refusal::Escalation(detail.to_owned()).into());
        }
        (_, Some(device)) => device,
        (_, None) => {
            let detail = "must say for which device; only a device itself may leave it out";
            return Err(Refusal::field("/device_id", "required", detail).into());
        }
    };
    let known = state.credentials.get(device).ok_or_else(missing)?;
    if known.public_key.is_none() {
        let (code, detail) = match known.kind {
            CredentialKind::Card => ("card_cannot_sign", "was never enrolled by a public key"),
            CredentialKind::Phone | CredentialKind::Code => ("bad_kind", "holds no keys"),
        };
        return Err(Refusal::field("/device_id", code, detail).into());
    }
    // Whoever loses a right by it is not believed that it is gone.
    if matches!(ctx.caller, Caller::Device { .. }) && !wish.erased.is_empty() {
        let detail = "what was erased is said by whoever writes the card";
        return Err(Refusal::Escalation(detail.to_owned()).into());
    }
    let past = past_of(&ctx.app, &wish.events).await?;
    let proven = evidence::proven(&ctx.app, &wish.lists);
    let (app, wish) = (ctx.app.clone(), Arc::new(wish));
    ctx.commit(Some(place), move |work| {
        let mut call = Call { app: &app, work, place, device };
        call.seen();
        evidence::take_in(call.work, &proven, call.by());
        call.take_in(&wish)?;
        let mut answer = call.answer(&wish)?;
        let by = call.by();
        answer.acknowledgements = events_in(&app, call.work, (&wish.events, &past), by)?;
        let carried = answer.locks.iter().filter_map(|it| call.lock(it.lock));
        answer.events_from = carried.flat_map(|lock| events_from(&lock)).collect();
        Ok(answer)
    })
    .await
}

/// One call at work.
struct Call<'c, 'w, 's> {
    app: &'c App,
    work: &'w mut Work<'s>,
    place: PlaceNumber,
    device: CredentialNumber,
}

impl Call<'_, '_, '_> {
    fn state(&self, place: PlaceNumber) -> Result<PlaceState, Error> {
        self.work.before(place).ok_or(Error::not_found(Noun::Place))
    }

    /// A lock by its id, to be changed.
    fn lock(&self, id: Id) -> Option<OfflineLock> {
        self.work.offline(self.app.world().offline_key(id)?)
    }

    /// A lock that the device's place has, its own or borrowed.
    fn lock_here(&self, id: Id) -> Result<Option<OfflineLock>, Error> {
        let tenant = self.state(self.place)?;
        Ok(tenant.number_of(Noun::Lock, id).and_then(|_| self.lock(id)))
    }

    /// Whose call it is.
    fn by(&self) -> By {
        Some((self.place, self.device))
    }

    /// Notes that the device called, at most once a day.
    fn seen(&mut self) {
        let now = self.work.now;
        let known = self.app.world().enrolled(self.place, self.device);
        let due = |at: Instant| at.plus(DAY) <= now;
        if let Some(device) = known.filter(|it| it.seen_at.is_none_or(due)) {
            self.work.devices.push(Device { seen_at: Some(now), ..device });
        }
    }

    fn take_in(&mut self, wish: &SyncWish) -> Result<(), Error> {
        let by = self.by();
        receipts_in(self.app, self.work, &wish.receipts, by)?;
        for held in &wish.acknowledged {
            self.edit_own(held, |key| key.bytes.clear());
        }
        for held in &wish.erased {
            self.edit_own(held, |key| {
                if key.erasure == Erasure::Due {
                    key.erasure = Erasure::Done;
                }
            });
        }
        if !wish.erased.is_empty() {
            settle(self.app, self.work);
        }
        if wish.hellos.is_empty() && wish.reports.is_empty() {
            return Ok(());
        }
        // What is said without proof is heard from those alone who may open the lock.
        let opens = self.opens()?;
        for hello in wish.hellos.iter().filter(|it| opens.contains(&it.lock) && it.list_limit > 0) {
            let Some(mut lock) = self.lock(hello.lock) else { continue };
            if planted(Slip::HelloIsProof) {
                let (at, iat) = (self.work.now, lock.iat);
                let (epoch, version) = (hello.epoch, hello.version);
                lock.told = Some(Told { epoch, version, at, iat });
                self.work.put_offline(lock.clone());
            }
            if lock.list_limit != Some(hello.list_limit) {
                lock.list_limit = Some(hello.list_limit);
                lock.list_due |= list::is_over(&lock, hello.list_limit);
                self.work.put_offline(lock);
            }
        }
        let asks = |it: &&Report| it.code == Code::NeedList.number() && opens.contains(&it.lock);
        for report in wish.reports.iter().filter(asks) {
            let Some(lock) = self.lock(report.lock) else { continue };
            alarm(self.work, &lock, by, "the lock asks for a list it was brought");
        }
        Ok(())
    }

    /// Changes a key of the device.
    fn edit_own(&mut self, held: &HeldKey, change: impl FnOnce(&mut Issued)) {
        let Some(mut lock) = self.lock(held.lock) else { return };
        let key = (held.class, held.serial);
        let whose = lock.issued(key).map(|key| (key.place, key.device));
        if whose == Some((self.place, self.device)) {
            lock.edit(key, change);
            self.work.put_offline(lock);
        }
    }

    /// The keys that are to be erased from the device; only those of cards are left to them.
    fn erase(&self) -> Result<Vec<HeldKey>, Error> {
        let state = self.state(self.place)?;
        let kind = state.credentials.get(self.device).map(|it| it.kind);
        if kind != Some(CredentialKind::Card) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for lock in self.work.offline_at(self.place) {
            let keys = lock.keys_for(self.place, self.device);
            let due = keys.filter(|key| key.erasure == Erasure::Due);
            found.extend(due.map(|key| HeldKey {
                lock: lock.id,
                class: key.class,
                serial: key.serial,
            }));
        }
        Ok(found)
    }

    /// The locks with no network at which the device has a right.
    fn opens(&self) -> Result<BTreeSet<Id>, Error> {
        let tenant = self.state(self.place)?;
        let mut found = BTreeSet::new();
        for (number, grant) in reached(&tenant, self.device) {
            let Some(at) = owned(&tenant, number) else { continue };
            let Some(lock) = self.work.offline(at) else { continue };
            let (owner, numbers) = (self.state(at.place)?, (grant, self.device, number));
            if right_of(&owner, &tenant, at, numbers).is_some() {
                found.insert(lock.id);
            }
        }
        Ok(found)
    }

    fn answer(&mut self, wish: &SyncWish) -> Result<SyncAnswer, Error> {
        let (tenant, by) = (self.state(self.place)?, self.by());
        let mut answer = SyncAnswer::default();
        let mut met = BTreeSet::new();
        for (number, grant) in reached(&tenant, self.device) {
            let Some(at) = owned(&tenant, number) else { continue };
            let Some(mut lock) = self.work.offline(at) else { continue };
            let owner = self.state(at.place)?;
            let numbers = (grant, self.device, number);
            let Some(right) = right_of(&owner, &tenant, at, numbers) else { continue };
            met.insert(at);
            if lock.epoch_due {
                // Nobody knows which serials were given: none is, until its epoch has begun.
                continue;
            }
            let made = match self.signed_at(&mut lock, &owner) {
                Some(iat) => {
                    let issuer = self.app.signers().issuer(&owner.place)?;
                    key_for(&issuer, &mut lock, numbers, &tenant, &right, iat)?
                }
                None => key_again(&lock, (self.place, grant, self.device), &right),
            };
            match made {
                Made::Nothing => {}
                Made::Key(key) => answer.keys.push(key),
                Made::Alarm(why) => alarm(self.work, &lock, by, why),
            }
            self.work.put_offline(lock);
        }
        let holder = (self.place, self.device);
        let others = self.couriered(&tenant);
        let now_s = self.app.signers().sure(self.work.now).seconds();
        for at in left_behind(self.work, self.app.world(), holder, now_s) {
            let Some(mut lock) = self.work.offline(at).filter(|it| !it.epoch_due) else { continue };
            owed::freshen(self.app, &mut lock, &self.state(at.place)?, self.work.now);
            self.work.put_offline(lock);
            met.insert(at);
        }
        for at in others.difference(&met).copied().collect::<Vec<_>>() {
            let Some(mut lock) = self.work.offline(at).filter(|it| !it.epoch_due) else { continue };
            owed::freshen(self.app, &mut lock, &tenant, self.work.now);
            self.work.put_offline(lock);
        }
        self.carried(&met, &others, &mut answer)?;
        answer.erase = self.erase()?;
        self.fresh(wish, &mut answer)?;
        Ok(answer)
    }

    /// When something is signed for a lock, whose list is made anew first if it is too old or owed.
    /// None where nothing may be, or the list cannot be made: what is signed already is carried all
    /// the same, and so is what is for other locks.
    fn signed_at(&self, lock: &mut OfflineLock, owner: &PlaceState) -> Option<i64> {
        let now = self.work.now;
        let is_fresh = owed::freshen(self.app, lock, owner, now);
        is_fresh.then(|| list::iat(self.app.signers(), lock, now).ok()).flatten()
    }

    /// The locks of the place whose lists a phone carries whether or not it has a key for them.
    fn couriered(&self, tenant: &PlaceState) -> BTreeSet<LockKey> {
        let kind = tenant.credentials.get(self.device).map(|it| it.kind);
        if !tenant.place.courier_mode || kind != Some(CredentialKind::Phone) {
            return BTreeSet::new();
        }
        let is_told = |lock: &OfflineLock| reads_keys(tenant, lock.key.lock).is_some();
        self.work.offline_at(self.place).into_iter().filter(is_told).map(|it| it.key).collect()
    }

    /// What goes with the keys of a device: its locks, their lists, and who signed them; and of
    /// `others` too, which it knows by their ids alone.
    fn carried(
        &mut self,
        met: &BTreeSet<LockKey>,
        others: &BTreeSet<LockKey>,
        answer: &mut SyncAnswer,
    ) -> Result<(), Error> {
        let mut places = BTreeSet::new();
        for at in met.union(others).copied() {
            let Some(lock) = self.work.offline(at) else { continue };
            let now_s = self.app.signers().sure(self.work.now).seconds();
            let own =
                |it: &OfflineLock| it.keys_for(self.place, self.device).any(|key| key.exp > now_s);
            let has_key = own(&lock);
            if !has_key && !others.contains(&at) {
                continue;
            }
            let owner = self.state(at.place)?;
            let name = owner.locks.get(at.lock).filter(|_| has_key).map(|lock| lock.name.clone());
            answer.locks.push(KnownLock {
                lock: lock.id,
                name: name.unwrap_or_default(),
                public_key: lock.public_key.clone(),
            });
            answer.lists.push(lock.list.clone());
            if places.insert(at.place) {
                let issuer = self.app.signers().issuer(&owner.place)?;
                answer.certificates.push(issuer.certificate.clone());
            }
            if !lock.certificate.is_empty() {
                answer.certificates.push(lock.certificate.clone());
            }
        }
        Ok(())
    }

    /// Says over what locks drew which list is newest, and the time.
    fn fresh(&mut self, wish: &SyncWish, answer: &mut SyncAnswer) -> Result<(), Error> {
        for (id, nonce) in &wish.nonces {
            let Some(mut lock) = self.lock_here(*id)?.filter(|it| !it.epoch_due) else { continue };
            let (owner, signers) = (self.state(lock.key.place)?, self.app.signers());
            let issuer = signers.issuer(&owner.place)?;
            let iat = unless_unavailable(list::iat(signers, &mut lock, self.work.now))?;
            let Some(iat) = iat else { continue };
            let digest = Signed::read(&lock.list).map_err(|_| Error::Internal)?.digest();
            let fresh = Fresh {
                iat: u64::try_from(iat).map_err(|_| Error::Internal)?,
                lock: id.0,
                nonce: *nonce,
                epoch: lock.epoch,
                version: lock.version,
                digest,
            };
            answer.fresh.push(issuer.key.sign(Kind::Fresh, |it| fresh.write(it))?);
            self.work.put_offline(lock);
        }
        Ok(())
    }
}

/// None where something is not to be had for the moment.
pub(super) fn unless_unavailable<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(Error::Unavailable) => Ok(None),
        result => result.map(Some),
    }
}

pub(super) fn lock_of(app: &App, work: &Work<'_>, id: [u8; 16]) -> Option<OfflineLock> {
    work.offline(app.world().offline_key(Id(id))?)
}

/// Takes in what locks have shown, whoever brings it.
pub(super) fn receipts_in(
    app: &App,
    work: &mut Work<'_>,
    receipts: &[Vec<u8>],
    by: By,
) -> Result<(), Error> {
    let now = work.now;
    let mut has_shown = false;
    for receipt in receipts.iter().filter_map(|bytes| Receipt::read(bytes).ok()) {
        let Some(mut lock) = lock_of(app, work, receipt.0.lock) else { continue };
        let shared = Shared::by(app, &lock)?;
        match shown::take_receipt(&mut lock, &shared, &receipt, now) {
            Shown::News => has_shown = true,
            Shown::Nothing => {}
            Shown::Alarm(why) => alarm(work, &lock, by, why),
        }
        work.put_offline(lock);
    }
    if has_shown {
        settle(app, work);
    }
    Ok(())
}

/// Ends the revocations that what was brought ends.
fn settle(app: &App, work: &mut Work<'_>) {
    let lists = app.world().lists();
    work.settled = provision::ended_with(&lists, &work.offline, app.signers().sure(work.now));
}

/// The lock as its owner names it.
pub(crate) fn owned(tenant: &PlaceState, number: LockNumber) -> Option<LockKey> {
    let lock = tenant.locks.get(number)?;
    let (place, lock) = lock.borrowed.unwrap_or((tenant.place.number(), number));
    Some(LockKey { place, lock })
}
