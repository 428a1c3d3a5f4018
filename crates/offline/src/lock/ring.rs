//! What a lock holds, written as one page per change into a ring of sectors. A cut of power at any
//! byte leaves the state before or the one after; that the newest page was lost is noticed.
//! Decides nothing.

use super::flash::{Flash, FlashFailed, WORD, checked, reads_back, seal_crc};
use crate::cbor::Writer;
use crate::faults::{Fault, planted};
use crate::list::List;
use crate::{Digest, Nonce, crypto};

/// The longest payload of a list that is held.
pub const MOST_LIST: usize = 816;
const HEAD: usize = 80;
const PAGE: usize = HEAD + MOST_LIST;
/// The fewest bytes a sector must have.
pub(crate) const LEAST_SECTOR: usize = PAGE + WORD;

/// What a lock must not forget.
#[derive(Clone, Debug)]
pub struct Held {
    /// The epoch of its list.
    pub epoch: u16,
    /// The version of its list.
    pub version: u32,
    /// The digest of its list.
    pub digest: Digest,
    /// Keys of epochs before this are refused.
    pub keys_from: u16,
    /// Issuers of generations below this are refused.
    pub min_generation: u32,
    /// The newest instant that anybody trusted has signed.
    pub time_lo: u64,
    /// The log that events are counted in.
    pub log_epoch: u64,
    /// Numbers of events below this may have been used.
    pub reserved: u32,
    /// Events up to this number have arrived at the server.
    pub acked: u32,
    length: usize,
    list: [u8; MOST_LIST],
}

impl Held {
    /// Nothing yet, with a log of its own.
    pub(crate) fn nothing(log_epoch: Nonce) -> Self {
        Self {
            epoch: 0,
            version: 0,
            digest: [0; 32],
            keys_from: 0,
            min_generation: 0,
            time_lo: 0,
            log_epoch: u64::from_be_bytes(crypto::filled(&[&log_epoch])),
            reserved: 1,
            acked: 0,
            length: 0,
            list: [0; MOST_LIST],
        }
    }

    /// The payload of its list.
    #[must_use]
    pub fn list(&self) -> &[u8] {
        self.list.get(..self.length).unwrap_or_default()
    }

    /// When its list was made.
    pub(crate) fn list_iat(&self) -> u64 {
        List::read(self.list()).map_or(0, |list| list.iat)
    }

    /// Takes the payload of a list; false if it is too long.
    pub(crate) fn set_list(&mut self, payload: &[u8]) -> bool {
        let Some(room) = self.list.get_mut(..payload.len()) else { return false };
        room.copy_from_slice(payload);
        self.length = payload.len();
        true
    }

    /// CRC, sequence, fields, list; then ones up to a whole word.
    fn page<'r>(&self, sequence: u32, room: &'r mut [u8; PAGE]) -> Option<&'r [u8]> {
        let mut writer = Writer::new(room);
        writer.raw(&[0; 4]).raw(&sequence.to_be_bytes());
        writer.raw(&self.epoch.to_be_bytes()).raw(&self.keys_from.to_be_bytes());
        writer.raw(&self.min_generation.to_be_bytes()).raw(&self.version.to_be_bytes());
        writer.raw(&self.time_lo.to_be_bytes()).raw(&self.log_epoch.to_be_bytes());
        writer.raw(&self.reserved.to_be_bytes()).raw(&self.acked.to_be_bytes());
        writer.raw(&self.digest).raw(&u32::try_from(self.length).ok()?.to_be_bytes());
        writer.raw(self.list());
        let end = HEAD.saturating_add(self.length);
        let whole = end.next_multiple_of(WORD);
        let page = room.get_mut(..whole)?;
        page.get_mut(end..)?.fill(0xff);
        seal_crc(page);
        Some(page)
    }

    /// The sequence and what was held, if the page is whole.
    fn of_page(room: &[u8; PAGE]) -> Option<(u32, Self)> {
        let length = room.get(HEAD.checked_sub(4)?..HEAD)?.try_into().ok()?;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        let end = HEAD.checked_add(length).filter(|_| length <= MOST_LIST)?;
        let mut fields = checked(room.get(..end.next_multiple_of(WORD))?)?;
        let sequence = fields.u32()?;
        let mut held = Self::nothing([0; 16]);
        (held.epoch, held.keys_from) = (fields.u16()?, fields.u16()?);
        (held.min_generation, held.version) = (fields.u32()?, fields.u32()?);
        (held.time_lo, held.log_epoch) = (fields.u64()?, fields.u64()?);
        (held.reserved, held.acked) = (fields.u32()?, fields.u32()?);
        held.digest = fields.array()?;
        held.set_list(room.get(HEAD..end)?).then_some((sequence, held))
    }
}

