//! The one table of fields, as types: what a body may hold and an answer holds.
//!
//! The checks of bodies and the OpenAPI document are both made from these values. Says nothing of
//! how a field is stored, and looks nothing up.

use serde_json::{Map, Value};

use super::format::Format;

/// Which way a body is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Makes something: an absent field has its default.
    Create,
    /// Changes something: an absent field is left as it is, null clears it.
    Patch,
    /// Makes or replaces something: an absent field has its default.
    Put,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Bool,
    /// Nothing but true.
    True,
    /// A whole number.
    Int {
        min: i64,
        max: i64,
    },
    /// One line of text, counted in characters; not blank where `min` is not 0.
    Line {
        min: usize,
        max: usize,
    },
    /// Text of any number of lines.
    Prose {
        max: usize,
    },
    /// A text that is kept secret and taken as it is.
    Secret {
        min: usize,
        max: usize,
    },
    /// Decimal digits.
    Digits {
        min: usize,
        max: usize,
    },
    /// A text with a format of its own.
    Is(Format),
    /// One of some words.
    Enum(&'static [&'static str]),
    /// One of some words of a table that has no list of them; in answers only.
    Words(fn() -> Vec<&'static str>),
    List {
        of: &'static Kind,
        min: usize,
        max: usize,
        unique: bool,
    },
    Object(&'static Shape),
    /// One of some objects, told apart by the fields each must have.
    OneOf(&'static [&'static Shape]),
    /// Any JSON object, kept for the caller.
    Free,
}

/// When a field may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Never,
    /// When the thing is made or replaced.
    Made,
    Always,
}

/// When a field stands in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Never,
    /// In some answers.
    Maybe,
    /// In the answer that made the thing, and in no other.
    Once,
    Always,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// One or two sentences for the document.
    pub(crate) doc: &'static str,
    /// Whether it must be given when the thing is made.
    pub(crate) required: bool,
    /// Whether null may be given, and may stand in answers.
    pub(crate) nullable: bool,
    pub(crate) write: Write,
    pub(crate) read: Read,
}

impl Field {
    const fn new(
        name: &'static str,
        kind: Kind,
        doc: &'static str,
        required: bool,
        nullable: bool,
    ) -> Field {
        Field { name, kind, doc, required, nullable, write: Write::Always, read: Read::Always }
    }

    /// A field that must be given and is never null.
    pub(crate) const fn must(name: &'static str, kind: Kind, doc: &'static str) -> Field {
        Field::new(name, kind, doc, true, false)
    }

    /// A field that may be absent or null, both of which mean none.
    pub(crate) const fn may(name: &'static str, kind: Kind, doc: &'static str) -> Field {
        Field::new(name, kind, doc, false, true)
    }

    /// A field that has a default where it is absent, and is never null.
    pub(crate) const fn has(name: &'static str, kind: Kind, doc: &'static str) -> Field {
        Field::new(name, kind, doc, false, false)
    }

    /// Set by the server alone.
    pub(crate) const fn shown(mut self) -> Field {
        self.write = Write::Never;
        self.required = false;
        self
    }

    /// Set when the thing is made or replaced, never by PATCH.
    pub(crate) const fn fixed(mut self) -> Field {
        self.write = Write::Made;
        self
    }

    /// Never in an answer.
    pub(crate) const fn hidden(mut self) -> Field {
        self.read = Read::Never;
        self
    }

    /// In some answers only.
    pub(crate) const fn sometimes(mut self) -> Field {
        self.read = Read::Maybe;
        self
    }

    /// In the answer that made the thing only.
    pub(crate) const fn once(mut self) -> Field {
        self.read = Read::Once;
        self
    }

    /// Whether a body of that use may hold it.
    pub(crate) fn writable(&self, usage: Use) -> bool {
        match self.write {
            Write::Never => false,
            Write::Made => usage != Use::Patch,
            Write::Always => true,
        }
    }
}

/// A rule over several fields; checked once each field is right by itself.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// One of these is given and no other (by PATCH: at most one).
    ExactlyOne(&'static [&'static str]),
    /// No more than one of these is given.
    AtMostOne(&'static [&'static str]),
    /// All of these are given or none.
    Together(&'static [&'static str]),
    /// At least one of these is given.
    SomeOf(&'static [&'static str]),
    /// Where the first is given none of the others is.
    Excludes(&'static str, &'static [&'static str]),
    /// What stands in the first says which of the others are given: of the fields beside the word
    /// exactly one, of those beside other words none.
    Kinds(&'static str, &'static [(&'static str, &'static [&'static str])]),
    /// Where both instants are given the first is before the second.
    Ordered(&'static str, &'static str),
    /// Anything else, with what it asks for; pointers are relative to the object.
    Check(&'static str, fn(&Map<String, Value>, Use) -> Vec<FieldError>),
}

/// An object: its fields and the rules over them.
pub(crate) struct Shape {
    /// The name in the document, in CamelCase.
    pub(crate) name: &'static str,
    /// A sentence for the document.
    pub(crate) doc: &'static str,
    /// Groups of fields, in the order of the document.
    pub(crate) groups: &'static [&'static [Field]],
    pub(crate) rules: &'static [Rule],
    /// Whether a body may hold fields that are not here, which are passed over.
    pub(crate) open: bool,
}

impl Shape {
    /// A shape of one group and no rules.
    pub(crate) const fn new(
        name: &'static str,
        doc: &'static str,
        groups: &'static [&'static [Field]],
    ) -> Shape {
        Shape { name, doc, groups, rules: &[], open: false }
    }

    /// The same with rules.
    pub(crate) const fn ruled(mut self, rules: &'static [Rule]) -> Shape {
        self.rules = rules;
        self
    }

    /// All fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// The field with that name.
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }

    /// Whether a body with no field at all may be right.
    pub(crate) fn may_be_empty(&self) -> bool {
        !self.fields().any(|field| field.required)
            && !self.rules.iter().any(|rule| matches!(rule, Rule::ExactlyOne(_) | Rule::SomeOf(_)))
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

/// One thing wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// JSON pointer (RFC 6901) into the body; `?name` for a query parameter, `name:` for a header.
    pub(crate) pointer: String,
    /// A stable word for programs.
    pub(crate) code: &'static str,
    /// What is wrong and what would be right.
    pub(crate) detail: String,
}

impl FieldError {
    pub(crate) fn new(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError { pointer: pointer.into(), code, detail: detail.into() }
    }
}
