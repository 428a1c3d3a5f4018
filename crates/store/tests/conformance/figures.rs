//! What writing and loading cost. Not run by default:
//! `cargo test -p claviger-store --all-features --release --test conformance -- --ignored figures
//! --nocapture --test-threads 1`.
//!
//! Must not fail on a slow machine: it shows what the machine says.

use std::time::Instant as Clock;

use claviger_domain::ids::{LockNumber, PersonNumber};
use claviger_domain::noun::event::Event;
use claviger_domain::record::Record;
use claviger_store::{EventFilter, Write};

use crate::events::{event, filing};
use crate::samples;
use crate::world::{PLACE, World, on_each_store};

fn people(from: u32, until: u32) -> Vec<Record> {
    let mut records = Vec::new();
    for number in from..until {
        let mut it = samples::person(number);
        it.details.first_name = samples::text("Anna");
        it.details.last_name = samples::text("Andersson");
        it.details.email = Some(format!("anna{number}@example.org"));
        records.push(it.into());
        let mut it = samples::credential(number);
        it.person = Some(PersonNumber(number));
        records.push(it.into());
    }
    records
}

async fn ground(world: &mut World) {
    let levels = (1..=200).map(|number| samples::level(number).into());
    let locks = (1..=1_000).map(|number| samples::lock(number).into());
    let inside =
        (1..=1_000).map(|number| samples::membership(number, number % 200 + 1, number).into());
    world.put(PLACE, levels.chain(locks).chain(inside).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "says figures, checks nothing"]
async fn figures_of_a_commit() {
    on_each_store(async |mut world| {
        ground(&mut world).await;
        world.put(PLACE, people(1, 101)).await;
        for round in 0..3_u32 {
            // 5 000 grants, 50 people and 50 credentials.
            let mut records = people(1_000 + round * 50, 1_050 + round * 50);
            let first = round * 5_000 + 1;
            records
                .extend((first..first + 5_000).map(|n| samples::grant(n, n % 100 + 1, 1).into()));
            let rows = records.len();
            let start = Clock::now();
            world.put(PLACE, records.clone()).await;
            println!("{rows} new rows: {:?}", start.elapsed());
            let write = |record: Record| {
                let mut after = record.clone();
                if let Record::Grant(it) = &mut after {
                    std::sync::Arc::make_mut(it).closed = samples::closed();
                }
                Write { record: after, former: Some(record) }
            };
            let start = Clock::now();
            let writes = records.into_iter().map(write).collect();
            world.write(PLACE, writes).await.unwrap();
            println!("{rows} changed rows: {:?}", start.elapsed());
        }
        let start = Clock::now();
        for n in 0..200 {
            world.put(PLACE, vec![samples::grant(90_000 + n, 1, 1).into()]).await;
        }
        println!("one grant: {:?}", start.elapsed() / 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "says figures, checks nothing"]
async fn figures_of_loading() {
    on_each_store(async |mut world| {
        ground(&mut world).await;
        for from in (1..100_000).step_by(10_000) {
            world.put(PLACE, people(from, from + 10_000)).await;
        }
        for from in (1..1_000_000).step_by(20_000) {
            let one = |n: u32| samples::grant(n, n % 100_000 + 1, n % 200 + 1).into();
            world.put(PLACE, (from..from + 20_000).map(one).collect()).await;
        }
        for _ in 0..3 {
            let start = Clock::now();
            let loaded = world.store.load().await.unwrap();
            println!("loaded {} grants: {:?}", loaded.places[0].0.grants.len(), start.elapsed());
        }
    })
    .await;
}

/// Pages of a log in the order of ids: of a place of 1 000 locks, of a lock where nearly all
/// happened, and of locks where little did.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "says figures, checks nothing"]
async fn figures_of_the_log() {
    on_each_store(async |world| {
        let lock = |n: u32| match n {
            n if n % 30_000 == 7 => 2,
            n if n % 100 == 0 => 3 + n / 100 % 1_000,
            _ => 1,
        };
        for from in (1..120_001).step_by(8_000) {
            let one = |n| Event { lock: LockNumber(lock(n)), ..event(n) };
            let events = (from..from + 8_000).map(one).collect();
            world.store.record_events(PLACE, events, Vec::new()).await.unwrap();
        }
        while world.store.file_events(filing(4_096)).await.unwrap() {}
        for (what, lock, before) in [
            ("no lock", None, None),
            ("no lock, from the middle", None, Some(60_000)),
            ("the busy lock", Some(1), None),
            ("the busy lock, from the middle", Some(1), Some(60_000)),
            ("a lock with 4 events", Some(2), None),
            ("a lock with 1 event", Some(500), None),
            ("a lock with none", Some(5_000), None),
        ] {
            for granted in [None, Some(true), Some(false)] {
                let filter = EventFilter {
                    lock: lock.map(LockNumber),
                    granted,
                    before_id: before.map(|n| event(n).id),
                    from_id: Some(event(1).id),
                    by_id: true,
                    newest_first: true,
                    ..EventFilter::default()
                };
                let start = Clock::now();
                let found = world.store.events(PLACE, &filter, 2_500).await.unwrap().len();
                println!("{what}, granted {granted:?}: {found} in {:?}", start.elapsed());
            }
        }
    })
    .await;
}
