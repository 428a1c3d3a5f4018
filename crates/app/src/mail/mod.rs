//! Mail: what is written to people, kept sealed from the command it follows from until it lies as a
//! file in the outbox folder, which is the operator's. Where a mail server is set, the folder is
//! emptied through it in the background; else the operator sends them.
//!
//! What is written must not be shown to a place's administrators: it holds one-time secrets. No
//! request waits for a mail server.

mod outbox;
mod smtp;

pub(crate) use outbox::{KEPT, Outbox, clear, withdraw};
pub use smtp::{Security, Server, Smtp, is_sender};

use std::time::Duration;

use claviger_domain::ids::{Id, PersonNumber, PlaceNumber};
use claviger_domain::time::{Instant, SECOND};
use claviger_store::{NewMail, Secrets};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::App;
use crate::error::Error;
use crate::jobs::stopped;

/// How often it is looked for what is to be written or sent.
const EVERY: Duration = Duration::from_secs(1);
/// How long a mail is left to whoever writes it behind the command's back.
const LEFT_ALONE: i64 = 20 * SECOND;

/// Writes what could not be written before, and sends what is written where there is a mail server,
/// until `stop` says true or its sender is gone.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    // What is to be written does not wait for a mail server.
    tokio::join!(writing(&app, stop.clone()), sending(&app, stop));
}

async fn writing(app: &App, mut stop: watch::Receiver<bool>) {
    let outbox = Outbox::of(app.settings(), app.store().clone());
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = tick.tick() => outbox.post_due().await,
            () = stopped(&mut stop) => return,
        }
    }
}

async fn sending(app: &App, mut stop: watch::Receiver<bool>) {
    let mut sending = smtp::Sending::default();
    let mut tick = tokio::time::interval(EVERY);
    let told = stop.clone();
    loop {
        tokio::select! {
            _ = tick.tick() => sending.round(app, &told).await,
            () = stopped(&mut stop) => return,
        }
    }
}

/// What is written, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    to: String,
    subject: String,
    body: String,
}

/// One mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The place it comes from; the directory where it is no place's affair.
    pub(crate) place: PlaceNumber,
    /// The person of the place it is about.
    pub(crate) person: Option<PersonNumber>,
    /// Until when it is worth sending.
    pub(crate) good_until: Instant,
    /// What it says.
    pub(crate) words: Words,
}

const NOUN: &str = "mail";

impl Words {
    fn new(to: &str, (subject, body): (&str, String)) -> Words {
        Words { to: to.to_owned(), subject: subject.to_owned(), body }
    }

    /// What [`Mail::sealed`] sealed.
    fn opened(secrets: &Secrets, (place, id): (PlaceNumber, Id), sealed: &[u8]) -> Option<Words> {
        let plain = secrets.open(place.0, NOUN, id.0, NOUN, sealed).ok()?;
        let all: Value = serde_json::from_slice(&plain).ok()?;
        let text = |name: &str| all.get(name)?.as_str().map(str::to_owned);
        Some(Words { to: text("to")?, subject: text("subject")?, body: text("body")? })
    }
}

impl Mail {
    /// The mail as it is stored.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn sealed(&self, secrets: &Secrets, id: Id, now: Instant) -> Result<NewMail, Error> {
        let Words { to, subject, body } = &self.words;
        let plain = json!({ "to": to, "subject": subject, "body": body }).to_string();
        let sealed = secrets.seal(self.place.0, NOUN, id.0, NOUN, plain.as_bytes())?;
        Ok(NewMail {
            id,
            person: self.person,
            sealed,
            created_at: now,
            next_at: now.plus(LEFT_ALONE),
            good_until: self.good_until,
        })
    }
}

/// The secret that sets a password anew. `language` is `sv`, or English.
pub(crate) fn password_reset(
    public_url: &str,
    (to, language): (&str, &str),
    secret: &str,
) -> Words {
    let text = match language {
        "sv" => (
            "Välj ett nytt lösenord",
            format!(
                "Någon, förhoppningsvis du, vill välja ett nytt lösenord för Claviger på \
                 {public_url}.\n\n\
                 Din engångskod, som gäller i en timme:\n\n    {secret}\n\n\
                 Skicka den som secret, med ett nytt lösenord som password, till\n\
                 {public_url}/api/v1/account/password-reset.\n\
                 Om det inte var du behöver du inte göra något: ditt lösenord gäller som förut.\n"
            ),
        ),
        _ => (
            "Set a new password",
            format!(
                "Somebody, hopefully you, asked to set a new password for Claviger at \
                 {public_url}.\n\n\
                 Your one-time secret, good for an hour:\n\n    {secret}\n\n\
                 Send it as secret, with a new password as password, to\n\
                 {public_url}/api/v1/account/password-reset.\n\
                 If it was not you, do nothing: your password stays as it is.\n"
            ),
        ),
    };
    Words::new(to, text)
}

/// Invites somebody to a place: with a one-time password who has yet to prove that the address is
/// theirs, else by saying that they have an account. `language` is `sv`, or English.
pub(crate) fn invitation(
    public_url: &str,
    to: &str,
    (place, language): (&str, &str),
    secret: Option<&str>,
) -> Words {
    let text = match (language, secret) {
        ("sv", Some(secret)) => (
            "Du har fått nycklar",
            format!(
                "{place} har bjudit in dig till Claviger på {public_url}.\n\n\
                 Ditt engångslösenord, som gäller i sju dagar:\n\n    {secret}\n\n\
                 Så kommer du igång: skicka det som secret, med ett eget lösenord som \
                 password, till\n\
                 {public_url}/api/v1/account/invitation. Därefter loggar du in med din \
                 e-postadress\noch det lösenordet.\n\
                 Om du inte känner till detta behöver du inte göra något.\n"
            ),
        ),
        ("sv", None) => (
            "Du har fått nycklar",
            format!(
                "{place} har bjudit in dig till Claviger på {public_url}.\n\n\
                 Du har redan ett konto med den här e-postadressen: logga in som vanligt inom sju \
                 dagar\nför att tacka ja.\n\
                 Om du inte känner till detta behöver du inte göra något.\n"
            ),
        ),
        (_, Some(secret)) => (
            "You have been given keys",
            format!(
                "{place} has invited you to Claviger at {public_url}.\n\n\
                 Your one-time password, good for seven days:\n\n    {secret}\n\n\
                 To begin, send it as secret, with a password of your own as password, to\n\
                 {public_url}/api/v1/account/invitation. From then on you log in with your e-mail\n\
                 address and that password.\n\
                 If you know nothing of this, do nothing.\n"
            ),
        ),
        (_, None) => (
            "You have been given keys",
            format!(
                "{place} has invited you to Claviger at {public_url}.\n\n\
                 You have an account with this e-mail address already: log in as always within \
                 seven\ndays to accept.\n\
                 If you know nothing of this, do nothing.\n"
            ),
        ),
    };
    Words::new(to, text)
}
