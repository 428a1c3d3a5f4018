//! The world: locks, devices, a server, and whoever else has something to say. Everything a lock is
//! told goes through here, and after each word the audit looks at it.

use std::collections::BTreeMap;

use claviger_offline::certificate::{Epoch, Issuer};
use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, Signed};
use claviger_offline::key::Key;
use claviger_offline::lock::code::Code;
use claviger_offline::lock::record::Record;
use claviger_offline::lock::{Answer, Board, Link, Lock, Status};
use claviger_offline::statement::{Command, Open};

use crate::audit::{Audit, Holds, Ledger, Seen, must};
use crate::board::{Memory, Seeded};
use crate::build::{DAY, MONDAY, PLACE};
use crate::dice::Dice;
use crate::door::Door;
use crate::server::{Brought, Bundle, Issued, Server, Slip};
use crate::signer::Signer;

pub(crate) const LOCKS: usize = 4;
pub(crate) const PEOPLE: usize = 6;
/// A phone for everybody, then a card for the first two.
pub(crate) const DEVICES: usize = PEOPLE + 2;
const ACT: Command = Command { close: false, intent: true };

/// A phone or a card, and what it carries.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) person: usize,
    pub(crate) class: Class,
    signer: Signer,
    /// It keeps what it should forget, and brings no list.
    pub(crate) hostile: bool,
    pub(crate) keys: BTreeMap<(usize, usize), Issued>,
    pub(crate) former: Vec<Issued>,
    pub(crate) lists: BTreeMap<usize, Bundle>,
    pub(crate) brought: Brought,
    pub(crate) acks: Vec<(usize, Vec<u8>)>,
    /// A command that was said once, and over what.
    said: Option<(Issued, Vec<u8>)>,
}

/// Who presents a key, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Its holder, at its lock.
    Rightly,
    /// Somebody else, by their own signature.
    Stolen,
    /// Its holder, at another lock.
    Elsewhere,
    /// Somebody who has heard its holder's last command.
    Again,
}

impl Device {
    /// The key of its last command.
    pub(crate) fn has_said(&self) -> Option<&Issued> {
        self.said.as_ref().map(|(key, _)| key)
    }
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) real: bool,
    pub(crate) now_ms: u64,
    root: Signer,
    pub(crate) generation: u32,
    pub(crate) server: Server,
    pub(crate) doors: Vec<Door>,
    pub(crate) devices: Vec<Device>,
    pub(crate) audit: Audit,
    /// All lists that ever were, by lock.
    pub(crate) lists: Vec<Vec<Bundle>>,
    pub(crate) statements: Vec<(usize, Vec<u8>)>,
    /// Kept outside the database.
    pub(crate) epoch_file: [u16; LOCKS],
    pub(crate) snapshot: Option<(Server, Ledger)>,
    /// An issuer's secret that somebody else has, and since which epochs it is of no use.
    pub(crate) leaked: Option<(Signer, Vec<u8>)>,
    pub(crate) useless_from: [Option<u16>; LOCKS],
    pub(crate) steps: Vec<&'static str>,
}

fn issuer_of(root: &Signer, signer: &Signer, generation: u32, now_s: u64) -> Vec<u8> {
    let issuer = Issuer {
        exp: now_s + 4000 * DAY,
        nbf: now_s - DAY,
        iat: now_s,
        key: signer.public,
        place: PLACE,
        generation,
    };
    root.sign(Kind::Issuer, |it| issuer.write(it))
}

