//! A lock with no network as its server knows it: what was signed for it, and what it has shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::keys::Keys;
use super::log::Log;
use super::mint::life_s;
use super::times::KeyTimes;
use super::{KeyClass, LockKey, SERIALS, STRICT_TIME, Serial};
use crate::ids::{CredentialNumber, GrantNumber, Id, LockNumber, PlaceNumber};
use crate::noun::words;
use crate::time::{Instant, SECOND};

/// How long after its end a key may still open where the lock's clock is right: seconds.
pub(super) const LIFE_GRACE_S: i64 = 60;

words! {
    /// What becomes of a key on the card that holds it.
    Erasure {
        /// It stays there.
        None "none",
        /// Its right was taken back and left to the card: it is to be erased when that is written.
        Due "due",
        /// Whoever writes the card has said that it is erased.
        Done "done",
    }
}

/// A key that was signed. Instants are UTC seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its class.
    pub class: KeyClass,
    /// Its serial, of the lock and class.
    pub serial: u32,
    /// The epoch it was made in.
    pub epoch: u16,
    /// The place whose grant it is of.
    pub place: PlaceNumber,
    /// The grant.
    pub grant: GrantNumber,
    /// The device it is for.
    pub device: CredentialNumber,
    /// The lock's number in the grant's place.
    pub lock: LockNumber,
    /// When it was made, which is when it begins.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
    /// The version of the list the lock must have.
    pub min_list: u32,
    /// What it demands.
    pub flags: u8,
    /// When it holds.
    pub times: KeyTimes,
    /// The holder's public key; empty once its device is deleted.
    pub holder: Vec<u8>,
    /// It, signed; empty once its device has said that it holds it, or is deleted.
    pub bytes: Vec<u8>,
    /// Whether it must be refused until it has provably ended.
    pub refused: bool,
    /// Whether a list refuses it although nothing demands it: its device is owed another.
    pub owed: bool,
    /// Whether its card is to give it up, or has.
    pub erasure: Erasure,
}

impl Issued {
    /// Which key of its lock.
    #[must_use]
    pub fn key(&self) -> Serial {
        (self.class, self.serial)
    }

    /// Whose it is: one grant and one device.
    #[must_use]
    pub fn holder(&self) -> (PlaceNumber, GrantNumber, CredentialNumber) {
        (self.place, self.grant, self.device)
    }

    /// Whether the device has said that it holds it.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether a lock that cannot tell the time refuses it.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.flags & STRICT_TIME != 0
    }
}

/// What a lock has shown to hold, under its MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The epoch of its list.
    pub epoch: u16,
    /// The version of its list.
    pub version: u32,
    /// When the server heard of it.
    pub at: Instant,
    /// What the lock knows to have come, in UTC seconds: its list, or one before it, was made then.
    pub iat: i64,
}

/// How far a lock's log had come when it showed a list: what it did before the list was made has an
/// earlier number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The log.
    pub log: u64,
    /// The number of its next event.
    pub next: u32,
    /// When the list was made.
    pub at: Instant,
}

/// Serials of which nobody knows what became of them: a backup was older than they are. All of them
/// are to be refused until the last has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The class.
    pub class: KeyClass,
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// When the last of them has certainly ended, in UTC seconds.
    pub exp: i64,
}

impl Unknown {
    /// The longest that a key lives, in seconds.
    fn longest() -> i64 {
        KeyClass::ALL.iter().map(|class| life_s(*class)).max().unwrap_or_default()
    }

    /// The serials of a class that were given after the highest that is known, up to an epoch that
    /// begins at an instant (UTC seconds).
    #[must_use]
    pub fn until(class: KeyClass, top: u32, epoch: u16, now: i64) -> Unknown {
        let (first, last) = (top.saturating_add(1), u32::from(epoch) * SERIALS);
        Unknown { class, first, last, exp: now + Unknown::longest() }
    }

    /// The epoch that began after them.
    #[must_use]
    pub fn epoch(&self) -> u16 {
        u16::try_from(self.last / SERIALS).unwrap_or(u16::MAX)
    }

