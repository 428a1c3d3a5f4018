//! The call of a controller: what it says is taken in, then it is answered what it must know, at
//! once or when there is something.

use std::sync::Arc;
use std::time::Duration;

use claviger_domain::command::controller::find;
use claviger_domain::ids::{ControllerNumber, Id, Noun, PlaceNumber, Ref};
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::scope::Scope;
use claviger_domain::provision::{
    self, Desired, Due, Entry, Foreign, Holdings, Inventoried, Item, ItemKey, ItemKind, ListKey,
    Queue, Reported, Scribe, Strange,
};
use claviger_domain::refusal::Refusal;
use claviger_domain::time::{Instant, SECOND};
use claviger_store::Digits as Field;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::former::Former;
use super::line::{Call, Command, Line, Worked, span};
use super::reported::{self, EventWish, LockReport};
use super::{Sites, digest, revocation};
use crate::App;
use crate::context::Context;
use crate::controller::fitted_code;
use crate::credential::Digits;
use crate::error::Error;
use crate::jobs::stopped;
use crate::random::{hex, sha256};
use crate::read::resolve;
use crate::work::Work;
use crate::world::guard;

/// The most events in one call.
pub const MOST_EVENTS: usize = 1000;
/// How long changes gather before a list is worked out anew.
const GATHER: Duration = Duration::from_millis(40);

/// What a controller says.
#[derive(Clone, Debug, Default)]
pub struct SyncWish {
    /// The number of its call.
    pub seq: u64,
    /// The number of the last answer it has kept; none: the last one.
    pub received: Option<u64>,
    /// How long it will wait.
    pub wait_s: u32,
    /// What became of changes.
    pub acknowledged: Vec<Reported>,
    /// What became of commands.
    pub commands: Vec<CommandReport>,
    /// The digest of its list.
    pub digest: Option<String>,
    /// Its whole list.
    pub inventory: Option<Vec<Inventoried>>,
    /// What is in it whose id is of no form that the server gives.
    pub foreign: Vec<Strange>,
    /// What happened.
    pub events: Vec<EventWish>,
    /// How its locks are.
    pub locks: Vec<LockReport>,
    /// The most changes it takes at once.
    pub max_changes: usize,
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct CommandReport {
    /// Which.
    pub id: Id,
    /// None where it was done, else why not.
    pub refused: Option<String>,
}

/// What a controller is told.
#[derive(Clone, Debug)]
pub struct SyncAnswer {
    /// The number of the call; of a call that came too late, the highest seen.
    pub seq: u64,
    /// Whether the call was not looked at, or a newer one came.
    pub stale: bool,
    /// The server's clock.
    pub now: Instant,
    /// The number of the last event that is stored.
    pub event_seq: u64,
    /// Changes, in the order in which they are to be made.
    pub changes: Vec<Change>,
    /// Whether more wait.
    pub more: bool,
    /// What is to be done at once.
    pub commands: Vec<Command>,
    /// Whether the controller must say what it holds.
    pub asks_inventory: bool,
}

/// A change of a list.
#[derive(Clone, Debug)]
pub struct Change {
    /// By which it is acknowledged.
    pub version: u64,
    /// What it is about.
    pub kind: ItemKind,
    /// Its id, as it is written.
    pub id: String,
    /// What it says; none: it is to be removed.
    pub content: Option<Content>,
}

/// What an item says, with the digits that only its controller may see.
#[derive(Clone, Debug)]
pub struct Content {
    /// The item.
    pub entry: Entry,
    /// The digits of a code.
    pub code: Option<Digits>,
    /// The PIN, where the controller must know it.
    pub pin: Option<Digits>,
}

/// What a call comes to before it waits.
enum TakenIn {
    Stale(u64),
    Done { event_seq: u64, asks_inventory: bool },
}

/// What there is to send.
#[derive(Default)]
struct Sending {
    changes: Vec<Change>,
    more: bool,
    /// When there may be more.
    next_at: Option<Instant>,
    /// Whether a later call was taken in meanwhile.
    is_superseded: bool,
}

/// Takes in what a controller says and answers what it must know, after `wait_s` at the latest.
///
/// # Errors
/// Not found; a caller that is not bound to this controller.
pub async fn sync(
    ctx: &Context,
    place: Id,
    controller: Ref,
    wish: SyncWish,
) -> Result<SyncAnswer, Error> {
    let place = ctx.authorize(place, Scope::LocksOperate)?;
    let state = ctx.app.state(place)?;
    let number: ControllerNumber = resolve(&state, Noun::Controller, &controller)?;
    drop(state);
    if ctx.controller() != Some((place, number)) {
        let detail = "only a client that is bound to this controller may call for it";
        return Err(Refusal::Escalation(detail.to_owned()).into());
    }
    let key = ListKey { place, controller: number };
    let until = ctx.app.now().plus(i64::from(wish.wait_s) * SECOND);
    let wish = Arc::new(wish);
    let mut answer = SyncAnswer {
        seq: wish.seq,
        stale: false,
        now: ctx.app.now(),
        event_seq: 0,
        changes: Vec::new(),
        more: false,
        commands: Vec::new(),
        asks_inventory: false,
    };
    let former = Former::of(ctx, key, &wish.events).await?;
    match take_in(ctx, key, wish.clone(), former).await? {
        TakenIn::Stale(seen) => {
            (answer.seq, answer.stale) = (seen, true);
            return Ok(answer);
        }
        TakenIn::Done { event_seq, asks_inventory } => {
            (answer.event_seq, answer.asks_inventory) = (event_seq, asks_inventory);
        }
    }
    let line = ctx.app.lines().line(key);
    let call = line.call(wish.seq);
    let done: Vec<Id> = wish.commands.iter().map(|it| it.id).collect();
    line.done(&done, ctx.app.now());
    Talk { ctx, key, line, call, wish, until }.answer(answer).await
}

/// A call that is answered when there is something to say.
struct Talk<'c> {
    ctx: &'c Context,
    key: ListKey,
    line: Arc<Line>,
    call: Call,
    wish: Arc<SyncWish>,
    until: Instant,
}

