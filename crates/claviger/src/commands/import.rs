//! `import`: people, cards or grants from a CSV file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_app::import::{MOST_BYTES, What};
use serde_json::Value;

use crate::args::{Global, Import, Rows};
use crate::commands::settings;
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Task;
use crate::{errand, terminal};

/// Imports.
///
/// # Errors
/// Every wrong row; nothing was changed.
pub(crate) async fn run(args: Import, global: &Global) -> Result<(), Failure> {
    let folder = Folder::of(&settings(global)?).must_be_there()?;
    let path = &args.file;
    let size = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.len();
    if size > MOST_BYTES as u64 {
        let most = MOST_BYTES >> 20;
        return Err(Failure::new(format!("{} is larger than {most} MiB", path.display())));
    }
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let what = match args.what {
        Rows::People => What::People,
        Rows::Cards => What::Cards,
        Rows::Grants => What::Grants,
    };
    let task = Task::Import {
        what,
        place: args.place,
        file: STANDARD.encode(bytes),
        dry_run: args.dry_run,
    };
    let made = errand::run(&folder, task, None).await?;
    if global.json {
        terminal::json(&made);
        return Ok(());
    }
    let count = |name: &str| made.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (created, changed) = (count("created"), count("changed"));
    let (rows, unchanged) = (count("rows"), count("unchanged"));
    let verb = if args.dry_run { "would be " } else { "" };
    terminal::answer(&format!(
        "{rows} rows: {created} {verb}made, {changed} {verb}changed, {unchanged} as they were"
    ));
    Ok(())
}