/// The pages.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    first: u16,
    sectors: u16,
    /// Where the newest page is, or was.
    at: u16,
    /// Its sequence.
    sequence: u32,
    /// Whether there is a page to be superseded by the next.
    current: bool,
}

impl Ring {
    /// Looks for the newest page. None if it, or all, are lost: the state is then unknown.
    ///
    /// # Errors
    /// When the flash does not answer.
    pub(crate) fn boot(
        flash: &mut impl Flash,
        first: u16,
        sectors: u16,
    ) -> Result<(Self, Option<Held>), FlashFailed> {
        let mut ring = Self { first, sectors, at: 0, sequence: 0, current: false };
        let mut newest = None;
        for at in 0..sectors {
            let Some((sequence, held)) = ring.page(flash, at)? else { continue };
            if newest.is_none() || sequence > ring.sequence {
                (ring.at, ring.sequence) = (at, sequence);
                newest = Some(held);
            }
        }
        if newest.is_none() {
            return Ok((ring, None));
        }
        if ring.superseded(flash, ring.at)? {
            // Its successor was written and has vanished; that one's sequence is not used again.
            ring.sequence = ring.sequence.saturating_add(1);
            return Ok((ring, None));
        }
        // A cut may have come between a page and the word on its predecessor.
        for at in (0..sectors).filter(|at| *at != ring.at) {
            if ring.page(flash, at)?.is_some() && !ring.superseded(flash, at)? {
                ring.supersede(flash, at)?;
            }
        }
        ring.current = true;
        Ok((ring, newest))
    }

    fn sector(&self, at: u16) -> u16 {
        self.first.saturating_add(at)
    }

    fn page(&self, flash: &mut impl Flash, at: u16) -> Result<Option<(u32, Held)>, FlashFailed> {
        let mut room = [0; PAGE];
        flash.read(self.sector(at), 0, &mut room)?;
        Ok(Held::of_page(&room))
    }

    fn word_at(flash: &impl Flash) -> usize {
        flash.sector_bytes().saturating_sub(WORD)
    }

    fn superseded(&self, flash: &mut impl Flash, at: u16) -> Result<bool, FlashFailed> {
        let mut word = [0; WORD];
        let word_at = Self::word_at(flash);
        flash.read(self.sector(at), word_at, &mut word)?;
        Ok(word != [0xff; WORD])
    }

    fn supersede(&self, flash: &mut impl Flash, at: u16) -> Result<(), FlashFailed> {
        if planted(Fault::NoSuperseded) {
            return Ok(());
        }
        let word_at = Self::word_at(flash);
        flash.program(self.sector(at), word_at, &[0; WORD])
    }

    /// Writes a state. When this returns well, no former state can come back unnoticed.
    ///
    /// # Errors
    /// When the flash fails; which of the two states it holds is then found out by [`Ring::boot`].
    pub(crate) fn write(&mut self, flash: &mut impl Flash, held: &Held) -> Result<(), FlashFailed> {
        let next = self.at.saturating_add(1).checked_rem(self.sectors).ok_or(FlashFailed)?;
        let sequence = self.sequence.checked_add(1).ok_or(FlashFailed)?;
        let mut room = [0; PAGE];
        let page = held.page(sequence, &mut room).ok_or(FlashFailed)?;
        let sector = self.sector(next);
        flash.erase(sector)?;
        flash.program(sector, 0, page)?;
        if !reads_back(flash, sector, page) {
            return Err(FlashFailed);
        }
        if self.current {
            self.supersede(flash, self.at)?;
        }
        (self.at, self.sequence, self.current) = (next, sequence, true);
        Ok(())
    }
}
