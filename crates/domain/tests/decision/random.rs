//! The engine against the oracle on random worlds.

use super::build::{Way, build};
use super::generate::{self, Random};
use super::oracle;
use super::world::{Question, World};

const A_WORLD: usize = 50;
const COMMIT: usize = 20_000;
const LONG: usize = 10_000_000;
/// `opens_at` is asked of every so-manieth question: the oracle walks through a year for it.
const OPENS_AT: usize = 8;

/// What differs, if anything.
fn difference(world: &World, way: Way, question: &Question, later: bool) -> Option<String> {
    let built = build(world, way);
    let decision = built.decide(question);
    let (found, expected) = (built.in_words(&decision), oracle::answer(world, question));
    if found != expected {
        return Some(format!("the engine says {found:?},\nthe oracle {expected:?}"));
    }
    if decision.granted != decision.reasons.is_empty() {
        return Some("granted with a reason, or denied without".to_owned());
    }
    if later {
        let (found, expected) = (decision.opens_at(), oracle::opens_at(world, question));
        if found != expected {
            return Some(format!("opens_at: the engine says {found:?}, the oracle {expected:?}"));
        }
    }
    None
}

/// The smallest world made by leaving things out that still shows a difference.
fn shrunk(world: &World, way: Way, question: &Question) -> World {
    let mut world = world.clone();
    let differs = |world: &World| difference(world, way, question, true).is_some();
    loop {
        let mut smaller: Vec<World> = Vec::new();
        smaller.extend((0..world.grants.len()).map(|grant| world.without_grant(grant)));
        for grant in 0..world.grants.len() {
            let mut other = world.clone();
            let it = &mut other.grants[grant];
            if it.window != (None, None) {
                it.window = (None, None);
            } else if it.times.is_some() {
                it.times = None;
            } else {
                continue;
            }
            smaller.push(other);
        }
        let lock = question.lock;
        for part in 0..3 {
            let mut other = world.clone();
            match part {
                0 => other.locks[lock].unlock.take(),
                1 => other.locks[lock].pin_times.take(),
                _ => other.levels.iter_mut().find_map(Option::take),
            }
            .is_some()
            .then(|| smaller.push(other));
        }
        match smaller.into_iter().find(differs) {
            Some(found) => world = found,
            None => return world,
        }
    }
}

fn way(random: &mut Random) -> Way {
    Way { detours: random.once_in(2), shared: random.once_in(4), inline: random.once_in(3) }
}

fn ask(seed: u64, questions: usize) -> [usize; 4] {
    let mut random = Random(seed);
    let (world, around) = generate::world(&mut random);
    let way = way(&mut random);
    let built = build(&world, way);
    let mut counts = [0; 4];
    for number in 0..questions {
        let question = generate::question(&mut random, &world, around);
        let decision = built.decide(&question);
        let found = built.in_words(&decision);
        let expected = oracle::answer(&world, &question);
        let later = number % OPENS_AT == 0;
        let opens_at = if later { decision.opens_at() } else { None };
        let same_later = !later || opens_at == oracle::opens_at(&world, &question);
        let session = decision.session().map(|it| (it.start_within_s, it.log_off_after_s));
        let known = oracle::presented(&world, question.held);
        let hints = known.and_then(|it| world.credentials[it].session);
        let session_right = session == hints.filter(|_| expected.granted);
        if found != expected || !same_later || !session_right {
            let small = shrunk(&world, way, &question);
            let why = difference(&small, way, &question, true);
            panic!(
                "CLAVIGER_SEED={seed}, question {number}\n{question:?}\nin the world\n{small:?}\n\
                 made {way:?}\nsession {session:?}\n{}",
                why.unwrap_or_default()
            );
        }
        counts[usize::from(found.granted)] += 1;
        counts[2] += usize::from(opens_at.is_some());
        counts[3] += usize::from(found.method == "free_access");
    }
    counts
}

#[test]
fn the_engine_agrees_with_the_oracle() {
    if let Ok(seed) = std::env::var("CLAVIGER_SEED") {
        let seed = seed.parse().expect("CLAVIGER_SEED is a number");
        ask(seed, A_WORLD);
        return;
    }
    let long = std::env::var("CLAVIGER_LONG").is_ok_and(|value| value == "1");
    let questions = if long { LONG } else { COMMIT };
    let mut counts = [0; 4];
    for seed in 0..(questions / A_WORLD) as u64 {
        let here = ask(seed, A_WORLD);
        counts.iter_mut().zip(here).for_each(|(sum, more)| *sum += more);
    }
    let [denied, granted, opening, free] = counts;
    println!(
        "{questions} questions: {granted} granted ({free} free), {denied} denied, {opening} later"
    );
    // A generator that always says the same would prove nothing.
    assert!(granted > questions / 20 && denied > questions / 20, "{counts:?}");
    assert!(granted - free > questions / 20 && opening > questions / 200, "{counts:?}");
}
