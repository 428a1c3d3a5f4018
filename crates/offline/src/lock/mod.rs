//! The lock's side: what it holds, how it takes lists, how it decides. Flash, randomness and ticks
//! are lent to it for each call; nothing here waits, or knows of a radio.
//!
//! [`Lock::boot`] finds out what is held after power-up, [`Lock::apply_list`] takes a list,
//! [`Lock::present`] decides on a key and records it; if that says [`Answer::Move`], and only then,
//! the bolt is moved. When the flash fails a lock refuses everything until it is booted again.

mod apply;
pub mod budget;
pub mod card;
pub mod clock;
pub mod code;
pub mod decide;
pub mod flash;
mod issuers;
mod log;
pub mod record;
mod ring;

pub use decide::{Answer, Link};
pub use ring::{Held, MOST_LIST};

use p256::SecretKey;

use self::budget::Budget;
use self::clock::{Clock, Interval};
use self::code::Code;
use self::flash::{Flash, FlashFailed, Layout};
use self::issuers::Issuers;
use self::log::{Desk, Log};
use self::record::Record;
use self::ring::Ring;
use crate::cose::{ENVELOPE, PublicKey};
use crate::event::{Event, EventKey, Sealed};
use crate::faults::{Fault, planted};
use crate::receipt::{Receipt, ReceiptKey};
use crate::{Digest, Nonce, crypto};

/// Where randomness comes from.
pub trait Random {
    /// Fills with bytes that nobody can foretell.
    fn fill(&mut self, into: &mut [u8]);
}

/// What the board lends for one call.
#[derive(Debug)]
pub struct Board<'b, F, R> {
    /// The flash.
    pub flash: &'b mut F,
    /// The randomness.
    pub random: &'b mut R,
    /// Milliseconds since power-up.
    pub ticks_ms: u64,
}

impl<F, R: Random> Board<'_, F, R> {
    pub(crate) fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce);
        nonce
    }
}

/// What a maker settles.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How the flash is used.
    pub layout: Layout,
    /// The longest list it takes, in bytes of the signed object; what it reports.
    pub list_limit: u16,
    /// By how many millionths its ticks may be wrong.
    pub drift_ppm: u32,
}

impl Settings {
    /// The longest list there is room for.
    pub const MOST_LIST_LIMIT: u16 = 896;
}

const _: () = assert!(Settings::MOST_LIST_LIMIT as usize <= MOST_LIST + ENVELOPE);

/// Whether a lock knows what it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// It has no record, or lost both copies.
    Uncommissioned = 0,
    /// It holds a list.
    Held = 1,
    /// It has lost what it held.
    Lost = 2,
    /// Its flash failed.
    Faulty = 3,
}

/// The keys of its secret.
#[derive(Clone, Debug)]
struct Keys {
    receipt: ReceiptKey,
    event: EventKey,
}

impl Keys {
    fn of(record: &Record) -> Self {
        Self {
            receipt: ReceiptKey::of(&record.secret, &record.lock),
            event: EventKey::of(&record.secret, &record.lock),
        }
    }
}

/// The newest list, as a fresh statement says.
type Newest = (u16, u32, Digest);

/// A lock.
#[derive(Debug)]
pub struct Lock {
    settings: Settings,
    identity: SecretKey,
    status: Status,
    own: Option<(Record, Keys)>,
    held: Held,
    ring: Ring,
    log: Log,
    clock: Clock,
    issuers: Issuers,
    budget: Budget,
    /// A nonce that was drawn, and the tick.
    drawn: Option<(Nonce, u64)>,
    /// What a lock that lost its state may take.
    newest: Option<Newest>,
}

/// A lock cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootFailed {
    /// The secret key is none.
    Identity,
    /// The layout is too small, or sectors are.
    Layout,
    /// The flash does not answer.
    Flash,
}

impl From<FlashFailed> for BootFailed {
    fn from(_: FlashFailed) -> Self {
        Self::Flash
    }
}

impl Lock {
    /// Finds out what is held. `identity` is the lock's own P-256 secret key, made by the lock and
    /// kept by its maker's means.
    ///
    /// # Errors
    /// When it cannot begin at all.
    pub fn boot<F: Flash, R: Random>(
        board: &mut Board<'_, F, R>,
        identity: &[u8; 32],
        settings: Settings,
    ) -> Result<Self, BootFailed> {
        let identity = crypto::secret(identity).ok_or(BootFailed::Identity)?;
        let layout = settings.layout;
        if layout.ring < 4 || layout.log < 2 || board.flash.sector_bytes() < ring::LEAST_SECTOR {
            return Err(BootFailed::Layout);
        }
        let record = Record::boot(board.flash)?;
        let (ring, held) = Ring::boot(board.flash, layout.ring_from(), layout.ring)?;
        let mut lost = Held::nothing(board.nonce());
        if let Some(record) = &record {
            lost.epoch = record.epoch;
        }
        // A page behind the record is not the newest one.
        let held = held.filter(|held| record.as_ref().is_none_or(|it| it.epoch <= held.epoch));
        let status = match (&record, &held) {
            (None, _) => Status::Uncommissioned,
            (Some(_), None) if planted(Fault::LossStartsEmpty) => Status::Held,
            (Some(_), None) => Status::Lost,
            (Some(_), Some(_)) => Status::Held,
        };
        let mut held = held.unwrap_or(lost);
        if let Some(record) = &record {
            held.keys_from = held.keys_from.max(record.keys_from);
            held.min_generation = held.min_generation.max(record.min_generation);
        }
        let log = Log::boot(board.flash, (layout.log_from(), layout.log), &held)?;
        let newest = held.time_lo.max(held.list_iat());
        let newest = if planted(Fault::BootForgetsTime) { 0 } else { newest };
        let clock = Clock::new(newest, settings.drift_ppm);
        let own = record.map(|record| {
            let keys = Keys::of(&record);
            (record, keys)
        });
        let mut lock = Self {
            settings,
            identity,
            status,
            own,
            held,
            ring,
            log,
            clock,
            issuers: Issuers::default(),
            budget: Budget::default(),
            drawn: None,
            newest: None,
        };
        lock.catch_up(board);
        Ok(lock)
    }

