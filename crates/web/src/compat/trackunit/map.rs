//! The dictionary: this API's words for ours, both ways. Pure; looks nothing up but in the state it
//! is given.

use claviger_domain::ids::{CredentialNumber, Noun};
use claviger_domain::noun::Json;
use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::credential::{
    Credential, CredentialKind, CredentialState, SessionHints,
};
use claviger_domain::noun::event::{Event, Method};
use claviger_domain::noun::grant::{Grant, Right, Target};
use claviger_domain::noun::person::PersonState;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use serde_json::{Map, Value};

/// What an id must be.
pub(crate) const DIGITS: &str = "must be an id of digits";
/// What a serial number must be.
pub(crate) const SERIAL: &str = "must be 1 to 16 hexadecimal digits";

/// How long there is to start, in seconds.
const KEY_VALID: [(&str, u32); 3] = [("30sec", 30), ("60sec", 60), ("90sec", 90)];
/// How long one stays logged in after switching off, in seconds.
const KEY_EXPIRE: [(&str, u32); 14] = [
    ("0sec", 0),
    ("15sec", 15),
    ("30sec", 30),
    ("60sec", 60),
    ("2min", 120),
    ("5min", 300),
    ("10min", 600),
    ("15min", 900),
    ("30min", 1800),
    ("1hour", 3600),
    ("2hours", 7200),
    ("4hours", 14_400),
    ("8hours", 28_800),
    ("16hours", 57_600),
];
/// What a key has whose hints nobody set.
pub(crate) const HINTS: SessionHints = SessionHints { start_within_s: 60, log_off_after_s: 600 };

/// The seconds that `keyValid` means.
pub(crate) fn key_valid(word: &str) -> Option<u32> {
    seconds(&KEY_VALID, word)
}

/// The seconds that `keyExpire` means.
pub(crate) fn key_expire(word: &str) -> Option<u32> {
    seconds(&KEY_EXPIRE, word)
}

fn seconds(words: &[(&str, u32)], word: &str) -> Option<u32> {
    words.iter().find(|(known, _)| *known == word).map(|(_, seconds)| *seconds)
}

/// What `keyValid` and `keyExpire` must be.
pub(crate) fn one_of_valid() -> String {
    one_of(&KEY_VALID)
}

/// See [`one_of_valid`].
pub(crate) fn one_of_expire() -> String {
    one_of(&KEY_EXPIRE)
}

fn one_of(words: &[(&str, u32)]) -> String {
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    format!("must be one of {}", words.join(" "))
}

/// Hints as `keyValid` and `keyExpire`: the longest word that is not longer than the hint, and the
/// shortest where all are.
pub(crate) fn hints(hints: Option<SessionHints>) -> [&'static str; 2] {
    let hints = hints.unwrap_or(HINTS);
    [word(&KEY_VALID, hints.start_within_s), word(&KEY_EXPIRE, hints.log_off_after_s)]
}

fn word(words: &[(&'static str, u32)], seconds: u32) -> &'static str {
    let fits = words.iter().rev().find(|(_, known)| *known <= seconds);
    fits.or(words.first()).map_or("", |(word, _)| word)
}

/// The number that an id stands for: digits without a zero in front. One that is too long for any
/// number is nothing's.
pub(crate) fn number(text: &str) -> Option<u32> {
    let right = !text.is_empty()
        && !text.starts_with('0')
        && text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| text.parse().unwrap_or(u32::MAX))
}

/// The card that a serial number is.
pub(crate) fn part(serial: &str) -> Option<CardPart> {
    let card = CardValue::of_text(serial).filter(|card| card.bits <= 64)?;
    Some(CardPart { technology: Technology::Opaque, card })
}

/// The serial number of a card: of the first part that has one.
pub(crate) fn serial(parts: &[CardPart]) -> Option<String> {
    shown_part(parts).and_then(|at| parts.get(at)).map(|part| part.card.hex().to_uppercase())
}

/// Whether a credential is a key here: whether it has a serial number.
pub(crate) fn is_key(credential: &Credential) -> bool {
    match credential.kind {
        CredentialKind::Card => shown_part(&credential.parts).is_some(),
        CredentialKind::Code => credential.code.is_some(),
        CredentialKind::Phone => false,
    }
}

/// The key that an event is about: a credential that is gone was one where a card or a code was
/// presented.
pub(crate) fn key(state: &PlaceState, event: &Event) -> Option<u32> {
    let number = event.subject.credential?;
    let is_key = match state.credentials.get(number) {
        Some(credential) => is_key(credential),
        None => matches!(event.method, Some(Method::Card | Method::CardAndPin | Method::Code)),
    };
    is_key.then_some(number.0)
}

/// Which part of a card the serial number is of.
pub(crate) fn shown_part(parts: &[CardPart]) -> Option<usize> {
    parts.iter().position(|part| part.card.bits <= 64)
}

/// An instant with seven digits.
pub(crate) fn time(at: Instant) -> String {
    at.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.6f0Z").to_string()
}

/// Reads a date with or without a time, a fraction and a zone (UTC where there is none), or
/// milliseconds as `/Date(0)/`. What is finer than a microsecond is cut.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix("/Date(").and_then(|it| it.strip_suffix(")/")) {
        // An offset says how it was shown, not when it was.
        let end = inner.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
        let millis: i64 = inner[..end.map_or(inner.len(), |(at, _)| at)].parse().ok()?;
        let found = Instant(millis.checked_mul(1000)?);
        return (Instant::MIN..=Instant::MAX).contains(&found).then_some(found);
    }
    let (date, rest) = text.split_at_checked(10)?;
    if rest.is_empty() {
        return Instant::parse(&format!("{date}T00:00:00Z"));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    // A plus that was not encoded in a query has become a space.
    let rest = rest.replace(' ', "+");
    let (clock, zone) = match rest.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, "Z".to_owned()),
        None => match rest.rfind(['+', '-']) {
            Some(at) => (&rest[..at], offset(&rest[at..])?),
            None => (rest.as_str(), "Z".to_owned()),
        },
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || fraction.len() > 20 {
        return None;
    }
    let clock = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    if clock.len() != 8 {
        return None;
    }
    Instant::parse(&format!("{date}T{clock}.{micros}{zone}"))
}

