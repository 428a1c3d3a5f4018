//! Laws of the state: it follows from its records alone, and a clone is a value of its own.

use std::sync::Arc;

use claviger_domain::command::{access_level, credential, lock, person, schedule};
use claviger_domain::draft::Draft;
use claviger_domain::ids::{
    AccessLevelNumber, CredentialNumber, LockNumber, Noun, PersonNumber, ScheduleNumber,
};
use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::credential::{CredentialEdit, CredentialKind};
use claviger_domain::noun::lock::Posture;
use claviger_domain::noun::person::{PersonEdit, PersonState};
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;

use super::build::{Built, Way, build, digits, draft, latest, make_grant, place};
use super::generate::{self, Random};
use super::world::{Question, World};

fn on_worlds(law: impl Fn(&mut Random, &World, &[Question])) {
    generate::on_worlds(2_000_000..2_000_100, law);
}

fn with_state(built: &Built, state: PlaceState) -> Built {
    Built { state, ..built.clone() }
}

fn same_decisions(one: &Built, two: &Built, questions: &[Question]) {
    for question in questions {
        let (a, b) = (one.decide(question), two.decide(question));
        assert_eq!(one.in_words(&a), two.in_words(&b), "{question:?}");
        let by =
            |decision: &claviger_domain::decision::Decision<'_>| decision.by().collect::<Vec<_>>();
        assert_eq!(by(&a), by(&b), "{question:?}");
        assert_eq!((a.hint(), a.session()), (b.hint(), b.session()), "{question:?}");
        let person =
            |it: Option<&Arc<claviger_domain::noun::person::Person>>| it.map(|p| p.header.number);
        assert_eq!(person(a.person()), person(b.person()), "{question:?}");
    }
}

/// What a state can be asked for by a name finds what it is.
fn same_names(state: &PlaceState, records: &[Record]) {
    for record in records {
        let header = record.header();
        let live = state.record(record.noun(), header.number);
        assert_eq!(
            live.is_some(),
            state.number_of(record.noun(), header.id) == Some(header.number)
        );
        assert_eq!(live.is_some(), state.number_of(record.noun(), header.id).is_some());
        assert!(state.highest(record.noun()) >= header.number);
        if let Some(live) = live {
            assert_eq!(live, *record);
        }
    }
}

#[test]
fn a_state_made_anew_from_its_records_in_any_order_decides_the_same() {
    on_worlds(|random, world, questions| {
        let built = build(world, Way { detours: true, shared: random.once_in(3), inline: false });
        let mut records = latest(&built.writes);
        for _ in 0..3 {
            random.shuffle(&mut records);
            let mut state = PlaceState::new(built.state.place.clone());
            records.iter().for_each(|record| state.apply(record));
            same_names(&state, &records);
            for noun in Noun::ALL {
                assert_eq!(state.highest(*noun), built.state.highest(*noun), "{noun:?}");
            }
            assert_eq!(state.revision, built.state.revision);
            same_decisions(&built, &with_state(&built, state), questions);
        }
    });
}

#[test]
fn another_node_that_takes_each_commit_in_decides_the_same() {
    on_worlds(|random, world, questions| {
        let built = build(world, Way { detours: true, shared: false, inline: random.once_in(2) });
        let mut state = PlaceState::new(built.state.place.clone());
        built.writes.iter().for_each(|write| state.apply(&write.record));
        same_decisions(&built, &with_state(&built, state.clone()), questions);
        // Once more changes nothing.
        latest(&built.writes).iter().for_each(|record| state.apply(record));
        same_decisions(&built, &with_state(&built, state), questions);
    });
}

/// Deletes and changes at random.
fn wreck(random: &mut Random, world: &World, built: &mut Built, around: Question) {
    for _ in 0..6 {
        let person = PersonNumber(*random.pick(&built.people));
        let credential = CredentialNumber(*random.pick(&built.credentials));
        let lock = LockNumber(*random.pick(&built.locks));
        let level = built.levels.first().map(|level| AccessLevelNumber(*level));
        let what = random.below(8);
        let grant = generate::grant(random, world, around.now);
        // A refusal (gone already, in use) leaves the draft to be dropped.
        let mut attempt = draft(&built.state);
        let draft: &mut Draft = &mut attempt;
        let done = match what {
            0 => person::delete(draft, person).is_ok(),
            1 => credential::delete(draft, credential).is_ok(),
            2 => lock::delete(draft, lock).is_ok(),
            3 => level.is_some_and(|level| access_level::delete(draft, level).is_ok()),
            4 => person::set_state(draft, person, PersonState::Suspended).is_ok(),
            5 => lock::set_posture(draft, lock, Posture::FreeAccess).is_ok(),
            6 => schedule::delete(draft, ScheduleNumber(built.times[0])).is_ok(),
            _ => {
                let wish = super::build::wish(built, world, &grant, Way::default());
                claviger_domain::command::grant::create(draft, &wish).is_ok()
            }
        };
        if done {
            let (state, writes, _) = attempt.finish();
            built.state = state;
            built.writes.extend(writes);
        }
    }
}

