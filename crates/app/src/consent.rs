//! Programs that act for people (RFC 6749, section 4.1, with RFC 7636): somebody logs in, says what
//! a program may do for them, and the program exchanges a code for tokens.
//!
//! What a scope means is the surface's; here scopes are words that are given or not. Every secret
//! is known by its SHA-256 only. A program does at most what its human may do at that moment, in
//! the places of the program's own organization.

mod token;

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::hmac;
use claviger_domain::draft::Draft;
use claviger_domain::ids::{Id, Noun};
use claviger_domain::noun::account::{Account, Consent, Ticket, TicketKind};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::role::Role;
use claviger_domain::noun::scope::Scopes;
use claviger_domain::state::Directory;
use claviger_domain::text::origin_of;
use claviger_domain::time::MINUTE;

use crate::auth::{is_over, sweep};
use crate::context::{Caller, Context, Through};
use crate::error::Error;
use crate::provider;
use crate::random::{hex, is_well_formed, secret, sha256};
use crate::session::{self, Login, prove};
use crate::{App, signed::SignedError};

pub use token::{MOST_TOKENS, Refused, Tokens, exchange, refresh, vouched_for};

/// How long somebody has to answer.
const QUESTION_LIFE: i64 = 10 * MINUTE;
/// How long a program has to exchange a code.
const CODE_LIFE: i64 = MINUTE;
const QUESTION_PREFIX: &str = "clvq_";
const CODE_PREFIX: &str = "clvc_";
/// How many places are named to somebody who is asked.
const PLACES_NAMED: usize = 20;

/// The start of what a browser is known by while somebody logs in.
const BROWSER_PREFIX: &str = "clvb_";

/// What a browser is known by while somebody logs in.
#[must_use]
pub fn new_browser() -> String {
    secret(BROWSER_PREFIX)
}

/// Whether a text is such.
#[must_use]
pub fn is_browser(text: &str) -> bool {
    is_well_formed(BROWSER_PREFIX, text)
}

/// The mark of a form that is shown to a browser: nobody else can make one.
#[must_use]
pub fn shown_to(app: &App, browser: &str) -> String {
    hex(hmac::sign(&form_key(app), browser.as_bytes()).as_ref())
}

/// Whether a form with that mark was shown to that browser.
#[must_use]
pub fn is_shown_to(app: &App, browser: &str, mark: &str) -> bool {
    let own = shown_to(app, browser);
    aws_lc_rs::constant_time::verify_slices_are_equal(own.as_bytes(), mark.as_bytes()).is_ok()
}

fn form_key(app: &App) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, app.secrets().derive("form", 0, 1).as_slice())
}

/// A program that may ask people whether it may act for them.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program.
    pub client: Arc<Client>,
    /// The name of whose it is.
    pub organization: String,
}

impl Program {
    /// Whether it can keep no secret, and so must prove that a code is its own.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.client.kind == ClientKind::Public
    }
}

/// The program with that id, if people may be sent back to that address by it.
#[must_use]
pub fn program(app: &App, client: &str, redirect_uri: &str) -> Option<Program> {
    let directory = app.world().directory();
    let client = directory.client(Id::parse(client)?)?;
    let known = client.redirect_uris.iter().any(|known| known == redirect_uri);
    if !known || client.kind.sends_secret() || is_over(client, app.now()) {
        return None;
    }
    let organization = directory.organizations.get(client.organization)?.name.clone();
    Some(Program { client: client.clone(), organization })
}

/// Whether an origin, as a browser writes it, is that of pages people may be sent back to by some
/// program.
#[must_use]
pub fn is_origin(app: &App, origin: &str) -> bool {
    let directory = app.world().directory();
    let mut programs = directory
        .clients
        .iter()
        .filter(|client| !client.kind.sends_secret() && !is_over(client, app.now()));
    programs.any(|client| {
        let mut origins = client.redirect_uris.iter().filter_map(|uri| origin_of(uri));
        origins.any(|known| known == origin)
    })
}

/// What a program asks somebody for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The surface.
    pub via: Via,
    /// What it wants to do, in the surface's words.
    pub scope: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What its proof will come to (RFC 7636, `S256`).
    pub challenge: Option<[u8; 32]>,
}

/// A question that waits for its answer.
#[derive(Clone, Debug)]
pub struct Question {
    /// By which it is answered, once.
    pub secret: String,
    /// Who is asked: the e-mail address, else the phone number.
    pub account: String,
    /// The first of the places where the program could act for them.
    pub places: Vec<String>,
    /// Whether there are more.
    pub more: bool,
}

/// Logs somebody in for a program, which is to be answered then.
///
/// # Errors
/// Not authenticated, whether or not there is such an account; too many tries.
pub async fn ask(
    app: &App,
    program: &Program,
    wish: Wish,
    login: &Login,
    password: String,
    address: Option<IpAddr>,
) -> Result<Question, Error> {
    let account = prove(app, login, password, address).await?;
    let ctx = acting(app, &account, &program.client);
    let secret = secret(QUESTION_PREFIX);
    let hash = sha256(secret.as_bytes());
    let (number, client) = (account.number(), program.client.number());
    let consent = Consent {
        via: wish.via,
        scope: wish.scope,
        code: None,
        redirect_uri: Some(wish.redirect_uri),
        challenge: wish.challenge,
        used: false,
        vouched: None,
    };
    let (known, app) = (account.clone(), app.clone());
    ctx.commit(None, move |work| {
        session::welcome(&app, work, &known)?;
        let expires_at = work.now.plus(QUESTION_LIFE);
        let draft = work.directory();
        sweep(&app, draft);
        let header = draft.header(Noun::Ticket, None)?;
        let ticket = Ticket::new(header, TicketKind::Question, hash, expires_at);
        let (account, client) = (Some(number), Some(client));
        draft.put(Ticket { account, client, consent: Some(consent.clone()), ..ticket });
        Ok(())
    })
    .await?;
    let mut named = places(&ctx);
    let places: Vec<String> = named.by_ref().take(PLACES_NAMED).collect();
    let more = named.next().is_some();
    let name = account.email.clone().or_else(|| account.phone.clone());
    Ok(Question { secret, account: name.unwrap_or_default(), places, more })
}

