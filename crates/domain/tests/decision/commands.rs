//! The commands on people, credentials, locks, schedules and the place: what they refuse, what
//! deleting leaves, and what the change trail may say.

use claviger_domain::command::{
    access_level, controller, credential, grant, lock, person, place as place_command, schedule,
    webhook,
};
use claviger_domain::draft::{Draft, TrailEntry};
use claviger_domain::ids::{ControllerNumber, LockNumber, Noun, PersonNumber, ScheduleNumber};
use claviger_domain::noun::access_level::AccessLevelEdit;
use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::controller::ControllerEdit;
use claviger_domain::noun::credential::{CredentialEdit, CredentialKind, CredentialState};
use claviger_domain::noun::lock::{LockEdit, Posture};
use claviger_domain::noun::person::{Identity, PersonEdit, PersonState};
use claviger_domain::noun::place::PlaceEdit;
use claviger_domain::noun::role::Role;
use claviger_domain::noun::schedule::{ScheduleEdit, ScheduleRef};
use claviger_domain::noun::webhook::WebhookEdit;
use claviger_domain::noun::{CloseReason, Json};
use claviger_domain::record::Record;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window};

use super::build::{digits, draft, place, timetable};
use super::commands_rights::{open_to, to_lock};
use super::world::Times;

pub(crate) fn text(text: &str) -> Option<Option<String>> {
    Some(Some(text.to_owned()))
}

/// A draft on an empty place.
pub(crate) fn fresh() -> Draft {
    draft(&place(1, "Europe/Stockholm"))
}

/// The next command on what a draft has made.
pub(crate) fn next(draft_before: Draft) -> Draft {
    draft(&draft_before.finish().0)
}

