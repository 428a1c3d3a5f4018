//! Grants by the thousand: what is written and closed in runs is, row by row, what was meant, for
//! the one who wrote it and for the other nodes.

use claviger_domain::ids::Noun;
use claviger_domain::noun::grant::Grant;
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window};
use claviger_store::{Committed, Store, StoreError, Write};

use crate::samples;
use crate::world::{PLACE, World, on_each_store};

/// Enough for arrays on PostgreSQL, and for runs that are closed as one.
const GRANTS: u32 = 150;

/// A level and its grants, all of them in one commit.
async fn level(world: &mut World) -> Vec<Grant> {
    let people = (1..=GRANTS).map(|number| samples::person(number).into());
    let others = [samples::level(1).into(), samples::lock(1).into()];
    world.put(PLACE, people.chain(others).collect()).await;
    let grants: Vec<Grant> = (1..=GRANTS).map(|number| samples::grant(number, number, 1)).collect();
    let mut records: Vec<Record> = grants.iter().cloned().map(Record::from).collect();
    records.push(samples::membership(1, 1, 1).into());
    world.put(PLACE, records).await;
    grants
}

fn closed(grant: &Grant) -> Grant {
    let mut grant = grant.clone();
    grant.header.updated_at = Instant(9_000);
    grant.header.revision = 4;
    grant.closed = samples::closed();
    grant
}

fn write(former: &Grant, grant: &Grant) -> Write {
    Write { record: grant.clone().into(), former: Some(former.clone().into()) }
}

/// Every grant is as it was meant to be.
async fn stand(world: &World, wanted: &[Grant]) {
    for grant in wanted {
        let number = grant.header.number;
        let found = world.store.record(PLACE, Noun::Grant, number).await.unwrap();
        assert_eq!(found, Some(grant.clone().into()), "{number}");
    }
}

#[tokio::test]
async fn grants_are_closed_alone_in_runs_and_scattered() {
    type Choice = fn(u32) -> bool;
    let choices: [Choice; 6] = [
        |_| true,
        |number| number == 17,
        |number| (5..=20).contains(&number) || number == 40,
        |number| (5..=120).contains(&number) || (124..=130).contains(&number),
        |number| number % 2 == 0,
        |number| number % 3 != 0,
    ];
    for choice in choices {
        on_each_store(async |mut world| {
            let mut grants = level(&mut world).await;
            let mut writes = Vec::new();
            for grant in grants.iter_mut().filter(|grant| choice(grant.header.number)) {
                let end = closed(grant);
                writes.push(write(grant, &end));
                *grant = end;
            }
            assert_eq!(world.write(PLACE, writes).await, Ok(Committed::Done));
            stand(&world, &grants).await;
        })
        .await;
    }
}

#[tokio::test]
async fn closings_of_one_commit_may_differ_and_come_with_other_changes() {
    on_each_store(async |mut world| {
        let mut grants = level(&mut world).await;
        let mut writes = Vec::new();
        for (at, grant) in grants.iter_mut().enumerate().take(20) {
            let mut end = closed(grant);
            if at >= 10 {
                end.header.revision = 5;
            }
            // The last of them is also given an end, which the history must tell.
            if at == 19 {
                end.window = Window { from: None, until: Some(Instant(8_000)) };
            }
            writes.push(write(grant, &end));
            *grant = end;
        }
        let mut longer = grants[30].clone();
        longer.window = samples::window();
        writes.push(write(&grants[30], &longer));
        grants[30] = longer;
        let fresh = samples::grant(GRANTS + 1, 1, 1);
        writes.push(Write { record: fresh.clone().into(), former: None });
        grants.push(fresh);
        let mut short = closed(&samples::grant(GRANTS + 2, 2, 1));
        short.metadata = Some(claviger_domain::noun::Json("{}".to_owned()));
        writes.push(Write { record: short.clone().into(), former: None });
        grants.push(short);
        assert_eq!(world.write(PLACE, writes).await, Ok(Committed::Done));
        stand(&world, &grants).await;
        assert_eq!(world.number("select count(*) from history where noun = 'grant'").await, 2);
        assert_eq!(world.number("select count(*) from grants").await, i64::from(GRANTS) + 2);
    })
    .await;
}

#[tokio::test]
async fn a_closed_grant_keeps_its_external_id_and_another_takes_it_over() {
    on_each_store(async |mut world| {
        let mut grants = level(&mut world).await;
        let mut named = grants[0].clone();
        named.header.external_id = samples::text("a");
        world.change(PLACE, &grants[0].clone().into(), named.clone()).await;
        let end = closed(&named);
        let mut heir = grants[1].clone();
        heir.header.external_id = samples::text("a");
        let writes = vec![write(&grants[1], &heir), write(&named, &end)];
        assert_eq!(world.write(PLACE, writes).await, Ok(Committed::Done));
        (grants[0], grants[1]) = (end, heir);
        stand(&world, &grants).await;
    })
    .await;
}

#[tokio::test]
async fn a_new_record_never_replaces_one_that_is_there() {
    on_each_store(async |mut world| {
        let grants = level(&mut world).await;
        let mut other = samples::grant(3, 4, 1);
        other.header.id = crate::world::id(12_345);
        let twin = Write { record: other.into(), former: None };
        let refused = world.write(PLACE, vec![twin]).await.unwrap_err();
        let wanted = StoreError::Conflict { constraint: "grants.place, grants.number".to_owned() };
        assert_eq!(refused, wanted);
        stand(&world, &grants).await;
    })
    .await;
}

/// The place as the other node has it once it has caught up.
async fn caught_up(node: &Store, mut state: PlaceState, revision: u64) -> PlaceState {
    let caught = node.catch_up(PLACE, revision).await.unwrap().unwrap();
    let mut seen: Vec<(Noun, u32)> =
        caught.records.iter().map(|record| (record.noun(), record.header().number)).collect();
    let all = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), all, "a record comes once");
    caught.records.iter().for_each(|record| state.apply(record));
    state
}

#[tokio::test]
async fn another_node_reads_runs_of_records() {
    on_each_store(async |mut world| {
        let node = Store::open(&world.location, world.secrets.clone()).await.unwrap();
        let (state, head) = node.load().await.unwrap().places.into_iter().next().unwrap();
        let grants = level(&mut world).await;
        let notes = "select count(*) from touched where noun = 'grant'";
        assert_eq!(world.number(notes).await, 1, "one note for all grants of a commit");
        let first = caught_up(&node, state.clone(), head.revision).await;
        let numbers = |state: &PlaceState| {
            state.grants.iter().map(|grant| grant.header.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&first), (1..=GRANTS).collect::<Vec<_>>());
        let between = world.head(PLACE).revision;

        let gone = |number: u32| (11..=20).contains(&number) || number > 50;
        let ended = grants.iter().filter(|grant| gone(grant.header.number));
        let writes = ended.map(|grant| write(grant, &closed(grant))).collect();
        assert_eq!(world.write(PLACE, writes).await, Ok(Committed::Done));
        assert_eq!(world.number(notes).await, 3, "one more for each run");
        let left: Vec<u32> = (1..=GRANTS).filter(|number| !gone(*number)).collect();
        assert_eq!(numbers(&caught_up(&node, first, between).await), left);
        let late = caught_up(&node, state, head.revision).await;
        assert_eq!(numbers(&late), left, "both commits at once");
        assert_eq!((late.people.len(), late.memberships.len()), (GRANTS as usize, 1));
        let loaded = node.load().await.unwrap().places.into_iter().next().unwrap().0;
        assert_eq!(numbers(&loaded), left);
    })
    .await;
}
