//! Who calls: programs with a token for some scopes, by themselves or for people. The scope says
//! what a token is for, the role in an owner account says where: of a program by itself that of the
//! contact with its address, of one that acts for somebody theirs.

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use claviger_app::auth::{TOKEN_LIFE_S, TokenError, proven, public};
use claviger_app::consent::{self, Refused, Tokens};
use claviger_app::program::{self, Acting};
use claviger_app::provider::Vouched;
use claviger_app::signed::{Claims, SignedError, issue};
use claviger_app::{App, Caller, Context, Error, Id, Via, place};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::place::IdentityProvider;
use claviger_domain::time::SECOND;
use serde_json::{Value, json};

use super::VENDOR;
use super::error::{Failure, OauthFailure};
use super::scope::{For, SCOPES, allows, granted, renews};
use crate::bearer::{basic, bearer, is_basic};
use crate::compat::serve::{Call, Path, said};
use crate::compat::{ForPeople, Provider};

/// What is exchanged for a token: a program's secret, a code, a refresh token.
const OWN: &str = "client_credentials";
const CODE: &str = "authorization_code";
const REFRESH: &str = "refresh_token";
const EXCHANGE: &str = "http://tapkey.net/oauth/token_exchange";
/// The claim of an identity provider's token that names the client it is for.
const CLIENT_CLAIM: &str = "http://tapkey.net/oauth/token_exchange/client_id";

/// Makes a program and a contact for it that may administer the owner account.
pub(crate) async fn credentials(ctx: Context, place: Id) -> Result<Value, Error> {
    for_people(ctx, place, ForPeople::default()).await
}

/// Makes a program, with what it needs to act for people.
pub(crate) async fn for_people(ctx: Context, place: Id, wish: ForPeople) -> Result<Value, Error> {
    let ForPeople { redirect_uris, is_public, no_role, identity_provider } = wish;
    let name = "Tapkey client".to_owned();
    let has_role = !no_role && !is_public;
    let acting = Acting { name, is_public, redirect_uris: redirect_uris.clone(), has_role };
    if let Some(Provider { id, issuer, audience, public_key }) = identity_provider.clone() {
        let provider = IdentityProvider { id, issuer, audience, public_key };
        place::put_provider(&ctx, place, provider).await?;
    }
    let made = program::make_acting(&ctx, place, acting).await?;
    let client = made.client.header.id;
    let mut shown = json!({
        "client_id": client.to_string(),
        "owner_account_id": place.to_string(),
    });
    if let Some(secret) = made.secret {
        shown["client_secret"] = secret.into();
    }
    if has_role {
        shown["service_account"] = program::address(client).into();
    }
    if !redirect_uris.is_empty() {
        shown["redirect_uri"] = redirect_uris.join(" ").into();
    }
    if let Some(provider) = identity_provider {
        shown["identity_provider"] = provider.id.into();
    }
    Ok(shown)
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
    // A program's own token is signed, of one that acts for people only the hash is known.
    let found = match token.contains('.') {
        true => by_itself(app, token, place),
        false => consent::caller(app, Via::Tapkey, token, allows),
    };
    let caller = found.map_err(|error| {
        Failure::bad_token(match error {
            SignedError::Expired => "The token has expired.",
            SignedError::Invalid => "The token is not known.",
        })
    })?;
    let ctx = Context::new(app.clone(), caller, Via::Tapkey);
    if named.is_some() && !place.is_some_and(|place| ctx.acts_in(place)) {
        return Err(Failure::no_role());
    }
    Ok(ctx.caller)
}

fn by_itself(app: &App, token: &str, place: Option<Id>) -> Result<Caller, SignedError> {
    let (mut caller, claims) = program::by_role(app, Via::Tapkey, token, place)?;
    if let Caller::Client { scopes, .. } = &mut caller {
        *scopes = scopes.and(allows(&claims.scope));
    }
    Ok(caller)
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0). It lists what clients
/// insist on, so that they start.
pub(crate) async fn discovery(call: Call) -> Result<Response, Failure> {
    let issuer = call.reached(&VENDOR);
    let scopes: Vec<&str> = SCOPES.iter().map(|row| row.name).collect();
    let at = |path: &str| format!("{issuer}{path}");
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/connect/authorize"),
        "token_endpoint": at("/connect/token"),
        "jwks_uri": at(super::KEYS),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": [OWN, CODE, REFRESH, EXCHANGE],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
    });
    Ok(said(200, "application/json", &document))
}

/// `GET /.well-known/openid-configuration/jwks`: no token is signed with a key that is public.
pub(crate) async fn keys(_: Call) -> Result<Response, Failure> {
    Ok(said(200, "application/json", &json!({ "keys": [] })))
}

/// `POST /connect/token` (RFC 6749, section 3.2).
pub(crate) async fn token(call: Call) -> Result<Response, OauthFailure> {
    let kind = text(&call, "grant_type")
        .ok_or_else(|| OauthFailure::invalid_request("grant_type is required."))?;
    let client = client(&call)?;
    let answer = match kind {
        OWN => own(&call, &client)?,
        CODE => shown(&of_code(&call, &client).await?),
        REFRESH => shown(&refreshed(&call, &client).await?),
        EXCHANGE => shown(&vouched_for(&call, &client).await?),
        _ => return Err(OauthFailure::unsupported_grant_type()),
    };
    let mut response = said(200, "application/json", &answer);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A field of the body that is not empty.
fn text<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    call.body.get(name).and_then(Value::as_str).filter(|it| !it.is_empty())
}

