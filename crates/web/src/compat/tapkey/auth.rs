//! Who calls: programs with a token for some scopes, which are in an owner account what the role of
//! the contact with their address there lets them be. The scope says what, the role says where.

use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::auth::{TOKEN_LIFE_S, TokenError, proven};
use claviger_app::signed::{Claims, SignedError, issue};
use claviger_app::{App, Caller, Context, Error, Id, Via, program};
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::time::SECOND;
use serde_json::{Value, json};

use super::VENDOR;
use super::error::{Failure, OauthFailure};
use crate::bearer::bearer;
use crate::compat::serve::{Call, Path, said};

/// The scopes there are, with what each lets a program do.
pub(crate) const SCOPES: [(&str, &[Scope]); 12] = [
    (
        "read:core:entities",
        &[Scope::PeopleRead, Scope::LocksRead, Scope::AccessLevelsRead, Scope::CredentialsRead],
    ),
    (
        "write:core:entities",
        &[Scope::PeopleWrite, Scope::LocksWrite, Scope::AccessLevelsWrite, Scope::CredentialsWrite],
    ),
    ("read:grants", &[Scope::GrantsRead]),
    ("write:grants", &[Scope::GrantsWrite]),
    ("read:ip:users", &[super::map::READ_USERS]),
    ("write:ip:users", &[super::map::WRITE_USERS]),
    ("read:logs", &[Scope::EventsRead]),
    ("read:owneraccounts", &[Scope::PlacesRead]),
    ("write:owneraccounts", &[Scope::PlacesWrite]),
    ("read:owneraccount:permissions", &[Scope::RolesRead]),
    ("write:owneraccount:permissions", &[Scope::RolesWrite]),
    (OFFLINE, &[]),
];

/// Asks for a token that gives others, which a program with a secret has no use for.
const OFFLINE: &str = "offline_access";

/// The scope that lets a program do what needs `scope`.
pub(crate) fn scope_for(scope: Scope) -> &'static str {
    let found = SCOPES.iter().find(|(_, scopes)| scopes.contains(&scope));
    found.map_or("another scope", |(name, _)| name)
}

/// Makes a program and a contact for it that may administer the owner account.
pub(crate) async fn credentials(ctx: Context, place: Id) -> Result<Value, Error> {
    let made = program::make_with_role(&ctx, place, "Tapkey client").await?;
    Ok(json!({
        "client_id": made.client.to_string(),
        "client_secret": made.secret,
        "owner_account_id": made.place.to_string(),
        "service_account": program::address(made.client),
    }))
}

/// Lets in whoever holds a token, and has a role in the owner account that the path names.
pub(crate) fn authenticate(app: &App, parts: &Parts, path: &Path) -> Result<Caller, Box<Response>> {
    known(app, parts, path).map_err(|failure| Box::new(failure.into_response()))
}

fn known(app: &App, parts: &Parts, path: &Path) -> Result<Caller, Failure> {
    let missing = "Send a token: Authorization: Bearer <token>.";
    let token = bearer(&parts.headers).ok_or_else(|| Failure::unauthorized(missing))?;
    let named = path.get("owner");
    let place = named.and_then(Id::parse);
    let found = program::by_role(app, Via::Tapkey, token, place);
    let (mut caller, claims) = found.map_err(|error| {
        Failure::bad_token(match error {
            SignedError::Expired => "The token has expired.",
            SignedError::Invalid => "The token is not known.",
        })
    })?;
    if let Caller::Client { scopes, places, .. } = &mut caller {
        if named.is_some() && (place.is_none() || places.is_empty()) {
            return Err(Failure::no_role());
        }
        let allowed = claims.scope.split(' ').filter_map(|name| {
            SCOPES.iter().find(|(known, _)| *known == name).map(|(_, scopes)| *scopes)
        });
        let allowed: Scopes = allowed.flatten().copied().collect();
        *scopes = allowed.iter().filter(|scope| scopes.has(*scope)).collect();
    }
    Ok(caller)
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0). It lists what clients
/// insist on, so that they start; what of it is not built answers so.
pub(crate) async fn discovery(call: Call) -> Result<Response, Failure> {
    let issuer = call.reached(&VENDOR);
    let scopes: Vec<&str> = SCOPES.iter().map(|(name, _)| *name).collect();
    let at = |path: &str| format!("{issuer}{path}");
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/connect/authorize"),
        "token_endpoint": at("/connect/token"),
        "jwks_uri": at(super::KEYS),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["client_credentials", "authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
    });
    Ok(said(200, "application/json", &document))
}

