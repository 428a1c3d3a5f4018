//! The log of events: a circle of slots in flash, one programmed per event, each sealed under a
//! number that is never used twice. What is overwritten before it arrived is declared lost.

use super::code::Code;
use super::flash::{Flash, FlashFailed, checked, seal_crc};
use super::ring::{Held, Ring};
use crate::Id;
use crate::cbor::Writer;
use crate::event::{Event, EventKey, SEALED, Sealed};
use crate::faults::{Fault, planted};

const SLOT: usize = 56;
/// Numbers that are reserved with one write of the state.
const BLOCK: u32 = 64;

/// Numbers from the first to the last, both inside.
type Numbers = (u32, u32);

/// The slots.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    first: u16,
    /// Slots of a sector, and of all.
    per_sector: u32,
    slots: u32,
    /// How many slots have been used, ever: the next is that one around the circle.
    order: u32,
    /// The number of the next event.
    next_seq: u32,
    /// Numbers before those that are there, to be declared lost.
    overwritten: Option<Numbers>,
    /// Numbers after those that are there, to be declared lost.
    skipped: Option<Numbers>,
    /// Where to go on with events of earlier logs.
    earlier: u32,
}

/// A slot that holds an event.
struct Slot {
    order: u32,
    event: Sealed,
}

impl Slot {
    fn bytes(&self) -> [u8; SLOT] {
        let mut room = [0xff; SLOT];
        let mut writer = Writer::new(&mut room);
        writer.raw(&[0; 4]).raw(&self.order.to_be_bytes());
        writer.raw(&self.event.log_epoch.to_be_bytes()).raw(&self.event.seq.to_be_bytes());
        writer.raw(&self.event.sealed);
        seal_crc(&mut room);
        room
    }

    fn of(bytes: &[u8; SLOT], lock: Id) -> Option<Self> {
        let mut fields = checked(bytes)?;
        let order = fields.u32()?;
        let (log_epoch, seq) = (fields.u64()?, fields.u32()?);
        let sealed: [u8; SEALED] = fields.array()?;
        Some(Self { order, event: Sealed { lock, log_epoch, seq, sealed } })
    }
}

/// What an event is written with.
pub(crate) struct Desk<'d, F> {
    pub(crate) flash: &'d mut F,
    pub(crate) ring: &'d mut Ring,
    pub(crate) held: &'d mut Held,
    pub(crate) key: &'d EventKey,
    pub(crate) lock: Id,
}

impl Log {
    /// Looks where the log ends, and what of it is missing.
    ///
    /// # Errors
    /// When the flash does not answer, or a sector holds no three slots.
    pub(crate) fn boot(
        flash: &mut impl Flash,
        (first, sectors): (u16, u16),
        held: &Held,
    ) -> Result<Self, FlashFailed> {
        let per_sector =
            flash.sector_bytes().checked_div(SLOT).and_then(|it| u32::try_from(it).ok());
        let per_sector = per_sector.filter(|it| *it >= 3).ok_or(FlashFailed)?;
        let slots = per_sector.saturating_mul(sectors.into());
        let next_seq = held.reserved;
        let mut log = Self {
            first,
            per_sector,
            slots,
            order: 0,
            next_seq,
            overwritten: None,
            skipped: None,
            earlier: 0,
        };
        let mut there: Option<Numbers> = None;
        for at in 0..slots {
            let Some(slot) = log.slot(flash, at, [0; 16])? else { continue };
            log.order = log.order.max(slot.order.saturating_add(1));
            let seq = slot.event.seq;
            if slot.event.log_epoch == held.log_epoch && seq > held.acked {
                there = Some(there.map_or((seq, seq), |(lo, hi)| (lo.min(seq), hi.max(seq))));
            }
        }
        // A slot that was begun when the power failed is left out.
        while log.order.checked_rem(log.per_sector) != Some(0) && !log.is_empty(flash)? {
            log.order = log.order.saturating_add(1);
        }
        let numbers =
            |from: u32, end: u32| end.checked_sub(1).filter(|to| from <= *to).map(|to| (from, to));
        let from = held.acked.saturating_add(1);
        (log.overwritten, log.skipped) = match there {
            None => (None, numbers(from, next_seq)),
            Some((lo, hi)) => (numbers(from, lo), numbers(hi.saturating_add(1), next_seq)),
        };
        Ok(log)
    }

    /// Goes on with a log of its own, whose numbers begin.
    pub(crate) fn begin(&mut self, held: &Held) {
        self.next_seq = held.reserved;
        (self.overwritten, self.skipped) = (None, None);
    }

    /// The number of the next event.
    pub(crate) fn next_seq(&self) -> u32 {
        self.next_seq
    }

