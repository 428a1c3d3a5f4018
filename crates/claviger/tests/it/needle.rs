//! After retention nothing of a person is left in anything the server writes: its database with the
//! log beside it, what it says, its outbox, what it exports.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_store::Location;
use claviger_store::testing::engines;
use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::run::{Data, Server, Temporary, get};

/// How long the background work may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is only Brunhilda's, in whatever field it was given.
const NEEDLES: [&str; 18] = [
    "Brunhilda",
    "Needlebottom",
    "Hilda the Needle",
    "brunhilda.needle@",
    "46709871234",
    "idp-needle-subject",
    "emp-needle-77",
    "tag-needle",
    "note-needle",
    "meta-needle",
    "ext-needle-person",
    "ext-needle-grant",
    "booking-needle",
    "label-needle",
    "contact-needle",
    "reason-needle",
    "why-needle",
    HER_PHONE[0],
];
/// Points of P-256: by what her phone is known, and a lock.
const HER_PHONE: [&str; 2] = [
    "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978",
    "07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1",
];
const LOCK: [&str; 2] = [
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
];
/// What is never written in plain at all: a code, a PIN.
const SEALED: [&str; 2] = ["86420975", "13579864"];

/// A server on one engine, with what its operator needs to know.
struct House {
    data: Data,
    database: Vec<String>,
    /// All that the servers said so far.
    log: String,
}

impl House {
    fn serve(&self, config: &str, more: &[&str]) -> Server {
        let database = self.database.iter().map(String::as_str);
        let own = ["--config", config].into_iter().chain(more.iter().copied());
        self.data.serve_with(&own.chain(database).collect::<Vec<_>>())
    }

    fn run(&self, args: &[&str]) -> crate::run::Ended {
        let database = self.database.iter().map(String::as_str);
        self.data.run(&args.iter().copied().chain(database).collect::<Vec<_>>())
    }

    fn stop(&mut self, server: Server) {
        server.signal("-TERM");
        let (code, said) = server.ended();
        assert_eq!(code, Some(0), "{said}");
        self.log.push_str(&said);
    }

    /// Everything that is written now, by the name of where.
    fn written(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        files(&self.data.path, &mut all);
        if let Some(url) = self.database.get(1) {
            all.extend(tables(url));
        }
        all.insert("what was said".to_owned(), self.log.clone().into_bytes());
        all
    }

    /// Where which needles stand, also as hexadecimal digits or as the bytes that those are.
    fn found(&self, needles: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, bytes) in self.written() {
            for needle in needles {
                let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
                let forms = [needle.clone().into_bytes(), hex.into_bytes(), of_hex(needle)];
                if forms.iter().any(|form| !form.is_empty() && holds(&bytes, form)) {
                    found.push(format!("{needle} in {name}"));
                }
            }
        }
        found
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// The bytes that hexadecimal digits say; none where it is another text, or too short to be rare.
fn of_hex(text: &str) -> Vec<u8> {
    if text.len() < 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Vec::new();
    }
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Every file below a folder. The socket is none.
fn files(folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if let Ok(bytes) = std::fs::read(&path) {
            all.insert(path.display().to_string(), bytes);
        }
    }
}

/// Every row of every table of a PostgreSQL database as text.
fn tables(url: &str) -> BTreeMap<String, Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let names = "select table_name::text from information_schema.tables \
                     where table_schema = 'public'";
        let mut all = BTreeMap::new();
        for row in client.query(names, &[]).await.unwrap() {
            let name: String = row.get(0);
            let rows = client.query(&format!("select t::text from {name} t"), &[]).await.unwrap();
            let text: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            all.insert(name, text.join("\n").into_bytes());
        }
        drop(client);
        connection.await.unwrap().unwrap();
        assert!(all.len() > 20, "{:?}", all.keys());
        all
    })
}

/// A COSE_Key, as it is sent.
fn cose_key([x, y]: [&str; 2]) -> String {
    let whole = format!("a401022001215820{x}225820{y}");
    STANDARD.encode(of_hex(&whole))
}

