//! Which events of one log of a lock are known: those that have arrived, and those that the lock
//! has declared lost. Knows no event.

/// Numbers from the first to the last, both inside.
pub type Numbers = (u32, u32);

/// Rows of lost numbers that are remembered, at most: a lock declares some after each cut of power,
/// and most of those never were an event.
const MOST_LOST: usize = 64;

/// One log of a lock. Its numbers begin with 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    known: Vec<Numbers>,
    lost: Vec<Numbers>,
}

/// The numbers of a row that are in none of others, in order.
fn outside(row: Numbers, others: &[Numbers]) -> Vec<Numbers> {
    let mut left = vec![row];
    for (first, last) in others {
        let cut = |it: Numbers| {
            let before = first.checked_sub(1).map(|end| (it.0, it.1.min(end)));
            let after = last.checked_add(1).map(|begin| (it.0.max(begin), it.1));
            before.into_iter().chain(after).filter(|it| it.0 <= it.1)
        };
        left = left.into_iter().flat_map(cut).collect();
    }
    left
}

impl Log {
    /// A log as it was kept: numbers that are known, in order and apart, and those of them that
    /// were declared lost and have not arrived.
    #[must_use]
    pub fn kept(known: Vec<Numbers>, lost: Vec<Numbers>) -> Log {
        Log { known, lost }
    }

    /// The numbers that have arrived or were declared lost.
    #[must_use]
    pub fn known(&self) -> &[Numbers] {
        &self.known
    }

    /// Those of them that have not arrived, as far as they are remembered.
    #[must_use]
    pub fn lost(&self) -> &[Numbers] {
        &self.lost
    }

    fn know(&mut self, numbers: Numbers) {
        self.known.push(numbers);
        self.known.sort_unstable();
        let mut joined: Vec<Numbers> = Vec::with_capacity(self.known.len());
        for (first, last) in self.known.drain(..) {
            match joined.last_mut().filter(|it| first <= it.1.saturating_add(1)) {
                Some(row) => row.1 = row.1.max(last),
                None => joined.push((first, last)),
            }
        }
        self.known = joined;
    }

    /// Takes in that an event has arrived; whether it is the first time. A slow carrier may bring
    /// what its lock has given up.
    pub fn arrive(&mut self, seq: u32) -> bool {
        let holds = |row: &Numbers| row.0 <= seq && seq <= row.1;
        let is_new = !self.known.iter().any(holds) || self.lost.iter().any(holds);
        let lost = self.lost.drain(..).flat_map(|row| outside(row, &[(seq, seq)]));
        self.lost = lost.collect();
        self.know((seq, seq));
        is_new
    }

    /// Takes in that a lock has given up some of its events.
    pub fn lose(&mut self, numbers: Numbers) {
        self.lost.extend(outside(numbers, &self.known));
        self.lost.sort_unstable();
        self.lost.drain(..self.lost.len().saturating_sub(MOST_LOST));
        self.know(numbers);
    }

    /// The first number that is not known.
    #[must_use]
    pub fn missing(&self) -> u32 {
        match self.known[..] {
            [(0 | 1, last), ..] => last.saturating_add(1),
            _ => 1,
        }
    }

    /// Whether nothing is missing before what is known.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.known[..], [] | [(0 | 1, _)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_join_and_are_new_once() {
        let mut log = Log::default();
        for (seq, is_new, missing) in [
            (3, true, 1),
            (1, true, 2),
            (3, false, 2),
            (7, true, 2),
            (2, true, 4),
            (8, true, 4),
            (8, false, 4),
        ] {
            assert_eq!(log.arrive(seq), is_new, "{seq}");
            assert_eq!(log.missing(), missing, "{seq}");
        }
        assert_eq!((log.known(), log.is_whole()), (&[(1, 3), (7, 8)][..], false));
        assert!((4..=6).all(|seq| log.arrive(seq)));
        assert_eq!((log.known(), log.is_whole()), (&[(1, 8)][..], true));
        assert!(log.arrive(u32::MAX) && !log.arrive(u32::MAX));
    }

    #[test]
    fn what_was_declared_lost_is_new_once_when_it_arrives_after_all() {
        let mut log = Log::default();
        assert!(log.arrive(5));
        log.lose((1, 9));
        assert_eq!((log.known(), log.lost()), (&[(1, 9)][..], &[(1, 4), (6, 9)][..]));
        assert!(!log.arrive(5), "it had arrived");
        assert!(log.arrive(2) && !log.arrive(2));
        assert_eq!((log.missing(), log.lost()), (10, &[(1, 1), (3, 4), (6, 9)][..]));
        log.lose((1, 4));
        assert!(!log.arrive(2), "declared again, it has arrived still");
        log.lose((0, u32::MAX));
        assert!(log.arrive(0) && log.arrive(u32::MAX) && !log.arrive(u32::MAX));
        assert_eq!(log.known(), [(0, u32::MAX)]);
    }

    #[test]
    fn the_newest_that_was_lost_is_remembered() {
        let mut log = Log::default();
        let rows = u32::try_from(MOST_LOST).unwrap() + 3;
        (1..=rows).for_each(|row| log.lose((10 * row, 10 * row + 1)));
        assert_eq!((log.lost().len(), log.known().len()), (MOST_LOST, MOST_LOST + 3));
        assert!(!log.arrive(10), "it is too long ago");
        assert!(log.arrive(10 * rows));
    }
}
