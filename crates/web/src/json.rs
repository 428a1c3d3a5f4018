//! Reads a body as JSON, strictly: a name that stands twice in one object is an error, because two
//! readers could take either value. Knows no shape.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON value.
///
/// # Errors
/// A sentence that says what is wrong and at which line and column.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, String> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(value)) => Ok(value),
        Err(flaw) => Err(format!("The body is not JSON: {flaw}.")),
    }
}

/// Reads a body of `application/x-www-form-urlencoded`: every value is a text.
///
/// # Errors
/// A sentence that says which name stands twice.
pub(crate) fn read_form(bytes: &[u8]) -> Result<Value, String> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        if fields.insert(name.to_string(), Value::String(value.into_owned())).is_some() {
            return Err(format!("{name} stands twice in the form."));
        }
    }
    Ok(Value::Object(fields))
}

/// Reads a form in which a name may stand several times: then it has all its values, in their
/// order, where they are not all the same.
pub(crate) fn read_long_form(bytes: &[u8]) -> Value {
    let mut fields: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = Value::String(value.into_owned());
        fields.entry(name.into_owned()).or_default().push(value);
    }
    let read = fields.into_iter().map(|(name, mut values)| {
        if values.iter().all(|value| *value == values[0]) {
            values.truncate(1);
        }
        match values.as_mut_slice() {
            [one] => (name, one.take()),
            _ => (name, Value::Array(values)),
        }
    });
    Value::Object(read.collect())
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Strict)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if fields.contains_key(&name) {
                let name: String = name.chars().take(60).collect();
                return Err(A::Error::custom(format_args!("the name {name:?} stands twice")));
            }
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[1,-2,1.5,null,true,"å\u0000"],"b":{"c":{}},"d":18446744073709551615}"#;
        assert_eq!(read(text.as_bytes()), Ok(serde_json::from_str(text).unwrap()));
    }

    #[test]
    fn refuses_what_two_readers_could_take_two_ways() {
        assert!(read(br#"{"a":{"b":1,"b":2}}"#).unwrap_err().contains("\"b\" stands twice"));
        let deep = "[".repeat(1000);
        for bad in ["", "{", "{}{}", "{'a':1}", "\u{feff}{}", "[1,]", "\"\\ud800\"", "NaN", &deep] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(read(b"\"\xff\"").is_err() && read(b"1e999").is_err());
    }

    #[test]
    fn forms() {
        let form = read_form(b"grant_type=client_credentials&scope=a%3Aread+b").unwrap();
        assert_eq!(form["scope"], "a:read b");
        assert!(read_form(b"a=1&a=2").is_err());
        let long = read_long_form(b"a=1&b=2&a=3&b=2&c[]=&a=1");
        assert_eq!(long, serde_json::json!({ "a": ["1", "3", "1"], "b": "2", "c[]": "" }));
    }
}
