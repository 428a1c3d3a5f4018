//! Sending the mails of the outbox folder through a mail server, in the background: tried again
//! while that is not there, put aside when it refuses for good.
//!
//! Must not log an address, or what a mail server says, which may hold one: that is for those who
//! manage the person.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claviger_domain::time::{HOUR, Instant, MINUTE, SECOND};
use claviger_store::MailState;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::{Error as SmtpError, SmtpTransport};
use lettre::{Address, Transport as _, address::Envelope};
use tokio::sync::watch;

use super::outbox::id_in;
use crate::App;

/// How much of what a mail server says is kept, in characters.
const MOST_TOLD: usize = 300;
/// How long the server may be silent.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long to wait after each failure; after the last the mail is put aside.
const WAITS: [i64; 8] =
    [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR];

/// How the way to the mail server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS begun within the conversation, or nothing is sent.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None.
    None,
}

impl Security {
    /// The port that is usual.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Security::StartTls => 587,
            Security::Tls => 465,
            Security::None => 25,
        }
    }
}

/// Which mail server takes mails, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is kept from others.
    pub security: Security,
    /// User and password, where it wants them.
    pub login: Option<(String, String)>,
    /// Whom mails are from, such as `Claviger <access@example.org>`.
    pub from: String,
}

/// A mail server that can be sent through.
#[derive(Clone)]
pub struct Smtp {
    transport: SmtpTransport,
    pub(super) from: Mailbox,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The transport knows the password.
        out.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Whether a text can be whom mails are from.
#[must_use]
pub fn is_sender(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

impl Smtp {
    /// Makes ready to send; nothing is connected to.
    ///
    /// # Errors
    /// Why that cannot be, in words for the operator.
    pub fn new(server: &Server) -> Result<Smtp, String> {
        let from = server.from.parse().map_err(|_| "mail.from: is no address".to_owned())?;
        let tls = || {
            let made = TlsParameters::new(server.host.clone());
            made.map_err(|_| "mail: TLS cannot be set up for that host".to_owned())
        };
        let tls = match server.security {
            Security::StartTls => Tls::Required(tls()?),
            Security::Tls => Tls::Wrapper(tls()?),
            Security::None => Tls::None,
        };
        let mut builder = SmtpTransport::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &server.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Smtp { transport: builder.build(), from })
    }

    async fn send(&self, file: PathBuf) -> Result<(), Failed> {
        let smtp = self.clone();
        let sent = tokio::task::spawn_blocking(move || {
            let mail = std::fs::read(&file).map_err(|_| Failed::Unreadable)?;
            let envelope = smtp.envelope(&mail).ok_or(Failed::Unreadable)?;
            smtp.transport.send_raw(&envelope, &mail).map_err(Failed::Smtp)?;
            // A mail that cannot be removed is sent once more: better than not at all.
            std::fs::remove_file(&file).map_err(|_| Failed::Unreadable)
        });
        sent.await.unwrap_or(Err(Failed::Unreadable))
    }

    /// From whom to whom, by the head of a mail that this program wrote.
    fn envelope(&self, mail: &[u8]) -> Option<Envelope> {
        let text = std::str::from_utf8(mail).ok()?;
        let line = text.lines().take_while(|line| !line.is_empty());
        let to = line.filter_map(|line| line.strip_prefix("To: ")).next()?;
        let to: Address = to.trim().trim_start_matches('<').trim_end_matches('>').parse().ok()?;
        Envelope::new(Some(self.from.email.clone()), vec![to]).ok()
    }
}

/// How long to leave the server alone after each turn in which nobody was there; the last again and
/// again.
const ABSENCES: [i64; 4] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE];

/// Why a mail was not sent.
enum Failed {
    Smtp(SmtpError),
    Unreadable,
    /// What it says is good for nothing any more.
    Over,
}

impl Failed {
    /// In words that hold nothing of the mail or of what the server said.
    fn words(&self) -> String {
        match self {
            Failed::Unreadable => "the file cannot be read as a mail, or not removed".to_owned(),
            Failed::Over => "it could not be sent while what it says was good".to_owned(),
            Failed::Smtp(error) => match error.status() {
                Some(code) => format!("the mail server answered {code}"),
                None if error.is_timeout() => "the mail server was silent too long".to_owned(),
                None if error.is_tls() => "no TLS with the mail server".to_owned(),
                None if error.is_client() => {
                    "the mail server does not offer what the settings ask for".to_owned()
                }
                None => "no connection with the mail server".to_owned(),
            },
        }
    }

    /// The same for those who manage the person the mail is to, who know the address: with what the
    /// mail server said of it. What it thinks of our log-in is the operator's.
    fn told(&self) -> String {
        match self {
            Failed::Smtp(error) if error.status().is_some() && !self.is_of_log_in() => {
                let text = error.to_string();
                text.chars().filter(|c| !c.is_control()).take(MOST_TOLD).collect()
            }
            _ => self.words(),
        }
    }

