//! The commands on grants, access levels and shared locks.

use claviger_domain::command::access_level::{self, Modification};
use claviger_domain::command::grant::{self, NewGrant, Receiver};
use claviger_domain::command::{credential, lock, schedule};
use claviger_domain::decision::{Door, Lockouts, Pin, Presented, Recognised, Request, decide};
use claviger_domain::draft::{Draft, Write};
use claviger_domain::ids::{
    AccessLevelNumber, GrantNumber, LockNumber, Noun, PersonNumber, PlaceNumber, ScheduleNumber,
};
use claviger_domain::key::{grant_state, key};
use claviger_domain::noun::CloseReason;
use claviger_domain::noun::access_level::AccessLevelEdit;
use claviger_domain::noun::credential::{CredentialEdit, CredentialKind};
use claviger_domain::noun::grant::{
    GrantEdit, Right, RightState, Source, SourceKind, Subject, Target, Via,
};
use claviger_domain::noun::lock::{LockEdit, ShareState};
use claviger_domain::noun::schedule::{ScheduleEdit, ScheduleRef};
use claviger_domain::record::Record;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window};

use super::build::{MADE_AT, draft, place, timetable};
use super::commands::{door, fresh, next, part, somebody, text, wrong};
use super::world::Times;

pub(crate) fn open_to(person: PersonNumber) -> Subject {
    Subject::Person(person)
}

pub(crate) fn to_lock(subject: Subject, lock: LockNumber) -> NewGrant {
    NewGrant {
        receiver: Receiver::Known(subject),
        target: Target::Lock(lock),
        right: Right::Open,
        source: Source { kind: SourceKind::Direct, via: Via::Native },
        issued_under: None,
        edit: GrantEdit::default(),
    }
}

fn to_level(subject: Subject, level: AccessLevelNumber) -> NewGrant {
    NewGrant { target: Target::AccessLevel(level), ..to_lock(subject, LockNumber(0)) }
}

fn level(draft: &mut Draft, locks: &[LockNumber]) -> AccessLevelNumber {
    let edit = AccessLevelEdit { name: Some("Staff".to_owned()), ..AccessLevelEdit::default() };
    access_level::create(draft, &edit, locks).unwrap().number()
}

fn until(seconds: i64) -> Window {
    Window { from: None, until: Some(MADE_AT.plus(seconds * 1_000_000)) }
}

/// Which grants a command closed, and why.
fn closed(writes: &[Write]) -> Vec<(GrantNumber, CloseReason)> {
    let closed = writes.iter().filter_map(|write| match &write.record {
        Record::Grant(it) => it.closed.map(|closed| (it.number(), closed.reason)),
        _ => None,
    });
    let mut closed: Vec<_> = closed.collect();
    closed.sort_by_key(|(number, _)| *number);
    closed
}

fn open_grants(draft: &Draft, subject: Subject, level: AccessLevelNumber) -> usize {
    draft.state.grants_between(subject, Target::AccessLevel(level)).count()
}

#[test]
fn a_grant_for_an_unknown_address_makes_the_person_and_for_a_known_one_finds_it() {
    let mut draft = fresh();
    let door = door(&mut draft);
    let to = |receiver| NewGrant { receiver, ..to_lock(open_to(PersonNumber(0)), door) };
    let email = |text: &str| Receiver::Email(text.to_owned());
    let first = grant::create(&mut draft, &to(email("Ann@example.org"))).unwrap();
    let again = grant::create(&mut draft, &to(email("ann@EXAMPLE.org"))).unwrap();
    assert_eq!(first.subject, again.subject);
    assert_eq!(draft.state.people.len(), 1);
    let phone = Receiver::Phone("+46701234567".to_owned());
    let other = grant::create(&mut draft, &to(phone)).unwrap();
    assert_ne!(first.subject, other.subject);
    for (receiver, pointer) in [
        (email("nobody"), "/subject/email"),
        (Receiver::Phone("0701234567".to_owned()), "/subject/phone"),
    ] {
        assert_eq!(wrong(grant::create(&mut draft.clone(), &to(receiver))), [pointer]);
    }
}

