//! The server's side of the documents, in memory: which keys to make, which to refuse, what to
//! sign, and what a lock is believed to hold. It plans with the planner of servers and signs what
//! locks read; it sees nothing of the world but what devices bring.

mod lists;
mod sync;

use std::collections::{BTreeMap, BTreeSet};

use claviger_offline::class::Class;
use claviger_offline::event::{EventKey, Sealed};
use claviger_offline::plan::{Capacity, Plan, Run};
use claviger_offline::{Digest, Id};

use crate::door::Hello;
use crate::signer::{Hours, Signer};

pub(crate) const DAY: u64 = 86_400;
/// The longest life of a key: a card's.
pub(crate) const LONGEST: u64 = 90 * DAY;
const SERIALS: u32 = 1 << 20;
/// Keys for one grant, device and lock within one life.
pub(crate) const MOST_MINTS: usize = 8;
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
    pub(crate) bundle: Bundle,
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
    pub(crate) event_key: EventKey,
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
    /// The instant that lists are planned as of, where that was promised by a preview.
    pub(crate) previewed: Option<u64>,
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

/// How long a key lives at most.
pub(crate) fn life_s(class: Class) -> u64 {
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
            previewed: None,
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

    /// How long ago it signed last, by what is true.
    pub(crate) fn since_last_s(&self, now_ms: u64) -> u64 {
        now_ms / 1000 - self.last.0
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
}
