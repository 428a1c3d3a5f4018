//! The fields of a lock, its posture and its shares.

use claviger_domain::noun::lock::{
    LockMode, PinRule, Posture, Privacy, ShareState, WhenUnrecorded,
};

use super::{
    HEADER, ID, INSTANT, LINE, METADATA, NAME, PROSE, REASON, REF, STAMP, ZONE, limits, list, refs,
    schedule,
};
use crate::api::shape::{Field, Kind, Rule, Shape};

const ROOM: Kind = Kind::Int { min: 0, max: limits::COUNT };

const CAPACITY: Shape = Shape::new(
    "Capacity",
    "What a lock can hold, in its own measure.",
    &[&[
        Field::has("entries", ROOM, "Entries of a plain revocation list.").sometimes(),
        Field::has("list_bytes", ROOM, "Bytes of a revocation list; 896 are used at most.")
            .sometimes(),
        Field::has("credentials", ROOM, "Credentials of an allow-list.").sometimes(),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["entries", "list_bytes", "credentials"])]);

const HEALTH: Shape = Shape::new(
    "Health",
    "How the lock was last heard to be.",
    &[&[
        Field::may("battery_percent", Kind::Int { min: 0, max: 100 }, "Charge."),
        Field::may("last_seen_at", INSTANT, "When it was last heard of."),
    ]],
);

pub(crate) const LOCK: Shape = Shape::new(
    "Lock",
    "A door, gate, cabinet or machine.",
    &[
        HEADER,
        &[
            Field::must("name", NAME, "What people call it."),
            Field::may("description", PROSE, "Free text."),
            Field::may("model", LINE, "The maker's name for the model."),
            Field::has(
                "mode",
                Kind::Enum(LockMode::WORDS),
                "How it learns who may open; online (it asks) unless given.",
            ),
            Field::has(
                "pin",
                Kind::Enum(PinRule::WORDS),
                "When it asks for a PIN beside what is presented; never unless given.",
            ),
            Field::may(
                "pin_schedule",
                schedule::REFERENCE,
                "The times at which pin holds; null: always.",
            ),
            Field::may(
                "unlock_schedule",
                schedule::REFERENCE,
                "The times at which the door is held open.",
            ),
            Field::has(
                "privacy",
                Kind::Enum(Privacy::WORDS),
                "What the events of its decisions keep of who they concern; the place's \
                 default_privacy unless given. What is kept already stays as it is.",
            ),
            Field::has(
                "when_unrecorded",
                Kind::Enum(WhenUnrecorded::WORDS),
                "What it does when an event cannot be stored; allow unless given.",
            ),
            Field::may("time_zone", ZONE, "Its own zone; null: the place's."),
            Field::may("controller_id", REF, "What connects it; null: it asks directly."),
            Field::may("capacity", Kind::Object(&CAPACITY), "What it can hold."),
            Field::may("capabilities", Kind::Free, "What it can do, as its maker says."),
            METADATA,
            Field::must(
                "posture",
                Kind::Enum(Posture::WORDS),
                "What it does whoever stands before it; set by the route posture.",
            )
            .shown(),
            Field::must("health", Kind::Object(&HEALTH), "How it was last heard to be.").shown(),
        ],
    ],
);

pub(crate) const UNLOCK: Shape = Shape::new(
    "Unlock",
    "For whom the lock is to be opened.",
    &[&[Field::may("person_id", REF, "The person who asks; null: the caller.").hidden()]],
);

pub(crate) const POSTURE: Shape = Shape::new(
    "PostureWish",
    "Which posture, at which locks.",
    &[&[
        Field::must("posture", Kind::Enum(Posture::WORDS), "The posture."),
        Field::has("lock_ids", refs(1, limits::LOCKS), "These locks."),
        Field::has("all", Kind::True, "Every lock of the place."),
        Field::may("reason", REASON, "Why. Kept with the change, shown in the list of changes."),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["lock_ids", "all"])]);

pub(crate) const POSTURE_REPORT: Shape = Shape::new(
    "PostureReport",
    "Which locks obey now and which cannot.",
    &[&[
        Field::must("obeyed", list(&ID), "These have the posture."),
        Field::must("pending", list(&ID), "These will learn of it."),
        Field::must("unreachable", list(&ID), "These cannot be told."),
    ]],
);

pub(crate) const SHARE: Shape = Shape::new(
    "Share",
    "One place's offer of one of its locks to another.",
    &[
        STAMP,
        &[
            Field::must("place_id", REF, "The other place."),
            Field::must("lock_id", ID, "The lock.").shown(),
            Field::must("state", Kind::Enum(ShareState::WORDS), "How far it has got.").shown(),
        ],
    ],
);

pub(crate) const SHARED_LOCK: Shape = Shape::new(
    "SharedLock",
    "A lock that another place offers or has shared.",
    &[&[
        Field::must("lock_id", ID, "The lock; the same id here and there."),
        Field::must("name", LINE, "What its owner calls it."),
        Field::must("owner_place_id", ID, "Whose it is."),
        Field::must("state", Kind::Enum(ShareState::WORDS), "How far it has got."),
    ]],
);
