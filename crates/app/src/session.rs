//! Log-in of people: passwords, sessions.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use claviger_domain::ids::{AccountNumber, Id, Noun};
use claviger_domain::noun::account::{Account, Ticket, TicketKind};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::role::Role;
use claviger_domain::refusal::Refusal;
use claviger_domain::text::folded;
use claviger_domain::time::{DAY, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::context::{Caller, Context};
use crate::error::Error;
use crate::random::{secret, sha256};
use crate::work::Work;
use crate::{App, auth, invitation};

/// How long a session lives.
const SESSION_LIFE: i64 = 14 * DAY;
/// The start of a session's secret.
const SESSION_PREFIX: &str = "clvs_";
/// The hash that is checked where there is no account, so that the time taken tells nothing.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// By what somebody logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// An e-mail address.
    Email(String),
    /// A phone number.
    Phone(String),
}

impl Login {
    /// The name by which failures are counted, the same however it is written.
    pub(crate) fn name(&self) -> String {
        match self {
            Login::Email(email) => folded(email),
            Login::Phone(phone) => phone.clone(),
        }
    }
}

/// A session just begun.
#[derive(Clone, Debug)]
pub struct Session {
    /// The account.
    pub account: Id,
    /// The session's secret, for the cookie.
    pub secret: String,
    /// When it ends.
    pub expires_at: Instant,
    /// Where the account has which role.
    pub places: Vec<(Id, Role)>,
}

/// How many passwords are hashed at once: each takes 19 MiB.
const AT_ONCE: usize = 2;

/// Who may hash a password, and how many were.
#[derive(Debug)]
pub(crate) struct Hashing {
    free: Semaphore,
    count: AtomicU64,
}

impl Default for Hashing {
    fn default() -> Hashing {
        Hashing { free: Semaphore::new(AT_ONCE), count: AtomicU64::new(0) }
    }
}

impl Hashing {
    /// Waits for a turn, which lasts until what is returned is dropped.
    pub(crate) async fn begin(&self) -> Result<SemaphorePermit<'_>, Error> {
        let permit = self.free.acquire().await.map_err(|_| Error::Unavailable)?;
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(permit)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// Hashes a password (argon2id, 19 MiB, two passes) off the async threads.
pub(crate) async fn hash(app: &App, password: String) -> Result<String, Error> {
    let hash = move || Argon2::default().hash_password(password.as_bytes());
    let hashed = slowly(app, move || hash().map(|hash| hash.to_string()).ok()).await?;
    hashed.ok_or(Error::Internal)
}

/// The same of a password that a place presets for an address. All that are preset for an address
/// have one salt, so that one hash of what somebody types is compared with all of them.
pub(crate) async fn hash_preset(
    app: &App,
    address: &str,
    password: String,
) -> Result<String, Error> {
    let salt = app.secrets().tag("preset password", 0, folded(address).as_bytes());
    let hash = move || Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    let hashed = slowly(app, move || hash().map(|hash| hash.to_string()).ok()).await?;
    hashed.ok_or(Error::Internal)
}

/// Does what takes a while, and is counted, off the async threads; few at a time.
async fn slowly<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let _permit = app.hashing().begin().await?;
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal)
}

