//! Refusals in Unloc's form: problem details with `invalidParams`. Maps each error of a use case
//! once; says nothing of what is inside.

use axum::response::{IntoResponse, Response};
use claviger_app::{Error, FieldError, Refusal};
use serde_json::{Value, json};

use super::map;
use crate::compat::fields::{Wrong, Wrongs};
use crate::compat::serve::{Trouble, said, with_advice};
use crate::unread::Unread;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    status: u16,
    title: &'static str,
    detail: String,
    wrongs: Vec<Wrong>,
    /// For clients that read the words of OAuth 2.
    error: Option<&'static str>,
    retry_after_s: Option<u32>,
}

impl Failure {
    pub(crate) fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Failure {
        let detail = detail.into();
        Failure { status, title, detail, wrongs: Vec::new(), error: None, retry_after_s: None }
    }

    /// 400 with everything that is wrong.
    pub(crate) fn invalid(wrongs: Vec<Wrong>) -> Failure {
        let detail = match wrongs.as_slice() {
            [one] => format!("{} {}", one.name, one.reason),
            many => format!("{} parameters are invalid", many.len()),
        };
        Failure { wrongs, ..Failure::new(400, "Validation Error", detail) }
    }

    /// 400 with one thing that is wrong.
    pub(crate) fn field(name: impl Into<String>, reason: impl Into<String>) -> Failure {
        Failure::invalid(vec![Wrong { name: name.into(), reason: reason.into() }])
    }

    /// 404.
    pub(crate) fn not_found(what: &str) -> Failure {
        Failure::new(404, "Not Found", format!("There is no such {what}."))
    }

    /// 403.
    pub(crate) fn forbidden(detail: &str) -> Failure {
        Failure::new(403, "Forbidden", detail)
    }

    /// 409.
    pub(crate) fn conflict(detail: impl Into<String>) -> Failure {
        Failure::new(409, "Conflict", detail)
    }

    /// 401, with the words that clients of either version read.
    pub(crate) fn unauthorized(error: &'static str, detail: &str) -> Failure {
        Failure { error: Some(error), ..Failure::new(401, "Unauthorized", detail) }
    }

    /// The words of OAuth 2 beside the problem.
    pub(crate) fn oauth(mut self, error: &'static str) -> Failure {
        self.error = Some(error);
        self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut body = json!({
            "title": self.title, "status": self.status, "detail": self.detail,
        });
        if !self.wrongs.is_empty() {
            let shown = |it: &Wrong| json!({ "name": it.name, "reason": it.reason });
            body["invalidParams"] = self.wrongs.iter().map(shown).collect::<Value>();
        }
        if let Some(error) = self.error {
            body["error"] = error.into();
            body["errorDescription"] = self.detail.as_str().into();
            body["error_description"] = self.detail.as_str().into();
        }
        let said = said(self.status, "application/problem+json", &body);
        with_advice(said, "Bearer", self.retry_after_s)
    }
}

/// Refuses if anything was wrong.
///
/// # Errors
/// 400 with all of it.
pub(crate) fn refuse(wrongs: Wrongs) -> Result<(), Failure> {
    wrongs.some().map_or(Ok(()), |wrongs| Err(Failure::invalid(wrongs)))
}

/// What is wrong before a handler is reached.
pub(crate) fn trouble(trouble: Trouble) -> Response {
    let (status, name) = match trouble {
        Trouble::NotFound => (404, "Not Found"),
        Trouble::Method(_) => (405, "Method Not Allowed"),
        Trouble::TooLarge(_) => (413, "Payload Too Large"),
        Trouble::Media => (415, "Unsupported Media Type"),
        Trouble::Malformed(_) | Trouble::Unread(Unread::Malformed) => (400, "Bad Request"),
        Trouble::Unread(Unread::Address) => (414, "URI Too Long"),
        Trouble::Unread(Unread::Head) => (431, "Request Header Fields Too Large"),
        Trouble::TooMany(_) => (429, "Too Many Requests"),
        Trouble::Internal => (500, "Internal Server Error"),
    };
    let failure = Failure::new(status, name, trouble.sentence());
    Failure { retry_after_s: trouble.retry_after_s(), ..failure }.into_response()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Refused(refusal) => refused(refusal),
            Error::Unauthenticated => Failure::unauthorized("invalid_token", "Not authenticated."),
            Error::Forbidden(scope) => {
                let detail = format!("The credentials lack {} in this project.", scope.as_str());
                Failure::forbidden(&detail)
            }
            Error::TooMany { retry_after_s } => Failure {
                retry_after_s: Some(retry_after_s),
                ..Failure::new(429, "Too Many Requests", "Too many failures; try again later.")
            },
            Error::Busy => Failure {
                retry_after_s: Some(1),
                ..Failure::conflict("Another change of the same object is under way; try again.")
            },
            Error::KeyMismatch => Failure::conflict("The key was used for another request."),
            Error::Answered => Failure::conflict("The same request was faster; send it again."),
            Error::NotForPrograms => Failure::forbidden("This is for people with a session."),
            Error::Full => Failure::new(507, "Insufficient Storage", "The disk is full."),
            Error::NotYet | Error::Unavailable => Failure {
                retry_after_s: Some(1),
                ..Failure::new(503, "Service Unavailable", "Storage does not answer; try again.")
            },
            Error::Internal => {
                Failure::new(500, "Internal Server Error", "The log of the server says more.")
            }
        }
    }
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(flaws) => Failure::invalid(flaws.iter().map(wrong).collect()),
        Refusal::NotFound(noun) => Failure::not_found(map::noun(noun)),
        Refusal::Taken(flaws) => {
            let wrongs = flaws.iter().map(wrong).collect();
            let detail = "A value that must be unique belongs to something else.";
            Failure { wrongs, ..Failure::conflict(detail) }
        }
        Refusal::InUse(detail) => Failure::conflict(sentence(&detail)),
        Refusal::Escalation(detail) => Failure::forbidden(&sentence(&detail)),
        Refusal::Stale | Refusal::PlanChanged => Failure {
            retry_after_s: Some(1),
            ..Failure::conflict("The object was changed at the same time; try again.")
        },
    }
}

/// A flaw in the words of this API.
fn wrong(flaw: &FieldError) -> Wrong {
    Wrong { name: map::param(&flaw.pointer), reason: flaw.detail.clone() }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