#[test]
fn a_grant_between_what_is_not_there_is_refused_with_every_wrong_field() {
    let subject = Subject::Person(PersonNumber(3));
    let both = ["/subject/person_id", "/target/lock_id"];
    let wish = to_lock(subject, LockNumber(3));
    assert_eq!(wrong(grant::create(&mut fresh(), &wish)), both);
    let own = ["/external_id", "/schedule", "/valid_until"];
    let edit = GrantEdit {
        external_id: text("a b"),
        window: Window { from: Some(Instant(5)), until: Some(Instant(4)) }.into(),
        schedule: Some(Some(ScheduleRef::Named(ScheduleNumber(8)))),
        ..GrantEdit::default()
    };
    let mut draft = fresh();
    let (ann, door) = (somebody(&mut draft, "ann@example.org"), door(&mut draft));
    let wish = NewGrant { edit: edit.clone(), ..to_lock(open_to(ann), door) };
    assert_eq!(wrong(grant::create(&mut draft, &wish)), own);
}

#[test]
fn a_grant_wrong_in_its_ends_and_in_its_window_is_told_both() {
    let mut wish = to_lock(Subject::Person(PersonNumber(3)), LockNumber(3));
    wish.edit.window = Window { from: Some(Instant(5)), until: Some(Instant(4)) }.into();
    let all = ["/subject/person_id", "/target/lock_id", "/valid_until"];
    assert_eq!(wrong(grant::create(&mut fresh(), &wish)), all);
}

#[test]
fn a_grant_to_a_malformed_address_at_an_unknown_lock_is_told_both() {
    let receiver = Receiver::Email("nobody".to_owned());
    let wish = NewGrant { receiver, ..to_lock(Subject::Person(PersonNumber(3)), LockNumber(3)) };
    let all = ["/subject/email", "/target/lock_id"];
    assert_eq!(wrong(grant::create(&mut fresh(), &wish)), all);
}

#[test]
fn a_closed_grant_is_neither_changed_nor_closed_again() {
    let mut first = fresh();
    let (ann, door) = (somebody(&mut first, "ann@example.org"), door(&mut first));
    let number = grant::create(&mut first, &to_lock(open_to(ann), door)).unwrap().number();
    let mut second = next(first);
    grant::revoke(&mut second, number).unwrap();
    assert_eq!(closed(second.writes()), [(number, CloseReason::Revoked)]);
    let mut third = next(second);
    let not_found = Refusal::NotFound(Noun::Grant);
    assert_eq!(grant::revoke(&mut third, number), Err(not_found.clone()));
    assert_eq!(grant::edit(&mut third, number, &GrantEdit::default()).err(), Some(not_found));
    assert_eq!(third.writes().len(), 0);
    // The next grant has a number of its own.
    let again = grant::create(&mut third, &to_lock(open_to(ann), door)).unwrap().number();
    assert!(again > number);
}

#[test]
fn closing_a_right_to_share_closes_what_was_issued_under_it_to_the_last() {
    let mut first = fresh();
    let people: Vec<PersonNumber> =
        (0..5).map(|it| somebody(&mut first, &format!("p{it}@example.org"))).collect();
    let door = door(&mut first);
    let mut give = |to: usize, right, issued_under| {
        let wish = NewGrant { right, issued_under, ..to_lock(open_to(people[to]), door) };
        grant::create(&mut first, &wish).unwrap().number()
    };
    let root = give(0, Right::Share, None);
    let under = give(1, Right::Share, Some(root));
    let leaf = give(2, Right::Open, Some(under));
    let twig = give(3, Right::Open, Some(root));
    let own = give(0, Right::Open, None);
    let other = give(4, Right::Share, None);
    let kept = give(2, Right::Open, Some(other));
    let mut second = next(first);
    grant::revoke(&mut second, root).unwrap();
    let issuer = CloseReason::IssuerClosed;
    let expected = [(root, CloseReason::Revoked), (under, issuer), (leaf, issuer), (twig, issuer)];
    assert_eq!(closed(second.writes()), expected);
    for number in [own, other, kept] {
        assert!(second.state.grants.get(number).is_some(), "{number:?}");
    }
}

