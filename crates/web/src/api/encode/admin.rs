//! Organizations, places, clients and webhooks as answers, without their secrets.

use claviger_domain::ids::{Id, LockNumber, Noun};
use claviger_domain::noun::client::Client;
use claviger_domain::noun::place::{IdentityProvider, Organization, Place, PlaceUse};
use claviger_domain::noun::webhook::Webhook;
use serde_json::{Value, json};

use super::{Ids, free, id, id_of, maybe_at, object};

/// An organization, as `me` shows it.
pub(crate) fn organization(organization: &Organization) -> Value {
    json!({ "id": id(organization.header.id), "name": organization.name })
}

fn provider(provider: &IdentityProvider) -> Value {
    json!({
        "id": provider.id,
        "issuer": provider.issuer,
        "audience": provider.audience,
        "public_key": provider.public_key,
    })
}

/// A place; `ids` must know its parent.
pub(crate) fn place(place: &Place, ids: Ids<'_>) -> Value {
    let fields = json!({
        "name": place.name,
        "time_zone": place.zone.name(),
        "retention_days": place.retention_days,
        "retention_reason": place.retention_reason,
        "used_for": place.used_for.map(PlaceUse::as_str),
        "held_until": maybe_at(place.held_until),
        "parent_id": id_of(ids, Noun::Place, place.parent),
        "language": place.language,
        "courier_mode": place.courier_mode,
        "default_privacy": place.default_privacy.as_str(),
        "metadata": free(place.metadata.as_ref()),
        "identity_providers": place.identity_providers.iter().map(provider).collect::<Vec<_>>(),
    });
    object(&place.header, fields)
}

/// A client; `ids` must know its places, `controller` is the id of the one it is bound to.
pub(crate) fn client(client: &Client, ids: Ids<'_>, controller: Option<Id>) -> Value {
    let places = client.places.iter().filter_map(|place| ids(Noun::Place, place.0)).map(id);
    let fields = json!({
        "name": client.name,
        "kind": client.kind.as_str(),
        "scopes": client.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
        "place_ids": places.collect::<Vec<_>>(),
        "controller_id": controller.map(id),
        "expires_at": maybe_at(client.expires_at),
        "redirect_uris": client.redirect_uris,
    });
    object(&client.header, fields)
}

/// A webhook.
pub(crate) fn webhook(webhook: &Webhook, ids: Ids<'_>) -> Value {
    let gone = |lock: &LockNumber| ids(Noun::Lock, lock.0).is_none();
    let deaf = !webhook.locks.is_empty() && webhook.locks.iter().all(gone);
    let disabled = webhook.disabled.map(|(_, why)| why.as_str());
    let disabled = disabled.or(deaf.then_some("locks_gone"));
    let locks = webhook.locks.iter().filter_map(|lock| ids(Noun::Lock, lock.0)).map(id);
    let fields = json!({
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "lock_ids": locks.collect::<Vec<_>>(),
        "format": webhook.format,
        "told_within_s": webhook.told_within_s,
        "failures_only": webhook.failures_only,
        "has_headers": webhook.headers.is_some(),
        "failing_since": maybe_at(webhook.failing_since),
        "disabled_at": maybe_at(webhook.disabled.map(|(at, _)| at)),
        "disabled_reason": disabled,
    });
    object(&webhook.header, fields)
}
