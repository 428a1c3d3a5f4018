//! What decisions read is kept when it is replaced, so that a place can be asked as it was.

use claviger_domain::ids::{AccessLevelNumber, GrantNumber, LockNumber, MembershipNumber, Noun};
use claviger_domain::ids::{PersonNumber, ScheduleNumber};
use claviger_domain::noun::credential::{CredentialState, SealedDigits, Tag};
use claviger_domain::noun::grant::{Grant, Subject, Target};
use claviger_domain::noun::lock::{PinRule, Posture};
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::schedule::ScheduleRef;
use claviger_domain::noun::{Closed, Header};
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window, Zone};
use claviger_store::{ClosedGrants, Digits, Write, as_of, with_grants};

use crate::samples;
use crate::world::{PLACE, World, on_each_store};

#[tokio::test]
async fn only_what_decisions_read_goes_to_the_history() {
    on_each_store(async |mut world| {
        let count = async |world: &World| world.number("select count(*) from history").await;
        let person = samples::person(1);
        world.put(PLACE, vec![person.clone().into()]).await;
        let mut renamed = person.clone();
        renamed.details.first_name = samples::text("Åsa");
        renamed.header.updated_at = Instant(2_000);
        world.change(PLACE, &person.into(), renamed.clone()).await;
        assert_eq!(count(&world).await, 0);
        let mut suspended = renamed.clone();
        suspended.state = PersonState::Suspended;
        suspended.header.updated_at = Instant(3_000);
        suspended.header.revision = 4;
        world.change(PLACE, &renamed.into(), suspended.clone()).await;
        assert_eq!(count(&world).await, 1);
        let undo = world.store.since(PLACE, Instant(2_999)).await.unwrap();
        let past = &undo.history[0];
        assert_eq!((past.noun, past.number, past.replaced_at), (Noun::Person, 1, Instant(3_000)));
        assert_eq!((past.revision, past.fields.as_str()), (4, "{\"state\":\"active\"}"));
        assert!(world.store.since(PLACE, Instant(3_000)).await.unwrap().history.is_empty());
        world.change(PLACE, &suspended.clone().into(), suspended).await;
        assert_eq!(count(&world).await, 1);
    })
    .await;
}

/// A small generator, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as u32 % sides
    }
}

struct Script {
    dice: Dice,
    state: PlaceState,
    revision: u64,
    next: [u32; 16],
}

impl Script {
    fn header(&mut self, noun: Noun, now: Instant) -> Header {
        self.next[noun as usize] += 1;
        let number = self.next[noun as usize];
        Header { created_at: now, updated_at: now, ..crate::world::header(noun, number) }
    }

    /// One random change at `now`.
    fn step(&mut self, now: Instant, world: &World) -> Option<Record> {
        let any = self.dice.roll(4) + 1;
        let grants: Vec<u32> = self.state.grants.iter().map(|it| it.header.number).collect();
        let open: Vec<u32> = self.state.memberships.iter().map(|it| it.header.number).collect();
        match self.dice.roll(10) {
            0 if self.dice.roll(2) == 0 => Some(self.new_grant(now).into()),
            0 => {
                let (level, lock) = (any.min(2), self.dice.roll(4) + 1);
                if self.state.membership(AccessLevelNumber(level), LockNumber(lock)).is_some() {
                    return None;
                }
                let mut it = samples::membership(1, level, lock);
                it.header = self.header(Noun::Membership, now);
                Some(it.into())
            }
            1 => {
                let number = grants.get(self.dice.roll(8) as usize)?;
                let mut it = (**self.state.grants.get(*number)?).clone();
                it.closed = samples::closed().map(|closed| Closed { at: now, ..closed });
                Some(it.into())
            }
            2 => {
                let number = open.get(self.dice.roll(8) as usize)?;
                let mut it = (**self.state.memberships.get(*number)?).clone();
                it.closed = samples::closed().map(|closed| Closed { at: now, ..closed });
                Some(it.into())
            }
            3 => {
                let number = grants.get(self.dice.roll(8) as usize)?;
                let mut it = (**self.state.grants.get(*number)?).clone();
                it.window = if any == 1 { samples::window() } else { Window::ALWAYS };
                it.schedule = self.schedule();
                it.override_lockdown = any == 2;
                Some(it.into())
            }
            4 => {
                let mut it = (**self.state.people.get(any)?).clone();
                let erased = it.header.number == 4 && self.dice.roll(4) == 0;
                it.header.deleted_at = erased.then_some(now);
                let active = erased || it.state == PersonState::Suspended;
                it.state = if active { PersonState::Active } else { PersonState::Suspended };
                Some(it.into())
            }
            5 => Some(self.credential(any, now, world)?),
            6 => Some(self.lock(any)?),
            7 => {
                let mut it = (**self.state.levels.get(any.min(2))?).clone();
                it.schedule = self.schedule();
                Some(it.into())
            }
            8 => {
                let mut it = (**self.state.schedules.get(1u32)?).clone();
                it.timetable = if any > 2 { samples::weekly() } else { samples::ical() };
                Some(it.into())
            }
            _ => {
                let mut it = (*self.state.place).clone();
                it.zone = Zone::parse(if any > 2 { "Asia/Tokyo" } else { "Europe/Paris" })?;
                Some(it.into())
            }
        }
    }

