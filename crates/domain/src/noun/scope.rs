//! The one table of scopes: what a token may do. Where it may is the token's places.

macro_rules! scopes {
    ($($scope:ident $text:literal,)*) => {
        /// One permission.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Scope { $(#[doc = $text] $scope,)* }

        impl Scope {
            /// All scopes, in the order they are written.
            pub const ALL: &[Scope] = &[$(Scope::$scope,)*];
            /// Their texts, in the same order.
            pub const WORDS: &[&str] = &[$($text,)*];

            /// The text in tokens and documents.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Scope::$scope => $text,)* }
            }

            /// The scope with that text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Scope> {
                match text { $($text => Some(Scope::$scope),)* _ => None }
            }
        }
    };
}

scopes! {
    OrganizationRead "organization:read",
    OrganizationWrite "organization:write",
    PlacesRead "places:read",
    PlacesWrite "places:write",
    PeopleRead "people:read",
    PeopleWrite "people:write",
    CredentialsRead "credentials:read",
    CredentialsWrite "credentials:write",
    LocksRead "locks:read",
    LocksWrite "locks:write",
    ControllersRead "controllers:read",
    ControllersWrite "controllers:write",
    AccessLevelsRead "access_levels:read",
    AccessLevelsWrite "access_levels:write",
    GrantsRead "grants:read",
    GrantsWrite "grants:write",
    SchedulesRead "schedules:read",
    SchedulesWrite "schedules:write",
    EventsRead "events:read",
    EventsWrite "events:write",
    WebhooksRead "webhooks:read",
    WebhooksWrite "webhooks:write",
    ClientsRead "clients:read",
    ClientsWrite "clients:write",
    RolesRead "roles:read",
    RolesWrite "roles:write",
    ChangesRead "changes:read",
    ChangesWrite "changes:write",
    DecisionsMake "decisions:make",
    LocksOperate "locks:operate",
    DevicesSync "devices:sync",
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Scopes(pub u64);

impl Scopes {
    /// None.
    pub const NONE: Scopes = Scopes(0);
    /// Every one.
    pub const ALL: Scopes = Scopes((1 << Scope::ALL.len()) - 1);

    /// Whether the set allows `scope`; the right to write includes the right to read.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        let bit = 1u64 << scope as u8;
        let implied = if scope.as_str().ends_with(":read") { bit << 1 } else { 0 };
        self.0 & (bit | implied) != 0
    }

    /// Whether everything `other` allows is allowed here too.
    #[must_use]
    pub fn covers(self, other: Scopes) -> bool {
        other.iter().all(|scope| self.has(scope))
    }

    /// What both sets allow: the right to write in one and to read in the other is the right to
    /// read.
    #[must_use]
    pub fn and(self, other: Scopes) -> Scopes {
        if self == other {
            return self;
        }
        let within = |some: Scopes, all: Scopes| some.iter().filter(move |scope| all.has(*scope));
        within(self, other).chain(within(other, self)).collect()
    }

    /// The scopes named in the set (implied ones are not listed).
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.0 & (1 << *scope as u8) != 0)
    }

    /// What either set allows.
    #[must_use]
    pub fn or(self, other: Scopes) -> Scopes {
        Scopes(self.0 | other.0)
    }

    /// The set with `scope` in it.
    #[must_use]
    pub fn with(self, scope: Scope) -> Scopes {
        Scopes(self.0 | 1 << scope as u8)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Scopes {
        scopes.into_iter().fold(Scopes::NONE, Scopes::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_implies_read_of_the_same_noun_only() {
        let set: Scopes = [Scope::LocksWrite, Scope::DecisionsMake].into_iter().collect();
        assert!(set.has(Scope::LocksRead) && set.has(Scope::LocksWrite));
        assert!(!set.has(Scope::ControllersRead) && !set.has(Scope::LocksOperate));
        assert!(Scopes::ALL.covers(set) && !set.covers(Scopes::ALL));
        for pair in Scope::ALL.chunks(2).take(14) {
            let noun = pair[0].as_str().strip_suffix(":read").unwrap();
            assert_eq!(pair[1].as_str(), format!("{noun}:write"));
        }
    }
}
