//! Who calls: an access token for one domain, in a header of its own or as a bearer.

use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use claviger_app::auth::plain_token;
use claviger_app::{App, Caller, Context, Error, Id, place, program};
use claviger_domain::noun::role::Role;
use serde_json::{Value, json};

use super::error::Failure;
use crate::bearer::bearer;
use crate::compat::serve::Path;

/// The header that clients send.
const TOKEN: &str = "access-token";

/// Makes a client, which gives every role but `owner`, and says what it sends.
pub(crate) async fn credentials(ctx: Context, place: Id) -> Result<Value, Error> {
    let name = "Parakey integration";
    let made = program::make_with_token(&ctx, place, name, Role::Administrator).await?;
    Ok(json!({ "access_token": made.secret, "domain_id": made.place.to_string() }))
}

/// Lets in whoever holds an access token; the header of its own goes before the other.
pub(crate) fn authenticate(app: &App, parts: &Parts, _: &Path) -> Result<Caller, Box<Response>> {
    let own = parts.headers.get(TOKEN).map(|it| it.to_str().unwrap_or_default());
    let token = own.or_else(|| bearer(&parts.headers)).ok_or(Error::Unauthenticated);
    let refuse =
        |status, code, message: &str| Box::new(Failure::new(status, code, message).into_response());
    let known = token.and_then(|token| plain_token(app, token)).map_err(|_| {
        let message = "Send an access token that is good in the header access-token.";
        refuse(401, "unauthorized", message)
    })?;
    if place::only(app, &known).is_none() {
        let message = "This token is not for one domain; here it must be for exactly one.";
        return Err(refuse(403, "forbidden", message));
    }
    Ok(known)
}
