//! The parameters of a request, from path, query and body in one: names are not told apart by case,
//! values may be of another JSON type than the one they mean, and the same parameter given twice
//! must be given the same. Knows no object of the API.

use std::collections::BTreeMap;

use claviger_domain::time::Instant;
use serde_json::Value;

use super::auth::TOKEN;
use super::error::{Failure, refuse};
use super::map;
use crate::compat::fields::Wrongs;
use crate::compat::serve::Call;

/// Parameters that are lists, in lower case: given several times in a query or in a body they are
/// one list.
const LISTS: [&str; 6] =
    ["units", "groups", "addunits", "removeunits", "addgroups", "removegroups"];

/// The parameters of one request.
pub(crate) struct Params {
    given: BTreeMap<String, Value>,
    pub(crate) wrongs: Wrongs,
}

impl Params {
    /// Gathers them.
    ///
    /// # Errors
    /// 400 where the body is no object, or a parameter is given twice and not the same.
    pub(crate) fn of(call: &Call) -> Result<Params, Failure> {
        let mut params = Params { given: BTreeMap::new(), wrongs: Wrongs::default() };
        if let Some(id) = call.path.get("id") {
            params.add("id", Value::String(id.to_owned()));
        }
        let query = call.query.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(TOKEN));
        params.gather(query.map(|(name, value)| (name, Value::String(value.clone()))));
        match &call.body {
            Value::Null => {}
            Value::Object(fields) => {
                params.gather(fields.iter().map(|(name, value)| (name, value.clone())));
            }
            _ => params.wrongs.add("body", "must be an object"),
        }
        params.refuse()?;
        Ok(params)
    }

    /// Takes what the query or the body gives, each list as a whole.
    fn gather<'a>(&mut self, source: impl Iterator<Item = (&'a String, Value)>) {
        let mut lists: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
        for (name, value) in source {
            match (list_name(name), value) {
                (Listed::Not, value) => self.add(name, value),
                (Listed::Otherwise, _) => {
                    let name: String = name.chars().take(60).collect();
                    self.wrongs.add(name, "must have nothing, [] or [0] after its name");
                }
                (Listed::As(_), Value::Null) => {}
                (Listed::As(list), Value::Array(items)) => {
                    lists.entry(list).or_default().extend(items);
                }
                (Listed::As(list), value) => lists.entry(list).or_default().push(value),
            }
        }
        for (name, values) in lists {
            self.add(name, Value::Array(values));
        }
    }

    fn add(&mut self, name: &str, value: Value) {
        // Null and nothing cannot be told apart by the vendor's framework.
        if value.is_null() {
            return;
        }
        let folded = name.to_ascii_lowercase();
        match self.given.get(&folded) {
            Some(other) if plain(&folded, other) != plain(&folded, &value) => {
                let name: String = name.chars().take(60).collect();
                self.wrongs.add(name, "is given twice, and not the same");
            }
            Some(_) => {}
            None => {
                self.given.insert(folded, value);
            }
        }
    }

    /// Refuses if anything was wrong.
    ///
    /// # Errors
    /// 400.
    pub(crate) fn refuse(&mut self) -> Result<(), Failure> {
        refuse(std::mem::take(&mut self.wrongs))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.given.get(&name.to_ascii_lowercase())
    }

    /// Whether the parameter is given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Notes the parameters among these that are not given.
    pub(crate) fn must(&mut self, names: &[&str]) {
        for name in names {
            let given = self.has(name);
            self.wrongs.check(given, name, "is required");
        }
    }

    /// A parameter as text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let found = scalar(self.get(name)?);
        if found.is_none() {
            self.wrongs.add(name, "must be of type string");
        }
        found
    }

    /// A text of one line of at most `most` characters; none that is wrong.
    pub(crate) fn line(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.text(name)?;
        let fits = claviger_domain::text::is_line(&text, most);
        let reason = format!("must be one line of at most {most} characters");
        self.wrongs.check(fits, name, &reason);
        fits.then_some(text)
    }

    /// A text of at most `most` characters, of several lines too.
    pub(crate) fn prose(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.text(name)?;
        let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        let fits = text.chars().count() <= most && !text.chars().any(control);
        let reason = format!("must be a text of at most {most} characters");
        self.wrongs.check(fits, name, &reason);
        fits.then_some(text)
    }

    /// A parameter that `read` understands; `right` says what would be.
    pub(crate) fn read<T>(
        &mut self,
        name: &str,
        right: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let found = read(&text);
        self.wrongs.check(found.is_some(), name, right);
        found
    }

    /// A boolean.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, "must be true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })
    }

    /// An instant.
    pub(crate) fn instant(&mut self, name: &str) -> Option<Instant> {
        self.read(name, "must be a date and time such as 2030-06-30T22:00:00Z", map::instant)
    }

    /// The number that an id stands for.
    pub(crate) fn id(&mut self, name: &str) -> Option<u32> {
        self.read(name, map::DIGITS, map::number)
    }

    /// The numbers that a list of ids stands for, each once.
    pub(crate) fn ids(&mut self, name: &str) -> Option<Vec<u32>> {
        let texts = list(self.get(name)?);
        let numbers: Option<Vec<u32>> =
            texts.and_then(|texts| texts.iter().map(|text| map::number(text)).collect());
        let Some(numbers) = numbers else {
            self.wrongs.add(name, "must be a list of ids, each of digits");
            return None;
        };
        let mut once = Vec::with_capacity(numbers.len());
        let mut seen = std::collections::HashSet::new();
        once.extend(numbers.into_iter().filter(|number| seen.insert(*number)));
        Some(once)
    }
}

