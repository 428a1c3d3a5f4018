//! The fields of a dry run's answer.

use super::{COUNT, ID, list};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Rule, Shape};

const EFFECT: Shape = Shape::new(
    "Effect",
    "Somebody and a lock.",
    &[&[
        Field::has("person_id", ID, "The person.").sometimes(),
        Field::has("credential_id", ID, "The credential.").sometimes(),
        Field::has("email", Kind::Is(Format::Email), "A person who would be made.").sometimes(),
        Field::has("phone", Kind::Is(Format::Phone), "A person who would be made.").sometimes(),
        Field::must("lock_id", ID, "The lock."),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["person_id", "credential_id", "email", "phone"])]);

const COUNTS: Shape = Shape::new(
    "PlanCounts",
    "How long the whole lists are.",
    &[&[
        Field::must("gains", COUNT, "Of gains."),
        Field::must("losses", COUNT, "Of losses."),
        Field::must("changed", COUNT, "Of changed."),
        Field::must("side_effects", COUNT, "Of side effects."),
        Field::must("card_tasks", COUNT, "Of card tasks."),
        Field::must("phones_to_sync", COUNT, "Phones that need one call to get other keys."),
    ]],
);

const OFFLINE_LOCK: Shape = Shape::new(
    "PlanOfflineLock",
    "A lock with no network.",
    &[&[
        Field::must("lock_id", ID, "The lock."),
        Field::must(
            "hours_enforced",
            Kind::Bool,
            "Whether it keeps a clock; else hours and ends of rights are not enforced here.",
        ),
    ]],
);

const EFFECTS: Kind = list(&Kind::Object(&EFFECT));

const PLAN_BODY: Shape = Shape::new(
    "PlanBody",
    "Who gains, who loses; each list is cut at 1 000 here, never in the digest.",
    &[&[
        Field::must("gains", EFFECTS, "Who would get access."),
        Field::must("losses", EFFECTS, "Who would lose it, with no open grant left."),
        Field::must("changed", EFFECTS, "Who would keep it at other times."),
        Field::must("side_effects", EFFECTS, "Whom it would hit besides."),
        Field::must("card_tasks", EFFECTS, "Which cards would need another key, from an updater."),
        Field::must(
            "offline_locks",
            list(&Kind::Object(&OFFLINE_LOCK)),
            "The locks with no network among all these.",
        ),
        Field::must(
            "counts",
            Kind::Object(&COUNTS),
            "How many of each, and of phones that must call.",
        ),
    ]],
);

pub(crate) const PLAN: Shape = Shape::new(
    "Plan",
    "What a change would do; nothing was written.",
    &[&[
        Field::must("plan", Kind::Object(&PLAN_BODY), "The plan."),
        Field::must(
            "digest",
            Kind::Line { min: 1, max: 140 },
            "plan-<hex>; sent as If-Match the call does exactly this or answers 412.",
        ),
    ]],
);