impl Talk<'_> {
    async fn answer(mut self, mut answer: SyncAnswer) -> Result<SyncAnswer, Error> {
        let mut commanded = self.line.commanded();
        let mut ending = self.ctx.app.lines().ending();
        loop {
            if self.call.is_superseded() {
                answer.stale = true;
                return Ok(answer);
            }
            let moved = self.places()?;
            commanded.borrow_and_update();
            let mut sending = Sending::default();
            if !answer.asks_inventory {
                sending = send(self.ctx, self.key, &self.line, &self.wish).await?;
            }
            if sending.is_superseded {
                answer.stale = true;
                return Ok(answer);
            }
            answer.now = self.ctx.app.now();
            answer.commands = self.line.commands(answer.now);
            (answer.changes, answer.more) = (sending.changes, sending.more);
            let says = !answer.changes.is_empty() || !answer.commands.is_empty();
            let over = answer.now >= self.until || *ending.borrow();
            if says || answer.asks_inventory || over {
                return Ok(answer);
            }
            let pause = self.until_next(sending.next_at);
            tokio::select! {
                () = changed(moved) => self.gather().await,
                _ = commanded.changed() => {}
                () = self.call.superseded() => {}
                () = stopped(&mut ending) => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Lets changes gather: the longer the longer it takes to work the list out.
    async fn gather(&self) {
        let took = guard(&self.line.worked).as_ref().map_or(Duration::ZERO, |it| it.took);
        let pause = GATHER.max(2 * took).min(Duration::from_secs(2));
        tokio::time::sleep(pause.min(span(self.ctx.app.now(), self.until))).await;
    }

    /// Something to wait on for each place the list is derived from.
    fn places(&self) -> Result<Vec<watch::Receiver<u64>>, Error> {
        let sites = sites(&self.ctx.app, self.key)?;
        let cells = sites.places().filter_map(|place| self.ctx.app.world().cell(place));
        Ok(cells.map(|cell| cell.moved.subscribe()).collect())
    }

    /// How long until it is to be looked again, where nothing moves before.
    fn until_next(&self, next_at: Option<Instant>) -> Duration {
        let next = next_at.map_or(self.until, |next| next.plus(1000).min(self.until));
        // Never at once again: the clock may be a little behind.
        span(self.ctx.app.now(), next).max(Duration::from_millis(1))
    }
}

/// Returns when any of these has changed.
async fn changed(moved: Vec<watch::Receiver<u64>>) {
    let mut waiting = JoinSet::new();
    for mut place in moved {
        waiting.spawn(async move { place.changed().await.is_ok() });
    }
    if waiting.join_next().await.is_none() {
        std::future::pending().await
    }
}

fn sites(app: &App, key: ListKey) -> Result<Sites, Error> {
    Sites::of(key, |place| app.state(place).ok()).ok_or(Error::not_found(Noun::Place))
}

/// Takes in what a controller says, in one commit.
async fn take_in(
    ctx: &Context,
    key: ListKey,
    wish: Arc<SyncWish>,
    former: Former,
) -> Result<TakenIn, Error> {
    let app = ctx.app.clone();
    ctx.commit(Some(key.place), move |work| {
        let now = work.now;
        // Nothing is kept of a controller that was deleted meanwhile.
        find(&work.place(key.place)?.state, key.controller)?;
        let seen = work.list(key).seen_seq;
        if wish.seq <= seen {
            return Ok(TakenIn::Stale(seen));
        }
        let sites = wish.inventory.as_ref().and_then(|_| places(work, key));
        let list = work.list(key);
        list.seen_seq = wish.seq;
        list.seen_at = Some(now);
        // One that lost its memory does not know yet which number its next event has.
        if wish.events.len() < MOST_EVENTS && wish.received != Some(0) {
            list.told_at = Some(now);
        }
        list.report(&wish.acknowledged, now);
        if let Some(inventory) = &wish.inventory {
            let site = sites.as_ref().and_then(Sites::site);
            list.take_inventory(inventory, &wish.foreign, |item| site.as_ref()?.record(item), now);
        } else if let Some(told) = &wish.digest
            && hex(&sha256(list.lines().as_bytes())) != *told
        {
            list.inventory_due = true;
        }
        let (asks_inventory, known) = (list.inventory_due, list.event_seq);
        let event_seq = take_reports(work, key, known, &wish, &former)?;
        work.list(key).event_seq = event_seq;
        settle(&app, work, key);
        Ok(TakenIn::Done { event_seq, asks_inventory })
    })
    .await
}

fn take_reports(
    work: &mut Work,
    key: ListKey,
    known: u64,
    wish: &SyncWish,
    former: &Former,
) -> Result<u64, Error> {
    let mut event_seq = known;
    if !wish.events.is_empty() {
        let sites = places(work, key).ok_or(Error::not_found(Noun::Place))?;
        let site = sites.site().ok_or(Error::not_found(Noun::Place))?;
        event_seq = reported::events(work, &site, known, &wish.events, former);
    }
    reported::health(work, key, &wish.locks)?;
    Ok(event_seq)
}

/// The places a list is derived from, as a command sees them.
fn places(work: &Work, key: ListKey) -> Option<Sites> {
    Sites::of(key, |place: PlaceNumber| {
        let draft = work.places.get(&place).map(|draft| draft.state.clone());
        draft.or_else(|| work.before(place)).map(Arc::new)
    })
}

/// Notes which revocations this call brought to their end.
fn settle(app: &App, work: &mut Work, key: ListKey) {
    let (lists, now) = (app.world().lists(), app.signers().sure(work.now));
    if !lists.revocations.is_empty() {
        work.settled = revocation::ended_by(&lists, work.list(key), now);
    }
}

/// What there is to send, noted as sent before it is.
async fn send(ctx: &Context, key: ListKey, line: &Line, wish: &SyncWish) -> Result<Sending, Error> {
    let worked = work_out(&ctx.app, key, line, wish.received).await?;
    let (desired, queue) = worked;
    let next_at = [queue.next_at, desired.next_end].into_iter().flatten().min();
    let Queue { mut foreign, mut due, .. } = queue;
    if due.is_empty() && foreign.is_empty() {
        return Ok(Sending { next_at, ..Sending::default() });
    }
    let more = due.len() + foreign.len() > wish.max_changes;
    foreign.truncate(wish.max_changes);
    due.truncate(wish.max_changes - foreign.len());
    let seq = wish.seq;
    let noted = ctx.commit(Some(key.place), move |work| {
        let noted = note(work, key, &desired, &due, seq)?;
        let (now, list) = (work.now, work.list(key));
        let gone = foreign.iter().filter_map(|version| list.send_away(*version, now));
        Ok(noted.map(|noted| (noted, gone.collect::<Vec<_>>())))
    });
    let Some((noted, gone)) = noted.await? else {
        return Ok(Sending { is_superseded: true, ..Sending::default() });
    };
    let owner = ctx.app.state(key.place)?;
    let controller = find(&owner, key.controller)?;
    let removed = |it: Foreign| {
        let Foreign { what: Strange { kind, id, .. }, version, .. } = it;
        Ok(Change { version, kind, id, content: None })
    };
    let changed = |(version, key, item): (u64, ItemKey, Option<Item>)| {
        let content = item.map(|item| content(&ctx.app, controller, item.entry)).transpose()?;
        Ok(Change { version, kind: key.kind, id: key.text(), content })
    };
    let changes = gone.into_iter().map(removed).chain(noted.into_iter().map(changed));
    let changes = changes.collect::<Result<_, Error>>()?;
    Ok(Sending { changes, more, next_at, is_superseded: false })
}

type Noted = Vec<(u64, ItemKey, Option<Item>)>;

/// Notes in a list what goes out, as it is at this very moment; none where the answer would be
/// dropped, as a later call was taken in.
fn note(
    work: &mut Work,
    key: ListKey,
    desired: &Desired,
    due: &[Due],
    seq: u64,
) -> Result<Option<Noted>, Error> {
    let now = work.now;
    if work.list(key).seen_seq != seq {
        return Ok(None);
    }
    let sites = places(work, key).ok_or(Error::not_found(Noun::Place))?;
    let site = sites.site().ok_or(Error::not_found(Noun::Place))?;
    let same = site.revisions() == desired.revisions;
    let mut scribe = Scribe::new(digest, now);
    let list = work.list(key);
    list.sweep(|key| desired.items.contains_key(&key));
    let mut noted = Noted::new();
    for Due { key, without } in due {
        let key = *key;
        let item = if same {
            desired.items.get(&key).cloned()
        } else {
            provision::again(&site, &mut scribe, desired, key)
        };
        let item = item.map(|item| provision::without(&site, &scribe, &item, without));
        // What came in between is sent next time, when room has been found for it, or after the
        // schedules it names.
        let is_early = match &item {
            None => !list.row(key).is_some_and(|row| row.is_held()),
            Some(item) => !list.has_named(item),
        };
        if is_early {
            continue;
        }
        let version = list.send(key, item.as_ref(), seq, now);
        noted.push((version, key, item));
    }
    Ok(Some(noted))
}

/// The list as it should be and its differences. Worked out off the async threads, and only where
/// one of the places has moved or something has ended by itself.
async fn work_out(
    app: &App,
    key: ListKey,
    line: &Line,
    received: Option<u64>,
) -> Result<(Arc<Desired>, Queue), Error> {
    let sites = sites(app, key)?;
    let lists = app.world().lists();
    let list = lists.list(key).cloned().unwrap_or_else(|| provision::List::new(key));
    drop(lists);
    let now = app.now();
    let (known, clock) = (guard(&line.worked).clone(), app.settings().clock);
    let worked = tokio::task::spawn_blocking(move || {
        let site = sites.site()?;
        let known = known.filter(|worked| worked.is_of(&site, &list, now));
        let worked = known.unwrap_or_else(|| Worked::of(&site, &list, clock));
        let received = received.unwrap_or(u64::MAX);
        let queue = provision::queue(&site, &worked.desired, &list, received, now, digest);
        Some((worked, queue))
    });
    let (worked, queue) =
        worked.await.map_err(|_| Error::Internal)?.ok_or(Error::not_found(Noun::Controller))?;
    let desired = worked.desired.clone();
    *guard(&line.worked) = Some(worked);
    Ok((desired, queue))
}

/// An item with its digits opened, of a code those that the controller takes.
fn content(app: &App, controller: &Controller, entry: Entry) -> Result<Content, Error> {
    let (mut code, mut pin) = (None, None);
    if let Entry::Credential(it) = &entry {
        let (credential, secrets) = (&it.credential, app.secrets());
        let open = |field, sealed: &[u8]| {
            let digits = secrets.open_digits(it.place, credential.header.id, field, sealed)?;
            Ok::<_, Error>(Digits(digits.to_string()))
        };
        code = credential.code.as_ref().map(|it| open(Field::Code, &it.sealed)).transpose()?;
        code = code.map(|code| Digits(fitted_code(controller, &code.0).to_owned()));
        let asked = credential.pin.as_ref().filter(|_| it.needs_pin);
        pin = asked.map(|it| open(Field::Pin, &it.sealed)).transpose()?;
    }
    Ok(Content { entry, code, pin })
}
