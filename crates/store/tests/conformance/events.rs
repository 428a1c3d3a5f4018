//! Events are counted without gaps, kept once, found by what was asked, and forgotten on time.

use std::sync::Arc;

use claviger_domain::ids::WebhookNumber;
use claviger_domain::ids::{CredentialNumber, GrantNumber, LockNumber, PersonNumber, PlaceNumber};
use claviger_domain::noun::card::CardValue;
use claviger_domain::noun::event::{Event, EventKind, EventSubject, Method, StandIn};
use claviger_domain::reason::{Reason, Reasons};
use claviger_domain::time::{Instant, Window};
use claviger_store::{
    Batch, Commit, Committed, DeliveryState, EventBatch, EventFilter, Filing, Forget, NewDelivery,
    StoreError, values,
};

use crate::samples;
use crate::world::{OTHER, PLACE, World, id, on_each_store};

pub(crate) fn event(n: u32) -> Event {
    Event {
        id: id(u128::from(n)),
        seq: 0,
        kind: EventKind::AccessGranted,
        lock: LockNumber(1),
        occurred_at: Instant(i64::from(n)),
        received_at: Instant(i64::from(n) + 1_000),
        method: Some(Method::Card),
        reasons: Reasons::NONE,
        subject: EventSubject { person: Some(PersonNumber(n % 3)), ..EventSubject::default() },
        hidden: false,
    }
}

fn delivery(n: u32, event: Option<u32>) -> NewDelivery {
    NewDelivery {
        id: id(1 << 90 | u128::from(n)),
        webhook: WebhookNumber(1),
        event: event.map(|n| id(u128::from(n))),
        body: "{}".to_owned(),
        created_at: Instant(1),
        next_at: Instant(2),
    }
}

#[tokio::test]
async fn events_come_back_as_they_were_stored() {
    on_each_store(async |world| {
        let mut full = event(1);
        full.kind = EventKind::AccessDenied;
        full.reasons =
            [Reason::LockDisabled, Reason::OutsideSchedule, Reason::PinWrong].into_iter().collect();
        full.subject = EventSubject {
            person: Some(PersonNumber(1)),
            credential: Some(CredentialNumber(2)),
            grant: Some(GrantNumber(3)),
            card: Some(CardValue { bits: 128, value: u128::MAX }),
            stand_in: Some(StandIn([7; 16])),
        };
        let mut bare = event(2);
        bare.method = None;
        bare.subject = EventSubject::default();
        let given = vec![full.clone(), bare.clone()];
        let stored = world.store.record_events(PLACE, given, Vec::new()).await.unwrap();
        (full.seq, bare.seq) = (1, 2);
        assert_eq!(stored, [full.clone(), bare.clone()]);
        let all = world.store.events(PLACE, &EventFilter::default(), 10).await.unwrap();
        assert_eq!(all, [full.clone(), bare]);
        assert_eq!(world.store.event(PLACE, full.id).await, Ok(Some(full.clone())));
        assert_eq!(world.store.event(OTHER, full.id).await, Ok(None));
        assert_eq!(world.store.last_seq(PLACE).await, Ok(2));
        assert_eq!(world.store.last_seq(PlaceNumber(99)).await, Ok(0));
        let nowhere = world.store.record_events(PlaceNumber(99), vec![event(9)], Vec::new()).await;
        assert!(matches!(nowhere, Err(StoreError::Constraint { .. })), "{nowhere:?}");
    })
    .await;
}

