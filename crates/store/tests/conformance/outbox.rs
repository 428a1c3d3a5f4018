//! A delivery is had by one worker at a time, until it is done.

use claviger_domain::ids::WebhookNumber;
use claviger_domain::time::Instant;
use claviger_store::{Attempt, Delivery, DeliveryState, Finish, NewDelivery, StoreError};

use crate::samples;
use crate::world::{OTHER, PLACE, World, id, on_each_store};

const HOOK: WebhookNumber = WebhookNumber(1);

fn attempt(at: i64, status: Option<u16>) -> Attempt {
    let error = status.is_none().then(|| "timed out".to_owned());
    Attempt { at: Instant(at), status, error }
}

/// Deliveries 1 to `count`, due at the instant of their number.
async fn waiting(world: &mut World, count: u32) {
    world.put(PLACE, vec![samples::webhook(1).into()]).await;
    let delivery = |n: u32| NewDelivery {
        id: id(u128::from(n)),
        webhook: HOOK,
        event: None,
        body: format!("{{\"n\":{n},\"å\":\"\"}}"),
        created_at: Instant(0),
        next_at: Instant(i64::from(n)),
    };
    let all: Vec<NewDelivery> = (1..=count).map(delivery).collect();
    world.store.enqueue_deliveries(PLACE, &all).await.unwrap();
    world.store.enqueue_deliveries(PLACE, &all).await.unwrap();
}

fn ids(deliveries: &[Delivery]) -> Vec<u128> {
    deliveries.iter().map(|delivery| u128::from_be_bytes(delivery.id.0)).collect()
}