fn required<'c>(call: &'c Call, name: &str) -> Result<&'c str, OauthFailure> {
    text(call, name).ok_or_else(|| OauthFailure::invalid_request(&format!("{name} is required.")))
}

/// A token for a program by itself (RFC 6749, section 4.4).
fn own(call: &Call, client: &Client) -> Result<Value, OauthFailure> {
    if client.kind == ClientKind::Public {
        return Err(OauthFailure::unauthorized_client());
    }
    let scope = granted(text(call, "scope"), For::Itself);
    let scope = scope.ok_or_else(OauthFailure::invalid_scope)?;
    let claims = Claims {
        client: client.header.id,
        via: Via::Tapkey,
        scope: scope.clone(),
        resource: client.header.id,
        expires_at: call.app.now().plus(TOKEN_LIFE_S * SECOND),
    };
    Ok(json!({
        "access_token": issue(&call.app, &claims),
        "expires_in": TOKEN_LIFE_S,
        "token_type": "Bearer",
        "scope": scope,
    }))
}

/// Tokens for a code (RFC 6749, section 4.1.3, with RFC 7636).
async fn of_code(call: &Call, client: &Client) -> Result<Tokens, OauthFailure> {
    let (code, redirect_uri) = (required(call, "code")?, required(call, "redirect_uri")?);
    let proof = (redirect_uri, text(call, "code_verifier"));
    let made = consent::exchange(&call.app, Via::Tapkey, client, code, proof, renews).await;
    made.map_err(not_given)
}

/// Another token for a refresh token (RFC 6749, section 6). What was sent along with the code some
/// clients send here too; it is passed over.
async fn refreshed(call: &Call, client: &Client) -> Result<Tokens, OauthFailure> {
    let token = required(call, "refresh_token")?;
    let scope = match text(call, "scope") {
        None => None,
        Some(wanted) => {
            let scope = granted(Some(wanted), For::Somebody);
            Some(scope.ok_or_else(OauthFailure::invalid_scope)?)
        }
    };
    let made = consent::refresh(&call.app, Via::Tapkey, client, token, scope.as_deref()).await;
    made.map_err(not_given)
}

/// A token for an identity provider's. What some clients send besides, of one value each, is
/// passed over where it is that value.
async fn vouched_for(call: &Call, client: &Client) -> Result<Tokens, OauthFailure> {
    let (provider, token) = (required(call, "provider")?, required(call, "subject_token")?);
    for (name, right, is_needed) in [
        ("subject_token_type", "jwt", true),
        ("requested_token_type", "access_token", false),
        ("audience", "tapkey_api", false),
    ] {
        let given = if is_needed { Some(required(call, name)?) } else { text(call, name) };
        if given.is_some_and(|given| given != right) {
            return Err(OauthFailure::invalid_request(&format!("{name} must be {right}.")));
        }
    }
    let scope = granted(text(call, "scope"), For::Subject);
    let scope = scope.ok_or_else(OauthFailure::invalid_scope)?;
    let vouched = Vouched { provider, token, client_claim: CLIENT_CLAIM };
    let (app, address) = (&call.app, call.address());
    let made = consent::vouched_for(app, Via::Tapkey, client, &vouched, scope, address).await;
    made.map_err(not_given)
}

fn not_given(refused: Refused) -> OauthFailure {
    match refused {
        Refused::Grant => OauthFailure::invalid_grant(),
        Refused::Scope => OauthFailure::invalid_scope(),
        Refused::TooMany { retry_after_s } => OauthFailure::too_many_tokens(retry_after_s),
        Refused::Other(error) => OauthFailure::of(error),
    }
}

fn shown(tokens: &Tokens) -> Value {
    let mut shown = json!({
        "access_token": tokens.access_token,
        "expires_in": tokens.expires_in_s,
        "token_type": "Bearer",
        "scope": tokens.scope,
    });
    if let Some(token) = &tokens.refresh_token {
        shown["refresh_token"] = token.as_str().into();
    }
    shown
}

/// The client that asks: by its secret, in the header or in the body; a public one by its id.
fn client(call: &Call) -> Result<Arc<Client>, OauthFailure> {
    let (client, secret) = presented(call)?;
    let found = match secret.as_deref().filter(|secret| !secret.is_empty()) {
        Some(secret) => proven(&call.app, &client, secret, call.address()),
        None => public(&call.app, &client),
    };
    found.map_err(|error| match error {
        TokenError::Other(error) => OauthFailure::of(error),
        TokenError::InvalidClient | TokenError::InvalidScope => OauthFailure::invalid_client(),
    })
}

/// Id and secret of the client: in the header or in the body, the same in both.
fn presented(call: &Call) -> Result<(String, Option<String>), OauthFailure> {
    let (client, secret) = (text(call, "client_id"), text(call, "client_secret"));
    let headers = &call.parts.headers;
    if !is_basic(headers) {
        let client = client.ok_or_else(OauthFailure::invalid_client)?;
        return Ok((client.to_owned(), secret.map(str::to_owned)));
    }
    let basic = basic(headers).ok_or_else(OauthFailure::invalid_client)?;
    let same = |given: Option<&str>, own: &str| given.is_none_or(|given| given == own);
    if same(client, &basic.0) && same(secret, &basic.1) {
        return Ok((basic.0, Some(basic.1)));
    }
    let detail = "The header and the body name different clients.";
    Err(OauthFailure::invalid_request(detail))
}
