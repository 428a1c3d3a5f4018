//! The fields of devices that hold keys for locks with no network, and of what they carry.

use claviger_domain::offline::Due;

use super::{COUNT, ID, INSTANT, LINE, REF, list};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Rule, Shape};

/// Things of one kind that a device brings in one call, at most.
const MOST: usize = 1000;
const BYTES: Kind = Kind::Is(Format::Base64);
const SECRET: Kind = Kind::Secret { min: 1, max: super::limits::SECRET };
const CLASS: Kind = Kind::Int { min: 0, max: 3 };
const CODE: Kind = Kind::Int { min: 0, max: 255 };
const EPOCH: Kind = Kind::Int { min: 0, max: 4094 };

const fn at_most(of: &'static Kind) -> Kind {
    Kind::List { of, min: 0, max: MOST, unique: false }
}

pub(crate) const COMMISSION: Shape = Shape::new(
    "Commission",
    "A lock that learns whose it is.",
    &[&[
        Field::must("public_key", BYTES, "The lock's own COSE_Key.").hidden(),
        Field::has("recommission", Kind::Bool, "Whether it was commissioned before.").hidden(),
    ]],
);

pub(crate) const RECORD: Shape = Shape::new(
    "CommissioningRecord",
    "What the lock is given within a session.",
    &[&[Field::may("record", BYTES, "Shown in this answer only: it holds a secret.")]],
);

pub(crate) const ENROLMENT: Shape = Shape::new(
    "DeviceEnrolment",
    "A device that is to hold keys.",
    &[&[
        Field::has("person_id", REF, "Whose phone it is: it becomes a credential.").hidden(),
        Field::has(
            "credential_id",
            REF,
            "The phone, or the card that can sign, that it is already.",
        )
        .hidden(),
        Field::must("public_key", BYTES, "The device's COSE_Key.").hidden(),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["person_id", "credential_id"])]);

pub(crate) const ENROLLED: Shape = Shape::new(
    "EnrolledDevice",
    "A device that holds keys.",
    &[&[
        Field::must("device_id", ID, "The credential that it is."),
        Field::may("token", SECRET, "By which it calls; shown in this answer only."),
    ]],
);

const HELD: Shape = Shape::new(
    "HeldKey",
    "A key that the device has stored, or is to have stored no more.",
    &[&[
        Field::must("lock_id", ID, "Its lock."),
        Field::must("class", CLASS, "0 phone, 1 card, 2 guest, 3 service."),
        Field::must("serial", COUNT, "Its serial."),
    ]],
);

const HELLO: Shape = Shape::new(
    "LockHello",
    "What a lock said of itself. It steers what is sent and proves nothing.",
    &[&[
        Field::must("lock_id", ID, "The lock."),
        Field::must("epoch", EPOCH, "The epoch of its list."),
        Field::must("version", COUNT, "The version of its list."),
        Field::must("list_limit", COUNT, "The longest list it takes, in bytes."),
    ]],
);

const NONCE: Shape = Shape::new(
    "LockNonce",
    "What a lock drew, to be told over it what is newest and what time it is.",
    &[&[Field::must("lock_id", ID, "The lock."), Field::must("nonce", BYTES, "Sixteen bytes.")]],
);

const REPORT: Shape = Shape::new(
    "LockAnswer",
    "What a lock answered.",
    &[&[
        Field::must("lock_id", ID, "The lock."),
        Field::must("code", CODE, "Its code, as in docs/offline.md."),
    ]],
);

/// Lists in one call: each is a signature to check.
const MOST_LISTS: usize = 64;

const CARRIED: Shape = Shape::new(
    "CarriedList",
    "A list that the device has, and what begins its epoch.",
    &[&[
        Field::must("list", BYTES, "It, signed."),
        Field::may("epoch_certificate", BYTES, "That its epoch has begun; null in the first."),
    ]],
);

pub(crate) const SYNC: Shape = Shape::new(
    "DeviceSync",
    "What a device brings.",
    &[&[
        Field::has("device_id", REF, "For which device; a device itself leaves it out.").hidden(),
        Field::has("acknowledged", at_most(&Kind::Object(&HELD)), "Keys it holds.").hidden(),
        Field::has(
            "erased",
            at_most(&Kind::Object(&HELD)),
            "Keys of `erase` that were erased from the card; said by whoever writes it.",
        )
        .hidden(),
        Field::has("hellos", at_most(&Kind::Object(&HELLO)), "Locks it has met.").hidden(),
        Field::has("nonces", at_most(&Kind::Object(&NONCE)), "What locks drew.").hidden(),
        Field::has("reports", at_most(&Kind::Object(&REPORT)), "What locks answered.").hidden(),
        Field::has("receipts", at_most(&BYTES), "What locks have shown to hold.").hidden(),
        Field::has("events", at_most(&BYTES), "What happened at locks, under seal.").hidden(),
        Field::has(
            "lists",
            Kind::List { of: &Kind::Object(&CARRIED), min: 0, max: MOST_LISTS, unique: false },
            "Lists that are newer than the ones it was given, or others of the same version.",
        )
        .hidden(),
    ]],
);

