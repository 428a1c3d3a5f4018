//! A board of memory: flash whose power fails at a given byte, randomness from a seed, and a lock
//! on it with its server's words at hand.

use claviger_offline::cose::Kind;
use claviger_offline::event::{Event, EventKey, Sealed};
use claviger_offline::items::Items;
use claviger_offline::key::Key;
use claviger_offline::list::{List, Section};
use claviger_offline::lock::code::Code;
use claviger_offline::lock::flash::{Flash, FlashFailed, Layout};
use claviger_offline::lock::record::{Commissioning, Record};
use claviger_offline::lock::{Answer, Board, Link, Lock, Random, Settings};
use claviger_offline::statement::{Command, Fresh, Open};

use crate::build::{
    HOLDER, ISSUER, LOCK, MONDAY, PLACE, ROOT, SESSION, issuer, public, sha256, signed,
};

pub(crate) const SETTINGS: Settings =
    Settings { layout: Layout { ring: 4, log: 3 }, list_limit: 512, drift_ppm: 100 };
pub(crate) const SECRET: [u8; 32] = [0x77; 32];
pub(crate) const IDENTITY: [u8; 32] = [0x66; 32];
const SECTOR: usize = 1024;

/// Flash in memory. It insists that words are erased before they are programmed.
#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) sectors: Vec<Vec<u8>>,
    /// Bytes that may still change before the power fails.
    pub(crate) power: Option<usize>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let sectors = SETTINGS.layout.sectors().into();
        Self { sectors: vec![vec![0xff; SECTOR]; sectors], power: None }
    }

    /// So many of these bytes get through; whether all.
    fn spend(&mut self, bytes: usize) -> (usize, Result<(), FlashFailed>) {
        match &mut self.power {
            None => (bytes, Ok(())),
            Some(left) if *left > bytes => {
                *left -= bytes;
                (bytes, Ok(()))
            }
            Some(left) => (std::mem::take(left), Err(FlashFailed)),
        }
    }
}

impl Flash for Memory {
    fn sector_bytes(&self) -> usize {
        SECTOR
    }

    fn read(&mut self, sector: u16, at: usize, into: &mut [u8]) -> Result<(), FlashFailed> {
        if self.power == Some(0) {
            return Err(FlashFailed);
        }
        into.copy_from_slice(&self.sectors[usize::from(sector)][at..at + into.len()]);
        Ok(())
    }

    fn program(&mut self, sector: u16, at: usize, bytes: &[u8]) -> Result<(), FlashFailed> {
        assert!(at.is_multiple_of(8) && bytes.len().is_multiple_of(8), "not whole words");
        let (through, done) = self.spend(bytes.len());
        let room = &mut self.sectors[usize::from(sector)][at..at + bytes.len()];
        assert!(room.iter().all(|byte| *byte == 0xff), "programmed twice");
        room[..through].copy_from_slice(&bytes[..through]);
        done
    }

    fn erase(&mut self, sector: u16) -> Result<(), FlashFailed> {
        let (through, done) = self.spend(SECTOR / 8);
        let sector = &mut self.sectors[usize::from(sector)];
        sector[..through * 8].fill(0xff);
        done
    }
}

/// xorshift64* of Vigna.
#[derive(Clone)]
pub(crate) struct Seeded(pub(crate) u64);

impl Random for Seeded {
    fn fill(&mut self, into: &mut [u8]) {
        for byte in into {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            *byte = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes()[0];
        }
    }
}

/// Numbers of events from the first to the last, both inside.
type Numbers = (u32, u32);

/// A lock, its board, and its server's words.
pub(crate) struct Bench {
    pub(crate) flash: Memory,
    pub(crate) random: Seeded,
    pub(crate) ticks_ms: u64,
    pub(crate) lock: Lock,
}

pub(crate) fn issuer_bytes() -> Vec<u8> {
    signed(Kind::Issuer, ROOT, |it| issuer().write(it))
}

pub(crate) fn record() -> Record {
    Record {
        lock: LOCK,
        place: PLACE,
        root: public(ROOT),
        secret: SECRET,
        epoch: 1,
        keys_from: 0,
        min_generation: 1,
    }
}