#[test]
fn deleting_one_who_shares_closes_what_was_issued() {
    let mut first = fresh();
    let (ann, bob) = (somebody(&mut first, "a@x.org"), somebody(&mut first, "b@x.org"));
    let door = door(&mut first);
    let share = NewGrant { right: Right::Share, ..to_lock(open_to(ann), door) };
    let share = grant::create(&mut first, &share).unwrap().number();
    let wish = NewGrant { issued_under: Some(share), ..to_lock(open_to(bob), door) };
    let issued = grant::create(&mut first, &wish).unwrap().number();
    let mut second = next(first);
    claviger_domain::command::person::delete(&mut second, ann).unwrap();
    let expected = [(share, CloseReason::SubjectDeleted), (issued, CloseReason::IssuerClosed)];
    assert_eq!(closed(second.writes()), expected);
}

#[test]
fn a_grant_is_issued_only_under_an_open_right_to_share() {
    let mut base = fresh();
    let (ann, bob) = (somebody(&mut base, "a@x.org"), somebody(&mut base, "b@x.org"));
    let door = door(&mut base);
    let opens = grant::create(&mut base, &to_lock(open_to(ann), door)).unwrap().number();
    let share = NewGrant { right: Right::Share, ..to_lock(open_to(ann), door) };
    let share = grant::create(&mut base, &share).unwrap().number();
    grant::revoke(&mut base, share).unwrap();
    for (under, what) in [(opens, "opens"), (share, "is closed"), (GrantNumber(99), "is not there")]
    {
        let wish = NewGrant { issued_under: Some(under), ..to_lock(open_to(bob), door) };
        let made = grant::create(&mut base.clone(), &wish);
        assert!(made.is_err(), "issued under a grant that {what}, which can never fall");
    }
}

#[test]
fn adding_a_person_who_has_an_open_grant_without_window_is_no_change() {
    let mut draft = fresh();
    let door = door(&mut draft);
    let level = level(&mut draft, &[door]);
    let ann = somebody(&mut draft, "ann@example.org");
    let add =
        |receiver: Receiver| Modification { add_people: vec![receiver], ..Default::default() };
    let known = || Receiver::Known(open_to(ann));
    access_level::modify(&mut draft, level, &add(known()), Via::Unloc).unwrap();
    assert_eq!(open_grants(&draft, open_to(ann), level), 1);
    let mut again = next(draft);
    for receiver in [known(), Receiver::Email("ANN@example.org".to_owned())] {
        access_level::modify(&mut again, level, &add(receiver), Via::Unloc).unwrap();
        assert_eq!(open_grants(&again, open_to(ann), level), 1);
    }
    let grants = again.writes().iter().filter(|write| write.record.noun() == Noun::Grant);
    assert_eq!(grants.count(), 0, "no grant is written");
    let made = again.state.grants_between(open_to(ann), Target::AccessLevel(level)).next().unwrap();
    let expected = Source { kind: SourceKind::AccessLevel, via: Via::Unloc };
    assert_eq!((made.source, made.window, made.right), (expected, Window::ALWAYS, Right::Open));
    // Twice in one list is once, and a new address makes a person.
    let new = || Receiver::Email("new@example.org".to_owned());
    let twice = Modification { add_people: vec![new(), new()], ..Default::default() };
    access_level::modify(&mut again, level, &twice, Via::Unloc).unwrap();
    let bob = again.state.person_by_email("new@example.org").unwrap();
    assert_eq!(open_grants(&again, open_to(bob), level), 1);
}

