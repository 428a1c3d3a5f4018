//! Unloc's API v2: its rows and settings. Its README is the contract, and stands below.
//!
#![doc = include_str!("README.md")]

mod auth;
mod error;
mod handlers;
mod map;
mod wire;

use claviger_app::{Format, Tells};

use super::serve::{BODY, BULK_BODY, Row, Switch, Takes, Vendor, run};
use handlers::{
    access_group, connection, doorbell, job, key, log, managed_user, project, sharing, subproject,
    webhook,
};

/// The rows that projects and subprojects both have.
macro_rules! within {
    ($base:literal) => {{
        const KEYS: &str = concat!($base, "/keys");
        const KEY: &str = concat!($base, "/keys/{key}");
        const SHARED: &str = concat!($base, "/shared-keys");
        const RIGHTS: &str = concat!($base, "/sharing-rights");
        const JOB: &str = concat!($base, "/jobs/{job}");
        const GROUPS: &str = concat!($base, "/access-groups");
        const GROUP: &str = concat!($base, "/access-groups/{group}");
        const ACCESSES: &str = concat!($base, "/access-groups/{group}/update-accesses");
        const USERS: &str = concat!($base, "/managed-users");
        const USER: &str = concat!($base, "/managed-users/{user}");
        const LOG: &str = concat!($base, "/logs/access");
        const HOOKS: &str = concat!($base, "/webhooks");
        const HOOK: &str = concat!($base, "/webhooks/{webhook}");
        [
            Row::new("POST", KEYS, "create_keys", BULK, run!(key::create)),
            Row::new("GET", KEYS, "keys", NONE, run!(key::list)),
            Row::new("DELETE", KEYS, "revoke_keys", JSON, run!(key::revoke_all)),
            Row::new("GET", KEY, "key", NONE, run!(key::get)),
            Row::new("DELETE", KEY, "revoke_key", NONE, run!(key::revoke)),
            Row::new("DELETE", SHARED, "revoke_shared_keys", JSON, run!(key::revoke_shared)),
            Row::new("POST", RIGHTS, "create_sharing_rights", BULK, run!(sharing::create)),
            Row::new("GET", RIGHTS, "sharing_rights", NONE, run!(sharing::list)),
            Row::new("DELETE", RIGHTS, "revoke_sharing_rights", JSON, run!(sharing::revoke)),
            Row::new("GET", JOB, "job", NONE, run!(job::get)),
            Row::new("POST", GROUPS, "create_group", BULK, run!(access_group::create)),
            Row::new("GET", GROUPS, "groups", NONE, run!(access_group::list)),
            Row::new("GET", GROUP, "group", NONE, run!(access_group::get)),
            Row::new("PATCH", GROUP, "update_group", JSON, run!(access_group::update)),
            Row::new("PUT", GROUP, "update_group_put", JSON, run!(access_group::update)),
            Row::new("DELETE", GROUP, "delete_group", NONE, run!(access_group::delete)),
            Row::new(
                "POST",
                ACCESSES,
                "update_accesses",
                BULK,
                run!(access_group::update_accesses),
            ),
            Row::new("GET", USERS, "managed_users", NONE, run!(managed_user::list)),
            Row::new("POST", USERS, "create_managed_user", JSON, run!(managed_user::create)),
            Row::new("GET", USER, "managed_user", NONE, run!(managed_user::get)),
            Row::new("PATCH", USER, "update_managed_user", JSON, run!(managed_user::update)),
            Row::new("DELETE", USER, "delete_managed_user", NONE, run!(managed_user::delete)),
            Row::new("GET", LOG, "access_log", NONE, run!(log::access)),
            Row::new("POST", HOOKS, "create_webhook", JSON, run!(webhook::create)),
            Row::new("GET", HOOKS, "webhooks", NONE, run!(webhook::list)),
            Row::new("GET", HOOK, "webhook", NONE, run!(webhook::get)),
            Row::new("DELETE", HOOK, "delete_webhook", NONE, run!(webhook::delete)),
        ]
    }};
}

/// Settings of this API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether app users that are not known yet are an error when they are added to a group.
    pub strict_users: bool,
    /// Whether properties and parameters that are not known are passed over.
    pub ignore_unknown: bool,
}

/// How callers are let in and refused.
pub(crate) const VENDOR: Vendor = Vendor {
    name: "unloc",
    base: "/compat/unloc",
    switches: &[
        Switch { name: "strict_users", field: |options| &mut options.unloc.strict_users },
        Switch { name: "ignore_unknown", field: |options| &mut options.unloc.ignore_unknown },
    ],
    not_built: &[],
    credentials: |ctx, place| Box::pin(auth::credentials(ctx, place)),
    for_people: None,
    authenticate: auth::authenticate,
    refuse: error::trouble,
    canonical: None,
    origins: None,
};

/// What native webhooks call the form of a delivery's body here.
const FORMAT: &str = "unloc";
/// The form itself.
pub(crate) const BODY_FORMAT: Format = Format {
    name: FORMAT,
    tells: Tells::Events(|told| log::body(told.state, told.event)),
    user_agent: None,
};

const NONE: Takes = Takes::Nothing;
const JSON: Takes = Takes::Json(BODY);
const BULK: Takes = Takes::Json(BULK_BODY);

