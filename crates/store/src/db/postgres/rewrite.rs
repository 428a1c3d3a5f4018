//! The SQL texts of PostgreSQL, made from the common ones once and kept.
//!
//! Must not: look into quoted texts, quoted names or comments, where a `?` is only a sign.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_postgres::types::Type;

/// Texts come from a closed set; a set that grows beyond this is a defect that must not eat the
/// memory, so everything is forgotten and made again.
const MOST: usize = 2_000;

/// Texts by the common text they were made from.
#[derive(Default)]
pub(super) struct Texts {
    made: RwLock<HashMap<String, Option<Arc<str>>>>,
}

impl Texts {
    pub(super) fn get(
        &self,
        sql: &str,
        make: impl FnOnce(&str) -> Option<String>,
    ) -> Option<Arc<str>> {
        if let Some(text) = self.made.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return text.clone();
        }
        let text: Option<Arc<str>> = make(sql).map(Into::into);
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(sql.to_owned(), text.clone());
        text
    }
}

/// `?1` becomes `$1`.
pub(super) fn numbered(sql: &str) -> String {
    replace(sql, |number| format!("${number}")).0
}

/// `insert into t (..) values (?1, ?2) ..` becomes
/// `insert into t (..) select c1, c2 from unnest($1::bigint[], $2::text[]) as u(c1, c2) ..`: one
/// statement for thousands of rows. `update t set a = ?1 where b = ?2` becomes
/// `update t set a = c1 from unnest(..) as u(c1, c2) where b = c2`. None when the text is of
/// neither form. Parameters that are `same` in every row are no arrays: `$2::text` stands for `c2`.
pub(super) fn unnested(sql: &str, types: &[Type], same: &[bool]) -> Option<String> {
    let is_same = |at: usize| same.get(at).copied().unwrap_or(false);
    let each = || types.iter().enumerate().filter(|(at, _)| !is_same(*at));
    let columns: Vec<String> = each().map(|(at, _)| format!("c{}", at + 1)).collect();
    let arrays = each().map(|(at, kind)| format!("${}::{}[]", at + 1, kind.name()));
    let arrays: Vec<String> = arrays.collect();
    let cell = |number: &str| {
        let at = number.parse::<usize>().unwrap_or(0).wrapping_sub(1);
        match types.get(at) {
            Some(kind) if is_same(at) => format!("${number}::{}", kind.name()),
            _ => format!("c{number}"),
        }
    };
    let source = format!("unnest({}) as u({})", arrays.join(", "), columns.join(", "));
    if sql.starts_with("update ") {
        let (before, after) = sql.split_once(" where ")?;
        // A value that is read before it is set must be set row by row.
        let simple = !sql.contains('\'') && !sql.contains('(') && !before.contains(['+', '-']);
        let (before, after) = (replace(before, cell).0, replace(after, cell).0);
        return simple.then(|| format!("{before} from {source} where {after}"));
    }
    let (start, end) = values_clause(sql)?;
    let (head, list, tail) = (sql.get(..start)?, sql.get(start..end)?, sql.get(end..)?);
    let list = list.trim_start().get("values".len()..)?.trim_start();
    let list = list.strip_prefix('(')?.strip_suffix(')')?;
    let (selected, used) = replace(list, cell);
    let outside = replace(head, |_| String::new()).1 + replace(tail, |_| String::new()).1;
    if used == 0 || outside > 0 || tail.trim_start().starts_with(',') {
        return None;
    }
    Some(format!("{head}select {selected} from {source}{tail}"))
}

/// From the word `values` to the end of the list after it.
fn values_clause(sql: &str) -> Option<(usize, usize)> {
    let bytes = sql.as_bytes();
    let (mut at, mut depth, mut start) = (0, 0_u32, None);
    while let Some(&byte) = bytes.get(at) {
        let after = end_of_quoted(bytes, at);
        if after > at {
            at = after;
            continue;
        }
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.checked_sub(1)?;
                if let (Some(start), 0) = (start, depth) {
                    return Some((start, at + 1));
                }
            }
            _ if depth == 0 && start.is_none() && is_word(bytes, at, b"values") => start = Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn is_word(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    let inside = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let end = at + word.len();
    bytes.get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(word))
        && !inside(at.checked_sub(1).and_then(|before| bytes.get(before)))
        && !inside(bytes.get(end))
}

