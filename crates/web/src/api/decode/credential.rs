//! What a caller sets on a credential, but for what must be sealed or looked up first.

use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::credential::{CredentialEdit, CredentialState, SessionHints};
use serde_json::Value;

use super::{Fields, bytes};
use crate::api::shape::Use;

/// Reads the body of a credential. `person_id` is read by who looks it up, `code` and `pin` by who
/// seals them.
pub(crate) fn edit(fields: Fields<'_>) -> CredentialEdit {
    CredentialEdit {
        external_id: fields.text("external_id"),
        person: None,
        label: fields.text("label"),
        parts: parts(fields),
        code: None,
        pin: None,
        public_key: fields.inside("phone").and_then(|phone| phone.must("public_key", bytes)),
        valid: fields.window("valid_from", "valid_until"),
        state: fields.word("state", CredentialState::Active, CredentialState::parse),
        session: fields.may("session", |value| session(Fields::new(value, Use::Create))),
        is_admin: fields.bool("is_admin", false),
        priority: fields.has_or("priority", 0, |value| u8::try_from(value.as_i64()?).ok()),
        contact: fields.json("contact"),
        ..CredentialEdit::default()
    }
}

/// The parts of the card, given as `card` or as `cards`.
pub(crate) fn parts(fields: Fields<'_>) -> Option<Vec<CardPart>> {
    if let Some(one) = fields.value("card") {
        return Some(part(one).into_iter().collect());
    }
    let many = fields.value("cards")?.as_array()?;
    Some(many.iter().filter_map(part).collect())
}

/// One part of a card.
pub(crate) fn part(value: &Value) -> Option<CardPart> {
    let fields = Fields::new(value, Use::Create);
    Some(CardPart {
        technology: fields.word("technology", Technology::Opaque, Technology::parse)?,
        card: CardValue::parse(value.get("bits")?.as_u64()?, fields.str("value")?).ok()?,
    })
}

fn session(fields: Fields<'_>) -> Option<SessionHints> {
    Some(SessionHints {
        start_within_s: fields.int("start_within_s")??,
        log_off_after_s: fields.int("log_off_after_s")??,
    })
}
