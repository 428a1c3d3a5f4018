//! What programs that act for people exchange: a code for tokens, once; a refresh token for another
//! access token, any number of times, of which none ends another; an identity provider's word for
//! one.

use std::net::IpAddr;
use std::sync::Arc;

use claviger_domain::draft::{Draft, open};
use claviger_domain::ids::{Noun, TicketNumber};
use claviger_domain::noun::account::{Account, ActsFor, Consent, Ticket, TicketKind};
use claviger_domain::noun::client::Client;
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::scope::Scopes;
use claviger_domain::state::Directory;
use claviger_domain::time::{DAY, Instant, SECOND};

use super::{acting, places};
use crate::auth::{TOKEN_LIFE_S, sweep};
use crate::context::Context;
use crate::error::Error;
use crate::provider::{self, Vouched};
use crate::random::{secret, sha256};
use crate::{App, auth};

/// The start of a token by which a program acts for somebody.
const ACTING_PREFIX: &str = "clvu_";
const REFRESH_PREFIX: &str = "clvr_";
/// How long a refresh token lives that nobody uses.
const REFRESH_LIFE: i64 = 180 * DAY;
/// How many access tokens live at once that were made of one code, or for one who is vouched for:
/// programs that refresh before each call have tens.
pub const MOST_TOKENS: usize = 1000;
/// How long it is known that a code was used.
const USED_KNOWN: i64 = DAY;

/// What a program gets.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// By which it acts.
    pub access_token: String,
    /// How long that lives.
    pub expires_in_s: i64,
    /// By which it gets another.
    pub refresh_token: Option<String>,
    /// What it may do.
    pub scope: String,
}

/// Why it gets nothing.
#[derive(Debug)]
pub enum Refused {
    /// The code or refresh token is none of this program's, is over, or lacks its proof.
    Grant,
    /// More is asked for than was given.
    Scope,
    /// As many tokens live as may.
    TooMany {
        /// After how many seconds one of them is over.
        retry_after_s: u32,
    },
    /// Anything else.
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Other(error)
    }
}

/// A ticket of a program's with what stands for it.
struct Held {
    ticket: Arc<Ticket>,
    consent: Consent,
    account: Arc<Account>,
}

fn held(
    app: &App,
    via: Via,
    client: &Client,
    secret: &str,
    kind: TicketKind,
) -> Result<Held, Refused> {
    let directory = app.world().directory();
    let ticket = directory.ticket(&sha256(secret.as_bytes()));
    let ticket = ticket.filter(|it| it.kind == kind && it.client == Some(client.number()));
    let ticket = ticket.filter(|it| app.now() < it.expires_at).ok_or(Refused::Grant)?.clone();
    let consent = ticket.consent.clone().filter(|it| it.via == via).ok_or(Refused::Grant)?;
    let account = ticket.account.and_then(|number| directory.accounts.get(number));
    let account = account.cloned().ok_or(Refused::Grant)?;
    Ok(Held { ticket, consent, account })
}