/// Replaces each parameter and says how many there were. A `?` without a number stays, and
/// PostgreSQL will refuse it.
fn replace(sql: &str, mut name: impl FnMut(&str) -> String) -> (String, usize) {
    let bytes = sql.as_bytes();
    let mut out = String::with_capacity(sql.len() + 8);
    let (mut at, mut copied, mut count) = (0, 0, 0);
    while let Some(&byte) = bytes.get(at) {
        let after = end_of_quoted(bytes, at);
        if after > at {
            at = after;
            continue;
        }
        at += 1;
        if byte != b'?' {
            continue;
        }
        let digits = bytes.iter().skip(at).take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            out.push_str(sql.get(copied..at - 1).unwrap_or_default());
            out.push_str(&name(sql.get(at..at + digits).unwrap_or_default()));
            at += digits;
            copied = at;
            count += 1;
        }
    }
    out.push_str(sql.get(copied..).unwrap_or_default());
    (out, count)
}

/// Where the quoted text, quoted name or comment that starts at `at` ends; `at` when none does.
fn end_of_quoted(bytes: &[u8], at: usize) -> usize {
    let until = |from: usize, end: &[u8]| {
        let rest = bytes.get(from..).unwrap_or_default();
        let found = rest.windows(end.len()).position(|window| window == end);
        found.map_or(bytes.len(), |position| from + position + end.len())
    };
    match (bytes.get(at), bytes.get(at + 1)) {
        // A doubled quote inside closes and opens again, which comes to the same.
        (Some(b'\''), _) => until(at + 1, b"'"),
        (Some(b'"'), _) => until(at + 1, b"\""),
        (Some(b'-'), Some(b'-')) => until(at + 2, b"\n"),
        (Some(b'/'), Some(b'*')) => until(at + 2, b"*/"),
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_renamed_outside_quotes_and_comments() {
        let cases = [
            ("select ?1", "select $1"),
            ("?10 ?1 ?1)", "$10 $1 $1)"),
            ("a = '?1 it''s ?2' and b = ?2", "a = '?1 it''s ?2' and b = $2"),
            (r#"select "?1""?2" from t where é = ?3"#, r#"select "?1""?2" from t where é = $3"#),
            ("x -- ?1 'don\n= ?1", "x -- ?1 'don\n= $1"),
            ("/* ?1 ' */ ?1", "/* ?1 ' */ $1"),
            ("a ? b", "a ? b"),
            ("?", "?"),
            ("'open ?1", "'open ?1"),
            ("", ""),
        ];
        for (common, wanted) in cases {
            assert_eq!(numbered(common), wanted, "{common}");
        }
    }

    #[test]
    fn plain_inserts_become_one_statement_over_arrays() {
        let types = [Type::INT8, Type::TEXT];
        let made = unnested(
            "insert into t (a, b) VALUES (?1, coalesce(?2, ')')) \
             on conflict (a) do update set b = excluded.b",
            &types,
            &[],
        );
        let wanted = "insert into t (a, b) select c1, coalesce(c2, ')') from \
                      unnest($1::int8[], $2::text[]) as u(c1, c2) \
                      on conflict (a) do update set b = excluded.b";
        assert_eq!(made.as_deref(), Some(wanted));
        let made = unnested("update t set a = ?1 where b = ?2", &types, &[]);
        let wanted = "update t set a = c1 from unnest($1::int8[], $2::text[]) as u(c1, c2) \
                      where b = c2";
        assert_eq!(made.as_deref(), Some(wanted));
        for other in [
            "update t set a = a + ?1 where b = ?2",
            "update t set a = ?1 where b = '?2'",
            "update t set a = ?1",
            "insert into t (a, b) values (?1, ?2), (?1, ?2)",
            "insert into t (a, b) values (?1, ?2) on conflict (a) do update set b = ?2",
            "insert into t (a, b) select a, b from values_of where a = ?1 and b = ?2",
            "insert into t (a) values (1)",
            "insert into t (a) values (?1",
        ] {
            assert_eq!(unnested(other, &types, &[]), None, "{other}");
        }
    }

    #[test]
    fn what_is_the_same_in_every_row_is_no_array() {
        let types = [Type::INT8, Type::TEXT, Type::INT8];
        let sql = "insert into t (a, b, c) values (?1, lower(?2), ?3)";
        let made = unnested(sql, &types, &[false, true, false]);
        let wanted = "insert into t (a, b, c) select c1, lower($2::text), c3 from \
                      unnest($1::int8[], $3::int8[]) as u(c1, c3)";
        assert_eq!(made.as_deref(), Some(wanted));
        let made = unnested("update t set a = ?1 where b = ?2", &types[..2], &[true, false]);
        let wanted = "update t set a = $1::int8 from unnest($2::text[]) as u(c2) where b = c2";
        assert_eq!(made.as_deref(), Some(wanted));
    }

    #[test]
    fn the_kept_texts_are_bounded() {
        let texts = Texts::default();
        for n in 0..MOST + 10 {
            let sql = format!("select {n}, ?1");
            let made = texts.get(&sql, |sql| Some(numbered(sql)));
            assert_eq!(made.as_deref(), Some(format!("select {n}, $1").as_str()));
        }
        assert!(texts.made.read().unwrap().len() <= MOST);
    }
}
