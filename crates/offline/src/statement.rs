//! Short statements: what is current and what time it is (also the time token), which events have
//! arrived, and a holder's command. Says nothing of when they count.

use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::key::{IAT, claim, epoch};
use crate::{Digest, Id, Nonce};

const FRESH: i64 = -70005;
const OPEN: i64 = -70006;
const ACK: i64 = -70007;

/// What the newest list of a lock is, said over a nonce of the lock's; also the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// When it was made, in UTC seconds: after the lock drew the nonce.
    pub iat: u64,
    /// The lock.
    pub lock: Id,
    /// What the lock drew.
    pub nonce: Nonce,
    /// The epoch of its newest list.
    pub epoch: u16,
    /// The version of its newest list.
    pub version: u32,
    /// The digest of its newest list.
    pub digest: Digest,
}

impl Fresh {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not the one encoding.
    pub fn read(payload: &[u8]) -> Read<Self> {
        let mut reader = Reader::new(payload);
        reader.map(2)?;
        let iat = claim(&mut reader, IAT)?;
        reader.member(FRESH)?;
        reader.array(5)?;
        let lock = *reader.fixed()?;
        let nonce = *reader.fixed()?;
        let epoch = epoch(&mut reader)?;
        let version = reader.uint()?;
        let digest = *reader.fixed()?;
        reader.end()?;
        Ok(Self { iat, lock, nonce, epoch, version, digest })
    }

    /// Writes the payload.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.map(2).int(IAT).uint(self.iat);
        writer.int(FRESH).array(5).bytes(&self.lock).bytes(&self.nonce);
        writer.uint(self.epoch).uint(self.version).bytes(&self.digest);
    }
}

/// Which events of a lock the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// When it was made.
    pub iat: u64,
    /// The lock.
    pub lock: Id,
    /// The log they are of.
    pub log_epoch: u64,
    /// All up to this number have arrived.
    pub up_to_seq: u32,
}

impl Ack {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not the one encoding.
    pub fn read(payload: &[u8]) -> Read<Self> {
        let mut reader = Reader::new(payload);
        reader.map(2)?;
        let iat = claim(&mut reader, IAT)?;
        reader.member(ACK)?;
        reader.array(3)?;
        let lock = *reader.fixed()?;
        let log_epoch = reader.uint()?;
        let up_to_seq = reader.uint()?;
        reader.end()?;
        Ok(Self { iat, lock, log_epoch, up_to_seq })
    }

    /// Writes the payload.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.map(2).int(IAT).uint(self.iat);
        writer.int(ACK).array(3).bytes(&self.lock).uint(self.log_epoch).uint(self.up_to_seq);
    }
}

/// What a holder wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Close; otherwise open.
    pub close: bool,
    /// The person acted just now.
    pub intent: bool,
}

impl Command {
    const CLOSE: u8 = 1;
    const INTENT: u8 = 16;

    /// The command of a number; none if there is no such.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        let known = number & !(Self::CLOSE | Self::INTENT) == 0;
        known.then_some(Self {
            close: number & Self::CLOSE != 0,
            intent: number & Self::INTENT != 0,
        })
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        let close = if self.close { Self::CLOSE } else { 0 };
        close | if self.intent { Self::INTENT } else { 0 }
    }
}

/// A holder's command, which proves that the key is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// What the lock drew.
    pub nonce: Nonce,
    /// The lock.
    pub lock: Id,
    /// The digest of the key.
    pub key_digest: Digest,
    /// What is wanted.
    pub command: Command,
    /// The session it is said in; zeros at a card reader.
    pub session: Digest,
}

impl Open {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not the one encoding, or an unknown command.
    pub fn read(payload: &[u8]) -> Read<Self> {
        let mut reader = Reader::new(payload);
        reader.map(1)?;
        reader.member(OPEN)?;
        reader.array(5)?;
        let nonce = *reader.fixed()?;
        let lock = *reader.fixed()?;
        let key_digest = *reader.fixed()?;
        let command = Command::of(reader.uint()?).ok_or(Malformed)?;
        let session = *reader.fixed()?;
        reader.end()?;
        Ok(Self { nonce, lock, key_digest, command, session })
    }

    /// Writes the payload.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.map(1).int(OPEN).array(5).bytes(&self.nonce).bytes(&self.lock);
        writer.bytes(&self.key_digest).uint(self.command.number()).bytes(&self.session);
    }
}
