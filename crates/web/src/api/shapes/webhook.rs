//! The fields of a webhook and its deliveries.

use claviger_domain::command::webhook::FORMATS;
use claviger_domain::noun::event::EventKind;

use super::{HEADER, ID, INSTANT, LINE, limits, list, refs};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Shape};

pub(crate) const WEBHOOK: Shape = Shape::new(
    "Webhook",
    "Who wants to hear of events; signed as Standard Webhooks says.",
    &[
        HEADER,
        &[
            Field::may("name", LINE, "What people call it."),
            Field::must(
                "url",
                Kind::Is(Format::Url),
                "Where deliveries go. Another host takes away the headers of its own.",
            ),
            Field::has(
                "events",
                Kind::List { of: &Kind::Enum(EventKind::WORDS), min: 0, max: 64, unique: true },
                "Which kinds of event; none named: all.",
            ),
            Field::has(
                "lock_ids",
                refs(0, limits::LOCKS),
                "Which locks; none named: all, unless disabled_reason is locks_gone.",
            ),
            Field::has(
                "format",
                Kind::Enum(FORMATS),
                "The form of the body: this API's, or a vendor's, which may leave events out. In a \
                 form with batch in its name it hears of the results of batches that its maker \
                 makes, and of no events.",
            ),
            Field::may(
                "told_within_s",
                Kind::Int { min: 0, max: limits::WITHIN_S },
                "Events that come in more seconds after they happened are not told; null: all are.",
            ),
            Field::has(
                "failures_only",
                Kind::Bool,
                "Of results of batches, only those in which an item failed.",
            ),
            Field::has(
                "secret",
                Kind::Secret { min: 24, max: limits::SECRET },
                "What signs deliveries; made unless given, shown in the answer that made it.",
            )
            .once(),
            Field::must(
                "has_headers",
                Kind::Bool,
                "Whether deliveries have headers of the webhook's own, of which nothing is shown.",
            )
            .shown(),
            Field::may("failing_since", INSTANT, "Since when only failures are seen.").shown(),
            Field::may("disabled_at", INSTANT, "When it was given up.").shown(),
            Field::may(
                "disabled_reason",
                Kind::Enum(&["failing", "gone", "locks_gone"]),
                "Why it hears nothing: only failures for days, the answer 410 Gone (for both, set \
                 another url), or every lock it was for is gone (set lock_ids anew).",
            )
            .shown(),
        ],
    ],
);

const ATTEMPT: Shape = Shape::new(
    "Attempt",
    "One try to deliver.",
    &[&[
        Field::must("at", INSTANT, "When."),
        Field::may("status", Kind::Int { min: 100, max: 599 }, "What was answered."),
        Field::may("error", Kind::Prose { max: 400 }, "Why there was no answer."),
    ]],
);

pub(crate) const DELIVERY: Shape = Shape::new(
    "Delivery",
    "One event on its way to one webhook.",
    &[&[
        Field::must("id", ID, "The id; it is sent as webhook-id."),
        Field::may("event_id", ID, "The event; null for a test."),
        Field::must("state", Kind::Enum(&["pending", "delivered", "failed"]), "How it stands."),
        Field::must("attempts", list(&Kind::Object(&ATTEMPT)), "Each try."),
        Field::may("next_at", INSTANT, "When it is tried again."),
    ]],
);

pub(crate) const REPLAY: Shape = Shape::new(
    "Replay",
    "What is to be delivered again.",
    &[&[Field::must("delivery_id", ID, "The delivery.")]],
);
