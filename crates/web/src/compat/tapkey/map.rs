//! The dictionary between the words of this API and ours. Pure, both ways.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use claviger_app::grant::SubjectWish;
use claviger_app::schedule::ScheduleWish;
use claviger_domain::ids::Noun;
use claviger_domain::noun::Json;
use claviger_domain::noun::grant::{Grant, RightState};
use claviger_domain::noun::lock::{Lock, LockMode};
use claviger_domain::noun::person::{Identity, Person, PersonDetails, PersonEdit};
use claviger_domain::noun::role::Role;
use claviger_domain::noun::schedule::{ScheduleRef, Timetable};
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::KeyClass;
use claviger_domain::schedule::Definition;
use claviger_domain::state::PlaceState;
use claviger_domain::text::{is_email, is_line, is_phone};
use claviger_domain::time::{Instant, WindowEdit};
use serde_json::{Value, json};

use crate::compat::fields::{Fields, Given, Wrongs};

/// The provider of people who log in here.
pub(crate) const OWN_PROVIDER: &str = "tapkey";
/// The most characters of a title, and of a comment.
pub(crate) const MOST_TITLE: usize = 200;
const MOST_COMMENT: usize = 2000;
/// The most characters of what a contact is known by.
const MOST_IDENTIFIER: usize = 255;

/// What is said of a noun.
pub(crate) fn noun(noun: Noun) -> &'static str {
    match noun {
        Noun::Person => "contact",
        Noun::Grant => "grant",
        Noun::Lock => "bound lock",
        Noun::AccessLevel => "lock group",
        Noun::Credential => "bound card",
        _ => "object",
    }
}

/// The property that a pointer into our words means.
pub(crate) fn property(pointer: &str) -> &str {
    match pointer {
        "/display_name" | "/name" | "/label" => "title",
        "/note" => "comment",
        "/email" | "/phone" => "identifier",
        "/identity" => "ipUserId",
        "/valid_from" => "validFrom",
        "/valid_until" => "validBefore",
        "/schedule" => "timeRestrictionIcal",
        "/subject" | "/subject/credential_id" => "boundCardId",
        "/subject/person_id" => "contactId",
        "/subject/email" | "/subject/phone" | "/subject/identity" => "contact.identifier",
        "/target" | "/target/lock_id" | "/target/access_level_id" => "boundLockId",
        other => other.trim_start_matches('/'),
    }
}

/// An instant, with milliseconds.
pub(crate) fn time(at: Instant) -> String {
    let whole = at.to_string();
    let (seconds, fraction) = whole.trim_end_matches('Z').split_once('.').unwrap_or_default();
    match seconds {
        "" => whole.replace('Z', ".000Z"),
        _ => format!("{seconds}.{}Z", &fraction[..3.min(fraction.len())]),
    }
}

/// The provider, its id for the person and the person's log-in name.
pub(crate) fn identity(details: &PersonDetails) -> (&str, Option<&String>, Option<&String>) {
    match &details.identity {
        Some(it) => (&it.provider, it.subject.as_ref(), it.identifier.as_ref()),
        None => (OWN_PROVIDER, None, details.email.as_ref().or(details.phone.as_ref())),
    }
}

/// What a body sets on a contact that is made.
pub(crate) fn new_contact(
    body: &Fields<'_>,
    place: &PlaceState,
    wrongs: &mut Wrongs,
) -> PersonEdit {
    body.only(&["ipId", "identifier", "email", "ipUserId", "title", "comment"], wrongs);
    let mut edit = details(body, wrongs);
    match whom(body, place, wrongs) {
        Some(SubjectWish::Email(email)) => edit.email = Some(Some(email)),
        Some(SubjectWish::Phone(phone)) => edit.phone = Some(Some(phone)),
        Some(SubjectWish::Identity(identity)) => edit.identity = Some(Some(identity)),
        _ => {}
    }
    edit
}

/// Whom a grant is given that says by which name its contact is known, be it there or not.
pub(crate) fn named_contact(
    contact: &Fields<'_>,
    place: &PlaceState,
    wrongs: &mut Wrongs,
) -> Option<SubjectWish> {
    contact.only(&["ipId", "identifier", "email", "ipUserId"], wrongs);
    whom(contact, place, wrongs)
}

