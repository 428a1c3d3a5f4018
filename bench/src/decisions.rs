//! Decisions in process: the way from ids and card digits of the outside to the answer.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant as Clock;

use claviger_domain::decision::{
    Decision, Door, Lockouts, Pin, Presented, Recognised, Request, decide,
};
use claviger_domain::ids::{LockNumber, Noun, PersonNumber, PlaceNumber};
use claviger_domain::state::{PlaceState, Reach};

use crate::show::{Sorted, Table, mib, resident};
use crate::world::{LARGE, Question, SMALL, Size, World, place};

/// Questions timed together, because a clock costs as much as an answer.
const BATCH: usize = 1_000;

/// One question, as `app` asks it.
#[inline]
pub fn ask<'s>(state: &'s PlaceState, question: &Question) -> Option<Decision<'s>> {
    let recognised = Recognised::by(state, Presented::Card(question.card));
    let number = LockNumber(state.number_of(Noun::Lock, question.lock)?);
    let door = Door::at(state, number)?;
    let request = Request {
        lock: number,
        recognised,
        pin: Pin::Missing,
        lockouts: Lockouts::default(),
        now: question.now,
    };
    Some(decide(door, &request))
}

pub fn granted(state: &PlaceState, question: &Question) -> bool {
    ask(state, question).is_some_and(|decision| decision.granted)
}

pub fn state(world: &World) -> PlaceState {
    let mut state = PlaceState::new(Arc::new(place(world.place)));
    world.ground().for_each(|record| state.apply(&record));
    world.grants().for_each(|record| state.apply(&record));
    state
}

/// Nanoseconds per decision, of each batch.
pub fn batches(state: &PlaceState, questions: &[Question], rounds: usize) -> Vec<f64> {
    let mut found = Vec::new();
    for _ in 0..rounds {
        for batch in questions.chunks_exact(BATCH) {
            let start = Clock::now();
            for question in batch {
                black_box(granted(state, black_box(question)));
            }
            found.push(start.elapsed().as_secs_f64() * 1e9 / BATCH as f64);
        }
    }
    found
}

pub fn run(table: &mut Table, large: bool) {
    one(table, "small", SMALL, 200_000, "≤ 60 ns");
    if large {
        one(table, "large", LARGE, 400_000, "≤ 300 ns");
    }
}

fn one(table: &mut Table, name: &str, size: Size, count: usize, bar: &str) {
    let world = World::new(size, PlaceNumber(7));
    let questions = world.questions(count, 5);
    let before = resident();
    let start = Clock::now();
    let mut state = PlaceState::new(Arc::new(place(world.place)));
    world.ground().for_each(|record| state.apply(&record));
    let ground = resident();
    world.grants().for_each(|record| state.apply(&record));
    let (built, after) = (start.elapsed(), resident());
    let open = questions.iter().filter(|it| granted(&state, it)).count();
    let found = Sorted::new(batches(&state, &questions, if count > 200_000 { 5 } else { 10 }));
    let Size { people, locks, levels, .. } = size;
    let what = format!(
        "{name} world, {people} people × {locks} locks × {levels} levels, all with schedules: one \
         decision, ids and card looked up, {:.0} % granted",
        open as f64 * 100.0 / count as f64
    );
    let figure = format!(
        "{:.0} ns median, {:.0} best, {:.0} at 99 %, of {BATCH} at a time",
        found.median(),
        found.best(),
        found.at(0.99)
    );
    table.row(what, figure, bar);
    let members = world.memberships();
    let figure = format!("{:.1} bytes", index_bytes(&state, &size) / members as f64);
    let bar = if name == "large" { "≤ 16 bytes" } else { "" };
    table.row(format!("{name} world: index rows per membership ({members})"), figure, bar);
    let figure = format!(
        "{}, of which {} for grants and all about them ({:.0} bytes each); built in {:.1} s",
        mib(after - before),
        mib(after - ground),
        (after - ground) / members as f64,
        built.as_secs_f64()
    );
    table.row(format!("{name} world: memory of the whole place"), figure, "");
}

/// What the rows that decisions walk take, counted from what is in them. A person: a row of 64
/// bytes and one of 48 for the numbers of the first twelve grants; a credential: 4 bytes; a lock:
/// a row of 64 bytes with eight levels; a level: 4 bytes. The rest is in lists.
fn index_bytes(state: &PlaceState, size: &Size) -> f64 {
    let mut bytes = (4 * size.people + 4 * size.levels) as usize;
    for person in 1..=size.people {
        let grants = state.person_reach(PersonNumber(person)).iter().count();
        // An `Arc` of a `Vec`: two counts, three words, and the elements.
        bytes += 64 + 48 + if grants > 12 { 40 + (grants - 12) * size_of::<Reach>() } else { 0 };
    }
    for lock in 1..=size.locks {
        let levels = state.lock_levels(LockNumber(lock)).iter().count();
        bytes += 64 + if levels > 8 { 16 + (levels - 8) * 4 } else { 0 };
    }
    bytes as f64
}
