//! Addresses that deliveries may be sent to. Whether one may be called is the sender's to check.

use axum::http::Uri;

/// Whether a text is an absolute address of the web without user name or fragment.
pub(crate) fn is_web_address(text: &str) -> bool {
    let visible = |byte: u8| (b'!'..=b'~').contains(&byte);
    if text.len() > 2048 || !text.bytes().all(visible) || text.contains('#') {
        return false;
    }
    let scheme = text.starts_with("https://") || text.starts_with("http://");
    let Ok(uri) = text.parse::<Uri>() else { return false };
    scheme && uri.authority().is_some_and(|at| !at.host().is_empty() && !at.as_str().contains('@'))
}
