//! The dictionary between this API's words and the model's. Pure.

use claviger_domain::ids::{Id, Ref};
use claviger_domain::noun::lock::PinRule;
use claviger_domain::noun::role::Role;
use claviger_domain::text::is_external_id;
use claviger_domain::time::{Instant, MINUTE};

/// What an id that is none here is taken for: nothing has it.
const NOBODYS: Id = Id([0; 16]);

/// An id as clients write it; ids of another form name nothing.
pub(crate) fn id(text: &str) -> Id {
    Id::parse(text).unwrap_or(NOBODYS)
}

/// An access by its alias; what cannot be one names nothing.
pub(crate) fn alias(text: &str) -> Ref {
    if is_external_id(text) { Ref::External(text.to_owned()) } else { Ref::Id(NOBODYS) }
}

/// What names nothing.
pub(crate) fn nothing() -> Ref {
    Ref::Id(NOBODYS)
}

/// The list of this API that a list of a use case is.
pub(crate) fn list(name: &str) -> Option<&'static str> {
    match name {
        "take" => Some("delete"),
        "give" => Some("insert"),
        _ => None,
    }
}

/// An instant as this API writes it.
pub(crate) fn time(at: Instant) -> String {
    at.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads ISO 8601 with a zone, or the text of a JavaScript date (`Thu Jan 05 2023 10:00:00
/// GMT+0100 (CET)`), to the millisecond; a URL may have lost the plus of either.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    // A plus that stands in a URL as it is, is a space when it is read.
    let with_plus = || text.contains('T').then(|| text.replacen(' ', "+", 1));
    let at = Instant::parse(text)
        .or_else(|| of_javascript(text))
        .or_else(|| Instant::parse(&with_plus()?))?;
    Some(Instant(at.0.div_euclid(1000) * 1000))
}

fn of_javascript(text: &str) -> Option<Instant> {
    let words: Vec<&str> = text.split_ascii_whitespace().take(7).collect();
    let [_, month, day, year, clock, zone, rest @ ..] = words.as_slice() else { return None };
    let offset = match (zone.strip_prefix("GMT")?, rest.first()) {
        ("", Some(digits)) => minutes(digits, 1),
        (signed, _) => match signed.split_at_checked(1)? {
            ("+", digits) => minutes(digits, 1),
            ("-", digits) => minutes(digits, -1),
            _ => None,
        },
    }?;
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    let utc = Instant::parse(&format!("{year}-{month:02}-{day}T{clock}Z"))?;
    Some(utc.plus(-offset * MINUTE))
}

/// The minutes of `0100`.
fn minutes(digits: &str, sign: i64) -> Option<i64> {
    let all = digits.len() == 4 && digits.bytes().all(|it| it.is_ascii_digit());
    let number: i64 = digits.parse().ok().filter(|_| all)?;
    Some(sign * (number / 100 * 60 + number % 100))
}

/// The language that there are words in, of a tag such as `sv` or `sv-SE`; none of any other.
pub(crate) fn language(tag: &str) -> Option<&'static str> {
    let first = tag.split(['-', '_']).next().unwrap_or_default();
    ["en", "sv"].into_iter().find(|known| known.eq_ignore_ascii_case(first))
}

/// When a PIN is asked for, as this API writes it.
pub(crate) fn pin_rule(rule: PinRule) -> &'static str {
    match rule {
        PinRule::Never => "never",
        PinRule::IfSet => "ifSet",
        PinRule::Always => "always",
    }
}

/// A role as this API writes it.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Guest => "guest",
        Role::AppGuestManager => "appGuestManager",
        Role::GuestManager => "guestManager",
        Role::Installer => "installer",
        Role::Administrator => "administrator",
        Role::Owner => "owner",
    }
}

/// A role as clients write it: the name in the portal too (`App Guest Manager`).
pub(crate) fn role_of(text: &str) -> Option<Role> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let wanted = plain(text);
    Role::WORDS.iter().find(|word| plain(word) == wanted).and_then(|word| Role::parse(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_iso_and_as_javascript_writes_them() {
        let nine = Some("2023-01-05T09:00:00.000Z".to_owned());
        for text in [
            "2023-01-05T09:00:00.000Z",
            "2023-01-05T09:00:00Z",
            "2023-01-05T10:00:00+01:00",
            "2023-01-05T10:00:00 01:00",
            "2023-01-05T09:00:00.000400Z",
            "Thu Jan 05 2023 10:00:00 GMT+0100 (Central European Standard Time)",
            "Thu Jan 05 2023 10:00:00 GMT 0100 (Central European Standard Time)",
            "Thu Jan 05 2023 04:30:00 GMT-0430",
            "Thu Jan 05 2023 09:00:00 GMT+0000 (UTC)",
        ] {
            assert_eq!(instant(text).map(time), nine, "{text}");
        }
        for text in [
            "",
            "2023-01-05",
            "Thu Jan 05 2023",
            "Thu Jan 05 2023 10:00:00",
            "2023-01-05T10:00:00 ",
            "Thu Foo 05 2023 10:00:00 GMT+0100",
            "Thu Feb 30 2023 10:00:00 GMT+0100",
            "Thu Jan 05 2023 10:00:00 GMT*0100",
            "Thu Jan 05 2023 10:00:00 GMT+01",
            "Thu Jan 05 2023 25:00:00 GMT+0100",
            "Thu Jan 05 2023 10:00:00 GMTå",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_language_without_words_is_none() {
        assert_eq!([language("sv"), language("sv-SE"), language("SV_fi")], [Some("sv"); 3]);
        assert_eq!((language("en"), language("en-GB")), (Some("en"), Some("en")));
        assert_eq!([language("nb"), language(""), language("-sv"), language("svenska")], [None; 4]);
    }

    #[test]
    fn roles_are_read_as_they_are_written_and_by_their_names() {
        for word in Role::WORDS {
            let known = Role::parse(word).unwrap();
            assert_eq!(role_of(role(known)), Some(known));
            assert_eq!(role_of(word), Some(known));
        }
        assert_eq!(role_of("App Guest Manager"), Some(Role::AppGuestManager));
        assert_eq!(role_of("GUEST"), Some(Role::Guest));
        assert_eq!((role_of("integrator"), role_of("")), (None, None));
    }
}
