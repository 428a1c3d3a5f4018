//! What must hold, kept apart from server and locks: which keys were made and taken away, which
//! lists were signed, what each lock has shown. Numbers in messages are those of the invariants.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use claviger_offline::Digest;
use claviger_offline::lock::Status;
use claviger_offline::lock::clock::Interval;
use claviger_offline::lock::code::Code;

use crate::door::Hello;
use crate::server::{DAY, Issued, MOST_MINTS, Made, Serial, Server, life_s};
use crate::signer::Hours;

/// The drift that locks are told to expect.
const DRIFT_PPM: u64 = 100;

/// An invariant that does not hold.
pub(crate) type Holds = Result<(), String>;

macro_rules! must {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(format!($($what)*));
        }
    };
}
pub(crate) use must;

#[derive(Clone)]
pub(crate) struct AuditKey {
    pub(crate) issued: Issued,
    person: usize,
    /// It gives more than is right.
    taken: bool,
    /// The first list after that.
    revoked_by: Option<(u16, u32)>,
    /// It was made by a server that a backup knew nothing of.
    stray: bool,
}

type Name = (usize, Serial);

/// All keys that were made.
pub(crate) type Ledger = HashMap<Name, AuditKey>;

#[derive(Default, Clone)]
pub(crate) struct Audit {
    pub(crate) keys: Ledger,
    /// Never forgotten, whatever is restored.
    serials: HashSet<Name>,
    lists: HashMap<(usize, u16, u32), Made>,
    newest: HashMap<usize, (u16, u32, u64)>,
    /// By lock: the newest list that refused something new.
    refusing: HashMap<usize, (u16, u32)>,
    held: HashMap<usize, (u16, u32)>,
    keys_from: HashMap<usize, u16>,
    generation: HashMap<usize, u32>,
    /// Statement and ticks by which a lock's clock was set.
    pub(crate) set: HashMap<usize, (u64, u64)>,
    /// Locks that were told of a time to come by somebody who should not have signed.
    pub(crate) misled: HashSet<usize>,
    recorded: BTreeMap<usize, BTreeSet<(u64, u32)>>,
}

/// A lock as it is seen when a key is presented.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) lock: usize,
    pub(crate) hello: Hello,
    pub(crate) now: Interval,
}

impl Audit {
    /// A command has been carried out: some keys may give more than is right.
    pub(crate) fn commanded(&mut self, server: &Server) {
        for key in self.keys.values_mut().filter(|key| !key.taken) {
            let issued = &key.issued;
            let grant = &server.grants[issued.grant];
            let right = grant.open
                && !server.suspended.contains(&key.person)
                && !server.lost.contains(&issued.device)
                && issued.hours.within(grant.hours)
                && issued.exp <= grant.until;
            key.taken = !right;
        }
    }

    /// A key was made (I4, I7, I14).
    pub(crate) fn minted(&mut self, key: &Issued, server: &Server) -> Holds {
        let name = (key.lock, key.key);
        must!(self.serials.insert(name), "I4: serial {name:?} was given twice");
        let grant = &server.grants[key.grant];
        let right = grant.open && key.hours.within(grant.hours) && key.exp <= grant.until;
        must!(right, "I7: key {name:?} gives more than is right");
        let refusing = self.refusing.get(&key.lock).copied().unwrap_or_default();
        must!(
            (key.epoch, key.min_list) >= refusing,
            "I14: key {name:?} does not need list {refusing:?}"
        );
        let person = grant.person;
        let key =
            AuditKey { issued: key.clone(), person, taken: false, revoked_by: None, stray: false };
        self.keys.insert(name, key);
        Ok(())
    }

