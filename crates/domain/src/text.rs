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
    fn external_ids() {
        assert!(is_external_id("room:12.b_c-d@x"));
        assert!(!is_external_id("") && !is_external_id("a b") && !is_external_id("å"));
        assert!(!is_external_id(&"x".repeat(129)));
    }
}
