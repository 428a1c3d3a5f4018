//! Events: in the order they were stored, filtered, and as a stream that misses nothing.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::kit::{Site, field, in_seconds, one, pointers};
use crate::support::{World, id, on_each_engine};

#[tokio::test]
async fn events_tell_what_happened_and_filter() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let card = it.card(&ann, "a1").await;
        it.card(&bo, "b1").await;
        let grant = it.grant(&ann, &door).await;
        let start = in_seconds(&world, 0);
        let granted = it.present(&door, "a1").await;
        it.present(&gate, "a1").await;
        let middle = in_seconds(&world, 0);
        it.present(&door, "b1").await;
        it.present(&door, "c1").await;
        it.decide(json!({"lock_id": id(&door), "code": "123456"})).await;
        let events = it.list("/events").await;
        let seqs: Vec<u64> = events.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5]);
        let first = &events[0];
        let wanted = json!({
            "id": granted["event_id"], "seq": 1, "kind": "access_granted", "lock_id": door["id"],
            "occurred_at": first["occurred_at"], "received_at": first["occurred_at"],
            "method": "card", "reasons": [], "person_id": ann["id"], "credential_id": card["id"],
            "grant_id": grant["id"],
            "card": {"technology": "opaque", "bits": 56, "value": "000000000000a1"},
            "pseudonym": null,
        });
        assert_eq!(*first, wanted);
        assert_eq!(events[3]["person_id"], json!(null));
        assert_eq!(events[3]["card"]["value"], "000000000000c1", "an unknown card is kept");
        assert_eq!((&events[4]["card"], &events[4]["method"]), (&json!(null), &json!("code")));
        assert!(!events[4].to_string().contains("123456"), "an unknown code is not");

        for (filter, wanted) in [
            (format!("lock_id={}", id(&gate)), vec![2]),
            (format!("person_id={}", id(&ann)), vec![1, 2]),
            ("result=granted".to_owned(), vec![1]),
            ("result=denied".to_owned(), vec![2, 3, 4, 5]),
            (format!("occurred_from={middle}"), vec![3, 4, 5]),
            (format!("occurred_until={middle}"), vec![1, 2]),
            (format!("received_from={start}&received_until={middle}"), vec![1, 2]),
            (format!("received_from={middle}&person_id={}", id(&ann)), vec![]),
            (format!("lock_id={}&result=denied&person_id={}", id(&door), id(&bo)), vec![3]),
        ] {
            let found = it.all(&format!("/events?{filter}"), 2).await;
            let found: Vec<u64> = found.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
            assert_eq!(found, wanted, "{filter}");
        }
        it.missing(&format!("/events?lock_id={}", id(&ann))).await;
        let wrong = it.actor.get(&it.at("/events?result=maybe&occurred_from=now")).await;
        assert_eq!(pointers(&wrong.problem(422, "invalid")), ["?result", "?occurred_from"]);
        it.delete(&one("/people", &ann)).await.expect(204);
        let kept = it.list("/events").await;
        assert_eq!(
            (kept.len(), &kept[0]["person_id"]),
            (5, &ann["id"]),
            "the empty row keeps the id"
        );
        assert_eq!(field(&kept, "reasons"), field(&events, "reasons"));
    })
    .await;
}

/// One event of a stream.
#[derive(Debug)]
struct Told {
    seq: u64,
    kind: String,
    data: Value,
}

