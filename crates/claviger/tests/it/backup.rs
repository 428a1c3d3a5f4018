//! `backup`, `restore` and `verify`.

use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::run::{Data, Temporary, claviger_with, get, names};

const PASSPHRASE: (&str, &str) = ("CLAVIGER_PASSPHRASE", "horse battery staple");

/// Something of everything that can be made, and the set-up.
fn furnish(data: &Data) -> Value {
    let server = data.serve();
    let made = data.setup();
    let client = Client::new(&server.url, &made);
    let door = client.make("/locks", json!({"name": "Door", "external_id": "door"}));
    let ann = client.make("/people", json!({"display_name": "Ann", "email": "ann@example.org"}));
    client.make(
        "/credentials",
        json!({"person_id": ann, "kind": "code", "code": "918273", "pin": "4711"}),
    );
    let level = client.make("/access-levels", json!({"name": "All", "lock_ids": [door]}));
    let to =
        |target: Value| json!({"subject": {"person_id": ann}, "target": target, "right": "open"});
    let gone = client.make("/grants", to(json!({"lock_id": door})));
    client.make("/grants", to(json!({"access_level_id": level})));
    assert_eq!(client.send("POST", &format!("/grants/{gone}/revoke"), json!({})).0, 200);
    client.make("/webhooks", json!({"url": "https://example.org/hook"}));
    let asked = json!({"lock_id": door, "code": "918273", "pin": "4711"});
    assert_eq!(client.send("POST", "/decisions", asked).0, 200);
    server.stop();
    made
}

fn counts(data: &Data) -> Value {
    let found = data.run(&["verify", "--json"]).json();
    assert_eq!(found["ok"], json!(true), "{found}");
    found["counts"].clone()
}

#[test]
fn a_backup_makes_the_same_elsewhere_but_no_sessions() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let made = furnish(&data);
    let file = temporary.path("all.backup").display().to_string();
    let backup = claviger_with(&["backup", &file, "--json", "--data", data.text()], &[PASSPHRASE]);
    let taken_at = get(&backup.json(), "/taken_at");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("data_key") && !text.contains("918273"));
    let copy = temporary.data("copy");
    let restore = ["restore", &file, "--data", copy.text()];
    let refused = claviger_with(&restore, &[PASSPHRASE]).refusal();
    assert!(refused.contains(&format!("--accept-rights-as-of {taken_at}")), "{refused}");
    let accept = |time: &str| [&restore[..], &["--accept-rights-as-of", time]].concat().join(" ");
    let run = |time: &str, env: &[(&str, &str)]| {
        claviger_with(&accept(time).split(' ').collect::<Vec<_>>(), env)
    };
    let refused = run("2020-01-01T00:00:00Z", &[PASSPHRASE]).refusal();
    assert!(refused.contains("is not the time of the backup"), "{refused}");
    assert!(run("noon", &[PASSPHRASE]).refusal().contains("is not a time"));
    assert!(run(&taken_at, &[]).refusal().contains("passphrase"));
    let wrong = ("CLAVIGER_PASSPHRASE", "another passphrase");
    assert!(run(&taken_at, &[wrong]).refusal().contains("passphrase is not the one"));
    let restored = run(&taken_at, &[PASSPHRASE]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(run(&taken_at, &[PASSPHRASE]).refusal().contains("is not empty"));
    assert_eq!(counts(&copy), counts(&data));
    check_copy(&copy, &made);
}

/// What was in the data answers in the copy: code and PIN open, the revoked grant is revoked.
fn check_copy(copy: &Data, made: &Value) {
    let server = copy.serve();
    let client = Client::new(&server.url, made);
    assert_eq!(client.list("/grants").len(), 1);
    let door = client.list("/locks")[0]["id"].clone();
    let asked = json!({"lock_id": door, "code": "918273", "pin": "4711"});
    let (status, decision) = client.send("POST", "/decisions", asked);
    assert_eq!((status, &decision["result"]), (200, &json!("granted")), "{decision}");
    let code = json!({
        "setup_code": get(made, "/admin/setup_code"), "password": "correct horse battery",
    });
    let redeemed = send(&server.url, "POST", "/api/v1/account/invitation", "", &code);
    assert!(redeemed.0 >= 400, "one-time codes end with a restore: {redeemed:?}");
    // Numbers go on where they were.
    client.make("/people", json!({"display_name": "Ben"}));
    server.stop();
    assert_eq!(counts(copy)["people"], json!(2));
}

#[test]
fn a_backup_without_secrets_needs_them_beside_it() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    furnish(&data);
    let file = temporary.path("all.backup").display().to_string();
    let said = data.run(&["backup", &file, "--json"]);
    assert!(said.err.contains("holds no secrets"), "{said:?}");
    let taken_at = get(&said.json(), "/taken_at");
    let copy = temporary.data("copy");
    let restore = ["restore", &file, "--accept-rights-as-of", &taken_at];
    assert!(copy.run(&restore).refusal().contains("holds no secrets"));
    let other = temporary.data("other");
    other.setup();
    std::fs::create_dir_all(&copy.path).unwrap();
    std::fs::copy(other.path.join("secrets"), copy.path.join("secrets")).unwrap();
    assert!(copy.run(&restore).refusal().contains("are not those of this backup"));
    std::fs::copy(data.path.join("secrets"), copy.path.join("secrets")).unwrap();
    assert_eq!(copy.run(&restore).code, Some(0));
    assert_eq!(counts(&copy), counts(&data));
    assert!(other.run(&restore).refusal().contains("is not empty"));
}