    /// When it began, in UTC seconds.
    fn began(&self) -> i64 {
        self.exp - Unknown::longest()
    }
}

/// A lock with no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineLock {
    /// Which.
    pub key: LockKey,
    /// Its public id.
    pub id: Id,
    /// By which it proves who it is (a COSE_Key).
    pub public_key: Vec<u8>,
    /// What it shares with its server, sealed.
    pub secret: Vec<u8>,
    /// What it shared before it was last commissioned again, sealed.
    pub former_secret: Option<Vec<u8>>,
    /// The epoch of its list.
    pub epoch: u16,
    /// Keys of epochs before this one are refused.
    pub keys_from: u16,
    /// The version of its list.
    pub version: u32,
    /// The version of the newest list that refused what none before it did.
    pub refusing: u32,
    /// When its list was made, in UTC seconds.
    pub iat: i64,
    /// When anything was last signed for it, in UTC seconds.
    pub signed: i64,
    /// Its list, signed.
    pub list: Vec<u8>,
    /// The longest list it takes, as it said itself.
    pub list_limit: Option<u32>,
    /// Every serial up to here is refused, by class.
    pub floors: [u32; KeyClass::COUNT],
    /// The highest serial given, by class.
    pub tops: [u32; KeyClass::COUNT],
    /// What it has shown.
    pub told: Option<Told>,
    /// The epoch and version of a list that it has shown and that was never made here.
    pub ahead: Option<(u16, u32)>,
    /// Serials that are refused because nobody knows them.
    pub unknown: Vec<Unknown>,
    /// Which of its events are known, by log.
    pub logs: BTreeMap<u64, Log>,
    /// Since when some of its events have been missing.
    pub gap_since: Option<Instant>,
    /// How far its log had come when it showed the list it has.
    pub mark: Option<Mark>,
    /// Up to when all its events were known when it showed the list before.
    pub known_before: Option<Instant>,
    /// The root's word that its epoch began; empty in its first.
    pub certificate: Vec<u8>,
    /// Whether an epoch is to begin before anything is signed for it: the database is a copy.
    pub epoch_due: bool,
    /// Whether a list is owed that refuses what must be refused.
    pub list_due: bool,
    /// The places whose grants keys were made for.
    tenants: BTreeSet<PlaceNumber>,
    keys: Keys,
    changed: BTreeSet<Serial>,
}

impl OfflineLock {
    /// A lock that is given its first list.
    #[must_use]
    pub fn new(key: LockKey, id: Id, epoch: u16) -> OfflineLock {
        OfflineLock {
            key,
            id,
            public_key: Vec::new(),
            secret: Vec::new(),
            former_secret: None,
            epoch,
            keys_from: 0,
            version: 0,
            refusing: 0,
            iat: 0,
            signed: 0,
            list: Vec::new(),
            list_limit: None,
            floors: [0; KeyClass::COUNT],
            tops: [u32::from(epoch) * SERIALS; KeyClass::COUNT],
            told: None,
            ahead: None,
            unknown: Vec::new(),
            logs: BTreeMap::new(),
            gap_since: None,
            mark: None,
            known_before: None,
            certificate: Vec::new(),
            epoch_due: false,
            list_due: false,
            tenants: BTreeSet::new(),
            keys: Keys::default(),
            changed: BTreeSet::new(),
        }
    }

