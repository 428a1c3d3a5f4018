//! Bound locks: the locks of a place, and those that are shared to it.

use claviger_app::lock::{self, LockWish};
use claviger_app::{Error, Id, Paging, Refusal};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::lock::{Lock, LockEdit, LockMode};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;

use super::listing::{each, listed};
use super::shower::Shower;
use super::{
    Answered, answer, at_owner, expanded, fields_of, named, none_of, nothing, options,
    without_parameters,
};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::map;
use crate::compat::tapkey::wire::{self, Expanded};

/// What may be asked for beside what is always shown.
const EXPANDED: [&str; 3] = [FEATURES, MEMBERSHIPS, HEALTH];
const FEATURES: &str = "supportedFeatures";
const MEMBERSHIPS: &str = "membershipStatistics";
const HEALTH: &str = "healthStatuses";

/// The lock that the path names.
pub(super) fn lock(call: &Call) -> Result<Ref, Failure> {
    named(call, "lock", Noun::Lock)
}

fn more(asked: &[&str], state: &PlaceState, lock: &Lock) -> Expanded {
    let joined = || state.lock_levels(lock.number()).iter().count();
    Expanded {
        features: asked.contains(&FEATURES),
        health: asked.contains(&HEALTH),
        joined: asked.contains(&MEMBERSHIPS).then(joined),
    }
}

/// `GET /owners/{owner}/boundlocks`: all of them, oldest first.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    let page = lock::list(&ctx, owner, Paging::ALL)?;
    let (asked, others) = expanded(&call, &EXPANDED)?;
    let query = options(&others, wire::LOCK)?;
    let all = |passed| {
        let (asked, state) = (asked.clone(), page.state.clone());
        let shower = Shower::new(ctx.clone(), owner, page.state.clone());
        each(&page.items, passed, move |it| Some(shower.lock(it, more(&asked, &state, it))))
    };
    listed(query, all).await
}

/// `GET /owners/{owner}/boundlocks/{lock}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    let seen = lock::get(&ctx, owner, &lock(&call)?)?;
    let (asked, others) = expanded(&call, &EXPANDED)?;
    none_of(&others)?;
    let shower = Shower::new(ctx, owner, seen.state.clone());
    Ok(answer(&shower.lock(&seen.value, more(&asked, &seen.state, &seen.value))))
}

/// `PUT /owners/{owner}/boundlocks`: binds a lock that nobody has bound.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::LocksWrite)?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["physicalLockId", "bindingCode", "title", "description"], &mut wrongs);
    let physical = body.must("physicalLockId", &mut wrongs);
    let bound = physical.and_then(map::bound);
    let reason = "must be 1 to 64 bytes in base64";
    wrongs.check(physical.is_none() || bound.is_some(), "physicalLockId", reason);
    body.must("bindingCode", &mut wrongs);
    body.sized("bindingCode", 1, 200, &mut wrongs);
    let (name, description) = map::named(&body, &mut wrongs);
    wrongs.check(name.is_some() || body.has("title"), "title", "is required");
    refuse(wrongs)?;
    let edit = LockEdit {
        external_id: Some(bound),
        name,
        description,
        mode: Some(LockMode::OfflineKeys),
        ..LockEdit::default()
    };
    let wish = LockWish { edit, ..LockWish::default() };
    let made = lock::create_sole(&ctx, owner, wish).await.map_err(|error| match error {
        Error::Refused(Refusal::Taken(_)) => Failure::forbidden("The lock is bound already."),
        other => other.into(),
    })?;
    let made = made.done().ok_or(Error::Internal)?;
    shown(&ctx, owner, &made)
}

fn shown(ctx: &claviger_app::Context, owner: Id, lock: &Lock) -> Answered {
    let seen = lock::get(ctx, owner, &Ref::Id(lock.header.id))?;
    let shower = Shower::new(ctx.clone(), owner, seen.state.clone());
    Ok(answer(&shower.lock(&seen.value, Expanded::default())))
}

/// `PATCH /owners/{owner}/boundlocks/{lock}`.
pub(crate) async fn update(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::LocksWrite)?;
    let reference = lock(&call)?;
    lock::get(&ctx, owner, &reference)?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["title", "description"], &mut wrongs);
    let (name, description) = map::named(&body, &mut wrongs);
    refuse(wrongs)?;
    let edit = LockEdit { name, description, ..LockEdit::default() };
    let wish = LockWish { edit, ..LockWish::default() };
    let made = lock::edit(&ctx, owner, reference, wish).await?.done().ok_or(Error::Internal)?;
    shown(&ctx, owner, &made)
}

/// `DELETE /owners/{owner}/boundlocks/{lock}`: with every right to it.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::LocksWrite)?;
    let reference = lock(&call)?;
    lock::get(&ctx, owner, &reference)?;
    without_parameters(&call)?;
    lock::delete(&ctx, owner, reference).await?;
    Ok(nothing())
}
