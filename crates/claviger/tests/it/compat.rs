//! A vendor's API at its path and at the root of an address of its own, with credentials made at
//! the command line while the server runs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::mail::outbox;
use crate::run::{Temporary, free_address, get};

#[test]
fn a_program_of_a_vendors_works_after_its_address_is_changed() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let own = free_address();
    let server = data.serve_with(&["--compat", &format!("unloc={own}")]);
    let made = data.setup();
    let native = Client::new(&server.url, &made);
    let lock = native.make("/locks", json!({"name": "Door"}));
    let place = get(&made, "/place/id");
    let compat = data.run(&["compat", "--vendor", "unloc", "--place", &place, "--json"]).json();
    assert_eq!(
        (&compat["vendor"], &compat["base_path"]),
        (&json!("unloc"), &json!("/compat/unloc"))
    );
    let credentials = &compat["credentials"];
    assert_eq!(credentials["project_id"], json!(place));
    assert_eq!(get(credentials, "/organization_id"), get(&made, "/organization/id"));
    let mut body = json!({
        "grant_type": "client_credentials", "scope": "project.admin",
        "client_id": credentials["client_id"], "client_secret": credentials["client_secret"],
        "project_id": credentials["project_id"],
    });
    for (base, path) in [(&server.url, "/compat/unloc/v2"), (&format!("http://{own}"), "/v2")] {
        let (status, token) = send(base, "POST", &format!("{path}/auth/token/"), "", &body);
        assert_eq!(status, 200, "{token}");
        let token = get(&token, "/access_token");
        let keys = format!("{path}/projects/{place}/keys");
        let wish = json!({"keys": [{"lockId": lock, "appUserId": "+4740000001"}]});
        let (status, answer) = send(base, "POST", &keys, &token, &wish);
        assert_eq!(status, 202, "{answer}");
        // The address it is told to ask is the one it came by.
        let job = get(&answer, "/jobRef/jobStatusUrl");
        let job = job.strip_prefix(base.as_str()).unwrap_or_else(|| panic!("{job} for {base}"));
        let (status, done) = send(base, "GET", job, &token, &Value::Null);
        assert_eq!((status, get(&done, "/job/status")), (200, "succeeded".to_owned()));
        let (status, listed) = send(base, "GET", &keys, &token, &Value::Null);
        assert_eq!((status, &listed["keys"][0]["lockId"]), (200, &json!(lock)));
        // Nothing but the vendor's API is there.
        let (status, _) = send(&format!("http://{own}"), "GET", "/api/v1/me", &token, &Value::Null);
        assert_eq!(status, 404);
    }
    body["client_secret"] = json!("wrong");
    let (status, refused) = send(&server.url, "POST", "/compat/unloc/v2/auth/token/", "", &body);
    assert_eq!((status, &refused["error"]), (401, &json!("invalid_client")));
    let nowhere = "01890000-0000-7000-8000-000000000000";
    let refused = data.run(&["compat", "--vendor", "unloc", "--place", nowhere]).refusal();
    assert!(refused.contains("place"), "{refused}");
    server.stop();
    let listen = ["serve", "--data", data.text(), "--listen", "127.0.0.1:0", "--compat"];
    let refused = crate::run::claviger(&[&listen[..], &["unloc=0.0.0.0:0"]].concat()).refusal();
    assert!(refused.contains("--insecure-http"), "{refused}");
}

