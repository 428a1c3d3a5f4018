//! Decisions and events as answers.

use claviger_domain::decision::{Decision, Hint};
use claviger_domain::ids::{Id, Noun};
use claviger_domain::noun::card::{CardPart, Technology};
use claviger_domain::noun::event::Event;
use serde_json::{Value, json};

use super::{Ids, at, card, id, id_of, maybe_at};

/// A decision. `full` says whether the caller may read people and grants: only then `by` and `hint`
/// are told.
pub(crate) fn decision(
    decision: &Decision<'_>,
    ids: Ids<'_>,
    full: bool,
    revision: u64,
    event: Option<Id>,
) -> Value {
    let reasons = decision.reasons.iter();
    let reasons = reasons.map(|it| json!({ "code": it.code(), "detail": it.detail() }));
    let by: Vec<Value> = if full {
        decision.by().filter_map(|grant| ids(Noun::Grant, grant.0)).map(id).collect()
    } else {
        Vec::new()
    };
    let session = decision.session().map(|hints| {
        json!({
            "start_within_s": hints.start_within_s,
            "log_off_after_s": hints.log_off_after_s,
        })
    });
    json!({
        "result": if decision.granted { "granted" } else { "denied" },
        "method": decision.method.as_str(),
        "reasons": reasons.collect::<Vec<_>>(),
        "by": by,
        "opens_at": maybe_at(decision.opens_at()),
        "hint": decision.hint().filter(|_| full).map(hint_text),
        "session": session,
        "revision": revision,
        "event_id": event.map(id),
    })
}

/// A hint as a sentence.
pub(crate) fn hint_text(hint: Hint) -> &'static str {
    match hint {
        Hint::NormalPosture => "Put the lock back to normal.",
        Hint::RegisterCredential => "Register the card or code for somebody with access here.",
        Hint::ActivateCredential => "Make the credential active.",
        Hint::ChangeValidity => "Change the credential's validity.",
        Hint::ResumePerson => "Resume the person.",
        Hint::SetPin => "Set a PIN for the credential.",
        Hint::EnterPin => "Enter the right PIN.",
        Hint::Wait => "Wait until tries are allowed again.",
        Hint::Grant => "Grant the person or credential at the lock.",
    }
}

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
    })
}
