//! Who calls: access tokens, API keys, sessions; and tokens for clients.
//!
//! Secrets are known by their SHA-256 only; whoever guesses is slowed down per name and address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use claviger_domain::draft::Draft;
use claviger_domain::ids::{Id, Noun};
use claviger_domain::noun::account::{Ticket, TicketKind};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::state::Directory;
use claviger_domain::time::{Instant, MINUTE, SECOND};

use crate::App;
use crate::client::SECRET_PREFIX;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::random::{is_hex_secret, is_well_formed, secret, sha256};
use crate::signed::{self, Claims, SignedError};
use crate::world::guard;

/// How long an access token lives, in seconds.
pub const TOKEN_LIFE_S: i64 = 3600;
/// The start of an access token.
pub const TOKEN_PREFIX: &str = "clvt_";
/// Failures a minute that cost nothing, per name and address.
const FREE_FAILURES: u32 = 10;
/// How many names and addresses are remembered, twice over.
const MOST_REMEMBERED: usize = 50_000;

/// How many tickets are looked at for each that is made.
const LOOKED_AT: usize = 64;
/// How many of them are taken out at most.
const TAKEN_OUT: usize = 8;

/// Who failed: the hash of a name, as names may be of any length, and the address of the try.
type Failed = ([u8; 32], Option<IpAddr>);
/// When each began to fail, and how often they did since.
type Failures = HashMap<Failed, (Instant, u32)>;

/// Failed log-ins and token requests of the running minute, and how far tickets were swept.
#[derive(Debug, Default)]
pub struct Limits {
    failures: Mutex<Remembered>,
    /// The ticket that is looked at next.
    hand: AtomicU32,
}

/// Two maps that take turns, so that what is old goes all at once and memory is bounded.
#[derive(Debug, Default)]
struct Remembered {
    turned: Option<Instant>,
    latest: Failures,
    former: Failures,
}

impl Remembered {
    /// The failures of a running minute.
    fn of(&self, failed: &Failed, now: Instant) -> Option<(Instant, u32)> {
        let found = self.latest.get(failed).or_else(|| self.former.get(failed));
        found.copied().filter(|(since, _)| now < since.plus(MINUTE))
    }

    fn fail(&mut self, failed: Failed, now: Instant) {
        let (since, count) = self.of(&failed, now).unwrap_or((now, 0));
        let is_old = self.turned.is_none_or(|turned| now >= turned.plus(MINUTE));
        if is_old || self.latest.len() >= MOST_REMEMBERED {
            self.former = std::mem::take(&mut self.latest);
            self.turned = Some(now);
        }
        self.latest.insert(failed, (since, count + 1));
    }
}

impl Limits {
    /// Refuses while a name at an address has failed too often in a minute.
    ///
    /// # Errors
    /// Too many, with the seconds to wait.
    pub fn check(&self, name: &str, address: Option<IpAddr>, now: Instant) -> Result<(), Error> {
        let failed = (sha256(name.as_bytes()), address);
        match guard(&self.failures).of(&failed, now) {
            Some((since, count)) if count >= FREE_FAILURES => {
                let left = since.plus(MINUTE).0 - now.0;
                let retry_after_s = u32::try_from(left / SECOND).unwrap_or(60) + 1;
                Err(Error::TooMany { retry_after_s })
            }
            _ => Ok(()),
        }
    }

    /// Counts a failure.
    pub fn fail(&self, name: &str, address: Option<IpAddr>, now: Instant) {
        guard(&self.failures).fail((sha256(name.as_bytes()), address), now);
    }
}

/// Whoever holds a bearer secret: an access token or an API key.
///
/// # Errors
/// Not authenticated.
pub fn bearer(app: &App, secret: &str) -> Result<Caller, Error> {
    if let Some(device) = crate::offline::caller(app, secret) {
        return Ok(device);
    }
    let shaped = [TOKEN_PREFIX, SECRET_PREFIX].iter().any(|it| is_well_formed(it, secret));
    if !shaped {
        return Err(Error::Unauthenticated);
    }
    let hash = sha256(secret.as_bytes());
    let now = app.now();
    let directory = app.world().directory();
    if let Some(ticket) = directory.ticket(&hash) {
        let client = ticket.client.and_then(|number| directory.clients.get(number));
        return match client {
            Some(client)
                if ticket.kind == TicketKind::AccessToken
                    && now < ticket.expires_at
                    && !is_over(client, now) =>
            {
                // What was taken from the client since is taken from the token too.
                Ok(caller(client, ticket.scopes.and(client.scopes)))
            }
            _ => Err(Error::Unauthenticated),
        };
    }
    let client = directory.client_by_key(&hash).ok_or(Error::Unauthenticated)?;
    if is_over(client, now) || !holds(client, &hash, now) {
        return Err(Error::Unauthenticated);
    }
    Ok(caller(client, client.scopes))
}

/// The program that holds a token of 32 hexadecimal digits.
///
/// # Errors
/// Not authenticated.
pub fn plain_token(app: &App, token: &str) -> Result<Caller, Error> {
    if !is_hex_secret(token) {
        return Err(Error::Unauthenticated);
    }
    let hash = sha256(token.as_bytes());
    let now = app.now();
    let directory = app.world().directory();
    let found = directory.client_by_key(&hash);
    let client = found.filter(|it| !is_over(it, now) && holds(it, &hash, now));
    let client = client.ok_or(Error::Unauthenticated)?;
    Ok(caller(client, client.scopes))
}

pub(crate) fn is_over(client: &Client, now: Instant) -> bool {
    client.expires_at.is_some_and(|end| now >= end)
}

fn holds(client: &Client, hash: &[u8; 32], now: Instant) -> bool {
    client.secret == *hash
        || client.previous_secret.is_some_and(|(former, until)| former == *hash && now < until)
}

