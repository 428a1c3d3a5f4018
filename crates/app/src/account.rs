//! Accounts: one-time secrets redeemed, passwords changed and set anew by mail, those deleted that
//! are nobody's.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use claviger_domain::draft::{Changed, Draft, open};
use claviger_domain::ids::{AccountNumber, IdSource, Noun, PlaceNumber};
use claviger_domain::noun::account::{Account, Ticket, TicketKind};
use claviger_domain::noun::grant::Via;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::{Directory, PlaceState};
use claviger_domain::time::{HOUR, MINUTE};

use crate::context::{Caller, Context};
use crate::error::Error;
use crate::mail::{self, Mail};
use crate::random::{secret, sha256};
use crate::session::{Login, Session, end_all, hash, hash_preset, verify};
use crate::work::Work;
use crate::{App, invitation, place, session};

/// The start of one-time secrets.
pub(crate) const ONE_TIME_PREFIX: &str = "clvo_";
/// How long a mailed secret lives.
const RESET_LIFE: i64 = HOUR;
/// Longer than it takes until all that a command wrote is known to every node.
const SETTLED: i64 = MINUTE;
const LEAST_PASSWORD: usize = 10;
const MOST_PASSWORD: usize = 200;

pub(crate) fn check_password(password: &str, pointer: &str) -> Result<(), Error> {
    let length = password.chars().count();
    if (LEAST_PASSWORD..=MOST_PASSWORD).contains(&length) {
        return Ok(());
    }
    let detail = format!("must be {LEAST_PASSWORD} to {MOST_PASSWORD} characters");
    Err(Refusal::field(pointer, "bad_password", detail).into())
}

/// A context for what a secret alone allows.
fn system(app: &App) -> Context {
    Context::new(app.clone(), Caller::System, Via::Native)
}

/// Takes a one-time secret out of the directory, if it is still good.
fn take(work: &mut Work, kind: TicketKind, hash: &[u8; 32]) -> Result<Ticket, Error> {
    let now = work.now;
    let draft = work.directory();
    let ticket = draft.state.ticket(hash).cloned();
    let ticket = ticket.filter(|it| it.kind == kind && now < it.expires_at);
    let ticket = ticket.ok_or(Error::Unauthenticated)?;
    draft.delete(ticket.clone());
    Ok(Ticket::clone(&ticket))
}

/// Redeems the set-up code: makes (or proves) the account and the person who owns the place, and
/// logs them in. A code works once.
///
/// # Errors
/// Not authenticated; a password that is too short; too many tries.
pub async fn redeem_setup_code(
    app: &App,
    code: &str,
    password: String,
    address: Option<IpAddr>,
) -> Result<Session, Error> {
    redeem(app, TicketKind::SetupCode, code, password, address, |work, ticket, password| {
        let place = ticket.place.ok_or(Error::Internal)?;
        let (now, directory) = (work.now, work.directory());
        let email = ticket.email.unwrap_or_default();
        let account = match directory.state.account_by_email(&email) {
            Some(account) => {
                let mut account = open(account);
                account.password = Some(password.to_owned());
                account.proven_at = account.proven_at.or(Some(now));
                account
            }
            None => Account {
                header: directory.header(Noun::Account, None)?,
                email: Some(email),
                phone: None,
                proven_at: Some(now),
                password: Some(password.to_owned()),
            },
        };
        let fields = vec![Changed::hidden("password")];
        directory.note("redeem", Noun::Account, Some(account.header.id), fields);
        directory.put(account.clone());
        // Whoever was let in by a password that is void is not any longer.
        end_all(directory, account.number(), None);
        place::make_owner(work, place, &account)?;
        Ok(account)
    })
    .await
}

/// Redeems a one-time secret of a kind with a password, and begins a session of the account that
/// `prove` makes of it.
pub(crate) async fn redeem(
    app: &App,
    kind: TicketKind,
    code: &str,
    password: String,
    address: Option<IpAddr>,
    prove: impl Fn(&mut Work, Ticket, &str) -> Result<Account, Error> + Send + 'static,
) -> Result<Session, Error> {
    let now = app.now();
    app.limits().check("setup", address, now)?;
    check_password(&password, "/password")?;
    let known = sha256(code.as_bytes());
    let good = app
        .world()
        .directory()
        .ticket(&known)
        .is_some_and(|ticket| ticket.kind == kind && now < ticket.expires_at);
    if !good {
        app.limits().fail("setup", address, now);
        return Err(Error::Unauthenticated);
    }
    let password = hash(app, password).await?;
    let account = system(app)
        .commit(None, move |work| {
            let ticket = take(work, kind, &known)?;
            prove(work, ticket, &password)
        })
        .await?;
    session::open(app, &account).await
}

