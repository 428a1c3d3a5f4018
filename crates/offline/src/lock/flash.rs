//! The flash of a lock, as little of it as is needed, and how it is divided. A sector is erased to
//! ones as a whole; each of its words is programmed once. Power may fail at any byte.

/// The memory that keeps what a lock must not forget.
pub trait Flash {
    /// Bytes of a sector: all have as many, a multiple of 8.
    fn sector_bytes(&self) -> usize;

    /// Reads from a sector.
    ///
    /// # Errors
    /// When the memory does not answer, or there is no such place.
    fn read(&mut self, sector: u16, at: usize, into: &mut [u8]) -> Result<(), FlashFailed>;

    /// Programs words that have not been programmed since the sector was erased; `at` and the
    /// length are multiples of 8.
    ///
    /// # Errors
    /// When it could not, or not wholly.
    fn program(&mut self, sector: u16, at: usize, bytes: &[u8]) -> Result<(), FlashFailed>;

    /// Erases a sector to ones.
    ///
    /// # Errors
    /// When it could not, or not wholly.
    fn erase(&mut self, sector: u16) -> Result<(), FlashFailed>;
}

/// The flash did not do as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashFailed;

/// What is programmed at a time.
pub(crate) const WORD: usize = 8;

/// How sectors are used: two for the commissioning record, then the ring, then the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Sectors of the ring of states: 4 or more.
    pub ring: u16,
    /// Sectors of the log of events: 2 or more.
    pub log: u16,
}

impl Layout {
    /// Copies of the commissioning record.
    pub const COPIES: [u16; 2] = [0, 1];

    /// The first sector of the ring.
    #[must_use]
    pub fn ring_from(self) -> u16 {
        2
    }

    /// The first sector of the log.
    #[must_use]
    pub fn log_from(self) -> u16 {
        self.ring_from().saturating_add(self.ring)
    }

    /// All sectors that are used.
    #[must_use]
    pub fn sectors(self) -> u16 {
        self.log_from().saturating_add(self.log)
    }
}

/// CRC-32 (ISO-HDLC, as in zip), bit by bit: pages are short and a table is not.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            let poly = if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
            sum >> 1 ^ poly
        })
    });
    !sum
}

/// Big-endian numbers of a record, read one after the other.
pub(crate) struct Fields<'b>(pub(crate) &'b [u8]);

impl Fields<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, left) = self.0.split_first_chunk()?;
        self.0 = left;
        Some(*first)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

/// The body of a record that begins with its CRC, if that is right. One of ones alone is none: a
/// sector of zeros whose erasing was cut begins with it, and it would fit.
pub(crate) fn checked(record: &[u8]) -> Option<Fields<'_>> {
    let (crc, body) = record.split_first_chunk()?;
    let crc = u32::from_be_bytes(*crc);
    (crc == crc32(body) && crc != u32::MAX).then_some(Fields(body))
}

/// Writes the CRC of what follows into the first four bytes of a record.
pub(crate) fn seal_crc(record: &mut [u8]) {
    if let Some((crc, body)) = record.split_first_chunk_mut() {
        *crc = crc32(body).to_be_bytes();
    }
}

/// Whether a place holds exactly these bytes.
pub(crate) fn reads_back(flash: &mut impl Flash, sector: u16, bytes: &[u8]) -> bool {
    let mut at = 0_usize;
    bytes.chunks(64).all(|chunk| {
        let mut room = [0; 64];
        let Some(room) = room.get_mut(..chunk.len()) else { return false };
        let read = flash.read(sector, at, room).is_ok() && room == chunk;
        at = at.saturating_add(chunk.len());
        read
    })
}