#[test]
fn a_backup_that_is_cut_off_or_changed_is_refused_and_leaves_nothing() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    furnish(&data);
    let file = temporary.path("all.backup").display().to_string();
    let taken_at = get(&data.run(&["backup", &file, "--json"]).json(), "/taken_at");
    let whole = std::fs::read(&file).unwrap();
    let copy = temporary.data("copy");
    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let refused = copy.run(&["restore", &file, "--accept-rights-as-of", &taken_at]).refusal();
        assert!(!copy.path.exists(), "{refused}");
        refused
    };
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let without = |at: usize| [lines[..at].concat(), lines[at + 1..].concat()].concat();
    assert!(refused(&without(lines.len() - 1)).contains("cut off"));
    assert!(refused(&whole[..whole.len() / 2]).contains("cut off"));
    assert!(refused(&whole[..40]).contains("cut off"));
    assert!(refused(&without(lines.len() / 2)).contains("damaged"));
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    assert!(refused(&flipped).contains("damaged"));
    assert!(refused(&[&whole[..], b"more\n"].concat()).contains("damaged"));
    assert!(refused(b"").contains("not a backup"));
    assert!(refused(b"PK something else entirely").contains("not a backup"));
    let later = String::from_utf8(whole.clone()).unwrap().replacen("backup v1", "backup v2", 1);
    assert!(refused(later.as_bytes()).contains("later version"));
    let head = String::from_utf8(lines[1].to_vec()).unwrap();
    let schema = serde_json::from_str::<Value>(&head).unwrap()["schema"].as_u64().unwrap();
    let newer = head.replace(&format!("\"schema\":{schema}"), "\"schema\":999");
    let bytes = resealed(&[&lines[..1], &[newer.as_bytes()], &lines[2..]].concat());
    assert!(refused(&bytes).contains("schema 999"));
    let last = lines.len() - 2;
    let bytes = resealed(&[&lines[..last], &[b"[1,2,3]\n"], &lines[last + 1..]].concat());
    std::fs::write(&file, bytes).unwrap();
    std::fs::create_dir_all(&copy.path).unwrap();
    std::fs::copy(data.path.join("secrets"), copy.path.join("secrets")).unwrap();
    let ended = copy.run(&["restore", &file, "--accept-rights-as-of", &taken_at]);
    assert!(ended.refusal().contains("cells"), "{ended:?}");
    assert_eq!(names(&copy.path), ["secrets"], "what was begun is taken away");
}

/// The lines with an end that fits them.
fn resealed(lines: &[&[u8]]) -> Vec<u8> {
    let body = lines[..lines.len() - 1].concat();
    let rows = lines.iter().filter(|line| line.starts_with(b"[")).count();
    let digest = claviger_app::sha256(&body);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let end = json!({"rows": rows, "sha256": hex}).to_string() + "\n";
    [body, end.into_bytes()].concat()
}

#[test]
fn verify_names_what_is_broken() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let made = furnish(&data);
    counts(&data);
    data.sql("update trail set verb = 'nothing' where place = 1 and seq = 3");
    data.sql("pragma foreign_keys = off; update credentials set person = 77");
    let ended = data.run(&["verify"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let place = get(&made, "/place/id");
    let trail = format!("the change trail of place {place} is broken at entry 3");
    assert!(ended.err.contains(&trail), "{ended:?}");
    assert!(ended.err.contains("1 rows of credentials point (place person)"), "{ended:?}");
    assert!(ended.err.contains("2 things are wrong"), "{ended:?}");
}

#[test]
fn a_backup_goes_from_one_engine_to_the_other_and_back() {
    let engines = claviger_store::testing::engines();
    let url = engines.iter().find_map(|engine| match engine {
        claviger_store::Location::Postgres(url) => Some(url.clone()),
        claviger_store::Location::Sqlite(_) => None,
    });
    // Told loudly by `engines` where it was asked for.
    let Some(url) = url else { return };
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let made = furnish(&data);
    let backup = |data: &Data, name: &str, engine: &[&str]| {
        let file = temporary.path(name).display().to_string();
        let args = [&["backup", &file, "--json", "--data", data.text()], engine].concat();
        let taken_at = get(&claviger_with(&args, &[PASSPHRASE]).json(), "/taken_at");
        (file, taken_at)
    };
    let restore = |data: &Data, (file, at): &(String, String), engine: &[&str]| {
        let fixed = ["restore", file, "--accept-rights-as-of", at, "--data", data.text()];
        claviger_with(&[&fixed[..], engine].concat(), &[PASSPHRASE])
    };
    let postgres = ["--database-url", &url];
    let first = backup(&data, "first", &[]);
    let other = temporary.data("other");
    let restored = restore(&other, &first, &postgres);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let refused = restore(&temporary.data("third"), &first, &postgres).refusal();
    assert!(refused.contains("the database is not empty"), "{refused}");
    assert!(!temporary.path("third/secrets").exists());
    let verified = other.run(&[&["verify", "--json"], &postgres[..]].concat()).json();
    assert_eq!(verified["counts"], counts(&data));
    let server = other.serve_with(&postgres);
    let client = Client::new(&server.url, &made);
    assert_eq!(client.list("/grants").len(), 1);
    server.stop();
    let second = backup(&other, "second", &postgres);
    let back = temporary.data("back");
    assert_eq!(restore(&back, &second, &[]).code, Some(0));
    check_copy(&back, &made);
}
