//! Laws of the decision, on random worlds: what may never happen whatever the world is.

use std::collections::BTreeSet;

use claviger_domain::command::{access_level, credential, grant, lock, person};
use claviger_domain::decision::{Attempts, Hint};
use claviger_domain::ids::{
    AccessLevelNumber, CredentialNumber, GrantNumber, LockNumber, PersonNumber,
};
use claviger_domain::noun::access_level::AccessLevelEdit;
use claviger_domain::noun::lock::Posture as Put;
use claviger_domain::noun::person::PersonState;
use claviger_domain::reason::Reason;
use claviger_domain::time::{Instant, MINUTE, SECOND};

use super::build::{Built, Way, build, make_grant};
use super::generate::{self, Random};
use super::oracle;
use super::world::{
    Condition, Grant, Held, Kind, PinGiven, Posture, Question, Where, Who, World, plain_credential,
    plain_grant, plain_lock,
};

fn on_worlds(law: impl Fn(&mut Random, &World, &[Question])) {
    generate::on_worlds(1_000_000..1_000_150, law);
}

/// Nobody who is let in before is refused after, nor has to wait longer.
fn never_less(before: &Built, after: &Built, questions: &[Question]) {
    for question in questions {
        let (one, two) = (before.decide(question), after.decide(question));
        assert!(!one.granted || two.granted, "{question:?}: {:?} refuses", two.reasons);
        if let (false, Some(sooner)) = (two.granted, one.opens_at()) {
            assert!(two.opens_at().is_some_and(|at| at <= sooner), "{question:?}");
        }
    }
}

fn extra_grant(random: &mut Random, world: &World, questions: &[Question]) -> Grant {
    generate::grant(random, world, questions[0].now)
}

#[test]
fn adding_a_grant_never_takes_access_away_and_taking_it_back_never_gives() {
    on_worlds(|random, world, questions| {
        let before = build(world, Way::default());
        let extra = extra_grant(random, world, questions);
        let mut after = before.clone();
        let made =
            after.step(|draft, built| make_grant(draft, built, world, &extra, Way::default()));
        after.grants.push(made);
        never_less(&before, &after, questions);
        let mut again = after.clone();
        again.step(|draft, _| grant::revoke(draft, GrantNumber(made)).unwrap());
        never_less(&again, &after, questions);
        for question in questions {
            assert_eq!(again.answer(question), before.answer(question), "{question:?}");
        }
    });
}

#[test]
fn taking_any_one_grant_back_never_gives_access() {
    on_worlds(|_, world, questions| {
        let before = build(world, Way::default());
        for number in &before.grants {
            let mut after = before.clone();
            after.step(|draft, _| grant::revoke(draft, GrantNumber(*number)).unwrap());
            never_less(&after, &before, questions);
        }
    });
}

#[test]
fn a_grant_whose_window_is_split_in_two_opens_as_before() {
    on_worlds(|random, world, questions| {
        if world.grants.is_empty() {
            return;
        }
        let mut split = world.clone();
        let number = random.below(world.grants.len());
        let (from, until) = world.grants[number].window;
        let cut = random.pick(questions).now;
        if from.is_some_and(|from| cut <= from) || until.is_some_and(|until| until <= cut) {
            return;
        }
        split.grants[number].window = (from, Some(cut));
        let mut rest = world.grants[number].clone();
        rest.window = (Some(cut), until);
        split.grants.push(rest);
        let (one, two) = (build(world, Way::default()), build(&split, Way::default()));
        for question in questions {
            let (one, two) = (one.decide(question), two.decide(question));
            assert_eq!(one.granted, two.granted, "{question:?}");
            assert_eq!(one.opens_at(), two.opens_at(), "{question:?}");
            assert_eq!(one.hint(), two.hint(), "{question:?}");
        }
    });
}

