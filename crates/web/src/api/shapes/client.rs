//! The fields of an API client.

use claviger_domain::noun::client::ClientKind;
use claviger_domain::noun::scope::Scope;

use serde_json::{Map, Value};

use super::{HEADER, INSTANT, NAME, REF, limits, refs};
use crate::api::shape::{Field, FieldError, Kind, Rule, Shape, Use};

const ADDRESS: Kind = Kind::Line { min: 1, max: limits::ADDRESS };
const SECRET: Kind = Kind::Secret { min: 1, max: limits::SECRET };

pub(crate) const CLIENT: Shape = Shape::new(
    "Client",
    "A program with scopes (what it may do) and places (where).",
    &[
        HEADER,
        &[
            Field::must("name", NAME, "What people call it."),
            Field::must("kind", Kind::Enum(ClientKind::WORDS), "How it proves itself.").fixed(),
            Field::must(
                "scopes",
                Kind::List { of: &Kind::Enum(Scope::WORDS), min: 0, max: 64, unique: true },
                "What it may do by itself; write implies read. No more than its maker may. Empty \
                 only where it is public or has redirect_uris.",
            ),
            Field::has("place_ids", refs(0, limits::PLACES), "Where."),
            Field::may("controller_id", REF, "The one controller for whose locks it may decide.")
                .fixed(),
            Field::may("expires_at", INSTANT, "From then on it is refused."),
            Field::has(
                "redirect_uris",
                Kind::List { of: &ADDRESS, min: 0, max: limits::ADDRESSES, unique: true },
                "Where people who let the program act for them are sent back to, compared exactly: \
                 https, http on the machine itself, or an app's own scheme with a dot.",
            ),
            Field::may(
                "secret",
                SECRET,
                "Shown in the answer that made it only; null where it is public.",
            )
            .shown()
            .once(),
        ],
    ],
)
.ruled(&[Rule::Check("scopes are empty only where it acts for people", acts)]);

fn acts(fields: &Map<String, Value>, usage: Use) -> Vec<FieldError> {
    let is_empty =
        |name: &str| fields.get(name).and_then(Value::as_array).is_none_or(Vec::is_empty);
    let is_public = fields.get("kind").and_then(Value::as_str) == Some("public");
    // By PATCH the addresses may stand there already; one that may do nothing harms nobody.
    if !is_empty("scopes") || is_public || usage == Use::Patch || !is_empty("redirect_uris") {
        return Vec::new();
    }
    let detail = "must have at least one, unless the client is public or has redirect_uris";
    vec![FieldError::new("/scopes", "bad_count", detail)]
}

pub(crate) const ROTATED: Shape = Shape::new(
    "RotatedSecret",
    "A client's secret after rotation.",
    &[&[
        Field::may("secret", SECRET, "Shown in this answer only."),
        Field::may("previous_valid_until", INSTANT, "Until when the one before still works."),
    ]],
);
