//! The fields of error answers.

use super::list;
use crate::api::problem::Code;
use crate::api::shape::{Field, Kind, Shape};

const TEXT: Kind = Kind::Prose { max: 4000 };

pub(crate) const ERROR: Shape = Shape::new(
    "FieldError",
    "One thing wrong with a request.",
    &[&[
        Field::must(
            "pointer",
            TEXT,
            "JSON pointer into the body; ?name for a query parameter, Name: for a header.",
        ),
        Field::must("code", Kind::Line { min: 1, max: 64 }, "A stable word for programs."),
        Field::must("detail", TEXT, "What is wrong and what would be right."),
    ]],
);

pub(crate) const PROBLEM: Shape = Shape::new(
    "Problem",
    "An error answer (RFC 9457).",
    &[&[
        Field::must("type", TEXT, "Where the code is explained."),
        Field::must("title", TEXT, "The same sentence for every error of the code."),
        Field::must("status", Kind::Int { min: 400, max: 599 }, "The HTTP status."),
        Field::must("detail", TEXT, "What is wrong this time, and what would be right."),
        Field::must("code", Kind::Enum(Code::WORDS), "A stable word for programs."),
        Field::must("errors", list(&Kind::Object(&ERROR)), "Every bad field."),
        Field::must("request_id", TEXT, "Names the request in the server's log."),
    ]],
);

pub(crate) const OAUTH_PROBLEM: Shape = Shape::new(
    "OAuthProblem",
    "An error answer of the token route (RFC 6749, section 5.2).",
    &[&[
        Field::must("error", TEXT, "A word of the RFC."),
        Field::must("error_description", TEXT, "What is wrong, and what would be right."),
    ]],
);
