//! Which webhooks hear of an event or a stored result, and the body they are sent. The forms that
//! vendors have are theirs: whoever knows them adds them when the server starts.

use std::cell::LazyCell;
use std::sync::Arc;

use claviger_domain::ids::Id;
use claviger_domain::noun::event::Event;
use claviger_domain::noun::lock::Lock;
use claviger_domain::noun::webhook::Webhook;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use claviger_store::{NewDelivery, Operation};

use crate::world::World;
use crate::{operation, random};

/// A form of deliveries.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// What webhooks call it.
    pub name: &'static str,
    /// What is told in this form, and its body.
    pub tells: Tells,
    /// As what the server introduces itself; as itself where nothing is said.
    pub user_agent: Option<&'static str>,
}

/// What is told, and its body; none for one that is not told in this form.
#[derive(Clone, Copy, Debug)]
pub enum Tells {
    /// Events.
    Events(fn(&Told<'_>) -> Option<String>),
    /// Stored results of work that reports per item, to whoever did the work.
    Results(fn(&Operation) -> Option<String>),
}

/// An event that is told, in the place it is of.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The place.
    pub state: &'a PlaceState,
    /// The event.
    pub event: &'a Event,
    /// The settings of another place's lock.
    pub settings: &'a dyn Fn(&Lock) -> Option<Arc<Lock>>,
}

/// The form of the native API.
const STANDARD: Format = Format {
    name: "standard",
    tells: Tells::Events(|told| Some(standard(told.state, told.event))),
    user_agent: None,
};

/// The form of that name.
pub(crate) fn format(world: &World, name: &str) -> Option<Format> {
    let mut known = std::iter::once(&STANDARD).chain(world.formats());
    let found = known.find(|format| format.name == name).copied();
    if found.is_none() {
        tracing::error!(format = name, "a webhook's format is not known");
    }
    found
}

/// The deliveries an event causes, written in its own transaction.
pub(crate) fn deliveries(
    world: &World,
    state: &PlaceState,
    event: &Event,
    now: Instant,
) -> Vec<NewDelivery> {
    let heard = |webhook: &Webhook| webhook.hears(event);
    let settings = |lock: &Lock| {
        let (owner, number) = lock.borrowed?;
        world.cell(owner)?.state().locks.get(number).cloned()
    };
    let body = |tells| match tells {
        Tells::Events(body) => body(&Told { state, event, settings: &settings }),
        Tells::Results(_) => None,
    };
    told(world, state, Some(event.id), now, heard, body)
}

/// The deliveries a stored result causes, written in its own transaction.
pub(crate) fn of_result(
    world: &World,
    state: &PlaceState,
    result: &Operation,
    now: Instant,
) -> Vec<NewDelivery> {
    // Only for who hears of nothing else is a long result read again.
    let fails = LazyCell::new(|| operation::has_failures(result));
    let heard =
        |webhook: &Webhook| webhook.hears_result(result.maker, webhook.failures_only && *fails);
    let body = |tells| match tells {
        Tells::Events(_) => None,
        Tells::Results(body) => body(result),
    };
    told(world, state, None, now, heard, body)
}

fn told(
    world: &World,
    state: &PlaceState,
    event: Option<Id>,
    now: Instant,
    heard: impl Fn(&Webhook) -> bool,
    body: impl Fn(Tells) -> Option<String>,
) -> Vec<NewDelivery> {
    let mut ids = None;
    let hearers = state.webhooks.iter().filter(|webhook| heard(webhook));
    let told = hearers.filter_map(|webhook| {
        Some(NewDelivery {
            body: body(format(world, &webhook.format)?.tells)?,
            id: ids.get_or_insert_with(|| random::ids(now)).next_id(),
            webhook: webhook.number(),
            event,
            created_at: now,
            next_at: now,
        })
    });
    told.collect()
}

/// The body of a `standard` delivery: type, time and the event as the native API shows it.
fn standard(state: &PlaceState, event: &Event) -> String {
    let lock = state.locks.get(event.lock).map(|lock: &Arc<Lock>| lock.header.id);
    let subject = &event.subject;
    let person = subject.person.and_then(|it| state.people.get(it)).map(|it| it.header.id);
    let credential =
        subject.credential.and_then(|it| state.credentials.get(it)).map(|it| it.header.id);
    let grant = subject.grant.and_then(|it| state.grants.get(it)).map(|it| it.header.id);
    let text = |id: Option<Id>| id.map(|id| id.to_string());
    serde_json::json!({
        "type": event.kind.as_str(),
        "timestamp": event.occurred_at.to_string(),
        "data": {
            "id": event.id.to_string(),
            "place_id": state.place.header.id.to_string(),
            "kind": event.kind.as_str(),
            "lock_id": text(lock),
            "occurred_at": event.occurred_at.to_string(),
            "received_at": event.received_at.to_string(),
            "method": event.method.map(|method| method.as_str()),
            "reasons": event.reasons.iter().map(|reason| reason.code()).collect::<Vec<_>>(),
            "person_id": text(person),
            "credential_id": text(credential),
            "grant_id": text(grant),
            "pseudonym": subject.stand_in.map(|it| it.to_string()),
        }
    })
    .to_string()
}