    /// What a cut of power may have left undone: numbers of the page that the record lacks.
    fn catch_up<F: Flash, R: Random>(&mut self, board: &mut Board<'_, F, R>) {
        if self.status == Status::Lost {
            self.note(board, Code::StateLost, 0);
        } else if self.status == Status::Held && self.raise_record(board).is_err() {
            self.status = Status::Faulty;
        }
    }

    /// Copies what was raised into the record.
    fn raise_record<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
    ) -> Result<(), FlashFailed> {
        let held = &self.held;
        let Some((record, _)) = &mut self.own else { return Ok(()) };
        if record.raise(held.epoch, held.keys_from, held.min_generation) {
            record.write(board.flash)?;
        }
        Ok(())
    }

    /// Whether it knows what it must.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// What it holds; nothing that counts unless its status is [`Status::Held`].
    #[must_use]
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Its own public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(crypto::public_of(&self.identity))
    }

    pub(crate) fn identity(&self) -> &SecretKey {
        &self.identity
    }

    /// Its record.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.own.as_ref().map(|(record, _)| record)
    }

    /// The longest list it takes.
    #[must_use]
    pub fn list_limit(&self) -> u16 {
        self.settings.list_limit.min(Settings::MOST_LIST_LIMIT)
    }

    /// What it knows about the time.
    #[must_use]
    pub fn now(&self, ticks_ms: u64) -> Interval {
        self.clock.interval(ticks_ms)
    }

    /// The number its next event will have.
    #[must_use]
    pub fn next_seq(&self) -> u32 {
        self.log.next_seq()
    }

    /// The budget of verifications.
    pub fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    /// Draws what a fresh statement is said over. A lock that lost its state keeps the first until
    /// it is answered: whoever brings the statement may have far to go, and others may ask.
    pub fn draw<F: Flash, R: Random>(&mut self, board: &mut Board<'_, F, R>) -> Nonce {
        match self.drawn {
            Some((nonce, _)) if self.status == Status::Lost => nonce,
            _ => {
                let nonce = board.nonce();
                self.drawn = Some((nonce, board.ticks_ms));
                nonce
            }
        }
    }

    /// What it holds, under a MAC; none if it holds nothing.
    #[must_use]
    pub fn receipt(&self) -> Option<(Receipt, &ReceiptKey)> {
        let (record, keys) = self.own.as_ref().filter(|_| self.status == Status::Held)?;
        let receipt = Receipt {
            lock: record.lock,
            epoch: self.held.epoch,
            version: self.held.version,
            digest: self.held.digest,
            log_epoch: self.held.log_epoch,
            seq: self.log.next_seq(),
        };
        Some((receipt, &keys.receipt))
    }

    /// Events of its log from a number on; from 0, those of earlier logs, a few at each call. How
    /// many were put there.
    pub fn events<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        from_seq: u32,
        into: &mut [Sealed],
    ) -> usize {
        let Some((record, _)) = &self.own else { return 0 };
        let log = (record.lock, self.held.log_epoch);
        self.log.read_from(board.flash, log, from_seq, into).unwrap_or_default()
    }

    /// Records what happened; true if it is durable.
    fn write_down<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        event: Event,
    ) -> bool {
        let Some((record, keys)) = &self.own else { return false };
        let Interval { lo, hi } = self.clock.interval(board.ticks_ms);
        let spread = hi.map_or(u64::MAX, |hi| hi.saturating_sub(lo));
        let spread = u32::try_from(spread).unwrap_or(crate::event::UNKNOWN);
        let event = Event { lo, spread, ..event };
        self.held.time_lo = self.held.time_lo.max(self.clock.newest());
        if self.status == Status::Lost {
            // Its ring is written with a list only, and its log ends when power fails: nothing has
            // to be reserved.
            self.held.reserved = u32::MAX;
        }
        let mut desk = Desk {
            flash: &mut *board.flash,
            ring: &mut self.ring,
            held: &mut self.held,
            key: &keys.event,
            lock: record.lock,
        };
        let recorded = self.log.record(&mut desk, &event).is_ok();
        if !recorded {
            self.status = Status::Faulty;
        }
        recorded
    }

    fn note<F: Flash, R: Random>(&mut self, board: &mut Board<'_, F, R>, code: Code, serial: u32) {
        let epoch = self.held.epoch;
        self.write_down(board, Event { code: code.number(), epoch, serial, ..Event::default() });
    }

    /// An instant that somebody trusted has signed.
    fn saw<F: Flash, R: Random>(&mut self, board: &mut Board<'_, F, R>, iat: u64) {
        if self.clock.saw(iat, board.ticks_ms) {
            self.note(board, Code::ClockWrong, 0);
        }
    }
}
