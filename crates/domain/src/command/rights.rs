//! What a credential opens by grants of its own, set by those who see the credential with its
//! targets rather than grants.

use std::collections::BTreeSet;

use super::common::close_grants;
use super::credential::find;
use super::grant::{NewGrant, create};
use crate::draft::Draft;
use crate::ids::{AccessLevelNumber, CredentialNumber, GrantNumber};
use crate::noun::CloseReason;
use crate::noun::grant::{Grant, Right, Source, Subject, Target};
use crate::refusal::Refusal;
use crate::state::PlaceState;

/// What becomes of the rights that a credential has of its own to open.
#[derive(Clone, Copy, Debug)]
pub struct Rights<'r> {
    /// Whether what is not in `add` is taken back first.
    pub clear: bool,
    /// Where it is to open.
    pub add: &'r [Target],
    /// Where it is not to open.
    pub remove: &'r [Target],
    /// Through what rights are given.
    pub source: Source,
}

/// Gives a credential rights of its own and takes them back; says whether anything changed. Where
/// it has an open grant without a window and a schedule already, none is given; taking back closes
/// all it has to a target.
///
/// # Errors
/// Not found; a target that is not there.
pub fn set_rights(
    draft: &mut Draft,
    number: CredentialNumber,
    rights: &Rights<'_>,
) -> Result<bool, Refusal> {
    find(&draft.state, number)?;
    let goes = |grant: &Grant| {
        let stays = rights.add.contains(&grant.target) && grant.is_plain();
        rights.remove.contains(&grant.target) || (rights.clear && !stays)
    };
    let leaving: Vec<GrantNumber> =
        own(&draft.state, number).filter(|it| goes(it)).map(Grant::number).collect();
    let mut changed = close_grants(draft, leaving, CloseReason::Revoked) > 0;
    let subject = Subject::Credential(number);
    for target in rights.add {
        if draft.state.grants_between(subject, *target).any(|grant| grant.is_plain()) {
            continue;
        }
        create(draft, &NewGrant::plain(subject, *target, rights.source))?;
        changed = true;
    }
    Ok(changed)
}

/// Makes the levels that a credential opens by grants of its own exactly these. What it has
/// straight at locks, and what its person has, stays. Says whether anything changed.
///
/// # Errors
/// Not found; a level that is not there.
pub fn set_levels(
    draft: &mut Draft,
    number: CredentialNumber,
    levels: &[AccessLevelNumber],
    source: Source,
) -> Result<bool, Refusal> {
    let others = own(&draft.state, number).map(|grant| grant.target);
    let remove: Vec<Target> = others
        .filter(|it| matches!(it, Target::AccessLevel(level) if !levels.contains(level)))
        .collect();
    let add: Vec<Target> = levels.iter().copied().map(Target::AccessLevel).collect();
    set_rights(draft, number, &Rights { clear: false, add: &add, remove: &remove, source })
}

/// The levels that a credential opens at any time by grants of its own, in order of number.
#[must_use]
pub fn levels_of(state: &PlaceState, credential: CredentialNumber) -> BTreeSet<AccessLevelNumber> {
    own(state, credential)
        .filter(|grant| grant.is_plain())
        .filter_map(|grant| match grant.target {
            Target::AccessLevel(level) => Some(level),
            Target::Lock(_) => None,
        })
        .collect()
}

/// The open grants to open that a credential has of its own.
fn own(state: &PlaceState, credential: CredentialNumber) -> impl Iterator<Item = &Grant> {
    let reaches = state.credential_reach(credential).iter();
    let grants = reaches.filter_map(|reach| state.grants.get(reach.grant())).map(|grant| &**grant);
    grants.filter(|grant| grant.right == Right::Open)
}