const EVENTS_FROM: Shape = Shape::new(
    "EventsWanted",
    "From which event on a lock is to be asked for those of one of its logs.",
    &[&[
        Field::must("lock_id", ID, "The lock."),
        Field::must("log_epoch", Kind::Digits { min: 1, max: 20 }, "The log, as its hello says."),
        Field::must("from_seq", COUNT, "The number of the first event that is wanted."),
    ]],
);

const KNOWN_LOCK: Shape = Shape::new(
    "KeyedLock",
    "A lock that the device has keys for.",
    &[&[
        Field::must("lock_id", ID, "The lock."),
        Field::must("name", LINE, "What people call it."),
        Field::must("public_key", BYTES, "By which it proves who it is (a COSE_Key)."),
    ]],
);

pub(crate) const SYNCED: Shape = Shape::new(
    "DeviceSynced",
    "What the device is to carry; the objects are described in docs/offline.md.",
    &[&[
        Field::must(
            "locks",
            list(&Kind::Object(&KNOWN_LOCK)),
            "The locks it has keys for, and those whose lists it carries.",
        ),
        Field::must("keys", list(&BYTES), "Keys that it does not hold yet."),
        Field::must(
            "erase",
            list(&Kind::Object(&HELD)),
            "Keys to be erased from the card: their rights were taken back and left to it.",
        ),
        Field::must("lists", list(&BYTES), "The revocation list of each of those locks."),
        Field::must("certificates", list(&BYTES), "Of who signed them."),
        Field::must("fresh", list(&BYTES), "What is newest, over what locks drew."),
        Field::must("acknowledgements", list(&BYTES), "For locks: which events have arrived."),
        Field::must(
            "events_from",
            list(&Kind::Object(&EVENTS_FROM)),
            "From which events on those locks are to be asked; of a log that is not here, all.",
        ),
    ]],
);

pub(crate) const RECEIPTS: Shape = Shape::new(
    "LockReceipts",
    "What a lock has shown to hold, under its MAC.",
    &[&[Field::must("receipts", at_most(&BYTES), "Receipts.").hidden()]],
);

pub(crate) const EVENTS: Shape = Shape::new(
    "LockEvents",
    "What happened at a lock, under its seal.",
    &[&[Field::must("events", at_most(&BYTES), "Events.").hidden()]],
);

pub(crate) const BROUGHT: Shape = Shape::new(
    "LockTold",
    "What the lock is to be told, and asked.",
    &[&[
        Field::must("acknowledgements", list(&BYTES), "Which of its events have arrived."),
        Field::must(
            "events_from",
            list(&Kind::Object(&EVENTS_FROM)),
            "From which events on it is to be asked; of a log that is not here, all.",
        ),
    ]],
);

const CARD_AT: Shape = Shape::new(
    "CardTaskAtLock",
    "A lock that a card needs another key for, or has one too many.",
    &[&[
        Field::must("lock_id", ID, "The lock."),
        Field::must("reason", Kind::Enum(Due::WORDS), "Why."),
    ]],
);

pub(crate) const CARD_TASK: Shape = Shape::new(
    "CardTask",
    "A card that somebody must bring to an updater; open as long as there is a reason.",
    &[&[
        Field::must("credential_id", ID, "The card."),
        Field::may("person_id", ID, "Whose it is."),
        Field::must("locks", list(&Kind::Object(&CARD_AT)), "For which locks, and why."),
    ]],
);

const TOLD: Shape = Shape::new(
    "ShownList",
    "What a lock has shown to hold.",
    &[&[
        Field::must("epoch", EPOCH, "The epoch of its list."),
        Field::must("version", COUNT, "The version of its list."),
        Field::must("at", INSTANT, "When we heard."),
    ]],
);

pub(crate) const CURRENT: Shape = Shape::new(
    "RevocationList",
    "The list that a lock should have, and what it has shown to hold.",
    &[&[
        Field::must("epoch", EPOCH, "Its epoch."),
        Field::must("version", COUNT, "Its version."),
        Field::must("made_at", INSTANT, "When it was made."),
        Field::must("list", BYTES, "It, signed."),
        Field::must("certificate", BYTES, "Of who signed it."),
        Field::may("epoch_certificate", BYTES, "That its epoch has begun; null in the first."),
        Field::may("shown", Kind::Object(&TOLD), "What the lock has shown; null: nothing yet."),
    ]],
);
