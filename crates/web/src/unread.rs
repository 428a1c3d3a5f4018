//! What is answered where the head of a request cannot be read, so that no row is found for it: in
//! the form of whose address it is.

use axum::response::Response;

use crate::api::problem::{Code, Problem};
use crate::compat::{self, serve::Trouble};

/// Why the head of a request cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Its address is too long.
    Address,
    /// Its fields are too large together.
    Head,
    /// It is no head of a request.
    Malformed,
}

impl Unread {
    /// The status it is refused with (RFC 9110, section 15.5.15; RFC 6585, section 5).
    pub(crate) fn status(self) -> u16 {
        self.code().status()
    }

    fn code(self) -> Code {
        match self {
            Unread::Address => Code::UriTooLong,
            Unread::Head => Code::HeadTooLarge,
            Unread::Malformed => Code::MalformedRequest,
        }
    }

    /// What is said of it to people.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Unread::Address => "The address of the request must have at most 65534 bytes.",
            Unread::Head => "The fields of the request's head are too large.",
            Unread::Malformed => "The head of the request cannot be read.",
        }
    }
}

/// The answer to a request of which no more than the path was read, or its beginning.
#[must_use]
pub fn unread(path: &str, why: Unread) -> Response {
    let is_below = |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
    match compat::vendors().into_iter().find(|vendor| is_below(vendor.base)) {
        Some(vendor) => (vendor.refuse)(Trouble::Unread(why)),
        None => Problem::new(why.code(), why.sentence()).answer("", false),
    }
}
