//! The fields of a credential.

use claviger_domain::noun::card::{CardFlaw, CardValue, Technology};
use claviger_domain::noun::credential::{CredentialKind, CredentialState};
use serde_json::{Map, Value};

use super::{HEADER, ID, INSTANT, LINE, REF, WINDOW, limits, list};
use crate::api::format::Format;
use crate::api::shape::{Field, FieldError, Kind, Rule, Shape, Use};

/// Digits of a PIN.
pub(crate) const PIN: Kind = Kind::Digits { min: 4, max: 8 };
/// Digits of a code.
pub(crate) const CODE: Kind = Kind::Digits { min: 4, max: 16 };
/// Digits that are typed: a code, or the text of an opaque card.
pub(crate) const TYPED: Kind = Kind::Digits { min: 1, max: 16 };
/// Seconds of a session hint.
const HINT_S: Kind = Kind::Int { min: 0, max: limits::HINT_S };

pub(crate) const CARD: Shape = Shape::new(
    "Card",
    "One part of a card: what a reader sends.",
    &[&[
        Field::has(
            "technology",
            Kind::Enum(Technology::WORDS),
            "A label, never compared; opaque unless given.",
        ),
        Field::must("bits", Kind::Int { min: 1, max: 128 }, "How many bits there are."),
        Field::must(
            "value",
            Kind::Is(Format::Hex),
            "Hexadecimal, either case, any leading zeros; answered in lower case, padded to the \
             bits.",
        ),
    ]],
)
.ruled(&[Rule::Check("value fits into bits", fits)]);

fn fits(fields: &Map<String, Value>, _: Use) -> Vec<FieldError> {
    let bits = fields.get("bits").and_then(Value::as_u64).unwrap_or(0);
    let value = fields.get("value").and_then(Value::as_str).unwrap_or("");
    match CardValue::parse(bits, value) {
        Ok(_) => Vec::new(),
        Err(flaw) => {
            let (pointer, code) = match flaw {
                CardFlaw::Bits => ("/bits", "out_of_range"),
                CardFlaw::Hex => ("/value", "bad_format"),
                CardFlaw::TooLong(_) => ("/value", "too_long"),
            };
            vec![FieldError::new(pointer, code, flaw.to_string())]
        }
    }
}

pub(crate) const SESSION: Shape = Shape::new(
    "SessionHints",
    "Hints for the machine the credential switches on.",
    &[&[
        Field::must("start_within_s", HINT_S, "May start within this long after being let in."),
        Field::must("log_off_after_s", HINT_S, "Is logged off this long after switching off."),
    ]],
);

const PHONE: Shape = Shape::new(
    "PhoneKey",
    "What identifies a phone.",
    &[&[Field::must("public_key", Kind::Is(Format::Base64), "Base64 of its COSE_Key.")]],
);

pub(crate) const CREDENTIAL: Shape = Shape::new(
    "Credential",
    "Something presented at a lock: a card, a code or a phone; of at most one person.",
    &[
        HEADER,
        &[
            Field::may("person_id", REF, "Whose it is."),
            Field::must("kind", Kind::Enum(CredentialKind::WORDS), "What is presented.").fixed(),
            Field::may("label", LINE, "What people call it."),
            Field::has("card", Kind::Object(&CARD), "The card, where it has one part.").hidden(),
            Field::has(
                "cards",
                Kind::List { of: &Kind::Object(&CARD), min: 1, max: limits::CARDS, unique: false },
                "The card's parts, any of which identifies it; always answered.",
            ),
            Field::has(
                "code",
                CODE,
                "The digits that identify by themselves; shown in the answer that made them, never \
                 after.",
            )
            .once(),
            Field::may("pin", PIN, "The second factor; never answered.").hidden(),
            Field::must("has_pin", Kind::Bool, "Whether there is a PIN.").shown(),
        ],
        WINDOW,
        &[
            Field::has(
                "state",
                Kind::Enum(CredentialState::WORDS),
                "Whether it may be used; active unless given.",
            ),
            Field::may("session", Kind::Object(&SESSION), "Hints for the machine it switches on."),
            Field::has("is_admin", Kind::Bool, "Lets other keys be enrolled at a machine."),
            Field::has(
                "priority",
                Kind::Int { min: 0, max: 9 },
                "Who comes first where a controller or lock has no room for all: the higher the \
                 sooner; 0 unless given.",
            ),
            Field::may("contact", Kind::Free, "Text about the holder as sent, matched to nobody."),
            Field::has("phone", Kind::Object(&PHONE), "What identifies the phone.").sometimes(),
        ],
    ],
)
.ruled(&[
    Rule::Ordered("valid_from", "valid_until"),
    Rule::AtMostOne(&["card", "cards"]),
    Rule::Kinds(
        "kind",
        &[("card", &["card", "cards"]), ("code", &["code"]), ("phone", &["phone"])],
    ),
]);

const SYSTEM: Shape = Shape::new(
    "CredentialAtSystem",
    "How far a credential has got at one system.",
    &[&[
        Field::may(
            "controller_id",
            ID,
            "The controller; null for locks that ask the server, and for controllers of other \
             places.",
        ),
        Field::must(
            "lock_ids",
            list(&ID),
            "The locks there that it has a right to, or that may still let it in.",
        ),
        Field::must(
            "status",
            Kind::Enum(&["pending", "applied", "failed", "not_stored"]),
            "not_stored: there was no room for it, it is let in only where the controller asks.",
        ),
        Field::may("since", INSTANT, "Since when it is applied, or failed."),
        Field::may("code", LINE, "Why it failed, in the controller's word."),
    ]],
);

/// How far a credential has got.
pub(crate) const STATUS: Shape = Shape::new(
    "CredentialStatus",
    "How far a credential has got at the systems that should know it.",
    &[&[
        Field::must(
            "status",
            Kind::Enum(&["not_applied", "pending", "partially_applied", "applied", "failed"]),
            "All taken together; not_applied where no system needs to know it.",
        ),
        Field::must(
            "systems",
            list(&Kind::Object(&SYSTEM)),
            "Each; twice where some of its locks have no room for it.",
        ),
    ]],
);
