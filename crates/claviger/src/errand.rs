//! One task done wherever the folder's data is: by the server that has it, or by this process.
//!
//! Must not know what a task means.

use std::path::Path;

use claviger_app::{App, Settings};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::{Message, Operator, Task};
use crate::socket;
use crate::terminal::Progress;

/// Does a task; pieces of a file go to `file`.
///
/// # Errors
/// What the task says; the folder cannot be used; the file cannot be written.
pub(crate) async fn run(
    folder: &Folder,
    task: Task,
    file: Option<&mut std::fs::File>,
    path: &Path,
) -> Result<Value, Failure> {
    if let Some(stream) = socket::connect(folder.path()).await? {
        let (out, messages) = mpsc::channel(16);
        let (_, answer) = tokio::join!(socket::ask(stream, task, out), take(messages, file, path));
        return answer;
    }
    let lock = match folder.lock().await {
        Ok(lock) => lock,
        // A server may have begun in between.
        Err(failure) => match socket::connect(folder.path()).await? {
            Some(stream) => {
                let (out, messages) = mpsc::channel(16);
                let asked = socket::ask(stream, task, out);
                return tokio::join!(asked, take(messages, file, path)).1;
            }
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
    let operator = Operator { app, folder: folder.clone() };
    let (out, messages) = mpsc::channel(16);
    let (_, answer) = tokio::join!(operator.run(task, out), take(messages, file, path));
    drop(operator);
    store.close().await;
    drop((opened.claim, opened.lock));
    answer
}

/// Takes messages to the last.
async fn take(
    mut messages: mpsc::Receiver<Message>,
    mut file: Option<&mut std::fs::File>,
    path: &Path,
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
                if let Some(file) = file.as_mut()
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