    fn place(&self, order: u32) -> Option<(u16, usize)> {
        let at = order.checked_rem(self.slots)?;
        let sector = u16::try_from(at.checked_div(self.per_sector)?).ok()?;
        let slot = usize::try_from(at.checked_rem(self.per_sector)?).ok()?;
        Some((self.first.checked_add(sector)?, slot.checked_mul(SLOT)?))
    }

    fn read(&self, flash: &mut impl Flash, order: u32) -> Result<[u8; SLOT], FlashFailed> {
        let (sector, at) = self.place(order).ok_or(FlashFailed)?;
        let mut bytes = [0; SLOT];
        flash.read(sector, at, &mut bytes)?;
        Ok(bytes)
    }

    fn slot(
        &self,
        flash: &mut impl Flash,
        order: u32,
        lock: Id,
    ) -> Result<Option<Slot>, FlashFailed> {
        Ok(Slot::of(&self.read(flash, order)?, lock))
    }

    fn is_empty(&self, flash: &mut impl Flash) -> Result<bool, FlashFailed> {
        Ok(self.read(flash, self.order)? == [0xff; SLOT])
    }

    /// Records an event, after what must be declared lost. What a boot has skipped comes first:
    /// when power fails after that, the next boot still sees that what was overwritten is not
    /// there.
    ///
    /// # Errors
    /// When the flash fails.
    pub(crate) fn record<F: Flash>(
        &mut self,
        desk: &mut Desk<'_, F>,
        event: &Event,
    ) -> Result<(), FlashFailed> {
        loop {
            if self.order.checked_rem(self.per_sector) == Some(0)
                && let Some(last) = self.begin_sector(desk)?
            {
                self.overwritten = Some((desk.held.acked.saturating_add(1), last));
            }
            match self.skipped.take().or_else(|| self.overwritten.take()) {
                Some(_) if planted(Fault::NoLostRecord) => {}
                Some(numbers) => self.program(desk, &lost(numbers, event))?,
                None => return self.program(desk, event),
            }
        }
    }

    /// Erases the sector that is written next; gives the last number that is lost by it.
    fn begin_sector<F: Flash>(&self, desk: &mut Desk<'_, F>) -> Result<Option<u32>, FlashFailed> {
        let mut last = None;
        for slot in 0..self.per_sector {
            let order = self.order.saturating_add(slot);
            let Some(slot) = self.slot(desk.flash, order, desk.lock)? else { continue };
            let event = slot.event;
            if event.log_epoch == desk.held.log_epoch && event.seq > desk.held.acked {
                last = last.max(Some(event.seq));
            }
        }
        let (sector, _) = self.place(self.order).ok_or(FlashFailed)?;
        desk.flash.erase(sector)?;
        Ok(last)
    }

    fn program<F: Flash>(
        &mut self,
        desk: &mut Desk<'_, F>,
        event: &Event,
    ) -> Result<(), FlashFailed> {
        if self.next_seq >= desk.held.reserved {
            desk.held.reserved = self.next_seq.checked_add(BLOCK).ok_or(FlashFailed)?;
            desk.ring.write(desk.flash, desk.held)?;
        }
        let seq = self.next_seq;
        let event = Sealed::seal(desk.key, desk.lock, desk.held.log_epoch, seq, event);
        let (sector, at) = self.place(self.order).ok_or(FlashFailed)?;
        let bytes = Slot { order: self.order, event }.bytes();
        self.next_seq = seq.checked_add(1).ok_or(FlashFailed)?;
        self.order = self.order.checked_add(1).ok_or(FlashFailed)?;
        desk.flash.program(sector, at, &bytes)
    }

    /// Events of the current log from a number on, oldest first, as many as there is room for;
    /// from 0, those of earlier logs, a few at each call and around again. How many.
    pub(crate) fn read_from(
        &mut self,
        flash: &mut impl Flash,
        (lock, log_epoch): (Id, u64),
        from_seq: u32,
        into: &mut [Sealed],
    ) -> Result<usize, FlashFailed> {
        let oldest = self.order.saturating_sub(self.slots);
        let begin = match from_seq {
            0 if (oldest..self.order).contains(&self.earlier) => self.earlier,
            _ => oldest,
        };
        let mut count = 0_usize;
        for order in begin..self.order {
            let Some(room) = into.get_mut(count) else { break };
            self.earlier = order.saturating_add(1);
            let Some(slot) = self.slot(flash, order, lock)? else { continue };
            let current = slot.event.log_epoch == log_epoch;
            if slot.order == order && current == (from_seq > 0) && slot.event.seq >= from_seq {
                *room = slot.event;
                count = count.saturating_add(1);
            }
        }
        Ok(count)
    }
}

/// The declaration that numbers are lost, at the time of another event.
fn lost((first, last): Numbers, event: &Event) -> Event {
    Event {
        code: Code::Lost.number(),
        serial: first,
        lo: event.lo,
        spread: last,
        ..Event::default()
    }
}
