//! Reads the fields of a vendor's body and gathers everything that is wrong with them, each with
//! where it stands (`keys.0.appUserId`). Knows no vendor's fields.

use serde_json::{Map, Value};

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Names and indices from the outermost field on, joined by dots.
    pub(crate) name: String,
    /// What would be right.
    pub(crate) reason: String,
}

/// Everything that is wrong with one request.
#[derive(Debug, Default)]
pub(crate) struct Wrongs {
    found: Vec<Wrong>,
    /// Whether fields that are not known are passed over.
    ignore_unknown: bool,
}

impl Wrongs {
    /// Nothing wrong so far.
    pub(crate) fn new(ignore_unknown: bool) -> Wrongs {
        Wrongs { found: Vec::new(), ignore_unknown }
    }

    /// Notes a wrong field.
    pub(crate) fn add(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        self.found.push(Wrong { name: name.into(), reason: reason.into() });
    }

    /// Notes a wrong field unless `right`.
    pub(crate) fn check(&mut self, right: bool, name: &str, reason: &str) {
        if !right {
            self.add(name, reason);
        }
    }

    /// Everything that was noted, if anything was.
    pub(crate) fn some(self) -> Option<Vec<Wrong>> {
        (!self.found.is_empty()).then_some(self.found)
    }
}

/// The fields of one object.
pub(crate) struct Fields<'v> {
    at: String,
    fields: &'v Map<String, Value>,
}

/// What stands for a field that may be left out or cleared.
pub(crate) type Given<T> = Option<Option<T>>;

static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

impl<'v> Fields<'v> {
    /// The fields of a body.
    pub(crate) fn of(value: &'v Value, wrongs: &mut Wrongs) -> Fields<'v> {
        Fields::at(value, String::new(), wrongs)
    }

    /// The fields of the object that stands at `at`.
    pub(crate) fn at(value: &'v Value, at: String, wrongs: &mut Wrongs) -> Fields<'v> {
        match value {
            Value::Object(fields) => Fields { at, fields },
            _ => {
                wrongs.add(if at.is_empty() { "body".to_owned() } else { at.clone() }, OBJECT);
                Fields { at, fields: &NOTHING }
            }
        }
    }

    /// Where a field stands.
    pub(crate) fn name(&self, field: &str) -> String {
        if self.at.is_empty() { field.to_owned() } else { format!("{}.{field}", self.at) }
    }

    /// Notes every field that is none of `known`, unless those are passed over: a typo must not be
    /// taken for a default.
    pub(crate) fn only(&self, known: &[&str], wrongs: &mut Wrongs) {
        if wrongs.ignore_unknown {
            return;
        }
        for field in self.fields.keys().filter(|field| !known.contains(&field.as_str())) {
            let field: String = field.chars().take(60).collect();
            let reason = format!("is not a property here; known: {}", known.join(", "));
            wrongs.add(self.name(&field), reason);
        }
    }

    /// Whether the field is there, null or not.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The field as it came.
    pub(crate) fn get(&self, field: &str) -> Option<&'v Value> {
        self.fields.get(field)
    }

    /// A text that may be left out and may not be null.
    pub(crate) fn text(&self, field: &str, wrongs: &mut Wrongs) -> Option<&'v str> {
        let value = self.fields.get(field)?;
        if value.as_str().is_none() {
            wrongs.add(self.name(field), TEXT);
        }
        value.as_str()
    }

    /// A text that must be there.
    pub(crate) fn must(&self, field: &str, wrongs: &mut Wrongs) -> Option<&'v str> {
        if !self.has(field) {
            wrongs.add(self.name(field), "is required");
        }
        self.text(field, wrongs)
    }

    /// A text that null clears.
    pub(crate) fn may_clear(&self, field: &str, wrongs: &mut Wrongs) -> Given<&'v str> {
        match self.fields.get(field) {
            None => None,
            Some(Value::Null) => Some(None),
            Some(_) => self.text(field, wrongs).map(Some),
        }
    }

    /// A text with between `least` and `most` characters, no control characters but line ends.
    pub(crate) fn sized(&self, field: &str, least: usize, most: usize, wrongs: &mut Wrongs) {
        let Some(Value::String(text)) = self.fields.get(field) else { return };
        let length = text.chars().count();
        if !(least..=most).contains(&length) {
            let reason = format!("must have between {least} and {most} characters");
            wrongs.add(self.name(field), reason);
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            wrongs.add(self.name(field), "must not have control characters");
        }
    }

    /// A list that may be left out and may not be null.
    pub(crate) fn list(&self, field: &str, wrongs: &mut Wrongs) -> Option<&'v [Value]> {
        let value = self.fields.get(field)?;
        if !value.is_array() {
            wrongs.add(self.name(field), "must be of type array");
        }
        value.as_array().map(Vec::as_slice)
    }

    /// A list of texts, each with its index.
    pub(crate) fn texts(&self, field: &str, wrongs: &mut Wrongs) -> Option<Vec<(usize, &'v str)>> {
        let items = self.list(field, wrongs)?;
        let mut texts = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(text) => texts.push((at, text)),
                None => wrongs.add(self.item(field, at), TEXT),
            }
        }
        Some(texts)
    }

    /// Where an item of a list stands.
    pub(crate) fn item(&self, field: &str, at: usize) -> String {
        format!("{}.{at}", self.name(field))
    }
}

const TEXT: &str = "must be of type string";
const OBJECT: &str = "must be of type object";
