//! What the rows do: decode, one call of a use case, encode. Holds no rule of access.

pub(crate) mod group;
pub(crate) mod key;
pub(crate) mod report;
pub(crate) mod unit;

use std::sync::Arc;

use axum::response::Response;
use claviger_app::{Context, Error, Id, Via, Written};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use super::error::{Failure, answer};
use super::map;
use crate::compat::serve::Call;

pub(crate) type Answered = Result<Response, Failure>;

/// The context of a use case, and the account the token is for.
///
/// # Errors
/// 401 where nobody known calls.
pub(crate) fn at_account(call: &Call) -> Result<(Context, Id), Failure> {
    let caller = call.caller.clone().ok_or(Error::Unauthenticated)?;
    let account = claviger_app::place::only(&call.app, &caller).ok_or(Error::Unauthenticated)?;
    Ok((Context::new(call.app.clone(), caller, Via::Trackunit), account))
}

/// A list, in the wrapping every list has here.
pub(crate) fn list(items: Vec<Value>) -> Response {
    answer(200, &json!({ "list": items }))
}

/// That it is done.
pub(crate) fn done() -> Response {
    answer(200, &json!({}))
}

/// What was made, by its id.
pub(crate) fn made<T>(written: Written<Arc<T>>, number: impl Fn(&T) -> u32) -> Answered {
    let value = written.done().ok_or(Error::Internal)?;
    Ok(answer(200, &json!({ "id": number(&value).to_string() })))
}

/// The record that a parameter names, as use cases name it.
///
/// # Errors
/// 404.
pub(crate) fn named(
    state: &PlaceState,
    noun: Noun,
    number: u32,
    parameter: &str,
) -> Result<Ref, Failure> {
    let missing = || Failure::missing(map::not_found(noun), parameter, &number.to_string());
    find(state, noun, number).ok_or_else(missing)
}

fn find(state: &PlaceState, noun: Noun, number: u32) -> Option<Ref> {
    state.record(noun, number).map(|record| Ref::Id(record.header().id))
}

/// The records that a list names, each of them there.
///
/// # Errors
/// 404.
pub(crate) fn all_named(
    state: &PlaceState,
    noun: Noun,
    numbers: &[u32],
    parameter: &str,
) -> Result<Vec<Ref>, Failure> {
    numbers.iter().map(|number| named(state, noun, *number, parameter)).collect()
}

/// The records that a list names, without those that are not there.
pub(crate) fn those_there(state: &PlaceState, noun: Noun, numbers: &[u32]) -> Vec<Ref> {
    numbers.iter().filter_map(|number| find(state, noun, *number)).collect()
}