#[test]
fn adding_a_person_whose_grant_has_a_window_gives_another_and_removing_closes_all() {
    let mut first = fresh();
    let door = door(&mut first);
    let (staff, others) = (level(&mut first, &[door]), level(&mut first, &[door]));
    let ann = somebody(&mut first, "ann@example.org");
    let mut temporary = to_level(open_to(ann), staff);
    temporary.edit.window = until(60).into();
    let temporary = grant::create(&mut first, &temporary).unwrap().number();
    let share = NewGrant { right: Right::Share, ..to_level(open_to(ann), staff) };
    let share = grant::create(&mut first, &share).unwrap().number();
    let add =
        Modification { add_people: vec![Receiver::Known(open_to(ann))], ..Default::default() };
    access_level::modify(&mut first, staff, &add, Via::Native).unwrap();
    assert_eq!(open_grants(&first, open_to(ann), staff), 3);
    let direct = grant::create(&mut first, &to_lock(open_to(ann), door)).unwrap().number();
    let other = grant::create(&mut first, &to_level(open_to(ann), others)).unwrap().number();
    let mut second = next(first);
    let remove = Modification { remove_people: vec![open_to(ann)], ..Default::default() };
    access_level::modify(&mut second, staff, &remove, Via::Native).unwrap();
    assert_eq!(open_grants(&second, open_to(ann), staff), 0);
    let closed = closed(second.writes());
    assert_eq!(closed.len(), 3);
    assert!(closed.iter().all(|(_, reason)| *reason == CloseReason::Removed));
    assert!(closed.iter().any(|it| it.0 == temporary) && closed.iter().any(|it| it.0 == share));
    for number in [direct, other] {
        assert!(second.state.grants.get(number).is_some(), "{number:?}");
    }
    // Removing one who is not in it is no error and no change.
    let mut third = next(second);
    access_level::modify(&mut third, staff, &remove, Via::Native).unwrap();
    assert_eq!(third.writes().iter().filter(|it| it.record.noun() == Noun::Grant).count(), 0);
}

#[test]
fn a_lock_taken_out_and_put_back_is_a_new_membership() {
    let mut first = fresh();
    let door = door(&mut first);
    let level = level(&mut first, &[door, door]);
    let old = first.state.membership(level, door).unwrap().number();
    assert_eq!(first.state.level_locks(level).count(), 1, "twice in the list is once");
    let mut second = next(first);
    let out = Modification { remove_locks: vec![door], ..Default::default() };
    access_level::modify(&mut second, level, &out, Via::Native).unwrap();
    let gone = second.writes().iter().find_map(|write| match &write.record {
        Record::Membership(it) => it.closed.map(|closed| (it.number(), closed.reason)),
        _ => None,
    });
    assert_eq!(gone, Some((old, CloseReason::Removed)));
    let mut third = next(second);
    let back = Modification { add_locks: vec![door], ..Default::default() };
    access_level::modify(&mut third, level, &back, Via::Native).unwrap();
    let new = third.state.membership(level, door).unwrap().number();
    assert!(new > old);
    // Put in again it stays as it is.
    let mut fourth = next(third);
    access_level::modify(&mut fourth, level, &back, Via::Native).unwrap();
    assert_eq!(fourth.state.membership(level, door).unwrap().number(), new);
}

#[test]
fn what_stands_in_both_lists_of_a_level_is_refused() {
    let mut draft = fresh();
    let door = door(&mut draft);
    let level = level(&mut draft, &[door]);
    let ann = somebody(&mut draft, "ann@example.org");
    let wish = Modification {
        add_people: vec![Receiver::Email("ANN@example.org".to_owned())],
        remove_people: vec![open_to(ann)],
        add_locks: vec![door],
        remove_locks: vec![door],
    };
    let refused = access_level::modify(&mut draft, level, &wish, Via::Native);
    assert_eq!(wrong(refused), ["/add_locks/0", "/add_people/0"]);
}

#[test]
fn every_person_and_lock_that_a_level_cannot_take_is_named() {
    let mut draft = fresh();
    let door = door(&mut draft);
    let level = level(&mut draft, &[]);
    let wish = Modification {
        add_people: vec![
            Receiver::Email("bad".to_owned()),
            Receiver::Known(open_to(PersonNumber(77))),
        ],
        add_locks: vec![LockNumber(8), door, LockNumber(9)],
        ..Default::default()
    };
    let refused = access_level::modify(&mut draft, level, &wish, Via::Native);
    assert_eq!(wrong(refused), ["/add_locks/0", "/add_locks/2", "/add_people/0", "/add_people/1"]);
}