#[test]
fn the_order_in_which_grants_were_made_changes_nothing() {
    on_worlds(|random, world, questions| {
        let mut order: Vec<usize> = (0..world.grants.len()).collect();
        random.shuffle(&mut order);
        let mut shuffled = world.clone();
        shuffled.grants = order.iter().map(|number| world.grants[*number].clone()).collect();
        let (one, two) = (build(world, Way::default()), build(&shuffled, Way::default()));
        for question in questions {
            let (expected, mut found) = (one.answer(question), two.answer(question));
            found.by = found.by.iter().map(|number| order[*number]).collect();
            assert_eq!(found, expected, "{question:?}");
            let (one, two) = (one.decide(question), two.decide(question));
            assert_eq!(one.opens_at(), two.opens_at(), "{question:?}");
            assert_eq!(one.hint(), two.hint(), "{question:?}");
        }
    });
}

#[test]
fn how_a_world_was_made_changes_nothing() {
    on_worlds(|_, world, questions| {
        let plain = build(world, Way::default());
        for bits in 1..8 {
            let way = Way { detours: bits & 1 > 0, shared: bits & 2 > 0, inline: bits & 4 > 0 };
            let other = build(world, way);
            for question in questions {
                assert_eq!(plain.answer(question), other.answer(question), "{way:?} {question:?}");
                let (one, two) = (plain.decide(question), other.decide(question));
                assert_eq!(one.hint(), two.hint(), "{way:?} {question:?}");
                assert_eq!(one.session(), two.session(), "{way:?} {question:?}");
            }
        }
    });
}

#[test]
fn a_lock_put_into_a_level_opens_to_no_fewer_and_taken_out_to_no_more() {
    on_worlds(|random, world, questions| {
        if world.levels.is_empty() {
            return;
        }
        let level = random.below(world.levels.len());
        let before = build(world, Way::default());
        let number = AccessLevelNumber(before.levels[level]);
        let all: Vec<LockNumber> = before.locks.iter().map(|lock| LockNumber(*lock)).collect();
        let edit = AccessLevelEdit::default();
        let mut all_in = before.clone();
        all_in.step(|draft, _| access_level::edit(draft, number, &edit, Some(&all)).unwrap());
        never_less(&before, &all_in, questions);
        let mut none_in = before.clone();
        none_in.step(|draft, _| access_level::edit(draft, number, &edit, Some(&[])).unwrap());
        never_less(&none_in, &before, questions);
        let mut gone = before.clone();
        gone.step(|draft, _| access_level::delete(draft, number).unwrap());
        never_less(&gone, &none_in, questions);
        never_less(&none_in, &gone, questions);
    });
}

#[test]
fn whatever_takes_away_only_takes_away() {
    on_worlds(|random, world, questions| {
        let before = build(world, Way::default());
        let one = random.below(before.people.len());
        let other = random.below(before.credentials.len());
        let at = random.below(before.locks.len());
        let person = PersonNumber(before.people[one]);
        let credential = CredentialNumber(before.credentials[other]);
        let lock = LockNumber(before.locks[at]);
        for way in 0..6 {
            let mut after = before.clone();
            after.step(|draft, _| match way {
                0 => drop(person::set_state(draft, person, PersonState::Suspended).unwrap()),
                1 => drop(credential::report_lost(draft, credential).unwrap()),
                2 => drop(lock::set_posture(draft, lock, Put::Disabled).unwrap()),
                3 if world.locks[at].posture != Posture::Disabled => {
                    drop(lock::set_posture(draft, lock, Put::Lockdown).unwrap());
                }
                4 => person::delete(draft, person).unwrap(),
                5 => credential::delete(draft, credential).unwrap(),
                _ => {}
            });
            // What is deleted has no number to be asked about any more.
            let asked = questions.iter().copied().filter(|question| match question.held {
                Held::Person(it) => way != 4 || it != one,
                Held::Credential(it) => {
                    way < 4 || (it != other && world.credentials[it].person != Some(one))
                }
                _ => true,
            });
            let asked: Vec<Question> = asked.collect();
            never_less(&after, &before, &asked);
        }
    });
}

