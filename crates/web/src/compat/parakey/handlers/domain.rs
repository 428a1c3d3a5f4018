//! The domain, and what is in it: accesses that are open to programs, devices.

use claviger_app::{Paging, access_level, lock, place};
use claviger_domain::ids::Ref;
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::lock::Lock;
use claviger_domain::noun::place::Place;
use claviger_domain::noun::scope::Scope;

use super::{Answered, Listing, answer, at_domain, id_of, settings};
use crate::compat::parakey::error::Failure;
use crate::compat::parakey::wire;
use crate::compat::serve::Call;

const BY_NAME: &[&str] = &["createdAt", "name"];

/// `GET /domains`: the one the token is for.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let listing = Listing::of(&call, BY_NAME)?;
    let seen = place::get(&ctx, own)?;
    let customer = place::organization_of(&ctx, &seen.value);
    let about = |place: &Place| (place.header.created_at, place.name.clone());
    let shown = |place: &Place| Some(wire::domain(place, customer.as_deref()));
    Ok(listing.answer(&call, std::iter::once(&*seen.value), about, shown).await)
}

/// `GET /domains/{id}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    if id_of(&call) != own {
        return Err(Failure::missing("domainNotFound"));
    }
    let seen = place::get(&ctx, own)?;
    let customer = place::organization_of(&ctx, &seen.value);
    Ok(answer(&call, &wire::domain(&seen.value, customer.as_deref())))
}

/// `GET /accesses`.
pub(crate) async fn accesses(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let listing = Listing::of(&call, BY_NAME)?;
    let page = access_level::list(&ctx, own, Paging::ALL)?;
    let open = page.items.iter().map(|level| &**level).filter(|level| level.api_enabled);
    let of = |lock: &Lock| settings(&ctx, lock);
    let about = |level: &AccessLevel| (level.header.created_at, level.name.clone());
    let shown = |level: &AccessLevel| Some(wire::access(level, &page.state, &of));
    Ok(listing.answer(&call, open, about, shown).await)
}

/// `GET /accesses/{id}`.
pub(crate) async fn access(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let seen = access_level::get(&ctx, own, &Ref::Id(id_of(&call)));
    let seen = seen.ok().filter(|seen| seen.value.api_enabled);
    ctx.authorize(own, Scope::AccessLevelsRead)?;
    let seen = seen.ok_or_else(|| Failure::missing("accessNotFound"))?;
    Ok(answer(&call, &wire::access(&seen.value, &seen.state, &|lock| settings(&ctx, lock))))
}

/// `GET /devices` and `GET /eventConfigurations`.
pub(crate) async fn devices(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let listing = Listing::of(&call, BY_NAME)?;
    let page = lock::list(&ctx, own, Paging::ALL)?;
    let of = |lock: &Lock| settings(&ctx, lock);
    let about = |lock: &Lock| {
        let own = of(lock);
        (lock.header.created_at, own.as_deref().unwrap_or(lock).name.clone())
    };
    let shown = |lock: &Lock| Some(wire::device(lock, &page.state, &of));
    Ok(listing.answer(&call, page.items.iter().map(|lock| &**lock), about, shown).await)
}

/// `GET /devices/{id}` and `GET /eventConfigurations/{id}`.
pub(crate) async fn device(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    ctx.authorize(own, Scope::LocksRead)?;
    let seen = lock::get(&ctx, own, &Ref::Id(id_of(&call)));
    let seen = seen.map_err(|_| Failure::missing("deviceNotFound"))?;
    Ok(answer(&call, &wire::device(&seen.value, &seen.state, &|lock| settings(&ctx, lock))))
}
