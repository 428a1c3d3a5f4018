//! The folder's own socket: how a command reaches the server that has the folder.
//!
//! One task per connection, as a line of JSON; messages come back, a line each. Only processes of
//! the same user (or root) are heard. A socket's path must be shorter than a folder's may be, so a
//! long one is reached through `/proc/self/fd`.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::exit::Failure;
use crate::operator::{Message, Operator, Task};

const NAME: &str = "claviger.sock";
/// The longest path that fits everywhere, in bytes.
const LONGEST: usize = 100;
/// The longest line: a file of 64 MiB in base64, and what stands around it.
const MOST_BYTES: u64 = 96 * 1024 * 1024;
/// How long tasks under way may take once the server is asked to end.
const LAST_ORDERS: Duration = Duration::from_secs(10);
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A task as it goes over the socket.
#[derive(Serialize, Deserialize)]
struct Wish {
    /// The version of the program that asks.
    version: String,
    #[serde(flatten)]
    task: Task,
}

/// A path by which the socket can be reached, as long as the folder is held open.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    fn of(folder: &Path) -> Result<Address, Failure> {
        let path = folder.join(NAME);
        if path.as_os_str().len() <= LONGEST {
            return Ok(Address { path, _folder: None });
        }
        let held = File::open(folder).map_err(|error| Failure::file(folder, &error))?;
        let through = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
        if !through.exists() {
            let path = path.display();
            return Err(Failure::new(format!(
                "{path} is too long for a socket on this system: use a folder with a shorter path"
            )));
        }
        Ok(Address { path: through.join(NAME), _folder: Some(held) })
    }
}

/// A connection to the server that has the folder; none where there is no server.
///
/// # Errors
/// There is one, but it must not be asked.
pub(crate) async fn connect(folder: &Path) -> Result<Option<UnixStream>, Failure> {
    if !folder.join(NAME).exists() {
        return Ok(None);
    }
    let address = Address::of(folder)?;
    match UnixStream::connect(&address.path).await {
        Ok(stream) => Ok(Some(stream)),
        // What a server that was killed left behind.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let path = folder.display();
            Err(Failure::new(format!("{path} is another user's: run the command as that user")))
        }
        Err(error) => Err(Failure::file(&folder.join(NAME), &error)),
    }
}

/// Asks the server and hands each message on, the last one included; where the server went away,
/// the last says so.
pub(crate) async fn ask(stream: UnixStream, task: Task, out: mpsc::Sender<Message>) {
    let gone = || Message::Failed(Failure::new("the server that has the folder went away"));
    let last = match talk(stream, task, &out).await {
        Ok(true) => return,
        Ok(false) | Err(_) => gone(),
    };
    let _ = out.send(last).await;
}

/// Whether the last message came.
async fn talk(
    mut stream: UnixStream,
    task: Task,
    out: &mpsc::Sender<Message>,
) -> std::io::Result<bool> {
    let wish = Wish { version: VERSION.to_owned(), task };
    let mut line = serde_json::to_vec(&wish)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await? {
        let message: Message = serde_json::from_str(&line)?;
        let last = matches!(message, Message::Done(_) | Message::Failed(_));
        if out.send(message).await.is_err() || last {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The server's end of the socket.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    user: u32,
}

impl Socket {
    /// Binds the socket of a folder this process has the lock of; one left behind is replaced.
    ///
    /// # Errors
    /// Something else stands there, or the folder cannot be written to.
    pub(crate) fn bind(folder: &Path) -> Result<Socket, Failure> {
        let path = folder.join(NAME);
        let failed = |error: std::io::Error| Failure::file(&path, &error);
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.file_type().is_socket() => {
                std::fs::remove_file(&path).map_err(failed)?;
            }
            Ok(_) => return Err(Failure::new(format!("{} is not a socket", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let address = Address::of(folder)?;
        let listener = UnixListener::bind(&address.path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let user = std::fs::metadata(&path).map_err(failed)?.uid();
        Ok(Socket { listener, path, user })
    }

    /// Does what it is asked until `stop` says true; tasks under way are finished.
    pub(crate) async fn serve(self, operator: Operator, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            while tasks.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) if self.may_ask(&stream) => {
                    let operator = operator.clone();
                    tasks.spawn(async move {
                        if let Err(error) = hear(stream, operator).await {
                            tracing::info!(%error, "a command at the socket went away");
                        }
                    });
                }
                Ok(_) => tracing::warn!("another user's command at the socket was refused"),
                Err(error) => {
                    tracing::warn!(%error, "the socket does not accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        let _ = std::fs::remove_file(&self.path);
        // A command that does not read its answer must not keep the server from ending.
        if tokio::time::timeout(LAST_ORDERS, tasks.join_all()).await.is_err() {
            tracing::warn!("some commands at the socket were cut off");
        }
    }

    fn may_ask(&self, stream: &UnixStream) -> bool {
        stream.peer_cred().is_ok_and(|peer| peer.uid() == self.user || peer.uid() == 0)
    }
}

async fn hear(stream: UnixStream, operator: Operator) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(MOST_BYTES)).read_line(&mut line).await?;
    if line.is_empty() {
        // Somebody only looked whether a server is here.
        return Ok(());
    }
    let (out, mut messages) = mpsc::channel(16);
    match read(&line) {
        Ok(task) => {
            drop(line);
            tokio::spawn(async move { operator.run(task, out).await });
        }
        Err(failure) => {
            let _ = out.try_send(Message::Failed(failure));
        }
    }
    while let Some(message) = messages.recv().await {
        let mut line = serde_json::to_vec(&message)?;
        line.push(b'\n');
        writer.write_all(&line).await?;
    }
    writer.shutdown().await
}

/// Reads a task. What is wrong with it is not repeated, because it may hold a passphrase.
fn read(line: &str) -> Result<Task, Failure> {
    #[derive(Deserialize)]
    struct Asker {
        version: String,
    }
    let foreign = || Failure::new("the server that has the folder does not understand the task");
    let asker: Asker = serde_json::from_str(line).map_err(|_| foreign())?;
    if asker.version != VERSION {
        return Err(Failure::new(format!(
            "the server that has the folder is version {VERSION}, this program is {}",
            asker.version
        )));
    }
    serde_json::from_str::<Wish>(line).map(|wish| wish.task).map_err(|_| foreign())
}
