//! Reads the parts of a request as a route's row says and collects everything that is wrong with
//! them. Decides nothing.

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{AsHeaderName, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, IF_MATCH};
use axum::http::request::Parts;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::check::{check, check_kind};
use super::page::Paging;
use super::problem::{Code, Problem};
use super::route::{Answer, Dialect, Method, Route};
use super::shape::{FieldError, Kind, Use};
use crate::etag::IfMatch;
use crate::json;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const AT_LEAST: HeaderName = HeaderName::from_static("claviger-at-least");

/// The text of a header; none where it is absent or not ASCII.
pub(super) fn header(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The query parameters that were given, each as its row says.
pub(super) fn query<H>(
    route: &Route<H>,
    text: &str,
    errors: &mut Vec<FieldError>,
) -> Map<String, Value> {
    let mut given = Map::new();
    for (name, text) in form_urlencoded::parse(text.as_bytes()) {
        let at = |name: &str| format!("?{}", name.chars().take(60).collect::<String>());
        let Some(param) = route.params().find(|param| param.name == name) else {
            let known = route.params().map(|param| param.name).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none" } else { known.as_str() };
            let detail = format!("is not a query parameter here; known: {known}");
            errors.push(FieldError::new(at(&name), "unknown_parameter", detail));
            continue;
        };
        let value = typed(&param.kind, &text);
        let flaws = check_kind(&param.kind, &value);
        errors.extend(flaws.into_iter().map(|flaw| FieldError { pointer: at(&name), ..flaw }));
        if given.insert(name.to_string(), value).is_some() {
            errors.push(FieldError::new(at(&name), "duplicate", "is given more than once"));
        }
    }
    for param in route.params().filter(|param| param.required && !given.contains_key(param.name)) {
        let detail = format!("{} is required", param.name);
        errors.push(FieldError::new(format!("?{}", param.name), "required", detail));
    }
    given
}

/// A text as the value its kind asks for; left a text where it is none.
fn typed(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Bool => text.parse::<bool>().map_or_else(|_| text.into(), Value::Bool),
        Kind::Int { .. } if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
        }
        _ => text.into(),
    }
}

/// The page that is wanted; takes its parameters out of the query.
///
/// # Errors
/// A cursor of another list.
pub(super) fn paging<H>(
    route: &Route<H>,
    path: &str,
    query: &mut Map<String, Value>,
) -> Result<Option<Paging>, Problem> {
    if !matches!(route.answer, Answer::Page(_)) {
        return Ok(None);
    }
    let limit = query.remove("limit").and_then(|limit| limit.as_u64());
    let after = query.remove("after");
    Paging::new(path, limit, after.as_ref().and_then(Value::as_str)).map(Some)
}

/// `Idempotency-Key`, on routes that take it.
pub(super) fn idempotency_key<H>(
    route: &Route<H>,
    headers: &HeaderMap,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    let key = headers.get(IDEMPOTENCY_KEY).filter(|_| route.idempotent)?;
    let text = key.to_str().ok().filter(|key| {
        (1..=255).contains(&key.len()) && key.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
    });
    if text.is_none() {
        let detail = "must be 1 to 255 visible ASCII characters";
        errors.push(FieldError::new("Idempotency-Key:", "bad_format", detail));
    }
    text.map(str::to_owned)
}

/// `If-Match`, on routes that change what it can be compared with. Where nothing is, what a caller
/// made conditional must not be done.
pub(super) fn if_match<H>(
    route: &Route<H>,
    headers: &HeaderMap,
    errors: &mut Vec<FieldError>,
) -> Option<IfMatch> {
    let lines: Vec<&str> =
        headers.get_all(IF_MATCH).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    if lines.is_empty() || route.method == Method::Get {
        return None;
    }
    if !route.if_match {
        let detail = "is not taken here: there is nothing to compare it with";
        errors.push(FieldError::new("If-Match:", "not_here", detail));
    }
    Some(IfMatch::parse(&lines.join(",")))
}

