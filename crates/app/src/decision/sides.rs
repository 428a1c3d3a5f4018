//! The places a lock is in: its owner, and those it is shared to. Must not decide anything.

use std::sync::Arc;

use claviger_domain::decision::Door;
use claviger_domain::ids::{LockNumber, Noun, PlaceNumber};
use claviger_domain::noun::lock::Privacy;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use claviger_store::ClosedGrants;

use super::{Found, access, recognised};
use crate::App;
use crate::context::Context;
use crate::error::Error;

/// One place's view of the lock: its state, and the lock's number there.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) state: Arc<PlaceState>,
    pub(crate) lock: LockNumber,
}

impl Side {
    pub(crate) fn place(&self) -> PlaceNumber {
        self.state.place.number()
    }

    /// Whether the owner's lock is lent to a place as the lock it has there.
    pub(super) fn is_lent_to(&self, own: &Side) -> bool {
        let shares = self.state.lock_shares(self.lock).iter();
        shares
            .filter_map(|share| self.state.shares.get(share))
            .any(|share| share.place == own.place() && share.as_lock == Some(own.lock))
    }

    /// The places that have this lock of the owner's, with its number there, but for one of them.
    fn shared_to(&self, but: PlaceNumber) -> Vec<(PlaceNumber, LockNumber)> {
        let shares = self.state.lock_shares(self.lock).iter();
        shares
            .filter_map(|share| self.state.shares.get(share))
            .filter(|share| share.place != but)
            .filter_map(|share| Some((share.place, share.as_lock?)))
            .collect()
    }
}

/// The places a lock is in: the owner, and every place that has accepted it.
pub(crate) struct Sides {
    pub(crate) owner: Side,
    /// The place that is asked, which may be the owner.
    pub(crate) own: Side,
    /// The others.
    pub(crate) others: Vec<Side>,
}

impl Sides {
    /// The sides of a lock as `own` knows it.
    pub(crate) fn of(app: &App, own: Side) -> Result<Sides, Error> {
        let lock = own.state.locks.get(own.lock).ok_or(Error::not_found(Noun::Lock))?;
        let owner = match lock.borrowed {
            None => own.clone(),
            Some((place, lock)) => Side { state: app.state(place)?, lock },
        };
        let mut others = Vec::new();
        for (place, lock) in owner.shared_to(own.place()) {
            others.push(Side { state: app.state(place)?, lock });
        }
        Ok(Sides::with(owner, own, others))
    }

    /// The same at an instant gone by, each place as it was but for its grants; `own` is as it was
    /// already.
    pub(super) async fn then(ctx: &Context, own: Side, at: Instant) -> Result<Sides, Error> {
        let lock = own.state.locks.get(own.lock).ok_or(Error::not_found(Noun::Lock))?;
        let owner = match lock.borrowed {
            None => own.clone(),
            Some((place, lock)) => {
                Side { state: access::as_of(ctx, &ctx.app.state(place)?, at, "/at").await?, lock }
            }
        };
        // It may have been taken back and lent again since.
        if lock.borrowed.is_some() && !owner.is_lent_to(&own) {
            return Err(Error::not_found(Noun::Lock));
        }
        let mut others = Vec::new();
        for (place, lock) in owner.shared_to(own.place()) {
            let state = access::as_of(ctx, &ctx.app.state(place)?, at, "/at").await?;
            others.push(Side { state, lock });
        }
        Ok(Sides::with(owner, own, others))
    }

    fn with(owner: Side, own: Side, mut others: Vec<Side>) -> Sides {
        if owner.place() != own.place() {
            others.insert(0, owner.clone());
        }
        Sides { owner, own, others }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Side> {
        std::iter::once(&self.own).chain(&self.others)
    }

    /// Turns back, of all that decide, the grants of whom they recognise in what was presented.
    pub(super) async fn with_grants_of(
        &mut self,
        ctx: &Context,
        found: &Found,
        at: Instant,
    ) -> Result<(), Error> {
        let own = self.own.clone();
        for side in std::iter::once(&mut self.own).chain(&mut self.others) {
            let which: Vec<ClosedGrants> = recognised(&ctx.app, found, side, &own)
                .map(|it| it.subjects().map(ClosedGrants::Of).collect())
                .unwrap_or_default();
            side.state = access::with_grants(ctx, &side.state, at, &which).await?;
        }
        Ok(())
    }

    /// What events at the lock keep; the owner's to say.
    pub(super) fn privacy(&self) -> Privacy {
        let lock = self.owner.state.locks.get(self.owner.lock);
        lock.map_or(Privacy::Full, |lock| lock.privacy)
    }

    pub(crate) fn door(&self) -> Result<Door<'_>, Error> {
        Door::at(&self.owner.state, self.owner.lock).ok_or(Error::not_found(Noun::Lock))
    }
}