/// Whether a name is one of a list.
#[derive(Debug, PartialEq, Eq)]
enum Listed {
    Not,
    /// It is, of this one.
    As(&'static str),
    /// It begins as one and goes on in a way that is not known.
    Otherwise,
}

/// The list that a name is of: programs in PHP write brackets after it, with an index or without.
fn list_name(name: &str) -> Listed {
    let (base, index) = match name.split_once('[') {
        Some((base, rest)) => (base, Some(rest)),
        None => (name, None),
    };
    let Some(list) = LISTS.into_iter().find(|list| list.eq_ignore_ascii_case(base)) else {
        return Listed::Not;
    };
    let is_index = |rest: &str| {
        rest.strip_suffix(']').is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if index.is_none_or(is_index) { Listed::As(list) } else { Listed::Otherwise }
}

/// The text of one value.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The texts of a list: an array, or a text with commas, with brackets around it or not.
fn list(value: &Value) -> Option<Vec<String>> {
    if let Value::Array(items) = value {
        let parts: Option<Vec<_>> =
            items.iter().map(|item| list(item).filter(|_| !item.is_array())).collect();
        return parts.map(|parts| parts.concat());
    }
    let text = scalar(value)?;
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    Some(inner.split(',').map(|part| part.trim().trim_matches('"').to_owned()).collect())
}

/// A form in which the same value is equal however it is written.
fn plain(name: &str, value: &Value) -> Option<Vec<String>> {
    if LISTS.contains(&name) { list(value) } else { scalar(value).map(|text| vec![text]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_lists_may_have_an_index() {
        for name in ["units", "Units", "units[]", "UNITS[0]", "units[17]"] {
            assert_eq!(list_name(name), Listed::As("units"), "{name}");
        }
        for name in ["units[", "units[a]", "units[0][id]", "units[0].id", "units[]x"] {
            assert_eq!(list_name(name), Listed::Otherwise, "{name}");
        }
        for name in ["", "name", "name[]", "[0]", "units2", "xunits[]"] {
            assert_eq!(list_name(name), Listed::Not, "{name}");
        }
    }

    #[test]
    fn lists_are_read_in_every_form() {
        for (value, wanted) in [
            (json!(["87282", 87283]), &["87282", "87283"][..]),
            (json!("87282,87283"), &["87282", "87283"]),
            (json!("[87282, \"87283\"]"), &["87282", "87283"]),
            (json!(["87282,87283"]), &["87282", "87283"]),
            (json!(5), &["5"]),
            (json!(""), &[]),
            (json!("[]"), &[]),
            (json!([]), &[]),
        ] {
            let found = list(&value).unwrap();
            assert_eq!(found, wanted, "{value}");
        }
        for none in [json!({}), json!([["1"]]), json!([{}]), json!([null])] {
            assert_eq!(list(&none), None, "{none}");
        }
    }
}
