//! The fields of a schedule, of its own and inside other bodies.

use serde_json::{Map, Value};

use super::{HEADER, INSTANT, NAME, REF, ZONE, limits};
use crate::api::decode::{Fields, schedule::definition};
use crate::api::format::Format;
use crate::api::shape::{Field, FieldError, Kind, Rule, Shape, Use};

/// The days of the week, Monday first.
pub(crate) const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const FROM_TO: &[Field] = &[
    Field::must("from", Kind::Is(Format::FromMinute), "When it starts, by the clock on the wall."),
    Field::must(
        "to",
        Kind::Is(Format::ToMinute),
        "When it ends, itself outside; at or before from it runs past midnight.",
    ),
];

const WEEKLY_WINDOW: Shape = Shape::new(
    "WeeklyWindow",
    "A window on some days of every week.",
    &[
        &[Field::must(
            "days",
            Kind::List { of: &Kind::Enum(DAYS), min: 1, max: 7, unique: true },
            "The days it starts on.",
        )],
        FROM_TO,
    ],
);

const DAY_WINDOW: Shape = Shape::new("DayWindow", "A window that starts on one date.", &[FROM_TO]);

const EXCEPTION: Shape = Shape::new(
    "ScheduleException",
    "What holds on one date instead of the week.",
    &[&[
        Field::must("date", Kind::Is(Format::Date), "The date on the wall."),
        Field::must(
            "windows",
            Kind::List {
                of: &Kind::Object(&DAY_WINDOW),
                min: 0,
                max: limits::WINDOWS,
                unique: false,
            },
            "Its windows; none: closed all day.",
        ),
    ]],
);

const ZONE_FIELD: Field = Field::may("time_zone", ZONE, "The zone of the wall; null: the lock's.");
const WEEKLY: Kind =
    Kind::List { of: &Kind::Object(&WEEKLY_WINDOW), min: 1, max: limits::WINDOWS, unique: false };
const WEEKLY_DOC: &str = "The windows of every week; overlapping ones are a union.";
const EXCEPTIONS_FIELD: Field = Field::has(
    "exceptions",
    Kind::List { of: &Kind::Object(&EXCEPTION), min: 0, max: limits::EXCEPTIONS, unique: false },
    "Dates that differ from the week, each at most once.",
);
const ICAL: Kind = Kind::Prose { max: limits::ICAL };
const ICAL_DOC: &str = "An iCalendar text (RFC 5545): one VCALENDAR with one VEVENT; kept and \
                        answered as it was sent.";

const INLINE_WEEKLY: Shape = Shape::new(
    "WeeklySchedule",
    "A schedule by the week, written out.",
    &[&[ZONE_FIELD, Field::must("weekly", WEEKLY, WEEKLY_DOC), EXCEPTIONS_FIELD]],
)
.ruled(&[Rule::Check("the schedule can hold", compiles)]);

const INLINE_ICAL: Shape = Shape::new(
    "IcalSchedule",
    "A schedule as an iCalendar text, written out.",
    &[&[Field::must("ical", ICAL, ICAL_DOC)]],
)
.ruled(&[Rule::Check("the schedule can hold", compiles)]);

const NAMED: Shape = Shape::new(
    "NamedSchedule",
    "One of the place's schedules.",
    &[&[Field::must("id", REF, "The schedule.")]],
);

/// A schedule inside another body.
pub(crate) const REFERENCE: Kind = Kind::OneOf(&[&INLINE_WEEKLY, &INLINE_ICAL, &NAMED]);

pub(crate) const SCHEDULE: Shape = Shape::new(
    "Schedule",
    "When: weekly windows with dated exceptions, or an iCalendar text.",
    &[
        HEADER,
        &[
            Field::must("name", NAME, "What people call it."),
            ZONE_FIELD.sometimes(),
            Field::has("weekly", WEEKLY, WEEKLY_DOC).sometimes(),
            EXCEPTIONS_FIELD.sometimes(),
            Field::has("ical", ICAL, ICAL_DOC).sometimes(),
        ],
    ],
)
.ruled(&[
    Rule::ExactlyOne(&["weekly", "ical"]),
    Rule::Excludes("ical", &["time_zone", "exceptions"]),
    Rule::Check("the schedule can hold", compiles),
]);

pub(crate) const OCCURRENCE: Shape = Shape::new(
    "Occurrence",
    "A stretch of time in which the schedule holds.",
    &[&[
        Field::must("from", INSTANT, "Its first instant."),
        Field::must("until", INSTANT, "The first instant after it."),
    ]],
);

/// Whatever the domain finds wrong with the whole.
fn compiles(fields: &Map<String, Value>, usage: Use) -> Vec<FieldError> {
    let body = Value::Object(fields.clone());
    // A PATCH of a part is compiled with the rest by who changes the schedule.
    let part = !fields.contains_key("weekly") && !fields.contains_key("ical");
    if usage == Use::Patch && part {
        return Vec::new();
    }
    let Some(definition) = definition(Fields::new(&body, Use::Create), None) else {
        return Vec::new();
    };
    let flaws = definition.compile().err().unwrap_or_default();
    flaws.into_iter().map(|flaw| FieldError::new(flaw.pointer, flaw.code, flaw.detail)).collect()
}
