//! What must hold, kept apart from the server and the locks: who is right, which keys were given,
//! which lists there were, what was told. Numbers in messages are those of the invariants in
//! docs/offline.md. Lists are read here by what the page says of them, not by the crate.

use std::collections::{BTreeMap, BTreeSet};

use claviger_offline::Digest;
use claviger_offline::cbor::Writer;
use claviger_offline::certificate::Epoch;
use claviger_offline::cose::Signed;
use claviger_offline::key::Key;
use claviger_offline::list::{List, Section};
use claviger_offline::lock::code::Code;

use super::hardware::Seen;
use super::hours::{Hours, Over, same_as};
use super::{CARD, Right, seconds_of as seconds};

/// An invariant that does not hold.
pub(super) type Holds = Result<(), String>;

macro_rules! must {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(format!($($what)*));
        }
    };
}
pub(super) use must;

/// Door, class and serial.
pub(super) type Name = (usize, u8, u32);
/// An event: its door, its log and its number there.
pub(super) type Number = (usize, u64, u32);
/// Epoch and version.
pub(super) type Version = (u16, u32);

const WEEK_S: i64 = 7 * super::DAY_S;
/// Keys of one right and phone within one life.
const MOST_MINTS: usize = 8;

/// A key that was given.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) phone: usize,
    /// The right it is of.
    pub(super) right: usize,
    pub(super) bytes: Vec<u8>,
    iat: i64,
    pub(super) exp: i64,
    is_strict: bool,
    needs: Version,
    /// When it opens, within its life.
    hours: Hours,
    /// Of which issuers of the place it is.
    generation: u32,
    /// It gives more than is right.
    pub(super) taken: bool,
    /// The list that refuses it, once there is one.
    pub(super) revoked_by: Option<Version>,
    /// The revocation that tells how far that is.
    pub(super) revocation: Option<String>,
    /// A backup knew nothing of it.
    pub(super) stray: bool,
}

#[derive(Clone)]
struct Listed {
    bytes: Vec<u8>,
    digest: Digest,
    /// Keys of epochs before this one count no more.
    keys_from: u16,
    /// Nothing of issuers before these does.
    generation: u32,
}

#[derive(Clone)]
pub(super) struct Ledger {
    /// How often issuers were made.
    pub(super) generation: u32,
    /// By door, what it has known to count no more: keys of epochs and generations before these.
    counts: BTreeMap<usize, (u16, u32)>,
    pub(super) rights: Vec<Right>,
    pub(super) suspended: BTreeSet<usize>,
    pub(super) lost: BTreeSet<usize>,
    pub(super) keys: BTreeMap<Name, Given>,
    lists: BTreeMap<(usize, Version), Listed>,
    newest: BTreeMap<usize, (Version, i64)>,
    /// By door, the newest list that refused something new.
    refusing: BTreeMap<usize, Version>,
    held: BTreeMap<usize, Version>,
    /// By door, what the server was brought a receipt for.
    shown: BTreeMap<usize, Version>,
    /// Phones whose newest key a list refuses though nothing demands it, at which doors.
    pub(super) hits: BTreeSet<(usize, usize)>,
    /// Whom a list may hit, while a command is carried out that says so.
    pub(super) told_hits: Option<BTreeSet<(usize, usize)>>,
    /// Events that the server has been brought, with their codes.
    pub(super) arrived: BTreeMap<Number, u8>,
}

/// Whether a list refuses a serial, row by row.
fn refused(list: &List<'_>, class: u8, serial: u32) -> bool {
    list.sections.iter().filter(|it| it.class.number() == class).any(|it| says(&it, serial))
}

fn says(section: &Section<'_>, serial: u32) -> bool {
    let mut end = section.floor;
    let mut says = serial <= end;
    for range in section.ranges.iter() {
        let first = end + range.gap + 1;
        end += range.gap + range.length;
        says |= (first..=end).contains(&serial);
    }
    let first = end + section.bitmap_gap + 1;
    let bit = serial.checked_sub(first).map(|bit| bit as usize);
    says | bit
        .is_some_and(|bit| section.bitmap.get(bit / 8).is_some_and(|it| it >> (bit % 8) & 1 == 1))
}

