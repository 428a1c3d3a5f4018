//! Virtual controllers against a small stand-in that hands out a list, over a bad line.
//!
//! The stand-in is written after the page of the protocol; it sends every difference in every
//! answer, and as told it lies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use claviger_sim::controller::{Controller, Drift, Line, Shown, ShownCard, Taken, Traits};
use claviger_sim::{Client, Login};
use serde_json::{Value, json};
use tokio::sync::watch;

type Key = (String, String);

/// A number of a sequence that depends on the seed alone (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// The server's side of one list.
#[derive(Default)]
struct Lists {
    desired: BTreeMap<Key, (u64, Value)>,
    confirmed: BTreeMap<Key, u64>,
    /// What was sent and not acknowledged, by version; no version: it was removed.
    sent: BTreeMap<u64, (Key, Option<u64>)>,
    version: u64,
    seen: u64,
    event_seq: u64,
    asks: bool,
    calls: u64,
}

impl Lists {
    fn want(&mut self, kind: &str, id: &str, item: Option<Value>) {
        self.version += 1;
        let key = (kind.to_owned(), id.to_owned());
        match item {
            Some(item) => self.desired.insert(key, (self.version, item)),
            None => self.desired.remove(&key),
        };
    }

    fn acknowledge(&mut self, one: &Value) {
        let Some((key, version)) = self.sent.remove(&one["version"].as_u64().unwrap()) else {
            return;
        };
        match (one["result"].as_str().unwrap(), version) {
            ("ok", Some(version)) => drop(self.confirmed.insert(key, version)),
            ("ok", None) => drop(self.confirmed.remove(&key)),
            _ => {}
        }
    }

    fn answer(&mut self, call: &Value) -> Value {
        self.calls += 1;
        let seq = call["seq"].as_u64().unwrap();
        let mut answer = json!({"seq": seq, "stale": false, "now": "2026-03-01T07:58:12Z",
            "event_seq": self.event_seq, "changes": [], "more": false, "commands": [], "ask": []});
        if seq <= self.seen {
            (answer["stale"], answer["seq"]) = (json!(true), json!(self.seen));
            return answer;
        }
        self.seen = seq;
        call["acknowledged"].as_array().unwrap().iter().for_each(|one| self.acknowledge(one));
        for event in call["events"].as_array().unwrap() {
            let number = event["seq"].as_u64().unwrap();
            self.event_seq = self.event_seq.max(number);
        }
        if let Some(inventory) = call["inventory"].as_array() {
            self.asks = false;
            let text = |it: &Value, field: &str| it[field].as_str().unwrap().to_owned();
            self.confirmed = inventory
                .iter()
                .map(|it| ((text(it, "kind"), text(it, "id")), it["version"].as_u64().unwrap()))
                .collect();
            self.sent.clear();
        }
        let lines = self.confirmed.iter();
        let lines = lines.map(|((kind, id), version)| format!("{kind} {id} {version}\n"));
        if call["digest"].is_string() && call["digest"] != sum(lines.collect()) {
            self.asks = true;
        }
        answer["event_seq"] = json!(self.event_seq);
        answer["ask"] = if self.asks { json!(["inventory"]) } else { json!([]) };
        answer["changes"] = self.changes(call["max_changes"].as_u64().unwrap() as usize);
        answer
    }

    fn changes(&mut self, most: usize) -> Value {
        let mut changes = Vec::new();
        for (key, (version, item)) in &self.desired {
            if self.confirmed.get(key) != Some(version) {
                self.sent.insert(*version, (key.clone(), Some(*version)));
                changes.push(json!({"version": version, key.0.clone(): item}));
            }
        }
        // Schedules come before what names them, and go after it.
        changes.sort_by_key(|it| it.get("schedule").is_none());
        let gone = self.confirmed.keys().filter(|key| !self.desired.contains_key(*key)).rev();
        for key in gone {
            self.version += 1;
            self.sent.insert(self.version, (key.clone(), None));
            let remove = json!({"kind": key.0, "id": key.1});
            changes.push(json!({"version": self.version, "remove": remove}));
        }
        changes.truncate(most);
        json!(changes)
    }
}

/// The digest as another program makes it: by the tool of the system.
fn sum(mut lines: Vec<String>) -> String {
    use std::io::Write as _;
    lines.sort();
    let mut tool = std::process::Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    tool.stdin.take().unwrap().write_all(lines.concat().as_bytes()).unwrap();
    let out = tool.wait_with_output().unwrap().stdout;
    String::from_utf8(out).unwrap()[..64].to_owned()
}

fn card(id: u64, lock: u64) -> Value {
    json!({"id": format!("card-{id}"), "number": id, "kind": "card", "priority": 0,
        "cards": [{"technology": "em", "bits": 40, "value": format!("{id:x}")}],
        "code": null, "pin": null, "session": null, "is_admin": false,
        "access": [{"locks": [lock], "valid_from": null, "valid_until": null,
            "schedules": [], "override_lockdown": false}]})
}

fn gate(number: u64) -> Value {
    json!({"id": format!("lock-{number}"), "lock": number, "name": "Gate",
        "time_zone": "Europe/Stockholm", "posture": "normal", "pin": "never",
        "pin_schedule": null, "unlock_schedule": null})
}

fn change(server: &mut Lists, dice: &mut Dice) {
    let id = dice.below(8);
    let item = (dice.below(3) > 0).then(|| card(id, dice.below(3)));
    server.want("credential", &format!("card-{id}"), item);
    if dice.below(4) == 0 {
        let lock = dice.below(3);
        let item = (dice.below(3) > 0).then(|| gate(lock));
        server.want("lock", &format!("lock-{lock}"), item);
    }
}

