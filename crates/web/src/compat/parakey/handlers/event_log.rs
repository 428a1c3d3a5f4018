//! Event logs: who opened what, polled by tag.

use claviger_app::event::{self, EventWish};
use claviger_domain::time::Window;
use serde_json::Value;

use super::{Answered, Listing, answer, at_domain, id_of};
use crate::compat::parakey::error::Failure;
use crate::compat::parakey::wire;
use crate::compat::serve::Call;

/// How many are answered where nothing is said.
const LIMIT: usize = 100;

/// `GET /event-logs`: the newest first unless another order is asked for, so that the tag of
/// `?limit=1` changes with every log that is stored.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let listing = Listing::of(&call, &["createdAt", "timestamp"])?;
    let (field, newest_first) = listing.order.unwrap_or(("createdAt", true));
    let wish = EventWish {
        received: Window { from: listing.since, until: None },
        granted: Some(true),
        newest_first,
        by_time: field == "timestamp",
        ..EventWish::default()
    };
    let page = event::list(&ctx, own, 0, listing.limit.unwrap_or(LIMIT), &wish).await?;
    let shown = page.events.iter().filter_map(|event| wire::event_log(event, &page.state));
    Ok(answer(&call, &shown.collect::<Value>()))
}

/// `GET /event-logs/{id}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let found = event::get(&ctx, own, id_of(&call)).await?;
    let shown = found.and_then(|page| wire::event_log(page.events.first()?, &page.state));
    Ok(answer(&call, &shown.ok_or_else(|| Failure::missing("eventLogNotFound"))?))
}