fn payload(bytes: &[u8]) -> &[u8] {
    Signed::read(bytes).unwrap().payload
}

/// What a value is as bytes.
fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut room = [0; 2048];
    let mut writer = Writer::new(&mut room);
    write(&mut writer);
    writer.done().unwrap().to_vec()
}

impl Ledger {
    pub(super) fn new() -> Ledger {
        Ledger {
            generation: 1,
            counts: BTreeMap::new(),
            rights: Vec::new(),
            suspended: BTreeSet::new(),
            lost: BTreeSet::new(),
            keys: BTreeMap::new(),
            lists: BTreeMap::new(),
            newest: BTreeMap::new(),
            refusing: BTreeMap::new(),
            held: BTreeMap::new(),
            shown: BTreeMap::new(),
            hits: BTreeSet::new(),
            told_hits: None,
            arrived: BTreeMap::new(),
        }
    }

    /// The open right of a person at a door.
    pub(super) fn right(&self, person: usize, door: usize) -> Option<usize> {
        self.rights.iter().position(|it| it.open && (it.person, it.door) == (person, door))
    }

    /// Whether a phone may have keys of a right.
    pub(super) fn stands(&self, right: usize) -> bool {
        let it = &self.rights[right];
        it.open && !self.suspended.contains(&it.person) && !self.lost.contains(&it.person)
    }

    /// The doors at which a list has hit a phone or card.
    pub(super) fn hits_of(&self, phone: usize) -> Vec<usize> {
        self.hits.iter().filter(|it| it.0 == phone).map(|it| it.1).collect()
    }

    /// The oldest issuers that count at a door.
    pub(super) fn generation_at(&self, door: usize) -> u32 {
        self.counts.get(&door).map_or(1, |it| it.1)
    }

    /// Whether a phone is given a key of a right when it calls: it has not ended, and not all the
    /// keys were made that there are for a while; its hours come within a week in any case.
    pub(super) fn may_have_keys(&self, right: usize, now_s: i64) -> bool {
        let ends = self.rights[right].until.is_some_and(|until| until <= now_s + 60);
        let made = self.keys.values().filter(|it| it.right == right && !it.stray);
        let right_of = &self.rights[right];
        let last = right_of.until.map_or(now_s + WEEK_S, |until| (now_s + WEEK_S).min(until - 1));
        let opens = !ends && right_of.hours.over(now_s, last) != Over::None;
        self.stands(right) && opens && made.count() < MOST_MINTS
    }

    /// Some rights have become less: keys that give more since.
    pub(super) fn take(&mut self, now_s: i64) -> Vec<Name> {
        let is_wrong = |it: &Given| {
            let Right { until, hours, .. } = self.rights[it.right];
            !self.stands(it.right)
                || until.is_some_and(|until| it.exp > until)
                || it.hours.exceed(hours, now_s, it.exp - 1)
        };
        let wrong = self.keys.iter().filter(|(_, it)| !it.taken && is_wrong(it));
        let wrong: Vec<Name> = wrong.map(|(name, _)| *name).collect();
        for name in &wrong {
            self.keys.get_mut(name).unwrap().taken = true;
        }
        wrong
    }