#[test]
fn changing_a_clone_leaves_the_original_as_it_was() {
    on_worlds(|random, world, questions| {
        let original = build(world, Way::default());
        let before = format!("{:?}", original.state);
        let mut changed = original.clone();
        wreck(random, world, &mut changed, questions[0]);
        let same = format!("{:?}", original.state) == before;
        assert!(same, "the original changed with its clone");
        // The changed one, too, is what its records say.
        let mut records = latest(&changed.writes);
        random.shuffle(&mut records);
        let mut state = PlaceState::new(changed.state.place.clone());
        records.iter().for_each(|record| state.apply(record));
        same_names(&state, &records);
        for noun in [Noun::Person, Noun::Credential, Noun::Lock, Noun::Grant, Noun::Membership] {
            for number in 1..=state.highest(noun) {
                assert_eq!(state.record(noun, number), changed.state.record(noun, number));
            }
        }
    });
}

#[test]
fn a_draft_that_is_dropped_leaves_nothing() {
    on_worlds(|_, world, questions| {
        let built = build(world, Way::default());
        let before = format!("{:?}", built.state);
        let mut draft = draft(&built.state);
        let extra = super::world::plain_grant(
            super::world::Who::Person(0),
            super::world::Where::Lock(questions[0].lock),
        );
        make_grant(&mut draft, &built, world, &extra, Way::default());
        person::delete(&mut draft, PersonNumber(built.people[0])).unwrap();
        drop(draft);
        assert!(format!("{:?}", built.state) == before, "a dropped draft left something");
    });
}

fn card(value: u128) -> CardPart {
    CardPart { technology: Technology::Em, card: CardValue { bits: 32, value } }
}

/// What a command writes is applied elsewhere in the order of its list.
#[test]
fn a_card_an_address_and_a_name_that_move_within_one_command_are_found_on_another_node() {
    let mut first = draft(&place(1, "Etc/UTC"));
    let cards = |value| CredentialEdit { parts: Some(vec![card(value)]), ..Default::default() };
    let id = first.next_id();
    let one = credential::create(&mut first, CredentialKind::Card, id, &cards(1)).unwrap().number();
    let id = first.next_id();
    let two = credential::create(&mut first, CredentialKind::Card, id, &cards(2)).unwrap().number();
    let code = |code| CredentialEdit { code: Some(digits(code)), ..Default::default() };
    let id = first.next_id();
    let third =
        credential::create(&mut first, CredentialKind::Code, id, &code(3)).unwrap().number();
    let id = first.next_id();
    let fourth =
        credential::create(&mut first, CredentialKind::Code, id, &code(4)).unwrap().number();
    let email = |email: &str, external_id: &str| PersonEdit {
        email: Some(Some(email.to_owned())),
        external_id: Some(Some(external_id.to_owned())),
        ..Default::default()
    };
    let ann = person::create(&mut first, &email("ann@example.org", "a")).unwrap().number();
    let bob = person::create(&mut first, &email("bob@example.org", "b")).unwrap().number();
    let before = first.finish().0;

    // Card 1 moves from `one` to `two`, code 3 from `third` to `fourth`, Ann's address to Bob; each
    // receiver is written to before the giver, then again.
    let mut second = draft(&before);
    credential::edit(&mut second, two, &cards(5)).unwrap();
    credential::edit(&mut second, one, &cards(6)).unwrap();
    credential::edit(&mut second, two, &cards(1)).unwrap();
    credential::edit(&mut second, fourth, &code(5)).unwrap();
    credential::edit(&mut second, third, &code(6)).unwrap();
    credential::edit(&mut second, fourth, &code(3)).unwrap();
    person::edit(&mut second, bob, &email("x@example.org", "x")).unwrap();
    person::edit(&mut second, ann, &email("y@example.org", "y")).unwrap();
    person::edit(&mut second, bob, &email("ann@example.org", "a")).unwrap();
    let (here, writes, _) = second.finish();
    let mut there = before.clone();
    writes.iter().for_each(|write| there.apply(&write.record));
    for (what, state) in [("here", &here), ("there", &there)] {
        let found = (
            state.credential_by_card(card(1).card),
            state.credential_by_code(digits(3).tag),
            state.person_by_email("ann@example.org"),
            state.by_external_id(Noun::Person, "a"),
        );
        assert_eq!(found, (Some(two), Some(fourth), Some(bob), Some(bob.0)), "{what}");
        assert_eq!(state.credential_by_card(card(6).card), Some(one), "{what}");
        assert_eq!(state.credential_by_card(card(2).card), None, "{what}");
        assert_eq!(state.person_by_email("bob@example.org"), None, "{what}");
    }
}
