//! What a caller sends to prove who it is, and from which page.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::App;

/// The secret of `Authorization: Bearer` (RFC 6750); none where there is no such header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    of_kind(headers, "bearer")
}

/// Whether a header says a name and a password at all.
pub(crate) fn is_basic(headers: &HeaderMap) -> bool {
    let kind =
        headers.get(AUTHORIZATION).and_then(|it| it.as_bytes().split(|it| *it == b' ').next());
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"basic"))
}

/// Name and password of `Authorization: Basic` (RFC 7617). Some programs percent-encode both parts
/// first, as RFC 6749 (2.3.1) has it, and some do not: what is made here has nothing to encode.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let plain = STANDARD.decode(of_kind(headers, "basic")?).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    let (name, password) = plain.split_once(':')?;
    let decoded = |part: &str| {
        let pair = form_urlencoded::parse(part.as_bytes()).next();
        pair.map(|(text, _)| text.into_owned()).unwrap_or_default()
    };
    Some((decoded(name), decoded(password)))
}

fn of_kind<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let (kind, secret) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    kind.eq_ignore_ascii_case(wanted).then(|| secret.trim())
}

/// Whether a browser says that the request comes from a page of this server; none where none says
/// anything.
pub(crate) fn is_own_origin(app: &App, parts: &Parts) -> Option<bool> {
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    parts.headers.get(ORIGIN)?;
    let origin = header(ORIGIN).unwrap_or_default();
    // HTTP/2 names the host in the URI.
    let host = parts.uri.authority().map(|it| it.as_str()).or_else(|| header(HOST));
    let own = origin == app.settings().public_url.trim_end_matches('/')
        || origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
    Some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords() {
        let headers = |text: &str| {
            let header = text.parse().unwrap();
            HeaderMap::from_iter([(AUTHORIZATION, header)])
        };
        let sent = |kind: &str, plain: &str| headers(&format!("{kind} {}", STANDARD.encode(plain)));
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(basic(&sent("Basic", "a:b:c")), pair("a", "b:c"));
        assert_eq!(basic(&sent("BASIC", "%61%2D:~")), pair("a-", "~"));
        assert_eq!(basic(&sent("Basic", ":")), pair("", ""));
        for (header, says) in [
            (sent("Basic", "ab"), true),
            (headers("Basic %%%"), true),
            (headers("Basic"), true),
            (sent("Bearer", "a:b"), false),
            (HeaderMap::new(), false),
        ] {
            assert_eq!((basic(&header), is_basic(&header)), (None, says));
        }
        assert_eq!(bearer(&headers("bearer  x")), Some("x"));
        assert_eq!(bearer(&sent("Basic", "a:b")), None);
    }
}
