//! Invitations: a person of a place is mailed a one-time password, chooses a password of their own
//! by it, and is known in that place by their account from then on.
//!
//! A place learns of an account only once its human has come in by it: whether there was one
//! before, and which other places invite the same human, changes nothing in what it is answered.
//! One-time passwords go to the mailbox and nowhere else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use claviger_domain::command::person as rules;
use claviger_domain::draft::{Changed, Draft, open};
use claviger_domain::ids::{AccountNumber, Id, Noun, PersonNumber, PlaceNumber, Ref};
use claviger_domain::noun::account::{Account, Ticket, TicketKind};
use claviger_domain::noun::grant::Subject;
use claviger_domain::noun::person::Person;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::{Directory, PlaceState};
use claviger_domain::text::folded;
use claviger_domain::time::{DAY, MINUTE, SECOND};
pub use claviger_store::{MailReport, MailState};

use crate::account::{self, ONE_TIME_PREFIX};
use crate::context::Context;
use crate::error::Error;
use crate::mail::{self, Mail};
use crate::person;
use crate::random::{secret, sha256};
use crate::read::{Seen, resolve};
use crate::session::{Login, Session, end_all};
use crate::work::Work;
use crate::{App, Written};

/// How long an invitation is good; the mails say so.
const LIFE: i64 = 7 * DAY;
/// A place sends nobody another sooner.
const PAUSE: i64 = MINUTE;

/// Sends somebody an invitation, or sends it again: the one before is void. Only while they have
/// never come in by their account.
///
/// # Errors
/// Not found; stale; no e-mail address; has come in already; too soon after the last.
pub async fn send(ctx: &Context, place: Id, person: Ref) -> Result<Written<Arc<Person>>, Error> {
    let place = ctx.authorize(place, Scope::PeopleWrite)?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let state = &work.place(place)?.state;
        let number: PersonNumber = resolve(state, Noun::Person, &person)?;
        ctx2.check_seen(&rules::find(state, number)?.header)?;
        invite(&ctx2.app, work, place, number)?;
        Ok(rules::find(&work.place(place)?.state, number)?.clone())
    })
    .await
}

/// How the mail of a person's last invitation went; none where nothing is known of one.
///
/// # Errors
/// Not found.
pub async fn report(ctx: &Context, place: Id, person: &Ref) -> Result<Option<MailReport>, Error> {
    let Seen { value, state } = person::get(ctx, place, person)?;
    let number = Some(value.number());
    Ok(ctx.app.store().mail_reports(state.place.number(), number).await?.pop())
}

/// How the mails of the last invitations to a place went, by whom they are to.
///
/// # Errors
/// No such place.
pub async fn reports(ctx: &Context, place: Id) -> Result<Reports, Error> {
    let place = ctx.authorize(place, Scope::PeopleRead)?;
    let all = ctx.app.store().mail_reports(place, None).await?;
    Ok(all.into_iter().map(|it| (it.person, it)).collect())
}

/// How mails went, by whom they are to.
pub type Reports = HashMap<PersonNumber, MailReport>;

/// Invites a person of a place as part of another command: an account is made where their address
/// has none, and a mail goes out when the command is durable.
///
/// # Errors
/// As [`send`].
pub(crate) fn invite(
    app: &App,
    work: &mut Work,
    place: PlaceNumber,
    person: PersonNumber,
) -> Result<(), Error> {
    let now = work.now;
    let state = &work.place(place)?.state;
    let known = rules::find(state, person)?;
    let Some(email) = known.details.email.clone() else {
        let detail = "who is invited must have an e-mail address";
        return Err(Refusal::field("/email", "required", detail).into());
    };
    let language = known.details.language.as_ref().unwrap_or(&state.place.language).clone();
    let (name, linked) = (state.place.name.clone(), known.account);
    let draft = work.directory();
    let proven = |number| {
        let account: Option<&Arc<Account>> = draft.state.accounts.get(number);
        account.is_some_and(|it| it.proven_at.is_some())
    };
    if linked.is_some_and(proven) {
        return Err(Refusal::InUse("this person has logged in already".to_owned()).into());
    }
    let account = match draft.state.account_by_email(&email).cloned() {
        Some(account) => {
            withdraw(draft, account.number(), place)?;
            account
        }
        None => make(draft, Some(&email), None)?,
    };
    let secret = secret(ONE_TIME_PREFIX);
    let (header, hash) = (draft.header(Noun::Ticket, None)?, sha256(secret.as_bytes()));
    let ticket = Ticket::new(header, TicketKind::Invitation, hash, now.plus(LIFE));
    draft.note("invite", Noun::Account, Some(account.header.id), Vec::new());
    draft.put(Ticket { account: Some(account.number()), place: Some(place), ..ticket });
    // Whoever has an account that is proven accepts by logging in, and needs no secret for it.
    let secret = Some(&*secret).filter(|_| account.proven_at.is_none());
    let url = &app.settings().public_url;
    let words = mail::invitation(url, &email, (&name, &language), secret);
    let good_until = now.plus(LIFE);
    work.mails.push(Mail { place, person: Some(person), good_until, words });
    note_asked(work.place(place)?, person)
}

