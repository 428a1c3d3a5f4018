//! People and credentials as answers.

use claviger_domain::ids::Noun;
use claviger_domain::noun::card::CardPart;
use claviger_domain::noun::credential::{Credential, CredentialKind};
use claviger_domain::noun::person::Person;
use serde_json::{Value, json};

use super::{Ids, base64, free, id_of, maybe_at, object};

/// A person.
pub(crate) fn person(person: &Person) -> Value {
    let details = &person.details;
    let identity = details.identity.as_ref().map(|identity| {
        json!({
            "provider": identity.provider,
            "subject": identity.subject,
            "identifier": identity.identifier,
        })
    });
    let fields = json!({
        "first_name": details.first_name,
        "last_name": details.last_name,
        "display_name": details.display_name,
        "email": details.email,
        "phone": details.phone,
        "identity": identity,
        "employee_number": details.employee_number,
        "language": details.language,
        "tags": details.tags,
        "note": details.note,
        "role": person.role.as_str(),
        "metadata": free(details.metadata.as_ref()),
        "state": person.state.as_str(),
        "held_until": maybe_at(person.held_until),
    });
    object(&person.header, fields)
}

/// One part of a card.
pub(crate) fn card(part: &CardPart) -> Value {
    json!({
        "technology": part.technology.as_str(),
        "bits": part.card.bits,
        "value": part.card.hex(),
    })
}

/// A credential, without its code and PIN.
pub(crate) fn credential(credential: &Credential, ids: Ids<'_>) -> Value {
    let session = credential.session.map(|hints| {
        json!({
            "start_within_s": hints.start_within_s,
            "log_off_after_s": hints.log_off_after_s,
        })
    });
    let mut fields = json!({
        "person_id": id_of(ids, Noun::Person, credential.person),
        "kind": credential.kind.as_str(),
        "label": credential.label,
        "cards": credential.parts.iter().map(card).collect::<Vec<_>>(),
        "has_pin": credential.pin.is_some(),
        "valid_from": maybe_at(credential.valid.from),
        "valid_until": maybe_at(credential.valid.until),
        "state": credential.state.as_str(),
        "session": session,
        "is_admin": credential.is_admin,
        "priority": credential.priority,
        "contact": free(credential.contact.as_ref()),
    });
    let phone = credential.kind == CredentialKind::Phone;
    if let Some(key) = credential.public_key.as_ref().filter(|_| phone) {
        fields["phone"] = json!({ "public_key": base64(key) });
    }
    object(&credential.header, fields)
}
