//! Model test of provisioning: administrators, a controller, its line, its power and the server
//! itself do at random what they may do. Throughout, whatever the server reports as told is not
//! accepted by the controller, and nothing stands in its list that the server never sent. Once the
//! faults stop and time goes on, the list is what it should be.
//!
//! The controller is the simulator's: it decides by its own reading of the protocol, and the
//! server's decisions are its measure. 8 histories, or 2 000 with `CLAVIGER_LONG=1`;
//! `CLAVIGER_SEED=n` repeats the one that failed.

mod checks;
mod history;
mod wishes;
mod world;

use claviger_store::Location;
use claviger_store::testing::{postgresql, sqlite};

use history::History;

const STEPS: u32 = 160;

/// The seeds of this run, `CLAVIGER_SEED` alone where it is set.
fn seeds(short: u64, long: u64) -> std::ops::RangeInclusive<u64> {
    let only = std::env::var("CLAVIGER_SEED").ok().and_then(|seed| seed.parse().ok());
    match only {
        Some(seed) => seed..=seed,
        None if std::env::var_os("CLAVIGER_LONG").is_some() => 1..=long,
        None => 1..=short,
    }
}

async fn history(location: Location, seed: u64) {
    let mut history = History::begin(location, seed).await;
    for _ in 0..STEPS {
        history.step().await;
        history.check().await;
    }
    history.come_to_rest().await;
    history.check_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_become_what_they_should_be_on_sqlite() {
    for seed in seeds(8, 2000) {
        history(sqlite(), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_become_what_they_should_be_on_postgresql() {
    for seed in seeds(2, 100) {
        let Some(url) = postgresql() else { return };
        history(Location::Postgres(url), seed).await;
    }
}
