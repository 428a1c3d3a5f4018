//! Refusals in the form of this API: a `responseStatus`. Maps each error of a use case once; says
//! nothing of what is inside.

use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use claviger_app::{Error, FieldError, Refusal};
use serde_json::{Value, json};

use super::map;
use crate::compat::fields::{Wrong, Wrongs};
use crate::compat::serve::{Trouble, said, with_advice};

/// The code of a parameter that is wrong.
pub(crate) const INVALID: &str = "invalidParameter";

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    status: u16,
    code: &'static str,
    message: String,
    /// The code, the parameter and what would be right.
    errors: Vec<(&'static str, Wrong)>,
    retry_after_s: Option<u32>,
}

impl Failure {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, code, message: message.into(), errors: Vec::new(), retry_after_s: None }
    }

    /// 400 with everything that is wrong.
    pub(crate) fn invalid(wrongs: Vec<Wrong>) -> Failure {
        Failure::fields(400, INVALID, wrongs)
    }

    /// Parameters that all have one code.
    pub(crate) fn fields(status: u16, code: &'static str, wrongs: Vec<Wrong>) -> Failure {
        let message = match wrongs.as_slice() {
            [one] => format!("{} {}.", one.name, one.reason),
            many => format!("{} parameters are wrong.", many.len()),
        };
        let errors = wrongs.into_iter().map(|wrong| (code, wrong)).collect();
        Failure { errors, ..Failure::new(status, code, message) }
    }

    /// 400 with one parameter that is wrong.
    pub(crate) fn field(name: &str, reason: &str) -> Failure {
        Failure::invalid(vec![Wrong { name: name.to_owned(), reason: reason.to_owned() }])
    }

    /// 404 for what a parameter names.
    pub(crate) fn missing(code: &'static str, name: &str, named: &str) -> Failure {
        let named: String = named.chars().take(40).collect();
        let reason = format!("names nothing that is there: {named}");
        Failure::fields(404, code, vec![Wrong { name: name.to_owned(), reason }])
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let errors = self.errors.iter();
        let errors: Value = errors.map(|(code, wrong)| error(code, wrong)).collect();
        let status = json!({
            "errorCode": self.code, "message": self.message, "errors": errors,
        });
        let said = answer(self.status, &json!({ "responseStatus": status }));
        with_advice(said, "Basic realm=\"api\"", self.retry_after_s)
    }
}

fn error(code: &str, wrong: &Wrong) -> Value {
    json!({ "errorCode": code, "fieldName": wrong.name, "message": wrong.reason })
}

/// An answer of this API. It may hold serial numbers that are typed as codes: nobody keeps it.
pub(crate) fn answer(status: u16, body: &Value) -> Response {
    let mut response = said(status, "application/json; charset=utf-8", body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
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
        Trouble::NotFound | Trouble::Method(_) => (404, "notFound"),
        Trouble::TooLarge(_) => (413, INVALID),
        Trouble::Media => (415, INVALID),
        Trouble::Malformed(_) => (400, INVALID),
        Trouble::Unread(why) => (why.status(), INVALID),
        Trouble::TooMany(_) => (429, "tooManyRequests"),
        Trouble::Internal => (500, "internalError"),
    };
    let sentence = match trouble {
        Trouble::Media => "Send the body as application/json or as a form.".to_owned(),
        _ => trouble.sentence(),
    };
    let failure = Failure::new(status, name, sentence);
    Failure { retry_after_s: trouble.retry_after_s(), ..failure }.into_response()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Refused(refusal) => refused(refusal),
            Error::Unauthenticated => Failure::new(401, "unauthorized", "Not authenticated."),
            Error::Forbidden(scope) => {
                let detail = format!("The token lacks {} in this account.", scope.as_str());
                Failure::new(403, "forbidden", detail)
            }
            Error::NotForPrograms => Failure::new(403, "forbidden", "Not for programs."),
            Error::TooMany { retry_after_s } => Failure {
                retry_after_s: Some(retry_after_s),
                ..Failure::new(429, "tooManyRequests", "Too many failures; try again later.")
            },
            Error::Busy | Error::KeyMismatch | Error::Answered => {
                Failure::new(409, "conflict", "Another change is under way; try again.")
            }
            Error::Full => Failure::new(507, "storageFull", "The disk is full."),
            Error::NotYet | Error::Unavailable => Failure {
                retry_after_s: Some(1),
                ..Failure::new(503, "unavailable", "Storage does not answer; try again.")
            },
            Error::Internal => {
                Failure::new(500, "internalError", "The log of the server says more.")
            }
        }
    }
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(flaws) => {
            let (missing, wrong): (Vec<_>, Vec<_>) =
                flaws.iter().partition(|flaw| flaw.code == "not_found");
            match missing.first() {
                Some(flaw) if wrong.is_empty() => {
                    let code = map::not_found_by(&flaw.pointer);
                    Failure::fields(404, code, missing.into_iter().map(shown).collect())
                }
                _ => Failure::invalid(flaws.iter().map(shown).collect()),
            }
        }
        Refusal::NotFound(noun) => {
            Failure::new(404, map::not_found(noun), "What the request is about is not there.")
        }
        Refusal::Taken(flaws) => {
            let code = "serialNumberAlreadyExists";
            Failure::fields(409, code, flaws.iter().map(shown).collect())
        }
        Refusal::InUse(detail) => Failure::new(409, "conflict", detail),
        Refusal::Escalation(detail) => Failure::new(403, "forbidden", detail),
        Refusal::Stale | Refusal::PlanChanged => {
            Failure::new(409, "conflict", "It was changed at the same time; try again.")
        }
    }
}

/// A flaw in the words of this API.
fn shown(flaw: &FieldError) -> Wrong {
    Wrong { name: map::parameter(&flaw.pointer).to_owned(), reason: flaw.detail.clone() }
}