#[test]
fn a_key_made_through_a_vendors_api_opens_a_door_and_a_new_secret_ends_the_former() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let own = free_address();
    let server = data.serve_with(&["--compat", &format!("intserv={own}")]);
    let made = data.setup();
    let native = Client::new(&server.url, &made);
    let door = native.make("/locks", json!({"name": "Door"}));
    let level = native.make("/access-levels", json!({"name": "Doors", "lock_ids": [door]}));
    let place = get(&made, "/place/id");
    let arguments = ["compat", "--vendor", "intserv", "--place", &place, "--json"];
    let first = data.run(&arguments).json();
    assert_eq!(first["base_path"], json!("/compat/intserv"));
    let first = get(&first, "/credentials/api_key");
    let body = json!({
        "key": {"identification": "0x00499602d2", "type": "proximity"}, "access_levels": [level],
    });
    let add = "/v1/accesskeys/add";
    let (status, key) = send(&format!("http://{own}"), "POST", add, &first, &body);
    assert_eq!((status, &key["key"]["identification"]), (200, &json!("0001234567890")), "{key}");
    let card = json!({"bits": 40, "value": "499602d2"});
    let question = json!({"lock_id": door, "card": card});
    let (_, decided) = native.send("POST", "/decisions", question);
    assert_eq!(decided["result"], json!("granted"), "{decided}");

    let second = get(&data.run(&arguments).json(), "/credentials/api_key");
    let path = format!("/compat/intserv{add}");
    let (status, refused) = send(&server.url, "POST", &path, &first, &body);
    assert_eq!((status, &refused["error_type"]), (401, &json!("Unauthorized")), "{refused}");
    let (status, same) = send(&server.url, "POST", &path, &second, &body);
    assert_eq!((status, same), (200, key));
    server.stop();
}

#[test]
fn a_token_made_for_one_vendor_adds_to_those_there_are() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let own = free_address();
    let server = data.serve_with(&["--compat", &format!("trackunit={own}")]);
    let made = data.setup();
    let native = Client::new(&server.url, &made);
    let machine = native.make("/locks", json!({"name": "Digger"}));
    let place = get(&made, "/place/id");
    let arguments = ["compat", "--vendor", "trackunit", "--place", &place, "--json"];
    let tokens = [(); 2].map(|()| {
        let compat = data.run(&arguments).json();
        assert_eq!(compat["base_path"], json!("/compat/trackunit"));
        let token = get(&compat, "/credentials/token");
        assert!(token.len() == 32 && token.bytes().all(|it| it.is_ascii_hexdigit()), "{token}");
        token
    });
    let body = json!({"name": "Tom", "serialNumber": "6200011587691E09", "units": ["1"]});
    let path = format!("/public/Key?token={}", tokens[0]);
    let (status, key) = send(&format!("http://{own}"), "POST", &path, "", &body);
    assert_eq!((status, &key["id"]), (200, &json!("1")), "{key}");
    let card = json!({"bits": 64, "value": "6200011587691e09"});
    let (_, decided) = native.send("POST", "/decisions", json!({"lock_id": machine, "card": card}));
    assert_eq!(decided["result"], json!("granted"), "{decided}");
    for token in &tokens {
        let path = format!("/compat/trackunit/public/Key/1?token={token}");
        let (status, keys) = send(&server.url, "GET", &path, "", &serde_json::Value::Null);
        assert_eq!((status, &keys["list"][0]["name"]), (200, &json!("Tom")), "{keys}");
    }
    server.stop();
}

#[test]
fn a_service_account_is_co_administrator_of_its_place() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let own = free_address();
    let server = data.serve_with(&["--compat", &format!("tapkey={own}")]);
    let made = data.setup();
    let place = get(&made, "/place/id");
    let arguments = ["compat", "--vendor", "tapkey", "--place", &place];
    let shown = data.run(&arguments).out;
    assert!(shown.contains("client_secret") && !shown.contains("not built yet"), "{shown}");
    let compat = data.run(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(compat["base_path"], json!("/compat/tapkey"));
    let credentials = &compat["credentials"];
    assert_eq!(credentials["owner_account_id"], json!(place));
    let base = format!("http://{own}");
    let path = "/.well-known/openid-configuration";
    let (status, found) = send(&base, "GET", path, "", &Value::Null);
    assert_eq!((status, &found["issuer"]), (200, &json!(base)));
    let body = json!({
        "grant_type": "client_credentials", "client_id": credentials["client_id"],
        "client_secret": credentials["client_secret"],
    });
    let (status, token) = send(&base, "POST", "//connect/token", "", &body);
    assert_eq!(status, 200, "{token}");
    let token = get(&token, "/access_token");
    let contacts = format!("/api/v1/Owners/{place}/Contacts");
    let body = json!({"identifier": "ann@example.org"});
    let (status, contact) = send(&base, "PUT", &contacts, &token, &body);
    assert_eq!((status, &contact["ownerId"]), (200, &json!(place)), "{contact}");
    let native = Client::new(&server.url, &made);
    let (_, person) = native.send("GET", &format!("/people/{}", get(&contact, "/id")), Value::Null);
    assert_eq!(person["email"], json!("ann@example.org"));
    server.stop();
}

