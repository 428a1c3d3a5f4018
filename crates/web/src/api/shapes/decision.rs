//! The fields of a decision and of the question for one.

use claviger_domain::noun::event::Method;
use claviger_domain::reason::Reason;
use serde_json::{Map, Value};

use super::credential::{CARD, PIN, SESSION, TYPED};
use super::{BIG_COUNT, ID, INSTANT, REF, list};
use crate::api::shape::{Field, FieldError, Kind, Rule, Shape, Use};

pub(crate) const QUESTION: Shape = Shape::new(
    "Question",
    "May this one come in? A preview (at, or record: false) takes no pin and no code.",
    &[&[
        Field::must("lock_id", REF, "The lock."),
        Field::has("credential_id", REF, "A credential, by its id."),
        Field::has("person_id", REF, "A person who asks from afar."),
        Field::has("card", Kind::Object(&CARD), "One part of a card, as the reader sent it."),
        Field::has("code", TYPED, "What was typed: a code, or the text of an opaque card."),
        Field::has("pin", PIN, "The PIN that was entered."),
        Field::has(
            "at",
            INSTANT,
            "A preview of another time, back to what is kept of rights that ended (400 days); \
             makes no event. A card is looked up by the values it has at present.",
        ),
        Field::has("record", Kind::Bool, "Whether an event is made; true unless a preview."),
    ]],
)
.ruled(&[
    Rule::ExactlyOne(&["credential_id", "person_id", "card", "code"]),
    Rule::Excludes("at", &["pin", "code"]),
    Rule::Excludes("person_id", &["pin"]),
    Rule::Check("a preview is not recorded and takes no pin and no code", preview),
]);

pub(crate) const ENROLMENT: Shape = Shape::new(
    "Enrolment",
    "An admin key lets the key presented after it in, too.",
    &[&[
        Field::must("event_id", ID, "The event of the decision that let the admin key in."),
        Field::has("credential_id", REF, "The other key, by its id."),
        Field::has("card", Kind::Object(&CARD), "One part of the other key."),
        Field::has("code", TYPED, "What was typed for the other key."),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["credential_id", "card", "code"])]);

fn preview(fields: &Map<String, Value>, _: Use) -> Vec<FieldError> {
    let record = fields.get("record").and_then(Value::as_bool);
    let mut errors = Vec::new();
    if record == Some(true) && fields.contains_key("at") {
        let detail = "a question about another time is not recorded; leave out record or at";
        errors.push(FieldError::new("/record", "conflict", detail));
    }
    for name in ["pin", "code"] {
        if record == Some(false) && fields.contains_key(name) {
            let detail = format!("a preview takes no {name}; leave it out, or record");
            errors.push(FieldError::new(format!("/{name}"), "conflict", detail));
        }
    }
    errors
}

const REASON: Shape = Shape::new(
    "Reason",
    "A condition that failed.",
    &[&[
        Field::must("code", REASON_CODE, "A stable word for programs."),
        Field::must("detail", Kind::Prose { max: 400 }, "A sentence for people."),
    ]],
);

/// The code of a reason.
pub(crate) const REASON_CODE: Kind =
    Kind::Words(|| Reason::ALL.iter().map(|it| it.code()).collect());

/// The methods of what is asked of the server; controllers report others.
const DECIDED: &[&str] = &[
    Method::Card.as_str(),
    Method::Code.as_str(),
    Method::CardAndPin.as_str(),
    Method::Phone.as_str(),
    Method::Remote.as_str(),
    Method::FreeAccess.as_str(),
];

pub(crate) const DECISION: Shape = Shape::new(
    "Decision",
    "Whether the door opens, and why.",
    &[&[
        Field::must("result", Kind::Enum(&["granted", "denied"]), "Whether it opens."),
        Field::may("method", Kind::Enum(DECIDED), "What was presented."),
        Field::must(
            "reasons",
            list(&Kind::Object(&REASON)),
            "Every condition that failed, in the order of the checks.",
        ),
        Field::must("by", list(&ID), "The grants that allow, or would but for the reasons."),
        Field::may("opens_at", INSTANT, "When it would open if nothing changes but the time."),
        Field::may("hint", Kind::Prose { max: 400 }, "The one change that would open."),
        Field::may("session", Kind::Object(&SESSION), "Hints for the machine."),
        Field::must("revision", BIG_COUNT, "The place's revision that was asked."),
        Field::may("event_id", ID, "The event it made."),
        Field::has("recorded", Kind::Bool, "false where the event could not be stored.")
            .sometimes(),
    ]],
);
