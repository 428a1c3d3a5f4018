//! Roles of people in a place, and the rule that nobody gives what they do not hold.

use super::scope::{Scope, Scopes};
use super::words;

words! {
    /// One role a person has in a place, weakest first.
    Role {
        /// Own access only.
        Guest "guest",
        /// People, credentials and grants, from the app.
        AppGuestManager "app_guest_manager",
        /// People, credentials and grants.
        GuestManager "guest_manager",
        /// Locks, controllers, operating locks.
        Installer "installer",
        /// Everything but giving `owner`.
        Administrator "administrator",
        /// Everything.
        Owner "owner",
    }
}

impl Role {
    /// What somebody with this role may do in the place.
    #[must_use]
    pub fn scopes(self) -> Scopes {
        match self {
            Role::Administrator | Role::Owner => Scopes::ALL,
            Role::Guest | Role::AppGuestManager | Role::GuestManager | Role::Installer => {
                Scopes::NONE
            }
        }
    }

    /// Whether somebody with this role may give `other` to a person.
    #[must_use]
    pub fn may_give(self, other: Role) -> bool {
        match self {
            Role::Owner => true,
            Role::Administrator => other < Role::Owner,
            Role::Installer => other == Role::Installer,
            Role::Guest | Role::AppGuestManager | Role::GuestManager => false,
        }
    }

    /// Whether this role can be set in this version; the others are refused with `not_built`.
    #[must_use]
    pub fn is_built(self) -> bool {
        matches!(self, Role::Guest | Role::Administrator | Role::Owner)
    }
}

/// Whether a program may give a role: it needs `roles:write` and stops below `owner` unless it
/// holds every scope there is.
#[must_use]
pub fn client_may_give(scopes: Scopes, role: Role) -> bool {
    role == Role::Guest
        || (scopes.has(Scope::RolesWrite) && (role < Role::Owner || scopes == Scopes::ALL))
}
