//! Roles of people in a place, and the rule that nobody gives what they do not hold.

use super::scope::{Scope, Scopes};
use super::words;

words! {
    /// One role a person has in a place, weakest first.
    Role {
        /// Own access only.
        Guest "guest",
        /// People, credentials and grants; sees no events.
        AppGuestManager "app_guest_manager",
        /// The same, and sees events.
        GuestManager "guest_manager",
        /// Locks, controllers, operating locks.
        Installer "installer",
        /// Everything but giving `owner`.
        Administrator "administrator",
        /// Everything.
        Owner "owner",
    }
}

/// What both managers of guests may do: give people what opens doors, and see what there is.
const GUESTS: &[Scope] = &[
    Scope::PlacesRead,
    Scope::PeopleWrite,
    Scope::CredentialsWrite,
    Scope::LocksRead,
    Scope::AccessLevelsRead,
    Scope::GrantsWrite,
    Scope::SchedulesRead,
];

/// What an installer may do. `roles:write` lets them make an installer of somebody, no more.
const INSTALLER: &[Scope] = &[
    Scope::PlacesRead,
    Scope::PeopleRead,
    Scope::LocksWrite,
    Scope::ControllersWrite,
    Scope::SchedulesRead,
    Scope::RolesWrite,
    Scope::LocksOperate,
];

impl Role {
    /// What somebody with this role may do in the place: the table of `docs/roles.md`.
    #[must_use]
    pub fn scopes(self) -> Scopes {
        let named = |scopes: &[Scope]| scopes.iter().copied().collect::<Scopes>();
        match self {
            Role::Guest => Scopes::NONE,
            Role::AppGuestManager => named(GUESTS),
            Role::GuestManager => named(GUESTS).with(Scope::EventsRead),
            Role::Installer => named(INSTALLER),
            // What the owner has beyond it keeps a program of an administrator's from giving
            // `owner`, which needs every scope.
            Role::Administrator => {
                Scopes::ALL.iter().filter(|it| *it != Scope::OrganizationWrite).collect()
            }
            Role::Owner => Scopes::ALL,
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
}

/// Whether a program may give a role: it needs `roles:write` and stops below `owner` unless it
/// holds every scope there is.
#[must_use]
pub fn client_may_give(scopes: Scopes, role: Role) -> bool {
    role == Role::Guest
        || (scopes.has(Scope::RolesWrite) && (role < Role::Owner || scopes == Scopes::ALL))
}
