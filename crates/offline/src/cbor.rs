//! The part of CBOR that is used here, deterministic (RFC 8949, section 4.2): each value has one
//! encoding, and anything else is refused. Knows nothing of what the values mean.

/// Bytes that are not the one encoding of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What reading gives.
pub type Read<T> = Result<T, Malformed>;

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// Reads values one after the other; what it gives borrows from the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'b> {
    left: &'b [u8],
}

impl<'b> Reader<'b> {
    /// Reads from the first byte on.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { left: bytes }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// When something is.
    pub fn end(self) -> Read<()> {
        if self.left.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// What has not been read.
    #[must_use]
    pub fn left(&self) -> &'b [u8] {
        self.left
    }

    /// The bytes that something is read from.
    ///
    /// # Errors
    /// When reading it fails.
    pub fn spanned(&mut self, read: impl FnOnce(&mut Self) -> Read<()>) -> Read<&'b [u8]> {
        let before = self.left;
        read(self)?;
        let length = before.len().checked_sub(self.left.len()).ok_or(Malformed)?;
        before.get(..length).ok_or(Malformed)
    }

    fn take(&mut self, length: usize) -> Read<&'b [u8]> {
        let (taken, left) = self.left.split_at_checked(length).ok_or(Malformed)?;
        self.left = left;
        Ok(taken)
    }

    /// The next bytes must be these.
    ///
    /// # Errors
    /// When they are others.
    pub fn exactly(&mut self, bytes: &[u8]) -> Read<()> {
        if self.take(bytes.len())? == bytes { Ok(()) } else { Err(Malformed) }
    }

    /// A number of the next `N` bytes, which must not fit fewer.
    fn wide<const N: usize>(&mut self, least: u64) -> Read<u64> {
        let taken = self.take(N)?;
        let number = taken.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        if number < least { Err(Malformed) } else { Ok(number) }
    }

    /// The argument of a head of this major type, in its shortest form.
    fn head(&mut self, major: u8) -> Read<u64> {
        let [first] = *self.take(1)? else { return Err(Malformed) };
        if first >> 5 != major {
            return Err(Malformed);
        }
        match first & 0x1f {
            small @ 0..=23 => Ok(u64::from(small)),
            24 => self.wide::<1>(24),
            25 => self.wide::<2>(1 << 8),
            26 => self.wide::<4>(1 << 16),
            27 => self.wide::<8>(1 << 32),
            _ => Err(Malformed),
        }
    }

    /// An unsigned integer that fits `T`.
    ///
    /// # Errors
    /// When it is none, or too large.
    pub fn uint<T: TryFrom<u64>>(&mut self) -> Read<T> {
        T::try_from(self.head(UINT)?).map_err(|_| Malformed)
    }

    /// An integer of either sign that fits 16 bits.
    ///
    /// # Errors
    /// When it is none, or too large.
    pub fn int(&mut self) -> Read<i16> {
        let negative = self.left.first().is_some_and(|first| first >> 5 == NEGATIVE);
        let number = self.head(if negative { NEGATIVE } else { UINT })?;
        let number = i16::try_from(number).map_err(|_| Malformed)?;
        Ok(if negative { !number } else { number })
    }

    /// A string of bytes.
    ///
    /// # Errors
    /// When it is none.
    pub fn bytes(&mut self) -> Read<&'b [u8]> {
        let length = usize::try_from(self.head(BYTES)?).map_err(|_| Malformed)?;
        self.take(length)
    }

    /// A string of exactly `N` bytes.
    ///
    /// # Errors
    /// When it is none.
    pub fn fixed<const N: usize>(&mut self) -> Read<&'b [u8; N]> {
        self.bytes()?.try_into().map_err(|_| Malformed)
    }

    /// The head of an array; how many elements follow.
    ///
    /// # Errors
    /// When there are more than `most`.
    pub fn array_up_to(&mut self, most: usize) -> Read<usize> {
        let count = usize::try_from(self.head(ARRAY)?).map_err(|_| Malformed)?;
        if count > most { Err(Malformed) } else { Ok(count) }
    }

    /// The head of an array of exactly so many elements.
    ///
    /// # Errors
    /// When it is none.
    pub fn array(&mut self, count: u64) -> Read<()> {
        if self.head(ARRAY)? == count { Ok(()) } else { Err(Malformed) }
    }

    /// The head of a map of exactly so many members.
    ///
    /// # Errors
    /// When it is none.
    pub fn map(&mut self, count: u64) -> Read<()> {
        if self.head(MAP)? == count { Ok(()) } else { Err(Malformed) }
    }

    /// The key of a member, which must be this one.
    ///
    /// # Errors
    /// When it is another.
    pub fn member(&mut self, label: i64) -> Read<()> {
        let (major, argument) = split(label);
        if self.head(major)? == argument { Ok(()) } else { Err(Malformed) }
    }

    /// This tag.
    ///
    /// # Errors
    /// When it is another, or none.
    pub fn tag(&mut self, tag: u64) -> Read<()> {
        if self.head(TAG)? == tag { Ok(()) } else { Err(Malformed) }
    }

    /// True or false.
    ///
    /// # Errors
    /// When it is neither.
    pub fn bool(&mut self) -> Read<bool> {
        match self.take(1)? {
            [FALSE] => Ok(false),
            [TRUE] => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// Whether null follows; it is then read.
    pub fn null(&mut self) -> bool {
        match self.left {
            [NULL, left @ ..] => {
                self.left = left;
                true
            }
            _ => false,
        }
    }
}

/// Major type and argument of an integer.
fn split(number: i64) -> (u8, u64) {
    if number < 0 { (NEGATIVE, (!number).unsigned_abs()) } else { (UINT, number.unsigned_abs()) }
}

/// Nine bytes at most: a head.
pub(crate) struct Head {
    bytes: [u8; 9],
    length: usize,
}

impl Head {
    fn of(major: u8, argument: u64) -> Self {
        let (mark, wide) = match argument {
            0..24 => (argument.to_be_bytes()[7], 0),
            24..0x100 => (24, 1),
            0x100..0x1_0000 => (25, 2),
            0x1_0000..0x1_0000_0000 => (26, 4),
            _ => (27, 8),
        };
        let mut head = Self { bytes: [0; 9], length: 1 };
        let argument = argument.to_be_bytes();
        let kept = argument.iter().skip(8_usize.saturating_sub(wide));
        for (to, from) in
            head.bytes.iter_mut().zip(core::iter::once(&(major << 5 | mark)).chain(kept))
        {
            *to = *from;
        }
        head.length = wide.saturating_add(1);
        head
    }

    /// The head of a string of so many bytes.
    pub(crate) fn of_bytes(length: usize) -> Self {
        Self::of(BYTES, u64::try_from(length).unwrap_or(u64::MAX))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Writes values one after the other. What does not fit shows at the end, by [`Writer::done`].
#[derive(Debug)]
pub struct Writer<'b> {
    into: &'b mut [u8],
    length: usize,
    full: bool,
}

impl<'b> Writer<'b> {
    /// Writes from the first byte on.
    #[must_use]
    pub fn new(into: &'b mut [u8]) -> Self {
        Self { into, length: 0, full: false }
    }

    /// What was written; none if there was no room.
    #[must_use]
    pub fn done(self) -> Option<&'b [u8]> {
        let into: &'b [u8] = self.into;
        if self.full { None } else { into.get(..self.length) }
    }

    /// How many bytes were written.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Bytes that are an encoding already.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        let end = self.length.saturating_add(bytes.len());
        match self.into.get_mut(self.length..end) {
            Some(room) if !self.full => {
                room.copy_from_slice(bytes);
                self.length = end;
            }
            _ => self.full = true,
        }
        self
    }

    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        self.raw(Head::of(major, argument).as_bytes())
    }

    fn counted(&mut self, major: u8, count: usize) -> &mut Self {
        self.head(major, u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// An unsigned integer.
    pub fn uint(&mut self, number: impl Into<u64>) -> &mut Self {
        self.head(UINT, number.into())
    }

    /// An integer of either sign; also the key of a member.
    pub fn int(&mut self, number: impl Into<i64>) -> &mut Self {
        let (major, argument) = split(number.into());
        self.head(major, argument)
    }

    /// A string of bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.counted(BYTES, bytes.len()).raw(bytes)
    }

    /// The head of an array.
    pub fn array(&mut self, count: usize) -> &mut Self {
        self.counted(ARRAY, count)
    }

    /// The head of a map.
    pub fn map(&mut self, count: usize) -> &mut Self {
        self.counted(MAP, count)
    }

    /// A tag.
    pub fn tag(&mut self, tag: u64) -> &mut Self {
        self.head(TAG, tag)
    }

    /// True or false.
    pub fn bool(&mut self, yes: bool) -> &mut Self {
        self.raw(&[if yes { TRUE } else { FALSE }])
    }

    /// Null.
    pub fn null(&mut self) -> &mut Self {
        self.raw(&[NULL])
    }
}