/// Deletes an account that no place knows anybody by, with all by which its human comes in and the
/// mails that lie there for them.
///
/// # Errors
/// There is none; a place knows somebody by it, or by its address.
pub async fn forget(ctx: &Context, email: &str) -> Result<(), Error> {
    let (account, seen) = {
        let directory = ctx.app.world().directory();
        let account = directory.account_by_email(email).cloned();
        let account = account.ok_or(Error::not_found(Noun::Account))?;
        let seen = tickets(&directory, account.number());
        (account, seen)
    };
    if is_known(&ctx.app, &account) {
        let detail = "a place knows somebody by this address: they are deleted there first";
        return Err(Refusal::InUse(detail.to_owned()).into());
    }
    delete(ctx, &account, &seen).await?;
    Ok(ctx.app.store().wipe_erased().await?)
}

/// Deletes the accounts that nobody has ever come in by and no place knows anybody by: somebody was
/// invited, and is deleted or has another address since.
pub(crate) async fn sweep(app: &App) -> Result<(), Error> {
    delete_unused(app, unused(app)).await
}

/// An account, and which tickets it has.
type Looked = (Arc<Account>, HashSet<u32>);

/// The accounts that are to go, as they are.
fn unused(app: &App) -> Vec<Looked> {
    let (directory, settled) = (app.world().directory(), app.now().plus(-SETTLED));
    // Whom a place has just invited may not be known everywhere yet.
    let recent = directory.tickets.iter().filter(|it| settled <= it.header.created_at);
    let recent: HashSet<AccountNumber> = recent.filter_map(|it| it.account).collect();
    let unused = directory.accounts.iter().filter(|account| {
        account.proven_at.is_none()
            && account.header.created_at < settled
            && !recent.contains(&account.number())
            && !is_known(app, account)
    });
    unused.map(|account| (account.clone(), tickets(&directory, account.number()))).collect()
}

async fn delete_unused(app: &App, unused: Vec<Looked>) -> Result<(), Error> {
    let mut failed = Ok(());
    for (account, seen) in unused {
        match delete(&system(app), &account, &seen).await {
            // Somebody was invited meanwhile, or it is gone: the others are none the worse for it.
            Ok(()) | Err(Error::Refused(Refusal::Stale | Refusal::NotFound(_))) => {}
            Err(error) => failed = Err(error),
        }
    }
    failed
}

/// Which tickets an account has.
fn tickets(directory: &Directory, account: AccountNumber) -> HashSet<u32> {
    directory.tickets_of(account).map(|it| it.header.number).collect()
}

/// Whether a place knows somebody by an account, or by its address.
fn is_known(app: &App, account: &Account) -> bool {
    app.world().places().into_iter().any(|cell| {
        let (state, email) = (cell.state(), account.email.as_deref());
        state.person_by_account(account.number()).is_some()
            || email.is_some_and(|email| state.person_by_email(email).is_some())
    })
}

/// Deletes an account that is as it was seen, and has had no tickets since but those `seen`: a new
/// one is somebody's invitation.
async fn delete(ctx: &Context, account: &Account, seen: &HashSet<u32>) -> Result<(), Error> {
    let (number, revision, seen) = (account.number(), account.header.revision, seen.clone());
    let before = ctx
        .commit(None, move |work| {
            delete_as_seen(work.directory(), number, revision, &seen)?;
            // What is written by later commands is written to somebody who was invited since.
            Ok(IdSource::new(work.now, [0; 16]).next_id())
        })
        .await?;
    if let Some(email) = &account.email {
        mail::withdraw(&ctx.app, email, before).await;
    }
    Ok(())
}