/// Her phone is given a key of a lock with no network.
fn enrol(client: &Client, her: &str) {
    let shed = client.make("/locks", json!({"name": "Shed", "mode": "offline_keys"}));
    let known = json!({"public_key": cose_key(LOCK)});
    let (status, told) = client.send("POST", &format!("/locks/{shed}/commission"), known);
    assert_eq!(status, 200, "{told}");
    let right = json!({"subject": {"person_id": her}, "target": {"lock_id": shed}});
    client.make("/grants", right);
    let phone = json!({"person_id": her, "public_key": cose_key(HER_PHONE)});
    let (status, phone) = client.send("POST", "/devices/enrol", phone);
    assert_eq!(status, 200, "{phone}");
    let call = json!({"device_id": phone["device_id"]});
    let (status, carried) = client.send("POST", "/devices/sync", call);
    assert_eq!((status, carried["keys"].as_array().map(Vec::len)), (200, Some(1)), "{carried}");
}

/// All that can be said of her.
fn brunhilda() -> Value {
    json!({
        "external_id": "ext-needle-person", "first_name": "Brunhilda",
        "last_name": "Needlebottom", "display_name": "Hilda the Needle",
        "email": "Brunhilda.Needle@example.org", "phone": "+46709871234",
        "identity": {"provider": "p", "subject": "idp-needle-subject"},
        "employee_number": "emp-needle-77", "tags": ["tag-needle"], "note": "note-needle",
        "metadata": {"of": "meta-needle"},
    })
}

/// Brunhilda comes, among many others; she is at doors.
fn come(client: &Client) -> (String, Vec<String>) {
    let others: Vec<String> = (0..120)
        .map(|at| client.make("/people", json!({"first_name": format!("Other {at:03}")})))
        .collect();
    // Nobody answers the invitation.
    let mut wish = brunhilda();
    wish["invite"] = json!(true);
    let (status, made) = client.send_once("/people", "come", &wish);
    assert_eq!(status, 201, "{made}");
    let her = get(&made, "/id");
    let path = format!("/people/{her}");
    // What was written before is somewhere else in the files.
    let small = json!({"email": "brunhilda.needle@example.org"});
    assert_eq!(client.send("PATCH", &path, small).0, 200);
    enrol(client, &her);
    let door = client.make("/locks", json!({"name": "Door"}));
    let quiet = client.make("/locks", json!({"name": "Quiet", "privacy": "pseudonym"}));
    let card = json!({"bits": 64, "value": "deadbeefcafe4711"});
    let badge = client.make(
        "/credentials",
        json!({
            "kind": "card", "person_id": her, "card": card, "label": "label-needle",
            "contact": {"text": "contact-needle"}, "pin": SEALED[1],
        }),
    );
    let code = json!({"kind": "code", "person_id": her, "code": SEALED[0]});
    assert_eq!(client.send_once("/credentials", "code", &code).0, 201);
    client.make("/webhooks", json!({"url": "https://hooks.example.org/in"}));
    client.make("/webhooks", json!({"url": "https://hooks.example.org/u", "format": "unloc"}));
    client
        .make("/webhooks", json!({"url": "https://hooks.example.org/p", "format": "parakey-1.2"}));
    let right = |lock: &str| {
        json!({
            "subject": {"person_id": her}, "target": {"lock_id": lock},
            "external_id": "ext-needle-grant", "metadata": {"for": "booking-needle"},
        })
    };
    let over = client.make("/grants", right(&door));
    let revoke = json!({"reason": "why-needle"});
    assert_eq!(client.send("POST", &format!("/grants/{over}/revoke"), revoke).0, 200);
    let mut open = right(&quiet);
    open["subject"] = json!({"credential_id": badge});
    client.make("/grants", open);
    let batch = json!({"create": [
        {"subject": {"email": "brunhilda.needle@example.org"}, "target": {"lock_id": door}},
    ]});
    assert_eq!(client.send("POST", "/grants/batch", batch).0, 200);
    for lock in [&door, &quiet] {
        for asked in [json!({"card": card}), json!({"code": SEALED[0]}), json!({"person_id": her})]
        {
            let mut asked = asked;
            asked["lock_id"] = json!(lock);
            assert_eq!(
                client.send_once("/decisions", &asked.to_string().replace('"', ""), &asked).0,
                200
            );
        }
    }
    let suspend = json!({"reason": "reason-needle"});
    assert_eq!(client.send("POST", &format!("{path}/suspend"), suspend).0, 200);
    // So that pages of the database are rearranged around her.
    for other in others.iter().step_by(3) {
        let longer = json!({"note": "x".repeat(300)});
        assert_eq!(client.send("PATCH", &format!("/people/{other}"), longer).0, 200);
    }
    for other in others.iter().step_by(5) {
        assert_eq!(client.send("DELETE", &format!("/people/{other}"), Value::Null).0, 204);
    }
    (her, others)
}

