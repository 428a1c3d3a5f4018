//! `import` and `export`.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::client::Client;
use crate::run::{Data, Ended, Temporary, get};

struct House {
    temporary: Temporary,
    data: Data,
    place: String,
}

impl House {
    fn new() -> (House, Value) {
        let temporary = Temporary::new();
        let data = temporary.data("data");
        let made = data.setup();
        let place = get(&made, "/place/id");
        (House { temporary, data, place }, made)
    }

    fn import(&self, what: &str, text: &str, more: &[&str]) -> Ended {
        let file = self.temporary.write("rows.csv", text);
        let fixed = ["import", what, &file, "--place", &self.place];
        self.data.run(&[&fixed[..], more].concat())
    }

    fn counts(&self, what: &str, text: &str, more: &[&str]) -> [u64; 3] {
        let made = self.import(what, text, &[more, &["--json"]].concat()).json();
        ["created", "changed", "unchanged"].map(|name| made[name].as_u64().unwrap())
    }
}

const PEOPLE: &str = "external_id,first_name,last_name,email,phone,tags\n\
    ann,Ann,Berg,ann@example.org,+46701234567,staff;night\n\
    ben,Ben,\"Öst, jr\",,,\n";

#[test]
fn people_are_made_changed_and_left_as_they_are() {
    let (house, made) = House::new();
    assert_eq!(house.counts("people", PEOPLE, &["--dry-run"]), [2, 0, 0]);
    let said = house.import("people", PEOPLE, &["--dry-run"]).out;
    assert_eq!(said, "2 rows: 2 would be made, 0 would be changed, 0 as they were\n");
    assert_eq!(house.counts("people", PEOPLE, &[]), [2, 0, 0]);
    assert_eq!(house.counts("people", PEOPLE, &[]), [0, 0, 2]);
    let more = "\u{feff}external_id,last_name\r\nann,\r\nben,\"Öst, jr\"\r\ncay,Cox\r\n";
    assert_eq!(house.counts("people", more, &[]), [1, 1, 1]);
    let server = house.data.serve();
    let client = Client::new(&server.url, &made);
    let people = client.list("/people");
    assert_eq!(people.len(), 3);
    assert_eq!(people[0]["first_name"], "Ann");
    assert_eq!(people[0]["last_name"], Value::Null, "an empty cell clears");
    assert_eq!(people[0]["email"], "ann@example.org", "a missing column leaves");
    assert_eq!(people[0]["tags"], json!(["staff", "night"]));
    let last = client.list("/changes?limit=1000").pop().unwrap();
    assert_eq!((&last["verb"], &last["noun"]), (&json!("import"), &json!("person")));
    // The same through the server, and at once visible there.
    assert_eq!(house.counts("people", "external_id\ndan\n", &[]), [1, 0, 0]);
    assert_eq!(client.list("/people?external_id=dan").len(), 1);
    server.stop();
}

/// How far it is, on a terminal and nowhere else; the answer is the same.
#[test]
fn a_bar_shows_how_far_it_is_on_a_terminal_only() {
    let (house, _) = House::new();
    let rows: String = (0..3000).map(|n| format!("p{n}\n")).collect();
    let file = house.temporary.write("many.csv", &format!("external_id\n{rows}"));
    let said = |verb: &str| format!("3000 rows: {verb}");
    let import = ["import", "people", &file, "--place", &house.place];
    let plain = house.data.run(&[&import[..], &["--dry-run"]].concat());
    assert_eq!((plain.code, plain.err.as_str()), (Some(0), ""), "{plain:?}");
    assert!(plain.out.starts_with(&said("3000 would be made")), "{plain:?}");
    // What `script` (util-linux) runs has a terminal for all three; what it sees comes on stdout.
    let words = [&[env!("CARGO_BIN_EXE_claviger")], &import[..], &["--data", house.data.text()]];
    let typed: Vec<String> = words.concat().iter().map(|it| format!("'{it}'")).collect();
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-qec", &typed.join(" "), "/dev/null"]).env("TERM", "xterm");
    let seen = terminal.stdin(std::process::Stdio::null()).output().expect("script (bsdutils)");
    let text = String::from_utf8_lossy(&seen.stdout).into_owned();
    assert!(seen.status.success(), "{text}");
    assert!(text.contains("rows  ") && text.contains("/3000"), "no bar: {text:?}");
    let (_, after) = text.rsplit_once("/3000").unwrap();
    assert!(after.contains("\u{1b}[2K"), "the bar is not taken away: {text:?}");
    assert!(after.contains(&said("3000 made")), "{text:?}");
}

