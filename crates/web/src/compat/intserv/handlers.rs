//! What the rows do: decode, one call of a use case, encode. Holds no rule of access.

pub(crate) mod access_key;
pub(crate) mod access_level;
pub(crate) mod event;

use axum::response::Response;
use claviger_app::{Context, Error, Id, Via};

use super::auth;
use super::error::Failure;
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;

pub(crate) type Answered = Result<Response, Failure>;

/// The context of a use case, and the place of the integration.
///
/// # Errors
/// 401, 403 for callers who hold no integration key.
pub(crate) fn at_place(call: &Call) -> Result<(Context, Id), Failure> {
    let caller = call.caller.clone().ok_or(Error::Unauthenticated)?;
    let place = auth::place_of(&call.app, &caller)?;
    Ok((Context::new(call.app.clone(), caller, Via::Intserv), place))
}

/// The fields of the body, those that are known, and where what is wrong with them is gathered.
pub(crate) fn fields_of<'c>(call: &'c Call, known: &[&str]) -> (Fields<'c>, Wrongs) {
    let mut wrongs = Wrongs::new(call.options.intserv.ignore_unknown);
    let fields = Fields::of(&call.body, &mut wrongs);
    fields.only(known, &mut wrongs);
    (fields, wrongs)
}