/// Whether a password is the one that was hashed; takes as long where there is none.
pub(crate) async fn verify(
    app: &App,
    password: String,
    hash: Option<String>,
) -> Result<bool, Error> {
    slowly(app, move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let right = PasswordHash::new(&hash).is_ok_and(|hash| {
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        known && right
    })
    .await
}

fn account(app: &App, login: &Login) -> Option<Arc<Account>> {
    let directory = app.world().directory();
    match login {
        Login::Email(email) => directory.account_by_email(email).cloned(),
        Login::Phone(phone) => directory.account_by_phone(phone).cloned(),
    }
}

/// Logs somebody in.
///
/// # Errors
/// Not authenticated, whether or not there is such an account; too many tries; a one-time password.
pub async fn begin(
    app: &App,
    login: &Login,
    password: String,
    address: Option<IpAddr>,
) -> Result<Session, Error> {
    let account = prove(app, login, password, address).await?;
    open(app, &account).await
}

/// The account of that name and password.
///
/// # Errors
/// Not authenticated, whether or not there is such an account; too many tries.
pub(crate) async fn prove(
    app: &App,
    login: &Login,
    password: String,
    address: Option<IpAddr>,
) -> Result<Arc<Account>, Error> {
    let now = app.now();
    let name = login.name();
    app.limits().check(&name, address, now)?;
    let found = account(app, login);
    let hash = found.as_ref().and_then(|account| account.password.clone());
    let one_time = sha256(password.as_bytes());
    let right = verify(app, password.clone(), hash).await?;
    let preset = by_preset(app, login, password).await?;
    let proven = found.filter(|_| right).or(preset);
    // Of tries sent at once, too, those after the last free one learn nothing.
    app.limits().check(&name, address, now)?;
    if proven.is_none() {
        if invitation::is_one_time(app, login, &one_time) {
            let detail = "is a one-time password: choose your own at /api/v1/account/invitation";
            return Err(Refusal::field("/password", "one_time", detail).into());
        }
        app.limits().fail(&name, address, now);
    }
    proven.ok_or(Error::Unauthenticated)
}

/// The log-in of a place that preset this password for the address. It takes as long where no
/// place did, and where twenty did: how many know somebody is nobody's to find out.
async fn by_preset(
    app: &App,
    login: &Login,
    password: String,
) -> Result<Option<Arc<Account>>, Error> {
    let hash = hash_preset(app, &login.name(), password).await?;
    let Login::Email(email) = login else { return Ok(None) };
    let is_it = |account: &Account| {
        let stored = account.password.as_deref().unwrap_or_default();
        verify_slices_are_equal(stored.as_bytes(), hash.as_bytes()).is_ok()
    };
    let presets = invitation::presets(app, email).into_iter().map(|(_, account)| account);
    Ok(presets.filter(|account| is_it(account)).last())
}

/// Begins a session for an account that has proved itself, and accepts the invitations it has.
pub(crate) async fn open(app: &App, account: &Account) -> Result<Session, Error> {
    let secret = secret(SESSION_PREFIX);
    let hash = sha256(secret.as_bytes());
    let id = account.header.id;
    let caller = Caller::Account { number: account.number(), id, through: None };
    let ctx = Context::new(app.clone(), caller, Via::Native);
    let now = app.now();
    let (number, expires_at) = (account.number(), now.plus(SESSION_LIFE));
    let (known, app) = (account.clone(), app.clone());
    ctx.commit(None, move |work| {
        welcome(&app, work, &known)?;
        let draft = work.directory();
        auth::sweep(&app, draft);
        let header = draft.header(Noun::Ticket, None)?;
        let ticket = Ticket::new(header, TicketKind::Session, hash, expires_at);
        draft.put(Ticket { account: Some(number), ..ticket });
        Ok(())
    })
    .await?;
    let places = places(&ctx, number);
    Ok(Session { account: account.header.id, secret, expires_at, places })
}

/// Lets somebody in who proved to be `known`, unless the account has had another password since:
/// the invitations it has are accepted.
pub(crate) fn welcome(app: &App, work: &mut Work, known: &Account) -> Result<(), Error> {
    let account = work.directory().state.accounts.get(known.number());
    if account.is_none_or(|account| account.password != known.password) {
        return Err(Error::Unauthenticated);
    }
    if known.proven_at.is_some() {
        invitation::accept(app, work, known)?;
    }
    Ok(())
}

/// Accepts the invitations that somebody who is logged in has had since: they need not log in anew.
///
/// # Errors
/// As for any command.
pub async fn accept(ctx: &Context) -> Result<(), Error> {
    let Caller::Account { number, through: None, .. } = ctx.caller else { return Ok(()) };
    let known = {
        let (directory, now) = (ctx.app.world().directory(), ctx.app.now());
        let is_open = |it: &Arc<Ticket>| it.kind == TicketKind::Invitation && now < it.expires_at;
        let is_invited = directory.tickets_of(number).any(is_open);
        let account = directory.accounts.get(number).filter(|it| it.proven_at.is_some());
        account.filter(|_| is_invited).cloned()
    };
    let Some(known) = known else { return Ok(()) };
    let app = ctx.app.clone();
    ctx.commit(None, move |work| welcome(&app, work, &known)).await
}

/// Where an account has which role; whoever is suspended has none.
#[must_use]
pub fn places(ctx: &Context, account: AccountNumber) -> Vec<(Id, Role)> {
    let cells = ctx.app.world().places().into_iter();
    cells
        .filter_map(|cell| {
            let state = cell.state();
            let person = state.person_by_account(account).and_then(|it| state.people.get(it))?;
            let is_active = person.state == PersonState::Active;
            is_active.then_some((state.place.header.id, person.role))
        })
        .collect()
}

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its id.
    pub id: Id,
    /// Its number, by which the list is in order.
    pub number: u32,
    /// When it began.
    pub created_at: Instant,
    /// When it ends.
    pub expires_at: Instant,
}

/// The caller's sessions that are not over.
#[must_use]
pub fn list(ctx: &Context) -> Vec<SessionRow> {
    let Caller::Account { number, .. } = ctx.caller else { return Vec::new() };
    let now = ctx.app.now();
    let directory = ctx.app.world().directory();
    directory
        .tickets_of(number)
        .filter(|it| it.kind == TicketKind::Session && now < it.expires_at)
        .map(|it| SessionRow {
            id: it.header.id,
            number: it.header.number,
            created_at: it.header.created_at,
            expires_at: it.expires_at,
        })
        .collect()
}

/// Ends one of the caller's sessions, or all of them.
///
/// # Errors
/// A program calls.
pub async fn end(ctx: &Context, only: Option<Id>) -> Result<(), Error> {
    let Caller::Account { number, through: None, .. } = ctx.caller else {
        return Err(Error::NotForPrograms);
    };
    ctx.commit(None, move |work| {
        end_all(work.directory(), number, only);
        Ok(())
    })
    .await?;
    Ok(())
}

/// Ends an account's sessions in a draft, or one of them. With all of them goes what programs that
/// act for the account hold, and the secrets mailed for a reset, as whoever reads the mail could
/// begin another.
pub(crate) fn end_all(
    draft: &mut claviger_domain::draft::Draft<claviger_domain::state::Directory>,
    account: AccountNumber,
    only: Option<Id>,
) {
    let tickets: Vec<_> = draft
        .state
        .tickets_of(account)
        .filter(|it| match (only, it.kind) {
            (Some(only), kind) => kind == TicketKind::Session && it.header.id == only,
            (None, TicketKind::Session | TicketKind::PasswordReset) => true,
            (None, _) => it.consent.is_some(),
        })
        .cloned()
        .collect();
    tickets.into_iter().for_each(|ticket| draft.delete(ticket));
}
