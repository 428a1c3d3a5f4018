//! The fields of a controller.

use super::sync::STATUS;
use super::{HEADER, NAME, limits};
use crate::api::shape::{Field, Kind, Shape};

pub(crate) const CONTROLLER: Shape = Shape::new(
    "Controller",
    "A thing that connects locks: panel, gateway, access control system. It dials in.",
    &[
        HEADER,
        &[
            Field::must("name", NAME, "What people call it."),
            Field::may(
                "capacity",
                Kind::Int { min: 1, max: limits::COUNT },
                "How many credentials it can store.",
            ),
            Field::must("status", Kind::Object(&STATUS), "How it and its list stand.").shown(),
            Field::may("settings", Kind::Free, "Any JSON object, kept for you; at most 16 KiB."),
        ],
    ],
);