/// The texts that `export` writes, joined.
fn exported(house: &House, place: &str, file: &Path) -> String {
    let name = file.display().to_string();
    let ended = house.run(&["export", "--place", place, &name]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut archive = zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap();
    let mut all = ended.out + &ended.err;
    for at in 0..archive.len() {
        archive.by_index(at).unwrap().read_to_string(&mut all).unwrap();
    }
    all
}

fn no_longer_found(house: &House, needles: &[String]) {
    let begun = Instant::now();
    loop {
        let found = house.found(needles);
        if found.is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "still there: {found:#?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn after_retention_nothing_of_a_person_is_left_in_what_the_server_writes() {
    let temporary = Temporary::new();
    for location in engines() {
        let (name, database) = match location {
            Location::Sqlite(_) => ("sqlite", Vec::new()),
            Location::Postgres(url) => ("postgres", vec!["--database-url".to_owned(), url]),
        };
        let data = temporary.data(name);
        let house = House { data, database, log: String::new() };
        look_for_needles(&temporary, name, house);
    }
}

fn look_for_needles(temporary: &Temporary, name: &str, mut house: House) {
    let config = temporary.write("claviger.toml", "log = \"trace\"\n");
    let server = house.serve(&config, &[]);
    let made = house.run(&["setup", "--organization", "Org", "--place", "House", "--json"]).json();
    let place = get(&made, "/place/id");
    let client = Client::new(&server.url, &made);
    let redeem = json!({"setup_code": get(&made, "/admin/setup_code"), "password": "0123456789"});
    assert_eq!(send(&server.url, "POST", "/api/v1/account/invitation", "", &redeem).0, 201);
    let reset = json!({"email": "admin@localhost"});
    assert_eq!(send(&server.url, "POST", "/api/v1/account/password-reset", "", &reset).0, 202);
    let (her, others) = come(&client);
    let events = client.list("/events");
    assert_eq!(events.len(), 6);
    let stand_in = events.iter().find_map(|event| event["pseudonym"].as_str()).unwrap();

    let needles: Vec<String> = NEEDLES.iter().map(|it| (*it).to_owned()).collect();
    // Also the card at doors and whoever stands for her: whom events concerned.
    let whom = ["deadbeefcafe4711".to_owned(), stand_in.to_owned()];
    let sealed: Vec<String> = SEALED.iter().map(|it| (*it).to_owned()).collect();
    let before = house.found(&[&needles[..], &whom].concat());
    for needle in needles.iter().chain(&whom) {
        let is_there = before.iter().any(|found| found.starts_with(needle.as_str()));
        assert!(is_there, "the search does not find {needle}");
    }
    let text = exported(&house, &place, &temporary.path(&format!("{name}-before.zip")));
    assert!(text.contains("Needlebottom") && text.contains(stand_in));
    assert_eq!(client.send("DELETE", &format!("/people/{her}"), Value::Null).0, 204);
    house.stop(server);

    let server = house.serve(&config, &["--clock-ahead", "31d"]);
    let client = Client::new(&server.url, &made);
    let all = [&needles[..], &whom, &sealed].concat();
    no_longer_found(&house, &all);
    let left = client.list("/events");
    assert_eq!(left.len(), events.len(), "the events are still counted");
    for (left, event) in left.iter().zip(&events) {
        assert_eq!((&left["id"], &left["occurred_at"]), (&event["id"], &event["occurred_at"]));
        for field in ["person_id", "credential_id", "grant_id", "card", "pseudonym"] {
            assert_eq!(left[field], Value::Null, "{field}");
        }
    }
    let (_, verified) = client.send("GET", "/changes/verify", Value::Null);
    assert_eq!(verified["ok"], true, "{verified}");
    // All who were not deleted, and the administrator.
    assert_eq!(client.list("/people").len(), others.len() - others.len().div_ceil(5) + 1);
    let text = exported(&house, &place, &temporary.path(&format!("{name}-after.zip")));
    assert!(text.contains("Other 001"));
    for needle in &all {
        assert!(!text.contains(needle.as_str()), "{needle} is exported");
    }
    let outbox = crate::run::names(&house.data.path.join("outbox"));
    assert_eq!(outbox, Vec::<String>::new(), "mails that nobody sent");
    house.stop(server);
    assert!(house.log.contains("events were made anonymous by retention"));
    assert_eq!(house.found(&all), Vec::<String>::new(), "after the end, too");
}
