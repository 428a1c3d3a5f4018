//! Every noun comes back as it was written; no row points over the fence of its place.

use std::sync::Arc;

use claviger_domain::ids::{LockNumber, Noun, PersonNumber, PlaceNumber};
use claviger_domain::noun::grant::{Subject, Target};
use claviger_domain::record::Record;
use claviger_domain::time::Instant;
use claviger_store::{Committed, Digits, Secrets, Store, StoreError, Write};

use crate::samples;
use crate::world::{DIRECTORY, OTHER, PLACE, World, on_each_store};

async fn full(world: &mut World) -> Vec<(PlaceNumber, Record)> {
    let of_place = samples::of_place(&world.secrets);
    // A client of the directory refers to the place, whose people refer to the directory.
    let new = |record| Write { record, former: None };
    let parts = vec![
        world.part(PLACE, of_place.clone().into_iter().map(new).collect()),
        world.part(DIRECTORY, samples::directory().into_iter().map(new).collect()),
    ];
    assert_eq!(world.commit(parts).await, Ok(Committed::Done));
    let mut borrowed = samples::lock(1);
    borrowed.borrowed = Some((PLACE, LockNumber(1)));
    world.put(OTHER, vec![borrowed.clone().into()]).await;
    let mut all = vec![
        (DIRECTORY, samples::organization()),
        (PLACE, samples::place(PLACE)),
        (OTHER, samples::place(OTHER)),
        (OTHER, borrowed.into()),
    ];
    all.extend(samples::directory().into_iter().map(|record| (DIRECTORY, record)));
    all.extend(of_place.into_iter().map(|record| (PLACE, record)));
    all
}

#[tokio::test]
async fn records_come_back_as_they_were_written() {
    on_each_store(async |mut world| {
        let all = full(&mut world).await;
        for noun in Noun::ALL {
            assert!(all.iter().any(|(_, record)| record.noun() == *noun), "no sample of {noun:?}");
        }
        for (place, record) in &all {
            let (noun, header) = (record.noun(), record.header());
            let found = world.store.record(*place, noun, header.number).await.unwrap();
            assert_eq!(found.as_ref(), Some(record));
            let found = world.store.record_by_id(*place, noun, header.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(record));
            let elsewhere =
                world.store.record_by_id(PlaceNumber(99), noun, header.id).await.unwrap();
            assert!(elsewhere.is_none() || *place == DIRECTORY, "{record:?}");
        }
        let here: Vec<&Record> =
            all.iter().filter(|(place, _)| *place == PLACE).map(|(_, record)| record).collect();
        let mut named: Vec<(Noun, u32)> =
            here.iter().map(|record| (record.noun(), record.header().number)).collect();
        named.push((Noun::Person, 99));
        let found = world.store.records_of(PLACE, &named).await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), here, "what is not there is left out");
    })
    .await;
}

#[tokio::test]
async fn writing_again_replaces_all_but_number_and_id() {
    on_each_store(async |mut world| {
        let all = full(&mut world).await;
        for (place, record) in &all {
            if *place != PLACE {
                continue;
            }
            let Record::Lock(it) = record else { continue };
            let mut bare = samples::lock(it.header.number);
            bare.header.updated_at = Instant(3_000);
            world.change(PLACE, record, bare.clone()).await;
            let found = world.store.record(PLACE, Noun::Lock, bare.header.number).await.unwrap();
            assert_eq!(found, Some(bare.into()));
        }
    })
    .await;
}

