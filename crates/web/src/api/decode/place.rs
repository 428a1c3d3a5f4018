//! What a caller sets on a place.

use claviger_domain::noun::lock::Privacy;
use claviger_domain::noun::place::{IdentityProvider, PlaceEdit, PlaceUse};
use claviger_domain::time::Zone;
use serde_json::Value;

use super::Fields;
use crate::api::shapes::place::LANGUAGES;

/// Reads the body of a place. `parent_id` is read by who looks it up.
pub(crate) fn edit(fields: Fields<'_>) -> PlaceEdit {
    PlaceEdit {
        name: fields.must_text("name"),
        zone: fields.has_or("time_zone", Zone::utc(), |value| Zone::parse(value.as_str()?)),
        used_for: fields.may("used_for", |value| PlaceUse::parse(value.as_str()?)),
        // A place that is made has its default already, unless its use has another.
        retention_days: fields.must("retention_days", |value| value.as_i64()?.try_into().ok()),
        retention_reason: fields.text("retention_reason"),
        language: fields.text("language").map(|it| it.unwrap_or_else(|| LANGUAGES[0].to_owned())),
        courier_mode: fields.bool("courier_mode", false),
        default_privacy: fields.word("default_privacy", Privacy::Full, Privacy::parse),
        external_id: fields.text("external_id"),
        metadata: fields.json("metadata"),
        identity_providers: fields.list("identity_providers", provider),
    }
}

fn provider(value: &Value) -> Option<IdentityProvider> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    let (id, issuer) = (text("id")?, text("issuer")?);
    Some(IdentityProvider {
        id,
        issuer,
        audience: text("audience")?,
        public_key: text("public_key")?,
    })
}
