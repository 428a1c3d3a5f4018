//! Keys made through the Trackunit Classic API at a machine that asks the native one, and a token
//! that is in no log.

use std::time::Duration;

use claviger_sim::{Login, Operated, Shown};
use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::run::{Temporary, free_address, get};

const SERIALS: [&str; 3] = ["6200011587691E09", "6800801587691F09", "00471200"];

/// A program with a token in the query, as old ones send it.
struct Program<'a> {
    url: &'a str,
    base: &'static str,
    token: String,
}

impl Program<'_> {
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("{}/public{path}?token={}", self.base, self.token);
        let (status, answer) = send(self.url, method, &path, "", body);
        assert_eq!(status, 200, "{method}: {answer}");
        answer
    }

    fn key(&self, name: &str, serial: &str, more: Value) -> String {
        let mut body = json!({ "name": name, "serialNumber": serial });
        more.as_object().unwrap().iter().for_each(|(name, it)| body[name] = it.clone());
        get(&self.call("POST", "/Key", &body), "/id")
    }
}

#[test]
fn keys_of_the_classic_api_start_a_machine() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let own = free_address();
    let config = temporary.path("claviger.toml");
    std::fs::write(&config, "log = \"trace\"\n").unwrap();
    let compat = format!("trackunit={own}");
    let flags = ["--config", config.to_str().unwrap(), "--compat", &compat];
    let server = data.serve_with(&flags);
    let made = data.setup();
    let native = Client::new(&server.url, &made);
    let address = server.url.clone();
    let capacity = json!({ "name": "Lift", "capacity": { "credentials": 90 } });
    let lock = native.make("/locks", capacity);
    let place = get(&made, "/place/id");
    let compat = data.run(&["compat", "--vendor", "trackunit", "--place", &place, "--json"]).json();
    assert_eq!(compat["base_path"], "/compat/trackunit");
    let token = get(&compat, "/credentials/token");
    assert_eq!((token.len(), compat["credentials"].as_object().unwrap().len()), (32, 1));
    let own = format!("http://{own}");
    let program = Program { url: &own, base: "", token: token.clone() };
    let units = program.call("GET", "/unit", &Value::Null);
    let unit = get(&units, "/list/0/id");
    let [ann, admin, bob] = SERIALS;
    let hints = json!({ "units": [unit], "keyValid": "30sec", "keyExpire": "2min" });
    let ann_id = program.key("Ann", ann, hints);
    program.key("Admin", admin, json!({ "units": [unit], "isAdmin": true }));
    let bob_id = program.key("Bob", bob, json!({ "keyExpire": "0sec" }));

    let login =
        Login::Client { id: get(&made, "/client/id"), secret: get(&made, "/client/secret") };
    let client = claviger_sim::Client::new(&server.url, &place, login).unwrap();
    let mut machine = Operated::new(client, lock);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let at = Duration::from_secs;
    let present = |machine: &mut Operated, now: u64, serial: &str| {
        runtime.block_on(machine.present(at(now), serial.len() as u32 * 4, serial)).unwrap()
    };
    assert_eq!(present(&mut machine, 0, bob), Shown::Refused);
    assert_eq!(present(&mut machine, 0, ann), Shown::LoggedOn);
    let logged_on = program.call("GET", "/Unit", &Value::Null);
    assert_eq!(logged_on["list"][0]["keyId"], json!(ann_id));
    assert!(!machine.machine.may_start(at(30)) && machine.machine.switch_on(at(29)));
    machine.machine.switch_off(at(100));
    assert!(machine.machine.may_start(at(219)) && !machine.machine.may_start(at(220)));
    assert_eq!(present(&mut machine, 300, bob), Shown::Refused, "ann has no admin key");
    assert_eq!(present(&mut machine, 301, admin), Shown::LoggedOn);
    assert!(matches!(present(&mut machine, 302, bob), Shown::Enrol(_)));
    let shown = program.call("POST", "/GetKey", &json!({ "id": bob_id }));
    assert_eq!(shown["list"][0]["units"], json!([unit]), "the enrolment is seen");
    assert_eq!(present(&mut machine, 303, bob), Shown::LoggedOn);
    program.call("PUT", "/Key", &json!({ "id": bob_id, "clear": true }));
    assert_eq!(present(&mut machine, 304, bob), Shown::Refused);
    // The server's own address serves it too.
    let here = Program { url: &server.url, base: "/compat/trackunit", token: token.clone() };
    assert_eq!(here.call("GET", "/Key", &Value::Null)["list"].as_array().unwrap().len(), 3);
    let (status, _) = send(&own, "GET", "/api/v1/me", "", &Value::Null);
    assert_eq!(status, 404);
    // The most that can be logged: the token is sent, whole or wrong, and never written down.
    let (status, _) =
        send(&address, "GET", &format!("/compat/trackunit/x?token={token}"), "", &Value::Null);
    assert_eq!(status, 404);
    server.signal("-TERM");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("ended"), "{log}");
    assert!(!log.contains(&token), "the token is in the log");
}