#[test]
fn an_access_token_gives_keys_and_mails_who_is_made_by_it() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let own = free_address();
    let server = data.serve_with(&["--compat", &format!("parakey={own}")]);
    let made = data.setup();
    let native = Client::new(&server.url, &made);
    let door = native.make("/locks", json!({"name": "Door"}));
    let level = json!({"name": "Gym", "lock_ids": [door], "api_enabled": true});
    let level = native.make("/access-levels", level);
    let place = get(&made, "/place/id");
    let arguments = ["compat", "--vendor", "parakey", "--place", &place];
    let shown = data.run(&arguments).out;
    assert!(shown.contains("access_token") && !shown.contains("not built yet"), "{shown}");
    let compat = data.run(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(compat["base_path"], json!("/compat/parakey"));
    assert_eq!(compat["credentials"]["domain_id"], json!(place));
    let token = get(&compat, "/credentials/access_token");
    let base = format!("http://{own}");
    let body = json!({"insert": [{"access": {"id": level}, "user": {"email": "ann@example.org"}}]});
    let (status, keys) = send(&base, "POST", "/access-keys", &token, &body);
    assert_eq!((status, &keys["insert"][0]["user"]["email"]), (200, &json!("ann@example.org")));
    let question = json!({"lock_id": door, "person_id": keys["insert"][0]["user"]["id"]});
    let (_, decided) = native.send("POST", "/decisions", question);
    assert_eq!(decided["result"], json!("granted"), "{decided}");
    let path = "/compat/parakey/eventLogs?limit=1";
    let (status, logs) = send(&server.url, "GET", path, &token, &Value::Null);
    assert_eq!((status, &logs[0]["user"]["email"]), (200, &json!("ann@example.org")), "{logs}");
    // An invitation.
    outbox(&data, |names| names.len() == 1);
    server.stop();
}

#[test]
fn a_program_that_people_log_in_to_is_made_with_what_it_needs() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let made = data.setup();
    let place = get(&made, "/place/id");
    let compat = |more: &[&str]| {
        let arguments = ["compat", "--vendor", "tapkey", "--place", &place, "--json"];
        data.run(&[&arguments[..], more].concat())
    };
    let back = "https://app.example.org/done";
    let web = compat(&["--redirect-uri", back, "--no-role"]).json();
    let web = &web["credentials"];
    assert_eq!(web["redirect_uri"], json!(back));
    assert!(web["client_secret"].is_string() && web["service_account"].is_null(), "{web}");
    let page = compat(&["--redirect-uri", back, "--public"]).json();
    let page = &page["credentials"];
    assert!(page["client_secret"].is_null() && page["service_account"].is_null(), "{page}");
    let path = "/compat/tapkey/connect/authorize?response_type=code";
    for (program, status) in [(web, 200), (page, 303)] {
        let id = get(program, "/client_id");
        let path = format!("{path}&client_id={id}&redirect_uri={back}");
        let (found, _) = send(&server.url, "GET", &path, "", &Value::Null);
        // A page without PKCE is sent back.
        assert_eq!(found, status, "{id}");
    }
    let refused = compat(&["--redirect-uri", "http://app.example.org/"]).refusal();
    assert!(refused.contains("redirect_uris"), "{refused}");
    let wrong = compat(&["--identity-provider", "1"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("--issuer"), "{wrong:?}");
    let key = temporary.data("key").text().to_owned();
    std::fs::write(&key, "no key").unwrap();
    let provider =
        ["--identity-provider", "1", "--issuer", "i", "--audience", "a", "--public-key", &key];
    let refused = compat(&provider).refusal();
    assert!(refused.contains("public_key"), "{refused}");
    let arguments = ["compat", "--vendor", "unloc", "--place", &place, "--public"];
    let refused = data.run(&arguments).refusal();
    assert!(refused.contains("act for nobody"), "{refused}");
    server.stop();
}