    fn schedule(&mut self) -> Option<ScheduleRef> {
        match self.dice.roll(3) {
            0 => None,
            1 => Some(ScheduleRef::Named(ScheduleNumber(1))),
            _ => Some(ScheduleRef::Inline(samples::weekly())),
        }
    }

    fn new_grant(&mut self, now: Instant) -> Grant {
        let number = self.dice.roll(4) + 1;
        let mut it = samples::grant(1, number, number.min(2));
        if self.dice.roll(2) == 0 {
            it.target = Target::Lock(LockNumber(number));
        }
        it.header = self.header(Noun::Grant, now);
        it
    }

    fn credential(&mut self, number: u32, now: Instant, world: &World) -> Option<Record> {
        let mut it = (**self.state.credentials.get(number)?).clone();
        it.header.deleted_at = (number == 4 && self.dice.roll(6) == 0).then_some(now);
        it.state = CredentialState::ALL[self.dice.roll(3) as usize];
        it.person = (self.dice.roll(2) == 0).then_some(PersonNumber(number));
        it.valid = if self.dice.roll(2) == 0 { samples::window() } else { Window::ALWAYS };
        let pin = world.secrets.seal_digits(PLACE, it.header.id, Digits::Pin, "1234").unwrap();
        it.pin = (self.dice.roll(2) == 0).then_some(pin);
        Some(it.into())
    }

    fn lock(&mut self, number: u32) -> Option<Record> {
        let mut it = (**self.state.locks.get(number)?).clone();
        it.posture = Posture::ALL[self.dice.roll(4) as usize];
        it.pin = PinRule::ALL[self.dice.roll(3) as usize];
        it.pin_schedule = self.schedule();
        it.unlock_schedule = self.schedule();
        it.zone = (self.dice.roll(2) == 0).then(Zone::utc);
        Some(it.into())
    }
}

/// What decisions read of a place, as text.
fn seen(state: &PlaceState) -> Vec<String> {
    let mut seen = vec![format!("{:?}", state.place.zone)];
    let plain = |header: &Header| Header { updated_at: Instant(0), revision: 0, ..header.clone() };
    for it in state.credentials.iter() {
        let mut it = (**it).clone();
        it.header = plain(&it.header);
        it.pin = it.pin.map(|_| SealedDigits { sealed: Vec::new(), tag: Tag([0; 16]) });
        seen.push(format!("{it:?}"));
    }
    macro_rules! add {
        ($($field:ident)*) => {$(
            for it in state.$field.iter() {
                let mut it = (**it).clone();
                it.header = plain(&it.header);
                seen.push(format!("{it:?}"));
            }
        )*};
    }
    add! { people locks levels memberships schedules grants }
    for number in 1..=4 {
        let reach: Vec<u32> =
            state.person_reach(PersonNumber(number)).iter().map(|it| it.grant().0).collect();
        let mut levels: Vec<u32> =
            state.lock_levels(LockNumber(number)).iter().map(|it| it.0).collect();
        levels.sort_unstable();
        let credentials: Vec<u32> = state.person_credentials(PersonNumber(number)).iter().collect();
        seen.push(format!("{reach:?} {levels:?} {credentials:?}"));
    }
    seen
}

async fn begin(world: &mut World) -> Script {
    let mut records: Vec<Record> = vec![samples::schedule(1, samples::weekly()).into()];
    for number in 1..=4 {
        records.push(samples::person(number).into());
        records.push(samples::credential(number).into());
        records.push(samples::lock(number).into());
        records.push(samples::level(number).into());
    }
    world.put(PLACE, records).await;
    let state = world.store.load_place(PLACE).await.unwrap().unwrap().0;
    Script { dice: Dice(42), revision: state.revision, state, next: [0; 16] }
}

#[tokio::test]
async fn a_place_can_be_asked_as_it_was_at_any_time() {
    on_each_store(async |mut world| {
        let mut script = begin(&mut world).await;
        let mut then = vec![(Instant(1_999), seen(&script.state))];
        for step in 0..250_i64 {
            let now = Instant(2_000 + step);
            let Some(record) = script.step(now, &world) else { continue };
            // As another node would: what the database says goes in.
            let former = script.state.record(record.noun(), record.header().number);
            script.revision += 1;
            let write = Write { record: stamped(&record, now, script.revision), former };
            script.state.apply(&write.record);
            world.write(PLACE, vec![write]).await.unwrap();
            then.push((now, seen(&script.state)));
        }
        assert!(then.len() > 150, "{} changes", then.len());
        let loaded = world.store.load_place(PLACE).await.unwrap().unwrap().0;
        for (at, wanted) in then.iter().step_by(7) {
            let undo = world.store.since(PLACE, *at).await.unwrap();
            let then = as_of(&loaded, &undo, *at).unwrap();
            let found = seen(&with_all_grants(&world, &then, *at).await);
            for (found, wanted) in found.iter().zip(wanted) {
                assert_eq!(found, wanted, "at {at:?}");
            }
            assert_eq!(found.len(), wanted.len(), "at {at:?}");
        }
    })
    .await;
}