#[test]
fn a_level_wrong_in_name_schedule_and_locks_is_told_all() {
    let edit = AccessLevelEdit {
        name: Some(String::new()),
        schedule: Some(Some(ScheduleRef::Named(ScheduleNumber(5)))),
        ..AccessLevelEdit::default()
    };
    let refused = access_level::create(&mut fresh(), &edit, &[LockNumber(4)]);
    assert_eq!(wrong(refused), ["/lock_ids/0", "/name", "/schedule"]);
}

#[test]
fn a_deleted_level_closes_its_grants_and_its_locks() {
    let mut first = fresh();
    let door = door(&mut first);
    let level = level(&mut first, &[door]);
    let ann = somebody(&mut first, "ann@example.org");
    let through = grant::create(&mut first, &to_level(open_to(ann), level)).unwrap().number();
    let direct = grant::create(&mut first, &to_lock(open_to(ann), door)).unwrap().number();
    let mut second = next(first);
    access_level::delete(&mut second, level).unwrap();
    assert_eq!(closed(second.writes()), [(through, CloseReason::TargetDeleted)]);
    assert!(second.state.grants.get(direct).is_some());
    assert_eq!(second.state.level_locks(level).count(), 0);
    assert_eq!(second.state.lock_levels(door).iter().count(), 0);
    let row = second.writes().iter().find_map(|write| match &write.record {
        Record::AccessLevel(it) => Some(it.clone()),
        _ => None,
    });
    let row = row.unwrap();
    assert!(row.header.is_deleted() && row.name == "Staff", "the name stays for closed keys");
}

#[test]
fn external_ids_are_unique_for_each_noun_and_free_again_after_deletion() {
    let mut draft = fresh();
    let name = || Some("X".to_owned());
    let external_id = || text("same");
    let of_lock = LockEdit { name: name(), external_id: external_id(), ..Default::default() };
    let of_level =
        AccessLevelEdit { name: name(), external_id: external_id(), ..Default::default() };
    let door = lock::create(&mut draft, &of_lock).unwrap().number();
    access_level::create(&mut draft, &of_level, &[]).unwrap();
    let refused = lock::create(&mut draft.clone(), &of_lock);
    assert_eq!(super::commands::taken(refused), ["/external_id"]);
    let refused = access_level::create(&mut draft.clone(), &of_level, &[]);
    assert_eq!(super::commands::taken(refused), ["/external_id"]);
    assert_eq!(draft.state.by_external_id(Noun::Lock, "same"), Some(door.0));
    lock::delete(&mut draft, door).unwrap();
    lock::create(&mut draft, &of_lock).unwrap();
}

const OWNER: u32 = 1;
const BORROWER: u32 = 2;

/// A lock of one place, offered to another.
fn offered() -> (Draft, Draft, LockNumber) {
    let mut owner = draft(&place(OWNER, "Europe/Stockholm"));
    let door = door(&mut owner);
    let mut owner = next(owner);
    let share = lock::offer(&mut owner, door, PlaceNumber(BORROWER)).unwrap();
    assert_eq!((share.state, share.as_lock), (ShareState::Offered, None));
    (owner, draft(&place(BORROWER, "Asia/Tokyo")), door)
}

#[test]
fn an_offered_lock_is_accepted_once_and_by_whom_it_was_offered_to() {
    let (mut owner, mut here, door) = offered();
    let mut third = draft(&place(3, "Etc/UTC"));
    let refused = lock::accept(&mut owner, &mut third, door).err();
    assert_eq!(refused, Some(Refusal::NotFound(Noun::Lock)));
    assert_eq!(third.writes().len(), 0);
    let own = lock::accept(&mut owner, &mut here, door).unwrap();
    assert_eq!(own.borrowed, Some((PlaceNumber(OWNER), door)));
    assert_eq!(own.header.id, owner.state.locks.get(door).unwrap().header.id, "under one id");
    let share = lock::share_with(&owner.state, door, PlaceNumber(BORROWER)).unwrap();
    assert_eq!((share.state, share.as_lock), (ShareState::Accepted, Some(own.number())));
    assert!(matches!(lock::accept(&mut owner, &mut here, door), Err(Refusal::InUse(_))));
    let again = lock::offer(&mut owner, door, PlaceNumber(BORROWER));
    assert!(matches!(again, Err(Refusal::InUse(_))));
    assert_eq!(wrong(lock::offer(&mut owner, door, PlaceNumber(OWNER))), ["/place_id"]);
}