pub(crate) fn caller(client: &Client, scopes: Scopes) -> Caller {
    Caller::Client {
        number: client.number(),
        id: client.header.id,
        scopes,
        places: client.places.as_slice().into(),
        controller: client.controller,
        role: None,
        alone: false,
    }
}

/// Whoever holds a session's secret.
///
/// # Errors
/// Not authenticated.
pub fn session(app: &App, secret: &str) -> Result<(Caller, Id), Error> {
    let directory = app.world().directory();
    let ticket = directory
        .ticket(&sha256(secret.as_bytes()))
        .filter(|ticket| ticket.kind == TicketKind::Session && app.now() < ticket.expires_at)
        .ok_or(Error::Unauthenticated)?;
    let account = ticket.account.and_then(|number| directory.accounts.get(number));
    let account = account.ok_or(Error::Unauthenticated)?;
    let (number, id) = (account.number(), account.header.id);
    let caller = Caller::Account { number, id, through: None };
    Ok((caller, ticket.header.id))
}

/// A token for a client.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token itself.
    pub access_token: String,
    /// How long it lives.
    pub expires_in_s: i64,
    /// What it allows.
    pub scopes: Scopes,
}

/// Why no token is given, in the words of RFC 6749.
#[derive(Debug)]
pub enum TokenError {
    /// The client is not known by that id and secret.
    InvalidClient,
    /// A scope is not known, or not the client's.
    InvalidScope,
    /// Anything else.
    Other(Error),
}

/// The OAuth2 client with that id and secret.
///
/// # Errors
/// There is none; it was tried too often.
pub fn proven(
    app: &App,
    client: &str,
    client_secret: &str,
    address: Option<IpAddr>,
) -> Result<Arc<Client>, TokenError> {
    let now = app.now();
    app.limits().check(client, address, now).map_err(TokenError::Other)?;
    let hash = sha256(client_secret.as_bytes());
    let directory = app.world().directory();
    let found = Id::parse(client)
        .and_then(|id| directory.client(id))
        .filter(|it| it.kind == ClientKind::Oauth2 && holds(it, &hash, now) && !is_over(it, now));
    if found.is_none() {
        app.limits().fail(client, address, now);
    }
    found.cloned().ok_or(TokenError::InvalidClient)
}

/// The public client with that id, which has nothing to prove itself by.
///
/// # Errors
/// There is none.
pub fn public(app: &App, client: &str) -> Result<Arc<Client>, TokenError> {
    let directory = app.world().directory();
    let found = Id::parse(client).and_then(|id| directory.client(id));
    let found = found.filter(|it| it.kind == ClientKind::Public && !is_over(it, app.now()));
    found.cloned().ok_or(TokenError::InvalidClient)
}

/// Whoever holds a signed token of a surface, and what the token says.
///
/// # Errors
/// As [`SignedError`]; a client that is gone makes the token invalid.
pub fn signed(app: &App, via: Via, token: &str) -> Result<(Caller, Claims), SignedError> {
    let claims = signed::read(app, via, token)?;
    let directory = app.world().directory();
    let client = directory.client(claims.client).filter(|client| !is_over(client, app.now()));
    let client = client.ok_or(SignedError::Invalid)?;
    Ok((caller(client, client.scopes), claims))
}

/// Exchanges a client's id and secret for a token with the scopes asked for, all where none are.
///
/// # Errors
/// As [`TokenError`].
pub async fn token(
    app: &App,
    client: &str,
    client_secret: &str,
    wanted: Option<&str>,
    address: Option<IpAddr>,
) -> Result<Token, TokenError> {
    let now = app.now();
    let found = proven(app, client, client_secret, address)?;
    let scopes = match wanted.map(str::trim).filter(|text| !text.is_empty()) {
        None => found.scopes,
        Some(text) => {
            let parsed: Option<Scopes> = text.split_ascii_whitespace().map(Scope::parse).collect();
            parsed.filter(|it| found.scopes.covers(*it)).ok_or(TokenError::InvalidScope)?
        }
    };
    let access_token = secret(TOKEN_PREFIX);
    let hash = sha256(access_token.as_bytes());
    let ctx = Context::new(app.clone(), caller(&found, found.scopes), Via::Native);
    let (number, expires_at) = (found.number(), now.plus(TOKEN_LIFE_S * SECOND));
    let app = app.clone();
    let written: Result<(), Error> = ctx
        .commit(None, move |work| {
            let draft = work.directory();
            sweep(&app, draft);
            let header = draft.header(Noun::Ticket, None)?;
            let ticket = Ticket::new(header, TicketKind::AccessToken, hash, expires_at);
            draft.put(Ticket { client: Some(number), scopes, ..ticket });
            Ok(())
        })
        .await;
    written.map_err(TokenError::Other)?;
    Ok(Token { access_token, expires_in_s: TOKEN_LIFE_S, scopes })
}

/// Takes out a few tickets that are over, so that they never pile up. Each time it looks at the
/// next few of all: some are over in minutes, some in months.
pub(crate) fn sweep(app: &App, draft: &mut Draft<Directory>) {
    let hand = &app.limits().hand;
    let from = hand.load(Ordering::Relaxed);
    let mut over = Vec::new();
    let mut next = 0;
    let tickets = draft.state.tickets.iter_from(from);
    for (looked, ticket) in tickets.enumerate() {
        if looked == LOOKED_AT || over.len() == TAKEN_OUT {
            next = ticket.header.number;
            break;
        }
        if draft.now >= ticket.expires_at {
            over.push(ticket.clone());
        }
    }
    hand.store(next, Ordering::Relaxed);
    over.into_iter().for_each(|ticket| draft.delete(ticket));
}
