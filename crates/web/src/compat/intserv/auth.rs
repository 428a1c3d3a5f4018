//! Who calls: whoever holds the one key of an integration, which is a place.

use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use claviger_app::program::{make_only, place_of_only};
use claviger_app::{App, Caller, Context, Error, Id, Via, auth};
use claviger_domain::noun::scope::Scope;
use serde_json::{Value, json};

use super::error::Failure;
use crate::bearer::bearer;

/// What an integration key lets its holder do in the place, here and natively.
const SCOPES: [Scope; 5] = [
    Scope::PeopleWrite,
    Scope::CredentialsWrite,
    Scope::GrantsWrite,
    Scope::AccessLevelsRead,
    Scope::EventsRead,
];

/// Makes the key of a place's integration; one there was is over at once.
pub(crate) async fn credentials(ctx: Context, place: Id) -> Result<Value, Error> {
    let scopes = SCOPES.into_iter().collect();
    let key = make_only(&ctx, place, Via::Intserv, "IntServ integration", scopes).await?;
    Ok(json!({ "api_key": key }))
}

/// Lets in whoever holds an integration key.
pub(crate) fn authenticate(app: &App, parts: &Parts) -> Result<Caller, Box<Response>> {
    known(app, parts).map_err(|failure| Box::new(failure.into_response()))
}

fn known(app: &App, parts: &Parts) -> Result<Caller, Failure> {
    let missing = "Send an integration API key: Authorization: Bearer <key>.";
    let key = bearer(&parts.headers).ok_or_else(|| Failure::unauthorized(missing))?;
    let caller = auth::bearer(app, key)
        .map_err(|_| Failure::unauthorized("The API key is not known, or was replaced."))?;
    place_of(app, &caller)?;
    Ok(caller)
}

/// The place of the integration.
///
/// # Errors
/// 403 for another kind of key.
pub(crate) fn place_of(app: &App, caller: &Caller) -> Result<Id, Failure> {
    let place = place_of_only(app, caller, Via::Intserv);
    place.ok_or_else(|| Failure::forbidden("This needs an integration API key."))
}
