//! The server's side of the documents, in memory: which keys to make, which to refuse, what to
//! sign, and what a lock is believed to hold. It plans with the planner of servers and signs what
//! locks read; it sees nothing of the world but what devices bring.

use std::collections::{BTreeMap, BTreeSet};

use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, PublicKey, Signed};
use claviger_offline::event::{EventKey, Sealed};
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::list::{List, Section};
use claviger_offline::lock::code::Code;
use claviger_offline::plan::{Capacity, Input, Live, Plan, Planned, Run, fit, plan};
use claviger_offline::receipt::{Receipt, ReceiptKey};
use claviger_offline::statement::{Ack, Fresh};
use claviger_offline::{Digest, Id, Nonce};

use crate::door::Hello;
use crate::signer::{Hours, Signer};

pub(crate) const DAY: u64 = 86_400;
/// The longest life of a key: a card's.
pub(crate) const LONGEST: u64 = 90 * DAY;
const SERIALS: u32 = 1 << 20;
const MOST_MINTS: usize = 8;
const GRACE_S: u64 = 60;

/// A rule of the server that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slip {
    EditsDoNotRevoke,
    SuspensionDoesNotRevoke,
    LostDeviceKeepsKeys,
    RevokedOnExpiry,
    HelloIsProof,
    RestoreReusesSerials,
    RestoreForgetsUnknown,
    HitIsNotRenewed,
    ForgetsTooEarly,
    SignsWithWrongClock,
    NoMinList,
}

#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) person: usize,
    pub(crate) lock: usize,
    pub(crate) open: bool,
    pub(crate) hours: Hours,
    pub(crate) until: u64,
    /// The epoch of its lock when it began.
    began: u16,
}

pub(crate) type Serial = (Class, u32);

#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) lock: usize,
    pub(crate) key: Serial,
    pub(crate) grant: usize,
    pub(crate) device: usize,
    pub(crate) epoch: u16,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    pub(crate) hours: Hours,
    pub(crate) strict: bool,
    pub(crate) min_list: u32,
    pub(crate) bytes: Vec<u8>,
    /// Of whoever signed it.
    pub(crate) issuer: Vec<u8>,
    pub(crate) generation: u32,
    acked: bool,
    must: bool,
    owed: bool,
}

/// Rights that were taken away at a lock, until it is known to have followed.
#[derive(Clone)]
struct Closing {
    grant: usize,
    last_exp: u64,
    lenient: bool,
    /// The first list made after it; none where no lock can have anything to follow.
    list: Option<(u16, u32)>,
    waits: bool,
}

/// A list that was signed.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) lock: usize,
    pub(crate) epoch: u16,
    pub(crate) version: u32,
    pub(crate) iat: u64,
    pub(crate) keys_from: u16,
    pub(crate) generation: u32,
    pub(crate) digest: Digest,
    pub(crate) plans: Vec<(Class, Plan)>,
    /// Live keys that it refuses though nothing demands it.
    pub(crate) hit: Vec<Serial>,
    pub(crate) tops: [u32; 4],
}

/// A list as it travels.
#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) epoch: u16,
    pub(crate) version: u32,
    pub(crate) list: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) certificate: Option<Vec<u8>>,
}

#[derive(Clone)]
pub(crate) struct At {
    pub(crate) id: Id,
    secret: [u8; 32],
    pub(crate) kept: bool,
    pub(crate) epoch: u16,
    pub(crate) keys_from: u16,
    version: u32,
    refusing: u32,
    iat: u64,
    floors: [u32; 4],
    tops: [u32; 4],
    issued: BTreeMap<Serial, Issued>,
    unknown: Vec<(Class, Run, u64)>,
    pub(crate) bundle: Option<Bundle>,
    told: Option<(u16, u32)>,
    pub(crate) room: Capacity,
    event_key: EventKey,
    pub(crate) log: BTreeMap<(u64, u32), Sealed>,
    /// Numbers that the lock has declared lost, by log.
    pub(crate) declared: BTreeMap<u64, Vec<(u32, u32)>>,
    /// Numbers up to which all is known, by log.
    known: BTreeMap<u64, u32>,
    closings: Vec<Closing>,
    list_due: bool,
}

