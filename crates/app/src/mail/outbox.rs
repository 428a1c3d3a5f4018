//! The outbox folder: mails are written into it as files, tried again while that cannot be done,
//! and cleared away when they have lain there for long.
//!
//! Must not log an address, or what a mail says.

use std::path::{Path, PathBuf};

use claviger_domain::ids::{Id, IdSource};
use claviger_domain::text::folded;
use claviger_domain::time::{DAY, Instant, MINUTE, SECOND};
use claviger_store::{MailState, Store, WaitingMail};
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;

use super::{LEFT_ALONE, Words};
use crate::clock::Clock;
use crate::error::Error;
use crate::{App, Settings, random};

/// How long a mail that nobody sent lies in the folder: the secret in it is over by then; and how
/// long it can be asked how a mail went.
pub(crate) const KEPT: i64 = 14 * DAY;

/// How long to wait after each failure; the last again and again.
const WAITS: [i64; 4] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE];
/// How many are written at once.
const MOST: u32 = 100;

const NO_ADDRESS: &str = "the address cannot be mailed to";
const NO_FOLDER: &str = "the outbox folder of the server cannot be written to";
const NO_SECRETS: &str = "the server has other secrets than when it was made";

/// Deletes the mails that have been lying in the folder for long, also those that could not be
/// sent.
pub(crate) async fn clear(app: &App) {
    let (folder, before) = (app.settings().outbox.clone(), app.now().plus(-KEPT));
    let cleared = tokio::task::spawn_blocking(move || delete_before(&folder, before)).await;
    if !matches!(cleared, Ok(Ok(()))) {
        tracing::warn!("old mails could not be deleted; it is tried again");
    }
}

/// Deletes the mails to an address that lie in the folder and were made before an id, as nobody is
/// to be known by it any more.
pub(crate) async fn withdraw(app: &App, email: &str, before: Id) {
    let (folder, to) = (app.settings().outbox.clone(), folded(email));
    let is_theirs = move |id: Id, path: &Path| -> std::io::Result<bool> {
        if id >= before {
            return Ok(false);
        }
        let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let mut said = head.lines().filter_map(|line| line.strip_prefix("To: "));
        Ok(said.any(|said| folded(said.trim()) == to))
    };
    let deleted = tokio::task::spawn_blocking(move || delete_those(&folder, is_theirs)).await;
    if !matches!(deleted, Ok(Ok(()))) {
        tracing::warn!(
            "mails to an account that is deleted could not be: they go when they are old"
        );
    }
}

/// A mail's name begins with its id, and that with when it was written.
fn delete_before(folder: &Path, before: Instant) -> std::io::Result<()> {
    let first = IdSource::new(before, [0; 16]).next_id();
    delete_those(folder, |id, _| Ok(id < first))
}

