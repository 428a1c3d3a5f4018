//! Who calls: tokens for one project or one organization, and which of them a client may have.

use axum::http::Method;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use claviger_app::auth::{TOKEN_LIFE_S, TokenError, proven, signed};
use claviger_app::signed::{Claims, SignedError, issue};
use claviger_app::{App, Caller, Context, Error, Id, Via, place, program};
use claviger_domain::noun::scope::Scope;
use claviger_domain::time::SECOND;
use serde_json::{Value, json};

use super::error::{Failure, refuse};
use crate::bearer::bearer;
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::{Call, Path};

const PROJECT: &str = "project.admin";
const INSTALLER: &str = "project.installer";
const ORGANIZATION: &str = "organization.admin";

/// Makes a client and says how it logs in.
pub(crate) async fn credentials(ctx: Context, place: Id) -> Result<Value, Error> {
    let made = program::make(&ctx, place, "Unloc client").await?;
    Ok(json!({
        "client_id": made.client.to_string(),
        "client_secret": made.secret,
        "project_id": made.place.to_string(),
        "organization_id": made.organization.to_string(),
    }))
}

/// Lets in whoever holds a token for what the path names.
pub(crate) fn authenticate(app: &App, parts: &Parts, path: &Path) -> Result<Caller, Box<Response>> {
    known(app, parts, path).map_err(|failure| Box::new(failure.into_response()))
}

fn known(app: &App, parts: &Parts, path: &Path) -> Result<Caller, Failure> {
    let missing = || Failure::unauthorized("invalid_token", "No bearer token was sent.");
    let token = bearer(&parts.headers).ok_or_else(missing)?;
    let (mut caller, claims) = signed(app, Via::Unloc, token).map_err(|error| match error {
        SignedError::Expired => Failure::unauthorized("JsonWebTokenError", "JWT expired"),
        SignedError::Invalid => Failure::unauthorized("JsonWebTokenError", "JWT invalid"),
    })?;
    let named = path.get("project").or_else(|| path.get("organization"));
    if named.is_some_and(|named| Id::parse(named) != Some(claims.resource)) {
        return Err(Failure::forbidden("The id in the path is not the one the token is for."));
    }
    let of_organization = claims.scope == ORGANIZATION;
    if of_organization != path.get("organization").is_some() {
        let detail = format!("A token with the scope {} does not reach this.", claims.scope);
        return Err(Failure::forbidden(&detail));
    }
    if !of_organization {
        let ctx = Context::new(app.clone(), caller.clone(), Via::Unloc);
        caller = place::within(&ctx, claims.resource)
            .ok_or_else(|| Failure::forbidden("The credentials have no rights to the project."))?;
    }
    if claims.scope == INSTALLER {
        if !installs(parts, path) {
            let detail =
                "A token with the scope project.installer refreshes lock connections only.";
            return Err(Failure::forbidden(detail));
        }
        if let Caller::Client { scopes, .. } = &mut caller {
            let needed = [Scope::LocksWrite, Scope::ControllersWrite].into_iter();
            *scopes = needed.filter(|scope| scopes.has(*scope)).collect();
        }
    }
    Ok(caller)
}

/// Whether an installer may ask this: to refresh a connection, and to see it and the job of it.
fn installs(parts: &Parts, path: &Path) -> bool {
    match parts.method {
        Method::PUT => path.get("connection").is_some(),
        Method::GET => path.get("connection").is_some() || path.get("job").is_some(),
        _ => false,
    }
}

/// `POST /v2/auth/token`.
pub(crate) async fn token(call: Call) -> Result<Response, Failure> {
    let mut wrongs = Wrongs::default();
    let body = Fields::of(&call.body, &mut wrongs);
    let fields = ["grant_type", "client_id", "client_secret", "scope"];
    let [kind, client, secret, scope] = fields.map(|field| body.must(field, &mut wrongs));
    let wanted = if scope == Some(ORGANIZATION) { "organization_id" } else { "project_id" };
    let resource = body.must(wanted, &mut wrongs);
    refuse(wrongs).map_err(|failure| failure.oauth("invalid_request"))?;
    let texts = (kind.unwrap_or_default(), client.unwrap_or_default(), secret.unwrap_or_default());
    let (kind, client, secret) = texts;
    if kind != "client_credentials" {
        let failure = Failure::field("grant_type", "must be client_credentials");
        return Err(failure.oauth("unsupported_grant_type"));
    }
    let scope = scope.unwrap_or_default();
    if ![PROJECT, INSTALLER, ORGANIZATION].contains(&scope) {
        let failure = Failure::field(
            "scope",
            "must be project.admin, project.installer or organization.admin",
        );
        return Err(failure.oauth("invalid_scope"));
    }
    let found = proven_client(&call, client, secret)?;
    let no_rights = || Failure::forbidden("The credentials have no rights to this resource.");
    let resource = resource.and_then(Id::parse).ok_or_else(no_rights)?;
    let reach = place::reach(&call.app, &found);
    let reaches = match scope {
        ORGANIZATION => reach.organization == Some(resource),
        _ => reach.places.contains(&resource),
    };
    if !reaches {
        return Err(no_rights());
    }
    let claims = Claims {
        client: found.header.id,
        via: Via::Unloc,
        scope: scope.to_owned(),
        resource,
        expires_at: call.app.now().plus(TOKEN_LIFE_S * SECOND),
    };
    let answer = json!({
        "access_token": issue(&call.app, &claims),
        "token_type": "bearer",
        "expires_in": TOKEN_LIFE_S,
        "scope": [scope],
        wanted: resource.to_string(),
    });
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response())
}

/// `POST /v2/auth/resources-discovery`.
pub(crate) async fn discover(call: Call) -> Result<Response, Failure> {
    let mut wrongs = Wrongs::default();
    let body = Fields::of(&call.body, &mut wrongs);
    let [client, secret] = ["client_id", "client_secret"].map(|it| body.must(it, &mut wrongs));
    refuse(wrongs).map_err(|failure| failure.oauth("invalid_request"))?;
    let found = proven_client(&call, client.unwrap_or_default(), secret.unwrap_or_default())?;
    let reach = place::reach(&call.app, &found);
    let project = |id: &Id| json!({ "projectId": id.to_string(), "scope": PROJECT });
    let organization = |id: &Id| json!({ "organizationId": id.to_string(), "scope": ORGANIZATION });
    Ok(axum::Json(json!({ "resources": {
        "projects": reach.places.iter().map(project).collect::<Vec<_>>(),
        "organizations": reach.organization.iter().map(organization).collect::<Vec<_>>(),
    }}))
    .into_response())
}

fn proven_client(
    call: &Call,
    client: &str,
    secret: &str,
) -> Result<std::sync::Arc<claviger_domain::noun::client::Client>, Failure> {
    proven(&call.app, client, secret, call.address()).map_err(|error| match error {
        TokenError::Other(error) => error.into(),
        TokenError::InvalidClient | TokenError::InvalidScope => {
            Failure::unauthorized("invalid_client", "There is no such client_id and secret.")
        }
    })
}
