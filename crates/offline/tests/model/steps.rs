//! What may happen in a step, drawn by chance: administrators, devices, the power, the clocks, and
//! people who should not be there.

use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, Signed};
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::list::List;
use claviger_offline::lock::code::Code;
use claviger_offline::lock::{Answer, Status};
use claviger_offline::plan::Capacity;
use claviger_offline::times::Times;

use crate::audit::{Holds, must};
use crate::build::DAY;
use crate::door::Hello;
use crate::server::{Issued, Made, Slip};
use crate::signer::Hours;
use crate::world::{DEVICES, LOCKS, Manner, PEOPLE, World};

const HOUR_MS: u64 = 3_600_000;
const FAR: u64 = u64::MAX;

impl World {
    pub(crate) fn step(&mut self) -> Holds {
        let drawn = self.dice.below(200);
        let (what, holds): (&str, Holds) = match drawn {
            0..50 => ("visit", self.visit()),
            50..90 => ("sync", self.somebody_syncs()),
            90..102 => ("grant", self.grant()),
            102..110 => ("edit", self.edit()),
            110..118 => ("revoke", self.revoke()),
            118..122 => ("suspend or resume", self.suspend()),
            122..125 => ("lose or find a device", self.lose()),
            125..129 => ("preview", self.preview()),
            129..145 => ("hours pass", self.hours()),
            145..150 => ("a day passes", self.day()),
            150..158 => ("power is cut during a visit", self.cut()),
            158..164 => ("an old list", self.old_list()),
            164..168 => ("a page is lost", self.lose_page()),
            168..170 => ("all pages are lost", self.lose_pages()),
            170..174 => ("a clock is lost", self.lose_clock()),
            174..177 => ("the server's clock jumps", self.jump()),
            177..180 => ("backup", self.backup()),
            180..182 => ("restore", self.restore()),
            182..184 => ("an epoch begins", self.raise()),
            184..187 => ("capacity", self.capacity()),
            187..190 => ("a cloned signer", self.clone_signer()),
            190..193 => ("an issuer leaks, or is replaced", self.leak()),
            193..196 => ("a leaked issuer signs", self.forge()),
            196..198 => ("a busy hour", self.busy()),
            _ => ("an old statement", self.old_statement()),
        };
        self.steps.push(what);
        holds?;
        self.look_at_server()
    }

    fn device(&mut self) -> usize {
        self.dice.below(DEVICES)
    }

    fn lock(&mut self) -> usize {
        self.dice.below(LOCKS)
    }

    fn open_grant(&mut self) -> Option<usize> {
        let open: Vec<usize> =
            (0..self.server.grants.len()).filter(|it| self.server.grants[*it].open).collect();
        (!open.is_empty()).then(|| self.dice.pick(&open))
    }

    fn somebody_syncs(&mut self) -> Holds {
        let (device, is_lost) = (self.device(), self.dice.one_in(10));
        self.sync(device, is_lost)
    }

    fn grant(&mut self) -> Holds {
        let open = self.server.grants.iter().filter(|it| it.open).count();
        if open < 14 {
            let (person, lock) = (self.dice.below(PEOPLE), self.lock());
            let hours = self.dice.pick(&Hours::ALL);
            let days = self.dice.pick(&[FAR, FAR, 2, 30]);
            let until = days.checked_mul(DAY).map_or(FAR, |it| self.true_s() + it);
            self.server.grant(person, lock, hours, until);
        }
        Ok(())
    }

    fn edit(&mut self) -> Holds {
        let Some(grant) = self.open_grant() else { return Ok(()) };
        let (hours, days) = (self.dice.pick(&Hours::ALL), self.dice.pick(&[FAR, FAR, 1, 40]));
        let it = &mut self.server.grants[grant];
        it.hours = hours;
        it.until = days.checked_mul(DAY).map_or(FAR, |days| self.now_ms / 1000 + days);
        self.commanded(None, true)
    }

    fn commanded(&mut self, closed: Option<usize>, edit: bool) -> Holds {
        self.audit.commanded(&self.server);
        self.server.took_away(closed, edit, self.now_ms);
        self.look_at_server()
    }

    fn revoke(&mut self) -> Holds {
        let Some(grant) = self.open_grant() else { return Ok(()) };
        self.server.grants[grant].open = false;
        self.commanded(Some(grant), false)
    }

    fn suspend(&mut self) -> Holds {
        let person = self.dice.below(PEOPLE);
        if !self.server.suspended.remove(&person) {
            self.server.suspended.insert(person);
        }
        self.commanded(None, false)
    }

    fn lose(&mut self) -> Holds {
        let device = self.device();
        if !self.server.lost.remove(&device) {
            self.server.lost.insert(device);
        }
        self.commanded(None, false)
    }

