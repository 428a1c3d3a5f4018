//! Unions of minute intervals as sorted edges: the first edge opens, the second closes, and so on.
//! Knows no dates and no zones; asking must not allocate.

/// The union of half-open intervals as edges; empty intervals vanish, touching ones merge.
pub(crate) fn union(mut spans: Vec<(u16, u16)>) -> Vec<u16> {
    spans.sort_unstable();
    let mut edges: Vec<u16> = Vec::with_capacity(spans.len() * 2);
    for (from, until) in spans.into_iter().filter(|(from, until)| from < until) {
        match edges.last_mut() {
            Some(last) if from <= *last => *last = until.max(*last),
            _ => edges.extend([from, until]),
        }
    }
    edges
}

/// Whether `minute` lies in the union.
pub(crate) fn hold(edges: &[u16], minute: u16) -> bool {
    edges.partition_point(|edge| *edge <= minute) % 2 == 1
}

/// The first edge after `minute`.
pub(crate) fn next(edges: &[u16], minute: u16) -> Option<u16> {
    edges.get(edges.partition_point(|edge| *edge <= minute)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_and_touching_spans_merge() {
        assert_eq!(union(vec![(30, 40), (5, 10), (8, 20), (20, 25), (7, 7)]), [5, 25, 30, 40]);
        assert_eq!(union(vec![(0, 100), (10, 20)]), [0, 100]);
        assert_eq!(union(vec![]), [] as [u16; 0]);
    }

    #[test]
    fn edges_are_half_open() {
        let edges = [5, 25, 30, 40];
        let held: Vec<u16> = (0..50).filter(|minute| hold(&edges, *minute)).collect();
        assert_eq!(held, (5..25).chain(30..40).collect::<Vec<u16>>());
        assert_eq!((next(&edges, 4), next(&edges, 5), next(&edges, 40)), (Some(5), Some(25), None));
    }
}