    /// A phone was given a key (I4, I7, I10, I14).
    pub(super) fn given(&mut self, (phone, door): (usize, usize), bytes: &[u8]) -> Holds {
        let key = Key::read(payload(bytes)).unwrap();
        let name = (door, key.class.number(), key.serial);
        if let Some(known) = self.keys.get(&name) {
            must!(known.bytes == bytes, "I4: serial {name:?} was given twice");
            return Ok(());
        }
        must!(written(|it| key.write(it)) == payload(bytes), "I10: {name:?} can be said otherwise");
        let right = self.right(phone, door).filter(|right| self.stands(*right));
        let Some(right) = right else { return Err(format!("I7: key {name:?} is nobody's right")) };
        let (iat, exp) = (seconds(key.iat), seconds(key.exp));
        let fits = self.rights[right].until.is_none_or(|until| exp <= until);
        must!(fits, "I7: key {name:?} gives more than is right");
        let hours = self.rights[right].hours;
        same_as(&key.times, hours, (iat, exp))?;
        let needs = (key.epoch, key.min_list);
        let refusing = self.refusing.get(&door).copied().unwrap_or_default();
        if phone == CARD {
            // It brings no list; of a door that has not shown to know what counts nothing is known.
            let held = self.held.get(&door).copied().unwrap_or_default();
            let shown = self.shown.get(&door).copied().unwrap_or_default();
            let has = needs <= held || shown.0 < self.lists[&(door, self.newest(door))].keys_from;
            must!(has, "I14: the card's {name:?} needs {needs:?}, and {door} holds {held:?}");
        } else {
            must!(needs >= refusing, "I14: key {name:?} needs {needs:?}, not {refusing:?}");
        }
        let (is_strict, bytes) = (key.flags.strict_time, bytes.to_vec());
        let (taken, stray, revoked_by, revocation) = (false, false, None, None);
        let given = Given {
            phone,
            right,
            bytes,
            iat,
            exp,
            is_strict,
            needs,
            hours,
            generation: self.generation,
            taken,
            revoked_by,
            revocation,
            stray,
        };
        self.keys.insert(name, given);
        self.hits.remove(&(phone, door));
        Ok(())
    }

    /// The server's newest list of a door, or one that a phone was given (I2, I3, I4, I6, I10).
    /// `epoch` is the certificate of its epoch, where it has one.
    pub(super) fn listed(
        &mut self,
        door: usize,
        bytes: &[u8],
        epoch: Option<&[u8]>,
        true_s: i64,
    ) -> Holds {
        let list = List::read(payload(bytes)).unwrap();
        let version = (list.epoch, list.version);
        if let Some(known) = self.lists.get(&(door, version)) {
            must!(payload(&known.bytes) == payload(bytes), "I3: two lists {version:?} of {door}");
            return Ok(());
        }
        must!(written(|it| list.write(it)) == payload(bytes), "I10: {version:?} of {door}");
        let iat = seconds(list.iat);
        if let Some(((epoch, before), last)) = self.newest.get(&door) {
            let next = list.epoch == *epoch && list.version == before + 1 || list.epoch > *epoch;
            must!(next, "I4: list {version:?} of door {door} after {epoch}, {before}");
            must!(iat >= *last, "I4: list {version:?} of door {door} is of before the last");
        }
        let is_near = iat + 300 >= true_s && iat <= true_s + 3600;
        must!(is_near, "I4: list {version:?} of door {door} as of {iat} at {true_s}");
        self.floors(door, &list)?;
        let epoch = epoch.map(|it| Epoch::read(payload(it)).unwrap());
        let epoch = epoch.filter(|it| it.epoch == list.epoch);
        must!(epoch.is_some() || list.epoch == 0, "I3: nobody says that {version:?} may be");
        let keys_from = epoch.map_or(0, |it| it.keys_from);
        self.refusals(door, &list, keys_from)?;
        let digest = Signed::read(bytes).unwrap().digest();
        self.newest.insert(door, (version, iat));
        let (bytes, generation) = (bytes.to_vec(), self.generation);
        self.lists.insert((door, version), Listed { bytes, digest, keys_from, generation });
        Ok(())
    }

