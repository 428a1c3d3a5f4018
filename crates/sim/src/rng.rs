//! Repeatable randomness: splitmix64, the same numbers for the same seed on every machine.
//!
//! Not for secrets, and it never asks the operating system for anything.

/// A small pseudo-random generator (splitmix64, Steele, Lea and Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    /// A generator whose numbers depend on all of `seeds`, in their order.
    pub(crate) fn new(seeds: &[u64]) -> Self {
        let mut rng = Rng { state: 0 };
        for seed in seeds {
            rng.state = rng.next() ^ seed;
        }
        rng
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 up to but without `end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // Bias is below 2^-32 for every range used here, which no simulation notices.
        if end == 0 { 0 } else { self.next() % end }
    }

    /// An index into something of `len` items; 0 when it is empty.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// One of `items`, or nothing when there are none.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// True with this probability, from 0 to 1.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64 <= share && share > 0.0
    }

    /// `count` decimal digits.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + (self.next() % 10) as u8)).collect()
    }

    /// `count` different indexes into something of `len` items, ascending; all if there are fewer.
    pub(crate) fn sample(&mut self, len: usize, count: usize) -> Vec<usize> {
        let mut left = count.min(len);
        let mut chosen = Vec::with_capacity(left);
        for at in 0..len {
            if self.index(len - at) < left {
                chosen.push(at);
                left -= 1;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn the_same_seeds_give_the_same_numbers_and_others_do_not() {
        let mut left = Rng::new(&[1, 2]);
        let mut right = Rng::new(&[1, 2]);
        assert_eq!(left.next(), right.next());
        assert_ne!(Rng::new(&[1, 2]).next(), Rng::new(&[2, 1]).next());
    }

    #[test]
    fn a_sample_is_ascending_without_repeats() {
        let mut rng = Rng::new(&[3]);
        for _ in 0..100 {
            let chosen = rng.sample(20, 6);
            assert_eq!(chosen.len(), 6);
            assert!(chosen.is_sorted_by(|a, b| a < b));
        }
        assert_eq!(rng.sample(2, 9), [0, 1]);
    }

    #[test]
    fn chances_hold_at_the_ends() {
        let mut rng = Rng::new(&[4]);
        assert!((0..1000).all(|_| !rng.chance(0.0)));
        assert!((0..1000).all(|_| rng.chance(1.0)));
    }
}