/// `GET /.well-known/openid-configuration/jwks`: no token is signed with a key that is public.
pub(crate) async fn keys(_: Call) -> Result<Response, Failure> {
    Ok(said(200, "application/json", &json!({ "keys": [] })))
}

/// `POST /connect/token` (RFC 6749, section 4.4).
pub(crate) async fn token(call: Call) -> Result<Response, OauthFailure> {
    let text = |name: &str| call.body.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    let kind = text("grant_type")
        .ok_or_else(|| OauthFailure::invalid_request("grant_type is required."))?;
    let (client, secret) = presented(&call, text("client_id"), text("client_secret"))?;
    if kind != "client_credentials" {
        return Err(OauthFailure::unsupported_grant_type());
    }
    let found = proven(&call.app, &client, &secret, call.address());
    let found = found.map_err(|error| match error {
        TokenError::Other(error) => OauthFailure::of(error),
        TokenError::InvalidClient | TokenError::InvalidScope => OauthFailure::invalid_client(),
    })?;
    let scope = granted(text("scope"))?;
    let claims = Claims {
        client: found.header.id,
        via: Via::Tapkey,
        scope: scope.clone(),
        resource: found.header.id,
        expires_at: call.app.now().plus(TOKEN_LIFE_S * SECOND),
    };
    let answer = json!({
        "access_token": issue(&call.app, &claims),
        "expires_in": TOKEN_LIFE_S,
        "token_type": "Bearer",
        "scope": scope,
    });
    let mut response = said(200, "application/json", &answer);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The scopes that are given, each once: those asked for, all where none are.
fn granted(wanted: Option<&str>) -> Result<String, OauthFailure> {
    let mut names: Vec<&str> = Vec::new();
    let wanted = wanted.unwrap_or_default();
    for name in wanted.split_ascii_whitespace() {
        if !SCOPES.iter().any(|(known, _)| *known == name) {
            return Err(OauthFailure::invalid_scope());
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names.extend(SCOPES.iter().map(|(name, _)| *name));
    }
    names.retain(|name| *name != OFFLINE);
    Ok(names.join(" "))
}

/// Id and secret of the client: in the header or in the body, the same in both.
fn presented(
    call: &Call,
    client: Option<&str>,
    secret: Option<&str>,
) -> Result<(String, String), OauthFailure> {
    let header = call.parts.headers.get(AUTHORIZATION);
    let Some(header) = header.filter(|header| is_basic(header)) else {
        let both = client.map(str::to_owned).zip(secret.map(str::to_owned));
        return both.ok_or_else(OauthFailure::invalid_client);
    };
    let basic = basic(header).ok_or_else(OauthFailure::invalid_client)?;
    let same = |given: Option<&str>, own: &str| given.is_none_or(|given| given == own);
    if same(client, &basic.0) && same(secret, &basic.1) {
        return Ok(basic);
    }
    let detail = "The header and the body name different clients.";
    Err(OauthFailure::invalid_request(detail))
}

/// Whether a header says a name and a password at all.
fn is_basic(header: &HeaderValue) -> bool {
    let kind = header.as_bytes().split(|byte| *byte == b' ').next();
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"basic"))
}

/// What a header of Basic authentication says (RFC 7617). Some clients percent-encode both parts
/// first, as RFC 6749 has it, and some do not: what is made here has nothing to encode.
fn basic(header: &HeaderValue) -> Option<(String, String)> {
    let (_, text) = header.to_str().ok()?.split_once(' ')?;
    let plain = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (client, secret) = plain.split_once(':')?;
    let decoded = |part: &str| {
        let pair = form_urlencoded::parse(part.as_bytes()).next();
        pair.map(|(text, _)| text.into_owned()).unwrap_or_default()
    };
    Some((decoded(client), decoded(secret)))
}
