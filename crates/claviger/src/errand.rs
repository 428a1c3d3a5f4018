//! One task done wherever the folder's data is: by the server that has it, or by this process.
//!
//! Must not know what a task means.

use std::path::Path;

use claviger_app::{App, Settings};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::{Message, Operator, Task};
use crate::socket;
use crate::terminal::Progress;

/// A file that a task fills, and where it lies.
pub(crate) type Filled<'f> = (&'f mut std::fs::File, &'f Path);

/// Does a task; pieces of a file go to `file`.
///
/// # Errors
/// What the task says; the folder cannot be used; the file cannot be written.
pub(crate) async fn run(
    folder: &Folder,
    task: Task,
    file: Option<Filled<'_>>,
) -> Result<Value, Failure> {
    if let Some(stream) = socket::connect(folder.path()).await? {
        return ask(stream, task, file).await;
    }
    let lock = match folder.lock().await {
        Ok(lock) => lock,
        // A server may have begun in between.
        Err(failure) => match socket::connect(folder.path()).await? {
            Some(stream) => return ask(stream, task, file).await,
            None => return Err(failure),
        },
    };
    let opened = folder.open(lock).await?;
    let store = opened.store.clone();
    let settings = Settings {
        epochs: Some(folder.epochs()),
        ..Settings::new(folder.outbox(), "http://127.0.0.1:8080".to_owned())
    };
    let app = App::start(opened.store, settings).await?;
    let operator = Operator { app, folder: folder.clone(), hosts: Vec::new() };
    let (out, messages) = mpsc::channel(16);
    let (_, answer) = tokio::join!(operator.run(task, out), take(messages, file));
    drop(operator);
    store.close().await;
    drop((opened.claim, opened.lock));
    answer
}

/// Has a server that runs do a task which would come to nothing in a process that ends.
///
/// # Errors
/// None runs; as for [`run`].
pub(crate) async fn of_server(folder: &Folder, task: Task) -> Result<Value, Failure> {
    let none = || Failure::new("no server runs on this data folder: say it again while one does");
    ask(socket::connect(folder.path()).await?.ok_or_else(none)?, task, None).await
}

async fn ask(stream: UnixStream, task: Task, file: Option<Filled<'_>>) -> Result<Value, Failure> {
    let (out, messages) = mpsc::channel(16);
    tokio::join!(socket::ask(stream, task, out), take(messages, file)).1
}

/// Takes messages to the last.
async fn take(
    mut messages: mpsc::Receiver<Message>,
    mut file: Option<Filled<'_>>,
) -> Result<Value, Failure> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use std::io::Write as _;
    let progress = Progress::new();
    let lost = || Failure::new("the task ended without an answer");
    let answer = loop {
        match messages.recv().await {
            None => break Err(lost()),
            Some(Message::Done(value)) => break Ok(value),
            Some(Message::Failed(failure)) => break Err(failure),
            Some(Message::Progress { what, done, total }) => progress.show(&what, done, total),
            Some(Message::Piece(piece)) => {
                let bytes = STANDARD.decode(piece).map_err(|_| lost())?;
                if let Some((file, path)) = file.as_mut()
                    && let Err(error) = file.write_all(&bytes)
                {
                    break Err(Failure::file(path, &error));
                }
            }
        }
    };
    progress.clear();
    answer
}
