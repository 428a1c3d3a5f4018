//! Log entries: the decisions of a place in the order they came in, so that what is added is at the
//! end. Read and sent piece by piece: a log is longer than memory should be filled for.

mod sought;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use claviger_app::event::{self, EventPage, EventWish};
use claviger_app::{Context, Id};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::credential::CredentialKind;
use claviger_domain::noun::event::Event;
use claviger_domain::noun::scope::Scope;
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use serde_json::Value;

use self::sought::Sought;
use super::listing::{MOST_HELD, counted};
use super::lock::lock;
use super::{Answered, answer, at_owner, query};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::Failure;
use crate::compat::tapkey::odata::Query;
use crate::compat::tapkey::wire::{self, Concerned};

/// How many events are read at once.
const CHUNK: usize = 1000;

/// `GET /owners/{owner}/logentries`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    let state = ctx.read(owner, Scope::EventsRead)?;
    let query = query(&call, wire::ENTRY)?;
    Reading::new(ctx, owner, &state, query, None).answer().await
}

/// `GET /owners/{owner}/boundlocks/{lock}/logentries`.
pub(crate) async fn of_lock(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    let state = ctx.read(owner, Scope::EventsRead)?;
    let lock = lock(&call)?;
    state.resolve(Noun::Lock, &lock).ok_or_else(|| Failure::not_found(Noun::Lock))?;
    let query = query(&call, wire::ENTRY)?;
    Reading::new(ctx, owner, &state, query, Some(lock)).answer().await
}

/// A log that is being read.
struct Reading {
    ctx: Context,
    owner: Id,
    query: Query,
    wish: EventWish,
    /// How many events are read at once.
    chunk: usize,
    /// The number of the last event that was read.
    after: u64,
    /// Entries still to be passed over, and still to be said.
    skip: usize,
    left: usize,
    /// Whether there may be more.
    more: bool,
    /// Whether any was said.
    begun: bool,
}

impl Reading {
    /// Looks for what the filter demands where the events are stored, as far as that can be.
    fn new(
        ctx: Context,
        owner: Id,
        state: &PlaceState,
        query: Query,
        lock: Option<Ref>,
    ) -> Reading {
        let wish = EventWish { lock, decisions: true, ..EventWish::default() };
        let (Sought { mut wish, after, nothing }, exact) = Sought::narrowed(wish, state, &query);
        let (mut skip, left) = match query.needs_all() {
            true => (0, usize::MAX),
            false => (query.skip, query.top.unwrap_or(usize::MAX)),
        };
        if exact {
            wish.skip = u64::try_from(skip).map_or(MOST_SKIPPED, |it| it.min(MOST_SKIPPED));
            skip = 0;
        }
        let chunk = if exact { CHUNK.min(left) } else { CHUNK };
        let more = !nothing && left > 0;
        Reading { ctx, owner, query, wish, chunk, after, skip, left, more, begun: false }
    }

    async fn answer(self) -> Answered {
        if self.query.needs_all() { self.held().await } else { self.sent().await }
    }

    /// The entries of the next events; fewer than there are events where the filter says so.
    async fn next(&mut self) -> Result<Vec<Value>, Failure> {
        let page = event::list(&self.ctx, self.owner, self.after, self.chunk, &self.wish).await?;
        self.wish.skip = 0;
        self.more = page.more;
        self.after = page.events.last().map_or(self.after, |event| event.seq);
        let shown = page.events.iter().map(|event| entry(event, &page));
        let mut shown: Vec<Value> = shown.filter(|entry| self.query.holds(entry)).collect();
        let passed = self.skip.min(shown.len());
        shown.drain(..passed);
        self.skip -= passed;
        shown.truncate(self.left);
        self.left -= shown.len();
        self.more &= self.left > 0;
        Ok(shown)
    }

    /// The next entries as they stand in a list that is begun and, after the last, ended.
    fn piece(&mut self, entries: Vec<Value>, mut text: String) -> String {
        for entry in entries {
            if self.begun {
                text.push(',');
            }
            self.begun = true;
            text.push_str(&self.query.selected(entry).to_string());
        }
        if !self.more {
            text.push(']');
        }
        text
    }

    /// All of them in their order, each piece read when the one before is on its way.
    async fn sent(mut self) -> Answered {
        // What fails at the start is said in the form of this API; later the answer breaks off.
        let first = if self.more { self.next().await? } else { Vec::new() };
        let first = self.piece(first, "[".to_owned());
        let begin = (Some(first), self);
        let pieces = futures_util::stream::unfold(begin, |(ready, mut reading)| async move {
            if let Some(first) = ready {
                return Some((Ok(Bytes::from(first)), (None, reading)));
            }
            if !reading.more {
                return None;
            }
            let piece = match reading.next().await {
                Ok(entries) => Ok(Bytes::from(reading.piece(entries, String::new()))),
                Err(_) => {
                    reading.more = false;
                    Err(std::io::Error::other("the log cannot be read on"))
                }
            };
            Some((piece, (None, reading)))
        });
        let mut response: Response = Body::from_stream(pieces).into_response();
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, json);
        Ok(response)
    }

    /// All of them at once, to be put in another order or counted.
    async fn held(mut self) -> Answered {
        let mut all = Vec::new();
        while self.more {
            all.extend(self.next().await?);
            if all.len() > MOST_HELD {
                let reason = format!("must leave at most {MOST_HELD} entries to order or count");
                return Err(Failure::field("$filter", &reason));
            }
        }
        let found = self.query.apply(all);
        Ok(counted(answer(&Value::Array(found.items)), found.count))
    }
}

/// The most events that a store passes over.
const MOST_SKIPPED: u64 = i64::MAX as u64 / 2;

fn entry(event: &Event, page: &EventPage) -> Value {
    let (state, subject) = (&page.state, &event.subject);
    let named = |noun: Noun, number: u32| {
        let gone = || page.gone.get(&(noun, number)).map(|gone| gone.header().id);
        state.record(noun, number).map(|live| live.header().id).or_else(gone)
    };
    let is_card = |number: u32| {
        let live = state.record(Noun::Credential, number);
        let known = live.or_else(|| page.gone.get(&(Noun::Credential, number)).cloned());
        matches!(known, Some(Record::Credential(it)) if it.kind == CredentialKind::Card)
    };
    let card = subject.credential.filter(|it| is_card(it.0));
    let concerned = Concerned {
        lock: named(Noun::Lock, event.lock.0),
        card: card.and_then(|it| named(Noun::Credential, it.0)),
        contact: subject.person.and_then(|it| named(Noun::Person, it.0)),
    };
    wire::entry(event, &concerned)
}
