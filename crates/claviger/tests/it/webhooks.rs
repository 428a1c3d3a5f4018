//! Webhooks of a vendor's API with receivers that listen: one that takes what it is told, one that
//! is gone, one that never answers.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::run::{Temporary, get};

/// Somebody who listens: the port, and the requests as they come.
struct Receiver {
    port: u16,
    requests: mpsc::Receiver<String>,
}

/// Reads one request whole.
pub(crate) fn read(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length?.parse::<usize>().ok()? {
                return Some(text);
            }
        }
    }
}

impl Receiver {
    /// Answers everything so; without an answer it keeps whoever calls waiting.
    fn answering(answer: Option<&'static str>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, requests) = mpsc::channel();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let Some(request) = read(&mut stream) else { continue };
                match answer {
                    Some(answer) => drop(stream.write_all(answer.as_bytes())),
                    None => held.push(stream),
                }
                if tell.send(request).is_err() {
                    return;
                }
            }
        });
        Receiver { port, requests }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}/hook", self.port)
    }

    fn next(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(20)).expect("a request")
    }
}

/// Asks until an answer is right.
fn until(what: &str, seconds: u64, ask: impl Fn() -> Option<Value>) -> Value {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(seconds), "it never came to pass: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Settings that let webhooks reach receivers on this machine.
fn config(receivers: &[&Receiver]) -> String {
    let ports: Vec<String> = receivers.iter().map(|it| it.port.to_string()).collect();
    format!(
        "allow_http_webhooks = true\nallow_webhook_ports = [{}]\n\
         allow_webhook_addresses = ['127.0.0.0/8', '::1']\n",
        ports.join(", ")
    )
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The request as it stands on the line: one of each of these.
fn is_marked(told: &str) {
    assert!(told.starts_with("POST /hook HTTP/1.1\r\n"), "{told}");
    let agent = format!("user-agent: Parakey-WebhookWorker/{}\r\n", env!("CARGO_PKG_VERSION"));
    for line in [&agent, "authorization: Bearer receiver\r\n", "content-type: application/json\r\n"]
    {
        assert_eq!(told.matches(line).count(), 1, "{line} in {told}");
    }
}

#[test]
fn an_unlock_and_a_batch_are_told_as_they_are_read() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let well = Receiver::answering(Some("HTTP/1.1 204 No Content\r\n\r\n"));
    let gone = Receiver::answering(Some("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"));
    let slow = Receiver::answering(None);
    let file = temporary.write("config.toml", &config(&[&well, &gone, &slow]));
    let made = data.setup();
    let server = data.serve_with(&["--config", &file]);
    let native = Client::new(&server.url, &made);
    let place = get(&made, "/place/id");
    let compat = data.run(&["compat", "--vendor", "parakey", "--place", &place, "--json"]).json();
    assert_eq!(compat["not_built"], json!([]));
    let token = get(&compat, "/credentials/access_token");
    let call = |method: &str, path: &str, body: Value| -> (u16, Value) {
        send(&server.url, method, &format!("/compat/parakey{path}"), &token, &body)
    };
    let hook = |body: Value| -> String {
        let (status, hook) = call("POST", "/webhooks", body);
        assert_eq!(status, 201, "{hook}");
        get(&hook, "/id")
    };
    let headers = json!({"Authorization": "Bearer receiver"});
    hook(json!({"url": well.url(), "headers": headers}));
    let gone_hook = hook(json!({"url": gone.url()}));
    let slow_hook = hook(json!({"url": slow.url()}));
    hook(json!({"url": well.url(), "type": "batchCompleted"}));

    let door = native.make("/locks", json!({"name": "Door"}));
    let level = json!({"name": "Gym", "lock_ids": [door], "api_enabled": true});
    let level = native.make("/access-levels", level);
    let user = json!({"email": "ann@example.org", "password": "correct horse"});
    let batch = json!({"insert": [{"access": {"id": level}, "user": user}]});
    let (status, batch) = call("POST", "/batches", batch);
    assert_eq!(status, 201, "{batch}");
    let told = well.next();
    assert_eq!(
        body(&told),
        call("GET", &format!("/batches/{}", get(&batch, "/id")), Value::Null).1
    );

    let (_, users) = call("GET", "/users", Value::Null);
    let ask = json!({"lock_id": door, "person_id": get(&users, "/0/id")});
    let (_, decided) = native.send("POST", "/decisions", ask);
    assert_eq!(decided["result"], json!("granted"), "{decided}");
    let asked = Instant::now();
    let told = well.next();
    let log = format!("/eventLogs/{}", get(&decided, "/event_id"));
    let (status, log) = call("GET", &log, Value::Null);
    assert_eq!((status, body(&told)), (200, log));
    is_marked(&told);

    gone.next();
    let shown = |hook: &str| call("GET", &format!("/webhooks/{hook}"), Value::Null).1;
    let disabled = until("it is disabled", 20, || {
        Some(shown(&gone_hook)).filter(|it| it["disabledAt"].is_string())
    });
    assert_eq!(disabled["disabledReason"], json!("gone"));

    slow.next();
    let deliveries = format!("/webhooks/{slow_hook}/deliveries");
    let attempt = until("whoever is slow is given up", 40, || {
        native.list(&deliveries).first()?.pointer("/attempts/0").cloned()
    });
    assert!(asked.elapsed() >= Duration::from_secs(14), "{:?}", asked.elapsed());
    assert_eq!(attempt["error"], json!("no answer within 15 s"));
    assert_eq!(shown(&slow_hook)["disabledAt"], json!(null), "it is tried again");
    server.stop();
}
