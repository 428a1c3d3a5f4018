//! Access groups through the routes of Unloc's API, over HTTP, beside a table with a row for every
//! key in the same database.

use claviger_domain::ids::Noun;
use claviger_domain::record::Record;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::building::{Building, on_each_engine};
use crate::http::{answer, request, serve};
use crate::rows::{KEYS, Keys, beside};
use crate::show::{Sorted, Table, timed};
use crate::world::{SMALL, Size, World, id};

const TIMES: usize = 5;
/// The keys of a page.
const PAGE: usize = 2_500;
/// How many pages are read: 100 000 keys.
const PAGES: usize = 40;

/// A program with one connection and a token for the project.
struct Program {
    stream: TcpStream,
    buffer: Vec<u8>,
    token: String,
}

impl Program {
    async fn of(building: &Building, port: u16) -> Program {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut program = Program { stream, buffer: Vec::new(), token: String::new() };
        let (client, secret) = building.client();
        let body = json!({
            "grant_type": "client_credentials", "client_id": client, "client_secret": secret,
            "scope": "project.admin", "project_id": building.place.to_string(),
        });
        let path = "/compat/unloc/v2/auth/token";
        let (made, _) = program.ask("POST", path, &body, 200).await;
        program.token = made["access_token"].as_str().unwrap().to_owned();
        program
    }

    /// The answer to a request, and the milliseconds from its first byte to the answer's last.
    async fn ask(&mut self, method: &str, path: &str, body: &Value, wanted: u16) -> (Value, f64) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request(method, path, &self.token, &body);
        let ((status, body), ms) = timed(async {
            self.stream.write_all(&request).await.unwrap();
            answer(&mut self.stream, &mut self.buffer).await
        })
        .await;
        assert_eq!(status, wanted, "{method} {path}: {}", String::from_utf8_lossy(&body));
        (serde_json::from_slice(&body).unwrap_or_default(), ms)
    }
}

/// What each took, in milliseconds.
#[derive(Default)]
struct Took {
    create: Vec<f64>,
    add_lock: Vec<f64>,
    remove_person: Vec<f64>,
    delete: Vec<f64>,
    read: Vec<f64>,
    page: Vec<f64>,
    insert: Vec<f64>,
    insert_lock: Vec<f64>,
    erase_person: Vec<f64>,
    erase: Vec<f64>,
}

pub fn run(table: &mut Table) {
    on_each_engine(async |engine, building| {
        let world = World::new(Size { details: true, ..SMALL }, building.number);
        building.fill(world.ground().map(with_phone).chain(world.grants())).await;
        let app = building.start().await;
        let mut keys = Keys::ready(&app).await;
        let port = serve(claviger_web::router(app.clone(), &Default::default())).await;
        let mut program = Program::of(&building, port).await;
        for size in [(1_000, 100), (5_000, 20)] {
            let mut took = Took::default();
            for turn in 0..TIMES {
                one(&building, &mut program, &mut keys, turn as u32, size, &mut took).await;
            }
            tell(table, engine, size, &took);
        }
        app.storage().close().await;
    });
}

/// The record, with a phone number where it is a person's.
fn with_phone(record: Record) -> Record {
    match record {
        Record::Person(person) => {
            let mut person = (*person).clone();
            person.details.phone = Some(phone(person.header.number));
            person.into()
        }
        other => other,
    }
}

fn phone(number: u32) -> String {
    format!("+4670{number:07}")
}

async fn one(
    building: &Building,
    program: &mut Program,
    keys: &mut Keys<'_>,
    turn: u32,
    (people, locks): (u32, u32),
    took: &mut Took,
) {
    let base = format!("/compat/unloc/v2/projects/{}", building.place);
    let lock = |it: u32| id(building.number, Noun::Lock, it).to_string();
    let body = json!({
        "name": format!("Group of {people} and {locks}"),
        "lockIds": (1..=locks).map(lock).collect::<Vec<_>>(),
        "appUserIds": (1..=people).map(phone).collect::<Vec<_>>(),
    });
    keys.calm().await;
    let groups = format!("{base}/access-groups");
    let (made, ms) = program.ask("POST", &groups, &body, 201).await;
    took.create.push(ms);
    let level = turn + 1;
    took.insert.push(keys.insert(KEYS, level, people, locks).await);
    if turn == 0 {
        walk(program, &format!("{base}/keys?limit={PAGE}"), took).await;
    }
    // A group is full with its last lock: that one is taken out and put in again.
    let group = format!("{groups}/{}", made["accessGroup"]["id"].as_str().unwrap());
    let accesses = format!("{group}/update-accesses");
    let less = json!({ "lockIdsToRemove": [lock(locks)] });
    program.ask("POST", &accesses, &less, 200).await;
    keys.calm().await;
    let more = json!({ "lockIdsToAdd": [lock(locks)] });
    took.add_lock.push(program.ask("POST", &accesses, &more, 200).await.1);
    took.insert_lock.push(keys.insert(KEYS, level, people, 1).await);
    keys.calm().await;
    let less = json!({ "appUserIdsToRemove": [phone(7)] });
    took.read.push(program.ask("GET", &group, &Value::Null, 200).await.1);
    took.remove_person.push(program.ask("POST", &accesses, &less, 200).await.1);
    took.erase_person.push(keys.delete_person(KEYS, level, 7).await);
    keys.calm().await;
    took.delete.push(program.ask("DELETE", &group, &Value::Null, 204).await.1);
    took.erase.push(keys.delete(KEYS, level).await);
}

/// Goes through the first keys of the project, page by page.
async fn walk(program: &mut Program, list: &str, took: &mut Took) {
    let mut after = String::new();
    for _ in 0..PAGES {
        let (page, ms) = program.ask("GET", &format!("{list}{after}"), &Value::Null, 200).await;
        let keys = page["keys"].as_array().unwrap();
        assert_eq!(keys.len(), PAGE);
        took.page.push(ms);
        after = format!("&startAfterId={}", keys[PAGE - 1]["id"].as_str().unwrap());
    }
}

fn tell(table: &mut Table, engine: &str, (people, locks): (u32, u32), took: &Took) {
    let group = format!("{engine}: group of {people} people × {locks} locks over HTTP");
    let best = |values: &[f64]| Sorted::new(values.to_vec()).best();
    let (keys, small) = (people * locks, people == 5_000);
    let bar = if small { "≤ 50 ms, ≥ 12 ×" } else { "≥ 50 ×" };
    table.row(format!("{group}, create"), beside(&took.create, &took.insert, keys), bar);
    let bar = if small { "≥ 40 ×" } else { "" };
    let figure = beside(&took.add_lock, &took.insert_lock, people);
    table.row(format!("{group}, add one lock"), figure, bar);
    let figure = format!(
        "{:.1} ms; deleting {locks} key rows takes {:.1} ms",
        best(&took.remove_person),
        best(&took.erase_person)
    );
    table.row(format!("{group}, remove one person"), figure, "");
    let figure = format!("{:.1} ms", best(&took.read));
    table.row(format!("{group}, read, as every one of these but delete answers"), figure, "");
    let bar = if small { "" } else { "≥ 50 ×" };
    let erased = format!("; deleting those rows takes {:.0} ms", best(&took.erase));
    let figure = format!("{}{erased}", beside(&took.delete, &took.insert, keys));
    table.row(format!("{group}, delete"), figure, bar);
    let pages = Sorted::new(took.page.clone());
    let figure = format!("{:.1} ms median, {:.1} at most", pages.median(), pages.worst());
    table.row(format!("{group}, a page of {PAGE} keys of the project"), figure, "");
}
