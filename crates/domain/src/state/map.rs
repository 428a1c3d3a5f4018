//! Maps from ids and other keys to numbers, in small tables that are shared until written to.
//!
//! A tree of 64-way nodes over small hash tables: a write copies one table and the nodes above it,
//! and no write ever rebuilds the whole.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

/// A full table splits into 64.
const SPLIT: usize = 256;
const BITS: u32 = 6;

#[derive(Clone, Debug)]
enum Node<K, V> {
    Leaf(HashTable<(K, V)>),
    Branch(Vec<Arc<Node<K, V>>>),
}

/// A map with keyed random hashing; cloning shares everything.
#[derive(Clone, Debug)]
pub struct Map<K, V> {
    hasher: DefaultHashBuilder,
    root: Arc<Node<K, V>>,
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Map<K, V> {
        Map { hasher: DefaultHashBuilder::default(), root: Arc::new(Node::Leaf(HashTable::new())) }
    }
}

/// Which of the 64 branches at `depth`; the table itself uses the lowest and the highest bits.
fn branch(hash: u64, depth: u32) -> usize {
    (hash >> (20 + depth * BITS)) as usize & 63
}

impl<K: Hash + Eq + Clone, V: Copy> Map<K, V> {
    /// The value of `key`.
    #[must_use]
    #[inline]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let mut node = &*self.root;
        let mut depth = 0;
        loop {
            match node {
                Node::Branch(nodes) => {
                    node = &nodes[branch(hash, depth)];
                    depth += 1;
                }
                Node::Leaf(table) => {
                    return table.find(hash, |(k, _)| k.borrow() == key).map(|(_, v)| *v);
                }
            }
        }
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        let hash = self.hasher.hash_one(&key);
        let hasher = self.hasher.clone();
        let (table, node) = Self::leaf(&mut self.root, hash);
        match table.entry(hash, |(k, _)| *k == key, |(k, _)| hasher.hash_one(k)) {
            hashbrown::hash_table::Entry::Occupied(mut entry) => entry.get_mut().1 = value,
            hashbrown::hash_table::Entry::Vacant(entry) => {
                entry.insert((key, value));
            }
        }
        // Past 7 levels the hash has no bits left; such a table just grows.
        if table.len() > SPLIT && node < 7 {
            self.split(hash, node);
        }
    }

    /// Takes `key` out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let (table, _) = Self::leaf(&mut self.root, hash);
        if let Ok(entry) = table.find_entry(hash, |(k, _)| k.borrow() == key) {
            entry.remove();
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

    /// The table for `hash`, to be written to, and its depth.
    fn leaf(mut node: &mut Arc<Node<K, V>>, hash: u64) -> (&mut HashTable<(K, V)>, u32) {
        let mut depth = 0;
        loop {
            match Arc::make_mut(node) {
                Node::Leaf(table) => return (table, depth),
                Node::Branch(nodes) => {
                    node = &mut nodes[branch(hash, depth)];
                    depth += 1;
                }
            }
        }
    }

    /// Turns the table that holds `hash`, at `depth`, into 64 tables.
    fn split(&mut self, hash: u64, depth: u32) {
        let mut node = &mut self.root;
        for level in 0..depth {
            let Node::Branch(nodes) = Arc::make_mut(node) else { return };
            node = &mut nodes[branch(hash, level)];
        }
        let Node::Leaf(table) = Arc::make_mut(node) else { return };
        let mut tables: Vec<HashTable<(K, V)>> = (0..64).map(|_| HashTable::new()).collect();
        let hasher = self.hasher.clone();
        for entry in std::mem::take(table) {
            let hash = hasher.hash_one(&entry.0);
            let into = &mut tables[branch(hash, depth)];
            into.insert_unique(hash, entry, |(k, _)| hasher.hash_one(k));
        }
        let nodes = tables.into_iter().map(|table| Arc::new(Node::Leaf(table))).collect();
        *node = Arc::new(Node::Branch(nodes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
