//! The `RateLimit` headers and the 429 of API clients that ask too often (the fields of
//! draft-ietf-httpapi-ratelimit-headers-10). Who calls is known only after authentication, which
//! leaves in the request how the caller stands.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{HeaderName, RETRY_AFTER};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use claviger_app::rate::{self, Standing};
use claviger_app::{App, Caller};

use crate::api::problem::{Code, Problem};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Where authentication says how the caller stands.
#[derive(Clone, Debug, Default)]
struct Slot(Arc<OnceLock<Standing>>);

/// Counts a request.
///
/// # Errors
/// 429 where it is one too many.
pub(crate) fn count(app: &App, caller: &Caller, parts: &Parts) -> Result<(), Problem> {
    let Some(standing) = rate::count(app, caller) else { return Ok(()) };
    if let Some(Slot(slot)) = parts.extensions.get::<Slot>() {
        let _ = slot.set(standing);
    }
    if !standing.refused {
        return Ok(());
    }
    let Standing { limit, reset_s, .. } = standing;
    let detail = format!("This program may ask {limit} times a minute; try again in {reset_s} s.");
    let problem = Problem::new(Code::TooManyRequests, detail);
    Err(problem.with_header(RETRY_AFTER, HeaderValue::from(reset_s)))
}

/// Shows on an answer how the caller stands.
pub(crate) async fn shown(mut request: Request, next: Next) -> Response {
    let slot = Slot::default();
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    if let Some(Standing { limit, left, reset_s, .. }) = slot.0.get() {
        let texts = [
            (POLICY, format!("\"client\";q={limit};w=60")),
            (STATE, format!("\"client\";r={left};t={reset_s}")),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::try_from(text) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}
