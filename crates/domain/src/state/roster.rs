//! Sorted sets of numbers, in chunks that are shared until written to.

use std::sync::Arc;

const CHUNK: usize = 512;

/// A sorted set of numbers; adding the highest and taking any out copy one chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    chunks: Option<Arc<Vec<Arc<Vec<u32>>>>>,
}

impl Roster {
    /// The set with nothing in it.
    pub(super) const EMPTY: Roster = Roster { chunks: None };

    fn chunks(&self) -> &[Arc<Vec<u32>>] {
        self.chunks.as_deref().map_or(&[], Vec::as_slice)
    }

    /// The chunk in which `number` stands or would stand.
    fn find(&self, number: u32) -> usize {
        self.chunks().partition_point(|chunk| chunk.last().is_some_and(|last| *last < number))
    }

    /// Adds a number.
    pub fn insert(&mut self, number: u32) {
        let at = self.find(number);
        let chunks = Arc::make_mut(self.chunks.get_or_insert_default());
        if at == chunks.len() {
            match chunks.last_mut() {
                Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(number),
                _ => chunks.push(Arc::new(vec![number])),
            }
            return;
        }
        let chunk = Arc::make_mut(&mut chunks[at]);
        if let Err(place) = chunk.binary_search(&number) {
            chunk.insert(place, number);
            if chunk.len() > 2 * CHUNK {
                let tail = chunk.split_off(CHUNK);
                chunks.insert(at + 1, Arc::new(tail));
            }
        }
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: u32) {
        let at = self.find(number);
        let Some(chunks) = &mut self.chunks else { return };
        let Some(chunk) = chunks.get(at) else { return };
        let Ok(place) = chunk.binary_search(&number) else { return };
        let chunks = Arc::make_mut(chunks);
        let chunk = Arc::make_mut(&mut chunks[at]);
        chunk.remove(place);
        if chunk.is_empty() {
            chunks.remove(at);
        }
        if chunks.is_empty() {
            self.chunks = None;
        }
    }

    /// Whether a number is in the set.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        let chunk = self.chunks().get(self.find(number));
        chunk.is_some_and(|chunk| chunk.binary_search(&number).is_ok())
    }

    /// The numbers from `start` on, in order.
    pub fn iter_from(&self, start: u32) -> impl Iterator<Item = u32> {
        let chunks = &self.chunks()[self.find(start)..];
        let skip = chunks.first().map_or(0, |chunk| chunk.partition_point(|n| *n < start));
        chunks.iter().flat_map(|chunk| chunk.iter().copied()).skip(skip)
    }

    /// All numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.iter_from(0)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks().iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn holds_what_a_sorted_set_holds() {
        let (mut roster, mut oracle) = (Roster::default(), BTreeSet::new());
        let mut x = 1u64;
        for step in 0..20_000u32 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = (x >> 33) as u32 % 5000;
            if step % 3 == 0 {
                roster.remove(number);
                oracle.remove(&number);
            } else {
                roster.insert(number);
                oracle.insert(number);
            }
        }
        assert!(roster.iter().eq(oracle.iter().copied()));
        assert!(roster.iter_from(2500).eq(oracle.range(2500..).copied()));
        assert_eq!(roster.len(), oracle.len());
        assert!((0..5000).all(|n| roster.contains(n) == oracle.contains(&n)));
        oracle.iter().for_each(|n| roster.remove(*n));
        assert!(roster.is_empty());
    }
}
