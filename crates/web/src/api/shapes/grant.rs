//! The fields of a grant, of batches of grants, and of keys.

use claviger_domain::noun::CloseReason;
use claviger_domain::noun::grant::{Right, RightState, SourceKind, Via};

use super::{
    COUNT, HEADER, ID, INSTANT, METADATA, REASON, REF, WINDOW, WORD, limits, list, schedule,
};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Rule, Shape};

const SUBJECT: Shape = Shape::new(
    "Subject",
    "Who is given the right; an unknown e-mail address or phone number makes a person.",
    &[&[
        Field::has("person_id", REF, "All of a person's credentials.").sometimes(),
        Field::has("credential_id", REF, "That one.").sometimes(),
        Field::has("email", Kind::Is(Format::Email), "The person with that address.").hidden(),
        Field::has("phone", Kind::Is(Format::Phone), "The person with that number.").hidden(),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["person_id", "credential_id", "email", "phone"])]);

const TARGET: Shape = Shape::new(
    "Target",
    "What the right reaches.",
    &[&[
        Field::has("lock_id", REF, "One lock.").sometimes(),
        Field::has("access_level_id", REF, "Every lock of a level.").sometimes(),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["lock_id", "access_level_id"])]);

const SOURCE: Shape = Shape::new(
    "Source",
    "How a grant came to be.",
    &[&[
        Field::must("kind", Kind::Enum(SourceKind::WORDS), "How."),
        Field::must("via", Kind::Enum(Via::WORDS), "Through which surface."),
    ]],
);

const PROGRESS: Shape = Shape::new(
    "RevocationProgress",
    "How far the taking back has got.",
    &[&[
        Field::must("locks_total", COUNT, "Locks that had to learn of it."),
        Field::must("locks_confirmed", COUNT, "Locks that know, or need not."),
        Field::may("latest_possible_use", INSTANT, "When it could last be used; null: no further."),
    ]],
);

pub(crate) const GRANT: Shape = Shape::new(
    "Grant",
    "The one edge: a subject's right at a target.",
    &[
        HEADER,
        &[
            Field::must("subject", Kind::Object(&SUBJECT), "Who.").fixed(),
            Field::must("target", Kind::Object(&TARGET), "What.").fixed(),
            Field::has(
                "right",
                Kind::Enum(Right::WORDS),
                "open unless given; share may hand out keys and never opens.",
            )
            .fixed(),
        ],
        WINDOW,
        &[
            Field::may("schedule", schedule::REFERENCE, "At which times; null: at all."),
            Field::has(
                "override_lockdown",
                Kind::Bool,
                "Whether it opens in lockdown; false unless given.",
            ),
            METADATA,
            Field::has(
                "invite",
                Kind::Bool,
                "Whether the person is mailed an invitation, unless they have logged in already; \
                 by POST only.",
            )
            .fixed()
            .hidden(),
            Field::may(
                "issued_under",
                REF,
                "The right to share it is made under, or the grant to a level that lets its people \
                 share; it opens one lock that right reaches, holds no longer, and falls with it.",
            )
            .fixed(),
            Field::must("source", Kind::Object(&SOURCE), "How it came to be.").shown(),
            Field::must("state", Kind::Enum(RightState::WORDS), "How it stands now.").shown(),
            Field::may("closed_at", INSTANT, "When it was closed.").shown(),
            Field::may("closed_reason", Kind::Enum(CloseReason::WORDS), "Why.").shown(),
            Field::may("closed_note", REASON, "Why, in the words of whoever revoked it.").shown(),
            Field::may("revocation", Kind::Object(&PROGRESS), "How far that has got.").shown(),
        ],
    ],
)
.ruled(&[Rule::Ordered("valid_from", "valid_until")]);

pub(crate) const REVOKE: Shape = Shape::new(
    "GrantRevocation",
    "How a right is taken back.",
    &[
        super::WHY,
        &[Field::has(
            "leave_to_card",
            Kind::Bool,
            "For a card that is at hand: its keys are erased when it is next written, and no list \
             refuses them. Until then it still opens locks with no network.",
        )
        .hidden()],
    ],
);

pub(crate) const BATCH: Shape = Shape::new(
    "GrantBatch",
    "Grants to make and to revoke, all or nothing.",
    &[&[
        Field::has(
            "create",
            Kind::List { of: &Kind::Object(&GRANT), min: 0, max: limits::BATCH, unique: false },
            "Bodies of grants.",
        ),
        Field::has("revoke", super::refs(0, limits::BATCH), "Grants to close."),
    ]],
)
.ruled(&[
    Rule::SomeOf(&["create", "revoke"]),
    Rule::Check("at most 10 000 items in all", super::batch_size),
]);

const RESULT: Shape = Shape::new(
    "OperationResult",
    "What became of one item.",
    &[&[
        Field::must("index", COUNT, "Which item: those of create, then those of revoke."),
        Field::must("status", Kind::Int { min: 100, max: 599 }, "As an HTTP status."),
        Field::may("id", ID, "The object."),
    ]],
);

pub(crate) const OPERATION: Shape = Shape::new(
    "Operation",
    "The stored result of work that reports per item.",
    &[&[
        Field::must("id", ID, "The id."),
        Field::must("kind", WORD, "What was done: grant_batch and so on."),
        Field::must("state", Kind::Enum(&["running", "finished", "failed"]), "How far it has got."),
        Field::must("results", list(&Kind::Object(&RESULT)), "Each item that went well."),
        Field::must(
            "errors",
            list(&Kind::Object(&super::problem::ERROR)),
            "Each item that did not.",
        ),
    ]],
);

pub(crate) const KEY: Shape = Shape::new(
    "Key",
    "One grant at one lock; made from both, never stored.",
    &[&[
        Field::must("id", ID, "The grant's id, or one packed of grant and membership."),
        Field::must("lock_id", ID, "The lock."),
        Field::may("person_id", ID, "Whose."),
        Field::may("credential_id", ID, "Which."),
        Field::must("grant_id", ID, "The grant."),
        Field::may("access_level_id", ID, "The level, where the grant reaches one."),
        Field::must("state", Kind::Enum(RightState::WORDS), "How it stands now."),
        Field::may("valid_from", INSTANT, "The first instant at which it holds."),
        Field::may("valid_until", INSTANT, "The first instant at which it does not."),
    ]],
);
