//! The change trail: who changed what, and whether it is whole.

use claviger_domain::ids::Id;
use claviger_domain::noun::scope::Scope;
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

/// Entries after `after`, in order, at most `limit`, and whether more follow.
///
/// # Errors
/// No such place.
pub async fn list(
    ctx: &Context,
    place: Id,
    after: u64,
    limit: usize,
) -> Result<(Vec<TrailRow>, bool), Error> {
    let place = ctx.authorize(place, Scope::ChangesRead)?;
    let range = TrailRange { after_seq: after, before_seq: None, newest_first: false };
    let mut rows = ctx.app.store().trail(place, range, bounded(limit + 1)).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows, more))
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