/// What a device brings.
#[derive(Default, Clone)]
pub(crate) struct Brought {
    pub(crate) held: Vec<(usize, Serial)>,
    pub(crate) receipts: Vec<Vec<u8>>,
    pub(crate) events: Vec<Sealed>,
    pub(crate) hellos: Vec<(usize, Hello)>,
}

/// What it gets.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) keys: Vec<Issued>,
    pub(crate) lists: Vec<(usize, Bundle)>,
    pub(crate) acks: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) slip: Option<Slip>,
    pub(crate) issuer: Signer,
    pub(crate) certificate: Vec<u8>,
    pub(crate) generation: u32,
    pub(crate) grants: Vec<Grant>,
    pub(crate) locks: Vec<At>,
    pub(crate) suspended: BTreeSet<usize>,
    pub(crate) lost: BTreeSet<usize>,
    /// How wrong its clock is.
    pub(crate) skew_s: i64,
    /// What its clock showed when it last signed, and when that was.
    last: (u64, u64),
    pub(crate) made: Vec<Made>,
    pub(crate) minted: Vec<Issued>,
    /// The same number of an event, with another content.
    pub(crate) twice: bool,
}

fn at(class: Class) -> usize {
    usize::from(class.number())
}

fn life_s(class: Class) -> u64 {
    if class == Class::Card { LONGEST } else { 14 * DAY }
}

impl Server {
    pub(crate) fn new(issuer: Signer, certificate: Vec<u8>, now_ms: u64) -> Self {
        Self {
            slip: None,
            issuer,
            certificate,
            generation: 1,
            grants: Vec::new(),
            locks: Vec::new(),
            suspended: BTreeSet::new(),
            lost: BTreeSet::new(),
            skew_s: 0,
            last: (now_ms / 1000, now_ms),
            made: Vec::new(),
            minted: Vec::new(),
            twice: false,
        }
    }

    pub(crate) fn slips(&self, slip: Slip) -> bool {
        self.slip == Some(slip)
    }

    pub(crate) fn add_lock(&mut self, id: Id, secret: [u8; 32], kept: bool, now_ms: u64) {
        let at = At {
            id,
            secret,
            kept,
            epoch: 1,
            keys_from: 0,
            version: 0,
            refusing: 0,
            iat: 0,
            floors: [0; 4],
            tops: [SERIALS; 4],
            issued: BTreeMap::new(),
            unknown: Vec::new(),
            bundle: None,
            told: None,
            room: Capacity::Bytes(512),
            event_key: EventKey::of(&secret, &id),
            log: BTreeMap::new(),
            declared: BTreeMap::new(),
            known: BTreeMap::new(),
            closings: Vec::new(),
            list_due: false,
        };
        self.locks.push(at);
        self.sign_list(self.locks.len() - 1, now_ms, None);
    }

    /// What its clock shows; none while that cannot be right, and nothing is signed.
    pub(crate) fn now_s(&self, now_ms: u64) -> Option<u64> {
        let shown = (now_ms / 1000).saturating_add_signed(self.skew_s);
        let (last_s, last_ms) = self.last;
        let behind = shown + 300 < last_s;
        let ahead = shown > last_s + (now_ms - last_ms) / 1000 + 3600;
        (self.slips(Slip::SignsWithWrongClock) || !(behind || ahead)).then_some(shown)
    }

    fn signs(&mut self, now_ms: u64) -> Option<u64> {
        let now = self.now_s(now_ms)?;
        self.last = (now, now_ms);
        Some(now)
    }

    /// What a device may do by a grant; none where it may not.
    pub(crate) fn right(&self, grant: usize, device: usize, person: usize) -> Option<&Grant> {
        let grant = self.grants.get(grant)?;
        let suspended =
            self.suspended.contains(&person) && !self.slips(Slip::SuspensionDoesNotRevoke);
        let lost = self.lost.contains(&device) && !self.slips(Slip::LostDeviceKeepsKeys);
        (grant.open && grant.person == person && !suspended && !lost).then_some(grant)
    }