impl World {
    pub(crate) fn new(seed: u64, real: bool, slip: Option<Slip>) -> Self {
        let mut dice = Dice::new(seed);
        let now_ms = MONDAY * 1000 + 8 * 3_600_000;
        let (root, signer) = (Signer::new(&mut dice, real), Signer::new(&mut dice, real));
        let certificate = issuer_of(&root, &signer, 1, now_ms / 1000);
        let mut server = Server::new(signer, certificate, now_ms);
        server.slip = slip;
        let mut doors = Vec::new();
        for lock in 0..LOCKS {
            // The last two keep no time.
            let kept = lock < LOCKS / 2;
            let (id, secret) = ([lock as u8 + 1; 16], dice.bytes());
            server.add_lock(id, secret, kept, now_ms);
            let mut door = Door::new(&mut dice, kept, now_ms);
            let record = Record {
                lock: id,
                place: PLACE,
                root: root.public,
                secret,
                epoch: 1,
                keys_from: 0,
                min_generation: 1,
            };
            let bundle = server.locks[lock].bundle.as_ref().unwrap();
            door.commission(record, &bundle.issuer, &bundle.list);
            doors.push(door);
        }
        let devices = (0..DEVICES).map(|device| Device {
            person: device % PEOPLE,
            class: if device < PEOPLE { Class::Phone } else { Class::Card },
            signer: Signer::new(&mut dice, real),
            hostile: device % 3 == 2,
            keys: BTreeMap::new(),
            former: Vec::new(),
            lists: BTreeMap::new(),
            brought: Brought::default(),
            acks: Vec::new(),
            said: None,
        });
        let devices = devices.collect();
        Self {
            dice,
            real,
            now_ms,
            root,
            generation: 1,
            server,
            doors,
            devices,
            audit: Audit::default(),
            lists: vec![Vec::new(); LOCKS],
            statements: Vec::new(),
            epoch_file: [1; LOCKS],
            snapshot: None,
            leaked: None,
            useless_from: [None; LOCKS],
            steps: Vec::new(),
        }
    }

