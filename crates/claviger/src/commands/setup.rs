//! `setup`: the first organization, place, administrator and API client.

use serde_json::Value;

use crate::args::{Global, Setup};
use crate::commands::settings;
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Task;
use crate::{errand, terminal};

/// Sets up.
///
/// # Errors
/// Why nothing was made.
pub(crate) async fn run(args: Setup, global: &Global) -> Result<(), Failure> {
    let folder = Folder::of(&settings(global)?);
    folder.make()?;
    let task = Task::Setup {
        organization: args.organization,
        place: args.place,
        admin_email: args.admin_email,
        time_zone: args.time_zone,
    };
    let made = errand::run(&folder, task, None).await?;
    if global.json {
        terminal::json(&made);
    } else {
        terminal::answer(&words(&made));
    }
    Ok(())
}

/// What was made, for people.
pub(super) fn words(made: &Value) -> String {
    let get = |path: &str| made.pointer(path).and_then(Value::as_str).unwrap_or_default();
    format!(
        "organization   {}\nplace          {}\n\n\
         administrator  {}\nset-up code    {}\n\n\
         API client     {}\nsecret         {}\n\n\
         Code and secret are shown this once. The set-up code is good for 24 hours and one use:\n\
         send it with the administrator's first password to /api/v1/account/invitation, as\n\
         {{\"setup_code\": \"...\", \"password\": \"...\"}}.",
        get("/organization/id"),
        get("/place/id"),
        get("/admin/email"),
        get("/admin/setup_code"),
        get("/client/id"),
        get("/client/secret"),
    )
}
