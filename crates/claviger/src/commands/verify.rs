//! `verify`: whether everything is whole.

use serde_json::Value;

use crate::args::Global;
use crate::commands::settings;
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Task;
use crate::{errand, terminal};

/// Verifies.
///
/// # Errors
/// Something is not whole, or cannot be read.
pub(crate) async fn run(global: &Global) -> Result<(), Failure> {
    let folder = Folder::of(&settings(global)?).must_be_there()?;
    let found = errand::run(&folder, Task::Verify, None).await?;
    let flaws = found.get("flaws").and_then(Value::as_array).cloned().unwrap_or_default();
    if global.json {
        terminal::json(&found);
    } else {
        for (table, rows) in found.get("counts").and_then(Value::as_object).into_iter().flatten() {
            terminal::answer(&format!("{table}  {rows}"));
        }
        let checked = found.get("changes_checked").and_then(Value::as_u64).unwrap_or_default();
        terminal::answer(&format!("changes that follow one another  {checked}"));
        for flaw in flaws.iter().filter_map(Value::as_str) {
            terminal::message(&format!("wrong: {flaw}"));
        }
    }
    match flaws.len() {
        0 => Ok(()),
        1 => Err(Failure::new("1 thing is wrong")),
        many => Err(Failure::new(format!("{many} things are wrong"))),
    }
}
