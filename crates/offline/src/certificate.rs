//! What the root of a place signs: who may issue keys and lists, and that an epoch begins. They
//! travel beside what they are needed for. Holds no rule of when they count.

use crate::Id;
use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::cose::PublicKey;
use crate::key::{IAT, claim, epoch, read_head, write_head};

const ISSUER: i64 = -70003;
const EPOCH: i64 = -70004;

/// Who may sign for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What it signs is of before this second.
    pub exp: u64,
    /// What it signs is of this second or later.
    pub nbf: u64,
    /// When it was made.
    pub iat: u64,
    /// What it signs with.
    pub key: PublicKey,
    /// The place it signs for.
    pub place: Id,
    /// Its generation; locks refuse those below the least they have been told.
    pub generation: u32,
}

impl Issuer {
    /// Reads the payload of an issuer's certificate.
    ///
    /// # Errors
    /// When it is not the one encoding.
    pub fn read(payload: &[u8]) -> Read<Self> {
        let mut reader = Reader::new(payload);
        let ([exp, nbf, iat], key) = read_head(&mut reader)?;
        reader.member(ISSUER)?;
        reader.array(2)?;
        let place = *reader.fixed()?;
        let generation = reader.uint()?;
        reader.end()?;
        Ok(Self { exp, nbf, iat, key, place, generation })
    }

    /// Writes the payload.
    pub fn write(&self, writer: &mut Writer<'_>) {
        write_head(writer, [self.exp, self.nbf, self.iat], &self.key);
        writer.int(ISSUER).array(2).bytes(&self.place).uint(self.generation);
    }

    /// Whether it could sign something of this instant. No clock is asked: what was signed tells.
    #[must_use]
    pub fn signs_at(&self, iat: u64) -> bool {
        self.nbf <= iat && iat < self.exp
    }
}

/// That an epoch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// When it was made.
    pub iat: u64,
    /// The place.
    pub place: Id,
    /// The one lock; none for all of the place.
    pub lock: Option<Id>,
    /// The epoch.
    pub epoch: u16,
    /// Keys of epochs before this one are refused from now on; at most the epoch.
    pub keys_from: u16,
    /// Issuers of generations below this one are refused.
    pub min_generation: u32,
    /// The lock forgets what it believes about the time; only with `keys_from` the epoch.
    pub reset_time: bool,
}

impl Epoch {
    /// Reads the payload of an epoch's certificate.
    ///
    /// # Errors
    /// When it is not the one encoding, or demands what cannot be.
    pub fn read(payload: &[u8]) -> Read<Self> {
        let mut reader = Reader::new(payload);
        reader.map(2)?;
        let iat = claim(&mut reader, IAT)?;
        reader.member(EPOCH)?;
        reader.array(6)?;
        let place = *reader.fixed()?;
        let lock = if reader.null() { None } else { Some(*reader.fixed()?) };
        let number = epoch(&mut reader)?;
        let keys_from = epoch(&mut reader)?;
        let min_generation = reader.uint()?;
        let reset_time = reader.bool()?;
        reader.end()?;
        if keys_from > number || (reset_time && keys_from != number) {
            return Err(Malformed);
        }
        Ok(Self { iat, place, lock, epoch: number, keys_from, min_generation, reset_time })
    }

    /// Writes the payload.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.map(2).int(IAT).uint(self.iat);
        writer.int(EPOCH).array(6).bytes(&self.place);
        match &self.lock {
            Some(lock) => writer.bytes(lock),
            None => writer.null(),
        };
        writer.uint(self.epoch).uint(self.keys_from).uint(self.min_generation);
        writer.bool(self.reset_time);
    }
}
