//! A place's working set in memory: everything that is not closed, its id maps and the decision
//! index. A value: cloning is cheap, a clone that is changed leaves the other as it was.
//!
//! Rows go in through [`PlaceState::apply`] only, whether from a command, a start or another node.

mod cards;
mod directory;
mod enter;
mod index;
mod map;
mod place;
mod roster;
mod table;

pub use directory::Directory;
pub(crate) use index::{Hit, Hits, HolderRow, LevelTimes};
pub use index::{LockRow, Reach, Reaches};
pub use map::Map;
pub use place::{IdentityKey, PlaceState};
pub use roster::Roster;
pub use table::{Objects, Table};

use crate::ids::Noun;
use crate::record::Record;

/// What a command works on: a place, or the directory.
pub trait Working: Clone {
    /// Commits so far.
    fn revision(&self) -> u64;
    /// The highest number given so far for a noun.
    fn highest(&self, noun: Noun) -> u32;
    /// Says that numbers up to `number` have been given.
    fn reserve(&mut self, noun: Noun, number: u32);
    /// The record with that number, if it is here.
    fn record(&self, noun: Noun, number: u32) -> Option<Record>;
    /// Takes a record in.
    fn apply(&mut self, record: &Record);
    /// Says that there was a commit, where it wrote no record.
    fn advance(&mut self, revision: u64);
}

macro_rules! working {
    ($($state:ty)*) => {$(
        impl Working for $state {
            fn revision(&self) -> u64 {
                self.revision
            }

            fn advance(&mut self, revision: u64) {
                self.revision = self.revision.max(revision);
            }

            fn highest(&self, noun: Noun) -> u32 {
                <$state>::highest(self, noun)
            }

            fn reserve(&mut self, noun: Noun, number: u32) {
                <$state>::reserve(self, noun, number);
            }

            fn record(&self, noun: Noun, number: u32) -> Option<Record> {
                <$state>::record(self, noun, number)
            }

            fn apply(&mut self, record: &Record) {
                <$state>::apply(self, record);
            }
        }
    )*};
}

working! { PlaceState Directory }
