//! Tokens that a program may read: JSON Web Tokens (RFC 7519), signed with HMAC-SHA-256, for
//! surfaces whose clients look into them. Native tokens are opaque.
//!
//! A token says which client holds it and what it is for; what the client may do is asked of the
//! directory each time, so that what is taken from a client is taken from its tokens too.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger_domain::ids::Id;
use claviger_domain::noun::grant::Via;
use claviger_domain::time::{Instant, SECOND};
use serde_json::{Value, json};

use crate::App;

/// `{"alg":"HS256","typ":"JWT"}`: no other header is read.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The client that holds it.
    pub client: Id,
    /// The surface it is for.
    pub via: Via,
    /// What it is for, in the surface's words.
    pub scope: String,
    /// The one place or organization it is for.
    pub resource: Id,
    /// From then on it is refused.
    pub expires_at: Instant,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedError {
    /// It was made here and is over.
    Expired,
    /// It was not made here, or was changed.
    Invalid,
}

/// Makes a token.
#[must_use]
pub fn issue(app: &App, claims: &Claims) -> String {
    let payload = json!({
        "sub": claims.client.to_string(),
        "aud": claims.via.as_str(),
        "scope": claims.scope,
        "resource": claims.resource.to_string(),
        "iat": app.now().seconds(),
        "exp": claims.expires_at.seconds(),
    });
    let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(payload.to_string()));
    let tag = hmac::sign(&key(app), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// Reads a token of a surface.
///
/// # Errors
/// As [`SignedError`].
pub fn read(app: &App, via: Via, token: &str) -> Result<Claims, SignedError> {
    let claims = parse(app, token).filter(|claims| claims.via == via);
    let claims = claims.ok_or(SignedError::Invalid)?;
    if app.now() < claims.expires_at { Ok(claims) } else { Err(SignedError::Expired) }
}

fn parse(app: &App, token: &str) -> Option<Claims> {
    let (signed, tag) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    if header != HEADER {
        return None;
    }
    hmac::verify(&key(app), signed.as_bytes(), &tag).ok()?;
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    Some(Claims {
        client: Id::parse(text("sub")?)?,
        via: Via::parse(text("aud")?)?,
        scope: text("scope")?.to_owned(),
        resource: Id::parse(text("resource")?)?,
        expires_at: Instant(payload.get("exp")?.as_i64()?.checked_mul(SECOND)?),
    })
}

fn key(app: &App) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, app.secrets().derive("token", 0, 1).as_slice())
}
