//! The `RateLimit` headers of API clients (the fields of draft-ietf-httpapi-ratelimit-headers-10),
//! and who asks too often. Who calls is known only after authentication, which leaves in the
//! request how the caller stands. Each surface has its own words for the refusal.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::HeaderName;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use claviger_app::rate::{self, Standing};
use claviger_app::{App, Caller};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Where authentication says how the caller stands.
#[derive(Clone, Debug, Default)]
struct Slot(Arc<OnceLock<Standing>>);

/// Counts a request.
///
/// # Errors
/// How the caller stands where it is one too many.
pub(crate) fn count(app: &App, caller: &Caller, parts: &Parts) -> Result<(), Standing> {
    let Some(standing) = rate::count(app, caller) else { return Ok(()) };
    if let Some(Slot(slot)) = parts.extensions.get::<Slot>() {
        let _ = slot.set(standing);
    }
    if standing.refused { Err(standing) } else { Ok(()) }
}

/// What is said to a caller that asks too often.
pub(crate) fn detail(standing: Standing) -> String {
    let Standing { limit, reset_s, .. } = standing;
    format!("This program may ask {limit} times a minute; try again in {reset_s} s.")
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
