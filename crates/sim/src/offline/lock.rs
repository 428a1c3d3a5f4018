//! A virtual lock with no network: flash and a clock that it lends to the crate which decides, a
//! bolt, and a stream to whoever stands before it. Decides nothing itself.

use claviger_offline::Id;
use claviger_offline::cbor::Writer;
use claviger_offline::cose::PublicKey;
use claviger_offline::lock::budget::Turn;
use claviger_offline::lock::clock::Interval;
use claviger_offline::lock::flash::Layout;
use claviger_offline::lock::{Board, BootFailed, Lock, Random, Settings, Status};
use claviger_offline::session::{LENGTH, MOST_FRAME, Session, Step};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Duration, Instant, sleep};

use super::flash::Memory;
use super::link::{read_frame, send};
use crate::rng::Rng;

/// How a virtual lock is made.
pub(crate) const SETTINGS: Settings =
    Settings { layout: Layout { ring: 4, log: 4 }, list_limit: 512, drift_ppm: 100 };
/// What the clock of a lock that keeps none goes on between two visits.
const BETWEEN_VISITS_MS: u64 = 60_000;
/// Verifications that a visit may cost.
const CHAINS: usize = 4;
/// How long one waits who finds the lock's budget of verifications spent.
const PATIENCE_MS: u64 = 1_000;
/// Two looks at what a lock knows of the time are as of this tick, later than any run.
const LATER_MS: u64 = 1 << 40;

/// Randomness of a seed; nobody is kept out by it.
#[derive(Debug, Clone)]
pub(crate) struct Seeded(pub(crate) Rng);

impl Random for Seeded {
    fn fill(&mut self, into: &mut [u8]) {
        into.chunks_mut(8).for_each(|chunk| {
            let bytes = self.0.next().to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        });
    }
}

impl Seeded {
    /// Thirty-two bytes.
    pub(crate) fn secret(&mut self) -> [u8; 32] {
        let mut secret = [0; 32];
        self.fill(&mut secret);
        // Below the order of P-256, whatever was drawn.
        secret[0] &= 0x7f;
        secret
    }
}

/// The oscillator of a lock.
#[derive(Debug)]
enum Ticks {
    /// Goes as the wall does, since power-up.
    Kept(Instant),
    /// Nothing depends on how fast it goes but patience, so the simulation makes it go.
    Free(u64),
}

/// All that a visit by somebody without a right must leave as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Imprint {
    flash: Vec<Vec<u8>>,
    status: Status,
    list: (u16, u32, [u8; 32]),
    next_seq: u32,
    acknowledged: u32,
    /// What it will know of the time at some later tick.
    time: Interval,
    bolt: u64,
}

/// A virtual lock.
#[derive(Debug)]
pub(crate) struct VirtualLock {
    flash: Memory,
    chance: Seeded,
    identity: [u8; 32],
    ticks: Ticks,
    lock: Lock,
    /// How often its bolt was moved.
    pub(crate) bolt: u64,
}

impl VirtualLock {
    /// As its maker sells it: it belongs to nobody.
    ///
    /// # Errors
    /// Never with these settings.
    pub(crate) fn new(seeds: &[u64], keeps_clock: bool) -> Result<VirtualLock, BootFailed> {
        let mut chance = Seeded(Rng::new(seeds));
        let identity = chance.secret();
        let mut flash = Memory::new(SETTINGS.layout.sectors());
        let ticks = if keeps_clock { Ticks::Kept(Instant::now()) } else { Ticks::Free(0) };
        let mut board = Board { flash: &mut flash, random: &mut chance, ticks_ms: 0 };
        let lock = Lock::boot(&mut board, &identity, SETTINGS)?;
        Ok(VirtualLock { flash, chance, identity, ticks, lock, bolt: 0 })
    }

    /// The lock that decides.
    pub(crate) fn decides(&self) -> &Lock {
        &self.lock
    }

    /// Its id; zeros while it is nobody's.
    pub(crate) fn id(&self) -> Id {
        self.lock.record().map_or([0; 16], |record| record.lock)
    }

    /// The epoch and version of its list.
    pub(crate) fn holds(&self) -> (u16, u32) {
        (self.lock.held().epoch, self.lock.held().version)
    }

    /// Whether it keeps a clock, and has been told the time since it has power.
    pub(crate) fn knows_time(&self) -> bool {
        self.lock.now(self.ticks_ms()).hi.is_some()
    }

    /// Its own public key.
    pub(crate) fn public_key(&self) -> PublicKey {
        self.lock.public_key()
    }

    fn ticks_ms(&self) -> u64 {
        match self.ticks {
            Ticks::Kept(since) => u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            Ticks::Free(ticks) => ticks,
        }
    }