fn delete_as_seen(
    draft: &mut Draft<Directory>,
    number: AccountNumber,
    revision: u64,
    seen: &HashSet<u32>,
) -> Result<(), Refusal> {
    let account = draft.state.accounts.get(number).filter(|it| it.header.revision == revision);
    let account = open(account.ok_or(Refusal::Stale)?);
    let own: Vec<_> = draft.state.tickets_of(number).cloned().collect();
    if own.iter().any(|it| !seen.contains(&it.header.number)) {
        return Err(Refusal::Stale);
    }
    own.into_iter().for_each(|ticket| draft.delete(ticket));
    draft.note("delete", Noun::Account, Some(account.header.id), Vec::new());
    let blank = Account { email: None, phone: None, proven_at: None, password: None, ..account };
    draft.delete(blank);
    Ok(())
}

/// Changes the caller's password; every session ends but a new one is not begun.
///
/// # Errors
/// Not authenticated; the old password is wrong; the new one is too short; too many tries.
pub async fn change_password(
    ctx: &Context,
    old: String,
    new: String,
    address: Option<IpAddr>,
) -> Result<(), Error> {
    let Caller::Account { number, id, through: None } = ctx.caller else {
        return Err(Error::NotForPrograms);
    };
    let app = &ctx.app;
    let now = app.now();
    let name = format!("password {id}");
    app.limits().check(&name, address, now)?;
    check_password(&new, "/new")?;
    let current = {
        let directory = app.world().directory();
        directory.accounts.get(number).and_then(|account| account.password.clone())
    };
    let right = verify(app, old, current).await?;
    app.limits().check(&name, address, now)?;
    if !right {
        app.limits().fail(&name, address, now);
        return Err(Refusal::field("/old", "wrong", "is not the present password").into());
    }
    let password = match invitation::address_of_preset(app, number) {
        Some(address) => hash_preset(app, &address, new).await?,
        None => hash(app, new).await?,
    };
    ctx.commit(None, move |work| {
        let draft = work.directory();
        let account = draft.state.accounts.get(number).ok_or(Error::Unauthenticated)?;
        let mut account = open(account);
        account.password = Some(password.clone());
        let fields = vec![Changed::hidden("password")];
        draft.note("change_password", Noun::Account, Some(account.header.id), fields);
        draft.put(account);
        end_all(draft, number, None);
        Ok(())
    })
    .await?;
    Ok(())
}

/// Mails a secret that sets a password anew, if there is such an account. Answers the same, in the
/// same time, if there is none: the work is done behind the answer.
pub fn request_reset(app: &App, login: Login, address: Option<IpAddr>) {
    let app = app.clone();
    tokio::spawn(async move {
        let name = format!("reset {}", login.name());
        let now = app.now();
        if app.limits().check(&name, address, now).is_err() {
            return;
        }
        app.limits().fail(&name, address, now);
        if let Err(error) = mail_reset(&app, &login).await {
            tracing::error!(%error, "a password reset could not be mailed");
        }
    });
}

async fn mail_reset(app: &App, login: &Login) -> Result<(), Error> {
    let found = {
        let directory = app.world().directory();
        match login {
            Login::Email(email) => directory.account_by_email(email).cloned(),
            Login::Phone(phone) => directory.account_by_phone(phone).cloned(),
        }
    };
    // A secret goes to a mailbox only.
    let Some((account, email)) = found.and_then(|it| it.email.clone().map(|email| (it, email)))
    else {
        return Ok(());
    };
    let secret = secret(ONE_TIME_PREFIX);
    let hash = sha256(secret.as_bytes());
    let number = account.number();
    let language = language_of(app, number);
    let words = mail::password_reset(&app.settings().public_url, (&email, &language), &secret);
    system(app)
        .commit(None, move |work| {
            let expires_at = work.now.plus(RESET_LIFE);
            let (place, words) = (PlaceNumber(0), words.clone());
            work.mails.push(Mail { place, person: None, good_until: expires_at, words });
            let draft = work.directory();
            let header = draft.header(Noun::Ticket, None)?;
            let ticket = Ticket::new(header, TicketKind::PasswordReset, hash, expires_at);
            draft.put(Ticket { account: Some(number), ..ticket });
            Ok(())
        })
        .await
}

/// The language in which the first place that knows an account knows its human.
fn language_of(app: &App, account: AccountNumber) -> String {
    let of = |state: &PlaceState| {
        let person = state.people.get(state.person_by_account(account)?)?;
        Some(person.details.language.as_ref().unwrap_or(&state.place.language).clone())
    };
    app.world().places().iter().find_map(|cell| of(&cell.state())).unwrap_or_default()
}