/// Exchanges a code. When one comes a second time, its tokens end: somebody else had it.
///
/// # Errors
/// As [`Refused`].
pub async fn exchange(
    app: &App,
    via: Via,
    client: &Client,
    code: &str,
    (redirect_uri, verifier): (&str, Option<&str>),
    renews: fn(&str) -> bool,
) -> Result<Tokens, Refused> {
    let Held { ticket, consent, account } = held(app, via, client, code, TicketKind::Code)?;
    let is_proven = match (consent.challenge, verifier) {
        (Some(challenge), Some(verifier)) => {
            is_verifier(verifier) && sha256(verifier.as_bytes()) == challenge
        }
        (None, None) => true,
        // A proof of what was never asked for is of another log-in.
        (Some(_), None) | (None, Some(_)) => false,
    };
    let is_same = consent.redirect_uri.as_deref() == Some(redirect_uri);
    let is_right = is_proven && is_same;
    if !(is_right || consent.used) {
        return Err(Refused::Grant);
    }
    let ctx = acting(app, &account, client);
    if !consent.used && places(&ctx).next().is_none() {
        return Err(Refused::Grant);
    }
    let tokens = Tokens {
        access_token: secret(ACTING_PREFIX),
        expires_in_s: TOKEN_LIFE_S,
        refresh_token: renews(&consent.scope).then(|| secret(REFRESH_PREFIX)),
        scope: consent.scope.clone(),
    };
    let access = sha256(tokens.access_token.as_bytes());
    let refresh = tokens.refresh_token.as_ref().map(|token| sha256(token.as_bytes()));
    let app = app.clone();
    let is_first = ctx
        .commit(None, move |work| {
            let now = work.now;
            let draft = work.directory();
            sweep(&app, draft);
            let number = TicketNumber(ticket.header.number);
            let code = draft.state.tickets.get(number).ok_or(Error::Unauthenticated)?.clone();
            if code.consent.as_ref().is_none_or(|it| it.used) {
                end(draft, number);
                return Ok(false);
            }
            let mut code = open(&code);
            code.expires_at = now.plus(USED_KNOWN);
            let used = Consent { used: true, ..consent.clone() };
            draft.put(Ticket { consent: Some(used), ..code });
            let of_code = Made { ticket: &ticket, scope: &consent.scope, code: number };
            of_code.put(draft, TicketKind::ActingToken, access, lives(now))?;
            if let Some(refresh) = refresh {
                let until = now.plus(REFRESH_LIFE);
                of_code.put(draft, TicketKind::RefreshToken, refresh, until)?;
            }
            Ok(true)
        })
        .await;
    match is_first {
        Ok(true) => Ok(tokens),
        Ok(false) | Err(Error::Unauthenticated) => Err(Refused::Grant),
        Err(error) => Err(error.into()),
    }
}

fn lives(now: Instant) -> Instant {
    now.plus(TOKEN_LIFE_S * SECOND)
}

/// RFC 7636, section 4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// What tokens are made of.
struct Made<'t> {
    /// Whose they are.
    ticket: &'t Ticket,
    scope: &'t str,
    code: TicketNumber,
}

impl Made<'_> {
    fn put(
        &self,
        draft: &mut Draft<Directory>,
        kind: TicketKind,
        hash: [u8; 32],
        expires_at: Instant,
    ) -> Result<(), Error> {
        let of = self.ticket.consent.as_ref().ok_or(Error::Internal)?;
        let consent = Consent {
            scope: self.scope.to_owned(),
            code: Some(self.code),
            redirect_uri: None,
            challenge: None,
            used: false,
            ..of.clone()
        };
        let ticket = Ticket::new(draft.header(Noun::Ticket, None)?, kind, hash, expires_at);
        let (account, client) = (self.ticket.account, self.ticket.client);
        let ticket = Ticket { account, client, consent: Some(consent), ..ticket };
        if kind == TicketKind::ActingToken {
            room(draft, ticket.acts_for())?;
        }
        draft.put(ticket);
        Ok(())
    }
}

/// Ends what was made of a code, and the code.
fn end(draft: &mut Draft<Directory>, code: TicketNumber) {
    let is_of = |it: &Ticket| {
        it.header.number == code.0 || it.consent.as_ref().is_some_and(|of| of.code == Some(code))
    };
    let of_code: Vec<_> = draft.state.tickets.iter().filter(|it| is_of(it)).cloned().collect();
    of_code.into_iter().for_each(|ticket| draft.delete(Ticket::clone(&ticket)));
}

/// Refuses another token beside as many as may live.
fn room(draft: &mut Draft<Directory>, of: Option<ActsFor>) -> Result<(), Error> {
    let Some(of) = of else { return Err(Error::Internal) };
    if usize::try_from(draft.state.acting(&of)).is_ok_and(|count| count < MOST_TOKENS) {
        return Ok(());
    }
    let tickets = draft.state.tickets.iter().filter(|it| it.acts_for() == Some(of)).cloned();
    let (over, live): (Vec<_>, Vec<_>) = tickets.partition(|it| draft.now >= it.expires_at);
    if let Some(first) = live.iter().map(|it| it.expires_at).min()
        && live.len() >= MOST_TOKENS
    {
        let left_s = u32::try_from((first.0 - draft.now.0) / SECOND).unwrap_or(u32::MAX);
        return Err(Error::TooMany { retry_after_s: left_s.saturating_add(1) });
    }
    over.into_iter().for_each(|ticket| draft.delete(Ticket::clone(&ticket)));
    Ok(())
}