#[test]
fn at_the_time_that_is_told_the_same_question_is_granted_and_not_before() {
    let mut told = 0;
    for seed in 1_000_000..1_000_150u64 {
        let mut random = Random(seed);
        let (world, around) = generate::world(&mut random);
        let built = build(&world, Way::default());
        for _ in 0..20 {
            let mut question = generate::question(&mut random, &world, around);
            // A lockout stands for minutes only; what it means for times to come is a scenario.
            question.pin_locked = false;
            let Some(at) = built.decide(&question).opens_at() else { continue };
            told += 1;
            assert!(at > question.now, "seed {seed}: {question:?}");
            let then = Question { now: at, ..question };
            assert!(built.decide(&then).granted, "seed {seed}: {question:?} at {at}");
            let span = (at.0 - question.now.0) as u64;
            let mut before: Vec<Instant> =
                (0..20).map(|_| question.now.plus((random.next() % span) as i64)).collect();
            before.push(at.plus(-1));
            for now in before {
                let earlier = Question { now, ..question };
                assert!(!built.decide(&earlier).granted, "seed {seed}: {question:?} at {now}");
            }
        }
    }
    assert!(told > 30, "only {told} times were told");
}

/// Everything one may change, each for itself, and the question as it is asked after it.
fn single_changes(world: &World, question: &Question) -> Vec<(Hint, World, Question)> {
    let mut changes = Vec::new();
    let mut change = |hint, with: &dyn Fn(&mut World, &mut Question)| {
        let (mut world, mut question) = (world.clone(), *question);
        with(&mut world, &mut question);
        changes.push((hint, world, question));
    };
    let lock = question.lock;
    change(Hint::NormalPosture, &|world, _| world.locks[lock].posture = Posture::Normal);
    let credential = oracle::presented(world, question.held);
    let person = match question.held {
        Held::Person(person) => Some(person),
        _ => credential.and_then(|it| world.credentials[it].person),
    };
    if let Some(it) = credential {
        change(Hint::ActivateCredential, &|world, _| {
            world.credentials[it].condition = Condition::Active;
        });
        change(Hint::ChangeValidity, &|world, _| world.credentials[it].valid = (None, None));
        change(Hint::SetPin, &|world, question| {
            world.credentials[it].pin = true;
            question.pin = PinGiven::Right;
        });
        if world.credentials[it].pin {
            change(Hint::EnterPin, &|_, question| question.pin = PinGiven::Right);
        }
    }
    if let Some(person) = person {
        change(Hint::ResumePerson, &|world, _| world.people[person] = false);
    }
    let who = person.map(Who::Person).or(credential.map(Who::Credential));
    match who {
        Some(who) => change(Hint::Grant, &|world, _| {
            world.grants.push(plain_grant(who, Where::Lock(lock)));
        }),
        None => change(Hint::RegisterCredential, &|world, question| {
            let mut new = plain_credential(None, Kind::Card, 200);
            match question.held {
                Held::Card(bits, value) => new.parts = vec![(bits, value)],
                Held::Code(code) => {
                    (new.kind, new.code, new.parts) = (Kind::Code, code, Vec::new());
                }
                _ => {}
            }
            // Whoever it is given to has a PIN and enters it.
            (new.pin, question.pin) = (true, PinGiven::Right);
            world.credentials.push(new);
            let number = world.credentials.len() - 1;
            world.grants.push(plain_grant(Who::Credential(number), Where::Lock(lock)));
        }),
    }
    changes
}