    pub(crate) fn grant(&mut self, person: usize, lock: usize, hours: Hours, until: u64) {
        let began = self.locks[lock].epoch;
        self.grants.push(Grant { person, lock, open: true, hours, until, began });
    }

    /// Looks over the keys of all locks after a command; `closed` is a grant that ended by it.
    pub(crate) fn took_away(&mut self, closed: Option<usize>, edit: bool, now_ms: u64) {
        for lock in 0..self.locks.len() {
            let taken = match edit && self.slips(Slip::EditsDoNotRevoke) {
                true => Vec::new(),
                false => self.taken(lock),
            };
            for key in &taken {
                let key = self.locks[lock].issued.get_mut(key).unwrap();
                (key.must, key.owed) = (true, false);
            }
            if let Some(grant) = closed.filter(|it| self.grants[*it].lock == lock) {
                self.close(lock, grant);
            } else if !taken.is_empty() {
                self.locks[lock].list_due = true;
            }
        }
        self.due_lists(now_ms);
    }

    /// The keys that give more than is right.
    fn taken(&self, lock: usize) -> Vec<Serial> {
        let keys = self.locks[lock].issued.values().filter(|key| !key.must);
        let wrong = keys.filter(|key| {
            let person = self.grants[key.grant].person;
            let right = self.right(key.grant, key.device, person);
            right.is_none_or(|it| !key.hours.within(it.hours) || key.exp > it.until)
        });
        wrong.map(|key| key.key).collect()
    }

    fn close(&mut self, lock: usize, grant: usize) {
        let began = self.grants[grant].began;
        let at = &mut self.locks[lock];
        let keys: Vec<&Issued> = at.issued.values().filter(|key| key.grant == grant).collect();
        let closing = Closing {
            grant,
            last_exp: keys.iter().map(|key| key.exp).max().unwrap_or(0),
            lenient: keys.iter().any(|key| !key.strict) || at.epoch != began,
            list: None,
            waits: !keys.is_empty() || at.epoch != began,
        };
        at.list_due |= closing.waits;
        at.closings.push(closing);
    }

    /// Signs the lists that are owed, if the clock is right.
    pub(crate) fn due_lists(&mut self, now_ms: u64) {
        for lock in 0..self.locks.len() {
            if self.locks[lock].list_due {
                self.sign_list(lock, now_ms, None);
            }
        }
    }

    /// Whether the console says that a grant's rights are gone at its lock.
    pub(crate) fn shows_revoked(&self, grant: usize, now_ms: u64) -> bool {
        let at = &self.locks[self.grants[grant].lock];
        let Some(closing) = at.closings.iter().find(|it| it.grant == grant) else { return false };
        if !closing.waits {
            return true;
        }
        let told = closing.list.is_some_and(|list| at.told >= Some(list));
        let strict = !closing.lenient || self.slips(Slip::RevokedOnExpiry);
        let over = self.now_s(now_ms).is_some_and(|now| now > closing.last_exp + GRACE_S);
        told || strict && over
    }

