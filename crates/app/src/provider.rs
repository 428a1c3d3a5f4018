//! Identity providers: who vouches, by signed tokens (RFC 7519, `RS256` alone), for people that a
//! place knows by their identity. Whatever is wrong with a token is answered the same way.

use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use claviger_domain::ids::PlaceNumber;
use claviger_domain::noun::account;
use claviger_domain::noun::client::Client;
use claviger_domain::noun::person::{Person, PersonState};
use claviger_domain::noun::place::IdentityProvider;
use claviger_domain::refusal::Flaws;
use claviger_domain::state::{IdentityKey, PlaceState};
use claviger_domain::time::{DAY, Instant, SECOND};
use serde_json::{Map, Value};

use crate::App;
use crate::error::Error;
use crate::random::sha256;

/// The longest a token may live.
const MOST_LIFE: i64 = DAY;
/// How far the clock of a provider may be ahead.
const AHEAD: i64 = 30 * SECOND;
/// Bits that a key may have.
const BITS: std::ops::RangeInclusive<u32> = 2048..=4096;
/// The longest token that is read.
const MOST_TOKEN: usize = 16 * 1024;

/// Refuses keys that are none.
///
/// # Errors
/// Each of them, with what would be right.
pub(crate) fn check(providers: &[IdentityProvider]) -> Result<(), Error> {
    let mut flaws = Flaws::default();
    for (at, provider) in providers.iter().enumerate() {
        let right = "must be an RSA key of 2048 to 4096 bits, as PEM (BEGIN PUBLIC KEY)";
        let pointer = format!("/identity_providers/{at}/public_key");
        flaws.check(key(&provider.public_key).is_some(), &pointer, "bad_key", right);
    }
    Ok(flaws.refuse()?)
}

/// The key of a PEM (RFC 7468), as `RSAPublicKey` (RFC 8017).
fn key(pem: &str) -> Option<PublicKey> {
    let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?;
    let body = body.strip_suffix("-----END PUBLIC KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    let key = PublicKey::from_der(&STANDARD.decode(body).ok()?).ok()?;
    let bits = RsaParameters::public_modulus_len(key.as_ref()).ok()?;
    BITS.contains(&bits).then_some(key)
}

/// A token of a provider's, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Vouched<'t> {
    /// The provider it is said to be of.
    pub provider: &'t str,
    /// The token.
    pub token: &'t str,
    /// The claim that names the client it is for.
    pub client_claim: &'t str,
}

/// Whom a token vouches for, towards a client, in one of the client's places.
pub(crate) fn subject(
    app: &App,
    client: &Client,
    vouched: &Vouched<'_>,
) -> Option<(PlaceNumber, account::Vouched)> {
    let token = Token::parse(vouched.token)?;
    let named = token.claims.get(vouched.client_claim)?.as_str()?;
    if named != client.header.id.to_string() {
        return None;
    }
    client.places.iter().find_map(|place| {
        let state = app.state(*place).ok()?;
        let provider = of(&state, vouched.provider)?;
        let subject = token.subject(provider, app.now())?;
        let key = IdentityKey::Subject(provider.id.clone(), subject.to_owned());
        let person = state.person_by_identity(&key);
        let person = person.and_then(|number| state.people.get(number))?;
        let word = word(&state, person)?;
        Some((*place, account::Vouched { person: person.number(), word }))
    })
}

fn of<'p>(state: &'p PlaceState, id: &str) -> Option<&'p IdentityProvider> {
    state.place.identity_providers.iter().find(|it| it.id == id)
}

/// What somebody comes by as they and their provider stand: it is another once the identity, the
/// provider's key, its name or its audience is. None for who is not active, has no identity or
/// whose provider is not there.
pub(crate) fn word(state: &PlaceState, person: &Person) -> Option<[u8; 32]> {
    let identity = person.details.identity.as_ref();
    let identity = identity.filter(|_| person.state == PersonState::Active)?;
    let provider = of(state, &identity.provider)?;
    let parts = [&provider.id, &provider.issuer, &provider.audience, &provider.public_key];
    let mut told = Vec::new();
    for part in parts.into_iter().chain(&identity.subject) {
        told.extend_from_slice(&(part.len() as u64).to_be_bytes());
        told.extend_from_slice(part.as_bytes());
    }
    Some(sha256(&told))
}

/// A token before its signature is looked at.
struct Token<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    claims: Map<String, Value>,
}

impl Token<'_> {
    fn parse(text: &str) -> Option<Token<'_>> {
        let (signed, signature) = text.rsplit_once('.').filter(|_| text.len() <= MOST_TOKEN)?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let header = object(header)?;
        // What a header demands and is not known must not be passed over (RFC 7515, 4.1.11).
        if header.get("alg")?.as_str()? != "RS256" || header.contains_key("crit") {
            return None;
        }
        let (signature, claims) = (URL_SAFE_NO_PAD.decode(signature).ok()?, object(claims)?);
        Some(Token { signed, signature, claims })
    }

    /// Whom it is about, if the provider signed it, for its audience, and it holds at that moment.
    fn subject(&self, provider: &IdentityProvider, now: Instant) -> Option<&str> {
        let text = |name: &str| self.claims.get(name).and_then(Value::as_str);
        let instant = |name: &str| {
            let seconds = self.claims.get(name)?;
            let seconds = seconds.as_i64().or_else(|| seconds.as_f64().map(|it| it as i64))?;
            seconds.checked_mul(SECOND).map(Instant)
        };
        let is_for = |audience: &Value| audience.as_str() == Some(&provider.audience);
        let audience = self.claims.get("aud")?;
        let is_for_us =
            is_for(audience) || audience.as_array().is_some_and(|all| all.iter().any(is_for));
        let (issued, ends) = (instant("iat")?, instant("exp")?);
        let begins = match self.claims.get("nbf") {
            None => issued,
            Some(_) => instant("nbf")?,
        };
        let soon = now.plus(AHEAD);
        let holds = issued <= soon && begins <= soon && now < ends && issued < ends;
        let lives = ends.0.checked_sub(issued.0).is_some_and(|life| life <= MOST_LIFE);
        if text("iss") != Some(&provider.issuer) || !is_for_us || !holds || !lives {
            return None;
        }
        let key = key(&provider.public_key)?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref());
        key.verify(self.signed.as_bytes(), &self.signature).ok()?;
        text("sub").filter(|subject| !subject.is_empty())
    }
}
