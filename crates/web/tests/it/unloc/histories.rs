//! Any history of changes of groups comes to what is worked out from scratch, with lists read and
//! the server restarted in the middle.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Unloc, phone};
use crate::support::{World, id, on_each_engine};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % most
    }

    /// Some of the numbers below `most`, a few of them twice.
    fn some(&mut self, most: usize) -> Vec<usize> {
        let count = self.below(4);
        (0..count).map(|_| self.below(most)).collect()
    }
}

/// What a group should be.
#[derive(Clone, Debug, Default)]
struct Group {
    id: String,
    people: BTreeSet<usize>,
    locks: BTreeSet<usize>,
    deleted: bool,
}

type Pair = (String, String, String);

/// The pairs of person and lock, each with the group it comes through.
fn wanted(groups: &[Group], doors: &[String]) -> BTreeSet<Pair> {
    let live = groups.iter().filter(|group| !group.deleted);
    let pairs = live.flat_map(|group| {
        group.people.iter().flat_map(move |person| {
            let key = move |lock: &usize| (group.id.clone(), phone(*person), doors[*lock].clone());
            group.locks.iter().map(key)
        })
    });
    pairs.collect()
}

/// The live keys as they are listed, each seen once.
async fn listed(program: &Unloc, limit: usize) -> BTreeSet<Pair> {
    let keys = program.keys("&excludeStates=revoked", limit).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pair = |key: &Value| {
        (text(&key["accessGroup"]["id"]), text(&key["appUser"]["id"]), text(&key["lockId"]))
    };
    let pairs: BTreeSet<Pair> = keys.iter().map(pair).collect();
    assert_eq!(pairs.len(), keys.len(), "a key is listed twice");
    pairs
}

/// The group after people and locks came and went.
fn changed(group: &Group, [add, remove, locks_in, locks_out]: &[Vec<usize>; 4]) -> Group {
    let mut group = group.clone();
    group.people.extend(add);
    group.people.retain(|person| !remove.contains(person));
    group.locks.extend(locks_in);
    group.locks.retain(|lock| !locks_out.contains(lock));
    group
}

async fn change(program: &Unloc, group: &mut Group, doors: &[String], dice: &mut Dice) {
    let mut lists = [dice.some(9), dice.some(9), dice.some(5), dice.some(5)];
    for (add, remove) in [(0, 1), (2, 3)] {
        let added = lists[add].clone();
        lists[remove].retain(|it| !added.contains(it));
    }
    let phones = |list: &[usize]| list.iter().map(|it| phone(*it)).collect::<Vec<_>>();
    let locks = |list: &[usize]| list.iter().map(|it| doors[*it].clone()).collect::<Vec<_>>();
    let path = format!("/access-groups/{}/update-accesses", group.id);
    let body = json!({
        "appUserIdsToAdd": phones(&lists[0]), "appUserIdsToRemove": phones(&lists[1]),
        "lockIdsToAdd": locks(&lists[2]), "lockIdsToRemove": locks(&lists[3]),
    });
    let path = program.path(&path);
    if dice.below(8) == 0 {
        // The caller goes away in the middle; the change is whole or not there.
        let (actor, text) = (program.actor.clone(), body.to_string());
        let sending = async move { actor.send("POST", &path, &[], Some(text)).await };
        let _ = tokio::time::timeout(std::time::Duration::from_micros(300), sending).await;
        // Who holds the group lets go.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let mut there = listed(program, 7).await;
        there.retain(|(of, _, _)| *of == group.id);
        let former = wanted(std::slice::from_ref(group), doors);
        let after = wanted(&[changed(group, &lists)], doors);
        assert!(there == former || there == after, "half a change: {there:?}");
        // The same change again comes to the same.
        let again = program.path(&format!("/access-groups/{}/update-accesses", group.id));
        program.actor.post(&again, body).await.expect(200);
    } else {
        program.actor.post(&path, body).await.expect(200);
    }
    *group = changed(group, &lists);
}

