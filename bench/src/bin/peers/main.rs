//! The same questions decided by policy engines, with the same answers on every one of them.
//!
//! They are spared what Claviger does for each question: they are handed the person and the clock
//! on the wall instead of a card and an instant, and their inputs are made before the clock runs.

mod by_casbin;
mod by_cedar;
mod by_regorus;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant as Clock;

use clap::Parser;
use claviger_domain::ids::PlaceNumber;

use claviger_bench::decisions::{granted, state};
use claviger_bench::show::{Sorted, Table};
use claviger_bench::world::{LARGE, Question, SMALL, Size, World, place};

const QUESTIONS: usize = 2_000;
/// Some engines look at every policy for each question, and there are fifty times as many.
const LARGE_QUESTIONS: usize = 100;
const TURNS: usize = 7;

/// The clock on the wall at a question.
#[derive(Clone, Copy)]
pub struct Wall {
    /// From Monday, 0.
    pub day: u8,
    pub minute: u16,
    /// As 20261224.
    pub date: u32,
}

impl Wall {
    fn of(question: &Question) -> Wall {
        let zone = place(PlaceNumber(1)).zone;
        let at_s = question.now.seconds();
        let wall_s = at_s + zone.stretch(at_s).offset_s;
        let days = wall_s.div_euclid(86_400);
        // Howard Hinnant's civil_from_days.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let (d, m) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
        let y = yoe + era * 400 + i64::from(m <= 2);
        Wall {
            day: ((days + 3).rem_euclid(7)) as u8,
            minute: (wall_s.rem_euclid(86_400) / 60) as u16,
            date: (y * 10_000 + m * 100 + d) as u32,
        }
    }
}

/// One who decides the question with that number.
type Decider = Box<dyn FnMut(usize) -> bool>;
/// What makes one of a world and the questions that will be asked.
type Make = fn(&World, &[(Question, Wall)]) -> Decider;

const PEERS: [(&str, Make); 4] = [
    ("cedar-policy 4.14", by_cedar::decider),
    ("casbin 2.20", by_casbin::decider),
    ("regorus 0.14, interpreter", by_regorus::interpreter),
    ("regorus 0.14, its virtual machine", by_regorus::machine),
];

/// Figures of policy engines beside Claviger's.
#[derive(Parser)]
struct Args {
    /// Also the large world, which takes minutes and gigabytes.
    #[arg(long)]
    large: bool,
    /// The page whose table is to be written anew.
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() {
    let args = Args::parse();
    let mut table = Table::new("peers");
    run(&mut table, "small", SMALL, QUESTIONS);
    if args.large {
        run(&mut table, "large", LARGE, LARGE_QUESTIONS);
    }
    if let Some(page) = &args.write {
        table.write(page);
    }
}

fn run(table: &mut Table, name: &str, size: Size, count: usize) {
    let world = World::new(size, PlaceNumber(7));
    let state = state(&world);
    let questions = world.questions(count, 5);
    let asked: Vec<(Question, Wall)> = questions.iter().map(|it| (*it, Wall::of(it))).collect();
    let right: Vec<bool> = questions.iter().map(|it| granted(&state, it)).collect();
    // As often as it takes to be worth a clock.
    let times = 40_000 / count;
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    // One after the other: the large world of some does not fit beside that of others.
    for (peer, make) in PEERS {
        let begun = Clock::now();
        let mut decider = make(&world, &asked);
        let made_s = begun.elapsed().as_secs();
        let wrong = (0..count).filter(|at| decider(*at) != right[*at]).count();
        assert_eq!(wrong, 0, "{peer} answers {wrong} questions otherwise");
        let mut took = Vec::new();
        for _ in 0..TURNS {
            let start = Clock::now();
            for _ in 0..times {
                questions.iter().for_each(|it| {
                    black_box(granted(&state, black_box(it)));
                });
            }
            ours.push(start.elapsed().as_secs_f64() * 1e9 / (times * count) as f64);
            let start = Clock::now();
            (0..count).for_each(|at| {
                black_box(decider(black_box(at)));
            });
            took.push(start.elapsed().as_secs_f64() * 1e9 / count as f64);
        }
        let took = Sorted::new(took);
        // The large world takes minutes: what is known is shown at once.
        let (all_s, us) = (begun.elapsed().as_secs(), took.median() / 1e3);
        eprintln!("{name} world, {peer}: made in {made_s} s, done after {all_s} s, {us:.1} µs");
        theirs.push((peer, took));
    }
    let ours = Sorted::new(ours);
    let open = right.iter().filter(|it| **it).count();
    let what = format!(
        "one decision of {count} about the {name} world ({:.0} % granted): Claviger",
        open as f64 * 100.0 / count as f64
    );
    table.row(what, format!("{:.0} ns median, {:.0} best", ours.median(), ours.best()), "");
    for (peer, took) in theirs {
        let figure = format!(
            "{:.1} µs median, {:.1} best: {:.0} × slower (bests {:.0} ×); the same answer to all",
            took.median() / 1e3,
            took.best() / 1e3,
            took.median() / ours.median(),
            took.best() / ours.best()
        );
        table.row(format!("{name} world: {peer}"), figure, "≥ 250 ×");
    }
}
