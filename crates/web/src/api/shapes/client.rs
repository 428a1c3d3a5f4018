//! The fields of an API client.

use claviger_domain::noun::client::ClientKind;
use claviger_domain::noun::scope::Scope;

use super::{HEADER, INSTANT, NAME, REF, limits, refs};
use crate::api::shape::{Field, Kind, Shape};

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
                Kind::List { of: &Kind::Enum(Scope::WORDS), min: 1, max: 64, unique: true },
                "What it may do; write implies read. No more than its maker may.",
            ),
            Field::has("place_ids", refs(0, limits::PLACES), "Where."),
            Field::may("controller_id", REF, "The one controller for whose locks it may decide.")
                .fixed(),
            Field::may("expires_at", INSTANT, "From then on it is refused."),
            Field::must("secret", SECRET, "Shown in the answer that made it only.").shown().once(),
        ],
    ],
);

pub(crate) const ROTATED: Shape = Shape::new(
    "RotatedSecret",
    "A client's secret after rotation.",
    &[&[
        Field::may("secret", SECRET, "Shown in this answer only."),
        Field::may("previous_valid_until", INSTANT, "Until when the one before still works."),
    ]],
);