/// By which name a contact is known; none where that is wrong.
fn whom(body: &Fields<'_>, place: &PlaceState, wrongs: &mut Wrongs) -> Option<SubjectWish> {
    let mut given = |field| body.may_clear(field, wrongs).flatten();
    let [provider, identifier, email, subject] =
        ["ipId", "identifier", "email", "ipUserId"].map(&mut given);
    let mut wrong = |field: &str, reason: &str| {
        wrongs.add(body.name(field), reason);
        None
    };
    if identifier.is_some() && email.is_some_and(|email| Some(email) != identifier) {
        wrong("email", "must be the same as identifier, whose former name it is");
    }
    let identifier = identifier.or(email);
    if identifier.is_some() && subject.is_some() {
        return wrong("ipUserId", "must not be passed beside identifier");
    }
    for (name, text) in [("identifier", identifier), ("ipUserId", subject)] {
        let fits = |text: &str| !text.is_empty() && is_line(text, MOST_IDENTIFIER);
        if text.is_some_and(|text| !fits(text)) {
            return wrong(name, "must be one line of 1 to 255 characters");
        }
    }
    match provider.unwrap_or(OWN_PROVIDER) {
        OWN_PROVIDER if subject.is_some() => {
            wrong("ipUserId", "must come with the ipId of another identity provider")
        }
        OWN_PROVIDER => match identifier {
            Some(text) if is_email(text) => Some(SubjectWish::Email(text.to_owned())),
            Some(text) if is_phone(text) => Some(SubjectWish::Phone(text.to_owned())),
            Some(_) => wrong(
                "identifier",
                "must be an e-mail address, or a phone number such as +46701234567",
            ),
            None => wrong("identifier", "is required"),
        },
        other if !knows(place, other) => {
            wrong("ipId", "is no identity provider of this owner account")
        }
        _ if identifier.is_none() && subject.is_none() => {
            wrong("ipUserId", "is required where identifier is not there")
        }
        other => Some(SubjectWish::Identity(Identity {
            provider: other.to_owned(),
            subject: subject.map(str::to_owned),
            identifier: identifier.map(str::to_owned),
        })),
    }
}

/// When a right holds, as far as a body says so: its window, and its times.
pub(crate) fn when(body: &Fields<'_>, wrongs: &mut Wrongs) -> (WindowEdit, Given<ScheduleWish>) {
    let mut end = |field: &str| -> Given<Instant> {
        let text = body.may_clear(field, wrongs)?;
        let found = text.map(Instant::parse);
        if found == Some(None) {
            wrongs.add(field, "must be a date and time such as 2030-06-30T22:00:00Z");
        }
        Some(found.flatten())
    };
    let window = WindowEdit { from: end("validFrom"), until: end("validBefore") };
    let text = body.may_clear("timeRestrictionIcal", wrongs);
    let schedule = text.map(|text| match Timetable::new(Definition::Ical(text?.to_owned())) {
        Ok(timetable) => Some(ScheduleWish::Inline(timetable)),
        Err(flaws) => {
            let said: Vec<&str> = flaws.iter().map(|flaw| flaw.detail.as_str()).collect();
            wrongs.add("timeRestrictionIcal", said.join("; "));
            None
        }
    });
    (window, schedule)
}

/// What reads, and what writes, users of identity providers: no scope of ours is about them alone,
/// so that one stands for it which nothing else here asks for.
pub(crate) const READ_USERS: Scope = Scope::ClientsRead;
pub(crate) const WRITE_USERS: Scope = Scope::ClientsWrite;