    /// A list was signed (I2, I4, I6).
    pub(crate) fn signed(&mut self, made: &Made, true_s: u64) -> Holds {
        let (lock, list) = (made.lock, (made.epoch, made.version));
        if let Some((epoch, version, iat)) = self.newest.get(&lock) {
            let next = *epoch == made.epoch && version + 1 == made.version
                || *epoch < made.epoch && made.version == 1;
            must!(next, "I4: list {list:?} after {epoch}, {version}");
            must!(*iat <= made.iat, "I4: a list of before the last");
        }
        let near = made.iat + 300 >= true_s && made.iat <= true_s + 3600;
        must!(near, "I4: signed as of {} at {true_s}", made.iat);
        for (class, plan) in &made.plans {
            let top = made.tops[usize::from(class.number())];
            must!(plan.floor <= top, "I4: floor {} above {top}", plan.floor);
        }
        let before = self.newest.get(&lock).map(|it| (lock, it.0, it.1));
        let before = before.and_then(|it| self.lists.get(&it)).cloned();
        let newest = self.newest_of_each(lock);
        let mut news = false;
        for key in self.keys.values_mut().filter(|key| key.issued.lock == lock) {
            let issued = &key.issued;
            let dead = issued.epoch < made.keys_from;
            let refused = made.refuses(issued.key);
            if key.taken && issued.exp > made.iat {
                must!(refused || dead, "I2, I6: list {list:?} lacks {:?}", issued.key);
            }
            if key.taken {
                key.revoked_by.get_or_insert(list);
            }
            let counted = key.taken || made.hit.contains(&issued.key);
            let said = before.as_ref().is_some_and(|it| it.refuses(issued.key));
            let lives = !key.taken && !key.stray && !dead && issued.exp > made.iat;
            let unplanned = refused && lives && !counted && !said && newest.contains(&issued.key);
            must!(!unplanned, "I6: list {list:?} refuses {:?} unplanned", issued.key);
            news |= refused && issued.exp > made.iat && counted && !said;
        }
        if news || before.is_some_and(|it| it.epoch != made.epoch) {
            self.refusing.insert(lock, list);
        }
        self.newest.insert(lock, (made.epoch, made.version, made.iat));
        self.lists.insert((lock, made.epoch, made.version), made.clone());
        Ok(())
    }

    /// The last key of each holder at a lock: one that lives, whatever has been acknowledged.
    fn newest_of_each(&self, lock: usize) -> HashSet<Serial> {
        let mut newest: HashMap<_, Serial> = HashMap::new();
        let known = |it: &&AuditKey| it.issued.lock == lock && !it.stray;
        for it in self.keys.values().filter(known).map(|it| &it.issued) {
            let last = newest.entry((it.key.0, it.grant, it.device)).or_insert(it.key);
            *last = it.key.max(*last);
        }
        newest.into_values().collect()
    }

    /// The server knows only what a backup knew. Events that it had are lost with its database,
    /// not by a lock.
    pub(crate) fn restored(&mut self, keys: &Ledger, before: &Server) {
        for (lock, recorded) in &mut self.recorded {
            recorded.retain(|(log, seq)| !before.locks[*lock].knows(*log, *seq));
        }
        for (name, key) in &mut self.keys {
            match keys.get(name) {
                Some(known) => *key = known.clone(),
                None => (key.taken, key.stray, key.revoked_by) = (true, true, None),
            }
        }
    }

    /// A lock after whatever it did (I3, I13).
    pub(crate) fn seen(
        &mut self,
        seen: &Seen,
        digest: &Digest,
        (true_s, ticks_ms): (u64, u64),
    ) -> Holds {
        let Seen { lock, hello, now } = *seen;
        let mut least = 0;
        if hello.status == Status::Held {
            let held = (hello.epoch, hello.version);
            let before = self.held.insert(lock, held).unwrap_or_default();
            must!(held >= before, "I3: lock {lock} went from {before:?} to {held:?}");
            let Some(made) = self.lists.get(&(lock, held.0, held.1)) else {
                return Err(format!("I3: lock {lock} holds {held:?}, which was never signed"));
            };
            must!(made.digest == *digest, "I3: lock {lock} holds another list {held:?}");
            least = made.iat;
            let keys_from = self.keys_from.entry(lock).or_default();
            *keys_from = made.keys_from.max(*keys_from);
            let generation = self.generation.entry(lock).or_default();
            *generation = made.generation.max(*generation);
        }
        if let Some((iat, since)) = self.set.get(&lock) {
            let elapsed = (ticks_ms - since) * (1_000_000 - DRIFT_PPM) / 1_000_000_000;
            least = least.max(iat + elapsed);
        }
        if self.misled.contains(&lock) {
            return Ok(());
        }
        must!(now.lo >= least, "I13: lock {lock} forgets that it is {least}, not {}", now.lo);
        must!(now.lo <= true_s, "I13: lock {lock} is ahead: {} at {true_s}", now.lo);
        let behind = now.hi.is_some_and(|hi| hi < true_s);
        must!(!behind, "I13: lock {lock} is behind: {now:?} at {true_s}");
        Ok(())
    }