/// Sets a password by a mailed secret; every session ends.
///
/// # Errors
/// Not authenticated; a password that is too short; too many tries.
pub async fn reset_password(
    app: &App,
    secret: &str,
    password: String,
    address: Option<IpAddr>,
) -> Result<(), Error> {
    let now = app.now();
    app.limits().check("reset", address, now)?;
    check_password(&password, "/password")?;
    let known = sha256(secret.as_bytes());
    if app.world().directory().ticket(&known).is_none() {
        app.limits().fail("reset", address, now);
        return Err(Error::Unauthenticated);
    }
    let password = hash(app, password).await?;
    system(app)
        .commit(None, move |work| {
            let ticket = take(work, TicketKind::PasswordReset, &known)?;
            let number = ticket.account.ok_or(Error::Internal)?;
            let now = work.now;
            let draft = work.directory();
            let account = draft.state.accounts.get(number).ok_or(Error::Unauthenticated)?;
            let mut account = open(account);
            account.password = Some(password.clone());
            account.proven_at = account.proven_at.or(Some(now));
            let fields = vec![Changed::hidden("password")];
            draft.note("reset_password", Noun::Account, Some(account.header.id), fields);
            draft.put(account);
            end_all(draft, number, None);
            Ok(())
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use claviger_domain::ids::Id;

    use super::*;
    use crate::random::ids;
    use crate::testing;

    /// An account that was invited, of nobody whom a place knows.
    async fn invited(app: &App, email: &'static str) -> AccountNumber {
        let make = move |work: &mut Work| {
            let draft = work.directory();
            let header = draft.header(Noun::Account, None)?;
            let number = AccountNumber(header.number);
            let (email, phone) = (Some(email.to_owned()), None);
            draft.put(Account { header, email, phone, proven_at: None, password: None });
            Ok(number)
        };
        let number = system(app).commit(None, make).await.unwrap();
        invite(app, number).await;
        number
    }

    async fn invite(app: &App, account: AccountNumber) {
        let hash = sha256(secret(ONE_TIME_PREFIX).as_bytes());
        let make = move |work: &mut Work| {
            let expires_at = work.now.plus(HOUR);
            let draft = work.directory();
            let header = draft.header(Noun::Ticket, None)?;
            let ticket = Ticket::new(header, TicketKind::Invitation, hash, expires_at);
            draft.put(Ticket { account: Some(account), ..ticket });
            Ok(())
        };
        system(app).commit(None, make).await.unwrap();
    }

    fn looked(app: &App, accounts: &[AccountNumber]) -> Vec<Looked> {
        let directory = app.world().directory();
        let look = |number: &AccountNumber| {
            let account = directory.accounts.get(*number).unwrap().clone();
            (account, tickets(&directory, *number))
        };
        accounts.iter().map(look).collect()
    }

    #[tokio::test]
    async fn who_is_invited_while_they_are_swept_stays_and_the_others_go() {
        let app = testing::app().await;
        let ann = invited(&app, "ann@example.org").await;
        let bo = invited(&app, "bo@example.org").await;
        let seen = looked(&app, &[ann, bo]);
        invite(&app, ann).await;
        delete_unused(&app, seen).await.unwrap();
        let directory = app.world().directory();
        assert_eq!(directory.tickets_of(ann).count(), 2);
        assert!(directory.accounts.get(ann).is_some() && directory.accounts.get(bo).is_none());
        // The other way about she is somebody new.
        delete_unused(&app, looked(&app, &[ann])).await.unwrap();
        assert!(app.world().directory().account_by_email("ann@example.org").is_none());
    }

    #[tokio::test]
    async fn a_mail_to_whoever_is_invited_again_is_not_taken_back() {
        let app = testing::app().await;
        let ann = invited(&app, "ann@example.org").await;
        let folder = &app.settings().outbox;
        let write = |id: Id| {
            let file = folder.join(format!("{id}.eml"));
            std::fs::write(&file, "To: ann@example.org\r\n\r\nCome\r\n").unwrap();
            file
        };
        let before = write(ids(app.now().plus(-HOUR)).next_id());
        let after = write(ids(app.now().plus(HOUR)).next_id());
        delete_unused(&app, looked(&app, &[ann])).await.unwrap();
        assert!(!before.exists() && after.exists());
    }
}