/// Sends bytes as they are and reads until the server closes: head and body of the answer.
fn raw(url: &str, bytes: &[u8]) -> (String, Value) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = format!("content-length: {}", body.len());
    assert!(head.to_ascii_lowercase().contains(&length), "{head}");
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[test]
fn a_head_that_cannot_be_read_is_refused_in_the_form_of_whose_address_it_is() {
    let own = free_address();
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve_with(&["--compat", &format!("tapkey={own}")]);
    let own = format!("http://{own}");
    let terms = |bytes: usize| "id%20eq%20'a'%20or%20".repeat(bytes / 21);
    let head = |path: &str, more: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n").into_bytes()
    };
    let contacts = "/compat/tapkey/api/v1/owners/x/contacts?$filter=";
    let long = |path: &str, bytes: usize| head(&format!("{path}{}", terms(bytes)), "");
    let large = format!("x: {}\r\n", "y".repeat(2 << 20));
    // A filter of two megabytes; one that hyper reads to its end; one that we read.
    for bytes in [2 << 20, 100_000] {
        for (url, path) in [(&server.url, contacts), (&own, "/api/v1/owners/x/contacts?$filter=")] {
            let (head, body) = raw(url, &long(path, bytes));
            assert!(head.starts_with("HTTP/1.1 414 "), "{head}");
            let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["ErrorCode", "ErrorMessage"]);
            assert_eq!(body["ErrorCode"], "RequestUriTooLong");
        }
    }
    let (_, body) = raw(&server.url, &head(contacts, "connection: close\r\n"));
    assert_eq!(body["ErrorCode"], "Unauthorized", "a head that can be read is not held up");
    let (head_of, body) = raw(&server.url, &head(contacts, &large));
    assert!(head_of.starts_with("HTTP/1.1 431 "), "{head_of}");
    assert_eq!(body["ErrorCode"], "RequestHeadersTooLarge");
    let (head_of, body) = raw(&server.url, b"GET /compat/tapkey/api/v1/owners HTTP/9.9\r\n\r\n");
    assert!(head_of.starts_with("HTTP/1.1 400 "), "{head_of}");
    assert_eq!(body["ErrorCode"], "InvalidRequest");
    // Of others in theirs, and natively as a problem.
    for (path, said) in [
        ("/compat/intserv/v1/x?", "RequestUriTooLong"),
        ("/compat/parakey/x?", "uriTooLong"),
        ("/compat/unloc/v2/x?", "URI Too Long"),
        ("/api/v1/places?", "\"uri_too_long\""),
        ("/nowhere?", "\"uri_too_long\""),
    ] {
        let (head, body) = raw(&server.url, &long(path, 2 << 20));
        assert!(head.starts_with("HTTP/1.1 414 "), "{head}");
        assert!(body.to_string().contains(said), "{path}: {body}");
    }
    // On a connection that is kept, after a request that was answered.
    let good = head("/healthz", "");
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.write_all(&good).unwrap();
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    stream.write_all(&long(contacts, 2 << 20)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 414") && answer.contains("RequestUriTooLong"), "{answer}");
    server.stop();
}

#[test]
fn the_running_server_says_at_which_hosts_a_vendor_is_served() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let file = temporary.write("claviger.toml", "[compat.unloc]\nhosts = ['Unloc.example.org']\n");
    let server = data.serve_with(&["--config", &file]);
    let place = get(&data.setup(), "/place/id");
    let hosts = |vendor: &str, wanted: Value| {
        let command = ["compat", "--vendor", vendor, "--place", &place, "--json"];
        assert_eq!(data.run(&command).json()["hosts"], wanted, "{vendor}");
    };
    hosts("unloc", json!(["unloc.example.org"]));
    hosts("parakey", json!([]));
    let said = data.run(&["compat", "--vendor", "unloc", "--place", &place]).out;
    assert!(said.contains("at the root of   unloc.example.org\n"), "{said}");
    server.stop();
    hosts("unloc", json!([]));
}