/// A stream that is read piece by piece, as it comes.
struct Stream {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(world: &World, site: &Site, last: Option<u64>) -> Stream {
        let mut request = Request::builder().uri(site.at("/events/stream"));
        let token = site.actor.token.as_ref().unwrap();
        request = request.header("authorization", format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let request = request.body(Body::empty()).unwrap();
        let response = world.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; none where the stream is silent for that long.
    async fn next(&mut self, patience: Duration) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let line = |name: &str| {
                    block.lines().find_map(|it| it.strip_prefix(name)).map(str::to_owned)
                };
                // A comment says only that the stream is alive.
                let Some(data) = line("data: ") else { continue };
                return Some(Told {
                    seq: line("id: ").unwrap().parse().unwrap(),
                    kind: line("event: ").unwrap(),
                    data: serde_json::from_str(&data).unwrap(),
                });
            }
            let piece = tokio::time::timeout(patience, self.body.next()).await.ok()?;
            self.text.push_str(std::str::from_utf8(&piece?.unwrap()).unwrap());
        }
    }

    /// Whether nothing more is told, as the stream has ended.
    async fn has_ended(&mut self) -> bool {
        let rest = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await;
        matches!(rest, Ok(None))
    }

    async fn take(&mut self, count: usize) -> Vec<Told> {
        let mut all = Vec::new();
        while all.len() < count {
            all.push(self.next(Duration::from_secs(20)).await.expect("the stream went silent"));
        }
        all
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_next_event_and_resumes_after_the_last() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        for card in ["a1", "a2", "a3"] {
            it.present(&door, card).await;
        }
        let mut fresh = Stream::open(&world, &it, None).await;
        let mut resumed = Stream::open(&world, &it, Some(1)).await;
        let old = resumed.take(2).await;
        assert_eq!(old.iter().map(|it| it.seq).collect::<Vec<_>>(), [2, 3]);
        assert!(fresh.next(Duration::from_millis(200)).await.is_none(), "nothing new yet");
        let made = it.present(&door, "a4").await;
        let told = fresh.take(1).await.remove(0);
        assert_eq!((told.seq, told.kind.as_str()), (4, "access_denied"));
        assert_eq!(told.data["id"], made["event_id"]);
        let listed = it.list("/events").await;
        assert_eq!(told.data, listed[3], "as the list shows it");
        assert_eq!(resumed.take(1).await[0].data, listed[3]);
        // One from beyond the last event is that of a server since restored.
        for last in ["x", "-1", "", "5"] {
            let path = it.at("/events/stream");
            let wrong = it.actor.send("GET", &path, &[("last-event-id", last)], None).await;
            wrong.problem(422, "invalid");
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_with_what_it_was_opened_by() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        let program = it.seen_by(&it.full_key().await);
        let me = program.actor.get("/api/v1/me").await.expect(200);
        let mut stream = Stream::open(&world, &program, None).await;
        it.present(&door, "a1").await;
        stream.take(1).await;
        let client = format!("/api/v1/clients/{}", me["id"].as_str().unwrap());
        let less = json!({"scopes": ["locks:read"]});
        world.admin.patch(&client, less).await.expect(200);
        it.present(&door, "a2").await;
        assert!(stream.has_ended().await, "who may not read events reads none");

        let program = it.seen_by(&it.full_key().await);
        let me = program.actor.get("/api/v1/me").await.expect(200);
        let mut stream = Stream::open(&world, &program, None).await;
        it.present(&door, "a3").await;
        stream.take(1).await;
        let client = format!("/api/v1/clients/{}", me["id"].as_str().unwrap());
        world.admin.delete(&client).await.expect(204);
        it.present(&door, "a4").await;
        assert!(stream.has_ended().await, "the client is gone");
    })
    .await;
}

#[tokio::test]
async fn a_stream_misses_no_event_under_concurrent_decisions() {
    on_each_engine(|world| async move {
        const MAKERS: usize = 8;
        const EACH: usize = 25;
        let it = world.here();
        let door = it.lock("Door").await;
        it.present(&door, "ff").await;
        let makers: Vec<_> = (0..MAKERS)
            .map(|maker| {
                let (it, door) = (it.clone(), door.clone());
                tokio::spawn(async move {
                    for number in 0..EACH {
                        it.present(&door, &format!("{maker:x}{number:03x}")).await;
                    }
                })
            })
            .collect();
        // One reader stays; another is cut off again and again and resumes where it was.
        let mut steady = Stream::open(&world, &it, Some(0)).await;
        let mut seen = Vec::new();
        while seen.len() < MAKERS * EACH + 1 {
            let mut cut = Stream::open(&world, &it, Some(seen.last().copied().unwrap_or(0))).await;
            for _ in 0..7.min(MAKERS * EACH + 1 - seen.len()) {
                seen.push(cut.take(1).await[0].seq);
            }
        }
        for maker in makers {
            maker.await.unwrap();
        }
        let wanted: Vec<u64> = (1..=(MAKERS * EACH + 1) as u64).collect();
        assert_eq!(seen, wanted, "in order, each once");
        let steady: Vec<u64> = steady.take(wanted.len()).await.iter().map(|it| it.seq).collect();
        assert_eq!(steady, wanted);
        assert_eq!(it.all("/events", 50).await.len(), wanted.len());
    })
    .await;
}

#[tokio::test]
async fn who_an_event_concerns_is_forgotten_when_retention_says_so() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let place = it.patch("", json!({"retention_days": 3})).await.expect(200);
        assert_eq!(place["retention_days"], 3);
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        it.present(&door, "a1").await;
        let world = world.later(4 * 86_400).await;
        let it = world.here();
        it.present(&door, "a1").await;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let send: claviger_app::delivery::Send =
            std::sync::Arc::new(|_| Box::pin(async { Ok(200) }));
        let work = tokio::spawn(claviger_app::jobs::run(world.app.clone(), send, stopped));
        for tries in 0.. {
            let events = it.list("/events").await;
            if events[0]["person_id"] == json!(null) {
                break;
            }
            assert!(tries < 400, "never forgotten");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        stop.send(true).unwrap();
        work.await.unwrap();
        let events = it.list("/events").await;
        for name in ["person_id", "credential_id", "grant_id", "card"] {
            assert_eq!(events[0][name], json!(null), "{name}");
        }
        assert_eq!(
            (&events[0]["kind"], &events[0]["reasons"]),
            (&json!("access_denied"), &json!(["no_grant"]))
        );
        assert_eq!(events[1]["person_id"], ann["id"], "the young one stays");
        assert_eq!(it.list(&format!("/events?person_id={}", id(&ann))).await.len(), 1);
    })
    .await;
}
