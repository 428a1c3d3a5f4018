//! The fields of a revocation.

use claviger_domain::provision::LockState;

use super::{COUNT, ID, INSTANT, WORD, list};
use crate::api::shape::{Field, Kind, Shape};

const LOCK_STATE: Shape = Shape::new(
    "RevocationAtLock",
    "How far it has got at one lock.",
    &[&[
        Field::must("lock_id", ID, "The lock."),
        Field::must(
            "state",
            Kind::Enum(LockState::WORDS),
            "Confirmed is every state but pending; erased: the card gave up its key; given_up: \
             nobody will ever tell it.",
        ),
        Field::may("latest_possible_use", INSTANT, "When it could last be used there."),
        Field::must("open_ended", Kind::Bool, "Whether until the lock next hears from us."),
    ]],
);

pub(crate) const REVOCATION: Shape = Shape::new(
    "Revocation",
    "The taking back of rights at offline or allow-list locks.",
    &[&[
        Field::must("id", ID, "The id."),
        Field::must("cause", WORD, "What took them away."),
        Field::must("locks_total", COUNT, "Locks that have to learn of it."),
        Field::must("locks_confirmed", COUNT, "Locks that know, or need not."),
        Field::may("latest_possible_use", INSTANT, "When it could last be used; null: no further."),
        Field::must("open_ended", Kind::Bool, "Whether until some lock next hears from us."),
        Field::must("locks", list(&Kind::Object(&LOCK_STATE)), "Each lock."),
    ]],
);