    /// No floor is above what was given (I4).
    fn floors(&self, door: usize, list: &List<'_>) -> Holds {
        for section in list.sections.iter() {
            let class = section.class.number();
            let serials = self.keys.keys().filter(|it| (it.0, it.1) == (door, class));
            let top = serials.map(|it| it.2).max().unwrap_or_default();
            let top = top.max(u32::from(list.epoch) << 20);
            must!(section.floor <= top, "I4: floor {} above {top} at {door}", section.floor);
        }
        Ok(())
    }

    /// What must be refused is; whoever else is, was told (I2, I6).
    fn refusals(&mut self, door: usize, list: &List<'_>, keys_from: u16) -> Holds {
        let (version, iat) = ((list.epoch, list.version), seconds(list.iat));
        let before = self.newest.get(&door).and_then(|it| self.lists.get(&(door, it.0))).cloned();
        let before = before.as_ref().map(|it| List::read(payload(&it.bytes)).unwrap());
        let names: Vec<Name> = self.keys.keys().filter(|it| it.0 == door).copied().collect();
        let mut news = false;
        for name in names {
            let is_newest = self.is_newest(name);
            let is_refused = refused(list, name.1, name.2);
            let was = before.as_ref().is_some_and(|it| refused(it, name.1, name.2));
            let key = self.keys.get_mut(&name).unwrap();
            let lives = key.exp > iat;
            // What counts no more in any case is nobody's loss.
            let is_dead = key.generation < self.generation || key.needs.0 < keys_from;
            must!(is_refused || !key.taken || !lives, "I2: list {version:?} lacks {name:?}");
            if key.taken && is_refused {
                key.revoked_by.get_or_insert(version);
            }
            let is_hit = is_refused && !was && lives && !key.taken && is_newest && !is_dead;
            let counts = (key.taken || is_newest) && !key.stray && !is_dead;
            news |= is_refused && !was && lives && counts;
            if is_hit {
                let phone = (key.phone, door);
                let told = self.told_hits.as_ref().is_none_or(|told| told.contains(&phone));
                must!(told, "I5, I6: list {version:?} hits {name:?}, which nobody was told");
                self.hits.insert(phone);
            }
        }
        if news {
            self.refusing.insert(door, version);
        }
        Ok(())
    }

    /// The server is brought a receipt of a door.
    pub(super) fn shows(&mut self, door: usize, version: Version) {
        let shown = self.shown.entry(door).or_default();
        *shown = version.max(*shown);
    }

    /// The newest list of a door.
    pub(super) fn newest(&self, door: usize) -> Version {
        self.newest.get(&door).map(|it| it.0).unwrap_or_default()
    }

    /// What is in the newest list of a door.
    pub(super) fn digest(&self, door: usize) -> Digest {
        self.lists[&(door, self.newest(door))].digest
    }

    /// All lists of a door that ever were, oldest first.
    pub(super) fn all_lists(&self, door: usize) -> Vec<Vec<u8>> {
        let of = self.lists.range((door, (0, 0))..(door + 1, (0, 0)));
        of.map(|(_, it)| it.bytes.clone()).collect()
    }

    /// Keys that live and must be refused by now are (I2).
    pub(super) fn all_refused(&self, now_s: i64) -> Holds {
        let owed = self.keys.iter().find(|(_, it)| {
            it.taken && !it.stray && it.revoked_by.is_none() && it.exp > now_s + 60
        });
        must!(owed.is_none(), "I2: no list refuses {:?}", owed.map(|it| it.0));
        Ok(())
    }

