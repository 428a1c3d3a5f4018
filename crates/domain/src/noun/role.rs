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

/// Whether a program may give a role: it needs `roles:write` and all that the role may do. One that
/// acts by a role of its own gives what that one gives, short of `owner`.
#[must_use]
pub fn client_may_give(scopes: Scopes, own: Option<Role>, role: Role) -> bool {
    let holds = match own {
        Some(own) => role < Role::Owner && own.may_give(role),
        None => scopes.covers(role.scopes()),
    };
    role == Role::Guest || (scopes.has(Scope::RolesWrite) && holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gives_the_roles_that_it_holds_everything_of() {
        let may = |scopes: Scopes, own, role| client_may_give(scopes, own, role);
        for holder in Role::ALL.iter().copied() {
            let scopes = holder.scopes().with(Scope::RolesWrite);
            for role in Role::ALL.iter().copied() {
                assert_eq!(may(scopes, None, role), scopes.covers(role.scopes()), "{role:?}");
            }
            let without = Scopes(scopes.0 & !Scopes::NONE.with(Scope::RolesWrite).0);
            assert!(!may(without, None, Role::GuestManager), "{holder:?}");
            assert!(may(without, None, Role::Guest), "{holder:?}");
        }
        let few = Scopes::NONE.with(Scope::PeopleWrite).with(Scope::RolesWrite);
        assert!(!may(few, None, Role::Installer) && !may(few, None, Role::Administrator));
        assert!(may(few, Some(Role::Administrator), Role::Administrator));
        assert!(!may(few, Some(Role::Installer), Role::GuestManager));
        assert!(!may(Scopes::ALL, Some(Role::Owner), Role::Owner));
        // Every right to write is every right there is.
        let reads = |scope: &Scope| scope.as_str().ends_with(":read");
        let writes: Scopes = Scopes::ALL.iter().filter(|scope| !reads(scope)).collect();
        assert!(may(writes, None, Role::Owner));
    }
}