/// An offset as RFC 3339 writes it.
fn offset(text: &str) -> Option<String> {
    let (sign, digits) = text.split_at_checked(1)?;
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let right = digits.bytes().all(|byte| byte.is_ascii_digit());
    match (right, digits.len()) {
        (true, 2) => Some(format!("{sign}{digits}:00")),
        (true, 4) => Some(format!("{sign}{}:{}", &digits[..2], &digits[2..])),
        _ => None,
    }
}

/// The texts of a contact that this API has, in its words; `name` is among them.
pub(crate) const CONTACT: [&str; 7] =
    ["name", "companyName", "email", "mobile", "phone", "note", "employeeNumber"];

/// What a credential says of its holder.
pub(crate) fn contact(credential: &Credential) -> Map<String, Value> {
    let kept = credential.contact.as_ref();
    match kept.and_then(|kept| serde_json::from_str(&kept.0).ok()) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// A contact with some texts set.
pub(crate) fn with_texts(
    mut contact: Map<String, Value>,
    texts: Vec<(&'static str, String)>,
) -> Option<Json> {
    for (name, text) in texts {
        contact.insert(name.to_owned(), text.into());
    }
    (!contact.is_empty()).then(|| Json(Value::Object(contact).to_string()))
}

/// The name of a key: of its contact, else what people call it.
pub(crate) fn name(credential: &Credential) -> String {
    let contact = contact(credential);
    let name = contact.get("name").and_then(Value::as_str);
    name.map(str::to_owned).or_else(|| credential.label.clone()).unwrap_or_default()
}

/// The locks and levels that a credential opens by rights of its own, without any condition that
/// cannot be said here; nothing while the credential opens nothing at all.
pub(crate) fn rights(
    state: &PlaceState,
    credential: &Credential,
    now: Instant,
) -> (Vec<u32>, Vec<u32>) {
    let (mut units, mut groups) = (Vec::new(), Vec::new());
    let person = credential.person.and_then(|number| state.people.get(number));
    let is_idle = credential.state != CredentialState::Active
        || credential.valid.before(now)
        || person.is_some_and(|person| person.state == PersonState::Suspended);
    if is_idle {
        return (units, groups);
    }
    let grants = own_grants(state, credential.number());
    for grant in grants.filter(|grant| is_plain(grant, credential, now)) {
        match grant.target {
            Target::Lock(lock) => units.push(lock.0),
            Target::AccessLevel(level) => {
                if state.levels.get(level).is_some_and(|level| level.schedule.is_none()) {
                    groups.push(level.0);
                }
            }
        }
    }
    for numbers in [&mut units, &mut groups] {
        numbers.sort_unstable();
        numbers.dedup();
    }
    (units, groups)
}

fn own_grants(state: &PlaceState, number: CredentialNumber) -> impl Iterator<Item = &Grant> {
    let reach = state.credential_reach(number).iter();
    reach.filter_map(|reach| state.grants.get(reach.grant())).map(|grant| &**grant)
}

/// Whether a grant holds from now on for as long as its credential does.
fn is_plain(grant: &Grant, credential: &Credential, now: Instant) -> bool {
    let ends = |until| credential.valid.until.is_some_and(|end| end <= until);
    grant.right == Right::Open
        && grant.schedule.is_none()
        && !grant.window.before(now)
        && grant.window.until.is_none_or(ends)
}

/// The code for a noun that is not there.
pub(crate) fn not_found(noun: Noun) -> &'static str {
    match noun {
        Noun::Lock => "unitNotFound",
        Noun::AccessLevel => "groupNotFound",
        Noun::Credential => "keyNotFound",
        _ => "notFound",
    }
}

/// The code for what a pointer of ours names and is not there.
pub(crate) fn not_found_by(pointer: &str) -> &'static str {
    match pointer.split('/').nth(1) {
        Some("lock_ids" | "add_locks") => "unitNotFound",
        _ => "notFound",
    }
}