fn stored(controller: &Controller) -> BTreeMap<Key, u64> {
    let items = controller.items();
    items.map(|(kind, id, version)| ((kind.word().to_owned(), id.to_owned()), version)).collect()
}

/// One exchange over a line that loses and repeats, with the power as good as the line.
fn exchange(
    server: &mut Lists,
    controller: &mut Controller,
    late: &mut Vec<Value>,
    dice: &mut Dice,
) {
    let call = controller.call(0, 0);
    if dice.below(8) == 0 {
        return controller.unanswered();
    }
    let mut answer = server.answer(&call);
    late.push(answer.clone());
    match dice.below(10) {
        0 => controller.unanswered(),
        1 => {
            let old = late[dice.below(late.len() as u64) as usize].clone();
            let is_this = old["seq"] == answer["seq"];
            let taken = controller.take(&old, 0);
            assert!(is_this || old["stale"] == true || taken == Taken::Dropped, "{old}");
            controller.unanswered();
        }
        2 => {
            // It goes out in the middle of what was to be done.
            let changes = answer["changes"].as_array_mut().unwrap();
            changes.truncate(dice.below(changes.len() as u64 + 1) as usize);
            controller.take(&answer, 0);
            controller.lose_power();
        }
        3 if dice.below(4) == 0 => controller.wipe(),
        _ => drop(controller.take(&answer, 0)),
    }
}

#[test]
fn over_a_bad_line_the_list_becomes_what_it_should_be() {
    for seed in 1..=60 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let keeps_counter = dice.below(2) == 0;
        let traits = Traits { keeps_counter, refusing: 0.2, max_changes: 3, ..Traits::default() };
        let mut controller = Controller::new(traits, seed);
        let (mut server, mut late) = (Lists::default(), Vec::new());
        for _ in 0..120 {
            match dice.below(10) {
                0..3 => change(&mut server, &mut dice),
                3 => {
                    let drifts = [Drift::Vanishes, Drift::Appears, Drift::Differs];
                    controller.drift(drifts[dice.below(3) as usize]);
                }
                4 => {
                    let shown = Shown::Card(ShownCard { bits: 40, value: "1".into() });
                    drop(controller.present(dice.below(3), &shown, None, 0));
                }
                _ => exchange(&mut server, &mut controller, &mut late, &mut dice),
            }
        }
        controller.traits_mut().refusing = 0.0;
        controller.look_over();
        let mut calls = 0;
        while calls < 3 || controller.has_news() {
            let call = controller.call(0, 0);
            controller.take(&server.answer(&call), 0);
            calls += 1;
            assert!(calls < 60, "seed {seed}: it comes to no end");
        }
        let desired: BTreeMap<Key, u64> =
            server.desired.iter().map(|(key, (version, _))| (key.clone(), *version)).collect();
        assert_eq!(stored(&controller), desired, "seed {seed}");
        assert!(controller.drifted().is_empty() && controller.events_waiting() == 0);
        assert_eq!(controller.breaches(), [""; 0], "seed {seed}");
    }
}

#[tokio::test]
async fn a_line_is_kept_and_what_happens_while_it_is_cut_off_is_told() {
    let server = Arc::new(Mutex::new(Lists::default()));
    server.lock().unwrap().want("lock", "lock-1", Some(gate(1)));
    server.lock().unwrap().want("credential", "card-7", Some(card(7, 1)));
    let shared = server.clone();
    let route = post(move |Json(call): Json<Value>| async move {
        let mut server = shared.lock().unwrap();
        if server.calls == 1 {
            server.calls += 1;
            return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"code": "busy"})));
        }
        (StatusCode::OK, Json(server.answer(&call)))
    });
    let router = Router::new().route("/api/v1/places/place-1/controllers/c-1/sync", route);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::new(&url, "place-1", Login::Token("other".to_owned())).unwrap();
    let traits = Traits { latency: Duration::from_millis(300), ..Traits::default() };
    let controller = Arc::new(Mutex::new(Controller::new(traits, 1)));
    let (online, is_online) = watch::channel(true);
    let (stop, stopped) = watch::channel(false);
    let (line, kept) = (Line::new(&client, "c-1", "secret"), controller.clone());
    let task = tokio::spawn(async move { line.keep(&kept, is_online, stopped).await });
    let until = async |done: &dyn Fn(&Lists, &mut Controller) -> bool| {
        let began = std::time::Instant::now();
        while !done(&server.lock().unwrap(), &mut controller.lock().unwrap()) {
            assert!(began.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    until(&|server, _| server.calls == 1).await;
    let sent = std::time::Instant::now();
    until(&|_, controller| controller.items().count() == 2).await;
    assert!(sent.elapsed() >= Duration::from_millis(250), "it takes its time");
    until(&|server, _| server.confirmed.len() == 2).await;
    online.send_replace(false);
    let calls = server.lock().unwrap().calls;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let shown = Shown::Card(ShownCard { bits: 40, value: "0007".into() });
    assert!(controller.lock().unwrap().present(1, &shown, None, 0).opens);
    assert!(server.lock().unwrap().calls <= calls + 1);
    assert_eq!(server.lock().unwrap().event_seq, 0);
    online.send_replace(true);
    until(&|server, controller| server.event_seq == 1 && controller.events_waiting() == 0).await;
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(5), task).await.unwrap().unwrap();
}