/// `Claviger-At-Least`.
pub(super) fn at_least(headers: &HeaderMap, errors: &mut Vec<FieldError>) -> Option<u64> {
    let value = headers.get(AT_LEAST)?;
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    if number.is_none() {
        let detail = "must be a revision: a whole number from 0 on";
        errors.push(FieldError::new("Claviger-At-Least:", "bad_format", detail));
    }
    number
}

/// The body as bytes and as a checked value; null where the route takes none.
///
/// # Errors
/// What leaves nothing to check: 413, 415, 400. Bad fields go to `errors`.
pub(super) async fn body<H>(
    route: &Route<H>,
    parts: &Parts,
    body: Body,
    path: &[(String, String)],
    errors: &mut Vec<FieldError>,
) -> Result<(Bytes, Value), Problem> {
    let Some(shape) = route.body else { return Ok((Bytes::new(), Value::Null)) };
    let claimed = header(&parts.headers, CONTENT_LENGTH);
    let claimed = claimed.and_then(|text| text.parse::<u64>().ok());
    if claimed.is_some_and(|bytes| bytes > route.body_limit as u64) {
        return Err(too_large(route.body_limit));
    }
    let media = parts.headers.get(CONTENT_TYPE).map(|media| media.to_str().unwrap_or(""));
    let form = match media {
        Some(media) => media_type(route.dialect, media)?,
        None => false,
    };
    let raw = read(body, route.body_limit).await?;
    let value = if raw.is_empty() && route.body_optional() {
        Value::Object(Map::new())
    } else if raw.is_empty() {
        let detail = "The body is empty; this path takes a JSON object.";
        return Err(Problem::new(Code::MalformedJson, detail));
    } else if media.is_none() {
        return Err(unsupported(route.dialect));
    } else if form {
        json::read_form(&raw).map_err(|detail| Problem::new(Code::MalformedRequest, detail))?
    } else {
        json::read(&raw).map_err(|detail| Problem::new(Code::MalformedJson, detail))?
    };
    errors.extend(check(shape, &value, route.usage));
    if route.usage == Use::Put {
        same_external_id(path, &value, errors);
    }
    Ok((raw, value))
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut first = Bytes::new();
    let mut rest: Vec<u8> = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::new(Code::MalformedRequest, "The body ended before it was whole.")
        })?;
        if first.len() + rest.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        if first.is_empty() {
            first = chunk;
        } else {
            rest.extend_from_slice(&chunk);
        }
    }
    if rest.is_empty() { Ok(first) } else { Ok([&first[..], &rest[..]].concat().into()) }
}

/// Whether the body is a form (and not JSON).
fn media_type(dialect: Dialect, text: &str) -> Result<bool, Problem> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or("").to_ascii_lowercase();
    let utf8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    match media.as_str() {
        "application/json" | "application/merge-patch+json" if utf8 => Ok(false),
        "application/x-www-form-urlencoded" if utf8 && dialect == Dialect::OAuth => Ok(true),
        _ => Err(unsupported(dialect)),
    }
}

fn unsupported(dialect: Dialect) -> Problem {
    let detail = match dialect {
        Dialect::Json => "Send the body as application/json in UTF-8 and say so in Content-Type.",
        Dialect::OAuth => {
            "Send the body as application/x-www-form-urlencoded or application/json in UTF-8 and \
             say so in Content-Type."
        }
    };
    Problem::new(Code::UnsupportedMediaType, detail)
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::TooLarge, format!("The body must be at most {limit} bytes."))
}

/// What is put by an external id has that one.
fn same_external_id(path: &[(String, String)], body: &Value, errors: &mut Vec<FieldError>) {
    let named = path.iter().find(|(name, _)| name == "id").map(|(_, id)| id.as_str());
    let named = named.and_then(|id| id.strip_prefix("external:"));
    let given = body.get("external_id");
    if given.is_some_and(|given| given.as_str() != named) {
        let detail = "must be the external id in the path, or be left out";
        errors.push(FieldError::new("/external_id", "conflict", detail));
    }
}
