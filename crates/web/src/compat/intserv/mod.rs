//! The IntServ Access API v1: its rows and settings. Its README is the contract, and stands below.
//!
#![doc = include_str!("README.md")]

mod auth;
mod continuation;
mod error;
mod handlers;
mod map;
mod notation;
mod wire;

use super::serve::{BODY, Row, Switch, Takes, Vendor, run};
use handlers::{access_key, access_level, event};

/// Settings of this API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether dates that are left out where a key is updated are taken away.
    pub omitted_dates_reset: bool,
    /// Whether properties that are not known are passed over.
    pub ignore_unknown: bool,
}

/// How callers are let in and refused.
pub(crate) const VENDOR: Vendor = Vendor {
    name: "intserv",
    base: "/compat/intserv",
    switches: &[
        Switch {
            name: "omitted_dates_reset",
            field: |options| &mut options.intserv.omitted_dates_reset,
        },
        Switch { name: "ignore_unknown", field: |options| &mut options.intserv.ignore_unknown },
    ],
    not_built: &[],
    credentials: |ctx, place| Box::pin(auth::credentials(ctx, place)),
    for_people: None,
    authenticate: |app, parts, _| auth::authenticate(app, parts),
    refuse: error::trouble,
    canonical: None,
    origins: None,
};

/// Every row.
pub(crate) fn table() -> Vec<Row> {
    const LEVELS: &str = "/v1/accesslevels/list";
    const LEVELS_TOO: &str = "/v1/accesslevels/get_levels";
    let (json, none) = (Takes::Json(BODY), Takes::Nothing);
    vec![
        Row::new("POST", "/v1/accesskeys/add", "add_key", json, run!(access_key::add)),
        Row::new("POST", "/v1/accesskeys/remove", "remove_key", json, run!(access_key::remove)),
        Row::new("POST", "/v1/accesskeys/status", "key_status", json, run!(access_key::status)),
        Row::new("POST", LEVELS, "levels", none, run!(access_level::list)),
        Row::new("POST", LEVELS_TOO, "get_levels", none, run!(access_level::list)),
        Row::new("POST", "/v1/events/list", "events", json, run!(event::list)),
    ]
}
