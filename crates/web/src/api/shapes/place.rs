//! The fields of a place, and of what a caller learns about itself.

use claviger_domain::noun::lock::Privacy;
use claviger_domain::noun::place::PlaceUse;
use claviger_domain::noun::role::Role;
use claviger_domain::noun::scope::Scope;
use serde_json::{Map, Value};

use super::{HEADER, ID, INSTANT, LINE, METADATA, NAME, REF, ZONE, limits, list};
use crate::api::shape::{Field, FieldError, Kind, Rule, Shape, Use};

/// The languages of mails and pages, the default first.
pub(crate) const LANGUAGES: &[&str] = &["en", "sv"];
/// Days from which on a reason is asked.
const LONG_DAYS: i64 = 90;

pub(crate) const PLACE: Shape = Shape::new(
    "Place",
    "The unit of administration and of isolation: its own people, locks, rights and events.",
    &[
        HEADER,
        &[
            Field::must("name", NAME, "What people call it."),
            Field::has(
                "time_zone",
                ZONE,
                "The zone of locks that name none; Etc/UTC unless given.",
            ),
            Field::has(
                "retention_days",
                Kind::Int { min: 1, max: 3650 },
                "For how many days events keep who they concern; unless given, what used_for says.",
            ),
            Field::may(
                "used_for",
                Kind::Enum(PlaceUse::WORDS),
                "What it is used for. Sets retention_days where those are not given beside it: \
                 lodging 7, housing 14, workplace and members 30, equipment 90; none given: 30.",
            ),
            Field::may(
                "held_until",
                INSTANT,
                "Nothing of the place is forgotten until then, whatever its retention; see hold.",
            )
            .shown(),
            Field::may(
                "retention_reason",
                Kind::Line { min: 1, max: limits::REASON },
                "Why they are kept for more than 90 days.",
            ),
            Field::may("parent_id", REF, "The place it belongs to.").fixed(),
            Field::has("language", Kind::Enum(LANGUAGES), "The language of mails to its people."),
            Field::has(
                "courier_mode",
                Kind::Bool,
                "Whether its people's phones carry the revocation lists of all its locks with no \
                 network, also of those they hold no key for; false unless given.",
            ),
            Field::has(
                "default_privacy",
                Kind::Enum(Privacy::WORDS),
                "The privacy of locks made here that are given none; full unless given. Locks that \
                 are there keep theirs.",
            ),
            METADATA,
            Field::has(
                "identity_providers",
                Kind::List {
                    of: &Kind::Object(&IDENTITY_PROVIDER),
                    min: 0,
                    max: limits::PROVIDERS,
                    unique: false,
                },
                "Who vouches for people of this place by signed tokens. Setting them needs \
                 roles:write and clients:write too, and that the caller may make administrators.",
            ),
        ],
    ],
)
.ruled(&[Rule::Check("retention_days over 90 needs retention_reason", reasoned)]);

const IDENTITY_PROVIDER: Shape = Shape::new(
    "IdentityProvider",
    "Somebody who vouches for people by signed tokens (RS256).",
    &[&[
        Field::must("id", NAME, "The provider of those people's identities."),
        Field::must("issuer", NAME, "Whom its tokens name as iss."),
        Field::must("audience", NAME, "Whom they name as aud."),
        Field::must(
            "public_key",
            Kind::Prose { max: limits::PROSE },
            "Its RSA key of 2048 to 4096 bits, as PEM.",
        ),
    ]],
);

fn reasoned(fields: &Map<String, Value>, usage: Use) -> Vec<FieldError> {
    let long = fields.get("retention_days").and_then(Value::as_i64).is_some_and(|d| d > LONG_DAYS);
    // By PATCH the reason may stand there already; who changes the place looks.
    if !long || usage == Use::Patch || fields.get("retention_reason").is_some_and(|r| !r.is_null())
    {
        return Vec::new();
    }
    let detail = format!("is required where retention_days is over {LONG_DAYS}");
    vec![FieldError::new("/retention_reason", "required", detail)]
}

const ORGANIZATION: Shape = Shape::new(
    "OrganizationName",
    "Who runs Claviger for some places.",
    &[&[Field::must("id", ID, "The id."), Field::must("name", LINE, "What people call it.")]],
);

const ROLE_AT: Shape = Shape::new(
    "RoleAt",
    "What somebody is in a place.",
    &[&[
        Field::must("place_id", ID, "The place."),
        Field::may("role", Kind::Enum(Role::WORDS), "The role there; null for a program."),
    ]],
);

/// The places somebody may work in.
pub(crate) const ROLES_AT: Kind = list(&Kind::Object(&ROLE_AT));

pub(crate) const ME: Shape = Shape::new(
    "Me",
    "Who calls, and what the caller may do where.",
    &[&[
        Field::must("kind", Kind::Enum(&["client", "account"]), "A program or a human."),
        Field::must("id", ID, "The client's or account's id."),
        Field::may("name", LINE, "The program's name."),
        Field::may("organization", Kind::Object(&ORGANIZATION), "Whose the program is."),
        Field::must("scopes", list(&Kind::Enum(Scope::WORDS)), "What a program may do."),
        Field::must("places", ROLES_AT, "Where."),
    ]],
);