    pub(crate) fn true_s(&self) -> u64 {
        self.now_ms / 1000
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// Looks at what the server has signed since.
    pub(crate) fn look_at_server(&mut self) -> Holds {
        let (made, minted) =
            (std::mem::take(&mut self.server.made), std::mem::take(&mut self.server.minted));
        self.audit.commanded(&self.server);
        for list in &made {
            self.audit.signed(list, self.now_ms / 1000)?;
            self.lists[list.lock].push(list.bundle.clone());
            let highest = &mut self.epoch_file[list.lock];
            *highest = list.epoch.max(*highest);
        }
        minted.iter().try_for_each(|key| self.audit.minted(key, &self.server))
    }

    pub(crate) fn seen(&self, lock: usize) -> Seen {
        let door = &self.doors[lock];
        Seen { lock, hello: door.hello(), now: door.now(self.now_ms) }
    }

    pub(crate) fn look(&mut self, lock: usize) -> Holds {
        let (seen, door) = (self.seen(lock), &self.doors[lock]);
        let times = (self.now_ms / 1000, door.ticks_ms(self.now_ms));
        self.audit.seen(&seen, &door.lock.held().digest, times)
    }

    /// Power comes back at a lock.
    pub(crate) fn boot(&mut self, lock: usize) -> Holds {
        self.audit.set.remove(&lock);
        let before = self.doors[lock].hello();
        self.doors[lock].boot(self.now_ms);
        let after = self.doors[lock].hello();
        if before.log_epoch != after.log_epoch {
            self.audit.recorded(lock, &before, &after);
        }
        self.look(lock)
    }

    /// A word with a lock; none if its power failed over it.
    pub(crate) fn say<T>(
        &mut self,
        lock: usize,
        what: impl FnOnce(&mut Lock, &mut Board<'_, Memory, Seeded>) -> T,
    ) -> Result<Option<T>, String> {
        // Turns of the budget come each three seconds.
        self.pass_ms(3_000);
        let before = self.doors[lock].hello();
        let answer = self.doors[lock].with(self.now_ms, what);
        if self.doors[lock].is_down() {
            let cut = self.doors[lock].flash.power == Some(0);
            must!(cut, "lock {lock} fails with power: {before:?}");
            return Ok(None);
        }
        let after = self.doors[lock].hello();
        self.audit.recorded(lock, &before, &after);
        self.look(lock)?;
        Ok(Some(answer))
    }

    /// A list is brought to a lock. A receipt comes back for what it took or has.
    pub(crate) fn bring(
        &mut self,
        lock: usize,
        it: &Bundle,
        carrier: usize,
    ) -> Result<Option<Code>, String> {
        let certificate = it.certificate.clone();
        let Bundle { list, issuer, epoch, .. } = it;
        let begins = *epoch > self.doors[lock].hello().epoch;
        if begins && self.useless_from[lock].is_some_and(|from| *epoch >= from) {
            // It may make the lock forget how its clock was set.
            self.audit.set.remove(&lock);
        }
        let code = self.say(lock, |lock, board| {
            lock.apply_list(board, list, issuer, certificate.as_deref())
        })?;
        if !matches!(code, Some(Code::Applied | Code::Same)) {
            return Ok(code);
        }
        if code == Some(Code::Applied) {
            self.freed(lock);
        }
        let door = &self.doors[lock];
        let Some((receipt, key)) = door.lock.receipt() else {
            return Err(format!("lock {lock} took a list and gives no receipt"));
        };
        let bytes = crate::build::written(|it| receipt.write(key, it));
        self.devices[carrier].brought.receipts.push(bytes);
        // A receipt is a promise, whatever happens to the power next.
        let held = door.would_hold();
        let kept = (held.status, held.epoch, held.version)
            == (Status::Held, receipt.epoch, receipt.version);
        must!(kept, "I1: lock {lock} would forget what it gave a receipt for");
        Ok(code)
    }

    /// An epoch that resets the time makes good what a stranger has said of it.
    fn freed(&mut self, lock: usize) {
        let epoch = self.doors[lock].hello().epoch;
        if self.useless_from[lock].is_some_and(|from| epoch >= from) {
            self.audit.misled.remove(&lock);
        }
    }

    /// A statement of the server over a nonce of the lock, some time later.
    pub(crate) fn freshen(&mut self, lock: usize, wait_ms: u64) -> Holds {
        let Some(nonce) = self.say(lock, |lock, board| lock.draw(board))? else { return Ok(()) };
        let drawn = self.doors[lock].ticks_ms(self.now_ms);
        self.pass_ms(wait_ms);
        let Some(fresh) = self.server.fresh(lock, nonce, self.now_ms) else { return Ok(()) };
        let iat = self.server.now_s(self.now_ms).unwrap();
        self.statements.push((lock, fresh.clone()));
        let issuer = self.server.certificate.clone();
        let lost = self.doors[lock].lock.status() == Status::Lost;
        let code = self.say(lock, |lock, board| lock.take_fresh(board, &fresh, &issuer))?;
        let taken = self.doors[lock].ticks_ms(self.now_ms);
        if code == Some(Code::Done) && !lost && taken - drawn <= 60_000 {
            self.audit.set.insert(lock, (iat, taken));
        }
        Ok(())
    }

    /// A command of a device over a new nonce of a lock.
    pub(crate) fn command(&mut self, device: usize, lock: usize, key: &[u8]) -> (Link, Vec<u8>) {
        let (nonce, session) = (self.dice.bytes(), [7; 32]);
        let key_digest = Signed::read(key).unwrap().digest();
        let lock = self.server.locks[lock].id;
        let open = Open { nonce, lock, key_digest, command: ACT, session };
        let open = self.devices[device].signer.sign(Kind::Open, |it| open.write(it));
        (Link { nonce, session, near: true, patient: false, waited: false }, open)
    }

    /// A key is presented; whether the bolt moved.
    pub(crate) fn present(
        &mut self,
        (device, lock): (usize, usize),
        key: &Issued,
        manner: Manner,
    ) -> Result<bool, String> {
        let (link, mut open) = self.command(device, lock, &key.bytes);
        match (&self.devices[device].said, manner) {
            (Some((_, said)), Manner::Again) => open.clone_from(said),
            (None, Manner::Again) => return Ok(false),
            (_, Manner::Rightly) => self.devices[device].said = Some((key.clone(), open.clone())),
            _ => {}
        }
        let issuer = key.issuer.clone();
        let answer = self.tried(lock, &link, &key.bytes, &issuer, &open)?;
        let Some((seen, answer)) = answer else { return Ok(false) };
        let old = key.generation < self.audit.generation(lock);
        if manner != Manner::Rightly || old {
            let silent = matches!(answer, Answer::Silent { .. });
            must!(silent, "a key that is not its holder's, or of an old issuer: {answer:?}");
            return Ok(false);
        }
        let told = match answer {
            Answer::Move(_) => Code::Done,
            Answer::No(code) => code,
            Answer::Silent { .. } | Answer::Wait(_) => Code::Refused,
        };
        self.audit.presented(&seen, key, told, &self.server, self.now_ms)?;
        Ok(told == Code::Done)
    }

    /// A key at a lock: what was seen before, and its answer; none if the power failed.
    pub(crate) fn tried(
        &mut self,
        lock: usize,
        link: &Link,
        key: &[u8],
        issuer: &[u8],
        open: &[u8],
    ) -> Result<Option<(Seen, Answer)>, String> {
        self.pass_ms(3_000);
        let seen = self.seen(lock);
        let door = &mut self.doors[lock];
        let answer =
            door.with(self.now_ms, |lock, board| lock.present(board, link, key, issuer, open));
        let moves = matches!(answer, Answer::Move(_));
        if door.is_down() {
            must!(!moves, "I12: lock {lock} opens and has recorded nothing");
            return Ok(None);
        }
        let after = door.hello();
        if moves {
            let serial = Key::read(Signed::read(key).unwrap().payload).unwrap().serial;
            let events = door.events(self.now_ms, seen.hello.next_seq, 16);
            let event_key = &self.server.locks[lock].event_key;
            let mut opened = events.iter().filter_map(|it| it.open(event_key));
            let told = opened.any(|it| (it.code, it.serial) == (Code::Done.number(), serial));
            must!(told, "I12: lock {lock} opens by {serial} and has not recorded that");
        }
        self.audit.recorded(lock, &seen.hello, &after);
        self.look(lock)?;
        Ok(Some((seen, answer)))
    }

    /// Events of a lock are taken along, as many as a few answers hold.
    pub(crate) fn collect(&mut self, lock: usize, carrier: usize, answers: usize) {
        let log_epoch = self.doors[lock].hello().log_epoch;
        let mut from = self.server.locks[lock].missing(log_epoch);
        for _ in 0..answers {
            let events = self.doors[lock].events(self.now_ms, from, 16);
            let Some(last) = events.last() else { break };
            from = last.seq + 1;
            self.devices[carrier].brought.events.extend(events);
        }
    }

    /// A device synchronises; what comes back may be lost.
    pub(crate) fn sync(&mut self, device: usize, is_lost: bool) -> Holds {
        let it = &mut self.devices[device];
        let brought = std::mem::take(&mut it.brought);
        let (who, holder) = ((device, it.person, it.class), it.signer.public);
        let given = self.server.sync(who, holder, &brought, self.now_ms);
        self.look_at_server()?;
        if is_lost {
            return Ok(());
        }
        let it = &mut self.devices[device];
        for key in given.keys {
            it.brought.held.push((key.lock, key.key));
            if let Some(former) = it.keys.insert((key.lock, key.grant), key) {
                it.former.push(former);
            }
        }
        it.lists.extend(given.lists);
        it.acks = given.acks;
        Ok(())
    }

    pub(crate) fn issuer(&mut self) -> (Signer, Vec<u8>) {
        let signer = Signer::new(&mut self.dice, self.real);
        let certificate = issuer_of(&self.root, &signer, self.generation, self.true_s());
        (signer, certificate)
    }

    /// The next epoch of a lock begins. Until a lock is known to have forgotten what a stranger has
    /// said of the time, each epoch makes it forget: it may never see those before.
    pub(crate) fn begin_epoch(&mut self, lock: usize, restored: bool, keys_from: Option<u16>) {
        let at = &self.server.locks[lock];
        let number = 1 + at.epoch.max(self.epoch_file[lock]);
        let reset_time = self.useless_from[lock].is_some_and(|from| !at.has_shown(from));
        let keys_from = if reset_time { number } else { keys_from.unwrap_or(number) };
        let certificate = self.epoch(lock, (number, keys_from), reset_time);
        self.server.begin_epoch(lock, (number, keys_from), restored, certificate, self.now_ms);
    }

    fn epoch(&self, lock: usize, (epoch, keys_from): (u16, u16), reset_time: bool) -> Vec<u8> {
        let epoch = Epoch {
            iat: self.true_s(),
            place: PLACE,
            lock: Some(self.server.locks[lock].id),
            epoch,
            keys_from,
            min_generation: self.generation,
            reset_time,
        };
        self.root.sign(Kind::Epoch, |it| epoch.write(it))
    }

    /// Something signed with a secret that should not be out.
    pub(crate) fn forged(
        &self,
        kind: Kind,
        write: impl FnOnce(&mut claviger_offline::cbor::Writer<'_>),
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let (signer, certificate) = self.leaked.as_ref()?;
        Some((signer.sign(kind, write), certificate.clone()))
    }

    pub(crate) fn holder(&self, device: usize) -> &Signer {
        &self.devices[device].signer
    }
}
