//! The quiet at the end: faults stop, everybody synchronises, somebody goes round. Then whoever has
//! a right opens, nobody else does, and nothing is waited for.

use std::collections::BTreeSet;

use claviger_offline::lock::Status;

use crate::audit::{Holds, must};
use crate::build::DAY;
use crate::server::Issued;
use crate::world::{DEVICES, LOCKS, Manner, World};

const HOUR_MS: u64 = 3_600_000;
/// The life of a phone's key and a little.
const DAYS: u64 = 16;

impl World {
    pub(crate) fn comes_to_rest(&mut self) -> Holds {
        self.server.skew_s = 0;
        if self.leaked.is_some() {
            self.leak()?;
        }
        for _ in 0..DAYS {
            self.pass_ms(24 * HOUR_MS);
            (0..LOCKS).try_for_each(|lock| self.round(lock))?;
            (0..DEVICES).try_for_each(|device| self.sync(device, false))?;
        }
        // What was made for the last time must be on its way to the locks, and known to be there.
        (0..LOCKS).try_for_each(|lock| self.round(lock))?;
        (0..DEVICES).try_for_each(|device| self.sync(device, false))?;
        let pending = self.server.pending(self.now_ms);
        must!(pending.is_none(), "liveness: grant {pending:?} is not shown to be revoked");
        for hour in [10, 23] {
            self.pass_ms((24 + hour) * HOUR_MS - self.now_ms % (24 * HOUR_MS));
            (0..DEVICES).try_for_each(|device| self.sync(device, false))?;
            for lock in 0..LOCKS {
                self.round(lock)?;
                (0..DEVICES).try_for_each(|device| self.everything(device, lock))?;
            }
        }
        (0..LOCKS).try_for_each(|lock| self.all_events(lock))
    }

    /// A gateway stands at a lock for a while: time, the newest list, receipts, events.
    fn round(&mut self, lock: usize) -> Holds {
        if self.doors[lock].is_down() {
            self.boot(lock)?;
        }
        self.freshen(lock, 1_000)?;
        let newest = self.server.locks[lock].bundle.clone().unwrap();
        let code = self.bring(lock, &newest, 0)?;
        let held = self.doors[lock].hello();
        let right = held.status == Status::Held
            && (held.epoch, held.version) == (newest.epoch, newest.version);
        let bytes = newest.list.len();
        must!(right, "liveness: lock {lock}, {held:?}, told of {bytes} bytes says {code:?}");
        self.collect(lock, 0, 20);
        self.sync(0, false)
    }

    /// All keys that a device ever had, at one lock.
    fn everything(&mut self, device: usize, lock: usize) -> Holds {
        let it = &self.devices[device];
        let all = it.former.iter().chain(it.keys.values()).filter(|key| key.lock == lock);
        let mut keys: Vec<Issued> = all.rev().cloned().collect();
        keys.dedup_by_key(|key| key.key);
        let person = it.person;
        let mut opens_by = BTreeSet::new();
        for key in &keys {
            if self.present((device, lock), key, Manner::Rightly)? {
                opens_by.insert(key.grant);
            }
        }
        for grant in 0..self.server.grants.len() {
            let of = &self.server.grants[grant];
            if of.lock != lock || of.person != person {
                continue;
            }
            let (hours, until) = (of.hours, of.until);
            let right = of.open
                && !self.server.suspended.contains(&person)
                && !self.server.lost.contains(&device);
            let key = keys.iter().find(|key| key.grant == grant);
            let opens = opens_by.contains(&grant);
            let true_s = self.true_s();
            if !right {
                must!(!opens, "liveness: device {device} opens {lock} by grant {grant}, closed");
            } else if until > true_s + DAY && hours.hold(true_s) && !self.audit.spent(key, true_s) {
                must!(opens, "liveness: device {device} cannot open {lock} by grant {grant}");
            }
        }
        Ok(())
    }

    /// Whatever has happened is known (I12).
    fn all_events(&mut self, lock: usize) -> Holds {
        // What the last boot has skipped is declared with the next event.
        self.server.sign_list(lock, self.now_ms, None);
        self.look_at_server()?;
        self.round(lock)?;
        self.collect(lock, 0, 40);
        self.sync(0, false)?;
        let log_epoch = self.doors[lock].hello().log_epoch;
        self.audit.arrived(lock, &self.server, log_epoch)
    }
}
