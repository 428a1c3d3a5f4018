//! People and credentials as answers.

use claviger_app::Device;
use claviger_app::invitation::MailReport;
use claviger_app::person::HeldKey;
use claviger_domain::ids::Noun;
use claviger_domain::noun::card::CardPart;
use claviger_domain::noun::credential::{Credential, CredentialKind};
use claviger_domain::noun::person::Person;
use claviger_domain::time::{Instant, SECOND};
use serde_json::{Value, json};

use super::{Ids, at, base64, free, id_of, maybe_at, object};

/// How the mail of an invitation went; all of it null where nothing is known of one.
pub(crate) fn invited(report: Option<&MailReport>) -> Value {
    json!({
        "state": report.map(|it| it.state.as_str()),
        "problem": report.and_then(|it| it.problem.as_ref()),
        "invited_at": maybe_at(report.map(|it| it.created_at)),
        "changed_at": maybe_at(report.map(|it| it.changed_at)),
        "expires_at": maybe_at(report.map(|it| it.good_until)),
    })
}

/// A credential that holds keys, as its person is told of it.
pub(crate) fn enrolled(device: &Device, ids: Ids<'_>) -> Value {
    json!({
        "device_id": id_of(ids, Noun::Credential, Some(device.credential)),
        "enrolled_at": at(device.enrolled_at),
        "seen_at": maybe_at(device.seen_at),
    })
}

/// A key for a lock with no network, as its person is told of it.
pub(crate) fn held_key(key: &HeldKey, ids: Ids<'_>) -> Value {
    let second = |seconds: i64| at(Instant(seconds * SECOND));
    json!({
        "lock_id": id_of(ids, Noun::Lock, Some(key.lock)),
        "device_id": id_of(ids, Noun::Credential, Some(key.credential)),
        "class": key.class.number(),
        "serial": key.serial,
        "issued_at": second(key.issued_at),
        "expires_at": second(key.expires_at),
        "refused": key.refused,
    })
}

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
