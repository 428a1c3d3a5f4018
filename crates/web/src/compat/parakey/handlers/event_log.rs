//! Event logs: who opened what, polled by tag.

use claviger_app::event::{self, EventWish};
use claviger_domain::noun::lock::Lock;
use claviger_domain::time::Window;

use super::{Answered, Listed, Listing, answer, at_domain, id_of, settings};
use crate::compat::parakey::error::Failure;
use crate::compat::parakey::version::Version;
use crate::compat::parakey::wire;
use crate::compat::serve::Call;

/// How many are answered where nothing is said.
const LIMIT: usize = 100;
/// How many are read at once: no more than their texts is held of the others.
const AT_ONCE: usize = 500;
/// How many of those since a date: pollers ask for them without a limit, and must miss none.
const MOST: usize = 100_000;

/// `GET /event-logs`: the newest first unless another order is asked for, so that the tag of
/// `?limit=1` changes with every log that is stored. Of those since a date none is on its way that
/// would be older than this call.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let listing = Listing::of(&call, &["createdAt", "timestamp"])?;
    let (field, newest_first) = listing.order.unwrap_or(("createdAt", true));
    let mut wish = EventWish {
        received: Window { from: listing.since, until: None },
        granted: Some(true),
        newest_first,
        by_time: field == "timestamp",
        ..EventWish::default()
    };
    let most = if listing.since.is_some() { MOST } else { LIMIT };
    if listing.since.is_some() {
        event::settled(&ctx, own).await?;
    }
    let version = Version::asked(&call);
    let (mut listed, mut after, mut left) = (Listed::default(), 0, listing.limit.unwrap_or(most));
    while left > 0 {
        // In the order in which doors were opened there is no number to go on after.
        let some = if wish.by_time { left } else { left.min(AT_ONCE) };
        let page = event::list(&ctx, own, after, some, &wish).await?;
        let of = |lock: &Lock| settings(&ctx, lock);
        let about = (&*page.state, &page.gone);
        let shown = page.events.iter();
        let shown = shown.filter_map(|event| wire::event_log(event, about, &of, version));
        shown.for_each(|log| listed.push(&log));
        let Some(last) = page.events.last().filter(|_| page.more) else { break };
        left -= page.events.len();
        if newest_first {
            wish.before_seq = Some(last.seq);
        } else {
            after = last.seq;
        }
    }
    Ok(listed.answer(&call))
}

/// `GET /event-logs/{id}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let found = event::get(&ctx, own, id_of(&call)).await?;
    let of = |lock: &Lock| settings(&ctx, lock);
    let version = Version::asked(&call);
    let shown = found.and_then(|page| {
        wire::event_log(page.events.first()?, (&page.state, &page.gone), &of, version)
    });
    Ok(answer(&call, &shown.ok_or_else(|| Failure::missing("eventLogNotFound"))?))
}
