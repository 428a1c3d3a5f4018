//! Maps from ids and other keys to numbers, in buckets that are shared until written to.
//!
//! Linear hashing (Litwin 1980) over a [`Table`]: the map grows by one bucket at a time, which
//! takes over some of the entries of one other, so no write ever rebuilds the whole. A bucket of
//! the maps that decisions ask is one cache line, and a look-up reads nothing else.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::hint::select_unpredictable;

use foldhash::fast::RandomState;

use super::table::Table;

/// `N` entries, with no value where there are fewer; `spill` says which bucket has those that found
/// no room, 0 that there is none.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Bucket<K, V, const N: usize> {
    entries: [(K, Option<V>); N],
    spill: u32,
}

impl<K: Default, V, const N: usize> Default for Bucket<K, V, N> {
    fn default() -> Bucket<K, V, N> {
        Bucket { entries: std::array::from_fn(|_| (K::default(), None)), spill: 0 }
    }
}

impl<K, V: Copy, const N: usize> Bucket<K, V, N> {
    /// The value of `key`, if it is here. All are looked at: which of them it is cannot be
    /// foreseen, so a branch costs more.
    #[inline]
    fn find<Q: Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut found = None;
        for (own, value) in &self.entries {
            // Free entries hold a default key, and no value.
            let is_it = (own.borrow() == key) & value.is_some();
            found = select_unpredictable(is_it, *value, found);
        }
        found
    }
}

/// Which bucket.
#[derive(Clone, Copy)]
enum At {
    Home(u32),
    Spill(u32),
}

/// A map with keyed random hashing; cloning shares everything. A bucket holds `N` entries and is
/// on average filled with one less.
#[derive(Clone, Debug)]
pub struct Map<K, V, const N: usize = 3> {
    hasher: RandomState,
    buckets: Table<Bucket<K, V, N>>,
    /// Buckets for what found no room, by the number another one names.
    spills: Table<Bucket<K, V, N>>,
    /// Numbers given in `spills` so far.
    spilled: u32,
    /// Buckets in use.
    size: u32,
    /// `size` rounded up to a power of two, less one.
    mask: u32,
    len: usize,
}

impl<K, V, const N: usize> Default for Map<K, V, N> {
    fn default() -> Map<K, V, N> {
        Map {
            hasher: RandomState::default(),
            buckets: Table::default(),
            spills: Table::default(),
            spilled: 0,
            size: 1,
            mask: 0,
            len: 0,
        }
    }
}

impl<K: Hash + Eq + Clone + Default, V: Copy, const N: usize> Map<K, V, N> {
    /// The value of `key`.
    #[must_use]
    #[inline]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let bucket = self.buckets.get(self.bucket_of(key))?;
        let found = bucket.find(key);
        if found.is_none() && bucket.spill != 0 { self.spilled(bucket.spill, key) } else { found }
    }

    #[cold]
    fn spilled<Q: Eq + ?Sized>(&self, mut spill: u32, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        while spill != 0 {
            let bucket = self.spills.get(spill)?;
            let found = bucket.find(key);
            if found.is_some() {
                return found;
            }
            spill = bucket.spill;
        }
        None
    }

    #[inline]
    fn bucket_of<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        let at = self.hasher.hash_one(key) as u32 & self.mask;
        // A bucket that is not there yet: its entries are still with the one it will split from.
        if at < self.size { at } else { at & (self.mask >> 1) }
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        self.put(key, value);
        self.len += 1;
        if self.len > self.size as usize * (N - 1) {
            self.grow();
        }
    }

    fn edit(&mut self, at: At) -> &mut Bucket<K, V, N> {
        match at {
            At::Home(number) => self.buckets.edit(number),
            At::Spill(number) => self.spills.edit(number),
        }
    }

    /// Puts in what is not there.
    fn put(&mut self, key: K, value: V) {
        let mut at = At::Home(self.bucket_of(&key));
        loop {
            let next = self.spilled + 1;
            let bucket = self.edit(at);
            if let Some(free) = bucket.entries.iter_mut().find(|(_, value)| value.is_none()) {
                *free = (key, Some(value));
                return;
            }
            if bucket.spill == 0 {
                bucket.spill = next;
                at = At::Spill(next);
                self.spilled = next;
            } else {
                at = At::Spill(bucket.spill);
            }
        }
    }

    /// Takes `key` out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if self.get(key).is_none() {
            return;
        }
        self.len -= 1;
        let mut at = At::Home(self.bucket_of(key));
        loop {
            let bucket = self.edit(at);
            let mut taken = bucket.entries.iter_mut().filter(|(_, value)| value.is_some());
            if let Some(entry) = taken.find(|(own, _)| own.borrow() == key) {
                *entry = (K::default(), None);
                return;
            }
            at = At::Spill(bucket.spill);
        }
    }

    /// Takes `key` out if it has that value: what another record has taken over stays.
    pub fn remove_own<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, value: V)
    where
        K: Borrow<Q>,
        V: PartialEq,
    {
        if self.get(key) == Some(value) {
            self.remove(key);
        }
    }

    /// Adds a bucket, and gives it what belongs there from the one it splits from.
    fn grow(&mut self) {
        let added = self.size;
        self.size += 1;
        self.mask = self.size.next_power_of_two() - 1;
        let mut at = At::Home(added & (self.mask >> 1));
        let mut entries = Vec::new();
        loop {
            let bucket = self.edit(at);
            let taken = bucket.entries.iter_mut().map(std::mem::take);
            entries.extend(taken.filter_map(|(key, value)| Some((key, value?))));
            if bucket.spill == 0 {
                break;
            }
            at = At::Spill(bucket.spill);
        }
        entries.into_iter().for_each(|(key, value)| self.put(key, value));
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::ids::Id;

    #[test]
    fn holds_what_a_plain_map_holds() {
        let mut map: Map<u64, u32> = Map::default();
        for key in 0..20_000u64 {
            map.insert(key, key as u32);
        }
        let before = map.clone();
        for key in (0..20_000u64).step_by(2) {
            map.remove(&key);
        }
        map.insert(1, 7);
        for key in 0..20_000u64 {
            assert_eq!(before.get(&key), Some(key as u32));
            let expected = (key % 2 == 1).then_some(if key == 1 { 7 } else { key as u32 });
            assert_eq!(map.get(&key), expected);
        }
        assert_eq!(map.get(&20_000), None);
        assert_eq!((before.len, map.len), (20_000, 10_000));
        (0..20_000u64).for_each(|key| map.remove(&key));
        assert!(map.len == 0 && (0..20_000u64).all(|key| map.get(&key).is_none()));
    }

    #[test]
    fn a_bucket_of_ids_is_one_cache_line() {
        assert_eq!(size_of::<Bucket<Id, NonZeroU32, 3>>(), 64);
    }
}
