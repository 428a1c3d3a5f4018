//! What the rows do: decode, one call of a use case, encode. Holds no rule of access.

pub(crate) mod card;
pub(crate) mod contact;
pub(crate) mod grant;
pub(crate) mod group;
mod listing;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod owner;
pub(crate) mod permission;
mod shower;
pub(crate) mod user;

use axum::response::{IntoResponse, Response};
use claviger_app::{Caller, Context, Error, Id, Via};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::scope::Scope;
use serde_json::{Value, json};

use super::error::{Failure, refuse};
use super::odata::{Field, Query};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::{Call, said};

pub(crate) type Answered = Result<Response, Failure>;

/// The context of a use case.
///
/// # Errors
/// 401 where nobody known calls.
fn context(call: &Call) -> Result<Context, Failure> {
    let caller = call.caller.clone().ok_or(Error::Unauthenticated)?;
    Ok(Context::new(call.app.clone(), caller, Via::Tapkey))
}

/// The context of a use case, and the place that the owner account is.
///
/// # Errors
/// 401.
fn at_owner(call: &Call) -> Result<(Context, Id), Failure> {
    let owner = call.path.get("owner").and_then(Id::parse).ok_or_else(Failure::no_role)?;
    Ok((context(call)?, owner))
}

/// The same call where it may also do `scope`: for what belongs to an answer or a change that the
/// caller's own scope allows.
fn lent(ctx: &Context, scope: Scope) -> Context {
    let mut ctx = ctx.clone();
    match &mut ctx.caller {
        Caller::Client { scopes, .. } => *scopes = scopes.with(scope),
        Caller::Account { through: Some(through), .. } => {
            through.scopes = through.scopes.with(scope);
        }
        _ => {}
    }
    ctx
}

/// The object that the path names; one that is no id is nothing's.
///
/// # Errors
/// 404.
fn named(call: &Call, parameter: &str, noun: Noun) -> Result<Ref, Failure> {
    let id = call.path.get(parameter).and_then(Id::parse);
    id.map(Ref::Id).ok_or_else(|| Failure::not_found(noun))
}

/// The fields of the body, and where what is wrong with them is gathered.
fn fields_of(call: &Call) -> (Fields<'_>, Wrongs) {
    let mut wrongs = Wrongs::new(call.options.tapkey.ignore_unknown);
    (Fields::of(&call.body, &mut wrongs), wrongs)
}

/// Refuses parameters, of which this operation has none.
fn without_parameters(call: &Call) -> Result<(), Failure> {
    none_of(&call.query)
}

fn none_of(parameters: &[(String, String)]) -> Result<(), Failure> {
    let mut wrongs = Wrongs::default();
    for (name, _) in parameters {
        let name: String = name.chars().take(60).collect();
        wrongs.add(name, "is not a parameter here");
    }
    refuse(wrongs)
}

/// An object, or a list of them.
fn answer(body: &Value) -> Response {
    said(200, "application/json; charset=utf-8", body)
}

/// That it is done.
fn nothing() -> Response {
    axum::http::StatusCode::NO_CONTENT.into_response()
}

/// What is asked for beside what is always shown, and the other parameters.
type Asked = (Vec<&'static str>, Vec<(String, String)>);

/// Reads `expand`, the vendor's own parameter, which asks for some of what is known.
fn expanded(call: &Call, known: &[&'static str]) -> Result<Asked, Failure> {
    let mut wrongs = Wrongs::default();
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for (name, text) in &call.query {
        if !name.eq_ignore_ascii_case("expand") {
            others.push((name.clone(), text.clone()));
            continue;
        }
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match known.iter().find(|it| it.eq_ignore_ascii_case(part)) {
                Some(name) => found.push(*name),
                None => wrongs.add("expand", format!("must be of {}", known.join(", "))),
            }
        }
    }
    refuse(wrongs)?;
    Ok((found, others))
}

/// The options of a list.
fn query(call: &Call, shape: &'static [Field]) -> Result<Query, Failure> {
    options(&call.query, shape)
}

fn options(parameters: &[(String, String)], shape: &'static [Field]) -> Result<Query, Failure> {
    let mut wrongs = Wrongs::default();
    let query = Query::parse(parameters, shape, &mut wrongs);
    refuse(wrongs)?;
    Ok(query)
}

/// Whether only the effect is asked for. Some clients say so in the body as well, in letters of
/// either case, which must not take back what the query would have left.
fn dry_run(call: &Call) -> Result<bool, Failure> {
    let mut wrongs = Wrongs::default();
    let by_query = dry_run_in_query(&call.query, &mut wrongs);
    let by_body = dry_run_in_body(&call.body, call.options.tapkey.ignore_unknown, &mut wrongs);
    refuse(wrongs)?;
    Ok(by_query || by_body)
}

fn dry_run_in_query(query: &[(String, String)], wrongs: &mut Wrongs) -> bool {
    let mut asked = None;
    for (name, text) in query {
        if !is_dry_run(name) || asked.is_some() {
            let reason = "is not a parameter here, or is given twice; there is dryRun";
            wrongs.add(name.chars().take(60).collect::<String>(), reason);
            continue;
        }
        let word = text.to_ascii_lowercase();
        wrongs.check(word == "true" || word == "false", "dryRun", "must be true or false");
        asked = Some(word == "true");
    }
    asked == Some(true)
}

fn dry_run_in_body(body: &Value, ignore_unknown: bool, wrongs: &mut Wrongs) -> bool {
    let mut asked = false;
    match body {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let known = is_dry_run(name);
                if known {
                    let fits = value.is_boolean() || value.is_null();
                    wrongs.check(fits, "dryRun", "must be true, false or null");
                    asked |= *value == json!(true);
                } else if !ignore_unknown {
                    let reason = "is not a property here; there is dryRun";
                    wrongs.add(name.chars().take(60).collect::<String>(), reason);
                }
            }
        }
        _ => wrongs.add("body", "must be an object"),
    }
    asked
}

fn is_dry_run(name: &str) -> bool {
    name.eq_ignore_ascii_case("dryRun")
}