/// Gives another access token, with the scope asked for or all that was given. The refresh token
/// stays good, and so do the access tokens before; it is over for somebody who is nothing any more
/// where the program could act.
///
/// # Errors
/// As [`Refused`].
pub async fn refresh(
    app: &App,
    via: Via,
    client: &Client,
    token: &str,
    wanted: Option<&str>,
) -> Result<Tokens, Refused> {
    let Held { ticket, consent, account } =
        held(app, via, client, token, TicketKind::RefreshToken)?;
    let ctx: Context = acting(app, &account, client);
    if places(&ctx).next().is_none() {
        return Err(Refused::Grant);
    }
    let given = |word: &str| consent.scope.split(' ').any(|given| given == word);
    let scope = wanted.unwrap_or(&consent.scope).to_owned();
    if !scope.split(' ').all(given) {
        return Err(Refused::Scope);
    }
    let tokens = Tokens {
        access_token: secret(ACTING_PREFIX),
        expires_in_s: TOKEN_LIFE_S,
        refresh_token: Some(token.to_owned()),
        scope: scope.clone(),
    };
    let access = sha256(tokens.access_token.as_bytes());
    let code = consent.code.ok_or(Error::Internal)?;
    let app = app.clone();
    let made = ctx
        .commit(None, move |work| {
            let now = work.now;
            let draft = work.directory();
            sweep(&app, draft);
            let own = draft.state.tickets.get(ticket.header.number).cloned();
            let mut own = open(&own.ok_or(Error::Unauthenticated)?);
            let until = now.plus(REFRESH_LIFE);
            if until.0 - own.expires_at.0 > DAY {
                own.expires_at = until;
                draft.put(own);
            }
            let of_code = Made { ticket: &ticket, scope: &scope, code };
            of_code.put(draft, TicketKind::ActingToken, access, lives(now))
        })
        .await;
    match made {
        Ok(()) => Ok(tokens),
        Err(Error::Unauthenticated) => Err(Refused::Grant),
        Err(Error::TooMany { retry_after_s }) => Err(Refused::TooMany { retry_after_s }),
        Err(error) => Err(error.into()),
    }
}

/// A token for somebody whom an identity provider vouches for. There is no refresh token: they come
/// with another token of the provider's.
///
/// # Errors
/// As [`Refused`]; too many failures.
pub async fn vouched_for(
    app: &App,
    via: Via,
    client: &Client,
    vouched: &Vouched<'_>,
    scope: String,
    address: Option<IpAddr>,
) -> Result<Tokens, Refused> {
    let (now, name) = (app.now(), format!("exchange {}", client.header.id));
    app.limits().check(&name, address, now)?;
    let Some((place, vouched)) = provider::subject(app, client, vouched) else {
        app.limits().fail(&name, address, now);
        return Err(Refused::Grant);
    };
    let tokens = Tokens {
        access_token: secret(ACTING_PREFIX),
        expires_in_s: TOKEN_LIFE_S,
        refresh_token: None,
        scope: scope.clone(),
    };
    let hash = sha256(tokens.access_token.as_bytes());
    let consent = Consent {
        via,
        scope,
        code: None,
        redirect_uri: None,
        challenge: None,
        used: false,
        vouched: Some(vouched),
    };
    let ctx = Context::new(app.clone(), auth::caller(client, Scopes::NONE), via);
    let (app, number) = (app.clone(), client.number());
    ctx.commit(None, move |work| {
        let expires_at = lives(work.now);
        let draft = work.directory();
        sweep(&app, draft);
        let header = draft.header(Noun::Ticket, None)?;
        let ticket = Ticket::new(header, TicketKind::ActingToken, hash, expires_at);
        let (client, consent) = (Some(number), Some(consent.clone()));
        let ticket = Ticket { client, place: Some(place), consent, ..ticket };
        room(draft, ticket.acts_for())?;
        draft.put(ticket);
        Ok(())
    })
    .await
    .map_err(|error| match error {
        Error::TooMany { retry_after_s } => Refused::TooMany { retry_after_s },
        other => other.into(),
    })?;
    Ok(tokens)
}
