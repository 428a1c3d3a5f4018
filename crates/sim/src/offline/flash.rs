//! The flash of a virtual lock, in memory: its power fails at any byte, and a page of it can be
//! lost. Knows nothing of what is written there.

use claviger_offline::lock::flash::{Flash, FlashFailed};

/// Bytes of a sector.
const SECTOR: usize = 1024;
/// Bytes that are erased at a time, as far as a cut of power can tell.
const ERASED_AT_ONCE: usize = 8;

/// Flash in memory. Words are programmed once, as in the real thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    sectors: Vec<Vec<u8>>,
    /// Bytes that may still change before the power fails; none: it does not.
    power: Option<usize>,
}

impl Memory {
    /// Erased, with that many sectors.
    pub(crate) fn new(sectors: u16) -> Memory {
        Memory { sectors: vec![vec![0xff; SECTOR]; sectors.into()], power: None }
    }

    /// Lets the power fail after so many more bytes have changed.
    pub(crate) fn fail_after(&mut self, bytes: usize) {
        self.power = Some(bytes);
    }

    /// Whether the power has failed.
    pub(crate) fn is_out(&self) -> bool {
        self.power == Some(0)
    }

    /// The power is back, and stays.
    pub(crate) fn repower(&mut self) {
        self.power = None;
    }

    /// A sector is lost, as flash that wears out loses it.
    pub(crate) fn lose(&mut self, sector: u16) {
        if let Some(sector) = self.sectors.get_mut(usize::from(sector)) {
            sector.fill(0);
        }
    }

    /// What stands in it, sector after sector.
    pub(crate) fn sectors(&self) -> &[Vec<u8>] {
        &self.sectors
    }

    fn room(&mut self, sector: u16, at: usize, bytes: usize) -> Result<&mut [u8], FlashFailed> {
        let end = at.checked_add(bytes).ok_or(FlashFailed)?;
        let sector = self.sectors.get_mut(usize::from(sector)).ok_or(FlashFailed)?;
        sector.get_mut(at..end).ok_or(FlashFailed)
    }

    /// So many of these bytes get through; whether all do.
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
        if self.is_out() {
            return Err(FlashFailed);
        }
        let room = self.room(sector, at, into.len())?;
        into.copy_from_slice(room);
        Ok(())
    }

    fn program(&mut self, sector: u16, at: usize, bytes: &[u8]) -> Result<(), FlashFailed> {
        if self.room(sector, at, bytes.len())?.iter().any(|byte| *byte != 0xff) {
            return Err(FlashFailed);
        }
        let (through, done) = self.spend(bytes.len());
        self.room(sector, at, through)?.copy_from_slice(&bytes[..through]);
        done
    }

    fn erase(&mut self, sector: u16) -> Result<(), FlashFailed> {
        self.room(sector, 0, SECTOR)?;
        let (through, done) = self.spend(SECTOR / ERASED_AT_ONCE);
        self.room(sector, 0, through * ERASED_AT_ONCE)?.fill(0xff);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_programmed_once_and_power_fails_at_a_byte() {
        let mut flash = Memory::new(2);
        assert_eq!(flash.program(1, 8, &[7; 8]), Ok(()));
        assert_eq!(flash.program(1, 8, &[7; 8]), Err(FlashFailed), "programmed twice");
        assert_eq!(flash.program(2, 0, &[7; 8]), Err(FlashFailed), "no such sector");
        flash.fail_after(3);
        assert_eq!(flash.program(0, 0, &[7; 8]), Err(FlashFailed));
        assert!(flash.is_out() && flash.sectors()[0].starts_with(&[7, 7, 7, 0xff]));
        assert_eq!(flash.read(0, 0, &mut [0; 8]), Err(FlashFailed));
        flash.repower();
        assert_eq!(flash.erase(0), Ok(()));
        assert_eq!(flash.program(0, 0, &[7; 8]), Ok(()));
    }
}