#[tokio::test]
async fn an_event_is_stored_once() {
    on_each_store(async |mut world| {
        world.put(PLACE, vec![samples::webhook(1).into()]).await;
        let first = vec![event(1), event(2), event(1)];
        let told = vec![delivery(1, Some(1)), delivery(2, Some(2))];
        assert_eq!(world.store.record_events(PLACE, first, told).await.unwrap().len(), 2);
        let again = vec![event(2), event(3), event(1), event(4)];
        let told = vec![delivery(3, Some(2)), delivery(4, Some(4)), delivery(5, None)];
        let stored = world.store.record_events(PLACE, again.clone(), told).await.unwrap();
        let seqs: Vec<_> = stored.iter().map(|event| (event.id, event.seq)).collect();
        assert_eq!(seqs, [(event(3).id, 3), (event(4).id, 4)]);
        assert!(world.store.record_events(PLACE, again, Vec::new()).await.unwrap().is_empty());
        let told = world.store.deliveries(PLACE, WebhookNumber(1), None, 10).await.unwrap();
        let told: Vec<_> = told.iter().map(|it| (it.event, it.seq, it.state)).collect();
        let waiting = DeliveryState::Waiting;
        let of = |n: u32| (Some(event(n).id), Some(u64::from(n)), waiting);
        assert_eq!(told, [(None, None, waiting), of(4), of(2), of(1)]);

        let mut part = world.part(PLACE, Vec::new());
        part.events = vec![event(4), event(5), event(5)];
        let commit = Commit { id: id(1), at: Instant(1), parts: vec![part], answers: Vec::new() };
        assert_eq!(world.store.commit(commit).await, Ok(Committed::Done));
        let all = world.store.events(PLACE, &EventFilter::default(), 10).await.unwrap();
        let seqs: Vec<u64> = all.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5]);
        assert_eq!(world.store.last_seq(PLACE).await, Ok(5));
    })
    .await;
}

