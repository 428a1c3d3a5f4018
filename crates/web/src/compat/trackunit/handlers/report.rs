//! Reports: which unit a key was let in at, and which keys a unit let in. What machines measure is
//! not known here.

use claviger_app::event::{self, EventWish};
use claviger_app::{Context, Id};
use claviger_domain::noun::event::Event;
use claviger_domain::noun::scope::Scope;
use claviger_domain::time::{DAY, Instant, Window};

use super::{Answered, at_account, key, list, unit};
use crate::compat::serve::Call;
use crate::compat::trackunit::error::Failure;
use crate::compat::trackunit::params::Params;
use crate::compat::trackunit::{map, wire};

/// The longest time one report is about.
const LONGEST: i64 = 30 * DAY;
/// The most rows of one report.
const MOST_ROWS: usize = 100_000;
/// How many events are read at once.
const CHUNK: usize = 1000;

/// `Report/KeyHistory`: where a key was let in.
pub(crate) async fn of_key(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["keyId", "from", "to"]);
    let number = params.id("keyId").unwrap_or_default();
    let occurred = window(&mut params, "from", "to");
    params.refuse()?;
    let credential = Some(key::that_was(&ctx, account, number, "keyId").await?);
    let wish = EventWish { credential, occurred, ..EventWish::default() };
    let events = events(&ctx, account, wish).await?;
    Ok(list(events.iter().map(wire::of_key).collect()))
}

/// `Report/UnitHistory`: whom a unit let in.
pub(crate) async fn of_unit(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["unitId", "from", "to"]);
    let number = params.id("unitId").unwrap_or_default();
    let occurred = window(&mut params, "from", "to");
    params.refuse()?;
    let lock = Some(unit::find(&ctx, account, number, "unitId")?);
    let wish = EventWish { lock, occurred, ..EventWish::default() };
    let events = events(&ctx, account, wish).await?;
    let state = ctx.read(account, Scope::LocksRead)?;
    Ok(list(events.iter().map(|event| wire::of_unit(event, map::key(&state, event))).collect()))
}

/// The time a report is about.
fn window(params: &mut Params, from: &str, to: &str) -> Window {
    let (begin, end) = (params.instant(from), params.instant(to));
    if let (Some(begin), Some(end)) = (begin, end) {
        params.wrongs.check(begin <= end, to, &format!("must not be before {from}"));
        let short = end.0.saturating_sub(begin.0) <= LONGEST;
        params.wrongs.check(short, to, &format!("must be at most 30 days after {from}"));
    }
    Window { from: begin, until: end.or(Some(Instant::MIN)) }
}

/// The events that let somebody in, in the order they happened.
async fn events(ctx: &Context, account: Id, mut wish: EventWish) -> Result<Vec<Event>, Failure> {
    wish.granted = Some(true);
    let mut events: Vec<Event> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.seq);
        let page = event::list(ctx, account, after, CHUNK, &wish).await?;
        events.extend(page.events);
        if events.len() > MOST_ROWS {
            return Err(Failure::field("to", "must be sooner: there are more than 100000 rows"));
        }
        if !page.more {
            events.sort_by_key(|event| event.occurred_at);
            return Ok(events);
        }
    }
}

/// `Report/UnitSummary`: what a unit did on a day, of which nothing is known here.
pub(crate) async fn summary(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["date"]);
    params.instant("date");
    let name = if params.has("id") { "id" } else { "unitId" };
    let number = params.id(name);
    params.refuse()?;
    if let Some(number) = number {
        unit::find(&ctx, account, number, name)?;
    }
    Ok(list(Vec::new()))
}

/// `Report/Trip`: where a machine went, of which nothing is known here.
pub(crate) async fn trip(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["dateFrom", "dateTo"]);
    window(&mut params, "dateFrom", "dateTo");
    let (number, key) = (params.id("unitId"), params.id("keyId"));
    let one = params.has("unitId") || params.has("keyId");
    params.wrongs.check(one, "unitId", "is required, or keyId");
    params.refuse()?;
    if let Some(number) = number {
        unit::find(&ctx, account, number, "unitId")?;
    }
    if let Some(number) = key {
        key::that_was(&ctx, account, number, "keyId").await?;
    }
    Ok(list(Vec::new()))
}

/// `Report/UnitExtendedInfo` and `Report/UnitActiveFaults`: what a machine says of itself, of which
/// nothing is known here.
pub(crate) async fn nothing(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["id", "from", "to"]);
    let number = params.id("id").unwrap_or_default();
    window(&mut params, "from", "to");
    params.refuse()?;
    unit::find(&ctx, account, number, "id")?;
    Ok(list(Vec::new()))
}
