//! Events: who was let in and who was kept out.

use axum::response::IntoResponse;
use claviger_app::event::{self, HistoryPage, HistoryWish};
use claviger_app::{Context, Error, Id, Instant, credential};
use claviger_domain::ids::ControllerNumber;
use claviger_domain::noun::scope::Scope;
use claviger_domain::time::{DAY, Window};
use serde_json::{Value, json};

use super::{Answered, at_place, fields_of};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::intserv::continuation::{Continuation, MOST};
use crate::compat::intserv::error::{Failure, refuse};
use crate::compat::intserv::{map, wire};
use crate::compat::serve::Call;

const KNOWN: [&str; 7] = [
    "from_date",
    "to_date",
    "systems",
    "include_access_granted",
    "include_access_denied",
    "limit",
    "continuation_key",
];

/// How far a list goes back where nothing is said.
const BACK: i64 = 7 * DAY;

/// `POST /events/list`: in the order they happened.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call, &KNOWN);
    let limit = limit(&body, &mut wrongs);
    let given = filter(&ctx, place, &body, &mut wrongs)?;
    let former = map::text(&body, "continuation_key", &mut wrongs).map(Continuation::parse);
    wrongs.check(former != Some(None), "continuation_key", "must be one that was answered here");
    refuse(wrongs)?;
    let former = former.flatten();
    // What a list was begun with holds to its end, whatever is sent beside the key.
    let mut wanted = former.unwrap_or(given);
    wanted.limit = limit.unwrap_or(wanted.limit);
    let wish = HistoryWish {
        occurred: wanted.occurred,
        granted: wanted.granted,
        controllers: wanted.systems.clone(),
        after: wanted.after,
    };
    let page = event::history(&ctx, place, wanted.limit, &wish).await?;
    // A controller may call between two pages: what it tells may lie before where the list has got.
    // Whoever asks again from what the last page says is to find it.
    wanted.least = wanted.least.min(page.complete_until);
    let least = wanted.least;
    let next = page.next.map(|after| Continuation { after: Some(after), ..wanted }.print());
    Ok(axum::Json(json!({
        "least_sync_time": map::time(least),
        "has_more": next.is_some(),
        "continuation_key": next,
        "events": shown(&ctx, place, &page)?,
    }))
    .into_response())
}

fn shown(ctx: &Context, place: Id, page: &HistoryPage) -> Result<Value, Error> {
    let mut shown = Vec::with_capacity(page.events.len());
    for (event, controller) in &page.events {
        let known = event.subject.credential.and_then(|it| page.state.credentials.get(it));
        let code = match known {
            Some(known) => credential::code_of(ctx, place, known)?,
            None => None,
        };
        shown.push(wire::event(event, *controller, code.as_ref(), &page.state, &page.gone));
    }
    Ok(shown.into())
}

/// What is wanted, as the body says it.
fn filter(
    ctx: &Context,
    place: Id,
    body: &Fields<'_>,
    wrongs: &mut Wrongs,
) -> Result<Continuation, Failure> {
    let now: Instant = ctx.app.now();
    let from = map::instant(body, "from_date", wrongs).flatten().unwrap_or(now.plus(-BACK));
    let until = map::instant(body, "to_date", wrongs).flatten().unwrap_or(now);
    wrongs.check(
        from <= until,
        "to_date",
        "must not be before from_date, which is 7 days back where it is left out",
    );
    let granted = map::flag(body, "include_access_granted", wrongs);
    let denied = map::flag(body, "include_access_denied", wrongs);
    Ok(Continuation {
        occurred: Window { from: Some(from), until: Some(until) },
        granted: (granted != denied).then_some(granted),
        systems: systems(ctx, place, body, wrongs)?,
        limit: MOST,
        after: None,
        least: Instant::MAX,
    })
}

/// The systems that are named; all where none is.
fn systems(
    ctx: &Context,
    place: Id,
    body: &Fields<'_>,
    wrongs: &mut Wrongs,
) -> Result<Option<Vec<Option<ControllerNumber>>>, Failure> {
    if body.get("systems").is_none_or(Value::is_null) {
        return Ok(None);
    }
    let state = ctx.read(place, Scope::EventsRead)?;
    let known = map::systems(&state);
    let mut found = Vec::new();
    for (at, id) in body.texts("systems", wrongs).unwrap_or_default() {
        let called = known.get(id);
        wrongs.check(called.is_some(), &body.item("systems", at), "is not the id of a system");
        found.extend(called.into_iter().flatten().copied());
    }
    found.sort_unstable();
    found.dedup();
    Ok((!found.is_empty()).then_some(found))
}

fn limit(body: &Fields<'_>, wrongs: &mut Wrongs) -> Option<usize> {
    let value = body.get("limit").filter(|value| !value.is_null())?;
    let limit = value.as_u64().and_then(|it| usize::try_from(it).ok());
    let limit = limit.filter(|limit| (1..=MOST).contains(limit));
    wrongs.check(limit.is_some(), "limit", "must be a whole number from 1 to 1000");
    limit
}
