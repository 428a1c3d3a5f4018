//! `root`: what locks with no network trust, kept elsewhere and lent again.

use std::path::Path;

use serde_json::{Value, json};

use crate::args::{Global, Lent, Root};
use crate::commands::{NewFile, settings};
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Task;
use crate::{errand, terminal};

/// Does what is asked.
///
/// # Errors
/// Why it was not done.
pub(crate) async fn run(args: Root, global: &Global) -> Result<(), Failure> {
    let folder = Folder::of(&settings(global)?).must_be_there()?;
    match args {
        Root::Export { file } => export(&folder, &file, global).await,
        Root::Sign { lent, accept_ahead } => {
            let task = Task::SignByRoot { root: text(&lent)?, ahead: accept_ahead };
            begin(&folder, task, global).await
        }
        Root::TrustClock => {
            let done = errand::of_server(&folder, Task::TrustClock).await?;
            if global.json {
                terminal::json(&done);
            }
            Ok(())
        }
        Root::ReplaceIssuers { lent } => {
            begin(&folder, Task::ReplaceIssuers { root: text(&lent)? }, global).await
        }
    }
}

/// The root leaves only once its file is there to stay.
async fn export(folder: &Folder, path: &Path, global: &Global) -> Result<(), Failure> {
    let mut file = NewFile::begin(path)?;
    errand::run(folder, Task::ExportRoot, Some((&mut file.file, path))).await?;
    file.finish()?;
    errand::run(folder, Task::ForgetRoot, None).await?;
    if global.json {
        terminal::json(&json!({"file": path.display().to_string()}));
        return Ok(());
    }
    terminal::answer(&format!(
        "the root is in {} alone: keep it, twice, where no server reads it. Without it no place \
         can be added to these locks, and nothing is signed after a restore. Backups made before \
         this hold it too.",
        path.display()
    ));
    Ok(())
}

fn text(lent: &Lent) -> Result<Option<String>, Failure> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error));
    lent.root.as_deref().map(read).transpose()
}

async fn begin(folder: &Folder, task: Task, global: &Global) -> Result<(), Failure> {
    let done = errand::run(folder, task, None).await?;
    let count = |name: &str| done.get(name).and_then(Value::as_u64).unwrap_or_default();
    if global.json {
        terminal::json(&done);
    } else {
        let (places, locks) = (count("places"), count("locks"));
        terminal::answer(&format!("places signed for: {places}; epochs begun at {locks} locks"));
    }
    match count("left") {
        0 => Ok(()),
        left => Err(Failure::new(format!("at {left} locks none could begin: see the log"))),
    }
}
