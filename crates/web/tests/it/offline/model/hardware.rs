//! What a door is to the model: its clock goes as the model says, its power and its pages fail, and
//! what it holds can be looked at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_offline::Digest;
use claviger_offline::event::{EventKey, Sealed};
use claviger_offline::lock::clock::Interval;
use claviger_offline::lock::code::Code;
use claviger_offline::lock::{Board, Lock, Status};
use serde_json::{Value, json};

use super::super::door::{Door, SETTINGS};
use super::super::phone::{Phone, bytes};
use super::ledger::Version;

/// A door as it is seen before or after a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// None where it has lost what it held.
    pub(super) holds: Option<(Version, Digest)>,
    pub(super) now: Interval,
}

impl Door {
    /// Its clock shows that many milliseconds since its power came; words take no time.
    pub(super) fn tick(&mut self, ticks_ms: u64) {
        (self.ticks_ms, self.patience_ms) = (ticks_ms, 0);
    }

    pub(super) fn seen(&self) -> Seen {
        let held = self.lock.held();
        let holds = ((held.epoch, held.version), held.digest);
        let is_held = self.lock.status() == Status::Held;
        Seen { holds: is_held.then_some(holds), now: self.lock.now(self.ticks_ms) }
    }

    /// Power goes and comes back. `seed` is what its own key was made of.
    pub(super) fn boot(&mut self, seed: u8) {
        (self.ticks_ms, self.flash.power) = (0, None);
        let Door { flash, random, lock, .. } = self;
        let mut board = Board { flash, random, ticks_ms: 0 };
        *lock = Lock::boot(&mut board, &[seed; 32], SETTINGS).unwrap();
    }

    /// All pages of its state are lost.
    pub(super) fn lose_pages(&mut self, seed: u8) {
        let (from, count) = (SETTINGS.layout.ring_from(), SETTINGS.layout.ring);
        (from..from + count).for_each(|sector| self.flash.sectors[usize::from(sector)].fill(0));
        self.boot(seed);
    }

    /// The newest page of its state is lost, and the others are there.
    pub(super) fn lose_newest_page(&mut self, seed: u8) {
        let (from, count) = (SETTINGS.layout.ring_from(), SETTINGS.layout.ring);
        let pages = (from..from + count).map(usize::from);
        // Behind a checksum stands which page it is; erased ones are none.
        let sequence = |sector: &usize| self.flash.sectors[*sector][4..8].to_vec();
        let newest = pages.filter(|it| sequence(it) != [0xff; 4]).max_by_key(sequence).unwrap();
        self.flash.sectors[newest][20] ^= 0x10;
        self.boot(seed);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lock.status() == Status::Lost
    }

    /// Draws what the server is to answer over.
    pub(super) fn draw(&mut self) -> Value {
        let nonce = self.board(|lock, board| lock.draw(board));
        json!({"lock_id": self.id(), "nonce": STANDARD.encode(nonce)})
    }

    /// Takes the server's word over what it drew; whether it is one.
    pub(super) fn take_fresh(&mut self, phone: &Phone, fresh: &Value) -> bool {
        let fresh = bytes(fresh);
        let issuer = phone.issuer_of(&fresh).unwrap();
        let code = self.board(|lock, board| lock.take_fresh(board, &fresh, &issuer));
        code == Code::Done
    }

    /// Takes whatever the server says of its events.
    pub(super) fn hears(&mut self, phone: &Phone, ack: &[u8]) {
        if let Some(issuer) = phone.issuer_of(ack) {
            self.board(|lock, board| lock.take_ack(board, ack, &issuer));
        }
    }

    /// What it has to tell, as it travels: of its log from a number on, and some of earlier ones.
    /// With each its log, its number and its code.
    pub(super) fn tells(&mut self, from: u32) -> Vec<(String, (u64, u32), u8)> {
        let record = self.lock.record().unwrap();
        let key = EventKey::of(&record.secret, &record.lock);
        let mut all: Vec<Sealed> = Vec::new();
        let mut from = from;
        loop {
            let mut room = [Sealed::NONE; 16];
            let count = self.board(|lock, board| lock.events(board, from, &mut room));
            all.extend_from_slice(&room[..count]);
            let Some(last) = room[..count].last().filter(|_| count == room.len()) else { break };
            from = last.seq + 1;
        }
        for _ in 0..4 {
            let mut room = [Sealed::NONE; 16];
            let count = self.board(|lock, board| lock.events(board, 0, &mut room));
            all.extend(
                room[..count].iter().filter(|it| !all.contains(it)).copied().collect::<Vec<_>>(),
            );
        }
        let told = |it: &Sealed| {
            let text = Door::travelling(it);
            (text, (it.log_epoch, it.seq), it.open(&key).unwrap().code)
        };
        all.iter().map(told).collect()
    }
}
