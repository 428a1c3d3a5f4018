//! Parakey's API: its rows. Its README is the contract, and stands below.
//!
#![doc = include_str!("README.md")]

mod auth;
mod error;
mod handlers;
mod map;
mod version;
mod wire;

use super::serve::{BODY, BULK_BODY, Row, Takes, Vendor, run};
use handlers::{access_key, batch, domain, event_log, member, webhook};
pub(crate) use version::FORMATS;

/// How callers are let in and refused.
pub(crate) const VENDOR: Vendor = Vendor {
    name: "parakey",
    base: "/compat/parakey",
    switches: &[],
    not_built: &[],
    for_people: None,
    credentials: |ctx, place| Box::pin(auth::credentials(ctx, place)),
    authenticate: auth::authenticate,
    refuse: error::trouble,
    canonical: Some(canonical),
    origins: None,
};

const NONE: Takes = Takes::Nothing;
const JSON: Takes = Takes::Json(BODY);
const BULK: Takes = Takes::Json(BULK_BODY);

/// Every row, its paths as [`canonical`] makes them.
pub(crate) fn table() -> Vec<Row> {
    vec![
        Row::new("POST", "/access-keys", "manage_access", BULK, run!(access_key::manage)),
        Row::new("GET", "/access-keys", "access_keys", NONE, run!(access_key::list)),
        Row::new("GET", "/access-keys/{id}", "access_key", NONE, run!(access_key::get)),
        Row::new("GET", "/accesses", "accesses", NONE, run!(domain::accesses)),
        Row::new("GET", "/accesses/{id}", "access", NONE, run!(domain::access)),
        Row::new("POST", "/batches", "create_batch", BULK, run!(batch::create)),
        Row::new("GET", "/batches/{id}", "batch", NONE, run!(batch::get)),
        Row::new("GET", "/domains", "domains", NONE, run!(domain::list)),
        Row::new("GET", "/domains/{id}", "domain", NONE, run!(domain::get)),
        Row::new("GET", "/devices", "devices", NONE, run!(domain::devices)),
        Row::new("GET", "/devices/{id}", "device", NONE, run!(domain::device)),
        Row::new("GET", "/event-configurations", "configurations", NONE, run!(domain::devices)),
        Row::new("GET", "/event-configurations/{id}", "configuration", NONE, run!(domain::device)),
        Row::new("GET", "/users", "users", NONE, run!(member::users)),
        Row::new("GET", "/users/{id}", "user", NONE, run!(member::user)),
        Row::new("GET", "/members", "members", NONE, run!(member::list)),
        Row::new("POST", "/members", "add_member", JSON, run!(member::add)),
        Row::new("GET", "/members/{id}", "member", NONE, run!(member::get)),
        Row::new("PATCH", "/members/{id}", "change_member", JSON, run!(member::change)),
        Row::new("PUT", "/members/{id}", "put_member", JSON, run!(member::change)),
        Row::new("DELETE", "/members/{id}", "remove_member", NONE, run!(member::remove)),
        Row::new("GET", "/event-logs", "event_logs", NONE, run!(event_log::list)),
        Row::new("GET", "/event-logs/{id}", "event_log", NONE, run!(event_log::get)),
        Row::new("POST", "/webhooks", "create_webhook", JSON, run!(webhook::create)),
        Row::new("GET", "/webhooks", "webhooks", NONE, run!(webhook::list)),
        Row::new("GET", "/webhooks/{id}", "webhook", NONE, run!(webhook::get)),
        Row::new("PATCH", "/webhooks/{id}", "change_webhook", JSON, run!(webhook::change)),
        Row::new("PUT", "/webhooks/{id}", "put_webhook", JSON, run!(webhook::change)),
        Row::new("DELETE", "/webhooks/{id}", "delete_webhook", NONE, run!(webhook::delete)),
    ]
}

/// The path of a row that a path below the base means: a resource of two words may be written in
/// either of two ways.
fn canonical(path: &str) -> String {
    for (written, meant) in [
        ("/accessKeys", "/access-keys"),
        ("/eventLogs", "/event-logs"),
        ("/eventConfigurations", "/event-configurations"),
    ] {
        match path.strip_prefix(written) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                return format!("{meant}{rest}");
            }
            _ => {}
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_mean_one_path() {
        for (path, meant) in [
            ("/accessKeys", "/access-keys"),
            ("/access-keys", "/access-keys"),
            ("/eventLogs/5", "/event-logs/5"),
            ("/eventConfigurations/", "/event-configurations/"),
            ("/eventLogsOf", "/eventLogsOf"),
            ("/users/eventLogs", "/users/eventLogs"),
            ("", ""),
        ] {
            assert_eq!(canonical(path), meant);
        }
        for row in table() {
            assert_eq!(canonical(row.path), row.path);
        }
    }
}
