//! The access log: who was let in.

use claviger_app::event::{self, LogWish};
use claviger_app::key::is_by_phone;
use claviger_domain::key::key_at;
use claviger_domain::noun::event::{Event, EventKind};
use claviger_domain::state::PlaceState;
use claviger_domain::time::DAY;

use super::{Answered, Query, at_place, named};
use crate::compat::serve::Call;
use crate::compat::unloc::wire;

/// How far back the log goes.
const KEPT: i64 = 60 * DAY;

/// `GET …/logs/access`: newest first.
pub(crate) async fn access(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let known = ["appUserId", "lockId", "excludeSubprojectEvents", "limit", "startAfterId"];
    let mut query = Query::of(&call, &known);
    let wish = LogWish {
        since: call.app.now().plus(-KEPT),
        after: query.id("startAfterId"),
        phone: query.phone("appUserId"),
        lock: query.id("lockId"),
        below: !query.flag("excludeSubprojectEvents"),
    };
    let limit = query.limit();
    query.refuse()?;
    let rows = event::log(&ctx, place, limit, &wish).await?;
    let shown =
        rows.iter().map(|row| wire::access_event(&row.event, row.key, &row.state, &row.gone));
    Ok(named("accessEvents", shown.collect()))
}

/// The body of a webhook's delivery: the bare access event, for those there are.
pub(crate) fn body(state: &PlaceState, event: &Event) -> Option<String> {
    if event.kind != EventKind::AccessGranted {
        return None;
    }
    let grant = event.subject.grant.and_then(|number| state.grants.get(number));
    let grant = grant.filter(|grant| is_by_phone(state, grant.subject));
    let key = grant.and_then(|grant| key_at(state, grant, event.lock, event.occurred_at));
    Some(wire::access_event(event, key, state, &claviger_app::Gone::new()).to_string())
}
