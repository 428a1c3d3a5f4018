//! `serve` and `demo`: beginning, refusing, ending.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Client, send};
use crate::run::{Server, Temporary, claviger, claviger_with, get, names};

#[test]
fn a_server_says_that_it_is_ready_answers_and_ends_when_asked() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    for signal in ["-TERM", "-INT"] {
        let server = data.serve();
        let port: u16 = server.url.strip_prefix("http://127.0.0.1:").unwrap().parse().unwrap();
        assert_ne!(port, 0);
        assert_eq!(send(&server.url, "GET", "/healthz", "", &Value::Null).0, 200);
        assert_eq!(send(&server.url, "GET", "/readyz", "", &Value::Null).0, 200);
        server.signal(signal);
        let (code, log) = server.ended();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("ended"), "{log}");
    }
}

#[test]
fn only_a_second_serve_is_refused() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let refused = data.run(&["serve", "--listen", "127.0.0.1:0"]).refusal();
    assert!(refused.contains("is in use by another server (process "), "{refused}");
    assert_eq!(data.run(&["verify"]).code, Some(0));
    server.stop();
}

#[test]
fn what_a_killed_server_left_is_no_hindrance() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    data.setup();
    server.signal("-KILL");
    assert_eq!(server.ended().0, None);
    assert!(data.path.join("claviger.sock").exists());
    let made = data.setup();
    let server = data.serve();
    Client::new(&server.url, &made);
    server.stop();
}

#[test]
fn a_port_in_use_is_named() {
    let temporary = Temporary::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = temporary.data("data").run(&["serve", "--listen", &address]).refusal();
    assert!(refused.contains(&format!("{address} is in use")), "{refused}");
}

#[test]
fn other_machines_are_not_served_in_the_clear_by_accident() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let refused = data.run(&["serve", "--listen", "0.0.0.0:0"]).refusal();
    assert!(refused.contains("--insecure-http") && refused.contains("tls_cert"), "{refused}");
    let ahead = ["serve", "--listen", "0.0.0.0:0", "--insecure-http", "--clock-ahead", "31d"];
    let refused = data.run(&ahead).refusal();
    assert!(refused.contains("--clock-ahead"), "{refused}");
    let half = data.run(&["serve", "--tls-cert", "/nowhere.pem"]).refusal();
    assert!(half.contains("tls_key"), "{half}");
    let args = ["serve", "--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"];
    assert!(data.run(&args).refusal().contains("/nowhere.pem"));
    assert!(!data.path.exists(), "nothing was made");
    let server = data.serve_with(&["--listen", "0.0.0.0:0", "--insecure-http"]);
    server.stop();
}

#[test]
fn a_clock_ahead_is_loud() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve_with(&["--clock-ahead", "31d"]);
    let made = data.setup();
    let client = Client::new(&server.url, &made);
    let id = client.make("/people", serde_json::json!({"display_name": "Ann"}));
    let (_, person) = client.send("GET", &format!("/people/{id}"), Value::Null);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let ahead = i64::try_from(now.as_secs()).unwrap() + 31 * 86_400;
    let made_at = seconds(&get(&person, "/created_at"));
    assert!((made_at - ahead).abs() < 120, "{person}");
    server.signal("-TERM");
    assert!(server.ended().1.contains("WARNING: the clock of this server runs 2678400 s ahead"));
}

/// Seconds since 1970 of `YYYY-MM-DDTHH:MM:SS…Z`.
fn seconds(text: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    // Days from civil, after Howard Hinnant.
    let shifted = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * 86_400 + part(11..13) * 3600 + part(14..16) * 60 + part(17..19)
}

