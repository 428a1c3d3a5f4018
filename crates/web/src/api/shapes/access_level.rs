//! The fields of an access level and of who joins and leaves it.

use super::{COUNT, HEADER, METADATA, NAME, PROSE, limits, refs, schedule};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Rule, Shape};

pub(crate) const ACCESS_LEVEL: Shape = Shape::new(
    "AccessLevel",
    "A named set of locks, with an optional schedule.",
    &[
        HEADER,
        &[
            Field::must("name", NAME, "What people call it."),
            Field::may("description", PROSE, "Free text."),
            Field::has("lock_ids", refs(0, limits::LOCKS), "Its locks."),
            Field::may("schedule", schedule::REFERENCE, "When its grants hold; null: always."),
            Field::has(
                "api_enabled",
                Kind::Bool,
                "Whether vendor APIs that ask for it may use the level; false unless given.",
            ),
            Field::has(
                "allow_sharing",
                Kind::Bool,
                "Whether its people may hand out keys; false unless given.",
            ),
            METADATA,
            Field::must("people_count", COUNT, "How many people hold an open grant to it.").shown(),
        ],
    ],
);

const WHO: Kind =
    Kind::List { of: &Kind::Is(Format::Who), min: 0, max: limits::MODIFY, unique: true };

pub(crate) const MODIFY: Shape = Shape::new(
    "AccessLevelChange",
    "Who and what joins or leaves the level, all or nothing.",
    &[&[
        Field::has("add_people", WHO, "Ids, external:…, e-mail addresses or phone numbers."),
        Field::has("remove_people", WHO, "The same."),
        Field::has("add_locks", refs(0, limits::MODIFY), "Ids or external:…"),
        Field::has("remove_locks", refs(0, limits::MODIFY), "The same."),
    ]],
)
.ruled(&[Rule::SomeOf(&["add_people", "remove_people", "add_locks", "remove_locks"])]);
