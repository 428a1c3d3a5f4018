//! The document is whole and says what the checks ask.

use serde_json::{Value, json};

use super::*;
use crate::api::demo;
use crate::api::shape::Shape;
use crate::api::shapes::credential::CREDENTIAL;
use crate::api::shapes::person::PERSON;

fn demo_document() -> Value {
    document(&demo::table())
}

/// Calls `see` with every object inside.
fn walk(value: &Value, see: &mut dyn FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            see(fields);
            fields.values().for_each(|value| walk(value, see));
        }
        Value::Array(items) => items.iter().for_each(|value| walk(value, see)),
        _ => {}
    }
}

#[test]
fn every_route_stands_in_it_with_its_parts() {
    let document = demo_document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for route in demo::table() {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &document["paths"][route.path][&method];
        assert_eq!(operation["operationId"], route.operation_id);
        assert!(ids.insert(route.operation_id), "{} stands twice", route.operation_id);
        assert_eq!(operation["requestBody"].is_object(), route.body.is_some());
        let named = operation["parameters"].as_array().unwrap();
        for (name, _) in route.path_params() {
            assert!(named.iter().any(|it| it["name"] == name && it["required"] == true));
        }
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{}", route.operation_id);
        assert!(responses.keys().all(|status| status.len() == 3));
        assert!(
            responses.values().all(|it| it.get("$ref").is_some() || it["description"].is_string())
        );
    }
}

#[test]
fn every_reference_resolves_and_every_component_is_used() {
    let document = demo_document();
    let mut used = BTreeSet::new();
    walk(&document, &mut |fields| {
        if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some_and(Value::is_object), "{target}");
            used.insert(target.to_owned());
        }
    });
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(used.contains(&format!("#/components/schemas/{name}")), "{name} is unused");
    }
}

#[test]
fn every_object_of_a_body_is_closed() {
    let document = demo_document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let body = name.ends_with("Write") || name.ends_with("Patch");
        assert_eq!(schema.get("additionalProperties").is_some(), body, "{name}");
        let names = schema["properties"].as_object().unwrap();
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(names.contains_key(required.as_str().unwrap()), "{name} {required}");
        }
    }
}

#[test]
fn bodies_and_answers_of_a_noun_differ_as_its_table_says() {
    let mut schemas = Schemas::default();
    let mut of = |shape: &'static Shape, side| {
        let reference = schemas.refer(shape, side);
        let name = reference["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        schemas.by_name[&name].clone()
    };
    let write = of(&PERSON, Side::Write);
    assert_eq!(
        write["properties"]["phone"],
        json!({
            "type": ["string", "null"],
            "pattern": "^\\+[1-9][0-9]{6,14}$",
            "maxLength": 16,
            "description": "E.164, unique among the place's people.",
        })
    );
    assert_eq!(write["properties"]["language"]["enum"], json!(["en", "sv", null]));
    assert!(write["properties"].get("state").is_none() && write.get("required").is_none());
    let read = of(&PERSON, Side::Read);
    assert!(read["required"].as_array().unwrap().contains(&json!("state")));

    let read = of(&CREDENTIAL, Side::Read);
    let created = of(&CREDENTIAL, Side::Created);
    for secret in ["pin", "card"] {
        assert!(read["properties"].get(secret).is_none(), "{secret}");
        assert!(created["properties"].get(secret).is_none(), "{secret}");
    }
    assert!(read["properties"].get("code").is_none());
    assert_eq!(created["properties"]["code"]["type"], json!(["string", "null"]));
    let patch = of(&CREDENTIAL, Side::Patch);
    assert!(patch["properties"].get("kind").is_none() && patch.get("required").is_none());
}

#[test]
fn every_shape_has_a_name_of_its_own_and_every_field_a_text() {
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    fn visit(shape: &'static Shape, seen: &mut BTreeMap<&str, Vec<&str>>) {
        let names: Vec<&str> = shape.fields().map(|field| field.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{shape:?}");
        if let Some(known) = seen.get(shape.name) {
            assert_eq!(*known, names, "two shapes are called {}", shape.name);
            return;
        }
        assert!(shape.doc.ends_with('.'), "{shape:?}");
        seen.insert(shape.name, names);
        for field in shape.fields() {
            assert!(field.doc.ends_with(['.', '…']), "{shape:?} {}", field.name);
            inside(&field.kind, seen);
        }
    }
    fn inside(kind: &crate::api::shape::Kind, seen: &mut BTreeMap<&str, Vec<&str>>) {
        use crate::api::shape::Kind;
        match *kind {
            Kind::Object(shape) => visit(shape, seen),
            Kind::OneOf(shapes) => shapes.iter().for_each(|shape| visit(shape, seen)),
            Kind::List { of, .. } => inside(of, seen),
            _ => {}
        }
    }
    demo::shapes().into_iter().for_each(|shape| visit(shape, &mut seen));
    assert!(seen.len() > 60, "{}", seen.len());
}
