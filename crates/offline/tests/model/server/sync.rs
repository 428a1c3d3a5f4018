//! A device synchronises: what it brings is taken in, and it gets the keys that are right.

use std::collections::BTreeSet;

use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, PublicKey};
use claviger_offline::key::{Flags, Key};
use claviger_offline::lock::code::Code;
use claviger_offline::receipt::{Receipt, ReceiptKey};
use claviger_offline::statement::Ack;

use super::{Brought, DAY, Given, Issued, MOST_MINTS, SERIALS, Server, Slip, at, life_s};

impl Server {
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
}
