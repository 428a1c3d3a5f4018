//! Shapes as JSON Schema (2020-12, the dialect of OpenAPI 3.1).
//!
//! Of bodies the schema says as much as `check` asks, as far as JSON Schema can: it never refuses
//! what is accepted. Of answers it says which fields there are, and leaves room for more.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::check::FREE_FIELDS;
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Read, Rule, Shape, Use};

/// One line: no control characters.
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// One line that is not blank.
const NOT_BLANK: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f]",
    r"[^\u0000-\u001f\u007f-\u009f]*$"
);
/// No control characters but tabs and line ends.
const PROSE: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
/// Anything but the character U+0000.
const NO_NUL: &str = r"^[^\u0000]*$";

/// Longer lists are limited in words: programs that try out limits would send ever so much.
const MOST_ITEMS: usize = 1000;

/// In which place a shape stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// An answer.
    Read,
    /// The answer that made the thing.
    Created,
    /// A body that makes or replaces.
    Write,
    /// A body that changes.
    Patch,
}

impl Side {
    /// The side of a body.
    pub(super) fn of(usage: Use) -> Side {
        if usage == Use::Patch { Side::Patch } else { Side::Write }
    }

    fn writes(self) -> bool {
        matches!(self, Side::Write | Side::Patch)
    }

    /// The side of what stands inside.
    fn inner(self) -> Side {
        if self.writes() { Side::Write } else { Side::Read }
    }
}

/// The schemas that were referred to, by name.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    pub(super) by_name: BTreeMap<String, Value>,
}

impl Schemas {
    /// A reference to the schema of a shape.
    pub(super) fn refer(&mut self, shape: &'static Shape, side: Side) -> Value {
        let once = shape.fields().any(|field| field.read == Read::Once);
        let ending = match side {
            Side::Created if once => "Created",
            Side::Read | Side::Created => "",
            Side::Write => "Write",
            Side::Patch => "Patch",
        };
        let name = format!("{}{ending}", shape.name);
        if !self.by_name.contains_key(&name) {
            self.by_name.insert(name.clone(), Value::Null);
            let schema = self.object(shape, side);
            self.by_name.insert(name.clone(), schema);
        }
        reference("schemas", &name)
    }

    /// A reference to the schema of a page of a shape.
    pub(super) fn refer_page(&mut self, shape: &'static Shape) -> Value {
        let items = self.refer(shape, Side::Read);
        let name = format!("{}Page", shape.name);
        let schema = json!({
            "type": "object",
            "description": "A page of a list.",
            "properties": {
                "items": { "type": "array", "items": items },
                "next": { "type": ["string", "null"], "description": "Send it as after." },
                "has_more": { "type": "boolean", "description": "Whether more items follow." },
            },
            "required": ["items", "next", "has_more"],
        });
        self.by_name.insert(name.clone(), schema);
        reference("schemas", &name)
    }

