//! The fields of the change trail.

use super::{BIG_COUNT, ID, INSTANT, REASON, WORD, list};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Shape};

const ACTOR: Shape = Shape::new(
    "Actor",
    "Who did something.",
    &[&[
        Field::must(
            "kind",
            Kind::Enum(&["system", "operator", "client", "account"]),
            "What kind of actor.",
        ),
        Field::may("id", ID, "The client or account."),
    ]],
);

pub(crate) const CHANGE: Shape = Shape::new(
    "Change",
    "What an administrator or program did; one entry per command, chained by hashes.",
    &[&[
        Field::must("id", ID, "The id."),
        Field::must("seq", BIG_COUNT, "Counted per place."),
        Field::must("at", INSTANT, "When."),
        Field::must("actor", Kind::Object(&ACTOR), "Who."),
        Field::must("verb", WORD, "What was done."),
        Field::must("noun", WORD, "To what kind of thing."),
        Field::may("object_id", ID, "To which."),
        Field::must("fields", list(&WORD), "The names of changed fields."),
        Field::must("values", Kind::Free, "Values of those that are not personal."),
        Field::may(
            "reason",
            REASON,
            "Why, in the words of whoever did it. Not part of what is hashed: it is erased with \
             the person or credential it is about, and after 400 days.",
        ),
        Field::must("revision", BIG_COUNT, "The place's revision it made."),
        Field::must("hash", Kind::Is(Format::Hex), "SHA-256 over this entry and the one before."),
    ]],
);

pub(crate) const VERIFIED: Shape = Shape::new(
    "ChainReport",
    "Whether the change trail is whole.",
    &[&[
        Field::must("ok", Kind::Bool, "Whether every hash is right."),
        Field::must("checked", BIG_COUNT, "How many entries were looked at."),
        Field::may("first_broken", BIG_COUNT, "The seq of the first whose hash is wrong."),
    ]],
);