    /// A preview, and within a quarter of an hour the real call: the same plan (I5).
    fn preview(&mut self) -> Holds {
        let Some(grant) = self.open_grant() else { return Ok(()) };
        let Some(now) = self.server.now_s(self.now_ms) else { return Ok(()) };
        self.server.previewed = Some(now);
        let mut tried = self.server.clone();
        tried.grants[grant].open = false;
        tried.took_away(Some(grant), false, self.now_ms);
        self.pass_ms(600_000);
        self.server.grants[grant].open = false;
        self.audit.commanded(&self.server);
        self.server.took_away(Some(grant), false, self.now_ms);
        self.server.previewed = None;
        let plans = |made: &[Made]| -> Vec<_> {
            made.iter().map(|it| (it.lock, it.plans.clone(), it.hit.clone())).collect()
        };
        must!(plans(&tried.made) == plans(&self.server.made), "I5: not as previewed");
        self.look_at_server()
    }

    fn hours(&mut self) -> Holds {
        let ms = self.dice.below(7 * HOUR_MS as usize) as u64;
        self.pass_ms(ms);
        Ok(())
    }

    fn day(&mut self) -> Holds {
        self.pass_ms(24 * HOUR_MS);
        (0..LOCKS).try_for_each(|lock| self.look(lock))
    }

    /// A device at a lock: lists go there, keys are presented, events are taken along.
    pub(crate) fn visit(&mut self) -> Holds {
        let (device, lock) = (self.device(), self.lock());
        self.meet(device, lock)?;
        self.after(lock)
    }

    /// A lock without power gets it back.
    fn after(&mut self, lock: usize) -> Holds {
        if self.doors[lock].is_down() { self.boot(lock) } else { Ok(()) }
    }

    fn cut(&mut self) -> Holds {
        let (device, lock) = (self.device(), self.lock());
        let bytes = 1 + self.dice.below(2_200);
        self.doors[lock].flash.power = Some(bytes);
        self.meet(device, lock)?;
        self.boot(lock)
    }

    fn meet(&mut self, device: usize, lock: usize) -> Holds {
        let hello = self.doors[lock].hello();
        let it = &mut self.devices[device];
        let hostile = it.hostile && self.dice.one_in(2);
        let epoch = if hostile { 4_000 } else { hello.epoch };
        it.brought.hellos.push((lock, Hello { epoch, ..hello }));
        if !hostile {
            let lost = hello.status == Status::Lost;
            // Every second phone is online while it is there.
            if (lost || self.doors[lock].kept) && self.dice.one_in(2) {
                let wait_ms = self.dice.below(80_000) as u64;
                self.freshen(lock, wait_ms)?;
                if lost && self.server.now_s(self.now_ms).is_some() {
                    let newest = self.server.locks[lock].bundle.clone();
                    newest.map_or(Ok(None), |it| self.bring(lock, &it, device))?;
                }
            } else if let Some(list) = self.devices[device].lists.get(&lock).cloned()
                && (lost || (list.epoch, list.version) > (hello.epoch, hello.version))
            {
                self.bring(lock, &list, device)?;
            }
        }
        self.tries(device, lock)?;
        let answers = self.dice.below(4);
        self.collect(lock, device, answers);
        let acks = std::mem::take(&mut self.devices[device].acks);
        for (of, ack) in acks.iter().filter(|(of, _)| *of == lock) {
            let issuer = self.server.certificate.clone();
            self.say(*of, |lock, board| lock.take_ack(board, ack, &issuer))?;
        }
        Ok(())
    }

    /// Who is there presents what they have.
    fn tries(&mut self, device: usize, lock: usize) -> Holds {
        let it = &self.devices[device];
        let current = it.keys.values().filter(|key| key.lock == lock).cloned();
        let mut keys: Vec<Issued> = current.collect();
        if it.hostile {
            keys.extend(it.former.iter().filter(|key| key.lock == lock).rev().take(3).cloned());
        }
        for key in keys {
            self.present((device, lock), &key, Manner::Rightly)?;
        }
        if self.devices[device].hostile && self.dice.one_in(3) {
            self.intrudes(device, lock)?;
        }
        Ok(())
    }

    /// What is not theirs, not of this lock, or was said before.
    fn intrudes(&mut self, device: usize, lock: usize) -> Holds {
        let other = self.device();
        let keys: Vec<Issued> = self.devices[other].keys.values().cloned().collect();
        if let Some(key) = keys.iter().find(|key| key.lock == lock && other != device) {
            self.present((device, lock), key, Manner::Stolen)?;
        }
        let own = self.devices[device].keys.values().find(|key| key.lock != lock).cloned();
        if let Some(key) = own {
            self.present((device, lock), &key, Manner::Elsewhere)?;
        }
        let again = keys.iter().find(|key| key.lock == lock);
        let said = self.devices[other].has_said();
        if let (Some(key), Some(said)) = (again, said)
            && (said.key, said.lock) == (key.key, lock)
        {
            self.present((other, lock), key, Manner::Again)?;
        }
        Ok(())
    }

