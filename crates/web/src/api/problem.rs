//! Errors as callers see them: RFC 9457 problem details, from one closed table of codes.
//!
//! Holds nothing of what went wrong inside; that is for the log.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::shape::FieldError;

macro_rules! codes {
    ($($code:ident $word:literal $status:literal $title:literal,)*) => {
        /// What kind of error it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code { $($code,)* }

        impl Code {
            /// All codes.
            pub(crate) const ALL: &[Code] = &[$(Code::$code,)*];
            /// The stable words, in the same order.
            pub(crate) const WORDS: &[&str] = &[$($word,)*];

            /// The stable word.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Code::$code => $word,)* }
            }

            /// The status it is answered with.
            pub(crate) fn status(self) -> u16 {
                match self { $(Code::$code => $status,)* }
            }

            /// The same sentence for every error of the kind.
            pub(crate) fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }
        }
    };
}

codes! {
    MalformedJson "malformed_json" 400 "The body is not one JSON value.",
    MalformedRequest "malformed_request" 400 "The request cannot be read.",
    Unauthorized "unauthorized" 401 "The request proves nobody who is known.",
    ForbiddenScope "forbidden_scope" 403 "The caller may not do this here.",
    Escalation "escalation" 403 "Nobody gives what they do not hold.",
    NotFound "not_found" 404 "There is nothing here that the caller may see.",
    MethodNotAllowed "method_not_allowed" 405 "The path does not take this method.",
    Taken "taken" 409 "The value belongs to something else already.",
    InUse "in_use" 409 "Something else still uses it.",
    Conflict "conflict" 409 "It stands against what is there already.",
    Stale "stale" 412 "It has changed since it was read.",
    TooLarge "too_large" 413 "The body is larger than this path takes.",
    UriTooLong "uri_too_long" 414 "The address of the request is too long.",
    UnsupportedMediaType "unsupported_media_type" 415 "The body is not of a type this path takes.",
    Invalid "invalid" 422 "Some fields are not right.",
    NotBuilt "not_built" 422 "This version cannot do that yet.",
    IdempotencyMismatch "idempotency_mismatch" 422 "The idempotency key was used for another body.",
    TooManyRequests "too_many_requests" 429 "Too many requests; wait and try again.",
    HeadTooLarge "head_too_large" 431 "The head of the request is too large.",
    Internal "internal" 500 "The server failed; nothing was changed.",
    Unavailable "unavailable" 503 "The server cannot answer now; try again.",
    StorageFull "storage_full" 507 "There is no room left to store anything.",
}

/// One error answer.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// What is wrong this time, and what would be right.
    pub(crate) detail: String,
    /// Every bad field.
    pub(crate) errors: Vec<FieldError>,
    /// Headers beside the content type.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with a sentence for this time.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// Fields that are not right. Where all that is wrong is that they name what is not there (or
    /// is another place's) it is a 404, as it is for such an id anywhere.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Problem {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} fields are not right; see errors.", many.len()),
        };
        let missing = !errors.is_empty() && errors.iter().all(|it| it.code == "not_found");
        let code = if missing { Code::NotFound } else { Code::Invalid };
        Problem { errors, ..Problem::new(code, detail) }
    }

    /// One field that is not right.
    pub(crate) fn field(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem::invalid(vec![FieldError::new(pointer, code, detail)])
    }

    /// Nothing the caller may see.
    pub(crate) fn not_found() -> Problem {
        Problem::new(Code::NotFound, "Nothing by that path is there, or it is not yours to see.")
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// The same with field errors.
    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Problem {
        self.errors = errors;
        self
    }

    /// The body.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let error = |error: &FieldError| {
            let FieldError { pointer, code, detail } = error;
            json!({ "pointer": pointer, "code": code, "detail": detail })
        };
        json!({
            "type": type_of(self.code),
            "title": self.code.title(),
            "status": self.code.status(),
            "detail": self.detail,
            "code": self.code.as_str(),
            "errors": self.errors.iter().map(error).collect::<Vec<_>>(),
            "request_id": request_id,
        })
    }

    /// The body in the form of RFC 6749, section 5.2, for the token route.
    pub(crate) fn oauth_body(&self) -> Value {
        let error = match self.code {
            Code::Unauthorized => "invalid_client",
            Code::ForbiddenScope | Code::Escalation => "invalid_scope",
            Code::Internal => "server_error",
            Code::Unavailable | Code::StorageFull | Code::TooManyRequests => {
                "temporarily_unavailable"
            }
            _ if self.errors.iter().any(|error| error.pointer == "/scope") => "invalid_scope",
            _ if self
                .errors
                .iter()
                .any(|error| error.pointer == "/grant_type" && error.code == "not_a_choice") =>
            {
                "unsupported_grant_type"
            }
            _ => "invalid_request",
        };
        // The grammar of error_description leaves out quotation marks and backslashes.
        let plain = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        let text: String = self.detail.chars().filter(|c| plain(*c)).collect();
        json!({ "error": error, "error_description": text })
    }

    /// The answer, with the body in one of the two forms.
    pub(crate) fn answer(&self, request_id: &str, oauth: bool) -> Response {
        let (body, kind) = if oauth {
            (self.oauth_body(), "application/json")
        } else {
            (self.body(request_id), "application/problem+json")
        };
        let status = match self.code.status() {
            // RFC 6749 knows 400 for whatever is wrong with a request but its client.
            403..=412 | 415..=422 if oauth => 400,
            status => status,
        };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        if self.code == Code::Unauthorized && !headers.contains_key(WWW_AUTHENTICATE) {
            // A 401 says how to do better (RFC 9110, section 15.5.2).
            let bearer = HeaderValue::from_static("Bearer realm=\"claviger\"");
            headers.insert(WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.answer("", false)
    }
}

/// The type of a problem: an anchor of the pages at `/docs`, relative to this server.
pub(crate) fn type_of(code: Code) -> String {
    format!("/docs#problem-{}", code.as_str())
}