    /// What a door is seen to hold, and what it knows of the time (I3, I13).
    pub(super) fn seen(&mut self, door: usize, seen: &Seen, true_s: i64) -> Holds {
        let lo = seconds(seen.now.lo);
        must!(lo <= true_s, "I13: door {door} is ahead: {lo} at {true_s}");
        let behind = seen.now.hi.is_some_and(|hi| seconds(hi) < true_s);
        must!(!behind, "I13: door {door} is behind: {:?} at {true_s}", seen.now);
        let Some((version, digest)) = seen.holds else { return Ok(()) };
        let before = self.held.insert(door, version).unwrap_or_default();
        must!(before <= version, "I3: door {door} went from {before:?} to {version:?}");
        let known = self.lists.get(&(door, version)).filter(|it| it.digest == digest);
        let Some(known) = known else {
            return Err(format!("I3: door {door} holds {version:?}, which was never made"));
        };
        let least = seconds(List::read(payload(&known.bytes)).unwrap().iat);
        must!(lo >= least, "I13: door {door} forgets that it is {least}: {lo}");
        let counts = self.counts.entry(door).or_insert((0, 1));
        *counts = (counts.0.max(known.keys_from), counts.1.max(known.generation));
        Ok(())
    }

    /// What a door must say to a key, by what it holds and knows.
    pub(super) fn expected(&self, name: Name, seen: &Seen) -> Code {
        let key = &self.keys[&name];
        let (keys_from, generation) = self.counts.get(&name.0).copied().unwrap_or((0, 1));
        if key.generation < generation {
            return Code::NotForMe;
        }
        let Some((version, _)) = seen.holds else { return Code::StateLost };
        if key.needs.0 < keys_from {
            return Code::OldEpoch;
        }
        if key.needs > version {
            return Code::NeedList;
        }
        let list = &self.lists[&(name.0, version)];
        if refused(&List::read(payload(&list.bytes)).unwrap(), name.1, name.2) {
            return Code::Revoked;
        }
        let lo = seconds(seen.now.lo).max(key.iat);
        if key.exp <= lo {
            return Code::Expired;
        }
        let hi = seen.now.hi.map(seconds).filter(|hi| *hi >= lo);
        let is_certain = hi.is_some_and(|hi| hi < key.exp);
        let last = hi.map_or(key.exp - 1, |hi| hi.min(key.exp - 1));
        match key.hours.over(lo, last) {
            _ if !is_certain && key.is_strict => Code::TimeUnknown,
            Over::None => Code::OutsideSchedule,
            Over::Some if key.is_strict => Code::TimeUnknown,
            Over::All | Over::Some => Code::Done,
        }
    }

    /// A key opened (I1, I8, I13).
    pub(super) fn opened(&self, name: Name, version: Version, true_s: i64) -> Holds {
        let key = &self.keys[&name];
        let known = key.revoked_by.is_some_and(|list| list <= version);
        must!(!known, "I1, I8: {name:?} opens though {:?} refuses it", key.revoked_by);
        let within = key.iat <= true_s && true_s < key.exp && key.hours.hold(true_s);
        must!(!key.is_strict || within, "I13: strict {name:?} opens at {true_s}");
        Ok(())
    }

    /// Whether it is the last key of its phone at its door, of whatever class.
    pub(super) fn is_newest(&self, name: Name) -> bool {
        let key = &self.keys[&name];
        let same =
            |it: &(&Name, &Given)| it.0.0 == name.0 && it.1.phone == key.phone && !it.1.stray;
        let last = self.keys.iter().filter(same).max_by_key(|(name, it)| (it.iat, name.2));
        last.map(|it| *it.0) == Some(name)
    }

    /// The server knows only what a backup knew; serials, lists and doors go on. Whatever the
    /// backup knew nothing of must be refused (I9).
    pub(super) fn restored(&mut self, backup: Ledger) {
        (self.rights, self.suspended, self.lost) = (backup.rights, backup.suspended, backup.lost);
        (self.arrived, self.shown) = (backup.arrived, backup.shown);
        // Of a card that was hit since nobody knows: it is no task.
        self.hits.retain(|it| it.0 != CARD);
        self.hits.extend(backup.hits.into_iter().filter(|it| it.0 == CARD));
        for (name, key) in &mut self.keys {
            match backup.keys.get(name) {
                Some(known) => *key = known.clone(),
                None => {
                    (key.taken, key.stray) = (true, true);
                    (key.revocation, key.revoked_by) = (None, None);
                }
            }
        }
    }
}
