//! `compat`: credentials for programs written for a vendor's API.

use clap::ValueEnum as _;
use claviger_web::{ForPeople, Provider};
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
    if claviger_web::vendor(&vendor).is_none() {
        let line = format!("the API of {vendor} is not built yet; no credentials were made");
        return Err(Failure::new(line));
    }
    let folder = Folder::of(&settings(global)?).must_be_there()?;
    let for_people = for_people(&args)?;
    let task = Task::Compat { vendor, place: args.place, for_people };
    let made = errand::run(&folder, task, None).await?;
    if global.json {
        terminal::json(&made);
    } else {
        terminal::answer(&words(&made));
    }
    Ok(())
}

/// What is wished of a program that acts for people; none where nothing is.
fn for_people(args: &Compat) -> Result<Option<ForPeople>, Failure> {
    let mut wish = ForPeople {
        redirect_uris: args.redirect_uris.clone(),
        is_public: args.public,
        no_role: args.no_role,
        identity_provider: None,
    };
    if let (Some(id), Some(file)) = (&args.identity_provider, &args.public_key) {
        let public_key = std::fs::read_to_string(file);
        let public_key = public_key.map_err(|error| Failure::file(file, &error))?;
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        let (issuer, audience) = (text(&args.issuer), text(&args.audience));
        wish.identity_provider = Some(Provider { id: id.clone(), issuer, audience, public_key });
    }
    Ok((wish != ForPeople::default()).then_some(wish))
}

/// What was made, for people.
fn words(made: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let hosts = made["hosts"].as_array().into_iter().flatten();
    let hosts: Vec<String> =
        hosts.map(|host| format!("{:<16} {}\n", "at the root of", text(host))).collect();
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
        "{:<16} {}\n{}\n{}\n\nPut the server's address and the base path before the paths of the \
         vendor's API.\nSecrets are shown this once.{missing}",
        "base path",
        text(&made["base_path"]),
        hosts.concat(),
        lines.join("\n"),
    )
}
