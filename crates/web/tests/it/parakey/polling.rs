//! The poller that the vendor documents: the newest log by its tag, then what is new by date. It
//! misses none, however late or many at once they come; what it may be told twice is named.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use claviger_domain::time::Instant;
use serde_json::{Value, json};

use super::{Parakey, item};
use crate::panel::Panel;
use crate::support::{World, id, on_each_engine};

/// An instant as `${new Date()}` writes it into an address, seconds from now.
pub(super) fn javascript(world: &World, seconds: i64) -> String {
    text(world.app.now().plus(seconds * 1_000_000))
}

fn text(at: Instant) -> String {
    let text = at.plus(3_600_000_000).timestamp().strftime("%a %b %d %Y %H:%M:%S GMT+0100 (CET)");
    text.to_string().replace(' ', "%20")
}

struct Poller {
    program: Parakey,
    tag: String,
    since: Instant,
    /// Whether dates are sent as ISO 8601 has them.
    is_iso: bool,
    /// How often each log was told, and the log.
    seen: BTreeMap<String, (u32, Value)>,
    /// The turns that found nothing new.
    idle: u32,
}

impl Poller {
    /// One turn, at the instant `now` by its own clock, which it reads before it asks.
    async fn turn(&mut self, now: Instant) {
        let known = [("if-none-match", self.tag.as_str())];
        let newest = self.program.send("GET", "/eventLogs?limit=1", &known, None).await;
        if newest.status == 304 {
            self.idle += 1;
            return;
        }
        assert_eq!(newest.status, 200, "{}", newest.text);
        self.tag = newest.header("etag").to_owned();
        let since = if self.is_iso { self.since.to_string() } else { text(self.since) };
        let path = format!("/eventLogs?startDate={since}&orderBy=createdAt:DESC");
        let logs = self.program.get(&path).await;
        for log in logs.as_array().unwrap() {
            let made = Instant::parse(log["createdAt"].as_str().unwrap()).unwrap();
            let told = self.seen.entry(id(log).to_owned()).or_insert_with(|| (0, log.clone()));
            told.0 += 1;
            // Twice is told what was made while it asked, or in the second its text names.
            let late = self.since.plus(if self.is_iso { -1_000 } else { -1_000_000 });
            assert!(made >= late, "{log} is older than {since}");
        }
        self.since = now;
    }
}

/// Lets Ann in again and again, some at once.
async fn decide(program: Parakey, access: Value, person: Value, bursts: u64) {
    for burst in 0..bursts {
        let ask = json!({"lock_id": access["lock_ids"][0], "person_id": id(&person)});
        let asked: Vec<_> = (0..burst * 5 % 17)
            .map(|_| {
                let (it, ask) = (program.it.clone(), ask.clone());
                tokio::spawn(async move { it.decide(ask).await })
            })
            .collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap()["result"], "granted");
        }
        tokio::time::sleep(Duration::from_millis(burst % 4)).await;
    }
}

/// A controller that tells of many at once, all of them hours old.
async fn tell(mut panel: Panel, gate: Value, from: Instant, bursts: u64) {
    let mut seq = 0;
    for burst in 1..=bursts {
        let events: Vec<Value> = (0..burst * 53 % 160)
            .map(|part| {
                seq += 1;
                json!({
                    "seq": seq, "kind": "access_granted", "method": "card", "lock": gate["number"],
                    "occurred_at": from.plus(-(part as i64) * 60_000_000).to_string(),
                })
            })
            .collect();
        panel.call(json!({"events": events})).await;
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

#[tokio::test]
async fn the_documented_poller_misses_none_that_come_late_or_many_at_once() {
    on_each_engine(|world| async move {
        let (world, program, panel, gate) = Parakey::beside_a_panel(world).await;
        let access = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let wish = json!({"insert": [item(&access, "ann@example.org", [None, None])]});
        program.manage(wish).await.expect(200);
        let mut pollers = Vec::new();
        for is_iso in [true, false] {
            let program = Parakey { token: program.token.clone(), ..Parakey::at(&world).await };
            let (tag, seen, since) = (String::new(), BTreeMap::new(), world.app.now());
            pollers.push(Poller { program, tag, since, is_iso, seen, idle: 0 });
        }
        let (again, other) = (Parakey::at(&world).await, Parakey::at(&world).await);
        let makers = [
            tokio::spawn(decide(again, access.clone(), ann.clone(), 30)),
            tokio::spawn(decide(other, access, ann, 30)),
            tokio::spawn(tell(panel, gate, world.app.now(), 12)),
        ];
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let made = tokio::spawn(async move {
            for maker in makers {
                maker.await.unwrap();
            }
            ended.store(true, Ordering::Relaxed);
        });
        while !over.load(Ordering::Relaxed) {
            for poller in &mut pollers {
                poller.turn(world.app.now()).await;
            }
        }
        made.await.unwrap();
        let all = program.it.all("/events", 1000).await;
        assert!(all.len() > 900, "{}", all.len());
        for poller in &mut pollers {
            poller.turn(world.app.now()).await;
            let asked = poller.idle;
            poller.turn(world.app.now()).await;
            assert_eq!(poller.idle, asked + 1, "nothing is new any more");
            let missed: Vec<&Value> =
                all.iter().filter(|event| !poller.seen.contains_key(id(event))).collect();
            assert!(missed.is_empty(), "{} of {}: {missed:?}", missed.len(), all.len());
            assert_eq!(poller.seen.len(), all.len());
        }
        // More in one turn than a list has where nothing is said of how many.
        let since = "2020-01-01T00:00:00Z";
        let whole = program.get(&format!("/eventLogs?startDate={since}")).await;
        assert_eq!(whole.as_array().unwrap().len(), all.len());
        let ascending = format!("/eventLogs?startDate={since}&orderBy=createdAt:ASC");
        let mut turned = program.get(&ascending).await.as_array().unwrap().clone();
        turned.reverse();
        assert_eq!(whole, Value::Array(turned));
        assert_eq!(program.get("/eventLogs").await.as_array().unwrap().len(), 100);
        let some = program.get(&format!("/eventLogs?startDate={since}&limit=3")).await;
        assert_eq!(some.as_array().unwrap().len(), 3);
    })
    .await;
}
