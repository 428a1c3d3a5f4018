//! Mail: written as files into the outbox folder, which is the operator's. Where a mail server is
//! set, the folder is emptied through it in the background; else the operator sends them.
//!
//! Must not be shown to a place's administrators: it holds one-time secrets. No request waits for a
//! mail server.

mod smtp;

pub use smtp::{Security, Server, Smtp, is_sender, run};

use std::path::PathBuf;

use lettre::Message;
use lettre::message::Mailbox;

use crate::App;
use crate::error::Error;
use crate::random;

/// Mails the secret that sets a password anew.
pub(crate) async fn password_reset(app: &App, to: &str, secret: &str) -> Result<(), Error> {
    let body = format!(
        "Somebody, hopefully you, asked to set a new password for Claviger at {}.\n\n\
         Your one-time secret, good for an hour:\n\n    {secret}\n\n\
         Send it with a new password to /api/v1/account/password-reset.\n\
         If it was not you, do nothing: your password stays as it is.\n",
        app.settings().public_url
    );
    post(app, to, "Set a new password", body).await
}

async fn post(app: &App, to: &str, subject: &str, body: String) -> Result<(), Error> {
    let Ok(to) = to.parse::<Mailbox>() else {
        tracing::warn!("an address cannot be mailed to");
        return Ok(());
    };
    let from = match &app.settings().smtp {
        Some(smtp) => smtp.from.clone(),
        None => "Claviger <no-reply@localhost>".parse().map_err(|_| Error::Internal)?,
    };
    let id = random::ids(app.now()).next_id();
    let message = Message::builder()
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .from(from)
        .to(to)
        .subject(subject)
        .body(body);
    let message = message.map_err(|_| Error::Internal)?.formatted();
    let folder = app.settings().outbox.clone();
    let name = format!("{id}.eml");
    let written = tokio::task::spawn_blocking(move || write(folder, &name, &message)).await;
    written.map_err(|_| Error::Internal)?.map_err(|error| {
        tracing::error!(%error, "the outbox folder cannot be written to");
        Error::Unavailable
    })
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