/// What a body sets on a user that is made.
pub(crate) fn new_user(body: &Fields<'_>, provider: &str, wrongs: &mut Wrongs) -> PersonEdit {
    body.only(&["ipId", "ipUserId"], wrongs);
    let own = body.may_clear("ipId", wrongs).flatten();
    let reason = "must be the identity provider of the path";
    wrongs.check(own.is_none_or(|own| own == provider), "ipId", reason);
    let subject = body.must("ipUserId", wrongs);
    let fits = subject.is_none_or(|it| !it.is_empty() && is_line(it, MOST_IDENTIFIER));
    wrongs.check(fits, "ipUserId", "must be one line of 1 to 255 characters");
    let identity = Identity {
        provider: provider.to_owned(),
        subject: subject.map(str::to_owned),
        identifier: None,
    };
    PersonEdit {
        identity: Some(Some(identity)),
        metadata: Some(Some(Json(json!({ "tapkey": { "contact": false } }).to_string()))),
        ..PersonEdit::default()
    }
}

/// Whether somebody is a contact: all but those who were made as users alone.
pub(crate) fn is_contact(person: &Person) -> bool {
    let said = said_of(person);
    said.and_then(|it| it.pointer("/tapkey/contact").cloned()) != Some(Value::Bool(false))
}

fn said_of(person: &Person) -> Option<Value> {
    let Json(text) = person.details.metadata.as_ref()?;
    serde_json::from_str(text).ok()
}

/// What makes a contact of a user who is none yet, beside what is set on it.
pub(crate) fn made_contact(person: &Person, edit: PersonEdit) -> PersonEdit {
    let mut said = said_of(person).unwrap_or_default();
    let rest = said.as_object_mut().map(|said| {
        said.remove("tapkey");
        said.clone()
    });
    let rest = rest.filter(|rest| !rest.is_empty());
    let metadata = Some(rest.map(|rest| Json(Value::Object(rest).to_string())));
    PersonEdit { identity: None, metadata, ..edit }
}

/// Whether an identity provider is registered: with a key, or in the metadata of the place under
/// `tapkey`.
pub(crate) fn knows(place: &PlaceState, provider: &str) -> bool {
    if place.place.identity_providers.iter().any(|known| known.id == provider) {
        return true;
    }
    let metadata = place.place.metadata.as_ref();
    let read = |Json(text): &Json| serde_json::from_str::<Value>(text).ok();
    let named = metadata.and_then(read);
    let named = named.as_ref().and_then(|it| it.pointer("/tapkey/identity_providers")?.as_array());
    named.is_some_and(|ids| ids.iter().any(|id| id.as_str() == Some(provider)))
}

/// What a body sets on a contact that is there.
pub(crate) fn contact_edit(body: &Fields<'_>, wrongs: &mut Wrongs) -> PersonEdit {
    for field in ["id", "ownerId", "ipId", "ipUserId", "identifier", "email"] {
        wrongs.check(!body.has(field), field, "never changes; comment and title do");
    }
    body.only(
        &["title", "comment", "id", "ownerId", "ipId", "ipUserId", "identifier", "email"],
        wrongs,
    );
    details(body, wrongs)
}

fn details(body: &Fields<'_>, wrongs: &mut Wrongs) -> PersonEdit {
    body.sized("title", 0, MOST_TITLE, wrongs);
    body.sized("comment", 0, MOST_COMMENT, wrongs);
    let mut text = |field| body.may_clear(field, wrongs).map(|it| it.map(str::to_owned));
    PersonEdit { display_name: text("title"), note: text("comment"), ..PersonEdit::default() }
}

/// What a body sets of a lock's or a group's title and description.
pub(crate) fn named(
    body: &Fields<'_>,
    wrongs: &mut Wrongs,
) -> (Option<String>, Option<Option<String>>) {
    body.sized("title", 1, MOST_TITLE, wrongs);
    body.sized("description", 0, MOST_COMMENT, wrongs);
    let title = body.text("title", wrongs).map(str::to_owned);
    let description = body.may_clear("description", wrongs);
    (title, description.map(|it| it.map(str::to_owned)))
}

/// What the external id of a lock begins with that was bound here.
const BOUND: &str = "tapkey:";
/// The most bytes of a physical lock id: an external id has room for no more.
const MOST_PHYSICAL: usize = 64;

