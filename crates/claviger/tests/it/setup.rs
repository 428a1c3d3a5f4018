//! `setup`, the data folder, arguments and settings.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::client::{Client, send};
use crate::run::{Temporary, claviger, claviger_with, get, names};

#[test]
fn setup_makes_a_private_folder_and_says_what_it_made() {
    let temporary = Temporary::new();
    let data = temporary.data("deep/er/data");
    let made = data.setup();
    for pointer in ["/organization/id", "/place/id", "/client/id"] {
        assert_eq!(get(&made, pointer).len(), 36, "{made}");
    }
    assert_eq!(get(&made, "/admin/email"), "admin@localhost");
    assert!(get(&made, "/admin/setup_code").starts_with("clvo_"), "{made}");
    assert!(get(&made, "/client/secret").starts_with("clvk_"), "{made}");
    assert_eq!(made.as_object().unwrap().len(), 4);
    let mode = std::fs::metadata(&data.path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let text = data.run(&["setup", "--organization", "Org", "--place", "Other"]);
    assert!(text.out.contains("/api/v1/account/invitation"), "{text:?}");
}

#[test]
fn wrong_wishes_are_refused_in_one_line_and_nothing_is_made() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let fixed = ["setup", "--organization", "Org", "--place", "House"];
    let with = |more: &[&str]| data.run(&[&fixed[..], more].concat()).refusal();
    assert!(with(&["--admin-email", "nobody"]).contains("admin_email"));
    assert!(with(&["--time-zone", "Europe/Nowhere"]).contains("Europe/Nowhere"));
    let empty = data.run(&["setup", "--organization", "", "--place", "House"]).refusal();
    assert!(empty.contains("name"), "{empty}");
    let found = data.run(&["verify", "--json"]).json();
    assert_eq!(found["counts"]["organizations"], json!(0), "{found}");
}

#[test]
fn an_account_is_deleted_once_no_place_knows_anybody_by_it() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let made = data.setup();
    let client = Client::new(&server.url, &made);
    let ann = client.make("/people", json!({"email": "ann@example.org", "invite": true}));
    let outbox = data.path.join("outbox");
    let begun = std::time::Instant::now();
    let mail = loop {
        let mails = if outbox.exists() { names(&outbox) } else { Vec::new() };
        if let Some(name) = mails.into_iter().find(|name| !name.starts_with('.')) {
            break std::fs::read_to_string(outbox.join(name)).unwrap();
        }
        assert!(begun.elapsed().as_secs() < 20, "no mail");
    };
    let secret = mail.split_whitespace().find(|word| word.starts_with("clvo_")).unwrap();
    let redeem = json!({"secret": secret, "password": "0123456789"});
    assert_eq!(send(&server.url, "POST", "/api/v1/account/invitation", "", &redeem).0, 201);
    let log_in = json!({"email": "ann@example.org", "password": "0123456789"});
    let log_in = || send(&server.url, "POST", "/api/v1/session", "", &log_in).0;

    let forget = |email: &str| data.run(&["forget-account", email]);
    assert!(forget("bo@example.org").refusal().contains("account"));
    assert!(forget("ann@example.org").refusal().contains("a place knows"));
    assert_eq!(client.send("DELETE", &format!("/people/{ann}"), json!(null)).0, 204);
    assert_eq!(log_in(), 201, "it is hers, and no place's");
    assert_eq!(forget("Ann@example.org").code, Some(0));
    assert_eq!(log_in(), 401);
    assert_eq!(names(&outbox), Vec::<String>::new(), "the mail to her");
    assert!(forget("ann@example.org").refusal().contains("account"));
    server.stop();
}

#[test]
fn folders_of_others_are_left_alone() {
    let temporary = Temporary::new();
    temporary.write("letter.txt", "dear");
    let foreign = temporary.data(".");
    let place = "01890000-0000-7000-8000-000000000000";
    for args in [
        &["setup", "--organization", "O", "--place", "P"][..],
        &["verify"],
        &["serve"],
        &["compat", "--vendor", "unloc", "--place", place],
        &["import", "people", "letter.txt", "--place", place],
        &["export", "export.zip", "--place", place],
        &["backup", "kept"],
        &["forget-account", "ann@example.org"],
        &["root", "export", "root"],
        &["root", "trust-clock"],
    ] {
        let refused = foreign.run(args).refusal();
        assert!(refused.contains("is not a Claviger data folder"), "{args:?}: {refused}");
    }
    assert_eq!(names(&foreign.path), ["letter.txt"]);
    let missing = temporary.data("missing");
    let refused = missing.run(&["verify"]).refusal();
    assert!(refused.contains("there is no Claviger data folder"), "{refused}");
    assert!(!missing.path.exists());
    let file = temporary.data("letter.txt");
    assert!(file.run(&["verify"]).refusal().contains("is not a folder"));
}

