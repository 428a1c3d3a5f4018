//! Tapkey's Management API v1: its rows. Its README is the contract, and stands below.
//!
#![doc = include_str!("README.md")]

mod auth;
mod error;
mod handlers;
mod login;
mod map;
mod odata;
mod page;
mod scope;
mod wire;

use claviger_app::consent;

use super::origin::Origins;
use super::serve::{BODY, Row, Switch, Takes, Vendor, run};
use handlers::{card, contact, grant, group, lock, log, owner, permission, user};

/// Settings of this API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether properties of bodies that are not known are passed over.
    pub ignore_unknown: bool,
}

/// How callers are let in and refused.
pub(crate) const VENDOR: Vendor = Vendor {
    name: "tapkey",
    base: "/compat/tapkey",
    switches: &[Switch {
        name: "ignore_unknown",
        field: |options| &mut options.tapkey.ignore_unknown,
    }],
    not_built: &[],
    credentials: |ctx, place| Box::pin(auth::credentials(ctx, place)),
    for_people: Some(|ctx, place, wish| Box::pin(auth::for_people(ctx, place, wish))),
    authenticate: auth::authenticate,
    refuse: error::trouble,
    canonical: Some(canonical),
    origins: Some(Origins { may_read: consent::is_origin, refuse: error::other_origin }),
};

const NONE: Takes = Takes::Nothing;
const JSON: Takes = Takes::Json(BODY);

const OWNERS: &str = "/api/v1/owners";
const OWNER: &str = "/api/v1/owners/{owner}";
const PERMISSIONS: &str = "/api/v1/owners/{owner}/permissions";
const PERMISSION: &str = "/api/v1/owners/{owner}/permissions/{permission}";
const CONTACTS: &str = "/api/v1/owners/{owner}/contacts";
const CONTACT: &str = "/api/v1/owners/{owner}/contacts/{contact}";
const GRANTS_OF: &str = "/api/v1/owners/{owner}/contacts/{contact}/grants";
const REVOKE_OF: &str = "/api/v1/owners/{owner}/contacts/{contact}/revokegrants";
const GRANTS: &str = "/api/v1/owners/{owner}/grants";
const GRANT: &str = "/api/v1/owners/{owner}/grants/{grant}";
const REVOKE: &str = "/api/v1/owners/{owner}/grants/{grant}/revoke";
const FROM_CARD: &str = "/api/v1/owners/{owner}/grants/{grant}/deletefromcard";
const LOCKS: &str = "/api/v1/owners/{owner}/boundlocks";
const LOCK: &str = "/api/v1/owners/{owner}/boundlocks/{lock}";
const ENTRIES_OF: &str = "/api/v1/owners/{owner}/boundlocks/{lock}/logentries";
const ENTRIES: &str = "/api/v1/owners/{owner}/logentries";
const USERS: &str = "/api/v1/owners/{owner}/identityproviders/{provider}/users";
const USER: &str = "/api/v1/owners/{owner}/identityproviders/{provider}/users/{user}";
const GROUPS: &str = "/api/v1/owners/{owner}/lockgroups";
const GROUP: &str = "/api/v1/owners/{owner}/lockgroups/{group}";
const CARDS: &str = "/api/v1/owners/{owner}/boundcards";
const CARD: &str = "/api/v1/owners/{owner}/boundcards/{card}";
const GRANTS_OF_CARD: &str = "/api/v1/owners/{owner}/boundcards/{card}/grants";
const REVOKE_OF_CARD: &str = "/api/v1/owners/{owner}/boundcards/{card}/revokegrants";
const AUTHORIZE: &str = "/connect/authorize";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/.well-known/openid-configuration/jwks";