#[test]
fn every_wrong_row_is_named_and_nothing_is_imported() {
    let (house, _) = House::new();
    let text = "external_id,email,phone,language\n\
        ann,ann@example.org,,\n\
        b b,nonsense,12,xx\n\
        cay,ANN@example.org,,\n\
        ann,,,\n";
    for more in [&[][..], &["--dry-run"]] {
        let ended = house.import("people", text, more);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        for part in [
            "row 3, external_id: ",
            "row 3, email: ",
            "row 3, phone: ",
            "row 3, language: ",
            "row 4, email: another person",
            "row 5, external_id: row 2 is about the same",
        ] {
            assert!(ended.err.contains(part), "{part} in {}", ended.err);
        }
        assert_eq!(ended.err.lines().count(), 6, "{}", ended.err);
    }
    let found = house.data.run(&["verify", "--json"]).json();
    assert_eq!(found["counts"]["people"], json!(0));
    for (text, part) in [
        ("shoe,external_id\n", "there is no column \"shoe\""),
        ("email\n", "missing: external_id"),
        ("", "the file is empty"),
        ("external_id,email\nx\n", "row 2: has 1 cells, the header 2"),
    ] {
        let refused = house.import("people", text, &[]).refusal();
        assert!(refused.contains(part), "{refused}");
    }
    let many = format!("external_id,email\n{}", "x,y\n".repeat(300));
    let err = house.import("people", &many, &[]).err;
    assert_eq!(err.lines().count(), 101);
    assert!(err.contains("more errors"), "{err}");
    let nowhere = ["import", "people", "/nowhere.csv", "--place", &house.place];
    assert!(house.data.run(&nowhere).refusal().contains("/nowhere.csv"));
    let file = house.temporary.write("rows.csv", "external_id\nx\n");
    let refused = house.data.run(&["import", "people", &file, "--place", "here"]).refusal();
    assert!(refused.contains("is not the id of a place"), "{refused}");
    let other = "01890a5d-ac96-774b-bcce-b302099a8057";
    let refused = house.data.run(&["import", "people", &file, "--place", other]).refusal();
    assert!(refused.contains("there is no such place"), "{refused}");
}