#[tokio::test]
async fn what_is_claimed_comes_back_when_the_claim_runs_out() {
    on_each_store(async |mut world| {
        waiting(&mut world, 4).await;
        let due = async |now, limit, until| {
            world
                .store
                .due_deliveries((PLACE, HOOK), Instant(now), limit, Instant(until))
                .await
                .unwrap()
        };
        let first = due(3, 2, 10).await;
        assert_eq!(ids(&first), [1, 2]);
        assert_eq!(first[0].body, "{\"n\":1,\"å\":\"\"}");
        assert_eq!(ids(&due(3, 9, 10).await), [3]);
        assert_eq!(ids(&due(9, 9, 20).await), [4]);
        let again = due(10, 2, 20).await;
        assert_eq!(ids(&again), [1, 2]);
        let late = attempt(10, Some(200));
        let end = world.store.finish_delivery(&first[0], late, Finish::Delivered).await;
        assert_eq!(end, Ok(false), "somebody else has it");
        let finish = async |claimed: &Delivery, attempt, finish| {
            world.store.finish_delivery(claimed, attempt, finish).await.unwrap()
        };
        assert!(finish(&again[0], attempt(11, None), Finish::Retry(Instant(15))).await);
        assert!(finish(&again[1], attempt(11, Some(410)), Finish::Dead).await);
        assert_eq!(ids(&due(12, 9, 13).await), [3]);
        let third = due(15, 9, 99).await;
        assert_eq!(ids(&third), [3, 1]);
        let first = &third[1];
        assert_eq!(first.attempts, [attempt(11, None)]);
        assert!(finish(first, attempt(16, Some(204)), Finish::Delivered).await);
        assert!(!finish(first, attempt(17, Some(204)), Finish::Delivered).await, "is done");
        let one = world.store.delivery(PLACE, id(1)).await.unwrap().unwrap();
        assert_eq!(one.state, DeliveryState::Delivered);
        assert_eq!(one.attempts, [attempt(11, None), attempt(16, Some(204))]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_workers_have_the_same() {
    on_each_store(async |mut world| {
        waiting(&mut world, 200).await;
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = world.store.clone();
            workers.spawn(async move {
                let mut had = Vec::new();
                loop {
                    let some = store
                        .due_deliveries((PLACE, HOOK), Instant(500), 7, Instant(900))
                        .await
                        .unwrap();
                    if some.is_empty() {
                        // Another may hold what was looked at; only an empty outbox is the end.
                        let left = store
                            .due_deliveries((PLACE, HOOK), Instant(500), 7, Instant(900))
                            .await;
                        had.extend(ids(&left.unwrap()));
                        return had;
                    }
                    had.extend(ids(&some));
                }
            });
        }
        let mut had = Vec::new();
        while let Some(worker) = workers.join_next().await {
            had.extend(worker.unwrap());
        }
        let rest = world
            .store
            .due_deliveries((PLACE, HOOK), Instant(500), 300, Instant(900))
            .await
            .unwrap();
        had.extend(ids(&rest));
        had.sort_unstable();
        assert_eq!(had, (1..=200).collect::<Vec<u128>>());
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_nobody_is_given_up_at_once() {
    on_each_store(async |mut world| {
        waiting(&mut world, 2_500).await;
        let endpoint = (PLACE, HOOK);
        let tried = world.store.due_deliveries(endpoint, Instant(2), 2, Instant(9)).await.unwrap();
        let retry = Finish::Retry(Instant(1));
        world.store.finish_delivery(&tried[0], attempt(1, Some(500)), retry).await.unwrap();
        let now = Instant(2_600);
        assert_eq!(world.store.due_endpoints(now).await.unwrap(), [endpoint]);
        let why = Attempt { at: Instant(8), status: None, error: Some("disabled".to_owned()) };
        world.store.give_up_deliveries(endpoint, &why).await.unwrap();
        let left = "select count(*) from deliveries where state = 'waiting'";
        assert_eq!(world.number(left).await, 2_493, "one under way, others due later");
        let why = Attempt { at: now, ..why };
        world.store.give_up_deliveries(endpoint, &why).await.unwrap();
        assert_eq!(world.number(left).await, 0);
        assert_eq!(world.store.due_endpoints(now).await.unwrap(), []);
        let tries = async |id| world.store.delivery(PLACE, id).await.unwrap().unwrap().attempts;
        assert_eq!(
            tries(tried[0].id).await,
            [attempt(1, Some(500)), Attempt { at: Instant(8), ..why.clone() }]
        );
        assert_eq!(tries(tried[1].id).await, [why]);
        let late = world.store.finish_delivery(&tried[1], attempt(1, Some(200)), Finish::Delivered);
        assert_eq!(late.await, Ok(false), "it was given up meanwhile");
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_listed_replayed_and_removed() {
    on_each_store(async |mut world| {
        waiting(&mut world, 3).await;
        let list =
            async |before| ids(&world.store.deliveries(PLACE, HOOK, before, 2).await.unwrap());
        assert_eq!(list(None).await, [3, 2]);
        assert_eq!(list(Some(id(2))).await, [1]);
        assert!(world.store.deliveries(OTHER, HOOK, None, 9).await.unwrap().is_empty());
        assert_eq!(world.store.replay_delivery(PLACE, id(1), id(7), Instant(50)).await, Ok(true));
        assert_eq!(world.store.replay_delivery(PLACE, id(99), id(8), Instant(50)).await, Ok(false));
        let copy = world.store.delivery(PLACE, id(7)).await.unwrap().unwrap();
        assert_eq!((copy.next_at, copy.body.as_str()), (Instant(50), "{\"n\":1,\"å\":\"\"}"));
        let claimed =
            world.store.due_deliveries((PLACE, HOOK), Instant(1), 1, Instant(9)).await.unwrap();
        let done =
            world.store.finish_delivery(&claimed[0], attempt(1, Some(200)), Finish::Delivered);
        assert_eq!(done.await, Ok(true));
        world.store.trim_deliveries(Instant(1), &[OTHER, PLACE]).await.unwrap();
        assert_eq!(list(None).await, [7, 3]);
        world.store.trim_deliveries(Instant(1), &[OTHER]).await.unwrap();
        assert_eq!(list(None).await, [7, 3]);
        let stranger = NewDelivery {
            id: id(1),
            webhook: HOOK,
            event: None,
            body: String::new(),
            created_at: Instant(0),
            next_at: Instant(0),
        };
        let refused = world.store.enqueue_deliveries(OTHER, &[stranger]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Constraint { rule: "foreign key", .. }));
    })
    .await;
}
