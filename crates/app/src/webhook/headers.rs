//! Headers of a webhook's own, such as one by which its endpoint knows the server. They are sealed
//! like the signing secret; only their names are ever shown again.

use std::fmt;

use claviger_domain::ids::PlaceNumber;
use claviger_domain::noun::webhook::Webhook;
use claviger_domain::refusal::{FieldError, Refusal};

use crate::App;
use crate::error::Error;

/// The most headers of one webhook.
const MOST: usize = 20;
/// The most bytes of a name, and of a value.
const LONGEST_NAME: usize = 100;
const LONGEST_VALUE: usize = 2000;
/// Headers that are the server's, or that say how a message is to be read.
const KEPT: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
/// Beginnings of names that are the server's or a proxy's.
const KEPT_BEGINNINGS: &[&str] = &["proxy-", "webhook-"];

/// A value, which must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderValue(pub String);

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderValue(..)")
    }
}

/// Names with their values; without one, the value that the webhook has under that name stays.
pub type Headers = Vec<(String, Option<HeaderValue>)>;

fn is_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_token)
}

fn is_value(text: &str) -> bool {
    let is_visible = |byte: u8| (b' '..=b'~').contains(&byte);
    text.len() <= LONGEST_VALUE && text.bytes().all(is_visible) && text.trim() == text
}

/// Why a name cannot be a webhook's own.
fn flaw_of(name: &str) -> Option<&'static str> {
    let plain = name.to_ascii_lowercase();
    let is_kept = KEPT.contains(&plain.as_str())
        || KEPT_BEGINNINGS.iter().any(|beginning| plain.starts_with(beginning));
    match is_name(name) {
        false => Some("must be the name of a header"),
        true if is_kept => Some("is a header that the server sets"),
        true => None,
    }
}

/// Sealed headers for an edit: none where nothing is said of them. `former` is what the webhook has
/// and what may stay.
///
/// # Errors
/// Every wrong one, at `/headers/NAME`.
pub(super) fn sealed(
    app: &App,
    place: PlaceNumber,
    former: &[(String, String)],
    wish: Option<&Headers>,
) -> Result<Option<Option<Vec<u8>>>, Error> {
    let Some(wish) = wish else { return Ok(None) };
    let whole = whole(former, wish).map_err(Refusal::Invalid)?;
    // Sealing the same twice gives two texts; what is as it was is not changed.
    if whole.iter().copied().eq(former.iter().map(|(name, value)| (&**name, &**value))) {
        return Ok(None);
    }
    if whole.is_empty() {
        return Ok(Some(None));
    }
    let text = serde_json::json!(whole).to_string();
    Ok(Some(Some(app.secrets().seal(place.0, "webhook", [0; 16], "headers", text.as_bytes())?)))
}

/// The names and values that are wished for, or everything that is wrong with them.
fn whole<'a>(
    former: &'a [(String, String)],
    wish: &'a Headers,
) -> Result<Vec<(&'a str, &'a str)>, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut whole: Vec<(&str, &str)> = Vec::new();
    for (name, value) in wish {
        let known = former.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = value.as_ref().map(|it| it.0.as_str()).or(known.map(|(_, value)| &**value));
        let is_twice = whole.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        let flaw = match (flaw_of(name), value) {
            (Some(flaw), _) => flaw,
            (None, None) => "must have a value: there is none that could stay",
            (None, Some(value)) if !is_value(value) => {
                "must be at most 2000 visible ASCII characters, no space before or after"
            }
            (None, Some(_)) if is_twice => "stands twice",
            (None, Some(value)) => {
                whole.push((name, value));
                continue;
            }
        };
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        errors.push(FieldError::new(format!("/headers/{shown}"), "bad_header", flaw));
    }
    if wish.len() > MOST {
        errors.push(FieldError::new("/headers", "too_many", "must be at most 20"));
    }
    if errors.is_empty() { Ok(whole) } else { Err(errors) }
}

/// The headers of a webhook's own, in plain.
pub(crate) fn own_headers(
    app: &App,
    place: PlaceNumber,
    webhook: &Webhook,
) -> Vec<(String, String)> {
    let Some(sealed) = &webhook.headers else { return Vec::new() };
    let plain = app.secrets().open(place.0, "webhook", [0; 16], "headers", sealed);
    let read = plain.ok().and_then(|plain| serde_json::from_slice(&plain).ok());
    if read.is_none() {
        tracing::error!(webhook = %webhook.header.id, "the headers of a webhook cannot be read");
    }
    read.unwrap_or_default()
}

/// The names of those headers.
#[must_use]
pub fn header_names(app: &App, place: PlaceNumber, webhook: &Webhook) -> Vec<String> {
    own_headers(app, place, webhook).into_iter().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_the_servers_are_refused() {
        for name in ["Authorization", "x-api-key", "X_Key", "Accept", "Cookie", "a!"] {
            assert_eq!(flaw_of(name), None, "{name}");
        }
        for name in ["Host", "CONTENT-LENGTH", "Webhook-Id", "proxy-authorization", "User-Agent"] {
            assert_eq!(flaw_of(name), Some("is a header that the server sets"), "{name}");
        }
        let long = "x".repeat(101);
        for name in ["", "a b", "a:b", "å", "a\r\nb", "(x)", long.as_str()] {
            assert_eq!(flaw_of(name), Some("must be the name of a header"), "{name}");
        }
    }

    #[test]
    fn values_are_one_visible_line() {
        assert!(is_value("") && is_value("Bearer a b") && is_value(&"x".repeat(2000)));
        for value in ["a\r\nhost: b", "a\0", " a", "a ", "å", &"x".repeat(2001)] {
            assert!(!is_value(value), "{value:?}");
        }
    }

    #[test]
    fn what_has_no_value_keeps_the_one_there_is() {
        let text = |text: &str| text.to_owned();
        let given = |value: &str| Some(HeaderValue(text(value)));
        let former = [(text("X-Key"), text("a"))];
        let wish = vec![(text("x-key"), None), (text("b"), given("c"))];
        assert_eq!(whole(&former, &wish), Ok(vec![("x-key", "a"), ("b", "c")]));
        let wrong = vec![(text("x-key"), None), (text("X-KEY"), given("b")), (text("d"), None)];
        let wrong = whole(&former, &wrong).unwrap_err();
        let at: Vec<_> = wrong.iter().map(|it| (it.pointer.as_str(), it.detail.as_ref())).collect();
        let stay = "must have a value: there is none that could stay";
        assert_eq!(at, [("/headers/X-KEY", "stands twice"), ("/headers/d", stay)]);
        let many: Headers = (0..21).map(|at| (format!("x{at}"), given("v"))).collect();
        assert_eq!(whole(&[], &many).unwrap_err()[0].pointer, "/headers");
    }

    #[test]
    fn values_are_not_printed() {
        let value = HeaderValue("Bearer s3cret".to_owned());
        assert!(!format!("{value:?}").contains("s3cret"));
    }
}
