//! `forget-account`: the account of somebody whom no place knows any more is deleted.

use serde_json::json;

use crate::args::{ForgetAccount, Global};
use crate::commands::settings;
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Task;
use crate::{errand, terminal};

/// Forgets.
///
/// # Errors
/// There is no such account; a place knows somebody by it.
pub(crate) async fn run(args: ForgetAccount, global: &Global) -> Result<(), Failure> {
    let folder = Folder::of(&settings(global)?).must_be_there()?;
    errand::run(&folder, Task::ForgetAccount { email: args.email }, None).await?;
    if global.json {
        terminal::json(&json!({"forgotten": true}));
    } else {
        terminal::answer("the account is deleted; backups made before this hold it still");
    }
    Ok(())
}
