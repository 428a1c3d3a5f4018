//! The one table of text formats: what holds, how OpenAPI says it, and what would be right.
//!
//! Patterns in the document are never narrower than what is accepted here: a text the document
//! refuses must be refused. Looks nothing up but the names of time zones.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_domain::ids::Id;
use claviger_domain::schedule::parse_minute;
use claviger_domain::text;
use claviger_domain::time::{Instant, Zone};
use jiff::civil::Date;

use crate::url::is_web_address;

/// A text with a meaning of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Email,
    Phone,
    ExternalId,
    Zone,
    Url,
    Instant,
    Date,
    /// `HH:MM` from 00:00 to 23:59.
    FromMinute,
    /// `HH:MM` from 00:00 to 24:00.
    ToMinute,
    /// A UUID.
    Id,
    /// A UUID, or `external:` and the caller's own id.
    Ref,
    /// `external:` and the caller's own id.
    ExternalRef,
    /// A [`Format::Ref`] of a person, an e-mail address or a phone number.
    Who,
    Hex,
    Base64,
    /// Words with one space between them.
    Words,
}

/// What the table says of one format.
pub(crate) struct Row {
    /// Whether a text has the format.
    pub(crate) holds: fn(&str) -> bool,
    /// The `format` keyword of JSON Schema, where every accepted text satisfies it.
    pub(crate) keyword: Option<&'static str>,
    /// A regular expression that every accepted text matches.
    pub(crate) pattern: &'static str,
    /// No accepted text has more characters.
    pub(crate) max: usize,
    /// What would be right, to be read after "must be".
    pub(crate) wants: &'static str,
}

macro_rules! uuid {
    () => {
        "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    };
}

impl Format {
    /// This format's row of the table.
    pub(crate) fn row(self) -> &'static Row {
        match self {
            Format::Email => &EMAIL,
            Format::Phone => &PHONE,
            Format::ExternalId => &EXTERNAL_ID,
            Format::Zone => &ZONE,
            Format::Url => &URL,
            Format::Instant => &INSTANT,
            Format::Date => &DATE,
            Format::FromMinute => &FROM_MINUTE,
            Format::ToMinute => &TO_MINUTE,
            Format::Id => &ID,
            Format::Ref => &REF,
            Format::ExternalRef => &EXTERNAL_REF,
            Format::Who => &WHO,
            Format::Hex => &HEX,
            Format::Base64 => &BASE64,
            Format::Words => &WORDS,
        }
    }
}

static EMAIL: Row = Row {
    holds: text::is_email,
    keyword: None,
    pattern: r"^[^@\s]+@[^@\s]+$",
    max: 254,
    wants: "one e-mail address such as ann@example.org",
};

static PHONE: Row = Row {
    holds: text::is_phone,
    keyword: None,
    pattern: r"^\+[1-9][0-9]{6,14}$",
    max: 16,
    wants: "a phone number as E.164: a plus sign, then 7 to 15 digits without spaces, such as \
            +46701234567",
};

static EXTERNAL_ID: Row = Row {
    holds: text::is_external_id,
    keyword: None,
    pattern: r"^[A-Za-z0-9._:@-]{1,128}$",
    max: 128,
    wants: "1 to 128 of the characters A-Z a-z 0-9 . _ - : @",
};

static ZONE: Row = Row {
    holds: |text| text.len() <= 64 && Zone::parse(text).is_some(),
    keyword: None,
    pattern: r"^[A-Za-z0-9._+/-]+$",
    max: 64,
    wants: "the IANA name of a time zone such as Europe/Stockholm",
};

static URL: Row = Row {
    holds: is_web_address,
    keyword: None,
    pattern: r"^https?://[!-~]+$",
    max: 2048,
    wants: "an absolute http or https URL without user name or fragment, such as \
            https://example.org/hook",
};

static INSTANT: Row = Row {
    holds: is_instant,
    keyword: Some("date-time"),
    pattern: concat!(
        r"^(19|[2-9][0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?",
        r"(Z|[+-][0-9]{2}:[0-9]{2})$"
    ),
    max: 35,
    wants: "an instant as RFC 3339 with its offset, from the year 1900 on, such as \
            2026-03-01T08:00:00Z",
};

static DATE: Row = Row {
    holds: |text| parse_date(text).is_some(),
    keyword: Some("date"),
    pattern: r"^(19|[2-9][0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}$",
    max: 10,
    wants: "a date of the calendar from the year 1900 on, such as 2026-12-24",
};

static FROM_MINUTE: Row = Row {
    holds: |text| parse_minute(text).is_some_and(|minute| minute < 1440),
    keyword: None,
    pattern: r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
    max: 5,
    wants: "a time of day from 00:00 to 23:59 such as 08:00",
};

static TO_MINUTE: Row = Row {
    holds: |text| parse_minute(text).is_some(),
    keyword: None,
    pattern: r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
    max: 5,
    wants: "a time of day from 00:00 to 24:00 such as 17:00",
};

static ID: Row = Row {
    holds: |text| Id::parse(text).is_some(),
    keyword: Some("uuid"),
    pattern: concat!("^", uuid!(), "$"),
    max: 36,
    wants: "an id: a UUID with hyphens",
};

static REF: Row = Row {
    holds: is_ref,
    keyword: None,
    pattern: concat!("^(", uuid!(), "|external:[A-Za-z0-9._:@-]{1,128})$"),
    max: 137,
    wants: "an id (a UUID with hyphens) or external: and your own id",
};

static EXTERNAL_REF: Row = Row {
    holds: |text| text.strip_prefix("external:").is_some_and(text::is_external_id),
    keyword: None,
    pattern: r"^external:[A-Za-z0-9._:@-]{1,128}$",
    max: 137,
    wants: "external: and your own id of 1 to 128 of the characters A-Z a-z 0-9 . _ - : @",
};