/// Every row.
pub(crate) fn table() -> Vec<Row> {
    let forms = Takes::JsonOrForm(BODY);
    let mut table = vec![
        Row::new("POST", "/v2/auth/token", "token", forms, run!(auth::token)).open(),
        Row::new("POST", DISCOVERY, "discover", forms, run!(auth::discover)).open(),
        Row::new("GET", ORGANIZATION, "organization", NONE, run!(project::organization)),
        Row::new("GET", PROJECTS, "projects", NONE, run!(project::projects)),
        Row::new("POST", PROJECTS, "create_project", JSON, run!(project::create)),
        Row::new("GET", PROJECT, "project", NONE, run!(project::get)),
        Row::new("PATCH", PROJECT, "update_project", JSON, run!(project::update)),
        Row::new("PUT", PROJECT, "update_project_put", JSON, run!(project::update)),
        Row::new("GET", LOCKS, "locks", NONE, run!(project::locks)),
        Row::new("GET", LOCK, "lock", NONE, run!(project::lock)),
        Row::new("PATCH", LOCK, "update_lock", JSON, run!(project::update_lock)),
        Row::new("POST", LOCK, "update_lock_post", JSON, run!(project::update_lock)),
        Row::new("GET", CODE, "temporary_code", NONE, run!(project::temporary_code)),
        Row::new("POST", BELOW, "create_subproject", JSON, run!(subproject::create)),
        Row::new("GET", BELOW, "subprojects", NONE, run!(subproject::list)),
        Row::new("GET", SUBPROJECT, "subproject", NONE, run!(subproject::get)),
        Row::new("PATCH", SUBPROJECT, "update_subproject", JSON, run!(subproject::update)),
        Row::new("PUT", SUBPROJECT, "update_subproject_put", JSON, run!(subproject::update)),
        Row::new("POST", LENT, "update_subproject_locks", JSON, run!(subproject::update_locks)),
        Row::new("GET", ALONE, "subproject_alone", NONE, run!(subproject::get)),
        Row::new("GET", BORROWED, "subproject_locks", NONE, run!(project::locks)),
        Row::new("GET", ONE_BORROWED, "subproject_lock", NONE, run!(project::lock)),
    ];
    table.extend(connections());
    table.extend(doorbells());
    table.extend(within!("/v2/projects/{project}"));
    table.extend(within!("/v2/subprojects/{subproject}"));
    table
}

fn connections() -> [Row; 6] {
    const LIST: &str = "/v2/projects/{project}/lock-connections";
    // Where one is made, a vendor stands in the place of the connection.
    const ONE: &str = "/v2/projects/{project}/lock-connections/{connection}";
    const METADATA: &str = "/v2/projects/{project}/lock-connections/{connection}/metadata";
    const REFRESH: &str = "/v2/projects/{project}/lock-connections/{connection}/refresh";
    [
        Row::new("GET", LIST, "lock_connections", NONE, run!(connection::list)),
        Row::new("POST", ONE, "create_lock_connection", JSON, run!(connection::create)),
        Row::new("GET", ONE, "lock_connection", NONE, run!(connection::get)),
        Row::new("PATCH", ONE, "update_lock_connection", JSON, run!(connection::update)),
        Row::new(
            "PATCH",
            METADATA,
            "update_lock_connection_metadata",
            JSON,
            run!(connection::update_metadata),
        ),
        Row::new("PUT", REFRESH, "refresh_lock_connection", NONE, run!(connection::refresh)),
    ]
}

fn doorbells() -> [Row; 7] {
    const LIST: &str = "/v2/projects/{project}/doorbells";
    const ONE: &str = "/v2/projects/{project}/doorbells/{doorbell}";
    const USERS: &str = "/v2/projects/{project}/doorbells/{doorbell}/lists/{list}";
    [
        Row::new("GET", LIST, "doorbells", NONE, run!(doorbell::list)),
        Row::new("POST", LIST, "create_doorbell", BULK, run!(doorbell::create)),
        Row::new("GET", ONE, "doorbell", NONE, run!(doorbell::get)),
        Row::new("PATCH", ONE, "update_doorbell", JSON, run!(doorbell::update)),
        Row::new("DELETE", ONE, "delete_doorbell", NONE, run!(doorbell::delete)),
        Row::new("PATCH", USERS, "update_doorbell_list", JSON, run!(doorbell::update_list)),
        Row::new("POST", USERS, "update_doorbell_list_post", JSON, run!(doorbell::update_list)),
    ]
}

const DISCOVERY: &str = "/v2/auth/resources-discovery";
const ORGANIZATION: &str = "/v2/organization/{organization}";
const PROJECTS: &str = "/v2/organization/{organization}/projects";
const PROJECT: &str = "/v2/projects/{project}";
const LOCKS: &str = "/v2/projects/{project}/locks";
const LOCK: &str = "/v2/projects/{project}/locks/{lock}";
const CODE: &str = "/v2/projects/{project}/vendor-operations/locks/{lock}/temporary-code";
const BELOW: &str = "/v2/projects/{project}/subprojects";
const SUBPROJECT: &str = "/v2/projects/{project}/subprojects/{subproject}";
const LENT: &str = "/v2/projects/{project}/subprojects/{subproject}/update-locks";
const ALONE: &str = "/v2/subprojects/{subproject}";
const BORROWED: &str = "/v2/subprojects/{subproject}/locks";
const ONE_BORROWED: &str = "/v2/subprojects/{subproject}/locks/{lock}";