/// The call of somebody through a program.
fn acting(app: &App, account: &Account, client: &Client) -> Context {
    let caller = through(account, client, Scopes::ALL);
    Context::new(app.clone(), caller, Via::Native)
}

fn through(account: &Account, client: &Client, scopes: Scopes) -> Caller {
    let (client, organization) = (client.number(), client.organization);
    let through = Through { client, organization, scopes };
    Caller::Account { number: account.number(), id: account.header.id, through: Some(through) }
}

/// The names of the places where somebody has more than their own access.
fn places(ctx: &Context) -> impl Iterator<Item = String> {
    ctx.app.world().places().into_iter().filter_map(|cell| {
        let state = cell.state();
        let roles = ctx.roles_in(state.place.number());
        roles.iter().any(|role| *role > Role::Guest).then(|| state.place.name.clone())
    })
}

/// What somebody answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The code, if the program may act.
    pub code: Option<String>,
    /// What it may do.
    pub scope: String,
    /// Where the answer goes.
    pub redirect_uri: String,
}

/// Answers a question; the question is over then. Who is nothing where the program could act cannot
/// say yes.
///
/// # Errors
/// Not authenticated: there is no such question of this program, or no longer.
pub async fn answer(
    app: &App,
    program: &Program,
    question: &str,
    allowed: bool,
) -> Result<Answer, Error> {
    let hash = sha256(question.as_bytes());
    let (found, account) = {
        let directory = app.world().directory();
        let ticket = directory.ticket(&hash).ok_or(Error::Unauthenticated)?;
        let account = ticket.account.and_then(|number| directory.accounts.get(number));
        (ticket.clone(), account.cloned().ok_or(Error::Unauthenticated)?)
    };
    if found.client != Some(program.client.number()) {
        return Err(Error::Unauthenticated);
    }
    let ctx = acting(app, &account, &program.client);
    let code = (allowed && places(&ctx).next().is_some()).then(|| secret(CODE_PREFIX));
    let hash_of_code = code.as_ref().map(|code| sha256(code.as_bytes()));
    let consent = ctx
        .commit(None, move |work| {
            let now = work.now;
            let draft = work.directory();
            let ticket = live(draft, &hash, TicketKind::Question)?;
            let consent = ticket.consent.clone().ok_or(Error::Internal)?;
            draft.delete(Ticket::clone(&ticket));
            if let Some(hash) = hash_of_code {
                let header = draft.header(Noun::Ticket, None)?;
                let code = Ticket::new(header, TicketKind::Code, hash, now.plus(CODE_LIFE));
                let (account, client) = (ticket.account, ticket.client);
                draft.put(Ticket { account, client, consent: Some(consent.clone()), ..code });
            }
            Ok(consent)
        })
        .await?;
    let redirect_uri = consent.redirect_uri.ok_or(Error::Internal)?;
    Ok(Answer { code, scope: consent.scope, redirect_uri })
}

/// The ticket of that kind whose secret has that SHA-256.
fn live(draft: &Draft<Directory>, hash: &[u8; 32], kind: TicketKind) -> Result<Arc<Ticket>, Error> {
    let found = draft.state.ticket(hash);
    let found = found.filter(|it| it.kind == kind && draft.now < it.expires_at);
    found.cloned().ok_or(Error::Unauthenticated)
}

/// Who calls with a token of a surface, which says what its words allow.
///
/// # Errors
/// As [`SignedError`].
pub fn caller(
    app: &App,
    via: Via,
    token: &str,
    allows: fn(&str) -> Scopes,
) -> Result<Caller, SignedError> {
    let directory = app.world().directory();
    let ticket = directory.ticket(&sha256(token.as_bytes()));
    let ticket = ticket.filter(|it| it.kind == TicketKind::ActingToken);
    let (ticket, consent) = ticket
        .and_then(|ticket| Some((ticket, ticket.consent.as_ref()?)))
        .filter(|(_, consent)| consent.via == via)
        .ok_or(SignedError::Invalid)?;
    if app.now() >= ticket.expires_at {
        return Err(SignedError::Expired);
    }
    let client = ticket.client.and_then(|number| directory.clients.get(number));
    let client = client.filter(|it| !is_over(it, app.now())).ok_or(SignedError::Invalid)?;
    let scopes = allows(&consent.scope);
    let caller = match ticket.account.and_then(|number| directory.accounts.get(number)) {
        Some(account) => Some(through(account, client, scopes)),
        None => vouched(app, ticket, client, scopes),
    };
    caller.ok_or(SignedError::Invalid)
}

/// A program that acts for somebody whom an identity provider vouched for: in their place, with
/// their role there.
fn vouched(app: &App, ticket: &Ticket, client: &Client, scopes: Scopes) -> Option<Caller> {
    let place = ticket.place?;
    let state = app.state(place).ok()?;
    let vouched = ticket.consent.as_ref()?.vouched?;
    let person = state.people.get(vouched.person)?;
    let places: &[_] = if person.role > Role::Guest { &[place] } else { &[] };
    (provider::word(&state, person) == Some(vouched.word)).then(|| Caller::Client {
        number: client.number(),
        id: client.header.id,
        scopes: person.role.scopes().and(scopes),
        places: places.into(),
        controller: None,
        role: Some(person.role),
        alone: true,
    })
}
