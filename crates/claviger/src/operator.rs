//! What the operator may ask of a folder's data, whether a server has it or this process: one task
//! in, progress and pieces of a file out, one answer at the end.
//!
//! Must not show anything or read the command line: it also runs inside a server.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_app::{App, Caller, Context, Id, Via, Zone, account, backup, import, offline, setup};
use claviger_web::ForPeople;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::exit::Failure;
use crate::folder::Folder;

/// How much of a file goes in one message.
const PIECE: usize = 192 * 1024;

/// What is to be done. Holds a passphrase or a root at times: must not be logged.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub(crate) enum Task {
    /// The first organization, place, administrator and client.
    Setup { organization: String, place: String, admin_email: String, time_zone: String },
    /// Rows of a CSV file, in base64.
    Import { what: import::What, place: String, file: String, dry_run: bool },
    /// A place as a ZIP file, which comes in pieces.
    Export { place: String },
    /// Everything as one file, which comes in pieces.
    Backup { passphrase: Option<String> },
    /// Credentials for programs written for a vendor's API.
    Compat { vendor: String, place: String, for_people: Option<ForPeople> },
    /// The root of locks with no network as a file of its own, which comes in pieces.
    ExportRoot,
    /// That file is kept elsewhere: the root is forgotten here.
    ForgetRoot,
    /// The root does what waits for it; its file, where it is kept elsewhere.
    SignByRoot { root: Option<String>, ahead: bool },
    /// The clock is right.
    TrustClock,
    /// The issuers of all places are made anew.
    ReplaceIssuers { root: Option<String> },
    /// The account of an address that no place knows anybody by is deleted.
    ForgetAccount { email: String },
    /// Whether everything is whole.
    Verify,
}

/// What comes back of a task: any number of the first two, then one of the others.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// How far it is.
    Progress { what: String, done: u64, total: u64 },
    /// The next piece of the file, in base64.
    Piece(String),
    /// It is done.
    Done(Value),
    /// It is not, and nothing was changed.
    Failed(Failure),
}

/// Where messages go. A receiver that is gone stops nothing.
pub(crate) type Out = mpsc::Sender<Message>;

/// Who does tasks: the use cases over an open folder.
#[derive(Clone)]
pub(crate) struct Operator {
    pub(crate) app: App,
    pub(crate) folder: Folder,
    /// Host names at whose root a vendor's API is served, each with its base.
    pub(crate) hosts: Vec<(String, &'static str)>,
}

impl Operator {
    /// Does a task; its last message is the answer.
    pub(crate) async fn run(&self, task: Task, out: Out) {
        let message = match self.answer(task, &out).await {
            Ok(value) => Message::Done(value),
            Err(failure) => Message::Failed(failure),
        };
        let _ = out.send(message).await;
    }

    async fn answer(&self, task: Task, out: &Out) -> Result<Value, Failure> {
        match task {
            Task::Setup { organization, place, admin_email, time_zone } => {
                self.setup(organization, place, admin_email, &time_zone).await
            }
            Task::Import { what, place, file, dry_run } => {
                self.import(what, &place, &file, dry_run, out).await
            }
            Task::Export { place } => self.export(&place, out).await,
            Task::Backup { passphrase } => self.backup(passphrase, out).await,
            Task::Compat { vendor, place, for_people } => {
                self.compat(&vendor, &place, for_people).await
            }
            Task::ExportRoot => {
                let text = offline::export_root(&self.app)?;
                let _ = out.send(Message::Piece(STANDARD.encode(text))).await;
                Ok(json!({}))
            }
            Task::ForgetRoot => {
                offline::forget_root(&self.app).await?;
                Ok(json!({}))
            }
            Task::SignByRoot { root, ahead } => {
                Ok(begun(offline::sign(&self.app, root.as_deref(), ahead).await?))
            }
            Task::TrustClock => {
                offline::trust_clock(&self.app).await;
                Ok(json!({}))
            }
            Task::ReplaceIssuers { root } => {
                Ok(begun(offline::replace_issuers(&self.app, root.as_deref()).await?))
            }
            Task::ForgetAccount { email } => {
                account::forget(&self.context(), &email).await?;
                Ok(json!({}))
            }
            Task::Verify => self.verify(out).await,
        }
    }

    fn context(&self) -> Context {
        Context::new(self.app.clone(), Caller::Operator, Via::CommandLine)
    }

    async fn setup(
        &self,
        organization: String,
        place: String,
        admin_email: String,
        time_zone: &str,
    ) -> Result<Value, Failure> {
        let time_zone = Zone::parse(time_zone).ok_or_else(|| {
            let right = "is not an IANA time zone such as Europe/Stockholm";
            Failure::new(format!("time_zone: {time_zone:?} {right}"))
        })?;
        let wish = setup::Wish { organization, place, admin_email, time_zone };
        let made = setup::run(&self.app, wish).await?;
        Ok(json!({
            "organization": {"id": made.organization.to_string()},
            "place": {"id": made.place.to_string()},
            "admin": {"email": made.admin_email, "setup_code": made.setup_code},
            "client": {"id": made.client.to_string(), "secret": made.client_secret},
        }))
    }