    /// The keys, in order of class and serial.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Arc<Issued>> {
        self.keys.iter()
    }

    /// One key.
    #[must_use]
    pub fn issued(&self, key: Serial) -> Option<&Arc<Issued>> {
        self.keys.get(key)
    }

    /// The keys of one grant for one device, oldest of each class first.
    pub fn keys_of(
        &self,
        holder: (PlaceNumber, GrantNumber, CredentialNumber),
    ) -> impl DoubleEndedIterator<Item = &Arc<Issued>> {
        self.keys_for(holder.0, holder.2).filter(move |it| it.holder() == holder)
    }

    /// The keys for one device of a place, oldest of each class first.
    pub fn keys_for(
        &self,
        place: PlaceNumber,
        device: CredentialNumber,
    ) -> impl DoubleEndedIterator<Item = &Arc<Issued>> {
        self.keys.of_device(place, device)
    }

    /// Takes a key in as it is stored.
    pub fn load(&mut self, issued: Issued) {
        self.tenants.insert(issued.place);
        self.keys.set(Arc::new(issued));
    }

    /// Whether it is known to refuse a key by its list.
    #[must_use]
    pub fn refuses(&self, key: &Issued) -> bool {
        let floor = self.floors[usize::from(key.class.number())];
        let named = key.refused && !self.list_due && self.has_shown(self.epoch, self.refusing);
        named || key.serial <= floor && self.has_shown(self.epoch, self.version)
    }

    /// When a key has certainly ended here: by the lock's clock, where it is known to keep one, or
    /// by what it was told to have come; none where it has not been told.
    #[must_use]
    pub fn ends(&self, exp: i64, is_strict: bool) -> Option<Instant> {
        let told = self.told.filter(|told| exp <= told.iat).map(|told| told.at);
        let by_clock = exp.saturating_add(LIFE_GRACE_S).saturating_mul(SECOND);
        told.or(is_strict.then_some(Instant(by_clock)))
    }

    /// The keys that cards are to give up and by which it may let in until then.
    pub fn left_to_cards(&self, now: Instant) -> impl Iterator<Item = &Arc<Issued>> {
        let left = self.keys().filter(|key| key.erasure == Erasure::Due && !self.refuses(key));
        left.filter(move |key| self.ends(key.exp, key.is_strict()).is_none_or(|end| now < end))
    }

    /// The serial that the next key of a class gets; none where the epoch has no more.
    #[must_use]
    pub fn next_serial(&self, class: KeyClass) -> Option<u32> {
        let next = self.tops[usize::from(class.number())].checked_add(1)?;
        (next <= (u32::from(self.epoch) + 1) * SERIALS).then_some(next)
    }

    /// Adds a key, or sets one.
    pub fn put(&mut self, issued: Issued) {
        let key = issued.key();
        let top = &mut self.tops[usize::from(key.0.number())];
        *top = issued.serial.max(*top);
        self.changed.insert(key);
        self.load(issued);
    }

    /// Whether what happens in a place may have to do with keys of this lock.
    #[must_use]
    pub fn concerns(&self, place: PlaceNumber) -> bool {
        self.key.place == place || self.tenants.contains(&place)
    }

    /// Changes a key that is there.
    pub fn edit(&mut self, key: Serial, change: impl FnOnce(&mut Issued)) {
        let Some(issued) = self.keys.get(key) else { return };
        let mut edited = Issued::clone(issued);
        change(&mut edited);
        if edited != **issued {
            self.keys.set(Arc::new(edited));
            self.changed.insert(key);
        }
    }

    /// Forgets by what a device that is deleted was known, and what was signed for it: its keys are
    /// refused whatever they say. Says whether there was anything.
    pub fn forget_device(&mut self, place: PlaceNumber, device: CredentialNumber) -> bool {
        let known = |key: &&Arc<Issued>| !key.holder.is_empty() || !key.bytes.is_empty();
        let own: Vec<Serial> =
            self.keys_for(place, device).filter(known).map(|it| it.key()).collect();
        for key in &own {
            self.edit(*key, |it| {
                it.holder.clear();
                it.bytes.clear();
            });
        }
        !own.is_empty()
    }

    /// Forgets keys that ended before an instant, and serials that nobody knows; their rows stay.
    /// What may open at a lock that cannot tell the time is kept until the lock is known to have
    /// been told that it has ended.
    pub fn forget(&mut self, before: i64) {
        let told = self.told;
        let has_heard = |exp: i64| told.is_some_and(|told| exp <= told.iat);
        self.keys.retain(|it| it.exp >= before || !it.is_strict() && !has_heard(it.exp));
        self.unknown
            .retain(|it| it.exp >= before || told.is_none_or(|told| told.epoch < it.epoch()));
    }

    /// Whether keys of a right that began at an instant may open of which nobody knows: they were
    /// made after the backup that the database is of. Which list is the first to refuse them, and
    /// the newest of them.
    #[must_use]
    pub fn forgotten(&self, since: Instant) -> Option<((u16, u32), Unknown)> {
        let newest = self.unknown.iter().max_by_key(|it| it.last);
        if self.epoch_due {
            // Its epoch has not begun: all that was made may be unknown.
            let last = u32::from(self.epoch).saturating_add(1).saturating_mul(SERIALS);
            let unknown = Unknown { class: KeyClass::Phone, first: last, last, exp: i64::MAX };
            return Some(((self.epoch.saturating_add(1), 0), unknown));
        }
        let newest = newest.filter(|it| since.seconds() <= it.began())?;
        let list = (newest.epoch(), 0);
        (!self.has_shown(list.0, list.1)).then_some((list, *newest))
    }

    /// The keys that were added or changed since this was last asked.
    pub fn take_changed(&mut self) -> Vec<Serial> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    /// Whether events are missing before some that have arrived.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        !self.logs.values().all(Log::is_whole)
    }

    /// Up to when all that happened at it has arrived: as much as it has proved. A list that it has
    /// shown was made before it showed it, so once everything has come that its log held then,
    /// nothing is to come of before the list was made.
    #[must_use]
    pub fn known_until(&self) -> Option<Instant> {
        let arrived = |mark: &Mark| {
            let missing = self.logs.get(&mark.log).map_or(1, Log::missing);
            // Of another log nobody knows where it ended.
            let is_other = |(log, it): (&u64, &Log)| *log != mark.log && !it.known().is_empty();
            !self.logs.iter().any(is_other) && mark.next <= missing
        };
        self.known_before.max(self.mark.filter(arrived).map(|mark| mark.at))
    }

    /// Notes how far its log had come when it showed its list, for the first time.
    pub fn set_mark(&mut self, log: u64, next: u32) {
        self.known_before = self.known_until();
        self.mark = Some(Mark { log, next, at: Instant(self.iat.saturating_mul(SECOND)) });
    }

    /// Whether it has shown to hold its list of that number or a later one.
    #[must_use]
    pub fn has_shown(&self, epoch: u16, version: u32) -> bool {
        self.told.is_some_and(|told| (told.epoch, told.version) >= (epoch, version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_known_up_to_a_list_it_has_shown_once_what_its_log_held_has_come() {
        let key = LockKey { place: PlaceNumber(1), lock: LockNumber(1) };
        let mut lock = OfflineLock::new(key, Id([1; 16]), 1);
        let until = |lock: &OfflineLock| lock.known_until().map(Instant::seconds);
        assert_eq!(until(&lock), None);
        lock.iat = 100;
        lock.set_mark(7, 1);
        assert_eq!(until(&lock), Some(100), "its log held nothing");
        lock.iat = 200;
        lock.set_mark(7, 5);
        assert_eq!(until(&lock), Some(100), "four are to come, and what was known stays so");
        for (rows, wanted) in [
            (vec![(1, 3)], Some(100)),
            (vec![(1, 2), (4, 9)], Some(100)),
            (vec![(2, 9)], Some(100)),
            (vec![(1, 4)], Some(200)),
            (vec![(1, 6), (8, 9)], Some(200)),
        ] {
            lock.logs = [(7, Log::kept(rows.clone(), Vec::new()))].into();
            assert_eq!(until(&lock), wanted, "{rows:?}");
        }
        lock.iat = 300;
        lock.set_mark(7, 7);
        assert_eq!(until(&lock), Some(300));
        // It lost its memory and writes another log: of the former nobody knows the end.
        lock.iat = 400;
        lock.set_mark(8, 1);
        assert_eq!(until(&lock), Some(300));
    }
}
