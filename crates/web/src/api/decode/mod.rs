//! From a checked body to what a caller sets: one reading for POST, PUT and PATCH.
//!
//! In a PATCH an absent field is left as it is; in a POST or PUT it has its default. Bodies were
//! checked against their shape before: a value that does not fit reads as absent. Looks nothing up.

pub(crate) mod access_level;
pub(crate) mod controller;
pub(crate) mod credential;
pub(crate) mod device;
pub(crate) mod lock;
pub(crate) mod person;
pub(crate) mod place;
pub(crate) mod schedule;
pub(crate) mod sync;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub(crate) use claviger_domain::ids::Ref;
use claviger_domain::noun::Json;
use claviger_domain::schedule::Definition;
use claviger_domain::time::{Instant, WindowEdit, Zone};
use serde_json::Value;

use super::shape::Use;

/// Bytes as texts hold them.
pub(crate) fn bytes(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

/// How a caller names a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Ref(Ref),
    Email(String),
    Phone(String),
}

impl Who {
    /// Reads a reference, an e-mail address or a phone number.
    pub(crate) fn parse(text: &str) -> Option<Who> {
        if let Some(reference) = Ref::parse(text) {
            return Some(Who::Ref(reference));
        }
        let text = text.to_owned();
        Some(if text.starts_with('+') && !text.contains('@') {
            Who::Phone(text)
        } else {
            Who::Email(text)
        })
    }
}

/// A schedule as a caller gives it: one of the place's, or written out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ScheduleInput {
    Named(Ref),
    Inline(Definition),
}

/// The fields of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    body: &'a Value,
    usage: Use,
}

impl<'a> Fields<'a> {
    /// The fields of `body`, read the way `usage` means them.
    pub(crate) fn new(body: &'a Value, usage: Use) -> Fields<'a> {
        Fields { body, usage }
    }

    /// Whether an absent field has its default.
    pub(crate) fn whole(&self) -> bool {
        self.usage != Use::Patch
    }

    /// Whether the field stands in the body, null included.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.body.get(name).is_some()
    }

    /// The value in the body, unless absent or null.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.body.get(name).filter(|value| !value.is_null())
    }

    /// The text in the body, unless absent or null.
    pub(crate) fn str(&self, name: &str) -> Option<&'a str> {
        self.value(name).and_then(Value::as_str)
    }

    /// A field that may be cleared: `None` is "as it is", `Some(None)` "nothing".
    pub(crate) fn may<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<Option<T>> {
        (self.whole() || self.has(name)).then(|| self.value(name).and_then(read))
    }

    /// A field with a default: `None` is "as it is".
    pub(crate) fn has_or<T>(
        &self,
        name: &str,
        default: T,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        self.may(name, read).map(|value| value.unwrap_or(default))
    }

    /// A field that is never cleared and has no default, such as a name.
    pub(crate) fn must<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        self.value(name).and_then(read)
    }

    /// A text that may be cleared.
    pub(crate) fn text(&self, name: &str) -> Option<Option<String>> {
        self.may(name, owned)
    }

    /// A text that may not.
    pub(crate) fn must_text(&self, name: &str) -> Option<String> {
        self.must(name, owned)
    }

    /// A boolean with a default.
    pub(crate) fn bool(&self, name: &str, default: bool) -> Option<bool> {
        self.has_or(name, default, Value::as_bool)
    }

    /// A whole number that may be cleared.
    pub(crate) fn int<T: TryFrom<i64>>(&self, name: &str) -> Option<Option<T>> {
        self.may(name, |value| T::try_from(value.as_i64()?).ok())
    }

    /// An instant that may be cleared.
    pub(crate) fn instant(&self, name: &str) -> Option<Option<Instant>> {
        self.may(name, |value| Instant::parse(value.as_str()?))
    }

    /// The window between two instants, either of which may be cleared.
    pub(crate) fn window(&self, from: &str, until: &str) -> WindowEdit {
        WindowEdit { from: self.instant(from), until: self.instant(until) }
    }

    /// A time zone that may be cleared.
    pub(crate) fn zone(&self, name: &str) -> Option<Option<Zone>> {
        self.may(name, |value| Zone::parse(value.as_str()?))
    }

    /// One of some words, with a default.
    pub(crate) fn word<T>(
        &self,
        name: &str,
        default: T,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.has_or(name, default, |value| parse(value.as_str()?))
    }

    /// A list, empty where it is absent.
    pub(crate) fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.has_or(name, Vec::new(), |value| {
            Some(value.as_array()?.iter().filter_map(read).collect())
        })
    }

    /// A list of texts, empty where it is absent.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.list(name, owned)
    }

    /// A list of words, empty where it is absent.
    pub(crate) fn words<T>(&self, name: &str, parse: fn(&str) -> Option<T>) -> Option<Vec<T>> {
        self.list(name, |value| parse(value.as_str()?))
    }

    /// A free object as canonical text: names in order, no space.
    pub(crate) fn json(&self, name: &str) -> Option<Option<Json>> {
        self.may(name, |value| Some(Json(value.to_string())))
    }

    /// A reference that may be cleared.
    pub(crate) fn reference(&self, name: &str) -> Option<Option<Ref>> {
        self.may(name, |value| Ref::parse(value.as_str()?))
    }

    /// A list of references, empty where it is absent.
    pub(crate) fn references(&self, name: &str) -> Option<Vec<Ref>> {
        self.words(name, Ref::parse)
    }

    /// A list of people, empty where it is absent.
    pub(crate) fn people(&self, name: &str) -> Option<Vec<Who>> {
        self.words(name, Who::parse)
    }

    /// A schedule that may be cleared.
    pub(crate) fn schedule(&self, name: &str) -> Option<Option<ScheduleInput>> {
        self.may(name, schedule::input)
    }

    /// An object inside the body, read whole whatever the verb.
    pub(crate) fn inside(&self, name: &str) -> Option<Fields<'a>> {
        self.value(name).map(|value| Fields::new(value, Use::Create))
    }
}

fn owned(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
