//! The fields of every noun, as tables; and the limits of texts and lists, all in one place.
//!
//! Tables only: reading and writing the values is in `decode` and `encode`.

pub(crate) mod access;
pub(crate) mod access_level;
pub(crate) mod account;
pub(crate) mod change;
pub(crate) mod client;
pub(crate) mod controller;
pub(crate) mod credential;
pub(crate) mod decision;
pub(crate) mod device;
pub(crate) mod event;
pub(crate) mod grant;
pub(crate) mod lock;
pub(crate) mod person;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod revocation;
pub(crate) mod schedule;
pub(crate) mod sync;
pub(crate) mod webhook;

use serde_json::{Map, Value};

use super::format::Format;
use super::shape::{Field, FieldError, Kind, Shape, Use};

/// Limits, in characters, bytes or items.
pub(crate) mod limits {
    /// Characters of a name.
    pub(crate) const NAME: usize = 200;
    /// Characters of a description or note.
    pub(crate) const PROSE: usize = 4000;
    /// Characters of a reason.
    pub(crate) const REASON: usize = 500;
    /// Characters of a short word of the caller's, such as a tag.
    pub(crate) const WORD: usize = 64;
    /// Tags on one person.
    pub(crate) const TAGS: usize = 50;
    /// Locks in one list: of a level, a posture, a webhook.
    pub(crate) const LOCKS: usize = 10_000;
    /// People or locks in one list of `modify`.
    pub(crate) const MODIFY: usize = 10_000;
    /// Items in a batch.
    pub(crate) const BATCH: usize = 10_000;
    /// Parts of a card.
    pub(crate) const CARDS: usize = 4;
    /// Windows of a week, or of one date.
    pub(crate) const WINDOWS: usize = 64;
    /// Dated exceptions of a schedule.
    pub(crate) const EXCEPTIONS: usize = 1000;
    /// Characters of an iCalendar text.
    pub(crate) const ICAL: usize = 64 * 1024;
    /// Places of a client.
    pub(crate) const PLACES: usize = 1000;
    /// Addresses that a client's people are sent back to.
    pub(crate) const ADDRESSES: usize = 20;
    /// Characters of one.
    pub(crate) const ADDRESS: usize = 2000;
    /// Identity providers of a place.
    pub(crate) const PROVIDERS: usize = 20;
    /// Characters of a password or secret.
    pub(crate) const SECRET: usize = 256;
    /// Characters of a password at least.
    pub(crate) const PASSWORD: usize = 10;
    /// Seconds of a session hint: a week.
    pub(crate) const HINT_S: i64 = 7 * 24 * 3600;
    /// Seconds within which webhooks are told of events: 366 days.
    pub(crate) const WITHIN_S: i64 = 366 * 24 * 3600;
    /// Seconds until a client or a schedule's occurrences are listed, and other counts.
    pub(crate) const COUNT: i64 = u32::MAX as i64;
    /// Items of any list in an answer; nothing is promised by it.
    pub(crate) const ANSWER: usize = 1_000_000;
}

pub(crate) const ID: Kind = Kind::Is(Format::Id);
pub(crate) const REF: Kind = Kind::Is(Format::Ref);
pub(crate) const INSTANT: Kind = Kind::Is(Format::Instant);
pub(crate) const ZONE: Kind = Kind::Is(Format::Zone);
pub(crate) const NAME: Kind = Kind::Line { min: 1, max: limits::NAME };
pub(crate) const LINE: Kind = Kind::Line { min: 0, max: limits::NAME };
pub(crate) const PROSE: Kind = Kind::Prose { max: limits::PROSE };
pub(crate) const COUNT: Kind = Kind::Int { min: 0, max: limits::COUNT };
pub(crate) const BIG_COUNT: Kind = Kind::Int { min: 0, max: i64::MAX };
pub(crate) const REASON: Kind = Kind::Line { min: 1, max: limits::REASON };
pub(crate) const WORD: Kind = Kind::Line { min: 1, max: limits::WORD };

/// A list in an answer.
pub(crate) const fn list(of: &'static Kind) -> Kind {
    Kind::List { of, min: 0, max: limits::ANSWER, unique: false }
}

/// A list of references in a body; ids in an answer.
pub(crate) const fn refs(min: usize, max: usize) -> Kind {
    Kind::List { of: &REF, min, max, unique: true }
}

/// What every object has.
pub(crate) const HEADER: &[Field] = &[
    Field::must("id", ID, "The id, made by the server.").shown(),
    Field::must("number", COUNT, "Counted per place and noun, never used again.").shown(),
    Field::may(
        "external_id",
        Kind::Is(Format::ExternalId),
        "Your own id, unique for this noun in the place. Wherever an id is accepted, \
         external:<external_id> is too.",
    ),
    Field::must("created_at", INSTANT, "When it was made.").shown(),
    Field::must("updated_at", INSTANT, "When it last changed.").shown(),
    Field::must("revision", BIG_COUNT, "The place's revision that last changed it.").shown(),
];

/// What every object has that callers do not make by hand.
pub(crate) const STAMP: &[Field] = &[
    Field::must("id", ID, "The id, made by the server.").shown(),
    Field::must("number", COUNT, "Counted per place and noun, never used again.").shown(),
    Field::may("external_id", Kind::Is(Format::ExternalId), "Your own id.").shown(),
    Field::must("created_at", INSTANT, "When it was made.").shown(),
    Field::must("updated_at", INSTANT, "When it last changed.").shown(),
    Field::must("revision", BIG_COUNT, "The place's revision that last changed it.").shown(),
];

/// From when until when.
pub(crate) const WINDOW: &[Field] = &[
    Field::may("valid_from", INSTANT, "The first instant at which it holds; null: always did."),
    Field::may("valid_until", INSTANT, "The first instant at which it does not; null: no end."),
];

/// Free text of the caller's.
pub(crate) const METADATA: Field = Field::may(
    "metadata",
    Kind::Free,
    "Any JSON object, kept for you; at most 16 KiB, 256 fields and 16 levels.",
);

/// The body of an action that may be given a reason.
pub(crate) const ACTION: Shape = Shape::new("Action", "What an action may be told.", &[WHY]);

/// Why an action is taken.
pub(crate) const WHY: &[Field] = &[Field::may(
    "reason",
    REASON,
    "Why. Kept with the change it makes, shown in the list of changes.",
)
.hidden()];

/// The body of a hold.
pub(crate) const HOLD: Shape = Shape::new(
    "Hold",
    "Until when nothing is to be forgotten, and why.",
    &[&[
        Field::must("until", INSTANT, "When it ends by itself: at most 366 days from now.")
            .hidden(),
        Field::must(
            "reason",
            REASON,
            "Why. Kept as long as the hold, shown in the list of changes.",
        )
        .hidden(),
    ]],
);

/// The two lists of a batch together hold no more than one may.
fn batch_size(fields: &Map<String, Value>, _: Use) -> Vec<FieldError> {
    let count = |name: &str| fields.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    let all = count("create") + count("revoke");
    if all <= limits::BATCH {
        return Vec::new();
    }
    let detail = format!("the batch has {all} items; at most {} are taken", limits::BATCH);
    vec![FieldError::new("/create", "too_many", detail)]
}