    async fn compat(
        &self,
        vendor: &str,
        place: &str,
        for_people: Option<ForPeople>,
    ) -> Result<Value, Failure> {
        let known = claviger_web::vendor(vendor)
            .ok_or_else(|| Failure::new(format!("no API of {vendor} is served")))?;
        let (ctx, place) = (self.context(), id(place)?);
        let credentials = match for_people {
            None => known.credentials(ctx, place).await?,
            Some(wish) => {
                let made = known.credentials_for_people(ctx, place, wish).await;
                made.ok_or_else(|| Failure::new(format!("programs of {vendor} act for nobody")))??
            }
        };
        let hosts = self.hosts.iter().filter(|(_, base)| *base == known.base);
        let hosts: Vec<&str> = hosts.map(|(host, _)| host.as_str()).collect();
        Ok(json!({
            "vendor": vendor, "base_path": known.base, "hosts": hosts,
            "credentials": credentials, "not_built": known.not_built,
        }))
    }

    async fn import(
        &self,
        what: import::What,
        place: &str,
        file: &str,
        dry_run: bool,
        out: &Out,
    ) -> Result<Value, Failure> {
        let place = id(place)?;
        let bytes = STANDARD.decode(file).map_err(|_| Failure::new("the file came in broken"))?;
        let file = import::read(what, &bytes)?;
        drop(bytes);
        let total = file.rows() as u64;
        let mut ctx = self.context();
        ctx.dry_run = dry_run;
        let done = Arc::new(AtomicU64::new(0));
        let work = import::run(&ctx, place, file, done.clone());
        tokio::pin!(work);
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let made = loop {
            tokio::select! {
                made = &mut work => break made?,
                _ = tick.tick() => {
                    let done = done.load(Ordering::Relaxed);
                    let what = "rows".to_owned();
                    let _ = out.send(Message::Progress { what, done, total }).await;
                }
            }
        };
        Ok(json!({
            "rows": made.rows, "created": made.created, "changed": made.changed,
            "unchanged": made.unchanged, "dry_run": dry_run,
        }))
    }

    async fn export(&self, place: &str, out: &Out) -> Result<Value, Failure> {
        let (ctx, place) = (self.context(), id(place)?);
        let mut file = self.temporary()?;
        let left_out = crate::archive::write(&ctx, place, &mut file, out).await?;
        let bytes = pieces(file, out).await?;
        Ok(json!({"bytes": bytes, "rows": left_out.rows, "left_out": left_out.left_out}))
    }

    async fn backup(&self, passphrase: Option<String>, out: &Out) -> Result<Value, Failure> {
        let secrets = match &passphrase {
            None => None,
            Some(passphrase) => {
                let path = self.folder.secret_file();
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|error| Failure::file(path, &error))?;
                let sealed = backup::seal_secrets(&self.app, text, passphrase.clone()).await?;
                Some(sealed)
            }
        };
        let file = self.temporary()?;
        let written = file.try_clone().map_err(|error| temporary(&self.folder, &error))?;
        let made = backup::write(&self.app, secrets, written).await.map_err(failed)?;
        let bytes = pieces(file, out).await?;
        Ok(json!({
            "bytes": bytes, "rows": made.rows, "taken_at": made.taken_at.to_string(),
            "secrets": made.secrets,
        }))
    }

    async fn verify(&self, out: &Out) -> Result<Value, Failure> {
        let said = Message::Progress { what: "checking".to_owned(), done: 0, total: 1 };
        let _ = out.send(said).await;
        let found = backup::verify(&self.app).await?;
        Ok(json!({
            "ok": found.flaws.is_empty(), "flaws": found.flaws, "counts": found.counts,
            "changes_checked": found.changes,
        }))
    }

    /// A file without a name, which is gone when it is closed.
    fn temporary(&self) -> Result<File, Failure> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let name = format!(".unfinished-{}-{}", std::process::id(), self.app.now().0);
        let path: PathBuf = self.folder.path().join(name);
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(|error| Failure::file(&path, &error))?;
        std::fs::remove_file(&path).map_err(|error| Failure::file(&path, &error))?;
        Ok(file)
    }
}

fn temporary(folder: &Folder, error: &std::io::Error) -> Failure {
    Failure::file(folder.path(), error)
}

fn begun(it: offline::Begun) -> Value {
    json!({"places": it.places, "locks": it.locks, "left": it.left})
}

fn failed(error: backup::BackupError) -> Failure {
    Failure::new(error.to_string())
}

/// Reads a place's id.
///
/// # Errors
/// It is none.
fn id(text: &str) -> Result<Id, Failure> {
    let right = "is not the id of a place (a UUID, as setup prints it)";
    Id::parse(text).ok_or_else(|| Failure::new(format!("place: {text:?} {right}")))
}

/// Sends a file piece by piece; says how long it is.
async fn pieces(mut file: File, out: &Out) -> Result<u64, Failure> {
    let broken = |error: std::io::Error| Failure::new(claviger_app::io_words(&error));
    let total = file.seek(SeekFrom::End(0)).map_err(broken)?;
    file.rewind().map_err(broken)?;
    let (mut done, mut piece) = (0, vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece).map_err(broken)?;
        if read == 0 {
            return Ok(total);
        }
        done += read as u64;
        let text = STANDARD.encode(piece.get(..read).unwrap_or_default());
        let gone = out.send(Message::Piece(text)).await.is_err();
        let progress = Message::Progress { what: "bytes".to_owned(), done, total };
        if gone || out.send(progress).await.is_err() {
            return Err(Failure::new("nobody takes the file any more"));
        }
    }
}
