//! A commit is stored whole, once, and only on the revision it was decided on.

use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::noun::Actor;
use claviger_domain::record::Record;
use claviger_domain::time::Instant;
use claviger_store::{
    Commit, Committed, Head, Location, Operation, Part, Store, StoreError, StoredAnswer, Write,
};

use crate::lost::{COMMIT, Cut, proxy};
use crate::samples;
use crate::world::{DIRECTORY, OTHER, PLACE, id, on_each_store};

fn new(record: impl Into<Record>) -> Write {
    Write { record: record.into(), former: None }
}

fn commit(n: u128, parts: Vec<Part>) -> Commit {
    Commit { id: id(n), at: Instant(n as i64), parts, answers: Vec::new() }
}

fn answer(key: &str, at: i64) -> StoredAnswer {
    StoredAnswer {
        scope: "client POST /å".to_owned(),
        key: key.to_owned(),
        request_hash: [3; 32],
        status: 201,
        headers: vec![("Location".to_owned(), "/x".to_owned())],
        body: b"{\"a\":\"\xc3\xa5\"}\0".to_vec(),
        created_at: Instant(at),
    }
}

#[tokio::test]
async fn a_commit_on_another_revision_is_not_stored() {
    on_each_store(async |mut world| {
        let stale = world.part(PLACE, vec![new(samples::lock(1))]);
        world.put(PLACE, vec![samples::person(1).into()]).await;
        let fresh = world.part(OTHER, vec![new(samples::lock(1))]);
        let end = world.commit(vec![fresh, stale.clone()]).await;
        assert_eq!(end, Ok(Committed::RaceLost(PLACE)));
        assert_eq!(world.number("select count(*) from locks").await, 0);
        assert_eq!(world.store.head(PLACE).await.unwrap(), Some(world.head(PLACE)));
        assert_eq!(world.store.head(OTHER).await.unwrap(), Some(world.head(OTHER)));
        let first = Part { before: Head::default(), ..world.part(PLACE, Vec::new()) };
        let first =
            Part { trail: Vec::new(), after: Head { revision: 1, ..Head::default() }, ..first };
        assert_eq!(world.commit(vec![first]).await, Ok(Committed::RaceLost(PLACE)), "is not new");
        assert_eq!(world.store.head(PlaceNumber(99)).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn of_two_commits_on_one_revision_one_is_stored() {
    on_each_store(async |world| {
        for round in 0..10 {
            let head = world.store.head(PLACE).await.unwrap().unwrap();
            let one = |n: u32| {
                let mut part = world.part(PLACE, vec![new(samples::lock(round * 10 + n))]);
                let mut row = part.trail.remove(0);
                row.seq = head.trail_seq + 1;
                let row = row.linked(PLACE, &head.trail_hash);
                let after =
                    Head { revision: head.revision + 1, trail_seq: row.seq, trail_hash: row.hash };
                part = Part { before: head, after, trail: vec![row], ..part };
                world.store.commit(commit(1_000 + u128::from(round * 10 + n), vec![part]))
            };
            let (a, b, c) = tokio::join!(one(1), one(2), one(3));
            let mut ends = [a.unwrap(), b.unwrap(), c.unwrap()];
            ends.sort_by_key(|end| *end == Committed::Done);
            let lost = Committed::RaceLost(PLACE);
            assert_eq!(ends, [lost, lost, Committed::Done]);
        }
        assert!(world.store.verify_trail(PLACE).await.unwrap().first_broken.is_none());
    })
    .await;
}

#[tokio::test]
async fn several_commands_make_one_commit() {
    on_each_store(async |mut world| {
        let (mut first, mut second) = (samples::lock(1), samples::lock(1));
        first.name = "A".to_owned();
        second.name = "B".to_owned();
        second.header.updated_at = Instant(2_000);
        let writes = vec![
            new(first.clone()),
            Write { record: second.clone().into(), former: Some(first.into()) },
        ];
        assert_eq!(world.write(PLACE, writes).await, Ok(Committed::Done));
        let found = world.store.record(PLACE, Noun::Lock, 1).await.unwrap();
        assert_eq!(found, Some(second.into()));
        assert_eq!(world.number("select count(*) from touched where noun = 'lock'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_does_not_hold_together_is_refused() {
    on_each_store(async |world| {
        let good = || world.part(PLACE, vec![new(samples::lock(1))]);
        let broken: [fn(&mut Part); 6] = [
            |part| part.after.revision -= 2,
            |part| part.after.revision = part.before.revision,
            |part| part.trail[0].verb.push('x'),
            |part| part.trail[0].seq += 1,
            |part| part.after.trail_seq += 1,
            |part| part.after.trail_hash = [1; 32],
        ];
        for (n, spoil) in (2_000..).zip(broken) {
            let mut part = good();
            spoil(&mut part);
            let end = world.store.commit(commit(n, vec![part])).await;
            assert!(matches!(end, Err(StoreError::Rejected { .. })), "{end:?}");
        }
        let end = world.store.commit(commit(3_000, vec![good(), good()])).await;
        assert!(matches!(end, Err(StoreError::Rejected { .. })), "{end:?}");
        assert_eq!(world.number("select count(*) from locks").await, 0);
    })
    .await;
}

#[tokio::test]
async fn events_and_operations_alone_make_no_revision() {
    on_each_store(async |mut world| {
        let mut part = Part::new(PLACE, world.head(PLACE));
        part.events = vec![crate::events::event(1)];
        assert_eq!(world.commit(vec![part.clone()]).await, Ok(Committed::Done));
        assert_eq!(world.store.head(PLACE).await, Ok(Some(world.head(PLACE))));
        assert_eq!(world.store.last_seq(PLACE).await, Ok(1));
        let nowhere = Part { place: PlaceNumber(99), ..Part::new(PLACE, Head::default()) };
        let end = world.commit(vec![nowhere]).await;
        assert!(matches!(end, Err(StoreError::Rejected { .. })), "{end:?}");
    })
    .await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_followed_up() {
    for passes in [true, false] {
        on_each_store(async |mut world| {
            let Location::Postgres(url) = &world.location else { return };
            let far = proxy(url, Cut { word: COMMIT, passes }, 1);
            // The migration commits as well; it has none to do here.
            let near = std::mem::replace(
                &mut world.store,
                Store::open(&far, world.secrets.clone()).await.unwrap(),
            );
            let end = world.write(PLACE, vec![new(samples::lock(1))]).await;
            let stored = near.record(PLACE, Noun::Lock, 1).await.unwrap();
            assert_eq!(stored.is_some(), passes);
            if passes {
                assert_eq!(end, Ok(Committed::Done));
            } else {
                assert!(matches!(end, Err(StoreError::Unavailable { .. })), "{end:?}");
            }
            let again = world.write(PLACE, vec![new(samples::lock(2))]).await;
            assert_eq!(again, Ok(Committed::Done));
        })
        .await;
    }
}

#[tokio::test]
async fn answers_and_operations_come_with_the_commit() {
    on_each_store(async |mut world| {
        let operation = Operation {
            id: id(50),
            maker: Actor::Account(id(2)),
            kind: "batch".to_owned(),
            state: "done".to_owned(),
            body: "{\"items\":[]}".to_owned(),
            created_at: Instant(4),
        };
        let mut part = world.part(PLACE, Vec::new());
        part.operations = vec![operation.clone()];
        let whole = Commit { answers: vec![answer("k1", 10)], ..commit(4_000, vec![part.clone()]) };
        assert_eq!(world.store.commit(whole).await, Ok(Committed::Done));
        world.heads.insert(PLACE, part.after);
        assert_eq!(world.store.operation(PLACE, id(50)).await, Ok(Some(operation)));
        assert_eq!(world.store.operation(OTHER, id(50)).await, Ok(None));
        let kept = |key: &'static str| world.store.find_answer("client POST /å", key);
        assert_eq!(kept("k1").await, Ok(Some(answer("k1", 10))));
        let part = world.part(PLACE, vec![new(samples::lock(1))]);
        let twin = Commit { answers: vec![answer("k1", 11)], ..commit(4_001, vec![part]) };
        let refused = world.store.commit(twin).await.unwrap_err();
        let wanted = StoreError::Conflict { constraint: "answers.scope, answers.key".to_owned() };
        assert_eq!(refused, wanted);
        assert_eq!(world.number("select count(*) from locks").await, 0);
        world.store.keep_answer(&answer("k2", 20)).await.unwrap();
        world.store.trim_answers(Instant(20)).await.unwrap();
        assert_eq!(kept("k1").await, Ok(None));
        assert_eq!(kept("k2").await, Ok(Some(answer("k2", 20))));
        world.store.trim_operations(PLACE, Instant(5)).await.unwrap();
        assert_eq!(world.store.operation(PLACE, id(50)).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn another_node_catches_up() {
    on_each_store(async |mut world| {
        let node = Store::open(&world.location, world.secrets.clone()).await.unwrap();
        let loaded = node.load().await.unwrap();
        let (mut state, head) = loaded.places.into_iter().next().unwrap();
        let (lock, level) = (samples::lock(1), samples::level(1));
        world.put(PLACE, vec![level.into(), lock.clone().into(), samples::person(1).into()]).await;
        let (open, grant) = (samples::membership(1, 1, 1), samples::grant(1, 1, 1));
        world.put(PLACE, vec![open.into(), grant.clone().into()]).await;
        let mut closed = grant.clone();
        closed.closed = samples::closed();
        world.change(PLACE, &grant.into(), closed).await;
        world.put(OTHER, vec![lock.into()]).await;

        assert!(node.revisions().await.unwrap().contains(&(PLACE, world.head(PLACE).revision)));
        let caught = node.catch_up(PLACE, head.revision).await.unwrap().unwrap();
        assert_eq!((caught.head, caught.records.len()), (world.head(PLACE), 5));
        caught.records.iter().for_each(|record| state.apply(record));
        assert_eq!((state.locks.len(), state.grants.len(), state.memberships.len()), (1, 0, 1));
        let nothing = node.catch_up(PLACE, caught.head.revision).await.unwrap().unwrap();
        assert!(nothing.records.is_empty());
        let directory = node.catch_up(DIRECTORY, 0).await.unwrap().unwrap();
        assert_eq!(directory.records.len(), 1);

        node.trim_notes(Instant(6)).await.unwrap();
        assert!(node.catch_up(PLACE, head.revision).await.unwrap().is_none(), "too far behind");
        assert!(node.catch_up(PLACE, world.head(PLACE).revision).await.unwrap().is_some());
        assert_eq!(world.number("select count(*) from touched").await, 0);
    })
    .await;
}
