//! `compat`: credentials for programs written for a vendor's API.

use clap::ValueEnum as _;
use serde_json::Value;

use crate::args::{Compat, Global};
use crate::commands::settings;
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Task;
use crate::{errand, terminal};

/// Makes the credentials and prints them.
///
/// # Errors
/// Why none were made.
pub(crate) async fn run(args: Compat, global: &Global) -> Result<(), Failure> {
    let value = args.vendor.to_possible_value();
    let vendor = value.as_ref().map_or("", |value| value.get_name()).to_owned();
    let Some(known) = claviger_web::vendor(&vendor) else {
        let line = format!("the API of {vendor} is not built yet; no credentials were made");
        return Err(Failure::new(line));
    };
    let config = settings(global)?;
    let hosts = config.compat.hosts.iter().filter(|(_, base)| *base == known.base);
    let hosts: Vec<&str> = hosts.map(|(host, _)| host.as_str()).collect();
    let task = Task::Compat { vendor, place: args.place };
    let mut made = errand::run(&Folder::of(&config), task, None).await?;
    made["hosts"] = hosts.into();
    if global.json {
        terminal::json(&made);
    } else {
        terminal::answer(&words(&made));
    }
    Ok(())
}

/// What was made, for people.
fn words(made: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let credentials = made["credentials"].as_object().into_iter().flatten();
    let lines: Vec<String> =
        credentials.map(|(name, value)| format!("{name:<16} {}", text(value))).collect();
    let missing = made["not_built"].as_array().into_iter().flatten();
    let missing: Vec<String> = missing.map(|it| format!("\n  {}", text(it))).collect();
    let missing = match missing.is_empty() {
        true => String::new(),
        false => format!("\n\nOf this API is not built yet:{}", missing.concat()),
    };
    format!(
        "{:<16} {}\n\n{}\n\nPut the server's address and the base path before the paths of the \
         vendor's API.\nSecrets are shown this once.{missing}",
        "base path",
        text(&made["base_path"]),
        lines.join("\n"),
    )
}