#[test]
fn the_demo_runs_and_leaves_nothing() {
    let building = ["--people", "12", "--locks", "4", "--levels", "2", "--rate", "40"];
    let fixed = ["demo", "--listen", "127.0.0.1:0", "--for", "4s"];
    let begun = Instant::now();
    let temporary = Temporary::new();
    let place = ("TMPDIR", temporary.path(".").display().to_string());
    let ended = claviger_with(&[&fixed[..], &building].concat(), &[(place.0, &place.1)]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert!(ended.out.starts_with("claviger ready http://127.0.0.1:"), "{ended:?}");
    assert!(ended.out.contains("/docs") && ended.out.contains("surprises 0"), "{ended:?}");
    assert!(ended.out.contains("Unloc program  81 checks"), "{ended:?}");
    assert!(ended.out.contains("machine  21 steps"), "{ended:?}");
    assert!(!ended.out.contains("visits 0 "), "{ended:?}");
    assert!(!ended.err.contains("ERROR") && !ended.err.contains("WARN"), "{ended:?}");
    assert!(names(&temporary.path(".")).is_empty());
}

/// Ctrl-C while it runs: it ends in good order, and so does the folder.
#[test]
fn the_demo_ends_when_asked() {
    let temporary = Temporary::new();
    let place = temporary.path(".").display().to_string();
    let building = ["--people", "12", "--locks", "4", "--levels", "2", "--rate", "40"];
    let fixed = ["demo", "--listen", "127.0.0.1:0"];
    let demo = Server::start(&[&fixed[..], &building].concat(), &[("TMPDIR", &place)]);
    assert_eq!(send(&demo.url, "GET", "/healthz", "", &Value::Null).0, 200);
    demo.signal("-INT");
    let (code, err) = demo.ended();
    assert_eq!(code, Some(0), "{err}");
    assert!(names(&temporary.path(".")).is_empty());
}

#[test]
fn the_simulator_works_against_a_server() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let made = data.setup();
    let (place, id) = (get(&made, "/place/id"), get(&made, "/client/id"));
    let secret = get(&made, "/client/secret");
    let login = ["--place", &place, "--client-id", &id, "--client-secret", &secret];
    let building = ["--people", "10", "--locks", "3", "--levels", "2", "--rate", "0"];
    let fixed = ["sim", "--url", &server.url, "--visits", "50", "--hostile", "0.1", "--json"];
    let tally = claviger(&[&fixed[..], &login, &building].concat()).json();
    assert_eq!(tally["visits"], serde_json::json!(50), "{tally}");
    assert_eq!(tally["checks"], serde_json::json!(0), "{tally}");
    // Twice: what the Unloc program makes it takes away again. Four phones at four locks after
    // five steps, and one look at what a refresh leaves.
    for _ in 0..2 {
        let tally = claviger(&[&fixed[..], &login, &building, &["--unloc"]].concat()).json();
        assert_eq!(tally["checks"], serde_json::json!(81), "{tally}");
        assert_eq!(tally["surprises"], serde_json::json!(0), "{tally}");
        let client = Client::new(&server.url, &made);
        assert!(client.list("/controllers").is_empty());
        assert_eq!(client.list("/locks").len(), 3);
        assert_eq!(client.list("/people").len(), 10);
    }
    // Twice as well: a day at a machine, with nothing left behind.
    for _ in 0..2 {
        let tally = claviger(&[&fixed[..], &login, &building, &["--machines"]].concat()).json();
        assert_eq!(tally["steps"], serde_json::json!(21), "{tally}");
        assert_eq!(tally["surprises"], serde_json::json!(0), "{tally}");
        let client = Client::new(&server.url, &made);
        assert_eq!(client.list("/locks").len(), 3);
    }
    // Twice: two places that share doors, and nothing of it left in the first.
    for _ in 0..2 {
        let tally = claviger(&[&fixed[..], &login, &building, &["--neighbours"]].concat()).json();
        assert!(tally["shared"].as_u64() > Some(300), "{tally}");
        assert_eq!(tally["surprises"], serde_json::json!(0), "{tally}");
        let client = Client::new(&server.url, &made);
        assert_eq!((client.list("/locks").len(), client.list("/people").len()), (3, 10));
    }
    // A panel that decides by its own list, in step with the server when all is over.
    let paced = ["sim", "--url", &server.url, "--visits", "300", "--json", "--panel"];
    let building = ["--people", "10", "--locks", "3", "--levels", "2", "--rate", "60"];
    let tally = claviger(&[&paced[..], &login, &building].concat()).json();
    assert_eq!(tally["surprises"], serde_json::json!(0), "{tally}");
    let panel = &tally["panel"];
    for what in ["by_list", "granted", "stored", "compared"] {
        assert!(panel[what].as_u64() > Some(0), "{what}: {tally}");
    }
    assert_eq!(panel["pending"], serde_json::json!(0), "{tally}");
    let login = ["--place", &place, "--client-id", &id, "--client-secret", "clvk_wrong"];
    let refused = claviger(&[&fixed[..], &login, &building].concat()).refusal();
    assert!(refused.contains("401"), "{refused}");
    server.stop();
}

/// A client that reads nothing before it has written everything, as many do.
#[test]
fn who_sends_too_much_reads_why_it_was_refused() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let made = data.setup();
    let client = Client::new(&server.url, &made);
    let place = get(&made, "/place/id");
    let address = server.url.strip_prefix("http://").unwrap();
    for (bytes, token, path, status) in [
        (3 << 20, client.token.as_str(), "/people", 413),
        (10 << 20, &client.token, "/people", 413),
        (900 << 10, "clva_none", "/people", 401),
        (3 << 20, &client.token, "/nowhere", 404),
        (3 << 20, &client.token, "/people/x/access", 405),
    ] {
        for chunked in [false, true] {
            let mut stream = TcpStream::connect(address).unwrap();
            let how = match chunked {
                true => "transfer-encoding: chunked".to_owned(),
                false => format!("content-length: {bytes}"),
            };
            let head = format!(
                "POST /api/v1/places/{place}{path} HTTP/1.1\r\nhost: x\r\n{how}\r\n\
                 authorization: Bearer {token}\r\ncontent-type: application/json\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            let body = vec![b' '; bytes];
            for piece in body.chunks(64 << 10) {
                if chunked {
                    stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).unwrap();
                }
                stream.write_all(piece).unwrap();
                if chunked {
                    stream.write_all(b"\r\n").unwrap();
                }
            }
            if chunked {
                stream.write_all(b"0\r\n\r\n").unwrap();
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let begin = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&begin), "{bytes} to {path}: {answer:?}");
            assert!(answer.contains("application/problem+json"), "{answer}");
        }
    }
    server.stop();
}
