//! A receipt: a lock's word, under a MAC, for which list it holds. The only evidence there is that
//! a revocation has arrived.

use subtle::ConstantTimeEq as _;

use crate::cbor::{Read, Reader, Writer};
use crate::key::epoch;
use crate::{Digest, Id, crypto};

const INFO: &[u8] = b"claviger/receipt/v1";

/// What a lock and its server make MACs with.
#[derive(Clone)]
pub struct ReceiptKey([u8; 32]);

impl ReceiptKey {
    /// From the secret that the lock was commissioned with.
    #[must_use]
    pub fn of(secret: &[u8; 32], lock: &Id) -> Self {
        Self(crypto::derive(&[secret], lock, INFO))
    }
}

impl core::fmt::Debug for ReceiptKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("ReceiptKey")
    }
}

/// What a lock holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The lock.
    pub lock: Id,
    /// The epoch of its list.
    pub epoch: u16,
    /// The version of its list.
    pub version: u32,
    /// The digest of its list.
    pub digest: Digest,
    /// The log it writes.
    pub log_epoch: u64,
    /// The number its next event will have.
    pub seq: u32,
}

/// Bytes of a receipt, at most.
pub const MOST_BYTES: usize = 96;

impl Receipt {
    fn write_body(&self, writer: &mut Writer<'_>) {
        writer.bytes(&self.lock).uint(self.epoch).uint(self.version).bytes(&self.digest);
        writer.uint(self.log_epoch).uint(self.seq);
    }

    fn mac(&self, key: &ReceiptKey) -> [u8; 16] {
        let mut room = [0; MOST_BYTES];
        let mut writer = Writer::new(&mut room);
        self.write_body(writer.array(6));
        crypto::mac(&key.0, &[INFO, writer.done().unwrap_or_default()])
    }

    /// Writes it with its MAC.
    pub fn write(&self, key: &ReceiptKey, writer: &mut Writer<'_>) {
        self.write_body(writer.array(7));
        writer.bytes(&self.mac(key));
    }

    /// Reads one and its MAC, which is not compared.
    ///
    /// # Errors
    /// When it is not the one encoding.
    pub fn read(bytes: &[u8]) -> Read<(Self, [u8; 16])> {
        let mut reader = Reader::new(bytes);
        let read = Self::read_next(&mut reader)?;
        reader.end()?;
        Ok(read)
    }

    /// The bytes of one that stands in something else.
    ///
    /// # Errors
    /// When it is not the one encoding.
    pub fn raw<'b>(reader: &mut Reader<'b>) -> Read<&'b [u8]> {
        reader.spanned(|reader| Self::read_next(reader).map(|_| ()))
    }

    fn read_next(reader: &mut Reader<'_>) -> Read<(Self, [u8; 16])> {
        reader.array(7)?;
        let lock = *reader.fixed()?;
        let epoch = epoch(reader)?;
        let version = reader.uint()?;
        let digest = *reader.fixed()?;
        let log_epoch = reader.uint()?;
        let seq = reader.uint()?;
        let mac = *reader.fixed()?;
        Ok((Self { lock, epoch, version, digest, log_epoch, seq }, mac))
    }

    /// Whether a MAC is right. Takes as long either way.
    #[must_use]
    pub fn is_by(&self, key: &ReceiptKey, mac: &[u8; 16]) -> bool {
        self.mac(key).ct_eq(mac).into()
    }
}
