//! The fields of a person.

use claviger_app::invitation::MailState;
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::role::Role;

use super::change::CHANGE;
use super::credential::CREDENTIAL;
use super::event::EVENT;
use super::grant::GRANT;
use super::place::LANGUAGES;
use super::{
    BIG_COUNT, COUNT, HEADER, ID, INSTANT, LINE, METADATA, NAME, PROSE, REASON, WORD, limits, list,
};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Rule, Shape};

const IDENTITY: Shape = Shape::new(
    "Identity",
    "How an identity provider knows the person.",
    &[&[
        Field::must("provider", NAME, "The provider's name."),
        Field::may("subject", NAME, "The provider's id for the person, compared exactly."),
        Field::may("identifier", NAME, "The log-in name there, compared without case."),
    ]],
)
.ruled(&[Rule::SomeOf(&["subject", "identifier"])]);

pub(crate) const PERSON: Shape = Shape::new(
    "Person",
    "How a place knows a human.",
    &[
        HEADER,
        &[
            Field::may("first_name", LINE, "First name."),
            Field::may("last_name", LINE, "Last name."),
            Field::may("display_name", LINE, "Free; never split or joined."),
            Field::may(
                "email",
                Kind::Is(Format::Email),
                "Unique among the place's people whatever the case; kept as written.",
            ),
            Field::may("phone", Kind::Is(Format::Phone), "E.164, unique among the place's people."),
            Field::may("identity", Kind::Object(&IDENTITY), "How an identity provider knows them."),
            Field::may("employee_number", WORD, "The employer's number."),
            Field::may("language", Kind::Enum(LANGUAGES), "The language of mails."),
            Field::has(
                "tags",
                Kind::List { of: &WORD, min: 0, max: limits::TAGS, unique: true },
                "Free words.",
            ),
            Field::may("note", PROSE, "Free text."),
            Field::has(
                "role",
                Kind::Enum(Role::WORDS),
                "What the person may do in the place; guest unless given. Another one needs \
                 roles:write and stops at one's own.",
            ),
            METADATA,
            Field::has(
                "invite",
                Kind::Bool,
                "Whether the person is mailed an invitation; by POST only.",
            )
            .fixed()
            .hidden(),
            Field::must(
                "state",
                Kind::Enum(PersonState::WORDS),
                "Whether the person's rights count; see suspend and resume.",
            )
            .shown(),
            Field::may(
                "held_until",
                INSTANT,
                "Nothing about the person is forgotten until then, and they are not deleted; see \
                 hold.",
            )
            .shown(),
        ],
    ],
);

pub(crate) const FORGOTTEN: Shape = Shape::new(
    "Forgotten",
    "What was forgotten of a person.",
    &[&[Field::must("events", BIG_COUNT, "How many events concerned them.")]],
);

pub(crate) const INVITED: Shape = Shape::new(
    "InvitationMail",
    "How the mail of a person's last invitation went.",
    &[&[
        Field::may(
            "state",
            Kind::Enum(MailState::WORDS),
            "waiting: it is being written; written: it lies in the operator's folder, from where \
             it is sent; sent: a mail server has taken it; failed: it was given up.",
        ),
        Field::may("problem", PROSE, "What went wrong last: tried again, unless it failed."),
        Field::may("invited_at", INSTANT, "When they were invited."),
        Field::may("changed_at", INSTANT, "Since when it stands like this."),
        Field::may("expires_at", INSTANT, "When the invitation is over."),
    ]],
);

const WHY: Shape = Shape::new(
    "GivenReason",
    "Why something was done to a person, their credentials or their rights.",
    &[&[
        Field::must("at", INSTANT, "When."),
        Field::must("noun", WORD, "To what kind of thing."),
        Field::may("object_id", ID, "To which, while it is there."),
        Field::must("reason", REASON, "Why."),
    ]],
);

const OWN_DEVICE: Shape = Shape::new(
    "OwnDevice",
    "A credential that holds keys for locks with no network.",
    &[&[
        Field::may("device_id", ID, "The credential that it is."),
        Field::must("enrolled_at", INSTANT, "Since when."),
        Field::may("seen_at", INSTANT, "When it last called, told at most once a day."),
    ]],
);

const OWN_KEY: Shape = Shape::new(
    "OwnKey",
    "A key that was signed for a lock with no network.",
    &[&[
        Field::may("lock_id", ID, "For which."),
        Field::may("device_id", ID, "For what they carry."),
        Field::must("class", COUNT, "0 phone, 1 card, 2 guest, 3 service."),
        Field::must("serial", COUNT, "Its serial."),
        Field::must("issued_at", INSTANT, "When it was signed."),
        Field::must("expires_at", INSTANT, "When it ends."),
        Field::must("refused", Kind::Bool, "Whether the lock is told to refuse it."),
    ]],
);

pub(crate) const EXPORT: Shape = Shape::new(
    "PersonExport",
    "Everything that is stored about a person.",
    &[&[
        Field::must("person", Kind::Object(&PERSON), "The person."),
        Field::may("account_id", ID, "The log-in, once it is proven to be theirs."),
        Field::may("invitation", Kind::Object(&INVITED), "How their last invitation went."),
        Field::must("credentials", list(&Kind::Object(&CREDENTIAL)), "What they carry."),
        Field::must("devices", list(&Kind::Object(&OWN_DEVICE)), "What of it holds keys."),
        Field::must("offline_keys", list(&Kind::Object(&OWN_KEY)), "The keys it was given."),
        Field::must("grants", list(&Kind::Object(&GRANT)), "Their rights, closed ones included."),
        Field::must(
            "events",
            list(&Kind::Object(&EVENT)),
            "What happened at locks, hidden or not.",
        ),
        Field::must("reasons", list(&Kind::Object(&WHY)), "Reasons given for what was done."),
        Field::must(
            "changes",
            list(&Kind::Object(&CHANGE)),
            "What was done to them, to what they carry and to their rights, and what they did.",
        ),
    ]],
);