/// Deletes those mails of a folder, also unfinished ones and those that could not be sent.
fn delete_those(
    folder: &Path,
    wanted: impl Fn(Id, &Path) -> std::io::Result<bool>,
) -> std::io::Result<()> {
    let files = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(id) = id_in(name.trim_start_matches('.')) else { continue };
        // It may have been sent meanwhile.
        let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        match wanted(id, &path).and_then(|it| if it { std::fs::remove_file(&path) } else { Ok(()) })
        {
            Err(error) if !gone(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The id of the mail that a file is.
pub(super) fn id_in(name: &str) -> Option<Id> {
    name.split('.').next().and_then(Id::parse)
}

/// Where mails go: a folder, and whose they are.
#[derive(Clone)]
pub(crate) struct Outbox {
    folder: PathBuf,
    from: Option<Mailbox>,
    clock: Clock,
    store: Store,
}

/// Why a mail is not in the folder.
enum Unwritten {
    /// It never will be: why.
    Never(&'static str),
    /// It may be later.
    Yet,
}

impl Outbox {
    /// That of a server.
    pub(crate) fn of(settings: &Settings, store: Store) -> Outbox {
        let from = settings.smtp.as_ref().map(|smtp| smtp.from.clone());
        Outbox { folder: settings.outbox.clone(), from, clock: settings.clock, store }
    }

    /// Writes mails that are stored, behind the caller's back: who waits for an answer does not
    /// wait for them. What cannot be written is tried again later.
    pub(crate) fn post_all(&self, mails: Vec<(WaitingMail, Words)>) {
        if mails.is_empty() {
            return;
        }
        let outbox = self.clone();
        tokio::spawn(async move {
            for (mail, words) in mails {
                outbox.post(mail, Ok(words)).await;
            }
        });
    }

    /// Writes what is due: what could not be written before, or was not because the server ended.
    pub(crate) async fn post_due(&self) {
        let due = match self.store.due_mails(self.clock.now(), MOST).await {
            Ok(due) => due,
            Err(error) => return tracing::warn!(%error, "mails cannot be looked for"),
        };
        for mail in due {
            let key = (mail.place, mail.id);
            let words = Words::opened(self.store.secrets(), key, &mail.sealed);
            self.post(mail, words.ok_or(Unwritten::Never(NO_SECRETS))).await;
        }
    }

    /// Whether nobody else writes a mail meanwhile: it was left to whoever wrote it for a while,
    /// and is to be taken where that is nearly over.
    async fn is_ours(&self, mail: &WaitingMail) -> bool {
        let now = self.clock.now();
        if now < mail.next_at.plus(-LEFT_ALONE / 2) {
            return true;
        }
        let claimed = self.store.claim_mail(mail, now.plus(LEFT_ALONE)).await;
        claimed.unwrap_or_else(|error| {
            tracing::warn!(%error, "a mail could not be taken; it is tried again");
            false
        })
    }

    /// Writes a mail and notes how that went.
    async fn post(&self, mail: WaitingMail, words: Result<Words, Unwritten>) {
        if !self.is_ours(&mail).await {
            return;
        }
        let (key, now) = ((mail.place, mail.id), self.clock.now());
        let written = match words {
            Ok(words) => self.write(mail.id, words).await,
            Err(why) => Err(why),
        };
        let given_up = |why| self.store.end_mail(key, MailState::Failed, Some(why), now);
        let noted = match written {
            Ok(()) => self.store.end_mail(key, MailState::Written, None, now).await,
            Err(Unwritten::Never(why)) => given_up(why).await,
            Err(Unwritten::Yet) if mail.good_until <= now => given_up(NO_FOLDER).await,
            Err(Unwritten::Yet) => {
                let tries = usize::try_from(mail.tries).unwrap_or(usize::MAX);
                let wait = WAITS[tries.min(WAITS.len() - 1)];
                self.store.retry_mail(key, NO_FOLDER, now, now.plus(wait)).await
            }
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "how a mail went could not be noted");
        }
    }

    async fn write(&self, id: Id, words: Words) -> Result<(), Unwritten> {
        let Ok(to) = words.to.parse::<Mailbox>() else {
            tracing::warn!("an address cannot be mailed to");
            return Err(Unwritten::Never(NO_ADDRESS));
        };
        let message = self.message(id, to, words).map_err(|_| Unwritten::Never(NO_ADDRESS))?;
        let (folder, name) = (self.folder.clone(), format!("{id}.eml"));
        let written = tokio::task::spawn_blocking(move || write(&folder, &name, &message)).await;
        written.map_err(|_| Unwritten::Yet)?.map_err(|error| {
            tracing::error!(%error, "the outbox folder cannot be written to; it is tried again");
            Unwritten::Yet
        })
    }

    fn message(&self, id: Id, to: Mailbox, words: Words) -> Result<Vec<u8>, Error> {
        let from = match &self.from {
            Some(from) => from.clone(),
            None => "Claviger <no-reply@localhost>".parse().map_err(|_| Error::Internal)?,
        };
        let message = Message::builder()
            .message_id(Some(format!("<{id}@{}>", from.email.domain())))
            .from(from)
            .to(to)
            .subject(words.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(words.body);
        Ok(message.map_err(|_| Error::Internal)?.formatted())
    }
}

/// Writes a mail that only the operator may read, whole or not at all.
fn write(folder: &Path, name: &str, message: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    std::fs::create_dir_all(folder)?;
    // Each try has a name of its own: what one that ended had begun goes when it is old.
    let begun = format!(".{name}.{}", random::word(8));
    let (unfinished, finished) = (folder.join(begun), folder.join(name));
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
