//! What happened at a lock, sealed for its server: any phone may carry it and reads nothing. Says
//! what an event is; numbers are given and kept in `lock`.

use crate::cbor::{Read, Reader, Writer};
use crate::{Id, crypto};

const INFO: &[u8] = b"claviger/event/v1";
/// Bytes of an event, sealed with its tag.
pub const SEALED: usize = 36;
const PLAIN: usize = SEALED - crypto::TAG;
/// `hi - lo` of a time whose end is unknown.
pub const UNKNOWN: u32 = u32::MAX;
/// Bytes of an event with its lock and number, at most.
pub const MOST_BYTES: usize = 70;

/// What a lock seals its events with.
#[derive(Clone)]
pub struct EventKey([u8; 16]);

impl EventKey {
    /// From the secret that the lock was commissioned with.
    #[must_use]
    pub fn of(secret: &[u8; 32], lock: &Id) -> Self {
        Self(crypto::derive(&[secret], lock, INFO))
    }
}

impl core::fmt::Debug for EventKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("EventKey")
    }
}

/// What happened. What a code means is in `lock::code`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub code: u8,
    /// The class of the key that was used.
    pub class: u8,
    /// Its epoch.
    pub epoch: u16,
    /// Its serial.
    pub serial: u32,
    /// When, at the earliest: UTC seconds, 48 bits.
    pub lo: u64,
    /// When, at the latest, counted from `lo`; [`UNKNOWN`] if nobody can tell.
    pub spread: u32,
    /// What was wanted.
    pub command: u16,
}

impl Event {
    fn plain(&self) -> [u8; PLAIN] {
        let lo = self.lo.min((1 << 48) - 1).to_be_bytes();
        let (_, lo) = lo.split_at(2);
        crypto::filled(&[
            &[self.code],
            &[self.class],
            &self.epoch.to_be_bytes(),
            &self.serial.to_be_bytes(),
            lo,
            &self.spread.to_be_bytes(),
            &self.command.to_be_bytes(),
        ])
    }

    fn of(plain: &[u8; PLAIN]) -> Self {
        let number = |skip: usize, length: usize| {
            plain.iter().skip(skip).take(length).fold(0_u64, |sum, it| sum << 8 | u64::from(*it))
        };
        let [code, class, ..] = *plain;
        Self {
            code,
            class,
            epoch: u16::try_from(number(2, 2)).unwrap_or_default(),
            serial: u32::try_from(number(4, 4)).unwrap_or_default(),
            lo: number(8, 6),
            spread: u32::try_from(number(14, 4)).unwrap_or_default(),
            command: u16::try_from(number(18, 2)).unwrap_or_default(),
        }
    }
}

/// An event under seal, as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The lock.
    pub lock: Id,
    /// The log it is of.
    pub log_epoch: u64,
    /// Its number there.
    pub seq: u32,
    /// What happened, and a tag.
    pub sealed: [u8; SEALED],
}

fn iv(log_epoch: u64, seq: u32) -> [u8; 12] {
    crypto::filled(&[&log_epoch.to_be_bytes(), &seq.to_be_bytes()])
}

impl Sealed {
    /// None: what a room for events is filled with.
    pub const NONE: Self = Self { lock: [0; 16], log_epoch: 0, seq: 0, sealed: [0; SEALED] };

    /// Seals an event under its number, which must never be used for another.
    #[must_use]
    pub fn seal(key: &EventKey, lock: Id, log_epoch: u64, seq: u32, event: &Event) -> Self {
        let mut plain = event.plain();
        let tag = crypto::seal(&key.0, &iv(log_epoch, seq), &lock, &mut plain);
        let sealed = crypto::filled(&[&plain, &tag.unwrap_or_default()]);
        Self { lock, log_epoch, seq, sealed }
    }

    /// What happened; none if the seal is not this lock's for this number.
    #[must_use]
    pub fn open(&self, key: &EventKey) -> Option<Event> {
        let (plain, tag) = self.sealed.split_first_chunk::<PLAIN>()?;
        let mut plain = *plain;
        let tag = tag.try_into().ok()?;
        crypto::unseal(&key.0, &iv(self.log_epoch, self.seq), &self.lock, &mut plain, tag)?;
        Some(Event::of(&plain))
    }

    /// Reads one and nothing after it.
    ///
    /// # Errors
    /// When it is not the one encoding.
    pub fn read(bytes: &[u8]) -> Read<Self> {
        let mut reader = Reader::new(bytes);
        let sealed = Self::read_next(&mut reader)?;
        reader.end()?;
        Ok(sealed)
    }

    /// Reads one of several.
    ///
    /// # Errors
    /// When it is not the one encoding.
    pub fn read_next(reader: &mut Reader<'_>) -> Read<Self> {
        reader.array(4)?;
        let lock = *reader.fixed()?;
        let log_epoch = reader.uint()?;
        let seq = reader.uint()?;
        let sealed = *reader.fixed()?;
        Ok(Self { lock, log_epoch, seq, sealed })
    }

    /// Writes it.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.array(4).bytes(&self.lock).uint(self.log_epoch).uint(self.seq);
        writer.bytes(&self.sealed);
    }
}
