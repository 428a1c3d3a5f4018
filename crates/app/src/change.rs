//! The change trail: who changed what, and whether it is whole.

use std::collections::HashMap;

use claviger_domain::ids::{Id, Noun};
use claviger_domain::noun::scope::Scope;
use claviger_store::Reason;
use claviger_store::TrailRange;
pub use claviger_store::TrailRow;

use crate::context::Context;
use crate::error::Error;
use crate::read::bounded;

/// What a look over the whole trail found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries were looked at.
    pub checked: u64,
    /// The first that does not follow from the one before.
    pub first_broken: Option<u64>,
}

/// An entry, and why it was done where somebody said so.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What stands in the trail.
    pub row: TrailRow,
    /// The words, while they are kept and where the caller may read what they are about.
    pub reason: Option<String>,
}

/// Entries after `after`, in order, at most `limit`, and whether more follow; of one object alone
/// where one is named, also after it is gone.
///
/// # Errors
/// No such place; no such object.
pub async fn list(
    ctx: &Context,
    place: Id,
    after: u64,
    limit: usize,
    object: Option<Id>,
) -> Result<(Vec<Entry>, bool), Error> {
    let place = ctx.authorize(place, Scope::ChangesRead)?;
    let range = TrailRange { after_seq: after, object, ..TrailRange::default() };
    let mut rows = ctx.app.store().trail(place, range, bounded(limit + 1)).await?;
    if let Some(object) = object
        && rows.is_empty()
        && after == 0
    {
        // One that came with something else has no change of its own, and is there all the same.
        let state = ctx.app.state(place)?;
        if Noun::ALL.iter().all(|noun| state.number_of(*noun, object).is_none()) {
            // What it would be nobody knows; it is no place of the caller's either.
            return Err(Error::not_found(Noun::Place));
        }
    }
    let more = rows.len() > limit;
    rows.truncate(limit);
    let (first, last) = (rows.first().map_or(1, |row| row.seq), rows.last().map_or(0, |it| it.seq));
    let mut reasons: HashMap<u64, Reason> = HashMap::new();
    if first <= last {
        let found = ctx.app.store().reasons(place, first, last).await?;
        reasons.extend(found.into_iter().map(|reason| (reason.seq, reason)));
    }
    let scopes = ctx.scopes_in(place).unwrap_or_default();
    let entry = |row: TrailRow| {
        let reason = reasons.remove(&row.seq).filter(|it| scopes.has(scope_of(it.noun)));
        Entry { row, reason: reason.map(|reason| reason.words) }
    };
    Ok((rows.into_iter().map(entry).collect(), more))
}

/// What one must be allowed to read to be told why something was done to such a thing.
fn scope_of(noun: Noun) -> Scope {
    match noun {
        Noun::Grant => Scope::GrantsRead,
        Noun::Lock | Noun::Share => Scope::LocksRead,
        Noun::Credential => Scope::CredentialsRead,
        _ => Scope::PeopleRead,
    }
}

/// Looks over the whole trail of a place.
///
/// # Errors
/// No such place.
pub async fn verify(ctx: &Context, place: Id) -> Result<Verified, Error> {
    let place = ctx.authorize(place, Scope::ChangesRead)?;
    let found = ctx.app.store().verify_trail(place).await?;
    Ok(Verified { checked: found.checked, first_broken: found.first_broken })
}

/// The public id of an entry: made of its hash, as it never changes.
#[must_use]
pub fn id(row: &TrailRow) -> Id {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&row.hash[..16]);
    // A UUIDv8 (RFC 9562): what is in it is our affair.
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    Id(bytes)
}
