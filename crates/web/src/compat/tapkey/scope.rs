//! The scopes there are: what each lets a program do, here and in words for people.

use claviger_domain::noun::scope::{Scope, Scopes};

/// One scope.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What it lets a program do, said to whoever is asked.
    pub(crate) words: &'static str,
    /// The same here; nothing of what is about the token itself.
    allows: &'static [Scope],
}

const fn row(name: &'static str, words: &'static str, allows: &'static [Scope]) -> Row {
    Row { name, words, allows }
}

pub(crate) static SCOPES: [Row; 12] = [
    row(
        "read:core:entities",
        "See people, locks, groups of locks and cards",
        &[Scope::PeopleRead, Scope::LocksRead, Scope::AccessLevelsRead, Scope::CredentialsRead],
    ),
    row(
        "write:core:entities",
        "Add, change and remove people, locks, groups of locks and cards",
        &[Scope::PeopleWrite, Scope::LocksWrite, Scope::AccessLevelsWrite, Scope::CredentialsWrite],
    ),
    row("read:grants", "See who may open what", &[Scope::GrantsRead]),
    row("write:grants", "Give and take away rights to open locks", &[Scope::GrantsWrite]),
    row("read:ip:users", "See users of identity providers", &[super::map::READ_USERS]),
    row("write:ip:users", "Add users of identity providers", &[super::map::WRITE_USERS]),
    row("read:logs", "See who opened which lock, and when", &[Scope::EventsRead]),
    row("read:owneraccounts", "See the places that you manage", &[Scope::PlacesRead]),
    row(
        "write:owneraccounts",
        "Add places, and change those that you manage",
        &[Scope::PlacesWrite],
    ),
    row("read:owneraccount:permissions", "See who else manages them", &[Scope::RolesRead]),
    row(
        "write:owneraccount:permissions",
        "Let others manage them, and take that back",
        &[Scope::RolesWrite],
    ),
    row(OFFLINE, "Do this also while you are away, until you end it", &[]),
];

/// Asks for a token that gives others.
const OFFLINE: &str = "offline_access";

/// What apps ask for whose users are an identity provider's. What these are for is not built.
const OF_APPS: [&str; 3] = ["register:mobiles", "read:user", "handle:keys"];

/// For whom scopes are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// A program by itself: it asks for another token with its secret.
    Itself,
    /// Somebody who is asked.
    Somebody,
    /// A user of an identity provider, who comes with another token of that.
    Subject,
}

/// The scopes that are given, each once: those asked for, all where none are. None where one is not
/// known. What nobody has a use for is left out.
pub(crate) fn granted(wanted: Option<&str>, whom: For) -> Option<String> {
    let wanted: Vec<&str> = wanted.unwrap_or_default().split_ascii_whitespace().collect();
    let is_known = |name: &&str| row_of(name).is_some() || is_of_apps(name, whom);
    if !wanted.iter().all(is_known) {
        return None;
    }
    let may_stay = |name: &&str| *name != OFFLINE || whom == For::Somebody;
    let mut names: Vec<&str> = Vec::new();
    for name in wanted.iter().copied().filter(may_stay) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if wanted.is_empty() {
        names.extend(SCOPES.iter().map(|row| row.name).filter(|name| *name != OFFLINE));
    }
    Some(names.join(" "))
}

fn is_of_apps(name: &str, whom: For) -> bool {
    whom == For::Subject && OF_APPS.contains(&name)
}

fn row_of(name: &str) -> Option<&'static Row> {
    SCOPES.iter().find(|row| row.name == name)
}

/// What the scopes of a token say to people.
pub(crate) fn in_words(scope: &str) -> Vec<&'static str> {
    scope.split(' ').filter_map(row_of).map(|row| row.words).collect()
}

/// Whether a program is given a token that gives others.
pub(crate) fn renews(scope: &str) -> bool {
    scope.split(' ').any(|name| name == OFFLINE)
}

/// What the scopes of a token allow.
pub(crate) fn allows(scope: &str) -> Scopes {
    scope.split(' ').filter_map(row_of).flat_map(|row| row.allows).copied().collect()
}

/// The scope that lets a program do what needs `scope`.
pub(crate) fn scope_for(scope: Scope) -> &'static str {
    SCOPES.iter().find(|row| row.allows.contains(&scope)).map_or("another scope", |row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_given_once_and_nothing_unknown() {
        let all = granted(None, For::Somebody).unwrap();
        assert_eq!(all.split(' ').count(), 11);
        assert!(!renews(&all), "{all}");
        let asked = Some("read:grants  offline_access read:grants");
        assert_eq!(granted(asked, For::Somebody).unwrap(), "read:grants offline_access");
        for whom in [For::Itself, For::Subject] {
            assert_eq!(granted(asked, whom).unwrap(), "read:grants");
            // Asking for nothing but what is left out is not asking for all.
            assert_eq!(granted(Some("offline_access"), whom).unwrap(), "");
        }
        assert_eq!(granted(Some("read:grants x"), For::Somebody), None);
        assert_eq!(granted(Some("handle:keys"), For::Somebody), None);
        assert_eq!(granted(Some("handle:keys"), For::Subject).unwrap(), "handle:keys");
    }

    #[test]
    fn scopes_mean_the_same_both_ways() {
        for row in &SCOPES {
            assert_eq!(in_words(row.name), [row.words]);
            assert_eq!(allows(row.name).iter().count(), row.allows.len(), "{}", row.name);
            for scope in row.allows {
                assert_eq!(scope_for(*scope), row.name);
            }
        }
        assert_eq!(allows(""), Scopes::NONE);
        assert!(!allows("read:grants").has(Scope::GrantsWrite));
        assert!(allows("write:grants read:logs").has(Scope::GrantsRead));
    }
}