/// Notes that somebody was asked to come in.
fn note_asked(draft: &mut Draft, person: PersonNumber) -> Result<(), Error> {
    let mut person = open(rules::find(&draft.state, person)?);
    person.invited_at = Some(draft.now);
    draft.note("invite", Noun::Person, Some(person.header.id), Vec::new());
    draft.put(person);
    Ok(())
}

/// Invites whoever a right was given to, unless they have come in by their account already or were
/// invited just now.
///
/// # Errors
/// Nobody with an e-mail address was given it.
pub(crate) fn invite_subject(
    app: &App,
    work: &mut Work,
    place: PlaceNumber,
    subject: Subject,
) -> Result<(), Error> {
    let Subject::Person(person) = subject else {
        let detail = "what is given to a credential invites nobody";
        return Err(Refusal::field("/invite", "not_here", detail).into());
    };
    match invite(app, work, place, person) {
        Err(Error::Refused(Refusal::InUse(_))) => Ok(()),
        // Also somebody who was deleted just now and is there again has the mail of before.
        Err(Error::TooMany { .. }) => note_asked(work.place(place)?, person),
        Err(Error::Refused(Refusal::Invalid(_))) => {
            let detail = "who is invited must have an e-mail address";
            Err(Refusal::field("/invite", "required", detail).into())
        }
        other => other,
    }
}

/// Gives a person a log-in of their own with a password that the place presets: good for that place
/// alone, and void once they prove the address. Whether the address has an account makes no
/// difference to what is answered, stored in the place or let in by that password. Unless somebody
/// `is_mailed` an invitation too, an account waits for whoever proves the address.
///
/// # Errors
/// Not found.
pub(crate) fn preset(
    work: &mut Work,
    place: PlaceNumber,
    person: PersonNumber,
    hash: &str,
    is_mailed: bool,
) -> Result<(), Error> {
    let known = rules::find(&work.place(place)?.state, person)?.clone();
    let (now, directory) = (work.now, work.directory());
    if let Some(email) = known.details.email.as_deref().filter(|_| !is_mailed) {
        let account = match directory.state.account_by_email(email).cloned() {
            Some(account) => account,
            None => make(directory, Some(email), None)?,
        };
        // Nobody is told its secret: it is accepted by logging in.
        let hash = sha256(secret(ONE_TIME_PREFIX).as_bytes());
        let header = directory.header(Noun::Ticket, None)?;
        let ticket = Ticket::new(header, TicketKind::Invitation, hash, now.plus(LIFE));
        directory.put(Ticket { account: Some(account.number()), place: Some(place), ..ticket });
    }
    let own = make(directory, None, Some(hash.to_owned()))?;
    let draft = work.place(place)?;
    let mut person = open(rules::find(&draft.state, person)?);
    person.account = Some(own.number());
    draft.note("preset_password", Noun::Person, Some(person.header.id), Vec::new());
    draft.put(person);
    Ok(())
}

/// Whether an account is one of a preset password, which nobody's address leads to.
fn is_preset(account: &Account) -> bool {
    account.email.is_none() && account.phone.is_none()
}

/// The accounts of passwords that places have preset for an address.
pub(crate) fn presets(app: &App, email: &str) -> Vec<(PlaceNumber, Arc<Account>)> {
    let directory = app.world().directory();
    let cells = app.world().places().into_iter();
    let preset = |state: &PlaceState| {
        let person = state.people.get(state.person_by_email(email)?)?;
        let account = directory.accounts.get(person.account?)?;
        is_preset(account).then(|| (state.place.number(), account.clone()))
    };
    cells.filter_map(|cell| preset(&cell.state())).collect()
}

/// The address by which somebody logs in to an account that a place preset a password for; none of
/// any other account.
pub(crate) fn address_of_preset(app: &App, number: AccountNumber) -> Option<String> {
    let directory = app.world().directory();
    directory.accounts.get(number).filter(|account| is_preset(account))?;
    app.world().places().into_iter().find_map(|cell| {
        let state = cell.state();
        let person = state.people.get(state.person_by_account(number)?)?;
        person.details.email.clone()
    })
}

fn make(
    draft: &mut Draft<Directory>,
    email: Option<&str>,
    password: Option<String>,
) -> Result<Arc<Account>, Error> {
    let account = Account {
        header: draft.header(Noun::Account, None)?,
        email: email.map(str::to_owned),
        phone: None,
        proven_at: None,
        password,
    };
    let number = account.number();
    draft.note("create", Noun::Account, Some(account.header.id), Vec::new());
    draft.put(account);
    draft.state.accounts.get(number).cloned().ok_or(Error::Internal)
}

