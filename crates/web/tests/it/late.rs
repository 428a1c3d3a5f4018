//! Events that come late: readers miss none and see none twice, and are told up to when nothing is
//! to come any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use claviger_domain::time::Instant;
use serde_json::{Value, json};

use crate::kit::{Site, field, in_seconds, one};
use crate::offline::door::Door;
use crate::offline::phone::Phone;
use crate::panel::{Panel, Scene, with_card};
use crate::support::{World, id, on_each_engine};

/// How far the events of a place, or of one lock, are known.
async fn complete(it: &Site, query: &str) -> (Option<Instant>, Vec<Value>) {
    let told = it.get(&format!("/events/complete{query}")).await;
    let behind = told["behind"].as_array().unwrap().clone();
    (told["complete_until"].as_str().map(|text| Instant::parse(text).unwrap()), behind)
}

fn occurred(event: &Value) -> Instant {
    Instant::parse(event["occurred_at"].as_str().unwrap()).unwrap()
}

/// Somebody who polls: after the last seq they saw, some at a time.
struct Poller {
    it: Site,
    seen: Vec<Value>,
    /// What was said to be complete, and how many had been seen before it was asked.
    said: Vec<(Instant, usize)>,
}

impl Poller {
    async fn poll(&mut self, limit: usize) {
        let last = self.seen.last().map_or(0, |event| event["seq"].as_u64().unwrap());
        let path = format!("/events?limit={limit}&after_seq={last}");
        let page = self.it.get(&path).await;
        self.seen.extend(page["items"].as_array().unwrap().iter().cloned());
    }

    /// Reads all there is after having asked how far it is complete, so that what is seen then is
    /// all of before.
    async fn catch_up(&mut self) {
        let (until, _) = complete(&self.it, "").await;
        loop {
            let before = self.seen.len();
            self.poll(50).await;
            if self.seen.len() == before {
                break;
            }
        }
        self.said.extend(until.map(|until| (until, self.seen.len())));
    }
}

/// A controller that tells in bursts of what happened since it told last, in any order.
async fn burst(mut panel: Panel, world_now: impl Fn() -> Instant, gate: Value, bursts: u64) {
    let mut since = world_now();
    let mut seq = 0;
    for number in 0..bursts {
        tokio::time::sleep(Duration::from_millis(3 * (number % 4))).await;
        let now = world_now();
        let mut events = Vec::new();
        for part in 0..=(number * 7 % 11) {
            seq += 1;
            // Somewhere between the last call and this one, the later ones not always last.
            let at = since.0 + (now.0 - since.0) * ((part * 5 + number) as i64 % 13) / 13;
            events.push(json!({
                "seq": seq, "kind": "door_opened", "lock": gate["number"],
                "occurred_at": Instant(at).to_string(),
            }));
        }
        since = now;
        panel.call(json!({"events": events})).await;
    }
}