#[test]
fn a_database_without_its_secrets_or_of_a_newer_program_is_refused() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    data.setup();
    let secrets = data.path.join("secrets");
    std::fs::rename(&secrets, temporary.path("kept")).unwrap();
    let refused = data.run(&["serve"]).refusal();
    assert!(refused.contains("secrets is missing"), "{refused}");
    std::fs::rename(temporary.path("kept"), &secrets).unwrap();
    data.sql("insert into schema_history (number, checksum) values (999, 'x')");
    for args in [&["serve"][..], &["verify"]] {
        let refused = data.run(args).refusal();
        assert!(refused.contains("schema 999") && refused.contains("newer program"), "{refused}");
    }
    std::fs::write(data.path.join("claviger.db"), "this is no database at all, is it?").unwrap();
    for name in ["claviger.db-wal", "claviger.db-shm"] {
        let _ = std::fs::remove_file(data.path.join(name));
    }
    let refused = data.run(&["verify"]).refusal();
    assert!(refused.contains("database"), "{refused}");
}

#[test]
fn setup_while_serving_is_valid_at_once() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let made = data.setup();
    let client = Client::new(&server.url, &made);
    assert_eq!(client.list("/people").len(), 0);
    let body = json!({
        "setup_code": get(&made, "/admin/setup_code"), "password": "correct horse battery",
    });
    let path = "/api/v1/account/invitation";
    assert_eq!(send(&server.url, "POST", path, "", &body).0, 201);
    assert!(send(&server.url, "POST", path, "", &body).0 >= 400, "a code is for one use");
    server.stop();
    let server = data.serve();
    Client::new(&server.url, &made);
    server.stop();
}

#[test]
fn a_folder_with_a_long_path_works() {
    let temporary = Temporary::new();
    let data = temporary.data(&format!("{0}/{0}/{0}", "long".repeat(20)));
    let server = data.serve();
    let made = data.setup();
    Client::new(&server.url, &made);
    let mode = std::fs::metadata(data.path.join("claviger.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.stop();
    assert!(!names(&data.path).contains(&"claviger.sock".to_owned()));
}

#[test]
fn arguments_are_checked() {
    for args in [
        &["serve", "--clock-ahead", "soon"][..],
        &["serve", "--lissten", "127.0.0.1:1"],
        &["import", "doors", "x.csv", "--place", "p"],
        &["compat", "--place", "p", "--vendor", "acme"],
        &["setup"],
        &[],
    ] {
        let ended = claviger(args);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{args:?} {ended:?}");
        assert!(!ended.err.contains("panicked"), "{ended:?}");
    }
    let refused = claviger(&["serve", "--compat", "unloc"]).refusal();
    assert!(refused.contains("unloc=127.0.0.1:9001"), "{refused}");
    assert_eq!(claviger(&["--version"]).out, "claviger 0.1.0\n");
}

#[test]
fn settings_come_from_file_environment_and_flags() {
    let temporary = Temporary::new();
    let file =
        temporary.write("c.toml", "listen = '127.0.0.1:1'\npublic_url = 'https://a.example'");
    let args = ["serve", "--config", &file, "--show-config", "--listen", "127.0.0.1:3"];
    let secret = ("CLAVIGER_DATABASE_URL", "postgres://u:hush@localhost/x");
    let shown = claviger_with(&args, &[("CLAVIGER_LISTEN", "127.0.0.1:2"), secret]);
    assert!(shown.out.contains("listen = \"127.0.0.1:3\"\n"), "{shown:?}");
    assert!(shown.out.contains("public_url = \"https://a.example\"\n"), "{shown:?}");
    assert!(!shown.out.contains("hush"), "{shown:?}");
    let file = temporary.write("c.toml", "listen = '127.0.0.1:1'\nlisten_to = 'x'\n");
    let refused = claviger(&["serve", "--config", &file]).refusal();
    assert!(refused.contains("line 2") && refused.contains("listen_to"), "{refused}");
    let refused = claviger(&["serve", "--config", "/nowhere.toml"]).refusal();
    assert!(refused.contains("/nowhere.toml"), "{refused}");
}