/// Takes back the invitations of an account to a place, unless the last was sent just now.
fn withdraw(
    draft: &mut Draft<Directory>,
    account: AccountNumber,
    place: PlaceNumber,
) -> Result<(), Error> {
    let former = pending(&draft.state, account, Some(place));
    if let Some(last) = former.iter().map(|it| it.header.created_at).max()
        && draft.now < last.plus(PAUSE)
    {
        let left = last.plus(PAUSE).0 - draft.now.0;
        return Err(Error::TooMany {
            retry_after_s: u32::try_from(left / SECOND).unwrap_or(60) + 1,
        });
    }
    former.into_iter().for_each(|ticket| draft.delete(ticket));
    Ok(())
}

/// The invitations of an account, to one place or to all.
fn pending(
    directory: &Directory,
    account: AccountNumber,
    place: Option<PlaceNumber>,
) -> Vec<Arc<Ticket>> {
    let own = |it: &&Arc<Ticket>| {
        it.kind == TicketKind::Invitation && (place.is_none() || it.place == place)
    };
    directory.tickets_of(account).filter(own).cloned().collect()
}

/// Accepts all invitations of an account whose human has proved that it is theirs; what places have
/// preset for the address is void.
pub(crate) fn accept(app: &App, work: &mut Work, account: &Account) -> Result<(), Error> {
    let now = work.now;
    let directory = work.directory();
    let invited = pending(&directory.state, account.number(), None);
    let open = invited.iter().filter(|it| now < it.expires_at);
    let mut places: Vec<PlaceNumber> = open.filter_map(|it| it.place).collect();
    invited.into_iter().for_each(|ticket| directory.delete(ticket));
    let email = account.email.as_deref().unwrap_or_default();
    places.extend(presets(app, email).into_iter().map(|(place, _)| place));
    places.into_iter().try_for_each(|place| link(work, place, account))
}

/// Makes the person with an account's address known by that account, unless somebody in the place
/// is, or the person is by another that is more than a preset password.
fn link(work: &mut Work, place: PlaceNumber, account: &Account) -> Result<(), Error> {
    let state = &work.place(place)?.state;
    let email = account.email.as_deref().unwrap_or_default();
    let person = state.person_by_email(email).and_then(|it| state.people.get(it)).cloned();
    let is_known = state.person_by_account(account.number()).is_some();
    let Some(person) = person.filter(|_| !is_known) else { return Ok(()) };
    if let Some(former) = person.account {
        let directory = work.directory();
        let former = directory.state.accounts.get(former).cloned();
        let Some(former) = former.filter(|it| is_preset(it)) else { return Ok(()) };
        let mut void = open(&former);
        void.password = None;
        let fields = vec![Changed::hidden("password")];
        directory.note("void_password", Noun::Account, Some(void.header.id), fields);
        directory.put(void);
        end_all(directory, former.number(), None);
    }
    let draft = work.place(place)?;
    let mut person = open(&person);
    person.account = Some(account.number());
    draft.note("accept_invitation", Noun::Person, Some(person.header.id), Vec::new());
    draft.put(person);
    Ok(())
}

/// Redeems a one-time password: the account is proven, has the password that was chosen and no
/// other session than the one that begins.
///
/// # Errors
/// Not authenticated; a password that is too short; too many tries.
pub async fn redeem(
    app: &App,
    code: &str,
    password: String,
    address: Option<IpAddr>,
) -> Result<Session, Error> {
    account::redeem(app, TicketKind::Invitation, code, password, address, |work, ticket, hash| {
        let (now, draft) = (work.now, work.directory());
        let number = ticket.account.ok_or(Error::Internal)?;
        let account = draft.state.accounts.get(number).ok_or(Error::Unauthenticated)?;
        let mut account = open(account);
        account.password = Some(hash.to_owned());
        account.proven_at = account.proven_at.or(Some(now));
        let fields = vec![Changed::hidden("password")];
        draft.note("redeem", Noun::Account, Some(account.header.id), fields);
        draft.put(account.clone());
        end_all(draft, number, None);
        if let Some(place) = ticket.place {
            link(work, place, &account)?;
        }
        Ok(account)
    })
    .await
}

/// Whether somebody logs in with a one-time password, which is good for choosing one and nothing
/// else.
pub(crate) fn is_one_time(app: &App, login: &Login, password: &[u8; 32]) -> bool {
    let directory = app.world().directory();
    let ticket = directory.ticket(password).filter(|it| it.kind == TicketKind::Invitation);
    let ticket = ticket.filter(|it| app.now() < it.expires_at);
    let account = ticket.and_then(|it| directory.accounts.get(it.account?));
    let Some(email) = account.and_then(|it| it.email.as_deref()) else { return false };
    matches!(login, Login::Email(given) if folded(given) == folded(email))
}