#[test]
fn cards_and_grants_follow_their_people() {
    let (house, made) = House::new();
    house.counts("people", PEOPLE, &[]);
    let cards = "person,technology,bits,value,label,valid_from,valid_until\n\
        ann,em,40,0102030405,blue,,\n\
        ann@example.org,mifare_classic,32,DEADBEEF,,2026-01-01T00:00:00Z,\
        2027-01-01T00:00:00+01:00\n\
        +46701234567,wiegand,26,ABCDE,,,\n";
    assert_eq!(house.counts("cards", cards, &[]), [3, 0, 0]);
    assert_eq!(house.counts("cards", cards, &[]), [0, 0, 3]);
    let stolen = "person,technology,bits,value\nben,em,40,0102030405\nnobody,em,8,1\nann,x,9,zz\n";
    let err = house.import("cards", stolen, &[]).err;
    for part in [
        "row 2, value: is the card of somebody else",
        "row 3, person: there is no person",
        "row 4, technology: must be one of",
        "row 4, value: value must be hexadecimal",
    ] {
        assert!(err.contains(part), "{part} in {err}");
    }
    let server = house.data.serve();
    let client = Client::new(&server.url, &made);
    let door = client.make("/locks", json!({"name": "Door", "external_id": "door"}));
    client.make("/access-levels", json!({"name": "All", "external_id": "all", "lock_ids": [door]}));
    let grants = format!(
        "person,lock,access_level,valid_from,valid_until\nann,door,,,\nben,{door},,,\nben,,all,,\n"
    );
    assert_eq!(house.counts("grants", &grants, &[]), [3, 0, 0]);
    let changed = "person,lock,valid_until\nann,door,2030-01-01T00:00:00Z\n";
    assert_eq!(house.counts("grants", changed, &[]), [0, 1, 0]);
    assert_eq!(house.counts("grants", changed, &[]), [0, 0, 1]);
    let given = client.list("/grants");
    assert_eq!(given.len(), 3);
    assert_eq!(given[0]["source"], json!({"kind": "import", "via": "command_line"}));
    let card = json!({"technology": "em", "bits": 40, "value": "0102030405"});
    let (status, decision) =
        client.send("POST", "/decisions", json!({"lock_id": door, "card": card}));
    assert_eq!((status, &decision["result"]), (200, &json!("granted")), "{decision}");
    let wrong = "person,lock,access_level,valid_from\nann,door,all,\nann,,,\nann,gate,,soon\n";
    let err = house.import("grants", wrong, &[]).err;
    for part in [
        "row 2, lock: exactly one of",
        "row 3, lock: exactly one of",
        "row 4, lock: there is no lock",
        "row 4, valid_from: must be RFC 3339",
    ] {
        assert!(err.contains(part), "{part} in {err}");
    }
    server.stop();
}

/// The files of an archive by name.
fn unzip(path: &std::path::Path) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut files = Vec::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.push((file.name().unwrap().into_owned(), text));
    }
    files
}

fn lock_and_level(client: &Client) -> String {
    let door = client.make("/locks", json!({"name": "Door", "external_id": "door"}));
    client.make("/access-levels", json!({"name": "All", "external_id": "all", "lock_ids": [door]}));
    door
}

#[test]
fn an_export_goes_into_a_second_place() {
    let (mut house, made) = House::new();
    let people = "external_id,display_name,email,phone,tags\n\
        a,=1+1,a@example.org,+46701234567,x;y\nb,'-quoted,,,\nc,Cay,,,\n";
    house.counts("people", people, &[]);
    house.counts("cards", "person,technology,bits,value\na,em,40,0102030405\nb,em,8,7\n", &[]);
    let server = house.data.serve();
    let client = Client::new(&server.url, &made);
    let door = lock_and_level(&client);
    house.counts("grants", "person,lock,access_level\na,door,\nb,,all\nc,door,\n", &[]);
    let weekly = json!({"time_zone": null, "exceptions": [],
        "weekly": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]});
    let c = client.list("/people?external_id=c")[0]["id"].clone();
    let narrow = json!({"subject": {"person_id": c}, "target": {"lock_id": door}, "right": "open",
        "schedule": weekly});
    client.make("/grants", narrow);
    let pin = json!({"person_id": c, "kind": "code", "code": "918273"});
    client.make("/credentials", pin);
    let card = json!({"technology": "em", "bits": 40, "value": "0102030405"});
    client.send("POST", "/decisions", json!({"lock_id": door, "card": card}));
    let zip = house.temporary.path("house.zip");
    let export = ["export", zip.to_str().unwrap(), "--place", &house.place];
    let ended = house.data.run(&export);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("left out of grants.csv: 1 with a schedule"), "{ended:?}");
    assert!(house.data.run(&export).refusal().contains("is there already"));
    let files = unzip(&zip);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["people.csv", "cards.csv", "grants.csv", "events.csv"]);
    assert!(files[0].1.contains("'=1+1") && files[0].1.contains("'+46701234567"), "{files:?}");
    assert!(files[3].1.contains("access_granted,door,"), "{}", files[3].1);
    assert!(!files.iter().any(|(_, text)| text.contains("918273")));
    // A place in which the same things are imported exports the same.
    let second = house.data.setup();
    house.place = get(&second, "/place/id");
    lock_and_level(&Client::new(&server.url, &second));
    for ((_, text), what) in files.iter().zip(["people", "cards", "grants"]) {
        house.counts(what, text, &[]);
    }
    let again = house.temporary.path("again.zip");
    let export = ["export", again.to_str().unwrap(), "--place", &house.place];
    assert_eq!(house.data.run(&export).code, Some(0));
    assert_eq!(unzip(&again)[..3], files[..3]);
    server.stop();
    assert_eq!(house.data.run(&["verify"]).code, Some(0));
}