    /// Whether the server will not take this mail whenever it is asked. What it thinks of our
    /// log-in or our TLS can be put right.
    fn is_final(&self) -> bool {
        match self {
            Failed::Smtp(error) => error.is_permanent() && !self.is_of_log_in(),
            Failed::Unreadable => false,
            Failed::Over => true,
        }
    }

    /// Whether it says nothing of the mail: nobody answered, and nobody would for another.
    fn is_absence(&self) -> bool {
        // What lettre itself will not send, such as an address that the server cannot take, does
        // say something of the mail.
        matches!(self, Failed::Smtp(error) if error.status().is_none() && !error.is_client())
    }

    /// Whether our log-in or our TLS is refused.
    fn is_of_log_in(&self) -> bool {
        let Failed::Smtp(error) = self else { return false };
        let code = error.status().map(|code| code.to_string());
        code.is_some_and(|it| ["530", "534", "535", "538"].contains(&it.as_str()))
    }
}

/// The failures of a mail so far, and when it is its turn again.
#[derive(Clone, Copy, Debug)]
struct Tries {
    failed: usize,
    next: Instant,
}

/// The mails that a mail server did not take so far.
#[derive(Default)]
pub(super) struct Sending {
    tries: HashMap<PathBuf, Tries>,
    /// The turns in a row in which nobody was there.
    absent: Option<Tries>,
}

impl Sending {
    /// Sends whatever waits in the folder and is due, oldest first; nothing where no mail server is
    /// set.
    pub(super) async fn round(&mut self, app: &App, stop: &watch::Receiver<bool>) {
        let Some(smtp) = &app.settings().smtp else { return };
        if self.absent.is_some_and(|it| app.now() < it.next) {
            return;
        }
        let folder = app.settings().outbox.clone();
        let files = tokio::task::spawn_blocking(move || waiting(&folder)).await.unwrap_or_default();
        self.tries.retain(|file, _| files.contains(file));
        for file in files {
            if *stop.borrow() {
                return;
            }
            let so_far = self.tries.get(&file).copied();
            if so_far.is_some_and(|it| app.now() < it.next) {
                continue;
            }
            let sent = if is_over(app, &file).await {
                Err(Failed::Over)
            } else {
                smtp.send(file.clone()).await
            };
            let Err(failed) = sent else {
                self.absent = None;
                note(app, &file, Some(MailState::Sent), None).await;
                self.tries.remove(&file);
                continue;
            };
            self.failed(app, file, so_far.map_or(0, |it| it.failed), &failed).await;
            // Each mail would wait for the same silence, and those behind it for all of them.
            if failed.is_absence() {
                let count = self.absent.map_or(0, |it| it.failed);
                let wait = ABSENCES[count.min(ABSENCES.len() - 1)];
                self.absent = Some(Tries { failed: count + 1, next: app.now().plus(wait) });
                return;
            }
        }
    }

    async fn failed(&mut self, app: &App, file: PathBuf, count: usize, failed: &Failed) {
        let reason = failed.words();
        let mail = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match WAITS.get(count).filter(|_| !failed.is_final()) {
            Some(wait) => {
                tracing::warn!(mail, reason, "a mail was not sent; it is tried again");
                note(app, &file, None, Some(failed.told())).await;
                let tries = Tries { failed: count + 1, next: app.now().plus(*wait) };
                self.tries.insert(file, tries);
            }
            None => {
                tracing::error!(mail, reason, "a mail was given up; it stays in the outbox folder");
                note(app, &file, Some(MailState::Failed), Some(failed.told())).await;
                let aside = std::fs::rename(&file, file.with_extension("failed"));
                if aside.is_err() {
                    let tries = Tries { failed: 0, next: app.now().plus(HOUR) };
                    self.tries.insert(file, tries);
                }
            }
        }
    }
}

/// Whether what a mail says is good for nothing any more.
async fn is_over(app: &App, file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(id) = id_in(name) else { return false };
    app.store().is_over(id, app.now()).await.unwrap_or(false)
}

/// Notes how a mail went for those who manage the person it is to.
async fn note(app: &App, file: &Path, state: Option<MailState>, problem: Option<String>) {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(id) = id_in(name) else { return };
    let noted = app.store().note_mail(id, state, problem.as_deref(), app.now()).await;
    if let Err(error) = noted {
        tracing::warn!(%error, "how a mail went could not be noted");
    }
}

/// The whole mails in the folder, oldest first: their names begin with the time.
fn waiting(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    files.retain(|file| {
        let hidden = file.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && file.extension().is_some_and(|kind| kind == "eml")
    });
    files.sort();
    files
}
