//! A lock with its flash and its clock, which may be slow, fast or none; and what of it is told to
//! whoever looks.

use claviger_offline::event::Sealed;
use claviger_offline::lock::clock::Interval;
use claviger_offline::lock::code::Code;
use claviger_offline::lock::record::{Commissioning, Record};
use claviger_offline::lock::{Board, Lock, Status};

use crate::board::{Memory, SETTINGS, Seeded};
use crate::dice::Dice;

/// Its secret key; no session is held here.
const IDENTITY: [u8; 32] = [0x66; 32];

pub(crate) struct Door {
    pub(crate) flash: Memory,
    random: Seeded,
    /// Millionths by which its ticks are fast.
    drift: i64,
    /// It can keep the time while it is powered.
    pub(crate) kept: bool,
    booted_ms: u64,
    pub(crate) lock: Lock,
}

/// What a lock holds, as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) status: Status,
    pub(crate) epoch: u16,
    pub(crate) version: u32,
    pub(crate) log_epoch: u64,
    pub(crate) next_seq: u32,
}

impl Hello {
    fn of(lock: &Lock) -> Self {
        let held = lock.held();
        Self {
            status: lock.status(),
            epoch: held.epoch,
            version: held.version,
            log_epoch: held.log_epoch,
            next_seq: lock.next_seq(),
        }
    }
}

fn booted(flash: &mut Memory, random: &mut Seeded) -> Lock {
    flash.power = None;
    Lock::boot(&mut Board { flash, random, ticks_ms: 0 }, &IDENTITY, SETTINGS).unwrap()
}

impl Door {
    pub(crate) fn new(dice: &mut Dice, kept: bool, now_ms: u64) -> Self {
        let (mut flash, mut random) = (Memory::new(), Seeded(dice.next() | 1));
        let lock = booted(&mut flash, &mut random);
        let drift = dice.pick(&[0, 60, -60, 97, -97]);
        Self { flash, random, drift, kept, booted_ms: now_ms, lock }
    }

    pub(crate) fn ticks_ms(&self, now_ms: u64) -> u64 {
        let elapsed = i128::from(now_ms - self.booted_ms);
        u64::try_from(elapsed + elapsed * i128::from(self.drift) / 1_000_000).unwrap()
    }

    pub(crate) fn with<T>(
        &mut self,
        now_ms: u64,
        what: impl FnOnce(&mut Lock, &mut Board<'_, Memory, Seeded>) -> T,
    ) -> T {
        let ticks_ms = self.ticks_ms(now_ms);
        let Self { flash, random, lock, .. } = self;
        what(lock, &mut Board { flash, random, ticks_ms })
    }

    /// Power goes and comes back.
    pub(crate) fn boot(&mut self, now_ms: u64) {
        self.lock = booted(&mut self.flash, &mut self.random);
        self.booted_ms = now_ms;
    }

    /// Whether it waits for power: its flash has failed.
    pub(crate) fn is_down(&self) -> bool {
        self.flash.power == Some(0) || self.lock.status() == Status::Faulty
    }

    pub(crate) fn now(&self, now_ms: u64) -> Interval {
        self.lock.now(self.ticks_ms(now_ms))
    }

    pub(crate) fn hello(&self) -> Hello {
        Hello::of(&self.lock)
    }

    /// What it would hold if its power failed.
    pub(crate) fn would_hold(&self) -> Hello {
        Hello::of(&booted(&mut self.flash.clone(), &mut self.random.clone()))
    }

    pub(crate) fn commission(&mut self, record: Record, issuer: &[u8], list: &[u8]) {
        let told = Commissioning { record, issuer, list };
        let code = self.with(self.booted_ms, |lock, board| lock.commission(board, &told, true));
        assert_eq!(code, Code::Done);
    }

    /// Events from a number on, at most so many.
    pub(crate) fn events(&mut self, now_ms: u64, from_seq: u32, most: usize) -> Vec<Sealed> {
        let mut room = vec![Sealed::NONE; most];
        let count = self.with(now_ms, |lock, board| lock.events(board, from_seq, &mut room));
        room.truncate(count);
        room
    }

    /// Sectors of the ring that hold a page, the newest last.
    pub(crate) fn pages(&self) -> Vec<usize> {
        let ring = 2..2 + usize::from(SETTINGS.layout.ring);
        let sequence = |at: &usize| self.flash.sectors[*at][4..8].to_vec();
        let mut pages: Vec<usize> = ring.filter(|at| sequence(at) != [0xff; 4]).collect();
        pages.sort_by_key(sequence);
        pages
    }
}
