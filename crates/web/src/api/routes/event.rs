//! Routes of events: pages in the order they were stored, and a stream that resumes.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use claviger_app::Context;
use claviger_app::event::{self as app, EventWish};
use claviger_domain::ids::Id;
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::scope::Scope;
use claviger_domain::time::Window;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::common::{Answered, Request, Row, Shared, at_place, ids_with, known, problem};
use crate::api::call::run;
use crate::api::encode;
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Method, Param, Route};
use crate::api::shape::Kind;
use crate::api::shapes::{self, event as shape};

/// Where a stream that is resumed says the last event it told.
const LAST_EVENT_ID: &str = "last-event-id:";
/// How often a silent stream says that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// The most events sent without looking at the place again.
const CHUNK: usize = 200;

const FILTERS: &[Param] = &[
    Param::may(
        "after_seq",
        shapes::BIG_COUNT,
        "Only those stored after the one with this seq: with the last one seen, what is new.",
    ),
    Param::may("occurred_from", shapes::INSTANT, "Happened then or later."),
    Param::may("occurred_until", shapes::INSTANT, "Happened before then."),
    Param::may("received_from", shapes::INSTANT, "Heard of then or later."),
    Param::may("received_until", shapes::INSTANT, "Heard of before then."),
    Param::may("lock_id", shapes::REF, "Only those at this lock."),
    Param::may("person_id", shapes::REF, "Only those that concern this person."),
    Param::may("result", Kind::Enum(&["granted", "denied"]), "Only decisions with this result."),
];

const LOCK: &[Param] = &[Param::may("lock_id", shapes::REF, "Only of this lock.")];

pub(super) fn table() -> Vec<Row> {
    let rows = vec![
        Route::get(
            "/api/v1/places/{place}/events",
            "list_events",
            "List events in the order they were stored",
            Answer::Page(&shape::EVENT),
            run!(list),
        )
        .query(FILTERS)
        .doc(
            "Whoever polls goes on after the seq of the last event they saw. An event that comes \
             late has its occurred_at and a later seq: none is missed, none comes twice.",
        ),
        Route::get(
            "/api/v1/places/{place}/events/complete",
            "events_complete",
            "Up to when all events have arrived",
            Answer::Object(&shape::COMPLETE),
            run!(complete),
        )
        .query(LOCK)
        .doc(
            "Events come late from locks that decide alone. Whoever reads by seq misses none of \
             them; whoever wants a time to be over before it is looked at asks here. What is \
             said is this server's: where several serve one database, each speaks for the \
             decisions it made itself, and one that cannot store for the moment is not seen by \
             the others.",
        ),
        Route::get(
            "/api/v1/places/{place}/events/stream",
            "stream_events",
            "Watch events as they are stored",
            Answer::Raw("text/event-stream"),
            run!(stream),
        )
        .doc(
            "Server-sent events: id is the event's seq, data the event. Send Last-Event-ID to go \
             on after it; without one the stream begins with the next event.",
        ),
    ];
    rows.into_iter().map(|row| row.tag("events").scope(Scope::EventsRead)).collect()
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let wish = EventWish {
        occurred: Window {
            from: call.instant("occurred_from"),
            until: call.instant("occurred_until"),
        },
        received: Window {
            from: call.instant("received_from"),
            until: call.instant("received_until"),
        },
        lock: call.query_reference("lock_id"),
        person: call.query_reference("person_id"),
        granted: call.text("result").map(|result| result == "granted"),
        ..EventWish::default()
    };
    let paging = call.paging()?;
    let after_seq = call.query.get("after_seq").and_then(Value::as_u64).unwrap_or_default();
    let after = paging.after_number()?.max(after_seq);
    let found = app::list(&ctx, place, after, paging.limit, &wish).await;
    let found = found.map_err(problem)?;
    if found.events.is_empty() && after > 0 {
        check_cursor(&ctx, place, after, "?after").await?;
    }
    let ids = ids_with(&found.state, &found.gone);
    let items = found.events.iter().map(|event| encode::event(event, &ids)).collect();
    let next = found.events.last().filter(|_| found.more).map(|last| last.seq.to_string());
    Ok(Reply::page(paging.answer(items, next.as_deref())))
}

