//! Checks of the small texts callers send: names, external ids, e-mail addresses, phone numbers.
//!
//! Says whether a text is well formed; must not look anything up.

/// Whether `text` may be an external id: 1–128 of `A–Z a–z 0–9 . _ - : @`.
#[must_use]
pub fn is_external_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:@".contains(&byte))
}

/// Whether `text` is E.164: `+`, then 7–15 digits of which the first is not 0, nothing else.
#[must_use]
pub fn is_phone(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` looks like one e-mail address: at most 254 bytes, one `@`, a dotted-atom local
/// part of at most 64 bytes and a domain of letters, digits, hyphens and dots (a single label such
/// as `localhost` included). Internationalised parts may hold any letter.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_ok = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c))
    };
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.len() <= 254
        && local.len() <= 64
        && local.split('.').all(local_ok)
        && domain.split('.').all(label_ok)
}

/// The form in which e-mail addresses and identifiers are compared: lower case of every character.
#[must_use]
pub fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// Whether `text` is fit to be kept as a one-line text of at most `most` characters: no control
/// characters, and not blank unless empty.
#[must_use]
pub fn is_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

/// Whether people who log in may be sent to `text` with a secret (RFC 6749, section 3.1.2, and RFC
/// 8252, section 7): an absolute URI without a fragment or a user, of `https`, of `http` on the
/// machine itself, or of a scheme that an app made of a name of its own, such as
/// `org.example.app:/done`.
#[must_use]
pub fn is_redirect_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|byte| plain(byte) || b"+.-".contains(&byte))
        && !scheme.bytes().any(|byte| byte.is_ascii_uppercase());
    let is_written = |byte: u8| plain(byte) || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    if text.len() > 2000 || !is_scheme || !rest.bytes().all(is_written) {
        return false;
    }
    let Some(rest) = rest.strip_prefix("//").filter(|_| !scheme.contains('.')) else {
        return scheme.contains('.') && rest.starts_with('/') && !rest.starts_with("//");
    };
    let (host, port) = host_and_port(rest);
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let of_itself = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    let is_host = !host.is_empty() && host.bytes().all(|byte| plain(byte) || b"-.".contains(&byte));
    is_port && (of_itself || is_host && scheme == "https") && ["http", "https"].contains(&scheme)
}

/// Host and port of what stands behind the two slashes.
fn host_and_port(rest: &str) -> (&str, Option<&str>) {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// The origin of pages at an address that people may be sent back to, as a browser writes it (RFC
/// 6454, section 6.2): in lower case, and without the port that its scheme has anyway. An app with
/// a scheme of its own has none.
#[must_use]
pub fn origin_of(redirect_uri: &str) -> Option<String> {
    let (scheme, rest) = redirect_uri.split_once("://")?;
    if !is_redirect_uri(redirect_uri) {
        return None;
    }
    let (host, port) = host_and_port(rest);
    let implied = if scheme == "https" { 443 } else { 80 };
    let port = port.and_then(|port| port.parse::<u16>().ok()).filter(|port| *port != implied);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{}{port}", host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_exact() {
        for good in ["+46701234567", "+12125550100"] {
            assert!(is_phone(good), "{good}");
        }
        for bad in
            ["46701234567", "+46 70", "+0123456789", "+123456", "+1234567890123456", "+4670１23456"]
        {
            assert!(!is_phone(bad), "{bad}");
        }
    }

    #[test]
    fn emails() {
        for good in ["ann@example.org", "admin@localhost", "a.b+c@x-y.se", "åsa@exempel.se"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["ann", "@x", "a@", "a..b@x", "a b@x", "a@-x", "a@x..y", "a@b@c d", "a,b@x"] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn addresses_that_people_are_sent_back_to() {
        for good in [
            "https://app.example.org/done",
            "https://app.example.org",
            "https://app.example.org:8443/done?from=here&x=%20",
            "http://localhost:5000/signin",
            "http://127.0.0.1/",
            "http://[::1]:1/x",
            "org.example.app:/done",
        ] {
            assert!(is_redirect_uri(good), "{good}");
        }
        for bad in [
            "",
            "/done",
            "app.example.org/done",
            "//app.example.org/done",
            "http://app.example.org/done",
            "http://localhost.example.org/",
            "http://127.0.0.1.example.org/",
            "http://localhost@example.org/",
            "https://ann@example.org/",
            "https://example.org/#x",
            "https://example.org/ x",
            "https://exämple.org/",
            "https:///done",
            "https://:80/",
            "https://example.org:0/",
            "https://example.org:99999/",
            "https://example.org;x/",
            "https://*.example.org/",
            "HTTPS://example.org/",
            "javascript:alert(1)",
            "data:text/html,x",
            "app:/done",
            "org.example.app://done",
            "org.example.app:done",
            "https://example.org/\"x",
            "https://example.org\\@evil/",
        ] {
            assert!(!is_redirect_uri(bad), "{bad}");
        }
        assert!(!is_redirect_uri(&format!("https://example.org/{}", "x".repeat(2000))));
    }

    #[test]
    fn origins() {
        for (address, origin) in [
            ("https://app.example.org", "https://app.example.org"),
            ("https://App.Example.org/done?x=1", "https://app.example.org"),
            ("https://app.example.org?x=:1/", "https://app.example.org"),
            ("https://app.example.org:443/", "https://app.example.org"),
            ("https://app.example.org:0443/", "https://app.example.org"),
            ("https://app.example.org:80/", "https://app.example.org:80"),
            ("http://localhost:80/x", "http://localhost"),
            ("http://127.0.0.1:443/x", "http://127.0.0.1:443"),
            ("http://[::1]:5000/x", "http://[::1]:5000"),
            ("http://[::1]/x", "http://[::1]"),
        ] {
            assert_eq!(origin_of(address).as_deref(), Some(origin), "{address}");
        }
        let none = ["", "org.example.app:/done", "HTTPS://a.example/", "https://", "file:///x"];
        for address in none.into_iter().chain(["http://app.example.org/", "https://*.example.org"])
        {
            assert_eq!(origin_of(address), None, "{address}");
        }
    }

    #[test]
    fn external_ids() {
        assert!(is_external_id("room:12.b_c-d@x"));
        assert!(!is_external_id("") && !is_external_id("a b") && !is_external_id("å"));
        assert!(!is_external_id(&"x".repeat(129)));
    }
}
