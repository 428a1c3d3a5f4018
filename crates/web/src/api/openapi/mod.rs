//! The OpenAPI 3.1 document, made from the route table and the shapes.
//!
//! Says nothing that the table does not; the text of the conventions stands here.

mod schema;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::problem::Code;
use super::route::{Access, Answer, Dialect, Method, Route};
use super::shapes::{plan::PLAN, problem};
use schema::{Schemas, Side, of_format, reference};

/// Where a log-in session is kept.
pub(crate) const SESSION_COOKIE: &str = "__Host-claviger";

/// What holds for all routes, in Markdown.
const CONVENTIONS: &str = "\
JSON with snake_case names; instants are RFC 3339 in UTC; durations are seconds, named `..._s`. \
An unknown field or query parameter is an error, and every bad field is reported at once.

**Ids**: wherever an id is accepted, `external:` and your own `external_id` is too.

**Lists** answer `{items, next, has_more}`; send `next` as `after` for the page that follows.

**Concurrency**: objects carry `ETag: \"r<revision>-<hash>\"`, lists `\"h-<hash>\"`. `If-Match` \
reads the part before the dash and answers 412 when the object has changed since; a write that \
can compare it with nothing refuses it (422). `If-None-Match` compares the whole and answers 304.

**Retries**: a POST with an `Idempotency-Key` that was seen within 24 hours gets the answer of the \
first one, without its secrets; with another body it is refused.

**Freshness**: every write answers with `Claviger-Revision`. A read with `Claviger-At-Least: r` \
waits up to 2 seconds until this server knows revision r, else answers 503.

**Dry run**: with `?dry_run=true` nothing is written; the answer says who would gain and lose \
access, with a digest that `If-Match` can demand.";

/// The document of a table.
pub(crate) fn document<H>(table: &[Route<H>]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut tags = Vec::new();
    for route in table {
        let method = route.method.as_str().to_ascii_lowercase();
        paths.entry(route.path).or_default().insert(method, operation(route, &mut schemas));
        if !tags.contains(&route.tag) {
            tags.push(route.tag);
        }
    }
    let responses = error_responses(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Claviger",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Physical access management",
            "description": CONVENTIONS,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas.by_name,
            "responses": responses,
            "parameters": parameters(),
            "headers": headers(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token from /oauth/token, or an API key.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION_COOKIE,
                    "description": "A person's log-in; writes need Origin to be this server's.",
                },
            },
        },
    })
}

fn operation<H>(route: &Route<H>, schemas: &mut Schemas) -> Value {
    let mut operation = json!({
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": operation_parameters(route, schemas),
        "responses": operation_responses(route, schemas),
        "security": security(route.access),
    });
    let mut said = route.doc.to_owned();
    if let Access::Scope(scope) = route.access {
        let space = if said.is_empty() { "" } else { "\n\n" };
        said = format!("{said}{space}Needs the scope `{}`.", scope.as_str());
    }
    if !said.is_empty() {
        operation["description"] = said.into();
    }
    if let Some(shape) = route.body {
        let schema = schemas.refer(shape, Side::of(route.usage));
        let mut content = json!({ "application/json": { "schema": schema } });
        if route.dialect == Dialect::OAuth {
            content["application/x-www-form-urlencoded"] = json!({ "schema": schema });
        }
        operation["requestBody"] = json!({
            "required": !route.body_optional(),
            "description": format!("At most {} bytes.", route.body_limit),
            "content": content,
        });
    }
    operation
}

fn security(access: Access) -> Value {
    match access {
        Access::Open => json!([]),
        Access::Known => json!([{ "bearer": [] }, { "session": [] }]),
        Access::Scope(scope) => {
            json!([{ "bearer": [scope.as_str()] }, { "session": [scope.as_str()] }])
        }
    }
}

fn operation_parameters<H>(route: &Route<H>, schemas: &mut Schemas) -> Vec<Value> {
    let mut list = Vec::new();
    for (name, format) in route.path_params() {
        list.push(json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": format!("{}.", format.row().wants),
            "schema": of_format(format, true),
        }));
    }
    for param in route.params() {
        list.push(json!({
            "name": param.name,
            "in": "query",
            "required": param.required,
            "description": param.doc,
            "schema": schemas.kind(&param.kind, Side::Write),
        }));
    }
    if route.if_match {
        list.push(reference("parameters", "IfMatch"));
    }
    if route.idempotent {
        list.push(reference("parameters", "IdempotencyKey"));
    }
    if route.method == Method::Get && !matches!(route.answer, Answer::Raw(_)) {
        list.push(reference("parameters", "IfNoneMatch"));
    }
    list
}

fn parameters() -> Value {
    let header = |name: &str, schema: Value, says: &str| {
        json!({
            "name": name,
            "in": "header",
            "required": false,
            "description": says,
            "schema": schema,
        })
    };
    let text = json!({ "type": "string" });
    let key =
        json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$" });
    json!({
        "IfMatch": header("If-Match", text.clone(), "Only if the object is as it was: its ETag."),
        "IfNoneMatch": header("If-None-Match", text, "Only if the answer is another: its ETag."),
        "IdempotencyKey": header("Idempotency-Key", key, "Makes a retry safe for 24 hours."),
    })
}