static WHO: Row = Row {
    holds: |text| is_ref(text) || text::is_email(text) || text::is_phone(text),
    keyword: None,
    pattern: r"^[^\s]+$",
    max: 254,
    wants: "an id, external: and your own id, an e-mail address or a phone number",
};

static HEX: Row = Row {
    holds: |text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
    keyword: None,
    pattern: r"^[0-9a-fA-F]+$",
    max: 256,
    wants: "hexadecimal digits without a prefix such as 04a1b2c3",
};

static BASE64: Row = Row {
    holds: |text| !text.is_empty() && STANDARD.decode(text).is_ok(),
    keyword: None,
    pattern: r"^[A-Za-z0-9+/]+={0,2}$",
    max: 8192,
    wants: "base64 (RFC 4648, with padding)",
};

static WORDS: Row = Row {
    holds: |text| text.split(' ').all(|word| !word.is_empty() && word.bytes().all(is_visible)),
    keyword: None,
    pattern: r"^[!-~]+( [!-~]+)*$",
    max: 2000,
    wants: "words with one space between them",
};

fn is_visible(byte: u8) -> bool {
    (b'!'..=b'~').contains(&byte)
}

fn is_ref(text: &str) -> bool {
    Id::parse(text).is_some() || (EXTERNAL_REF.holds)(text)
}

/// Narrower than `Instant::parse`: the very grammar of RFC 3339, and years from 1900.
fn is_instant(text: &str) -> bool {
    let Some((stamp, rest)) = text.split_at_checked(19) else { return false };
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let stamp_ok = stamp.bytes().zip(shape).all(|(byte, wants)| match wants {
        b'd' => byte.is_ascii_digit(),
        wants => byte == *wants,
    });
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let offset = match rest.strip_prefix('.') {
        Some(fraction) if (1..=9).contains(&digits(fraction)) => &fraction[digits(fraction)..],
        Some(_) => return false,
        None => rest,
    };
    let offset_ok = offset == "Z"
        || (offset.len() == 6
            && offset.starts_with(['+', '-'])
            && parse_minute(&offset[1..]).is_some_and(|minute| minute < 1440));
    stamp_ok && offset_ok && stamp >= "1900" && Instant::parse(text).is_some()
}

/// Reads `YYYY-MM-DD` from the year 1900 on; `None` for anything else.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    (shaped && text >= "1900").then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(format: Format, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!((format.row().holds)(text), "{format:?} {text}");
            assert!(text.chars().count() <= format.row().max, "{format:?} {text}");
        }
        for text in bad {
            assert!(!(format.row().holds)(text), "{format:?} {text}");
        }
    }

    #[test]
    fn instants_are_rfc_3339_to_the_letter() {
        let good = ["2026-03-01T08:00:00Z", "2026-03-01T08:00:00.5+02:00", "1900-01-01T00:00:00Z"];
        let bad = [
            "",
            "2026-03-01",
            "2026-03-01T08:00:00",
            "2026-03-01 08:00:00Z",
            "2026-03-01T08:00:00,5Z",
            "2026-03-01T08:00:00.Z",
            "2026-02-30T08:00:00Z",
            "2026-03-01T08:00:00+25:00",
            "2026-03-01T08:00:00+24:00",
            "2026-03-01T08:00:60Z",
            "1899-12-31T23:59:59Z",
            "2026-03-01T08:00:00ZZ",
            "2026-03-01T08:00:00åå",
            "2026-03-01T08:00:00[Europe/Stockholm]",
        ];
        accepts(Format::Instant, &good, &bad);
    }

    #[test]
    fn dates_minutes_and_zones() {
        accepts(Format::Date, &["2024-02-29"], &["2023-02-29", "24-02-29", "2024-2-29", "", "å"]);
        accepts(Format::FromMinute, &["00:00", "23:59"], &["24:00", "8:00", "0800", ""]);
        accepts(Format::ToMinute, &["00:00", "24:00"], &["24:01", "25:00"]);
        accepts(
            Format::Zone,
            &["Europe/Stockholm", "Etc/UTC"],
            &["", "Europe/Stokholm", "+02:00", "CET+1 x"],
        );
    }

    #[test]
    fn references_and_people() {
        let id = "018bcfe5-6800-7000-8000-000000000001";
        accepts(Format::Id, &[id], &["external:a", "018bcfe5680070008000000000000001", "1"]);
        accepts(Format::Ref, &[id, "external:a:b"], &["external:", "external:å", "a@example.org"]);
        accepts(Format::ExternalRef, &["external:x"], &[id]);
        accepts(Format::Who, &[id, "external:a", "a@x", "+46701234567"], &["", "ann", "+46 70"]);
    }

    #[test]
    fn urls_are_absolute_and_plain() {
        let good = ["https://example.org", "http://[::1]:8080/a?b=c", "https://example.org/%20"];
        let bad = [
            "example.org",
            "ftp://example.org",
            "https://",
            "https:///x",
            "https://a@example.org",
            "https://example.org/#x",
            "https://example.org/a b",
            "https://exämple.org",
        ];
        accepts(Format::Url, &good, &bad);
    }

    #[test]
    fn bytes() {
        accepts(Format::Hex, &["0", "00aF"], &["", "0x1", "g"]);
        accepts(Format::Base64, &["aGk=", "aGlo"], &["", "aGk", "a-_=", "aGk=\n"]);
        accepts(Format::Words, &["a", "a:read b"], &["", " a", "a  b", "a\n"]);
    }
}
