//! Refusals in this API's form: `error_type` and `message`. Maps each error of a use case once;
//! says nothing of what is inside.

use axum::response::{IntoResponse, Response};
use claviger_app::{Error, FieldError, Refusal};
use claviger_domain::ids::Noun;
use serde_json::json;

use super::map;
use crate::compat::fields::{Wrong, Wrongs};
use crate::compat::serve::{Trouble, said, with_advice};
use crate::unread::Unread;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    status: u16,
    error_type: &'static str,
    message: String,
    retry_after_s: Option<u32>,
}

impl Failure {
    fn new(status: u16, error_type: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, error_type, message: message.into(), retry_after_s: None }
    }

    fn later(self, seconds: u32) -> Failure {
        Failure { retry_after_s: Some(seconds), ..self }
    }

    /// 400 with everything that is wrong.
    fn invalid(error_type: &'static str, wrongs: &[Wrong]) -> Failure {
        let shown = wrongs.iter().map(|it| format!("{} {}", it.name, it.reason));
        Failure::new(400, error_type, format!("{}.", shown.collect::<Vec<_>>().join("; ")))
    }

    /// 400 with one thing that is wrong.
    pub(crate) fn field(name: &str, reason: &str) -> Failure {
        let wrong = Wrong { name: name.to_owned(), reason: reason.to_owned() };
        Failure::invalid("InvalidRequest", &[wrong])
    }

    /// 401.
    pub(crate) fn unauthorized(message: &str) -> Failure {
        Failure::new(401, "Unauthorized", message)
    }

    /// 403.
    pub(crate) fn forbidden(message: impl Into<String>) -> Failure {
        Failure::new(403, "Forbidden", message)
    }

    /// 404 of an access key.
    pub(crate) fn no_key() -> Failure {
        Failure::from(Error::not_found(Noun::Credential))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "error_type": self.error_type, "message": self.message });
        let said = said(self.status, "application/json", &body);
        with_advice(said, "Bearer", self.retry_after_s)
    }
}

/// Refuses if anything was wrong.
///
/// # Errors
/// 400 with all of it.
pub(crate) fn refuse(wrongs: Wrongs) -> Result<(), Failure> {
    let refused = |wrongs: Vec<Wrong>| Err(Failure::invalid("InvalidRequest", &wrongs));
    wrongs.some().map_or(Ok(()), refused)
}

/// What is wrong before a handler is reached.
pub(crate) fn trouble(trouble: Trouble) -> Response {
    let (status, name) = match trouble {
        Trouble::NotFound => (404, "PathNotFound"),
        Trouble::Method(_) => (405, "MethodNotAllowed"),
        Trouble::TooLarge(_) => (413, "RequestTooLarge"),
        Trouble::Media => (415, "UnsupportedMediaType"),
        Trouble::Malformed(_) | Trouble::Unread(Unread::Malformed) => (400, "InvalidRequest"),
        Trouble::Unread(Unread::Address) => (414, "RequestUriTooLong"),
        Trouble::Unread(Unread::Head) => (431, "RequestHeadersTooLarge"),
        Trouble::TooMany(_) => (429, "TooManyRequests"),
        Trouble::Internal => (500, "InternalError"),
    };
    let failure = Failure::new(status, name, trouble.sentence());
    Failure { retry_after_s: trouble.retry_after_s(), ..failure }.into_response()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Refused(refusal) => refused(refusal),
            Error::Unauthenticated => Failure::unauthorized("The API key is not known."),
            Error::Forbidden(scope) => {
                Failure::forbidden(format!("The API key lacks {}.", scope.as_str()))
            }
            Error::NotForPrograms => Failure::forbidden("This is for people with a session."),
            Error::TooMany { retry_after_s } => {
                let message = "Too many failures; try again later.";
                Failure::new(429, "TooManyRequests", message).later(retry_after_s)
            }
            Error::Busy => conflict("Another change of the same object is under way.").later(1),
            Error::KeyMismatch | Error::Answered => conflict("The request was answered already."),
            Error::Full => Failure::new(507, "InsufficientStorage", "The disk is full."),
            Error::NotYet | Error::Unavailable => {
                let message = "Storage does not answer; try again.";
                Failure::new(503, "Unavailable", message).later(1)
            }
            Error::Internal => {
                Failure::new(500, "InternalError", "The log of the server says more.")
            }
        }
    }
}

fn conflict(message: impl Into<String>) -> Failure {
    Failure::new(409, "Conflict", message)
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(flaws) if flaws.iter().all(|flaw| flaw.code == "not_found") => {
            let noun = flaws.first().map_or(Noun::Credential, |flaw| map::noun_at(&flaw.pointer));
            Failure { status: 404, ..Failure::invalid(missing(noun).0, &wrongs(&flaws)) }
        }
        Refusal::Invalid(flaws) => Failure::invalid("InvalidRequest", &wrongs(&flaws)),
        Refusal::NotFound(noun) => {
            let (error_type, message) = missing(noun);
            Failure::new(404, error_type, message)
        }
        Refusal::Taken(flaws) => Failure::invalid("KeyAlreadyInUse", &wrongs(&flaws)),
        Refusal::InUse(detail) => conflict(detail),
        Refusal::Escalation(detail) => Failure::forbidden(detail),
        Refusal::Stale | Refusal::PlanChanged => {
            conflict("The object was changed at the same time; try again.")
        }
    }
}

/// What is said of something that is not there.
fn missing(noun: Noun) -> (&'static str, &'static str) {
    match noun {
        Noun::Person => ("PersonNotFound", "There is no such person."),
        Noun::AccessLevel => ("AccessLevelNotFound", "There is no such access level."),
        Noun::Credential => ("AccessKeyNotFound", "There is no such access key."),
        _ => ("NotFound", "There is no such thing."),
    }
}

/// Flaws in the words of this API.
fn wrongs(flaws: &[FieldError]) -> Vec<Wrong> {
    let wrong =
        |flaw: &FieldError| Wrong { name: map::param(&flaw.pointer), reason: flaw.detail.clone() };
    flaws.iter().map(wrong).collect()
}