#[tokio::test]
async fn a_poller_misses_none_and_sees_none_twice_while_late_ones_come_in_bursts() {
    const DECISIONS: u64 = 60;
    const BURSTS: u64 = 25;
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        let mut makers = Vec::new();
        let mut told = 0;
        for name in ["One", "Two"] {
            let panel = Panel::at(&it, json!({})).await;
            let gate = panel.lock(&it, name).await;
            let app = world.app.clone();
            makers.push(tokio::spawn(burst(panel, move || app.now(), gate, BURSTS)));
            told += (0..BURSTS).map(|number| number * 7 % 11 + 1).sum::<u64>();
        }
        let decided = Arc::new(AtomicU64::new(0));
        for maker in 0..3 {
            let (it, door, decided) = (it.clone(), door.clone(), decided.clone());
            makers.push(tokio::spawn(async move {
                for number in 0..DECISIONS / 3 {
                    it.present(&door, &format!("{maker:x}{number:03x}")).await;
                    decided.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let all = tokio::spawn(async move {
            for maker in makers {
                maker.await.unwrap();
            }
            ended.store(true, Ordering::Relaxed);
        });
        let mut poller = Poller { it: it.clone(), seen: Vec::new(), said: Vec::new() };
        while !over.load(Ordering::Relaxed) {
            for limit in [1, 7, 3] {
                poller.poll(limit).await;
            }
            poller.catch_up().await;
        }
        all.await.unwrap();
        poller.catch_up().await;
        assert_eq!(decided.load(Ordering::Relaxed), DECISIONS);
        let seqs: Vec<u64> = poller.seen.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1..=DECISIONS + told).collect::<Vec<_>>(), "each once, in order");
        assert_eq!(poller.seen, it.all("/events", 17).await, "as pages show them");
        // Late they are: what happened first did not always come first.
        let times: Vec<Instant> = poller.seen.iter().map(occurred).collect();
        assert!(!times.is_sorted());
        // And what was said to be complete was.
        assert!(poller.said.len() > 3, "{}", poller.said.len());
        for (until, seen) in &poller.said {
            let late: Vec<&Value> =
                poller.seen[*seen..].iter().filter(|event| occurred(event) < *until).collect();
            assert!(late.is_empty(), "complete until {until}, and then came {late:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_somebody_asked_who_hung_up_is_not_known_before_it_is_stored() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        let unlock = format!("/locks/{}/unlock", id(&door));
        let card = json!({"lock_id": id(&door), "card": {"bits": 56, "value": "a1"}});
        for (number, (path, body)) in
            [("/decisions", card), (&*unlock, json!({}))].iter().enumerate()
        {
            let mut asked = Box::pin(it.post(path, body.clone()));
            let polled = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending), "{path}");
            drop(asked);
            // Nothing else runs meanwhile.
            std::thread::sleep(Duration::from_millis(5));
            let (until, behind) = complete(&it, "").await;
            assert_eq!(behind, Vec::<Value>::new());
            let mut events = it.list("/events").await;
            for _ in 0..1000 {
                if events.len() > number {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                events = it.list("/events").await;
            }
            assert_eq!(events.len(), number + 1, "{path}: what was asked is an event all the same");
            let at = occurred(&events[number]);
            assert!(until.unwrap() <= at, "{path}: at {at}, known until {until:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_controller_has_not_told_is_not_known() {
    on_each_engine(|world: World| async move {
        let world = world.lasting().await;
        let it = world.here();
        let door = it.lock("Door").await;
        let start = world.app.now();
        let (until, behind) = complete(&it, "").await;
        assert!(until.unwrap() >= start.plus(-1_000_000) && behind.is_empty(), "{behind:?}");
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        panel.call(json!({})).await;
        let world = world.later(3600).await;
        let it = world.here();
        let mut panel = panel.over(&world);
        let hour_ago = world.app.now().plus(-3_500 * 1_000_000);
        let (until, behind) = complete(&it, "").await;
        assert!(until.unwrap() < hour_ago, "{until:?}");
        assert_eq!(field(&behind, "lock_id"), [&gate["id"]]);
        // Of the door everything is known all the same.
        let (own, behind) = complete(&it, &format!("?lock_id={}", id(&door))).await;
        assert!(own.unwrap() > hour_ago && behind.is_empty());
        panel
            .call(json!({"events": [{
                "seq": 1, "kind": "door_opened", "lock": gate["number"],
                "occurred_at": in_seconds(&world, -1800),
            }]}))
            .await;
        let (until, _) = complete(&it, "").await;
        assert!(until.unwrap() > world.app.now().plus(-60 * 1_000_000));
        let late = it.list("/events").await.pop().unwrap();
        assert!(late["occurred_at"].as_str() < late["received_at"].as_str(), "{late}");
        it.missing("/events/complete?lock_id=external:none").await;
    })
    .await;
}

#[tokio::test]
async fn what_happened_before_a_lock_left_its_controller_is_still_to_come() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let Scene { mut panel, gate, ann, card, .. } = with_card(&it).await;
        panel.settle().await;
        let world = world.later(3600).await;
        let (it, mut panel) = (world.here(), panel.over(&world));
        let leave = json!({"mode": "online", "controller_id": null});
        it.patch(&one("/locks", &gate), leave).await.expect(200);
        let ago = |seconds: i64| world.app.now().plus(-seconds * 1_000_000);
        for query in [String::new(), format!("?lock_id={}", id(&gate))] {
            let (until, behind) = complete(&it, &query).await;
            assert!(until.unwrap() < ago(3000), "{until:?}");
            assert_eq!(field(&behind, "lock_id"), [&gate["id"]]);
        }
        let opened = |seq: u64, at: String| {
            json!({"events": [{
                "seq": seq, "kind": "access_granted", "lock": gate["number"], "method": "card",
                "occurred_at": at, "credential_id": card["id"],
            }]})
        };
        panel.call(opened(1, in_seconds(&world, -1800))).await;
        assert_eq!(field(&it.list("/events").await, "person_id"), [&ann["id"]]);
        assert!(complete(&it, "").await.0.unwrap() > ago(60));
        // Since it left, the lock is none of its business.
        let world = world.later(7200).await;
        let (it, mut panel) = (world.here(), panel.over(&world));
        let told = panel.call(opened(2, in_seconds(&world, -60))).await;
        assert_eq!(told["event_seq"], 2);
        assert_eq!(it.list("/events").await.len(), 1);
        assert_eq!(complete(&it, "").await.1, Vec::<Value>::new());
    })
    .await;
}

#[tokio::test]
async fn a_lock_with_no_network_proves_up_to_when_everything_has_come() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 31).await;
        let unknown = complete(&it, "").await;
        assert_eq!((unknown.0, unknown.1.len()), (None, 1), "nobody can tell");
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        hers.sync().await;
        his.sync().await;
        door.answers(&hers);
        let before = world.app.now();
        // A list is made, carried there, and shown: what the lock did before it has to come too.
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        his.sync().await;
        door.take_list(&mut his);
        his.sync().await;
        assert_eq!(complete(&it, "").await.0, None, "the lock has more to tell");
        let all = door.events(1);
        his.events = all[1..].to_vec();
        his.call(json!({})).await;
        let (until, behind) = complete(&it, "").await;
        assert_eq!(until, None, "the first of them is missing");
        assert!(behind[0]["missing_since"].is_string());
        his.events = all[..1].to_vec();
        his.call(json!({})).await;
        let (until, behind) = complete(&it, &format!("?lock_id={}", id(&door.shown))).await;
        // Lists are dated in whole seconds.
        let about = until.unwrap().0 - before.0;
        assert!((-2_000_000..60_000_000).contains(&about), "{about}");
        assert_eq!(behind[0]["missing_since"], json!(null));
        assert!(it.list("/events").await.iter().all(|event| event["kind"] != "tamper"));
        let world = world.restarted().await;
        assert_eq!(complete(&world.here(), "").await.0, until, "it is stored");
    })
    .await;
}
