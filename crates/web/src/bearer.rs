//! What a caller sends to prove who it is.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// The secret of `Authorization: Bearer` (RFC 6750); none where there is no such header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (kind, secret) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