    fn object(&mut self, shape: &'static Shape, side: Side) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in shape.fields().filter(|field| stands(field, side)) {
            properties.insert(field.name.to_owned(), self.field(field, side));
            let needed = match side {
                Side::Read | Side::Created => field.read == Read::Always,
                Side::Write => field.required,
                Side::Patch => false,
            };
            if needed {
                required.push(field.name);
            }
        }
        let mut schema = json!({
            "type": "object",
            "description": shape.doc,
            "properties": properties,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if side.writes() {
            schema["additionalProperties"] = shape.open.into();
            rules(&mut schema, shape, side);
        }
        schema
    }

    fn field(&mut self, field: &Field, side: Side) -> Value {
        let once = side == Side::Created && field.read == Read::Once;
        let mut schema = self.kind(&field.kind, side.inner());
        if field.nullable || once {
            schema = or_null(schema);
        }
        let limit = schema["description"].as_str().unwrap_or("");
        schema["description"] = format!("{}{limit}", field.doc).into();
        schema
    }

    /// The schema of one value.
    pub(super) fn kind(&mut self, kind: &Kind, side: Side) -> Value {
        let writes = side.writes();
        match *kind {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::True => json!({ "type": "boolean", "const": true }),
            Kind::Object(shape) => self.refer(shape, side),
            Kind::OneOf(shapes) => {
                let shapes = shapes.iter().map(|shape| self.refer(shape, side));
                json!({ "oneOf": shapes.collect::<Vec<_>>() })
            }
            Kind::List { of, min, max, unique } => {
                let mut list = json!({ "type": "array", "items": self.kind(of, side) });
                if writes {
                    list["minItems"] = min.into();
                    list["uniqueItems"] = unique.into();
                    if max <= MOST_ITEMS {
                        list["maxItems"] = max.into();
                    } else {
                        list["description"] = format!(" At most {max} items.").into();
                    }
                }
                list
            }
            Kind::Int { min, max } if writes => {
                json!({ "type": "integer", "minimum": min, "maximum": max })
            }
            Kind::Int { .. } => json!({ "type": "integer" }),
            Kind::Free if writes => json!({ "type": "object", "maxProperties": FREE_FIELDS }),
            Kind::Free => json!({ "type": "object" }),
            Kind::Enum(words) => json!({ "type": "string", "enum": words }),
            Kind::Words(words) => json!({ "type": "string", "enum": words() }),
            Kind::Is(format) => of_format(format, writes),
            _ if !writes => json!({ "type": "string" }),
            Kind::Line { min: 0, max } => text(0, max, LINE),
            Kind::Line { min, max } => text(min, max, NOT_BLANK),
            Kind::Prose { max } => text(0, max, PROSE),
            Kind::Secret { min, max } => text(min, max, NO_NUL),
            Kind::Digits { min, max } => {
                json!({ "type": "string", "pattern": format!("^[0-9]{{{min},{max}}}$") })
            }
        }
    }
}

/// Whether a field stands on a side.
fn stands(field: &Field, side: Side) -> bool {
    match side {
        Side::Read => matches!(field.read, Read::Always | Read::Maybe),
        Side::Created => field.read != Read::Never,
        Side::Write => field.writable(Use::Create),
        Side::Patch => field.writable(Use::Patch),
    }
}

/// A reference into the components.
pub(super) fn reference(section: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{section}/{name}") })
}

/// The schema of a format.
pub(super) fn of_format(format: Format, writes: bool) -> Value {
    // Whatever a caller writes for a reference, answers say ids.
    let row = if format == Format::Ref && !writes { Format::Id.row() } else { format.row() };
    let mut schema = json!({ "type": "string" });
    if let Some(keyword) = row.keyword {
        schema["format"] = keyword.into();
    }
    if writes {
        schema["pattern"] = row.pattern.into();
        schema["maxLength"] = row.max.into();
    }
    schema
}

fn text(min: usize, max: usize, pattern: &str) -> Value {
    json!({ "type": "string", "minLength": min, "maxLength": max, "pattern": pattern })
}

fn or_null(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        choices.push(json!({ "type": "null" }));
        return schema;
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    let of = schema["type"].take();
    schema["type"] = json!([of, "null"]);
    schema
}

fn rules(schema: &mut Value, shape: &Shape, side: Side) {
    let mut all = Vec::new();
    let mut told = Vec::new();
    for rule in shape.rules {
        match *rule {
            Rule::ExactlyOne(names) if side == Side::Write => {
                let one = names.iter().map(|name| json!({ "required": [name] }));
                all.push(json!({ "oneOf": one.collect::<Vec<_>>() }));
            }
            Rule::ExactlyOne(names) | Rule::AtMostOne(names) => at_most_one(&mut all, names),
            Rule::SomeOf(names) => {
                let some = names.iter().map(|name| json!({ "required": [name] }));
                all.push(json!({ "anyOf": some.collect::<Vec<_>>() }));
            }
            Rule::Together(names) => {
                let others = |name| names.iter().filter(move |other| **other != name);
                let pairs = names
                    .iter()
                    .map(|name| ((*name).to_owned(), json!(others(*name).collect::<Vec<_>>())));
                schema["dependentRequired"] = Value::Object(pairs.collect());
            }
            Rule::Excludes(first, others) => {
                let pairs =
                    others.iter().map(|other| json!({ "not": { "required": [first, other] } }));
                all.extend(pairs);
            }
            Rule::Kinds(word, table) if side == Side::Write => all.push(kinds(shape, word, table)),
            Rule::Kinds(..) => {}
            Rule::Ordered(from, until) => told.push(format!("{from} is before {until}")),
            Rule::Check(says, _) => told.push(says.to_owned()),
        }
    }
    if !all.is_empty() {
        schema["allOf"] = Value::Array(all);
    }
    if !told.is_empty() {
        schema["description"] = format!("{} Besides: {}.", shape.doc, told.join("; ")).into();
    }
}

fn at_most_one(all: &mut Vec<Value>, names: &[&str]) {
    for (at, one) in names.iter().enumerate() {
        let pairs = names[at + 1..].iter().map(|two| json!({ "not": { "required": [one, two] } }));
        all.extend(pairs);
    }
}

fn kinds(shape: &Shape, word: &str, table: &[(&str, &[&str])]) -> Value {
    let choices = table.iter().map(|(kind, names)| {
        let required = |name: &&&str| json!({ "required": [**name] });
        let own: Vec<Value> = names.iter().map(|name| required(&name)).collect();
        let others = table.iter().filter(|(other, _)| other != kind);
        let others: Vec<Value> = others
            .flat_map(|(_, names)| names.iter())
            .filter(|name| !names.contains(name))
            .map(|name| required(&name))
            .collect();
        let mut choice = json!({
            "properties": { word: { "const": kind } },
            "not": { "anyOf": others },
        });
        // A PUT, which has the same schema, may leave out what is shown once: it stays.
        let once = |name: &&str| shape.field(name).is_some_and(|it| it.read == Read::Once);
        if !names.iter().any(once) {
            choice["oneOf"] = Value::Array(own);
        }
        choice
    });
    json!({ "oneOf": choices.collect::<Vec<_>>() })
}
