//! The fields of the answer to "who may open, where".

use super::decision::REASON_CODE;
use super::{ID, list};
use crate::api::shape::{Field, Kind, Shape};

pub(crate) const ACCESS: Shape = Shape::new(
    "Access",
    "Somebody with a right at a lock at the time asked for.",
    &[&[
        Field::may("person_id", ID, "The person."),
        Field::may("credential_id", ID, "The credential, where the right is its own."),
        Field::must("lock_id", ID, "The lock."),
        Field::must("grant_ids", list(&ID), "The grants that reach it."),
        Field::must("opens", Kind::Bool, "Whether the door would open."),
        Field::must("reasons", list(&REASON_CODE), "Why not."),
    ]],
);
