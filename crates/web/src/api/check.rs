//! Checks a JSON value against a shape and reports everything that is wrong with it at once.
//!
//! Never changes a value and looks nothing up; rules that need records are the domain's commands.

use std::collections::HashSet;
use std::fmt::Write as _;

use claviger_domain::time::Instant;
use serde_json::{Map, Value};

use super::shape::{Field, FieldError, Kind, Read, Rule, Shape, Use};

/// No more errors than this are listed in one answer.
const MAX_ERRORS: usize = 200;
/// Levels of objects and lists in a free object.
const FREE_DEPTH: usize = 16;
/// Bytes of a free object as JSON text.
const FREE_BYTES: usize = 16 * 1024;
/// Fields of a free object.
pub(crate) const FREE_FIELDS: usize = 256;

/// Everything wrong with `value` as a body of that shape; at most [`MAX_ERRORS`].
pub(crate) fn check(shape: &'static Shape, value: &Value, usage: Use) -> Vec<FieldError> {
    let mut checker = Checker { errors: Vec::new() };
    checker.object(&At::ROOT, shape, value, usage);
    checker.errors
}

/// Everything wrong with one value that stands alone, such as a query parameter; pointers are
/// relative to it.
pub(crate) fn check_kind(kind: &Kind, value: &Value) -> Vec<FieldError> {
    let mut checker = Checker { errors: Vec::new() };
    checker.value(&At::ROOT, kind, value);
    checker.errors
}

/// Where a value stands; written out only when something is wrong there.
struct At<'a> {
    up: Option<&'a At<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Root,
    Name(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    const ROOT: At<'static> = At { up: None, step: Step::Root };

    fn name(&'a self, name: &'a str) -> At<'a> {
        At { up: Some(self), step: Step::Name(name) }
    }

    fn index(&'a self, index: usize) -> At<'a> {
        At { up: Some(self), step: Step::Index(index) }
    }

    fn pointer(&self) -> String {
        let mut text = self.up.map_or_else(String::new, At::pointer);
        match self.step {
            Step::Root => {}
            Step::Name(name) => {
                text.push('/');
                text.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Step::Index(index) => {
                let _ = write!(text, "/{index}");
            }
        }
        text
    }
}

/// For each kind the fields that belong to it.
type KindTable = &'static [(&'static str, &'static [&'static str])];

struct Checker {
    errors: Vec<FieldError>,
}