    /// What a stranger must leave as it was.
    pub(crate) fn imprint(&self) -> Imprint {
        let held = self.lock.held();
        Imprint {
            flash: self.flash.sectors().to_vec(),
            status: self.lock.status(),
            list: (held.epoch, held.version, held.digest),
            next_seq: self.lock.next_seq(),
            acknowledged: held.acked,
            time: self.lock.now(LATER_MS),
            bolt: self.bolt,
        }
    }

    /// Nobody comes for a while: for as long as its budget needs to be enough for a visit. A clock
    /// that is kept is waited for.
    pub(crate) async fn rest(&mut self) {
        if let Ticks::Free(ticks) = &mut self.ticks {
            *ticks += BETWEEN_VISITS_MS;
        }
        while !self.has_turns() {
            self.wait(PATIENCE_MS).await;
        }
    }

    /// Whether its budget of verifications is enough for a visit.
    fn has_turns(&mut self) -> bool {
        let ticks_ms = self.ticks_ms();
        let mut budget = self.lock.budget().clone();
        (0..CHAINS).all(|_| budget.turn(ticks_ms, false) == Turn::Go)
    }

    async fn wait(&mut self, ms: u64) {
        match &mut self.ticks {
            Ticks::Free(ticks) => *ticks += ms,
            Ticks::Kept(_) => sleep(Duration::from_millis(ms)).await,
        }
    }

    /// Lets the power fail after so many more bytes have been written.
    pub(crate) fn fail_after(&mut self, bytes: usize) {
        self.flash.fail_after(bytes);
    }

    /// Whether it has no power.
    pub(crate) fn is_out(&self) -> bool {
        self.flash.is_out()
    }

    /// Loses the sectors that its states stand in, as flash does that wears out.
    pub(crate) fn lose_state(&mut self) {
        let layout = SETTINGS.layout;
        (layout.ring_from()..layout.log_from()).for_each(|sector| self.flash.lose(sector));
    }

    /// The power comes back.
    ///
    /// # Errors
    /// Never while its flash answers.
    pub(crate) fn power_up(&mut self) -> Result<(), BootFailed> {
        self.flash.repower();
        self.ticks = match self.ticks {
            Ticks::Kept(_) => Ticks::Kept(Instant::now()),
            Ticks::Free(_) => Ticks::Free(0),
        };
        let Self { flash, chance, identity, .. } = self;
        let mut board = Board { flash, random: chance, ticks_ms: 0 };
        self.lock = Lock::boot(&mut board, identity, SETTINGS)?;
        Ok(())
    }

    fn with<T>(&mut self, what: impl FnOnce(&mut Lock, &mut Board<'_, Memory, Seeded>) -> T) -> T {
        let ticks_ms = self.ticks_ms();
        let Self { flash, chance, lock, .. } = self;
        what(lock, &mut Board { flash, random: chance, ticks_ms })
    }

    /// Talks to whoever is at the other end of the link, until one of them hangs up. `button` says
    /// whether somebody holds the lock's own.
    pub(crate) async fn serve(
        &mut self,
        mut link: impl AsyncRead + AsyncWrite + Unpin,
        button: bool,
    ) {
        let mut out = [0; MOST_FRAME + LENGTH];
        let (mut session, length) = self.with(|_, board| Session::begin(board, &mut out));
        let mut sent = send(&mut link, &out[..length]).await;
        while sent.is_some() {
            let Some(frame) = read_frame(&mut link).await else { return };
            sent = self.answer(&mut session, button, &frame, &mut link, &mut out).await;
        }
    }

    /// Takes one frame and sends what is due; none where the link ends.
    async fn answer(
        &mut self,
        session: &mut Session,
        button: bool,
        frame: &[u8],
        link: &mut (impl AsyncWrite + Unpin),
        out: &mut [u8; MOST_FRAME + LENGTH],
    ) -> Option<()> {
        loop {
            // A phone in the simulation is near.
            let at = (true, button);
            let step = self.with(|lock, board| session.receive(lock, board, at, frame, out));
            if self.is_out() {
                return None;
            }
            let length = match step {
                Step::Send(length) => length,
                Step::Move(_, length) => {
                    self.bolt += 1;
                    length
                }
                Step::Wait(ms) => {
                    self.wait(ms).await;
                    continue;
                }
                Step::End => return None,
            };
            return send(link, out.get(..length)?).await;
        }
    }
}

/// A public key as the API writes it: a COSE_Key.
pub(crate) fn cose_key(key: &PublicKey) -> Vec<u8> {
    let mut room = [0; 80];
    let mut writer = Writer::new(&mut room);
    key.write(&mut writer);
    writer.done().unwrap_or_default().to_vec()
}
