//! Programs that run in a browser, on pages of another origin: what such a page is told before it
//! calls, and which of them may read an answer (the Fetch standard's CORS protocol). Never lets a
//! browser send along what it keeps, so that a call is always by a token that the page holds.
//!
//! Shared by all vendors; knows no field and no word of any.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use claviger_app::App;

use super::serve::Row;

/// What a page may read of an answer's head besides what every page may.
const EXPOSED: &str = "X-Total-Count, Retry-After, WWW-Authenticate, RateLimit, RateLimit-Policy";
/// What a page may send that names nothing else.
const USUAL: &str = "Authorization, Content-Type";
/// The most that is said back of the headers a page wants to send.
const MOST_ASKED: usize = 1024;
/// How long a browser needs not ask again.
const KNOWN_S: &str = "600";
const ALL_ASKED: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Which pages of other origins may read a vendor's answers.
#[derive(Clone, Copy)]
pub(crate) struct Origins {
    /// Whether those of an origin, as a browser writes it, may.
    pub(crate) may_read: fn(&App, &str) -> bool,
    /// The vendor's words for one that may not, and asks before it calls.
    pub(crate) refuse: fn() -> Response,
}

/// What a request says of the page it comes from.
pub(crate) enum Asked {
    /// Whatever it says, no other page may read the answer.
    Nothing,
    /// It is of no page, or of one that may not read the answer.
    Unknown(Origins),
    /// It is of a page of this origin, which may.
    Known(HeaderValue),
}

impl Origins {
    /// Of what page a request with these headers is.
    pub(crate) fn asked(self, app: &App, headers: &HeaderMap) -> Asked {
        let mut said = headers.get_all(ORIGIN).iter();
        let known = match (said.next(), said.next()) {
            (Some(origin), None) => {
                let text = origin.to_str().unwrap_or_default();
                (self.may_read)(app, text).then(|| origin.clone())
            }
            _ => None,
        };
        known.map_or(Asked::Unknown(self), Asked::Known)
    }
}

impl Asked {
    /// The answer to a page that asks whether it may call; none where it calls. It is of the rows
    /// alone, and so tells nothing of what is there.
    pub(crate) fn before(&self, rows: &[Row], request: &Request) -> Option<Response> {
        let headers = request.headers();
        let asks = request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        let mut response = match self {
            Asked::Nothing => return None,
            Asked::Unknown(origins) => (origins.refuse)(),
            Asked::Known(origin) => {
                let methods: Vec<&str> = rows.iter().map(|row| row.method).collect();
                let told = [
                    (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
                    (ACCESS_CONTROL_ALLOW_HEADERS, sent(headers)),
                    (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(KNOWN_S)),
                ];
                let mut response = StatusCode::NO_CONTENT.into_response();
                response.headers_mut().extend(told);
                if let Ok(methods) = HeaderValue::try_from(methods.join(", ")) {
                    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
                }
                response
            }
        };
        response.headers_mut().append(VARY, HeaderValue::from_static(ALL_ASKED));
        Some(response)
    }

    /// The answer with what says who may read it.
    pub(crate) fn shown(self, mut response: Response) -> Response {
        let origin = match self {
            Asked::Nothing => return response,
            Asked::Unknown(_) => None,
            Asked::Known(origin) => Some(origin),
        };
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let exposed = HeaderValue::from_static(EXPOSED);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response
    }
}

/// The headers that a page may send: those it asks for by name. An asterisk would not be all, as it
/// leaves out `Authorization`.
fn sent(headers: &HeaderMap) -> HeaderValue {
    let mut asked = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let one = asked.next().filter(|_| asked.next().is_none());
    let names = one.filter(|names| {
        let bytes = names.as_bytes();
        bytes.len() <= MOST_ASKED
            && bytes.split(|it| *it == b',').all(|it| is_token(it.trim_ascii()))
    });
    names.cloned().unwrap_or(HeaderValue::from_static(USUAL))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(plain)
}