/// The parameter that a pointer into a native body stands for.
pub(crate) fn parameter(pointer: &str) -> &str {
    match pointer.split('/').nth(1).unwrap_or_default() {
        "cards" | "code" => "serialNumber",
        "label" => "name",
        "valid_until" => "expirationDate",
        "is_admin" => "isAdmin",
        "lock_ids" => "units",
        "add" | "add_locks" => "addUnits",
        "" => "body",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_seconds() {
        for (word, seconds) in KEY_VALID {
            assert_eq!(key_valid(word), Some(seconds));
            let shown = SessionHints { start_within_s: seconds, log_off_after_s: 0 };
            assert_eq!(hints(Some(shown)), [word, "0sec"]);
        }
        for (word, seconds) in KEY_EXPIRE {
            assert_eq!(key_expire(word), Some(seconds));
            let shown = SessionHints { start_within_s: 60, log_off_after_s: seconds };
            assert_eq!(hints(Some(shown)), ["60sec", word]);
        }
        // What has no word is shown shorter; what is shorter than all, as the shortest.
        let between = |start_within_s, log_off_after_s| {
            hints(Some(SessionHints { start_within_s, log_off_after_s }))
        };
        assert_eq!(between(89, 599), ["60sec", "5min"]);
        assert_eq!(between(10_000, 10_000_000), ["90sec", "16hours"]);
        assert_eq!(between(5, 14), ["30sec", "0sec"]);
        assert_eq!(hints(None), ["60sec", "10min"]);
        for none in ["", "60 sec", "60SEC", "60", "91sec", "0sec "] {
            assert_eq!(key_valid(none), None, "{none}");
        }
    }

    #[test]
    fn dates_in_every_form_and_out_in_one() {
        let wanted = "2030-06-30T22:00:00.0000000Z";
        for text in [
            "2030-06-30T22:00:00Z",
            "2030-06-30T22:00:00",
            "2030-06-30T22:00",
            "2030-06-30 22:00:00",
            "2030-06-30t22:00:00.0z",
            "2030-06-30T22:00:00.",
            "2030-06-30T22:00:00.0000000",
            "2030-06-30T22:00:00.0000000Z",
            "2030-06-30T22:00:00.00000000000",
            "2030-07-01T00:00:00+02:00",
            "2030-07-01T00:00:00.000 02:00",
            "2030-07-01T00:00:00+0200",
            "2030-06-30T20:00:00-02",
            "/Date(1909087200000)/",
            "/Date(1909087200000+0200)/",
        ] {
            assert_eq!(instant(text).map(time).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(instant("2024-01-31").map(time).unwrap(), "2024-01-31T00:00:00.0000000Z");
        let fine = instant("2024-01-31T01:02:03.1234567Z").map(time).unwrap();
        assert_eq!(fine, "2024-01-31T01:02:03.1234560Z");
        assert_eq!(instant("/Date(-1)/").map(time).unwrap(), "1969-12-31T23:59:59.9990000Z");
        for none in [
            "",
            "tomorrow",
            "2030-13-01",
            "2030-02-30T00:00:00Z",
            "2030-06-30T24:00:00Z",
            "2030-06-30T22:00:60Z",
            "2030-06-30T22Z",
            "2030-06-30T22:00:00.x",
            "2030-06-30T22:00:00+2",
            "30-06-2030",
            "/Date()/",
            "/Date(99999999999999999)/",
            "ååååå",
        ] {
            assert_eq!(instant(none), None, "{none}");
        }
    }

    #[test]
    fn serials_keep_zeros_and_length() {
        for text in ["0", "0012", "00AB", "6200011587691E09", "FFFFFFFFFFFFFFFF"] {
            let part = part(text).unwrap();
            assert_eq!(part.card.bits as usize, text.len() * 4);
            assert_eq!(serial(&[part]).as_deref(), Some(text));
            assert_eq!(super::part(&text.to_lowercase()), Some(part));
        }
        for none in ["", "12345678901234567", "xyz", "0x12", "1 2", "-1"] {
            assert_eq!(part(none), None, "{none}");
        }
        let wide = CardPart { card: CardValue { bits: 80, value: 1 }, ..part("1").unwrap() };
        let odd = CardPart { card: CardValue { bits: 26, value: 0x12 }, ..wide };
        assert_eq!(serial(&[wide]), None);
        assert_eq!(serial(&[wide, odd]).as_deref(), Some("0000012"));
    }

    #[test]
    fn ids_are_digits() {
        assert_eq!((number("5"), number("11456")), (Some(5), Some(11_456)));
        assert_eq!(number("99999999999999999999"), Some(u32::MAX));
        for none in ["", "0", "05", "-1", "1.0", "a", "1 ", "٣"] {
            assert_eq!(number(none), None, "{none}");
        }
    }
}