async fn with_all_grants(world: &World, then: &PlaceState, at: Instant) -> PlaceState {
    let open = ClosedGrants::All.open_in(then);
    let all = [ClosedGrants::All];
    let undo = world.store.grants_since(PLACE, at, &all, open.iter().copied()).await.unwrap();
    with_grants(then, &open, &undo, at).unwrap()
}

/// Of a few grants that are asked about, no others are read.
#[tokio::test]
async fn of_others_grants_nothing_is_read() {
    on_each_store(async |mut world| {
        let mut records = vec![samples::lock(1).into(), samples::lock(2).into()];
        records.extend((1..=3).map(|number| samples::person(number).into()));
        for number in 1..=60u32 {
            let mut grant = samples::grant(number, 1 + number % 3, 1);
            grant.target = Target::Lock(LockNumber(1 + number % 2));
            (grant.schedule, grant.issued_under) = (None, None);
            let by = claviger_domain::noun::Actor::System;
            let reason = claviger_domain::noun::CloseReason::Revoked;
            grant.closed = Some(Closed { at: Instant(9_000), by, reason });
            records.push(grant.into());
        }
        world.put(PLACE, records).await;
        let anns = ClosedGrants::Of(Subject::Person(PersonNumber(1)));
        for (which, at, wanted) in
            [(anns, 8_000, 20), (ClosedGrants::ToLock(LockNumber(1)), 8_000, 30), (anns, 9_000, 0)]
        {
            let none = std::iter::empty();
            let undo = world.store.grants_since(PLACE, Instant(at), &[which], none).await.unwrap();
            assert_eq!(undo.ended.len(), wanted, "{which:?}");
        }
    })
    .await;
}

fn stamped(record: &Record, now: Instant, revision: u64) -> Record {
    macro_rules! stamp {
        ($($noun:ident)*) => {
            match record {
                $(Record::$noun(it) => {
                    let mut it = (**it).clone();
                    it.header.updated_at = now;
                    it.header.revision = revision;
                    it.into()
                })*
                other => other.clone(),
            }
        };
    }
    stamp! { Person Credential Lock AccessLevel Membership Schedule Grant Place }
}

#[tokio::test]
async fn closed_rights_are_found_by_whom_and_what() {
    on_each_store(async |mut world| {
        let mut records: Vec<Record> = vec![samples::level(1).into(), samples::level(2).into()];
        for number in 1..=3 {
            records.push(samples::person(number).into());
            records.push(samples::lock(number).into());
        }
        for number in 1..=9 {
            let mut it = samples::grant(number, number % 3 + 1, number % 2 + 1);
            if number == 6 {
                it.target = Target::Lock(LockNumber(2));
            }
            it.closed = if number == 9 { None } else { samples::closed() };
            records.push(it.into());
        }
        let mut put_back = samples::membership(2, 1, 1);
        put_back.header.created_at = Instant(5_000);
        let mut out = samples::membership(1, 1, 1);
        out.closed = samples::closed();
        records.extend([out.into(), put_back.into(), samples::membership(3, 2, 1).into()]);
        world.put(PLACE, records).await;
        let found = async |which, after| {
            let page = world.store.closed_grants(PLACE, which, GrantNumber(after), 3).await;
            page.unwrap().iter().map(|it| it.header.number).collect::<Vec<_>>()
        };
        assert_eq!(found(ClosedGrants::All, 0).await, [1, 2, 3]);
        assert_eq!(found(ClosedGrants::All, 6).await, [7, 8]);
        let person = ClosedGrants::Of(Subject::Person(PersonNumber(1)));
        assert_eq!(found(person, 0).await, [3, 6]);
        assert_eq!(found(ClosedGrants::ToLock(LockNumber(2)), 0).await, [6]);
        assert_eq!(found(ClosedGrants::ToLevel(AccessLevelNumber(1)), 2).await, [4, 8]);
        let id = |number| samples::grant(number, 1, 1).header.id;
        let made = world.store.closed_grants_between(PLACE, (id(7), id(9))).await.unwrap();
        assert_eq!(made.iter().map(|it| it.header.number).collect::<Vec<_>>(), [7, 8]);
        let (level, first) = (AccessLevelNumber(1), MembershipNumber(0));
        let all = world.store.memberships_of(PLACE, level, first, 10).await.unwrap();
        assert_eq!(all.iter().map(|it| it.header.number).collect::<Vec<_>>(), [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn of_the_deleted_it_is_known_who_had_no_phone() {
    on_each_store(async |mut world| {
        let people = (1..=6).map(|number| {
            let mut it = samples::person(number);
            it.had_phone = number % 2 == 0;
            it.header.deleted_at = (number < 6).then_some(Instant(3_000));
            Record::from(it)
        });
        world.put(PLACE, people.collect()).await;
        let range = (PersonNumber(2), PersonNumber(6));
        let found = world.store.deleted_without_phone(PLACE, range).await.unwrap();
        assert_eq!(found, [PersonNumber(3), PersonNumber(5)]);
    })
    .await;
}
