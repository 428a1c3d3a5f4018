//! Which webhooks hear of an event, and the body they are sent. The forms of a body that vendors
//! have are theirs: whoever knows them adds them when the server starts.

use claviger_domain::noun::event::Event;
use claviger_domain::noun::lock::Lock;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use claviger_store::NewDelivery;

use crate::random;
use crate::world::World;

/// A form of the body of deliveries.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// What webhooks call it.
    pub name: &'static str,
    /// The body for an event; none for one that is not told in this form.
    pub body: fn(&PlaceState, &Event) -> Option<String>,
}

/// The form of the native API.
const STANDARD: Format =
    Format { name: "standard", body: |state, event| Some(standard(state, event)) };

/// The deliveries an event causes, written in its own transaction. Nobody hears of a hidden one.
pub(crate) fn deliveries(
    world: &World,
    state: &PlaceState,
    event: &Event,
    now: Instant,
) -> Vec<NewDelivery> {
    let mut ids = None;
    if event.hidden {
        return Vec::new();
    }
    state
        .webhooks
        .iter()
        .filter(|webhook| {
            webhook.disabled_at.is_none()
                && (webhook.events.is_empty() || webhook.events.contains(&event.kind))
                && (webhook.locks.is_empty() || webhook.locks.contains(&event.lock))
        })
        .filter_map(|webhook| {
            let mut known = std::iter::once(&STANDARD).chain(world.formats());
            let Some(format) = known.find(|format| format.name == webhook.format) else {
                tracing::error!(format = webhook.format, "a webhook's format is not known");
                return None;
            };
            Some(NewDelivery {
                body: (format.body)(state, event)?,
                id: ids.get_or_insert_with(|| random::ids(now)).next_id(),
                webhook: webhook.number(),
                event: Some(event.id),
                created_at: now,
                next_at: now,
            })
        })
        .collect()
}

/// The body of a `standard` delivery: type, time and the event as the native API shows it.
fn standard(state: &PlaceState, event: &Event) -> String {
    let lock = state.locks.get(event.lock).map(|lock: &std::sync::Arc<Lock>| lock.header.id);
    let subject = &event.subject;
    let person = subject.person.and_then(|it| state.people.get(it)).map(|it| it.header.id);
    let credential =
        subject.credential.and_then(|it| state.credentials.get(it)).map(|it| it.header.id);
    let grant = subject.grant.and_then(|it| state.grants.get(it)).map(|it| it.header.id);
    let text = |id: Option<claviger_domain::ids::Id>| id.map(|id| id.to_string());
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