#[test]
fn a_hint_opens_and_without_one_no_single_change_does() {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    on_worlds(|_, world, questions| {
        let built = build(world, Way::default());
        for question in questions {
            // A lockout is waited for, and must not say whether it is worth it.
            let question = Question { pin_locked: false, codes_locked: false, ..*question };
            let decision = built.decide(&question);
            if decision.granted {
                assert_eq!(decision.hint(), None, "{question:?}");
                continue;
            }
            let changes = single_changes(world, &question);
            let opening: Vec<Hint> = changes
                .into_iter()
                .filter(|(_, world, question)| oracle::answer(world, question).granted)
                .map(|(hint, ..)| hint)
                .collect();
            match decision.hint() {
                Some(hint) => {
                    assert!(opening.contains(&hint), "{hint:?} does not open: {question:?}");
                    seen.borrow_mut().insert(format!("{hint:?}"));
                }
                None => assert!(opening.is_empty(), "{opening:?} would open: {question:?}"),
            }
        }
    });
    assert_eq!(seen.borrow().len(), 8, "{seen:?}");
}

#[test]
fn a_right_of_the_person_opens_with_each_of_the_persons_cards_and_from_afar() {
    on_worlds(|_, world, questions| {
        let mut world = world.clone();
        let (person, lock) = (world.people.len(), world.locks.len());
        world.people.push(false);
        world.locks.push(plain_lock());
        let first = world.credentials.len();
        for number in 0..3 {
            let kind = [Kind::Card, Kind::Code, Kind::Phone][number];
            world.credentials.push(plain_credential(Some(person), kind, 210 + number as u8));
        }
        let mut theirs = plain_grant(Who::Person(person), Where::Lock(lock));
        theirs.times = (!world.times.is_empty()).then_some(0);
        world.grants.push(theirs);
        let built = build(&world, Way::default());
        for question in questions {
            let ask = |held| {
                let question = Question { lock, held, pin: PinGiven::Missing, ..*question };
                built.decide(&Question { codes_locked: false, ..question }).granted
            };
            let expected = ask(Held::Person(person));
            for number in 0..3 {
                assert_eq!(ask(Held::Credential(first + number)), expected, "{question:?}");
            }
            assert_eq!(ask(Held::Card(32, 210)), expected, "{question:?}");
            assert_eq!(ask(Held::Code(211)), expected, "{question:?}");
        }
    });
}

#[test]
fn the_reasons_are_those_of_the_table() {
    let table = [
        ("lock_disabled", 200),
        ("lockdown", 200),
        ("credential_unknown", 201),
        ("credential_lost", 203),
        ("credential_disabled", 204),
        ("credential_not_yet_valid", 202),
        ("credential_expired", 202),
        ("person_suspended", 204),
        ("pin_not_set", 205),
        ("pin_missing", 206),
        ("pin_wrong", 206),
        ("pin_locked_out", 206),
        ("no_grant", 206),
        ("grant_not_yet_valid", 202),
        ("grant_expired", 202),
        ("outside_schedule", 207),
    ];
    let found: Vec<(&str, u16)> =
        Reason::ALL.iter().map(|reason| (reason.code(), reason.event_type())).collect();
    assert_eq!(found, table);
    assert_eq!(oracle::ORDER, table.map(|(code, _)| code));
    for reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.code()), Some(*reason));
        assert!(reason.detail().ends_with('.') && !reason.detail().contains('_'));
    }
    assert_eq!(Reason::parse("nothing"), None);
}

#[test]
fn five_tries_are_free_and_then_the_wait_doubles() {
    let (mut attempts, mut now) = (Attempts::default(), Instant(0));
    for number in 1..=5 {
        assert!(!attempts.is_locked(now), "try {number} is free");
        attempts.fail(now);
    }
    for seconds in [30, 60, 120, 240, 480, 900, 900, 900] {
        assert!(attempts.is_locked(now), "{seconds}");
        assert!(attempts.is_locked(now.plus(seconds * SECOND - 1)), "{seconds}");
        now = now.plus(seconds * SECOND);
        assert!(!attempts.is_locked(now), "{seconds}");
        attempts.fail(now);
    }
    assert!(!attempts.is_locked(now.plus(15 * MINUTE)));
}