async fn history(world: World, seed: u64, steps: usize) {
    let mut world = world;
    let mut program = Unloc::at(&world).await;
    let mut dice = Dice(seed);
    let mut doors = Vec::new();
    for number in 0..5 {
        doors.push(id(&program.it.lock(&format!("Door {number}")).await).to_owned());
    }
    let mut groups: Vec<Group> = Vec::new();
    for step in 0..steps {
        let live: Vec<usize> = (0..groups.len()).filter(|group| !groups[*group].deleted).collect();
        match dice.below(10) {
            0 if live.len() < 4 => {
                let (people, locks) = (dice.some(9), dice.some(5));
                let phones: Vec<String> = people.iter().map(|it| phone(*it)).collect();
                let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
                let ids: Vec<&str> = locks.iter().map(|it| doors[*it].as_str()).collect();
                let made = program.group(&format!("Group {step}"), &ids, &phones).await;
                let (people, locks) = (people.into_iter().collect(), locks.into_iter().collect());
                let id = id(&made).to_owned();
                groups.push(Group { id, people, locks, deleted: false });
            }
            1 if live.len() > 2 => {
                let group = &mut groups[live[dice.below(live.len())]];
                program.delete(&format!("/access-groups/{}", group.id)).await.expect(204);
                group.deleted = true;
            }
            2 if step % 3 == 0 => {
                world = world.restarted().await;
                program.actor = world.admin.with(program.actor.token.clone());
                program.it = world.here();
            }
            _ if !live.is_empty() => {
                let group = live[dice.below(live.len())];
                change(&program, &mut groups[group], &doors, &mut dice).await;
            }
            _ => {}
        }
        let found = listed(&program, 1 + dice.below(7)).await;
        assert_eq!(found, wanted(&groups, &doors), "seed {seed}, step {step}");
    }
}

#[tokio::test]
async fn any_history_comes_to_what_is_worked_out_from_scratch() {
    // One long history and some short ones; a hundred with `CLAVIGER_LONG=1`.
    let more = if std::env::var_os("CLAVIGER_LONG").is_some() { 100 } else { 3 };
    for (seed, steps) in (7..7 + more).zip(std::iter::once(60).chain(std::iter::repeat(20))) {
        on_each_engine(|world| history(world, seed, steps)).await;
    }
}

/// Pages read while the group changes repeat nothing and leave out nothing that stays.
#[tokio::test]
async fn pages_are_stable_while_a_group_changes() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let mut doors = Vec::new();
        for number in 0..4 {
            doors.push(id(&program.it.lock(&format!("Door {number}")).await).to_owned());
        }
        let people: Vec<String> = (0..30).map(phone).collect();
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        let locks: Vec<&str> = doors.iter().map(String::as_str).collect();
        let group = program.group("Staff", &locks, &people).await;
        let before: BTreeSet<Pair> = listed(&program, 100).await;
        let update = format!("/access-groups/{}/update-accesses", id(&group));
        let mut seen: Vec<Value> = Vec::new();
        let mut turn = 0;
        loop {
            let after = seen.last().map(|key| format!("&startAfterId={}", id(key)));
            let path = format!("/keys?limit=7{}", after.unwrap_or_default());
            let page = program.get(&path).await.expect(200);
            let found = page["keys"].as_array().unwrap();
            seen.extend(found.iter().cloned());
            if found.len() < 7 {
                break;
            }
            let body = match turn % 4 {
                0 => json!({ "appUserIdsToRemove": [phone(turn)] }),
                1 => json!({ "appUserIdsToAdd": [phone(100 + turn)] }),
                2 => json!({ "lockIdsToRemove": [doors[turn % 4]] }),
                _ => json!({ "lockIdsToAdd": doors }),
            };
            program.post(&update, body).await.expect(200);
            turn += 1;
        }
        let ids: BTreeSet<&str> = seen.iter().map(id).collect();
        assert_eq!(ids.len(), seen.len(), "a key is seen twice");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pairs: BTreeSet<Pair> = seen
            .iter()
            .map(|key| {
                let group = text(&key["accessGroup"]["id"]);
                (group, text(&key["appUser"]["id"]), text(&key["lockId"]))
            })
            .collect();
        assert!(before.is_subset(&pairs), "a key that was there is missing");
    })
    .await;
}
