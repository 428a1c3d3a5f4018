//! The change trail: who changed what, and whether it is whole.

use claviger_domain::ids::Id;
use claviger_domain::noun::scope::Scope;
use claviger_store::{TrailRange, TrailRow};

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
