//! Units: the locks of the account, and who is logged on.

use std::collections::{HashMap, HashSet};

use claviger_app::{Context, Id, event, lock};
use claviger_domain::ids::{AccessLevelNumber, LockNumber, Noun};
use claviger_domain::noun::event::Event;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, SECOND};

use super::{Answered, at_account, list, named};
use crate::compat::serve::Call;
use crate::compat::trackunit::error::Failure;
use crate::compat::trackunit::params::Params;
use crate::compat::trackunit::{map, wire};

/// The longest there is to start after logging on.
const LONGEST_S: u32 = 90;
/// Filters by what is not known here, each with the code for what it names.
const UNKNOWN: [(&str, &str); 4] = [
    ("categoryId", "categoryNotFound"),
    ("clientId", "clientNotFound"),
    ("zoneId", "zoneNotFound"),
    ("pointId", "pointNotFound"),
];

/// `GetUnit`: those that all filters let through.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    let (id, group) = (params.id("id"), params.id("groupId"));
    let [serial, reference] = ["serialNumber", "referenceNumber"].map(|name| params.text(name));
    let unknown = UNKNOWN.map(|(name, code)| params.text(name).map(|named| (name, code, named)));
    let around = around(&mut params);
    params.refuse()?;
    if let Some((name, code, named)) = unknown.into_iter().flatten().next() {
        return Err(Failure::missing(code, name, &named));
    }
    let state = ctx.read(account, Scope::LocksRead)?;
    if let Some(number) = id {
        named(&state, Noun::Lock, number, "id")?;
    }
    if let Some(number) = group {
        named(&state, Noun::AccessLevel, number, "groupId")?;
    }
    let now = call.app.now();
    let let_in =
        event::last_let_in(&ctx, account, now.plus(-i64::from(LONGEST_S) * SECOND)).await?;
    let in_group: Option<HashSet<LockNumber>> =
        group.map(|it| state.level_locks(AccessLevelNumber(it)).map(|it| it.lock).collect());
    let fits = |wanted: &Option<String>, has: Option<String>| {
        wanted.as_ref().is_none_or(|wanted| has.as_ref() == Some(wanted))
    };
    // Nothing here says where a unit is.
    let wanted = state.locks.iter().filter(|lock| {
        !around
            && id.is_none_or(|number| lock.header.number == number)
            && fits(&serial, lock.header.external_id.clone())
            && fits(&reference, wire::reference(lock))
            && in_group.as_ref().is_none_or(|locks| locks.contains(&lock.number()))
    });
    let shown = wanted.map(|lock| {
        let owner = lock::owner(&ctx, lock);
        let settings = owner.as_ref().map_or(lock, |(_, settings)| settings);
        wire::unit(lock, settings, logged_on(&state, &let_in, lock.number(), now))
    });
    Ok(list(shown.collect()))
}

/// The key that may start a unit: the one let in last, while the time to start runs.
fn logged_on(
    state: &PlaceState,
    let_in: &HashMap<LockNumber, Event>,
    lock: LockNumber,
    now: Instant,
) -> Option<u32> {
    let event = let_in.get(&lock)?;
    let credential = state.credentials.get(event.subject.credential?)?;
    if !map::is_key(credential) {
        return None;
    }
    let hints = credential.session.unwrap_or(map::HINTS);
    let left = event.occurred_at.plus(i64::from(hints.start_within_s) * SECOND) > now;
    left.then_some(credential.header.number)
}

/// Whether units around a point are wanted, which must be one.
fn around(params: &mut Params) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|it| it.is_finite());
    let point = params.read("point", "must be latitude,longitude", |text| {
        let (latitude, longitude) = text.split_once(',')?;
        let (latitude, longitude) = (number(latitude)?, number(longitude)?);
        (latitude.abs() <= 90.0 && longitude.abs() <= 180.0).then_some(())
    });
    let right = "must be kilometres, more than 0 and less than 40000";
    params.read("radius", right, |text| {
        number(text).filter(|radius| *radius > 0.0 && *radius < 40_000.0)
    });
    point.is_some()
}

/// The lock a report is about.
///
/// # Errors
/// 404.
pub(super) fn find(
    ctx: &Context,
    account: Id,
    number: u32,
    parameter: &str,
) -> Result<claviger_domain::ids::Ref, Failure> {
    let state = ctx.read(account, Scope::LocksRead)?;
    named(&state, Noun::Lock, number, parameter)
}
