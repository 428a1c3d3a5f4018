//! A key: the right of one device to open one lock for a while, as a CWT (RFC 8392) with proof of
//! possession (RFC 8747). Says what a key is; whether it opens is decided in `lock`.

use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::class::Class;
use crate::cose::PublicKey;
use crate::items::Items;
use crate::times::{Span, Times, Weekly, Zone};
use crate::{CLAIM_END, Id, MOST_EPOCH};

/// Windows, spans and closed spans that a key may have, of each.
pub const MOST_WINDOWS: usize = 16;

const EXP: i64 = 4;
const NBF: i64 = 5;
/// When a thing was signed: the same claim in all kinds.
pub(crate) const IAT: i64 = 6;
const CNF: i64 = 8;
const COSE_KEY: i64 = 1;
const KEY: i64 = -70001;

/// What a key demands beside the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Where the lock cannot tell the time, refuse.
    pub strict_time: bool,
    /// The person must have acted just now.
    pub require_intent: bool,
    /// The link must be known to be short.
    pub require_proximity: bool,
}

impl Flags {
    const STRICT_TIME: u8 = 1;
    const REQUIRE_INTENT: u8 = 2;
    const REQUIRE_PROXIMITY: u8 = 4;

    /// The flags of a number; none if one is unknown.
    #[must_use]
    pub fn of(bits: u8) -> Option<Self> {
        let has = |bit| bits & bit != 0;
        (bits <= 7).then(|| Self {
            strict_time: has(Self::STRICT_TIME),
            require_intent: has(Self::REQUIRE_INTENT),
            require_proximity: has(Self::REQUIRE_PROXIMITY),
        })
    }

    /// Their number.
    #[must_use]
    pub fn bits(self) -> u8 {
        let bit = |set, bit| if set { bit } else { 0 };
        bit(self.strict_time, Self::STRICT_TIME)
            | bit(self.require_intent, Self::REQUIRE_INTENT)
            | bit(self.require_proximity, Self::REQUIRE_PROXIMITY)
    }
}

/// The claims of a key. Instants are UTC seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'k> {
    /// The first second at which it holds no more.
    pub exp: u64,
    /// The first second at which it holds.
    pub nbf: u64,
    /// When it was made.
    pub iat: u64,
    /// Whose signature makes it a command.
    pub holder: PublicKey,
    /// The one lock it is for.
    pub lock: Id,
    /// Its class.
    pub class: Class,
    /// The epoch it was made in.
    pub epoch: u16,
    /// Its serial: one or more, per lock and class.
    pub serial: u32,
    /// The version of the list that the lock must have.
    pub min_list: u32,
    /// What it demands.
    pub flags: Flags,
    /// When it holds.
    pub times: Times<'k>,
}

/// A claim: an unsigned integer below 2^40.
pub(crate) fn claim(reader: &mut Reader<'_>, label: i64) -> Read<u64> {
    reader.member(label)?;
    instant(reader)
}

/// UTC seconds below 2^40.
pub(crate) fn instant(reader: &mut Reader<'_>) -> Read<u64> {
    let at = reader.uint()?;
    if at < CLAIM_END { Ok(at) } else { Err(Malformed) }
}

/// An epoch.
pub(crate) fn epoch(reader: &mut Reader<'_>) -> Read<u16> {
    let epoch = reader.uint()?;
    if epoch <= MOST_EPOCH { Ok(epoch) } else { Err(Malformed) }
}

/// The claims that keys and certificates begin with, in a map of five: exp, nbf, iat, and who holds
/// the secret key.
pub(crate) fn read_head(reader: &mut Reader<'_>) -> Read<([u64; 3], PublicKey)> {
    reader.map(5)?;
    let times = [claim(reader, EXP)?, claim(reader, NBF)?, claim(reader, IAT)?];
    reader.member(CNF)?;
    reader.map(1)?;
    reader.member(COSE_KEY)?;
    Ok((times, PublicKey::read(reader)?))
}

/// Writes what [`read_head`] reads.
pub(crate) fn write_head(writer: &mut Writer<'_>, times: [u64; 3], key: &PublicKey) {
    let [exp, nbf, iat] = times;
    writer.map(5).int(EXP).uint(exp).int(NBF).uint(nbf).int(IAT).uint(iat);
    key.write(writer.int(CNF).map(1).int(COSE_KEY));
}

impl<'k> Key<'k> {
    /// Reads the payload of a key.
    ///
    /// # Errors
    /// When it is not the one encoding of a key, or has unknown flags.
    pub fn read(payload: &'k [u8]) -> Read<Self> {
        let mut reader = Reader::new(payload);
        let ([exp, nbf, iat], holder) = read_head(&mut reader)?;
        reader.member(KEY)?;
        reader.array(10)?;
        let lock = *reader.fixed()?;
        let class = Class::read(&mut reader)?;
        let epoch = epoch(&mut reader)?;
        let serial = reader.uint()?;
        let min_list = reader.uint()?;
        let flags = Flags::of(reader.uint()?).ok_or(Malformed)?;
        let zone = Zone::read(&mut reader)?;
        let weekly: Items<'k, Weekly> = Items::read(&mut reader, MOST_WINDOWS)?;
        let absolute: Items<'k, Span> = Items::read(&mut reader, MOST_WINDOWS)?;
        let closed: Items<'k, Span> = Items::read(&mut reader, MOST_WINDOWS)?;
        reader.end()?;
        if serial == 0 {
            return Err(Malformed);
        }
        let times = Times { zone, weekly, absolute, closed };
        Ok(Self { exp, nbf, iat, holder, lock, class, epoch, serial, min_list, flags, times })
    }

    /// Writes the payload.
    pub fn write(&self, writer: &mut Writer<'_>) {
        write_head(writer, [self.exp, self.nbf, self.iat], &self.holder);
        writer.int(KEY).array(10).bytes(&self.lock).uint(self.class.number());
        writer.uint(self.epoch).uint(self.serial).uint(self.min_list).uint(self.flags.bits());
        self.times.zone.write(writer);
        self.times.weekly.write(writer);
        self.times.absolute.write(writer);
        self.times.closed.write(writer);
    }
}