/// Every row. Paths are in lower case; clients write them in any.
pub(crate) fn table() -> Vec<Row> {
    let form = Takes::JsonOrForm(BODY);
    vec![
        Row::new("GET", DISCOVERY, "discovery", NONE, run!(auth::discovery)).open(),
        Row::new("GET", KEYS, "keys", NONE, run!(auth::keys)).open(),
        Row::new("POST", "/connect/token", "token", form, run!(auth::token)).open(),
        Row::new("GET", AUTHORIZE, "authorize", NONE, run!(login::show)).open().page(),
        Row::new("POST", AUTHORIZE, "log_in", form, run!(login::submit)).open().page(),
        Row::new("GET", OWNERS, "owners", NONE, run!(owner::list)),
        Row::new("PUT", OWNERS, "create_owner", JSON, run!(owner::create)),
        Row::new("GET", OWNER, "owner", NONE, run!(owner::get)),
        Row::new("PATCH", OWNER, "update_owner", JSON, run!(owner::update)),
        Row::new("GET", PERMISSIONS, "permissions", NONE, run!(permission::list)),
        Row::new("PUT", PERMISSIONS, "create_permission", JSON, run!(permission::create)),
        Row::new("GET", PERMISSION, "permission", NONE, run!(permission::get)),
        Row::new("DELETE", PERMISSION, "delete_permission", NONE, run!(permission::delete)),
        Row::new("GET", CONTACTS, "contacts", NONE, run!(contact::list)),
        Row::new("PUT", CONTACTS, "create_contact", JSON, run!(contact::create)),
        Row::new("GET", CONTACT, "contact", NONE, run!(contact::get)),
        Row::new("PATCH", CONTACT, "update_contact", JSON, run!(contact::update)),
        Row::new("DELETE", CONTACT, "delete_contact", NONE, run!(contact::delete)),
        Row::new("GET", GRANTS_OF, "contact_grants", NONE, run!(contact::grants)),
        Row::new("POST", REVOKE_OF, "revoke_contact_grants", JSON, run!(contact::revoke_grants)),
        Row::new("GET", GRANTS, "grants", NONE, run!(grant::list)),
        Row::new("PUT", GRANTS, "create_grant", JSON, run!(grant::create)),
        Row::new("GET", GRANT, "grant", NONE, run!(grant::get)),
        Row::new("PATCH", GRANT, "update_grant", JSON, run!(grant::update)),
        Row::new("POST", REVOKE, "revoke_grant", JSON, run!(grant::revoke)),
        Row::new("POST", FROM_CARD, "delete_from_card", JSON, run!(grant::delete_from_card)),
        Row::new("GET", LOCKS, "bound_locks", NONE, run!(lock::list)),
        Row::new("PUT", LOCKS, "create_bound_lock", JSON, run!(lock::create)),
        Row::new("GET", LOCK, "bound_lock", NONE, run!(lock::get)),
        Row::new("PATCH", LOCK, "update_bound_lock", JSON, run!(lock::update)),
        Row::new("DELETE", LOCK, "delete_bound_lock", NONE, run!(lock::delete)),
        Row::new("GET", ENTRIES_OF, "lock_log_entries", NONE, run!(log::of_lock)),
        Row::new("GET", ENTRIES, "log_entries", NONE, run!(log::list)),
        Row::new("GET", USERS, "users", NONE, run!(user::list)),
        Row::new("PUT", USERS, "create_user", JSON, run!(user::create)),
        Row::new("GET", USER, "user", NONE, run!(user::get)),
        Row::new("GET", GROUPS, "lock_groups", NONE, run!(group::list)),
        Row::new("PUT", GROUPS, "create_lock_group", JSON, run!(group::create)),
        Row::new("GET", GROUP, "lock_group", NONE, run!(group::get)),
        Row::new("GET", CARDS, "bound_cards", NONE, run!(card::list)),
        Row::new("GET", CARD, "bound_card", NONE, run!(card::get)),
        Row::new("PATCH", CARD, "update_bound_card", JSON, run!(card::update)),
        Row::new("GET", GRANTS_OF_CARD, "card_grants", NONE, run!(card::grants)),
        Row::new("POST", REVOKE_OF_CARD, "revoke_card_grants", JSON, run!(card::revoke_grants)),
    ]
}

/// The path of a row that a path below the base means: names in lower case, ids as they are, and
/// without slashes that follow a slash, which clients leave that join addresses. In every row ids
/// stand at the odd places behind `/api/v1/owners`.
fn canonical(path: &str) -> String {
    let mut whole = String::with_capacity(path.len());
    for (at, part) in path.split('/').filter(|part| !part.is_empty()).enumerate() {
        whole.push('/');
        let is_id = at > 2 && at % 2 == 1;
        whole.push_str(&if is_id { part.to_owned() } else { part.to_ascii_lowercase() });
    }
    if whole.is_empty() { "/".to_owned() } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_ids_are_not() {
        for (path, meant) in [
            ("/api/v1/Owners/Ab/Contacts/", "/api/v1/owners/Ab/contacts"),
            (
                "/API/V1/owners/Ab/contacts/Cd/RevokeGrants",
                "/api/v1/owners/Ab/contacts/Cd/revokegrants",
            ),
            (
                "/api/v1/owners/Ab/IdentityProviders/Token/users",
                "/api/v1/owners/Ab/identityproviders/Token/users",
            ),
            ("//connect/authorize", "/connect/authorize"),
            ("/connect//Token/", "/connect/token"),
            ("/.well-known/openid-configuration", "/.well-known/openid-configuration"),
            ("/", "/"),
            ("", "/"),
        ] {
            assert_eq!(canonical(path), meant);
        }
    }

    #[test]
    fn rows_are_as_paths_are_made() {
        for row in table() {
            let parts = row.path.split('/').map(|part| match part.starts_with('{') {
                true => part.to_owned(),
                false => part.to_ascii_uppercase(),
            });
            let shouted = parts.collect::<Vec<_>>().join("/");
            assert_eq!(canonical(&shouted), row.path);
            // Ids stand where they are kept as they are, and nothing else does.
            let named = row.path.split('/').map(|part| match part.starts_with('{') {
                true => "Ab".to_owned(),
                false => part.to_owned(),
            });
            let named = named.collect::<Vec<_>>().join("/");
            assert_eq!(canonical(&named.replace("owners", "OWNERS")), named);
            assert_eq!(canonical(row.path), row.path, "{}", row.path);
            assert_eq!(row.path, row.path.to_ascii_lowercase());
        }
    }
}
