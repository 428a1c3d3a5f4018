//! What a phone says to a lock, and the lock to a phone, once they are alone: one array each. Both
//! sides are read and written here, so that neither guesses.

use crate::Nonce;
use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::cose::Signed;
use crate::event::Sealed;
use crate::items::{Item, Items};
use crate::key::epoch;
use crate::lock::record::Commissioning;
use crate::receipt::Receipt;

/// Events in an answer, at most.
pub const MOST_EVENTS: usize = 16;

/// What a phone says.
#[derive(Clone, Debug)]
pub enum Said<'b> {
    /// `[0, …]`: whose lock this is.
    Commission(Commissioning<'b>),
    /// `[5, list, issuer, epoch certificate / null]`.
    List {
        /// The list.
        list: &'b [u8],
        /// The certificate of who signed it.
        issuer: &'b [u8],
        /// The certificate of the epoch it begins.
        epoch: Option<&'b [u8]>,
    },
    /// `[7, key, issuer, open]`.
    Key {
        /// The key.
        key: &'b [u8],
        /// The certificate of who signed it.
        issuer: &'b [u8],
        /// What its holder wants.
        open: &'b [u8],
    },
    /// `[9]`: a nonce, please.
    Draw,
    /// `[11, fresh, issuer]`.
    Fresh {
        /// The statement.
        fresh: &'b [u8],
        /// The certificate of who signed it.
        issuer: &'b [u8],
    },
    /// `[13, from_seq]`: events, please.
    Events(u32),
    /// `[15, ack, issuer]`.
    Ack {
        /// The statement.
        ack: &'b [u8],
        /// The certificate of who signed it.
        issuer: &'b [u8],
    },
}

impl<'b> Said<'b> {
    /// Reads one.
    ///
    /// # Errors
    /// When it is not the one encoding, or unknown.
    pub fn read(bytes: &'b [u8]) -> Read<Self> {
        let mut reader = Reader::new(bytes);
        let count = reader.array_up_to(10)?;
        let number: u8 = reader.uint()?;
        let said = match (number, count) {
            (Commissioning::NUMBER, 10) => Self::Commission(Commissioning::read(&mut reader)?),
            (5, 4) => {
                let (list, issuer) = (Signed::raw(&mut reader)?, Signed::raw(&mut reader)?);
                let epoch = if reader.null() { None } else { Some(Signed::raw(&mut reader)?) };
                Self::List { list, issuer, epoch }
            }
            (7, 4) => {
                let (key, issuer) = (Signed::raw(&mut reader)?, Signed::raw(&mut reader)?);
                Self::Key { key, issuer, open: Signed::raw(&mut reader)? }
            }
            (9, 1) => Self::Draw,
            (11, 3) => {
                let fresh = Signed::raw(&mut reader)?;
                Self::Fresh { fresh, issuer: Signed::raw(&mut reader)? }
            }
            (13, 2) => Self::Events(reader.uint()?),
            (15, 3) => {
                let ack = Signed::raw(&mut reader)?;
                Self::Ack { ack, issuer: Signed::raw(&mut reader)? }
            }
            _ => return Err(Malformed),
        };
        reader.end()?;
        Ok(said)
    }

    /// Writes it.
    pub fn write(&self, writer: &mut Writer<'_>) {
        let mut say = |number: u8, parts: &[&[u8]]| {
            writer.array(parts.len().saturating_add(1)).uint(number);
            for part in parts {
                writer.raw(part);
            }
        };
        match self {
            Self::Commission(told) => told.write(writer),
            Self::List { list, issuer, epoch: Some(epoch) } => say(5, &[list, issuer, epoch]),
            Self::List { list, issuer, epoch: None } => {
                writer.array(4).uint(5_u8).raw(list).raw(issuer).null();
            }
            Self::Key { key, issuer, open } => say(7, &[key, issuer, open]),
            Self::Draw => say(9, &[]),
            Self::Fresh { fresh, issuer } => say(11, &[fresh, issuer]),
            Self::Events(from_seq) => {
                writer.array(2).uint(13_u8).uint(*from_seq);
            }
            Self::Ack { ack, issuer } => say(15, &[ack, issuer]),
        }
    }
}

/// What a lock answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered<'b> {
    /// `[4, epoch, version, state, list_limit, log_epoch, next_seq]`: what the API calls a hello.
    Hello {
        /// The epoch of its list.
        epoch: u16,
        /// The version of its list.
        version: u32,
        /// Its status.
        state: u8,
        /// The longest list it takes.
        list_limit: u16,
        /// Its log.
        log_epoch: u64,
        /// The number its next event will have.
        next_seq: u32,
    },
    /// `[6, code, receipt / null]`.
    List {
        /// What became of it.
        code: u8,
        /// What it holds.
        receipt: Option<&'b [u8]>,
    },
    /// `[8, code]`.
    Key(u8),
    /// `[10, nonce]`.
    Drawn(Nonce),
    /// `[12, code]`.
    Taken(u8),
    /// `[14, [* event]]`.
    Events(Items<'b, Sealed>),
}

impl<'b> Item<'b> for Sealed {
    const ELEMENTS: usize = 1;

    fn read(reader: &mut Reader<'b>) -> Read<Self> {
        Self::read_next(reader)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        Self::write(self, writer);
    }
}

impl<'b> Answered<'b> {
    /// Reads one.
    ///
    /// # Errors
    /// When it is not the one encoding, or unknown.
    pub fn read(bytes: &'b [u8]) -> Read<Self> {
        let mut reader = Reader::new(bytes);
        let count = reader.array_up_to(7)?;
        let number: u8 = reader.uint()?;
        let answered = match (number, count) {
            (4, 7) => Self::Hello {
                epoch: epoch(&mut reader)?,
                version: reader.uint()?,
                state: reader.uint()?,
                list_limit: reader.uint()?,
                log_epoch: reader.uint()?,
                next_seq: reader.uint()?,
            },
            (6, 3) => {
                let code = reader.uint()?;
                let receipt = if reader.null() { None } else { Some(Receipt::raw(&mut reader)?) };
                Self::List { code, receipt }
            }
            (8, 2) => Self::Key(reader.uint()?),
            (10, 2) => Self::Drawn(*reader.fixed()?),
            (12, 2) => Self::Taken(reader.uint()?),
            (14, 2) => Self::Events(Items::read(&mut reader, MOST_EVENTS)?),
            _ => return Err(Malformed),
        };
        reader.end()?;
        Ok(answered)
    }

    /// Writes it.
    pub fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Hello { epoch, version, state, list_limit, log_epoch, next_seq } => {
                writer.array(7).uint(4_u8).uint(*epoch).uint(*version).uint(*state);
                writer.uint(*list_limit).uint(*log_epoch).uint(*next_seq);
            }
            Self::List { code, receipt } => {
                writer.array(3).uint(6_u8).uint(*code);
                match receipt {
                    Some(receipt) => writer.raw(receipt),
                    None => writer.null(),
                };
            }
            Self::Key(code) => {
                writer.array(2).uint(8_u8).uint(*code);
            }
            Self::Drawn(nonce) => {
                writer.array(2).uint(10_u8).bytes(nonce);
            }
            Self::Taken(code) => {
                writer.array(2).uint(12_u8).uint(*code);
            }
            Self::Events(events) => events.write(writer.array(2).uint(14_u8)),
        }
    }
}
