//! Events as answers.

use claviger_domain::ids::Noun;
use claviger_domain::noun::card::{CardPart, Technology};
use claviger_domain::noun::event::Event;
use serde_json::{Value, json};

use super::{Ids, at, card, id, id_of};

/// An event. `ids` must know deleted people, credentials and closed grants too.
pub(crate) fn event(event: &Event, ids: Ids<'_>) -> Value {
    let subject = &event.subject;
    let shown = subject.card.map(|it| card(&CardPart { technology: Technology::Opaque, card: it }));
    json!({
        "id": id(event.id),
        "seq": event.seq,
        "kind": event.kind.as_str(),
        "lock_id": id_of(ids, Noun::Lock, Some(event.lock)),
        "occurred_at": at(event.occurred_at),
        "received_at": at(event.received_at),
        "method": event.method.map(|method| method.as_str()),
        "reasons": event.reasons.iter().map(|reason| reason.code()).collect::<Vec<_>>(),
        "person_id": id_of(ids, Noun::Person, subject.person),
        "credential_id": id_of(ids, Noun::Credential, subject.credential),
        "grant_id": id_of(ids, Noun::Grant, subject.grant),
        "card": shown,
        "pseudonym": subject.stand_in.map(|it| it.to_string()),
    })
}
