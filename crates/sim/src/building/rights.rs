//! Makes a building's grants: people to levels, some people and badges straight to locks.
//!
//! Rarities come at fixed indexes rather than by chance, so that even a small building has them.

use super::doors::weekly;
use super::{Building, Grant, Schedule, Subject, Target, Window};
use crate::rng::Rng;

/// Every person but each 20th is in one to three levels; each third also has a lock of their own.
pub(super) fn grants(rng: &mut Rng, building: &Building) -> Vec<Grant> {
    let mut wishes = Vec::new();
    for at in 0..building.people.len() {
        if at % 20 == 19 {
            continue;
        }
        let count = 1 + rng.index(3);
        let levels = rng.sample(building.levels.len(), count);
        wishes.extend(levels.into_iter().map(|level| (Subject::Person(at), Target::Level(level))));
        if at % 3 == 0 && !building.locks.is_empty() {
            wishes.push((Subject::Person(at), Target::Lock(rng.index(building.locks.len()))));
        }
    }
    for (at, credential) in building.credentials.iter().enumerate() {
        if credential.person.is_none() || at % 37 == 2 {
            let locks = rng.sample(building.locks.len(), 2);
            wishes.extend(
                locks.into_iter().map(|lock| (Subject::Credential(at), Target::Lock(lock))),
            );
        }
    }
    wishes
        .into_iter()
        .enumerate()
        .map(|(at, (subject, target))| Grant {
            external_id: format!("sim-{}-grant-{at:05}", building.tag),
            subject,
            target,
            window: window(at),
            schedule: schedule(at),
        })
        .collect()
}

/// Far enough from today that a building furnished once stays as it was meant for a month.
fn window(at: usize) -> Window {
    match at % 24 {
        5 => Window { from_day: Some(-200), until_day: Some(-30) },
        11 => Window { from_day: Some(45), until_day: Some(400) },
        3 | 15 => Window { from_day: Some(-60), until_day: Some(120) },
        20 => Window { from_day: Some(-10), until_day: None },
        _ => Window::default(),
    }
}

/// Every 14th has hours of its own.
fn schedule(at: usize) -> Option<Schedule> {
    (at % 14 == 9).then(|| weekly(&["tue", "thu"], "17:30", "22:00"))
}