fn headers() -> Value {
    json!({
        "ETag": {
            "description": "Changes whenever the answer does.",
            "schema": { "type": "string" },
        },
        "Location": {
            "description": "Where the object is.",
            "schema": { "type": "string" },
        },
        "ClavigerRevision": {
            "description": "The place's revision that the write made.",
            "schema": { "type": "string", "pattern": "^[0-9]+$" },
        },
        "AnyHeader": {
            "description": "Names the request in the server's log.",
            "schema": { "type": "string" },
        },
    })
}

fn operation_responses<H>(route: &Route<H>, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    let mut put = |status: u16, says: &str, media: &str, schema: Option<Value>| {
        let mut response = json!({ "description": says });
        if let Some(schema) = schema {
            response["content"] = json!({ media: { "schema": schema } });
        }
        let mut headers = json!({ "X-Request-Id": reference("headers", "AnyHeader") });
        if matches!(route.answer, Answer::Object(_) | Answer::Created(_) | Answer::Upserted(_)) {
            headers["ETag"] = reference("headers", "ETag");
        }
        if status == 201 {
            headers["Location"] = reference("headers", "Location");
        }
        if route.method != Method::Get {
            headers["Claviger-Revision"] = reference("headers", "ClavigerRevision");
        }
        response["headers"] = headers;
        responses.insert(status.to_string(), response);
    };
    let json = "application/json";
    let plan = route.dry_run.then(|| schemas.refer(&PLAN, Side::Read));
    let or_plan = |schema: Value| match &plan {
        Some(plan) => json!({ "oneOf": [schema, plan] }),
        None => schema,
    };
    match route.answer {
        Answer::Object(shape) => {
            put(200, "The object.", json, Some(or_plan(schemas.refer(shape, Side::Read))));
        }
        Answer::Upserted(shape) => {
            put(200, "It was replaced.", json, Some(or_plan(schemas.refer(shape, Side::Read))));
            put(201, "It was made.", json, Some(schemas.refer(shape, Side::Created)));
        }
        Answer::Created(shape) => {
            put(201, "It was made.", json, Some(schemas.refer(shape, Side::Created)));
        }
        Answer::Page(shape) => put(200, "A page.", json, Some(schemas.refer_page(shape))),
        Answer::Accepted(shape) => {
            let schema = shape.map(|shape| schemas.refer(shape, Side::Read));
            put(202, "It will be done.", json, schema);
        }
        Answer::TwoSteps => {
            put(202, "It will be done.", json, None);
            put(204, "It is done.", json, None);
        }
        Answer::Empty => put(204, "It is done.", json, None),
        Answer::Raw(media) => put(200, "The document.", media, Some(json!({}))),
    }
    if let (Some(plan), Answer::Created(_) | Answer::Empty) = (&plan, route.answer) {
        put(200, "What it would do.", json, Some(plan.clone()));
    }
    if route.method == Method::Get && !matches!(route.answer, Answer::Raw(_)) {
        put(304, "The answer is as it was.", json, None);
    }
    for status in error_statuses(route) {
        let response = match route.dialect {
            Dialect::Json => reference("responses", &format!("Error{status}")),
            Dialect::OAuth => json!({
                "description": "An error.",
                "content": {
                    json: { "schema": schemas.refer(&problem::OAUTH_PROBLEM, Side::Read) }
                },
            }),
        };
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

/// The statuses of errors a route may answer with.
fn error_statuses<H>(route: &Route<H>) -> BTreeSet<u16> {
    let mut statuses = BTreeSet::from([422, 429, 500, 503]);
    let writes = route.method != Method::Get;
    if route.access != Access::Open || writes {
        statuses.extend([401, 403]);
    }
    if route.path.contains('{') || (writes && route.access != Access::Open) {
        // A path, or a field of the body, may name what is not there.
        statuses.insert(404);
    }
    if writes {
        statuses.extend([409, 507]);
    }
    if route.body.is_some() {
        statuses.extend([400, 413, 415]);
    }
    if route.if_match {
        statuses.insert(412);
    }
    statuses
}

/// One response for each status of the table of codes.
fn error_responses(schemas: &mut Schemas) -> Value {
    let schema = schemas.refer(&problem::PROBLEM, Side::Read);
    let mut responses = Map::new();
    for code in Code::ALL {
        let status = code.status();
        let same = Code::ALL.iter().filter(|other| other.status() == status);
        let says = same.map(|code| format!("`{}`: {}", code.as_str(), code.title()));
        let response = json!({
            "description": says.collect::<Vec<_>>().join(" "),
            "content": { "application/problem+json": { "schema": schema } },
        });
        responses.insert(format!("Error{status}"), response);
    }
    Value::Object(responses)
}

#[cfg(test)]
mod tests;
