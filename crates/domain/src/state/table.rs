//! Dense tables addressed by number, in chunks that are shared until written to.
//!
//! A read follows three pointers; a write copies one chunk of 64 rows, one node of 64 pointers and
//! the root. Chunks never touched cost nothing, however high the numbers go.

use std::sync::Arc;

const BITS: u32 = 6;
const WIDTH: usize = 1 << BITS;
const MASK: usize = WIDTH - 1;

type Leaf<T> = Arc<[T; WIDTH]>;
type Node<T> = Arc<[Option<Leaf<T>>; WIDTH]>;

/// Rows of `T` by number; a row that was never written is `T::default()`.
#[derive(Clone, Debug)]
pub struct Table<T> {
    root: Arc<[Option<Node<T>>]>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { root: Arc::from([]) }
    }
}

impl<T: Clone + Default> Table<T> {
    /// The row with that number, unless its whole chunk was never written.
    #[must_use]
    #[inline]
    pub fn get(&self, number: u32) -> Option<&T> {
        let number = number as usize;
        let node = self.root.get(number >> (2 * BITS))?.as_ref()?;
        let leaf = node[(number >> BITS) & MASK].as_ref()?;
        Some(&leaf[number & MASK])
    }

    /// The row with that number; where its whole chunk was never written, the one given.
    #[must_use]
    #[inline]
    pub fn get_or<'a>(&'a self, number: u32, absent: &'a T) -> &'a T {
        let number = number as usize;
        if let Some(Some(node)) = self.root.get(number >> (2 * BITS))
            && let Some(leaf) = &node[(number >> BITS) & MASK]
        {
            return &leaf[number & MASK];
        }
        absent
    }

    /// The row with that number, to be written to.
    pub fn edit(&mut self, number: u32) -> &mut T {
        let number = number as usize;
        let at = number >> (2 * BITS);
        if at >= self.root.len() {
            let wider = (0..=at).map(|at| self.root.get(at).cloned().flatten());
            self.root = wider.collect();
        }
        let root = Arc::make_mut(&mut self.root);
        let node = root[at].get_or_insert_with(|| Arc::new([const { None }; WIDTH]));
        let leaf = Arc::make_mut(node)[(number >> BITS) & MASK]
            .get_or_insert_with(|| Arc::new(std::array::from_fn(|_| T::default())));
        &mut Arc::make_mut(leaf)[number & MASK]
    }

    /// All rows of chunks that were written to, from `start` on, in order of number.
    pub fn iter_from(&self, start: u32) -> impl Iterator<Item = (u32, &T)> {
        let start = start as usize;
        let first = start >> (2 * BITS);
        self.root
            .iter()
            .enumerate()
            .skip(first)
            .flat_map(move |(at, node)| {
                node.iter().flat_map(move |node| {
                    let base = at << (2 * BITS);
                    let from = start.saturating_sub(base) >> BITS;
                    node.iter().enumerate().skip(from).filter_map(move |(mid, leaf)| {
                        leaf.as_ref().map(|leaf| (base | mid << BITS, leaf))
                    })
                })
            })
            .flat_map(move |(base, leaf)| {
                let from = start.saturating_sub(base).min(WIDTH);
                leaf.iter().enumerate().skip(from).map(move |(at, row)| ((base | at) as u32, row))
            })
    }
}

/// Shared objects by number.
#[derive(Debug)]
pub struct Objects<T> {
    table: Table<Option<Arc<T>>>,
    count: usize,
}

impl<T> Clone for Objects<T> {
    fn clone(&self) -> Objects<T> {
        Objects { table: Table { root: self.table.root.clone() }, count: self.count }
    }
}

impl<T> Default for Objects<T> {
    fn default() -> Objects<T> {
        Objects { table: Table::default(), count: 0 }
    }
}

impl<T> Objects<T> {
    /// The object with that number.
    #[must_use]
    #[inline]
    pub fn get(&self, number: impl Into<u32>) -> Option<&Arc<T>> {
        self.table.get(number.into())?.as_ref()
    }

    /// Puts or takes out the object with that number; returns what was there.
    pub fn set(&mut self, number: impl Into<u32>, object: Option<Arc<T>>) -> Option<Arc<T>> {
        let number = number.into();
        if object.is_none() && self.table.get(number).is_none_or(Option::is_none) {
            return None;
        }
        self.count += usize::from(object.is_some());
        let former = std::mem::replace(self.table.edit(number), object);
        self.count -= usize::from(former.is_some());
        former
    }

    /// All objects in order of number.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.iter_from(0)
    }

    /// All objects whose number is `start` or higher, in order.
    pub fn iter_from(&self, start: u32) -> impl Iterator<Item = &Arc<T>> {
        self.table.iter_from(start).filter_map(|(_, object)| object.as_ref())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_clone_leaves_the_other_alone() {
        let mut one: Objects<u32> = Objects::default();
        for number in [1u32, 63, 64, 4095, 4096, 1_000_000] {
            one.set(number, Some(Arc::new(number)));
        }
        let mut two = one.clone();
        two.set(64u32, None);
        two.set(2u32, Some(Arc::new(2)));
        let of = |objects: &Objects<u32>| objects.iter().map(|n| **n).collect::<Vec<_>>();
        assert_eq!(of(&one), [1, 63, 64, 4095, 4096, 1_000_000]);
        assert_eq!(of(&two), [1, 2, 63, 4095, 4096, 1_000_000]);
        assert_eq!((one.len(), two.len()), (6, 6));
        let from: Vec<u32> = one.iter_from(64).map(|n| **n).collect();
        assert_eq!(from, [64, 4095, 4096, 1_000_000]);
        assert_eq!(one.iter_from(4097).map(|n| **n).collect::<Vec<_>>(), [1_000_000]);
        assert_eq!(one.iter_from(2_000_000).count(), 0);
    }
}
