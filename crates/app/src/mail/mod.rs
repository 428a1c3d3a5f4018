//! Mail: written as files into the outbox folder, which is the operator's. Where a mail server is
//! set, the folder is emptied through it in the background; else the operator sends them.
//!
//! Must not be shown to a place's administrators: it holds one-time secrets. No request waits for a
//! mail server.

mod smtp;

pub use smtp::{Security, Server, Smtp, is_sender, run};

use std::path::{Path, PathBuf};

use claviger_domain::ids::{Id, IdSource};
use claviger_domain::time::{DAY, Instant};
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;

use crate::clock::Clock;
use crate::error::Error;
use crate::{App, Settings, random};

/// One mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    to: String,
    subject: &'static str,
    body: String,
}

/// The mail with the secret that sets a password anew.
pub(crate) fn password_reset(public_url: &str, to: &str, secret: &str) -> Mail {
    let body = format!(
        "Somebody, hopefully you, asked to set a new password for Claviger at {public_url}.\n\n\
         Your one-time secret, good for an hour:\n\n    {secret}\n\n\
         Send it with a new password to /api/v1/account/password-reset.\n\
         If it was not you, do nothing: your password stays as it is.\n"
    );
    Mail { to: to.to_owned(), subject: "Set a new password", body }
}

/// Invites somebody to a place: with a one-time password who has yet to prove that the address is
/// theirs, else by saying that they have an account. `language` is `sv`, or English.
pub(crate) fn invitation(
    public_url: &str,
    to: &str,
    (place, language): (&str, &str),
    secret: Option<&str>,
) -> Mail {
    let (subject, body) = match (language, secret) {
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
                 Du har redan ett konto med den här e-postadressen: logga in som vanligt för att \
                 tacka ja.\n\
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
                 You have an account with this e-mail address already: log in as always to \
                 accept.\n\
                 If you know nothing of this, do nothing.\n"
            ),
        ),
    };
    Mail { to: to.to_owned(), subject, body }
}

/// How long a mail that nobody sent lies in the folder: the secret in it is over by then.
const KEPT: i64 = 14 * DAY;

/// Deletes the mails that have been lying in the folder for long, also those that could not be
/// sent.
pub(crate) async fn clear(app: &App) {
    let (folder, before) = (app.settings().outbox.clone(), app.now().plus(-KEPT));
    let cleared = tokio::task::spawn_blocking(move || delete_before(&folder, before)).await;
    if !matches!(cleared, Ok(Ok(()))) {
        tracing::warn!("old mails could not be deleted; it is tried again");
    }
}

/// A mail's name begins with its id, and that with when it was written.
fn delete_before(folder: &Path, before: Instant) -> std::io::Result<()> {
    let first = IdSource::new(before, [0; 16]).next_id();
    let files = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let id = name.trim_start_matches('.').split('.').next().and_then(Id::parse);
        if id.is_some_and(|id| id < first) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Where mails go: a folder, and whose they are.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    folder: PathBuf,
    from: Option<Mailbox>,
    clock: Clock,
}

impl Outbox {
    /// That of a server.
    pub(crate) fn of(settings: &Settings) -> Outbox {
        let from = settings.smtp.as_ref().map(|smtp| smtp.from.clone());
        Outbox { folder: settings.outbox.clone(), from, clock: settings.clock }
    }

    /// Writes mails behind the caller's back: who waits for an answer does not wait for them.
    pub(crate) fn post_all(&self, mails: Vec<Mail>) {
        if mails.is_empty() {
            return;
        }
        let outbox = self.clone();
        tokio::spawn(async move {
            for mail in mails {
                if let Err(error) = outbox.post(mail).await {
                    tracing::error!(%error, "a mail could not be written");
                }
            }
        });
    }

    /// Writes a mail.
    pub(crate) async fn post(&self, mail: Mail) -> Result<(), Error> {
        let Ok(to) = mail.to.parse::<Mailbox>() else {
            tracing::warn!("an address cannot be mailed to");
            return Ok(());
        };
        let from = match &self.from {
            Some(from) => from.clone(),
            None => "Claviger <no-reply@localhost>".parse().map_err(|_| Error::Internal)?,
        };
        let id = random::ids(self.clock.now()).next_id();
        let message = Message::builder()
            .message_id(Some(format!("<{id}@{}>", from.email.domain())))
            .from(from)
            .to(to)
            .subject(mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.body);
        let message = message.map_err(|_| Error::Internal)?.formatted();
        let (folder, name) = (self.folder.clone(), format!("{id}.eml"));
        let written = tokio::task::spawn_blocking(move || write(folder, &name, &message)).await;
        written.map_err(|_| Error::Internal)?.map_err(|error| {
            tracing::error!(%error, "the outbox folder cannot be written to");
            Error::Unavailable
        })
    }
}

/// Writes a mail that only the operator may read, whole or not at all.
fn write(folder: PathBuf, name: &str, message: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    std::fs::create_dir_all(&folder)?;
    let (unfinished, finished) = (folder.join(format!(".{name}")), folder.join(name));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&unfinished)?;
    file.write_all(message)?;
    file.sync_all()?;
    std::fs::rename(unfinished, finished)
}
