//! Trackunit's Classic API: its rows. Its README is the contract, and stands below.
//!
#![doc = include_str!("README.md")]

mod auth;
mod error;
mod handlers;
mod map;
mod params;
mod wire;

use super::serve::{BODY, Handler, Row, Takes, Vendor, run};
use handlers::{group, key, report, unit};

/// How callers are let in and refused.
pub(crate) const VENDOR: Vendor = Vendor {
    name: "trackunit",
    base: "/compat/trackunit",
    switches: &[],
    not_built: &[],
    credentials: |ctx, place| Box::pin(auth::credentials(ctx, place)),
    for_people: None,
    authenticate: auth::authenticate,
    refuse: error::trouble,
    canonical: Some(canonical),
    origins: None,
};

/// What every row takes: parameters may stand in the body of any request.
const TAKES: Takes = Takes::JsonOrLongForm(BODY);
/// How an operation is asked for by its name.
const BY_NAME: &[&str] = &["GET", "POST"];
/// How libraries ask for one below `/api` and `/json/reply`.
const BY_LIBRARY: &[&str] = &["GET", "POST", "PUT", "DELETE"];

/// The rows of some paths that all mean one operation, which reads or writes whatever the method.
fn rows(
    operation: &'static str,
    writes: bool,
    paths: &[(&'static str, &[&'static str])],
    handler: Handler,
) -> Vec<Row> {
    let row = |path, method| Row::new(method, path, operation, TAKES, handler).writing(writes);
    paths.iter().flat_map(|(path, methods)| methods.iter().map(|it| row(*path, *it))).collect()
}

/// The rows of an operation on an object: by the resource (one method, with or without an id), and
/// by its name.
macro_rules! operation {
    ($method:literal, $resource:literal, $name:literal, $operation:literal, $handler:path) => {
        rows(
            $operation,
            $method != "GET",
            &[
                (concat!("/public/", $resource), &[$method]),
                (concat!("/public/", $resource, "/{id}"), &[$method]),
                (concat!("/public/", $name), BY_NAME),
                (concat!("/public/", $name, "/{id}"), BY_NAME),
                (concat!("/public/api/", $name), BY_LIBRARY),
                (concat!("/public/json/reply/", $name), BY_LIBRARY),
            ],
            run!($handler),
        )
    };
}

/// The rows of an operation that makes an object, which has no id yet.
macro_rules! creation {
    ($resource:literal, $name:literal, $operation:literal, $handler:path) => {
        rows(
            $operation,
            true,
            &[
                (concat!("/public/", $resource), &["POST"]),
                (concat!("/public/", $name), BY_NAME),
                (concat!("/public/api/", $name), BY_LIBRARY),
                (concat!("/public/json/reply/", $name), BY_LIBRARY),
            ],
            run!($handler),
        )
    };
}

/// The rows of a report.
macro_rules! report {
    ($resource:literal, $name:literal, $operation:literal, $handler:path) => {
        rows(
            $operation,
            false,
            &[
                (concat!("/public/report/", $resource), BY_NAME),
                (concat!("/public/api/", $name), BY_LIBRARY),
                (concat!("/public/json/reply/", $name), BY_LIBRARY),
            ],
            run!($handler),
        )
    };
}

/// Every row, its fixed parts in lower case, as [`canonical`] makes them.
pub(crate) fn table() -> Vec<Row> {
    let mut table = operation!("GET", "key", "getkey", "get_key", key::get);
    table.extend(creation!("key", "createkey", "create_key", key::create));
    table.extend(operation!("PUT", "key", "updatekey", "update_key", key::update));
    table.extend(operation!("DELETE", "key", "deletekey", "delete_key", key::delete));
    table.extend(operation!("GET", "unit", "getunit", "get_unit", unit::get));
    table.extend(operation!("GET", "group", "getgroup", "get_group", group::get));
    table.extend(creation!("group", "creategroup", "create_group", group::create));
    table.extend(operation!("PUT", "group", "updategroup", "update_group", group::update));
    table.extend(operation!("DELETE", "group", "deletegroup", "delete_group", group::delete));
    table.extend(report!("keyhistory", "getreportkeyhistory", "key_history", report::of_key));
    table.extend(report!("unithistory", "getreportunithistory", "unit_history", report::of_unit));
    table.extend(report!("unitsummary", "getreportunitsummary", "unit_summary", report::summary));
    let one = ("/public/report/unitsummary/{id}", BY_NAME);
    table.extend(rows("unit_summary", false, &[one], run!(report::summary)));
    table.extend(report!("trip", "getreporttrip", "trip", report::trip));
    table.extend(report!(
        "unitextendedinfo",
        "getreportunitextendedinfo",
        "unit_extended_info",
        report::nothing
    ));
    table.extend(report!(
        "unitactivefaults",
        "getreportunitactivefaults",
        "unit_active_faults",
        report::nothing
    ));
    table
}

/// The parts of a path after which a name follows; after any other an id does.
const BEFORE_NAMES: [&str; 6] = ["", "public", "report", "api", "json", "reply"];

/// The path of a row that a path below the base means: names in lower case, ids as they are, and
/// without `.json` at the end.
fn canonical(path: &str) -> String {
    let end = path.len().saturating_sub(5);
    let is_json = path.get(end..).is_some_and(|it| it.eq_ignore_ascii_case(".json"));
    let path = if is_json { &path[..end] } else { path };
    let mut whole = String::with_capacity(path.len());
    let mut before = String::new();
    for (at, part) in path.split('/').enumerate() {
        if at > 0 {
            whole.push('/');
        }
        let folded = part.to_ascii_lowercase();
        let is_name = BEFORE_NAMES.contains(&before.as_str());
        whole.push_str(if is_name { &folded } else { part });
        before = folded;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_ids_are_not() {
        for (path, meant) in [
            ("/Public/Key", "/public/key"),
            ("/public/KEY/Ab5/", "/public/key/Ab5/"),
            ("/public/Key/5.json", "/public/key/5"),
            ("/public/GetKey.JSON", "/public/getkey"),
            ("/PUBLIC/Json/Reply/GetKey", "/public/json/reply/getkey"),
            ("/public/API/UpdateKey", "/public/api/updatekey"),
            ("/public/Report/UnitSummary/X", "/public/report/unitsummary/X"),
            ("/", "/"),
            ("", ""),
            (".json", ""),
            ("/public/å.json", "/public/å"),
        ] {
            assert_eq!(canonical(path), meant);
        }
    }

    #[test]
    fn rows_are_as_paths_are_made() {
        for row in table() {
            assert_eq!(canonical(row.path), row.path.to_ascii_lowercase(), "{}", row.path);
            assert_eq!(row.path, row.path.to_ascii_lowercase());
        }
    }
}
