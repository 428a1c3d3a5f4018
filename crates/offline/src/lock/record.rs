//! The commissioning record: whose lock it is, whom it believes, and the secret it shares with its
//! server. It stands in two copies outside the ring of states.

use super::flash::{Flash, FlashFailed, Layout, checked, reads_back, seal_crc};
use crate::Id;
use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::cose::{PublicKey, Signed};
use crate::key::epoch;

const BYTES: usize = 144;

/// What a lock was told when it was commissioned, and what was raised since.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub lock: Id,
    /// Its owner place.
    pub place: Id,
    /// The root of that place.
    pub root: PublicKey,
    /// Shared with the server: receipts and events are under keys made of it.
    pub secret: [u8; 32],
    /// The highest epoch it has accepted.
    pub epoch: u16,
    /// Keys of epochs before this are refused.
    pub keys_from: u16,
    /// Issuers of generations below this are refused.
    pub min_generation: u32,
}

impl core::fmt::Debug for Record {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut shown = formatter.debug_struct("Record");
        shown.field("lock", &self.lock).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// A record as it comes, with what is current.
#[derive(Clone, Debug)]
pub struct Commissioning<'b> {
    /// What is kept.
    pub record: Record,
    /// The certificate of the issuer.
    pub issuer: &'b [u8],
    /// The first list.
    pub list: &'b [u8],
}

impl<'b> Commissioning<'b> {
    /// The kind of message it is within a session.
    pub const NUMBER: u8 = 0;

    /// Reads `[0, lock, place, root, secret, epoch, keys_from, min_gen, issuer, list]`.
    ///
    /// # Errors
    /// When it is not the one encoding.
    pub fn read(reader: &mut Reader<'b>) -> Read<Self> {
        let lock = *reader.fixed()?;
        let place = *reader.fixed()?;
        let root = PublicKey::read(reader)?;
        let secret = *reader.fixed()?;
        let number = epoch(reader)?;
        let keys_from = epoch(reader)?;
        let min_generation = reader.uint()?;
        let (issuer, list) = (Signed::raw(reader)?, Signed::raw(reader)?);
        if keys_from > number {
            return Err(Malformed);
        }
        let record = Record { lock, place, root, secret, epoch: number, keys_from, min_generation };
        Ok(Self { record, issuer, list })
    }

    /// Writes it.
    pub fn write(&self, writer: &mut Writer<'_>) {
        let record = &self.record;
        writer.array(10).uint(Self::NUMBER).bytes(&record.lock).bytes(&record.place);
        record.root.write(writer);
        writer.bytes(&record.secret).uint(record.epoch).uint(record.keys_from);
        writer.uint(record.min_generation).raw(self.issuer).raw(self.list);
    }
}

impl Record {
    fn bytes(&self) -> [u8; BYTES] {
        let mut room = [0xff; BYTES];
        let mut writer = Writer::new(&mut room);
        writer.raw(&[0; 4]).raw(&self.lock).raw(&self.place).raw(&self.root.0).raw(&self.secret);
        writer.raw(&self.epoch.to_be_bytes()).raw(&self.keys_from.to_be_bytes());
        writer.raw(&self.min_generation.to_be_bytes());
        seal_crc(&mut room);
        room
    }

    fn of(bytes: &[u8; BYTES]) -> Option<Self> {
        let mut fields = checked(bytes)?;
        Some(Self {
            lock: fields.array()?,
            place: fields.array()?,
            root: PublicKey(fields.array()?),
            secret: fields.array()?,
            epoch: fields.u16()?,
            keys_from: fields.u16()?,
            min_generation: fields.u32()?,
        })
    }

    /// Reads both copies, takes the higher numbers, and mends a copy that is lost or behind. None
    /// if both are lost: the lock is nobody's.
    ///
    /// # Errors
    /// When the flash fails.
    pub(crate) fn boot(flash: &mut impl Flash) -> Result<Option<Self>, FlashFailed> {
        let mut copy = |sector| -> Result<Option<Self>, FlashFailed> {
            let mut bytes = [0; BYTES];
            flash.read(sector, 0, &mut bytes)?;
            Ok(Self::of(&bytes))
        };
        let [first, second] = Layout::COPIES;
        let (one, other) = (copy(first)?, copy(second)?);
        let Some(mut record) = one.clone().or_else(|| other.clone()) else { return Ok(None) };
        if let Some(other) = &other {
            record.raise(other.epoch, other.keys_from, other.min_generation);
        }
        if one.as_ref() != Some(&record) {
            record.write_copy(flash, first)?;
        }
        if other.as_ref() != Some(&record) {
            record.write_copy(flash, second)?;
        }
        Ok(Some(record))
    }

    /// Takes the higher numbers; whether any was.
    pub(crate) fn raise(&mut self, epoch: u16, keys_from: u16, min_generation: u32) -> bool {
        let raised = epoch > self.epoch
            || keys_from > self.keys_from
            || min_generation > self.min_generation;
        self.epoch = self.epoch.max(epoch);
        self.keys_from = self.keys_from.max(keys_from);
        self.min_generation = self.min_generation.max(min_generation);
        raised
    }

    fn write_copy(&self, flash: &mut impl Flash, sector: u16) -> Result<(), FlashFailed> {
        let bytes = self.bytes();
        flash.erase(sector)?;
        flash.program(sector, 0, &bytes)?;
        if reads_back(flash, sector, &bytes) { Ok(()) } else { Err(FlashFailed) }
    }

    /// Writes both copies, one after the other: one is whole at any time.
    ///
    /// # Errors
    /// When the flash fails.
    pub(crate) fn write(&self, flash: &mut impl Flash) -> Result<(), FlashFailed> {
        let [first, second] = Layout::COPIES;
        self.write_copy(flash, first)?;
        self.write_copy(flash, second)
    }
}