#[tokio::test]
async fn two_places_are_told_in_one_transaction() {
    on_each_store(async |world| {
        let at = |place| EventBatch { place, events: vec![event(1)], deliveries: Vec::new() };
        let none = EventBatch { events: Vec::new(), ..at(OTHER) };
        assert!(world.store.record_batches(vec![none]).await.unwrap()[0].events.is_empty());
        let stored = world.store.record_batches(vec![at(OTHER), at(PLACE)]).await.unwrap();
        assert_eq!(stored.iter().map(|it| it.events[0].seq).collect::<Vec<_>>(), [1, 1]);
        let broken = vec![
            EventBatch { events: vec![event(2)], ..at(PLACE) },
            EventBatch { events: vec![event(2)], ..at(PlaceNumber(99)) },
        ];
        assert!(world.store.record_batches(broken).await.is_err());
        assert_eq!(world.store.last_seq(PLACE).await, Ok(1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_leave_no_gap() {
    on_each_store(async |world| {
        let store = Arc::new(world.store);
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..32_u32 {
            let store = Arc::clone(&store);
            writers.spawn(async move {
                for round in 0..10 {
                    // The last of each batch is what another writer stores too.
                    let first = writer * 100 + round * 4;
                    let mut events: Vec<Event> = (first..first + 3).map(event).collect();
                    events.push(event(1_000_000 + round));
                    store.record_events(PLACE, events, Vec::new()).await.unwrap();
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        let all = store.events(PLACE, &EventFilter::default(), 10_000).await.unwrap();
        let seqs: Vec<u64> = all.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=32 * 30 + 10).collect::<Vec<u64>>());
        assert_eq!(store.last_seq(PLACE).await, Ok(32 * 30 + 10));
    })
    .await;
}

/// How many events are filed at once, so that a list is read where all, some and none are; and
/// whether a crash came before the place said that those after the fifth are.
const FILED: [(Option<u64>, bool); 6] = [
    (None, false),
    (Some(12), false),
    (Some(12), true),
    (Some(5), false),
    (Some(1), false),
    (Some(1), true),
];

/// Files a number of events at once, those by person in three transactions.
pub(crate) fn filing(chunk: u64) -> Filing {
    Filing { least: chunk, most: chunk, parts: 3 }
}

async fn interrupt(world: &World) {
    let mut batch = Batch::new();
    let back = "update event_filing set filed = 5 where place = ?1 and filed > 5";
    batch.run(back, values![PLACE]);
    world.store.db().write(batch).await.unwrap();
}

#[tokio::test]
async fn filters_find_what_they_say() {
    for (chunk, interrupted) in FILED {
        filters_find_with_filed(chunk, interrupted).await;
    }
}

async fn filters_find_with_filed(chunk: Option<u64>, interrupted: bool) {
    on_each_store(async |world| {
        let mut events: Vec<Event> = (1..=12).map(event).collect();
        events[3].kind = EventKind::AccessDenied;
        events[4].kind = EventKind::DoorOpened;
        events[5].lock = LockNumber(2);
        world.store.record_events(PLACE, events.clone(), Vec::new()).await.unwrap();
        world.store.record_events(OTHER, vec![event(99)], Vec::new()).await.unwrap();
        if let Some(chunk) = chunk {
            while world.store.file_events(filing(chunk)).await.unwrap() {}
            let filed = 12 - 12 % i64::try_from(chunk).unwrap();
            let at_place = format!("where place = {}", PLACE.0);
            let count = async |table: &str| {
                world.number(format!("select count(*) from {table} {at_place}")).await
            };
            assert_eq!((count("event_locks").await, count("event_people").await), (filed, filed));
        }
        if interrupted {
            interrupt(&world).await;
        }
        let found = async |filter: EventFilter| {
            let page = world.store.events(PLACE, &filter, 4).await.unwrap();
            page.iter().map(|event| event.seq).collect::<Vec<_>>()
        };
        let all = EventFilter::default();
        let span = |from, until| Window { from: Some(Instant(from)), until: Some(Instant(until)) };
        assert_eq!(found(all.clone()).await, [1, 2, 3, 4]);
        assert_eq!(found(EventFilter { after_seq: 10, ..all.clone() }).await, [11, 12]);
        let newest = EventFilter { newest_first: true, ..all.clone() };
        assert_eq!(found(newest.clone()).await, [12, 11, 10, 9]);
        let before = EventFilter { before_seq: Some(3), ..newest.clone() };
        assert_eq!(found(before).await, [2, 1]);
        assert_eq!(found(EventFilter { occurred: span(3, 5), ..all.clone() }).await, [3, 4]);
        assert_eq!(found(EventFilter { received: span(1_011, 1_012), ..all.clone() }).await, [11]);
        let lock = Some(LockNumber(2));
        assert_eq!(found(EventFilter { lock, ..newest.clone() }).await, [6]);
        let rest = EventFilter { lock: Some(LockNumber(1)), ..all.clone() };
        assert_eq!(found(EventFilter { after_seq: 4, ..rest.clone() }).await, [5, 7, 8, 9]);
        let (before_seq, newest_first) = (Some(10), true);
        let page = EventFilter { before_seq, newest_first, ..rest };
        assert_eq!(found(page).await, [9, 8, 7, 5]);
        let person = Some(PersonNumber(1));
        assert_eq!(found(EventFilter { person, ..newest.clone() }).await, [10, 7, 4, 1]);
        let both = EventFilter { person: Some(PersonNumber(0)), lock, ..all.clone() };
        assert_eq!(found(both).await, [6]);
        assert_eq!(found(EventFilter { granted: Some(false), ..all.clone() }).await, [4]);
        let narrow = EventFilter { granted: Some(true), person, after_seq: 4, ..all };
        assert_eq!(found(EventFilter { skip: 1, ..narrow }).await, [10]);
        let all = EventFilter::default();
        assert_eq!(found(EventFilter { skip: 10, ..all.clone() }).await, [11, 12]);
        let beyond = found(EventFilter { skip: 12, ..all.clone() }).await;
        assert!(beyond.is_empty(), "{beyond:?}");
        let late = EventFilter { skip: 2, after_seq: 4, ..all.clone() };
        assert_eq!(found(late).await, [7, 8, 9, 10]);
        let at_lock = EventFilter { lock: Some(LockNumber(1)), skip: 9, ..all };
        assert_eq!(found(at_lock).await, [11, 12]);
        assert_eq!(found(EventFilter { person, skip: 1, ..newest }).await, [7, 4, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_hidden_event_is_counted_and_not_found() {
    on_each_store(async |world| {
        let mut events: Vec<Event> = (1..=4).map(event).collect();
        events[1].hidden = true;
        events[1].method = Some(Method::Code);
        events[2].method = Some(Method::CardAndPin);
        world.store.record_events(PLACE, events, Vec::new()).await.unwrap();
        let found = world.store.events(PLACE, &EventFilter::default(), 9).await.unwrap();
        assert_eq!(found.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 3, 4]);
        let lock = EventFilter { lock: Some(LockNumber(1)), ..EventFilter::default() };
        assert_eq!(world.store.events(PLACE, &lock, 9).await.unwrap().len(), 3);
        let person = EventFilter { person: Some(PersonNumber(2)), ..EventFilter::default() };
        assert_eq!(world.store.events(PLACE, &person, 9).await.unwrap(), []);
        let counted = world.store.recent_attempts(Instant(0)).await.unwrap();
        assert_eq!(counted.len(), 2, "tries count whatever is shown");
        assert!(counted[0].1.hidden && !counted[1].1.hidden);
        assert!(world.store.event(PLACE, event(2).id).await.unwrap().unwrap().hidden);
    })
    .await;
}

#[tokio::test]
async fn events_come_in_the_order_of_their_ids_where_that_is_asked() {
    on_each_store(async |world| {
        let order = [5, 1, 4, 2, 3];
        let events: Vec<Event> = order.into_iter().map(event).collect();
        world.store.record_events(PLACE, events, Vec::new()).await.unwrap();
        let all = EventFilter { by_id: true, newest_first: true, ..EventFilter::default() };
        let (lock, person) = (Some(LockNumber(1)), Some(PersonNumber(1)));
        for (filter, wanted) in [
            (all.clone(), vec![5, 4, 3]),
            (EventFilter { newest_first: false, ..all.clone() }, vec![1, 2, 3]),
            (EventFilter { before_id: Some(event(4).id), ..all.clone() }, vec![3, 2, 1]),
            (EventFilter { from_id: Some(event(4).id), ..all.clone() }, vec![5, 4]),
            (EventFilter { lock, before_id: Some(event(3).id), ..all.clone() }, vec![2, 1]),
            (EventFilter { person, ..all.clone() }, vec![4, 1]),
        ] {
            let found = world.store.events(PLACE, &filter, 3).await.unwrap();
            let found: Vec<i64> = found.iter().map(|event| event.occurred_at.0).collect();
            assert_eq!(found, wanted, "{filter:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn decisions_come_in_the_order_they_happened_where_that_is_asked() {
    on_each_store(async |world| {
        // Two at one instant; one that is no decision.
        let mut events: Vec<Event> = [5, 1, 4, 2, 3, 6].into_iter().map(event).collect();
        events[3].occurred_at = Instant(4);
        events[4].kind = EventKind::DoorForced;
        world.store.record_events(PLACE, events, Vec::new()).await.unwrap();
        let all = EventFilter { by_time: true, decisions: true, ..EventFilter::default() };
        let after = |at, seq| Some((Instant(at), seq));
        let lock = Some(LockNumber(1));
        for (filter, wanted) in [
            (all.clone(), vec![2, 3, 4, 1]),
            (EventFilter { newest_first: true, ..all.clone() }, vec![6, 1, 4, 3]),
            (EventFilter { after_moment: after(4, 3), ..all.clone() }, vec![4, 1, 6]),
            (EventFilter { after_moment: after(4, 4), lock, ..all.clone() }, vec![1, 6]),
            (EventFilter { after_moment: after(1, 2), granted: Some(false), ..all }, vec![]),
        ] {
            let found = world.store.events(PLACE, &filter, 4).await.unwrap();
            let found: Vec<u64> = found.iter().map(|event| event.seq).collect();
            assert_eq!(found, wanted, "{filter:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn who_it_was_is_forgotten_and_that_it_was_is_not() {
    for (chunk, interrupted) in FILED {
        forgotten_with_filed(chunk, interrupted).await;
    }
}

async fn forgotten_with_filed(chunk: Option<u64>, interrupted: bool) {
    on_each_store(async |mut world| {
        world.put(PLACE, vec![samples::webhook(1).into()]).await;
        let told = vec![delivery(1, Some(1)), delivery(9, Some(9))];
        world.store.record_events(PLACE, (1..=9).map(event).collect(), told).await.unwrap();
        world.store.record_events(OTHER, vec![event(1)], Vec::new()).await.unwrap();
        if let Some(chunk) = chunk {
            while world.store.file_events(filing(chunk)).await.unwrap() {}
        }
        if interrupted {
            interrupt(&world).await;
        }
        let whom = Forget { before: Instant(5), people: Vec::new(), stand_ins: Vec::new() };
        assert_eq!(world.store.forget_subjects(PLACE, &whom).await, Ok(4));
        assert_eq!(world.store.forget_subjects(PLACE, &whom).await, Ok(0));
        let nobody = StandIn([9; 16]);
        let forgotten = world.store.forget_person(PLACE, PersonNumber(0), nobody, Instant(9)).await;
        assert_eq!(forgotten, Ok(2), "6 and 9");
        let all = world.store.events(PLACE, &EventFilter::default(), 100).await.unwrap();
        let known: Vec<u64> =
            all.iter().filter(|event| !event.subject.is_empty()).map(|event| event.seq).collect();
        assert_eq!((all.len(), known), (9, vec![5, 7, 8]));
        while world.store.file_events(filing(1)).await.unwrap() {}
        let of = |n| EventFilter { person: Some(PersonNumber(n)), ..EventFilter::default() };
        for (person, seqs) in [(0, vec![]), (1, vec![7]), (2, vec![5, 8])] {
            let theirs = world.store.events(PLACE, &of(person), 100).await.unwrap();
            assert_eq!(theirs.iter().map(|it| it.seq).collect::<Vec<_>>(), seqs);
        }
        let left = format!("select count(*) from event_people where place = {}", PLACE.0);
        assert_eq!(world.number(left).await, 3, "an entry tells who it was");
        assert_eq!(world.number("select count(*) from deliveries").await, 0);
        let other = world.store.event(OTHER, event(1).id).await.unwrap().unwrap();
        assert!(!other.subject.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_is_held_is_not_forgotten_with_the_others() {
    on_each_store(async |world| {
        let mut events: Vec<Event> = (1..=8).map(event).collect();
        for (at, event) in events.iter_mut().enumerate().skip(6) {
            event.subject =
                EventSubject { stand_in: Some(StandIn([at as u8; 16])), ..EventSubject::default() };
        }
        world.store.record_events(PLACE, events, Vec::new()).await.unwrap();
        let known = async || -> Vec<u64> {
            let all = world.store.events(PLACE, &EventFilter::default(), 100).await.unwrap();
            all.iter().filter(|event| !event.subject.is_empty()).map(|event| event.seq).collect()
        };
        let whom = |people: &[u32], stand_ins: &[u8]| Forget {
            before: Instant(9),
            people: people.iter().map(|it| PersonNumber(*it)).collect(),
            stand_ins: stand_ins.iter().map(|it| StandIn([*it; 16])).collect(),
        };
        let (two, one) = (whom(&[0, 1, 5], &[6]), whom(&[0], &[]));
        assert_eq!(world.store.forget_subjects(PLACE, &two).await, Ok(3));
        assert_eq!(known().await, [1, 3, 4, 6, 7]);
        assert_eq!(world.store.forget_subjects(PLACE, &one).await, Ok(3));
        assert_eq!(known().await, [3, 6]);
        let theirs =
            world.store.forget_person(PLACE, PersonNumber(0), StandIn([6; 16]), Instant(9)).await;
        assert_eq!(theirs, Ok(2));
        assert_eq!(known().await, Vec::<u64>::new());
    })
    .await;
}

#[tokio::test]
async fn tries_are_counted_anew_from_what_was_stored() {
    on_each_store(async |world| {
        let (denied, granted) = (EventKind::AccessDenied, EventKind::AccessGranted);
        let (pin, unknown) = (Some(Reason::PinWrong), Some(Reason::CredentialUnknown));
        let all = [
            (denied, Method::CardAndPin, pin),
            (denied, Method::CardAndPin, pin),
            (denied, Method::Code, unknown),
            (granted, Method::Code, None),
            (granted, Method::CardAndPin, None),
            // What tells nothing of a PIN or a code.
            (denied, Method::Card, unknown),
            (denied, Method::Code, Some(Reason::NoGrant)),
            (granted, Method::Card, None),
            (granted, Method::FreeAccess, None),
            (EventKind::DoorOpened, Method::Code, None),
        ];
        let events: Vec<Event> = (1..)
            .zip(all)
            .map(|(number, (kind, method, reason))| {
                let mut event = Event { kind, method: Some(method), ..event(number) };
                reason.into_iter().for_each(|reason| event.reasons.add(reason));
                event
            })
            .collect();
        let late = Event { occurred_at: Instant(4), ..events[1].clone() };
        world.store.record_events(PLACE, events, Vec::new()).await.unwrap();
        world.store.record_events(OTHER, vec![late], Vec::new()).await.unwrap();
        let found = world.store.recent_attempts(Instant(2)).await.unwrap();
        let found: Vec<_> = found.iter().map(|(place, event)| (*place, event.seq)).collect();
        assert_eq!(found, [(PLACE, 2), (PLACE, 3), (PLACE, 4), (OTHER, 1), (PLACE, 5)]);
    })
    .await;
}
