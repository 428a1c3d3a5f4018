//! A revocation list: which serials of a lock are refused, said as a floor, ranges and a bitmap for
//! each class. Reads, writes and answers; what a list should say is planned in `plan`.

use crate::Id;
use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::class::Class;
use crate::faults::{Fault, planted};
use crate::items::{Item, Items};
use crate::key::{IAT, claim, epoch};

/// Ranges in a section, at most.
pub const MOST_RANGES: usize = 64;
/// The highest serial a list can refuse: there is always one above.
pub const MOST_SERIAL: u32 = u32::MAX - 1;

const LIST: i64 = -70002;

/// Refused serials in a row, told from where the row before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Serials before it that are not refused, one at least.
    pub gap: u32,
    /// Serials that are, one at least.
    pub length: u32,
}

impl<'b> Item<'b> for Range {
    const ELEMENTS: usize = 2;

    fn read(reader: &mut Reader<'b>) -> Read<Self> {
        let (gap, length) = (reader.uint()?, reader.uint()?);
        if gap == 0 || length == 0 { Err(Malformed) } else { Ok(Self { gap, length }) }
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.uint(self.gap).uint(self.length);
    }
}

/// What a list says of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'l> {
    /// The class.
    pub class: Class,
    /// Everything up to this is refused.
    pub floor: u32,
    /// Rows of refused serials above the floor, upwards.
    pub ranges: Items<'l, Range>,
    /// Serials between the last row (or the floor) and the bitmap that are not refused.
    pub bitmap_gap: u32,
    /// Bit i of it, low bits of a byte first, is the i-th serial from there on.
    pub bitmap: &'l [u8],
}

impl Section<'_> {
    /// Whether it refuses a serial.
    #[must_use]
    pub fn refuses(&self, serial: u32) -> bool {
        let serial = u64::from(serial);
        let mut end = u64::from(self.floor);
        if serial <= end && !(serial == end && planted(Fault::BelowFloor)) {
            return true;
        }
        for range in self.ranges.iter() {
            let before = end.saturating_add(u64::from(range.gap));
            end = before.saturating_add(u64::from(range.length));
            if serial <= end {
                return serial > before;
            }
        }
        let before = end.saturating_add(u64::from(self.bitmap_gap));
        let Some(bit) = serial.checked_sub(before.saturating_add(1)) else { return false };
        let byte = usize::try_from(bit >> 3).ok().and_then(|byte| self.bitmap.get(byte));
        byte.is_some_and(|byte| byte >> (bit & 7) & 1 == 1)
    }

    /// The highest serial it refuses; none if that is above what may be, or the bitmap is not in
    /// its one form.
    #[must_use]
    pub fn top(&self) -> Option<u32> {
        let ends = self.ranges.iter().map(|it| u64::from(it.gap).saturating_add(it.length.into()));
        let end = ends.fold(u64::from(self.floor), u64::saturating_add);
        let top = match (self.bitmap.first(), self.bitmap.split_last()) {
            (Some(first), Some((last, before))) if first & 1 == 1 && *last != 0 => {
                let bits = u64::try_from(before.len()).ok()?.checked_mul(8)?;
                let bits =
                    bits.checked_add(u64::from(8_u32.saturating_sub(last.leading_zeros())))?;
                end.checked_add(self.bitmap_gap.into())?.checked_add(bits)?
            }
            (None, None) if self.bitmap_gap == 0 => end,
            _ => return None,
        };
        u32::try_from(top).ok().filter(|top| *top <= MOST_SERIAL)
    }
}

impl<'l> Item<'l> for Section<'l> {
    const ELEMENTS: usize = 1;

    fn read(reader: &mut Reader<'l>) -> Read<Self> {
        reader.array(5)?;
        let class = Class::read(reader)?;
        let floor = reader.uint()?;
        let ranges = Items::read(reader, MOST_RANGES)?;
        let bitmap_gap = reader.uint()?;
        let bitmap = reader.bytes()?;
        let section = Self { class, floor, ranges, bitmap_gap, bitmap };
        section.top().ok_or(Malformed)?;
        Ok(section)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.array(5).uint(self.class.number()).uint(self.floor);
        self.ranges.write(writer);
        writer.uint(self.bitmap_gap).bytes(self.bitmap);
    }
}

/// A revocation list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'l> {
    /// When it was made, in UTC seconds.
    pub iat: u64,
    /// The one lock it is for.
    pub lock: Id,
    /// The epoch of its serials.
    pub epoch: u16,
    /// Counted up with each list.
    pub version: u32,
    /// One for each class that has something to say, classes ascending.
    pub sections: Items<'l, Section<'l>>,
}

impl<'l> List<'l> {
    /// Reads the payload of a list.
    ///
    /// # Errors
    /// When it is not the one encoding of a list.
    pub fn read(payload: &'l [u8]) -> Read<Self> {
        let mut reader = Reader::new(payload);
        reader.map(2)?;
        let iat = claim(&mut reader, IAT)?;
        reader.member(LIST)?;
        reader.array(4)?;
        let lock = *reader.fixed()?;
        let epoch = epoch(&mut reader)?;
        let version = reader.uint()?;
        let sections: Items<'l, Section<'l>> = Items::read(&mut reader, Class::ALL.len())?;
        reader.end()?;
        if !sections.iter().is_sorted_by(|one, next| one.class < next.class) {
            return Err(Malformed);
        }
        Ok(Self { iat, lock, epoch, version, sections })
    }

    /// Writes the payload.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.map(2).int(IAT).uint(self.iat);
        writer.int(LIST).array(4).bytes(&self.lock).uint(self.epoch).uint(self.version);
        self.sections.write(writer);
    }

    /// Whether it refuses a serial of a class. A class without a section refuses none.
    #[must_use]
    pub fn refuses(&self, class: Class, serial: u32) -> bool {
        let about = |it: &Section<'_>| it.class == class || planted(Fault::AnySection);
        self.sections.iter().any(|section| about(&section) && section.refuses(serial))
    }
}
