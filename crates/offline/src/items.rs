//! Values in a row within a signed object: windows, spans, ranges, sections. They are read in place
//! each time they are asked for, so that a lock needs no room for them.

use core::fmt;

use crate::cbor::{Malformed, Read, Reader, Writer};

/// A value that stands in a row of its like.
pub trait Item<'b>: Copy {
    /// How many elements of the array one value takes.
    const ELEMENTS: usize;

    /// Reads one.
    ///
    /// # Errors
    /// When the bytes are not the encoding of one.
    fn read(reader: &mut Reader<'b>) -> Read<Self>;

    /// Writes one.
    fn write(&self, writer: &mut Writer<'_>);
}

/// Values in a row: given as they are, or encoded and read once already.
#[derive(Clone, Copy)]
pub enum Items<'b, T> {
    /// As they are.
    Values(&'b [T]),
    /// Their encodings, one after the other; each is known to be right.
    Encoded {
        /// How many.
        count: usize,
        /// From the first of them on.
        bytes: &'b [u8],
    },
}

impl<'b, T: Item<'b>> Items<'b, T> {
    /// None.
    pub const NONE: Self = Self::Values(&[]);

    /// Reads an array of at most so many values.
    ///
    /// # Errors
    /// When there are more, or one is malformed.
    pub fn read(reader: &mut Reader<'b>, most: usize) -> Read<Self> {
        let elements = reader.array_up_to(most.saturating_mul(T::ELEMENTS))?;
        let count = elements.checked_div(T::ELEMENTS).ok_or(Malformed)?;
        if count.checked_mul(T::ELEMENTS) != Some(elements) {
            return Err(Malformed);
        }
        let bytes = reader.left();
        for _ in 0..count {
            T::read(reader)?;
        }
        Ok(Self::Encoded { count, bytes })
    }

    /// Writes them as an array.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.array(self.count().saturating_mul(T::ELEMENTS));
        self.iter().for_each(|item| item.write(writer));
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Encoded { count, .. } => *count,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'b, T> {
        match self {
            Self::Values(values) => Iter { values, left: 0, reader: Reader::new(&[]) },
            Self::Encoded { count, bytes } => {
                Iter { values: &[], left: *count, reader: Reader::new(bytes) }
            }
        }
    }
}

/// Values, then what is encoded; one of the two is empty.
struct Iter<'b, T> {
    values: &'b [T],
    left: usize,
    reader: Reader<'b>,
}

impl<'b, T: Item<'b>> Iterator for Iter<'b, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if let Some((first, others)) = self.values.split_first() {
            self.values = others;
            return Some(*first);
        }
        self.left = self.left.checked_sub(1)?;
        // `Items::read` has seen each of them, so none is missing here.
        T::read(&mut self.reader).ok()
    }
}

impl<'b, T: Item<'b> + PartialEq> PartialEq for Items<'b, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'b, T: Item<'b> + Eq> Eq for Items<'b, T> {}

impl<'b, T: Item<'b> + fmt::Debug> fmt::Debug for Items<'b, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}
