//! `backup`: everything in one file.

use serde_json::Value;

use crate::args::{Backup, Global};
use crate::commands::{NewFile, passphrase, settings};
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Task;
use crate::{errand, terminal};

/// Backs up.
///
/// # Errors
/// Why there is no file.
pub(crate) async fn run(args: Backup, global: &Global) -> Result<(), Failure> {
    let folder = Folder::of(&settings(global)?).must_be_there()?;
    let passphrase = passphrase(args.passphrase_file.as_deref())?;
    let with_secrets = passphrase.is_some();
    let mut file = NewFile::begin(&args.file)?;
    let task = Task::Backup { passphrase };
    let made = errand::run(&folder, task, Some((&mut file.file, &args.file))).await?;
    file.finish()?;
    if !with_secrets {
        terminal::message(&format!(
            "this backup holds no secrets: keep a copy of {} apart from it, or use \
             --passphrase-file; without them it cannot be restored",
            folder.secret_file().display()
        ));
    }
    if global.json {
        terminal::json(&made);
        return Ok(());
    }
    let rows = made.get("rows").and_then(Value::as_u64).unwrap_or_default();
    let taken_at = made.get("taken_at").and_then(Value::as_str).unwrap_or_default();
    terminal::answer(&format!("{}: {rows} rows as of {taken_at}", args.file.display()));
    Ok(())
}