    /// Somebody comes and goes until events are overwritten; nobody takes them along.
    fn busy(&mut self) -> Holds {
        let (device, lock) = (self.device(), self.lock());
        let key = self.devices[device].keys.values().find(|key| key.lock == lock).cloned();
        let Some(key) = key else { return Ok(()) };
        for _ in 0..60 {
            self.present((device, lock), &key, Manner::Rightly)?;
        }
        self.after(lock)
    }

    fn old_list(&mut self) -> Holds {
        let (lock, device) = (self.lock(), self.device());
        let lists = &self.lists[lock];
        if !lists.is_empty() {
            let list = lists[self.dice.below(lists.len())].clone();
            self.bring(lock, &list, device)?;
        }
        self.tries(device, lock)?;
        self.after(lock)
    }

    fn lose_page(&mut self) -> Holds {
        let lock = self.lock();
        if let Some(newest) = self.doors[lock].pages().last() {
            let byte = 8 + self.dice.below(64);
            self.doors[lock].flash.sectors[*newest][byte] ^= 0x10;
        }
        self.boot(lock)?;
        self.replayed(lock)
    }

    fn lose_pages(&mut self) -> Holds {
        let lock = self.lock();
        for page in self.doors[lock].pages() {
            self.doors[lock].flash.sectors[page].fill(0);
        }
        self.boot(lock)?;
        self.replayed(lock)
    }

    /// Old lists and old statements, at a lock that may know nothing any more.
    fn replayed(&mut self, lock: usize) -> Holds {
        let device = self.dice.below(PEOPLE / 3) * 3 + 2;
        let _ = self.say(lock, |lock, board| lock.draw(board))?;
        for (of, statement) in self.statements.clone().iter().rev().take(6) {
            if *of == lock {
                let issuer = self.server.certificate.clone();
                self.say(lock, |lock, board| lock.take_fresh(board, statement, &issuer))?;
            }
        }
        for list in self.lists[lock].clone().iter().rev().take(6) {
            self.bring(lock, list, device)?;
        }
        self.tries(device, lock)?;
        self.after(lock)
    }

    fn old_statement(&mut self) -> Holds {
        let lock = self.lock();
        self.replayed(lock)
    }

    fn lose_clock(&mut self) -> Holds {
        let lock = self.lock();
        self.boot(lock)?;
        let device = self.device();
        self.tries(device, lock)?;
        self.after(lock)
    }

    /// With a clock that cannot be right nothing is signed (I4).
    fn jump(&mut self) -> Holds {
        let elapsed = i64::try_from(self.server.since_last_s(self.now_ms)).unwrap();
        let ahead = 7_200 + self.dice.below(500_000) as i64;
        self.server.skew_s = if self.dice.one_in(2) { ahead } else { -(elapsed + 400) };
        let device = self.device();
        let holds = self.sync(device, false).and_then(|()| self.revoke());
        let lock = self.lock();
        let fresh = self.server.fresh(lock, [9; 16], self.now_ms);
        self.server.skew_s = 0;
        must!(fresh.is_none() || self.server.slips(Slip::SignsWithWrongClock), "I4: a wrong time");
        self.server.due_lists(self.now_ms);
        holds
    }

    fn backup(&mut self) -> Holds {
        self.look_at_server()?;
        self.snapshot = Some((self.server.clone(), self.audit.keys.clone()));
        Ok(())
    }

    /// The server is what it was at the last backup: each lock begins an epoch (I9).
    fn restore(&mut self) -> Holds {
        let Some((server, keys)) = self.snapshot.take() else { return Ok(()) };
        if self.server.now_s(self.now_ms).is_none() {
            return Ok(());
        }
        self.audit.restored(&keys, &self.server);
        self.server = server;
        for lock in 0..LOCKS {
            self.begin_epoch(lock, true, Some(self.server.locks[lock].keys_from));
        }
        self.look_at_server()
    }

    fn raise(&mut self) -> Holds {
        let lock = self.lock();
        if self.server.now_s(self.now_ms).is_none() {
            return Ok(());
        }
        let old = self.server.locks[lock].keys_from;
        let keys_from = Some(old).filter(|_| self.dice.one_in(2));
        self.begin_epoch(lock, false, keys_from);
        self.look_at_server()
    }