#[test]
fn a_borrowed_lock_is_its_owners_to_change_and_a_shared_one_is_not_deleted() {
    let (mut owner, mut here, door) = offered();
    let own = lock::accept(&mut owner, &mut here, door).unwrap().number();
    let rename = LockEdit { name: Some("Mine".to_owned()), ..LockEdit::default() };
    assert!(matches!(lock::edit(&mut here, own, &rename), Err(Refusal::InUse(_))));
    assert!(matches!(lock::delete(&mut here, own), Err(Refusal::InUse(_))));
    let posture =
        lock::set_posture(&mut here, own, claviger_domain::noun::lock::Posture::FreeAccess);
    assert!(matches!(posture, Err(Refusal::InUse(_))));
    assert!(matches!(lock::offer(&mut here, own, PlaceNumber(3)), Err(Refusal::InUse(_))));
    assert!(matches!(lock::delete(&mut owner, door), Err(Refusal::InUse(_))));
}

#[test]
fn taking_a_shared_lock_back_closes_the_borrowers_rights_and_not_the_owners() {
    let (mut owner, mut here, door) = offered();
    let own = lock::accept(&mut owner, &mut here, door).unwrap().number();
    let bob = somebody(&mut owner, "bob@example.org");
    let kept = grant::create(&mut owner, &to_lock(open_to(bob), door)).unwrap().number();
    let ann = somebody(&mut here, "ann@example.org");
    let fourth = super::commands::door(&mut here);
    let staff = level(&mut here, &[own, fourth]);
    let direct = grant::create(&mut here, &to_lock(open_to(ann), own)).unwrap().number();
    let through = grant::create(&mut here, &to_level(open_to(ann), staff)).unwrap().number();
    let (mut owner, mut here) = (next(owner), next(here));
    lock::unshare(&mut owner, Some(&mut here), door, PlaceNumber(BORROWER)).unwrap();
    assert_eq!(closed(here.writes()), [(direct, CloseReason::Unshared)]);
    assert!(here.state.grants.get(through).is_some(), "the level's other locks stay");
    let left: Vec<LockNumber> = here.state.level_locks(staff).map(|it| it.lock).collect();
    assert_eq!(left, [fourth]);
    assert!(here.state.locks.get(own).is_none());
    assert!(owner.state.grants.get(kept).is_some() && owner.state.locks.get(door).is_some());
    assert!(lock::share_with(&owner.state, door, PlaceNumber(BORROWER)).is_none());
    for draft in [&owner, &here] {
        assert!(draft.clone().finish().2.is_some_and(|trail| trail.noun == Noun::Lock));
    }
    let again = lock::unshare(&mut owner, Some(&mut here), door, PlaceNumber(BORROWER));
    assert_eq!(again, Err(Refusal::NotFound(Noun::Share)));
    // Shared anew it is a new row there, without the old rights.
    let (mut owner, mut here) = (next(owner), next(here));
    lock::offer(&mut owner, door, PlaceNumber(BORROWER)).unwrap();
    let new = lock::accept(&mut owner, &mut here, door).unwrap().number();
    assert!(new > own);
    assert!(here.state.lock_grants(new).is_empty());
    assert_eq!(here.state.lock_levels(new).iter().count(), 0);
}

