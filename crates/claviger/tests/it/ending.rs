//! A server that is asked to end while requests are under way: each is answered or ended in good
//! order, what was answered is kept, and the process exits with 0.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::run::{Data, Server, Temporary, get};

/// Far less than requests under way are given.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Asks it to end, and has nothing cut off.
fn ends_well(server: Server, begun: Instant) {
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("cut off"), "{log}");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

fn place(data: &Data) -> (Server, Value) {
    let server = data.serve();
    let made = data.setup();
    (server, made)
}

#[test]
fn a_decision_under_way_is_answered_and_its_event_is_kept() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let (server, made) = place(&data);
    let client = Client::new(&server.url, &made);
    let door = client.make("/locks", json!({"name": "Door"}));
    let ann = client.make("/people", json!({"first_name": "Ann"}));
    let grant = json!({"subject": {"person_id": ann}, "target": {"lock_id": door}});
    client.make("/grants", grant);

    // Somebody else has the database for a while, so that the event waits for the disk.
    let other = rusqlite::Connection::open(data.path.join("claviger.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let asked = thread::spawn(move || {
        client.send("POST", "/decisions", json!({"lock_id": door, "person_id": ann}))
    });
    thread::sleep(Duration::from_millis(300));
    assert!(!asked.is_finished(), "nothing is under way");
    let begun = Instant::now();
    server.signal("-TERM");
    let address = server.url.trim_start_matches("http://").to_owned();
    while TcpStream::connect(&address).is_ok() {
        assert!(begun.elapsed() < AT_ONCE, "it still takes connections");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!asked.is_finished(), "answered before it is stored");
    other.execute_batch("rollback").unwrap();
    let (status, decision) = asked.join().unwrap();
    assert_eq!((status, &decision["result"]), (200, &json!("granted")), "{decision}");
    assert_eq!(decision.get("recorded"), None, "{decision}");
    ends_well(server, begun);

    let server = data.serve();
    let events = Client::new(&server.url, &made).list("/events");
    let ids: Vec<&Value> = events.iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, [&decision["event_id"]]);
    server.stop();
}

#[test]
fn a_call_that_waits_is_answered() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let (server, made) = place(&data);
    let client = Client::new(&server.url, &made);
    let panel = client.make("/controllers", json!({"name": "Panel"}));
    let wish = json!({
        "name": "panel", "kind": "api_key", "scopes": ["locks:operate"],
        "place_ids": [get(&made, "/place/id")], "controller_id": panel,
    });
    let (status, bound) = client.call("POST", "/api/v1/clients", &wish);
    assert_eq!(status, 201, "{bound}");
    let key = get(&bound, "/secret");
    let path = format!("/api/v1/places/{}/controllers/{panel}/sync", get(&made, "/place/id"));
    let url = server.url.clone();
    let call =
        thread::spawn(move || send(&url, "POST", &path, &key, &json!({"seq": 1, "wait_s": 55})));
    thread::sleep(Duration::from_millis(300));
    assert!(!call.is_finished(), "nothing is under way");
    let begun = Instant::now();
    server.signal("-TERM");
    let (status, answer) = call.join().unwrap();
    assert_eq!((status, &answer["changes"]), (200, &json!([])), "{answer}");
    ends_well(server, begun);
}

#[test]
fn a_stream_of_events_ends_as_a_whole_answer() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let (server, made) = place(&data);
    let client = Client::new(&server.url, &made);
    let door = client.make("/locks", json!({"name": "Door"}));
    let mut stream = client.open("/events/stream");
    let mut lines = BufReader::new(&mut stream).lines();
    let mut until = |wanted: &str| {
        let found = lines.by_ref().map(Result::unwrap).find(|line| line.contains(wanted));
        assert!(found.is_some(), "the stream ended before {wanted:?}");
    };
    until(": events of this place");
    let card = json!({"technology": "em", "bits": 40, "value": "0102030405"});
    client.send("POST", "/decisions", json!({"lock_id": door, "card": card}));
    until("event: access_denied");
    let begun = Instant::now();
    server.signal("-TERM");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    // RFC 9112, section 7.1: the last chunk is what tells an end from a break.
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    ends_well(server, begun);
}

#[test]
fn connections_with_nothing_under_way_keep_nobody() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let address = server.url.trim_start_matches("http://");
    let unused = TcpStream::connect(address).unwrap();
    let mut used = TcpStream::connect(address).unwrap();
    used.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut some = [0; 4096];
    assert!(used.read(&mut some).unwrap() > 0);
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    server.signal("-TERM");
    ends_well(server, begun);
    drop((unused, used));
}
