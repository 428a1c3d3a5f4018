//! The domain, and what is in it: accesses that are open to programs, devices.

use claviger_app::{Paging, access_level, lock, place};
use claviger_domain::ids::Ref;
use claviger_domain::noun::lock::Lock;
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
    let shown = wire::domain(&seen.value, customer.as_deref());
    Ok(listing.answer(&call, vec![(seen.value.header.created_at, shown)]))
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
    let open = page.items.iter().filter(|level| level.api_enabled);
    let of = |lock: &Lock| settings(&ctx, lock);
    let shown = open.map(|level| (level.header.created_at, wire::access(level, &page.state, &of)));
    Ok(listing.answer(&call, shown.collect()))
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
    let shown = page.items.iter();
    let shown = shown.map(|lock| (lock.header.created_at, wire::device(lock, &page.state, &of)));
    Ok(listing.answer(&call, shown.collect()))
}

/// `GET /devices/{id}` and `GET /eventConfigurations/{id}`.
pub(crate) async fn device(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    ctx.authorize(own, Scope::LocksRead)?;
    let seen = lock::get(&ctx, own, &Ref::Id(id_of(&call)));
    let seen = seen.map_err(|_| Failure::missing("deviceNotFound"))?;
    Ok(answer(&call, &wire::device(&seen.value, &seen.state, &|lock| settings(&ctx, lock))))
}
