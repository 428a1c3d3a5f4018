//! The fields of a controller's call and of its answer; what they mean is in `docs/controllers.md`.

use claviger_app::provision::MOST_EVENTS;
use claviger_domain::noun::credential::CredentialKind;
use claviger_domain::noun::event::{EventKind, Method};
use claviger_domain::noun::lock::{PinRule, Posture};
use claviger_domain::provision::ItemKind;

use super::credential::{CARD, PIN, SESSION};
use super::decision::REASON_CODE;
use super::schedule::REFERENCE;
use super::{BIG_COUNT, COUNT, ID, INSTANT, NAME, WINDOW, WORD, ZONE, limits, list};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Rule, Shape};

/// The longest a call is held.
const WAIT_S: Kind = Kind::Int { min: 0, max: 55 };
/// The most changes in one answer.
const CHANGES: Kind = Kind::Int { min: 1, max: 500 };
/// The most acknowledgements, events and reports in one call.
const MOST: usize = MOST_EVENTS;
/// The most items of an inventory.
const INVENTORY: usize = 1_000_000;
/// The id of an item: of a schedule 32 hexadecimal digits, else a UUID.
const ITEM_ID: Kind = Kind::Line { min: 32, max: 36 };
/// The id of whatever a controller holds, be it the server's or not.
const HELD_ID: Kind = Kind::Line { min: 1, max: 128 };
/// The highest number of a call or an event: a controller goes on from it, and nothing could follow
/// the highest there is.
const HIGHEST: i64 = 1 << 62;
/// Digits as a controller takes them, which may be fewer than a code has.
const FITTED: Kind = Kind::Digits { min: 1, max: 16 };
const KIND: Kind = Kind::Enum(ItemKind::WORDS);
const RESULT: Kind = Kind::Enum(&["ok", "refused"]);
const DIGEST: Kind = Kind::Is(Format::Hex);

/// What a controller may report of locks.
const REPORTED: &[&str] = &[
    EventKind::AccessGranted.as_str(),
    EventKind::AccessDenied.as_str(),
    EventKind::DoorOpened.as_str(),
    EventKind::DoorClosed.as_str(),
    EventKind::DoorForced.as_str(),
    EventKind::DoorHeldOpen.as_str(),
    EventKind::Tamper.as_str(),
    EventKind::BatteryLow.as_str(),
    EventKind::LockOnline.as_str(),
    EventKind::LockOffline.as_str(),
    EventKind::ClockWrong.as_str(),
];

const fn at_most(of: &'static Kind, max: usize) -> Kind {
    Kind::List { of, min: 0, max, unique: false }
}

const ACKNOWLEDGED: Shape = Shape::new(
    "Acknowledgement",
    "What became of a change.",
    &[&[
        Field::must("version", BIG_COUNT, "Which."),
        Field::must("result", RESULT, "ok once it is stored and decided by."),
        Field::has("code", WORD, "Why it was refused."),
    ]],
);

const DONE: Shape = Shape::new(
    "CommandReport",
    "What became of a command.",
    &[&[
        Field::must("id", ID, "Which."),
        Field::must("result", RESULT, "What became of it."),
        Field::has("code", WORD, "Why it was refused."),
    ]],
);

const INVENTORIED: Shape = Shape::new(
    "InventoryItem",
    "An item that the controller holds.",
    &[&[
        Field::must("kind", KIND, "What it is."),
        Field::must("id", HELD_ID, "Which, as the controller writes it."),
        Field::must("version", BIG_COUNT, "As which version."),
    ]],
);

const EVENT: Shape = Shape::new(
    "ReportedEvent",
    "What happened at a lock, as its controller says.",
    &[&[
        Field::must(
            "seq",
            Kind::Int { min: 0, max: HIGHEST },
            "The controller's own number, counted over all locks.",
        ),
        Field::must("kind", Kind::Enum(REPORTED), "What."),
        Field::must("lock", COUNT, "At which lock, by its number."),
        Field::must("occurred_at", INSTANT, "When, by the controller's clock."),
        Field::may("method", Kind::Enum(Method::WORDS), "What was presented."),
        Field::has("reasons", at_most(&REASON_CODE, 32), "Why it was denied."),
        Field::may("credential_id", ID, "The item that was found."),
        Field::may("card", Kind::Object(&CARD), "The card, where no item was found."),
    ]],
);

const LOCK_REPORT: Shape = Shape::new(
    "LockReport",
    "How a lock is.",
    &[&[
        Field::must("lock", COUNT, "Which, by its number."),
        Field::may("battery_percent", Kind::Int { min: 0, max: 100 }, "Null: not told."),
    ]],
);

pub(crate) const SYNC: Shape = Shape::new(
    "Sync",
    "What a controller says when it calls.",
    &[&[
        Field::must(
            "seq",
            Kind::Int { min: 1, max: HIGHEST },
            "The call's number, higher than that of any call before.",
        ),
        Field::may("received", BIG_COUNT, "The seq of the last answer kept; null: the last one."),
        Field::has("wait_s", WAIT_S, "How long the server may hold the call; 0 unless given."),
        Field::has(
            "acknowledged",
            at_most(&Kind::Object(&ACKNOWLEDGED), MOST),
            "What became of changes.",
        ),
        Field::has("commands", at_most(&Kind::Object(&DONE), MOST), "What became of commands."),
        Field::may("digest", DIGEST, "The digest of the list."),
        Field::may(
            "inventory",
            at_most(&Kind::Object(&INVENTORIED), INVENTORY),
            "The whole list, where it was asked for.",
        ),
        Field::has("events", at_most(&Kind::Object(&EVENT), MOST), "What happened, by seq."),
        Field::has("locks", at_most(&Kind::Object(&LOCK_REPORT), MOST), "How locks are."),
        Field::has("max_changes", CHANGES, "The most changes to be answered; 100 unless given."),
    ]],
);