async fn complete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let lock = call.query_reference("lock_id");
    let found = app::complete(&ctx, place, lock.as_ref()).await.map_err(problem)?;
    let behind = found.behind.iter().map(|it| {
        json!({
            "lock_id": it.lock.to_string(),
            "complete_until": encode::maybe_at(it.until),
            "missing_since": encode::maybe_at(it.missing_since),
        })
    });
    Ok(Reply::plain(json!({
        "complete_until": encode::maybe_at(found.until),
        "behind": behind.collect::<Vec<_>>(),
    })))
}

async fn stream(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let header = call.parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = match header {
        None => app::last_seq(&ctx, place).await.map_err(problem)?,
        Some(text) => {
            let after = text.trim().parse().map_err(|_| {
                let detail = "must be the id of an event of this stream";
                Problem::field(LAST_EVENT_ID, "bad_cursor", detail)
            })?;
            check_cursor(&ctx, place, after, LAST_EVENT_ID).await?;
            after
        }
    };
    let moved = app::watch(&ctx, place).map_err(problem)?;
    let ending = server.app.ending();
    let feed = Feed { server, parts: call.parts, place, after, moved, ending, fresh: true };
    let chunks = futures_util::stream::unfold(feed, |mut feed| async move {
        let chunk = feed.next().await?;
        Some((Ok::<Bytes, Infallible>(chunk), feed))
    });
    Ok(Reply::raw("text/event-stream", Body::from_stream(chunks)))
}

/// Refuses a cursor from beyond the last event: after a restore there are fewer, and whoever waits
/// for the next would miss those that come before it.
async fn check_cursor(
    ctx: &Context,
    place: Id,
    after: u64,
    pointer: &'static str,
) -> Result<(), Problem> {
    let last = app::last_seq(ctx, place).await.map_err(problem)?;
    if after <= last {
        return Ok(());
    }
    let detail = "is beyond the last event here; after a restore, begin anew";
    Err(Problem::field(pointer, "bad_cursor", detail))
}

/// Where one stream is.
struct Feed {
    server: Shared,
    /// The head of the request, by which the caller is known.
    parts: Parts,
    place: Id,
    after: u64,
    moved: watch::Receiver<u64>,
    ending: watch::Receiver<bool>,
    fresh: bool,
}

impl Feed {
    /// The next piece of the stream; none when the server ends or the caller may not read any more.
    async fn next(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.fresh) {
            return Some(Bytes::from_static(b": events of this place\n\n"));
        }
        loop {
            // A token, key or session that is over, or was narrowed, reads no further.
            let caller = known(&self.server.app, &self.parts, Method::Get).ok()?.caller;
            let ctx = Context::new(self.server.app.clone(), caller, Via::Native);
            // Marked as seen before reading: an event stored in between is not slept over.
            self.moved.borrow_and_update();
            let wish = EventWish::default();
            let found = app::list(&ctx, self.place, self.after, CHUNK, &wish).await.ok()?;
            if let Some(last) = found.events.last() {
                self.after = last.seq;
                let ids = ids_with(&found.state, &found.gone);
                let text: String = found
                    .events
                    .iter()
                    .map(|event| {
                        let data = encode::event(event, &ids);
                        format!(
                            "id: {}\nevent: {}\ndata: {data}\n\n",
                            event.seq,
                            event.kind.as_str()
                        )
                    })
                    .collect();
                return Some(Bytes::from(text));
            }
            tokio::select! {
                moved = self.moved.changed() => moved.ok()?,
                // Whoever listens goes on with the next server after the last event.
                _ = self.ending.wait_for(|it| *it) => return None,
                () = tokio::time::sleep(ALIVE_EVERY) => {
                    return Some(Bytes::from_static(b": alive\n\n"));
                }
            }
        }
    }
}