    /// What the lock must say to a holder, by what it holds and knows.
    fn expected(&self, seen: &Seen, key: &Issued) -> Code {
        let Seen { lock, hello, now } = *seen;
        if hello.status != Status::Held {
            return Code::StateLost;
        }
        let held = (hello.epoch, hello.version);
        if key.epoch < self.keys_from.get(&lock).copied().unwrap_or_default() {
            return Code::OldEpoch;
        }
        if (key.epoch, key.min_list) > held {
            return Code::NeedList;
        }
        if self.lists[&(lock, held.0, held.1)].refuses(key.key) {
            return Code::Revoked;
        }
        let lo = now.lo.max(key.iat);
        let hi = now.hi.filter(|hi| *hi >= lo);
        if key.exp <= lo {
            return Code::Expired;
        }
        let certain = hi.is_some_and(|hi| hi < key.exp);
        if key.strict && !certain {
            return Code::TimeUnknown;
        }
        let last = hi.map_or(key.exp - 1, |hi| hi.min(key.exp - 1));
        match over(key.hours, lo, last) {
            Some(false) => Code::OutsideSchedule,
            None if key.strict => Code::TimeUnknown,
            _ => Code::Done,
        }
    }

    /// A holder presented a key that is theirs, and was told this (I1, I8, I11, I13, I14, I15).
    pub(crate) fn presented(
        &self,
        seen: &Seen,
        key: &Issued,
        told: Code,
        server: &Server,
        now_ms: u64,
    ) -> Holds {
        let expected = self.expected(seen, key);
        let what = (seen.lock, key.key, seen.hello.epoch, seen.hello.version);
        must!(told == expected, "I11: {what:?} is told {told:?}, not {expected:?}");
        if told != Code::Done {
            return Ok(());
        }
        let Some(audited) = self.keys.get(&(key.lock, key.key)) else {
            return Err(format!("a key that was never made opens: {what:?}"));
        };
        let held = (seen.hello.epoch, seen.hello.version);
        let revoked = audited.revoked_by.is_some_and(|list| list <= held);
        must!(!revoked, "I1: {what:?} opens though {:?} refused it", audited.revoked_by);
        let shown = !audited.stray && server.shows_revoked(key.grant, now_ms);
        must!(!shown, "I15: {what:?} opens though it is shown to be revoked");
        let true_s = now_ms / 1000;
        let within = key.iat <= true_s && true_s < key.exp && key.hours.hold(true_s);
        must!(!key.strict || within, "I13: strict {what:?} opens at {true_s}");
        Ok(())
    }

    /// The least generation of issuers that a lock has been told.
    pub(crate) fn generation(&self, lock: usize) -> u32 {
        self.generation.get(&lock).copied().unwrap_or_default()
    }

    /// Whether so many keys were made for who holds this one that there are no more for a while.
    pub(crate) fn spent(&self, key: Option<&Issued>, true_s: u64) -> bool {
        let Some(key) = key else { return false };
        let same = |it: &&AuditKey| {
            let it = &it.issued;
            (it.lock, it.grant, it.device) == (key.lock, key.grant, key.device)
        };
        let recent = |it: &&AuditKey| it.issued.iat + life_s(key.key.0) > true_s;
        let known = |it: &&AuditKey| !it.stray;
        self.keys.values().filter(same).filter(recent).filter(known).count() >= MOST_MINTS
    }

    /// Events were recorded, up to the one before this number.
    pub(crate) fn recorded(&mut self, lock: usize, before: &Hello, after: &Hello) {
        let log = self.recorded.entry(lock).or_default();
        let first = if before.log_epoch == after.log_epoch { before.next_seq } else { 1 };
        log.extend((first..after.next_seq).map(|seq| (after.log_epoch, seq)));
    }

    /// Every event of a log has arrived, or its lock has said that it is lost (I12).
    pub(crate) fn arrived(&self, lock: usize, server: &Server, current: u64) -> Holds {
        must!(!server.twice, "I12: the same number of two events");
        let Some(recorded) = self.recorded.get(&lock) else { return Ok(()) };
        for (log, seq) in recorded.iter().filter(|(log, _)| *log == current) {
            let known = server.locks[lock].knows(*log, *seq);
            must!(known, "I12: event {seq} of lock {lock} is missing");
        }
        Ok(())
    }
}

impl Made {
    /// Whether it refuses a key, by the plan rather than by what was written.
    fn refuses(&self, (class, serial): Serial) -> bool {
        let plan = self.plans.iter().find(|(it, _)| *it == class);
        plan.is_some_and(|(_, plan)| plan.refuses(serial))
    }
}

/// Whether hours hold from one instant to another; none if at some only, or nobody looks so far.
fn over(hours: Hours, first: u64, last: u64) -> Option<bool> {
    if hours == Hours::Always {
        return Some(true);
    }
    if last - first > 8 * DAY {
        return None;
    }
    let holds = hours.hold(first);
    let edges = (first / 3600 + 1..=last / 3600).map(|hour| hour * 3600);
    edges.into_iter().all(|edge| hours.hold(edge) == holds).then_some(holds)
}