#[test]
fn an_export_carries_nothing_that_would_open_more_elsewhere() {
    let (mut house, made) = House::new();
    house.counts("people", "external_id\nann\nbo\n", &[]);
    let server = house.data.serve();
    let client = Client::new(&server.url, &made);
    let vault = json!({"name": "Vault", "external_id": "vault", "pin": "if_set"});
    client.make("/locks", vault.clone());
    let person = |id: &str| client.list(&format!("/people?external_id={id}"))[0]["id"].clone();
    let (ann, bo) = (person("ann"), person("bo"));
    let part = |bits: u64, value: &str| json!({"technology": "em", "bits": bits, "value": value});
    let make = |body: Value| client.make("/credentials", body);
    let own = |person: &Value, cards: Value, more: (&str, Value)| {
        make(json!({"person_id": person, "kind": "card", "cards": cards, more.0: more.1}))
    };
    own(&ann, json!([part(32, "a1"), part(56, "b2")]), ("pin", json!("4711")));
    own(&ann, json!([part(32, "a3"), part(56, "b4")]), ("label", json!("two parts")));
    let session = json!({"start_within_s": 60, "log_off_after_s": 60});
    own(&ann, json!([part(32, "a5")]), ("session", session));
    own(&ann, json!([part(32, "a6")]), ("label", json!("plain")));
    let open = |person: &Value| {
        json!({"subject": {"person_id": person}, "target": {"lock_id":
        "external:vault"}})
    };
    client.make("/grants", open(&ann));
    let mut share = open(&bo);
    share["right"] = json!("share");
    let mut under = open(&bo);
    under["issued_under"] = json!(client.make("/grants", share));
    client.make("/grants", under);

    let zip = house.temporary.path("house.zip");
    let ended = house.data.run(&["export", zip.to_str().unwrap(), "--place", &house.place]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in [
        "cards.csv: 1 with a PIN",
        "cards.csv: 1 of several parts",
        "cards.csv: 1 with the times of a session",
        "grants.csv: 1 under a right to share",
        "grants.csv: 1 with a schedule, for lockdown or to share",
    ] {
        assert!(ended.err.contains(&format!("left out of {line}\n")), "{line}: {}", ended.err);
    }
    let files = unzip(&zip);
    assert_eq!(files[1].1.lines().count(), 2, "{}", files[1].1);
    // Nothing that was denied here is granted there.
    let second = house.data.setup();
    house.place = get(&second, "/place/id");
    let there = Client::new(&server.url, &second);
    there.make("/locks", vault);
    for ((_, text), what) in files.iter().zip(["people", "cards", "grants"]) {
        house.counts(what, text, &[]);
    }
    let opens = |client: &Client, value: &str| {
        let ask = json!({"lock_id": "external:vault", "card": part(32, value)});
        client.send("POST", "/decisions", ask).1["result"].clone()
    };
    for (value, here) in [("a1", "denied"), ("a3", "granted"), ("a5", "granted")] {
        assert_eq!((opens(&client, value), opens(&there, value)), (json!(here), json!("denied")));
    }
    assert_eq!((opens(&client, "a6"), opens(&there, "a6")), (json!("granted"), json!("granted")));
    server.stop();
}
