//! `export`: a place as a ZIP file of CSV files.

use serde_json::Value;

use crate::args::{Export, Global};
use crate::commands::{NewFile, settings};
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Task;
use crate::{errand, terminal};

/// Exports.
///
/// # Errors
/// Why there is no file.
pub(crate) async fn run(args: Export, global: &Global) -> Result<(), Failure> {
    let folder = Folder::of(&settings(global)?).must_be_there()?;
    let mut file = NewFile::begin(&args.file)?;
    let task = Task::Export { place: args.place };
    let made = errand::run(&folder, task, Some((&mut file.file, &args.file))).await?;
    file.finish()?;
    if global.json {
        terminal::json(&made);
        return Ok(());
    }
    let members = |name: &str| made.get(name).and_then(Value::as_object).into_iter().flatten();
    for (table, rows) in members("rows") {
        terminal::answer(&format!("{table}  {rows} rows"));
    }
    for (table, reasons) in members("left_out") {
        for (why, times) in reasons.as_object().into_iter().flatten() {
            terminal::message(&format!("left out of {table}: {times} {why}"));
        }
    }
    Ok(())
}