#[test]
fn hours_without_a_zone_are_read_by_the_clock_of_a_borrowed_locks_owner() {
    let (mut owner, mut here, door) = offered();
    let own = lock::accept(&mut owner, &mut here, door).unwrap().number();
    let ann = somebody(&mut here, "ann@example.org");
    let staff = level(&mut here, &[own]);
    // From 08:00 to 17:00: in Stockholm, where the lock is, and in Tokyo, where Ann is known.
    let windows = vec![(0x7f, 480, 1020)];
    let day = timetable(&Times::Weekly { zone: None, windows, exceptions: Vec::new() });
    let day = ScheduleRef::Inline(day);
    let mut to = to_lock(open_to(ann), own);
    to.edit.schedule = Some(Some(day));
    let grant = grant::create(&mut here, &to).unwrap();
    to.target = Target::AccessLevel(staff);
    let through = grant::create(&mut here, &to).unwrap();
    let membership = here.state.membership(staff, own).unwrap().clone();
    let zone = owner.state.zone_of(owner.state.locks.get(door).unwrap());
    assert_eq!(zone.name(), "Europe/Stockholm");
    let zone_of = |lock| if lock == own { zone.clone() } else { here.state.place.zone.clone() };
    for (time, state) in [
        ("2026-01-14T02:00:00Z", RightState::Inactive), // 03:00 and 11:00
        ("2026-01-14T07:30:00Z", RightState::Active),   // 08:30 and 16:30
        ("2026-01-14T12:00:00Z", RightState::Active),   // 13:00 and 21:00
        ("2026-01-14T16:30:00Z", RightState::Inactive), // 17:30 and 01:30
    ] {
        let now = Instant::parse(time).unwrap();
        assert_eq!(key(&here.state, &grant, None, now, &zone_of).unwrap().state, state, "{time}");
        let of_level = key(&here.state, &through, Some(&membership), now, &zone_of).unwrap();
        assert_eq!(of_level.state, state, "{time}");
        for grant in [&grant, &through] {
            assert_eq!(grant_state(&here.state, grant, now, &zone_of), state, "{time}");
        }
    }
}

#[test]
fn an_offer_that_was_never_accepted_can_be_taken_back() {
    let (owner, _, door) = offered();
    let mut owner = next(owner);
    lock::unshare(&mut owner, None, door, PlaceNumber(BORROWER)).unwrap();
    lock::delete(&mut owner, door).unwrap();
}

fn may(
    here: &PlaceState,
    owner: &PlaceState,
    lock: LockNumber,
    door: LockNumber,
    now: Instant,
) -> bool {
    let request = Request {
        lock,
        recognised: Recognised::by(here, Presented::Card(part(32, 1).card)),
        pin: Pin::Missing,
        lockouts: Lockouts::default(),
        now,
    };
    decide(Door::at(owner, door).unwrap(), &request).granted
}

#[test]
fn a_changed_schedule_changes_the_right_wherever_it_stands_by_name() {
    let mut draft = fresh();
    let hours = |from, to| {
        let windows = vec![(0x7f, from, to)];
        Some(timetable(&Times::Weekly { zone: None, windows, exceptions: Vec::new() }))
    };
    let name = Some("Hours".to_owned());
    let edit = ScheduleEdit { name, timetable: hours(480, 1020), ..ScheduleEdit::default() };
    let times = schedule::create(&mut draft, &edit).unwrap().number();
    let door = door(&mut draft);
    let id = draft.next_id();
    let card = CredentialEdit { parts: Some(vec![part(32, 1)]), ..CredentialEdit::default() };
    let card = credential::create(&mut draft, CredentialKind::Card, id, &card).unwrap().number();
    let mut wish = to_lock(Subject::Credential(card), door);
    wish.edit.schedule = Some(Some(ScheduleRef::Named(times)));
    grant::create(&mut draft, &wish).unwrap();
    let at = Instant::parse("2024-05-15T10:00:00+02:00").unwrap();
    let before = draft.state.clone();
    assert!(may(&before, &before, door, door, at));
    let narrow = ScheduleEdit { timetable: hours(1080, 1200), ..ScheduleEdit::default() };
    schedule::edit(&mut draft, times, &narrow).unwrap();
    assert!(!may(&draft.state, &draft.state, door, door, at));
    assert!(may(&before, &before, door, door, at), "what was stands as it was");
}