#[tokio::test]
async fn the_live_are_loaded_and_no_number_is_given_twice() {
    on_each_store(async |mut world| {
        let all = full(&mut world).await;
        let loaded = world.store.load().await.unwrap();
        assert_eq!(loaded.directory_head, world.head(DIRECTORY));
        assert_eq!(loaded.directory.len(), 7);
        assert!(loaded.directory_numbers.contains(&(Noun::Place, OTHER.0)));
        assert!(loaded.directory_numbers.contains(&(Noun::Client, 2)));
        let [(state, head), (other, _)] = loaded.places.as_slice() else { panic!("two places") };
        assert_eq!(*head, world.head(PLACE));
        assert_eq!(state.revision, head.revision);
        for (place, record) in &all {
            let (noun, number) = (record.noun(), record.header().number);
            let state = if *place == PLACE { state } else { other };
            if *place == DIRECTORY {
                assert!(loaded.directory.contains(record));
                continue;
            }
            let ended = match record {
                Record::Grant(it) => it.closed.is_some(),
                Record::Membership(it) => it.closed.is_some(),
                Record::Share(it) => it.closed.is_some(),
                _ => record.header().is_deleted(),
            };
            let wanted = (!ended).then_some(record);
            assert_eq!(state.record(noun, number).as_ref(), wanted, "{noun:?}");
            // Places are counted in the directory.
            assert!(state.highest(noun) >= number || noun == Noun::Place, "{noun:?}");
        }
        assert_eq!(state.highest(Noun::Share), 1, "closed");
        assert_eq!(state.highest(Noun::Lock), 3, "deleted");
        assert_eq!(world.store.load_place(OTHER).await.unwrap().unwrap().1, world.head(OTHER));
        assert!(world.store.load_place(PlaceNumber(99)).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn tickets_go_but_for_the_last() {
    on_each_store(async |mut world| {
        full(&mut world).await;
        let is_there = async |number| {
            let found = world.store.record(DIRECTORY, Noun::Ticket, number).await;
            found.unwrap().is_some()
        };
        world.store.trim_tickets(Instant(3)).await.unwrap();
        assert!(is_there(1).await && is_there(2).await);
        world.store.trim_tickets(Instant(4)).await.unwrap();
        assert!(!is_there(1).await && is_there(2).await);
    })
    .await;
}

#[tokio::test]
async fn data_of_other_secrets_is_not_loaded() {
    on_each_store(async |mut world| {
        full(&mut world).await;
        let path = claviger_store::testing::folder().join("secrets");
        let other = Arc::new(Secrets::load_or_create(&path, false).unwrap());
        let store = Store::open(&world.location, other).await.unwrap();
        let refused = store.load().await.unwrap_err();
        assert!(matches!(refused, StoreError::Unsealable { .. }), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn no_row_points_over_the_fence() {
    on_each_store(async |mut world| {
        world.put(PLACE, vec![samples::person(1).into(), samples::lock(1).into()]).await;
        let to_lock = |grant: &mut claviger_domain::noun::grant::Grant| {
            grant.target = Target::Lock(LockNumber(1));
        };
        let mut grant = samples::grant(1, 1, 1);
        to_lock(&mut grant);
        let mut credential = samples::credential(1);
        credential.person = Some(PersonNumber(1));
        let refused =
            [Record::from(grant), credential.into(), samples::membership(1, 1, 1).into(), {
                let mut grant = samples::grant(1, 1, 1);
                grant.subject = Subject::Person(PersonNumber(1));
                grant.into()
            }];
        for record in refused {
            let noun = record.noun();
            let end = world.write(OTHER, vec![Write { record, former: None }]).await;
            let wanted = matches!(end, Err(StoreError::Constraint { rule: "foreign key", .. }));
            assert!(wanted, "{noun:?}: {end:?}");
        }
        world.put(OTHER, vec![samples::person(1).into(), samples::lock(1).into()]).await;
        let mut grant = samples::grant(1, 1, 1);
        to_lock(&mut grant);
        world.put(OTHER, vec![grant.into()]).await;
    })
    .await;
}

#[tokio::test]
async fn external_ids_are_unique_and_can_change_hands_in_one_commit() {
    on_each_store(async |mut world| {
        let named = |number: u32, name: &str| {
            let mut lock = samples::lock(number);
            lock.header.external_id = samples::text(name);
            Record::from(lock)
        };
        world.put(PLACE, vec![named(1, "a"), named(2, "b"), samples::lock(3).into()]).await;
        let clash = Write { record: named(3, "a"), former: Some(samples::lock(3).into()) };
        let refused = world.write(PLACE, vec![clash]).await.unwrap_err();
        let wanted =
            StoreError::Conflict { constraint: "locks.place, locks.external_id".to_owned() };
        assert_eq!(refused, wanted);
        let swap = vec![
            Write { record: named(1, "b"), former: Some(named(1, "a")) },
            Write { record: named(2, "a"), former: Some(named(2, "b")) },
        ];
        assert_eq!(world.write(PLACE, swap).await, Ok(Committed::Done));
        let Record::Lock(gone) = named(2, "a") else { panic!("a lock") };
        let mut gone = (*gone).clone();
        gone.header.deleted_at = Some(Instant(4));
        let inherit = vec![
            Write { record: named(3, "a"), former: Some(samples::lock(3).into()) },
            Write { record: gone.into(), former: Some(named(2, "a")) },
        ];
        assert_eq!(world.write(PLACE, inherit).await, Ok(Committed::Done));
    })
    .await;
}

#[tokio::test]
async fn digits_open_only_for_their_credential() {
    on_each_store(async |world| {
        let secrets = &world.secrets;
        let (one, two) = (crate::world::id(1), crate::world::id(2));
        let pin = secrets.seal_digits(PLACE, one, Digits::Pin, "0042").unwrap();
        let open = |place, id, field| secrets.open_digits(place, id, field, &pin.sealed);
        assert_eq!(open(PLACE, one, Digits::Pin).unwrap().as_str(), "0042");
        for (place, id, field) in
            [(OTHER, one, Digits::Pin), (PLACE, two, Digits::Pin), (PLACE, one, Digits::Code)]
        {
            assert!(matches!(open(place, id, field), Err(StoreError::Unsealable { .. })));
        }
        assert_eq!(pin.tag, secrets.pin_tag("0042"));
        assert_ne!(secrets.code_tag(PLACE, "0042"), secrets.code_tag(OTHER, "0042"));
    })
    .await;
}
