//! Pages of lists: where the caller is, how much it wants, and the answer's outer form.
//!
//! A cursor is opaque to callers. It says after which position to go on and carries a check against
//! slips: a cursor of another list is refused. It gives no access and keeps nothing secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::etag::hash;

/// Items in a page unless asked.
pub(crate) const DEFAULT_LIMIT: usize = 100;
/// Items in a page at most.
pub(crate) const MAX_LIMIT: usize = 1000;
/// Characters in a cursor at most.
pub(crate) const MAX_CURSOR: usize = 400;

const VERSION: &str = "1";

/// Which part of a list the caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// How many items at most.
    pub(crate) limit: usize,
    /// The position after which to go on, as the handler wrote it.
    pub(crate) after: Option<String>,
    /// Which list it is; part of every cursor's check.
    list: String,
}

impl Paging {
    /// Reads the parameters of the list at `path`.
    ///
    /// # Errors
    /// A cursor that was not made for this list.
    pub(crate) fn new(
        path: &str,
        limit: Option<u64>,
        cursor: Option<&str>,
    ) -> Result<Paging, Problem> {
        let after = cursor.map(|cursor| open(path, cursor).ok_or_else(foreign)).transpose()?;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        Ok(Paging { limit, after, list: path.to_owned() })
    }

    /// The position as a number, for lists in the order of numbers; 0 where none was given.
    ///
    /// # Errors
    /// A position that is no number.
    pub(crate) fn after_number(&self) -> Result<u64, Problem> {
        self.after.as_deref().map_or(Ok(0), |after| after.parse().map_err(|_| foreign()))
    }

    /// The answer: these items, and a cursor to `last` where more follow it. The position must be
    /// given wherever more follow.
    pub(crate) fn answer(&self, items: Vec<Value>, more_after: Option<&str>) -> Value {
        let next = more_after.map(|last| seal(&self.list, last));
        json!({ "items": items, "has_more": next.is_some(), "next": next })
    }
}

fn foreign() -> Problem {
    let detail = "is not a cursor of this list; take it from next of the page before, unchanged";
    Problem::field("?after", "bad_cursor", detail)
}

fn seal(list: &str, position: &str) -> String {
    let check = hash(format!("{VERSION}\n{list}\n{position}").as_bytes());
    URL_SAFE_NO_PAD.encode(format!("{VERSION}.{check:016x}.{position}"))
}

fn open(list: &str, cursor: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let position = text.splitn(3, '.').nth(2)?;
    (seal(list, position) == cursor).then(|| position.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "/api/v1/places/a/people";

    #[test]
    fn a_cursor_goes_on_in_its_own_list_only() {
        let page = Paging::new(LIST, Some(2), None).unwrap();
        let answer = page.answer(vec![json!(1), json!(2)], Some("2"));
        assert_eq!((&answer["items"], &answer["has_more"]), (&json!([1, 2]), &json!(true)));
        let cursor = answer["next"].as_str().unwrap();
        assert!(cursor.len() <= MAX_CURSOR);
        let next = Paging::new(LIST, None, Some(cursor)).unwrap();
        assert_eq!((next.after_number().unwrap(), next.limit), (2, DEFAULT_LIMIT));
        assert!(Paging::new("/api/v1/places/b/people", None, Some(cursor)).is_err());
    }

    #[test]
    fn a_cursor_with_any_character_changed_is_refused() {
        let cursor = seal(LIST, "1234");
        for at in 0..cursor.len() {
            for other in ["A", "z", "_", "="] {
                let mut changed = cursor.clone();
                changed.replace_range(at..=at, other);
                assert_eq!(open(LIST, &changed).is_some(), changed == cursor, "{changed}");
            }
        }
        for foreign in ["", "abc", "\u{e5}", &cursor[1..], &format!("{cursor}A")] {
            let problem = Paging::new(LIST, None, Some(foreign)).unwrap_err();
            assert_eq!((problem.code.status(), problem.errors[0].code), (422, "bad_cursor"));
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        let page = Paging::new(LIST, Some(2), None).unwrap();
        let answer = page.answer(vec![json!(1), json!(2)], None);
        assert_eq!(answer, json!({ "items": [1, 2], "has_more": false, "next": null }));
    }
}
