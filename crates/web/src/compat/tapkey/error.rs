//! Refusals in the form of this API: `ErrorCode` and `ErrorMessage`; of the token endpoint in that
//! of OAuth. Maps each error of a use case once; says nothing of what is inside.

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use claviger_app::consent::MOST_TOKENS;
use claviger_app::{Error, FieldError, Refusal};
use claviger_domain::ids::Noun;
use serde_json::json;

use super::map;
use super::scope::{SCOPES, scope_for};
use crate::compat::fields::{Wrong, Wrongs};
use crate::compat::serve::{Trouble, said, with_advice};
use crate::unread::Unread;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    status: u16,
    code: &'static str,
    message: String,
    /// What a challenge says besides, where the token is at fault (RFC 6750, section 3.1).
    challenge: Option<&'static str>,
    retry_after_s: Option<u32>,
}

impl Failure {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, code, message: message.into(), challenge: None, retry_after_s: None }
    }

    /// 400 with everything that is wrong.
    fn invalid(wrongs: &[Wrong]) -> Failure {
        let shown = wrongs.iter().map(|it| format!("{} {}", it.name, it.reason));
        let message = format!("{}.", shown.collect::<Vec<_>>().join("; "));
        Failure::new(400, "InvalidRequest", message)
    }

    /// 400 with one thing that is wrong.
    pub(crate) fn field(name: &str, reason: &str) -> Failure {
        Failure::invalid(&[Wrong { name: name.to_owned(), reason: reason.to_owned() }])
    }

    /// 400 for a contact that is there already.
    fn duplicate() -> Failure {
        let message = "A Contact with this data already exists for this owner account.";
        Failure::new(400, "Duplicate", message)
    }

    /// 409 for a grant that is there already.
    pub(crate) fn duplicate_grant() -> Failure {
        let message = "A live Grant of this contact or card to this lock already exists.";
        Failure::new(409, "Duplicate", message)
    }

    /// 409 for what cannot be done as things stand.
    pub(crate) fn conflict(message: impl Into<String>) -> Failure {
        Failure::new(409, "Conflict", message)
    }

    /// 401 where nothing was sent.
    pub(crate) fn unauthorized(message: &str) -> Failure {
        Failure::new(401, "Unauthorized", message)
    }

    /// 401 for a token that is not good.
    pub(crate) fn bad_token(message: &'static str) -> Failure {
        Failure { challenge: Some(message), ..Failure::unauthorized(message) }
    }

    /// 401 for an owner account in which the caller has no role, be it there or not.
    pub(crate) fn no_role() -> Failure {
        Failure::bad_token("The caller has no role on this owner account.")
    }

    /// 403.
    pub(crate) fn forbidden(message: impl Into<String>) -> Failure {
        Failure::new(403, "Forbidden", message)
    }

    /// 404 of what a path names.
    pub(crate) fn not_found(noun: Noun) -> Failure {
        Failure::missing(map::noun(noun))
    }

    /// 404 of something that is no noun of ours by itself.
    pub(crate) fn missing(what: &str) -> Failure {
        Failure::new(404, "NotFound", format!("There is no such {what}."))
    }

    /// 409 for a user who is there already.
    pub(crate) fn duplicate_user() -> Failure {
        let message = "A user with this ipUserId already exists for this identity provider.";
        Failure::new(409, "Duplicate", message)
    }

    fn later(self, seconds: u32) -> Failure {
        Failure { retry_after_s: Some(seconds), ..self }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "ErrorCode": self.code, "ErrorMessage": self.message });
        let answer = said(self.status, "application/json; charset=utf-8", &body);
        let mut answer = with_advice(answer, "Bearer", self.retry_after_s);
        let challenge = self
            .challenge
            .map(|why| format!("Bearer error=\"invalid_token\", error_description=\"{why}\""));
        if let Some(Ok(challenge)) = challenge.map(HeaderValue::try_from) {
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

/// Refuses if anything was wrong.
///
/// # Errors
/// 400 with all of it.
pub(crate) fn refuse(wrongs: Wrongs) -> Result<(), Failure> {
    wrongs.some().map_or(Ok(()), |wrongs| Err(Failure::invalid(&wrongs)))
}

/// What is wrong before a handler is reached.
pub(crate) fn trouble(trouble: Trouble) -> Response {
    let (status, name) = match trouble {
        Trouble::NotFound => (404, "NotFound"),
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

/// A page that asks whether it may call, of an origin that no program is at.
pub(crate) fn other_origin() -> Response {
    Failure::forbidden("No client has a redirect_uri of this origin.").into_response()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Refused(refusal) => refused(refusal),
            Error::Unauthenticated => Failure::bad_token("The token is not known."),
            Error::Forbidden(scope) => {
                let name = scope_for(scope);
                Failure::forbidden(format!(
                    "The token lacks the scope {name}, or whoever it acts for lacks a role that \
                     allows it."
                ))
            }
            Error::NotForPrograms => Failure::forbidden("This is for people."),
            Error::TooMany { retry_after_s } => {
                let message = "Too many failures; try again later.";
                Failure::new(429, "TooManyRequests", message).later(retry_after_s)
            }
            Error::Busy => {
                Failure::conflict("Another change of the same object is under way.").later(1)
            }
            Error::KeyMismatch | Error::Answered => {
                Failure::conflict("The request was answered already.")
            }
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

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(flaws) => Failure::invalid(&wrongs(&flaws)),
        Refusal::NotFound(Noun::Place) => Failure::no_role(),
        Refusal::NotFound(noun) => Failure::not_found(noun),
        Refusal::Taken(_) => Failure::duplicate(),
        Refusal::InUse(detail) => Failure::conflict(detail),
        Refusal::Escalation(detail) => Failure::forbidden(detail),
        Refusal::Stale | Refusal::PlanChanged => {
            Failure::conflict("The object was changed at the same time; try again.")
        }
    }
}

/// Flaws in the words of this API.
fn wrongs(flaws: &[FieldError]) -> Vec<Wrong> {
    let wrong = |flaw: &FieldError| Wrong {
        name: map::property(&flaw.pointer).to_owned(),
        reason: flaw.detail.clone(),
    };
    flaws.iter().map(wrong).collect()
}

/// Why no token is given (RFC 6749, section 5.2).
#[derive(Clone, Debug)]
pub(crate) struct OauthFailure {
    status: u16,
    error: &'static str,
    description: String,
    retry_after_s: Option<u32>,
}

impl OauthFailure {
    fn new(status: u16, error: &'static str, description: impl Into<String>) -> OauthFailure {
        OauthFailure { status, error, description: description.into(), retry_after_s: None }
    }

    pub(crate) fn invalid_request(description: &str) -> OauthFailure {
        OauthFailure::new(400, "invalid_request", description)
    }

    pub(crate) fn invalid_client() -> OauthFailure {
        OauthFailure::new(401, "invalid_client", "There is no client with that id and secret.")
    }

    pub(crate) fn invalid_scope() -> OauthFailure {
        let known: Vec<&str> = SCOPES.iter().map(|row| row.name).collect();
        let description = format!("Scopes a program may ask for: {}.", known.join(" "));
        OauthFailure::new(400, "invalid_scope", description)
    }

    pub(crate) fn unsupported_grant_type() -> OauthFailure {
        let description = "There is no such grant_type; the discovery document names those there \
                           are.";
        OauthFailure::new(400, "unsupported_grant_type", description)
    }

    /// A code or refresh token that gives nothing; says no more.
    pub(crate) fn invalid_grant() -> OauthFailure {
        let description = "The code or token is none for this client, is over, was used, or comes \
                           without its redirect_uri or code_verifier.";
        OauthFailure::new(400, "invalid_grant", description)
    }

    /// As many tokens live as may.
    pub(crate) fn too_many_tokens(retry_after_s: u32) -> OauthFailure {
        let description =
            format!("{MOST_TOKENS} tokens live that were made of this; use one until it expires.");
        let failure = OauthFailure::new(429, "slow_down", description);
        OauthFailure { retry_after_s: Some(retry_after_s), ..failure }
    }

    /// A client that may not ask so.
    pub(crate) fn unauthorized_client() -> OauthFailure {
        let description = "A public client acts for people only.";
        OauthFailure::new(400, "unauthorized_client", description)
    }

    /// What went wrong besides.
    pub(crate) fn of(error: Error) -> OauthFailure {
        let failure = Failure::from(error);
        let code = if failure.status < 500 { "slow_down" } else { "temporarily_unavailable" };
        let retry_after_s = failure.retry_after_s;
        OauthFailure { retry_after_s, ..OauthFailure::new(failure.status, code, failure.message) }
    }
}

impl IntoResponse for OauthFailure {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        let answer = said(self.status, "application/json", &body);
        let mut answer = with_advice(answer, "Basic realm=\"token\"", self.retry_after_s);
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}
