//! Spans of UTC seconds in rows: ascending, apart from one another, ends outside.

/// A span `[start, end)`.
pub(super) type Span = (i64, i64);

/// Spans in any order as a row.
#[must_use]
pub(super) fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|(start, end)| start < end);
    spans.sort_unstable();
    let mut row: Vec<Span> = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        match row.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => row.push((start, end)),
        }
    }
    row
}

/// What is in both rows.
#[must_use]
pub(super) fn common(one: &[Span], other: &[Span]) -> Vec<Span> {
    let (mut row, mut at) = (Vec::new(), 0);
    for (start, end) in one {
        while other.get(at).is_some_and(|it| it.1 <= *start) {
            at += 1;
        }
        for it in other.iter().skip(at).take_while(|it| it.0 < *end) {
            row.push((it.0.max(*start), it.1.min(*end)));
        }
    }
    row
}

/// What is in the first row and not in the second.
#[must_use]
pub(super) fn without(one: &[Span], other: &[Span]) -> Vec<Span> {
    let (mut row, mut at) = (Vec::new(), 0);
    for (start, end) in one {
        while other.get(at).is_some_and(|it| it.1 <= *start) {
            at += 1;
        }
        let mut from = *start;
        for it in other.iter().skip(at).take_while(|it| it.0 < *end) {
            if from < it.0 {
                row.push((from, it.0));
            }
            from = it.1;
        }
        if from < *end {
            row.push((from, *end));
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_trying_every_second_says() {
        let rows: [&[Span]; 5] =
            [&[], &[(0, 9)], &[(1, 3), (5, 6)], &[(0, 1), (2, 4), (8, 9)], &[(3, 5)]];
        let holds = |row: &[Span], at| row.iter().any(|it| it.0 <= at && at < it.1);
        for one in rows {
            for other in rows {
                let (both, left) = (common(one, other), without(one, other));
                let all = joined([one, other].concat());
                for at in -1..11 {
                    let (in_one, in_other) = (holds(one, at), holds(other, at));
                    assert_eq!(holds(&both, at), in_one && in_other);
                    assert_eq!(holds(&left, at), in_one && !in_other);
                    assert_eq!(holds(&all, at), in_one || in_other);
                }
                for row in [both, left, all] {
                    assert!(row.iter().all(|it| it.0 < it.1), "{row:?}");
                    assert!(row.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{row:?}");
                }
            }
        }
    }
}