/// The external id of a lock that is bound by a physical id, in base64 of either alphabet.
pub(crate) fn bound(physical: &str) -> Option<String> {
    let folded = physical.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let bytes = URL_SAFE_NO_PAD.decode(folded).ok()?;
    let fits = (1..=MOST_PHYSICAL).contains(&bytes.len());
    fits.then(|| format!("{BOUND}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The physical id by which a lock was bound; none of one that was made otherwise.
pub(crate) fn bound_as(lock: &Lock) -> Option<String> {
    let kept = lock.header.external_id.as_deref()?.strip_prefix(BOUND)?;
    Some(STANDARD.encode(URL_SAFE_NO_PAD.decode(kept).ok()?))
}

/// The role of a permission; none of those who have none.
pub(crate) fn role(role: Role) -> Option<&'static str> {
    match role {
        Role::Owner => Some("Owner"),
        Role::Administrator => Some("Admin"),
        _ => None,
    }
}

/// The role that a word names.
pub(crate) fn role_of(word: &str) -> Option<Role> {
    [Role::Administrator, Role::Owner].into_iter().find(|it| role(*it) == Some(word))
}

/// The state of a grant, and whether it is active: one that has ended by itself is neither revoked
/// nor active, and neither its beginning nor its times matter.
pub(crate) fn state(stands: RightState) -> (&'static str, bool) {
    match stands {
        RightState::RevocationPending => ("RevocationPending", false),
        RightState::Revoked => ("Revoked", false),
        RightState::Expired => ("Ok", false),
        RightState::Scheduled | RightState::Active | RightState::Inactive => ("Ok", true),
    }
}

/// The times of a grant as an iCalendar text; none where it holds at all times. What one event
/// cannot say is shown as one that is long over, never as no restriction.
pub(crate) fn times(
    state: &PlaceState,
    grant: &Grant,
    level: Option<&ScheduleRef>,
) -> Option<String> {
    let mut schedules = [grant.schedule.as_ref(), level].into_iter().flatten();
    let first = schedules.next()?;
    let only = schedules.next().is_none();
    let definition = state.timetable(first).map(|it| it.definition());
    match definition {
        Some(Definition::Ical(text)) if only => Some(text.clone()),
        _ => Some(NEVER.to_owned()),
    }
}

/// An event that no instant to come is within.
const NEVER: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Claviger//EN\r\nBEGIN:VEVENT\r\n\
                     UID:not-shown\r\nDTSTAMP:19700101T000000Z\r\nDTSTART:19700101T000000Z\r\n\
                     DTEND:19700101T000001Z\r\nSUMMARY:Times that one event cannot say\r\n\
                     END:VEVENT\r\nEND:VCALENDAR\r\n";

/// By what a lock is opened.
pub(crate) fn technologies(mode: LockMode) -> &'static [&'static str] {
    match mode {
        LockMode::OfflineKeys => &["nfc", "ble"],
        LockMode::Online | LockMode::AllowList => &["nfc"],
    }
}

/// The most grants of a card.
pub(crate) const MOST_OF_CARD: usize = 12;

/// Bytes as people read them: in pairs of digits with dashes between.
pub(crate) fn dashed(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join("-")
}

/// What is asked of a lock in every log entry.
pub(crate) const TRIGGER: &str = "TriggerLock";

/// The type of a log entry: a command that was carried out, or one that was denied, which must not
/// be taken for the former.
pub(crate) fn log_type(granted: bool) -> &'static str {
    if granted { "Command" } else { "Denied" }
}

/// The class of a revocation list.
pub(crate) fn list_class(class: KeyClass) -> &'static str {
    match class {
        KeyClass::Phone | KeyClass::Guest => "Mobile",
        KeyClass::Card | KeyClass::Service => "Card",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        for (text, shown) in [
            ("2018-12-12T12:00:00Z", "2018-12-12T12:00:00.000Z"),
            ("2018-12-12T12:00:00.1234567+02:00", "2018-12-12T10:00:00.123Z"),
            ("2018-12-12T12:00:00.000001Z", "2018-12-12T12:00:00.000Z"),
        ] {
            assert_eq!(time(Instant::parse(text).unwrap()), shown);
        }
    }

    #[test]
    fn what_is_shown_where_times_cannot_be_said_is_a_schedule_that_is_over() {
        let times = Definition::Ical(NEVER.to_owned()).compile();
        assert!(times.is_ok(), "{times:?}");
    }
}
