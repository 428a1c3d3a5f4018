//! Who calls: a token for one account, as the password of Basic authentication (RFC 7617) or in the
//! query.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use claviger_app::auth::plain_token;
use claviger_app::{App, Caller, Context, Error, Id, program};
use claviger_domain::noun::role::Role;
use serde_json::{Value, json};

use super::error::Failure;
use crate::bearer::basic;
use crate::compat::serve::Path;

/// The user name beside a token.
const USER: &str = "API";
/// The parameter of the query that holds a token, in lower case.
pub(crate) const TOKEN: &str = "token";

/// Makes a client and says what it sends.
pub(crate) async fn credentials(ctx: Context, place: Id) -> Result<Value, Error> {
    let made = program::make_with_token(&ctx, place, "Trackunit client", Role::Guest).await?;
    Ok(json!({ "token": made.secret }))
}

/// Lets in whoever holds a token.
pub(crate) fn authenticate(app: &App, parts: &Parts, _: &Path) -> Result<Caller, Box<Response>> {
    let found = token(parts).ok_or(Error::Unauthenticated);
    let known = found.and_then(|token| plain_token(app, &token));
    known.map_err(|_| {
        let detail = "Send a token that is good: as the password of the user API, or as ?token=.";
        Box::new(Failure::new(401, "unauthorized", detail).into_response())
    })
}

/// The token of a request; a header goes before the query.
fn token(parts: &Parts) -> Option<String> {
    if parts.headers.contains_key(AUTHORIZATION) {
        let (user, password) = basic(&parts.headers)?;
        return (user == USER).then_some(password);
    }
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let mut given =
        form_urlencoded::parse(query).filter(|(name, _)| name.eq_ignore_ascii_case(TOKEN));
    let (_, token) = given.next()?;
    given.next().is_none().then(|| token.into_owned())
}