const LOCK: Shape = Shape::new(
    "LockItem",
    "A lock of the controller and what holds there whoever stands before it.",
    &[&[
        Field::must("id", ID, "The lock."),
        Field::must("lock", COUNT, "Its number, by which everything else names it."),
        Field::must("name", NAME, "What people call it."),
        Field::must("time_zone", ZONE, "Its zone."),
        Field::must("posture", Kind::Enum(Posture::WORDS), "What it does whoever comes."),
        Field::must("pin", Kind::Enum(PinRule::WORDS), "When it asks for a PIN."),
        Field::may("pin_schedule", ITEM_ID, "The schedule item at whose times pin holds."),
        Field::may("unlock_schedule", ITEM_ID, "The schedule item at whose times it is open."),
    ]],
);

const SCHEDULE: Shape = Shape::new(
    "ScheduleItem",
    "A schedule that other items name; another schedule has another id.",
    &[&[
        Field::must("id", ITEM_ID, "32 hexadecimal digits."),
        Field::must("schedule", REFERENCE, "Written out."),
    ]],
);

const WAY: Shape = Shape::new(
    "Way",
    "One way of getting in.",
    &[
        &[Field::must("locks", list(&COUNT), "At these locks, by number.")],
        WINDOW,
        &[
            Field::must("schedules", list(&ITEM_ID), "While each of these holds."),
            Field::must("override_lockdown", Kind::Bool, "Whether in lockdown too."),
        ],
    ],
);

const CREDENTIAL: Shape = Shape::new(
    "CredentialItem",
    "Something that may be presented, and where it opens.",
    &[&[
        Field::must("id", ID, "The credential."),
        Field::must("number", COUNT, "Its number."),
        Field::must("kind", Kind::Enum(CredentialKind::WORDS), "What is presented."),
        Field::must("priority", Kind::Int { min: 0, max: 9 }, "Who comes first."),
        Field::must("cards", list(&Kind::Object(&CARD)), "The card's parts."),
        Field::may("code", FITTED, "The digits that identify by themselves."),
        Field::may("pin", PIN, "The PIN, where one of its locks may ask for it."),
        Field::may("public_key", Kind::Is(Format::Base64), "The phone's COSE_Key."),
        Field::may("session", Kind::Object(&SESSION), "Hints for the machine it switches on."),
        Field::must("is_admin", Kind::Bool, "Lets other keys be enrolled."),
        Field::must("access", list(&Kind::Object(&WAY)), "Where it opens and when."),
    ]],
);

const REMOVE: Shape = Shape::new(
    "ItemName",
    "Which item.",
    &[&[Field::must("kind", KIND, "What it is."), Field::must("id", HELD_ID, "Which.")]],
);

const CHANGE: Shape = Shape::new(
    "ListChange",
    "A change of the controller's list: one of the four.",
    &[&[
        Field::must("version", BIG_COUNT, "By which it is acknowledged."),
        Field::has("lock", Kind::Object(&LOCK), "Store this lock.").sometimes(),
        Field::has("schedule", Kind::Object(&SCHEDULE), "Store this schedule.").sometimes(),
        Field::has("credential", Kind::Object(&CREDENTIAL), "Store this credential.").sometimes(),
        Field::has("remove", Kind::Object(&REMOVE), "Remove this item.").sometimes(),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["lock", "schedule", "credential", "remove"])]);

const COMMAND: Shape = Shape::new(
    "Command",
    "Something to be done at once, and once.",
    &[&[
        Field::must("id", ID, "By which it is reported."),
        Field::must("kind", Kind::Enum(&["unlock"]), "What."),
        Field::must("lock", COUNT, "At which lock, by its number."),
        Field::must("expires_at", INSTANT, "When it is over."),
    ]],
);

pub(crate) const SYNCED: Shape = Shape::new(
    "SyncAnswer",
    "What a controller is told.",
    &[&[
        Field::must("seq", BIG_COUNT, "The call's number; of a stale call the highest seen."),
        Field::must("stale", Kind::Bool, "Whether it was not looked at, or a newer one came."),
        Field::must("now", INSTANT, "The server's clock."),
        Field::must("event_seq", BIG_COUNT, "Events up to this one are stored."),
        Field::must("changes", list(&Kind::Object(&CHANGE)), "To be made in their order."),
        Field::must("more", Kind::Bool, "Whether more wait: call at once."),
        Field::must("commands", list(&Kind::Object(&COMMAND)), "To be done at once."),
        Field::must("ask", list(&Kind::Enum(&["inventory"])), "What the next call must bring."),
    ]],
);

/// How a controller and its list stand.
pub(crate) const STATUS: Shape = Shape::new(
    "ControllerStatus",
    "How a controller and its list stand.",
    &[&[
        Field::must(
            "state",
            Kind::Enum(&["ok", "failing", "offline"]),
            "failing: it refuses a change again and again; offline: it does not call.",
        ),
        Field::may("last_seen_at", INSTANT, "When it last called."),
        Field::must("pending", Kind::Int { min: 0, max: limits::COUNT }, "Changes not confirmed."),
        Field::must("stored", COUNT, "Credentials that it has confirmed."),
        Field::must(
            "not_stored",
            COUNT,
            "Credentials for which there was no room, at some lock or at all.",
        ),
    ]],
);