    /// Plans a list: with what must be refused and has not provably ended.
    pub(crate) fn planned(&self, lock: usize, iat: u64) -> Vec<(Class, Plan, Planned)> {
        let at_lock = &self.locks[lock];
        let (must, live) = (self.must(lock, iat), self.live(lock, iat));
        let said = |it: &Class| must.contains_key(it) || at_lock.floors[at(*it)] > 0;
        let classes: Vec<Class> = Class::ALL.into_iter().filter(said).collect();
        let capacity = match at_lock.room {
            Capacity::Entries(most) => Capacity::Entries(most / classes.len().max(1)),
            bytes => bytes,
        };
        let input = |it: &Class| Input {
            floor: at_lock.floors[at(*it)],
            must: must.get(it).map_or(&[], Vec::as_slice),
            live: live.get(it).map_or(&[], Vec::as_slice),
            top: at_lock.tops[at(*it)],
            capacity,
        };
        let inputs: Vec<(Class, Input<'_>)> = classes.iter().map(|it| (*it, input(it))).collect();
        let planned: Vec<(Plan, Planned)> = match at_lock.room {
            Capacity::Bytes(limit) => fit(&inputs, limit),
            Capacity::Entries(_) => {
                let plans = inputs.iter().map(|(class, input)| (*class, plan(input)));
                plans.map(|(class, plan)| (plan.clone(), Planned::of(class, &plan))).collect()
            }
        };
        classes.into_iter().zip(planned).map(|(class, (plan, it))| (class, plan, it)).collect()
    }

    fn must(&self, lock: usize, iat: u64) -> BTreeMap<Class, Vec<Run>> {
        let early = if self.slips(Slip::ForgetsTooEarly) { 10 * DAY } else { 0 };
        let mut all: BTreeMap<Class, Vec<Run>> = BTreeMap::new();
        let at = &self.locks[lock];
        for key in at.issued.values().filter(|key| key.must && key.exp > iat + early) {
            let (class, serial) = key.key;
            all.entry(class).or_default().push(Run { first: serial, last: serial });
        }
        for (class, run, _) in at.unknown.iter().filter(|(_, _, exp)| *exp > iat) {
            all.entry(*class).or_default().push(*run);
        }
        for runs in all.values_mut() {
            runs.sort_unstable();
            let mut joined: Vec<Run> = Vec::new();
            for run in runs.drain(..) {
                match joined.last_mut().filter(|last| last.last >= run.first) {
                    Some(last) => last.last = last.last.max(run.last),
                    None => joined.push(run),
                }
            }
            *runs = joined;
        }
        all
    }

    fn live(&self, lock: usize, iat: u64) -> BTreeMap<Class, Vec<Live>> {
        let at_lock = &self.locks[lock];
        let mut found: BTreeMap<Class, Vec<Live>> = BTreeMap::new();
        let mut done = BTreeSet::new();
        for key in at_lock.issued.values().rev() {
            let holder = (key.key.0, key.grant, key.device);
            if done.contains(&holder) {
                continue;
            }
            if key.acked {
                done.insert(holder);
            }
            let (class, serial) = key.key;
            let counts = key.exp > iat && !key.must && key.epoch >= at_lock.keys_from;
            if counts && serial > at_lock.floors[at(class)] {
                let weight = if class == Class::Card { 50 } else { 1 + (iat - key.iat) / DAY };
                found.entry(class).or_default().push(Live { serial, weight });
            }
        }
        found.values_mut().for_each(|keys| keys.reverse());
        found
    }

    /// Whether its newest list refuses a key.
    fn refuses(&self, lock: usize, (class, serial): Serial) -> bool {
        let Some(bundle) = &self.locks[lock].bundle else { return false };
        let signed = Signed::read(&bundle.list).unwrap();
        List::read(signed.payload).unwrap().refuses(class, serial)
    }

    /// Signs the next list of a lock; false while the clock is not right.
    pub(crate) fn sign_list(
        &mut self,
        lock: usize,
        now_ms: u64,
        certificate: Option<Vec<u8>>,
    ) -> bool {
        let Some(now) = self.signs(now_ms) else {
            self.locks[lock].list_due = true;
            return false;
        };
        let iat = now.max(self.locks[lock].iat);
        let planned = self.planned(lock, iat);
        let implicit: Vec<Serial> = planned
            .iter()
            .flat_map(|(class, plan, _)| plan.implicit.iter().map(|serial| (*class, *serial)))
            .collect();
        let hit: Vec<Serial> =
            implicit.iter().filter(|key| !self.refuses(lock, **key)).copied().collect();
        let must = self.locks[lock].issued.values().filter(|key| key.must && key.exp > iat);
        let news = must.map(|key| key.key).any(|key| !self.refuses(lock, key));
        let slip = self.slips(Slip::NoMinList);
        let at_lock = &mut self.locks[lock];
        at_lock.version = if certificate.is_some() { 1 } else { at_lock.version + 1 };
        let sections: Vec<Section<'_>> = planned.iter().map(|(_, _, it)| it.section()).collect();
        let (epoch, version) = (at_lock.epoch, at_lock.version);
        let sections = Items::Values(&sections);
        let list = List { iat, lock: at_lock.id, epoch, version, sections };
        let list = self.issuer.sign(Kind::List, |it| list.write(it));
        if (news || !hit.is_empty() || certificate.is_some()) && !slip {
            at_lock.refusing = version;
        }
        for (class, plan, _) in &planned {
            at_lock.floors[at(*class)] = plan.floor;
        }
        for key in &hit {
            at_lock.issued.get_mut(key).unwrap().owed = true;
        }
        for closing in at_lock.closings.iter_mut().filter(|it| it.waits) {
            closing.list.get_or_insert((epoch, version));
        }
        let former = at_lock.bundle.take().and_then(|it| it.certificate);
        let digest = Signed::read(&list).unwrap().digest();
        let issuer = self.certificate.clone();
        let certificate = certificate.or(former);
        at_lock.bundle = Some(Bundle { epoch, version, list, issuer, certificate });
        (at_lock.iat, at_lock.list_due) = (iat, false);
        let (keys_from, tops) = (at_lock.keys_from, at_lock.tops);
        let plans = planned.into_iter().map(|(class, plan, _)| (class, plan)).collect();
        self.made.push(Made {
            lock,
            epoch,
            version,
            iat,
            keys_from,
            generation: self.generation,
            digest,
            plans,
            hit: implicit,
            tops,
        });
        true
    }

    /// A device synchronises.
    pub(crate) fn sync(
        &mut self,
        (device, person, class): (usize, usize, Class),
        holder: PublicKey,
        brought: &Brought,
        now_ms: u64,
    ) -> Given {
        self.take(device, brought);
        self.due_lists(now_ms);
        let mut given = Given::default();
        if self.right_anywhere(device, person) {
            for lock in 0..self.locks.len() {
                let keys: Vec<usize> = self.grants_at(lock, device, person);
                for grant in &keys {
                    let wanted = self.wanted(lock, (*grant, device), class, holder, now_ms);
                    given.keys.extend(wanted);
                }
                if keys.is_empty() {
                    continue;
                }
                let old = self.locks[lock].iat + DAY;
                if self.now_s(now_ms).is_some_and(|now| now > old) {
                    self.sign_list(lock, now_ms, None);
                }
                given.lists.push((lock, self.locks[lock].bundle.clone().unwrap()));
            }
        }
        given.acks = self.acks(now_ms);
        given
    }

    fn right_anywhere(&self, device: usize, person: usize) -> bool {
        !self.lost.contains(&device) && !self.suspended.contains(&person)
    }

    fn grants_at(&self, lock: usize, device: usize, person: usize) -> Vec<usize> {
        let all = 0..self.grants.len();
        let here = all.filter(|grant| self.grants[*grant].lock == lock);
        here.filter(|grant| self.right(*grant, device, person).is_some()).collect()
    }

    fn take(&mut self, device: usize, brought: &Brought) {
        for (lock, key) in &brought.held {
            let key = self.locks[*lock].issued.get_mut(key);
            if let Some(key) = key.filter(|key| key.device == device) {
                key.acked = true;
            }
        }
        for bytes in &brought.receipts {
            let Ok((receipt, mac)) = Receipt::read(bytes) else { continue };
            let found = self.locks.iter_mut().find(|at| at.id == receipt.lock);
            let Some(at) = found else { continue };
            let shown = (receipt.epoch, receipt.version);
            let right = receipt.is_by(&ReceiptKey::of(&at.secret, &at.id), &mac);
            if right && shown <= (at.epoch, at.version) {
                at.told = at.told.max(Some(shown));
            }
        }
        for (lock, hello) in &brought.hellos {
            if self.slips(Slip::HelloIsProof) {
                let at = &mut self.locks[*lock];
                at.told = at.told.max(Some((hello.epoch, hello.version)));
            }
        }
        for event in &brought.events {
            let Some(at) = self.locks.iter_mut().find(|at| at.id == event.lock) else { continue };
            let Some(opened) = event.open(&at.event_key) else { continue };
            let before = at.log.insert((event.log_epoch, event.seq), *event);
            self.twice |= before.is_some_and(|before| before != *event);
            if before.is_none() && opened.code == Code::Lost.number() {
                let declared = at.declared.entry(event.log_epoch).or_default();
                declared.push((opened.serial, opened.spread));
            }
        }
    }

    /// The key that a device gets for a grant, if it gets one.
    fn wanted(
        &mut self,
        lock: usize,
        (grant, device): (usize, usize),
        class: Class,
        holder: PublicKey,
        now_ms: u64,
    ) -> Option<Issued> {
        let now = self.now_s(now_ms)?;
        let owes = !self.slips(Slip::HitIsNotRenewed);
        let right = self.grants[grant].clone();
        let at_lock = &self.locks[lock];
        let iat = now.max(at_lock.iat);
        let exp = (iat + life_s(class)).min(right.until);
        let mine = |key: &&Issued| key.grant == grant && key.device == device;
        let newest = at_lock.issued.values().rev().find(mine);
        let will_do = newest.filter(|it| {
            !(it.must || it.owed && owes) && it.exp > now && it.epoch >= at_lock.keys_from
        });
        if let Some(key) = will_do
            && key.hours == right.hours
            && !(now - key.iat >= (key.exp - key.iat) / 2 && exp > key.exp)
        {
            return (!key.acked).then(|| key.clone());
        }
        let recent = |key: &&Issued| mine(key) && key.iat + life_s(class) > now;
        let too_many = at_lock.issued.values().filter(recent).count() >= MOST_MINTS;
        if exp <= iat || too_many {
            return None;
        }
        self.signs(now_ms)?;
        Some(self.mint(lock, (grant, device), class, holder, (iat, exp)))
    }

    fn mint(
        &mut self,
        lock: usize,
        (grant, device): (usize, usize),
        class: Class,
        holder: PublicKey,
        (iat, exp): (u64, u64),
    ) -> Issued {
        let reuses = self.slips(Slip::RestoreReusesSerials);
        let hours = self.grants[grant].hours;
        let at_lock = &mut self.locks[lock];
        let top = &mut at_lock.tops[at(class)];
        *top += 1;
        let key = (class, if reuses { *top & (SERIALS - 1) | SERIALS } else { *top });
        let (strict, min_list) = (at_lock.kept, at_lock.refusing);
        let signed = Key {
            exp,
            nbf: iat,
            iat,
            holder,
            lock: at_lock.id,
            class,
            epoch: at_lock.epoch,
            serial: key.1,
            min_list,
            flags: Flags { strict_time: strict, ..Flags::default() },
            times: hours.times(),
        };
        let bytes = self.issuer.sign(Kind::Key, |it| signed.write(it));
        let issued = Issued {
            lock,
            key,
            grant,
            device,
            epoch: at_lock.epoch,
            iat,
            exp,
            hours,
            strict,
            min_list,
            bytes,
            issuer: self.certificate.clone(),
            generation: self.generation,
            acked: false,
            must: false,
            owed: false,
        };
        at_lock.issued.insert(key, issued.clone());
        self.minted.push(issued.clone());
        issued
    }

    /// What has arrived without a gap, for each lock and its newest log.
    fn acks(&mut self, now_ms: u64) -> Vec<(usize, Vec<u8>)> {
        let Some(iat) = self.now_s(now_ms) else { return Vec::new() };
        let mut acks = Vec::new();
        for (lock, at) in self.locks.iter_mut().enumerate() {
            let logs: BTreeSet<u64> = at.log.keys().map(|(log, _)| *log).collect();
            for log_epoch in logs {
                let mut up_to_seq = at.known.get(&log_epoch).copied().unwrap_or_default();
                while at.knows(log_epoch, up_to_seq + 1) {
                    up_to_seq += 1;
                }
                at.known.insert(log_epoch, up_to_seq);
                let ack = Ack { iat, lock: at.id, log_epoch, up_to_seq };
                acks.push((lock, self.issuer.sign(Kind::Ack, |it| ack.write(it))));
            }
        }
        acks
    }

    /// What is newest at a lock, over its nonce; none while the clock is not right.
    pub(crate) fn fresh(&mut self, lock: usize, nonce: Nonce, now_ms: u64) -> Option<Vec<u8>> {
        let iat = self.signs(now_ms)?;
        let at = &self.locks[lock];
        let bundle = at.bundle.as_ref()?;
        let digest = Signed::read(&bundle.list).unwrap().digest();
        let (epoch, version) = (bundle.epoch, bundle.version);
        let fresh = Fresh { iat, lock: at.id, nonce, epoch, version, digest };
        Some(self.issuer.sign(Kind::Fresh, |it| fresh.write(it)))
    }

    /// Begins an epoch that the root has certified. Serials given since a backup are unknown.
    pub(crate) fn begin_epoch(
        &mut self,
        lock: usize,
        (epoch, keys_from): (u16, u16),
        restored: bool,
        certificate: Vec<u8>,
        now_ms: u64,
    ) {
        let forgets = self.slips(Slip::RestoreForgetsUnknown);
        let at = &mut self.locks[lock];
        for class in Class::ALL {
            let top = &mut at.tops[usize::from(class.number())];
            let first = *top + 1;
            *top = u32::from(epoch) * SERIALS;
            if restored && !forgets {
                let run = Run { first, last: *top };
                at.unknown.push((class, run, now_ms / 1000 + LONGEST));
            }
        }
        (at.epoch, at.keys_from) = (epoch, keys_from);
        if restored {
            // Closings of grants that began before may concern keys nobody knows of.
            at.closings.iter_mut().for_each(|it| it.list = None);
        }
        self.sign_list(lock, now_ms, Some(certificate));
    }

    /// How long ago it signed last, by what is true.
    pub(crate) fn since_last_s(&self, now_ms: u64) -> u64 {
        now_ms / 1000 - self.last.0
    }

    /// Whether live keys weigh otherwise at another time, or have ended.
    pub(crate) fn weights_moved(&self, lock: usize, from_s: u64, to_s: u64) -> bool {
        let keys = self.locks[lock].issued.values();
        keys.into_iter().any(|key| {
            let days = |now: u64| now.saturating_sub(key.iat) / DAY;
            days(from_s) != days(to_s) || (from_s..=to_s).contains(&key.exp)
        })
    }

    /// Whether nothing is waited for.
    pub(crate) fn pending(&self, now_ms: u64) -> Option<usize> {
        let closed = (0..self.grants.len()).filter(|grant| !self.grants[*grant].open);
        let mut closed = closed;
        closed.find(|grant| !self.shows_revoked(*grant, now_ms))
    }
}

impl At {
    /// Whether it has shown to be in an epoch, or a later one.
    pub(crate) fn has_shown(&self, epoch: u16) -> bool {
        self.told.is_some_and(|(told, _)| told >= epoch)
    }

    /// Whether an event has arrived, or is declared lost.
    pub(crate) fn knows(&self, log: u64, seq: u32) -> bool {
        let declared = self.declared.get(&log).into_iter().flatten();
        self.log.contains_key(&(log, seq))
            || declared.into_iter().any(|(first, last)| *first <= seq && seq <= *last)
    }

    /// The first number of a log that has not arrived and is not declared lost.
    pub(crate) fn missing(&self, log: u64) -> u32 {
        let known = self.known.get(&log).copied().unwrap_or_default();
        (known + 1..).find(|seq| !self.knows(log, *seq)).unwrap_or(u32::MAX)
    }

    /// Whether unknown keys come to an end in a while.
    pub(crate) fn unknown_ends_within(&self, from_s: u64, to_s: u64) -> bool {
        self.unknown.iter().any(|(_, _, exp)| (from_s..=to_s).contains(exp))
    }
}