impl Checker {
    fn error(&mut self, at: &At<'_>, code: &'static str, detail: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(FieldError::new(at.pointer(), code, detail));
        }
    }

    fn object(&mut self, at: &At<'_>, shape: &'static Shape, value: &Value, usage: Use) {
        let Some(fields) = value.as_object() else {
            return self.wrong_type(at, "an object", value);
        };
        let before = self.errors.len();
        for field in shape.fields().filter(|field| field.writable(usage)) {
            let at = at.name(field.name);
            match fields.get(field.name) {
                None if field.required && usage != Use::Patch => {
                    self.error(&at, "required", format!("{} is required", field.name));
                }
                None => {}
                Some(Value::Null) if field.nullable => {}
                Some(value) => self.value(&at, &field.kind, value),
            }
        }
        for name in fields.keys() {
            match shape.field(name) {
                Some(field) if field.writable(usage) => {}
                Some(field) => self.not_writable(&at.name(name), field),
                None if shape.open => {}
                None => self.unknown(&at.name(name), shape, name, usage),
            }
        }
        for rule in shape.rules {
            // Fields that are wrong by themselves would only be named twice.
            if self.errors.len() == before || matches!(rule, Rule::Ordered(..)) {
                self.rule(at, shape, rule, fields, usage);
            }
        }
    }

    fn not_writable(&mut self, at: &At<'_>, field: &Field) {
        let (code, detail) = match field.write {
            super::shape::Write::Never => ("read_only", "is set by the server; leave it out"),
            _ => ("fixed", "is set when the object is made and cannot be changed; leave it out"),
        };
        self.error(at, code, format!("{} {detail}", field.name));
    }

    fn unknown(&mut self, at: &At<'_>, shape: &'static Shape, name: &str, usage: Use) {
        let known = shape.fields().filter(|field| field.writable(usage)).map(|field| field.name);
        let known = known.collect::<Vec<_>>().join(", ");
        let name: String = name.chars().take(60).collect();
        let detail = if known.is_empty() {
            format!("{name} is not a field here; no field is")
        } else {
            format!("{name} is not a field here; the fields are {known}")
        };
        self.error(at, "unknown_field", detail);
    }

    fn value(&mut self, at: &At<'_>, kind: &Kind, value: &Value) {
        match (kind, value) {
            (Kind::Bool, Value::Bool(_)) => {}
            (Kind::True, Value::Bool(true)) => {}
            (Kind::True, _) => self.error(at, "not_a_choice", "must be true or be left out"),
            (Kind::Bool, _) => self.wrong_type(at, "true or false", value),
            (Kind::Int { min, max }, value) => self.int(at, *min, *max, value),
            (Kind::List { of, min, max, unique }, Value::Array(items)) => {
                self.list(at, items, *min, *max);
                if items.len() <= *max {
                    items.iter().enumerate().for_each(|(i, it)| self.value(&at.index(i), of, it));
                    if *unique {
                        self.unique(at, items);
                    }
                }
            }
            (Kind::List { .. }, _) => self.wrong_type(at, "a list", value),
            (Kind::Object(shape), _) => self.object(at, shape, value, Use::Create),
            (Kind::OneOf(shapes), Value::Object(fields)) => self.one_of(at, shapes, value, fields),
            (Kind::OneOf(_), _) => self.wrong_type(at, "an object", value),
            (Kind::Free, Value::Object(fields)) => self.free(at, fields, value),
            (Kind::Free, _) => self.wrong_type(at, "an object", value),
            (_, Value::String(text)) => self.text(at, kind, text),
            (_, _) => self.wrong_type(at, "a text", value),
        }
    }

    fn wrong_type(&mut self, at: &At<'_>, wants: &str, value: &Value) {
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.error(at, "wrong_type", format!("must be {wants}, not {is}"));
    }

    fn int(&mut self, at: &At<'_>, min: i64, max: i64, value: &Value) {
        match value.as_i64() {
            Some(number) if (min..=max).contains(&number) => {}
            Some(_) => self.error(at, "out_of_range", format!("must be {min} to {max}")),
            None if value.is_u64() => {
                self.error(at, "out_of_range", format!("must be {min} to {max}"));
            }
            None => self.wrong_type(at, "a whole number without fraction or exponent", value),
        }
    }

    fn list(&mut self, at: &At<'_>, items: &[Value], min: usize, max: usize) {
        let count = items.len();
        if count < min {
            self.error(at, "too_few", format!("has {count} items; must have at least {min}"));
        } else if count > max {
            self.error(at, "too_many", format!("has {count} items; must have at most {max}"));
        }
    }

    fn unique(&mut self, at: &At<'_>, items: &[Value]) {
        let mut seen = HashSet::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            if !seen.insert(item) {
                self.error(&at.index(index), "duplicate", "is in the list already");
            }
        }
    }

    fn one_of(
        &mut self,
        at: &At<'_>,
        shapes: &'static [&'static Shape],
        value: &Value,
        fields: &Map<String, Value>,
    ) {
        let told = |shape: &&&'static Shape| {
            shape.fields().all(|field| !field.required || fields.contains_key(field.name))
        };
        if let Some(shape) = shapes.iter().find(told) {
            return self.object(at, shape, value, Use::Create);
        }
        let needs = |shape: &&'static Shape| {
            let required = shape.fields().filter(|field| field.required);
            required.map(|field| field.name).collect::<Vec<_>>().join(" and ")
        };
        let choices = shapes.iter().map(needs).collect::<Vec<_>>().join(", or ");
        self.error(at, "required", format!("must be an object with {choices}"));
    }

    fn free(&mut self, at: &At<'_>, fields: &Map<String, Value>, value: &Value) {
        if fields.len() > FREE_FIELDS {
            self.error(at, "too_many", format!("must have at most {FREE_FIELDS} fields"));
        } else if depth(value) > FREE_DEPTH {
            let detail = format!("must be nested at most {FREE_DEPTH} levels deep");
            self.error(at, "too_deep", detail);
        } else if serde_json::to_string(value).map_or(0, |text| text.len()) > FREE_BYTES {
            self.error(at, "too_long", format!("must be at most {FREE_BYTES} bytes as JSON"));
        }
    }

    fn text(&mut self, at: &At<'_>, kind: &Kind, text: &str) {
        match *kind {
            Kind::Line { min, max } => {
                self.length(at, text, min, max);
                if text.chars().any(char::is_control) {
                    self.error(at, "bad_format", "must be one line without control characters");
                } else if min > 0 && !text.is_empty() && text.chars().all(is_blank) {
                    self.error(at, "bad_format", "must not be blank");
                }
            }
            Kind::Prose { max } => {
                self.length(at, text, 0, max);
                if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
                    let detail = "must hold no control characters but tabs and line ends";
                    self.error(at, "bad_format", detail);
                }
            }
            Kind::Secret { min, max } => {
                self.length(at, text, min, max);
                if text.contains('\0') {
                    self.error(at, "bad_format", "must not hold the character U+0000");
                }
            }
            Kind::Digits { min, max } => {
                let right = (min..=max).contains(&text.len());
                if !right || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                    self.error(at, "bad_format", format!("must be {min} to {max} digits"));
                }
            }
            Kind::Is(format) => {
                let row = format.row();
                if text.chars().count() > row.max || !(row.holds)(text) {
                    self.error(at, "bad_format", format!("must be {}", row.wants));
                }
            }
            Kind::Enum(words) if words.contains(&text) => {}
            Kind::Enum(words) => {
                let detail = format!("must be one of {}", words.join(", "));
                self.error(at, "not_a_choice", detail);
            }
            _ => {}
        }
    }

    fn length(&mut self, at: &At<'_>, text: &str, min: usize, max: usize) {
        let count = text.chars().count();
        if count < min {
            let detail = format!("has {count} characters; must have at least {min}");
            self.error(at, "too_short", detail);
        } else if count > max {
            let detail = format!("has {count} characters; must have at most {max}");
            self.error(at, "too_long", detail);
        }
    }

    fn rule(
        &mut self,
        at: &At<'_>,
        shape: &'static Shape,
        rule: &Rule,
        fields: &Map<String, Value>,
        usage: Use,
    ) {
        let given = |name: &&'static str| fields.contains_key(*name);
        match rule {
            Rule::ExactlyOne(names) => match names.iter().filter(|name| given(name)).count() {
                1 => {}
                0 if usage == Use::Patch => {}
                0 => self.error(at, "required", format!("needs one of {}", names.join(", "))),
                _ => {
                    let detail = format!("takes only one of {}", names.join(", "));
                    self.error(at, "conflict", detail);
                }
            },
            Rule::AtMostOne(names) => {
                if names.iter().filter(|name| given(name)).count() > 1 {
                    let detail = format!("takes only one of {}", names.join(", "));
                    self.error(at, "conflict", detail);
                }
            }
            Rule::Together(names) => {
                for name in names.iter().filter(|name| !given(name)) {
                    if let Some(other) = names.iter().find(|name| given(name)) {
                        let detail = format!("is required beside {other}");
                        self.error(&at.name(name), "required", detail);
                    }
                }
            }
            Rule::SomeOf(names) => {
                if !names.iter().any(given) {
                    let detail = format!("needs at least one of {}", names.join(", "));
                    self.error(at, "required", detail);
                }
            }
            Rule::Excludes(first, others) => {
                for other in others.iter().filter(|other| given(first) && given(other)) {
                    let detail = format!("cannot stand beside {first}; leave one of them out");
                    self.error(&at.name(other), "conflict", detail);
                }
            }
            Rule::Kinds(word, table) => self.kinds(at, shape, (word, table), fields, usage),
            Rule::Ordered(from, until) => self.ordered(at, from, until, fields),
            Rule::Check(_, rule) => {
                for flaw in rule(fields, usage) {
                    if self.errors.len() < MAX_ERRORS {
                        let pointer = at.pointer() + &flaw.pointer;
                        self.errors.push(FieldError { pointer, ..flaw });
                    }
                }
            }
        }
    }

    fn kinds(
        &mut self,
        at: &At<'_>,
        shape: &'static Shape,
        (word, table): (&'static str, KindTable),
        fields: &Map<String, Value>,
        usage: Use,
    ) {
        // What is shown once stays where a PUT does not give it.
        let kept = |name: &str| {
            usage == Use::Put && shape.field(name).is_some_and(|field| field.read == Read::Once)
        };
        let Some(said) = fields.get(word).and_then(Value::as_str) else { return };
        for (kind, names) in table {
            let given = names.iter().filter(|name| fields.contains_key(**name));
            if *kind == said {
                // More than one is for `AtMostOne` to say.
                if given.count() == 0 && !names.iter().any(|name| kept(name)) {
                    let detail = format!("a {kind} needs {}", names.join(" or "));
                    self.error(&at.name(names[0]), "required", detail);
                }
            } else {
                for name in given {
                    let detail = format!("belongs to a {kind}, but {word} is {said}");
                    self.error(&at.name(name), "conflict", detail);
                }
            }
        }
    }

    fn ordered(&mut self, at: &At<'_>, from: &str, until: &str, fields: &Map<String, Value>) {
        let instant = |name| fields.get(name).and_then(Value::as_str).and_then(Instant::parse);
        if let (Some(first), Some(last)) = (instant(from), instant(until))
            && last <= first
        {
            let detail = format!("{until} must be after {from}");
            self.error(&at.name(until), "ends_before_start", detail);
        }
    }
}

/// White space, and the byte order mark that some readers count as such.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