    fn capacity(&mut self) -> Holds {
        let lock = self.lock();
        let bytes = [170, 192, 256, 512].map(Capacity::Bytes);
        let entries = [2, 4, 16].map(Capacity::Entries);
        let room =
            if self.dice.one_in(2) { self.dice.pick(&bytes) } else { self.dice.pick(&entries) };
        self.server.locks[lock].room = room;
        self.server.sign_list(lock, self.now_ms, None);
        self.look_at_server()
    }

    /// Another list with the number of the one that a lock holds (I3).
    fn clone_signer(&mut self) -> Holds {
        let lock = self.lock();
        let hello = self.doors[lock].hello();
        let iat = self.true_s();
        let list = List {
            iat,
            lock: self.server.locks[lock].id,
            epoch: hello.epoch,
            version: hello.version,
            sections: Items::NONE,
        };
        let digest = self.doors[lock].lock.held().digest;
        let signed = self.server.issuer.sign(Kind::List, |it| list.write(it));
        if Signed::read(&signed).unwrap().digest() == digest {
            return Ok(());
        }
        let issuer = self.server.certificate.clone();
        let code = self.say(lock, |lock, board| lock.apply_list(board, &signed, &issuer, None))?;
        must!(code != Some(Code::Applied), "I3: lock {lock} takes another list of its version");
        self.after(lock)
    }

    /// An issuer's secret gets out; later it is replaced, with an epoch for every lock.
    pub(crate) fn leak(&mut self) -> Holds {
        if self.leaked.is_none() {
            self.leaked = Some((self.server.issuer.clone(), self.server.certificate.clone()));
            return Ok(());
        }
        let replaced = self.leaked.as_ref().is_some_and(|(_, it)| *it != self.server.certificate);
        if replaced || self.server.now_s(self.now_ms).is_none() {
            return Ok(());
        }
        self.generation += 1;
        (self.server.issuer, self.server.certificate) = self.issuer();
        self.server.generation = self.generation;
        // A backup from before would sign with what is out.
        self.snapshot = None;
        for lock in 0..LOCKS {
            let epoch = 1 + self.server.locks[lock].epoch.max(self.epoch_file[lock]);
            self.useless_from[lock] = Some(epoch);
            self.begin_epoch(lock, false, None);
        }
        self.look_at_server()
    }

    /// A key and a list by somebody who has an issuer's secret.
    fn forge(&mut self) -> Holds {
        let (lock, device) = (self.lock(), self.device());
        let hello = self.doors[lock].hello();
        let later = if self.dice.one_in(3) { 20 * DAY } else { 0 };
        let (id, iat) = (self.server.locks[lock].id, self.true_s() + later);
        let serial = (u32::from(hello.epoch) << 20) + 500_000 + self.dice.below(500_000) as u32;
        let key = Key {
            exp: iat + DAY,
            nbf: iat,
            iat,
            holder: self.holder(device).public,
            lock: id,
            class: Class::Phone,
            epoch: hello.epoch,
            serial,
            min_list: 0,
            flags: Flags::default(),
            times: Times::ALWAYS,
        };
        let Some((key, issuer)) = self.forged(Kind::Key, |it| key.write(it)) else {
            return Ok(());
        };
        let useless = self.useless_from[lock].is_some_and(|from| hello.epoch >= from);
        let (link, open) = self.command(device, lock, &key);
        // What it says of the time is believed, once nothing else stands in the way.
        let misleads = later > 0 && !useless && self.audit.misled.insert(lock);
        let tried = self.tried(lock, &link, &key, &issuer, &open)?;
        let answer = tried.map(|(_, answer)| answer);
        let unheard = [Code::StateLost, Code::OldEpoch, Code::NeedList, Code::Revoked];
        let unheard = |code| unheard.contains(&code);
        let heard = answer.is_none_or(|it| match it {
            Answer::Move(_) => true,
            Answer::No(code) => !unheard(code),
            Answer::Silent { .. } | Answer::Wait(_) => false,
        });
        if misleads && !heard {
            self.audit.misled.remove(&lock);
        }
        let opens = matches!(answer, Some(Answer::Move(_)));
        must!(!(opens && useless), "lock {lock} opens to an issuer that was replaced");
        let list =
            List { iat, lock: id, epoch: hello.epoch + 1, version: 1, sections: Items::NONE };
        let forged = self.forged(Kind::List, |it| list.write(it));
        let (list, issuer) = forged.unwrap();
        let code = self.say(lock, |lock, board| lock.apply_list(board, &list, &issuer, None))?;
        must!(code != Some(Code::Applied), "lock {lock} begins an epoch that nobody certified");
        self.after(lock)
    }
}
