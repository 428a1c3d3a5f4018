//! The model: a server, four locks with the crate that is in firmware, eight devices, and chance.
//! After each step the invariants are looked at; at the end, in the quiet, that everybody opens who
//! should. 1 000 seeds of 500 steps, 200 000 of 2 000 with `CLAVIGER_LONG=1`; `CLAVIGER_SEED=n`
//! repeats the one that failed. Signatures are stood in for, but for a few seeds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod audit;
#[allow(dead_code, reason = "shared with the other tests")]
#[path = "../it/board.rs"]
mod board;
#[allow(dead_code, reason = "shared with the other tests")]
#[path = "../it/build.rs"]
mod build;
mod dice;
mod door;
mod planted;
mod quiet;
mod server;
mod signer;
mod steps;
mod world;

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use audit::Holds;
use server::Slip;
use world::World;

/// One run: how it ended, with the last steps.
fn run(seed: u64, steps: u32, real: bool, slip: Option<Slip>) -> Holds {
    claviger_offline::faults::stand_in(!real);
    let mut world = World::new(seed, real, slip);
    let mut holds = world.look_at_server();
    for _ in 0..steps {
        holds = holds.and_then(|()| world.step());
    }
    holds = holds.and_then(|()| world.comes_to_rest());
    holds.map_err(|broken| {
        let from = world.steps.len().saturating_sub(12);
        format!(
            "CLAVIGER_SEED={seed}: {broken}\nafter step {}: {:?}",
            world.steps.len(),
            &world.steps[from..]
        )
    })
}

fn is_long() -> bool {
    std::env::var_os("CLAVIGER_LONG").is_some()
}

fn seeds(short: u64, long: u64) -> RangeInclusive<u64> {
    let only = std::env::var("CLAVIGER_SEED").ok().and_then(|seed| seed.parse().ok());
    match only {
        Some(seed) => seed..=seed,
        None => 1..=if is_long() { long } else { short },
    }
}

/// All seeds, on all cores.
fn run_all(seeds: RangeInclusive<u64>, steps: u32, real: bool) {
    let (next, broken) = (AtomicU64::new(*seeds.start()), Mutex::new(Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while broken.lock().unwrap().is_empty() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > *seeds.end() {
                        break;
                    }
                    if let Err(what) = run(seed, steps, real, None) {
                        broken.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn whatever_happens_the_invariants_hold() {
    run_all(seeds(1_000, 200_000), if is_long() { 2_000 } else { 500 }, false);
}

#[test]
fn they_hold_with_real_signatures() {
    run_all(seeds(4, 400), if is_long() { 2_000 } else { 250 }, true);
}