pub(crate) fn list_of(epoch: u16, version: u32, sections: &[Section<'_>]) -> Vec<u8> {
    let sections = Items::Values(sections);
    let iat = MONDAY + u64::from(version);
    let list = List { iat, lock: LOCK, epoch, version, sections };
    signed(Kind::List, ISSUER, |it| list.write(it))
}

impl Bench {
    pub(crate) fn with<T>(
        &mut self,
        what: impl FnOnce(&mut Lock, &mut Board<'_, Memory, Seeded>) -> T,
    ) -> T {
        let Self { flash, random, ticks_ms, lock } = self;
        what(lock, &mut Board { flash, random, ticks_ms: *ticks_ms })
    }

    /// A lock of its maker.
    pub(crate) fn blank() -> Self {
        let (mut flash, mut random) = (Memory::new(), Seeded(0x9E37_79B9_7F4A_7C15));
        let mut board = Board { flash: &mut flash, random: &mut random, ticks_ms: 0 };
        let lock = Lock::boot(&mut board, &IDENTITY, SETTINGS).unwrap();
        Self { flash, random, ticks_ms: 0, lock }
    }

    /// Commissioned, with an empty list of version 1.
    pub(crate) fn new() -> Self {
        let mut bench = Self::blank();
        let (issuer, list) = (issuer_bytes(), list_of(1, 1, &[]));
        let told = Commissioning { record: record(), issuer: &issuer, list: &list };
        assert_eq!(bench.with(|lock, board| lock.commission(board, &told, true)), Code::Done);
        bench
    }

    /// Power comes back.
    pub(crate) fn boot(&mut self) {
        self.flash.power = None;
        self.ticks_ms = 0;
        let Self { flash, random, .. } = self;
        let mut board = Board { flash, random, ticks_ms: 0 };
        self.lock = Lock::boot(&mut board, &IDENTITY, SETTINGS).unwrap();
    }

    pub(crate) fn apply(&mut self, list: &[u8]) -> Code {
        self.apply_with(list, None)
    }

    pub(crate) fn apply_with(&mut self, list: &[u8], epoch: Option<&[u8]>) -> Code {
        // Patience: the budget is tried elsewhere.
        self.ticks_ms += 3_000;
        self.with(|lock, board| lock.apply_list(board, list, &issuer_bytes(), epoch))
    }

    /// The server says what is newest, and the time.
    pub(crate) fn freshen(&mut self, list: &[u8], iat: u64, waited_ms: u64) -> Code {
        let nonce = self.with(|lock, board| lock.draw(board));
        self.ticks_ms += waited_ms;
        let payload = claviger_offline::cose::Signed::read(list).unwrap();
        let newest = List::read(payload.payload).unwrap();
        let fresh = Fresh {
            iat,
            lock: LOCK,
            nonce,
            epoch: newest.epoch,
            version: newest.version,
            digest: payload.digest(),
        };
        let fresh = signed(Kind::Fresh, ISSUER, |it| fresh.write(it));
        self.with(|lock, board| lock.take_fresh(board, &fresh, &issuer_bytes()))
    }

    pub(crate) fn present(&mut self, key: &Key<'_>, command: Command) -> Answer {
        self.ticks_ms += 3_000;
        let key = signed(Kind::Key, ISSUER, |it| key.write(it));
        let open = open_of(&key, command);
        self.with(|lock, board| lock.present(board, &LINK, &key, &issuer_bytes(), &open))
    }

    /// All events of this log, and how many numbers are declared lost.
    pub(crate) fn events(&mut self) -> (Vec<(u32, Event)>, Vec<Numbers>) {
        let key = EventKey::of(&SECRET, &LOCK);
        let mut events = Vec::new();
        let mut from = 1;
        loop {
            let mut room = [Sealed::NONE; 5];
            let count = self.with(|lock, board| lock.events(board, from, &mut room));
            let Some(last) = room[..count].last() else { break };
            from = last.seq + 1;
            events.extend(room[..count].iter().map(|it| (it.seq, it.open(&key).unwrap())));
        }
        let lost = events.iter().filter(|(_, it)| it.code == Code::Lost.number());
        let lost = lost.map(|(_, it)| (it.serial, it.spread)).collect();
        (events, lost)
    }
}

pub(crate) const NONCE: [u8; 16] = [0x31; 16];
pub(crate) const LINK: Link =
    Link { nonce: NONCE, session: SESSION, near: true, patient: false, waited: false };

pub(crate) fn open_of(key: &[u8], command: Command) -> Vec<u8> {
    let key_digest = sha256(claviger_offline::cose::Signed::read(key).unwrap().payload);
    let open = Open { nonce: NONCE, lock: LOCK, key_digest, command, session: SESSION };
    signed(Kind::Open, HOLDER, |it| open.write(it))
}