/// The pointers of a refusal for wrong fields, sorted.
pub(crate) fn wrong<T>(result: Result<T, Refusal>) -> Vec<String> {
    match result {
        Err(Refusal::Invalid(errors)) => {
            let mut pointers: Vec<String> = errors.into_iter().map(|it| it.pointer).collect();
            pointers.sort();
            pointers
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

/// The pointers of a refusal for values that are another's, sorted.
pub(crate) fn taken<T>(result: Result<T, Refusal>) -> Vec<String> {
    match result {
        Err(Refusal::Taken(errors)) => {
            let mut pointers: Vec<String> = errors.into_iter().map(|it| it.pointer).collect();
            pointers.sort();
            pointers
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

pub(crate) fn somebody(draft: &mut Draft, email: &str) -> PersonNumber {
    let edit = PersonEdit { email: text(email), ..PersonEdit::default() };
    person::create(draft, &edit).unwrap().number()
}

pub(crate) fn door(draft: &mut Draft) -> LockNumber {
    let edit = LockEdit { name: Some("Door".to_owned()), ..LockEdit::default() };
    lock::create(draft, &edit).unwrap().number()
}

pub(crate) fn part(bits: u8, value: u128) -> CardPart {
    CardPart { technology: Technology::Em, card: CardValue { bits, value } }
}

fn cards(parts: Vec<CardPart>) -> CredentialEdit {
    CredentialEdit { parts: Some(parts), ..CredentialEdit::default() }
}

fn make(draft: &mut Draft, kind: CredentialKind, edit: &CredentialEdit) -> Result<u32, Refusal> {
    let id = draft.next_id();
    credential::create(draft, kind, id, edit).map(|made| made.header.number)
}

fn office(draft: &mut Draft) -> ScheduleNumber {
    let windows = vec![(0x1f, 480, 1020)];
    let times = Times::Weekly { zone: None, windows, exceptions: Vec::new() };
    let timetable = Some(timetable(&times));
    let name = Some("Office".to_owned());
    let edit = ScheduleEdit { name, timetable, ..ScheduleEdit::default() };
    schedule::create(draft, &edit).unwrap().number()
}

#[test]
fn what_identifies_a_person_is_unique_and_compared_as_the_model_says() {
    let mut draft = fresh();
    let identity = |subject: &str, identifier: &str| {
        Some(Some(Identity {
            provider: "idp".to_owned(),
            subject: Some(subject.to_owned()),
            identifier: Some(identifier.to_owned()),
        }))
    };
    let ann = PersonEdit {
        email: text("Ann@Example.org"),
        phone: text("+46701234567"),
        identity: identity("S1", "Ann"),
        external_id: text("a-1"),
        ..PersonEdit::default()
    };
    let made = person::create(&mut draft, &ann).unwrap();
    assert_eq!(made.details.email.as_deref(), Some("Ann@Example.org"), "kept as written");
    let same = PersonEdit { email: text("aNN@eXAMPLE.ORG"), ..ann.clone() };
    let all = ["/email", "/external_id", "/identity", "/phone"];
    assert_eq!(taken(person::create(&mut draft.clone(), &same)), all);
    for (edit, pointer) in [
        (PersonEdit { email: text("ann@example.org"), ..Default::default() }, "/email"),
        (PersonEdit { phone: text("+46701234567"), ..Default::default() }, "/phone"),
        (PersonEdit { identity: identity("S2", "aNN"), ..Default::default() }, "/identity"),
        (PersonEdit { identity: identity("S1", "other"), ..Default::default() }, "/identity"),
        (PersonEdit { external_id: text("a-1"), ..Default::default() }, "/external_id"),
    ] {
        assert_eq!(taken(person::create(&mut draft.clone(), &edit)), [pointer]);
    }
    // Subjects and external ids are compared exactly, and one's own values are no conflict.
    let other = PersonEdit {
        identity: identity("s1", "Bob"),
        external_id: text("A-1"),
        ..PersonEdit::default()
    };
    person::create(&mut draft, &other).unwrap();
    person::edit(&mut draft, made.number(), &ann).unwrap();
    // What is given up is free.
    let none = PersonEdit { email: Some(None), ..PersonEdit::default() };
    person::edit(&mut draft, made.number(), &none).unwrap();
    somebody(&mut draft, "ann@example.org");
}

#[test]
fn a_refused_person_is_told_every_wrong_field() {
    let edit = PersonEdit {
        external_id: text("a b"),
        first_name: text("two\nlines"),
        email: text("ann"),
        phone: text("070-1234567"),
        language: text("fi"),
        ..PersonEdit::default()
    };
    let all = ["/email", "/external_id", "/first_name", "/language", "/phone"];
    assert_eq!(wrong(person::create(&mut fresh(), &edit)), all);
}

#[test]
fn a_deleted_person_leaves_an_empty_row_and_frees_everything() {
    let mut first = fresh();
    let edit = PersonEdit {
        external_id: text("a-1"),
        first_name: text("Ann"),
        email: text("ann@example.org"),
        phone: text("+46701234567"),
        note: text("left handed"),
        tags: Some(vec!["crew".to_owned()]),
        role: Some(Role::Administrator),
        ..PersonEdit::default()
    };
    let made = person::create(&mut first, &edit).unwrap();
    let ann = made.number();
    let bob = somebody(&mut first, "bob@example.org");
    let card = CredentialEdit { person: Some(Some(ann)), ..cards(vec![part(32, 1)]) };
    let card = make(&mut first, CredentialKind::Card, &card).unwrap();
    let door = door(&mut first);
    let anns = grant::create(&mut first, &to_lock(open_to(ann), door)).unwrap();
    let cards_own = claviger_domain::ids::CredentialNumber(card);
    let of_card = claviger_domain::noun::grant::Subject::Credential(cards_own);
    let cards_grant = grant::create(&mut first, &to_lock(of_card, door)).unwrap();
    let bobs = grant::create(&mut first, &to_lock(open_to(bob), door)).unwrap();

    let mut second = next(first);
    person::delete(&mut second, ann).unwrap();
    let (now, actor) = (second.now, second.actor);
    let (state, writes, trail) = second.finish();
    assert!(
        state.people.get(ann).is_none() && state.number_of(Noun::Person, made.header.id).is_none()
    );
    assert!(state.credentials.get(card).is_none());
    assert_eq!(state.credential_by_card(part(32, 1).card), None);
    assert_eq!(state.person_by_email("ann@example.org"), None);
    assert_eq!(state.person_by_phone("+46701234567"), None);
    assert_eq!(state.by_external_id(Noun::Person, "a-1"), None);
    assert!(state.grants.get(bobs.number()).is_some());
    assert_eq!(trail.unwrap().verb, "delete");
    for number in [anns.number(), cards_grant.number()] {
        let record = writes.iter().find_map(|write| match &write.record {
            Record::Grant(it) if it.number() == number => Some(it),
            _ => None,
        });
        let closed = record.and_then(|it| it.closed).expect("the grant is closed");
        assert_eq!((closed.at, closed.by), (now, actor));
        assert_eq!(closed.reason, CloseReason::SubjectDeleted);
    }
    let row = writes.iter().find(|write| write.record.noun() == Noun::Person).unwrap();
    let header = row.record.header();
    assert_eq!((header.id, header.number), (made.header.id, ann.0), "the empty row keeps these");
    assert_eq!((header.deleted_at, &header.external_id), (Some(now), &None));
    for write in &writes {
        let left = format!("{:?}", write.record);
        for needle in ["Ann", "ann@", "+4670", "left handed", "crew", "a-1", "Administrator"] {
            assert!(!left.contains(needle), "{needle} is left in {left}");
        }
    }
    // A number is never given again; the values are.
    let mut third = draft(&state);
    let again = person::create(&mut third, &edit).unwrap();
    assert!(again.header.number > bob.0);
    assert_eq!(again.state, PersonState::Active);
    assert!(matches!(person::delete(&mut third, ann), Err(Refusal::NotFound(Noun::Person))));
}

#[test]
fn a_deleted_credential_holds_nothing_more_and_its_card_may_be_given_again() {
    let mut first = fresh();
    let ann = somebody(&mut first, "ann@example.org");
    let edit = CredentialEdit {
        person: Some(Some(ann)),
        label: text("blue tag"),
        pin: Some(Some(digits(9))),
        contact: Some(Some(Json("{\"name\":\"needle\"}".to_owned()))),
        external_id: text("c-1"),
        ..cards(vec![part(32, 1), part(56, 0xdead_beef)])
    };
    let number = make(&mut first, CredentialKind::Card, &edit).unwrap();
    let mut second = next(first);
    let number = claviger_domain::ids::CredentialNumber(number);
    credential::delete(&mut second, number).unwrap();
    let writes = second.writes().to_vec();
    let [write] = &writes[..] else { panic!("{writes:?}") };
    let Record::Credential(row) = &write.record else { panic!("{write:?}") };
    assert_eq!((row.person, &row.label, &row.contact), (None, &None, &None));
    assert!(row.parts.is_empty() && row.pin.is_none() && row.header.external_id.is_none());
    assert!(matches!(&write.former, Some(Record::Credential(it)) if it.parts.len() == 2));
    assert!(second.state.person_credentials(ann).is_empty());
    make(&mut second, CredentialKind::Card, &edit).unwrap();
}

#[test]
fn cards_and_codes_are_one_credentials_only() {
    let mut draft = fresh();
    let one = cards(vec![part(32, 1), part(56, 2)]);
    let first = make(&mut draft, CredentialKind::Card, &one).unwrap();
    make(&mut draft, CredentialKind::Card, &cards(vec![part(32, 3)])).unwrap();
    // The same value in other bits is another card; the technology is only a label.
    make(&mut draft, CredentialKind::Card, &cards(vec![part(26, 1)])).unwrap();
    let label = CardPart { technology: Technology::Wiegand, ..part(56, 2) };
    let refused = make(&mut draft, CredentialKind::Card, &cards(vec![part(32, 9), label]));
    assert_eq!(taken(refused), ["/cards/1"]);
    let both = cards(vec![part(56, 2), part(32, 3)]);
    assert_eq!(taken(make(&mut draft, CredentialKind::Card, &both)), ["/cards/0", "/cards/1"]);
    let twice = cards(vec![part(32, 9), part(32, 9)]);
    assert_eq!(wrong(make(&mut draft, CredentialKind::Card, &twice)), ["/cards/1"]);
    for count in [0, 5] {
        let parts = (0..count).map(|value| part(64, value)).collect();
        assert_eq!(wrong(make(&mut draft, CredentialKind::Card, &cards(parts))), ["/cards"]);
    }
    let code = CredentialEdit { code: Some(digits(7)), ..CredentialEdit::default() };
    make(&mut draft, CredentialKind::Code, &code).unwrap();
    assert_eq!(taken(make(&mut draft, CredentialKind::Code, &code)), ["/code"]);
    // A card that takes other parts gives up the ones it had.
    let number = claviger_domain::ids::CredentialNumber(first);
    credential::edit(&mut draft, number, &cards(vec![part(32, 8)])).unwrap();
    assert_eq!(draft.state.credential_by_card(part(56, 2).card), None);
    assert_eq!(draft.state.credential_by_card(part(32, 8).card), Some(number));
}

#[test]
fn a_credential_has_what_its_kind_has_and_every_flaw_is_told() {
    let window = Window { from: Some(Instant(10)), until: Some(Instant(10)) };
    let edit = CredentialEdit {
        person: Some(Some(PersonNumber(9))),
        label: text("a\nb"),
        code: Some(digits(1)),
        public_key: Some(vec![1]),
        valid: window.into(),
        external_id: text(""),
        ..CredentialEdit::default()
    };
    let all = ["/cards", "/code", "/external_id", "/label", "/person_id", "/phone", "/valid_until"];
    assert_eq!(wrong(make(&mut fresh(), CredentialKind::Card, &edit)), all);
    let nothing = CredentialEdit::default();
    assert_eq!(wrong(make(&mut fresh(), CredentialKind::Code, &nothing)), ["/code"]);
    assert_eq!(wrong(make(&mut fresh(), CredentialKind::Phone, &nothing)), ["/phone"]);
    assert_eq!(wrong(make(&mut fresh(), CredentialKind::Card, &nothing)), ["/cards"]);
}

#[test]
fn a_lock_names_only_what_is_there_and_every_flaw_is_told() {
    let named = Some(Some(ScheduleRef::Named(ScheduleNumber(4))));
    let edit = LockEdit {
        name: Some(" ".to_owned()),
        model: text("a\u{7}"),
        pin_schedule: named.clone(),
        unlock_schedule: named,
        controller: Some(Some(ControllerNumber(3))),
        external_id: text("å"),
        ..LockEdit::default()
    };
    let all =
        ["/controller_id", "/external_id", "/model", "/name", "/pin_schedule", "/unlock_schedule"];
    assert_eq!(wrong(lock::create(&mut fresh(), &edit)), all);
}

#[test]
fn a_deleted_lock_closes_its_rights_leaves_its_levels_and_keeps_its_name() {
    let mut first = fresh();
    let ann = somebody(&mut first, "ann@example.org");
    let (gone, kept) = (door(&mut first), door(&mut first));
    let edit = AccessLevelEdit { name: Some("Staff".to_owned()), ..Default::default() };
    let level = access_level::create(&mut first, &edit, &[gone, kept]).unwrap().number();
    let closed = grant::create(&mut first, &to_lock(open_to(ann), gone)).unwrap().number();
    let open = grant::create(&mut first, &to_lock(open_to(ann), kept)).unwrap().number();
    let mut second = next(first);
    lock::delete(&mut second, gone).unwrap();
    let (state, writes, _) = second.finish();
    assert!(state.locks.get(gone).is_none() && state.locks.get(kept).is_some());
    assert!(state.grants.get(closed).is_none() && state.grants.get(open).is_some());
    let left: Vec<LockNumber> = state.level_locks(level).map(|it| it.lock).collect();
    assert_eq!(left, [kept]);
    let mut reasons = Vec::new();
    for write in &writes {
        match &write.record {
            Record::Grant(it) => reasons.push(it.closed.map(|closed| closed.reason)),
            Record::Membership(it) => reasons.push(it.closed.map(|closed| closed.reason)),
            Record::Lock(it) => {
                assert_eq!((it.name.as_str(), it.header.is_deleted()), ("Door", true))
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(reasons, [Some(CloseReason::TargetDeleted); 2]);
}

#[test]
fn a_schedule_in_use_is_not_deleted() {
    let mut base = fresh();
    let ann = somebody(&mut base, "ann@example.org");
    let (times, door) = (office(&mut base), door(&mut base));
    let named = Some(Some(ScheduleRef::Named(times)));
    type Use<'a> = Box<dyn Fn(&mut Draft, Option<Option<ScheduleRef>>) + 'a>;
    let uses: Vec<Use<'_>> = vec![
        Box::new(|draft, schedule| {
            let edit = LockEdit { pin_schedule: schedule, ..LockEdit::default() };
            lock::edit(draft, door, &edit).unwrap();
        }),
        Box::new(|draft, schedule| {
            let edit = LockEdit { unlock_schedule: schedule, ..LockEdit::default() };
            lock::edit(draft, door, &edit).unwrap();
        }),
        Box::new(|draft, schedule| {
            let name = Some("Staff".to_owned());
            let edit = AccessLevelEdit { name, schedule, ..AccessLevelEdit::default() };
            access_level::create(draft, &edit, &[]).unwrap();
        }),
        Box::new(|draft, schedule| {
            let mut wish = to_lock(open_to(ann), door);
            wish.edit.schedule = schedule;
            grant::create(draft, &wish).unwrap();
        }),
    ];
    for (number, used) in uses.iter().enumerate() {
        let mut draft = base.clone();
        used(&mut draft, named.clone());
        let refused = schedule::delete(&mut draft, times);
        assert!(matches!(refused, Err(Refusal::InUse(_))), "use {number}: {refused:?}");
        assert!(draft.state.schedules.get(times).is_some());
    }
    schedule::delete(&mut base, times).unwrap();
    assert!(base.state.schedules.get(times).is_none());
    assert!(matches!(schedule::delete(&mut base, times), Err(Refusal::NotFound(Noun::Schedule))));
}

#[test]
fn a_schedule_without_name_and_without_times_is_told_both() {
    let edit = ScheduleEdit { external_id: text("a b"), ..ScheduleEdit::default() };
    let all = wrong(schedule::create(&mut fresh(), &edit));
    assert_eq!(all, ["/external_id", "/name", "/weekly"]);
}

#[test]
fn a_controller_in_use_is_not_deleted() {
    let mut draft = fresh();
    let edit = ControllerEdit { name: Some("Panel".to_owned()), ..ControllerEdit::default() };
    let panel = controller::create(&mut draft, &edit).unwrap().number();
    let door = door(&mut draft);
    let on = |controller| LockEdit { controller: Some(controller), ..LockEdit::default() };
    lock::edit(&mut draft, door, &on(Some(panel))).unwrap();
    assert!(matches!(controller::delete(&mut draft, panel), Err(Refusal::InUse(_))));
    lock::edit(&mut draft, door, &on(None)).unwrap();
    controller::delete(&mut draft, panel).unwrap();
}

#[test]
fn a_place_says_why_it_keeps_names_for_long() {
    let keep = |days, reason| PlaceEdit {
        retention_days: Some(days),
        retention_reason: Some(reason),
        ..PlaceEdit::default()
    };
    for (days, reason, refused) in [
        (90, None, None),
        (91, None, Some("/retention_reason")),
        (91, Some(" "), Some("/retention_reason")),
        (91, Some("a court said so"), None),
        (0, None, Some("/retention_days")),
        (3651, Some("for ever"), Some("/retention_days")),
    ] {
        let edit = keep(days, reason.map(str::to_owned));
        let found = place_command::edit(&mut fresh(), &edit);
        match refused {
            None => assert_eq!(found.unwrap().retention_days, days),
            Some(pointer) => assert_eq!(wrong(found), [pointer]),
        }
    }
}

/// Every command with a text nobody may read in the trail in each field that may hold one.
fn trails() -> Vec<TrailEntry> {
    const NEEDLE: &str = "needle@example.org";
    let mut trails = Vec::new();
    let mut state: PlaceState = place(1, "Etc/UTC");
    let mut run = |command: &mut dyn FnMut(&mut Draft)| {
        let mut draft = draft(&state);
        command(&mut draft);
        let (after, _, trail) = draft.finish();
        state = after;
        trails.push(trail.expect("a command says what it is"));
    };
    let details = PersonEdit {
        external_id: text("needle"),
        first_name: text("needle"),
        last_name: text("needle"),
        display_name: text("needle"),
        email: text(NEEDLE),
        phone: text("+461234567890"),
        employee_number: text("needle"),
        tags: Some(vec!["needle".to_owned()]),
        note: text("needle"),
        metadata: Some(Some(Json("{\"a\":\"needle\"}".to_owned()))),
        identity: Some(Some(Identity {
            provider: "needle".to_owned(),
            subject: text("needle").flatten(),
            identifier: text("needle").flatten(),
        })),
        ..PersonEdit::default()
    };
    let nameless = PersonEdit::default();
    let ann = PersonNumber(1);
    run(&mut |draft| drop(person::create(draft, &nameless).unwrap()));
    run(&mut |draft| drop(person::edit(draft, ann, &details).unwrap()));
    run(&mut |draft| drop(person::set_state(draft, ann, PersonState::Suspended).unwrap()));
    let card = CredentialEdit {
        person: Some(Some(ann)),
        label: text("needle"),
        contact: Some(Some(Json("{\"a\":\"needle\"}".to_owned()))),
        pin: Some(Some(digits(0x5a))),
        external_id: text("needle"),
        state: Some(CredentialState::Disabled),
        ..cards(vec![part(56, 0x1234_5678_9abc)])
    };
    run(&mut |draft| assert!(make(draft, CredentialKind::Card, &card).is_ok()));
    let code = CredentialEdit { code: Some(digits(0x5a)), ..CredentialEdit::default() };
    run(&mut |draft| assert!(make(draft, CredentialKind::Code, &code).is_ok()));
    run(&mut |draft| assert_eq!(door(draft), LockNumber(1)));
    let note = LockEdit { description: text("needle"), ..LockEdit::default() };
    run(&mut |draft| drop(lock::edit(draft, LockNumber(1), &note).unwrap()));
    let mut wish = to_lock(open_to(ann), LockNumber(1));
    wish.edit.metadata = Some(Some(Json("{\"a\":\"needle\"}".to_owned())));
    wish.receiver = grant::Receiver::Email(NEEDLE.to_owned());
    run(&mut |draft| drop(grant::create(draft, &wish).unwrap()));
    wish.receiver = grant::Receiver::Phone("+461234567891".to_owned());
    run(&mut |draft| drop(grant::create(draft, &wish).unwrap()));
    let hook = WebhookEdit {
        url: Some("https://needle.example.org/needle".to_owned()),
        secret: Some(b"needle".to_vec()),
        ..WebhookEdit::default()
    };
    run(&mut |draft| drop(webhook::create(draft, &hook).unwrap()));
    run(&mut |draft| person::delete(draft, ann).unwrap());
    trails
}

#[test]
fn the_change_trail_holds_no_personal_value() {
    let trails = trails();
    assert_eq!(trails.len(), 11);
    for trail in &trails {
        let said = format!("{trail:?}");
        for needle in ["needle", "+4612", "123456789abc", "20015998343868", "90, 90"] {
            assert!(!said.contains(needle), "{needle} in {said}");
        }
    }
    let edit = &trails[1];
    assert_eq!((edit.verb, edit.noun), ("update", Noun::Person));
    let fields: Vec<&str> = edit.fields.iter().map(|field| field.field).collect();
    let expected = [
        "external_id",
        "first_name",
        "last_name",
        "display_name",
        "email",
        "phone",
        "identity",
        "employee_number",
        "tags",
        "note",
        "metadata",
    ];
    assert_eq!(fields, expected, "every field that changed is named");
    assert!(edit.fields.iter().all(|field| field.value.is_none()));
    assert_eq!(trails[2].verb, "suspend");
    assert_eq!(trails[2].fields[0].value.as_deref(), Some("suspended"));
}

#[test]
fn a_grant_that_makes_a_person_is_a_grant_in_the_trail() {
    for trail in &trails()[7..9] {
        assert_eq!((trail.verb, trail.noun), ("create", Noun::Grant));
    }
}

#[test]
fn a_write_holds_what_was_there_before_the_command_and_is_one_for_each_record() {
    let mut first = fresh();
    let number = door(&mut first);
    assert!(first.writes()[0].former.is_none(), "a new record has no former");
    let before = first.state.locks.get(number).unwrap().clone();
    let revision = first.revision();
    let mut second = next(first);
    let rename = LockEdit { name: Some("Gate".to_owned()), ..LockEdit::default() };
    lock::edit(&mut second, number, &rename).unwrap();
    lock::set_posture(&mut second, number, Posture::Lockdown).unwrap();
    let (state, writes, trail) = second.finish();
    let [write] = &writes[..] else { panic!("{writes:?}") };
    assert_eq!(write.former, Some(Record::Lock(before)));
    let Record::Lock(after) = &write.record else { panic!("{write:?}") };
    assert_eq!((after.name.as_str(), after.posture), ("Gate", Posture::Lockdown));
    assert_eq!((after.header.revision, state.revision), (revision + 1, revision + 1));
    assert_eq!(trail.unwrap().verb, "update", "the first word stands");
}

#[test]
fn an_edit_that_sets_what_is_there_changes_no_field() {
    let mut draft = fresh();
    let ann = somebody(&mut draft, "ann@example.org");
    let mut draft = next(draft);
    let edit = PersonEdit { email: text("ann@example.org"), ..PersonEdit::default() };
    person::edit(&mut draft, ann, &edit).unwrap();
    assert_eq!(draft.finish().2.unwrap().fields, []);
}
